/* SPDX-License-Identifier: Apache-2.0 */
/* A machine process that its guest has taken over (taken.c, taken_rings.c). */
#ifndef MOAT_TESTS_ESCAPE_MACHINE_TAKEN_H
#define MOAT_TESTS_ESCAPE_MACHINE_TAKEN_H

#include "machine/vmm.h"

enum taken { HELD = 0, ESCAPED = 10, NO_ANSWER = 11 };

struct taken_row {
    const char *name;
    enum taken (*run)(struct vmm *v);
};

/* Against the I/O process, by the rings. Ended by a row without a name. */
extern const struct taken_row taken_rings[];
extern const struct taken_row taken_media[], taken_pc[];           /* of a PC */
extern const struct taken_row taken_pc_calls[], taken_pc_faults[]; /* ended by its filter; by SIGSEGV */
/* The walls that variables of taken_pc.c leave out: of the machine process, and of the I/O process before there is one.
 */
void taken_pc_without(struct vmm *v);
void taken_pc_forget(struct vmm *v);

/* False: the I/O process has ended, or says nothing. */
bool taken_ask(struct vmm *v, struct vmm_port *p, const struct ring_request *q, int64_t *result);
/* The request must be refused. */
enum taken taken_refused(struct vmm *v, struct vmm_port *p, const struct ring_request *q);
/* It still does what it should. */
enum taken taken_alive(struct vmm *v);

/* The I/O process believes what it is told: neither sizes of disks nor pieces of memory are looked at. */
bool taken_credulous(void);
int taken_fork_credulous(struct vmm *v, int (*parts)(struct vmm *v));

#endif

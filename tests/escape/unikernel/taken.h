/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the attacker (taken.c, sweeps.c), each ended by a row without a name. */
#ifndef MOAT_TESTS_ESCAPE_UNIKERNEL_TAKEN_H
#define MOAT_TESTS_ESCAPE_UNIKERNEL_TAKEN_H

#include "machine.h"

#include <stddef.h>

struct row {
    const char *name;
    void (*run)(const struct row *);
    uint64_t nr, a, b, c, d;
};

extern const struct row acts[], sweeps[], ends[];

/* Instructions that are called (machine.c); the narrow ones are of 32 bits, and come back by SIGILL. */
extern const char machine_int80[], machine_syscall[], machine_narrow_int80[], machine_narrow_sysenter[],
    machine_narrow_syscall[], machine_flags_now[];
void *memset(void *to, int byte, unsigned long n);
void *memcpy(void *to, const void *from, unsigned long n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness asks of the C library, whose headers cannot be had together with the kernel's. Private to it. */
#ifndef MOAT_TEST_LINUX_HARNESS_HOST_H
#define MOAT_TEST_LINUX_HARNESS_HOST_H

#include "linux/platform.h"

/* A guest that faults now: where its state goes. task NULL: no guest code runs. */
struct harness_fault {
    struct task *task;
    struct regs *regs;
    uint8_t *xstate; /* 512 bytes of FXSAVE */
    void *stack;     /* top of its kernel stack */
};
struct harness_fault harness_fault_of(void);
void harness_faulted(struct task *, const struct trap *);

struct harness_text {
    char *bytes; /* NUL-ended; NULL: empty */
    size_t n;
};
bool harness_append(struct harness_text *, const void *from, size_t n);
void harness_text_free(struct harness_text *);

void harness_catch_faults(void);
void *harness_main_stack(size_t *n); /* the test program's own stack */
void *harness_reserve(size_t n);     /* unusable address space; NULL */
void harness_unmap(void *at, size_t n);
int harness_usable(void *at, size_t n, bool usable);
int harness_zero_pages(void *at, size_t n);

#endif

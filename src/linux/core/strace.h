/* SPDX-License-Identifier: Apache-2.0 */
/* System calls as text, in the form of strace(1), on the platform's trace stream. */
#ifndef MOAT_LINUX_CORE_STRACE_H
#define MOAT_LINUX_CORE_STRACE_H

#include "linux/core/call.h"

/* Only set where strace.c is linked; the others may be called only then. */
extern bool strace_on;
#define STRACE_WEAK __attribute__((weak))
STRACE_WEAK int strace_init(void); /* 0, -ENOMEM */
STRACE_WEAK void strace_enter(struct task *, int64_t nr, const struct args *);
STRACE_WEAK void strace_leave(struct task *, int64_t nr, const struct args *, int64_t result);
STRACE_WEAK void strace_flush(void);                      /* nobody knows when the next line comes */
STRACE_WEAK void strace_signal(struct task *, int signo); /* it is delivered */
/* A line of its own: what the kernel has to say about what a program asked for. Harmless when there is no trace. */
STRACE_WEAK void trace_note(const char *sentence);

#endif

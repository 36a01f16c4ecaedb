/* SPDX-License-Identifier: Apache-2.0 */
/* The time of the host, for the kernel and for programs. */
#ifndef MOAT_GUEST_UNIKERNEL_CLOCK_H
#define MOAT_GUEST_UNIKERNEL_CLOCK_H

#include "linux/platform.h"

/* Set when a program runs for the first time. Until then it is as late as the tender says it was: a look at the host's
 * vDSO touches two pages that a program which never asks for the time need not have. */
extern bool host_clock_runs;

/* Nanoseconds. Where the host has no such vDSO it is said, and ends the sandbox. */
uint64_t host_clock_read(enum host_clock);
/* Tells the kernel of the vDSO that programs see (vdso.S), where it is linked. */
void vdso_init(struct platform *);

#endif

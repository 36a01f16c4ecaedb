/* SPDX-License-Identifier: Apache-2.0 */
/* The time of the host, for the kernel and for programs. Life: host_clock_init() once, then host_clock_read(). */
#ifndef MOAT_GUEST_UNIKERNEL_CLOCK_H
#define MOAT_GUEST_UNIKERNEL_CLOCK_H

#include "linux/platform.h"

/* Finds the function in the host's vDSO: false: there is none. */
bool host_clock_init(uint64_t vdso);
/* Tells the kernel of the vDSO that programs see (vdso.S), where it is linked. After host_clock_init(). */
void vdso_init(struct platform *);
/* Nanoseconds. */
uint64_t host_clock_read(enum host_clock);

#endif

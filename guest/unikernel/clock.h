/* SPDX-License-Identifier: Apache-2.0 */
/* The time of the host. Life: clock_init() once, then clock_read(). */
#ifndef MOAT_GUEST_UNIKERNEL_CLOCK_H
#define MOAT_GUEST_UNIKERNEL_CLOCK_H

#include "linux/platform.h"

/* Finds the function in the host's vDSO: false: there is none. */
bool clock_init(uint64_t vdso);
/* Nanoseconds. */
uint64_t clock_read(enum host_clock);

#endif

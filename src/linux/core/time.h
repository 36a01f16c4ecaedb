/* SPDX-License-Identifier: Apache-2.0 */
/* Times: nanoseconds in 64 bits here, the structures of time_types.h in the memory of programs. */
#ifndef MOAT_LINUX_CORE_TIME_H
#define MOAT_LINUX_CORE_TIME_H

#include "linux/core/uaccess.h"

#include <linux/time_types.h>
#include <stdbool.h>
#include <stdint.h>

#define SECOND     UINT64_C(1000000000)
#define TIMES_MOST (UINT64_MAX / 2) /* ns; 292 years, as far as a struct timespec reaches here */

static inline bool timespec_is_valid(const struct __kernel_timespec *ts)
{
    return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && (uint64_t)ts->tv_nsec < SECOND;
}

/* Of one that is valid; at most TIMES_MOST. */
static inline uint64_t timespec_to_ns(const struct __kernel_timespec *ts)
{
    uint64_t seconds = (uint64_t)ts->tv_sec;
    return seconds >= TIMES_MOST / SECOND ? TIMES_MOST : seconds * SECOND + (uint64_t)ts->tv_nsec;
}

static inline struct __kernel_timespec ns_to_timespec(uint64_t ns)
{
    return (struct __kernel_timespec){.tv_sec = (int64_t)(ns / SECOND), .tv_nsec = (int64_t)(ns % SECOND)};
}

/* What is less than a microsecond is cut off. */
static inline struct __kernel_old_timeval ns_to_timeval(uint64_t ns)
{
    return (struct __kernel_old_timeval){.tv_sec = (__kernel_long_t)(ns / SECOND),
                                         .tv_usec = (__kernel_long_t)(ns % SECOND / 1000)};
}

/* A program's struct timespec: at most TIMES_MOST. 0, -EFAULT, -EINVAL: it is below zero, or its part is a second. */
int timespec_in(struct uptr, uint64_t *ns);
int timespec_out(struct uptr, uint64_t ns); /* 0, -EFAULT */

#endif

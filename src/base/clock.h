/* SPDX-License-Identifier: Apache-2.0 */
/* Time that only goes forward, for deadlines. */
#ifndef MOAT_BASE_CLOCK_H
#define MOAT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in milliseconds. */
static inline int64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#endif

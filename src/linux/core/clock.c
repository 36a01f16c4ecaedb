/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: the host's two, and what clock_settime(2) added to the real one. The calls are in task/clocks.c. */
#include "linux/core/heap.h"
#include "linux/core/wait.h"

KERNEL_STATE static struct clocks {
    int64_t realtime_offset;
} clocks;

uint64_t clock_now(void)
{
    return platform.host.clock(HOST_MONOTONIC);
}

uint64_t clock_realtime(void)
{
    return platform.host.clock(HOST_REALTIME) + (uint64_t)clocks.realtime_offset;
}

void clock_realtime_set(uint64_t ns)
{
    clocks.realtime_offset = (int64_t)(ns - platform.host.clock(HOST_REALTIME));
    if (platform.vdso_asks)
        *platform.vdso_asks = 1;
}

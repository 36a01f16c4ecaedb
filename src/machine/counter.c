/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the host's time stamp counter counts. The guest's runs at the same rate, so its clock is as right as this.
 */
#include "machine/vmm.h"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#define TRIES     8
#define LONGER_NS 4000000 /* for some millionths, whatever the clock's own call costs */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* Of some pairs the one that was read with the least between. */
struct counter_mark counter_mark(void)
{
    struct counter_mark best = {0};
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < TRIES; i++) {
        const uint64_t before = __rdtsc(), ns = now_ns(), after = __rdtsc();
        if (after - before < least) {
            least = after - before;
            best = (struct counter_mark){before + (after - before) / 2, ns};
        }
    }
    return best;
}

/* Leaf 0x15: the crystal's rate and what it is multiplied by. A hypervisor's leaf 0x40000010: kilohertz. */
static uint64_t said_by_processor(void)
{
    unsigned a, b, c, d;

    __cpuid(0, a, b, c, d);
    if (a >= 0x15) {
        __cpuid(0x15, a, b, c, d);
        if (a && b && c)
            return (uint64_t)c * b / a;
    }
    __cpuid(1, a, b, c, d);
    if (c >> 31) {
        __cpuid(0x40000000, a, b, c, d);
        if (a >= 0x40000010 && a < 0x40010000) {
            __cpuid(0x40000010, a, b, c, d);
            return (uint64_t)a * 1000;
        }
    }
    return 0;
}

static uint64_t counted(const struct counter_mark *from)
{
    const struct counter_mark to = counter_mark();

    return to.ns > from->ns ? (uint64_t)((unsigned __int128)(to.ticks - from->ticks) * SECOND_NS / (to.ns - from->ns))
                            : SECOND_NS;
}

uint64_t counter_hz(const struct counter_mark *from)
{
    const uint64_t said = said_by_processor();

    return said ? said : counted(from);
}

bool counter_is(const struct counter_mark *from, uint64_t hz)
{
    const struct timespec rest = {0, LONGER_NS};

    if (clock_rates_agree(counter_hz(from), hz))
        return true;
    nanosleep(&rest, NULL);
    return clock_rates_agree(counter_hz(from), hz);
}

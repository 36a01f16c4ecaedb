/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: the kernel's, or one that stands (--clock fixed) and moves a tick each time it is read, so that a program
 * that waits for time to pass ends, and runs the same way each time. */
#include "wasi/program.h"

#include <time.h>

static const clockid_t clocks[CLOCKIDS] = {[CLOCKID_REALTIME] = CLOCK_REALTIME,
                                           [CLOCKID_MONOTONIC] = CLOCK_MONOTONIC,
                                           [CLOCKID_PROCESS_CPUTIME] = CLOCK_PROCESS_CPUTIME_ID,
                                           [CLOCKID_THREAD_CPUTIME] = CLOCK_THREAD_CPUTIME_ID};

static uint64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

int clock_now(struct wasi *w, uint32_t id, uint64_t *ns)
{
    struct timespec t;

    if (id >= CLOCKIDS)
        return -EINVAL;
    if (w->clock_fixed)
        *ns = w->clock_passed + (id == CLOCKID_REALTIME ? w->clock_start : 0);
    else if (clock_gettime(clocks[id], &t) < 0)
        return -errno;
    else
        *ns = nanoseconds(&t);
    return 0;
}

void clock_pass(struct wasi *w, uint64_t ns)
{
    w->clock_passed += ns;
}

int wasi_clock_time_get(struct wasi_call *c)
{
    uint64_t ns = 0;

    clock_pass(c->wasi, WASI_CLOCK_TICK_NS);
    int r = clock_now(c->wasi, c->args[0].i32, &ns);
    return r < 0 ? r : call_put(c, 2, &ns, sizeof ns);
}

int wasi_clock_res_get(struct wasi_call *c)
{
    struct timespec t = {.tv_nsec = WASI_CLOCK_TICK_NS};
    uint32_t id = c->args[0].i32;

    if (id >= CLOCKIDS)
        return -EINVAL;
    if (!c->wasi->clock_fixed && clock_getres(clocks[id], &t) < 0)
        return -errno;
    uint64_t ns = nanoseconds(&t);
    return call_put(c, 1, &ns, sizeof ns);
}

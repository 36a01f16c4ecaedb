/* SPDX-License-Identifier: Apache-2.0 */
/* Time limits of poll, select and epoll. */
#include "linux/ipc/when.h"

#include "linux/core/time.h"
#include "linux/core/wait.h"

#include <asm/errno.h>

/* What is beyond the clock's range is for ever. */
static uint64_t when_from_now(uint64_t ns)
{
    return !ns ? 0 : ns < TIMES_MOST ? clock_now() + ns : NEVER;
}

int when_relative(struct uptr timespec, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = NEVER;
    int r = timespec.v ? timespec_in(timespec, &ns) : 0;
    if (!r && timespec.v)
        *deadline = when_from_now(ns);
    return r;
}

int when_relative_micro(struct uptr timeval, uint64_t *deadline)
{
    struct __kernel_old_timeval tv;
    *deadline = NEVER;
    if (!timeval.v)
        return 0;
    if (get_user(tv, timeval))
        return -EFAULT;
    if (tv.tv_sec < 0 || tv.tv_usec < 0)
        return -EINVAL;
    /* Its part may be more than a second: select(2) of Linux adds it up. */
    const struct __kernel_timespec whole = {.tv_sec = tv.tv_sec, .tv_nsec = tv.tv_usec % 1000000 * 1000};
    uint64_t seconds = (uint64_t)(tv.tv_usec / 1000000), ns = timespec_to_ns(&whole);
    *deadline = when_from_now(seconds < TIMES_MOST / SECOND ? ns + seconds * SECOND : TIMES_MOST);
    return 0;
}

static uint64_t when_rest(uint64_t deadline)
{
    uint64_t now = clock_now();
    return deadline > now ? deadline - now : 0;
}

void when_left(struct uptr timespec, uint64_t deadline)
{
    if (!timespec.v || deadline == NEVER)
        return;
    (void)timespec_out(timespec, when_rest(deadline));
}

void when_left_micro(struct uptr timeval, uint64_t deadline)
{
    if (!timeval.v || deadline == NEVER)
        return;
    const struct __kernel_old_timeval tv = ns_to_timeval(when_rest(deadline));
    (void)put_user(timeval, tv);
}

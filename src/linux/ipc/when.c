/* SPDX-License-Identifier: Apache-2.0 */
/* Time limits of poll, select and epoll. */
#include "linux/ipc/when.h"

#include "linux/core/wait.h"

#include <asm/errno.h>
#include <linux/time_types.h>

#define SECOND 1000000000ull

/* now + seconds and ns, without wrapping: what is beyond the clock's range is for ever. */
static uint64_t when_from_now(int64_t seconds, int64_t ns)
{
    if (!seconds && !ns)
        return 0;
    uint64_t now = clock_now();
    if ((uint64_t)seconds >= (NEVER - now) / SECOND - 1)
        return NEVER;
    return now + (uint64_t)seconds * SECOND + (uint64_t)ns;
}

int when_relative(struct uptr timespec, uint64_t *deadline)
{
    struct __kernel_timespec ts;
    *deadline = NEVER;
    if (!timespec.v)
        return 0;
    if (get_user(ts, timespec))
        return -EFAULT;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || (uint64_t)ts.tv_nsec >= SECOND)
        return -EINVAL;
    *deadline = when_from_now(ts.tv_sec, ts.tv_nsec);
    return 0;
}

int when_relative_micro(struct uptr timeval, uint64_t *deadline)
{
    struct __kernel_old_timeval tv;
    *deadline = NEVER;
    if (!timeval.v)
        return 0;
    if (get_user(tv, timeval))
        return -EFAULT;
    int64_t seconds = tv.tv_sec + tv.tv_usec / 1000000, ns = tv.tv_usec % 1000000 * 1000;
    if (tv.tv_sec < 0 || tv.tv_usec < 0)
        return -EINVAL;
    *deadline = when_from_now(seconds, ns);
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
    uint64_t rest = when_rest(deadline);
    struct __kernel_timespec ts = {.tv_sec = (int64_t)(rest / SECOND), .tv_nsec = (int64_t)(rest % SECOND)};
    (void)put_user(timespec, ts);
}

void when_left_micro(struct uptr timeval, uint64_t deadline)
{
    if (!timeval.v || deadline == NEVER)
        return;
    uint64_t rest = when_rest(deadline);
    struct __kernel_old_timeval tv = {.tv_sec = (int64_t)(rest / SECOND), .tv_usec = (int64_t)(rest % SECOND / 1000)};
    (void)put_user(timeval, tv);
}

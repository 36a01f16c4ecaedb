/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2): expirations counted on one of the kernel's timers. */
#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/time.h>

#define TFD_TIMER_ABSTIME       1u
#define TFD_TIMER_CANCEL_ON_SET 2u

struct timerfd {
    struct timer timer;
    struct wait_queue changed;
    uint64_t interval, expired;
    bool realtime;
};
HEAP_TYPE(timerfd, FIELD(timerfd, timer, FIELD_PLAIN), FIELD(timerfd, changed, FIELD_NONE),
          FIELD(timerfd, interval, FIELD_PLAIN), FIELD(timerfd, expired, FIELD_PLAIN),
          FIELD(timerfd, realtime, FIELD_PLAIN));

static void timerfd_fire(struct timer *timer)
{
    struct timerfd *d = list_entry(timer, struct timerfd, timer);
    uint64_t periods = 1;
    if (d->interval) {
        uint64_t now = clock_now();
        if (now > timer->deadline)
            periods += (now - timer->deadline) / d->interval;
        timer_set(timer, timer->deadline + periods * d->interval);
    }
    d->expired += periods;
    wait_wake(&d->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
}

static int64_t timerfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct timerfd *d = f->own;
    struct waiter w;
    int r = 0;
    if (u->left < sizeof(d->expired))
        return -EINVAL;
    if (!d->expired && (f->flags & O_NONBLOCK))
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &d->changed);
    while (!d->expired && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    if (r)
        return r;
    uint64_t expired = d->expired;
    d->expired = 0;
    return uio_put(u, &expired, sizeof(expired)) == (int64_t)sizeof(expired) ? (int64_t)sizeof(expired) : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f)
{
    return ((struct timerfd *)f->own)->expired ? EPOLLIN | EPOLLRDNORM : 0;
}
static struct wait_queue *timerfd_poll_queue(struct file *f)
{
    return &((struct timerfd *)f->own)->changed;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *d = f->own;
    timer_cancel(&d->timer);
    heap_free(&timerfd_type, d);
}

static const struct file_ops timerfd_ops = {
    .read = timerfd_read,
    .poll = timerfd_poll,
    .poll_queue = timerfd_poll_queue,
    .release = timerfd_release,
};

int64_t sys_timerfd_create(struct task *t, const struct args *a)
{
    int clock = arg_int(a, 0);
    uint32_t flags = arg_u32(a, 1);
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    struct timerfd *d = heap_new(&timerfd_type);
    if (!d)
        return -ENOMEM;
    wait_queue_init(&d->changed);
    d->timer.fire = timerfd_fire;
    d->realtime = clock == CLOCK_REALTIME;
    struct file *f = file_anonymous("anon_inode:[timerfd]", 0600, &timerfd_ops, O_RDWR | (flags & O_NONBLOCK), d);
    if (!f) {
        heap_free(&timerfd_type, d);
        return -ENFILE;
    }
    int fd = fd_install(f, flags & O_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

static struct __kernel_itimerspec timerfd_state(const struct timerfd *d)
{
    struct __kernel_itimerspec now = {.it_interval = ns_to_timespec(d->interval)};
    uint64_t at = clock_now();
    if (d->timer.armed)
        now.it_value = ns_to_timespec(d->timer.deadline > at ? d->timer.deadline - at : 1);
    return now;
}

/* When a value is due on the monotonic clock. */
static uint64_t timerfd_due(const struct timerfd *d, uint64_t value, bool absolute)
{
    if (!absolute)
        return clock_now() + value;
    if (!d->realtime)
        return value;
    uint64_t now = clock_realtime();
    return clock_now() + (value > now ? value - now : 0);
}

static void timerfd_set(struct timerfd *d, const struct __kernel_itimerspec *to, uint32_t flags)
{
    uint64_t value = timespec_to_ns(&to->it_value);
    timer_cancel(&d->timer);
    d->expired = 0;
    d->interval = value ? timespec_to_ns(&to->it_interval) : 0;
    if (value)
        timer_set(&d->timer, timerfd_due(d, value, flags & TFD_TIMER_ABSTIME));
}

/* The timer of a descriptor; *f is to be put back. */
static int timerfd_of(int fd, struct file **f)
{
    if (!(*f = fd_get(fd)))
        return -EBADF;
    if ((*f)->ops == &timerfd_ops)
        return 0;
    file_put(*f);
    return -EINVAL;
}

int64_t sys_timerfd_settime(struct task *t, const struct args *a)
{
    struct __kernel_itimerspec to, old;
    struct file *f;
    uint32_t flags = arg_u32(a, 1);
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    if (get_user(to, arg_ptr(a, 2)))
        return -EFAULT;
    if (!timespec_is_valid(&to.it_value) || !timespec_is_valid(&to.it_interval))
        return -EINVAL;
    int r = timerfd_of(arg_int(a, 0), &f);
    if (r)
        return r;
    old = timerfd_state(f->own);
    timerfd_set(f->own, &to, flags);
    file_put(f);
    return a->v[3] ? put_user(arg_ptr(a, 3), old) : 0;
}

int64_t sys_timerfd_gettime(struct task *t, const struct args *a)
{
    struct file *f;
    int r = timerfd_of(arg_int(a, 0), &f);
    if (r)
        return r;
    struct __kernel_itimerspec now = timerfd_state(f->own);
    file_put(f);
    return put_user(arg_ptr(a, 1), now);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2): a counter in own_n[0]; `own` is its queue. */
#include "linux/core/call.h"
#include "linux/core/text.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

#include <linux/eventpoll.h>

/* eventfd(2): the kernel's headers of today export only the first. */
#define EFD_SEMAPHORE 1u
#define EFD_CLOEXEC   ((uint32_t)O_CLOEXEC)
#define EFD_NONBLOCK  ((uint32_t)O_NONBLOCK)
#define EVENTFD_MOST  (UINT64_MAX - 1)

struct eventfd {
    struct wait_queue changed;
    uint64_t count;
    bool semaphore;
};
HEAP_TYPE(eventfd, FIELD(eventfd, changed, FIELD_NONE), FIELD(eventfd, count, FIELD_PLAIN),
          FIELD(eventfd, semaphore, FIELD_PLAIN));

/* Waits until `add` more fit (add 0: until the count is not zero). */
static int eventfd_wait(struct file *f, uint64_t add)
{
    struct eventfd *e = f->own;
    struct waiter w;
    int r = 0;
    bool ready = add ? add <= EVENTFD_MOST - e->count : e->count > 0;
    if (ready)
        return 0;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &e->changed);
    while (!(add ? add <= EVENTFD_MOST - e->count : e->count > 0) && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

static int64_t eventfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct eventfd *e = f->own;
    if (u->left < sizeof(uint64_t))
        return -EINVAL;
    int r = eventfd_wait(f, 0);
    if (r)
        return r;
    uint64_t value = e->semaphore ? 1 : e->count;
    int64_t n = uio_put(u, &value, sizeof(value));
    if (n != (int64_t)sizeof(value))
        return -EFAULT;
    e->count -= value;
    wait_wake(&e->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
    return n;
}

static int64_t eventfd_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct eventfd *e = f->own;
    uint64_t value;
    if (u->left < sizeof(value))
        return -EINVAL;
    if (uio_get(u, &value, sizeof(value)) != (int64_t)sizeof(value))
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    int r = value ? eventfd_wait(f, value) : 0;
    if (r)
        return r;
    e->count += value;
    if (value)
        wait_wake(&e->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
    return sizeof(value);
}

static uint32_t eventfd_poll(struct file *f)
{
    const struct eventfd *e = f->own;
    return (e->count > 0 ? EPOLLIN | EPOLLRDNORM : 0u) | (e->count < EVENTFD_MOST ? EPOLLOUT | EPOLLWRNORM : 0u);
}

static struct wait_queue *eventfd_poll_queue(struct file *f)
{
    return &((struct eventfd *)f->own)->changed;
}
static void eventfd_release(struct file *f)
{
    heap_free(&eventfd_type, f->own);
}

static void eventfd_show(struct file *f, struct text *out)
{
    text_printf(out, "eventfd-count: %16lx\n", ((const struct eventfd *)f->own)->count);
}

static const struct file_ops eventfd_ops = {
    .show = eventfd_show,
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .poll_queue = eventfd_poll_queue,
    .release = eventfd_release,
};

static int64_t eventfd_call(uint32_t count, uint32_t flags)
{
    if (flags & ~(uint32_t)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
        return -EINVAL;
    struct eventfd *e = heap_new(&eventfd_type);
    if (!e)
        return -ENOMEM;
    wait_queue_init(&e->changed);
    e->count = count, e->semaphore = flags & EFD_SEMAPHORE;
    struct file *f = file_anonymous("anon_inode:[eventfd]", 0600, &eventfd_ops, O_RDWR | (flags & O_NONBLOCK), e);
    if (!f) {
        heap_free(&eventfd_type, e);
        return -ENFILE;
    }
    int fd = fd_install(f, flags & EFD_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_eventfd(struct task *t, const struct args *a)
{
    return eventfd_call(arg_u32(a, 0), 0);
}
int64_t sys_eventfd2(struct task *t, const struct args *a)
{
    return eventfd_call(arg_u32(a, 0), arg_u32(a, 1));
}

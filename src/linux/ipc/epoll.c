/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll(7). An interest stands on the queue of its file for as long as it lives; a change puts it on the instance's
 * list of those that may be ready, and epoll_wait asks the files of that list alone. An interest belongs to an open
 * file and a number: it goes with the file's last holder (epoll_file_gone), not with the number.
 */
#include "linux/ipc/epoll.h"

#include "linux/core/call.h"
#include "linux/core/text.h"
#include "linux/fs/fd.h"
#include "linux/ipc/wait_files.h"
#include "linux/ipc/when.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>

#define EPOLL_BUCKETS   64 /* of an instance; grown never: a chain is walked only by epoll_ctl */
#define EPOLL_NESTED    4  /* instances within instances, as Linux */
#define EPOLL_MOST      (1u << 20)
#define EPOLL_MODIFIERS (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct epoll {
    struct wait_queue waiting;
    struct list ready;                    /* of interest.in_ready */
    struct list interests[EPOLL_BUCKETS]; /* of interest.in_epoll, by descriptor */
    uint32_t count;
};

struct interest {
    struct epoll *epoll;
    struct file *file; /* not held: goes away with it */
    int32_t fd;
    uint32_t events; /* 0: disabled by EPOLLONESHOT */
    uint64_t data;
    struct wait_link link;
    struct list in_ready, in_epoll, in_file;
    bool linked;
};

HEAP_TYPE(epoll, FIELD(epoll, waiting, FIELD_NONE), FIELD(epoll, ready, FIELD_LIST),
          FIELD(epoll, interests, FIELD_LIST), FIELD(epoll, count, FIELD_PLAIN));
HEAP_TYPE(interest, FIELD(interest, epoll, FIELD_REF), FIELD(interest, file, FIELD_REF),
          FIELD(interest, fd, FIELD_PLAIN), FIELD(interest, events, FIELD_PLAIN), FIELD(interest, data, FIELD_PLAIN),
          FIELD(interest, link, FIELD_NONE), FIELD(interest, in_ready, FIELD_LIST),
          FIELD(interest, in_epoll, FIELD_LIST), FIELD(interest, in_file, FIELD_LIST),
          FIELD(interest, linked, FIELD_NONE));

static const struct file_ops epoll_ops;

/* ---- interests ---- */

static void interest_is_ready(struct interest *i)
{
    if (list_empty(&i->in_ready))
        list_append(&i->epoll->ready, &i->in_ready);
    wait_wake(&i->epoll->waiting, EPOLLIN | EPOLLRDNORM, 1);
}

static void interest_notify(struct wait_link *link, uint32_t events)
{
    struct interest *i = list_entry(link, struct interest, link);
    if (i->events & ~EPOLL_MODIFIERS)
        interest_is_ready(i);
}

static uint32_t interest_ready(const struct interest *i)
{
    uint32_t wanted = i->events & ~EPOLL_MODIFIERS;
    return wanted ? file_ready(i->file) & (wanted | EPOLLERR | EPOLLHUP) : 0;
}

/* Stands on the file's queue for what is wanted now. */
static void interest_watch(struct interest *i)
{
    struct wait_queue *q = i->file->ops->poll_queue ? i->file->ops->poll_queue(i->file) : NULL;
    if (i->linked)
        wait_link_remove(&i->link), i->linked = false;
    if (!q)
        return;
    i->link = (struct wait_link){.task = NULL,
                                 .notify = interest_notify,
                                 .events = (i->events & ~EPOLL_MODIFIERS) | EPOLLERR | EPOLLHUP,
                                 .exclusive = i->events & EPOLLEXCLUSIVE,
                                 .behind = &i->epoll->waiting};
    wait_link_add(q, &i->link);
    i->linked = true;
}

static void interest_end(struct interest *i)
{
    if (i->linked)
        wait_link_remove(&i->link);
    list_remove(&i->in_ready), list_remove(&i->in_epoll), list_remove(&i->in_file);
    i->epoll->count--;
    heap_free(&interest_type, i);
}

void epoll_file_gone(struct file *f)
{
    list_each (i, &f->epoll_links, struct interest, in_file)
        interest_end(i);
}

static struct interest *epoll_find(struct epoll *e, const struct file *f, int fd)
{
    list_each (i, &e->interests[(uint32_t)fd % EPOLL_BUCKETS], struct interest, in_epoll)
        if (i->fd == fd && i->file == f)
            return i;
    return NULL;
}

/* Whether `from` watches `target`, itself or through instances in it; -ELOOP when they are nested too deep. */
static int epoll_reaches(struct file *from, const struct file *target, int depth)
{
    if (from == target)
        return 1;
    if (from->ops != &epoll_ops)
        return 0;
    if (depth >= EPOLL_NESTED)
        return -ELOOP;
    struct epoll *e = from->own;
    for (int b = 0; b < EPOLL_BUCKETS; b++)
        list_each (i, &e->interests[b], struct interest, in_epoll) {
            int r = epoll_reaches(i->file, target, depth + 1);
            if (r)
                return r;
        }
    return 0;
}

/* ---- epoll_ctl ---- */

static int epoll_add(struct file *instance, struct file *f, int fd, const struct epoll_event *event)
{
    struct epoll *e = instance->own;
    if (epoll_find(e, f, fd))
        return -EEXIST;
    if (epoll_reaches(f, instance, 0))
        return -ELOOP;
    if (e->count >= EPOLL_MOST)
        return -ENOSPC;
    struct interest *i = heap_new(&interest_type);
    if (!i)
        return -ENOMEM;
    i->epoll = e, i->file = f, i->fd = fd, i->data = event->data;
    i->events = event->events | EPOLLERR | EPOLLHUP;
    list_init(&i->in_ready), list_init(&i->in_epoll), list_init(&i->in_file);
    list_append(&e->interests[(uint32_t)fd % EPOLL_BUCKETS], &i->in_epoll);
    list_append(&f->epoll_links, &i->in_file);
    e->count++;
    interest_watch(i);
    if (interest_ready(i))
        interest_is_ready(i);
    return 0;
}

static int epoll_change(struct epoll *e, struct file *f, int fd, const struct epoll_event *event)
{
    struct interest *i = epoll_find(e, f, fd);
    if (!i)
        return -ENOENT;
    if ((i->events | event->events) & EPOLLEXCLUSIVE)
        return -EINVAL;
    i->events = event->events | EPOLLERR | EPOLLHUP;
    i->data = event->data;
    interest_watch(i);
    if (interest_ready(i))
        interest_is_ready(i);
    return 0;
}

static int epoll_control(struct file *instance, struct file *f, int op, int fd, const struct epoll_event *event)
{
    if (instance->ops != &epoll_ops || instance == f)
        return -EINVAL;
    if (!f->ops->poll)
        return -EPERM; /* regular files and directories */
    if (op == EPOLL_CTL_ADD) {
        if (event->events & EPOLLEXCLUSIVE && f->ops == &epoll_ops)
            return -EINVAL;
        return epoll_add(instance, f, fd, event);
    }
    if (op == EPOLL_CTL_MOD)
        return epoll_change(instance->own, f, fd, event);
    if (op != EPOLL_CTL_DEL)
        return -EINVAL;
    struct interest *i = epoll_find(instance->own, f, fd);
    if (!i)
        return -ENOENT;
    interest_end(i);
    return 0;
}

int64_t sys_epoll_ctl(struct task *t, const struct args *a)
{
    struct epoll_event event = {0};
    int op = arg_int(a, 1), fd = arg_int(a, 2);
    if (op != EPOLL_CTL_DEL && get_user(event, arg_ptr(a, 3)))
        return -EFAULT;
    struct file *instance = fd_get(arg_int(a, 0)), *f = instance ? fd_get(fd) : NULL;
    int r = f ? epoll_control(instance, f, op, fd, &event) : -EBADF;
    if (f)
        file_put(f);
    if (instance)
        file_put(instance);
    return r;
}

/* ---- epoll_wait ---- */

/* Hands out at most `most` events. Those of level-triggered interests go to the end of the list, so that a few busy
 * files do not starve the others. */
static int64_t epoll_collect(struct epoll *e, struct uptr out, int64_t most)
{
    struct list again;
    int64_t n = 0;
    list_init(&again);
    while (n < most && !list_empty(&e->ready)) {
        struct interest *i = list_first(&e->ready, struct interest, in_ready);
        list_remove(&i->in_ready);
        struct epoll_event event = {.events = interest_ready(i), .data = i->data};
        if (!event.events)
            continue;
        if (copy_out(uptr_add(out, (uint64_t)n * sizeof(event)), &event, sizeof(event))) {
            list_prepend(&e->ready, &i->in_ready);
            if (!n)
                n = -EFAULT;
            break;
        }
        n++;
        if (i->events & EPOLLONESHOT)
            i->events &= EPOLL_MODIFIERS;
        else if (!(i->events & EPOLLET))
            list_append(&again, &i->in_ready);
    }
    list_each (i, &again, struct interest, in_ready)
        list_remove(&i->in_ready), list_append(&e->ready, &i->in_ready);
    return n;
}

static int64_t epoll_wait_on(struct epoll *e, struct uptr out, int64_t most, uint64_t deadline)
{
    struct waiter w;
    int r = 0;
    int64_t n = epoll_collect(e, out, most);
    if (n || !deadline)
        return n;
    wait_begin(&w);
    wait_on(&w, &e->waiting);
    w.links[0].exclusive = true; /* one event wakes one of those that wait */
    while (!(n = epoll_collect(e, out, most)) && !r)
        r = task_block(deadline);
    wait_end(&w);
    if (n || r == -ETIMEDOUT)
        return n;
    return r ? -EINTR : 0; /* never restarted: signal(7) */
}

static int64_t epoll_wait_call(const struct args *a, uint64_t deadline)
{
    int most = arg_int(a, 2);
    if (most <= 0 || (size_t)most > INT32_MAX / sizeof(struct epoll_event))
        return -EINVAL;
    struct file *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    int64_t r = f->ops == &epoll_ops ? epoll_wait_on(f->own, arg_ptr(a, 1), most, deadline) : -EINVAL;
    file_put(f);
    return r;
}

static uint64_t epoll_deadline(int ms)
{
    return ms < 0 ? NEVER : ms ? clock_now() + (uint64_t)ms * 1000000 : 0;
}

int64_t sys_epoll_wait(struct task *t, const struct args *a)
{
    return epoll_wait_call(a, epoll_deadline(arg_int(a, 3)));
}

static int64_t epoll_wait_masked(struct task *t, const struct args *a, uint64_t deadline)
{
    int64_t r = signal_mask_user(t, arg_ptr(a, 4), a->v[5]);
    if (r)
        return r;
    r = epoll_wait_call(a, deadline);
    signal_mask_end(t, r);
    return r;
}

int64_t sys_epoll_pwait(struct task *t, const struct args *a)
{
    return epoll_wait_masked(t, a, epoll_deadline(arg_int(a, 3)));
}

int64_t sys_epoll_pwait2(struct task *t, const struct args *a)
{
    uint64_t deadline;
    int r = when_relative(arg_ptr(a, 3), &deadline);
    return r ? r : epoll_wait_masked(t, a, deadline);
}

/* ---- the instance as a file ---- */

static uint32_t epoll_poll(struct file *f)
{
    struct epoll *e = f->own;
    list_each (i, &e->ready, struct interest, in_ready) {
        if (interest_ready(i))
            return EPOLLIN | EPOLLRDNORM;
        list_remove(&i->in_ready);
    }
    return 0;
}

static struct wait_queue *epoll_poll_queue(struct file *f)
{
    return &((struct epoll *)f->own)->waiting;
}

static void epoll_release(struct file *f)
{
    struct epoll *e = f->own;
    for (int b = 0; b < EPOLL_BUCKETS; b++)
        list_each (i, &e->interests[b], struct interest, in_epoll)
            interest_end(i);
    heap_free(&epoll_type, e);
}

static void epoll_show(struct file *f, struct text *out)
{
    struct epoll *e = f->own;
    for (int b = 0; b < EPOLL_BUCKETS; b++)
        list_each (i, &e->interests[b], struct interest, in_epoll)
            text_printf(out, "tfd: %8d events: %8x data: %16lx  pos:%lu ino:%lx sdev:%x\n", i->fd, i->events, i->data,
                        i->file->pos, i->file->inode->ino, i->file->inode->sb ? i->file->inode->sb->dev : 0);
}

static const struct file_ops epoll_ops = {
    .show = epoll_show,
    .poll = epoll_poll,
    .poll_queue = epoll_poll_queue,
    .release = epoll_release,
};

static int64_t epoll_make(uint32_t flags)
{
    if (flags & ~(uint32_t)EPOLL_CLOEXEC)
        return -EINVAL;
    struct epoll *e = heap_new(&epoll_type);
    if (!e)
        return -ENOMEM;
    wait_queue_init(&e->waiting);
    list_init(&e->ready);
    for (int b = 0; b < EPOLL_BUCKETS; b++)
        list_init(&e->interests[b]);
    struct file *f = file_anonymous("anon_inode:[eventpoll]", 0600, &epoll_ops, O_RDWR, e);
    if (!f) {
        heap_free(&epoll_type, e);
        return -ENFILE;
    }
    int fd = fd_install(f, flags & EPOLL_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_epoll_create(struct task *t, const struct args *a)
{
    return arg_int(a, 0) > 0 ? epoll_make(0) : -EINVAL;
}
int64_t sys_epoll_create1(struct task *t, const struct args *a)
{
    return epoll_make(arg_u32(a, 0));
}

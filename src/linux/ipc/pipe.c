/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and FIFOs. One queue wakes readers, writers, openers and pollers alike: each looks again at its own condition.
 */
#include "linux/ipc/pipe.h"

#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/eventpoll.h>

HEAP_TYPE(pipe, FIELD(pipe, refs, FIELD_PLAIN), FIELD(pipe, readers, FIELD_PLAIN), FIELD(pipe, writers, FIELD_PLAIN),
          FIELD(pipe, readers_ever, FIELD_PLAIN), FIELD(pipe, writers_ever, FIELD_PLAIN),
          FIELD(pipe, unnamed, FIELD_PLAIN), FIELD(pipe, ring.bytes, FIELD_BYTES), FIELD(pipe, ring.size, FIELD_PLAIN),
          FIELD(pipe, ring.capacity, FIELD_PLAIN), FIELD(pipe, ring.at, FIELD_PLAIN),
          FIELD(pipe, ring.used, FIELD_PLAIN), FIELD(pipe, changed, FIELD_NONE));

static struct pipe *pipe_new(void)
{
    struct pipe *p = heap_new(&pipe_type);
    if (!p)
        return NULL;
    p->ring.capacity = PIPE_CAPACITY;
    wait_queue_init(&p->changed);
    return p;
}

static void pipe_put(struct pipe *p)
{
    if (--p->refs)
        return;
    ring_free(&p->ring);
    heap_free(&pipe_type, p);
}

static uint32_t pipe_room(const struct pipe *p)
{
    return ring_room(&p->ring);
}

/* ---- read and write ---- */

int pipe_wait_data(struct pipe *p, bool wait)
{
    struct waiter w;
    int r = 0;
    if (p->ring.used || !p->writers)
        return 0;
    if (!wait)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &p->changed);
    while (!p->ring.used && p->writers && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

int pipe_wait_room(struct pipe *p, uint32_t n, bool wait)
{
    struct waiter w;
    int r = 0;
    if (pipe_room(p) >= n || !p->readers)
        return 0;
    if (!wait)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &p->changed);
    while (pipe_room(p) < n && p->readers && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

static int64_t pipe_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct pipe *p = f->own;
    if (!u->left)
        return 0;
    int r = pipe_wait_data(p, !(f->flags & O_NONBLOCK));
    if (r)
        return r;
    return pipe_take(p, u, false);
}

int64_t pipe_take(struct pipe *p, struct uio *u, bool keep)
{
    if (keep)
        return ring_look(&p->ring, u, u->left);
    int64_t n = ring_get(&p->ring, u, u->left);
    if (n > 0)
        wait_wake(&p->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
    return n;
}

int64_t pipe_give(struct pipe *p, struct uio *u)
{
    if (!p->readers)
        return -EPIPE;
    int64_t n = ring_put(&p->ring, u);
    if (n > 0)
        wait_wake(&p->changed, EPOLLIN | EPOLLRDNORM, 1);
    return n;
}

static int64_t pipe_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct pipe *p = f->own;
    int64_t done = 0;
    bool wait = !(f->flags & O_NONBLOCK);
    uint32_t whole = u->left <= PIPE_ATOMIC ? (uint32_t)u->left : 1;
    while (u->left) {
        int r = p->readers ? pipe_wait_room(p, whole, wait) : 0;
        if (!r && !p->readers) {
            signal_task_number(current, SIGPIPE);
            r = -EPIPE;
        }
        if (r)
            return done ? done : r;
        int64_t n = pipe_give(p, u);
        if (n <= 0)
            return done ? done : n ? n : -ENOMEM; /* room, and not a byte went in */
        done += n;
        whole = 1;
    }
    return done;
}

/* ---- the rest of a file ---- */

static uint32_t pipe_poll(struct file *f)
{
    const struct pipe *p = f->own;
    uint32_t events = 0;
    if ((f->flags & O_ACCMODE) != O_WRONLY) {
        if (p->ring.used)
            events |= EPOLLIN | EPOLLRDNORM;
        /* A FIFO opened before its first writer has not been hung up. */
        if (!p->writers && p->writers_ever != (uint32_t)f->own_n[0])
            events |= EPOLLHUP;
    }
    if ((f->flags & O_ACCMODE) != O_RDONLY) {
        if (pipe_room(p) >= PIPE_ATOMIC)
            events |= EPOLLOUT | EPOLLWRNORM;
        if (!p->readers)
            events |= EPOLLERR;
    }
    return events;
}

static struct wait_queue *pipe_poll_queue(struct file *f)
{
    return &((struct pipe *)f->own)->changed;
}

static int64_t pipe_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    struct pipe *p = f->own;
    if (command != FIONREAD)
        return -ENOTTY;
    int n = (int)p->ring.used;
    return put_user(at, n);
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->own;
    if ((f->flags & O_ACCMODE) != O_WRONLY)
        p->readers--;
    if ((f->flags & O_ACCMODE) != O_RDONLY)
        p->writers--;
    wait_wake_all(&p->changed);
    if (f->inode && f->inode->pipe == p && !p->readers && !p->writers)
        f->inode->pipe = NULL;
    pipe_put(p);
}

const struct file_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .poll_queue = pipe_poll_queue,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
};

struct pipe *pipe_of(struct file *f)
{
    return f->ops == &pipe_ops ? f->own : NULL;
}

int64_t pipe_capacity(struct file *f)
{
    struct pipe *p = pipe_of(f);
    return p ? (int64_t)p->ring.capacity : -EBADF;
}

int64_t pipe_set_capacity(struct file *f, uint32_t bytes)
{
    struct pipe *p = pipe_of(f);
    if (!p)
        return -EBADF;
    if (bytes > PIPE_SAYABLE)
        return -EINVAL;
    if (bytes > PIPE_MOST)
        return -EPERM;
    int r = ring_limit(&p->ring, bytes);
    if (r)
        return r;
    wait_wake_all(&p->changed);
    return p->ring.capacity;
}

/* ---- opening ---- */

static void pipe_attach(struct pipe *p, struct file *f)
{
    f->ops = &pipe_ops, f->own = p;
    f->own_n[0] = p->writers_ever;
    p->refs++;
    if ((f->flags & O_ACCMODE) != O_WRONLY)
        p->readers++, p->readers_ever++;
    if ((f->flags & O_ACCMODE) != O_RDONLY)
        p->writers++, p->writers_ever++;
    wait_wake_all(&p->changed);
}

static int fifo_wait(struct pipe *p, const uint32_t *now, const uint32_t *ever)
{
    struct waiter w;
    uint32_t seen = *ever;
    int r = 0;
    wait_begin(&w);
    wait_on(&w, &p->changed);
    while (!*now && *ever == seen && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

int fifo_open(struct inode *inode, struct file *f)
{
    uint32_t mode = f->flags & O_ACCMODE;
    bool unnamed = inode->pipe && inode->pipe->unnamed;
    if (mode == O_WRONLY && (f->flags & O_NONBLOCK) && !unnamed && (!inode->pipe || !inode->pipe->readers))
        return -ENXIO;
    if (!inode->pipe && !(inode->pipe = pipe_new()))
        return -ENOMEM;
    struct pipe *p = inode->pipe;
    pipe_attach(p, f);
    int r = 0;
    if (!(f->flags & O_NONBLOCK) && !unnamed) {
        if (mode == O_RDONLY)
            r = fifo_wait(p, &p->writers, &p->writers_ever);
        if (mode == O_WRONLY)
            r = fifo_wait(p, &p->readers, &p->readers_ever);
    }
    if (!r)
        return 0;
    pipe_release(f);
    f->ops = NULL, f->own = NULL;
    return r;
}

/* Both ends are of one inode, as by their links in /proc/self/fd they may be opened again, each way. */
static int pipe_make(uint32_t flags, struct file *ends[2])
{
    struct pipe *p = pipe_new();
    if (!p)
        return -ENOMEM;
    p->refs++, p->unnamed = true;
    int r = -ENFILE;
    ends[0] = file_anonymous("pipe:", S_IFIFO | 0600, &pipe_ops, O_RDONLY | (flags & O_NONBLOCK), p);
    if (ends[0]) {
        ends[0]->inode->pipe = p;
        pipe_attach(p, ends[0]);
        r = vfs_open(&ends[0]->path, O_WRONLY | (flags & O_NONBLOCK), &ends[1]);
    }
    if (ends[1])
        ends[0]->own_n[0] = (uint32_t)-1; /* its writer is there from the start */
    pipe_put(p);
    if (r && ends[0])
        file_put(ends[0]);
    return r;
}

static int64_t pipe_call(struct uptr out, uint32_t flags)
{
    struct file *ends[2] = {NULL, NULL};
    int fds[2];
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int r = pipe_make(flags, ends);
    if (r)
        return r;
    r = fd_install_pair(ends, flags & O_CLOEXEC, fds);
    if (r) {
        file_put(ends[0]), file_put(ends[1]);
        return r;
    }
    if (!put_user(out, fds))
        return 0;
    fd_close(fds[0]), fd_close(fds[1]);
    return -EFAULT;
}

int64_t sys_pipe(struct task *t, const struct args *a)
{
    return pipe_call(arg_ptr(a, 0), 0);
}
int64_t sys_pipe2(struct task *t, const struct args *a)
{
    return pipe_call(arg_ptr(a, 0), arg_u32(a, 1));
}

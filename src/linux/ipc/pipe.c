/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and FIFOs. One queue wakes readers, writers, openers and pollers alike: each looks again at its own condition.
 * The ring starts small and grows to its capacity, since most pipes carry a line or two.
 */
#include "linux/ipc/pipe.h"

#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <string.h>

#define PIPE_FIRST 4096u

HEAP_TYPE(pipe, FIELD(pipe, refs, FIELD_PLAIN), FIELD(pipe, readers, FIELD_PLAIN), FIELD(pipe, writers, FIELD_PLAIN),
          FIELD(pipe, readers_ever, FIELD_PLAIN), FIELD(pipe, writers_ever, FIELD_PLAIN),
          FIELD(pipe, ring, FIELD_BYTES), FIELD(pipe, size, FIELD_PLAIN), FIELD(pipe, capacity, FIELD_PLAIN),
          FIELD(pipe, at, FIELD_PLAIN), FIELD(pipe, used, FIELD_PLAIN), FIELD(pipe, changed, FIELD_NONE),
          FIELD(pipe, packets, FIELD_PLAIN));

/* ---- the ring ---- */

static struct pipe *pipe_new(void)
{
    struct pipe *p = heap_new(&pipe_type);
    if (!p)
        return NULL;
    p->capacity = PIPE_CAPACITY;
    wait_queue_init(&p->changed);
    return p;
}

static void pipe_put(struct pipe *p)
{
    if (--p->refs)
        return;
    if (p->ring)
        heap_release(p->ring, p->size);
    heap_free(&pipe_type, p);
}

static void pipe_copy_out(const struct pipe *p, uint8_t *to, uint32_t n)
{
    uint32_t first = p->size - p->at < n ? p->size - p->at : n;
    memcpy(to, p->ring + p->at, first);
    memcpy(to + first, p->ring, n - first);
}

static int pipe_resize(struct pipe *p, uint32_t size)
{
    uint8_t *ring = heap_alloc(size);
    if (!ring)
        return -ENOMEM;
    if (p->used)
        pipe_copy_out(p, ring, p->used);
    if (p->ring)
        heap_release(p->ring, p->size);
    p->ring = ring, p->size = size, p->at = 0;
    return 0;
}

/* Makes room for n more bytes, as far as the capacity goes. */
static void pipe_grow(struct pipe *p, uint64_t n)
{
    uint64_t size = p->size ? p->size : PIPE_FIRST;
    while (size < p->capacity && size - p->used < n)
        size *= 2;
    if (size > p->capacity)
        size = p->capacity;
    if (size > p->size)
        (void)pipe_resize(p, (uint32_t)size); /* without memory the ring stays as it is */
}

static uint32_t pipe_room(const struct pipe *p)
{
    return p->capacity - p->used;
}

static void pipe_drop(struct pipe *p, uint32_t n)
{
    p->at = (p->at + n) & (p->size - 1);
    p->used -= n;
    if (!p->used)
        p->at = 0;
}

/* ---- read and write ---- */

int pipe_wait_data(struct pipe *p, bool wait)
{
    struct waiter w;
    int r = 0;
    if (p->used || !p->writers)
        return 0;
    if (!wait)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &p->changed);
    while (!p->used && p->writers && !(r = task_block(NEVER)))
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
    int64_t done = 0;
    while (p->used && u->left) {
        uint32_t piece = p->size - p->at < p->used ? p->size - p->at : p->used;
        int64_t n = uio_put(u, p->ring + p->at, piece);
        if (n <= 0) {
            if (!done)
                done = n;
            break;
        }
        pipe_drop(p, (uint32_t)n);
        done += n;
    }
    if (done > 0)
        wait_wake(&p->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
    return done;
}

/* Puts what fits; 0 when nothing does. */
static int64_t pipe_fill(struct pipe *p, struct uio *u)
{
    int64_t done = 0;
    pipe_grow(p, u->left);
    while (u->left && p->used < p->size) {
        uint32_t end = (p->at + p->used) & (p->size - 1);
        uint32_t piece = end < p->at ? p->at - end : p->size - end;
        int64_t n = uio_get(u, p->ring + end, piece < p->size - p->used ? piece : p->size - p->used);
        if (n <= 0)
            return done ? done : n;
        p->used += (uint32_t)n;
        done += n;
    }
    return done;
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
        int64_t n = pipe_fill(p, u);
        if (n > 0)
            done += n, wait_wake(&p->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
        if (n < 0)
            return done ? done : n;
        if (!n)
            return done ? done : -ENOMEM;
        whole = 1;
    }
    return done;
}

int64_t pipe_read_kernel(struct pipe *p, void *to, size_t n, bool keep)
{
    if (n > p->used)
        n = p->used;
    if (!n)
        return 0;
    pipe_copy_out(p, to, (uint32_t)n);
    if (keep)
        return (int64_t)n;
    pipe_drop(p, (uint32_t)n);
    wait_wake(&p->changed, EPOLLOUT | EPOLLWRNORM, 1 << 30);
    return (int64_t)n;
}

int64_t pipe_write_kernel(struct pipe *p, const void *from, size_t n)
{
    struct uio u;
    if (!p->readers)
        return -EPIPE;
    uio_kernel(&u, (void *)(uintptr_t)from, n);
    int64_t done = pipe_fill(p, &u);
    if (done > 0)
        wait_wake(&p->changed, EPOLLIN | EPOLLRDNORM, 1 << 30);
    return done;
}

/* ---- the rest of a file ---- */

static uint32_t pipe_poll(struct file *f)
{
    const struct pipe *p = f->own;
    uint32_t events = 0;
    if ((f->flags & O_ACCMODE) != O_WRONLY) {
        if (p->used)
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
    int n = (int)p->used;
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
    return p ? (int64_t)p->capacity : -EBADF;
}

int64_t pipe_set_capacity(struct file *f, uint32_t bytes)
{
    struct pipe *p = pipe_of(f);
    if (!p)
        return -EBADF;
    uint32_t size = PIPE_FIRST;
    if (bytes > PIPE_MOST)
        return -EPERM;
    while (size < bytes)
        size *= 2;
    if (size < p->used)
        return -EBUSY;
    if (size < p->size) {
        int r = pipe_resize(p, size);
        if (r)
            return r;
    }
    p->capacity = size;
    wait_wake_all(&p->changed);
    return size;
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
    if (mode == O_WRONLY && (f->flags & O_NONBLOCK) && (!inode->pipe || !inode->pipe->readers))
        return -ENXIO;
    if (!inode->pipe && !(inode->pipe = pipe_new()))
        return -ENOMEM;
    struct pipe *p = inode->pipe;
    pipe_attach(p, f);
    int r = 0;
    if (!(f->flags & O_NONBLOCK)) {
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

static int pipe_make(uint32_t flags, struct file *ends[2])
{
    struct pipe *p = pipe_new();
    if (!p)
        return -ENOMEM;
    p->refs++;
    int r = 0;
    for (int i = 0; i < 2 && !r; i++) {
        uint32_t mode = (i ? O_WRONLY : O_RDONLY) | (flags & O_NONBLOCK);
        ends[i] = file_anonymous("pipe:", S_IFIFO | 0600, &pipe_ops, mode, p);
        if (!ends[i])
            r = -ENFILE;
        else
            pipe_attach(p, ends[i]);
    }
    if (ends[0] && ends[1])
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

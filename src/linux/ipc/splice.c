/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2): bytes between a pipe and something else, by way of a page of the kernel's. */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/ipc/pipe.h"
#include "linux/task/task.h"

#include <asm/fcntl.h>

#define SPLICE_F_MOVE     1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE     4u
#define SPLICE_F_GIFT     8u
#define SPLICE_FLAGS      (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)
#define SPLICE_MOST       0x7ffff000ull

static bool splice_reads(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY;
}
static bool splice_nonblock(const struct file *a, const struct file *b)
{
    return (a->flags | b->flags) & O_NONBLOCK;
}
static bool splice_writes(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* From a pipe into `to`. Bytes are taken out of the pipe only when they were written. */
static int64_t splice_from_pipe(struct pipe *p, struct file *to, uint64_t *pos, size_t n, bool wait)
{
    uint8_t page[PAGE_SIZE];
    struct uio u;
    int r = pipe_wait_data(p, wait);
    if (r)
        return r;
    int64_t done = 0;
    while (n) {
        uio_kernel(&u, page, n < sizeof(page) ? n : sizeof(page));
        int64_t got = pipe_take(p, &u, true);
        if (got <= 0)
            break;
        uio_kernel(&u, page, (size_t)got);
        int64_t put = to->ops->write(to, &u, pos);
        if (put <= 0)
            return done ? done : put;
        uio_kernel(&u, page, (size_t)put);
        pipe_take(p, &u, false);
        done += put, n -= (size_t)put;
        if (put < got)
            break;
    }
    return done;
}

/* Into a pipe: never more is read than it has room for. */
static int64_t splice_to_pipe(struct file *from, uint64_t *pos, struct pipe *p, size_t n, bool wait)
{
    uint8_t page[PAGE_SIZE];
    struct uio u;
    int r = pipe_wait_room(p, 1, wait);
    if (r)
        return r;
    int64_t done = 0;
    while (n && ring_room(&p->ring)) {
        size_t want = n < sizeof(page) ? n : sizeof(page);
        if (want > ring_room(&p->ring))
            want = ring_room(&p->ring);
        uio_kernel(&u, page, want);
        int64_t got = from->ops->read(from, &u, pos);
        if (got <= 0)
            return done ? done : got;
        uio_kernel(&u, page, (size_t)got);
        int64_t put = pipe_give(p, &u);
        if (put < 0)
            return done ? done : put;
        done += put, n -= (size_t)put;
        if ((size_t)got < want)
            break;
    }
    return done;
}

static int64_t splice_pipes(struct pipe *from, struct pipe *to, size_t n, bool keep, bool wait)
{
    uint8_t page[PAGE_SIZE];
    struct uio u;
    if (from == to)
        return -EINVAL;
    int r = pipe_wait_data(from, wait);
    if (!r)
        r = pipe_wait_room(to, 1, wait);
    if (r)
        return r;
    int64_t done = 0;
    while (n && ring_room(&to->ring)) {
        size_t want = n < sizeof(page) ? n : sizeof(page);
        if (want > ring_room(&to->ring))
            want = ring_room(&to->ring);
        uio_kernel(&u, page, want);
        int64_t got = pipe_take(from, &u, keep);
        if (got <= 0)
            break;
        uio_kernel(&u, page, (size_t)got);
        pipe_give(to, &u);
        done += got, n -= (size_t)got;
        if (keep)
            break; /* the next look would see the same bytes */
    }
    return done;
}

/* An offset that the caller gave is read once, and written back; else the file's own moves on. */
struct splice_offset {
    struct uptr user;
    uint64_t value;
    uint64_t *pos;
};

static int splice_offset(struct splice_offset *o, struct file *f, struct uptr user)
{
    *o = (struct splice_offset){.user = user, .pos = &f->pos};
    if (!user.v)
        return 0;
    if (pipe_of(f))
        return -ESPIPE;
    if (!f->ops->seek)
        return -EINVAL;
    if (get_user(o->value, user))
        return -EFAULT;
    if ((int64_t)o->value < 0)
        return -EINVAL;
    o->pos = &o->value;
    return 0;
}

static int64_t splice_run(struct file *from, struct file *to, const struct args *a)
{
    struct splice_offset in, out;
    size_t n = a->v[4] < SPLICE_MOST ? a->v[4] : SPLICE_MOST;
    bool wait = !(a->v[5] & SPLICE_F_NONBLOCK);
    struct pipe *source = pipe_of(from), *sink = pipe_of(to);
    if (!splice_reads(from) || !splice_writes(to))
        return -EBADF;
    if (!source && !sink)
        return -EINVAL;
    int r = splice_offset(&in, from, arg_ptr(a, 1));
    if (!r)
        r = splice_offset(&out, to, arg_ptr(a, 3));
    if (r || !n)
        return r;
    if (source && sink)
        return splice_pipes(source, sink, n, false, wait && !splice_nonblock(from, to));
    if (source ? !to->ops->write || to->flags & O_APPEND : !from->ops->read)
        return -EINVAL;
    int64_t done = source ? splice_from_pipe(source, to, out.pos, n, wait && !(from->flags & O_NONBLOCK))
                          : splice_to_pipe(from, in.pos, sink, n, wait && !(to->flags & O_NONBLOCK));
    if (in.user.v && done >= 0 && put_user(in.user, in.value))
        return -EFAULT;
    if (out.user.v && done >= 0 && put_user(out.user, out.value))
        return -EFAULT;
    return done;
}

int64_t sys_splice(struct task *t, const struct args *a)
{
    if (a->v[5] & ~(uint64_t)SPLICE_FLAGS)
        return -EINVAL;
    struct file *from = fd_get(arg_int(a, 0)), *to = from ? fd_get(arg_int(a, 2)) : NULL;
    int64_t r = to ? splice_run(from, to, a) : -EBADF;
    if (to)
        file_put(to);
    if (from)
        file_put(from);
    return r;
}

int64_t sys_tee(struct task *t, const struct args *a)
{
    if (a->v[3] & ~(uint64_t)SPLICE_FLAGS)
        return -EINVAL;
    struct file *from = fd_get(arg_int(a, 0)), *to = from ? fd_get(arg_int(a, 1)) : NULL;
    int64_t r = to ? -EINVAL : -EBADF;
    if (to && pipe_of(from) && pipe_of(to))
        r = splice_reads(from) && splice_writes(to)
                ? splice_pipes(pipe_of(from), pipe_of(to), a->v[2], true,
                               !(a->v[3] & SPLICE_F_NONBLOCK) && !splice_nonblock(from, to))
                : -EBADF;
    if (to)
        file_put(to);
    if (from)
        file_put(from);
    return r;
}

int64_t sys_vmsplice(struct task *t, const struct args *a)
{
    struct uio u;
    struct uio_vec small[8];
    if (a->v[3] & ~(uint64_t)SPLICE_FLAGS)
        return -EINVAL;
    struct file *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    struct pipe *p = pipe_of(f);
    int64_t r = p ? uio_vecs(&u, arg_ptr(a, 1), a->v[2], small) : -EBADF;
    if (!r) {
        r = splice_writes(f) ? f->ops->write(f, &u, &f->pos) : f->ops->read(f, &u, &f->pos);
        uio_vecs_free(&u, small);
    }
    file_put(f);
    return r;
}

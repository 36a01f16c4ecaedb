/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_file_range(2) and sendfile(2): from a file to a file, a pipe or a socket, through a buffer of the kernel. What
 * was read and could not be written is read again. splice(2) is in ipc/splice.c.
 */
#include "linux/fs/internal.h"

NEEDS_ANONYMOUS;

#define PIECE 65536u

/* Copies at most n bytes from *from to *to; both move on. Bytes, or an error when there were none. */
static int64_t copy(struct file *in, uint64_t *from, struct file *out, uint64_t *to, uint64_t n)
{
    uint64_t done = 0;
    int64_t r = 0;
    uint8_t *buf = heap_alloc(PIECE);
    if (!buf)
        return -ENOMEM;
    while (done < n) {
        struct uio u;
        uint64_t piece = n - done < PIECE ? n - done : PIECE, at = *from;
        uio_kernel(&u, buf, piece);
        r = in->ops->read(in, &u, &at);
        if (r <= 0)
            break;
        uio_kernel(&u, buf, (size_t)r);
        int64_t w = out->ops->write(out, &u, to);
        if (w <= 0) {
            r = w;
            break;
        }
        *from += (uint64_t)w, done += (uint64_t)w;
        if (signal_wanted(current))
            break;
    }
    heap_release(buf, PIECE);
    return done ? (int64_t)done : r;
}

static int check_pair(const struct file *in, const struct file *out, uint64_t from, uint64_t to, uint64_t n)
{
    uint32_t in_access = in->flags & O_ACCESS_, out_access = out->flags & O_ACCESS_;
    if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
        return -EISDIR;
    if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
        return -EINVAL;
    if (in_access == O_WRONLY || out_access == O_RDONLY || out->flags & O_APPEND)
        return -EBADF;
    if (!in->ops->read || !out->ops->write)
        return -EINVAL;
    if (from > FILE_SIZE_MAX - n || to > FILE_SIZE_MAX - n)
        return -EOVERFLOW;
    if (in->inode == out->inode && from < to + n && to < from + n)
        return -EINVAL;
    return 0;
}

/* An offset of the user, or the file's own position. */
static int offset_in(struct uptr from, const struct file *f, uint64_t *pos)
{
    *pos = f->pos;
    if (!from.v)
        return 0;
    int r = get_user(*pos, from);
    return r ? r : (int64_t)*pos < 0 ? -EINVAL : 0;
}

static int offset_out(struct uptr to, struct file *f, uint64_t pos)
{
    if (to.v)
        return put_user(to, pos);
    f->pos = pos;
    return 0;
}

int64_t sys_copy_file_range(struct task *t, const struct args *a)
{
    uint64_t from, to, n = a->v[4] < RW_COUNT_MAX ? a->v[4] : RW_COUNT_MAX;
    FILE_HELD *in = fd_get(arg_int(a, 0));
    FILE_HELD *out = fd_get(arg_int(a, 2));
    if (!in || !out)
        return -EBADF;
    int r = offset_in(arg_ptr(a, 1), in, &from);
    if (!r)
        r = offset_in(arg_ptr(a, 3), out, &to);
    if (!r && arg_u32(a, 5))
        r = -EINVAL;
    if (r)
        return r;
    uint64_t size = in->inode->size;
    r = check_pair(in, out, from, to, from < size ? (n < size - from ? n : size - from) : 0);
    if (r)
        return r;
    int64_t done = copy(in, &from, out, &to, n);
    if (done > 0) {
        r = offset_out(arg_ptr(a, 1), in, from);
        if (!r)
            r = offset_out(arg_ptr(a, 3), out, to);
    }
    return r ? r : done;
}

/* ---- sendfile ---- */

static int check_send(const struct file *in, const struct file *out, bool positioned)
{
    if (!in || (in->flags & O_ACCESS_) == O_WRONLY)
        return -EBADF;
    if (positioned && !in->ops->seek)
        return -ESPIPE;
    if (!out || (out->flags & O_ACCESS_) == O_RDONLY)
        return -EBADF;
    if (!in->ops->read || !in->ops->seek || S_ISDIR(in->inode->mode) || !out->ops->write || out->flags & O_APPEND)
        return -EINVAL;
    return 0;
}

int64_t sys_sendfile(struct task *t, const struct args *a)
{
    FILE_HELD *out = fd_get(arg_int(a, 0));
    FILE_HELD *in = fd_get(arg_int(a, 1));
    uint64_t from, n = a->v[3] < RW_COUNT_MAX ? a->v[3] : RW_COUNT_MAX;
    int r = check_send(in, out, arg_ptr(a, 2).v);
    if (!r)
        r = offset_in(arg_ptr(a, 2), in, &from);
    if (r || (int64_t)a->v[3] < 0)
        return r ? r : -EINVAL;
    uint64_t to = out->pos;
    int64_t done = copy(in, &from, out, &to, n);
    if (done > 0 && out->ops->seek)
        out->pos = to;
    if (done > 0)
        r = offset_out(arg_ptr(a, 2), in, from);
    return r ? r : done;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read(2), write(2) and their vectored and positioned forms, lseek(2), sync. Checks the descriptor and the arguments;
 * the file's ops do the rest, by a cursor over the user's buffers. A file is held while its ops run: they may block.
 */
#include "linux/fs/internal.h"

#include <linux/fs.h>
#include <string.h>

#pragma weak watch_file

enum way { WAY_READ, WAY_WRITE };

/* ---- limits ---- */

int file_size_limit(struct uio *u, uint64_t pos)
{
    uint64_t limit = current && current->process ? task_limit(current, RLIMIT_FSIZE) : UINT64_MAX;
    if (limit > FILE_SIZE_MAX)
        limit = FILE_SIZE_MAX;
    if (pos >= limit) {
        if (limit < FILE_SIZE_MAX)
            (void)signal_task_number(current, SIGXFSZ);
        return -EFBIG;
    }
    if (u->left > limit - pos)
        u->left = limit - pos;
    return 0;
}

/* ---- one transfer ---- */

static bool may(const struct file *f, enum way way)
{
    uint32_t access = f->flags & O_ACCESS_;
    return way == WAY_READ ? access == O_RDONLY || access == O_RDWR : access == O_WRONLY || access == O_RDWR;
}

static int64_t transfer(struct file *f, enum way way, struct uio *u, uint64_t *pos)
{
    int64_t (*op)(struct file *, struct uio *, uint64_t *) = way == WAY_READ ? f->ops->read : f->ops->write;
    if (!op)
        return f->inode && S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
    if (u->left > FILE_SIZE_MAX - *pos)
        return -EINVAL;
    int64_t n = op(f, u, pos);
    if (watch_file && n > 0)
        watch_file(f, way == WAY_READ ? IN_ACCESS : IN_MODIFY);
    return n;
}

int64_t rw_at(struct file *f, bool write, struct uio *u, uint64_t pos)
{
    return transfer(f, write ? WAY_WRITE : WAY_READ, u, &pos);
}

static int64_t plain(const struct args *a, enum way way)
{
    struct uio u;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f || !may(f, way))
        return -EBADF;
    if ((int64_t)a->v[2] < 0)
        return -EINVAL;
    uio_user(&u, arg_ptr(a, 1), a->v[2]);
    uint64_t pos = f->pos;
    int64_t n = transfer(f, way, &u, &pos);
    f->pos = pos;
    return n;
}

int64_t sys_read(struct task *t, const struct args *a)
{
    return plain(a, WAY_READ);
}

int64_t sys_write(struct task *t, const struct args *a)
{
    return plain(a, WAY_WRITE);
}

/* The position is given: the file has to have one. */
static int64_t positioned(struct file *f, enum way way, struct uio *u, int64_t pos)
{
    uint64_t at = (uint64_t)pos;
    if (!f->ops->seek)
        return -ESPIPE;
    if (!may(f, way))
        return -EBADF;
    return transfer(f, way, u, &at);
}

static int64_t at_offset(const struct args *a, enum way way)
{
    struct uio u;
    int64_t pos = (int64_t)a->v[3];
    if (pos < 0)
        return -EINVAL;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if ((int64_t)a->v[2] < 0)
        return -EINVAL;
    uio_user(&u, arg_ptr(a, 1), a->v[2]);
    return positioned(f, way, &u, pos);
}

int64_t sys_pread64(struct task *t, const struct args *a)
{
    return at_offset(a, WAY_READ);
}

int64_t sys_pwrite64(struct task *t, const struct args *a)
{
    return at_offset(a, WAY_WRITE);
}

/* ---- vectored ---- */

/* RWF_* are hints here, but for those that change what is done. */
static int flags_check(uint32_t flags, enum way way)
{
    uint32_t known = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;
    if (flags & ~known)
        return -EOPNOTSUPP;
    return flags & RWF_APPEND && way == WAY_READ ? -EOPNOTSUPP : 0;
}

static int64_t vectored(const struct args *a, enum way way, int64_t pos, uint32_t flags)
{
    struct uio_vec small[8];
    struct uio u;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (pos < 0 ? !may(f, way) : false)
        return -EBADF;
    if (pos >= 0 && !f->ops->seek)
        return -ESPIPE;
    int r = flags_check(flags, way);
    if (!r)
        r = uio_vecs(&u, arg_ptr(a, 1), a->v[2], small);
    if (r)
        return r;
    uint32_t before = f->flags;
    uint64_t at = f->pos;
    int64_t n;
    f->flags |= (flags & RWF_APPEND ? O_APPEND : 0) | (flags & RWF_NOWAIT ? O_NONBLOCK : 0);
    if (pos >= 0) {
        n = positioned(f, way, &u, pos);
    } else {
        n = transfer(f, way, &u, &at);
        f->pos = at;
    }
    f->flags = before;
    uio_vecs_free(&u, small);
    return n;
}

int64_t sys_readv(struct task *t, const struct args *a)
{
    return vectored(a, WAY_READ, -1, 0);
}

int64_t sys_writev(struct task *t, const struct args *a)
{
    return vectored(a, WAY_WRITE, -1, 0);
}

int64_t sys_preadv(struct task *t, const struct args *a)
{
    return (int64_t)a->v[3] < 0 ? -EINVAL : vectored(a, WAY_READ, (int64_t)a->v[3], 0);
}

int64_t sys_pwritev(struct task *t, const struct args *a)
{
    return (int64_t)a->v[3] < 0 ? -EINVAL : vectored(a, WAY_WRITE, (int64_t)a->v[3], 0);
}

/* Here -1 is the file's own position. */
static int64_t vectored2(const struct args *a, enum way way)
{
    int64_t pos = (int64_t)a->v[3];
    return pos < -1 ? -EINVAL : vectored(a, way, pos, arg_u32(a, 5));
}

int64_t sys_preadv2(struct task *t, const struct args *a)
{
    return vectored2(a, WAY_READ);
}

int64_t sys_pwritev2(struct task *t, const struct args *a)
{
    return vectored2(a, WAY_WRITE);
}

int64_t vfs_read_kernel(struct file *f, void *to, size_t n, uint64_t pos)
{
    size_t done = 0;
    while (done < n) {
        struct uio u;
        uio_kernel(&u, (uint8_t *)to + done, n - done);
        int64_t r = f->ops->read ? f->ops->read(f, &u, &pos) : -EINVAL;
        if (r < 0)
            return r;
        if (!r)
            break;
        done += (size_t)r;
    }
    return (int64_t)done;
}

/* ---- positions ---- */

int64_t vfs_seek(struct file *f, int64_t offset, int whence)
{
    int64_t size = (int64_t)f->inode->size, base;
    switch (whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)f->pos;
        break;
    case SEEK_END:
        base = size;
        break;
    case SEEK_DATA:
    case SEEK_HOLE: /* all of it is data */
        if (offset < 0 || offset >= size)
            return -ENXIO;
        return (int64_t)(f->pos = (uint64_t)(whence == SEEK_DATA ? offset : size));
    default:
        return -EINVAL;
    }
    int64_t to;
    return __builtin_add_overflow(base, offset, &to) || to < 0 ? -EINVAL : (int64_t)(f->pos = (uint64_t)to);
}

int64_t sys_lseek(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    uint32_t whence = arg_u32(a, 2);
    if (!f)
        return -EBADF;
    if (whence > SEEK_HOLE)
        return -EINVAL;
    return f->ops->seek ? f->ops->seek(f, (int64_t)a->v[1], (int)whence) : -ESPIPE;
}

/* ---- sync: what is in memory is where it stays ---- */

static int64_t sync_fd(int fd, bool data)
{
    FILE_HELD *f = fd_get(fd);
    if (!f)
        return -EBADF;
    return f->ops->sync ? f->ops->sync(f, data) : -EINVAL;
}

int64_t sys_fsync(struct task *t, const struct args *a)
{
    return sync_fd(arg_int(a, 0), false);
}

int64_t sys_fdatasync(struct task *t, const struct args *a)
{
    return sync_fd(arg_int(a, 0), true);
}

int64_t sys_sync(struct task *t, const struct args *a)
{
    return 0;
}

int64_t sys_syncfs(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    return f ? 0 : -EBADF;
}

int64_t sys_sync_file_range(struct task *t, const struct args *a)
{
    int64_t offset = (int64_t)a->v[1], n = (int64_t)a->v[2], end;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    uint32_t known = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (arg_u32(a, 3) & ~known || offset < 0 || n < 0 || __builtin_add_overflow(offset, n, &end))
        return -EINVAL;
    uint32_t mode = f->inode ? f->inode->mode : 0;
    return S_ISREG(mode) || S_ISBLK(mode) || S_ISDIR(mode) || S_ISLNK(mode) ? 0 : -ESPIPE;
}

int64_t sys_readahead(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f || !may(f, WAY_READ))
        return -EBADF;
    return f->ops->map && S_ISREG(f->inode->mode) ? 0 : -EINVAL;
}

int64_t sys_fadvise64(struct task *t, const struct args *a)
{
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (f->inode && S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    return (int64_t)a->v[2] < 0 || arg_u32(a, 3) > 5 ? -EINVAL : 0; /* POSIX_FADV_NOREUSE is the last */
}

/* ---- cachestat(2): which pages of a file are there; none is ever on its way to a disk ---- */

struct cache_range { /* struct cachestat_range of mman.h */
    uint64_t from, n;
};
struct cache_counts { /* struct cachestat */
    uint64_t cached, dirty, writeback, evicted, evicted_recently;
};

static uint64_t pages_there(const struct inode *i, uint64_t first, uint64_t last)
{
    uint64_t n = 0;
    if (i->bytes)
        return last - first;
    for (uint64_t page = first; i->object && page < last; page++, n++)
        if ((page = platform.memobj.next(i->object, page)) >= last)
            break;
    return n;
}

int64_t sys_cachestat(struct task *t, const struct args *a)
{
    struct cache_range q;
    FILE_HELD *f = fd_get(arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (get_user(q, arg_ptr(a, 1)))
        return -EFAULT;
    if (arg_u32(a, 3))
        return -EINVAL;
    const struct inode *i = f->inode;
    uint64_t pages = (i->size + PAGE_SIZE - 1) / PAGE_SIZE, first = q.from / PAGE_SIZE, last = pages;
    if (q.n && q.n < UINT64_MAX - q.from && (q.from + q.n - 1) / PAGE_SIZE < last)
        last = (q.from + q.n - 1) / PAGE_SIZE + 1;
    const struct cache_counts c = {.cached = S_ISREG(i->mode) && first < last ? pages_there(i, first, last) : 0};
    return put_user(arg_ptr(a, 2), c);
}

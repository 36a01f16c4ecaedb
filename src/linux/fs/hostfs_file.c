/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of files of the host. All open files of an inode share its descriptors, one for each way of access, which
 * the gofer opens when they are first needed and which are closed with the last open file. Nothing is kept: a read is a
 * read of the host, a write is there when it returns, and a mapping is the host's page cache.
 */
#include "linux/fs/hostfs.h"
#include "linux/mm/mm.h"

#include <linux/falloc.h>
#include <string.h>

#define PIECE       65536u
#define APPEND_MOST (1u << 20) /* what other writers of the host cannot come between */

/* ---- descriptors ---- */

void host_close_all(struct host_inode *h)
{
    if (h->object)
        platform.memobj.destroy(h->object);
    h->object = NULL;
    for (int k = 0; k < 3; k++) {
        if (h->fds[k] >= 0)
            platform.files->close(h->fds[k]);
        h->fds[k] = -1;
    }
}

void host_spare_drop(struct host_own *o)
{
    struct inode *i = o->spare;
    o->spare = NULL;
    if (i && !host_inode(i)->opens)
        host_close_all(host_inode(i));
    inode_put(i);
}

void host_spare_keep(struct inode *i, int fd)
{
    struct host_own *o = host_own(i);
    struct host_inode *h = host_inode(i);
    host_spare_drop(o);
    if (h->fds[O_RDWR] >= 0) {
        platform.files->close(fd);
        return;
    }
    h->fds[O_RDWR] = fd;
    o->spare = inode_get(i);
}

/* The descriptor for an access, opened if it has to be: -errno. */
static int descriptor(const struct inode *i, uint32_t access)
{
    struct host_inode *h = host_inode(i);
    if (h->fds[O_RDWR] >= 0)
        return h->fds[O_RDWR];
    if (h->fds[access] >= 0)
        return h->fds[access];
    struct files_call c = {.r = {.op = FILES_OPEN, .flags = access}};
    int r = host_ask(i, &c);
    if (!r && c.fd < 0)
        r = -EIO;
    return r ? r : (h->fds[access] = c.fd);
}

static uint32_t access_of(const struct file *f)
{
    uint32_t access = f->flags & O_ACCESS_;
    return access == O_ACCESS_ ? O_RDWR : access;
}

static int file_fd(const struct file *f)
{
    return descriptor(f->inode, access_of(f));
}

void host_refresh(struct inode *i)
{
    const struct host_inode *h = host_inode(i);
    struct files_attr a;
    if (h->told == call_count())
        return;
    for (int k = 0; k < 3; k++) {
        if (h->fds[k] < 0)
            continue;
        if (!platform.files->stat(h->fds[k], &a))
            host_apply(i, &a);
        return;
    }
    struct files_call c = {.r.op = FILES_GETATTR};
    if (!(host_own(i)->cached && i->sb->flags & MS_RDONLY) && !host_ask(i, &c))
        host_apply(i, &c.a.attr);
}

/* ---- reading and writing ---- */

static size_t piece_of(const struct uio *u, size_t most)
{
    return u->left < most ? u->left : most;
}

static int64_t read_bytes(int fd, struct uio *u, uint64_t pos)
{
    if (!u->vecs) { /* the kernel's own buffer */
        int64_t n = platform.files->read(fd, u->kernel, u->left, pos);
        if (n > 0)
            u->kernel += n, u->left -= (size_t)n;
        return n;
    }
    size_t room = piece_of(u, PIECE), done = 0;
    uint8_t *buffer = room ? heap_alloc(room) : NULL;
    int64_t n = room && !buffer ? -ENOMEM : 0;
    while (buffer && u->left) {
        size_t want = u->left < room ? u->left : room;
        n = platform.files->read(fd, buffer, want, pos + done);
        int64_t put = n > 0 ? uio_put(u, buffer, (size_t)n) : n;
        if (put <= 0) {
            n = put;
            break;
        }
        done += (size_t)put;
        if ((size_t)put < want)
            break;
    }
    if (buffer)
        heap_release(buffer, room);
    return done ? (int64_t)done : n;
}

static int64_t hostfs_read(struct file *f, struct uio *u, uint64_t *pos)
{
    int fd = file_fd(f);
    int64_t n = fd < 0 ? fd : read_bytes(fd, u, *pos);
    if (n > 0)
        *pos += (uint64_t)n;
    return n;
}

/* One piece: it is there, whole or in part. *pos is behind it. */
static int64_t write_piece(const struct file *f, int fd, const uint8_t *from, size_t n, uint64_t *pos)
{
    bool synced = f->flags & (O_DSYNC | __O_SYNC);
    if (f->flags & O_APPEND)
        return platform.files->append(fd, from, n, synced, pos);
    int64_t r = platform.files->write(fd, from, n, *pos, synced);
    if (r > 0)
        *pos += (uint64_t)r;
    return r;
}

static int64_t write_bytes(const struct file *f, int fd, struct uio *u, uint64_t *pos)
{
    size_t room = piece_of(u, f->flags & O_APPEND ? APPEND_MOST : PIECE), done = 0;
    uint8_t *buffer = heap_alloc(room);
    int64_t n = buffer ? 0 : -ENOMEM;
    while (buffer && u->left) {
        int64_t got = uio_get(u, buffer, room);
        n = got > 0 ? write_piece(f, fd, buffer, (size_t)got, pos) : got;
        if (n <= 0)
            break;
        done += (size_t)n;
        if (n < got)
            break;
    }
    if (buffer)
        heap_release(buffer, room);
    return done ? (int64_t)done : n;
}

static int64_t hostfs_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct inode *i = f->inode;
    int fd = file_fd(f);
    if (fd < 0)
        return fd;
    if (f->flags & O_APPEND) {
        host_refresh(i);
        *pos = i->size;
    }
    if (!u->left)
        return 0;
    int r = file_size_limit(u, *pos);
    if (r)
        return r;
    if (i->mode & (S_ISUID | S_ISGID))
        inode_kill_privileges(i);
    int64_t n = write_bytes(f, fd, u, pos);
    if (n > 0) {
        inode_changed(i);
        i->size = *pos > i->size ? *pos : i->size;
    }
    return n;
}

static int64_t hostfs_seek(struct file *f, int64_t offset, int whence)
{
    if (whence == SEEK_SET || whence == SEEK_CUR)
        return vfs_seek(f, offset, whence);
    host_refresh(f->inode);
    if (whence == SEEK_END)
        return vfs_seek(f, offset, whence);
    int fd = file_fd(f);
    if (fd < 0)
        return fd;
    if (offset < 0)
        return -ENXIO;
    int64_t to = platform.files->seek(fd, (uint64_t)offset, whence);
    return to < 0 ? to : (int64_t)(f->pos = (uint64_t)to);
}

static int hostfs_sync(struct file *f, bool data)
{
    struct files_call c = {.r = {.op = FILES_SYNC, .flags = data ? FILES_DATA : 0}};
    return host_ask(f->inode, &c);
}

static int hostfs_allocate(struct file *f, int mode, uint64_t offset, uint64_t n)
{
    int fd = file_fd(f);
    if (fd < 0)
        return fd;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        return -EOPNOTSUPP;
    int r = platform.files->allocate(fd, mode, offset, n);
    host_inode(f->inode)->told = 0;
    host_refresh(f->inode);
    return r;
}

/* ---- mappings ---- */

static int hostfs_map(struct file *f, struct vma *vma)
{
    struct host_inode *h = host_inode(f->inode);
    int fd = file_fd(f);
    if (fd < 0)
        return fd;
    if (!platform.files->object)
        return -ENODEV;
    struct memobj *object = platform.files->object(h->object, fd, h->fds[O_RDWR] == fd);
    if (!object)
        return -ENOMEM;
    vma->object = h->object = object;
    return 0;
}

/* ---- open and close ---- */

static void hostfs_release(struct file *f)
{
    struct host_inode *h = host_inode(f->inode);
    if (!--h->opens)
        host_close_all(h);
}

static const struct file_ops hostfs_open_ops = {
    .read = hostfs_read,
    .write = hostfs_write,
    .seek = hostfs_seek,
    .map = hostfs_map,
    .sync = hostfs_sync,
    .allocate = hostfs_allocate,
    .release = hostfs_release,
};

/* A program or library is placed where it may become executable. */
static bool is_elf(int fd)
{
    uint8_t head[4];
    return platform.files->read(fd, head, sizeof(head), 0) == (int64_t)sizeof(head) && !memcmp(head, "\177ELF", 4);
}

static int hostfs_open(struct inode *i, struct file *f)
{
    struct host_own *o = host_own(i);
    uint32_t access = access_of(f);
    int fd = descriptor(i, access);
    if (fd >= 0) {
        host_inode(i)->opens++;
        f->ops = &hostfs_open_ops;
        if (access != O_WRONLY)
            i->elf = is_elf(fd);
    }
    if (o->spare == i)
        host_spare_drop(o);
    return fd < 0 ? fd : 0;
}

const struct inode_ops hostfs_file_ops = {.open = hostfs_open, HOSTFS_OPS};

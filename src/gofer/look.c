/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that change nothing. A name is looked up by openat2(2) beneath the directory of a handle, through no link of
 * any kind, and gives an O_PATH descriptor; what such a descriptor stands for is opened only when it is a regular file
 * or a directory, by the number under /proc/self/fd, so nothing can take its place in between.
 */
#include "gofer/internal.h"

#include "base/kernelfs.h"
#include "linux/files_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- what is known of a file ---- */

static int attr_get(int dir, const char *name, int flags, struct files_attr *out)
{
    struct stat st;
    if (fstatat(dir, name, &st, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return -errno;
    *out = files_attr_of(&st);
    return 0;
}

int attr_of(int fd, struct files_attr *out)
{
    return attr_get(fd, "", AT_EMPTY_PATH, out);
}

int attr_at(int dir, const char *name, struct files_attr *out)
{
    return attr_get(dir, name, 0, out);
}

uint8_t kind_of(uint32_t mode)
{
    return S_ISDIR(mode)   ? HANDLE_DIRECTORY
           : S_ISREG(mode) ? HANDLE_REGULAR
           : S_ISLNK(mode) ? HANDLE_LINK
                           : HANDLE_SPECIAL;
}

/* ---- handles ---- */

int enter(struct gofer *g, const struct handle *in, int fd, struct reply *reply)
{
    int r = attr_of(fd, &reply->a.attr), error = 0;
    /* Another file system is mounted there: in the kernel's own, files are ways into this process. */
    if (!r && reply->a.attr.dev != g->root_dev[in->root] && (kernelfs_of(fd, &error) || error))
        r = error ? error : -EACCES;
    if (r) {
        close(fd);
        return r;
    }
    return handle_make(g, fd, kind_of(reply->a.attr.mode), in->root, &reply->a.handle);
}

int serve_root(struct gofer *g, const struct request *q, struct reply *reply)
{
    if (q->r.handle >= g->n_roots)
        return -EBADF;
    reply->a.handle = q->r.handle;
    reply->a.result = q->root_flags;
    return attr_of(q->of->fd, &reply->a.attr);
}

int serve_lookup(struct gofer *g, const struct request *q, struct reply *reply)
{
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, q->of->fd, q->name, &how, sizeof how);
    return fd < 0 ? -errno : enter(g, q->of, fd, reply);
}

int serve_check(struct gofer *g, const struct request *q, struct reply *reply)
{
    return attr_at(q->of->fd, q->name, &reply->a.attr);
}

int serve_getattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    return attr_of(q->of->fd, &reply->a.attr);
}

int serve_clunk(struct gofer *g, const struct request *q, struct reply *reply)
{
    for (uint32_t i = 0; i + sizeof(uint32_t) <= q->r.value; i += sizeof(uint32_t)) {
        uint32_t number;
        memcpy(&number, q->value + i, sizeof number);
        if (number >= g->n_roots && handle_of(g, number))
            handle_free(g, number);
    }
    return 0;
}

/* ---- contents ---- */

int serve_open(struct gofer *g, const struct request *q, struct reply *reply)
{
    int access = (int)q->r.flags;
    if (q->of->kind == HANDLE_SPECIAL) {
        int r = attr_of(q->of->fd, &reply->a.attr);
        return r ? r : S_ISCHR(reply->a.attr.mode) || S_ISBLK(reply->a.attr.mode) ? -EACCES : -ENXIO;
    }
    if (access == O_ACCMODE)
        return -EINVAL;
    if (access != O_RDONLY && !(q->root_flags & FILES_RW))
        return -EROFS;
    int fd = handle_open(g, q->of, access | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int r = attr_of(fd, &reply->a.attr);
    if (!r && !S_ISREG(reply->a.attr.mode))
        r = -EACCES;
    if (r)
        close(fd);
    else
        reply->fd = fd;
    return r;
}

int serve_opendir(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = handle_open(g, q->of, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? fd : handle_make(g, fd, HANDLE_READER, q->of->root, &reply->a.handle);
}

int serve_readdir(struct gofer *g, const struct request *q, struct reply *reply)
{
    if (q->r.flags & FILES_REWIND && lseek(q->of->fd, 0, SEEK_SET) < 0)
        return -errno;
    long n = syscall(SYS_getdents64, q->of->fd, reply->bytes, sizeof reply->bytes);
    if (n < 0)
        return -errno;
    reply->a.bytes = (uint32_t)n;
    return 0;
}

int serve_readlink(struct gofer *g, const struct request *q, struct reply *reply)
{
    ssize_t n = readlinkat(q->of->fd, "", (char *)reply->bytes, FILES_TEXT_MAX);
    if (n < 0)
        return -errno;
    reply->a.bytes = (uint32_t)n;
    return 0;
}

int serve_statfs(struct gofer *g, const struct request *q, struct reply *reply)
{
    struct statfs s;
    if (fstatfs(q->of->fd, &s) < 0)
        return -errno;
    const struct files_statfs out = {.block = (uint64_t)s.f_bsize,
                                     .blocks = s.f_blocks,
                                     .free = s.f_bfree,
                                     .available = s.f_bavail,
                                     .files = s.f_files,
                                     .files_free = s.f_ffree};
    memcpy(reply->bytes, &out, sizeof out);
    reply->a.bytes = sizeof out;
    return 0;
}

int serve_sync(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = handle_open(g, q->of, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int r = (q->r.flags & FILES_DATA ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0;
    close(fd);
    return r;
}

/* ---- attributes of users ---- */

int serve_getxattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = handle_open(g, q->of, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    ssize_t n = fgetxattr(fd, q->name, reply->bytes, sizeof reply->bytes);
    int r = n < 0 ? -errno : 0;
    close(fd);
    if (!r)
        reply->a.bytes = (uint32_t)n;
    return r;
}

/* Of the names in `all` those that a request could name. */
static uint32_t own_names(const char *all, size_t n, uint8_t *to)
{
    static const char own[] = "user.", overlay[] = "user.overlay.";
    uint32_t done = 0;
    for (size_t at = 0, length; at < n; at += length + 1) {
        length = strnlen(all + at, n - at);
        if (length == n - at)
            break;
        if (strncmp(all + at, own, sizeof own - 1) != 0 || !strncmp(all + at, overlay, sizeof overlay - 1))
            continue;
        memcpy(to + done, all + at, length + 1);
        done += (uint32_t)length + 1;
    }
    return done;
}

int serve_listxattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    static char all[FILES_BYTES_MAX];
    int fd = handle_open(g, q->of, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    ssize_t n = flistxattr(fd, all, sizeof all);
    int r = n < 0 ? -errno : 0;
    close(fd);
    if (!r)
        reply->a.bytes = own_names(all, (size_t)n, reply->bytes);
    return r;
}

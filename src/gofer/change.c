/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that change files and names, below roots that may be changed (request.c has looked). What is made belongs to
 * whom the request says; until it does, nobody but this process can open it. Device nodes, FIFOs and sockets are never
 * made; set-id bits not below a root without them.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define MODE_BITS 07777u
#define SET_IDS   (S_ISUID | S_ISGID)

static int or_errno(long r)
{
    return r < 0 ? -errno : 0;
}

/* The mode that is asked for, as far as the root allows it: set-id bits of a file are left out where it has none, as a
 * program that unpacks files would rather have. Of a directory they are no right over other programs. */
static uint32_t mode_of(const struct request *q, uint8_t kind)
{
    bool none = q->root_flags & FILES_NOSUID && kind != HANDLE_DIRECTORY;
    return q->r.mode & (none ? MODE_BITS & ~SET_IDS : MODE_BITS);
}

static int set_mode(const struct gofer *g, const struct handle *h, uint32_t mode)
{
    char name[HANDLE_NAME];
    handle_name(h, name);
    return or_errno(fchmodat(g->proc, name, mode & MODE_BITS, 0));
}

/* ---- attributes ---- */

static int set_size(const struct gofer *g, const struct request *q)
{
    if (q->of->kind != HANDLE_REGULAR || q->r.size > INT64_MAX)
        return -EINVAL;
    int fd = handle_open(g, q->of, O_WRONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int r = or_errno(ftruncate(fd, (off_t)q->r.size));
    close(fd);
    return r;
}

static struct timespec time_of(const struct request *q, uint32_t bit, uint64_t ns)
{
    if (!(q->r.what & bit))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

static int set_times(const struct request *q)
{
    const struct timespec times[2] = {time_of(q, FILES_ATIME, q->r.atime), time_of(q, FILES_MTIME, q->r.mtime)};
    return or_errno(utimensat(q->of->fd, "", times, AT_EMPTY_PATH));
}

int serve_setattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    uint32_t what = q->r.what;
    int r = 0;
    if (what & FILES_MODE && q->of->kind == HANDLE_LINK)
        return -EPERM;
    if (what & FILES_SIZE)
        r = set_size(g, q);
    if (!r && what & (FILES_UID | FILES_GID))
        r = or_errno(fchownat(q->of->fd, "", what & FILES_UID ? q->r.uid : (uid_t)-1,
                              what & FILES_GID ? q->r.gid : (gid_t)-1, AT_EMPTY_PATH));
    if (!r && what & FILES_MODE)
        r = set_mode(g, q->of, mode_of(q, q->of->kind));
    if (!r && what & (FILES_ATIME | FILES_MTIME))
        r = set_times(q);
    return r ? r : attr_of(q->of->fd, &reply->a.attr);
}

int serve_setxattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = handle_open(g, q->of, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int r = or_errno(fsetxattr(fd, q->name, q->value, q->r.value, (int)q->r.flags));
    close(fd);
    return r;
}

int serve_removexattr(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = handle_open(g, q->of, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int r = or_errno(fremovexattr(fd, q->name));
    close(fd);
    return r;
}

/* ---- what is new ---- */

/* Gives it its owner and its mode, which a change of owner takes bits from. */
static int own(const struct gofer *g, const struct request *q, const struct handle *made, struct files_attr *attr)
{
    int r = attr_of(made->fd, attr);
    if (r)
        return r;
    bool changed = attr->uid != q->r.uid || attr->gid != q->r.gid;
    if (changed)
        r = or_errno(fchownat(made->fd, "", q->r.uid, q->r.gid, AT_EMPTY_PATH));
    if (r == -EINVAL) /* the id is not one of this user namespace */
        r = -EOVERFLOW;
    if (!r && made->kind != HANDLE_LINK && (changed || (attr->mode & MODE_BITS) != mode_of(q, made->kind)))
        r = set_mode(g, made, mode_of(q, made->kind));
    return r ? r : attr_of(made->fd, attr);
}

/* A handle for what was made, with its owner and mode. -errno: it has to go again. Takes the descriptor. */
static int finish(struct gofer *g, const struct request *q, int fd, uint8_t kind, struct reply *reply)
{
    int r = handle_make(g, fd, kind, q->of->root, &reply->a.handle);
    if (r)
        return r;
    r = own(g, q, handle_of(g, reply->a.handle), &reply->a.attr);
    if (r)
        handle_free(g, reply->a.handle);
    return r;
}

/* The mode with which it is made: nobody else's until it has its owner. */
static uint32_t first_mode(const struct request *q, uint8_t kind)
{
    return q->r.uid == geteuid() && q->r.gid == getegid() ? mode_of(q, kind) : 0;
}

/* A new file, open: with its owner and a handle. Takes the descriptor. */
static int finish_file(struct gofer *g, const struct request *q, int fd, struct reply *reply)
{
    const struct handle made = {.fd = fd, .kind = HANDLE_REGULAR};
    int path = handle_open(g, &made, O_PATH);
    int r = path < 0 ? path : finish(g, q, path, HANDLE_REGULAR, reply);
    if (r)
        close(fd);
    else
        reply->fd = fd;
    return r;
}

static int make_file(const struct request *q, const char *name, uint64_t flags)
{
    const struct open_how how = {.flags = flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                                 .mode = first_mode(q, HANDLE_REGULAR),
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    if (q->r.mode & ~MODE_BITS)
        return -EPERM;
    int fd = (int)syscall(SYS_openat2, q->of->fd, name, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

int serve_create(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = make_file(q, q->name, O_CREAT | O_EXCL);
    int r = fd < 0 ? fd : finish_file(g, q, fd, reply);
    if (r && fd >= 0)
        unlinkat(q->of->fd, q->name, 0);
    return r;
}

int serve_tmpfile(struct gofer *g, const struct request *q, struct reply *reply)
{
    int fd = make_file(q, ".", O_TMPFILE);
    return fd < 0 ? fd : finish_file(g, q, fd, reply);
}

/* Opens what was just made, and has to be of that kind still. */
static int made_open(const struct request *q, uint8_t kind)
{
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    struct files_attr attr;
    int fd = (int)syscall(SYS_openat2, q->of->fd, q->name, &how, sizeof how);
    if (fd < 0)
        return -errno;
    int r = attr_of(fd, &attr);
    if (!r && (kind_of(attr.mode) != kind || attr.uid != geteuid()))
        r = -ESTALE; /* somebody else has put another in its place */
    if (r)
        close(fd);
    return r ? r : fd;
}

int serve_mkdir(struct gofer *g, const struct request *q, struct reply *reply)
{
    if (q->r.mode & ~MODE_BITS)
        return -EPERM;
    int r = or_errno(mkdirat(q->of->fd, q->name, first_mode(q, HANDLE_DIRECTORY)));
    if (r)
        return r;
    int fd = made_open(q, HANDLE_DIRECTORY);
    r = fd < 0 ? fd : finish(g, q, fd, HANDLE_DIRECTORY, reply);
    if (r)
        unlinkat(q->of->fd, q->name, AT_REMOVEDIR);
    return r;
}

int serve_symlink(struct gofer *g, const struct request *q, struct reply *reply)
{
    int r = or_errno(symlinkat(q->second, q->of->fd, q->name));
    if (r)
        return r;
    int fd = made_open(q, HANDLE_LINK);
    r = fd < 0 ? fd : finish(g, q, fd, HANDLE_LINK, reply);
    if (r)
        unlinkat(q->of->fd, q->name, 0);
    return r;
}

/* ---- names ---- */

int serve_link(struct gofer *g, const struct request *q, struct reply *reply)
{
    char name[HANDLE_NAME];
    handle_name(q->of, name);
    int r = or_errno(linkat(g->proc, name, q->other->fd, q->name, AT_SYMLINK_FOLLOW));
    return r ? r : attr_of(q->of->fd, &reply->a.attr);
}

int serve_unlink(struct gofer *g, const struct request *q, struct reply *reply)
{
    return or_errno(unlinkat(q->of->fd, q->name, 0));
}

int serve_rmdir(struct gofer *g, const struct request *q, struct reply *reply)
{
    return or_errno(unlinkat(q->of->fd, q->name, AT_REMOVEDIR));
}

int serve_rename(struct gofer *g, const struct request *q, struct reply *reply)
{
    return or_errno(syscall(SYS_renameat2, q->of->fd, q->name, q->other->fd, q->second, q->r.flags));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open(2) and its kin on brokered paths. What is there was looked up by O_PATH and its path judged; only regular files
 * and directories are opened, through that very descriptor, so nothing can be put in its place, and nothing that would
 * wait (a fifo) or act (a device) is touched. What is not there is made with O_EXCL in a directory looked up the same
 * way.
 */
#include "broker/services.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCESS  3 /* O_ACCMODE of the kernel; musl's has O_PATH in it */
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
/* Flags that keep their meaning when a descriptor is opened again. */
#define PASSED       (ACCESS | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_LARGEFILE | O_NOATIME | O_DIRECTORY | O_TRUNC)
#define CREATE_TRIES 8

int own_reopen(const struct broker *b, int fd, int flags)
{
    char digits[12];

    snprintf(digits, sizeof digits, "%d", fd);
    return (int)sys(SYS_openat, b->own_fds, digits, flags | O_CLOEXEC | O_NOCTTY);
}

int own_stat(int fd, struct stat *st)
{
    return (int)sys(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

/* ---- open ------------------------------------------------------------------------------------------------------- */

static int decode_flags(const struct broker *b, struct call *c, uint64_t flags, uint64_t mode)
{
    int how = (int)(flags & ACCESS);

    /* A descriptor that was not opened cannot be given away, and could be opened by the target anyway. */
    bool reads = flags & O_PATH;
    if (reads && !(b->rules.flags & BROKER_LEARN))
        flags &= O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;
    c->flags = flags;
    c->mode = mode;
    c->cloexec = flags & O_CLOEXEC;
    c->access[0] = how == O_RDONLY ? PATH_READ : how == O_WRONLY ? PATH_WRITE : PATH_READ | PATH_WRITE;
    if (reads)
        c->access[0] = PATH_READ;
    else if (flags & O_TRUNC)
        c->access[0] |= PATH_WRITE;
    c->changes = c->access[0] & PATH_WRITE;
    c->creates = flags & O_CREAT ? 1 : 0;
    /* Without effects on a regular file: so it may be opened before one knows that it is one. A fifo is opened and
     * closed by that, without waiting; devices do not open on a view. */
    if (!(flags & (ACCESS | O_CREAT | O_TRUNC | TMPFILE)) && !(b->rules.flags & BROKER_LEARN))
        c->quick = (flags & (PASSED | O_NOFOLLOW)) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    c->last[0] = flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? LAST_KEPT : LAST_FOLLOWED;
    return 0;
}

static int decode_open(struct broker *b, struct call *c)
{
    return decode_flags(b, c, c->flags & 0xffffffff, call_arg(c, c->row->flags + 1));
}

static int decode_creat(struct broker *b, struct call *c)
{
    return decode_flags(b, c, O_CREAT | O_WRONLY | O_TRUNC, call_arg(c, c->row->path[0] + 1));
}

/* openat2(2): a structure, which may be longer than the one that is known here, if nothing is in the rest. */
static int decode_open_how(struct broker *b, struct call *c)
{
    union {
        struct open_how how;
        char bytes[PATH_SIZE];
    } u;
    uint64_t size = call_arg(c, c->row->flags + 1);

    if (size < sizeof u.how || size > sizeof u)
        return size < sizeof u.how ? -EINVAL : -E2BIG;
    int r = target_read(c, &u, call_arg(c, c->row->flags), size);
    if (r < 0)
        return r == -ESRCH ? r : -EFAULT;
    for (uint64_t i = sizeof u.how; i < size; i++) {
        if (u.bytes[i])
            return -E2BIG;
    }
    c->scope = u.how.resolve;
    return decode_flags(b, c, u.how.flags, u.how.mode);
}

/* What the quick way opened: no device (a view has none), no socket (they do not open), so a file, a directory, or a
 * fifo, the one of them that has no position. The flag that kept it from waiting is taken off. */
static int take_opened(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];

    if (sys(SYS_lseek, s->fd, 0, SEEK_CUR) == -ESPIPE) {
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EACCES;
    }
    c->fd = s->fd;
    s->fd = -1;
    return c->flags & O_NONBLOCK
               ? 0
               : (int)sys(SYS_fcntl, c->fd, F_SETFL, (int)(c->flags & (O_DIRECT | O_NOATIME | O_APPEND)));
}

static int open_found(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    struct stat st;
    int r = call_judge(b, c, 0);

    if (r < 0 || (r = own_stat(s->fd, &st)) < 0)
        return r;
    if (S_ISLNK(st.st_mode))
        return -ELOOP;
    if (c->flags & O_DIRECTORY && !S_ISDIR(st.st_mode))
        return -ENOTDIR;
    /* Without a view of its own a directory would lead out of its tree. */
    if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || (S_ISDIR(st.st_mode) && !b->views)) {
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EACCES;
    }
    c->fd = own_reopen(b, s->fd, (int)(c->flags & PASSED));
    return c->fd < 0 ? c->fd : 0;
}

/* One try: 0 with c->fd, or -EEXIST: somebody was faster, or a link that leads nowhere is there. */
static int create(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    int flags = (int)(c->flags & PASSED & ~(uint64_t)O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
    int r = call_judge(b, c, 0);

    if (r < 0)
        return r;
    if (s->kind != SPOT_BROKERED)
        return -EACCES;
    if (s->error)
        return s->error;
    if (s->is_top || c->flags & O_DIRECTORY || strchr(s->name, '/') || !s->name[0])
        return -EISDIR;
    if (c->mode & (S_ISUID | S_ISGID)) { /* on the host it would be somebody's program */
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EPERM;
    }
    mode_t old = umask(target_umask(b, c));
    c->fd = (int)sys(SYS_openat, s->fd, s->name, flags, c->mode & 01777);
    umask(old);
    return c->fd < 0 ? c->fd : 0;
}

static int serve_open(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    uint32_t access = c->access[0];
    enum last_name last = c->last[0];
    char asked[PATH_SIZE];
    int r;

    if (s->opened)
        return take_opened(b, c);
    if (c->flags & TMPFILE) {
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EOPNOTSUPP; /* as of a file system without it: programs make a name instead */
    }
    snprintf(asked, sizeof asked, "%s", s->asked);
    for (int tries = 0; tries < CREATE_TRIES; tries++) {
        bool missing = s->kind == SPOT_BROKERED && s->error == -ENOENT;
        if (missing && c->flags & O_CREAT) {
            c->last[0] = LAST_NAMED;
            c->access[0] = access | PATH_CREATE;
            spot_close(s);
            if ((r = resolve(b, c, 0, asked, true)) < 0)
                return r;
            r = create(b, c);
            bool again = r == 0 && !c->changes; /* opened anew, in the view that is for reading */
            if (again)
                fd_drop(&c->fd);
            if (r != -EEXIST && !again)
                return r;
            c->last[0] = last;
            c->access[0] = access;
            c->flags &= again ? ~(uint64_t)(O_CREAT | O_EXCL) : ~0ull;
            spot_close(s);
            if ((r = resolve(b, c, 0, asked, c->changes)) < 0)
                return r;
            continue;
        }
        if (s->kind != SPOT_BROKERED)
            return -EACCES;
        if (s->error)
            return call_found(b, c);
        if (c->flags & O_CREAT && c->flags & O_EXCL)
            return (r = call_judge(b, c, 0)) < 0 ? r : -EEXIST;
        return open_found(b, c);
    }
    return -ENOENT; /* a link that leads nowhere: it is not made through it */
}

static int serve_open_how(struct broker *b, struct call *c)
{
    if (c->scope & ~(uint64_t)(RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV))
        return -ENOSYS; /* scopes of the target's own are not kept here: callers have a way without openat2(2) */
    return serve_open(b, c);
}

static int serve_truncate(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    int64_t length = (int64_t)call_arg(c, c->row->path[0] + 1);
    struct stat st;
    int r = call_found(b, c);

    if (r < 0 || (r = own_stat(s->fd, &st)) < 0)
        return r;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    _cleanup_fd_ int fd = own_reopen(b, s->fd, O_WRONLY);
    return fd < 0 ? fd : (int)sys(SYS_ftruncate, fd, length);
}

const struct service service_open = {.decode = decode_open, .serve = serve_open};
const struct service service_creat = {.decode = decode_creat, .serve = serve_open};
const struct service service_open_how = {.decode = decode_open_how, .serve = serve_open_how};
const struct service service_truncate = {
    .deed = "truncate", .access = PATH_WRITE, .changes = true, .serve = serve_truncate};

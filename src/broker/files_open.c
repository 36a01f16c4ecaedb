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

#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
/* Flags that keep their meaning when a descriptor is opened again. */
#define PASSED                                                                                                         \
    (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_LARGEFILE | O_NOATIME | O_DIRECTORY | O_TRUNC)
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

static int decode_flags(struct call *c, uint64_t flags, uint64_t mode)
{
    int how = (int)(flags & O_ACCMODE);

    if (flags & O_PATH)
        flags &= O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW; /* as the kernel takes it */
    c->flags = flags;
    c->mode = mode;
    c->cloexec = flags & O_CLOEXEC;
    c->access[0] = how == O_RDONLY ? PATH_READ : how == O_WRONLY ? PATH_WRITE : PATH_READ | PATH_WRITE;
    if (flags & O_PATH)
        c->access[0] = PATH_READ; /* it can be opened once more */
    else if (flags & O_TRUNC)
        c->access[0] |= PATH_WRITE;
    c->changes = c->access[0] & PATH_WRITE;
    c->creates = flags & O_CREAT ? 1 : 0;
    c->last[0] = flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? LAST_KEPT : LAST_FOLLOWED;
    return 0;
}

static int decode_open(struct broker *b, struct call *c)
{
    return decode_flags(c, c->flags & 0xffffffff, call_arg(c, c->row->flags + 1));
}

static int decode_creat(struct broker *b, struct call *c)
{
    return decode_flags(c, O_CREAT | O_WRONLY | O_TRUNC, call_arg(c, c->row->path[0] + 1));
}

/* openat2(2): a structure, and how it resolves. */
static int decode_open_how(struct broker *b, struct call *c)
{
    struct open_how how;
    uint64_t size = call_arg(c, c->row->flags + 1);

    if (size < sizeof how || target_read(c, &how, call_arg(c, c->row->flags), sizeof how) < 0) {
        memset(&how, 0, sizeof how); /* the kernel says what is wrong with it */
        how.resolve = ~0ull;
    }
    int r = decode_flags(c, how.flags, how.mode);
    c->scope = how.resolve | (size > sizeof how ? RESOLVE_BENEATH : 0);
    return r;
}

static int open_found(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    struct stat st;
    int r = call_judge(b, c, 0);

    if (r < 0 || (r = own_stat(s->fd, &st)) < 0)
        return r;
    if (S_ISLNK(st.st_mode) && !(c->flags & O_PATH))
        return -ELOOP;
    if (c->flags & O_DIRECTORY && !S_ISDIR(st.st_mode))
        return -ENOTDIR;
    /* Without a view of its own a directory would lead out of its tree. */
    if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) || (S_ISDIR(st.st_mode) && !b->views)) {
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EACCES;
    }
    if (c->flags & O_PATH) {
        c->fd = s->fd;
        s->fd = -1;
        return 0;
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

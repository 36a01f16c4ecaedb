/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with names: made, moved, removed, looked at. Each is one call of the kernel on an opened directory and
 * one name, or on an opened file (path.c says why). */
#include "wasi/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int wasi_path_create_directory(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "create", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0};
    int r = path_take(c, 0, 1, RIGHT_PATH_CREATE_DIRECTORY, &p);

    if (r == 0)
        r = path_place(&p, -EEXIST, &at);
    if (r == 0)
        r = mkdirat(at.dir, at.name, 0777) < 0 ? -errno : 0;
    return path_done(c, &p, r);
}

int wasi_path_remove_directory(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "remove", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0};
    int r = path_take(c, 0, 1, RIGHT_PATH_REMOVE_DIRECTORY, &p);

    if (r == 0)
        r = path_place(&p, -EINVAL, &at);
    if (r == 0)
        r = unlinkat(at.dir, at.name, AT_REMOVEDIR) < 0 ? -errno : 0;
    return path_done(c, &p, r);
}

int wasi_path_unlink_file(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "remove", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0};
    int r = path_take(c, 0, 1, RIGHT_PATH_UNLINK_FILE, &p);

    if (r == 0)
        r = path_place(&p, -EISDIR, &at);
    if (r == 0)
        r = unlinkat(at.dir, at.name, 0) < 0 ? -errno : 0;
    return path_done(c, &p, r);
}

int wasi_path_rename(struct wasi_call *c)
{
    struct wasi_path from = {.deed = "move", .access = WASI_ACCESS_CREATE};
    struct wasi_path to = {.deed = "move to", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0}, new = {0};
    int r = path_take(c, 0, 1, RIGHT_PATH_RENAME_SOURCE, &from);

    if (r == 0)
        r = path_place(&from, -EBUSY, &at);
    if (r < 0)
        return path_done(c, &from, r);
    r = path_take(c, 3, 4, RIGHT_PATH_RENAME_TARGET, &to);
    if (r == 0)
        r = path_place(&to, -EBUSY, &new);
    if (r < 0)
        return path_done(c, &to, r);
    r = renameat(at.dir, at.name, new.dir, new.name) < 0 ? -errno : 0;
    return path_done(c, r == -ENOENT ? &from : &to, r); /* the first is the one that must be there */
}

/* A link to what the path names itself: a link is not followed, as wasi-libc's link() wants it. With a slash at its end
 * Linux would follow it, and only directories could be meant, which have no other names. */
static int link_source(const struct wasi_path *p, struct wasi_place *at)
{
    int r = path_place(p, -EPERM, at);

    if (r < 0 || !strchr(at->name, '/'))
        return r;
    _cleanup_fd_ int fd = path_open_beneath(p, O_PATH | O_DIRECTORY, 0);
    return fd < 0 ? fd : -EPERM;
}

int wasi_path_link(struct wasi_call *c)
{
    struct wasi_path from = {.deed = "link", .access = WASI_ACCESS_CREATE};
    struct wasi_path to = {.deed = "link as", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0}, new = {0};
    int r = path_take(c, 0, 2, RIGHT_PATH_LINK_SOURCE, &from);

    if (r == 0 && c->args[1].i32) /* nor is there a flag that would follow: the file behind would be used by name */
        r = -EINVAL;
    if (r == 0)
        r = link_source(&from, &at);
    if (r < 0)
        return path_done(c, &from, r);
    r = path_take(c, 4, 5, RIGHT_PATH_LINK_TARGET, &to);
    if (r == 0)
        r = path_place(&to, -EEXIST, &new);
    if (r < 0)
        return path_done(c, &to, r);
    r = linkat(at.dir, at.name, new.dir, new.name, 0) < 0 ? -errno : 0;
    return path_done(c, r == -ENOENT ? &from : &to, r); /* the first is the one that must be there */
}

/* An absolute text would mean another file to everybody outside. */
int wasi_path_symlink(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "create", .access = WASI_ACCESS_CREATE};
    _cleanup_place_ struct wasi_place at = {0};
    char text[PATH_MAX];
    int r = path_take(c, 2, 3, RIGHT_PATH_SYMLINK, &p);

    if (r == 0)
        r = path_place(&p, -EEXIST, &at);
    if (r < 0)
        return path_done(c, &p, r);
    if ((r = path_take_text(c, 0, text)) < 0)
        return r;
    return path_done(c, &p, symlinkat(text, at.dir, at.name) < 0 ? -errno : 0);
}

int wasi_path_readlink(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "look at"};
    uint32_t room = c->args[4].i32;
    int r = path_take(c, 0, 1, RIGHT_PATH_READLINK, &p);
    char *to = memory_span(c->memory, call_address(c, 3), room);

    if (r == 0)
        r = to ? memory_check(c->memory, call_address(c, 5), sizeof room) : -EFAULT;
    if (r < 0)
        return path_done(c, &p, r);
    _cleanup_fd_ int fd = path_open_beneath(&p, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return path_done(c, &p, fd);
    char text[PATH_MAX];
    ssize_t n = readlinkat(fd, "", text, sizeof text);
    if (n < 0)
        return errno == ENOENT ? -EINVAL : -errno; /* it is there, and no link */
    uint32_t used = (uint32_t)n < room ? (uint32_t)n : room;
    memcpy(to, text, used);
    return call_put(c, 5, &used, sizeof used);
}

/* The file itself, as far as looking at it and its times go. */
static int open_to_look(const struct wasi_path *p, uint32_t lookup)
{
    if (lookup & ~(uint32_t)LOOKUP_SYMLINK_FOLLOW)
        return -EINVAL;
    return path_open_beneath(p, O_PATH | (lookup & LOOKUP_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW), 0);
}

int wasi_path_filestat_get(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "look at"};
    struct wasi_filestat out;
    struct stat st;
    int r = path_take(c, 0, 2, RIGHT_PATH_FILESTAT_GET, &p);

    if (r == 0)
        r = memory_check(c->memory, call_address(c, 4), sizeof out);
    if (r < 0)
        return path_done(c, &p, r);
    _cleanup_fd_ int fd = open_to_look(&p, c->args[1].i32);
    if (fd < 0)
        return path_done(c, &p, fd);
    if (fstat(fd, &st) < 0)
        return -errno;
    stat_put(&st, fd, &out);
    return call_put(c, 4, &out, sizeof out);
}

int wasi_path_filestat_set_times(struct wasi_call *c)
{
    struct wasi_path p = {.deed = "change the times of", .access = WASI_ACCESS_WRITE};
    struct timespec times[2];
    int r = path_take(c, 0, 2, RIGHT_PATH_FILESTAT_SET_TIMES, &p);

    if (r == 0)
        r = times_take(c->wasi, c->args[4].i64, c->args[5].i64, c->args[6].i32, times);
    if (r < 0)
        return path_done(c, &p, r);
    _cleanup_fd_ int fd = open_to_look(&p, c->args[1].i32);
    if (fd < 0)
        return path_done(c, &p, fd);
    return path_done(c, &p, utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0);
}

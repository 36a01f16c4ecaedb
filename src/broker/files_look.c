/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that ask what is at a brokered path. The answer is made here from the O_PATH descriptor that the look-up gave
 * and written into the target's memory, where the target pointed; what it does there to its own memory is its own harm.
 */
#include "broker/services.h"
#include "broker/statx.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef AT_STATX_SYNC_TYPE
#define AT_STATX_SYNC_TYPE 0x6000
#endif

static uint64_t after_path(const struct call *c, int n)
{
    return call_arg(c, c->row->path[0] + n);
}

static int serve_stat(struct broker *b, struct call *c)
{
    struct stat st;
    int r = call_found(b, c);

    if (r == 0)
        r = own_stat(c->spots[0].fd, &st); /* the kernel's own layout, as musl has it */
    return r < 0 ? r : target_write(b, c, after_path(c, 1), &st, sizeof st);
}

static int serve_statx(struct broker *b, struct call *c)
{
    struct file_facts facts;
    int flags = (int)(c->flags & AT_STATX_SYNC_TYPE), r = call_found(b, c);

    if (r == 0)
        r = (int)sys(SYS_statx, c->spots[0].fd, "", AT_EMPTY_PATH | flags, after_path(c, 2), &facts);
    return r < 0 ? r : target_write(b, c, after_path(c, 3), &facts, sizeof facts);
}

static int serve_statfs(struct broker *b, struct call *c)
{
    struct statfs fs;
    int r = call_found(b, c);

    if (r == 0)
        r = (int)sys(SYS_fstatfs, c->spots[0].fd, &fs);
    return r < 0 ? r : target_write(b, c, after_path(c, 1), &fs, sizeof fs);
}

static int serve_readlink(struct broker *b, struct call *c)
{
    char text[PATH_SIZE];
    int size = (int)after_path(c, 2), r = call_found(b, c);

    if (r < 0)
        return r;
    if (size <= 0)
        return -EINVAL;
    long n = sys(SYS_readlinkat, c->spots[0].fd, "", text, size < PATH_SIZE ? size : PATH_SIZE);
    if (n < 0)
        return n == -ENOENT ? -EINVAL : (int)n; /* "" of what is no link */
    c->value = n;
    return target_write(b, c, after_path(c, 1), text, (size_t)n);
}

/* ---- access ------------------------------------------------------------------------------------------------------ */

static int decode_access(struct broker *b, struct call *c)
{
    uint64_t mode = after_path(c, 1);

    c->mode = mode & 0xffffffff;
    c->access[0] = PATH_STAT | (mode & R_OK ? PATH_READ : 0);
    c->changes = mode & W_OK; /* the other view is read-only for everybody */
    return 0;
}

static int serve_access(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    struct stat st;

    if (c->mode & ~(uint64_t)(R_OK | W_OK | X_OK))
        return -EINVAL;
    if (s->error == 0 && own_stat(s->fd, &st) == 0) {
        if (c->mode & W_OK)
            c->access[0] |= S_ISDIR(st.st_mode) ? PATH_CREATE : PATH_WRITE;
        if (c->mode & X_OK && !S_ISDIR(st.st_mode))
            c->access[0] |= PATH_EXECUTE;
    }
    int r = call_found(b, c);
    return r < 0 ? r : (int)sys(SYS_faccessat2, s->fd, "", c->mode, AT_EMPTY_PATH | (c->flags & AT_EACCESS));
}

/* access(2) and faccessat(2) have no flags, which reads as 0. */
const struct service service_access = {
    .deed = "look at", .looks = true, .nofollow = AT_SYMLINK_NOFOLLOW, .decode = decode_access, .serve = serve_access};
const struct service service_stat = {
    .deed = "look at", .looks = true, .access = PATH_STAT, .nofollow = AT_SYMLINK_NOFOLLOW, .serve = serve_stat};
const struct service service_lstat = {
    .deed = "look at", .looks = true, .access = PATH_STAT, .last = LAST_KEPT, .serve = serve_stat};
const struct service service_statx = {
    .deed = "look at", .looks = true, .access = PATH_STAT, .nofollow = AT_SYMLINK_NOFOLLOW, .serve = serve_statx};
const struct service service_statfs = {.deed = "look at", .looks = true, .access = PATH_STAT, .serve = serve_statfs};
const struct service service_readlink = {
    .deed = "look at", .looks = true, .access = PATH_STAT, .last = LAST_KEPT, .serve = serve_readlink};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that a brokered path cannot have: they act on the calling process itself (its directory, its program), or on
 * what the broker would have to keep for it. Each is refused with the error that programs know a way round, and where
 * the program asked for an effect, with a report.
 */
#include "broker/services.h"

#include <errno.h>
#include <fcntl.h>

static int refuse(struct broker *b, struct call *c, int error)
{
    int i = c->n_paths > 1 && c->spots[0].kind != SPOT_BROKERED;

    denial_path(b, c, i, REFUSED_UNSUPPORTED);
    return error;
}

/* A directory that was opened can be entered: fchdir(2). */
static int refuse_access(struct broker *b, struct call *c)
{
    return refuse(b, c, -EACCES);
}

/* As of a file system without them. */
static int refuse_permission(struct broker *b, struct call *c)
{
    return refuse(b, c, -EPERM);
}

static int refuse_support(struct broker *b, struct call *c)
{
    return refuse(b, c, -EOPNOTSUPP);
}

/* A question: no attributes are there. */
static int not_supported(struct broker *b, struct call *c)
{
    int r = call_found(b, c);

    return r < 0 ? r : -EOPNOTSUPP;
}

/* The program itself is not run through the broker: it would be one that no wall of the kernel has seen. */
static int refuse_exec(struct broker *b, struct call *c)
{
    const struct spot *s = &c->spots[0];

    if (s->error == -ENOENT && rule_gives(s->rule, PATH_STAT))
        return -ENOENT; /* a search along PATH */
    return refuse(b, c, -EACCES);
}

const struct service service_chdir = {.deed = "enter", .access = PATH_STAT, .serve = refuse_access};
const struct service service_watch = {.deed = "watch", .access = PATH_READ, .serve = refuse_access};
const struct service service_mknod = {.deed = "make the special file",
                                      .access = PATH_CREATE,
                                      .last = LAST_NAMED,
                                      .creates = 1,
                                      .serve = refuse_permission};
const struct service service_link = {.deed = "make a second name of",
                                     .access = PATH_CREATE,
                                     .last = LAST_NAMED,
                                     .creates = 2,
                                     .serve = refuse_permission};
const struct service service_exec = {
    .deed = "run", .access = PATH_EXECUTE, .nofollow = AT_SYMLINK_NOFOLLOW, .serve = refuse_exec};

#define ASK  .deed = "look at", .looks = true, .access = PATH_STAT, .serve = not_supported
#define TELL .deed = "change the attributes of", .access = PATH_WRITE, .serve = refuse_support
const struct service service_getxattr = {ASK, .nofollow = AT_SYMLINK_NOFOLLOW};
const struct service service_lgetxattr = {ASK, .last = LAST_KEPT};
const struct service service_listxattr = {ASK, .nofollow = AT_SYMLINK_NOFOLLOW};
const struct service service_llistxattr = {ASK, .last = LAST_KEPT};
const struct service service_getattr = {ASK, .nofollow = AT_SYMLINK_NOFOLLOW};
const struct service service_setxattr = {TELL, .nofollow = AT_SYMLINK_NOFOLLOW};
const struct service service_lsetxattr = {TELL, .last = LAST_KEPT};
const struct service service_removexattr = {TELL, .nofollow = AT_SYMLINK_NOFOLLOW};
const struct service service_lremovexattr = {TELL, .last = LAST_KEPT};
const struct service service_setattr = {TELL, .nofollow = AT_SYMLINK_NOFOLLOW};

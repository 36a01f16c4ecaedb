/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that change names and attributes at brokered paths. Names are changed in a directory that was looked up, never
 * by a path; attributes through the descriptor of what was looked up. The rule's own directory is not changed by its
 * name, and no move lets a rule be got round: neither one that lies below what is moved, nor the one that the file
 * leaves.
 */
#include "broker/services.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The rule's word for path i of a call on names, then the errors that need no look: `top` where the name is the rule's
 * own directory, `dots` where it is "." or "..". */
static int name_of(struct broker *b, struct call *c, int i, int top, int dots)
{
    const struct spot *s = &c->spots[i];
    int r = call_judge(b, c, i);

    if (r < 0)
        return r;
    if (s->error)
        return s->error;
    if (s->is_top)
        return top;
    if (!s->name[0] || s->name[0] == '/')
        return top;
    return !strncmp(s->name, "./", 2) || !strncmp(s->name, "../", 3) || !strcmp(s->name, ".") || !strcmp(s->name, "..")
               ? dots
               : 0;
}

/* A rule of one file is of a file. A link there would be followed by whoever comes next, also by a launcher that is
 * given the same rule again; a directory would be one whose parent was not granted. */
static int only_a_file(struct broker *b, struct call *c)
{
    if (!c->spots[0].rule->is_file)
        return 0;
    denial_path(b, c, 0, REFUSED_UNSUPPORTED);
    return -EPERM;
}

static int serve_mkdir(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    uint64_t mode = call_arg(c, c->path[0] + 1);
    int r = name_of(b, c, 0, -EEXIST, -EEXIST);

    if (r < 0 || (r = only_a_file(b, c)) < 0)
        return r;
    mode_t old = umask(target_umask(b, c));
    r = (int)sys(SYS_mkdirat, s->fd, s->name, mode & 01777);
    umask(old);
    return r;
}

static int serve_rmdir(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    int r = name_of(b, c, 0, -EBUSY, -EINVAL);

    return r < 0 ? r : (int)sys(SYS_unlinkat, s->fd, s->name, AT_REMOVEDIR);
}

static int serve_unlink(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];

    if (c->flags & ~(uint64_t)AT_REMOVEDIR)
        return -EINVAL;
    if (c->flags & AT_REMOVEDIR)
        return serve_rmdir(b, c);
    int r = name_of(b, c, 0, -EISDIR, -EISDIR);
    return r < 0 ? r : (int)sys(SYS_unlinkat, s->fd, s->name, 0);
}

/* symlink(2): the row's first path is the text of the link and names nothing. */
static int decode_symlink(struct broker *b, struct call *c)
{
    c->n_paths = 1;
    c->dir[0] = c->row->dir[1];
    c->path[0] = c->row->path[1];
    return 0;
}

static int serve_symlink(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    int n = target_string(c, c->text[1], PATH_SIZE, call_arg(c, c->row->path[0]));
    int r = !notify_waits(b, c->n.id) ? -ESRCH : n < 0 ? n : name_of(b, c, 0, -EEXIST, -EEXIST);

    if (r == 0)
        r = only_a_file(b, c);
    return r < 0 ? r : (int)sys(SYS_symlinkat, c->text[1], s->fd, s->name);
}

/* ---- rename ------------------------------------------------------------------------------------------------------ */

/* What the one place gives and the other does not would be won by moving there. */
static bool wins(const struct rule *from, const struct rule *to)
{
    return to->access & ~from->access & ~(uint32_t)PATH_STAT;
}

static int serve_rename(struct broker *b, struct call *c)
{
    struct spot *from = &c->spots[0], *to = &c->spots[1];
    bool exchange = c->flags & RENAME_EXCHANGE;

    if (c->flags & ~(uint64_t)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    for (int i = 0; i < 2; i++) {
        int r = c->spots[i].kind == SPOT_BROKERED ? name_of(b, c, i, -EBUSY, -EBUSY) : -EXDEV;
        if (r < 0)
            return r;
    }
    if (from->rule->tree != to->rule->tree || wins(from->rule, to->rule) || (exchange && wins(to->rule, from->rule)))
        return -EXDEV; /* a copy is read and written under the rules: programs make one then */
    for (int i = 0; i < 2; i++) {
        if (rules_below(&b->rules, c->spots[i].guest)) {
            denial_path(b, c, i, REFUSED_BY_RULE);
            return -EACCES;
        }
    }
    return (int)sys(SYS_renameat2, from->fd, from->name, to->fd, to->name, c->flags);
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static int serve_chmod(struct broker *b, struct call *c)
{
    uint64_t mode = call_arg(c, c->path[0] + 1);
    char digits[12];
    struct stat st;
    int r = call_found(b, c);

    if (r < 0 || (r = own_stat(c->spots[0].fd, &st)) < 0)
        return r;
    if (S_ISLNK(st.st_mode))
        return -EOPNOTSUPP;
    if (mode & (S_ISUID | S_ISGID)) { /* on the host it would be somebody's program */
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EPERM;
    }
    snprintf(digits, sizeof digits, "%d", c->spots[0].fd);
    return (int)sys(SYS_fchmodat, b->own_fds, digits, mode & 01777);
}

static int serve_chown(struct broker *b, struct call *c)
{
    int r = call_found(b, c);

    return r < 0 ? r
                 : (int)sys(SYS_fchownat, c->spots[0].fd, "", call_arg(c, c->path[0] + 1), call_arg(c, c->path[0] + 2),
                            AT_EMPTY_PATH);
}

/* utime(2) has seconds, utimes(2) microseconds, utimensat(2) what is set. */
static int read_times(const struct call *c, struct timespec out[2])
{
    uint64_t from = call_arg(c, c->path[0] + 1);
    const char *name = c->row->name;
    int64_t seconds[2];
    struct timeval micro[2];
    int r;

    if (!strcmp(name, "utimensat"))
        return target_read(c, out, from, 2 * sizeof *out);
    if (!strcmp(name, "utime"))
        r = target_read(c, seconds, from, sizeof seconds);
    else
        r = target_read(c, micro, from, sizeof micro);
    for (int i = 0; i < 2 && r == 0; i++) {
        if (!strcmp(name, "utime"))
            out[i] = (struct timespec){.tv_sec = seconds[i]};
        else if (micro[i].tv_usec < 0 || micro[i].tv_usec >= 1000000)
            r = -EINVAL;
        else
            out[i] = (struct timespec){.tv_sec = micro[i].tv_sec, .tv_nsec = micro[i].tv_usec * 1000};
    }
    return r;
}

static int serve_utime(struct broker *b, struct call *c)
{
    struct timespec times[2];
    char digits[12];
    struct stat st;
    bool now = !call_arg(c, c->path[0] + 1);
    int r = now ? 0 : read_times(c, times);

    if (!notify_waits(b, c->n.id))
        return -ESRCH;
    if (r < 0 || (r = call_found(b, c)) < 0 || (r = own_stat(c->spots[0].fd, &st)) < 0)
        return r;
    if (S_ISLNK(st.st_mode))
        return -EOPNOTSUPP;
    snprintf(digits, sizeof digits, "%d", c->spots[0].fd);
    return (int)sys(SYS_utimensat, b->own_fds, digits, now ? NULL : times, 0);
}

#define NAME_SERVICE .access = PATH_CREATE, .last = LAST_NAMED, .changes = true
const struct service service_mkdir = {.deed = "make the directory", NAME_SERVICE, .creates = 1, .serve = serve_mkdir};
const struct service service_rmdir = {.deed = "remove the directory", NAME_SERVICE, .serve = serve_rmdir};
const struct service service_unlink = {.deed = "remove", NAME_SERVICE, .serve = serve_unlink};
const struct service service_rename = {.deed = "rename", NAME_SERVICE, .creates = 2, .serve = serve_rename};
const struct service service_symlink = {
    .deed = "make the link", NAME_SERVICE, .creates = 1, .decode = decode_symlink, .serve = serve_symlink};

#define CHANGE_SERVICE .access = PATH_WRITE, .nofollow = AT_SYMLINK_NOFOLLOW, .changes = true
const struct service service_chmod = {.deed = "change the mode of", CHANGE_SERVICE, .serve = serve_chmod};
const struct service service_chown = {.deed = "change the owner of", CHANGE_SERVICE, .serve = serve_chown};
const struct service service_lchown = {
    .deed = "change the owner of", .access = PATH_WRITE, .last = LAST_KEPT, .changes = true, .serve = serve_chown};
const struct service service_utime = {.deed = "change the times of", CHANGE_SERVICE, .serve = serve_utime};

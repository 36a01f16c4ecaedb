/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path of the target's leads. Three places answer, in this order:
 *   1. The target's own root: what is there is the kernel's business. So are /proc, /dev and /sys.
 *   2. A brokered rule: what lies under its name is looked up beneath its directory.
 *   3. Nobody: the path does not exist.
 * The quick ways take a path as a whole and let the kernel follow its links; only a path whose links lead from one
 * place into another is walked name by name. What is opened is judged by the descriptor's own path, and ANSWER_CONTINUE
 * is never a grant: so a look-up that is out of date does no harm.
 */
#include "broker/look.h"
#include "broker/views.h"
#include "host/openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define ST_RDONLY 1

void spot_close(struct spot *s)
{
    fd_drop(&s->fd);
}

/* ---- what was asked --------------------------------------------------------------------------------------------- */

/* Whether a directory of the target's, whose path as we see it is given, lies in one of the views; its guest path. The
 * target may have a directory of that very name: then this descriptor is not what the name leads to here. */
static int start_in_view(const struct broker *b, int fd, const char *path, char guest[PATH_SIZE])
{
    unsigned long tree = strtoul(path + strlen(VIEWS_DIR "/"), NULL, 10);
    _cleanup_fd_ int again = look_up(b->own_root, path + 1, false, CANONICALLY);

    if (again < 0 || !look_same(again, fd) || tree >= b->rules.n_trees)
        return -ENOENT; /* also what was removed meanwhile */
    const char *name = path + strlen(VIEWS_DIR "/");
    return tree_name(b, (int32_t)tree, name[strcspn(name, "r/")] != 'r', fd, guest);
}

/* The absolute path of a relative one. *ours: it starts in a view, so the kernel must not be left to run the call. */
static int start_path(const struct broker *b, const struct call *c, int dir, char out[PATH_SIZE], bool *ours)
{
    char what[24], path[PATH_SIZE];

    snprintf(what, sizeof what, dir == AT_FDCWD ? "cwd" : "fd/%d", dir);
    _cleanup_fd_ int fd = target_open(b, c, what);
    if (fd < 0)
        return fd;
    int r = look_own_path(b, fd, path);
    *ours = r >= 0 && b->views && !strncmp(path, VIEWS_DIR "/", strlen(VIEWS_DIR "/"));
    if (*ours)
        return start_in_view(b, fd, path, out);
    if (r < 0 || path[0] != '/')
        return r < 0 ? r : -ENOENT;
    return (int)strlen(strcpy(out, path)); /* from the top of the target's mount namespace, which is its root */
}

static int asked_path(const struct broker *b, const struct call *c, int i, const char *text, char out[PATH_SIZE],
                      bool *ours)
{
    char start[PATH_SIZE];

    *ours = false;
    if (text[0] == '/')
        return (int)strlen(strcpy(out, text));
    int r = start_path(b, c, c->dir[i] < 0 ? AT_FDCWD : (int)call_arg(c, c->dir[i]), start, ours);
    return r < 0 ? r : path_join(out, start, text);
}

/* ---- the target's root ------------------------------------------------------------------------------------------ */

/* A name that is not there, beneath a directory of a read-only file system: it can never be there, and the look is
 * spared. Where that is wrong, as in a process with another root directory, the broker answers what the kernel would
 * have: nothing more is granted by it than the rule grants. */
static bool never_there(int root, const char *guest)
{
    char path[PATH_SIZE];
    struct statfs fs;
    int fd = look_up(root, guest, false, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

    if (fd != -ENOENT) {
        fd_drop(&fd);
        return false;
    }
    snprintf(path, sizeof path, "%s", guest);
    while (fd == -ENOENT && path[1]) {
        char *slash = strrchr(path, '/');
        slash[slash == path] = 0;
        fd = look_up(root, path, false, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    }
    bool never = fd >= 0 && sys(SYS_fstatfs, fd, &fs) == 0 && fs.f_flags & ST_RDONLY;
    fd_drop(&fd);
    return never;
}

static int open_root(struct broker *b, const struct call *c)
{
    if (b->root >= 0)
        return 0;
    int root = target_open(b, c, "root");
    if (root < 0)
        return root;
    if (!notify_waits(b, c->n.id)) {
        fd_drop(&root);
        return -ESRCH;
    }
    b->root = root;
    for (uint32_t i = 0; i < b->rules.n; i++)
        b->absent[i] = b->rules.v[i].verdict == PATH_BROKER && never_there(root, b->rules.v[i].guest);
    return 0;
}

/* The kernel decides. guest: where a walk ended, or NULL. What the reports need of it is looked up only where there are
 * reports. */
static int kernels(const struct broker *b, struct spot *s, int fd, bool exists, const char *guest)
{
    struct statfs fs;

    s->kind = SPOT_KERNEL;
    s->exists = exists;
    if (guest)
        snprintf(s->guest, PATH_SIZE, "%s", guest);
    else if (!exists && path_clean(s->asked, s->guest) < 0)
        s->guest[0] = 0;
    s->way = !exists && s->guest[0] && b->views && rules_below(&b->rules, s->guest);
    if (b->rules.flags & (BROKER_DENY_LOG | BROKER_LEARN)) {
        if (exists && (fd < 0 || look_own_path(b, fd, s->guest) < 0 || s->guest[0] != '/'))
            path_clean(s->asked, s->guest);
        s->readonly = fd >= 0 && sys(SYS_fstatfs, fd, &fs) == 0 && fs.f_flags & ST_RDONLY;
        s->rule = rules_find(&b->rules, s->guest, strlen(s->guest));
    }
    fd_drop(&fd);
    return 0;
}

static void parent_of(const char *path, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s", path);
    char *slash = strrchr(out, '/');
    if (slash)
        slash[slash == out] = 0;
}

bool spot_parent(const struct broker *b, struct spot *s)
{
    char dir[PATH_SIZE];
    struct statfs fs;

    parent_of(s->guest, dir);
    _cleanup_fd_ int fd = look_up(b->root, dir, true, IN_ROOT);
    s->readonly = fd >= 0 && sys(SYS_fstatfs, fd, &fs) == 0 && fs.f_flags & ST_RDONLY;
    return fd >= 0;
}

/* ---- the spot ---------------------------------------------------------------------------------------------------- */

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Splits off the name of a call that makes or removes one; the directory stays in `dir`. */
static int split_name(struct spot *s, const char *path, char dir[PATH_SIZE])
{
    size_t n, length;
    const char *name;
    bool slash;

    path_split(path, &n, &name, &length, &slash);
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(s->name, name, length);
    s->name[length] = 0;
    if (slash && length)
        strcat(s->name, "/");
    memcpy(dir, path, n);
    dir[n] = 0;
    return 0;
}

static int set_guest_of_name(struct spot *s, const char *dir)
{
    char name[sizeof s->name];

    snprintf(name, sizeof name, "%s", s->name);
    name[strcspn(name, "/")] = 0;
    if (!name[0] || is_dots(name))
        return snprintf(s->guest, PATH_SIZE, "%s", dir);
    return path_join(s->guest, dir, name);
}

static int brokered(struct spot *s, const struct rule *rule, int fd)
{
    s->kind = SPOT_BROKERED;
    s->rule = rule;
    s->error = fd < 0 ? fd : 0;
    s->fd = fd < 0 ? -1 : fd;
    return 0;
}

/* Whether ".." led there, as to the directory above a tree, which the kernel cannot go to by a name that only the
 * broker knows. */
static bool climbs_to(const char *asked, const char *guest, const struct place *at)
{
    char clean[PATH_SIZE];
    struct stat st;

    return at->fd >= 0 && path_climbs(asked) && path_clean(asked, clean) > 0 && !strcmp(clean, guest) &&
           sys(SYS_newfstatat, at->fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode);
}

/* The whole path, name by name: links lead out of the place where it starts. */
static int by_walking(const struct broker *b, struct spot *s, enum last_name last, bool changes)
{
    char dir[PATH_SIZE], guest[PATH_SIZE];
    struct place at;
    int r;

    if (last == LAST_NAMED && (r = split_name(s, s->asked, dir)) < 0)
        return r;
    r = walk(b, last == LAST_NAMED ? dir : s->asked, last != LAST_KEPT, changes, guest, &at);
    if (r < 0 && at.in == PLACE_TREE) {
        fd_drop(&at.fd);
        if (path_clean(s->asked, s->guest) < 0)
            return -ENAMETOOLONG;
        return brokered(s, at.rule, r);
    }
    if (r < 0 || at.in == PLACE_SYSTEM || (last != LAST_NAMED && at.in != PLACE_TREE)) {
        bool above = r == 0 && last != LAST_NAMED && at.in == PLACE_ROOT && b->views && climbs_to(s->asked, guest, &at);
        r = kernels(b, s, at.fd, r == 0 && at.in == PLACE_ROOT,
                    r == 0 && last != LAST_NAMED ? guest : NULL); /* it meets the same error */
        s->way |= above;
        return r;
    }
    if (last != LAST_NAMED) {
        snprintf(s->guest, PATH_SIZE, "%s", guest);
        return brokered(s, at.rule, at.fd < 0 ? at.error : at.fd);
    }
    struct place end;
    if (set_guest_of_name(s, guest) < 0) {
        fd_drop(&at.fd);
        return -ENAMETOOLONG;
    }
    look_at(b, s->guest, changes, &end);
    fd_drop(&end.fd);
    if (end.in != PLACE_TREE)
        return kernels(b, s, at.fd, end.in == PLACE_ROOT, NULL);
    s->is_top = end.rule->verdict == PATH_BROKER && !strcmp(end.rule->guest, s->guest) && !end.rule->is_file;
    if (end.rule->is_file) { /* its directory is the one that the launcher gave */
        fd_drop(&at.fd);
        snprintf(s->name, sizeof s->name, "%s", strrchr(end.rule->host, '/') + 1);
        at.fd = tree_look_up(b, &(struct rule){.tree = end.rule->tree}, "", true, changes, BENEATH);
    } else if (at.in != PLACE_TREE && !s->is_top) {
        at.error = -ENOENT;
        fd_drop(&at.fd);
    }
    return brokered(s, end.rule, at.fd < 0 ? at.error : at.fd);
}

/* Beneath the tree of one rule, links followed by the kernel. -EXDEV: they lead out of it, walk. */
static int in_tree(const struct broker *b, const struct call *c, struct spot *s, const struct rule *rule,
                   enum last_name last, bool changes)
{
    char dir[PATH_SIZE];
    const char *rest = s->asked + rule->length;
    int r;

    rest += strspn(rest, "/");
    if (last == LAST_NAMED && (!*rest || rule->is_file))
        return -EXDEV;
    if (last == LAST_NAMED) {
        if ((r = split_name(s, rest, dir)) < 0)
            return r;
        rest = dir;
    }
    int fd = -ENXIO;
    if (b->views && !rule->below && !rule->is_file && c->quick && rule_gives(rule, c->access[0])) {
        struct open_how how = {.flags = c->quick, .resolve = BENEATH};
        fd = openat2_scoped(b->trees[rule->tree].show, *rest ? rest : ".", &how);
        s->opened = fd >= 0;
    }
    if (fd == -ENXIO) /* not asked for, or a socket or a device: the slow way says what it is */
        fd = tree_look_up(b, rule, rest, last != LAST_KEPT, changes, BENEATH);
    if (fd == -EXDEV || (fd < 0 && rule->below))
        return -EXDEV;
    if (!rule->below) { /* one rule for all of it: the exact name is for reports only */
        r = path_clean(s->asked, s->guest);
        if (r < 0) {
            fd_drop(&fd);
            return r;
        }
        return brokered(s, rule, fd);
    }
    r = tree_name(b, rule->tree, changes, fd, last == LAST_NAMED ? dir : s->guest);
    if (r >= 0 && last == LAST_NAMED)
        r = set_guest_of_name(s, dir);
    if (r < 0)
        return brokered(s, rule, (fd_drop(&fd), r));
    const struct rule *found = rules_find(&b->rules, s->guest, strlen(s->guest));
    if (!found || found->within != rule->tree || (found != rule && last == LAST_NAMED)) {
        fd_drop(&fd);
        return -EXDEV; /* under a name that is another rule's: not what this tree has there */
    }
    return brokered(s, found, fd);
}

int resolve(struct broker *b, struct call *c, int i, const char *text, bool changes)
{
    struct spot *s = &c->spots[i];
    enum last_name last = c->last[i];
    int r;

    s->fd = -1;
    s->rule = NULL;
    s->error = 0;
    s->exists = s->readonly = s->system = s->ours = s->is_top = s->opened = s->way = false;
    s->guest[0] = s->name[0] = 0;
    if ((r = open_root(b, c)) == 0)
        r = asked_path(b, c, i, text, s->asked, &s->ours);
    if (r == -ESRCH || (r < 0 && s->ours))
        return r;
    s->system = r < 0 || path_is_kernels(s->asked);
    if (s->system) { /* also what cannot be looked at: a descriptor that is not there, a path too long */
        if (r < 0)
            s->asked[0] = 0;
        s->kind = SPOT_KERNEL;
        return 0;
    }
    const struct rule *rule = rules_find_literal(&b->rules, s->asked);
    bool brokers = rule && rule->verdict == PATH_BROKER;
    if (!brokers || !b->absent[rule - b->rules.v]) {
        int fd = look_up(b->root, s->asked, last == LAST_FOLLOWED, IN_ROOT | RESOLVE_NO_SYMLINKS);
        bool links = fd == -ELOOP;
        if (links)
            fd = look_up(b->root, s->asked, last == LAST_FOLLOWED, IN_ROOT);
        if (fd != -ENOENT)
            return kernels(b, s, fd, fd != -ENOTDIR, NULL);
        /* A link that leads to what is not there is told of by the name of that. */
        if (!b->rules.n_trees && !(links && b->rules.flags & BROKER_DENY_LOG))
            return kernels(b, s, -1, false, NULL);
        if (links || path_climbs(s->asked))
            return by_walking(b, s, last, changes);
        if ((r = path_clean(s->asked, s->guest)) < 0)
            return r;
        const struct rule *clean = rules_find(&b->rules, s->guest, (size_t)r);
        if (!clean || clean->within < 0)
            return kernels(b, s, -1, false, NULL);
        if (!brokers || clean != rule)
            return by_walking(b, s, last, changes);
    }
    r = in_tree(b, c, s, rule, last, changes);
    return r == -EXDEV ? by_walking(b, s, last, changes) : r;
}

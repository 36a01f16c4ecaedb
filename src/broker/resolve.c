/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path of the target's leads. Three places answer, in this order:
 *   1. The target's own root: what is there is the kernel's business. So are /proc, /dev and /sys.
 *   2. A brokered rule: what lies under its name is looked up beneath its directory.
 *   3. Nobody: the path does not exist.
 * The quick ways take a path as a whole and let the kernel follow its links; only a path whose links lead from one
 * place into another is walked name by name (walk). All look-ups are by O_PATH, so nothing is opened by them, and stay
 * beneath the directory they start at. The result may be out of date when it is used: what is opened is judged by the
 * descriptor's own path, and ANSWER_CONTINUE is never a grant.
 */
#include "broker/broker.h"
#include "broker/statx.h"
#include "host/openat2.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_MAX   40 /* as the kernel */
#define DELETED     " (deleted)"
#define ST_RDONLY   1
#define IN_ROOT     (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define BENEATH     (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
#define CANONICALLY (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

void spot_close(struct spot *s)
{
    fd_drop(&s->fd);
}

static int look_up(int dir, const char *path, bool follow, uint64_t how_resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), .resolve = how_resolve};

    return openat2_scoped(dir, path, &how);
}

static int link_text(int dir, const char *name, char out[PATH_SIZE])
{
    long n = sys(SYS_readlinkat, dir, name, out, PATH_SIZE);

    if (n < 0)
        return (int)n;
    if (n == PATH_SIZE)
        return -ENAMETOOLONG;
    out[n] = 0;
    return (int)n;
}

/* The path of a descriptor of ours, as far as the kernel knows it. */
static int own_path(const struct broker *b, int fd, char out[PATH_SIZE])
{
    char digits[12];

    snprintf(digits, sizeof digits, "%d", fd);
    return link_text(b->own_fds, digits, out);
}

static bool facts_of(int fd, struct file_facts *out)
{
    return sys(SYS_statx, fd, "", AT_EMPTY_PATH, FACT_INO | FACT_MOUNT, out) == 0 && out->mask & FACT_MOUNT;
}

uint64_t mount_id(int fd)
{
    struct file_facts facts;

    return facts_of(fd, &facts) ? facts.mount : 0;
}

static bool same_file(int a, int b)
{
    struct file_facts x, y;

    return facts_of(a, &x) && facts_of(b, &y) && x.ino == y.ino && x.mount == y.mount && x.dev_major == y.dev_major &&
           x.dev_minor == y.dev_minor;
}

/* ---- the trees ------------------------------------------------------------------------------------------------- */

static int tree_fd(const struct broker *b, int32_t tree, bool changes)
{
    return changes ? b->trees[tree].change : b->trees[tree].show;
}

/* `rest`: what follows the rule's name, without a slash in front. */
static int tree_look_up(const struct broker *b, const struct rule *rule, const char *rest, bool follow, bool changes,
                        uint64_t how_resolve)
{
    int dir = tree_fd(b, rule->tree, changes);

    if (rule->is_file) /* one name in a directory that is not granted: no link of it is followed */
        return *rest ? -ENOTDIR : look_up(dir, strrchr(rule->host, '/') + 1, false, CANONICALLY);
    return look_up(dir, *rest ? rest : ".", follow, how_resolve);
}

static const struct rule *rule_of_tree(const struct broker *b, int32_t tree)
{
    for (uint32_t i = 0; i < b->rules.n; i++) {
        if (b->rules.v[i].tree == tree)
            return &b->rules.v[i];
    }
    return NULL;
}

/* The guest path of a descriptor that lies in a tree. A name that was taken away has a mark behind it, which could also
 * be part of a name: then the name must still lead there. */
static int tree_name(const struct broker *b, int32_t tree, bool changes, int fd, char guest[PATH_SIZE])
{
    const struct rule *rule = rule_of_tree(b, tree);
    char top[PATH_SIZE], path[PATH_SIZE];
    int n = own_path(b, tree_fd(b, tree, changes), top), m = own_path(b, fd, path);

    if (!rule || n < 0 || m < 0)
        return -ENOENT;
    if (n == 1)
        n = 0;
    if (m < n || memcmp(path, top, (size_t)n) != 0 || (path[n] && path[n] != '/'))
        return -ENOENT;
    const char *rest = path + n + (path[n] == '/');
    if (m > (int)strlen(DELETED) && !strcmp(path + m - strlen(DELETED), DELETED)) {
        int again = tree_look_up(b, rule, rest, false, changes, CANONICALLY);
        bool same = again >= 0 && same_file(again, fd);
        fd_drop(&again);
        if (!same)
            return -ENOENT;
    }
    if (rule->is_file || !*rest)
        return snprintf(guest, PATH_SIZE, "%s", rule->guest);
    return path_join(guest, rule->guest, rest);
}

/* ---- what was asked --------------------------------------------------------------------------------------------- */

/* Which tree a directory of the target's lies in, by its mount; -1: none. */
static int32_t tree_of_mount(const struct broker *b, uint64_t mount, bool *changes)
{
    for (uint32_t i = 0; i < b->rules.n_trees; i++) {
        *changes = mount == b->trees[i].change_mount;
        if (*changes || mount == b->trees[i].show_mount)
            return (int32_t)i;
    }
    return -1;
}

/* The absolute path of a relative one. *ours: it starts in a tree, so the kernel must not be left to run the call. */
static int start_path(const struct broker *b, const struct call *c, int dir, char out[PATH_SIZE], bool *ours)
{
    char what[24];
    bool changes;
    int r;

    snprintf(what, sizeof what, dir == AT_FDCWD ? "cwd" : "fd/%d", dir);
    _cleanup_fd_ int fd = target_open(b, c, what);
    if (fd < 0)
        return fd;
    struct file_facts facts;
    int32_t tree = facts_of(fd, &facts) ? tree_of_mount(b, facts.mount, &changes) : -1;
    *ours = tree >= 0;
    if (*ours)
        return tree_name(b, tree, changes, fd, out);
    r = own_path(b, fd, out); /* from the top of the target's mount namespace, which is its root */
    return r >= 0 && out[0] != '/' ? -ENOENT : r;
}

static int asked_path(const struct broker *b, const struct call *c, int i, const char *text, char out[PATH_SIZE],
                      bool *ours)
{
    char start[PATH_SIZE];

    *ours = false;
    if (text[0] == '/')
        return (int)strlen(strcpy(out, text));
    int r = start_path(b, c, c->row->dir[i] < 0 ? AT_FDCWD : (int)call_arg(c, c->row->dir[i]), start, ours);
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

/* The kernel decides. What the reports need of it is looked up only where there are reports. */
static int kernels(const struct broker *b, struct spot *s, int fd, bool exists)
{
    struct statfs fs;

    s->kind = SPOT_KERNEL;
    s->exists = exists;
    if (b->rules.flags & (BROKER_DENY_LOG | BROKER_LEARN)) {
        if (fd < 0 || own_path(b, fd, s->guest) < 0 || s->guest[0] != '/')
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

bool host_has(const struct broker *b, const char *path, bool parent)
{
    char dir[PATH_SIZE];

    if (b->host < 0)
        return false;
    if (parent)
        parent_of(path, dir);
    _cleanup_fd_ int fd = look_up(b->host, parent ? dir : path, false, IN_ROOT);
    return fd >= 0;
}

/* ---- walking ----------------------------------------------------------------------------------------------------- */

struct place {
    enum { PLACE_ROOT, PLACE_TREE, PLACE_NOWHERE, PLACE_SYSTEM } in;
    const struct rule *rule;
    int fd; /* O_PATH; -1 with an error */
    int error;
};

/* One clean guest path without links before its last name. */
static void look_at(const struct broker *b, const char *guest, bool changes, struct place *out)
{
    const struct rule *rule = rules_find(&b->rules, guest, strlen(guest));

    *out = (struct place){.in = PLACE_ROOT, .rule = rule, .fd = -ENOENT};
    if (!rule || rule->verdict != PATH_BROKER || !b->absent[rule - b->rules.v])
        out->fd = look_up(b->root, guest, false, IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (out->fd == -ENOENT && rule && rule->within >= 0) {
        out->in = PLACE_TREE;
        out->fd = rule->verdict == PATH_DENY
                      ? -EACCES
                      : tree_look_up(b, rule, guest[rule->length] ? guest + rule->length + 1 : "", false, changes,
                                     CANONICALLY);
    } else if (out->fd == -ENOENT) {
        out->in = PLACE_NOWHERE;
    }
    if (out->fd < 0) {
        out->error = out->fd;
        out->fd = -1;
    }
}

static int expand_link(const struct place *p, const char *rest, char todo[PATH_SIZE], char guest[PATH_SIZE])
{
    char text[PATH_SIZE];
    int n = link_text(p->fd, "", text);

    if (n <= 0)
        return n < 0 ? n : -ENOENT;
    if ((size_t)n + 1 + strlen(rest) >= PATH_SIZE)
        return -ENAMETOOLONG;
    if (text[0] == '/')
        guest[0] = 0;
    memmove(todo + n + 1, rest, strlen(rest) + 1);
    memcpy(todo, text, (size_t)n);
    todo[n] = '/';
    if (!todo[n + 1])
        todo[n] = 0; /* a slash at the end would make the next link one that is followed */
    return 0;
}

/* What could not be looked up any more, for reports. */
static int add_rest(char guest[PATH_SIZE], const char *rest)
{
    char raw[PATH_SIZE];

    return path_join(raw, guest, rest) < 0 ? -ENAMETOOLONG : path_clean(raw, guest) < 0 ? -ENAMETOOLONG : 0;
}

/* Name by name, following links from one place into another. guest: clean, where it ended. 0, or -errno when the kernel
 * could not have gone on either. */
static int walk(const struct broker *b, const char *path, bool follow_last, bool changes, char guest[PATH_SIZE],
                struct place *at)
{
    char todo[PATH_SIZE], name[NAME_MAX + 1];
    const char *c = todo;
    unsigned links = 0;

    snprintf(todo, sizeof todo, "%s", path);
    guest[0] = 0;
    *at = (struct place){.in = PLACE_ROOT, .fd = look_up(b->root, "/", true, IN_ROOT)};
    for (unsigned steps = 0; steps < PATH_SIZE * LINKS_MAX; steps++) {
        c += strspn(c, "/");
        size_t n = strcspn(c, "/");
        if (!n)
            break;
        const char *rest = c + n;
        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, c, n);
        name[n] = 0;
        c = rest;
        if (!strcmp(name, "."))
            continue;
        if (!strcmp(name, "..")) {
            char *slash = strrchr(guest, '/');
            *(slash ? slash : guest) = 0;
        }
        size_t length = strlen(guest);
        if (strcmp(name, "..") != 0 && path_join(guest, length ? guest : "/", name) < 0)
            return -ENAMETOOLONG;
        fd_drop(&at->fd);
        if (path_is_kernels(guest)) {
            *at = (struct place){.in = PLACE_SYSTEM, .fd = -1};
            return 0;
        }
        look_at(b, guest[0] ? guest : "/", changes, at);
        struct stat st = {.st_mode = S_IFDIR};
        if (at->fd >= 0 && sys(SYS_newfstatat, at->fd, "", &st, AT_EMPTY_PATH) < 0)
            return -ENOENT;
        bool last = !*(rest + strspn(rest, "/"));
        if (at->fd >= 0 && S_ISLNK(st.st_mode) && (!last || follow_last || *rest)) {
            if (++links > LINKS_MAX)
                return -ELOOP;
            guest[length] = 0;
            int r = expand_link(at, rest, todo, guest);
            if (r < 0)
                return r;
            c = todo;
            continue;
        }
        if (at->error == -ENOENT && rules_below(&b->rules, guest[0] ? guest : "/") && at->in == PLACE_NOWHERE)
            continue; /* a name on the way to a rule: nothing is there but the rule */
        if (at->fd < 0)
            return last ? 0 : add_rest(guest, rest + 1);
        if (!last && !S_ISDIR(st.st_mode))
            return -ENOTDIR;
    }
    if (!guest[0])
        strcpy(guest, "/");
    return 0;
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

/* The whole path, name by name: links lead out of the place where it starts. */
static int by_walking(const struct broker *b, struct spot *s, enum last_name last, bool changes)
{
    char dir[PATH_SIZE], guest[PATH_SIZE];
    struct place at;
    int r;

    if (last == LAST_NAMED && (r = split_name(s, s->asked, dir)) < 0)
        return r;
    r = walk(b, last == LAST_NAMED ? dir : s->asked, last != LAST_KEPT, changes, guest, &at);
    if (r < 0 || at.in == PLACE_SYSTEM || (last != LAST_NAMED && at.in != PLACE_TREE))
        return kernels(b, s, at.fd, r == 0 && at.in == PLACE_ROOT); /* it meets the same error */
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
        return kernels(b, s, at.fd, end.in == PLACE_ROOT);
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
static int in_tree(const struct broker *b, struct spot *s, const struct rule *rule, enum last_name last, bool changes)
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
    int fd = tree_look_up(b, rule, rest, last != LAST_KEPT, changes, BENEATH);
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
    s->exists = s->readonly = s->system = s->ours = s->is_top = false;
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
            return kernels(b, s, fd, fd != -ENOTDIR);
        if (!b->rules.n_trees)
            return kernels(b, s, -1, false);
        if (links || path_climbs(s->asked))
            return by_walking(b, s, last, changes);
        if ((r = path_clean(s->asked, s->guest)) < 0)
            return r;
        const struct rule *clean = rules_find(&b->rules, s->guest, (size_t)r);
        if (!clean || clean->within < 0)
            return kernels(b, s, -1, false);
        if (!brokers || clean != rule)
            return by_walking(b, s, last, changes);
    }
    r = in_tree(b, s, rule, last, changes);
    return r == -EXDEV ? by_walking(b, s, last, changes) : r;
}

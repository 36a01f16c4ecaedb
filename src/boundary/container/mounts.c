/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount rules, executed inside the new mount namespace before the pivot. The image is hostile: every target is resolved
 * with openat2(RESOLVE_IN_ROOT) and mounts go onto the opened target, never onto a name. Set-up stage: no allocation.
 */
#include "boundary/container/container.h"
#include "host/mountapi.h"

#include <dirent.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define TARGET_MAX 4096

int mount_open_source(const char *source, bool recursive)
{
    return mount_clone(AT_FDCWD, source, recursive);
}

/* A source inside a tree that the workload may write means that tree's own directory, not what an earlier workload has
 * put in its place: it is looked up beneath the tree's top, and no link is followed. */
int mount_open_rule(const struct policy *p, const struct mount_rule *m, const char *source)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    const struct path_rule *tree = NULL;
    size_t length = 1;

    for (uint32_t i = 0; p->private_root && source && i < p->n_paths; i++) {
        const struct path_rule *rule = &p->paths[i];
        size_t n = strlen(rule->host);
        if (rule->access & PATH_CREATE && n > length && !strncmp(source, rule->host, n) && source[n] == '/')
            tree = rule, length = n;
    }
    if (!tree)
        return source ? mount_open_source(source, m->recursive) : -ENOENT;
    int top = (int)sys(SYS_openat, AT_FDCWD, tree->host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = top < 0 ? top : openat2_scoped(top, source + length + 1, &how);
    int copy = fd < 0 ? fd : mount_clone(fd, "", m->recursive);
    close_fd(top);
    close_fd(fd);
    return copy;
}

/* Whether the way to a path may pass "/" again: by "..", or by a link, which may have one. Or ends there. */
static bool passes_root(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    bool names = false, up = false;

    for (const char *c = path; *(c += strspn(c, "/")); c += strcspn(c, "/")) {
        size_t n = strcspn(c, "/");
        up |= n == 2 && !memcmp(c, "..", 2);
        names |= !(n == 1 && *c == '.');
    }
    if (up || !names)
        return true;
    int fd = openat2_scoped(AT_FDCWD, path, &how);
    close_fd(fd);
    return fd < 0;
}

/* Once the new root lies over "/", a walk that comes to "/" goes on in it, where the image says what a name is, and a
 * copy of all below "/" has it within. So what fails here is not tried again. Other sources are opened in their turn,
 * which keeps the kernel's list of mounts in the policy's order. */
void mounts_open_before_root(struct launch *l)
{
    for (uint32_t i = 0; i < l->policy->n_mounts; i++) {
        const struct mount_rule *m = &l->policy->mounts[i];
        const char *source = l->mount_sources[i];
        if (!m->bind || m->remount || !source || l->mount_fds[i] != MOUNT_LATER || !passes_root(source))
            continue;
        int tree = mount_open_rule(l->policy, m, source);
        l->mount_fds[i] = tree == MOUNT_LATER ? -EACCES : tree;
    }
}

/* The nearest directory above the last name of `path` that is there; *have: how much of the path names it. */
static int open_nearest(int root, char *path, size_t *have)
{
    int dir = -ENOENT;

    for (size_t n = strlen(path); dir == -ENOENT && n > 0;) {
        while (path[--n] != '/')
            ;
        path[n] = 0;
        dir = n ? open_in_root(root, path, O_PATH, 0) : (int)sys(SYS_fcntl, root, F_DUPFD_CLOEXEC, 3);
        path[n] = '/';
        *have = n;
    }
    return dir;
}

/* Makes one name. What was made is opened by its name, and no link is followed: nobody else's is taken for it. */
static int make_name(int dir, const char *name, bool directory)
{
    if (!directory) /* mounts go onto any descriptor of it */
        return (int)sys(SYS_openat, dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
    long r = sys(SYS_mkdirat, dir, name, 0755);
    return r < 0 ? (int)r : (int)sys(SYS_openat, dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Makes what is missing of an absolute path; what is there is resolved inside the root. */
static int make_missing(int root, const char *path, bool directory)
{
    char sofar[TARGET_MAX];
    size_t n = 0, have = 0;

    while (*(path += strspn(path, "/"))) {
        size_t len = strcspn(path, "/");
        if (n + len + 2 > sizeof sofar)
            return -ENAMETOOLONG;
        sofar[n++] = '/';
        memcpy(sofar + n, path, len);
        n += len;
        path += len;
    }
    sofar[n] = 0;
    int dir = open_nearest(root, sofar, &have);
    while (dir >= 0 && have < n) {
        size_t end = have + 1 + strcspn(sofar + have + 1, "/");
        sofar[end] = 0;
        int next = make_name(dir, sofar + have + 1, directory || end < n);
        if (next == -EEXIST)
            next = open_in_root(root, sofar, O_PATH, 0);
        close_fd(dir);
        dir = next;
        if (end < n)
            sofar[end] = '/';
        have = end;
    }
    return dir;
}

int root_open_target(int root, const char *path, bool directory, bool follow)
{
    int fd = open_in_root(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);

    return fd == -ENOENT ? make_missing(root, path, directory) : fd;
}

/* Files of procfs that may be replaced by a bind (what lxcfs and engines provide); anything else over procfs would let
 * a workload forge what its own tools and ours read. */
static bool proc_target_allowed(const char *dest)
{
    static const char *const allowed[] = {"/proc/cpuinfo",
                                          "/proc/diskstats",
                                          "/proc/meminfo",
                                          "/proc/stat",
                                          "/proc/swaps",
                                          "/proc/uptime",
                                          "/proc/loadavg",
                                          "/proc/slabinfo",
                                          "/proc/net/dev",
                                          "/proc/sys/kernel/ns_last_pid",
                                          "/proc/sys/crypto/fips_enabled"};

    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (!strcmp(dest, allowed[i]))
            return true;
    return false;
}

static bool is_kernel_fs(const struct mount_rule *m)
{
    return m->type && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"));
}

/* A mount over the root itself would not hide the root, but show through "/..", where no mask reaches it. */
static int check_target(struct launch *l, const struct mount_rule *m, int target, bool directory)
{
    const struct root_identity *top = &l->top;
    struct stat at;
    struct statfs fs;

    int r = (int)sys(SYS_newfstatat, target, "", &at, AT_EMPTY_PATH);
    if (r < 0)
        return err_sys(&l->err, r, "mount %s: cannot look at the target", m->destination);
    if (at.st_ino == top->ino && at.st_dev == top->dev)
        return err_set(&l->err, -ELOOP, "mount %s: leads to the root itself; give another place, or mend the image",
                       m->destination);
    if (S_ISLNK(at.st_mode))
        return err_set(&l->err, -ELOOP,
                       "mount %s: is a symbolic link in the root, and %s goes on a directory only; mend the image",
                       m->destination, m->type ? m->type : "this mount");
    if (S_ISDIR(at.st_mode) != directory)
        return err_set(&l->err, -ENOTDIR, "mount %s: is %s in the root, and what goes there is %s; mend the image",
                       m->destination, directory ? "no directory" : "a directory", directory ? "one" : "none");
    if (at.st_dev == top->dev && !top->is_proc)
        return 0;
    if (sys(SYS_fstatfs, target, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    if ((m->type && !strcmp(m->type, "proc")) || proc_target_allowed(m->destination))
        return 0;
    return err_set(&l->err, -EPERM,
                   "mount %s: the target lies inside procfs, which may not be covered; mount elsewhere",
                   m->destination);
}

static int attach(struct launch *l, const struct mount_rule *m, int root, int tree, bool directory)
{
    int r = m->bind ? made_pins(l, root, m->destination, true) : 0;
    if (r < 0)
        return r;
    int target = root_open_target(root, m->destination, directory, !m->nofollow && !is_kernel_fs(m));

    if (target < 0)
        return err_sys(&l->err, target, "mount %s: cannot open the target inside the root", m->destination);
    r = check_target(l, m, target, directory);
    if (r == 0 && (r = mount_attach(tree, target)) < 0)
        err_sys(&l->err, r, "mount %s: cannot attach", m->destination);
    close_fd(target);
    return r;
}

static int apply_attributes(struct launch *l, const struct mount_rule *m, int tree, uint64_t set, uint64_t clear)
{
    int r = 0;
    /* A copy of a shared mount is a peer of it: what is mounted inside would appear on the host. Without a wish it
     * follows the host one way (slave), as the specification's runtimes do. */
    uint64_t propagation = m->propagation & ~(uint64_t)MS_REC;

    if (!propagation && m->bind)
        propagation = MS_SLAVE;
    bool whole = m->recursive && set && !(set & ~m->rec_attr_set) && !clear && !m->rec_attr_clear;
    if (whole) /* the top is to be as what lies below it: one call for all */
        r = mount_set(tree, true, m->rec_attr_set, 0, propagation, -1);
    else if (set || clear || propagation)
        r = mount_set(tree, false, set, clear, 0, -1);
    if (r == 0 && propagation && !whole)
        r = mount_set(tree, m->recursive || m->propagation & MS_REC, 0, 0, propagation, -1);
    if (r == 0 && !whole && (m->rec_attr_set || m->rec_attr_clear))
        r = mount_set(tree, true, m->rec_attr_set, m->rec_attr_clear, 0, -1);
    if (r < 0)
        err_sys(&l->err, r, "mount %s: cannot set attributes", m->destination);
    return r;
}

static int bind_tree(struct launch *l, const struct mount_rule *m, int root, int tree)
{
    struct stat st;
    int r = apply_attributes(l, m, tree, m->attr_set, m->attr_clear);

    if (r < 0)
        return r;
    r = (int)sys(SYS_newfstatat, tree, "", &st, AT_EMPTY_PATH);
    return r < 0 ? err_sys(&l->err, r, "mount %s: cannot look at the source", m->destination)
                 : attach(l, m, root, tree, S_ISDIR(st.st_mode));
}

static int bind_rule(struct launch *l, const struct mount_rule *m, int root, int tree, const char *source)
{
    if (tree == MOUNT_LATER)
        tree = mount_open_rule(l->policy, m, source);
    if (tree == -ENOENT && m->optional)
        return 0;
    if (tree < 0)
        return err_sys(&l->err, tree, "mount %s: cannot open the source %s", m->destination,
                       source ? source : "(none)");
    int r = bind_tree(l, m, root, tree);
    close_fd(tree);
    return r;
}

static int fs_parameter(int fs, const char *option)
{
    const char *eq = strchr(option, '=');
    char key[64];

    if (!eq)
        return mount_fs_flag(fs, option);
    if ((size_t)(eq - option) >= sizeof key)
        return -EINVAL;
    memcpy(key, option, (size_t)(eq - option));
    key[eq - option] = 0;
    return mount_fs_string(fs, key, eq + 1);
}

static int fs_flags(int fs, const struct mount_rule *m)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } names[] = {{MS_SYNCHRONOUS, "sync"},  {MS_DIRSYNC, "dirsync"}, {MS_MANDLOCK, "mand"},
                 {MS_LAZYTIME, "lazytime"}, {MS_RDONLY, "ro"},       {MS_SILENT, "silent"},
                 {MS_I_VERSION, "iversion"}};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++)
        if (m->sb_flags & names[i].flag)
            r = mount_fs_flag(fs, names[i].name);
    return r;
}

/* A new file system as a detached mount. */
static int new_fs(struct launch *l, const struct mount_rule *m)
{
    int fs = mount_fs_open(m->type);
    if (fs < 0)
        return err_sys(&l->err, fs, "mount %s: file system type %s", m->destination, m->type);
    int r = m->source ? mount_fs_string(fs, "source", m->source) : 0;
    const char *what = "source";
    for (uint32_t i = 0; i < m->n_data && r == 0; i++)
        r = fs_parameter(fs, what = m->data[i]);
    if (r == 0)
        r = fs_flags(fs, m);
    if (r < 0) {
        close_fd(fs);
        return err_sys(&l->err, r, "mount %s: option %s of %s", m->destination, what, m->type);
    }
    int tree = mount_fs_create(fs, m->attr_set);
    close_fd(fs);
    return tree < 0 ? err_sys(&l->err, tree, "mount %s: cannot make a %s", m->destination, m->type) : tree;
}

/* sysfs belongs to whoever owns the network namespace: in a user namespace without a network of its own the host's is
 * shown instead, read-only, as other runtimes do. */
static int sysfs_instead(struct launch *l, const struct mount_rule *m)
{
    int tree = mount_clone(AT_FDCWD, "/sys", true);

    if (tree < 0)
        return err_sys(&l->err, tree, "mount %s: neither a new sysfs nor the host's can be had here", m->destination);
    int r = mount_set(tree, true, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0,
                      MS_PRIVATE, -1);
    return r < 0 ? err_sys(&l->err, r, "mount %s: cannot make the host's sysfs read-only", m->destination) : tree;
}

/* Without root the launcher may copy no mount; here, in a mount namespace of the user's own, it can be done. */
static int own_cgroup_trees(struct launch *l, const struct mount_rule *m)
{
    const struct cgroup *cg = &l->inst->cgroup;
    char path[sizeof cg->host->h[0].mountpoint + sizeof cg->path];

    for (uint32_t i = 0; l->inst->rootless && i < cg->host->n; i++) {
        if (cg->dir_fds[i] < 0 || l->cgroup_fds[i] >= 0)
            continue;
        snprintf(path, sizeof path, "%s%s", cg->host->h[i].mountpoint, cg->path);
        if ((l->cgroup_fds[i] = mount_clone(AT_FDCWD, path, false)) < 0)
            return err_sys(&l->err, l->cgroup_fds[i], "mount %s: cgroup %s", m->destination, path);
    }
    return 0;
}

/* The workload's own group in every hierarchy. v2 alone: that directory itself; v1 and hybrid: a tmpfs of directories.
 */
static int cgroup_rule(struct launch *l, const struct mount_rule *m, int root)
{
    const struct cgroup_host *host = l->inst->cgroups;
    struct mount_rule top = {.destination = m->destination,
                             .source = "tmpfs",
                             .type = "tmpfs",
                             .attr_set = m->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY,
                             .propagation = m->propagation};
    static char mode_option[] = "mode=755";
    static char *mode[] = {mode_option, NULL};
    uint64_t attrs = m->attr_set;
    int r = 0;

    if ((r = group_enter(l)) < 0)
        return r;
    if (host->layout == CGROUP_NONE || !l->inst->cgroup.host)
        return 0;
    if ((r = own_cgroup_trees(l, m)) < 0)
        return r;
    if (host->layout == CGROUP_V2) {
        if (l->cgroup_fds[0] < 0)
            return 0;
        r = mount_set(l->cgroup_fds[0], true, attrs, 0, MS_PRIVATE, -1);
        return r < 0 ? err_sys(&l->err, r, "mount %s: cgroup attributes", m->destination)
                     : attach(l, m, root, l->cgroup_fds[0], true);
    }
    top.data = mode;
    top.n_data = 1;
    int tree = new_fs(l, &top);
    if (tree < 0)
        return tree;
    r = attach(l, m, root, tree, true);
    for (uint32_t i = 0; i < host->n && r == 0; i++) {
        const char *name = strrchr(host->h[i].mountpoint, '/');
        if (!name || l->cgroup_fds[i] < 0)
            continue;
        name++;
        if ((r = (int)sys(SYS_mkdirat, tree, name, 0555)) < 0 ||
            (r = mount_set(l->cgroup_fds[i], true, attrs, 0, MS_PRIVATE, -1)) < 0 ||
            (r = mount_attach_at(l->cgroup_fds[i], tree, name)) < 0)
            err_sys(&l->err, r, "mount %s: hierarchy %s", m->destination, name);
        /* "cpu,cpuacct": each controller by its own name too */
        for (const char *one = name; r == 0 && strchr(name, ',') && *one;) {
            char alone[64];
            size_t len = strcspn(one, ",");
            if (len < sizeof alone) {
                memcpy(alone, one, len);
                alone[len] = 0;
                sys(SYS_symlinkat, name, tree, alone);
            }
            one += len + (one[len] == ',');
        }
    }
    if (r == 0 && attrs & MOUNT_ATTR_RDONLY && (r = mount_set(tree, false, MOUNT_ATTR_RDONLY, 0, 0, -1)) < 0)
        err_sys(&l->err, r, "mount %s: cannot make it read-only", m->destination);
    close_fd(tree);
    return r;
}

/* tmpcopyup: what the image has at the destination appears in the new tmpfs. Directories, files and links, bounded. */
static int copy_up(int from, int to, int depth, uint32_t *budget)
{
    char entries[4096];
    long n;

    if (depth > 16)
        return -ELOOP;
    while ((n = sys(SYS_getdents64, from, entries, sizeof entries)) > 0)
        for (long o = 0; o < n;) {
            struct dirent64 *d = (struct dirent64 *)(entries + o);
            struct stat st;
            long r = 0;
            o += d->d_reclen;
            if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
                continue;
            if (!(*budget)--)
                return -E2BIG;
            if ((r = sys(SYS_newfstatat, from, d->d_name, &st, AT_SYMLINK_NOFOLLOW)) < 0)
                return (int)r;
            int in = -1, out = -1;
            if (S_ISDIR(st.st_mode)) {
                r = sys(SYS_mkdirat, to, d->d_name, st.st_mode & 07777);
                in = (int)sys(SYS_openat, from, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                out = (int)sys(SYS_openat, to, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = r < 0 ? r : in < 0 ? in : out < 0 ? out : copy_up(in, out, depth + 1, budget);
            } else if (S_ISREG(st.st_mode)) {
                in = (int)sys(SYS_openat, from, d->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
                out = (int)sys(SYS_openat, to, d->d_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 07777);
                for (r = in < 0 ? in : out < 0 ? out : 1; r > 0;)
                    r = sys(SYS_sendfile, out, in, NULL, 1 << 20);
            } else if (S_ISLNK(st.st_mode)) {
                char link[4096];
                r = sys(SYS_readlinkat, from, d->d_name, link, sizeof link - 1);
                if (r >= 0) {
                    link[r] = 0;
                    r = sys(SYS_symlinkat, link, to, d->d_name);
                }
            }
            close_fd(in);
            close_fd(out);
            if (r < 0)
                return (int)r;
            sys(SYS_fchownat, to, d->d_name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
        }
    return (int)n;
}

static int tmpfs_with_copy(struct launch *l, const struct mount_rule *m, int root, int tree)
{
    uint32_t budget = 100000;
    int from = open_in_root(root, m->destination, O_RDONLY | O_DIRECTORY, 0);

    if (from < 0)
        return from == -ENOENT ? 0 : err_sys(&l->err, from, "mount %s: tmpcopyup", m->destination);
    int to = (int)sys(SYS_openat, tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = to < 0 ? to : copy_up(from, to, 0, &budget);
    close_fd(from);
    close_fd(to);
    return r < 0 ? err_sys(&l->err, r, "mount %s: tmpcopyup", m->destination) : 0;
}

static int remount_rule(struct launch *l, const struct mount_rule *m, int root)
{
    int target = open_in_root(root, m->destination, O_PATH, 0);
    int r = target < 0 ? target : mount_set(target, m->recursive, m->attr_set, m->attr_clear, 0, -1);

    close_fd(target);
    return r < 0 ? err_sys(&l->err, r, "mount %s: cannot remount", m->destination) : 0;
}

static int mount_rule(struct launch *l, const struct mount_rule *m, int root, int tree_fd, const char *source)
{
    if (m->remount)
        return remount_rule(l, m, root);
    if (m->bind)
        return bind_rule(l, m, root, tree_fd, source);
    if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
        return cgroup_rule(l, m, root);
    int tree = new_fs(l, m);
    if (tree < 0 && (l->err.code == -EPERM || l->err.code == -EBUSY) && l->own_user_ns && !strcmp(m->type, "sysfs"))
        tree = sysfs_instead(l, m);
    if (tree < 0)
        return m->optional ? 0 : tree;
    struct mount_rule rest = *m;
    rest.propagation = m->propagation;
    int r = m->tmpcopyup ? tmpfs_with_copy(l, m, root, tree) : 0;
    if (r == 0)
        r = apply_attributes(l, &rest, tree, m->tmpcopyup ? m->attr_set : 0, 0);
    if (r == 0)
        r = attach(l, m, root, tree, true);
    int *keep = !strcmp(m->type, "proc") && !strcmp(m->destination, "/proc")   ? &l->proc_fd
                : !strcmp(m->type, "sysfs") && !strcmp(m->destination, "/sys") ? &l->sys_fd
                                                                               : NULL;
    if (r == 0 && keep && *keep < 0)
        *keep = tree;
    else
        close_fd(tree);
    return r;
}

int mounts_apply_late(struct launch *l, int root)
{
    return l->late_mount < 0 ? 0 : cgroup_rule(l, &l->policy->mounts[l->late_mount], root);
}

int mounts_apply(struct launch *l, int root)
{
    for (uint32_t i = 0; i < l->policy->n_mounts; i++) {
        if ((int64_t)i == l->late_mount)
            continue;
        const struct mount_rule *m = &l->policy->mounts[i];
        int tree = l->mount_fds[i];
        if (m->bind && !m->remount) /* closed then: the launcher shares descriptors, and must not close it again */
            l->mount_fds[i] = MOUNT_LATER;
        int r = mount_rule(l, m, root, tree, l->mount_sources[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

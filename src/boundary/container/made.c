/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root that is nobody's on the host: an empty memory file system, its links and small files, and what covers the
 * paths that a deny rule names. Set-up stage: no allocation.
 */
#include "base/pathtext.h"
#include "boundary/container/container.h"
#include "confine/paths.h"
#include "host/mountapi.h"

#include <stdio.h>
#include <string.h>

#define NANO      INT64_C(1000000000)
#define ROOT_SIZE "size=1m" /* it holds names alone, and is read-only when the workload comes */

int made_root(struct launch *l)
{
    int fs = mount_fs_open("tmpfs");
    int r = fs < 0 ? fs : mount_fs_string(fs, "mode", "755");

    if (r == 0)
        r = mount_fs_string(fs, "size", strchr(ROOT_SIZE, '=') + 1);
    int tree = r < 0 ? r : mount_fs_create(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    close_fd(fs);
    return tree < 0 ? err_sys(&l->err, tree, "root: cannot make a memory file system") : tree;
}

/* The directory that is to hold it, with what is above: links of the policy lead on within the root alone. */
static int open_parent(int root, const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (n >= sizeof dir)
        return -ENAMETOOLONG;
    if (n == 0)
        return (int)sys(SYS_openat, root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    memcpy(dir, path, n);
    dir[n] = 0;
    return root_open_target(root, dir, true, true);
}

static int make_file(int root, const struct made_file *f)
{
    const char *name = strrchr(f->path, '/') + 1;
    size_t n = f->content ? strlen(f->content) : 0;
    int dir = open_parent(root, f->path);

    if (dir < 0)
        return dir;
    if (f->target) {
        int r = (int)sys(SYS_symlinkat, f->target, dir, name);
        const struct timespec when = {f->changed / NANO, f->changed % NANO}, times[2] = {when, when};
        if (r == 0 && f->changed > 0)
            r = (int)sys(SYS_utimensat, dir, name, times, AT_SYMLINK_NOFOLLOW);
        close_fd(dir);
        return r;
    }
    int fd = (int)sys(SYS_openat, dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    close_fd(dir);
    long w = fd < 0 ? fd : sys(SYS_write, fd, f->content, n);
    close_fd(fd);
    return w < 0 ? (int)w : w != (long)n ? -EIO : 0;
}

int made_files(struct launch *l, int root)
{
    for (uint32_t i = 0; i < l->policy->n_made; i++) {
        int r = make_file(root, &l->policy->made[i]);
        if (r < 0)
            return err_sys(&l->err, r, "root: cannot make %s", l->policy->made[i].path);
    }
    return 0;
}

int made_shut_tree(int *file)
{
    int fs = mount_fs_open("tmpfs");
    int r = fs < 0 ? fs : mount_fs_string(fs, "mode", "0");
    int tree = r < 0 ? r : mount_fs_create(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    close_fd(fs);
    int fd = tree < 0 ? tree : (int)sys(SYS_openat, tree, "denied", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    close_fd(fd);
    *file = fd < 0 ? fd : (int)sys(SYS_openat, tree, "denied", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (tree >= 0 && *file < 0)
        close_fd(tree);
    return *file < 0 ? *file : tree;
}

/* A directory and a file that nobody may open, on a read-only mount, so that nobody may change that. The launcher's
 * belong to somebody who has no number inside: there, being root does not help. The mount goes over a directory of the
 * old root, which is taken away whole, since only what is mounted somewhere can be copied in parts. */
static int shut_trees(struct launch *l, int *directory, int *file)
{
    static const char over[] = "/proc"; /* of the old root; its process holds all it needs */
    int shut = l->shut_file_fd, tree = l->shut_fd >= 0 ? l->shut_fd : made_shut_tree(&shut);

    if (tree < 0)
        return err_sys(&l->err, tree, "deny rules: cannot make a memory file system");
    int r = mount_attach_at(tree, AT_FDCWD, over);
    if (r == 0) {
        *directory = mount_clone(tree, "", false);
        *file = mount_clone(shut, "", false); /* by descriptor: nobody may pass the directory either */
        r = *directory < 0 ? *directory : *file < 0 ? *file : 0;
    }
    if (r == 0 && (r = mount_set(*directory, false, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, -1)) == 0)
        r = mount_set(*file, false, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, -1);
    sys(SYS_umount2, over, MNT_DETACH);
    if (tree != l->shut_fd) {
        close_fd(tree);
        close_fd(shut);
    }
    return r < 0 ? err_sys(&l->err, r, "deny rules: cannot prepare what covers a path") : 0;
}

static const struct path_rule *shown_above(const struct policy *p, const char *guest)
{
    const struct path_rule *best = NULL;
    size_t length = 0;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        size_t n = strlen(p->paths[i].guest);
        if (p->paths[i].verdict == PATH_ALLOW && n > length && path_lies_in(guest, p->paths[i].guest) && guest[n])
            best = &p->paths[i], length = n;
    }
    return best;
}

int made_pins(struct launch *l, int root, const char *guest, bool make)
{
    const struct path_rule *above = l->policy->private_root ? shown_above(l->policy, guest) : NULL;
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    char dir[4096];
    int r = 0;

    if (!above || !(above->access & PATH_CREATE) || strlen(guest) >= sizeof dir)
        return 0;
    size_t top = strlen(above->guest);
    int tree = open_in_root(root, above->guest, O_PATH, 0);
    for (size_t n = top + 1; tree >= 0 && guest[n] && r == 0; n++) {
        if (guest[n] != '/')
            continue;
        memcpy(dir, guest, n);
        dir[n] = 0;
        int fd = openat2_scoped(tree, dir + top + 1, &how);
        if (fd == -ENOENT && make) {
            close_fd(root_open_target(root, dir, true, true));
            fd = openat2_scoped(tree, dir + top + 1, &how);
        }
        if (fd >= 0 && !is_mount_root(fd)) {
            int copy = mount_clone(fd, "", true);
            r = copy < 0 ? copy : mount_attach(copy, fd);
            close_fd(copy);
        }
        r = fd < 0 ? fd : r;
        close_fd(fd);
        if (r == -ELOOP)
            err_set(&l->err, r, "%s: %s is a symbolic link in %s, which may be written: name the path it leads to",
                    guest, dir, above->guest);
        else if (r < 0)
            err_sys(&l->err, r, "%s: the directories above it cannot be held in place", guest);
    }
    close_fd(tree);
    return r;
}

int made_denials(struct launch *l, int root)
{
    const struct policy *p = l->policy;
    int directory = -1, file = -1, r = 0;

    for (uint32_t i = 0; i < p->n_paths && r == 0; i++) {
        const struct path_rule *rule = &p->paths[i];
        struct stat st;
        const struct path_rule *above = shown_above(p, rule->guest);
        /* What no shorter rule shows, the mount namespace hides already. */
        if (rule->verdict != PATH_DENY || (p->private_root && !above))
            continue;
        if ((r = made_pins(l, root, rule->guest, false)) == -ENOENT) {
            l->err = (struct err){0};
        } else if (r < 0) {
            break;
        }
        int target = root_open_covered(l, root, rule->guest);
        r = 0;
        if ((target == -ENOENT || target == -ENOTDIR) && p->private_root && above && above->access & PATH_CREATE) {
            r = err_set(&l->err, -EAGAIN, "deny %s: it went away while the sandbox was made, and could be made again",
                        rule->guest);
            break;
        }
        if (target == -ENOENT || target == -ENOTDIR) {
            /* Below a shorter rule lower() has seen that it cannot be made either; in an image nobody has. */
            if (p->private_root || p->root_readonly || paths_above(p, rule))
                continue;
            return err_set(&l->err, -ENOENT,
                           "deny %s: it is not there, and the root may be written, so the workload could make it: "
                           "--read-only, or leave the rule out",
                           rule->guest);
        }
        r = target < 0 ? target : (int)sys(SYS_newfstatat, target, "", &st, AT_EMPTY_PATH);
        if (r < 0) {
            close_fd(target);
            return err_sys(&l->err, r, "deny %s", rule->guest);
        }
        if (directory < 0 && (r = shut_trees(l, &directory, &file)) < 0) {
            close_fd(target);
            break;
        }
        int tree = mount_clone(S_ISDIR(st.st_mode) ? directory : file, "", false);
        r = tree < 0 ? tree : mount_attach(tree, target);
        close_fd(tree);
        close_fd(target);
        if (r < 0)
            err_sys(&l->err, r, "deny %s: cannot be covered", rule->guest);
    }
    close_fd(directory);
    close_fd(file);
    return r;
}

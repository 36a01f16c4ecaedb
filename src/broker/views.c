/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See views.h. What this gives: a ".." ends at the broker's own empty root, whoever climbs, a taken-over broker or a
 * target with a descriptor of a directory; what is opened for reading lies on a read-only mount, so it cannot be opened
 * once more for writing; a denied path is covered, so it is not there for such a descriptor either. Landlock cannot be
 * used instead: a process in a Landlock domain may not read the memory of one outside of it, which is the broker's
 * work.
 *
 * Runs before anything foreign was read, by hosts' rules: paths are the launcher's, trees are the launcher's
 * descriptors.
 */
#include "broker/views.h"

#include "host/mountapi.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VOID_DIR  "void"
#define VOID_FILE "nothing"

void views_hold(struct broker *b)
{
    for (uint32_t i = 0; i < b->rules.n_trees; i++) {
        int copy = mount_clone(b->trees[i].change, "", true);
        if (copy >= 0) { /* else the launcher's is one already, and can itself be attached */
            fd_drop(&b->trees[i].change);
            b->trees[i].change = copy;
        }
    }
}

static int fail(struct err *err, int r, const char *what)
{
    return err_sys(err, r, "broker: %s", what);
}

static bool same_inode(int a, int b)
{
    struct stat x, y;

    return sys(SYS_newfstatat, a, "", &x, AT_EMPTY_PATH) == 0 && sys(SYS_newfstatat, b, "", &y, AT_EMPTY_PATH) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Without rights over the launcher's namespace: the same directory, found by its name in the copy of it. */
static int found_again(const struct broker *b, uint32_t i)
{
    const struct rule *rule = rules_of_tree(&b->rules, (int32_t)i);
    char path[PATH_SIZE];

    if (!rule)
        return -ENOENT;
    snprintf(path, sizeof path, "%s", rule->host);
    if (rule->is_file)
        strrchr(path, '/')[1] = 0;
    int fd = (int)sys(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && !same_inode(fd, b->trees[i].change))
        fd_drop(&fd);
    int copy = fd < 0 ? -ENOENT : mount_clone(fd, "", true);
    fd_drop(&fd);
    return copy;
}

static uint64_t attributes(bool writable, bool landlock)
{
    /* A target's Landlock keeps it from running what it was given; without that the mount does. */
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (landlock ? 0 : MOUNT_ATTR_NOEXEC) |
           (writable ? 0 : MOUNT_ATTR_RDONLY);
}

/* Attaches the tree as `name` in the directory of views; the descriptor becomes that of the attached one. */
static int attach(int dir, const char *name, int *tree, uint64_t attrs)
{
    int r = mount_set(*tree, true, attrs, 0, MS_PRIVATE, -1);

    if (r == 0)
        r = (int)sys(SYS_mkdirat, dir, name, 0700);
    if (r == 0)
        r = mount_attach_at(*tree, dir, name);
    fd_drop(tree);
    if (r == 0)
        r = *tree = (int)sys(SYS_openat, dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r < 0 ? r : 0;
}

static int view_tree(struct broker *b, uint32_t i, int dir, bool landlock)
{
    const struct rule *rule = rules_of_tree(&b->rules, (int32_t)i);
    struct tree *t = &b->trees[i];
    char name[16];
    int r = 0;

    if (b->by_name) {
        int copy = found_again(b, i);
        if (copy < 0)
            return copy;
        fd_drop(&t->change);
        t->change = copy;
    }
    snprintf(name, sizeof name, "%u", i);
    bool writable = rule && rule->access & (PATH_WRITE | PATH_CREATE);
    if ((r = attach(dir, name, &t->change, attributes(writable, landlock))) < 0)
        return r;
    t->show = mount_clone(t->change, "", true);
    if (t->show < 0)
        return t->show;
    snprintf(name, sizeof name, "%ur", i);
    return attach(dir, name, &t->show, attributes(false, landlock));
}

/* The tree above a rule, which shows at its place what the rule is about. */
static const struct rule *outer_of(const struct broker *b, const struct rule *rule)
{
    const char *slash = strrchr(rule->guest, '/');
    size_t n = (size_t)(slash - rule->guest);
    const struct rule *outer = rule->guest[1] ? rules_find(&b->rules, rule->guest, n ? n : 1) : NULL;

    return outer && outer->within >= 0 && outer->verdict == PATH_BROKER ? outer : NULL;
}

/* Puts over the rule's place in a view of the outer tree what a descriptor of that tree may find there. */
static int cover(int view, const char *rest, int by)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    _cleanup_fd_ int place = openat2_scoped(view, rest, &how);
    struct stat st, is;

    if (place < 0)
        return 0; /* not there: the rule alone decides when it is */
    int r = (int)sys(SYS_newfstatat, place, "", &st, AT_EMPTY_PATH);
    if (r == 0)
        r = (int)sys(SYS_newfstatat, by, "", &is, AT_EMPTY_PATH);
    if (r < 0)
        return r;
    if (S_ISDIR(st.st_mode) != S_ISDIR(is.st_mode))
        return 0;
    _cleanup_fd_ int copy = mount_clone(by, "", true);
    return copy < 0 ? copy : mount_attach(copy, place);
}

static int cover_rule(struct broker *b, const struct rule *rule, int void_dir, int void_file)
{
    const struct rule *outer = outer_of(b, rule);

    if (!outer || outer->is_file || rule->verdict == PATH_ALLOW)
        return 0;
    const struct tree *t = &b->trees[outer->tree];
    const char *rest = rule->guest + outer->length + 1;
    bool own = rule->verdict == PATH_BROKER && !rule->is_file;
    for (int k = 0; k < 2; k++) {
        int view = k ? t->show : t->change, r = 0;
        if (own && (!k || rule->access & PATH_READ)) {
            r = cover(view, rest, k ? b->trees[rule->tree].show : b->trees[rule->tree].change);
        } else if ((r = cover(view, rest, void_dir)) == 0) {
            r = cover(view, rest, void_file);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* One empty directory and one empty file that nobody can open. */
static int make_void(int root, int *dir, int *file)
{
    struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
    int r = (int)sys(SYS_mkdirat, root, VOID_DIR, 0), fd = -1;

    if (r == 0)
        r = fd = (int)sys(SYS_openat, root, VOID_FILE, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0);
    fd_drop(&fd);
    for (int k = 0; k < 2 && r >= 0; k++) {
        int *out = k ? file : dir;
        *out = mount_clone(root, k ? VOID_FILE : VOID_DIR, false);
        r = *out < 0 ? *out : (int)sys(SYS_mount_setattr, *out, "", AT_EMPTY_PATH, &ro, sizeof ro);
    }
    return r < 0 ? r : 0;
}

/* An empty memory file system over something that is there for certain: the old root goes away behind it. */
static int enter_empty_root(void)
{
    _cleanup_fd_ int fs = mount_fs_open("tmpfs");
    int r = fs < 0 ? fs : mount_fs_string(fs, "mode", "0755");
    _cleanup_fd_ int root = r < 0 ? r : mount_fs_create(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    if (root < 0)
        return root;
    if ((r = (int)sys(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0)
        return r;
    return mount_attach_at(root, AT_FDCWD, "/proc");
}

static int leave_old_root(void)
{
    int r = (int)sys(SYS_chdir, "/proc");

    if (r == 0)
        r = (int)sys(SYS_pivot_root, ".", ".");
    if (r == 0)
        r = (int)sys(SYS_umount2, ".", MNT_DETACH);
    else /* the host's root is its initial one, which stays: then only out of reach */
        r = (int)sys(SYS_chroot, ".");
    return r < 0 ? r : (int)sys(SYS_chdir, "/");
}

int views_make(struct broker *b, struct err *err)
{
    bool landlock = sys(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
    int r = enter_empty_root();

    if (r < 0)
        return fail(err, r, "no memory file system can be mounted for it");
    _cleanup_fd_ int root = (int)sys(SYS_openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || (r = (int)sys(SYS_mkdirat, root, VIEWS_DIR + 1, 0755)) < 0)
        return fail(err, root < 0 ? root : r, "its root directory");
    _cleanup_fd_ int dir = (int)sys(SYS_openat, root, VIEWS_DIR + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_fd_ int void_dir = -1, void_file = -1;
    if (dir < 0 || (r = make_void(root, &void_dir, &void_file)) < 0)
        return fail(err, dir < 0 ? dir : r, "its root directory");
    for (uint32_t i = 0; i < b->rules.n_trees; i++) {
        const struct rule *rule = rules_of_tree(&b->rules, (int32_t)i);
        if ((r = view_tree(b, i, dir, landlock)) < 0)
            return err_sys(err, r, "broker: no view of its own can be made of %s", rule ? rule->host : "a directory");
    }
    for (uint32_t i = b->rules.n; i-- > 0;) { /* the inner ones first: the outer then show them as they are */
        if ((r = cover_rule(b, &b->rules.v[i], void_dir, void_file)) < 0)
            return err_sys(err, r, "broker: %s cannot be kept from the path above it", b->rules.v[i].host);
    }
    if ((r = leave_old_root()) < 0)
        return fail(err, r, "it cannot leave the host's root directory");
    struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
    r = (int)sys(SYS_mount_setattr, AT_FDCWD, "/", 0, &ro, sizeof ro);
    b->own_root = (int)sys(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r < 0 || b->own_root < 0)
        return fail(err, r < 0 ? r : b->own_root, "its root directory");
    b->views = true;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root file system inside the new mount namespace: attached over "/" (so no host path has to be reachable for the
 * workload's ids), filled by mounts.c and devices.c, masked, and entered with pivot_root(2). Set-up stage: no
 * allocation.
 */
#include "boundary/container/container.h"
#include "host/mountapi.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Overlay of layers given relative to the data directory, whose (id-mapped) tree is attached first. */
static int overlay_root(struct launch *l)
{
    static const char *const keys[] = {"lowerdir", "upperdir", "workdir"};
    int r = mount_attach_at(l->data_fd, AT_FDCWD, "/");

    if (r < 0)
        return err_sys(&l->err, r, "root: cannot attach the image's layers");
    if ((r = (int)sys(SYS_fchdir, l->data_fd)) < 0)
        return err_sys(&l->err, r, "root: cannot enter the image's layers");
    int fs = mount_fs_open("overlay");
    if (fs < 0)
        return err_sys(&l->err, fs, "root: overlay file system (CONFIG_OVERLAY_FS)");
    for (int i = 0; i < 3 && l->overlay_data[i] && r == 0; i++)
        r = mount_fs_string(fs, keys[i], l->overlay_data[i]);
    if (r == 0 && l->own_user_ns)
        r = mount_fs_flag(fs, "userxattr");
    if (r == 0 && l->inst->layers.discarded && l->overlay_data[1])
        mount_fs_flag(fs, "volatile"); /* Linux 5.10 */
    int tree = r < 0 ? r : mount_fs_create(fs, l->own_user_ns ? MOUNT_ATTR_NODEV : 0);
    close_fd(fs);
    /* The overlay has its own copies of the layers' mounts. The tree must go before the pivot: stacked on the old root
     * it would be what the one umount2 after the pivot takes away, and the old root would stay. */
    if (tree >= 0 && (r = (int)sys(SYS_umount2, ".", MNT_DETACH)) < 0)
        return err_sys(&l->err, r, "root: cannot take the layers' tree away");
    return tree < 0 ? err_sys(&l->err, tree, "root: cannot make the overlay over %s", l->overlay_data[0]) : tree;
}

/* On record before the mount is made: if the launcher is killed, this is how it is found. */
static void note_mount(struct launch *l, uint64_t id)
{
    char text[24];

    l->inst->root_mount_id = id;
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    sys(SYS_symlinkat, text, l->inst->state_fd, "mount");
}

static int identify(struct launch *l, int root)
{
    struct stat st;
    struct statfs fs;
    int r = (int)sys(SYS_newfstatat, root, "", &st, AT_EMPTY_PATH);

    if (r == 0)
        r = (int)sys(SYS_fstatfs, root, &fs);
    if (r < 0)
        return err_sys(&l->err, r, "root %s: cannot look at it", l->inst->root_path);
    l->top = (struct root_identity){.dev = st.st_dev, .ino = st.st_ino, .is_proc = fs.f_type == PROC_SUPER_MAGIC};
    return 0;
}

int root_attach(struct launch *l, int *root)
{
    int tree = l->root_fd;

    if (l->inst->layers.data_dir && l->data_fd < 0 &&
        !l->policy->private_root) /* unprivileged: with the ids we have anyway */
        l->data_fd = mount_clone(AT_FDCWD, l->inst->layers.data_dir, false);
    mounts_open_before_root(l);
    if (l->policy->private_root)
        tree = made_root(l);
    else if (l->data_fd >= 0 && l->overlay_data[0])
        tree = overlay_root(l);
    else if (tree < 0 && (tree = mount_clone(AT_FDCWD, l->inst->root_path, true)) < 0)
        err_sys(&l->err, tree, "root %s", l->inst->root_path);
    if (tree < 0)
        return tree;
    /* The kernel lets nobody make device nodes in a user namespace; those that a root brings along do not open either.
     */
    int r = mount_set(tree, true, l->own_user_ns ? MOUNT_ATTR_NODEV : 0, 0, MS_PRIVATE, -1);
    if (r == 0) /* over "/" in a namespace of its own; in somebody else's, over itself, for a chroot */
        r = mount_attach_at(tree, AT_FDCWD, l->policy->ns[NS_MNT].how == NS_NEW ? "/" : l->inst->root_path);
    if (r < 0)
        return err_sys(&l->err, r, "root %s: cannot attach", l->inst->root_path);
    if (l->policy->ns[NS_MNT].how == NS_HOST)
        note_mount(l, mount_id(tree));
    *root = tree;
    return identify(l, tree);
}

int root_enter(struct launch *l, int root)
{
    int r = (int)sys(SYS_fchdir, root);

    if (r == 0 && (l->inst->no_pivot || l->policy->ns[NS_MNT].how != NS_NEW)) {
        r = (int)sys(SYS_chroot, ".");
    } else if (r == 0) {
        /* pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one and is taken away by "." */
        r = (int)sys(SYS_pivot_root, ".", ".");
        if (r < 0)
            return err_sys(&l->err, r, "root: pivot_root; a root on initramfs cannot be left this way (--no-pivot)");
        r = (int)sys(SYS_umount2, ".", MNT_DETACH);
    }
    if (r == 0)
        r = (int)sys(SYS_chdir, "/");
    if (r < 0)
        return err_sys(&l->err, r, "root: cannot enter");
    uint64_t propagation = l->policy->rootfs_propagation;
    if (propagation && (propagation & ~(uint64_t)MS_REC) != MS_PRIVATE) {
        r = (int)sys(SYS_mount, NULL, "/", NULL, propagation, NULL);
        if (r < 0)
            return err_sys(&l->err, r, "linux.rootfsPropagation");
    }
    return 0;
}

int root_unmount(struct instance *inst, struct err *err)
{
    int fd = open(inst->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool ours = fd >= 0 && mount_id(fd) == inst->root_mount_id;

    close_fd(fd);
    if (ours && umount2(inst->root_path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return err_sys(err, -errno, "root %s: its mount cannot be removed", inst->root_path);
    return 0;
}

int root_open_covered(struct launch *l, int root, const char *path)
{
    if (l->proc_fd >= 0 && !strncmp(path, "/proc/", 6))
        return open_in_root(l->proc_fd, path + 6, O_PATH, 0);
    if (l->sys_fd >= 0 && !strncmp(path, "/sys/", 5))
        return open_in_root(l->sys_fd, path + 5, O_PATH, 0);
    return open_in_root(root, path, O_PATH, 0);
}

/* A masked file shows /dev/null, a masked directory an empty one. What the image lacks needs no mask. */
int root_mask_paths(struct launch *l, int root)
{
    const struct strv *paths = &l->policy->masked_paths;
    int empty = -1, r = 0;

    for (uint32_t i = 0; i < paths->n && r == 0; i++) {
        struct stat st;
        int target = root_open_covered(l, root, paths->v[i]);
        if (target == -ENOENT || target == -ENOTDIR || target == -EACCES)
            continue;
        r = target < 0 ? target : (int)sys(SYS_newfstatat, target, "", &st, AT_EMPTY_PATH);
        int tree = -1;
        if (r == 0 && !S_ISDIR(st.st_mode)) {
            tree = mount_clone(AT_FDCWD, "/dev/null", false);
            if (tree >= 0 &&
                mount_set(tree, false, MOUNT_ATTR_RDONLY, 0, 0, -1) < 0) /* the host's inode: no chmod from inside */
                r = -EPERM;
        } else if (r == 0 && empty >= 0) {
            tree = mount_clone(empty, "", false);
        } else if (r == 0) {
            int fs = mount_fs_open("tmpfs");
            tree =
                fs < 0 ? fs
                : mount_fs_flag(fs, "ro") < 0
                    ? -EINVAL
                    : mount_fs_create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
            close_fd(fs);
        }
        if (r == 0)
            r = tree < 0 ? tree : mount_attach(tree, target);
        if (r == 0 && empty < 0 && S_ISDIR(st.st_mode))
            empty = tree;
        else
            close_fd(tree);
        close_fd(target);
        if (r < 0)
            err_sys(&l->err, r, "linux.maskedPaths %s", paths->v[i]);
    }
    close_fd(empty);
    return r;
}

int root_protect_paths(struct launch *l, int root)
{
    const struct strv *paths = &l->policy->readonly_paths;
    int r = 0;

    for (uint32_t i = 0; i < paths->n && r == 0; i++) {
        int target = root_open_covered(l, root, paths->v[i]);
        if (target == -ENOENT || target == -ENOTDIR || target == -EACCES)
            continue;
        int tree = target < 0 ? target : mount_clone(target, "", true);
        r = tree < 0 ? tree : mount_set(tree, true, MOUNT_ATTR_RDONLY, 0, 0, -1);
        if (r == 0)
            r = mount_attach(tree, target);
        close_fd(tree);
        close_fd(target);
        if (r < 0)
            err_sys(&l->err, r, "linux.readonlyPaths %s", paths->v[i]);
    }
    return r;
}

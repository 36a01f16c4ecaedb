/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device nodes inside the new root (runtime-spec, config-linux.md: default devices, /dev symbolic links). In a user
 * namespace mknod(2) is refused by the kernel, so the host's node is bound onto an empty file. Set-up stage: no
 * allocation.
 */
#include "boundary/container/container.h"
#include "host/mountapi.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct device_rule default_devices[] = {
    {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3},
    {.path = "/dev/zero", .type = 'c', .major = 1, .minor = 5},
    {.path = "/dev/full", .type = 'c', .major = 1, .minor = 7},
    {.path = "/dev/random", .type = 'c', .major = 1, .minor = 8},
    {.path = "/dev/urandom", .type = 'c', .major = 1, .minor = 9},
    {.path = "/dev/tty", .type = 'c', .major = 5, .minor = 0},
};

static const struct {
    const char *name, *target;
} links[] = {{"fd", "/proc/self/fd"},
             {"stdin", "/proc/self/fd/0"},
             {"stdout", "/proc/self/fd/1"},
             {"stderr", "/proc/self/fd/2"}};

static int bind_node(int dir, const char *name, const struct device_rule *d)
{
    struct stat st;
    int tree = mount_clone(AT_FDCWD, d->source ? d->source : d->path, false);

    if (tree < 0)
        return tree;
    /* The host may have another device under that name than the one that was granted. */
    int r = (int)sys(SYS_newfstatat, tree, "", &st, AT_EMPTY_PATH);
    if (r == 0 && (st.st_rdev != makedev(d->major, d->minor) || S_ISBLK(st.st_mode) != (d->type == 'b')))
        r = -ENODEV;
    if (r < 0) {
        close_fd(tree);
        return r;
    }
    sys(SYS_mknodat, dir, name, S_IFREG | 0600, 0); /* made, not opened: the image may have a device of its own there */
    r = mount_set(tree, false, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID, 0, MS_SLAVE, -1);
    if (r == 0)
        r = mount_attach_at(tree, dir, name);
    close_fd(tree);
    return r;
}

static int make_node(struct launch *l, int root, const struct device_rule *d)
{
    char parent[4096];
    const char *slash = strrchr(d->path, '/');
    size_t n = slash ? (size_t)(slash - d->path) : 0;
    mode_t mode = (mode_t)(d->mode.set ? d->mode.v & 07777 : 0666);
    mode_t type = d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;

    if (n >= sizeof parent)
        return -ENAMETOOLONG;
    memcpy(parent, d->path, n);
    parent[n] = 0;
    int dir = root_open_target(root, n ? parent : "/", true, true);
    if (dir < 0)
        return dir;
    const char *name = slash ? slash + 1 : d->path;
    int r;
    if (l->own_user_ns && d->type != 'p') {
        r = bind_node(dir, name, d);
    } else {
        r = (int)sys(SYS_mknodat, dir, name, type | mode, makedev(d->major, d->minor));
        if (r == -EEXIST) {
            sys(SYS_unlinkat, dir, name, 0);
            r = (int)sys(SYS_mknodat, dir, name, type | mode, makedev(d->major, d->minor));
        }
        if (r == 0 && (d->uid.v || d->gid.v))
            r = (int)sys(SYS_fchownat, dir, name, d->uid.v, d->gid.v, AT_SYMLINK_NOFOLLOW);
    }
    close_fd(dir);
    return r;
}

/* A /dev that is the host's own (bound) is left as it is; a root of what is granted alone has one where it is mounted.
 */
static bool dev_is_left(const struct policy *p)
{
    for (uint32_t i = 0; i < p->n_mounts; i++)
        if (!strcmp(p->mounts[i].destination, "/dev"))
            return p->mounts[i].bind;
    return p->private_root;
}

int devices_make(struct launch *l, int root)
{
    const struct policy *p = l->policy;
    int r = 0;

    if (dev_is_left(p))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(default_devices) && r == 0; i++)
        if ((r = make_node(l, root, &default_devices[i])) < 0)
            return err_sys(&l->err, r, "device %s: cannot be made%s", default_devices[i].path,
                           r == -EPERM ? " (CAP_MKNOD)" : "");
    for (uint32_t i = 0; i < p->n_devices && r == 0; i++)
        if ((r = make_node(l, root, &p->devices[i])) < 0)
            return err_sys(&l->err, r, "linux.devices %s: cannot be made%s", p->devices[i].path,
                           r == -EPERM ? " (CAP_MKNOD)" : "");
    int dev = root_open_target(root, "/dev", true, true);
    if (dev < 0)
        return err_sys(&l->err, dev, "device directory /dev: cannot be opened");
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        sys(SYS_symlinkat, links[i].target, dev, links[i].name); /* an image's own name stays */
    struct stat st;
    if (sys(SYS_newfstatat, dev, "pts/ptmx", &st, AT_SYMLINK_NOFOLLOW) == 0) {
        sys(SYS_unlinkat, dev, "ptmx", 0);
        sys(SYS_symlinkat, "pts/ptmx", dev, "ptmx");
    }
    if (p->process.terminal)
        sys(SYS_mknodat, dev, "console", S_IFREG | 0600, 0);
    close_fd(dev);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount interface by descriptor (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2); Linux 5.2 to 5.12).
 * All return a descriptor or 0, else a negative errno; none allocates or uses errno.
 */
#ifndef MOAT_HOST_MOUNTAPI_H
#define MOAT_HOST_MOUNTAPI_H

#include "host/openat2.h"
#include "host/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* A detached copy of the mount tree at fd/path ("" with an fd alone). */
static inline int mount_clone(int fd, const char *path, bool recursive)
{
    return (int)sys(SYS_open_tree, fd, path,
                    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}

/* Puts a detached tree on an open target. */
static inline int mount_attach(int tree, int target)
{
    return (int)sys(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int mount_attach_at(int tree, int dir, const char *path)
{
    return (int)sys(SYS_move_mount, tree, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static inline int mount_set(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation, int userns)
{
    struct mount_attr attr = {.attr_set = set,
                              .attr_clr = clear,
                              .propagation = propagation,
                              .userns_fd = (uint64_t)(userns < 0 ? 0 : userns)};

    return (int)sys(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr);
}

static inline int mount_fs_open(const char *type)
{
    return (int)sys(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int mount_fs_string(int fs, const char *key, const char *value)
{
    return (int)sys(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static inline int mount_fs_flag(int fs, const char *key)
{
    return (int)sys(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

/* Creates the superblock and gives the detached mount. */
static inline int mount_fs_create(int fs, uint64_t attrs)
{
    int r = (int)sys(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

    return r < 0 ? r : (int)sys(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
}

/* openat2(2) that never leaves `root`: absolute links and ".." stay inside, magic links are refused. */
static inline int open_in_root(int root, const char *path, uint64_t flags, uint64_t mode)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return openat2_scoped(root, path, &how);
}

/* statx(2) of an open file; struct statx is what musl 1.2.3 lacks. word: 64-bit index into it. 0: the kernel does not
 * say. */
static inline uint64_t mount_statx(int fd, uint32_t want, unsigned word)
{
    union {
        uint32_t mask;
        uint64_t words[32];
    } st = {0};
    long r = sys(SYS_statx, fd, "", AT_EMPTY_PATH, want, &st);

    return r < 0 || (st.mask & want) != want ? 0 : st.words[word];
}

/* Which mount it lies on: STATX_MNT_ID, Linux 5.8. */
static inline uint64_t mount_id(int fd)
{
    return mount_statx(fd, 0x1000, 18);
}

/* Whether it is the top of a mount: STATX_ATTR_MOUNT_ROOT, Linux 5.8. */
static inline bool is_mount_root(int fd)
{
    return mount_statx(fd, 0x100 /* STATX_INO */, 1) & 0x2000;
}

static inline int close_fd(int fd)
{
    return fd >= 0 ? (int)sys(SYS_close, fd) : 0;
}

/* A regular file inside `root`, for reading. Nothing else is opened, not even for a look: opening a device node that an
 * image has under that name can already start something (a watchdog). -EACCES for anything else. */
static inline int open_regular_in_root(int root, const char *path)
{
    char link[32] = "/proc/self/fd/", digits[12];
    int fd = open_in_root(root, path, O_PATH, 0), n = 0;
    struct stat st;

    if (fd < 0)
        return fd;
    int r = (int)sys(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);
    if (r == 0 && (st.st_mode & S_IFMT) != S_IFREG)
        r = -EACCES;
    for (int v = fd; v || !n; v /= 10)
        digits[n++] = (char)('0' + v % 10);
    for (int i = 0; i < n; i++)
        link[14 + i] = digits[n - 1 - i];
    if (r == 0)
        r = (int)sys(SYS_openat, AT_FDCWD, link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    close_fd(fd);
    return r;
}

#endif

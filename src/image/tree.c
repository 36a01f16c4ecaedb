/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive walk would need a descriptor or a stack frame per level, and the tree's author chose the depth. So a
 * directory is emptied by unlinking its files and renaming its subdirectories up into the top one, under names that
 * cannot be guessed, until the top is empty. Two directories are open at any time.
 */
#include "image/tree.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

struct sweep {
    int top;
    uint64_t salt;
    uint64_t hoisted; /* also the progress counter of a pass */
    uint64_t removed;
};

static void cleanup_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static int open_directory(int dirfd, const char *name, int *fd)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    long r = syscall(SYS_openat2, dirfd, name, &how, sizeof how);

    if (r < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
        r = syscall(SYS_openat2, dirfd, name, &how, sizeof how);
    if (r < 0)
        return -errno;
    *fd = (int)r;
    fchmod(*fd, 0700); /* an owner without privilege must be able to write; a failure shows at the unlink */
    return 0;
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* 0 gone, 1 a directory that is not empty, negative errno. */
static int unlink_one(int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    int e = errno;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return 1;
    return errno == ENOTDIR ? -e : -errno;
}

static int hoist(struct sweep *s, int from, const char *name)
{
    char to[64];

    for (int tries = 0; tries < 1000; tries++) {
        snprintf(to, sizeof to, ".gone-%016llx-%llu", (unsigned long long)s->salt, (unsigned long long)++s->hoisted);
        if (syscall(SYS_renameat2, from, name, s->top, to, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

/* Empties top/name by one level and removes it. */
static int flatten(struct sweep *s, const char *name, struct err *err)
{
    int fd = -1;
    int r = open_directory(s->top, name, &fd);
    if (r < 0)
        return err_sys(err, r, "remove directory %s", name);
    _cleanup_(cleanup_dir) DIR *d = fdopendir(fd);
    if (!d) {
        r = -errno;
        close(fd);
        return err_sys(err, r, "read directory %s", name);
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (is_dot(e->d_name))
            continue;
        r = unlink_one(fd, e->d_name);
        if (r == 1) {
            struct stat st;
            /* moving a directory to another parent rewrites its "..", so its owner needs write permission on it */
            if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
                fchmodat(fd, e->d_name, 0700, 0);
            r = hoist(s, fd, e->d_name);
        }
        if (r < 0)
            return err_sys(err, r, "remove %s", e->d_name);
        s->removed++;
    }
    r = unlink_one(s->top, name);
    return r < 0 ? err_sys(err, r, "remove directory %s", name) : 0;
}

int tree_empty(int dirfd, struct err *err)
{
    struct sweep s = {.top = dirfd};
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, -errno, "read a directory");
    _cleanup_(cleanup_dir) DIR *d = fdopendir(fd);
    if (!d) {
        int r = -errno;
        close(fd);
        return err_sys(err, r, "read a directory");
    }
    if (getrandom(&s.salt, sizeof s.salt, 0) != (ssize_t)sizeof s.salt)
        return err_sys(err, -errno, "getrandom");
    for (uint64_t entries = 1; entries;) {
        uint64_t before = s.removed;
        entries = 0;
        rewinddir(d);
        for (struct dirent *e; (e = readdir(d));) {
            if (is_dot(e->d_name))
                continue;
            entries++;
            int r = unlink_one(dirfd, e->d_name);
            if (r == 1)
                r = flatten(&s, e->d_name, err);
            else if (r < 0)
                err_sys(err, r, "remove %s", e->d_name);
            if (r < 0)
                return r;
            s.removed++;
        }
        if (entries && s.removed == before)
            return err_set(err, -EBUSY, "a directory does not become empty: something else writes to it");
    }
    return 0;
}

int tree_remove(int dirfd, const char *name, struct err *err)
{
    _cleanup_fd_ int top = -1;
    int r = unlink_one(dirfd, name);

    if (r == 0)
        return 0;
    if (r == 1)
        r = open_directory(dirfd, name, &top);
    if (r < 0)
        return err_sys(err, r, "remove %s", name);
    r = tree_empty(top, err);
    if (r < 0)
        return r;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
        return err_sys(err, -errno, "remove directory %s", name);
    return 0;
}

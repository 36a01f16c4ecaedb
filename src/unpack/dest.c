/* SPDX-License-Identifier: Apache-2.0 */
/* See dest.h. Trust: names and attributes are hostile; the tree may hold anything that an earlier entry could make. */
#include "unpack/dest.h"

#include "base/mem.h"
#include "host/openat2.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct dest_directory {
    char *path;
    uint64_t ino;
    struct dest_attributes a;
};

void dest_init(struct dest *d, int root, bool layer, bool owners)
{
    *d = (struct dest){.root = root,
                       .layer = layer,
                       .owners = owners,
                       .max_bytes = (uint64_t)64 << 30,
                       .max_entries = 10000000,
                       .parent_fd = -1};
}

void dest_free(struct dest *d)
{
    dest_forget_parent(d);
    inodes_free(&d->made);
    for (size_t i = 0; i < d->n_directories; i++)
        free(d->directories[i].path);
    free(d->directories);
    d->directories = NULL;
    d->n_directories = 0;
}

void dest_forget_parent(struct dest *d)
{
    cleanup_fd(&d->parent_fd);
    d->parent_fd = -1;
}

int dest_path(const char *in, char out[DEST_PATH_MAX], struct err *err)
{
    size_t n = 0;
    unsigned depth = 0;

    for (const char *p = in; *p;) {
        size_t k = strcspn(p, "/");
        if (k == 2 && p[0] == '.' && p[1] == '.')
            return err_set(err, -EPERM, "entry %.200s: has \"..\" in its path: the archive is hostile or damaged", in);
        if (k > 255 || n + k + 2 > DEST_PATH_MAX || depth > DEST_DEPTH_MAX)
            return err_set(err, -ENAMETOOLONG,
                           "entry %.200s...: path is longer than %d bytes, deeper than %d, or has a "
                           "component over 255 bytes",
                           in, DEST_PATH_MAX - 1, DEST_DEPTH_MAX);
        if (k && !(k == 1 && *p == '.')) {
            if (n)
                out[n++] = '/';
            memcpy(out + n, p, k);
            n += k;
            depth++;
        }
        p += k;
        p += strspn(p, "/");
    }
    out[n] = 0;
    return 0;
}

int dest_open_directory(struct dest *d, const char *path, int flags, int *fd)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_DIRECTORY | O_CLOEXEC)};

    how.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    how.resolve |= d->layer ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    int r = openat2_scoped(d->root, *path ? path : ".", &how);
    if (r < 0)
        return r;
    *fd = r;
    return 0;
}

static int note_made(struct dest *d, int dirfd, const char *name, struct err *err)
{
    struct stat st;

    if (!d->layer)
        return 0;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
        return err_sys(err, -errno, "look at %.200s", name);
    return inodes_add(&d->made, 0, st.st_ino, NULL) ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* Opens path; when absent, makes what is missing from the front. In a layer every component counts as made, so that an
 * opaque whiteout of the same layer keeps the way to what the layer brings. */
static int open_parent(struct dest *d, const char *path, bool make, int *fd, struct err *err)
{
    char part[DEST_PATH_MAX];
    int r = dest_open_directory(d, path, O_PATH, fd);

    if (r == 0 ? !d->layer : r != -ENOENT || !make)
        return r;
    if (r == 0)
        cleanup_fd(fd);
    *fd = -1;
    _cleanup_fd_ int above = -1, here = -1;
    if ((r = dest_open_directory(d, "", O_PATH, &above)) < 0)
        return r;
    for (size_t at = 0; path[at];) {
        size_t name = at, k = strcspn(path + at, "/");
        memcpy(part + at, path + at, k);
        at += k;
        part[at] = 0;
        r = dest_open_directory(d, part, O_PATH, &here);
        if (r == -ENOENT && make) {
            if (mkdirat(above, part + name, 0755) < 0)
                return -errno; /* a dangling link stands there */
            r = dest_open_directory(d, part, O_PATH, &here);
        }
        if (r < 0 || (r = note_made(d, here, "", err)) < 0)
            return r;
        cleanup_fd(&above);
        above = steal_fd(&here);
        if (path[at])
            part[at++] = '/';
    }
    *fd = steal_fd(&above);
    return 0;
}

int dest_parent(struct dest *d, const char *path, bool make, int *fd, const char **name, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    *name = slash ? slash + 1 : path;
    if (d->parent_fd < 0 || strncmp(d->parent, path, n) != 0 || d->parent[n]) {
        dest_forget_parent(d);
        memcpy(d->parent, path, n);
        d->parent[n] = 0;
        int r = open_parent(d, d->parent, make, &d->parent_fd, err);
        if (r == -ELOOP)
            return err_set(err, r,
                           "entry %.200s: its path leads through a symbolic link: the archive is hostile or damaged",
                           path);
        if (r == -ENOTDIR)
            return err_set(err, r, "entry %.200s: its path leads through something that is no directory", path);
        if (r < 0)
            return err_sys(err, r, "entry %.200s: open its directory", path);
    }
    *fd = d->parent_fd;
    return 0;
}

static int count_entry(struct dest *d, const char *path, struct err *err)
{
    if (d->entries >= d->max_entries)
        return err_set(err, -E2BIG, "entry %.200s: the archive has more than %llu entries", path,
                       (unsigned long long)d->max_entries);
    d->entries++;
    return 0;
}

int dest_count_bytes(struct dest *d, uint64_t n, struct err *err)
{
    if (n > d->max_bytes - d->bytes)
        return err_set(err, -EFBIG, "the files take more than %llu bytes: raise the limit with --max-bytes",
                       (unsigned long long)d->max_bytes);
    d->bytes += n;
    return 0;
}

/* The place for a new entry: its directory and name, counted. */
static int place(struct dest *d, const char *path, int *dirfd, const char **name, struct err *err)
{
    int r = count_entry(d, path, err);

    if (r < 0)
        return r;
    if (!*path)
        return err_set(err, -EINVAL, "the archive's root entry is no directory");
    return dest_parent(d, path, true, dirfd, name, err);
}

/* After EEXIST: makes room. The parent's descriptor stays right, since what goes lies below it. */
static int make_room(struct dest *d, int dirfd, const char *name, struct err *err)
{
    return tree_remove(dirfd, name, err);
}

static void set_times(int dirfd, const char *name, const struct dest_attributes *a)
{
    struct timespec times[2] = {{.tv_sec = a->mtime, .tv_nsec = a->mtime_nsec}, {0}};

    times[1] = times[0];
    if (name)
        utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
    else
        futimens(dirfd, times);
}

/* Without root the owners are the range that newuidmap mapped. */
static int owner_failed(int code, const struct dest_attributes *a, const char *path, struct err *err)
{
    return err_sys(err, code, "set owner %u:%u of %.200s%s", a->uid, a->gid, path,
                   code == -EINVAL ? ", which is beyond your ids (a larger range in /etc/subuid and /etc/subgid, or "
                                     "import as root)"
                                   : "");
}

/* Mode after owner: chown(2) takes set-uid bits away. */
int dest_set_attributes(struct dest *d, int fd, const struct dest_attributes *a, struct err *err)
{
    if (d->owners && fchown(fd, a->uid, a->gid) < 0)
        return owner_failed(-errno, a, "a file", err);
    if (fchmod(fd, a->mode & 07777) < 0)
        return err_sys(err, -errno, "set mode %04o", a->mode & 07777);
    set_times(fd, NULL, a);
    return 0;
}

int dest_make_file(struct dest *d, const char *path, int *fd, struct err *err)
{
    const char *name;
    int dirfd, r = place(d, path, &dirfd, &name, err);

    if (r < 0)
        return r;
    for (int tries = 0; tries < 2; tries++) {
        *fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*fd >= 0)
            return note_made(d, dirfd, name, err);
        if (errno != EEXIST)
            break;
        if ((r = make_room(d, dirfd, name, err)) < 0)
            return r;
    }
    return err_sys(err, -errno, "create %.200s", path);
}

int dest_make_symlink(struct dest *d, const char *path, const char *target, const struct dest_attributes *a,
                      struct err *err)
{
    const char *name;
    int dirfd, r = place(d, path, &dirfd, &name, err);

    if (r < 0)
        return r;
    if (!*target || strlen(target) >= DEST_PATH_MAX)
        return err_set(err, -EINVAL, "entry %.200s: a symbolic link to a name of %zu bytes", path, strlen(target));
    if (symlinkat(target, dirfd, name) < 0 &&
        (errno != EEXIST || (r = make_room(d, dirfd, name, err)) < 0 || symlinkat(target, dirfd, name) < 0))
        return r < 0 ? r : err_sys(err, -errno, "create %.200s", path);
    if (d->owners && fchownat(dirfd, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return owner_failed(-errno, a, path, err);
    set_times(dirfd, name, a);
    return note_made(d, dirfd, name, err);
}

int dest_make_fifo(struct dest *d, const char *path, const struct dest_attributes *a, struct err *err)
{
    const char *name;
    int dirfd, r = place(d, path, &dirfd, &name, err);

    if (r < 0)
        return r;
    if (mknodat(dirfd, name, S_IFIFO | 0600, 0) < 0 &&
        (errno != EEXIST || (r = make_room(d, dirfd, name, err)) < 0 || mknodat(dirfd, name, S_IFIFO | 0600, 0) < 0))
        return r < 0 ? r : err_sys(err, -errno, "create %.200s", path);
    /* By name without following: it is ours since mknod, and nobody else writes to the tree. */
    if (d->owners && fchownat(dirfd, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return owner_failed(-errno, a, path, err);
    if (fchmodat(dirfd, name, a->mode & 07777, 0) < 0)
        return err_sys(err, -errno, "set mode of %.200s", path);
    set_times(dirfd, name, a);
    return note_made(d, dirfd, name, err);
}

int dest_make_hardlink(struct dest *d, const char *path, const char *target, struct err *err)
{
    const char *name = NULL, *to = NULL;
    int dirfd, r;

    if (!*target || !strcmp(path, target))
        return err_set(err, -EINVAL, "entry %.200s: a hard link to itself or to the root", path);
    if ((r = dest_parent(d, target, false, &dirfd, &to, err)) < 0)
        return err_wrap(err, "entry %.200s: hard link to %.200s", path, target);
    _cleanup_fd_ int from = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (from < 0)
        return err_sys(err, -errno, "entry %.200s", path);
    if ((r = place(d, path, &dirfd, &name, err)) < 0)
        return r;
    /* linkat(2) without AT_SYMLINK_FOLLOW: a link target that is a symbolic link is linked, not followed. */
    if (linkat(from, to, dirfd, name, 0) < 0) {
        if (errno == EEXIST) {
            struct stat a, b; /* already the same file: tools write such entries */
            if (fstatat(from, to, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
                a.st_ino == b.st_ino)
                return note_made(d, dirfd, name, err);
            if ((r = make_room(d, dirfd, name, err)) < 0)
                return r;
            if (linkat(from, to, dirfd, name, 0) == 0)
                return note_made(d, dirfd, name, err);
        }
        return err_sys(err, -errno, "entry %.200s: hard link to %.200s", path, target);
    }
    return note_made(d, dirfd, name, err);
}

static int remember_directory(struct dest *d, const char *path, uint64_t ino, const struct dest_attributes *a,
                              struct err *err)
{
    if (d->n_directories == d->cap_directories) {
        size_t cap = d->cap_directories ? d->cap_directories * 2 : 256;
        struct dest_directory *more = realloc(d->directories, cap * sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        d->directories = more;
        d->cap_directories = cap;
    }
    char *copy = strdup(path);
    if (!copy)
        return err_set(err, -ENOMEM, "out of memory");
    d->directories[d->n_directories++] = (struct dest_directory){copy, ino, *a};
    return 0;
}

int dest_make_directory(struct dest *d, const char *path, const struct dest_attributes *a, struct err *err)
{
    const char *name = ".";
    int dirfd = d->root, r = *path ? place(d, path, &dirfd, &name, err) : count_entry(d, path, err);
    struct stat st;

    if (r < 0)
        return r;
    for (int tries = 0; *path; tries++) {
        if (mkdirat(dirfd, name, 0700) == 0)
            break;
        if (errno != EEXIST || tries == 2)
            return err_sys(err, -errno, "create %.200s", path);
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            break;
        if ((r = make_room(d, dirfd, name, err)) < 0)
            return r;
    }
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, -errno, "look at %.200s", path);
    if ((r = note_made(d, dirfd, name, err)) < 0)
        return r;
    return remember_directory(d, path, st.st_ino, a, err);
}

int dest_finish(struct dest *d, struct err *err)
{
    struct inodes done = {0};
    int r = 0;

    dest_forget_parent(d);
    /* Backwards: the last word on a directory counts, and children come before parents that may lock us out. */
    for (size_t i = d->n_directories; i-- > 0 && r == 0;) {
        struct dest_directory *dir = &d->directories[i];
        _cleanup_fd_ int fd = -1;
        struct stat st;
        if (dest_open_directory(d, dir->path, O_RDONLY, &fd) < 0 || fstat(fd, &st) < 0 || st.st_ino != dir->ino ||
            inodes_has(&done, 0, dir->ino))
            continue; /* a later entry put something else in its place */
        if (!inodes_add(&done, 0, dir->ino, NULL))
            r = err_set(err, -ENOMEM, "out of memory");
        else if ((r = dest_set_attributes(d, fd, &dir->a, err)) < 0)
            err_wrap(err, "directory %.200s", dir->path);
    }
    inodes_free(&done);
    return r;
}

bool dest_xattr_allowed(const char *name)
{
    if (!strcmp(name, "security.capability"))
        return true;
    return !strncmp(name, "user.", 5) && name[5] && strncmp(name, "user.overlay.", 13) != 0;
}

void dest_set_xattr(struct dest *d, int fd, const char *name, const void *value, size_t size)
{
    if (!dest_xattr_allowed(name) || strlen(name) > 255 || size > 65536 || fsetxattr(fd, name, value, size, 0) < 0)
        d->dropped_xattrs++;
}

int dest_write_at(int fd, const char *bytes, size_t n, uint64_t offset, struct err *err)
{
    while (n) {
        ssize_t r = pwrite(fd, bytes, n, (off_t)offset);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_sys(err, -errno, "write");
        bytes += r;
        n -= (size_t)r;
        offset += (uint64_t)r;
    }
    return 0;
}

void dest_note_skipped(struct dest *d, uint64_t *counter, const char *path)
{
    if (!d->skipped[0])
        snprintf(d->skipped, sizeof d->skipped, "%s", path);
    ++*counter;
}

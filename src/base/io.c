/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int io_read_fd(struct arena *a, int fd, size_t max, char **text, size_t *len)
{
    struct stat st;
    size_t cap = 16384, n = 0;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((uintmax_t)st.st_size > max)
            return -EFBIG;
        cap = (size_t)st.st_size + 1;
    }
    char *buf = arena_alloc(a, cap + 1);
    if (!buf)
        return -ENOMEM;
    for (;;) {
        ssize_t r = read(fd, buf + n, cap - n);
        if (r < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (r == 0)
            break;
        n += (size_t)r;
        if (n > max)
            return -EFBIG;
        if (n == cap) {
            char *more = arena_alloc(a, cap * 2 + 1);
            if (!more)
                return -ENOMEM;
            memcpy(more, buf, n);
            buf = more;
            cap *= 2;
        }
    }
    buf[n] = 0;
    *text = buf;
    *len = n;
    return 0;
}

int io_read_file(struct arena *a, int dirfd, const char *path, size_t max, char **text, size_t *len)
{
    _cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return io_read_fd(a, fd, max, text, len);
}

int io_read_regular(struct arena *a, const char *path, size_t max, char **text, size_t *len)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? io_read_fd(a, fd, max, text, len) : S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
}

ssize_t io_read_full(int fd, void *buf, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t r = read(fd, (char *)buf + n, size - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        n += (size_t)r;
    }
    return (ssize_t)n;
}

ssize_t io_read_small(int dirfd, const char *path, char *buf, size_t size)
{
    _cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    ssize_t n = io_read_full(fd, buf, size - 1);
    if (n >= 0)
        buf[n] = 0;
    return n;
}

int io_write_all(int fd, const void *buf, size_t len)
{
    const char *p = buf;

    while (len) {
        ssize_t r = write(fd, p, len);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        p += r;
        len -= (size_t)r;
    }
    return 0;
}

int io_write_at(int dirfd, const char *path, const char *text)
{
    _cleanup_fd_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(text);

    if (fd < 0)
        return -errno;
    ssize_t r = write(fd, text, len);
    if (r < 0)
        return -errno;
    return (size_t)r == len ? 0 : -EIO;
}

/* A rename would do away with a device, a pipe or a link that others rely on. */
static int is_replaceable(int dirfd, const char *path)
{
    struct stat st;

    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
}

/* The directory may be a stranger's, and the name is easily guessed: it is made here or not at all, through no link. */
static int make_beside(int dirfd, const char *name, mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = openat(dirfd, name, flags, mode);

    if (fd < 0 && errno == EEXIST && unlinkat(dirfd, name, 0) == 0) /* of one who died */
        fd = openat(dirfd, name, flags, mode);
    return fd < 0 ? -errno : fd;
}

int io_replace_file(int dirfd, const char *path, const void *buf, size_t len, mode_t mode)
{
    char tmp[4096];
    int n = snprintf(tmp, sizeof tmp, "%s.%d.tmp", path, (int)getpid()), r;

    if (n < 0 || (size_t)n >= sizeof tmp)
        return -ENAMETOOLONG;
    if ((r = is_replaceable(dirfd, path)) < 0)
        return r;
    _cleanup_fd_ int fd = make_beside(dirfd, tmp, mode);
    if (fd < 0)
        return fd;
    r = io_write_all(fd, buf, len);
    if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dirfd, tmp, 0);
    return r;
}

#define LOCK_TRIES    50
#define LOCK_PAUSE_MS 20

static int try_lock(int fd, int command, bool read_only)
{
    struct flock l = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    int r = -EBUSY;

    for (int i = 0; i < LOCK_TRIES && r == -EBUSY; i++) {
        if (i)
            poll(NULL, 0, LOCK_PAUSE_MS);
        struct flock now = l;
        if (fcntl(fd, command, &now) == 0)
            r = command == F_OFD_SETLK || now.l_type == F_UNLCK ? 0 : -EBUSY;
        else
            r = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
    }
    return r;
}

int io_lock_disk(int fd, bool read_only)
{
    return try_lock(fd, F_OFD_SETLK, read_only);
}

int io_disk_is_free(int fd, bool read_only)
{
    return try_lock(fd, F_OFD_GETLK, read_only);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Work on descriptors of host files. Only the calls of files.h's users: pread, pwritev2, lseek, fstat, fallocate,
 * close. */
#include "sentry/files.h"

#include "linux/files_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int64_t files_host_read(int fd, void *to, size_t n, uint64_t offset)
{
    ssize_t r;
    if (offset > INT64_MAX)
        return -EINVAL;
    do
        r = pread(fd, to, n, (off_t)offset);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

/* pwritev2(2), which musl of this age lacks; the offset goes in two halves, of which the second is for 32 bits. */
static int64_t write_vector(int fd, const void *from, size_t n, int64_t offset, int flags)
{
    const struct iovec v = {(void *)(uintptr_t)from, n};
    long r;
    do
        r = syscall(SYS_pwritev2, fd, &v, 1, offset, 0L, flags);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

int64_t files_host_write(int fd, const void *from, size_t n, uint64_t offset, bool synced)
{
    return offset > INT64_MAX ? -EINVAL : write_vector(fd, from, n, (int64_t)offset, synced ? RWF_DSYNC : 0);
}

int64_t files_host_append(int fd, const void *from, size_t n, bool synced, uint64_t *end)
{
    /* By the descriptor's own position, which then says where the bytes ended, whoever else appended meanwhile. */
    int64_t r = write_vector(fd, from, n, -1, RWF_APPEND | (synced ? RWF_DSYNC : 0));
    off_t at = r < 0 ? -1 : lseek(fd, 0, SEEK_CUR);
    if (at >= 0)
        *end = (uint64_t)at;
    return r;
}

int64_t files_host_seek(int fd, uint64_t offset, int whence)
{
    if (offset > INT64_MAX || (whence != SEEK_DATA && whence != SEEK_HOLE))
        return -EINVAL;
    off_t r = lseek(fd, (off_t)offset, whence);
    return r < 0 ? -errno : r;
}

int files_host_stat(int fd, struct files_attr *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    *out = files_attr_of(&st);
    return 0;
}

int files_host_allocate(int fd, int mode, uint64_t offset, uint64_t n)
{
    if (offset > INT64_MAX || n > INT64_MAX)
        return -EINVAL;
    return fallocate(fd, mode, (off_t)offset, (off_t)n) < 0 ? -errno : 0;
}

void files_host_close(int fd)
{
    close(fd);
}

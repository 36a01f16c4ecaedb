/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes, and the lock of a disk's file. All return 0 or a byte count, else a negative errno; none of
 * them uses errno for its result.
 */
#ifndef MOAT_BASE_IO_H
#define MOAT_BASE_IO_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <sys/types.h>

/* Reads a whole file into the arena, NUL-terminated (the NUL not counted in *len). Regular files, pipes and procfs.
 * -EFBIG when it holds more than max bytes. dirfd as in openat(2). */
int io_read_file(struct arena *a, int dirfd, const char *path, size_t max, char **text, size_t *len);
int io_read_fd(struct arena *a, int fd, size_t max, char **text, size_t *len);

/* Reads at most size - 1 bytes into buf and terminates it; the bytes read, or -errno. For small procfs and sysfs files.
 */
ssize_t io_read_small(int dirfd, const char *path, char *buf, size_t size);

/* Reads until buf is full or there is no more: the bytes read, or -errno. */
ssize_t io_read_full(int fd, void *buf, size_t size);

/* Writes all of it, over EINTR and short writes. 0 or -errno. */
/* The same for what must be a regular file: a fifo would wait for a writer. -ENOTSUP for anything else. */
int io_read_regular(struct arena *a, const char *path, size_t max, char **text, size_t *len);
int io_write_all(int fd, const void *buf, size_t len);

/* One write(2) to an existing file, for procfs, sysfs and cgroupfs. 0 or -errno (a short write is -EIO). */
int io_write_at(int dirfd, const char *path, const char *text);

/* Writes path by way of a temporary name and rename(2): a reader sees the old file or the new one. mode as in open(2).
 * What is there and is no regular file stays, and no link is followed in the last component: -EISDIR, or -ENOTSUP. */
int io_replace_file(int dirfd, const char *path, const void *buf, size_t len, mode_t mode);

/* The lock by which a disk's file is one machine's (fcntl(2), open file description locks): all may have it who only
 * read, or one. It goes with the descriptor. One that has just ended has it for a moment still: it is waited for, a
 * second at the most. 0, -EBUSY, -errno. */
int io_lock_disk(int fd, bool read_only);
/* The same, not taken but looked at, by a descriptor that need not be open for writing. */
int io_disk_is_free(int fd, bool read_only);

#endif

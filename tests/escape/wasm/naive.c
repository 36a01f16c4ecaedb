/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WASI as somebody would write it who trusts the program: descriptors are the host's, paths are the kernel's to follow,
 * rights are not looked at. What a probe gets from this one and not from moat's is what moat's checks are for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SIZE ((size_t)1 << 20)

static uint8_t memory[SIZE];
static u32 used = 1024;

uint8_t *at(u32 address)
{
    return memory + address;
}

u32 room(u32 size)
{
    u32 here = used;

    used += (size + 15) & ~15u;
    return here;
}

int granted_directory(const char *name)
{
    return open(name, O_RDONLY | O_DIRECTORY);
}

static int done(long r)
{
    return r < 0 ? errno : 0;
}

static const char *name(u32 path, u32 length, char out[4096])
{
    snprintf(out, 4096, "%.*s", (int)length, (const char *)at(path));
    return out;
}

static int put(u32 result, long value)
{
    u32 n = (u32)value;

    if (value >= 0)
        memcpy(at(result), &n, sizeof n);
    return done(value);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------- */

int w_fd_close(u32 fd)
{
    return done(close((int)fd));
}

int w_fd_fdstat_set_rights(u32 fd, u64 base, u64 inheriting)
{
    return (void)fd, (void)base, (void)inheriting, 0;
}

int w_fd_filestat_set_size(u32 fd, u64 size)
{
    return done(ftruncate((int)fd, (off_t)size));
}

int w_fd_allocate(u32 fd, u64 offset, u64 length)
{
    return done(fallocate((int)fd, 0, (off_t)offset, (off_t)length));
}

static struct iovec first(u32 vectors)
{
    u32 v[2];

    memcpy(v, at(vectors), sizeof v);
    return (struct iovec){at(v[0]), v[1]};
}

int w_fd_read(u32 fd, u32 vectors, u32 n, u32 result)
{
    struct iovec v = first(vectors);

    return put(result, readv((int)fd, &v, (int)n));
}

int w_fd_pread(u32 fd, u32 vectors, u32 n, u64 offset, u32 result)
{
    struct iovec v = first(vectors);

    return put(result, preadv((int)fd, &v, (int)n, (off_t)offset));
}

int w_fd_write(u32 fd, u32 vectors, u32 n, u32 result)
{
    struct iovec v = first(vectors);

    return put(result, writev((int)fd, &v, (int)n));
}

int w_fd_pwrite(u32 fd, u32 vectors, u32 n, u64 offset, u32 result)
{
    struct iovec v = first(vectors);

    return put(result, pwritev((int)fd, &v, (int)n, (off_t)offset));
}

/* One entry, which is "..": what the probe looks for. */
int w_fd_readdir(u32 fd, u32 to, u32 size, u64 cookie, u32 result)
{
    struct stat st;
    u64 record[3] = {cookie + 1};
    u32 length = 2;

    if (fstatat((int)fd, "..", &st, 0) < 0 || size < sizeof record + length)
        return errno;
    record[1] = st.st_ino;
    memcpy(&record[2], &length, sizeof length);
    memcpy(at(to), record, sizeof record);
    memcpy(at(to) + sizeof record, "..", length);
    return put(result, sizeof record + length);
}

int w_fd_renumber(u32 from, u32 to)
{
    return done(dup2((int)from, (int)to) < 0 ? -1 : close((int)from));
}

int w_fd_prestat_get(u32 fd, u32 result)
{
    return (void)fd, (void)result, EBADF;
}

int w_fd_prestat_dir_name(u32 fd, u32 to, u32 size)
{
    return (void)fd, (void)to, (void)size, EBADF;
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

int w_path_open(u32 dir, u32 lookup, u32 path, u32 length, u32 oflags, u64 rights, u64 inheriting, u32 flags,
                u32 result)
{
    char text[4096];
    int writes = rights >> 6 & 1 || oflags & 8;

    (void)inheriting;
    (void)flags;
    return put(result, openat((int)dir, name(path, length, text),
                              (lookup ? 0 : O_NOFOLLOW) | (oflags & 1 ? O_CREAT : 0) | (oflags & 2 ? O_DIRECTORY : 0) |
                                  (oflags & 4 ? O_EXCL : 0) | (oflags & 8 ? O_TRUNC : 0) | O_NONBLOCK |
                                  (oflags & 2 ? O_RDONLY
                                   : writes   ? O_RDWR
                                              : O_RDONLY),
                              0666));
}

int w_path_create_directory(u32 dir, u32 path, u32 length)
{
    char text[4096];

    return done(mkdirat((int)dir, name(path, length, text), 0777));
}

int w_path_remove_directory(u32 dir, u32 path, u32 length)
{
    char text[4096];

    return done(unlinkat((int)dir, name(path, length, text), AT_REMOVEDIR));
}

int w_path_unlink_file(u32 dir, u32 path, u32 length)
{
    char text[4096];

    return done(unlinkat((int)dir, name(path, length, text), 0));
}

int w_path_filestat_get(u32 dir, u32 lookup, u32 path, u32 length, u32 result)
{
    char text[4096];
    struct stat st;

    (void)result;
    return done(fstatat((int)dir, name(path, length, text), &st, lookup ? 0 : AT_SYMLINK_NOFOLLOW));
}

int w_path_filestat_set_times(u32 dir, u32 lookup, u32 path, u32 length, u64 atim, u64 mtim, u32 flags)
{
    const struct timespec times[2] = {{0, UTIME_OMIT}, {(time_t)(mtim / 1000000000), 0}};
    char text[4096];

    (void)atim;
    (void)flags;
    return done(utimensat((int)dir, name(path, length, text), times, lookup ? 0 : AT_SYMLINK_NOFOLLOW));
}

int w_path_link(u32 dir, u32 lookup, u32 path, u32 length, u32 to_dir, u32 to, u32 to_length)
{
    char text[4096], other[4096];

    return done(linkat((int)dir, name(path, length, text), (int)to_dir, name(to, to_length, other),
                       lookup ? AT_SYMLINK_FOLLOW : 0));
}

int w_path_readlink(u32 dir, u32 path, u32 length, u32 to, u32 size, u32 result)
{
    char text[4096];

    return put(result, readlinkat((int)dir, name(path, length, text), (char *)at(to), size));
}

int w_path_rename(u32 dir, u32 path, u32 length, u32 to_dir, u32 to, u32 to_length)
{
    char text[4096], other[4096];

    return done(renameat((int)dir, name(path, length, text), (int)to_dir, name(to, to_length, other)));
}

int w_path_symlink(u32 target, u32 target_length, u32 dir, u32 path, u32 length)
{
    char text[4096], other[4096];

    return done(symlinkat(name(target, target_length, text), (int)dir, name(path, length, other)));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2) of the host as the records of files.h have it: for the programs at both ends of the gofer's socket. The
 * kernel itself includes no such header. */
#ifndef MOAT_LINUX_FILES_STAT_H
#define MOAT_LINUX_FILES_STAT_H

#include "linux/files.h"

#include <sys/stat.h>

static inline uint64_t files_nanoseconds(const struct timespec *t)
{
    return t->tv_sec < 0 || t->tv_sec > INT64_MAX / 1000000000
               ? 0
               : (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static inline struct files_attr files_attr_of(const struct stat *st)
{
    return (struct files_attr){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .rdev = st->st_rdev,
        .atime = files_nanoseconds(&st->st_atim),
        .mtime = files_nanoseconds(&st->st_mtim),
        .ctime = files_nanoseconds(&st->st_ctim),
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
    };
}

#endif

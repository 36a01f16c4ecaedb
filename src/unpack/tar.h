/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of tar streams: ustar (POSIX.1-1988), pax (POSIX.1-2001, with SCHILY.xattr and GNU.sparse records) and GNU
 * (long names, base-256 numbers, old sparse). Names come out as the bytes that are in the archive: no character set
 * is assumed. Life: tar_init() -> tar_next() until end -> tar_free(). tar_next() passes over what was not read.
 *
 * The stream is hostile. Every length is bounded before it is used; numbers are exact or refused.
 */
#ifndef MOAT_UNPACK_TAR_H
#define MOAT_UNPACK_TAR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_EXTENSION_MAX (1u << 20) /* one pax or long-name record */
#define TAR_XATTRS_MAX    128
#define TAR_SEGMENTS_MAX  (1u << 20)

struct tar_xattr {
    const char *name; /* NUL-terminated */
    const char *value;
    size_t size;
};

/* A piece of a sparse file: `size` bytes of the stream belong at `offset`. */
struct tar_segment {
    uint64_t offset, size;
};

struct tar_entry { /* pointers: valid until the next tar_next() */
    char type;     /* '0' file, '1' hard link, '2' symbolic link, '3' char, '4' block, '5' directory, '6' fifo */
    const char *path, *link;
    uint32_t mode, uid, gid, mtime_nsec;
    int64_t mtime;
    uint64_t size; /* of the file; the stream holds less for a sparse one */
    bool sparse;
    struct tar_segment *segments; /* of a sparse file */
    size_t n_segments;
    struct tar_xattr xattrs[TAR_XATTRS_MAX];
    size_t n_xattrs;
};

/* Gives the next bytes of the stream, valid until the next call; *n 0 at its end. */
typedef int tar_source(void *ctx, const char **bytes, size_t *n, struct err *err);

struct tar {
    tar_source *source;
    void *ctx;
    const char *bytes; /* not yet used of the last block */
    size_t avail;
    uint64_t data_left; /* of the current entry, in the stream */
    uint32_t padding;
    struct tar_entry entry;
    struct tar_pending *pending; /* records that apply to the next header */
};

int tar_init(struct tar *t, tar_source *source, void *ctx, struct err *err);
void tar_free(struct tar *t);

/* *entry is NULL at the end of the archive. */
int tar_next(struct tar *t, struct tar_entry **entry, struct err *err);

/* The next bytes of the entry's data as they are in the stream; *n 0 at their end. */
int tar_read(struct tar *t, const char **bytes, size_t *n, struct err *err);

#endif

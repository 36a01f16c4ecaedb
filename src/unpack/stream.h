/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression by libarchive: gzip, xz, zstd, bzip2 or nothing, recognised by content. libarchive sees no tar header.
 */
#ifndef MOAT_UNPACK_STREAM_H
#define MOAT_UNPACK_STREAM_H

#include "base/err.h"

#include <stddef.h>

struct archive;
struct stream {
    struct archive *a;
};

/* Reads from fd; borrowed. Call before the jail is shut only if fd may not be read yet: nothing is read until
 * stream_next(). */
int stream_open(struct stream *s, struct err *err);
int stream_begin(struct stream *s, int fd, struct err *err);
void stream_close(struct stream *s);

/* A tar_source. */
int stream_next(void *stream, const char **bytes, size_t *n, struct err *err);

#endif

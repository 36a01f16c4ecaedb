/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive with the "raw" format: one entry, whose body is the stream behind the filters. */
#include "unpack/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#define READ_SIZE (256u << 10)

static int failed(struct stream *s, struct err *err)
{
    const char *why = archive_error_string(s->a);

    return err_set(err, -EINVAL, "decompress: %s: give a tar file, plain or compressed with gzip, xz, zstd or bzip2",
                   why ? why : "unknown error");
}

int stream_open(struct stream *s, struct err *err)
{
    s->a = archive_read_new();
    if (!s->a)
        return err_set(err, -ENOMEM, "out of memory");
    if (archive_read_support_filter_gzip(s->a) != ARCHIVE_OK || archive_read_support_filter_xz(s->a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(s->a) != ARCHIVE_OK || archive_read_support_filter_bzip2(s->a) != ARCHIVE_OK ||
        archive_read_support_format_raw(s->a) != ARCHIVE_OK)
        return failed(s, err);
    return 0;
}

int stream_begin(struct stream *s, int fd, struct err *err)
{
    struct archive_entry *entry;

    if (archive_read_open_fd(s->a, fd, READ_SIZE) != ARCHIVE_OK)
        return failed(s, err);
    int r = archive_read_next_header(s->a, &entry);
    if (r == ARCHIVE_EOF)
        return err_set(err, -EINVAL, "the archive is empty: give a tar file");
    return r < ARCHIVE_WARN ? failed(s, err) : 0;
}

void stream_close(struct stream *s)
{
    if (s->a)
        archive_read_free(s->a);
    s->a = NULL;
}

int stream_next(void *stream, const char **bytes, size_t *n, struct err *err)
{
    struct stream *s = stream;
    const void *block;
    la_int64_t offset;
    int r;

    do
        r = archive_read_data_block(s->a, &block, n, &offset);
    while (r == ARCHIVE_RETRY || (r == ARCHIVE_OK && *n == 0));
    if (r == ARCHIVE_EOF) {
        *n = 0;
        return 0;
    }
    if (r < ARCHIVE_WARN)
        return failed(s, err);
    *bytes = block;
    return 0;
}

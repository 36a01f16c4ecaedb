/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's file: positioned reads and writes, within the size that it had at the start. And random bytes, which have no
 * file at all. Both are done at once, each by its server.
 */
#include "machine/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static bool within(const struct io_port *p, uint64_t offset, uint64_t bytes)
{
    return offset <= p->bytes && bytes <= p->bytes - offset;
}

/* All of it, over short results: a file on a network may give less than it was asked for. */
static int64_t transfer(const struct io_port *p, struct iovec *v, int n, uint64_t bytes, uint64_t offset, bool into)
{
    uint64_t done = 0;

    while (done < bytes) {
        const off_t at = (off_t)(offset + done);
        const ssize_t r = into ? preadv(p->in, v, n, at) : pwritev(p->out, v, n, at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0) /* somebody has made the file shorter */
            return (int64_t)done;
        done += (uint64_t)r;
        n = io_pieces_cut(v, n, (uint64_t)r, bytes - done);
    }
    return (int64_t)done;
}

/* Where the file system knows no holes. */
static int64_t write_zeroes(const struct io_port *p, uint64_t offset, uint64_t bytes)
{
    static const uint8_t zeroes[64 << 10];

    while (bytes) {
        struct iovec v = {(void *)(uintptr_t)zeroes, bytes < sizeof zeroes ? bytes : sizeof zeroes};
        const uint64_t here = v.iov_len;
        const int64_t r = transfer(p, &v, 1, here, offset, false);
        if (r < 0)
            return r;
        offset += here, bytes -= here;
    }
    return 0;
}

static int64_t punch(const struct io_port *p, const struct ring_request *q)
{
    if (!within(p, q->offset, q->length))
        return -EINVAL;
    if (q->length == 0)
        return 0;
    if (fallocate(p->out, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)q->offset, (off_t)q->length) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENODEV)
        return -errno;
    return q->operation == RING_DISCARD ? 0 : write_zeroes(p, q->offset, q->length); /* a discard is a hint */
}

int64_t io_block_now(struct io_port *p, const struct ring_request *q)
{
    const bool into = q->operation == RING_READ;
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;
    const int n = io_pieces(p, q, into, v, &bytes);

    if (n < 0)
        return n;
    if (p->read_only && !into && q->operation != RING_SYNC)
        return -EROFS;
    switch (q->operation) {
    case RING_READ:
    case RING_WRITE:
        return within(p, q->offset, bytes) ? transfer(p, v, n, bytes, q->offset, into) : -EINVAL;
    case RING_SYNC:
        return p->read_only || fdatasync(p->out) == 0 ? 0 : -errno;
    default:
        return punch(p, q);
    }
}

const struct io_ops io_block = {
    .name = "block",
    .operations = 1u << RING_READ | 1u << RING_WRITE | 1u << RING_SYNC | 1u << RING_DISCARD | 1u << RING_ZERO,
    .now = io_block_now,
};

/* A PC's: no controller of it knows more, and the filter lets no more of it pass. */
const struct io_ops io_disk = {
    .name = "disk",
    .operations = 1u << RING_READ | 1u << RING_WRITE | 1u << RING_SYNC,
    .now = io_block_now,
};

/* ---- random ---- */

#define RANDOM_MOST 4096u /* bytes at once */

static int64_t random_now(struct io_port *p, const struct ring_request *q)
{
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;
    int64_t done = 0;
    const int n = io_pieces_cut(v, io_pieces(p, q, true, v, &bytes), 0, RANDOM_MOST);

    for (int i = 0; i < n; i++) {
        const ssize_t r = getrandom(v[i].iov_base, v[i].iov_len, 0);
        if (r < 0)
            return done ? done : -errno;
        done += r;
        if ((size_t)r < v[i].iov_len)
            break;
    }
    return done;
}

const struct io_ops io_random = {.name = "random", .operations = 1u << RING_READ, .now = random_now};

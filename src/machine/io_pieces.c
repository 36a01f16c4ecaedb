/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request's pieces lie in this process, after all has been checked. See io.h. */
#include "machine/io.h"

#include <errno.h>
#include <string.h>

/* One piece; NULL when it is not wholly within what it says. */
static uint8_t *locate(const struct io_port *p, const struct ring_segment *s, bool into)
{
    uint64_t bytes = p->own_bytes;
    uint8_t *host = p->own;

    if (s->region != RING_OWN) {
        if (s->region >= p->memory->n)
            return NULL;
        const struct gmem_region *r = &p->memory->regions[s->region];
        if (into && r->flags & GMEM_ROM)
            return NULL;
        bytes = r->bytes, host = r->host;
    }
    if (s->length == 0 || s->offset > bytes || s->length > bytes - s->offset)
        return NULL;
    return host + s->offset;
}

int io_pieces(const struct io_port *p, const struct ring_request *q, bool into, struct iovec out[RING_SEGMENTS],
              uint64_t *bytes)
{
    uint64_t all = 0;

    if (q->zero)
        return -EINVAL;
    for (unsigned i = 0; i < q->n_segments; i++) {
        uint8_t *host = locate(p, &q->segments[i], into);
        if (!host)
            return -EINVAL;
        out[i] = (struct iovec){host, q->segments[i].length};
        all += q->segments[i].length;
    }
    if (all > RING_DATA_LIMIT)
        return -EINVAL;
    *bytes = all;
    return q->n_segments;
}

int io_pieces_cut(struct iovec *v, int n, uint64_t skip, uint64_t most)
{
    int kept = 0;

    for (int i = 0; i < n && most; i++) {
        if (skip >= v[i].iov_len) {
            skip -= v[i].iov_len;
            continue;
        }
        const uint64_t here = v[i].iov_len - skip < most ? v[i].iov_len - skip : most;
        v[kept++] = (struct iovec){(uint8_t *)v[i].iov_base + skip, here};
        most -= here, skip = 0;
    }
    return kept;
}

uint64_t io_pieces_copy(const struct iovec *v, int n, void *bytes, uint64_t count, bool into)
{
    uint8_t *at = bytes;
    uint64_t left = count;

    for (int i = 0; i < n && left; i++) {
        const uint64_t here = v[i].iov_len < left ? v[i].iov_len : left;
        if (into)
            memcpy(v[i].iov_base, at, here);
        else
            memcpy(at, v[i].iov_base, here);
        at += here, left -= here;
    }
    return count - left;
}

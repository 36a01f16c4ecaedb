/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_bench.h. */
#include "virtio_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t disk_result(struct virtio_bench *b, const struct ring_request *q)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < q->n_segments; i++)
        bytes += q->segments[i].length;
    switch (q->operation) {
    case RING_READ:
        return (int64_t)driver_copy(&b->driver, q, b->disk + q->offset, bytes, true);
    case RING_WRITE:
        return (int64_t)driver_copy(&b->driver, q, b->disk + q->offset, bytes, false);
    case RING_SYNC:
        b->syncs++;
        return 0;
    default:
        memset(b->disk + q->offset, q->operation == RING_ZERO ? 0 : 0xdd, q->length);
        return 0;
    }
}

static void serve(struct driver *d)
{
    struct virtio_bench *b = (struct virtio_bench *)d;
    struct ring_request q;

    while (ring_take(&d->far, &q) > 0) {
        if (q.operation == RING_CANCEL) {
            for (unsigned i = 0; i < b->n_held; i++)
                driver_answer(d, b->held[i].id, b->held[i].operation == RING_READ ? -ECANCELED : 0);
            b->n_held = 0;
            driver_answer(d, q.id, 0);
            continue;
        }
        b->last = q;
        if (b->hold)
            b->held[b->n_held++] = q;
        else
            driver_answer(d, q.id, disk_result(b, &q));
    }
    ring_sleep(&d->far);
}

struct virtio_bench *virtio_bench_make(void)
{
    struct virtio_bench *b = calloc(1, sizeof(*b));

    if (b == NULL)
        abort();
    driver_memory(&b->driver);
    b->driver.serve = serve;
    for (unsigned i = 0; i < DISK_BYTES; i++)
        b->disk[i] = (uint8_t)(i / 512 + i);
    return b;
}

int virtio_bench_drop(void **state)
{
    struct virtio_bench *b = *state;

    driver_free(&b->driver);
    free(b);
    return 0;
}

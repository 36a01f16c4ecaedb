/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_random.h. The bytes are the host kernel's, by way of the back end; this file sees none. */
#include "machine/dev/virtio_random.h"

enum { BUFFER_MOST = 4096 }; /* 5.4.6: a device may give less than it is asked for, but not nothing */

static void random_queue(struct virtio_device *d, unsigned queue)
{
    while (virtio_next(d, queue)) {
        const uint32_t bytes = d->chain.writable < BUFFER_MOST ? d->chain.writable : BUFFER_MOST;
        const struct virtio_submission s = {.operation = RING_READ, .length = bytes};
        if (bytes == 0 || !virtio_submit(d, queue, &s))
            virtio_use(d, queue, d->chain.head, 0);
    }
}

static void random_answered(struct virtio_device *d, const struct virtio_request *r, int64_t result)
{
    virtio_use(d, r->queue, r->head, result > 0 ? (uint32_t)result : 0);
}

static const struct virtio_ops random_ops = {
    .device = VIRTIO_DEVICE_OPS("virtio-random"),
    .id = VIRTIO_ID_RANDOM,
    .n_queues = 1,
    .queues = {{64, 8}},
    .queue = random_queue,
    .answered = random_answered,
};

void virtio_random_init(struct virtio_device *d, struct gmem *memory, struct backend *backend,
                        const struct irq_line *line)
{
    virtio_init(d, &random_ops, memory, backend, line);
}

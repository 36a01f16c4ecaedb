/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_console.h. Bytes go between the guest's buffers and the back end's descriptors; this file sees none. */
#include "machine/dev/virtio_console.h"

enum { RECEIVE, TRANSMIT };
enum { BUFFER_MOST = 64 << 10 }; /* bytes of one request; a longer buffer is filled, or sent, up to there */

#define FEATURE_SIZE VIRTIO_BIT(0) /* 5.3.3 */

static uint32_t at_most(uint32_t n)
{
    return n < BUFFER_MOST ? n : BUFFER_MOST;
}

static void console_queue(struct virtio_device *d, unsigned queue)
{
    while (!(queue == RECEIVE && d->ended) && virtio_next(d, queue)) {
        const bool receive = queue == RECEIVE;
        const uint32_t bytes = receive ? d->chain.writable : d->chain.readable;
        const struct virtio_submission s = {.operation = receive ? RING_READ : RING_WRITE, .length = at_most(bytes)};
        if (bytes == 0 || !virtio_submit(d, queue, &s))
            virtio_use(d, queue, d->chain.head, 0);
    }
}

/* At the end of the input there is nothing more to say, and a buffer of no bytes would be asked about for ever: it
 * stays in its queue, where a machine that goes on from a record finds it for an input of its own. */
static void console_answered(struct virtio_device *d, const struct virtio_request *r, int64_t result)
{
    if (r->queue == TRANSMIT)
        virtio_use(d, TRANSMIT, r->head, 0);
    else if (result > 0)
        virtio_use(d, RECEIVE, r->head, (uint32_t)result);
    else
        d->ended = true, virtqueue_untake(&d->state.queues[RECEIVE]);
}

static const struct virtio_ops console_ops = {
    .device = VIRTIO_DEVICE_OPS("virtio-console"),
    .id = VIRTIO_ID_CONSOLE,
    .n_queues = 2,
    .queues = {{64, 1, false}, {64, 12, true}},
    .queue = console_queue,
    .answered = console_answered,
};

void virtio_console_init(struct virtio_device *d, struct gmem *memory, struct backend *backend,
                         const struct irq_line *line)
{
    d->features = FEATURE_SIZE;
    d->config_bytes = 4;
    virtio_init(d, &console_ops, memory, backend, line);
}

void virtio_console_resize(struct virtio_device *d, uint16_t columns, uint16_t rows)
{
    const uint8_t size[4] = {(uint8_t)columns, (uint8_t)(columns >> 8), (uint8_t)rows, (uint8_t)(rows >> 8)};

    virtio_config_changed(d, 0, size, sizeof size);
}

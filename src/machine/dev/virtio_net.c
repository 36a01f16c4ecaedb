/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_net.h. Frames go between the guest's buffers and the back end; this file sees none of their bytes. */
#include "machine/dev/virtio_net.h"

enum { RECEIVE, TRANSMIT };
enum { STATUS_LINK_UP = 1 };
enum { FRAME_MOST = 65550 + VIRTIO_NET_HEADER }; /* 5.1.6.3.1 */

#define NUM_BUFFERS 10u /* where in the header: 5.1.6 */

/* 5.1.3 */
#define FEATURE_MAC    VIRTIO_BIT(5)
#define FEATURE_STATUS VIRTIO_BIT(16)

static uint32_t at_most(uint32_t n)
{
    return n < FRAME_MOST ? n : FRAME_MOST;
}

/* What cannot be a frame, or lies in too many pieces, is dropped as a cable would. */
static void net_queue(struct virtio_device *d, unsigned queue)
{
    while (virtio_next(d, queue)) {
        const bool receive = queue == RECEIVE;
        const uint32_t bytes = receive ? d->chain.writable : d->chain.readable;
        const struct virtio_submission s = {.operation = receive ? RING_READ : RING_WRITE, .length = at_most(bytes)};
        if (bytes <= VIRTIO_NET_HEADER || (!receive && bytes > FRAME_MOST) || !virtio_submit(d, queue, &s))
            virtio_use(d, queue, d->chain.head, 0);
    }
}

/* 5.1.6.4.1: without merged buffers the frame is in one. The two bytes may lie in two pieces. */
static void set_num_buffers(struct virtio_device *d, const struct virtio_request *r)
{
    static const uint8_t one[2] = {1, 0};
    uint32_t at = NUM_BUFFERS;

    for (unsigned i = 0, byte = 0; i < r->n && byte < sizeof one;) {
        if (at >= r->pieces[i].length) {
            at -= r->pieces[i++].length;
            continue;
        }
        if (gmem_write(d->memory, r->pieces[i].gpa + at, &one[byte], 1) < 0)
            virtio_fault(d, "a header that is no memory");
        byte++, at++;
    }
}

static void net_answered(struct virtio_device *d, const struct virtio_request *r, int64_t result)
{
    const uint32_t written = r->queue == RECEIVE && result > (int64_t)VIRTIO_NET_HEADER ? (uint32_t)result : 0;

    if (written)
        set_num_buffers(d, r);
    virtio_use(d, r->queue, r->head, written);
}

static const struct virtio_ops net_ops = {
    .device = VIRTIO_DEVICE_OPS("virtio-net"),
    .id = VIRTIO_ID_NET,
    .n_queues = 2,
    .queues = {{256, 63}, {256, 64}}, /* one place is left for the cancelling */
    .queue = net_queue,
    .answered = net_answered,
};

void virtio_net_init(struct virtio_device *d, struct gmem *memory, struct backend *backend, const struct irq_line *line,
                     const uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++)
        d->state.config[i] = mac[i];
    d->state.config[6] = STATUS_LINK_UP;
    d->config_bytes = 8;
    d->features = FEATURE_MAC | FEATURE_STATUS;
    virtio_init(d, &net_ops, memory, backend, line);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a virtio device in memory (virtio 1.2, 4.2.2): version 2, one level-triggered line. All are 32 bits wide
 * and read or written as such; the configuration behind them is read by any size. Nothing here trusts the driver's
 * numbers: a queue that is not there has no places, and a queue that is ready changes no more.
 */
#include "machine/dev/virtio.h"

#include <string.h>

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SELECT = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SELECT = 0x024,
    QUEUE_SELECT = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACKNOWLEDGE = 0x064,
    STATUS = 0x070,
    QUEUE_DESCRIPTORS_LOW = 0x080,
    QUEUE_DESCRIPTORS_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHARED_LENGTH_LOW = 0x0b0, /* 4.2.2.1: of a region that is not there: all ones */
    SHARED_BASE_HIGH = 0x0bc,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

#define MAGIC_VALUE  0x74726976u /* "virt" */
#define VENDOR_VALUE 0x54414f4du /* "MOAT" */

static struct virtqueue *selected(struct virtio_device *d)
{
    return d->state.queue_select < d->ops->n_queues ? &d->state.queues[d->state.queue_select] : NULL;
}

static uint32_t half(uint64_t v, uint32_t select)
{
    return select > 1 ? 0 : (uint32_t)(v >> (select * 32));
}

static uint64_t read_config(const struct virtio_device *d, uint64_t at, unsigned size)
{
    uint64_t v = 0;

    if (at > VIRTIO_CONFIG_BYTES - size || at + size > d->config_bytes)
        return 0;
    memcpy(&v, d->state.config + at, size);
    return v;
}

static uint32_t read_register(struct virtio_device *d, uint64_t offset)
{
    const struct virtqueue *q = selected(d);

    switch (offset) {
    case MAGIC:
        return MAGIC_VALUE;
    case VERSION:
        return 2;
    case DEVICE_ID:
        return d->ops->id;
    case VENDOR_ID:
        return VENDOR_VALUE;
    case DEVICE_FEATURES:
        return half(d->features, d->state.device_select);
    case QUEUE_SIZE_MAX:
        return q ? q->size_max : 0;
    case QUEUE_READY:
        return q ? q->ready : 0;
    case INTERRUPT_STATUS:
        return d->state.interrupt;
    case STATUS:
        return d->state.status;
    case CONFIG_GENERATION:
        return d->state.generation;
    default:
        return offset >= SHARED_LENGTH_LOW && offset <= SHARED_BASE_HIGH ? UINT32_MAX : 0;
    }
}

uint64_t virtio_mmio_read(void *device, uint64_t offset, unsigned size)
{
    struct virtio_device *d = device;

    if (offset >= CONFIG)
        return read_config(d, offset - CONFIG, size);
    return size == 4 && offset % 4 == 0 ? read_register(d, offset) : 0;
}

static void set_half(uint64_t *v, bool high, uint32_t n)
{
    *v = high ? (*v & UINT32_MAX) | (uint64_t)n << 32 : (*v & ~(uint64_t)UINT32_MAX) | n;
}

/* 2.2.1: until they are agreed on. */
static void write_features(struct virtio_device *d, uint32_t value)
{
    if (!(d->state.status & VIRTIO_FEATURES_OK) && d->state.driver_select <= 1)
        set_half(&d->state.accepted, d->state.driver_select, value);
}

static void write_ready(struct virtio_device *d, struct virtqueue *q, uint32_t value)
{
    if (value == 1 && !q->ready && !q->faulty) {
        if (virtqueue_start(q, d->memory) < 0)
            virtio_fault(d, "a queue whose rings are no memory, or of no size");
    } else if (value == 0 && !(d->state.status & VIRTIO_DRIVER_OK)) {
        q->ready = 0;
    }
}

static void write_queue(struct virtio_device *d, uint64_t offset, uint32_t value)
{
    struct virtqueue *q = selected(d);

    if (!q)
        return;
    if (offset == QUEUE_READY) {
        write_ready(d, q, value);
        return;
    }
    if (q->ready)
        return;
    switch (offset) {
    case QUEUE_SIZE:
        q->size = value > UINT16_MAX ? 0 : (uint16_t)value;
        break;
    case QUEUE_DESCRIPTORS_LOW:
    case QUEUE_DESCRIPTORS_HIGH:
        set_half(&q->descriptors, offset & 4, value);
        break;
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
        set_half(&q->driver, offset & 4, value);
        break;
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH:
        set_half(&q->device, offset & 4, value);
        break;
    default:
        break;
    }
}

void virtio_mmio_write(void *device, uint64_t offset, unsigned size, uint64_t wide)
{
    struct virtio_device *d = device;
    const uint32_t value = (uint32_t)wide;

    if (size != 4 || offset % 4 || offset >= CONFIG) /* nothing of ours is configured by writing */
        return;
    switch (offset) {
    case DEVICE_FEATURES_SELECT:
        d->state.device_select = value;
        break;
    case DRIVER_FEATURES_SELECT:
        d->state.driver_select = value;
        break;
    case DRIVER_FEATURES:
        write_features(d, value);
        break;
    case QUEUE_SELECT:
        d->state.queue_select = value;
        break;
    case QUEUE_NOTIFY:
        virtio_notified(d, value);
        break;
    case INTERRUPT_ACKNOWLEDGE:
        virtio_acknowledge(d, value);
        break;
    case STATUS:
        virtio_set_status(d, value);
        break;
    default:
        write_queue(d, offset, value);
        break;
    }
}

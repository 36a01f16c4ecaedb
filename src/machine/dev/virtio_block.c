/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See virtio_block.h. A request is a header of 16 bytes, data, and one byte for the status; where in the descriptors
 * they begin and end is the driver's affair. The range of sectors is checked here, and again by who has the file.
 */
#include "machine/dev/virtio_block.h"

#include <string.h>

/* 5.2.3 */
#define FEATURE_SEGMENTS     VIRTIO_BIT(2)
#define FEATURE_READ_ONLY    VIRTIO_BIT(5)
#define FEATURE_BLOCK_SIZE   VIRTIO_BIT(6)
#define FEATURE_FLUSH        VIRTIO_BIT(9)
#define FEATURE_DISCARD      VIRTIO_BIT(13)
#define FEATURE_WRITE_ZEROES VIRTIO_BIT(14)

/* 5.2.6 */
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8, TYPE_DISCARD = 11, TYPE_WRITE_ZEROES = 13 };
enum { STATUS_OK, STATUS_ERROR, STATUS_UNSUPPORTED };
enum { FLAG_UNMAP = 1 };

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};

/* 5.2.6.1: of discard and write zeroes. */
struct range {
    uint64_t sector;
    uint32_t sectors, flags;
};
_Static_assert(sizeof(struct header) == 16 && sizeof(struct range) == 16, "5.2.6");

/* 5.2.4 */
struct config {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint8_t geometry[4];
    uint32_t blk_size;
    uint8_t topology[8];
    uint8_t writeback, unused;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, zero[3];
};
_Static_assert(sizeof(struct config) <= VIRTIO_CONFIG_BYTES && offsetof(struct config, max_discard_sectors) == 36,
               "5.2.4");

#define SECTOR       512u
#define DISCARD_MOST (1u << 22) /* sectors */
#define ZEROES_MOST  (1u << 15) /* a file system without holes has them written */

static struct virtio_block *block_of(struct virtio_device *d)
{
    return (struct virtio_block *)d; /* the first member */
}

/* The status byte is the last that may be written. */
static void finish(struct virtio_device *d, uint16_t head, gpa_t status_at, uint8_t status, uint32_t written)
{
    if (gmem_write(d->memory, status_at, &status, 1) < 0)
        virtio_fault(d, "a status byte that is no memory");
    virtio_use(d, 0, head, written + 1);
}

static bool in_range(const struct virtio_block *b, uint64_t sector, uint64_t sectors)
{
    return sector <= b->sectors && sectors <= b->sectors - sector;
}

/* The range of sectors in its payload. A status of 5.2.6, or STATUS_OK and *s is complete. */
static int plan_range(struct virtio_block *b, const struct header *h, struct virtio_submission *s)
{
    const bool discard = h->type == TYPE_DISCARD;
    struct virtio_device *d = &b->device;
    struct range r;

    if (d->chain.readable != sizeof *h + sizeof r ||
        virtq_chain_read(&d->chain, d->memory, sizeof *h, &r, sizeof r) < 0 ||
        r.flags & ~(uint32_t)(discard ? 0 : FLAG_UNMAP))
        return STATUS_UNSUPPORTED;
    if (b->read_only || r.sectors > (discard ? DISCARD_MOST : ZEROES_MOST) || !in_range(b, r.sector, r.sectors))
        return STATUS_ERROR;
    s->operation = discard ? RING_DISCARD : RING_ZERO;
    s->offset = r.sector * SECTOR, s->range = (uint64_t)r.sectors * SECTOR;
    return STATUS_OK;
}

static int plan_data(struct virtio_block *b, const struct header *h, struct virtio_submission *s)
{
    const struct virtq_chain *c = &b->device.chain;
    const bool in = h->type == TYPE_IN;

    s->operation = in ? RING_READ : RING_WRITE;
    s->skip = in ? 0 : sizeof *h;
    s->length = in ? c->writable - 1 : c->readable - (uint32_t)sizeof *h;
    if (s->length % SECTOR || s->length > RING_DATA_LIMIT || (b->read_only && !in) ||
        !in_range(b, h->sector, s->length / SECTOR))
        return STATUS_ERROR;
    s->offset = h->sector * SECTOR;
    return STATUS_OK;
}

static int plan(struct virtio_block *b, const struct header *h, struct virtio_submission *s)
{
    s->kind = (uint8_t)h->type;
    switch (h->type) {
    case TYPE_IN:
    case TYPE_OUT:
        return plan_data(b, h, s);
    case TYPE_FLUSH:
        s->operation = RING_SYNC;
        return STATUS_OK;
    case TYPE_DISCARD:
    case TYPE_WRITE_ZEROES:
        return plan_range(b, h, s);
    default:
        return STATUS_UNSUPPORTED;
    }
}

static uint8_t give_id(struct virtio_block *b, uint32_t *written)
{
    struct virtio_device *d = &b->device;

    if (d->chain.writable - 1 < sizeof b->id || virtq_chain_write(&d->chain, d->memory, 0, b->id, sizeof b->id) < 0)
        return STATUS_ERROR;
    *written = sizeof b->id;
    return STATUS_OK;
}

static void serve(struct virtio_block *b)
{
    struct virtio_device *d = &b->device;
    struct virtio_submission s = {0};
    struct header h;
    uint32_t written = 0;
    int status;

    if (d->chain.writable == 0 || virtq_chain_read(&d->chain, d->memory, 0, &h, sizeof h) < 0) {
        virtio_fault(d, "a request without a header, or without a place for its status");
        return;
    }
    s.argument = virtq_chain_writable_at(&d->chain, d->chain.writable - 1);
    if (h.type == TYPE_GET_ID) {
        status = give_id(b, &written);
    } else {
        status = plan(b, &h, &s);
        if (status == STATUS_OK && virtio_submit(d, 0, &s))
            return;
        status = status == STATUS_OK ? STATUS_ERROR : status;
    }
    finish(d, d->chain.head, s.argument, (uint8_t)status, written);
}

static void block_queue(struct virtio_device *d, unsigned queue)
{
    while (virtio_next(d, queue))
        serve(block_of(d));
}

/* 5.2.6.2: for a driver that does not flush, what is written is on the disk. True: it is being put there. */
static bool write_through(struct virtio_device *d, const struct virtio_request *r)
{
    const struct virtio_submission s = {.operation = RING_SYNC, .kind = r->kind, .argument = r->argument};

    if (r->operation != RING_WRITE || virtio_accepted(d, FEATURE_FLUSH))
        return false;
    d->chain.head = r->head;
    return virtio_submit(d, 0, &s);
}

static void block_answered(struct virtio_device *d, const struct virtio_request *r, int64_t result)
{
    const struct virtio_request done = *r; /* its place may be taken by the next one */
    const bool ok = result == (int64_t)done.bytes;

    if (ok && write_through(d, &done))
        return;
    finish(d, done.head, done.argument, ok ? STATUS_OK : STATUS_ERROR, done.operation == RING_READ ? done.bytes : 0);
}

static const struct virtio_ops block_ops = {
    .device = VIRTIO_DEVICE_OPS("virtio-block"),
    .id = VIRTIO_ID_BLOCK,
    .n_queues = 1,
    .queues = {{128, VIRTIO_REQUESTS}},
    .queue = block_queue,
    .answered = block_answered,
};

void virtio_block_init(struct virtio_block *b, struct gmem *memory, struct backend *backend,
                       const struct irq_line *line, uint64_t bytes, bool read_only, const char *id)
{
    const struct config config = {
        .capacity = bytes / SECTOR,
        .seg_max = RING_SEGMENTS,
        .blk_size = SECTOR,
        .max_discard_sectors = DISCARD_MOST,
        .max_discard_seg = 1,
        .discard_sector_alignment = 8,
        .max_write_zeroes_sectors = ZEROES_MOST,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };

    b->sectors = config.capacity, b->read_only = read_only;
    for (size_t i = 0; i < sizeof b->id && id[i]; i++)
        b->id[i] = id[i];
    b->device.features = FEATURE_SEGMENTS | FEATURE_BLOCK_SIZE | FEATURE_FLUSH;
    b->device.features |= read_only ? FEATURE_READ_ONLY : FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
    memcpy(b->device.state.config, &config, sizeof config);
    b->device.config_bytes = sizeof config;
    virtio_init(&b->device, &block_ops, memory, backend, line);
}

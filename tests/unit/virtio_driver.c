/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio_driver.h. */
#include "virtio_driver.h"

#include <stdlib.h>
#include <string.h>

static void written(void *owner, gpa_t gpa, uint64_t n)
{
    struct driver *d = owner;

    (void)gpa;
    d->written += n;
}

static void kick(struct backend *b)
{
    struct driver *d = b->owner;

    d->kicks++;
    if (d->serve)
        d->serve(d);
}

static bool wait(struct backend *b)
{
    struct driver *d = b->owner;

    if (d->serve)
        d->serve(d);
    return d->serve;
}

static void set_line(void *owner, unsigned number, bool up)
{
    struct driver *d = owner;

    (void)number;
    d->line_rises += up && !d->line;
    d->line = up;
}

struct irq_line driver_line(struct driver *d)
{
    return (struct irq_line){set_line, d, 5};
}

void driver_memory(struct driver *d)
{
    memset(d, 0, sizeof *d);
    d->ram = malloc(DRIVER_RAM);
    d->rom = malloc(4096);
    d->far.shared = aligned_alloc(4096, (ring_bytes(DRIVER_SLOTS) + 4095) & ~(size_t)4095);
    driver_again(d);
}

void driver_again(struct driver *d)
{
    uint8_t *ram = d->ram, *rom = d->rom;
    struct ring_shared *shared = d->far.shared;

    memset(d, 0, sizeof *d);
    memset(ram, 0, DRIVER_RAM);
    memset(rom, 0, 4096);
    memset(shared, 0, ring_bytes(DRIVER_SLOTS));
    d->ram = ram, d->rom = rom;
    gmem_add(&d->memory, &(struct gmem_region){.base = 0, .bytes = DRIVER_RAM, .host = ram});
    gmem_add(&d->memory, &(struct gmem_region){.base = DRIVER_ROM, .bytes = 4096, .host = rom, .flags = GMEM_ROM});
    d->memory.written = written, d->memory.owner = d;
    ring_init(&d->backend.ring, shared, DRIVER_SLOTS, true);
    ring_init(&d->far, shared, DRIVER_SLOTS, false);
    ring_sleep(&d->far); /* so that it is kicked */
    d->backend.own = d->own, d->backend.own_bytes = sizeof d->own;
    d->backend.owner = d, d->backend.kick = kick, d->backend.wait = wait;
}

void driver_free(struct driver *d)
{
    free(d->ram);
    free(d->rom);
    free(d->far.shared);
}

uint32_t driver_read(struct driver *d, uint32_t offset)
{
    return (uint32_t)virtio_mmio_read(d->device, offset, 4);
}

void driver_write(struct driver *d, uint32_t offset, uint32_t value)
{
    virtio_mmio_write(d->device, offset, 4, value);
}

uint64_t driver_offered(struct driver *d)
{
    driver_write(d, 0x14, 1);
    const uint64_t high = driver_read(d, 0x10);
    driver_write(d, 0x14, 0);
    return high << 32 | driver_read(d, 0x10);
}

void driver_agree(struct driver *d, uint64_t features)
{
    driver_write(d, 0x70, 0);
    driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE);
    driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    driver_write(d, 0x24, 0);
    driver_write(d, 0x20, (uint32_t)features);
    driver_write(d, 0x24, 1);
    driver_write(d, 0x20, (uint32_t)(features >> 32));
    driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

gpa_t driver_descriptors(unsigned queue)
{
    return DRIVER_QUEUE + queue * 0x4000u;
}

gpa_t driver_available(unsigned queue)
{
    return driver_descriptors(queue) + 0x1000;
}

gpa_t driver_used_ring(unsigned queue)
{
    return driver_descriptors(queue) + 0x2000;
}

void driver_queue(struct driver *d, unsigned queue, uint16_t size)
{
    memset(d->ram + driver_descriptors(queue), 0, 0x4000);
    d->size[queue] = size;
    d->available[queue] = d->seen[queue] = d->next[queue] = 0;
    driver_write(d, 0x30, queue);
    driver_write(d, 0x38, size);
    driver_write(d, 0x80, (uint32_t)driver_descriptors(queue));
    driver_write(d, 0x84, 0);
    driver_write(d, 0x90, (uint32_t)driver_available(queue));
    driver_write(d, 0x94, 0);
    driver_write(d, 0xa0, (uint32_t)driver_used_ring(queue));
    driver_write(d, 0xa4, 0);
    driver_write(d, 0x44, 1);
}

bool driver_start(struct driver *d, uint64_t features, uint16_t size)
{
    driver_agree(d, features | VIRTIO_VERSION_1);
    if (!(driver_read(d, 0x70) & VIRTIO_FEATURES_OK))
        return false;
    for (unsigned i = 0; i < d->device->ops->n_queues; i++)
        driver_queue(d, i, size);
    driver_write(d, 0x70, 15);
    return driver_read(d, 0x70) == 15;
}

void driver_describe(struct driver *d, gpa_t table, uint16_t n, uint64_t gpa, uint32_t length, uint16_t flags,
                     uint16_t next)
{
    uint8_t *at = d->ram + table + 16u * n;

    memcpy(at, &gpa, 8);
    memcpy(at + 8, &length, 4);
    memcpy(at + 12, &flags, 2);
    memcpy(at + 14, &next, 2);
}

void driver_offer(struct driver *d, unsigned queue, uint16_t head)
{
    uint8_t *ring = d->ram + driver_available(queue);
    uint16_t index;

    memcpy(ring + 4 + 2 * (d->available[queue] % d->size[queue]), &head, 2);
    index = ++d->available[queue];
    memcpy(ring + 2, &index, 2);
}

uint16_t driver_add(struct driver *d, unsigned queue, const struct driver_piece *pieces, unsigned n)
{
    const uint16_t head = d->next[queue] % d->size[queue];

    for (unsigned i = 0; i < n; i++) {
        const uint16_t at = d->next[queue]++ % d->size[queue];
        driver_describe(d, driver_descriptors(queue), at, pieces[i].gpa, pieces[i].length,
                        (uint16_t)((pieces[i].write ? DRIVER_WRITE : 0) | (i + 1 < n ? DRIVER_NEXT : 0)),
                        (uint16_t)(d->next[queue] % d->size[queue]));
    }
    driver_offer(d, queue, head);
    return head;
}

void driver_notify(struct driver *d, unsigned queue)
{
    driver_write(d, 0x50, queue);
}

int driver_used(struct driver *d, unsigned queue, uint16_t *head, uint32_t *length)
{
    const uint8_t *ring = d->ram + driver_used_ring(queue);
    uint16_t index;
    uint32_t id;

    memcpy(&index, ring + 2, 2);
    if (index == d->seen[queue])
        return 0;
    memcpy(&id, ring + 4 + 8 * (d->seen[queue] % d->size[queue]), 4);
    memcpy(length, ring + 8 + 8 * (d->seen[queue] % d->size[queue]), 4);
    *head = (uint16_t)id;
    d->seen[queue]++;
    return 1;
}

uint64_t driver_copy(struct driver *d, const struct ring_request *q, const void *bytes, uint64_t n, bool into)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < q->n_segments && done < n; i++) {
        const struct ring_segment *s = &q->segments[i];
        uint8_t *host = s->region == RING_OWN ? d->own : d->memory.regions[s->region].host;
        const uint64_t here = s->length < n - done ? s->length : n - done;
        if (into)
            memcpy(host + s->offset, (uint8_t *)(uintptr_t)bytes + done, here);
        else
            memcpy((uint8_t *)(uintptr_t)bytes + done, host + s->offset, here);
        done += here;
    }
    return done;
}

void driver_answer(struct driver *d, uint64_t id, int64_t result)
{
    bool kicked = false;

    ring_answer(&d->far, &(struct ring_answer){id, result}, &kicked);
}

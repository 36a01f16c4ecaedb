/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio driver for tests: guest memory of a mebibyte, a device's registers, rings that it writes as it likes. Life:
 * driver_memory() -> the device's own init over d->memory and d->backend -> driver_start() -> driver_add(),
 * driver_notify(), driver_used() -> driver_free(). The back end is the test's own function, called whenever the device
 * kicks or waits.
 */
#ifndef MOAT_TESTS_VIRTIO_DRIVER_H
#define MOAT_TESTS_VIRTIO_DRIVER_H

#include "machine/dev/virtio.h"

#define DRIVER_RAM   ((uint64_t)1 << 20)
#define DRIVER_ROM   ((uint64_t)1 << 20) /* a page that the guest cannot write, behind the RAM */
#define DRIVER_QUEUE 0x1000u             /* of queue 0; the next ones 0x4000 further on each */
#define DRIVER_DATA  0x20000u            /* free for buffers from here on */
#define DRIVER_SLOTS 16u

enum { DRIVER_NEXT = 1, DRIVER_WRITE = 2, DRIVER_INDIRECT = 4 };

struct driver_piece {
    uint64_t gpa;
    uint32_t length;
    bool write;
};

struct driver {
    struct gmem memory;
    uint8_t *ram, *rom;
    struct backend backend;
    struct ring far; /* the back end's side of the ring */
    uint8_t own[8192];
    void (*serve)(struct driver *d); /* the back end; NULL: it is deaf */
    struct virtio_device *device;
    unsigned kicks;
    bool line;
    unsigned line_rises;
    uint16_t size[VIRTIO_QUEUES]; /* of the rings */
    uint16_t available[VIRTIO_QUEUES], seen[VIRTIO_QUEUES], next[VIRTIO_QUEUES];
    uint64_t written; /* bytes that the device said somebody had written */
};

void driver_memory(struct driver *d);
/* All as after driver_memory(), in the memory that it has. */
void driver_again(struct driver *d);
void driver_free(struct driver *d);
struct irq_line driver_line(struct driver *d);

uint32_t driver_read(struct driver *d, uint32_t offset);
void driver_write(struct driver *d, uint32_t offset, uint32_t value);
uint64_t driver_offered(struct driver *d);
/* Resets, agrees on `features` (and VERSION_1), sets up rings of `size` places, and is ready. False: the device would
 * not. */
bool driver_start(struct driver *d, uint64_t features, uint16_t size);
/* The steps of it. */
void driver_agree(struct driver *d, uint64_t features);
void driver_queue(struct driver *d, unsigned queue, uint16_t size);

gpa_t driver_descriptors(unsigned queue);
gpa_t driver_available(unsigned queue);
gpa_t driver_used_ring(unsigned queue);
/* Writes descriptor n of a table. */
void driver_describe(struct driver *d, gpa_t table, uint16_t n, uint64_t gpa, uint32_t length, uint16_t flags,
                     uint16_t next);
void driver_offer(struct driver *d, unsigned queue, uint16_t head); /* into the available ring */
/* A chain of these pieces, from the next free descriptors on: its head. */
uint16_t driver_add(struct driver *d, unsigned queue, const struct driver_piece *pieces, unsigned n);
void driver_notify(struct driver *d, unsigned queue);
/* The next used entry: 1 and *head, *length; 0: none. */
int driver_used(struct driver *d, unsigned queue, uint16_t *head, uint32_t *length);

/* The back end's side: copies into, or out of, a request's pieces. */
uint64_t driver_copy(struct driver *d, const struct ring_request *q, const void *bytes, uint64_t n, bool into);
void driver_answer(struct driver *d, uint64_t id, int64_t result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue, the device's side: split rings with indirect descriptors and event indices (virtio 1.2, 2.7). One for
 * all devices. The driver is hostile: each descriptor is read once into a copy, the copy is checked against the guest's
 * memory and used, and a chain has as many descriptors as the queue at most. What must not be ends the queue: every
 * call is -EPROTO from then on, and `fault` says what it was.
 *
 * The struct is flat and without pointers: it is what a snapshot keeps. No libc but mem*.
 */
#ifndef MOAT_MACHINE_DEV_VIRTQUEUE_H
#define MOAT_MACHINE_DEV_VIRTQUEUE_H

#include "machine/gmem.h"

#define VIRTQ_SIZE_MAX  256u
#define VIRTQ_BYTES_MAX (32u << 20) /* of one chain, in one direction */

struct virtqueue {
    uint64_t descriptors, driver, device; /* guest-physical: descriptor table, available ring, used ring */
    uint16_t size, size_max;
    uint16_t last_available; /* of the available ring: the next that is taken */
    uint16_t used;           /* our index in the used ring */
    uint16_t told;           /* `used` when the driver was last interrupted, or would have been */
    uint8_t ready, indirect, event_index, faulty;
};

struct virtq_piece {
    gpa_t gpa;
    uint64_t offset; /* in the region */
    uint32_t region, length;
};

/* A chain of descriptors, copied: what the device may read comes first. Empty descriptors are left out. */
struct virtq_chain {
    uint16_t head;
    uint16_t n, n_readable;      /* pieces; the others are for writing */
    uint32_t readable, writable; /* bytes */
    const char *fault;           /* of virtqueue_take(): what was wrong; NULL */
    struct virtq_piece pieces[VIRTQ_SIZE_MAX];
};

/* The driver says that the queue is complete: addresses and size are checked. 0 or -EPROTO. */
int virtqueue_start(struct virtqueue *q, const struct gmem *m);
void virtqueue_reset(struct virtqueue *q);

/* The next chain. 1; 0: none, and the driver will say when there is one; -EPROTO. */
int virtqueue_take(struct virtqueue *q, struct gmem *m, struct virtq_chain *out);
/* The newest chain that was taken was not used after all. */
void virtqueue_untake(struct virtqueue *q);
/* The device has done with a chain and has written so many bytes into it. 0 or -EPROTO. */
int virtqueue_use(struct virtqueue *q, struct gmem *m, uint16_t head, uint32_t written);
/* After a batch of those: does the driver want an interrupt? */
bool virtqueue_interrupt_wanted(struct virtqueue *q, const struct gmem *m);

/* Bytes at `at` of what the device may read, or write: 0, or -EFAULT when the chain is too short. */
int virtq_chain_read(const struct virtq_chain *c, const struct gmem *m, uint32_t at, void *out, uint32_t n);
int virtq_chain_write(const struct virtq_chain *c, struct gmem *m, uint32_t at, const void *in, uint32_t n);
/* The guest-physical address of one byte of what the device may write, at < c->writable. */
gpa_t virtq_chain_writable_at(const struct virtq_chain *c, uint32_t at);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A medium whose back end is this file: an I/O process that answers when the test says so. Its content is its own
 * offsets, 8 bytes each, until something is written to it; of what is written only so much as the test wants is kept.
 */
#ifndef MOAT_TESTS_DRIVE_FIXTURE_H
#define MOAT_TESTS_DRIVE_FIXTURE_H

#include "machine/dev/medium.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DRIVE_SLOTS 8u

struct drive {
    struct medium medium;
    struct backend backend;
    struct ring io; /* its other side */
    _Alignas(64) uint8_t shared[16384], own[MEDIUM_BUFFER];
    uint8_t *written;
    uint32_t kept; /* bytes from the beginning that are in `written` */
    bool present, read_only, removable;
    uint64_t bytes;
    uint32_t generation;
    bool watched;
    uint64_t watch_id;
    bool holds;   /* it does not answer */
    int64_t fail; /* what the next request for bytes gets; 0: what is right */
    unsigned reads, writes, syncs, ejects;
};

static inline uint8_t drive_byte(const struct drive *d, uint64_t offset)
{
    return offset < d->kept ? d->written[offset] : (uint8_t)((offset & ~UINT64_C(7)) >> 8 * (offset % 8));
}

static inline int64_t drive_transfer(struct drive *d, const struct ring_request *q)
{
    const uint32_t n = q->segments[0].length;
    int64_t fail = d->fail;
    d->fail = 0;
    if (d->removable && (!d->present || q->length != d->generation))
        return -ENOMEDIUM;
    if (fail != 0)
        return fail;
    if (q->n_segments != 1 || n > MEDIUM_BUFFER || q->offset > d->bytes || n > d->bytes - q->offset)
        abort(); /* the controller has checked it */
    if (q->offset < d->kept && n <= d->kept - q->offset) {
        uint8_t *at = d->written + q->offset;
        memcpy(q->operation == RING_READ ? d->own : at, q->operation == RING_READ ? at : d->own, n);
        return n;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (q->operation == RING_READ)
            d->own[i] = drive_byte(d, q->offset + i);
        else if (q->offset + i < d->kept)
            d->written[q->offset + i] = d->own[i];
    }
    return n;
}

static inline void drive_answer(struct drive *d, uint64_t id, int64_t result)
{
    bool kick = false;
    if (ring_answer(&d->io, &(struct ring_answer){id, result}, &kick) != 0)
        abort();
}

static inline int64_t drive_word(const struct drive *d)
{
    const uint64_t in = d->present ? RING_MEDIUM_PRESENT | d->bytes / 512 : 0;
    return (int64_t)((uint64_t)d->generation << RING_MEDIUM_GENERATION_AT | in |
                     (d->present && d->read_only ? RING_MEDIUM_READ_ONLY : 0));
}

/* The question about the medium is answered when there is another one. */
static inline void drive_tell(struct drive *d, uint32_t known)
{
    if (!d->watched || d->generation == known)
        return;
    d->watched = false;
    drive_answer(d, d->watch_id, drive_word(d));
}

/* Another medium, or none (0 bytes). */
static inline void drive_insert(struct drive *d, uint64_t bytes)
{
    d->present = bytes != 0;
    d->bytes = bytes;
    d->generation++;
    drive_tell(d, d->generation - 1);
}

static inline void drive_word_for(struct drive *d, const struct ring_request *q)
{
    if (q->offset == RING_WORD_MEDIUM) {
        d->watched = true, d->watch_id = q->id;
        drive_tell(d, (uint32_t)q->length);
        return;
    }
    d->ejects++;
    drive_answer(d, q->id, d->present ? 0 : -ENOMEDIUM);
    if (d->present)
        drive_insert(d, 0);
}

static inline void drive_serve(struct drive *d)
{
    struct ring_request q;
    while (!d->holds && ring_take(&d->io, &q) == 1) {
        if (q.operation == RING_TELL) {
            drive_word_for(d, &q);
        } else if (q.operation == RING_SYNC) {
            d->syncs++;
            drive_answer(d, q.id, d->fail);
            d->fail = 0;
        } else {
            d->reads += q.operation == RING_READ, d->writes += q.operation == RING_WRITE;
            drive_answer(d, q.id, drive_transfer(d, &q));
        }
    }
}

static inline void drive_kick(struct backend *b)
{
}

static inline bool drive_wait(struct backend *b)
{
    struct drive *d = b->owner;
    d->holds = false;
    drive_serve(d);
    return true;
}

/* bytes 0: an empty drive. */
static inline void drive_make(struct drive *d, bool removable, uint64_t bytes, bool read_only, uint32_t kept)
{
    struct ring_shared *shared = (struct ring_shared *)(void *)d->shared;
    if (ring_bytes(DRIVE_SLOTS) > sizeof(d->shared) || (d->written = malloc(kept)) == NULL)
        abort();
    for (uint32_t i = 0; i < kept; i++)
        d->written[i] = i % 8 < 4 ? (uint8_t)((i & ~7u) >> 8 * (i % 8)) : 0;
    d->kept = kept, d->removable = removable, d->present = bytes != 0, d->read_only = read_only, d->bytes = bytes;
    d->backend = (struct backend){
        .own = d->own, .own_bytes = sizeof(d->own), .owner = d, .kick = drive_kick, .wait = drive_wait};
    ring_init(&d->backend.ring, shared, DRIVE_SLOTS, true);
    ring_init(&d->io, shared, DRIVE_SLOTS, false);
    medium_init(&d->medium, &d->backend, d->removable, d->present, bytes, read_only);
}

#endif

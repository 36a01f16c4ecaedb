/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel on a bus of its own, with media whose back end is this file: an I/O process that answers when the test
 * says so. A medium's content is its own offsets, 8 bytes each, until something is written to it. For
 * tests/unit/test_machine_ide.c, test_machine_atapi.c and tests/fuzz/fuzz_machine_ide.c.
 */
#ifndef MOAT_TESTS_IDE_FIXTURE_H
#define MOAT_TESTS_IDE_FIXTURE_H

#include "machine/dev/ide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DRIVE_SLOTS   8u
#define DRIVE_WRITTEN (1u << 20) /* bytes from the beginning that are kept */

enum { RIG_BASE = 0x1f0, RIG_CONTROL = 0x3f6 };
enum { RIG_DATA, RIG_ERROR, RIG_COUNT, RIG_LOW, RIG_MID, RIG_HIGH, RIG_DEVICE, RIG_STATUS };

struct drive {
    struct medium medium;
    struct backend backend;
    struct ring io; /* its other side */
    _Alignas(64) uint8_t shared[16384], own[MEDIUM_BUFFER];
    uint8_t *written;
    bool present, read_only, removable;
    uint64_t bytes;
    uint32_t generation;
    bool watched;
    uint64_t watch_id;
    bool holds;   /* it does not answer */
    int64_t fail; /* what the next request for bytes gets; 0: what is right */
    unsigned reads, writes, syncs, ejects;
};

struct rig {
    struct ide ide;
    struct bus ports;
    struct drive drive[2];
    enum ide_kind kinds[2];
    bool line;
    unsigned edges; /* how often it went up */
};

/* ---- The I/O process --------------------------------------------------------------------------------------------- */

static inline uint8_t drive_byte(const struct drive *d, uint64_t offset)
{
    return offset < DRIVE_WRITTEN ? d->written[offset] : (uint8_t)((offset & ~UINT64_C(7)) >> 8 * (offset % 8));
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
    for (uint32_t i = 0; i < n; i++) {
        if (q->operation == RING_READ)
            d->own[i] = drive_byte(d, q->offset + i);
        else if (q->offset + i < DRIVE_WRITTEN)
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

static inline void drive_make(struct drive *d, enum ide_kind kind, uint64_t bytes, bool read_only)
{
    struct ring_shared *shared = (struct ring_shared *)(void *)d->shared;
    if (ring_bytes(DRIVE_SLOTS) > sizeof(d->shared) || (d->written = malloc(DRIVE_WRITTEN)) == NULL)
        abort();
    for (uint32_t i = 0; i < DRIVE_WRITTEN; i++)
        d->written[i] = i % 8 < 4 ? (uint8_t)((i & ~7u) >> 8 * (i % 8)) : 0;
    d->removable = kind == IDE_CDROM, d->present = bytes != 0, d->read_only = read_only, d->bytes = bytes;
    d->backend = (struct backend){
        .own = d->own, .own_bytes = sizeof(d->own), .owner = d, .kick = drive_kick, .wait = drive_wait};
    ring_init(&d->backend.ring, shared, DRIVE_SLOTS, true);
    ring_init(&d->io, shared, DRIVE_SLOTS, false);
    medium_init(&d->medium, &d->backend, d->removable, d->present, bytes, read_only);
}

/* ---- The channel ------------------------------------------------------------------------------------------------- */

static inline void rig_line(void *owner, unsigned number, bool up)
{
    struct rig *r = owner;
    r->edges += up && !r->line;
    r->line = up;
}

/* bytes 0 of a CD-ROM: an empty drive. */
static inline struct rig *rig_make(enum ide_kind first, uint64_t first_bytes, enum ide_kind second,
                                   uint64_t second_bytes)
{
    struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
    const enum ide_kind kinds[2] = {first, second};
    const uint64_t bytes[2] = {first_bytes, second_bytes};
    struct medium *media[2] = {NULL, NULL};
    if (r == NULL)
        abort();
    memset(r, 0, sizeof(*r));
    for (unsigned i = 0; i < 2; i++) {
        r->kinds[i] = kinds[i];
        if (kinds[i] == IDE_NONE)
            continue;
        drive_make(&r->drive[i], kinds[i], bytes[i], kinds[i] == IDE_CDROM);
        media[i] = &r->drive[i].medium;
    }
    if (ide_init(&r->ide, &r->ports, RIG_BASE, RIG_CONTROL, (struct irq_line){rig_line, r, 14}, media, kinds) != 0)
        abort();
    return r;
}

static inline void rig_free(struct rig *r)
{
    free(r->drive[0].written);
    free(r->drive[1].written);
    free(r);
}

/* The I/O process does what it was asked, and the machine comes by. */
static inline void rig_poll(struct rig *r)
{
    for (unsigned i = 0; i < 2; i++) {
        if (r->kinds[i] == IDE_NONE)
            continue;
        medium_poll(&r->drive[i].medium);
        drive_serve(&r->drive[i]);
        medium_poll(&r->drive[i].medium);
    }
}

static inline uint8_t rig_in(struct rig *r, unsigned reg)
{
    return (uint8_t)bus_read(&r->ports, RIG_BASE + reg, 1);
}
static inline void rig_out(struct rig *r, unsigned reg, uint8_t value)
{
    bus_write(&r->ports, RIG_BASE + reg, 1, value);
}
static inline uint8_t rig_alternate(struct rig *r)
{
    return (uint8_t)bus_read(&r->ports, RIG_CONTROL, 1);
}
static inline void rig_control(struct rig *r, uint8_t value)
{
    bus_write(&r->ports, RIG_CONTROL, 1, value);
}
/* As a driver without interrupts: until the device is no longer busy. The status, which has been seen. */
static inline uint8_t rig_wait(struct rig *r)
{
    for (unsigned i = 0; i < 4096 && (rig_alternate(r) & 0x80); i++)
        rig_poll(r);
    return rig_in(r, RIG_STATUS);
}

/* n bytes, by words; one more when n is odd. */
static inline void rig_read(struct rig *r, void *to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 2) {
        const uint64_t word = bus_read(&r->ports, RIG_BASE, 2);
        memcpy((uint8_t *)to + i, &word, n - i < 2 ? 1 : 2);
    }
}
static inline void rig_write(struct rig *r, const void *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 2) {
        uint64_t word = 0;
        memcpy(&word, (const uint8_t *)from + i, 2);
        bus_write(&r->ports, RIG_BASE, 2, word);
    }
}

#endif

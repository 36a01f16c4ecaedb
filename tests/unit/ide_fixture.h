/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel on a bus of its own, with media whose back end is drive_fixture.h. For tests/unit/test_machine_ide.c,
 * test_machine_atapi.c and tests/fuzz/fuzz_machine_ide.c.
 */
#ifndef MOAT_TESTS_IDE_FIXTURE_H
#define MOAT_TESTS_IDE_FIXTURE_H

#include "machine/dev/ide.h"
#include "unit/drive_fixture.h"

#define DRIVE_WRITTEN (1u << 20) /* bytes from the beginning that are kept */

enum { RIG_BASE = 0x1f0, RIG_CONTROL = 0x3f6 };
enum { RIG_DATA, RIG_ERROR, RIG_COUNT, RIG_LOW, RIG_MID, RIG_HIGH, RIG_DEVICE, RIG_STATUS };

struct rig {
    struct ide ide;
    struct bus ports;
    struct drive drive[2];
    enum ide_kind kinds[2];
    bool line;
    unsigned edges; /* how often it went up */
};

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
        drive_make(&r->drive[i], kinds[i] == IDE_CDROM, bytes[i], kinds[i] == IDE_CDROM, DRIVE_WRITTEN);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A floppy controller with its DMA controller on a bus of their own, memory, a clock that the test sets, and two drives
 * whose back ends are drive_fixture.h. For tests/unit/test_machine_fdc*.c,
 * tests/unit/floppy_commands.h and tests/fuzz/fuzz_machine_dma_fdc.c.
 */
#ifndef MOAT_TESTS_FLOPPY_FIXTURE_H
#define MOAT_TESTS_FLOPPY_FIXTURE_H

#include "machine/dev/fdc.h"
#include "unit/drive_fixture.h"

#define FLOPPY_MEMORY (UINT32_C(1) << 20)
#define FLOPPY_MOST   (80u * 2 * 36 * 512)

#define KB(n) ((n)*UINT64_C(1024))

enum { FDC_DOR = 0x3f2, FDC_MAIN = 0x3f4, FDC_DATA = 0x3f5, FDC_CHANGE = 0x3f7 };

struct desk {
    struct fdc fdc;
    struct dma dma;
    struct bus ports;
    struct clock clock;
    struct timers timers;
    struct gmem gmem;
    uint64_t counter;
    _Alignas(4096) uint8_t memory[FLOPPY_MEMORY];
    struct drive drive[FDC_MEDIA];
    enum fdc_drive_type types[FDC_MEDIA];
    bool line;
    unsigned edges; /* how often it went up */
};

static inline uint64_t desk_count(void *owner)
{
    return ((struct desk *)owner)->counter;
}

static inline void desk_line(void *owner, unsigned number, bool up)
{
    struct desk *d = owner;
    d->edges += up && !d->line;
    d->line = up;
}

static inline void desk_devices(struct desk *d)
{
    const struct irq_line line = {desk_line, d, 6};
    struct medium *const media[FDC_MEDIA] = {&d->drive[0].medium, &d->drive[1].medium};
    clock_init(&d->clock, &d->gmem, SECOND_NS, 0);
    clock_source(&d->clock, desk_count, d);
    d->clock.offset = 0;
    if (dma_init(&d->dma, &d->ports, &d->gmem) != 0 ||
        fdc_init(&d->fdc, &d->ports, &d->dma, &d->clock, &d->timers, line, media, d->types) != 0)
        abort();
}

/* Sizes of the media that are in: 0 is an empty drive. */
static inline struct desk *desk_make(enum fdc_drive_type type0, uint64_t bytes0, enum fdc_drive_type type1,
                                     uint64_t bytes1)
{
    struct desk *d = aligned_alloc(4096, (sizeof(*d) + 4095) & ~(size_t)4095);
    if (d == NULL)
        abort();
    memset(d, 0, sizeof(*d));
    const struct gmem_region region = {.base = 0, .bytes = FLOPPY_MEMORY, .host = d->memory};
    if (gmem_add(&d->gmem, &region) != 0)
        abort();
    d->types[0] = type0;
    d->types[1] = type1;
    drive_make(&d->drive[0], true, bytes0, false, FLOPPY_MOST);
    drive_make(&d->drive[1], true, bytes1, false, FLOPPY_MOST);
    desk_devices(d);
    return d;
}

static inline void desk_free(struct desk *d)
{
    free(d->drive[0].written);
    free(d->drive[1].written);
    free(d);
}

/* The I/O process does what it was asked, and the machine comes by. */
static inline void desk_poll(struct desk *d)
{
    for (unsigned i = 0; i < FDC_MEDIA; i++) {
        medium_poll(&d->drive[i].medium);
        drive_serve(&d->drive[i]);
        medium_poll(&d->drive[i].medium);
    }
}

/* Time passes, in steps in which media answer. */
static inline void desk_pass(struct desk *d, uint64_t ns)
{
    const uint64_t end = d->counter + ns;
    for (;;) {
        desk_poll(d);
        const uint64_t next = d->timers.soonest < end ? d->timers.soonest : end;
        d->counter = next > d->counter ? next : d->counter;
        timers_run(&d->timers, clock_now(&d->clock));
        desk_poll(d);
        if (d->counter == end && d->timers.soonest > end)
            return;
    }
}

static inline uint8_t desk_in(struct desk *d, uint16_t port)
{
    return (uint8_t)bus_read(&d->ports, port, 1);
}
static inline void desk_out(struct desk *d, uint16_t port, uint8_t value)
{
    bus_write(&d->ports, port, 1, value);
}

/* Channel 2: a device's bytes into memory, or out of it. */
static inline void desk_channel(struct desk *d, bool into, uint32_t address, uint32_t n, bool again)
{
    desk_out(d, 0x0a, 6);
    desk_out(d, 0x0c, 0);
    desk_out(d, 0x0b, (uint8_t)((into ? 0x46 : 0x4a) | (again ? 0x10 : 0)));
    desk_out(d, 0x04, (uint8_t)address);
    desk_out(d, 0x04, (uint8_t)(address >> 8));
    desk_out(d, 0x81, (uint8_t)(address >> 16));
    desk_out(d, 0x05, (uint8_t)(n - 1));
    desk_out(d, 0x05, (uint8_t)((n - 1) >> 8));
    desk_out(d, 0x0a, 2);
}

/* ---- A driver ---------------------------------------------------------------------------------------------------- */

/* False: the controller did not ask for one of the bytes. */
static inline bool desk_command(struct desk *d, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if ((desk_in(d, FDC_MAIN) & 0xc0) != 0x80)
            return false;
        desk_out(d, FDC_DATA, bytes[i]);
    }
    return true;
}

/* The result's bytes: how many. */
static inline unsigned desk_result(struct desk *d, uint8_t out[16])
{
    unsigned n = 0;
    while (n < 16 && (desk_in(d, FDC_MAIN) & 0xf0) == 0xd0)
        out[n++] = desk_in(d, FDC_DATA);
    return n;
}

static inline unsigned desk_sense(struct desk *d, uint8_t out[16])
{
    static const uint8_t sense = 0x08;
    return desk_command(d, &sense, 1) ? desk_result(d, out) : 0;
}

/* Out of reset, drive 0 selected, motors on, DMA and interrupt through; what the reset has to say has been read. */
static inline void desk_begin(struct desk *d)
{
    uint8_t out[16];
    desk_poll(d);
    desk_out(d, FDC_DOR, 0x00);
    desk_out(d, FDC_DOR, 0x3c);
    desk_pass(d, SECOND_NS / 1000);
    for (unsigned i = 0; i < 4; i++)
        (void)desk_sense(d, out);
}

/* A command to its end: the bytes of its result. */
static inline unsigned desk_run(struct desk *d, const uint8_t *bytes, unsigned n, uint8_t out[16])
{
    if (!desk_command(d, bytes, n))
        return 0;
    desk_pass(d, SECOND_NS);
    return desk_result(d, out);
}

/* The heads of a drive to a cylinder. */
static inline bool desk_seek(struct desk *d, uint8_t drive, uint8_t cylinder)
{
    const uint8_t seek[3] = {0x0f, drive, cylinder};
    uint8_t out[16];
    if (!desk_command(d, seek, 3))
        return false;
    desk_pass(d, SECOND_NS / 100);
    return desk_sense(d, out) == 2 && out[0] == (0x20 | drive) && out[1] == cylinder;
}

#endif

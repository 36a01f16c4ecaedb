/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An 82077AA floppy disk controller (Intel 290166) with two drives, at ports 0x3f0 to 0x3f5 and 0x3f7, interrupt 6, DMA
 * channel 2 (or without DMA, by SPECIFY). Media of 160 KB to 2.88 MB, known by their size.
 */
#ifndef MOAT_MACHINE_DEV_FDC_H
#define MOAT_MACHINE_DEV_FDC_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/dev/dma.h"
#include "machine/dev/medium.h"
#include "machine/device.h"

/* As the CMOS byte 0x10 has them. */
enum fdc_drive_type { FDC_NONE, FDC_360K, FDC_1200K, FDC_720K, FDC_1440K, FDC_2880K };

struct fdc_geometry {
    uint8_t cylinders, heads, sectors; /* per track */
    uint8_t rate;                      /* 0: 500, 1: 300, 2: 250, 3: 1000 kbit/s */
    uint8_t drive;                     /* enum fdc_drive_type: the least that takes it */
};

/* The format of a medium of so many bytes; NULL: no floppy disk has that size. fdc_geometry.c */
const struct fdc_geometry *fdc_geometry(uint64_t bytes);
/* All sizes, for a sentence: "160 KB, 180 KB ... 2.88 MB". */
extern const char fdc_sizes[];
/* Does a drive of this type take such a medium? */
bool fdc_drive_takes(enum fdc_drive_type type, const struct fdc_geometry *g);

struct fdc_drive_state {
    uint8_t track, head, changed /* the line */, type, perpendicular, zero8[3];
    uint64_t seen_bytes;
    uint8_t seen_present, seen_read_only, zero8b[6];
};

#define FDC_FIFO 1024u /* bytes of a sector at most, for transfers without DMA */

struct fdc_state {
    struct fdc_drive_state drive[2];
    uint8_t dor, msr, dsr, ccr, srb, tdr, config, precompensation, lock;
    uint8_t phase; /* idle, command, execution, result */
    uint8_t command[16], n_command, at_command; /* bytes wanted, and come */
    uint8_t result[16], n_result, at_result;
    uint8_t status[4]; /* ST0 to ST3 */
    uint8_t interrupt_pending, reset_sense; /* after a reset: four senses */
    uint8_t specify[2];
    uint8_t cylinder, head, sector, size_code, last_sector; /* where a transfer is */
    uint8_t format_sectors, format_fill;
    uint8_t zero8[4];
    uint32_t fifo_at, fifo_bytes;
    uint8_t fifo[FDC_FIFO];
    uint64_t due; /* nanoseconds at which a seek or a timed part ends; NEVER */
};

struct fdc {
    struct fdc_state state;
    struct dma *dma;
    struct medium *media[2];
    const struct clock *clock;
    struct timer timer;
    struct irq_line irq;
};

int fdc_init(struct fdc *f, struct bus *ports, struct dma *dma, const struct clock *clock, struct timers *timers,
             struct irq_line irq, struct medium *const media[2], const enum fdc_drive_type types[2]);

extern const struct device_ops fdc_ops;

#endif

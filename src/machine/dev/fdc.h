/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An 82077AA floppy disk controller (Intel 290166) with two drives, at ports 0x3f0 to 0x3f5 and 0x3f7, interrupt 6, DMA
 * channel 2 (or without DMA, by SPECIFY). Media of 160 KB to 2.88 MB, known by their size.
 *
 * An image holds a disk's sectors and nothing else, so a disk is always one of the known formats, in order, without
 * deleted data; tracks of another format cannot be written, and FORMAT TRACK fails there. The SCAN commands are not
 * there (invalid commands, as on later chips). A motor is at its speed as soon as it is needed.
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
/* The rate at which it is read there: the 1.2 MB drive turns faster than the others. */
uint8_t fdc_rate(enum fdc_drive_type type, const struct fdc_geometry *g);
/* The last track that the heads of such a drive can get to. */
uint8_t fdc_last_track(enum fdc_drive_type type);

#define FDC_DRIVES 4u    /* that commands can name: 2 and 3 are never there */
#define FDC_MEDIA  2u    /* and those that may be */
#define FDC_FIFO   1024u /* a sector, or the ids of a track, for transfers without DMA */

struct fdc_drive_state {
    uint8_t track;    /* where its heads are */
    uint8_t cylinder; /* where the controller takes them to be */
    uint8_t changed;  /* the line */
    uint8_t sense;    /* ST0 of a seek that is over and has not been asked for; 0: none */
    uint8_t seeks, next_track, next_cylinder, next_sense, next_steps; /* a seek is under way, and what will be then */
    uint64_t due;                                                     /* when it is over */
    uint64_t seen_bytes;
    uint8_t seen_present, seen_read_only, zero8b[6];
};

struct fdc_state {
    struct fdc_drive_state drive[FDC_DRIVES];
    uint8_t dor, dsr, rate, tdr, config, pretrack, lock, perpendicular, specify[2];
    uint8_t phase, wait; /* enum fdc_phase, enum fdc_wait of fdc_core.h */
    uint8_t command[9], n_command, at_command /* bytes wanted, and come */;
    uint8_t result[10], n_result, at_result;
    uint8_t result_pending, reset_pending; /* the line is up for these */
    uint8_t reset_sense;                   /* senses that are left after a reset, of four */
    /* The transfer under way: */
    uint8_t transfer;                           /* enum fdc_transfer */
    uint8_t side, cylinder, head, sector, size; /* physical head, and the id of the sector that comes next */
    uint8_t last_sector, count;                 /* EOT; sectors: left to verify, or read of a track */
    uint8_t status[3];                          /* bits that its end will have besides */
    uint8_t moved, waits;                       /* has any byte been moved; how often has DMA been waited for */
    uint8_t format_sectors, format_fill, zero8[6];
    uint32_t fifo_at, fifo_bytes;
    uint32_t fifo_seen, zero32; /* where it was when it was looked at last */
    uint64_t due, reset_due;    /* nanoseconds, or NEVER: what `wait` waits for; the interrupt of a reset */
    uint8_t fifo[FDC_FIFO];
};

struct fdc {
    struct fdc_state state;
    struct dma *dma;
    struct medium *media[FDC_MEDIA];
    enum fdc_drive_type types[FDC_DRIVES];
    const struct clock *clock;
    struct timer timer;
    struct irq_line irq;
    struct fdc_slot {
        struct fdc *fdc;
        unsigned drive;
        /* Which sectors the medium's buffer has, of which medium. */
        uint32_t first, n, generation;
    } slots[FDC_MEDIA];
    /* Of the request under way: it is the present transfer's, which waits for it; not so, and it waits for its end. */
    bool expected, queued;
    uint32_t writing; /* sectors */
    bool terminal;    /* DMA's end was with the last of them */
};

int fdc_init(struct fdc *f, struct bus *ports, struct dma *dma, const struct clock *clock, struct timers *timers,
             struct irq_line irq, struct medium *const media[FDC_MEDIA], const enum fdc_drive_type types[FDC_MEDIA]);

extern const struct device_ops fdc_ops;

#endif

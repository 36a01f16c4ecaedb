/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel of a PC (ATA/ATAPI-6, T13 1410D) in its legacy places, with up to two devices: hard disks (PIO, 28- and
 * 48-bit addresses) and CD-ROMs (packets: MMC-3, SPC-2). No bus master: data go through the data register.
 */
#ifndef MOAT_MACHINE_DEV_IDE_H
#define MOAT_MACHINE_DEV_IDE_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/dev/medium.h"
#include "machine/device.h"

enum ide_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

#define IDE_BUFFER   (32u << 10) /* of one block of data between two interrupts */
#define IDE_MULTIPLE 16u

struct ide_device_state {
    uint8_t kind; /* enum ide_kind */
    uint8_t error, features, count, lba_low, lba_mid, lba_high, device, status;
    uint8_t previous[5]; /* what 48-bit commands keep: features, count, low, mid, high */
    uint8_t multiple;    /* SET MULTIPLE: sectors a block */
    uint8_t write_cache, zero8[4];
    uint16_t heads, sectors, cylinders; /* INITIALIZE DEVICE PARAMETERS */
    uint8_t command, phase;             /* of the command under way */
    uint32_t at, bytes;                 /* in the buffer */
    uint64_t lba;
    uint32_t left; /* sectors of the command that are still to come */
    uint8_t packet[12], sense[3], medium_changed, locked, zero8b[3];
    uint64_t seen_bytes;
    uint32_t packet_left, packet_limit;
    uint8_t buffer[IDE_BUFFER];
};

struct ide_state {
    struct ide_device_state device[2];
    uint8_t selected, control, interrupt_pending, zero8[5];
};

struct ide {
    struct ide_state state;
    struct medium *media[2];
    char serial[2][20]; /* what IDENTIFY says */
    struct irq_line irq;
};

/* base: 0x1f0 or 0x170; control: 0x3f6 or 0x376. */
int ide_init(struct ide *c, struct bus *ports, uint16_t base, uint16_t control, struct irq_line irq,
             struct medium *const media[2], const enum ide_kind kinds[2]);

extern const struct device_ops ide_ops;

#endif

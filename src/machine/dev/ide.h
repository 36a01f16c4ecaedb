/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel of a PC (ATA/ATAPI-6, T13 1410D) in its legacy places, with up to two devices: hard disks (PIO, 28-
 * and 48-bit addresses) and CD-ROMs (packets: MMC-3, SPC-2). No bus master: data go through the data register.
 *
 * A device's bytes come from its medium (medium.h) as many as the command asks for and a request holds, and go to the
 * guest block by block through the device's own buffer, which is in its record; what a request brought beyond that is
 * fetched again after a snapshot.
 */
#ifndef MOAT_MACHINE_DEV_IDE_H
#define MOAT_MACHINE_DEV_IDE_H

#include "machine/bus.h"
#include "machine/dev/medium.h"
#include "machine/device.h"

enum ide_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

#define IDE_BUFFER   (32u << 10)
#define IDE_MULTIPLE 16u /* sectors of a block at most (SET MULTIPLE MODE) */

/* What a device's command is waiting for. */
enum ide_phase {
    IDE_IDLE,
    IDE_DATA_IN,  /* the guest reads buffer[at..end) */
    IDE_DATA_OUT, /* the guest writes there */
    IDE_PACKET,   /* the guest writes packet[at..12) */
    IDE_READING,  /* the medium: and so on, until the device is no longer busy */
    IDE_WRITING,
    IDE_SYNCING,
    IDE_VERIFYING,
    IDE_PHASES,
};

struct ide_device_state {
    uint8_t kind; /* enum ide_kind */
    uint8_t error, features, count, lba_low, lba_mid, lba_high, device, status;
    uint8_t previous[5];                            /* what 48-bit commands keep: features, count, low, mid, high */
    uint8_t command, phase;                         /* of the command under way, or of the last one */
    uint8_t multiple;                               /* SET MULTIPLE MODE: sectors a block; 0: none was chosen */
    uint8_t write_cache, look_ahead, keep_settings; /* SET FEATURES: 0 or 1 */
    uint8_t heads, sectors;                         /* INITIALIZE DEVICE PARAMETERS */
    uint8_t packet[12], sense[3];                   /* sense key, and the code with its qualifier */
    /* 0 or 1: another medium, not yet told; the guest wants it kept in; the tray is out. */
    uint8_t attention, locked, open;
    uint8_t event;    /* of GET EVENT STATUS NOTIFICATION, not yet told */
    uint8_t zero8[5]; /* no hole in what is saved */
    /* In the buffer: where the guest is, the end of the block of data between two interrupts, the end of what is there.
     */
    uint32_t at, end, filled;
    uint32_t limit; /* of a packet's block, bytes */
    uint64_t lba;   /* of a disk or CD-ROM's sectors: the next one for the buffer or, when writing, the first in it */
    uint32_t left;  /* sectors from there on that belong to the command */
    uint32_t zero32;
    uint64_t seen_bytes; /* of the medium that the guest knows of; 0: none */
    uint8_t buffer[IDE_BUFFER];
};

struct ide_state {
    struct ide_device_state device[2];
    uint8_t selected, control;
    uint8_t pending[2]; /* a device wants its interrupt seen: 0 or 1 */
    uint8_t zero8[4];
};

struct ide;

/* One of the two places on the cable. Beyond its record: */
struct ide_unit {
    struct ide_device_state *s;
    struct ide *channel;
    struct medium *medium;
    uint8_t number, kind;
    bool drop;  /* nobody wants the answer that is to come: its command was given up */
    bool again; /* and then the command that is under way begins its own request */
    /* What the medium's buffer holds of it: bytes from an offset on. 0: nothing. */
    uint64_t ahead;
    uint32_t ahead_bytes;
    uint8_t serial[20]; /* what IDENTIFY says */
};

struct ide {
    struct ide_state state;
    struct ide_unit unit[2];
    struct irq_line irq;
};

/* base: 0x1f0 or 0x170; control: 0x3f6 or 0x376. A medium of kind IDE_NONE may be NULL; the others live as long as the
 * channel, which connects itself to them. 0, or what bus_add() returns. */
int ide_init(struct ide *c, struct bus *ports, uint16_t base, uint16_t control, struct irq_line irq,
             struct medium *const media[2], const enum ide_kind kinds[2]);

extern const struct device_ops ide_ops;

#endif

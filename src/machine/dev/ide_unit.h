/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the channel's registers (ide.c) and the commands of its devices (ata.c; atapi.c, atapi_replies.c).
 */
#ifndef MOAT_MACHINE_DEV_IDE_UNIT_H
#define MOAT_MACHINE_DEV_IDE_UNIT_H

#include "machine/dev/ide.h"

/* The status register. */
enum {
    ATA_ERROR = 0x01, /* a packet device's CHECK CONDITION too */
    ATA_DATA = 0x08,  /* DRQ */
    ATA_SEEK = 0x10,  /* DSC of old; disks alone */
    ATA_READY = 0x40,
    ATA_BUSY = 0x80,
};
/* The error register. */
enum { ATA_ABORTED = 0x04, ATA_NO_ADDRESS = 0x10, ATA_UNCORRECTABLE = 0x40 };
/* The device register. */
enum { ATA_DEVICE_1 = 0x10, ATA_LBA = 0x40 };

#define ATA_SECTOR        512u
#define ATA_HEADS         16u /* by default */
#define ATA_TRACK         63u /* sectors of one */
#define ATAPI_SECTOR      2048u
#define ATAPI_COMMAND     0xa0u
#define ATA_LBA28_SECTORS UINT64_C(0x0fffffff) /* that words 60 and 61 can tell of */

/* Of the medium, bytes. */
static inline uint32_t ide_sector(const struct ide_unit *u)
{
    return u->kind == IDE_CDROM ? ATAPI_SECTOR : ATA_SECTOR;
}

static inline uint64_t ata_sectors(const struct ide_unit *u)
{
    return u->medium->bytes / ATA_SECTOR;
}

/* Of one that does nothing. */
static inline uint8_t ide_status(const struct ide_unit *u)
{
    return u->kind == IDE_CDROM ? ATA_READY : ATA_READY | ATA_SEEK;
}

/* ---- ide.c ------------------------------------------------------------------------------------------------------- */

/* The device has something to say: its interrupt, when it is selected and the guest wants interrupts. */
void ide_interrupt(struct ide_unit *u);
/* The command is over; `error` 0 is well. With an interrupt. */
void ide_finish(struct ide_unit *u, uint8_t error);
/* The device waits for its medium: IDE_READING and those behind it, by lba, left, end. ata_answered() or
 * atapi_answered() comes later, or at once when there can be no answer. */
void ide_go(struct ide_unit *u, enum ide_phase phase);
/* n bytes from the medium's byte `offset` on, if the last request brought them. */
bool ide_ahead(struct ide_unit *u, uint64_t offset, uint32_t n);
/* The registers say of which kind the device is, as after a reset. */
void ide_signature(struct ide_unit *u);

/* ---- ata.c ------------------------------------------------------------------------------------------------------- */

/* The settings that a device has after power-on. */
void ata_reset(struct ide_unit *u);
/* The command register has been written, and the device is not busy. Also of packet devices. */
void ata_command(struct ide_unit *u, uint8_t command);
/* The guest is at the end of the block, in or out. */
void ata_block(struct ide_unit *u);
/* The medium has answered: bytes, or -errno. */
void ata_answered(struct ide_unit *u, int64_t result);
/* Could the device be in this phase of this command? */
bool ata_may_be(const struct ide_device_state *s);
/* ata_identify.c: the answer of IDENTIFY (PACKET) DEVICE. */
void ata_identify(const struct ide_unit *u, uint8_t words[ATA_SECTOR]);

/* ---- atapi.c ----------------------------------------------------------------------------------------------------- */

/* PACKET; and all 12 bytes are there. */
void atapi_begin(struct ide_unit *u);
void atapi_command(struct ide_unit *u);
void atapi_block(struct ide_unit *u);
void atapi_answered(struct ide_unit *u, int64_t result);
/* Another medium, or none. */
void atapi_changed(struct ide_unit *u);
bool atapi_may_be(const struct ide_device_state *s);

#endif

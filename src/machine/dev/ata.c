/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hard disk's commands (ATA/ATAPI-6, clause 8) and those few that packet devices have in common with it: one row
 * each. A command that needs the medium is begun here, goes on when the medium has answered or the guest has come to
 * the end of a block, and ends in ide_finish(). Touches its unit alone; addresses are checked when a command begins.
 *
 * A write is answered when the back end has done it; with the write cache off, when it is on the host's disk. Sectors
 * are verified by reading them. What is not here (DMA, SMART, security, host protected area) is aborted, and IDENTIFY
 * says so.
 */
#include "machine/dev/ide_unit.h"

#include <errno.h>
#include <string.h>

enum { FOR_DISK = 1, FOR_PACKET = 2, FOR_BOTH = 3, EXTENDED = 4, MULTIPLE = 8 };

struct row {
    uint8_t flags;
    void (*run)(struct ide_unit *u);
};
static const struct row rows[256]; /* at the end */

static bool is_extended(const struct ide_unit *u)
{
    return rows[u->s->command].flags & EXTENDED;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

/* What the registers say, or UINT64_MAX: no such sector in this geometry. */
static uint64_t address(const struct ide_unit *u)
{
    const struct ide_device_state *s = u->s;
    const uint32_t low24 = (uint32_t)(s->lba_low | s->lba_mid << 8 | s->lba_high << 16);
    const uint32_t cylinder = low24 >> 8, head = s->device & 15, sector = s->lba_low;
    if (is_extended(u))
        return low24 | (uint64_t)s->previous[2] << 24 | (uint64_t)s->previous[3] << 32 | (uint64_t)s->previous[4] << 40;
    if (s->device & ATA_LBA)
        return low24 | (uint32_t)(s->device & 15) << 24;
    if (sector == 0 || sector > s->sectors || head >= s->heads)
        return UINT64_MAX;
    return ((uint64_t)cylinder * s->heads + head) * s->sectors + sector - 1;
}

static void show_extended(struct ide_unit *u, uint64_t lba)
{
    struct ide_device_state *s = u->s;
    s->lba_low = lba & 0xff, s->lba_mid = lba >> 8 & 0xff, s->lba_high = lba >> 16 & 0xff;
    s->previous[2] = lba >> 24 & 0xff, s->previous[3] = lba >> 32 & 0xff, s->previous[4] = lba >> 40 & 0xff;
}

/* The registers name a sector, in the way that the command did. */
static void show_address(struct ide_unit *u, uint64_t lba)
{
    struct ide_device_state *s = u->s;
    const uint32_t sectors = s->sectors, heads = s->heads;
    if (is_extended(u)) {
        show_extended(u, lba);
    } else if ((s->device & ATA_LBA) || sectors == 0 || heads == 0) {
        s->lba_low = lba & 0xff, s->lba_mid = lba >> 8 & 0xff, s->lba_high = lba >> 16 & 0xff;
        s->device = (uint8_t)((s->device & 0xf0) | (lba >> 24 & 15));
    } else {
        const uint64_t track = lba / sectors, cylinder = track / heads;
        s->lba_low = (uint8_t)(lba % sectors + 1);
        s->lba_mid = cylinder & 0xff, s->lba_high = cylinder >> 8 & 0xff;
        s->device = (uint8_t)((s->device & 0xf0) | track % heads);
    }
}

static void finish_at(struct ide_unit *u, uint64_t lba, uint8_t error)
{
    show_address(u, lba);
    ide_finish(u, error);
}

/* The sectors that the registers name are the command's: lba, left. false: it has been refused. */
static bool begin(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint64_t all = ata_sectors(u), lba = address(u);
    uint32_t n = is_extended(u) ? (uint32_t)(s->previous[1] << 8 | s->count) : s->count;
    if (n == 0)
        n = is_extended(u) ? 65536 : 256;
    if (lba == UINT64_MAX || lba >= all) {
        ide_finish(u, ATA_NO_ADDRESS);
        return false;
    }
    if (n > all - lba) {
        finish_at(u, all, ATA_NO_ADDRESS);
        return false;
    }
    s->lba = lba, s->left = n;
    return true;
}

static uint32_t block_bytes(const struct ide_unit *u)
{
    const struct ide_device_state *s = u->s;
    const uint32_t most = (rows[s->command].flags & MULTIPLE) && s->multiple != 0 ? s->multiple : 1;
    return (s->left < most ? s->left : most) * ATA_SECTOR;
}

/* ---- Data to the guest ------------------------------------------------------------------------------------------- */

static void offer(struct ide_unit *u, uint32_t bytes)
{
    struct ide_device_state *s = u->s;
    s->at = 0;
    s->end = s->filled = bytes;
    s->phase = IDE_DATA_IN;
    s->status = ide_status(u) | ATA_DATA;
    ide_interrupt(u);
}

static void read_on(struct ide_unit *u)
{
    const uint32_t n = block_bytes(u);
    if (ide_ahead(u, u->s->lba * ATA_SECTOR, n))
        offer(u, n);
    else
        ide_go(u, IDE_READING);
}

/* No interrupt behind the last block: there was one before it. */
static void end_of_data_in(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint32_t n = s->end / ATA_SECTOR;
    s->lba += n;
    s->left -= n < s->left ? n : s->left;
    if (s->left > 0) {
        read_on(u);
        return;
    }
    s->phase = IDE_IDLE;
    s->status = ide_status(u);
    s->count = 0;
}

static void run_read(struct ide_unit *u)
{
    if (begin(u))
        read_on(u);
}

static void run_verify(struct ide_unit *u)
{
    if (begin(u))
        ide_go(u, IDE_VERIFYING);
}

/* ---- Data from the guest ----------------------------------------------------------------------------------------- */

/* One block more, behind what is in the buffer. */
static void ask(struct ide_unit *u, bool interrupt)
{
    struct ide_device_state *s = u->s;
    const uint32_t held = s->end / ATA_SECTOR, all = s->left;
    s->left -= held;
    s->end += block_bytes(u);
    s->left = all;
    s->filled = s->end;
    s->phase = IDE_DATA_OUT;
    s->status = ide_status(u) | ATA_DATA;
    if (interrupt)
        ide_interrupt(u);
}

/* Blocks are put together as long as one more of them certainly has room. */
static void end_of_data_out(struct ide_unit *u)
{
    const struct ide_device_state *s = u->s;
    if (s->end / ATA_SECTOR < s->left && s->end + IDE_MULTIPLE * ATA_SECTOR <= IDE_BUFFER)
        ask(u, true);
    else
        ide_go(u, IDE_WRITING);
}

static void run_write(struct ide_unit *u)
{
    if (u->medium->read_only)
        ide_finish(u, ATA_ABORTED);
    else if (begin(u))
        ask(u, false);
}

void ata_block(struct ide_unit *u)
{
    if (u->s->phase == IDE_DATA_IN)
        end_of_data_in(u);
    else
        end_of_data_out(u);
}

/* ---- The medium's answers ---------------------------------------------------------------------------------------- */

static void done_well(struct ide_unit *u)
{
    u->s->count = 0;
    ide_finish(u, 0);
}

static void written(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint32_t n = s->end / ATA_SECTOR;
    s->lba += n;
    s->left -= n < s->left ? n : s->left;
    s->at = s->end = s->filled = 0;
    if (s->left > 0)
        ask(u, true);
    else if (!s->write_cache)
        ide_go(u, IDE_SYNCING);
    else
        done_well(u);
}

static void verified(struct ide_unit *u, int64_t bytes)
{
    struct ide_device_state *s = u->s;
    const uint32_t n = (uint32_t)(bytes / ATA_SECTOR);
    s->lba += n;
    s->left -= n < s->left ? n : s->left;
    if (s->left > 0 && n > 0)
        ide_go(u, IDE_VERIFYING);
    else
        done_well(u);
}

void ata_answered(struct ide_unit *u, int64_t result)
{
    const uint8_t phase = u->s->phase;
    if (result < 0) {
        finish_at(u, u->s->lba, phase == IDE_READING || phase == IDE_VERIFYING ? ATA_UNCORRECTABLE : ATA_ABORTED);
        return;
    }
    switch (phase) {
    case IDE_READING:
        if (ide_ahead(u, u->s->lba * ATA_SECTOR, block_bytes(u)))
            offer(u, block_bytes(u));
        else
            finish_at(u, u->s->lba, ATA_UNCORRECTABLE);
        break;
    case IDE_WRITING:
        written(u);
        break;
    case IDE_VERIFYING:
        verified(u, result);
        break;
    default:
        done_well(u);
        break;
    }
}

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

void ata_reset(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    s->multiple = IDE_MULTIPLE;
    s->write_cache = s->look_ahead = 1;
    s->keep_settings = 0;
    s->heads = ATA_HEADS;
    s->sectors = ATA_TRACK;
}

static void run_set_multiple(struct ide_unit *u)
{
    const uint8_t n = u->s->count;
    const bool fits = n <= IDE_MULTIPLE && !(n & (n - 1u));
    if (fits)
        u->s->multiple = n;
    ide_finish(u, fits ? 0 : ATA_ABORTED);
}

static void run_geometry(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    if (s->count != 0) {
        s->sectors = s->count;
        s->heads = (uint8_t)((s->device & 15) + 1);
    }
    ide_finish(u, s->count != 0 ? 0 : ATA_ABORTED);
}

/* SET FEATURES: transfer modes are those of PIO. */
static void run_set_features(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    uint8_t error = 0;
    switch (s->features) {
    case 0x02:
    case 0x82:
        s->write_cache = s->features == 0x02;
        break;
    case 0x03:
        error = s->count <= 1 || (s->count >= 8 && s->count <= 8 + 4) ? 0 : ATA_ABORTED;
        break;
    case 0x55:
    case 0xaa:
        s->look_ahead = s->features == 0xaa;
        break;
    case 0x66:
    case 0xcc:
        s->keep_settings = s->features == 0x66;
        break;
    default:
        error = ATA_ABORTED;
        break;
    }
    ide_finish(u, error);
}

/* ---- Commands without data --------------------------------------------------------------------------------------- */

static void run_nothing(struct ide_unit *u)
{
    ide_finish(u, 0);
}

static void run_abort(struct ide_unit *u)
{
    ide_finish(u, ATA_ABORTED);
}

/* READ MULTIPLE and its kin, before a block's size was chosen, or when none is. */
static void run_read_multiple(struct ide_unit *u)
{
    if (u->s->multiple == 0)
        run_abort(u);
    else
        run_read(u);
}

static void run_write_multiple(struct ide_unit *u)
{
    if (u->s->multiple == 0)
        run_abort(u);
    else
        run_write(u);
}

static void run_seek(struct ide_unit *u)
{
    const uint64_t lba = address(u);
    ide_finish(u, lba < ata_sectors(u) ? 0 : ATA_NO_ADDRESS);
}

static void run_flush(struct ide_unit *u)
{
    if (u->medium->read_only)
        ide_finish(u, 0);
    else
        ide_go(u, IDE_SYNCING);
}

/* 0xff: active or idle. */
static void run_power_mode(struct ide_unit *u)
{
    u->s->count = 0xff;
    ide_finish(u, 0);
}

static void run_native_max(struct ide_unit *u)
{
    const uint64_t all = ata_sectors(u);
    if (is_extended(u)) {
        show_extended(u, all - 1);
        ide_finish(u, 0);
        return;
    }
    u->s->device |= ATA_LBA;
    finish_at(u, (all < ATA_LBA28_SECTORS ? all : ATA_LBA28_SECTORS) - 1, 0);
}

/* ---- IDENTIFY ---------------------------------------------------------------------------------------------------- */

static void run_identify(struct ide_unit *u)
{
    ata_identify(u, u->s->buffer);
    u->s->left = 1;
    offer(u, ATA_SECTOR);
}

/* A packet device says what it is by refusing. */
static void run_identify_device(struct ide_unit *u)
{
    if (u->kind == IDE_DISK) {
        run_identify(u);
        return;
    }
    ide_signature(u);
    run_abort(u);
}

static void run_read_sectors(struct ide_unit *u)
{
    if (u->kind == IDE_DISK) {
        run_read(u);
        return;
    }
    ide_signature(u);
    run_abort(u);
}

/* ---- The rows ---------------------------------------------------------------------------------------------------- */

static const struct row rows[256] = {
    [0x00] = {FOR_BOTH, run_abort},                                /* NOP */
    [0x10 ... 0x1f] = {FOR_DISK, run_nothing},                     /* RECALIBRATE */
    [0x20] = {FOR_BOTH, run_read_sectors},                         /* READ SECTOR(S) */
    [0x21] = {FOR_DISK, run_read},                                 /* ... without retries */
    [0x24] = {FOR_DISK | EXTENDED, run_read},                      /* READ SECTOR(S) EXT */
    [0x27] = {FOR_DISK | EXTENDED, run_native_max},                /* READ NATIVE MAX ADDRESS EXT */
    [0x29] = {FOR_DISK | EXTENDED | MULTIPLE, run_read_multiple},  /* READ MULTIPLE EXT */
    [0x30] = {FOR_DISK, run_write},                                /* WRITE SECTOR(S) */
    [0x31] = {FOR_DISK, run_write},                                /* ... without retries */
    [0x34] = {FOR_DISK | EXTENDED, run_write},                     /* WRITE SECTOR(S) EXT */
    [0x39] = {FOR_DISK | EXTENDED | MULTIPLE, run_write_multiple}, /* WRITE MULTIPLE EXT */
    [0x40] = {FOR_DISK, run_verify},                               /* READ VERIFY SECTOR(S) */
    [0x41] = {FOR_DISK, run_verify},                               /* ... without retries */
    [0x42] = {FOR_DISK | EXTENDED, run_verify},                    /* READ VERIFY SECTOR(S) EXT */
    [0x70] = {FOR_DISK, run_seek},                                 /* SEEK */
    [0x91] = {FOR_DISK, run_geometry},                             /* INITIALIZE DEVICE PARAMETERS */
    [0x94 ... 0x97] = {FOR_BOTH, run_nothing},
    [0x98] = {FOR_BOTH, run_power_mode},
    [0x99] = {FOR_BOTH, run_nothing},
    [0xa0] = {FOR_PACKET, atapi_begin},                 /* PACKET */
    [0xa1] = {FOR_PACKET, run_identify},                /* IDENTIFY PACKET DEVICE */
    [0xc4] = {FOR_DISK | MULTIPLE, run_read_multiple},  /* READ MULTIPLE */
    [0xc5] = {FOR_DISK | MULTIPLE, run_write_multiple}, /* WRITE MULTIPLE */
    [0xc6] = {FOR_DISK, run_set_multiple},              /* SET MULTIPLE MODE */
    [0xe0 ... 0xe3] = {FOR_BOTH, run_nothing},          /* STANDBY and IDLE, at once or later */
    [0xe5] = {FOR_BOTH, run_power_mode},                /* CHECK POWER MODE */
    [0xe6] = {FOR_BOTH, run_nothing},                   /* SLEEP */
    [0xe7] = {FOR_DISK, run_flush},                     /* FLUSH CACHE */
    [0xea] = {FOR_DISK | EXTENDED, run_flush},          /* FLUSH CACHE EXT */
    [0xec] = {FOR_BOTH, run_identify_device},           /* IDENTIFY DEVICE */
    [0xef] = {FOR_BOTH, run_set_features},              /* SET FEATURES */
    [0xf8] = {FOR_DISK, run_native_max},                /* READ NATIVE MAX ADDRESS */
};

void ata_command(struct ide_unit *u, uint8_t command)
{
    const struct row *row = &rows[command];
    u->s->command = command;
    u->s->error = 0;
    if (row->flags & (u->kind == IDE_DISK ? FOR_DISK : FOR_PACKET))
        row->run(u);
    else
        run_abort(u);
}

/* Data goes the way that the command has it, in whole sectors. A packet device has but one such command. */
bool ata_may_be(const struct ide_device_state *s)
{
    const struct row *row = &rows[s->command];
    const bool identifies = row->run == run_identify || row->run == run_identify_device;
    const bool reads = row->run == run_read || row->run == run_read_sectors || row->run == run_read_multiple;
    const bool writes = row->run == run_write || row->run == run_write_multiple;
    if (s->end % ATA_SECTOR != 0 || s->filled != s->end || s->left > 65536)
        return false;
    if (identifies)
        return s->phase == IDE_DATA_IN && s->kind != IDE_NONE && s->end == ATA_SECTOR && s->left == 1;
    if (s->kind != IDE_DISK)
        return false;
    switch (s->phase) {
    case IDE_DATA_IN:
    case IDE_READING:
        return reads && s->left > 0;
    case IDE_DATA_OUT:
    case IDE_WRITING:
        return writes && s->end > 0 && s->end / ATA_SECTOR <= s->left;
    case IDE_VERIFYING:
        return row->run == run_verify && s->left > 0;
    default:
        return s->phase == IDE_SYNCING && (writes || row->run == run_flush);
    }
}

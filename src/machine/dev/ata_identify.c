/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 256 words by which a disk says what it is and a packet device that it is none (ATA/ATAPI-6, 8.15 and 8.16), made
 * of the medium's size and the settings in the record. What is not offered is 0 here. Touches nothing.
 */
#include "machine/dev/ide_unit.h"

#include <string.h>

#define CYLINDERS_MOST 16383u /* by default; a driver may choose up to 65535 */

/* Whole ones, but one at least: a disk may be smaller than that. */
static uint32_t cylinders(const struct ide_unit *u, uint32_t heads, uint32_t sectors, uint32_t most)
{
    const uint64_t a_cylinder = (uint64_t)heads * sectors, n = a_cylinder == 0 ? 0 : ata_sectors(u) / a_cylinder;
    return n > most ? most : n == 0 ? 1 : (uint32_t)n;
}

static void put16(uint8_t *words, unsigned index, uint32_t value)
{
    words[2 * index] = value & 0xff;
    words[2 * index + 1] = value >> 8 & 0xff;
}

static void put32(uint8_t *words, unsigned index, uint32_t value)
{
    put16(words, index, value);
    put16(words, index + 1, value >> 16);
}

/* A string of IDENTIFY: two characters a word, the first one in its upper half; padded with blanks. */
static void put_string(uint8_t *to, uint32_t bytes, const char *text)
{
    for (uint32_t i = 0; i < bytes; i++)
        to[i ^ 1] = (uint8_t)(*text != '\0' ? *text++ : ' ');
}

static void strings(const struct ide_unit *u, uint8_t *words, const char *model)
{
    char serial[sizeof(u->serial) + 1];
    memcpy(serial, u->serial, sizeof(u->serial));
    serial[sizeof(u->serial)] = '\0';
    put_string(words + 2 * 10, 20, serial);
    put_string(words + 2 * 23, 8, "1");
    put_string(words + 2 * 27, 40, model);
}

/* Word 255: what makes the sum of all bytes 0. */
static void seal(uint8_t *words)
{
    uint8_t sum = 0xa5;
    words[510] = 0xa5;
    for (unsigned i = 0; i < 510; i++)
        sum = (uint8_t)(sum + words[i]);
    words[511] = (uint8_t)(0x100 - sum);
}

/* Words 82 to 87, what there is and what of it is on: power management and NOP; cache, look-ahead, FLUSH CACHE (EXT)
 * and 48 bits of disks alone; packets of the others. */
static void feature_words(const struct ide_unit *u, uint8_t *words)
{
    const struct ide_device_state *s = u->s;
    const bool disk = u->kind == IDE_DISK;
    const uint32_t always = 0x4008 | (disk ? 0 : 0x10);
    put16(words, 80, 0x0070); /* ATA/ATAPI-4 to 6 */
    put16(words, 82, always | (disk ? 0x0060 : 0));
    put16(words, 83, 0x4000 | (disk ? 0x3400 : 0));
    put16(words, 84, 0x4000);
    put16(words, 85, always | (disk && s->write_cache ? 0x0020 : 0) | (disk && s->look_ahead ? 0x0040 : 0));
    put16(words, 86, disk ? 0x3400 : 0);
    put16(words, 87, 0x4000);
    put16(words, 93, u->number == 0 ? 0x4001 : 0x4100); /* the reset's result: device by jumper, diagnostics passed */
}

/* Words 49, 51, 53, 64 to 68: PIO modes 3 and 4, with IORDY or in 120 ns; LBA; no DMA. */
static void transfer_words(uint8_t *words)
{
    put16(words, 49, 0x0e00);
    put16(words, 51, 0x0200);
    put16(words, 53, 0x0003);
    put16(words, 64, 0x0003);
    put16(words, 67, 120);
    put16(words, 68, 120);
}

static void disk_words(const struct ide_unit *u, uint8_t *words)
{
    const struct ide_device_state *s = u->s;
    const uint64_t all = ata_sectors(u);
    const uint32_t now = cylinders(u, s->heads, s->sectors, 65535), now_sectors = now * s->heads * s->sectors;
    put16(words, 0, 0x0040); /* fixed */
    put16(words, 1, cylinders(u, ATA_HEADS, ATA_TRACK, CYLINDERS_MOST));
    put16(words, 3, ATA_HEADS);
    put16(words, 6, ATA_TRACK);
    put16(words, 47, 0x8000 | IDE_MULTIPLE);
    put16(words, 48, 0x0001); /* of old: the data register may be read by 32 bits */
    put16(words, 54, now);
    put16(words, 55, s->heads);
    put16(words, 56, s->sectors);
    put32(words, 57, now_sectors < all ? now_sectors : (uint32_t)all);
    put16(words, 59, s->multiple != 0 ? 0x0100u | s->multiple : 0);
    put32(words, 60, (uint32_t)(all < ATA_LBA28_SECTORS ? all : ATA_LBA28_SECTORS));
    put32(words, 100, (uint32_t)all);
    put32(words, 102, (uint32_t)(all >> 32));
}

void ata_identify(const struct ide_unit *u, uint8_t words[ATA_SECTOR])
{
    memset(words, 0, ATA_SECTOR);
    transfer_words(words);
    feature_words(u, words);
    if (u->kind == IDE_DISK) {
        disk_words(u, words);
        strings(u, words, "moat disk");
    } else {
        put16(words, 0, 0x85c0); /* packets of 12 bytes within 50 us; a CD-ROM, whose medium can be taken out */
        strings(u, words, "moat CD-ROM");
    }
    seal(words);
}

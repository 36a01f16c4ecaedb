/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk's driver for tests/unit/test_machine_ide.c and test_machine_ata.c: addresses, commands, blocks of data. It
 * says what is wrong by cmocka's assertions.
 */
#ifndef MOAT_TESTS_IDE_DRIVER_H
#define MOAT_TESTS_IDE_DRIVER_H

#include "unit/ide_fixture.h"

enum { BUSY = 0x80, READY = 0x40, SEEK = 0x10, DATA = 0x08, FAILED = 0x01, IDLE = READY | SEEK };
enum { ABORTED = 0x04, NO_ADDRESS = 0x10, UNCORRECTABLE = 0x40 };
enum { NO_INTERRUPT = 2, RESET = 4, PREVIOUS = 0x80, LBA = 0x40 };
#define SECTORS UINT64_C(65536)

static inline void address28(struct rig *r, uint32_t lba, uint8_t count)
{
    rig_out(r, RIG_COUNT, count);
    rig_out(r, RIG_LOW, lba & 0xff);
    rig_out(r, RIG_MID, lba >> 8 & 0xff);
    rig_out(r, RIG_HIGH, lba >> 16 & 0xff);
    rig_out(r, RIG_DEVICE, (uint8_t)(LBA | lba >> 24));
}

static inline void address48(struct rig *r, uint64_t lba, uint16_t count)
{
    rig_out(r, RIG_DEVICE, LBA);
    for (int upper = 1; upper >= 0; upper--) {
        rig_out(r, RIG_COUNT, count >> 8 * upper & 0xff);
        rig_out(r, RIG_LOW, lba >> 24 * upper & 0xff);
        rig_out(r, RIG_MID, lba >> (24 * upper + 8) & 0xff);
        rig_out(r, RIG_HIGH, lba >> (24 * upper + 16) & 0xff);
    }
}

static inline uint64_t address_shown(struct rig *r, bool extended)
{
    uint64_t lba =
        (uint64_t)rig_in(r, RIG_LOW) | (uint64_t)rig_in(r, RIG_MID) << 8 | (uint64_t)rig_in(r, RIG_HIGH) << 16;
    if (!extended)
        return lba | (uint64_t)(rig_in(r, RIG_DEVICE) & 15) << 24;
    rig_control(r, PREVIOUS);
    return lba | (uint64_t)rig_in(r, RIG_LOW) << 24 | (uint64_t)rig_in(r, RIG_MID) << 32 |
           (uint64_t)rig_in(r, RIG_HIGH) << 40;
}

static inline uint8_t run(struct rig *r, uint8_t command)
{
    rig_out(r, RIG_STATUS, command);
    return rig_wait(r);
}

static inline uint8_t set_features(struct rig *r, uint8_t feature, uint8_t count)
{
    rig_out(r, RIG_ERROR, feature);
    rig_out(r, RIG_COUNT, count);
    return run(r, 0xef);
}

static inline void identify(struct rig *r, uint16_t words[256])
{
    assert_int_equal(run(r, 0xec), IDLE | DATA);
    rig_read(r, words, 512);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

/* The sector of that number, as a medium has it that nobody has written to. */
static inline void assert_sector(const uint8_t *bytes, uint64_t lba)
{
    for (uint64_t i = 0; i < 512; i += 8) {
        uint64_t offset;
        memcpy(&offset, bytes + i, 8);
        assert_int_equal(offset, lba * 512 + i);
    }
}

/* Data in blocks of so many sectors at most, the first of them awaited already. */
static inline void read_sectors(struct rig *r, uint64_t lba, uint32_t n, uint32_t block)
{
    uint8_t bytes[16 * 512];
    for (uint32_t i = 0; i < n; i += block) {
        const uint32_t now = n - i < block ? n - i : block;
        assert_int_equal(rig_wait(r), IDLE | DATA);
        rig_read(r, bytes, now * 512);
        for (uint32_t k = 0; k < now; k++)
            assert_sector(bytes + 512 * k, lba + i + k);
    }
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

static inline void fill(uint8_t *bytes, uint32_t sectors, uint8_t seed)
{
    for (uint32_t i = 0; i < sectors * 512; i++)
        bytes[i] = (uint8_t)(seed + i / 512 * 7 + i);
}

static inline void write_sectors(struct rig *r, const uint8_t *bytes, uint32_t n, uint32_t block)
{
    for (uint32_t i = 0; i < n; i += block) {
        const uint32_t now = n - i < block ? n - i : block;
        assert_int_equal(rig_wait(r), IDLE | DATA);
        rig_write(r, bytes + 512 * i, now * 512);
    }
    assert_int_equal(rig_wait(r), IDLE);
}

#endif

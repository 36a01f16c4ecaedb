/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE channel and its disks, by their registers as a driver uses them; the medium's other side is ide_fixture.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/ide_fixture.h"

enum { BUSY = 0x80, READY = 0x40, SEEK = 0x10, DATA = 0x08, FAILED = 0x01, IDLE = READY | SEEK };
enum { ABORTED = 0x04, NO_ADDRESS = 0x10, UNCORRECTABLE = 0x40 };
enum { NO_INTERRUPT = 2, RESET = 4, PREVIOUS = 0x80, LBA = 0x40 };
#define SECTORS UINT64_C(65536)

static int make_disk(void **state)
{
    *state = rig_make(IDE_DISK, SECTORS * 512, IDE_NONE, 0);
    return 0;
}
static int make_two(void **state)
{
    *state = rig_make(IDE_DISK, SECTORS * 512, IDE_CDROM, 4096 * 2048);
    return 0;
}
/* Larger than 28 bits can say. */
static int make_large(void **state)
{
    *state = rig_make(IDE_DISK, UINT64_C(3) << 40, IDE_NONE, 0);
    return 0;
}
static int make_none(void **state)
{
    *state = rig_make(IDE_NONE, 0, IDE_NONE, 0);
    return 0;
}
static int drop(void **state)
{
    rig_free(*state);
    return 0;
}

/* ---- A driver ---------------------------------------------------------------------------------------------------- */

static void address28(struct rig *r, uint32_t lba, uint8_t count)
{
    rig_out(r, RIG_COUNT, count);
    rig_out(r, RIG_LOW, lba & 0xff);
    rig_out(r, RIG_MID, lba >> 8 & 0xff);
    rig_out(r, RIG_HIGH, lba >> 16 & 0xff);
    rig_out(r, RIG_DEVICE, (uint8_t)(LBA | lba >> 24));
}

static void address48(struct rig *r, uint64_t lba, uint16_t count)
{
    rig_out(r, RIG_DEVICE, LBA);
    for (int upper = 1; upper >= 0; upper--) {
        rig_out(r, RIG_COUNT, count >> 8 * upper & 0xff);
        rig_out(r, RIG_LOW, lba >> 24 * upper & 0xff);
        rig_out(r, RIG_MID, lba >> (24 * upper + 8) & 0xff);
        rig_out(r, RIG_HIGH, lba >> (24 * upper + 16) & 0xff);
    }
}

static uint64_t address_shown(struct rig *r, bool extended)
{
    uint64_t lba =
        (uint64_t)rig_in(r, RIG_LOW) | (uint64_t)rig_in(r, RIG_MID) << 8 | (uint64_t)rig_in(r, RIG_HIGH) << 16;
    if (!extended)
        return lba | (uint64_t)(rig_in(r, RIG_DEVICE) & 15) << 24;
    rig_control(r, PREVIOUS);
    return lba | (uint64_t)rig_in(r, RIG_LOW) << 24 | (uint64_t)rig_in(r, RIG_MID) << 32 |
           (uint64_t)rig_in(r, RIG_HIGH) << 40;
}

static uint8_t run(struct rig *r, uint8_t command)
{
    rig_out(r, RIG_STATUS, command);
    return rig_wait(r);
}

static uint8_t set_features(struct rig *r, uint8_t feature, uint8_t count)
{
    rig_out(r, RIG_ERROR, feature);
    rig_out(r, RIG_COUNT, count);
    return run(r, 0xef);
}

static void identify(struct rig *r, uint16_t words[256])
{
    assert_int_equal(run(r, 0xec), IDLE | DATA);
    rig_read(r, words, 512);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

/* The sector of that number, as a medium has it that nobody has written to. */
static void assert_sector(const uint8_t *bytes, uint64_t lba)
{
    for (uint64_t i = 0; i < 512; i += 8) {
        uint64_t offset;
        memcpy(&offset, bytes + i, 8);
        assert_int_equal(offset, lba * 512 + i);
    }
}

/* Data in blocks of so many sectors at most, the first of them awaited already. */
static void read_sectors(struct rig *r, uint64_t lba, uint32_t n, uint32_t block)
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

static void fill(uint8_t *bytes, uint32_t sectors, uint8_t seed)
{
    for (uint32_t i = 0; i < sectors * 512; i++)
        bytes[i] = (uint8_t)(seed + i / 512 * 7 + i);
}

static void write_sectors(struct rig *r, const uint8_t *bytes, uint32_t n, uint32_t block)
{
    for (uint32_t i = 0; i < n; i += block) {
        const uint32_t now = n - i < block ? n - i : block;
        assert_int_equal(rig_wait(r), IDLE | DATA);
        rig_write(r, bytes + 512 * i, now * 512);
    }
    assert_int_equal(rig_wait(r), IDLE);
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void test_ide_power_on_and_software_reset_leave_the_signature(void **state)
{
    struct rig *r = *state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
        assert_int_equal(rig_in(r, RIG_ERROR), 1);
        assert_int_equal(rig_in(r, RIG_COUNT), 1);
        assert_int_equal(rig_in(r, RIG_LOW), 1);
        assert_int_equal(rig_in(r, RIG_MID), 0);
        assert_int_equal(rig_in(r, RIG_HIGH), 0);
        rig_out(r, RIG_DEVICE, 0x10);
        assert_int_equal(rig_in(r, RIG_STATUS), 0);
        assert_int_equal(rig_in(r, RIG_MID), 0x14);
        assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
        rig_out(r, RIG_MID, 0x77);
        rig_control(r, RESET);
        assert_int_equal(rig_alternate(r), BUSY);
        rig_out(r, RIG_MID, 0x77);
        rig_control(r, 0);
        assert_int_equal(rig_in(r, RIG_DEVICE), 0); /* it is the first one's turn again */
    }
}

static void test_ide_diagnostic_is_of_both_and_interrupts(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_DEVICE, 0x10);
    rig_out(r, RIG_STATUS, 0x90);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_DEVICE), 0);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
    assert_int_equal(rig_in(r, RIG_ERROR), 1);
    assert_false(r->line);
    rig_out(r, RIG_DEVICE, 0x10);
    assert_int_equal(rig_in(r, RIG_HIGH), 0xeb);
}

static void test_ide_missing_second_device_has_no_status_and_takes_no_command(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_DEVICE, 0xb0);
    rig_out(r, RIG_COUNT, 0x55);
    rig_out(r, RIG_LOW, 0xaa);
    assert_int_equal(rig_in(r, RIG_COUNT), 0x55); /* the first one's */
    assert_int_equal(rig_in(r, RIG_LOW), 0xaa);
    assert_int_equal(rig_in(r, RIG_DEVICE), 0xb0);
    rig_out(r, RIG_STATUS, 0xec);
    assert_int_equal(rig_in(r, RIG_STATUS), 0);
    assert_int_equal(rig_alternate(r), 0);
    assert_false(r->line);
    assert_int_equal(bus_read(&r->ports, RIG_BASE, 2), 0xffff);
    rig_out(r, RIG_DEVICE, 0xa0);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

static void test_ide_empty_channel_reads_zeros(void **state)
{
    struct rig *r = *state;
    for (unsigned reg = RIG_ERROR; reg <= RIG_STATUS; reg++) {
        rig_out(r, reg, 0xa5);
        assert_int_equal(rig_in(r, reg), 0);
    }
    rig_control(r, RESET);
    assert_int_equal(rig_alternate(r), 0);
    rig_control(r, 0);
    rig_out(r, RIG_STATUS, 0x90);
    assert_int_equal(rig_in(r, RIG_STATUS), 0);
}

static void test_ide_registers_keep_the_value_before(void **state)
{
    struct rig *r = *state;
    address48(r, UINT64_C(0x112233445566), 0x7788);
    rig_control(r, PREVIOUS | NO_INTERRUPT);
    assert_int_equal(rig_in(r, RIG_COUNT), 0x77);
    assert_int_equal(rig_in(r, RIG_LOW), 0x33);
    assert_int_equal(rig_in(r, RIG_MID), 0x22);
    assert_int_equal(rig_in(r, RIG_HIGH), 0x11);
    rig_out(r, RIG_DEVICE, LBA); /* any write shows the new ones again */
    assert_int_equal(rig_in(r, RIG_COUNT), 0x88);
    assert_int_equal(rig_in(r, RIG_LOW), 0x66);
    assert_int_equal(rig_in(r, RIG_MID), 0x55);
    assert_int_equal(rig_in(r, RIG_HIGH), 0x44);
}

static void test_ide_interrupt_is_seen_by_the_status_and_not_by_the_alternate_one(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_STATUS, 0xe5);
    assert_true(r->line);
    assert_int_equal(rig_alternate(r), IDLE);
    assert_true(r->line);
    rig_control(r, NO_INTERRUPT);
    assert_false(r->line);
    rig_control(r, 0);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
    assert_false(r->line);
}

static void test_ide_interrupt_is_that_of_the_selected_device(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 0, 1);
    rig_out(r, RIG_STATUS, 0x40);
    rig_out(r, RIG_DEVICE, 0x10);
    r->drive[0].holds = false;
    rig_poll(r);
    assert_false(r->line);
    rig_out(r, RIG_DEVICE, LBA);
    assert_true(r->line);
    assert_int_equal(rig_in(r, RIG_STATUS), IDLE);
}

static void test_ide_busy_device_takes_neither_registers_nor_commands(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 5, 1);
    rig_out(r, RIG_STATUS, 0x20);
    assert_int_equal(rig_alternate(r), BUSY | IDLE);
    rig_out(r, RIG_LOW, 99);
    rig_out(r, RIG_STATUS, 0xec);
    assert_int_equal(bus_read(&r->ports, RIG_BASE, 2), 0xffff);
    assert_int_equal(rig_in(r, RIG_LOW), 5);
    r->drive[0].holds = false;
    read_sectors(r, 5, 1, 1);
}

static void test_ide_data_register_is_of_any_width(void **state)
{
    struct rig *r = *state;
    uint8_t bytes[512];
    uint16_t at = 0;
    address28(r, 3, 1);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    for (unsigned size = 1; at < 512; size = size == 4 ? 1 : size * 2) {
        const unsigned now = 512u - at < size ? 512u - at : size;
        const uint64_t value = bus_read(&r->ports, RIG_BASE, size);
        memcpy(bytes + at, &value, now);
        at = (uint16_t)(at + now);
    }
    assert_sector(bytes, 3);
    fill(bytes, 1, 1);
    address28(r, 4, 1);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    for (unsigned i = 0; i < 512; i += 4) {
        uint32_t value;
        memcpy(&value, bytes + i, 4);
        bus_write(&r->ports, RIG_BASE, 4, value);
    }
    assert_int_equal(rig_wait(r), IDLE);
    assert_memory_equal(r->drive[0].written + 4 * 512, bytes, 512);
}

/* ---- What it says of itself -------------------------------------------------------------------------------------- */

static void test_disk_identify_tells_geometry_addresses_and_modes(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    uint8_t sum = 0;
    identify(r, w);
    assert_int_equal(w[0] & 0x8080, 0); /* ATA, fixed */
    assert_int_equal(w[1], SECTORS / 1008);
    assert_int_equal(w[3], 16);
    assert_int_equal(w[6], 63);
    assert_int_equal(w[47], 0x8010);
    assert_int_equal(w[49], 0x0e00); /* LBA, no DMA */
    assert_int_equal(w[53] & 3, 3);
    assert_int_equal(w[57] | (uint32_t)w[58] << 16, SECTORS / 1008 * 1008);
    assert_int_equal(w[59], 0x0110);
    assert_int_equal(w[60] | (uint32_t)w[61] << 16, SECTORS);
    assert_int_equal(w[63] | w[88], 0);
    assert_int_equal(w[64], 3);
    assert_int_equal(w[83] & 0xc400, 0x4400); /* valid, 48 bits */
    assert_int_equal(w[100] | (uint32_t)w[101] << 16, SECTORS);
    assert_memory_equal(w + 27, "omtad si k  ", 12);
    assert_memory_equal(w + 10, "omta0-00000000000010", 20);
    for (unsigned i = 0; i < 512; i++)
        sum = (uint8_t)(sum + ((uint8_t *)w)[i]);
    assert_int_equal(sum, 0);
}

static void test_disk_identify_of_a_large_one_tells_what_28_bits_can(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    identify(r, w);
    assert_int_equal(w[1], 16383);
    assert_int_equal(w[60] | (uint32_t)w[61] << 16, 0x0fffffff);
    assert_int_equal(w[100], 0);
    assert_int_equal(w[101], 0x8000);
    assert_int_equal(w[102], 1);
    assert_int_equal(run(r, 0xf8), IDLE);
    assert_int_equal(address_shown(r, false), 0x0ffffffe);
    assert_int_equal(run(r, 0x27), IDLE);
    assert_int_equal(address_shown(r, true), (UINT64_C(3) << 31) - 1);
}

static void test_disk_settings_show_in_identify_and_go_with_a_reset_unless_kept(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        assert_int_equal(set_features(r, 0x82, 0), IDLE);
        assert_int_equal(set_features(r, 0x55, 0), IDLE);
        assert_int_equal(set_features(r, keeps ? 0x66 : 0xcc, 0), IDLE);
        rig_out(r, RIG_COUNT, 4);
        assert_int_equal(run(r, 0xc6), IDLE);
        identify(r, w);
        assert_int_equal(w[85] & 0x60, 0);
        assert_int_equal(w[59], 0x0104);
        rig_control(r, RESET);
        rig_control(r, 0);
        identify(r, w);
        assert_int_equal(w[85] & 0x60, keeps ? 0 : 0x60);
        assert_int_equal(w[59], keeps ? 0x0104 : 0x0110);
    }
}

static void test_disk_set_features_takes_what_there_is(void **state)
{
    static const struct {
        const char *label;
        uint8_t feature, count, error;
    } cases[] = {
        {"default PIO", 0x03, 0x00, 0},
        {"PIO without IORDY", 0x03, 0x01, 0},
        {"PIO 4", 0x03, 0x0c, 0},
        {"PIO 5", 0x03, 0x0d, ABORTED},
        {"multiword DMA 2", 0x03, 0x22, ABORTED},
        {"UDMA 2", 0x03, 0x42, ABORTED},
        {"write cache", 0x02, 0, 0},
        {"look-ahead", 0xaa, 0, 0},
        {"advanced power management", 0x05, 0x80, ABORTED},
    };
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t status = set_features(r, cases[i].feature, cases[i].count);
        if ((status & FAILED ? rig_in(r, RIG_ERROR) : 0) != cases[i].error)
            fail_msg("%s: status %#x", cases[i].label, status);
    }
}

static void test_disk_commands_that_are_not_there_are_aborted(void **state)
{
    static const uint8_t commands[] = {0x00, 0x08, 0xa0, 0xa1, 0xb0, 0xc8, 0xca,
                                       0x25, 0x35, 0xf1, 0xf6, 0xf9, 0x37, 0xff};
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(commands); i++) {
        assert_int_equal(run(r, commands[i]), IDLE | FAILED);
        assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
    }
    assert_int_equal(run(r, 0xe5), IDLE);
    assert_int_equal(rig_in(r, RIG_COUNT), 0xff);
    for (uint8_t c = 0xe0; c < 0xe4; c++)
        assert_int_equal(run(r, c), IDLE);
    assert_int_equal(run(r, 0x10), IDLE);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void test_disk_read_sectors_interrupts_before_each_and_asks_once(void **state)
{
    struct rig *r = *state;
    address28(r, 1000, 200);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 1000, 200, 1);
    assert_int_equal(r->edges, 200);
    assert_int_equal(r->drive[0].reads, 1);
    assert_int_equal(rig_in(r, RIG_COUNT), 0);
    assert_false(r->line);
}

static void test_disk_read_count_zero_is_all_that_can_be_said(void **state)
{
    struct rig *r = *state;
    address28(r, 0, 0);
    rig_out(r, RIG_STATUS, 0x21);
    read_sectors(r, 0, 256, 1);
    address48(r, 0, 0);
    rig_out(r, RIG_STATUS, 0x29);
    read_sectors(r, 0, 65536, 16);
    assert_int_equal(r->drive[0].reads, 1 + 256);
}

static void test_disk_read_multiple_goes_in_blocks(void **state)
{
    struct rig *r = *state;
    rig_out(r, RIG_COUNT, 8);
    assert_int_equal(run(r, 0xc6), IDLE);
    r->edges = 0;
    address28(r, 77, 20);
    rig_out(r, RIG_STATUS, 0xc4);
    read_sectors(r, 77, 20, 8);
    assert_int_equal(r->edges, 3);
}

static void test_disk_read_beyond_28_bits(void **state)
{
    struct rig *r = *state;
    address48(r, UINT64_C(0x123456789), 3);
    rig_out(r, RIG_STATUS, 0x24);
    read_sectors(r, UINT64_C(0x123456789), 3, 1);
    address28(r, 0x0fffffff, 1);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 0x0fffffff, 1, 1);
}

static void test_disk_cylinders_heads_and_sectors_name_a_sector(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    rig_out(r, RIG_COUNT, 17);
    rig_out(r, RIG_DEVICE, 3);
    assert_int_equal(run(r, 0x91), IDLE); /* 4 heads, 17 sectors */
    identify(r, w);
    assert_int_equal(w[54], SECTORS / (4 * 17));
    assert_int_equal(w[55], 4);
    assert_int_equal(w[56], 17);
    rig_out(r, RIG_COUNT, 2);
    rig_out(r, RIG_LOW, 17);
    rig_out(r, RIG_MID, 300 & 0xff);
    rig_out(r, RIG_HIGH, 300 >> 8);
    rig_out(r, RIG_DEVICE, 2);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, (300 * 4 + 2) * 17 + 16, 2, 1);
    rig_out(r, RIG_COUNT, 1);
    rig_out(r, RIG_LOW, 18); /* there is no such sector */
    assert_int_equal(run(r, 0x20), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), NO_ADDRESS);
    rig_out(r, RIG_LOW, 0);
    assert_int_equal(run(r, 0x70), IDLE | FAILED);
    rig_out(r, RIG_LOW, 1);
    assert_int_equal(run(r, 0x70), IDLE);
    rig_out(r, RIG_COUNT, 0);
    assert_int_equal(run(r, 0x91), IDLE | FAILED);
}

static void test_disk_address_beyond_the_end_is_not_found(void **state)
{
    static const uint8_t commands[] = {0x20, 0x30, 0x40, 0xc4, 0xc5};
    struct rig *r = *state;
    for (unsigned i = 0; i < sizeof(commands); i++) {
        address28(r, SECTORS, 1);
        assert_int_equal(run(r, commands[i]), IDLE | FAILED);
        assert_int_equal(rig_in(r, RIG_ERROR), NO_ADDRESS);
        address28(r, SECTORS - 2, 3);
        assert_int_equal(run(r, commands[i]), IDLE | FAILED);
        assert_int_equal(rig_in(r, RIG_ERROR), NO_ADDRESS);
        assert_int_equal(address_shown(r, false), SECTORS);
    }
    address48(r, (UINT64_C(1) << 48) - 1, 0);
    assert_int_equal(run(r, 0x24), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), NO_ADDRESS);
    assert_int_equal(r->drive[0].reads + r->drive[0].writes, 0);
    address28(r, SECTORS - 2, 2);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, SECTORS - 2, 2, 1);
}

static void test_disk_error_of_the_host_is_an_uncorrectable_one_at_its_sector(void **state)
{
    struct rig *r = *state;
    uint8_t bytes[512];
    address28(r, 100, 0);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    r->drive[0].fail = -EIO;
    for (unsigned i = 0; i < 256; i++) {
        rig_read(r, bytes, 512);
        assert_sector(bytes, 100 + i);
        assert_int_equal(rig_wait(r), i < 255 ? IDLE | DATA : IDLE);
    }
    address28(r, 300, 2);
    assert_int_equal(run(r, 0x20), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), UNCORRECTABLE);
    assert_int_equal(address_shown(r, false), 300);
    assert_int_equal(run(r, 0xe7), IDLE);
}

static void test_disk_verify_reads_all_of_it_and_hands_out_nothing(void **state)
{
    struct rig *r = *state;
    address48(r, 0, 0);
    assert_int_equal(run(r, 0x42), IDLE);
    assert_int_equal(r->drive[0].reads, 256);
    assert_int_equal(r->edges, 1);
    r->drive[0].fail = -EIO;
    address28(r, 9, 1);
    assert_int_equal(run(r, 0x40), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), UNCORRECTABLE);
    assert_int_equal(address_shown(r, false), 9);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void test_disk_write_is_what_is_read_back(void **state)
{
    static const struct {
        const char *label;
        uint8_t command;
        uint16_t count;
        uint32_t block;
        unsigned writes;
    } cases[] = {
        {"WRITE SECTORS, one", 0x30, 1, 1, 1},
        {"WRITE SECTORS", 0x31, 100, 1, 3}, /* as many as the buffer certainly holds: 49 at a time */
        {"WRITE MULTIPLE", 0xc5, 35, 16, 1},
        {"WRITE MULTIPLE, many", 0xc5, 130, 16, 3},
        {"WRITE SECTORS EXT", 0x34, 300, 1, 7},
        {"WRITE MULTIPLE EXT", 0x39, 300, 16, 5},
    };
    static uint8_t bytes[300 * 512];
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig *r = rig_make(IDE_DISK, SECTORS * 512, IDE_NONE, 0);
        const uint16_t n = cases[i].count;
        fill(bytes, n, (uint8_t)i);
        if (n > 255)
            address48(r, 50, n);
        else
            address28(r, 50, (uint8_t)n);
        rig_out(r, RIG_STATUS, cases[i].command);
        assert_false(r->line); /* none for the first block */
        write_sectors(r, bytes, n, cases[i].block);
        if (r->edges != (n + cases[i].block - 1) / cases[i].block || r->drive[0].writes != cases[i].writes)
            fail_msg("%s: %u interrupts, %u writes", cases[i].label, r->edges, r->drive[0].writes);
        assert_memory_equal(r->drive[0].written + 50 * 512, bytes, n * 512u);
        assert_sector(r->drive[0].written + 49 * 512, 49);
        assert_sector(r->drive[0].written + (50u + n) * 512, 50u + n);
        assert_int_equal(r->drive[0].syncs, 0);
        rig_free(r);
    }
}

static void test_disk_write_without_cache_is_synced(void **state)
{
    struct rig *r = *state;
    uint8_t bytes[1024];
    fill(bytes, 2, 3);
    assert_int_equal(set_features(r, 0x82, 0), IDLE);
    address28(r, 7, 2);
    rig_out(r, RIG_STATUS, 0x30);
    write_sectors(r, bytes, 2, 1);
    assert_int_equal(r->drive[0].syncs, 1);
    assert_int_equal(set_features(r, 0x02, 0), IDLE);
    assert_int_equal(run(r, 0xe7), IDLE);
    assert_int_equal(run(r, 0xea), IDLE);
    assert_int_equal(r->drive[0].syncs, 3);
    r->drive[0].fail = -EIO;
    assert_int_equal(run(r, 0xe7), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
}

static void test_disk_write_that_fails_is_aborted_at_its_sector(void **state)
{
    struct rig *r = *state;
    uint8_t bytes[512] = {0};
    r->drive[0].fail = -EIO;
    address28(r, 11, 1);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    rig_write(r, bytes, 512);
    assert_int_equal(rig_wait(r), IDLE | FAILED);
    assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
    assert_int_equal(address_shown(r, false), 11);
}

static void test_disk_that_is_read_only_takes_no_data(void **state)
{
    static const uint8_t commands[] = {0x30, 0x31, 0x34, 0x39, 0xc5};
    struct rig *r = *state;
    r->drive[0].medium.read_only = true;
    for (unsigned i = 0; i < sizeof(commands); i++) {
        address28(r, 0, 1);
        assert_int_equal(run(r, commands[i]), IDLE | FAILED);
        assert_int_equal(rig_in(r, RIG_ERROR), ABORTED);
    }
    assert_int_equal(run(r, 0xe7), IDLE);
    assert_int_equal(r->drive[0].writes + r->drive[0].syncs, 0);
}

static void test_disk_multiple_wants_a_power_of_two_up_to_16(void **state)
{
    struct rig *r = *state;
    for (unsigned n = 0; n < 256; n++) {
        const bool fits = n == 0 || n == 1 || n == 2 || n == 4 || n == 8 || n == 16;
        rig_out(r, RIG_COUNT, (uint8_t)n);
        assert_int_equal(run(r, 0xc6), fits ? IDLE : IDLE | FAILED);
    }
    rig_out(r, RIG_COUNT, 0);
    assert_int_equal(run(r, 0xc6), IDLE);
    address28(r, 0, 1);
    assert_int_equal(run(r, 0xc4), IDLE | FAILED); /* there is no block */
    assert_int_equal(run(r, 0xc5), IDLE | FAILED);
}

/* ---- What is given up -------------------------------------------------------------------------------------------- */

static void test_disk_reset_while_it_reads_drops_the_answer(void **state)
{
    struct rig *r = *state;
    r->drive[0].holds = true;
    address28(r, 10, 1);
    rig_out(r, RIG_STATUS, 0x20);
    rig_control(r, RESET);
    rig_control(r, 0);
    address28(r, 20, 1);
    rig_out(r, RIG_STATUS, 0x20); /* waits for the other one's end */
    assert_int_equal(rig_alternate(r), BUSY | IDLE);
    r->drive[0].holds = false;
    read_sectors(r, 20, 1, 1);
    assert_int_equal(r->drive[0].reads, 2);
}

static void test_disk_command_in_the_middle_of_data_takes_their_place(void **state)
{
    struct rig *r = *state;
    uint16_t w[256];
    uint8_t bytes[512];
    address28(r, 10, 8);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    rig_read(r, bytes, 100);
    identify(r, w);
    assert_int_equal(w[60], SECTORS & 0xffff);
    address28(r, 30, 2);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    rig_write(r, bytes, 100);
    address28(r, 30, 1);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 30, 1, 1); /* nothing was written */
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

/* The channel's record goes to another machine, whose back end is as full as the first one's was. */
static struct rig *move(struct rig *r)
{
    struct rig *other = rig_make(r->kinds[0], r->drive[0].bytes, r->kinds[1], r->drive[1].bytes);
    const char *why;
    assert_int_equal(medium_pause(&r->drive[0].medium), 0);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    memcpy(other->drive[0].written, r->drive[0].written, DRIVE_WRITTEN);
    memcpy(&other->ide.state, &r->ide.state, sizeof(r->ide.state));
    ide_ops.loaded(&other->ide);
    return other;
}

static void test_disk_read_goes_on_after_a_snapshot(void **state)
{
    struct rig *r = *state, *other;
    uint8_t bytes[512];
    address28(r, 500, 40);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    rig_read(r, bytes, 256);
    other = move(r);
    rig_read(other, bytes + 256, 256);
    assert_sector(bytes, 500);
    read_sectors(other, 501, 39, 1);
    rig_free(other);
}

static void test_disk_write_goes_on_after_a_snapshot(void **state)
{
    static uint8_t bytes[60 * 512];
    struct rig *r = *state, *other;
    fill(bytes, 60, 9);
    address28(r, 500, 60);
    assert_int_equal(run(r, 0x30), IDLE | DATA);
    for (unsigned i = 0; i < 10; i++) {
        rig_write(r, bytes + 512 * i, 512);
        assert_int_equal(rig_wait(r), IDLE | DATA);
    }
    rig_write(r, bytes + 5120, 100);
    other = move(r);
    rig_write(other, bytes + 5220, 412);
    write_sectors(other, bytes + 11 * 512, 49, 1);
    assert_memory_equal(other->drive[0].written + 500 * 512, bytes, sizeof(bytes));
    rig_free(other);
}

static void test_disk_snapshot_waits_for_what_is_under_way(void **state)
{
    struct rig *r = *state, *other;
    r->drive[0].holds = true;
    address28(r, 800, 2);
    rig_out(r, RIG_STATUS, 0x20);
    other = move(r);
    assert_true(other->line);
    read_sectors(other, 800, 2, 1);
    rig_free(other);
}

static void test_disk_record_that_waits_for_its_medium_asks_again(void **state)
{
    struct rig *r = *state;
    static struct ide_state saved;
    r->drive[0].holds = true;
    address28(r, 800, 2);
    rig_out(r, RIG_STATUS, 0x20);
    saved = r->ide.state;
    rig_wait(r);
    memcpy(&r->ide.state, &saved, sizeof(saved));
    ide_ops.loaded(&r->ide);
    r->drive[0].holds = false;
    read_sectors(r, 800, 2, 1);
}

static void test_ide_record_that_cannot_be_is_refused(void **state)
{
#define FIELD(f, v)                                                                                                    \
    {                                                                                                                  \
#f " = " #v, offsetof(struct ide_state, f), sizeof(((struct ide_state *)0)->f), v                              \
    }
    static const struct {
        const char *label;
        size_t offset, bytes;
        uint32_t value;
    } cases[] = {
        FIELD(selected, 2),
        FIELD(pending[1], 2),
        FIELD(control, 0x10),
        FIELD(device[0].kind, 3),
        FIELD(device[0].kind, IDE_NONE),
        FIELD(device[0].kind, IDE_CDROM),
        FIELD(device[0].phase, IDE_PHASES),
        FIELD(device[0].phase, IDE_IDLE),
        FIELD(device[0].phase, IDE_DATA_OUT),
        FIELD(device[0].phase, IDE_PACKET),
        FIELD(device[0].command, 0x30),
        FIELD(device[0].command, 0xa0),
        FIELD(device[0].command, 0xec),
        FIELD(device[0].status, READY),
        FIELD(device[0].multiple, 3),
        FIELD(device[0].multiple, 32),
        FIELD(device[0].heads, 17),
        FIELD(device[0].at, 513),
        FIELD(device[0].at, 512),
        FIELD(device[0].end, IDE_BUFFER + 512),
        FIELD(device[0].filled, 1024),
        FIELD(device[0].left, 0),
        FIELD(device[0].left, 65537),
    };
    struct rig *r = *state;
    static struct ide_state s;
    const char *why;
    address28(r, 1, 3);
    assert_int_equal(run(r, 0x20), IDLE | DATA);
    assert_int_equal(ide_ops.check(&r->ide.state, &why), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = r->ide.state;
        memcpy((uint8_t *)&s + cases[i].offset, &cases[i].value, cases[i].bytes);
        if (ide_ops.check(&s, &why) != -EINVAL)
            fail_msg("%s is taken", cases[i].label);
    }
}

static void test_ide_record_of_another_kind_of_device_begins_anew(void **state)
{
    struct rig *r = *state;
    static struct ide_state s;
    s = r->ide.state;
    s.device[0].kind = IDE_CDROM;
    s.device[1].kind = IDE_DISK;
    memcpy(&r->ide.state, &s, sizeof(s));
    ide_ops.loaded(&r->ide);
    assert_int_equal(r->ide.state.device[0].kind, IDE_DISK);
    assert_int_equal(r->ide.state.device[1].kind, IDE_NONE);
    address28(r, 6, 1);
    rig_out(r, RIG_STATUS, 0x20);
    read_sectors(r, 6, 1, 1);
}

int main(void)
{
#define WITH(make, name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        WITH(make_two, test_ide_power_on_and_software_reset_leave_the_signature),
        WITH(make_two, test_ide_diagnostic_is_of_both_and_interrupts),
        WITH(make_disk, test_ide_missing_second_device_has_no_status_and_takes_no_command),
        WITH(make_none, test_ide_empty_channel_reads_zeros),
        WITH(make_disk, test_ide_registers_keep_the_value_before),
        WITH(make_disk, test_ide_interrupt_is_seen_by_the_status_and_not_by_the_alternate_one),
        WITH(make_two, test_ide_interrupt_is_that_of_the_selected_device),
        WITH(make_disk, test_ide_busy_device_takes_neither_registers_nor_commands),
        WITH(make_disk, test_ide_data_register_is_of_any_width),
        WITH(make_disk, test_disk_identify_tells_geometry_addresses_and_modes),
        WITH(make_large, test_disk_identify_of_a_large_one_tells_what_28_bits_can),
        WITH(make_disk, test_disk_settings_show_in_identify_and_go_with_a_reset_unless_kept),
        WITH(make_disk, test_disk_set_features_takes_what_there_is),
        WITH(make_disk, test_disk_commands_that_are_not_there_are_aborted),
        WITH(make_disk, test_disk_read_sectors_interrupts_before_each_and_asks_once),
        WITH(make_disk, test_disk_read_count_zero_is_all_that_can_be_said),
        WITH(make_disk, test_disk_read_multiple_goes_in_blocks),
        WITH(make_large, test_disk_read_beyond_28_bits),
        WITH(make_disk, test_disk_cylinders_heads_and_sectors_name_a_sector),
        WITH(make_disk, test_disk_address_beyond_the_end_is_not_found),
        WITH(make_disk, test_disk_error_of_the_host_is_an_uncorrectable_one_at_its_sector),
        WITH(make_disk, test_disk_verify_reads_all_of_it_and_hands_out_nothing),
        cmocka_unit_test(test_disk_write_is_what_is_read_back),
        WITH(make_disk, test_disk_write_without_cache_is_synced),
        WITH(make_disk, test_disk_write_that_fails_is_aborted_at_its_sector),
        WITH(make_disk, test_disk_that_is_read_only_takes_no_data),
        WITH(make_disk, test_disk_multiple_wants_a_power_of_two_up_to_16),
        WITH(make_disk, test_disk_reset_while_it_reads_drops_the_answer),
        WITH(make_disk, test_disk_command_in_the_middle_of_data_takes_their_place),
        WITH(make_disk, test_disk_read_goes_on_after_a_snapshot),
        WITH(make_disk, test_disk_write_goes_on_after_a_snapshot),
        WITH(make_disk, test_disk_snapshot_waits_for_what_is_under_way),
        WITH(make_disk, test_disk_record_that_waits_for_its_medium_asks_again),
        WITH(make_disk, test_ide_record_that_cannot_be_is_refused),
        WITH(make_disk, test_ide_record_of_another_kind_of_device_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

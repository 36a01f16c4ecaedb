/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hard disk's commands, by the registers as a driver uses them; the channel itself is test_machine_ide.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/ide_driver.h"

static int make_disk(void **state)
{
    *state = rig_make(IDE_DISK, SECTORS * 512, IDE_NONE, 0);
    return 0;
}
/* Larger than 28 bits can say. */
static int make_large(void **state)
{
    *state = rig_make(IDE_DISK, UINT64_C(3) << 40, IDE_NONE, 0);
    return 0;
}
static int drop(void **state)
{
    rig_free(*state);
    return 0;
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

int main(void)
{
#define WITH(make, name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's commands that write and format, and disks of other kinds than the drive's own. Those that
 * read are in test_machine_fdc_read.c.
 */
#include "unit/floppy_commands.h"

static int make_small(void **state)
{
    struct desk *d = desk_make(FDC_360K, KB(180), FDC_1200K, KB(360));
    desk_begin(d);
    *state = d;
    return 0;
}
static int make_extra(void **state)
{
    struct desk *d = desk_make(FDC_2880K, KB(2880), FDC_2880K, KB(720));
    desk_begin(d);
    desk_out(d, FDC_CHANGE, 3);
    *state = d;
    return 0;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void fill(struct desk *d, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        d->memory[BUFFER + i] = (uint8_t)(i * 31 >> 3);
}

static void test_fdc_write_over_both_sides_is_one_request(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    const uint32_t from = at((struct id){2, 0, 10});
    fill(d, 20 * 512);
    assert_true(desk_seek(d, 0, 2));
    desk_channel(d, false, BUFFER, 20 * 512, false);
    run9(d, WRITE, 0, (struct id){2, 0, 10}, 18, out);
    assert_result(out, 4, 0, 0, (struct id){2, 1, 12});
    assert_memory_equal(d->drive[0].written + from, d->memory + BUFFER, 20 * 512);
    assert_int_equal(d->drive[0].written[from + 20 * 512 + 1], (from + 20 * 512) >> 8 & 0xff);
    assert_int_equal(d->drive[0].writes, 1);
}

/* A last sector that is not the track's: two stretches of the disk. */
static void test_fdc_write_over_both_sides_leaves_what_is_behind_the_last_sector(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    fill(d, 8 * 512);
    desk_channel(d, false, BUFFER, 8 * 512, false);
    run9(d, WRITE, 0, (struct id){0, 0, 1}, 4, out);
    assert_result(out, 4, 0, 0, (struct id){1, 0, 1});
    assert_memory_equal(d->drive[0].written, d->memory + BUFFER, 4 * 512);
    assert_memory_equal(d->drive[0].written + 18 * 512, d->memory + BUFFER + 4 * 512, 4 * 512);
    assert_int_equal(d->drive[0].written[4 * 512 + 1], 8);
    assert_int_equal(d->drive[0].writes, 2);
    desk_channel(d, false, BUFFER, 4 * 512, false);
    d->drive[0].holds = true;
    begin9(d, WRITE, 0, (struct id){0, 0, 1}, 4);
    desk_channel(d, false, BUFFER, 5 * 512, false);
    desk_pass(d, 1 * MS);
    desk_out(d, 0x0a, 6); /* shut between the two */
    drive_goes_on(d, 0);
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL | 4, OVERRUN, 0, (struct id){0, 1, 1});
}

static void test_fdc_write_after_a_reset_waits_for_the_request_of_before(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    fill(d, 1024);
    for (unsigned no_dma = 0; no_dma < 2; no_dma++) {
        desk_channel(d, true, BUFFER + 0x4000, 512, false);
        assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, 0x02}, 3, out), 0);
        reset_amid_read(d, (struct id){0, 1, 1});
        assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, (uint8_t)(0x02 | no_dma)}, 3, out), 0);
        desk_channel(d, false, BUFFER, 512, false);
        begin9(d, WRITE & ONE_SIDE, 0, (struct id){0, 0, (uint8_t)(1 + no_dma)}, (uint8_t)(1 + no_dma));
        desk_pass(d, 1 * MS);
        for (unsigned i = 0; no_dma && i < 512; i++)
            desk_out(d, FDC_DATA, d->memory[BUFFER + i]);
        desk_pass(d, 1 * MS);
        assert_int_equal(d->drive[0].writes, no_dma);
        drive_goes_on(d, 0);
        assert_int_equal(desk_result(d, out), 7);
        assert_int_equal(out[1], no_dma ? END : 0);
        assert_memory_equal(d->drive[0].written + no_dma * 512, d->memory + BUFFER, 512);
    }
}

static void test_fdc_write_that_ends_early_fills_its_sector_with_zeros(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    fill(d, 1024);
    d->drive[0].written[1000] = 0x55;
    d->drive[0].written[1024] = 0x55;
    desk_channel(d, false, BUFFER, 600, false);
    run9(d, 0xc9, 0, (struct id){0, 0, 1}, 18, out); /* as deleted data: the mark is not kept */
    assert_result(out, 0, 0, 0, (struct id){0, 0, 3});
    assert_memory_equal(d->drive[0].written, d->memory + BUFFER, 600);
    assert_int_equal(d->drive[0].written[1000], 0);
    assert_int_equal(d->drive[0].written[1024], 0x55);
}

static void test_fdc_write_is_seen_by_the_next_read(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out); /* the track is in the buffer now */
    fill(d, 512);
    desk_channel(d, false, BUFFER, 512, false);
    run9(d, WRITE, 0, (struct id){0, 0, 2}, 2, out);
    desk_channel(d, true, BUFFER + 4096, 512, false);
    run9(d, READ, 0, (struct id){0, 0, 2}, 2, out);
    assert_memory_equal(d->memory + BUFFER + 4096, d->memory + BUFFER, 512);
}

static void test_fdc_write_beyond_the_track_writes_what_is_there(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    fill(d, 8 * 512);
    desk_channel(d, false, BUFFER, 8 * 512, false);
    run9(d, WRITE & ONE_SIDE, 0, (struct id){0, 0, 17}, 24, out);
    assert_result(out, ABNORMAL, NO_DATA, 0, (struct id){0, 0, 19});
    assert_memory_equal(d->drive[0].written + 16 * 512, d->memory + BUFFER, 2 * 512);
    assert_int_equal(d->drive[0].written[18 * 512 + 1], 0x24); /* the other side's first is as it was */
}

static void test_fdc_write_of_a_protected_disk_is_refused(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    d->drive[0].read_only = true;
    drive_insert(&d->drive[0], KB(1440));
    desk_poll(d);
    fill(d, 512);
    desk_channel(d, false, BUFFER, 512, false);
    run9(d, WRITE, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, ABNORMAL, PROTECTED, 0, (struct id){0, 0, 1});
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0xf6}, 6, out), 7);
    assert_int_equal(out[1], PROTECTED);
    assert_int_equal(d->drive[0].writes, 0);
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[0], 0);
}

static void test_fdc_write_that_nobody_feeds_writes_nothing(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    run9(d, WRITE, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, ABNORMAL, OVERRUN, 0, (struct id){0, 0, 1});
    assert_int_equal(d->drive[0].writes, 0);
}

static void test_fdc_write_that_the_host_refuses_fails(void **state)
{
    static const struct {
        int error;
        uint8_t st1;
    } cases[] = {{-EIO, 0x20}, {-EROFS, PROTECTED}};
    struct desk *d = *state;
    uint8_t out[16];
    for (unsigned i = 0; i < 2; i++) {
        d->drive[0].fail = cases[i].error;
        desk_channel(d, false, BUFFER, 512, false);
        run9(d, WRITE, 0, (struct id){0, 0, 1}, 18, out);
        assert_int_equal(out[0], ABNORMAL);
        assert_int_equal(out[1], cases[i].st1);
    }
}

static void test_fdc_write_without_dma_is_byte_by_byte(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    without_dma(d);
    begin9(d, WRITE & ONE_SIDE, 0, (struct id){0, 0, 3}, 4);
    desk_pass(d, 1 * MS);
    for (unsigned i = 0; i < 2 * 512; i++) {
        assert_int_equal(desk_in(d, FDC_MAIN), 0xb0);
        desk_out(d, FDC_DATA, (uint8_t)(i * 7));
        if (i % 512 == 511)
            desk_pass(d, 1 * MS);
    }
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL, END, 0, (struct id){0, 0, 4});
    for (unsigned i = 0; i < 2 * 512; i++)
        assert_int_equal(d->drive[0].written[2 * 512 + i], (uint8_t)(i * 7));
    assert_int_equal(d->drive[0].written[4 * 512], 0); /* 0x800, its own offset */
    assert_int_equal(d->drive[0].written[4 * 512 + 1], 8);
}

/* ---- FORMAT TRACK ------------------------------------------------------------------------------------------------ */

/* Ids of a track, with an interleave of two. */
static void put_ids(struct desk *d, uint8_t cylinder, uint8_t head, uint8_t sectors)
{
    for (uint8_t i = 0; i < sectors; i++) {
        const uint8_t sector = (uint8_t)(i % 2 == 0 ? i / 2 + 1 : (sectors + 1) / 2 + i / 2 + 1);
        memcpy(d->memory + BUFFER + i * 4, ((const uint8_t[4]){cylinder, head, sector, 2}), 4);
    }
}

static void format(struct desk *d, uint8_t drive, uint8_t head, uint8_t sectors, uint8_t out[16])
{
    desk_channel(d, false, BUFFER, sectors * 4u, false);
    const uint8_t bytes[6] = {0x4d, (uint8_t)(head << 2 | drive), 2, sectors, 0x54, 0xf6};
    assert_int_equal(desk_run(d, bytes, 6, out), 7);
}

static void test_fdc_format_fills_the_track_and_it_is_read_back(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    const uint32_t from = at((struct id){5, 1, 1});
    assert_true(desk_seek(d, 0, 5));
    put_ids(d, 5, 1, 18);
    format(d, 0, 1, 18, out);
    assert_int_equal(out[0], 4);
    assert_int_equal(out[1] | out[2], 0);
    for (uint32_t i = 0; i < 18 * 512; i++)
        assert_int_equal(d->drive[0].written[from + i], 0xf6);
    assert_int_equal(d->drive[0].written[from - 7], (from - 8) >> 8 & 0xff);
    assert_int_equal(d->drive[0].written[from + 18 * 512 + 1], (from + 18 * 512) >> 8 & 0xff);
    desk_channel(d, true, BUFFER, 18 * 512, false);
    run9(d, READ, 0, (struct id){5, 1, 1}, 18, out);
    assert_int_equal(out[0], 4);
    for (uint32_t i = 0; i < 18 * 512; i++)
        assert_int_equal(d->memory[BUFFER + i], 0xf6);
}

static void test_fdc_format_without_dma(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    without_dma(d);
    put_ids(d, 0, 0, 18);
    assert_true(desk_command(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0x11}, 6));
    desk_pass(d, 1 * MS);
    for (unsigned i = 0; i < 18 * 4; i++) {
        assert_int_equal(desk_in(d, FDC_MAIN), 0xb0);
        desk_out(d, FDC_DATA, d->memory[BUFFER + i]);
    }
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 0);
    assert_int_equal(d->drive[0].written[0], 0x11);
    assert_int_equal(d->drive[0].written[18 * 512 - 1], 0x11);
}

/* What an image of this size cannot hold is not half done. */
static void test_fdc_format_of_another_kind_is_refused(void **state)
{
    static const struct {
        const char *label;
        uint8_t sectors, id, byte, value;
    } cases[] = {
        {"fewer sectors", 9, 0, 2, 1},  {"more sectors", 21, 0, 2, 1},   {"another cylinder", 18, 3, 0, 1},
        {"another head", 18, 17, 1, 1}, {"a sector twice", 18, 4, 2, 1}, {"a sector beyond", 18, 17, 2, 19},
        {"sector 0", 18, 0, 2, 0},      {"another size", 18, 9, 3, 3},   {"none", 0, 0, 0, 0},
    };
    struct desk *d = *state;
    uint8_t out[16];
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_ids(d, 0, 0, cases[i].sectors);
        d->memory[BUFFER + cases[i].id * 4u + cases[i].byte] = cases[i].value;
        desk_channel(d, false, BUFFER, cases[i].sectors ? cases[i].sectors * 4u : 4, false);
        assert_int_equal(desk_run(d, (const uint8_t[]){0x4d, 0, 2, cases[i].sectors, 0x54, 0xf6}, 6, out), 7);
        if (out[0] != ABNORMAL || out[1] != NO_MARK || d->drive[0].writes != 0)
            fail_msg("%s: %02x %02x, %u writes", cases[i].label, out[0], out[1], d->drive[0].writes);
    }
    put_ids(d, 0, 0, 18);
    desk_channel(d, false, BUFFER, 17 * 4, false); /* the last id does not come */
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0xf6}, 6, out), 7);
    assert_int_equal(out[1], NO_MARK);
    desk_out(d, FDC_CHANGE, 2);
    format(d, 0, 0, 18, out);
    assert_int_equal(out[1], NO_MARK);
    desk_out(d, FDC_CHANGE, 0);
    desk_out(d, 0x0a, 6); /* no ids at all */
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0xf6}, 6, out), 7);
    assert_int_equal(out[1], OVERRUN);
    assert_int_equal(d->drive[0].writes, 0);
}

static void test_fdc_format_after_a_reset_waits_for_the_request_of_before(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    reset_amid_read(d, (struct id){0, 0, 1});
    put_ids(d, 0, 0, 18);
    desk_channel(d, false, BUFFER, 18 * 4, false);
    assert_true(desk_command(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0x77}, 6));
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x10);
    drive_goes_on(d, 0);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 0);
    assert_int_equal(d->drive[0].written[17 * 512], 0x77);
}

/* ---- Disks of other kinds ---------------------------------------------------------------------------------------- */

static void test_fdc_disk_of_one_side_has_nothing_on_the_other(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_out(d, FDC_CHANGE, 2);
    assert_true(desk_seek(d, 0, 39));
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){39, 0, 9}, 9, out);
    assert_result(out, 0, 0, 0, (struct id){39, 1, 1});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + KB(180) - 512, 512);
    run9(d, READ, 0, (struct id){39, 1, 1}, 9, out);
    assert_result(out, ABNORMAL | 4, NO_MARK, 0, (struct id){39, 1, 1});
}

static void test_fdc_disk_of_40_tracks_in_a_drive_of_80(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_out(d, FDC_CHANGE, 1); /* 300 kbit/s: it turns faster there */
    assert_true(desk_seek(d, 1, 2 * 20));
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4a, 1}, 2, out), 7);
    assert_int_equal(out[3], 20);
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 1, (struct id){20, 1, 9}, 9, out);
    assert_int_equal(out[0], 5);
    assert_memory_equal(d->memory + BUFFER, d->drive[1].written + (20 * 2 + 2) * 9 * 512 - 512, 512);
    assert_true(desk_seek(d, 1, 20)); /* firmware that does not step twice */
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 1, (struct id){20, 1, 9}, 9, out);
    assert_int_equal(out[0], 5);
    run9(d, READ, 1, (struct id){30, 0, 1}, 9, out);
    assert_int_equal(out[2], 0x10);
    desk_out(d, FDC_CHANGE, 2);
    run9(d, READ, 1, (struct id){20, 1, 9}, 9, out);
    assert_int_equal(out[1], NO_MARK);
}

static void test_fdc_disk_of_2880_kb_and_a_smaller_one_in_its_drive(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 79));
    desk_channel(d, true, 0x30000, 0x10000, false);
    run9(d, READ, 0, (struct id){79, 0, 1}, 36, out);
    assert_result(out, ABNORMAL | 4, END, 0, (struct id){79, 1, 36});
    assert_memory_equal(d->memory + 0x30000, d->drive[0].written + KB(2880) - 72 * 512, 72 * 512);
    desk_out(d, FDC_CHANGE, 2);
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 1, (struct id){0, 1, 9}, 9, out);
    assert_int_equal(out[0], 5);
    assert_memory_equal(d->memory + BUFFER, d->drive[1].written + 17 * 512, 512);
}

static void test_fdc_disk_that_the_drive_does_not_take_is_unreadable(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    drive_insert(&d->drive[0], KB(1200));
    desk_poll(d);
    for (uint8_t rate = 0; rate < 4; rate++) {
        desk_out(d, FDC_CHANGE, rate);
        assert_int_equal(desk_run(d, (const uint8_t[]){0x4a, 0}, 2, out), 7);
        assert_int_equal(out[1], NO_MARK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fdc_write_over_both_sides_is_one_request, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_over_both_sides_leaves_what_is_behind_the_last_sector, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_after_a_reset_waits_for_the_request_of_before, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_that_ends_early_fills_its_sector_with_zeros, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_is_seen_by_the_next_read, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_beyond_the_track_writes_what_is_there, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_of_a_protected_disk_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_that_nobody_feeds_writes_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_that_the_host_refuses_fails, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_without_dma_is_byte_by_byte, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_fills_the_track_and_it_is_read_back, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_without_dma, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_of_another_kind_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_after_a_reset_waits_for_the_request_of_before, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_one_side_has_nothing_on_the_other, make_small, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_40_tracks_in_a_drive_of_80, make_small, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_2880_kb_and_a_smaller_one_in_its_drive, make_extra, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_that_the_drive_does_not_take_is_unreadable, make, drop),
    };
    return cmocka_run_group_tests_name("machine_fdc_write", tests, NULL, NULL);
}

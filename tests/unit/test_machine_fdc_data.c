/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's commands that move data: by DMA and without, over sides, to their ends and to what ends them
 * too early. A disk's content is that of drive_fixture.h: each sector is another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/floppy_fixture.h"

#define MS     (SECOND_NS / 1000)
#define BUFFER 0x20000u

enum { READ = 0xe6, WRITE = 0xc5, ONE_SIDE = 0x7f };
enum { ABNORMAL = 0x40 };
enum { END = 0x80, OVERRUN = 0x10, NO_DATA = 4, PROTECTED = 2, NO_MARK = 1 };

/* Drive 0 as it is after a driver has found a 1.44 MB disk in it. */
static int make(void **state)
{
    struct desk *d = desk_make(FDC_1440K, KB(1440), FDC_1440K, KB(1440));
    desk_begin(d);
    desk_out(d, FDC_CHANGE, 0);
    *state = d;
    return 0;
}
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
static int drop(void **state)
{
    desk_free(*state);
    return 0;
}

struct id {
    uint8_t cylinder, head, sector;
};

/* The nine bytes of a command for sectors of 512 bytes. */
static void nine(uint8_t bytes[9], uint8_t command, uint8_t drive, struct id id, uint8_t last)
{
    const uint8_t all[9] = {command, (uint8_t)(id.head << 2 | drive), id.cylinder, id.head, id.sector, 2, last, 0x1b,
                            0xff};
    memcpy(bytes, all, 9);
}

static void run9(struct desk *d, uint8_t command, uint8_t drive, struct id id, uint8_t last, uint8_t out[16])
{
    uint8_t bytes[9];
    nine(bytes, command, drive, id, last);
    assert_int_equal(desk_run(d, bytes, 9, out), 7);
}

static void assert_result(const uint8_t out[16], uint8_t st0, uint8_t st1, uint8_t st2, struct id id)
{
    assert_int_equal(out[0], st0);
    assert_int_equal(out[1], st1);
    assert_int_equal(out[2], st2);
    assert_int_equal(out[3], id.cylinder);
    assert_int_equal(out[4], id.head);
    assert_int_equal(out[5], id.sector);
    assert_int_equal(out[6], 2);
}

/* Where a sector of a 1.44 MB disk lies. */
static uint32_t at(struct id id)
{
    return ((id.cylinder * 2u + id.head) * 18 + id.sector - 1) * 512;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void test_fdc_read_brings_a_sector_into_memory(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 7));
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){7, 1, 5}, 18, out);
    assert_result(out, 4, 0, 0, (struct id){7, 1, 6});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){7, 1, 5}), 512);
    assert_int_equal(d->memory[BUFFER + 512], 0);
    assert_false(d->line);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
}

static void test_fdc_read_goes_over_both_sides_to_the_terminal_count(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 79));
    desk_channel(d, true, BUFFER, 36 * 512, false);
    run9(d, READ, 0, (struct id){79, 0, 1}, 18, out);
    assert_result(out, 4, 0, 0, (struct id){80, 0, 1});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){79, 0, 1}), 36 * 512);
    assert_int_equal(d->drive[0].reads, 1); /* the cylinder was fetched in one go */
}

/* The data sheet's table of what the id is after the host has ended a command. */
static void test_fdc_read_result_names_the_sector_that_comes_next(void **state)
{
    static const struct {
        uint8_t command;
        struct id from;
        uint8_t sectors;
        struct id then;
    } cases[] = {
        {READ, {3, 0, 4}, 2, {3, 0, 6}},
        {READ, {3, 0, 17}, 2, {3, 1, 1}},
        {READ, {3, 0, 17}, 4, {3, 1, 3}},
        {READ, {3, 1, 17}, 1, {3, 1, 18}},
        {READ, {3, 1, 17}, 2, {4, 0, 1}},
        {READ & ONE_SIDE, {3, 0, 4}, 2, {3, 0, 6}},
        {READ & ONE_SIDE, {3, 0, 17}, 2, {4, 0, 1}},
        {READ & ONE_SIDE, {3, 1, 17}, 2, {4, 1, 1}},
    };
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 3));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        desk_channel(d, true, BUFFER, cases[i].sectors * 512u, false);
        run9(d, cases[i].command, 0, cases[i].from, 18, out);
        assert_int_equal(out[0] & 0xc0, 0);
        assert_result(out, out[0], 0, 0, cases[i].then);
        assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at(cases[i].from), cases[i].sectors * 512u);
    }
}

static void test_fdc_read_ends_in_the_middle_of_a_sector(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 700, false);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, 0, 0, 0, (struct id){0, 0, 3});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written, 700);
    assert_int_equal(d->memory[BUFFER + 700], 0);
}

static void test_fdc_read_beyond_the_last_sector_is_end_of_cylinder(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 36 * 512, false);
    run9(d, READ & ONE_SIDE, 0, (struct id){0, 0, 16}, 18, out);
    assert_result(out, ABNORMAL, END, 0, (struct id){0, 0, 18});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + 15 * 512, 3 * 512);
    run9(d, READ, 0, (struct id){0, 1, 17}, 17, out); /* of side 1 there is none behind it */
    assert_result(out, ABNORMAL | 4, END, 0, (struct id){0, 1, 17});
}

static void test_fdc_read_begins_again_where_dma_does(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, true);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    run9(d, READ, 0, (struct id){0, 0, 9}, 18, out);
    assert_result(out, 0, 0, 0, (struct id){0, 0, 10});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + 8 * 512, 512);
    assert_int_equal(d->memory[BUFFER + 512], 0);
}

static void test_fdc_read_of_a_sector_that_is_not_there_finds_no_data(void **state)
{
    static const struct {
        struct id id;
        uint8_t size, st2;
    } cases[] = {{{0, 0, 19}, 2, 0}, {{0, 0, 0}, 2, 0}, {{1, 0, 1}, 2, 0x10}, {{0, 0, 1}, 1, 0}, {{0, 0, 1}, 3, 0}};
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    desk_channel(d, true, BUFFER, 512, false);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        nine(bytes, READ, 0, cases[i].id, 18);
        bytes[5] = cases[i].size;
        assert_int_equal(desk_run(d, bytes, 9, out), 7);
        assert_int_equal(out[0], ABNORMAL);
        assert_int_equal(out[1], NO_DATA);
        assert_int_equal(out[2], cases[i].st2);
    }
    nine(bytes, READ, 0, (struct id){0, 1, 1}, 18);
    bytes[1] = 0; /* the side of the heads is another than the id's */
    assert_int_equal(desk_run(d, bytes, 9, out), 7);
    assert_int_equal(out[1], NO_DATA);
    assert_int_equal(d->memory[BUFFER + 8], 0);
}

static void test_fdc_read_at_another_rate_or_density_finds_no_mark(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, false);
    for (uint8_t rate = 1; rate < 4; rate++) {
        desk_out(d, FDC_CHANGE, rate);
        run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
        assert_result(out, ABNORMAL, NO_MARK, 0, (struct id){0, 0, 1});
    }
    desk_out(d, FDC_CHANGE, 0);
    run9(d, 0xa6, 0, (struct id){0, 0, 1}, 18, out); /* FM */
    assert_int_equal(out[1], NO_MARK);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[0], 0);
}

static void test_fdc_read_of_an_empty_drive_ends(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    drive_insert(&d->drive[0], 0);
    desk_poll(d);
    desk_channel(d, true, BUFFER, 512, false);
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x10);
    desk_pass(d, 20 * MS);
    assert_true(d->line);
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL, NO_MARK, 0, (struct id){0, 0, 1});
    run9(d, READ, 3, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[0], ABNORMAL | 3);
}

static void test_fdc_read_of_a_disk_that_goes_meanwhile_ends(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    d->drive[0].holds = true;
    desk_channel(d, true, BUFFER, 512, false);
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 20 * MS);
    assert_false(d->line);
    drive_insert(&d->drive[0], KB(720));
    d->drive[0].holds = false;
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL, NO_MARK, 0, (struct id){0, 0, 1});
}

static void test_fdc_read_that_the_host_cannot_do_is_a_data_error(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    d->drive[0].fail = -EIO;
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, ABNORMAL, 0x20, 0x20, (struct id){0, 0, 1});
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[0], 0);
}

static void test_fdc_read_waits_for_a_channel_that_is_opened_late(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 50 * MS);
    assert_false(d->line);
    desk_channel(d, true, BUFFER, 512, false);
    desk_pass(d, 5 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 0);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written, 512);
}

static void test_fdc_read_that_nobody_takes_is_an_overrun(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, ABNORMAL, OVERRUN, 0, (struct id){0, 0, 1});
    desk_channel(d, false, BUFFER, 512, false); /* open, but the wrong way round */
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[1], OVERRUN);
    desk_channel(d, true, BUFFER, 512, false);
    desk_out(d, FDC_DOR, 0x34); /* open, but not through the gate */
    run9(d, READ, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[1], OVERRUN);
}

static void test_fdc_track_is_read_once_for_its_sectors(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    for (uint8_t sector = 1; sector <= 18; sector++) {
        desk_channel(d, true, BUFFER, 512, false);
        run9(d, READ & ONE_SIDE, 0, (struct id){0, 0, sector}, sector, out);
        assert_memory_equal(d->memory + BUFFER, d->drive[0].written + (sector - 1) * 512, 512);
    }
    assert_int_equal(d->drive[0].reads, 1);
    drive_insert(&d->drive[0], KB(1440)); /* another disk of the same kind */
    d->drive[0].written[0] = 0xa5;
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){0, 0, 1}, 1, out);
    assert_int_equal(d->memory[BUFFER], 0xa5);
    assert_int_equal(d->drive[0].reads, 2);
}

static void test_fdc_read_seeks_by_itself_where_configured(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x13, 0, 0x40, 0}, 4, out), 0);
    desk_channel(d, true, BUFFER, 512, false);
    run9(d, READ, 0, (struct id){33, 0, 2}, 18, out);
    assert_result(out, 0x20, 0, 0, (struct id){33, 0, 3});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){33, 0, 2}), 512);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0);
}

static void test_fdc_read_after_a_reset_waits_for_the_request_of_before(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    d->drive[0].holds = true;
    desk_channel(d, true, BUFFER, 512, false);
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    desk_out(d, FDC_MAIN, 0x80);
    desk_pass(d, 1 * MS);
    nine(bytes, READ, 0, (struct id){0, 1, 4}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    assert_int_equal(d->memory[BUFFER + 8], 0);
    d->drive[0].holds = false;
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 4);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){0, 1, 4}), 512);
    assert_int_equal(d->drive[0].reads, 2);
}

static void test_fdc_read_of_one_drive_ignores_what_another_had_begun(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    d->drive[0].holds = true;
    desk_channel(d, true, BUFFER, 512, false);
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    desk_out(d, FDC_MAIN, 0x80);
    d->drive[1].holds = true;
    nine(bytes, READ, 1, (struct id){0, 0, 3}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    d->drive[0].holds = false;
    desk_pass(d, 1 * MS);
    assert_int_equal(d->memory[BUFFER + 8], 0);
    d->drive[1].holds = false;
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 1);
    assert_memory_equal(d->memory + BUFFER, d->drive[1].written + 2 * 512, 512);
}

/* ---- Other ways to read ------------------------------------------------------------------------------------------ */

static void test_fdc_read_id_finds_the_track_and_its_rate(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 12));
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4a, 4}, 2, out), 7);
    assert_int_equal(out[0] | out[1] << 8 | out[2] << 16, 4);
    assert_int_equal(out[3], 12);
    assert_int_equal(out[4], 1);
    assert_in_range(out[5], 1, 18);
    assert_int_equal(out[6], 2);
    desk_out(d, FDC_CHANGE, 2);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4a, 4}, 2, out), 7);
    assert_int_equal(out[0], ABNORMAL | 4);
    assert_int_equal(out[1], NO_MARK);
    desk_out(d, FDC_CHANGE, 0);
    assert_true(desk_seek(d, 0, 81)); /* nobody has formatted that */
    assert_int_equal(desk_run(d, (const uint8_t[]){0x4a, 0}, 2, out), 7);
    assert_int_equal(out[1], NO_MARK);
}

static void test_fdc_read_id_sees_all_sectors_come_by(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    uint32_t seen = 0;
    for (unsigned i = 0; i < 18; i++) {
        assert_true(desk_command(d, (const uint8_t[]){0x4a, 0}, 2));
        desk_pass(d, 200 * MS / 18 + 1);
        assert_int_equal(desk_result(d, out), 7);
        seen |= UINT32_C(1) << out[5];
    }
    assert_int_equal(seen, 0x7fffe);
}

static void test_fdc_read_deleted_finds_ordinary_sectors_and_says_so(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 3 * 512, false);
    run9(d, 0xcc, 0, (struct id){0, 0, 2}, 18, out);
    assert_result(out, 0, 0, 0x40, (struct id){0, 0, 2});
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + 512, 512);
    assert_int_equal(d->memory[BUFFER + 512], 0);
    run9(d, 0x6c, 0, (struct id){0, 0, 2}, 18, out); /* skipped, all of them */
    assert_result(out, ABNORMAL, END, 0x40, (struct id){0, 0, 18});
    assert_int_equal(d->memory[BUFFER + 512], 0);
}

static void test_fdc_read_track_takes_all_as_they_come(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 18 * 512, false);
    run9(d, 0x42, 0, (struct id){0, 0, 1}, 18, out);
    assert_int_equal(out[0] | out[1], 0);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written, 18 * 512);
    desk_channel(d, true, BUFFER, 36 * 512, false);
    run9(d, 0x42, 0, (struct id){9, 1, 7}, 4, out); /* of ids that are not there: it reads, and says so */
    assert_int_equal(out[0], 4);
    assert_int_equal(out[1], NO_DATA);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){0, 1, 1}), 4 * 512);
    desk_out(d, FDC_CHANGE, 1);
    run9(d, 0x42, 0, (struct id){0, 0, 1}, 18, out);
    assert_result(out, ABNORMAL, NO_MARK, 0, (struct id){0, 0, 1});
}

static void test_fdc_verify_moves_nothing(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    run9(d, 0xd6, 0, (struct id){0, 0, 3}, 18, out); /* no channel is open */
    assert_result(out, 4, 0, 0, (struct id){1, 0, 1});
    nine(bytes, 0x56, 0, (struct id){0, 0, 3}, 18);
    bytes[1] |= 0x80; /* so many sectors */
    bytes[8] = 5;
    assert_int_equal(desk_run(d, bytes, 9, out), 7);
    assert_result(out, 0, 0, 0, (struct id){0, 0, 8});
    bytes[8] = 17;
    assert_int_equal(desk_run(d, bytes, 9, out), 7);
    assert_result(out, ABNORMAL, END, 0, (struct id){0, 0, 18});
    run9(d, 0x56, 0, (struct id){0, 0, 3}, 19, out);
    assert_int_equal(out[1], NO_DATA);
}

/* ---- Without DMA ------------------------------------------------------------------------------------------------- */

static void without_dma(struct desk *d)
{
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, 0x03}, 3, out), 0);
}

static void test_fdc_read_without_dma_is_byte_by_byte(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    const uint32_t from = at((struct id){0, 0, 18});
    without_dma(d);
    nine(bytes, READ, 0, (struct id){0, 0, 18}, 18);
    assert_true(desk_command(d, bytes, 9));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x30);
    for (unsigned i = 0; i < 19 * 512; i++) {
        if (i % 512 == 0)
            desk_pass(d, 1 * MS);
        assert_true(d->line);
        assert_int_equal(desk_in(d, FDC_MAIN), 0xf0);
        if (desk_in(d, FDC_DATA) != d->drive[0].written[from + i])
            fail_msg("byte %u", i);
    }
    assert_false(d->line);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x30); /* the driver sees an end before the line rises */
    desk_pass(d, 1 * MS);
    assert_true(d->line);
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL | 4, END, 0, (struct id){0, 1, 18});
}

static void test_fdc_bytes_that_nobody_moves_are_an_overrun(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    without_dma(d);
    for (unsigned write = 0; write < 2; write++) {
        nine(bytes, write ? WRITE : READ, 0, (struct id){0, 0, 5}, 18);
        assert_true(desk_command(d, bytes, 9));
        desk_pass(d, 1 * MS);
        for (unsigned i = 0; i < 1000; i++) {
            if (i % 100 == 99)
                desk_pass(d, 40 * MS); /* slowly, but it goes on */
            if (write)
                desk_out(d, FDC_DATA, 0);
            else
                (void)desk_in(d, FDC_DATA);
            desk_poll(d);
        }
        assert_int_equal(desk_in(d, FDC_MAIN) & 0xa0, 0xa0);
        desk_pass(d, 101 * MS);
        assert_true(d->line);
        assert_int_equal(desk_result(d, out), 7);
        assert_result(out, ABNORMAL, OVERRUN, 0, (struct id){0, 0, 6});
    }
}

static void test_fdc_line_rises_for_each_byte_or_for_the_threshold(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    without_dma(d);
    for (unsigned threshold = 1; threshold <= 8; threshold += 7) {
        if (threshold > 1)
            assert_int_equal(desk_run(d, (const uint8_t[]){0x13, 0, 7, 0}, 4, out), 0);
        nine(bytes, READ & ONE_SIDE, 0, (struct id){0, 0, 1}, 1);
        assert_true(desk_command(d, bytes, 9));
        desk_pass(d, 1 * MS);
        unsigned before = d->edges;
        for (unsigned i = 0; i < 512; i++)
            (void)desk_in(d, FDC_DATA);
        assert_int_equal(d->edges - before, 512 / threshold - 1);
        desk_pass(d, 1 * MS);
        assert_int_equal(d->edges - before, 512 / threshold);
        assert_int_equal(desk_result(d, out), 7);
    }
}

static void test_fdc_write_without_dma_is_byte_by_byte(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    without_dma(d);
    nine(bytes, WRITE & ONE_SIDE, 0, (struct id){0, 0, 3}, 4);
    assert_true(desk_command(d, bytes, 9));
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

static void test_fdc_goes_on_from_a_record_in_the_middle_of_a_sector(void **state)
{
    struct desk *d = *state, *other = desk_make(FDC_1440K, KB(1440), FDC_1440K, KB(1440));
    const char *why;
    uint8_t out[16], bytes[9];
    without_dma(d);
    nine(bytes, READ & ONE_SIDE, 0, (struct id){0, 0, 1}, 2);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    for (unsigned i = 0; i < 100; i++)
        (void)desk_in(d, FDC_DATA);
    assert_int_equal(fdc_ops.saving(&d->fdc), 0);
    assert_int_equal(fdc_ops.check(&d->fdc.state, &why), 0);
    other->counter = d->counter;
    other->fdc.state = d->fdc.state;
    fdc_ops.loaded(&other->fdc);
    assert_true(other->line);
    for (unsigned i = 100; i < 1024; i++) {
        assert_int_equal(desk_in(other, FDC_DATA), d->drive[0].written[i]);
        if (i == 511)
            desk_pass(other, 1 * MS);
    }
    desk_pass(other, 1 * MS);
    assert_int_equal(desk_result(other, out), 7);
    assert_int_equal(out[1], END);
    desk_free(other);
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
    uint8_t bytes[9];
    nine(bytes, WRITE, 0, (struct id){0, 0, 1}, 4);
    assert_true(desk_command(d, bytes, 9));
    desk_channel(d, false, BUFFER, 5 * 512, false);
    desk_pass(d, 1 * MS);
    desk_out(d, 0x0a, 6); /* shut between the two */
    d->drive[0].holds = false;
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_result(out, ABNORMAL | 4, OVERRUN, 0, (struct id){0, 1, 1});
}

static void test_fdc_write_after_a_reset_waits_for_the_request_of_before(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    fill(d, 1024);
    for (unsigned no_dma = 0; no_dma < 2; no_dma++) {
        d->drive[0].holds = true;
        desk_channel(d, true, BUFFER + 0x4000, 512, false);
        assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, 0x02}, 3, out), 0);
        nine(bytes, READ, 0, (struct id){0, 1, 1}, 18);
        assert_true(desk_command(d, bytes, 9));
        desk_pass(d, 1 * MS);
        assert_int_equal(d->drive[0].medium.busy, true);
        desk_out(d, FDC_MAIN, 0x80);
        assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, (uint8_t)(0x02 | no_dma)}, 3, out), 0);
        desk_channel(d, false, BUFFER, 512, false);
        nine(bytes, WRITE & ONE_SIDE, 0, (struct id){0, 0, (uint8_t)(1 + no_dma)}, (uint8_t)(1 + no_dma));
        assert_true(desk_command(d, bytes, 9));
        desk_pass(d, 1 * MS);
        for (unsigned i = 0; no_dma && i < 512; i++)
            desk_out(d, FDC_DATA, d->memory[BUFFER + i]);
        desk_pass(d, 1 * MS);
        assert_int_equal(d->drive[0].writes, no_dma);
        d->drive[0].holds = false;
        desk_pass(d, 1 * MS);
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
    uint8_t out[16], bytes[9];
    d->drive[0].holds = true;
    nine(bytes, READ, 0, (struct id){0, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    desk_pass(d, 1 * MS);
    desk_out(d, FDC_MAIN, 0x80);
    put_ids(d, 0, 0, 18);
    desk_channel(d, false, BUFFER, 18 * 4, false);
    assert_true(desk_command(d, (const uint8_t[]){0x4d, 0, 2, 18, 0x54, 0x77}, 6));
    desk_pass(d, 1 * MS);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x10);
    d->drive[0].holds = false;
    desk_pass(d, 1 * MS);
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

static void test_fdc_command_waits_for_heads_under_way(void **state)
{
    struct desk *d = *state;
    uint8_t out[16], bytes[9];
    desk_channel(d, true, BUFFER, 512, false);
    assert_true(desk_command(d, (const uint8_t[]){0x0f, 0, 60}, 3));
    nine(bytes, READ, 0, (struct id){60, 0, 1}, 18);
    assert_true(desk_command(d, bytes, 9));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x11);
    desk_pass(d, 20 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 0);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){60, 0, 1}), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fdc_read_brings_a_sector_into_memory, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_goes_over_both_sides_to_the_terminal_count, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_result_names_the_sector_that_comes_next, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_ends_in_the_middle_of_a_sector, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_beyond_the_last_sector_is_end_of_cylinder, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_begins_again_where_dma_does, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_of_a_sector_that_is_not_there_finds_no_data, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_at_another_rate_or_density_finds_no_mark, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_of_an_empty_drive_ends, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_of_a_disk_that_goes_meanwhile_ends, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_that_the_host_cannot_do_is_a_data_error, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_waits_for_a_channel_that_is_opened_late, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_that_nobody_takes_is_an_overrun, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_track_is_read_once_for_its_sectors, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_seeks_by_itself_where_configured, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_after_a_reset_waits_for_the_request_of_before, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_of_one_drive_ignores_what_another_had_begun, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_id_finds_the_track_and_its_rate, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_id_sees_all_sectors_come_by, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_deleted_finds_ordinary_sectors_and_says_so, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_track_takes_all_as_they_come, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_verify_moves_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_without_dma_is_byte_by_byte, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_bytes_that_nobody_moves_are_an_overrun, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_line_rises_for_each_byte_or_for_the_threshold, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_write_without_dma_is_byte_by_byte, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_goes_on_from_a_record_in_the_middle_of_a_sector, make, drop),
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
        cmocka_unit_test_setup_teardown(test_fdc_format_fills_the_track_and_it_is_read_back, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_without_dma, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_of_another_kind_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_format_after_a_reset_waits_for_the_request_of_before, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_one_side_has_nothing_on_the_other, make_small, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_40_tracks_in_a_drive_of_80, make_small, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_of_2880_kb_and_a_smaller_one_in_its_drive, make_extra, drop),
        cmocka_unit_test_setup_teardown(test_fdc_disk_that_the_drive_does_not_take_is_unreadable, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_command_waits_for_heads_under_way, make, drop),
    };
    return cmocka_run_group_tests_name("machine_fdc_data", tests, NULL, NULL);
}

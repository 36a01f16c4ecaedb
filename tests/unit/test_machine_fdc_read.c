/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's commands that read: by DMA and without, over sides, to their ends and to what ends them too
 * early. Those that write are in test_machine_fdc_write.c.
 */
#include "unit/floppy_commands.h"

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
    uint8_t out[16];
    drive_insert(&d->drive[0], 0);
    desk_poll(d);
    desk_channel(d, true, BUFFER, 512, false);
    begin9(d, READ, 0, (struct id){0, 0, 1}, 18);
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
    uint8_t out[16];
    d->drive[0].holds = true;
    desk_channel(d, true, BUFFER, 512, false);
    begin9(d, READ, 0, (struct id){0, 0, 1}, 18);
    desk_pass(d, 20 * MS);
    assert_false(d->line);
    drive_insert(&d->drive[0], KB(720));
    drive_goes_on(d, 0);
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
    uint8_t out[16];
    begin9(d, READ, 0, (struct id){0, 0, 1}, 18);
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
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, false);
    reset_amid_read(d, (struct id){0, 0, 1});
    desk_pass(d, 1 * MS);
    begin9(d, READ, 0, (struct id){0, 1, 4}, 18);
    desk_pass(d, 1 * MS);
    assert_int_equal(d->memory[BUFFER + 8], 0);
    drive_goes_on(d, 0);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 4);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){0, 1, 4}), 512);
    assert_int_equal(d->drive[0].reads, 2);
}

static void test_fdc_read_of_one_drive_ignores_what_another_had_begun(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, false);
    reset_amid_read(d, (struct id){0, 0, 1});
    d->drive[1].holds = true;
    begin9(d, READ, 1, (struct id){0, 0, 3}, 18);
    desk_pass(d, 1 * MS);
    drive_goes_on(d, 0);
    assert_int_equal(d->memory[BUFFER + 8], 0);
    drive_goes_on(d, 1);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 1);
    assert_memory_equal(d->memory + BUFFER, d->drive[1].written + 2 * 512, 512);
}

static void test_fdc_command_waits_for_heads_under_way(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_channel(d, true, BUFFER, 512, false);
    assert_true(desk_command(d, (const uint8_t[]){0x0f, 0, 60}, 3));
    begin9(d, READ, 0, (struct id){60, 0, 1}, 18);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x11);
    desk_pass(d, 20 * MS);
    assert_int_equal(desk_result(d, out), 7);
    assert_int_equal(out[0], 0);
    assert_memory_equal(d->memory + BUFFER, d->drive[0].written + at((struct id){60, 0, 1}), 512);
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

static void test_fdc_read_without_dma_is_byte_by_byte(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    const uint32_t from = at((struct id){0, 0, 18});
    without_dma(d);
    begin9(d, READ, 0, (struct id){0, 0, 18}, 18);
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
    uint8_t out[16];
    without_dma(d);
    for (unsigned write = 0; write < 2; write++) {
        begin9(d, write ? WRITE : READ, 0, (struct id){0, 0, 5}, 18);
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
    uint8_t out[16];
    without_dma(d);
    for (unsigned threshold = 1; threshold <= 8; threshold += 7) {
        if (threshold > 1)
            assert_int_equal(desk_run(d, (const uint8_t[]){0x13, 0, 7, 0}, 4, out), 0);
        begin9(d, READ & ONE_SIDE, 0, (struct id){0, 0, 1}, 1);
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

static void test_fdc_goes_on_from_a_record_in_the_middle_of_a_sector(void **state)
{
    struct desk *d = *state, *other = desk_make(FDC_1440K, KB(1440), FDC_1440K, KB(1440));
    const char *why;
    uint8_t out[16];
    without_dma(d);
    begin9(d, READ & ONE_SIDE, 0, (struct id){0, 0, 1}, 2);
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
        cmocka_unit_test_setup_teardown(test_fdc_command_waits_for_heads_under_way, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_id_finds_the_track_and_its_rate, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_id_sees_all_sectors_come_by, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_deleted_finds_ordinary_sectors_and_says_so, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_track_takes_all_as_they_come, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_verify_moves_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_read_without_dma_is_byte_by_byte, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_bytes_that_nobody_moves_are_an_overrun, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_line_rises_for_each_byte_or_for_the_threshold, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_goes_on_from_a_record_in_the_middle_of_a_sector, make, drop),
    };
    return cmocka_run_group_tests_name("machine_fdc_read", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller without its data: registers, reset, seeks, what is told and set, media that come and go,
 * records. Commands that move data are in test_machine_fdc_read.c and test_machine_fdc_write.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/floppy_fixture.h"

#define MS (SECOND_NS / 1000)

static int make(void **state)
{
    *state = desk_make(FDC_1440K, KB(1440), FDC_1440K, 0);
    desk_begin(*state);
    return 0;
}
static int make_fresh(void **state)
{
    *state = desk_make(FDC_1440K, KB(1440), FDC_NONE, 0);
    return 0;
}
static int drop(void **state)
{
    desk_free(*state);
    return 0;
}

/* ---- Formats ----------------------------------------------------------------------------------------------------- */

static void test_fdc_geometry_is_known_by_size(void **state)
{
    static const struct {
        uint64_t bytes;
        unsigned cylinders, heads, sectors;
        enum fdc_drive_type drive;
    } cases[] = {
        {KB(160), 40, 1, 8, FDC_360K},    {KB(180), 40, 1, 9, FDC_360K},    {KB(320), 40, 2, 8, FDC_360K},
        {KB(360), 40, 2, 9, FDC_360K},    {KB(720), 80, 2, 9, FDC_720K},    {KB(1200), 80, 2, 15, FDC_1200K},
        {KB(1440), 80, 2, 18, FDC_1440K}, {KB(1680), 80, 2, 21, FDC_1440K}, {KB(1722), 82, 2, 21, FDC_1440K},
        {KB(2880), 80, 2, 36, FDC_2880K},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fdc_geometry *g = fdc_geometry(cases[i].bytes);
        assert_non_null(g);
        assert_int_equal(g->cylinders, cases[i].cylinders);
        assert_int_equal(g->heads, cases[i].heads);
        assert_int_equal(g->sectors, cases[i].sectors);
        assert_int_equal(g->drive, cases[i].drive);
        assert_true(fdc_drive_takes(cases[i].drive, g));
        assert_false(fdc_drive_takes(FDC_NONE, g));
    }
    assert_null(fdc_geometry(0));
    assert_null(fdc_geometry(KB(1440) + 512));
    assert_null(fdc_geometry(UINT64_MAX));
}

static void test_fdc_drives_take_what_they_can_turn(void **state)
{
    const struct fdc_geometry *small = fdc_geometry(KB(360)), *double_density = fdc_geometry(KB(720)),
                              *at = fdc_geometry(KB(1200)), *high = fdc_geometry(KB(1440)),
                              *extra = fdc_geometry(KB(2880));
    assert_false(fdc_drive_takes(FDC_360K, at));
    assert_true(fdc_drive_takes(FDC_1200K, small));
    assert_false(fdc_drive_takes(FDC_1200K, double_density));
    assert_false(fdc_drive_takes(FDC_720K, high));
    assert_true(fdc_drive_takes(FDC_1440K, double_density));
    assert_false(fdc_drive_takes(FDC_1440K, at));
    assert_false(fdc_drive_takes(FDC_1440K, extra));
    assert_true(fdc_drive_takes(FDC_2880K, high));
    assert_true(fdc_drive_takes(FDC_2880K, double_density));
    assert_int_equal(fdc_rate(FDC_360K, small), 2);
    assert_int_equal(fdc_rate(FDC_1200K, small), 1); /* the disk turns faster there */
    assert_int_equal(fdc_rate(FDC_2880K, extra), 3);
}

/* ---- Reset ------------------------------------------------------------------------------------------------------- */

static void test_fdc_comes_up_in_reset(void **state)
{
    struct desk *d = *state;
    assert_int_equal(desk_in(d, FDC_DOR), 0);
    assert_int_equal(desk_in(d, FDC_MAIN), 0);
    desk_out(d, FDC_DATA, 0x10); /* nobody listens */
    assert_int_equal(desk_in(d, FDC_MAIN), 0);
    desk_pass(d, SECOND_NS);
    assert_false(d->line);
}

static void test_fdc_reset_interrupts_and_four_senses_tell_of_the_drives(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_out(d, FDC_DOR, 0x0c);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
    assert_false(d->line); /* who resets gets ready for it afterwards */
    desk_pass(d, MS);
    assert_true(d->line);
    for (uint8_t i = 0; i < 4; i++) {
        assert_int_equal(desk_sense(d, out), 2);
        assert_int_equal(out[0], 0xc0 | i);
        assert_int_equal(out[1], 0);
        assert_false(d->line);
    }
    assert_int_equal(desk_sense(d, out), 1);
    assert_int_equal(out[0], 0x80);
}

static void test_fdc_reset_by_the_rate_register_needs_no_second_write(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    desk_out(d, FDC_MAIN, 0x82);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
    desk_pass(d, MS);
    assert_true(d->line);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0xc0);
    assert_int_equal(d->fdc.state.rate, 2);
}

static void test_fdc_senses_of_a_reset_are_over_when_a_seek_has_ended(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    const uint8_t recalibrate[2] = {0x07, 0};
    desk_out(d, FDC_DOR, 0x0c);
    desk_pass(d, MS);
    assert_int_equal(desk_sense(d, out), 2); /* one of four, as some firmware does */
    assert_true(desk_command(d, recalibrate, 2));
    desk_pass(d, 10 * MS);
    assert_true(d->line);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0x20);
    assert_int_equal(desk_sense(d, out), 1);
}

static void test_fdc_reset_gives_up_what_was_under_way(void **state)
{
    struct desk *d = *state;
    const uint8_t part[3] = {0x0f, 0, 5};
    assert_true(desk_command(d, part, 2));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x90);
    desk_out(d, FDC_MAIN, 0x80);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
    assert_true(desk_command(d, part, 3));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x81); /* the heads are under way, the controller is free */
    desk_out(d, FDC_MAIN, 0x80);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
    desk_pass(d, SECOND_NS);
    assert_int_equal(d->fdc.state.drive[0].track, 0);
}

static void test_fdc_gate_shuts_the_interrupt(void **state)
{
    struct desk *d = *state;
    const uint8_t recalibrate[2] = {0x07, 0};
    desk_out(d, FDC_DOR, 0x34);
    assert_true(desk_command(d, recalibrate, 2));
    desk_pass(d, 10 * MS);
    assert_false(d->line);
    desk_out(d, FDC_DOR, 0x3c);
    assert_true(d->line);
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void test_fdc_status_registers_are_those_of_the_drive(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_in(d, 0x3f0), 0x06); /* both drives, track 0, writable, no index, nothing pending */
    assert_int_equal(desk_in(d, 0x3f1), 0xc3); /* both motors */
    assert_true(desk_seek(d, 0, 3));
    assert_int_equal(desk_in(d, 0x3f0), 0x16);
    assert_true(desk_command(d, (const uint8_t[]){0x07, 0}, 2));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_in(d, 0x3f0), 0x86);
    (void)desk_sense(d, out);
    d->drive[0].read_only = true;
    drive_insert(&d->drive[0], KB(1440));
    desk_poll(d);
    assert_int_equal(desk_in(d, 0x3f0), 0x04);
    desk_out(d, 0x3f3, 2);
    assert_int_equal(desk_in(d, 0x3f3) & 3, 2);
    desk_out(d, FDC_DOR, 0x1d);
    assert_int_equal(desk_in(d, FDC_DOR), 0x1d);
    assert_int_equal(desk_in(d, 0x3f1), 0xe1);
}

static void test_fdc_second_drive_that_is_missing_is_seen(void **state)
{
    struct desk *d = *state;
    assert_int_equal(desk_in(d, 0x3f0) & 0x40, 0x40);
}

/* ---- Heads ------------------------------------------------------------------------------------------------------- */

static void test_fdc_seek_interrupts_when_the_heads_are_there(void **state)
{
    struct desk *d = *state;
    const uint8_t seek[3] = {0x0f, 4, 40};
    uint8_t out[16];
    assert_true(desk_command(d, seek, 3));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x81);
    assert_int_equal(desk_sense(d, out), 1); /* not yet */
    assert_int_equal(out[0], 0x80);
    desk_pass(d, 1 * MS);
    assert_false(d->line);
    desk_pass(d, 2 * MS);
    assert_true(d->line);
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0x24);
    assert_int_equal(out[1], 40);
    assert_false(d->line);
    assert_int_equal(d->fdc.state.drive[0].track, 40);
}

static void test_fdc_two_drives_seek_at_once_and_each_is_told_of(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    unsigned edges = d->edges;
    assert_true(desk_command(d, (const uint8_t[]){0x0f, 0, 70}, 3));
    assert_true(desk_command(d, (const uint8_t[]){0x0f, 1, 7}, 3));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x83);
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0] | out[1] << 8, 0x20 | 70 << 8);
    assert_true(d->line); /* again: there is more */
    assert_int_equal(d->edges, edges + 2);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0] | out[1] << 8, 0x21 | 7 << 8);
    assert_false(d->line);
}

static void test_fdc_relative_seek_goes_in_and_out(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 10));
    assert_true(desk_command(d, (const uint8_t[]){0xcf, 0, 5}, 3));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[1], 15);
    assert_true(desk_command(d, (const uint8_t[]){0x8f, 0, 12}, 3));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[1], 3);
    assert_int_equal(d->fdc.state.drive[0].track, 3);
}

static void test_fdc_heads_stop_at_the_last_track(void **state)
{
    struct desk *d = *state;
    assert_true(desk_seek(d, 0, 200));
    assert_int_equal(d->fdc.state.drive[0].track, 83);
    assert_true(desk_seek(d, 0, 0)); /* 200 steps out: against the stop */
    assert_int_equal(d->fdc.state.drive[0].track, 0);
}

static void test_fdc_recalibrate_takes_79_steps_at_most(void **state)
{
    struct desk *d = *state;
    const uint8_t recalibrate[2] = {0x07, 0};
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 82));
    assert_true(desk_command(d, recalibrate, 2));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0x70); /* not there yet: equipment check */
    assert_int_equal(d->fdc.state.drive[0].track, 3);
    assert_true(desk_command(d, recalibrate, 2));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0x20);
    assert_int_equal(out[1], 0);
}

static void test_fdc_drive_that_is_not_there_has_no_track_0(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_true(desk_command(d, (const uint8_t[]){0x07, 3}, 2));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_sense(d, out), 2);
    assert_int_equal(out[0], 0x73);
}

/* ---- What is told and set ---------------------------------------------------------------------------------------- */

static void test_fdc_version_is_an_82077(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x10}, 1, out), 1);
    assert_int_equal(out[0], 0x90);
    assert_false(d->line); /* nothing of this kind interrupts */
}

static void test_fdc_invalid_commands_say_so(void **state)
{
    static const uint8_t invalid[] = {0x00, 0x18, 0x0b, 0x1f, 0x51, 0x59, 0x5d, 0xff, 0x88};
    struct desk *d = *state;
    uint8_t out[16];
    for (unsigned i = 0; i < sizeof(invalid); i++) {
        assert_int_equal(desk_run(d, &invalid[i], 1, out), 1);
        assert_int_equal(out[0], 0x80);
    }
    assert_int_equal(desk_in(d, FDC_MAIN), 0x80);
}

static void test_fdc_drive_status_tells_protection_and_track_0(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x04, 4}, 2, out), 1);
    assert_int_equal(out[0], 0x3c);
    assert_true(desk_seek(d, 0, 1));
    d->drive[0].read_only = true;
    drive_insert(&d->drive[0], KB(1440));
    desk_poll(d);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x04, 0}, 2, out), 1);
    assert_int_equal(out[0], 0x68);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x04, 2}, 2, out), 1);
    assert_int_equal(out[0], 0x2a);
}

static void test_fdc_dump_tells_what_was_set_and_lock_keeps_it(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x03, 0xaf, 0x02}, 3, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x13, 0, 0x4a, 0x20}, 4, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x12, 0x8b}, 2, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x94}, 1, out), 1);
    assert_int_equal(out[0], 0x10);
    assert_true(desk_seek(d, 1, 9));
    desk_out(d, FDC_MAIN, 0x80); /* reset */
    assert_int_equal(desk_run(d, (const uint8_t[]){0x0e}, 1, out), 10);
    assert_memory_equal(out, ((const uint8_t[]){0, 9, 0, 0, 0xaf, 0x02, 0, 0x88, 0x4a, 0x20}), 10);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x14}, 1, out), 1);
    assert_int_equal(out[0], 0);
    desk_out(d, FDC_MAIN, 0x80);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x0e}, 1, out), 10);
    assert_memory_equal(out, ((const uint8_t[]){0, 9, 0, 0, 0xaf, 0x02, 0, 0x08, 0x20, 0}), 10);
}

static void test_fdc_perpendicular_bits_need_their_own_bit(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x12, 0x84}, 2, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x12, 0x3b}, 2, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x0e}, 1, out), 10);
    assert_int_equal(out[7], 0x07);
}

static void test_fdc_without_polling_a_locked_reset_is_silent(void **state)
{
    struct desk *d = *state;
    uint8_t out[16];
    assert_int_equal(desk_run(d, (const uint8_t[]){0x13, 0, 0x10, 0}, 4, out), 0);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x94}, 1, out), 1);
    desk_out(d, FDC_MAIN, 0x80);
    desk_pass(d, 10 * MS);
    assert_false(d->line);
    assert_int_equal(desk_run(d, (const uint8_t[]){0x14}, 1, out), 1);
    desk_out(d, FDC_MAIN, 0x80); /* now it forgets, and polls again */
    desk_pass(d, 10 * MS);
    assert_true(d->line);
}

static void test_fdc_line_falls_with_the_first_byte_of_a_result(void **state)
{
    struct desk *d = *state;
    desk_out(d, FDC_CHANGE, 0);
    assert_true(desk_command(d, (const uint8_t[]){0x4a, 0}, 2));
    assert_int_equal(desk_in(d, FDC_MAIN), 0x10);
    desk_pass(d, 10 * MS);
    assert_true(d->line);
    assert_int_equal(desk_in(d, FDC_MAIN), 0xd0);
    (void)desk_in(d, FDC_DATA);
    assert_false(d->line);
    assert_int_equal(desk_in(d, FDC_MAIN), 0xd0); /* six more */
}

static void test_fdc_registers_of_other_widths_are_bytes(void **state)
{
    struct desk *d = *state;
    assert_int_equal(bus_read(&d->ports, 0x3f4, 2) & 0xff, 0x80);
    bus_write(&d->ports, 0x3f4, 2, 0x1002); /* a rate, and VERSION */
    assert_int_equal(d->fdc.state.rate, 2);
    assert_int_equal(bus_read(&d->ports, 0x3f4, 2), 0x90d0);
    assert_int_equal(bus_read(&d->ports, 0x3f0, 4) >> 16 & 0xff, 0x3c);
}

/* ---- Media that come and go -------------------------------------------------------------------------------------- */

static void test_fdc_change_line_falls_with_a_step_when_a_disk_is_in(void **state)
{
    struct desk *d = *state;
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80); /* since power-on */
    assert_true(desk_command(d, (const uint8_t[]){0x07, 0}, 2));
    desk_pass(d, 10 * MS);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80); /* it was at track 0: no step */
    (void)desk_sense(d, (uint8_t[16]){0});
    assert_true(desk_seek(d, 0, 1));
    assert_int_equal(desk_in(d, FDC_CHANGE), 0);
    drive_insert(&d->drive[0], KB(720));
    desk_poll(d);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80);
    assert_true(desk_seek(d, 0, 0));
    assert_int_equal(desk_in(d, FDC_CHANGE), 0);
    drive_insert(&d->drive[0], 0);
    desk_poll(d);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80);
    assert_true(desk_seek(d, 0, 1)); /* no disk: the line stays */
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80);
}

static void test_fdc_change_line_is_that_of_the_selected_drive(void **state)
{
    struct desk *d = *state;
    assert_true(desk_seek(d, 0, 1));
    assert_int_equal(desk_in(d, FDC_CHANGE), 0);
    desk_out(d, FDC_DOR, 0x3d);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0x80);
    desk_out(d, FDC_DOR, 0x3e);
    assert_int_equal(desk_in(d, FDC_CHANGE), 0); /* there is no such drive */
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static void test_fdc_goes_on_from_a_record_in_the_middle_of_a_seek(void **state)
{
    struct desk *d = *state, *other = desk_make(FDC_1440K, KB(1440), FDC_1440K, 0);
    const char *why;
    uint8_t out[16];
    assert_true(desk_seek(d, 0, 1));
    assert_true(desk_command(d, (const uint8_t[]){0x0f, 0, 44}, 3));
    assert_int_equal(fdc_ops.saving(&d->fdc), 0);
    assert_int_equal(fdc_ops.check(&d->fdc.state, &why), 0);
    other->counter = d->counter;
    other->fdc.state = d->fdc.state;
    fdc_ops.loaded(&other->fdc);
    assert_int_equal(desk_in(other, FDC_CHANGE), 0); /* the same disk */
    desk_pass(other, 10 * MS);
    assert_true(other->line);
    assert_int_equal(desk_sense(other, out), 2);
    assert_int_equal(out[1], 44);
    desk_free(other);
}

static void test_fdc_goes_on_with_another_disk_and_the_line_says_so(void **state)
{
    static const struct {
        uint64_t bytes;
        bool read_only;
    } cases[] = {{KB(720), false}, {KB(1440), true}, {0, false}};
    struct desk *d = *state;
    assert_true(desk_seek(d, 0, 1));
    for (unsigned i = 0; i < 3; i++) {
        struct desk *other = desk_make(FDC_1440K, cases[i].bytes, FDC_1440K, 0);
        other->drive[0].medium.read_only = cases[i].read_only;
        other->fdc.state = d->fdc.state;
        fdc_ops.loaded(&other->fdc);
        assert_int_equal(desk_in(other, FDC_CHANGE), 0x80);
        desk_free(other);
    }
}

static void test_fdc_state_that_cannot_be_is_refused(void **state)
{
    struct desk *d = *state;
    const struct fdc_state good = d->fdc.state;
    struct fdc_state s[13];
    const char *why;
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof(s) / sizeof(s[0]); i++)
        s[i] = good;
    s[n++].phase = 9;
    s[n].phase = 1, s[n++].n_command = 0;
    s[n].phase = 1, s[n].command[0] = 0x0f, s[n].n_command = 9, s[n++].at_command = 3;
    s[n].phase = 2, s[n].wait = 5, s[n++].due = 1;
    s[n].phase = 2, s[n++].wait = 0;
    s[n].phase = 3, s[n].wait = 6, s[n].specify[1] = 1, s[n++].fifo_bytes = FDC_FIFO + 1;
    s[n].phase = 3, s[n].wait = 6, s[n].specify[1] = 1, s[n].fifo_bytes = 512, s[n++].fifo_at = 512;
    s[n].phase = 3, s[n].wait = 6, s[n++].fifo_bytes = 512; /* by DMA */
    s[n].phase = 4, s[n++].n_result = 11;
    s[n].phase = 4, s[n].n_result = 7, s[n++].at_result = 7;
    s[n++].transfer = 7;
    s[n++].reset_sense = 5;
    s[n++].drive[3].seeks = 2;
    assert_int_equal(n, sizeof(s) / sizeof(s[0]));
    assert_int_equal(fdc_ops.check(&good, &why), 0);
    for (unsigned i = 0; i < n; i++) {
        why = NULL;
        if (fdc_ops.check(&s[i], &why) == 0)
            fail_msg("state %u was taken", i);
        assert_non_null(why);
    }
}

static void test_fdc_is_not_saved_while_a_disk_is_at_work(void **state)
{
    struct desk *d = *state;
    assert_int_equal(medium_read(&d->drive[0].medium, 0, 512), 0);
    assert_int_not_equal(fdc_ops.saving(&d->fdc), 0);
    desk_poll(d);
    assert_int_equal(fdc_ops.saving(&d->fdc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fdc_geometry_is_known_by_size),
        cmocka_unit_test(test_fdc_drives_take_what_they_can_turn),
        cmocka_unit_test_setup_teardown(test_fdc_comes_up_in_reset, make_fresh, drop),
        cmocka_unit_test_setup_teardown(test_fdc_reset_interrupts_and_four_senses_tell_of_the_drives, make_fresh, drop),
        cmocka_unit_test_setup_teardown(test_fdc_reset_by_the_rate_register_needs_no_second_write, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_senses_of_a_reset_are_over_when_a_seek_has_ended, make_fresh, drop),
        cmocka_unit_test_setup_teardown(test_fdc_reset_gives_up_what_was_under_way, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_gate_shuts_the_interrupt, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_status_registers_are_those_of_the_drive, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_second_drive_that_is_missing_is_seen, make_fresh, drop),
        cmocka_unit_test_setup_teardown(test_fdc_seek_interrupts_when_the_heads_are_there, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_two_drives_seek_at_once_and_each_is_told_of, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_relative_seek_goes_in_and_out, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_heads_stop_at_the_last_track, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_recalibrate_takes_79_steps_at_most, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_drive_that_is_not_there_has_no_track_0, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_version_is_an_82077, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_invalid_commands_say_so, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_drive_status_tells_protection_and_track_0, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_dump_tells_what_was_set_and_lock_keeps_it, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_perpendicular_bits_need_their_own_bit, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_without_polling_a_locked_reset_is_silent, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_line_falls_with_the_first_byte_of_a_result, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_registers_of_other_widths_are_bytes, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_change_line_falls_with_a_step_when_a_disk_is_in, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_change_line_is_that_of_the_selected_drive, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_goes_on_from_a_record_in_the_middle_of_a_seek, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_goes_on_with_another_disk_and_the_line_says_so, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_state_that_cannot_be_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_fdc_is_not_saved_while_a_disk_is_at_work, make, drop),
    };
    return cmocka_run_group_tests_name("machine_fdc", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA through its ports and its window: registers, the way of a byte into the planes and back, the palette, the
 * beam, and what a snapshot's record may say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/vga_modes.h"

static int make(void **state)
{
    *state = vga_board_make();
    return 0;
}
static int drop(void **state)
{
    vga_board_free(*state);
    return 0;
}

/* The four planes at a place, the first in the lowest byte. */
static uint32_t planes(const struct vga_board *b, uint32_t place)
{
    const uint8_t *p = &b->vga.state.memory[place * 4];
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void test_registers_read_back_what_a_mode_wrote(void **state)
{
    struct vga_board *b = *state;
    static const uint8_t numbers[] = {0, 3, 4, 6, 0x0d, 0x12, 0x13};
    for (unsigned n = 0; n < sizeof(numbers); n++) {
        const struct vga_mode *m = vga_mode_of(numbers[n]);
        print_message("# mode %02x\n", m->number);
        vga_mode_set(b, m->number);
        assert_int_equal(vga_in(b, 0x3cc), m->misc);
        for (uint8_t i = 0; i < 5; i++)
            assert_int_equal(vga_get(b, 0x3c4, i), m->sequencer[i]);
        for (uint8_t i = 0; i < 25; i++)
            assert_int_equal(vga_get(b, 0x3d4, i), m->crtc[i]);
        for (uint8_t i = 0; i < 9; i++)
            assert_int_equal(vga_get(b, 0x3ce, i), m->graphics[i]);
        for (uint8_t i = 0; i < 21; i++) {
            (void)vga_in(b, 0x3da);
            vga_out(b, 0x3c0, i | 0x20);
            assert_int_equal(vga_in(b, 0x3c1), m->attribute[i]);
        }
    }
}

static void test_registers_that_are_not_there_keep_nothing(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    vga_set(b, 0x3c4, 6, 0xff);
    vga_set(b, 0x3ce, 9, 0xff);
    vga_set(b, 0x3d4, 0x19, 0xff);
    assert_int_equal(vga_get(b, 0x3c4, 6), 0);
    assert_int_equal(vga_get(b, 0x3ce, 9), 0);
    assert_int_equal(vga_get(b, 0x3d4, 0x19), 0);
    vga_out(b, 0x3d4, 0xff); /* an index has five bits */
    assert_int_equal(vga_in(b, 0x3d4), 0x1f);
    vga_set(b, 0x3ce, 5, 0xff);
    assert_int_equal(vga_get(b, 0x3ce, 5), 0x7b);
}

static void test_index_and_data_are_written_by_one_word(void **state)
{
    struct vga_board *b = *state;
    bus_write(&b->ports, 0x3c4, 2, 0x0502);
    assert_int_equal(vga_in(b, 0x3c4), 2);
    assert_int_equal(vga_in(b, 0x3c5), 5);
    assert_int_equal(bus_read(&b->ports, 0x3c4, 2), 0x0502);
}

static void test_crtc_protected_only_takes_the_split(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3); /* register 11h is 8eh: protected */
    vga_set(b, 0x3d4, 0, 0x11);
    vga_set(b, 0x3d4, 7, 0);
    vga_set(b, 0x3d4, 8, 1);
    assert_int_equal(vga_get(b, 0x3d4, 0), 0x5f);
    assert_int_equal(vga_get(b, 0x3d4, 7), 0x0f);
    assert_int_equal(vga_get(b, 0x3d4, 8), 1);
    vga_set(b, 0x3d4, 0x11, 0x0e);
    vga_set(b, 0x3d4, 0, 0x11);
    assert_int_equal(vga_get(b, 0x3d4, 0), 0x11);
}

static void test_mono_and_colour_ports_exclude_one_another(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    vga_set(b, 0x3d4, 0x0e, 0x12);
    assert_int_equal(bus_read(&b->ports, 0x3b4, 2), 0xffff);
    assert_int_equal(vga_in(b, 0x3ba), 0xff);
    vga_set(b, 0x3b4, 0x0e, 0x77);
    assert_int_equal(vga_get(b, 0x3d4, 0x0e), 0x12);
    vga_out(b, 0x3c2, 0x66);
    assert_int_equal(vga_get(b, 0x3b4, 0x0e), 0x12);
    assert_int_equal(bus_read(&b->ports, 0x3d4, 2), 0xffff);
    assert_int_equal(bus_read(&b->ports, 0x3bc, 1), 0xff); /* nobody, or a printer */
}

static void test_attribute_port_takes_index_and_data_by_turns(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    (void)vga_in(b, 0x3da);
    vga_out(b, 0x3c0, 0x31); /* index 11h, and the palette is the screen's */
    vga_out(b, 0x3c0, 0x05);
    assert_int_equal(vga_in(b, 0x3c0), 0x31);
    assert_int_equal(vga_in(b, 0x3c1), 0x05);
    vga_out(b, 0x3c0, 0x32);
    (void)vga_in(b, 0x3da); /* that was an index, and the next is one again */
    vga_out(b, 0x3c0, 0x33);
    vga_out(b, 0x3c0, 0x07);
    assert_int_equal(b->vga.state.attribute[0x12], 15);
    assert_int_equal(b->vga.state.attribute[0x13], 7);
}

/* ---- Palette ----------------------------------------------------------------------------------------------------- */

static void test_dac_goes_on_by_itself_both_ways(void **state)
{
    struct vga_board *b = *state;
    vga_colour_set(b, 255, 1, 2, 3);
    vga_out(b, 0x3c9, 0xff); /* the index came round */
    vga_out(b, 0x3c9, 5);
    assert_int_equal(b->vga.state.palette[0][0], 0); /* not yet */
    vga_out(b, 0x3c9, 6);
    assert_int_equal(vga_in(b, 0x3c7), 0);
    vga_out(b, 0x3c7, 255);
    assert_int_equal(vga_in(b, 0x3c7), 3);
    static const uint8_t expected[] = {1, 2, 3, 0x3f, 5, 6};
    for (unsigned i = 0; i < sizeof(expected); i++)
        assert_int_equal(vga_in(b, 0x3c9), expected[i]);
    assert_int_equal(vga_in(b, 0x3c8), 1);
    vga_out(b, 0x3c6, 0x0f);
    assert_int_equal(vga_in(b, 0x3c6), 0x0f);
}

static void test_switch_sense_tells_dark_from_bright(void **state)
{
    struct vga_board *b = *state;
    vga_colour_set(b, 0, 4, 4, 4);
    assert_int_equal(vga_in(b, 0x3c2) & 0x10, 0x10);
    vga_colour_set(b, 0, 0x3f, 0x3f, 0x3f);
    assert_int_equal(vga_in(b, 0x3c2) & 0x10, 0);
}

/* ---- The window -------------------------------------------------------------------------------------------------- */

static void test_window_is_where_the_map_says(void **state)
{
    struct vga_board *b = *state;
    static const struct {
        const char *label;
        uint8_t map;
        uint32_t base, bytes;
    } rows[] = {{"A0000, 128 KiB", 0, 0xa0000, 0x20000},
                {"A0000, 64 KiB", 1, 0xa0000, 0x10000},
                {"B0000, 32 KiB", 2, 0xb0000, 0x8000},
                {"B8000, 32 KiB", 3, 0xb8000, 0x8000}};
    vga_mode_set(b, 0x12);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].label);
        vga_set(b, 0x3ce, 6, (uint8_t)(rows[i].map << 2 | 1));
        for (uint32_t a = 0xa0000; a < 0xc0000; a += 0x4000) {
            const bool in = a >= rows[i].base && a < rows[i].base + rows[i].bytes;
            vga_poke(b, a, 0x5a);
            assert_int_equal(vga_peek(b, a), in ? 0x5a : 0xff);
            vga_poke(b, a, 0x33);
        }
    }
    vga_out(b, 0x3c2, 0xe1); /* the memory is shut off */
    assert_int_equal(vga_peek(b, 0xb8000), 0xff);
    vga_poke(b, 0xb8000, 0x77);
    vga_out(b, 0x3c2, 0xe3);
    assert_int_equal(vga_peek(b, 0xb8000), 0x33);
}

static void test_text_lies_in_two_planes(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    bus_write(&b->memory, 0xb8000, 4, 0x1f420741);
    assert_int_equal(planes(b, 0), 0x0741);
    assert_int_equal(planes(b, 1), 0);
    assert_int_equal(planes(b, 2), 0x1f42);
    assert_int_equal(bus_read(&b->memory, 0xb8000, 8), 0x1f420741);
    bus_write(&b->memory, 0xb8001, 2, 0x4370);
    assert_int_equal(bus_read(&b->memory, 0xb8000, 4), 0x1f437041);
}

static void test_chain_4_spreads_addresses_over_planes(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 0x13);
    bus_write(&b->memory, 0xa0004, 4, 0x44332211);
    assert_int_equal(planes(b, 4), 0x44332211);
    assert_int_equal(vga_peek(b, 0xa0006), 0x33);
    vga_set(b, 0x3c4, 2, 5); /* planes 0 and 2 */
    bus_write(&b->memory, 0xa0004, 4, 0xffffffff);
    assert_int_equal(planes(b, 4), 0x44ff22ff);
    vga_set(b, 0x3c4, 4, 6); /* unchained, as "mode X" is */
    vga_set(b, 0x3c4, 2, 8);
    vga_poke(b, 0xa0004, 0x99);
    assert_int_equal(planes(b, 4), 0x99ff22ff);
}

static void test_font_is_written_to_plane_2(void **state)
{
    struct vga_board *b = *state;
    static const uint8_t rows[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    vga_mode_set(b, 3);
    bus_write(&b->memory, 0xb8000 + 2 * 'A', 2, 0x0741);
    vga_font_set(b, 4, 'A', rows); /* map 4 is at 2000h */
    assert_int_equal(planes(b, 0x2000 + 'A' * 32), 0x00010000);
    assert_int_equal(planes(b, 0x2000 + 'A' * 32 + 15), 0x00100000);
    assert_int_equal(bus_read(&b->memory, 0xb8000 + 2 * 'A', 2), 0x0741);
}

/* ---- Writing and reading in the modes of 16 colours -------------------------------------------------------------- */

struct write_case {
    const char *label;
    uint8_t set, enable, function, mode, mask, map, byte;
    uint32_t latch, expected; /* before: latch everywhere */
};

static void test_write_modes_make_of_a_byte_what_they_should(void **state)
{
    struct vga_board *b = *state;
    static const struct write_case rows[] = {
        {"0: the byte into all planes", 0, 0, 0, 0, 0xff, 15, 0xa5, 0x11223344, 0xa5a5a5a5},
        {"0: only the planes of the map mask", 0, 0, 0, 0, 0xff, 6, 0xa5, 0x11223344, 0x11a5a544},
        {"0: rotated by three", 0, 0, 3, 0, 0xff, 15, 0x0f, 0, 0xe1e1e1e1},
        {"0: set and reset where enabled", 5, 0x0d, 0, 0, 0xff, 15, 0x81, 0, 0x00ff81ff},
        {"0: bit mask keeps the latch", 0, 0, 0, 0, 0x0f, 15, 0xff, 0x10203040, 0x1f2f3f4f},
        {"0: and", 0, 0, 0x08, 0, 0xff, 15, 0x3c, 0xffff00f0, 0x3c3c0030},
        {"0: or", 0, 0, 0x10, 0, 0xff, 15, 0x3c, 0xff000081, 0xff3c3cbd},
        {"0: exclusive or, masked", 0, 0, 0x18, 0, 0xf0, 15, 0xff, 0x5555aaaa, 0xa5a55a5a},
        {"1: the latch as it is", 15, 15, 0x1f, 1, 0, 15, 0x77, 0xdeadbeef, 0xdeadbeef},
        {"2: a colour", 0, 0, 0, 2, 0xff, 15, 0x0a, 0, 0xff00ff00},
        {"2: a colour for one point", 15, 15, 0, 2, 0x80, 15, 0x05, 0x01010101, 0x01810181},
        {"2: exclusive or", 0, 0, 0x18, 2, 0x0f, 15, 0x0f, 0xff00ff00, 0xf00ff00f},
        {"3: the byte is a mask", 9, 0, 0, 3, 0x3f, 15, 0xf0, 0x00ff00ff, 0x30cf00ff},
        {"3: rotated too", 15, 0, 4, 3, 0xff, 15, 0xf0, 0, 0x0f0f0f0f},
    };
    vga_mode_set(b, 0x12);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct write_case *r = &rows[i];
        print_message("# %s\n", r->label);
        memcpy(&b->vga.state.memory[0], &r->latch, 4);
        vga_set(b, 0x3ce, 5, r->mode);
        (void)vga_peek(b, 0xa0000); /* into the latches */
        vga_set(b, 0x3ce, 0, r->set);
        vga_set(b, 0x3ce, 1, r->enable);
        vga_set(b, 0x3ce, 3, r->function);
        vga_set(b, 0x3ce, 8, r->mask);
        vga_set(b, 0x3c4, 2, r->map);
        vga_poke(b, 0xa0000, r->byte);
        assert_int_equal(planes(b, 0), r->expected);
    }
}

static void test_latches_copy_four_planes_at_once(void **state)
{
    struct vga_board *b = *state;
    const uint32_t from = 0x12345678;
    vga_mode_set(b, 0x12);
    memcpy(&b->vga.state.memory[100 * 4], &from, 4);
    vga_set(b, 0x3ce, 5, 1);
    vga_poke(b, 0xa0000 + 200, vga_peek(b, 0xa0000 + 100));
    assert_int_equal(planes(b, 200), from);
}

static void test_read_mode_0_takes_one_plane(void **state)
{
    struct vga_board *b = *state;
    const uint32_t bytes = 0x44332211;
    vga_mode_set(b, 0x12);
    memcpy(&b->vga.state.memory[8], &bytes, 4);
    for (uint8_t plane = 0; plane < 4; plane++) {
        vga_set(b, 0x3ce, 4, plane);
        assert_int_equal(vga_peek(b, 0xa0002), 0x11 * (plane + 1));
    }
}

static void test_read_mode_1_compares_colours(void **state)
{
    struct vga_board *b = *state;
    /* Points from the left: colours 5, 5, 4, 1, 13, 0, 0, 5. */
    const uint8_t bytes[4] = {0xd9, 0x00, 0xe9, 0x08};
    vga_mode_set(b, 0x12);
    memcpy(&b->vga.state.memory[0], bytes, 4);
    vga_set(b, 0x3ce, 5, 8);
    vga_set(b, 0x3ce, 2, 5);
    vga_set(b, 0x3ce, 7, 15);
    assert_int_equal(vga_peek(b, 0xa0000), 0xc1);
    vga_set(b, 0x3ce, 7, 7); /* without plane 3 */
    assert_int_equal(vga_peek(b, 0xa0000), 0xc9);
    vga_set(b, 0x3ce, 7, 0); /* all are alike then */
    assert_int_equal(vga_peek(b, 0xa0000), 0xff);
}

/* ---- What changes the picture ------------------------------------------------------------------------------------ */

static void test_changes_count_what_may_look_different(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    vga_poke(b, 0xb8000, 'x');
    uint64_t before = b->vga.changes;
    vga_poke(b, 0xb8000, 'x');
    vga_set(b, 0x3d4, 0x0f, 0);
    (void)vga_peek(b, 0xb8000);
    vga_set(b, 0x3c4, 2, 3);
    vga_set(b, 0x3ce, 4, 0);
    assert_int_equal(b->vga.changes, before);
    vga_poke(b, 0xb8000, 'y');
    assert_true(b->vga.changes > before);
    before = b->vga.changes;
    vga_set(b, 0x3d4, 0x0f, 7);
    assert_true(b->vga.changes > before);
    before = b->vga.changes;
    vga_colour_set(b, 1, 1, 1, 1);
    assert_true(b->vga.changes > before);
    before = b->vga.changes;
    vga_ops.reset(&b->vga);
    assert_true(b->vga.changes > before);
}

/* ---- The beam ---------------------------------------------------------------------------------------------------- */

struct beam {
    uint64_t retraces, lines; /* how often each began */
};

static struct beam watch(struct vga_board *b, uint64_t ns)
{
    struct beam seen = {0};
    uint8_t last = vga_in(b, 0x3da), now;
    for (uint64_t i = 0; i < ns; i += 500, last = now) {
        b->counter += 500;
        now = vga_in(b, 0x3da);
        seen.retraces += now & ~last & 8 ? 1 : 0;
        seen.lines += now & ~last & 1 ? 1 : 0;
    }
    return seen;
}

static void test_beam_retraces_70_times_in_a_second_of_text(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    const struct beam seen = watch(b, SECOND_NS);
    assert_in_range(seen.retraces, 69, 71);
    assert_in_range(seen.lines, 70 * 399, 71 * 401);
}

static void test_beam_retraces_60_times_in_a_second_of_480_lines(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 0x12);
    assert_in_range(watch(b, SECOND_NS).retraces, 59, 61);
}

static void test_beam_tells_of_a_retrace_that_nobody_saw(void **state)
{
    struct vga_board *b = *state;
    vga_mode_set(b, 3);
    (void)vga_in(b, 0x3da);
    assert_int_equal(vga_in(b, 0x3da) & 8, 0);
    b->counter += SECOND_NS / 10; /* seven frames later, and not in a retrace */
    assert_int_equal(vga_in(b, 0x3da) & 8, 8);
    assert_int_equal(vga_in(b, 0x3da) & 8, 0);
}

static void test_beam_moves_whatever_the_registers_say(void **state)
{
    struct vga_board *b = *state;
    vga_out(b, 0x3c2, 0x67);
    assert_true(watch(b, SECOND_NS / 20).retraces > 0); /* nothing was set */
    for (uint8_t i = 0; i < 25; i++)
        vga_set(b, 0x3d4, i, 0xff);
    assert_true(watch(b, SECOND_NS / 20).retraces > 0);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static void test_record_goes_and_comes_back(void **state)
{
    struct vga_board *b = *state, *other = vga_board_make();
    const char *why = NULL;
    vga_mode_set(b, 0x13);
    bus_write(&b->memory, 0xa0000, 8, 0x0807060504030201);
    vga_colour_set(b, 7, 7, 8, 9);
    assert_int_equal(vga_ops.check(&b->vga.state, &why), 0);
    memcpy(&other->vga.state, &b->vga.state, vga_ops.state_bytes);
    vga_ops.loaded(&other->vga);
    assert_int_equal(bus_read(&other->memory, 0xa0000, 8), 0x0807060504030201);
    assert_int_equal(vga_peek(other, 0xb8000), 0xff); /* the window is that of the record */
    vga_board_free(other);
}

static void test_record_refuses_what_no_vga_could_be(void **state)
{
    struct vga_board *b = *state;
    static const struct {
        const char *label;
        size_t at;
        uint8_t value;
    } rows[] = {
        {"a sequencer's index", offsetof(struct vga_state, sequencer_index), 8},
        {"a CRT controller's index", offsetof(struct vga_state, crtc_index), 32},
        {"a graphics controller's index", offsetof(struct vga_state, graphics_index), 16},
        {"an attribute controller's index", offsetof(struct vga_state, attribute_index), 64},
        {"a flip-flop", offsetof(struct vga_state, attribute_data), 2},
        {"a colour's component", offsetof(struct vga_state, dac_component), 3},
        {"the palette's direction", offsetof(struct vga_state, dac_reading), 2},
        {"a colour of seven bits", offsetof(struct vga_state, palette) + 767, 64},
        {"half a colour", offsetof(struct vga_state, dac_latch) + 2, 64},
        {"bits that a register has not", offsetof(struct vga_state, graphics) + 5, 0x80},
        {"a register that is not there", offsetof(struct vga_state, crtc) + 25, 1},
        {"what is zero", offsetof(struct vga_state, zero8) + 4, 1},
    };
    const char *why = NULL;
    vga_mode_set(b, 3);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vga_state *copy = malloc(sizeof(*copy));
        assert_non_null(copy);
        memcpy(copy, &b->vga.state, sizeof(*copy));
        print_message("# %s\n", rows[i].label);
        assert_int_equal(vga_ops.check(copy, &why), 0);
        ((uint8_t *)copy)[rows[i].at] = rows[i].value;
        assert_int_equal(vga_ops.check(copy, &why), -EINVAL);
        assert_non_null(why);
        free(copy);
    }
}

/* ---- Many at once ------------------------------------------------------------------------------------------------ */

static void test_many_at_once_are_bytes_one_after_the_other(void **state)
{
    struct vga_board *b = *state;
    static const uint8_t numbers[] = {3, 4, 7, 0x0d, 0x12, 0x13};
    static struct vga_state before, many;
    uint8_t in[400], out[400];
    for (unsigned n = 0; n < sizeof(numbers); n++) {
        vga_mode_set(b, numbers[n]);
        const uint64_t at = b->vga.window.base + 40; /* from the window's beginning at 0xa0000 */
        for (unsigned i = 0; i < sizeof(in); i++)
            in[i] = (uint8_t)(i * 7 + n);
        before = b->vga.state;
        assert_int_equal(vga_memory_write_many(&b->vga, at, 2, in, sizeof(in) / 2), sizeof(in) / 2);
        assert_int_equal(vga_memory_read_many(&b->vga, at, 2, out, sizeof(out) / 2), sizeof(out) / 2);
        many = b->vga.state;
        b->vga.state = before;
        for (unsigned i = 0; i < sizeof(in); i++)
            vga_memory_write(&b->vga, at + i, 1, in[i]);
        for (unsigned i = 0; i < sizeof(in); i++)
            assert_int_equal(vga_memory_read(&b->vga, at + i, 1), out[i]);
        assert_memory_equal(&b->vga.state, &many, sizeof(many));
    }
    vga_set(b, 0x3ce, 5, 1); /* writes are of what was read last */
    assert_int_equal(vga_memory_write_many(&b->vga, b->vga.window.base, 1, in, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_registers_read_back_what_a_mode_wrote, make, drop),
        cmocka_unit_test_setup_teardown(test_registers_that_are_not_there_keep_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_index_and_data_are_written_by_one_word, make, drop),
        cmocka_unit_test_setup_teardown(test_crtc_protected_only_takes_the_split, make, drop),
        cmocka_unit_test_setup_teardown(test_mono_and_colour_ports_exclude_one_another, make, drop),
        cmocka_unit_test_setup_teardown(test_attribute_port_takes_index_and_data_by_turns, make, drop),
        cmocka_unit_test_setup_teardown(test_dac_goes_on_by_itself_both_ways, make, drop),
        cmocka_unit_test_setup_teardown(test_switch_sense_tells_dark_from_bright, make, drop),
        cmocka_unit_test_setup_teardown(test_window_is_where_the_map_says, make, drop),
        cmocka_unit_test_setup_teardown(test_text_lies_in_two_planes, make, drop),
        cmocka_unit_test_setup_teardown(test_chain_4_spreads_addresses_over_planes, make, drop),
        cmocka_unit_test_setup_teardown(test_font_is_written_to_plane_2, make, drop),
        cmocka_unit_test_setup_teardown(test_write_modes_make_of_a_byte_what_they_should, make, drop),
        cmocka_unit_test_setup_teardown(test_latches_copy_four_planes_at_once, make, drop),
        cmocka_unit_test_setup_teardown(test_read_mode_0_takes_one_plane, make, drop),
        cmocka_unit_test_setup_teardown(test_read_mode_1_compares_colours, make, drop),
        cmocka_unit_test_setup_teardown(test_changes_count_what_may_look_different, make, drop),
        cmocka_unit_test_setup_teardown(test_beam_retraces_70_times_in_a_second_of_text, make, drop),
        cmocka_unit_test_setup_teardown(test_beam_retraces_60_times_in_a_second_of_480_lines, make, drop),
        cmocka_unit_test_setup_teardown(test_beam_tells_of_a_retrace_that_nobody_saw, make, drop),
        cmocka_unit_test_setup_teardown(test_beam_moves_whatever_the_registers_say, make, drop),
        cmocka_unit_test_setup_teardown(test_many_at_once_are_bytes_one_after_the_other, make, drop),
        cmocka_unit_test_setup_teardown(test_record_goes_and_comes_back, make, drop),
        cmocka_unit_test_setup_teardown(test_record_refuses_what_no_vga_could_be, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VGA shows, as bytes: modes set by registers as a BIOS sets them, something written through the window, and
 * characters and points looked at; then bytes that no machine should have sent.
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

struct bench {
    struct vga_board *b;
    uint8_t *bytes;
    uint32_t n;
    struct screen_header h;
    const uint8_t *cells, *palette, *pixels;
};

static int make(void **state)
{
    struct bench *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->b = vga_board_make();
    t->bytes = malloc(SCREEN_BYTES_MOST);
    assert_non_null(t->bytes);
    *state = t;
    return 0;
}
static int drop(void **state)
{
    struct bench *t = *state;
    vga_board_free(t->b);
    free(t->bytes);
    free(t);
    return 0;
}

/* What is built is what is accepted. */
static void look(struct bench *t)
{
    t->n = screen_build(&t->b->vga, t->bytes);
    assert_int_equal(screen_check(t->bytes, t->n, &t->h, &t->cells, &t->palette, &t->pixels), 0);
}

static uint8_t point(const struct bench *t, uint32_t x, uint32_t y)
{
    assert_true(x < t->h.width && y < t->h.height);
    return t->pixels[y * t->h.width + x];
}

static void assert_size(const struct bench *t, uint32_t mode, uint32_t width, uint32_t height)
{
    assert_int_equal(t->h.mode, mode);
    assert_int_equal(t->h.width, width);
    assert_int_equal(t->h.height, height);
}

static void put_text(struct vga_board *b, uint32_t at, const char *text, uint8_t attribute)
{
    for (; *text != '\0'; text++, at += 2)
        bus_write(&b->memory, at, 2, (uint64_t)attribute << 8 | (uint8_t)*text);
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void test_text_cells_are_what_was_written(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    put_text(t->b, 0xb8000, "moat", 0x07);
    put_text(t->b, 0xb8000 + 2 * (24 * 80 + 76), "last", 0x4f);
    look(t);
    assert_size(t, SCREEN_TEXT, 720, 400);
    assert_int_equal(t->h.columns, 80);
    assert_int_equal(t->h.rows, 25);
    assert_memory_equal(t->cells, "m\7o\7a\7t\7", 8);
    assert_memory_equal(t->cells + 2 * (24 * 80 + 76),
                        "l\x4f"
                        "a\x4fs\x4ft\x4f",
                        8);
}

static void test_text_cells_alone_are_the_same(void **state)
{
    struct bench *t = *state;
    static uint8_t cells[SCREEN_COLUMNS * SCREEN_ROWS][2];
    struct screen_header h;
    vga_mode_set(t->b, 3);
    put_text(t->b, 0xb8000 + 160, "second row", 0x1e);
    look(t);
    assert_int_equal(screen_cells(&t->b->vga, &h, cells), SCREEN_TEXT);
    assert_memory_equal(&h, &t->h, sizeof(h));
    assert_memory_equal(cells, t->cells, sizeof(cells[0]) * 80 * 25);
}

static void test_text_begins_at_the_start_address(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    put_text(t->b, 0xb8000 + 4096, "page one", 7);
    vga_set(t->b, 0x3d4, 0x0c, 2048 >> 8);
    vga_set(t->b, 0x3d4, 0x0d, 0);
    vga_set(t->b, 0x3d4, 0x0e, (2048 + 81) >> 8);
    vga_set(t->b, 0x3d4, 0x0f, (2048 + 81) & 255);
    look(t);
    assert_memory_equal(t->cells, "p\7a\7g\7e\7", 8);
    assert_int_equal(t->h.cursor_on, 1);
    assert_int_equal(t->h.cursor_x, 1);
    assert_int_equal(t->h.cursor_y, 1);
}

static void test_text_split_begins_anew_at_0(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    put_text(t->b, 0xb8000, "status", 7);
    put_text(t->b, 0xb8000 + 2000, "above", 7);
    vga_set(t->b, 0x3d4, 0x0c, 1000 >> 8);
    vga_set(t->b, 0x3d4, 0x0d, 1000 & 255);
    vga_set(t->b, 0x3d4, 0x09, 0x0f); /* the compared line is 383: of it bits 0 to 7 .. */
    vga_set(t->b, 0x3d4, 0x07, 0x1f); /* .. and 8 */
    vga_set(t->b, 0x3d4, 0x18, 0x7f);
    look(t);
    assert_int_equal(t->h.rows, 25);
    assert_memory_equal(t->cells, "a\7b\7o\7", 6);
    assert_memory_equal(t->cells + 2 * 24 * 80, "s\7t\7a\7", 6);
}

static void test_cursor_is_off_or_elsewhere(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    look(t);
    assert_int_equal(t->h.cursor_on, 1);
    vga_set(t->b, 0x3d4, 0x0a, 0x20);
    look(t);
    assert_int_equal(t->h.cursor_on, 0);
    vga_set(t->b, 0x3d4, 0x0a, 0x0e); /* begins below its end */
    vga_set(t->b, 0x3d4, 0x0b, 0x0d);
    look(t);
    assert_int_equal(t->h.cursor_on, 0);
    vga_set(t->b, 0x3d4, 0x0b, 0x0f);
    vga_set(t->b, 0x3d4, 0x0e, 0x40); /* beyond what is shown */
    look(t);
    assert_int_equal(t->h.cursor_on, 0);
}

static void test_attribute_bit_7_is_blinking_or_background(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    put_text(t->b, 0xb8000, "x", 0x9f);
    look(t);
    assert_int_equal(t->cells[1], 0x1f);
    assert_int_equal(point(t, 0, 0), 1);
    vga_attribute_set(t->b, 0x10, 0x04);
    vga_out(t->b, 0x3c0, 0x20);
    look(t);
    assert_int_equal(t->cells[1], 0x9f);
    assert_int_equal(point(t, 0, 0), 0x39); /* by the palette of the attribute controller */
}

static const uint8_t slash[16] = {0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0, 0, 0, 0, 0, 0, 0, 0xff};

static void test_characters_are_drawn_from_plane_2(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    vga_set(t->b, 0x3d4, 0x0a, 0x20);
    vga_font_set(t->b, 0, '/', slash);
    vga_font_set(t->b, 0, 0xc4, slash);
    put_text(t->b, 0xb8000 + 2, "/", 0x12);
    put_text(t->b, 0xb8000 + 4, "\xc4", 0x12);
    look(t);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned x = 0; x < 9; x++)
            assert_int_equal(point(t, 9 + x, i), x == i ? 2 : 1);
    }
    assert_int_equal(point(t, 9 + 7, 15), 2);
    assert_int_equal(point(t, 9 + 8, 15), 1);  /* the ninth dot is background .. */
    assert_int_equal(point(t, 18 + 8, 15), 2); /* .. but of what draws lines */
    assert_int_equal(point(t, 18 + 8, 7), 2);
    assert_int_equal(point(t, 18 + 8, 6), 1);
    assert_int_equal(point(t, 9, 16), 0);
}

static void test_cursor_and_underline_are_drawn(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 3);
    vga_set(t->b, 0x3d4, 0x0f, 5);
    put_text(t->b, 0xb8000 + 10, " ", 0x04);
    look(t);
    assert_int_equal(point(t, 45, 12), 0);
    assert_int_equal(point(t, 45, 13), 4);
    assert_int_equal(point(t, 53, 14), 4);
    assert_int_equal(point(t, 45, 15), 0);
    vga_mode_set(t->b, 7);
    bus_write(&t->b->memory, 0xb0000, 2, 0x0120);
    vga_set(t->b, 0x3b4, 0x0a, 0x20);
    look(t);
    assert_size(t, SCREEN_TEXT, 720, 400);
    assert_int_equal(point(t, 0, 12), 0);
    assert_int_equal(point(t, 0, 13), 8); /* its attribute controller's colour 1 */
    assert_int_equal(point(t, 9, 13), 0);
}

static void test_second_font_is_chosen_by_bit_3(void **state)
{
    struct bench *t = *state;
    static const uint8_t full[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    vga_mode_set(t->b, 3);
    vga_set(t->b, 0x3d4, 0x0a, 0x20);
    vga_font_set(t->b, 1, 'a', full);
    vga_set(t->b, 0x3c4, 3, 0x04);       /* with bit 3: the second font */
    vga_attribute_set(t->b, 0x12, 0x07); /* which is no colour then */
    vga_out(t->b, 0x3c0, 0x20);
    put_text(t->b, 0xb8000, "a", 0x07);
    put_text(t->b, 0xb8000 + 2, "a", 0x0f);
    look(t);
    assert_int_equal(point(t, 0, 0), 0);
    assert_int_equal(point(t, 9, 0), 7);
    assert_int_equal(t->cells[3], 0x07);
}

static void test_sizes_of_text(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0);
    put_text(t->b, 0xb8000 + 80, "second", 7);
    look(t);
    assert_size(t, SCREEN_TEXT, 720, 400); /* a dot is two points wide */
    assert_int_equal(t->h.columns, 40);
    assert_int_equal(t->h.rows, 25);
    assert_int_equal(t->cells[80], 's');
    vga_mode_set(t->b, 3);
    vga_set(t->b, 0x3d4, 9, 0x47);
    look(t);
    assert_int_equal(t->h.rows, 50);
    vga_set(t->b, 0x3d4, 9, 0xc7); /* 8 lines, each twice */
    look(t);
    assert_int_equal(t->h.rows, 25);
    assert_int_equal(t->h.height, 400);
    vga_set(t->b, 0x3c4, 1, 1);
    look(t);
    assert_int_equal(t->h.width, 640);
    vga_set(t->b, 0x3d4, 0x11, 0x0e);
    vga_set(t->b, 0x3d4, 1, 131);
    vga_set(t->b, 0x3d4, 0x13, 66);
    put_text(t->b, 0xb8000 + 264, "wide", 7);
    look(t);
    assert_int_equal(t->h.columns, 132);
    assert_int_equal(t->cells[264], 'w');
}

/* ---- Graphics ---------------------------------------------------------------------------------------------------- */

static void test_16_colours_of_640_by_480(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0x12);
    vga_set(t->b, 0x3ce, 5, 2);
    vga_set(t->b, 0x3ce, 8, 0x20);
    (void)vga_peek(t->b, 0xa0000 + 479 * 80 + 79);
    vga_poke(t->b, 0xa0000 + 479 * 80 + 79, 0x0e);
    look(t);
    assert_size(t, SCREEN_GRAPHICS, 640, 480);
    assert_int_equal(t->h.columns, 0);
    assert_int_equal(point(t, 634, 479), 0x3e);
    assert_int_equal(point(t, 633, 479), 0);
    assert_int_equal(point(t, 635, 479), 0);
    vga_attribute_set(t->b, 0x12, 0x07); /* without plane 3 */
    vga_attribute_set(t->b, 0x14, 0x0d);
    vga_attribute_set(t->b, 0x10, 0x81);
    vga_out(t->b, 0x3c0, 0x20);
    look(t);
    assert_int_equal(point(t, 634, 479), 0xd4); /* 6 is 14h: its lower four, and two pairs by the select register */
    vga_out(t->b, 0x3c6, 0x0f);
    look(t);
    assert_int_equal(point(t, 634, 479), 0x04);
}

static void test_16_colours_of_320_by_200(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0x0d);
    vga_set(t->b, 0x3c4, 2, 6);
    vga_poke(t->b, 0xa0000 + 40, 0x40);
    look(t);
    assert_size(t, SCREEN_GRAPHICS, 640, 400);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(point(t, 2 + i % 2, 2 + i / 2), 6);
    assert_int_equal(point(t, 1, 2), 0);
    assert_int_equal(point(t, 4, 2), 0);
    assert_int_equal(point(t, 2, 1), 0);
    assert_int_equal(point(t, 2, 4), 0);
}

static void test_256_colours(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0x13);
    vga_colour_set(t->b, 200, 63, 32, 0);
    vga_poke(t->b, 0xa0000 + 199 * 320 + 318, 200);
    look(t);
    assert_size(t, SCREEN_GRAPHICS, 640, 400);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(point(t, 636 + i % 2, 398 + i / 2), 200);
    assert_int_equal(point(t, 635, 398), 0);
    assert_int_equal(point(t, 638, 398), 0);
    assert_int_equal(point(t, 636, 397), 0);
    assert_memory_equal(t->palette + 600, "\xff\x82\0", 3);
}

static void test_256_colours_unchained(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0x13);
    vga_set(t->b, 0x3c4, 4, 6);
    vga_set(t->b, 0x3d4, 0x14, 0);
    vga_set(t->b, 0x3d4, 0x17, 0xe3);
    vga_set(t->b, 0x3c4, 2, 4); /* each fourth point, from the third on */
    vga_poke(t->b, 0xa0000 + 80 + 10, 77);
    vga_poke(t->b, 0xa0000 + 0x4000, 78); /* the second page */
    look(t);
    assert_int_equal(point(t, 2 * 42, 2), 77);
    assert_int_equal(point(t, 2 * 41, 2), 0);
    vga_set(t->b, 0x3d4, 0x0c, 0x40);
    look(t);
    assert_int_equal(point(t, 4, 0), 78);
}

static void test_4_colours_of_a_cga(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 4);
    vga_poke(t->b, 0xb8000, 0x1b);          /* 0 1 2 3 in line 0 */
    vga_poke(t->b, 0xb8001, 0xe4);          /* 3 2 1 0 */
    vga_poke(t->b, 0xb8000 + 0x2000, 0xff); /* line 1 */
    vga_poke(t->b, 0xb8000 + 80, 0x55);     /* line 2 */
    look(t);
    assert_size(t, SCREEN_GRAPHICS, 640, 400);
    static const uint8_t expected[8] = {0, 0x13, 0x15, 0x17, 0x17, 0x15, 0x13, 0};
    for (unsigned x = 0; x < 16; x++)
        assert_int_equal(point(t, x, 0), expected[x / 2]);
    assert_int_equal(point(t, 2, 1), 0x13);
    assert_int_equal(point(t, 0, 2), 0x17);
    assert_int_equal(point(t, 0, 3), 0x17);
    assert_int_equal(point(t, 8, 2), 0);
    assert_int_equal(point(t, 0, 4), 0x13);
}

static void test_2_colours_of_a_cga(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 6);
    vga_poke(t->b, 0xb8000 + 79, 0x01);
    vga_poke(t->b, 0xb8000 + 0x2000, 0x80);
    look(t);
    assert_size(t, SCREEN_GRAPHICS, 640, 400);
    assert_int_equal(point(t, 639, 0), 0x17);
    assert_int_equal(point(t, 639, 1), 0x17);
    assert_int_equal(point(t, 638, 0), 0);
    assert_int_equal(point(t, 0, 2), 0x17);
    assert_int_equal(point(t, 0, 4), 0);
}

static void test_panning_moves_by_points(void **state)
{
    struct bench *t = *state;
    vga_mode_set(t->b, 0x12);
    vga_set(t->b, 0x3c4, 2, 1);
    vga_poke(t->b, 0xa0000 + 1, 0x80);
    vga_set(t->b, 0x3d4, 8, 0x20); /* a byte */
    look(t);
    assert_int_equal(point(t, 0, 0), 1);
    vga_set(t->b, 0x3d4, 8, 0);
    vga_attribute_set(t->b, 0x13, 3);
    vga_out(t->b, 0x3c0, 0x20);
    look(t);
    assert_int_equal(point(t, 5, 0), 1);
    assert_int_equal(point(t, 8, 0), 0);
}

/* ---- Nothing, and nonsense --------------------------------------------------------------------------------------- */

static void test_blank_is_what_is_off(void **state)
{
    struct bench *t = *state;
    static const struct {
        const char *label;
        uint16_t port;
        uint8_t index, value;
    } rows[] = {{"the sequencer is reset", 0x3c4, 0, 1},
                {"the screen is off", 0x3c4, 1, 0x20},
                {"there is no retrace", 0x3d4, 0x17, 0x23}};
    look(t);
    assert_size(t, SCREEN_BLANK, 0, 0); /* after power-on */
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].label);
        vga_mode_set(t->b, 3);
        look(t);
        assert_int_equal(t->h.mode, SCREEN_TEXT);
        vga_set(t->b, rows[i].port, rows[i].index, rows[i].value);
        look(t);
        assert_size(t, SCREEN_BLANK, 0, 0);
    }
    vga_mode_set(t->b, 3);
    (void)vga_in(t->b, 0x3da);
    vga_out(t->b, 0x3c0, 0); /* the palette is the processor's */
    look(t);
    assert_size(t, SCREEN_BLANK, 0, 0);
}

static void test_sizes_are_clipped_whatever_the_registers_say(void **state)
{
    struct bench *t = *state;
    static const uint8_t modes[] = {3, 0, 0x12, 0x13, 4};
    for (unsigned i = 0; i < sizeof(modes); i++) {
        vga_mode_set(t->b, modes[i]);
        vga_set(t->b, 0x3d4, 0x11, 0);
        for (uint8_t index = 0; index < 25; index++)
            vga_set(t->b, 0x3d4, index, index == 9 ? 0 : 0xff);
        memset(t->b->vga.state.memory, 0x5a, VGA_MEMORY);
        look(t);
        assert_true(t->h.width > 1200 && t->h.width <= SCREEN_WIDTH);
        assert_int_equal(t->h.height, SCREEN_HEIGHT);
    }
}

static void test_check_refuses_what_is_not_whole(void **state)
{
    struct bench *t = *state;
    static const struct {
        const char *label;
        size_t at;
        uint32_t value;
    } rows[] = {
        {"another magic", 0, 0},
        {"another version", offsetof(struct screen_header, version), 2},
        {"a mode", offsetof(struct screen_header, mode), 3},
        {"graphics with characters", offsetof(struct screen_header, mode), SCREEN_GRAPHICS},
        {"a blank screen with points", offsetof(struct screen_header, mode), SCREEN_BLANK},
        {"too many columns", offsetof(struct screen_header, columns), SCREEN_COLUMNS + 1},
        {"too many rows", offsetof(struct screen_header, rows), 0x80000019},
        {"no rows", offsetof(struct screen_header, rows), 0},
        {"one row more", offsetof(struct screen_header, rows), 26},
        {"one line less", offsetof(struct screen_header, height), 399},
        {"no width", offsetof(struct screen_header, width), 0},
        {"too wide", offsetof(struct screen_header, width), SCREEN_WIDTH + 1},
        {"too high", offsetof(struct screen_header, height), SCREEN_HEIGHT + 1},
        {"a cursor beyond the row", offsetof(struct screen_header, cursor_x), 80},
        {"a cursor below the rows", offsetof(struct screen_header, cursor_y), 25},
        {"half a cursor", offsetof(struct screen_header, cursor_on), 2},
        {"what is zero", offsetof(struct screen_header, zero32), 1},
    };
    vga_mode_set(t->b, 3);
    vga_set(t->b, 0x3d4, 0x0f, 81); /* a cursor that is not at 0 */
    look(t);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t kept;
        print_message("# %s\n", rows[i].label);
        memcpy(&kept, t->bytes + rows[i].at, 4);
        memcpy(t->bytes + rows[i].at, &rows[i].value, 4);
        assert_int_equal(screen_check(t->bytes, t->n, &t->h, &t->cells, &t->palette, &t->pixels), -EINVAL);
        memcpy(t->bytes + rows[i].at, &kept, 4);
        assert_int_equal(screen_check(t->bytes, t->n, &t->h, &t->cells, &t->palette, &t->pixels), 0);
    }
    for (uint32_t n = 0; n < t->n; n = n < 100 ? n + 1 : 2 * n)
        assert_int_equal(screen_check(t->bytes, n, &t->h, &t->cells, &t->palette, &t->pixels), -EINVAL);
    assert_int_equal(screen_check(t->bytes, t->n - 1, &t->h, &t->cells, &t->palette, &t->pixels), -EINVAL);
    assert_int_equal(screen_check(t->bytes, t->n + 1, &t->h, &t->cells, &t->palette, &t->pixels), -EINVAL);
    assert_int_equal(screen_check(t->bytes, UINT64_MAX, &t->h, &t->cells, &t->palette, &t->pixels), -EINVAL);
}

static void test_code_page_437_is_one_to_one(void **state)
{
    assert_int_equal(screen_unicode(' '), ' ');
    assert_int_equal(screen_unicode('A'), 'A');
    assert_int_equal(screen_unicode(0x10), 0x25ba);
    assert_int_equal(screen_unicode(0x81), 0xfc);
    assert_int_equal(screen_unicode(0xc4), 0x2500);
    assert_int_equal(screen_unicode(0xdb), 0x2588);
    assert_int_equal(screen_unicode(0xff), 0xa0);
    for (unsigned a = 1; a < 256; a++)
        for (unsigned other = a + 1; other < 256; other++)
            assert_int_not_equal(screen_unicode((uint8_t)a), screen_unicode((uint8_t)other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_cells_are_what_was_written, make, drop),
        cmocka_unit_test_setup_teardown(test_text_cells_alone_are_the_same, make, drop),
        cmocka_unit_test_setup_teardown(test_text_begins_at_the_start_address, make, drop),
        cmocka_unit_test_setup_teardown(test_text_split_begins_anew_at_0, make, drop),
        cmocka_unit_test_setup_teardown(test_cursor_is_off_or_elsewhere, make, drop),
        cmocka_unit_test_setup_teardown(test_attribute_bit_7_is_blinking_or_background, make, drop),
        cmocka_unit_test_setup_teardown(test_characters_are_drawn_from_plane_2, make, drop),
        cmocka_unit_test_setup_teardown(test_cursor_and_underline_are_drawn, make, drop),
        cmocka_unit_test_setup_teardown(test_second_font_is_chosen_by_bit_3, make, drop),
        cmocka_unit_test_setup_teardown(test_sizes_of_text, make, drop),
        cmocka_unit_test_setup_teardown(test_16_colours_of_640_by_480, make, drop),
        cmocka_unit_test_setup_teardown(test_16_colours_of_320_by_200, make, drop),
        cmocka_unit_test_setup_teardown(test_256_colours, make, drop),
        cmocka_unit_test_setup_teardown(test_256_colours_unchained, make, drop),
        cmocka_unit_test_setup_teardown(test_4_colours_of_a_cga, make, drop),
        cmocka_unit_test_setup_teardown(test_2_colours_of_a_cga, make, drop),
        cmocka_unit_test_setup_teardown(test_panning_moves_by_points, make, drop),
        cmocka_unit_test_setup_teardown(test_blank_is_what_is_off, make, drop),
        cmocka_unit_test_setup_teardown(test_sizes_are_clipped_whatever_the_registers_say, make, drop),
        cmocka_unit_test_setup_teardown(test_check_refuses_what_is_not_whole, make, drop),
        cmocka_unit_test(test_code_page_437_is_one_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

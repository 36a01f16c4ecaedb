/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture, line by line, as the VGA makes it: the planes are read at each character's time, what is read becomes
 * eight or nine dots (a character's row in a font of plane 2; one bit of each plane; two bits, or a byte), a dot an
 * index of the palette by way of the attribute controller. Blinking things are shown. Every place in memory is masked;
 * lines have room for what picture_of() allows.
 */
#include "machine/screen_draw.h"

#include <stddef.h>
#include <string.h>

enum { GRAPHICS_MODE = 5, TWO_BITS = 0x20, BYTES = 0x40 };
enum {
    ATTRIBUTE_MODE = 0x10,
    LINE_GRAPHICS = 4,
    BLINKS = 8,
    PANS_ALIKE = 0x20, /* else only above the split */
    UPPER_FROM_SELECT = 0x80,
    ATTRIBUTE_PLANES = 0x12,
    ATTRIBUTE_PANNING,
    ATTRIBUTE_SELECT
};
enum { CRTC_ROW = 9, CRTC_CURSOR = 0xa, CRTC_PLACE = 0xe, CRTC_UNDERLINE = 0x14, CRTC_MODE = 0x17 };
enum { CURSOR_OFF = 0x20, COUNTS_TWO = 8, COUNTS_FOUR = 0x20 };
enum { FONT_PLANE = 2, FONT_ROWS = 32 };

/* What does not change from line to line. */
struct brush {
    const struct vga_state *s;
    const struct picture *p;
    uint8_t colour[16]; /* of the attribute controller, behind the DAC's mask */
    uint32_t font[2];   /* places in plane 2: of characters with bit 3 of the attribute clear, set */
    uint32_t cursor, cursor_first, cursor_last; /* its counter's value, its rows; none: first above last */
    unsigned slower;                            /* the counter goes on each 2^n times */
};

static uint32_t font_place(unsigned number)
{
    return (number & 3) * 0x4000 + (number >> 2) * 0x2000;
}

static void brush_of(struct brush *b, const struct vga_state *s, const struct picture *p)
{
    const uint8_t map = s->sequencer[3], *a = s->attribute, *c = s->crtc;
    *b = (struct brush){.s = s, .p = p};
    for (unsigned i = 0; i < 16; i++) {
        uint8_t colour = a[i & a[ATTRIBUTE_PLANES] & 15] & 0x3f;
        if (a[ATTRIBUTE_MODE] & UPPER_FROM_SELECT)
            colour = (colour & 15) | (a[ATTRIBUTE_SELECT] & 3) << 4;
        b->colour[i] = (uint8_t)((colour | (a[ATTRIBUTE_SELECT] & 12) << 4) & s->dac_mask);
    }
    b->font[0] = font_place((map & 3) | (map >> 2 & 4));
    b->font[1] = font_place((map >> 2 & 3) | (map >> 3 & 4));
    b->cursor = (uint32_t)c[CRTC_PLACE] << 8 | c[CRTC_PLACE + 1];
    b->cursor_first = c[CRTC_CURSOR] & CURSOR_OFF ? 32 : c[CRTC_CURSOR] & 31;
    b->cursor_last = c[CRTC_CURSOR + 1] & 31;
    b->slower = c[CRTC_UNDERLINE] & COUNTS_FOUR ? 2 : c[CRTC_MODE] & COUNTS_TWO ? 1 : 0;
}

/* ---- What is read becomes dots ----------------------------------------------------------------------------------- */

static void draw_character(const struct brush *b, const struct scan *at, uint32_t counter, uint8_t *dots)
{
    const uint8_t *planes = &b->s->memory[scan_place(at, counter) * 4];
    const uint8_t character = planes[0], attribute = planes[1], mode = b->s->attribute[ATTRIBUTE_MODE];
    const uint8_t front = b->colour[attribute & 15], back = b->colour[attribute >> 4 & (mode & BLINKS ? 7 : 15)];
    const uint32_t font = b->font[attribute >> 3 & 1] + character * FONT_ROWS + at->row;
    uint32_t bits = (uint32_t)b->s->memory[(font & 0xffff) * 4 + FONT_PLANE] << 1;
    if (mode & LINE_GRAPHICS && character >= 0xc0 && character < 0xe0)
        bits |= bits >> 1 & 1; /* lines go on to the next character */
    if ((attribute & 7) == 1 && at->row == (b->s->crtc[CRTC_UNDERLINE] & 31u))
        bits = 0x1ff;
    if (((counter ^ b->cursor) & 0xffff) == 0 && at->row >= b->cursor_first && at->row <= b->cursor_last)
        bits = 0x1ff;
    for (unsigned i = 0; i < b->p->cell_width; i++)
        dots[i] = bits >> (8 - i) & 1 ? front : back;
}

/* A byte's bits, each a byte of its own: the upper one first in memory. */
static uint64_t spread(uint8_t byte)
{
    const uint64_t bits = byte * UINT64_C(0x0101010101010101) & UINT64_C(0x0102040810204080);
    return (bits + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

static void draw_planar(const struct brush *b, const uint8_t planes[4], uint8_t dots[8])
{
    const uint64_t all = spread(planes[0]) | spread(planes[1]) << 1 | spread(planes[2]) << 2 | spread(planes[3]) << 3;
    for (unsigned i = 0; i < 8; i++)
        dots[i] = b->colour[all >> 8 * i & 15];
}

/* Two bits of planes 0 and 2 are a dot, four times, then of 1 and 3. */
static void draw_two_bits(const struct brush *b, const uint8_t planes[4], uint8_t dots[8])
{
    for (unsigned i = 0; i < 8; i++) {
        const unsigned shift = 6 - 2 * (i & 3), plane = i >> 2;
        dots[i] = b->colour[(planes[plane] >> shift & 3) | (planes[plane + 2] >> shift & 3) << 2];
    }
}

/* A byte is a colour, of two dots. */
static void draw_bytes(const struct brush *b, const uint8_t planes[4], uint8_t dots[8])
{
    for (unsigned i = 0; i < 8; i++)
        dots[i] = planes[i / 2] & b->s->dac_mask;
}

static void draw_graphics(const struct brush *b, const struct scan *at, uint32_t counter, uint8_t dots[8])
{
    const uint8_t *planes = &b->s->memory[scan_place(at, counter) * 4], mode = b->s->graphics[GRAPHICS_MODE];
    if (mode & BYTES)
        draw_bytes(b, planes, dots);
    else if (mode & TWO_BITS)
        draw_two_bits(b, planes, dots);
    else
        draw_planar(b, planes, dots);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* By how many dots a line begins later than what was read first. */
static unsigned panning(const struct brush *b, const struct scan *at)
{
    const unsigned n = b->s->attribute[ATTRIBUTE_PANNING];
    if (at->below && b->s->attribute[ATTRIBUTE_MODE] & PANS_ALIKE)
        return 0;
    if (b->p->cell_width == 9)
        return n < 8 ? n + 1 : 0;
    return n & 7;
}

static void draw_line(const struct brush *b, const struct scan *at, uint8_t *pixels)
{
    uint8_t dots[(SCREEN_COLUMNS + 1) * 9];
    const struct picture *p = b->p;
    const unsigned skip = panning(b, at);
    for (uint32_t x = 0; x <= p->columns; x++) {
        const uint32_t counter = at->address + (x >> b->slower);
        if (p->mode == SCREEN_TEXT)
            draw_character(b, at, counter, &dots[x * p->cell_width]);
        else
            draw_graphics(b, at, counter, &dots[x * p->cell_width]);
    }
    if (p->dot == 1) {
        memcpy(pixels, &dots[skip], p->width);
        return;
    }
    for (uint32_t x = 0; x < p->width; x++)
        pixels[x] = dots[skip + x / 2];
}

void picture_draw(const struct vga *v, const struct picture *p, uint8_t *pixels)
{
    struct brush b;
    struct scan at;
    brush_of(&b, &v->state, p);
    for (scan_begin(&at, &v->state); at.line < p->height; scan_next(&at), pixels += p->width) {
        if (at.repeat > 0) /* as the line above */
            memcpy(pixels, pixels - p->width, p->width);
        else
            draw_line(&b, &at, pixels);
    }
}

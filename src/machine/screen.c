/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VGA shows, out of its state: sizes from the CRT controller's registers, clipped to screen.h's bounds
 * whatever they say; characters; palette. The walk over lines is the hardware's own: a row counter, an address that
 * goes on by the offset register at each row's end, a line at which it begins anew. Touches nothing but its output.
 */
#include "machine/screen.h"

#include "machine/screen_draw.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { SEQUENCER_RESET, SEQUENCER_CLOCKING, RUNS = 3, DOTS_8 = 1, CLOCK_HALVED = 8, SCREEN_OFF = 0x20 };
enum { GRAPHICS_MISC = 6, IS_GRAPHICS = 1 };
enum { ATTRIBUTE_SHOWN = 0x20, ATTRIBUTE_MODE = 0x10, ATTRIBUTE_PLANES = 0x12, BLINKS = 8 };
enum {
    CRTC_COLUMNS = 1,
    CRTC_OVERFLOW = 7,
    CRTC_PRESET = 8,
    CRTC_ROW = 9,
    CRTC_CURSOR = 0xa,
    CRTC_START = 0xc,
    CRTC_CURSOR_PLACE = 0xe,
    CRTC_LINES = 0x12,
    CRTC_OFFSET,
    CRTC_UNDERLINE,
    CRTC_MODE = 0x17,
    CRTC_SPLIT
};
enum { ROW_LAST = 31, ROW_DOUBLED = 0x80, CURSOR_OFF = 0x20 };
enum {
    MODE_ROW_IS_13 = 1,
    MODE_ROW_IS_14 = 2,
    MODE_LINES_DOUBLED = 4,
    MODE_WRAPS_16 = 0x20,
    MODE_BYTES = 0x40,
    MODE_RUNS = 0x80
};
enum { UNDERLINE_DOUBLE_WORDS = 0x40 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static uint32_t lines_of(const struct vga_state *s)
{
    const uint8_t *c = s->crtc, more = c[CRTC_OVERFLOW];
    const uint32_t lines = (c[CRTC_LINES] | (more & 2u) << 7 | (more & 0x40u) << 3) + 1;
    return c[CRTC_MODE] & MODE_LINES_DOUBLED ? 2 * lines : lines;
}

void picture_of(const struct vga *v, struct picture *p)
{
    const struct vga_state *s = &v->state;
    const uint8_t clocking = s->sequencer[SEQUENCER_CLOCKING];
    memset(p, 0, sizeof(*p));
    if ((s->sequencer[SEQUENCER_RESET] & RUNS) != RUNS || clocking & SCREEN_OFF ||
        !(s->attribute_index & ATTRIBUTE_SHOWN) || !(s->crtc[CRTC_MODE] & MODE_RUNS))
        return;
    p->mode = s->graphics[GRAPHICS_MISC] & IS_GRAPHICS ? SCREEN_GRAPHICS : SCREEN_TEXT;
    p->cell_width = p->mode == SCREEN_TEXT && !(clocking & DOTS_8) ? 9 : 8;
    p->dot = clocking & CLOCK_HALVED ? 2 : 1;
    p->columns = least(s->crtc[CRTC_COLUMNS] + 1u, least(SCREEN_COLUMNS, SCREEN_WIDTH / (p->cell_width * p->dot)));
    p->width = p->columns * p->cell_width * p->dot;
    p->height = least(lines_of(s), SCREEN_HEIGHT);
}

void scan_begin(struct scan *at, const struct vga_state *s)
{
    const uint8_t *c = s->crtc;
    *at = (struct scan){.s = s, .row = c[CRTC_PRESET] & ROW_LAST};
    at->address = (uint32_t)c[CRTC_START] << 8 | c[CRTC_START + 1];
    at->address += c[CRTC_PRESET] >> 5 & 3; /* byte panning */
    at->split = c[CRTC_SPLIT] | (c[CRTC_OVERFLOW] & 0x10u) << 4 | (c[CRTC_ROW] & 0x40u) << 3;
    if (c[CRTC_MODE] & MODE_LINES_DOUBLED)
        at->split = 2 * at->split + 1;
}

/* Lines are shown twice where 200 of them fill the height of 400, and the counter of rows waits. */
void scan_next(struct scan *at)
{
    const uint8_t *c = at->s->crtc;
    const uint32_t times = (c[CRTC_ROW] & ROW_DOUBLED ? 2u : 1u) * (c[CRTC_MODE] & MODE_LINES_DOUBLED ? 2u : 1u);
    if (at->line++ == at->split) {
        at->row = at->repeat = at->address = 0;
        at->below = true;
        return;
    }
    if (++at->repeat < times)
        return;
    at->repeat = 0;
    if (at->row == (c[CRTC_ROW] & ROW_LAST)) {
        at->row = 0;
        at->address += 2u * c[CRTC_OFFSET];
    } else {
        at->row = (at->row + 1) & ROW_LAST;
    }
}

bool scan_row_begins(const struct scan *at)
{
    return at->line == 0 || (at->row == 0 && at->repeat == 0);
}

uint32_t scan_place(const struct scan *at, uint32_t counter)
{
    const uint8_t *c = at->s->crtc, mode = c[CRTC_MODE];
    uint32_t place = counter;
    if (c[CRTC_UNDERLINE] & UNDERLINE_DOUBLE_WORDS)
        place = counter << 2 | (counter >> 14 & 3);
    else if (!(mode & MODE_BYTES))
        place = counter << 1 | (counter >> (mode & MODE_WRAPS_16 ? 15 : 13) & 1);
    if (!(mode & MODE_ROW_IS_13))
        place = (place & ~0x2000u) | (at->row & 1) << 13;
    if (!(mode & MODE_ROW_IS_14))
        place = (place & ~0x4000u) | (at->row >> 1 & 1) << 14;
    return place & 0xffff;
}

/* ---- Characters -------------------------------------------------------------------------------------------------- */

bool screen_two_fonts(const struct vga_state *s)
{
    const uint8_t map = s->sequencer[3];
    return ((map >> 2 & 3) | (map >> 3 & 4)) != ((map & 3) | (map >> 2 & 4));
}

/* Where in this row the cursor is; the row's length when it is not in it. */
static uint32_t cursor_in(const struct vga_state *s, uint32_t address, uint32_t columns)
{
    const uint32_t place = (uint32_t)s->crtc[CRTC_CURSOR_PLACE] << 8 | s->crtc[CRTC_CURSOR_PLACE + 1];
    return least((place - address) & 0xffff, columns);
}

static bool cursor_shown(const struct vga_state *s)
{
    const uint8_t start = s->crtc[CRTC_CURSOR], end = s->crtc[CRTC_CURSOR + 1] & ROW_LAST;
    return !(start & CURSOR_OFF) && (start & ROW_LAST) <= end && (start & ROW_LAST) <= (s->crtc[CRTC_ROW] & ROW_LAST);
}

/* Bits of an attribute that say something of its colours. */
static uint8_t attribute_bits(const struct vga_state *s)
{
    uint8_t bits = 0xff;
    if (s->attribute[ATTRIBUTE_MODE] & BLINKS)
        bits &= 0x7f;
    if (screen_two_fonts(s) && !(s->attribute[ATTRIBUTE_PLANES] & 8))
        bits &= 0xf7;
    return bits;
}

static void row_copy(const struct scan *at, uint32_t columns, uint8_t bits, uint8_t (*cells)[2])
{
    for (uint32_t x = 0; x < columns; x++) {
        const uint8_t *planes = &at->s->memory[scan_place(at, at->address + x) * 4];
        cells[x][0] = planes[0];
        cells[x][1] = planes[1] & bits;
    }
}

static void cells_of(const struct vga_state *s, const struct picture *p, struct screen_header *h, uint8_t (*cells)[2])
{
    const uint8_t bits = attribute_bits(s);
    struct scan at;
    h->columns = p->columns;
    for (scan_begin(&at, s); at.line < p->height && h->rows < SCREEN_ROWS; scan_next(&at)) {
        if (!scan_row_begins(&at))
            continue;
        const uint32_t cursor = cursor_in(s, at.address, p->columns);
        row_copy(&at, p->columns, bits, &cells[h->rows * p->columns]);
        if (cursor < p->columns && !h->cursor_on && cursor_shown(s)) {
            h->cursor_on = 1;
            h->cursor_x = cursor;
            h->cursor_y = h->rows;
        }
        h->rows++;
    }
}

static void header_of(const struct vga *v, const struct picture *p, struct screen_header *h)
{
    memset(h, 0, sizeof(*h));
    memcpy(h->magic, SCREEN_MAGIC, sizeof(h->magic));
    h->version = SCREEN_VERSION;
    h->mode = p->mode;
    h->width = p->width;
    h->height = p->height;
    h->changes = v->changes;
}

enum screen_mode screen_cells(const struct vga *v, struct screen_header *h, uint8_t (*cells)[2])
{
    struct picture p;
    picture_of(v, &p);
    header_of(v, &p, h);
    if (p.mode == SCREEN_TEXT)
        cells_of(&v->state, &p, h, cells);
    return p.mode;
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

/* Six bits are eight by their own upper ones, so that the brightest is the brightest. */
static void palette_of(const struct vga_state *s, uint8_t *out)
{
    for (unsigned i = 0; i < 256; i++)
        for (unsigned colour = 0; colour < 3; colour++)
            *out++ = (uint8_t)(s->palette[i][colour] << 2 | s->palette[i][colour] >> 4);
}

uint32_t screen_build(const struct vga *v, uint8_t *out)
{
    struct screen_header h;
    struct picture p;
    uint8_t(*cells)[2] = (uint8_t(*)[2])(out + sizeof(h));
    uint8_t *next;
    picture_of(v, &p);
    header_of(v, &p, &h);
    if (p.mode == SCREEN_TEXT)
        cells_of(&v->state, &p, &h, cells);
    memcpy(out, &h, sizeof(h));
    next = out + sizeof(h) + 2 * h.columns * h.rows;
    palette_of(&v->state, next);
    next += 768;
    if (p.mode != SCREEN_BLANK)
        picture_draw(v, &p, next);
    next += p.width * p.height;
    return (uint32_t)(next - out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The display in a terminal: a look at the VGA's characters, and the shortest list of sequences that makes of what the
 * terminal shows what it should (ECMA-48: CUP, ED, SGR; xterm's 16 colours and ?25). Touches only its state and the
 * stream. What the guest shows reaches the terminal as characters of screen_unicode() and as numbers alone, so no byte
 * of the guest's is a sequence.
 */
#include "machine/display.h"

#include <errno.h>
#include <string.h>

enum { GRAPHICS_COLUMNS = 80, GRAPHICS_ROWS = 25, GREY_ON_BLACK = 7 };

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void add_byte(struct display *d, char byte)
{
    d->out[d->out_n++] = byte;
}

static void add(struct display *d, const char *text)
{
    while (*text != '\0')
        add_byte(d, *text++);
}

/* Decimal, without a 0 behind it: how many digits. */
static unsigned digits_of(unsigned n, char out[10])
{
    unsigned digits = 1;

    for (unsigned rest = n; rest >= 10; rest /= 10)
        digits++;
    for (unsigned i = digits; i > 0; n /= 10)
        out[--i] = (char)('0' + n % 10);
    return digits;
}

static void add_number(struct display *d, unsigned n)
{
    d->out_n += (uint8_t)digits_of(n, d->out + d->out_n);
}

/* UTF-8, of the first plane. */
static void add_character(struct display *d, uint16_t c)
{
    if (c < 0x80) {
        add_byte(d, (char)c);
        return;
    }
    if (c < 0x800) {
        add_byte(d, (char)(0xc0 | c >> 6));
    } else {
        add_byte(d, (char)(0xe0 | c >> 12));
        add_byte(d, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    add_byte(d, (char)(0x80 | (c & 0x3f)));
}

/* False: the stream has no room. Nothing is added before the piece of before is gone. */
static bool send(struct display *d)
{
    while (d->out_at < d->out_n) {
        if (!stream_put(d->stream, (uint8_t)d->out[d->out_at]))
            return false;
        d->out_at++;
    }
    d->out_at = d->out_n = 0;
    return true;
}

static void add_place(struct display *d, unsigned row, unsigned column)
{
    if (row == d->row && column == d->column)
        return;
    add(d, "\033[");
    add_number(d, row + 1);
    add(d, ";");
    add_number(d, column + 1);
    add(d, "H");
    d->row = row;
    d->column = column;
}

/* The VGA counts blue, green, red from bit 0 on, ANSI the other way. */
static unsigned colour(unsigned base, unsigned vga)
{
    const unsigned ansi = (vga & 1) << 2 | (vga & 2) | (vga & 4) >> 2;

    return base + ansi + (vga & 8 ? 60 : 0);
}

static void add_attribute(struct display *d, unsigned attribute)
{
    if (attribute == d->attribute)
        return;
    add(d, "\033[");
    add_number(d, colour(30, attribute & 15));
    add(d, ";");
    add_number(d, colour(40, attribute >> 4));
    add(d, "m");
    d->attribute = attribute;
}

/* ---- A look ------------------------------------------------------------------------------------------------------ */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void fill(struct display *d, uint32_t columns, uint32_t rows)
{
    d->wanted.columns = columns;
    d->wanted.rows = rows;
    d->wanted.cursor_on = 0;
    for (uint32_t i = 0; i < columns * rows; i++) {
        d->cells[i][0] = ' ';
        d->cells[i][1] = GREY_ON_BLACK;
    }
}

/* Returns where the next text goes. */
static unsigned write_line(struct display *d, unsigned at, const char *text)
{
    for (; *text != '\0' && at < GRAPHICS_COLUMNS; at++)
        d->cells[at][0] = (uint8_t)*text++;
    return at;
}

static unsigned write_number(struct display *d, unsigned at, unsigned n)
{
    char text[11] = "";

    digits_of(n, text);
    return write_line(d, at, text);
}

/* A mode without characters: a line that says so. */
static void fill_graphics(struct display *d)
{
    unsigned at;

    fill(d, GRAPHICS_COLUMNS, GRAPHICS_ROWS);
    at = write_line(d, 0, "[ ");
    at = write_number(d, at, d->wanted.width);
    at = write_line(d, at, " x ");
    at = write_number(d, at, d->wanted.height);
    write_line(d, at, " graphics: moat vm screenshot NAME F.png ]");
}

/* The three characters without a dot are one, so that none is drawn over another. */
static void normalize(struct display *d)
{
    const uint32_t n = d->wanted.columns * d->wanted.rows;

    for (uint32_t i = 0; i < n; i++) {
        if (d->cells[i][0] == 0 || d->cells[i][0] == 0xff)
            d->cells[i][0] = ' ';
    }
}

/* A terminal of fewer rows shows those around the cursor, and moves no more than it must. */
static void choose_rows(struct display *d)
{
    const struct screen_header *w = &d->wanted;
    const unsigned rows = d->rows == 0 ? w->rows : least(d->rows, w->rows);

    if (w->cursor_on && w->cursor_y < d->top)
        d->top = w->cursor_y;
    if (w->cursor_on && w->cursor_y >= d->top + rows)
        d->top = w->cursor_y - rows + 1;
    d->top = least(d->top, w->rows - rows);
    d->shown_rows = rows;
    d->shown_columns = d->columns == 0 ? w->columns : least(d->columns, w->columns);
}

static void look(struct display *d)
{
    const uint32_t columns = d->wanted.columns, rows = d->wanted.rows;
    const enum screen_mode mode = screen_cells(d->vga, &d->wanted, d->cells);

    d->looked = d->vga->changes;
    d->stale = false;
    if (mode == SCREEN_GRAPHICS)
        fill_graphics(d);
    else if (mode == SCREEN_BLANK)
        fill(d, columns, rows); /* as large as what was there: nothing, at first */
    normalize(d);
    choose_rows(d);
    if (d->wanted.columns != columns || d->wanted.rows != rows)
        d->clear = true;
    d->drawing = d->drawn || d->wanted.rows > 0;
}

/* ---- Drawing ----------------------------------------------------------------------------------------------------- */

static void draw_clear(struct display *d)
{
    add(d, "\033[0m\033[?25l\033[2J");
    memset(d->known, 0, sizeof(d->known));
    d->row = d->column = d->attribute = DISPLAY_NOWHERE;
    d->cursor = d->clear = false;
    d->drawn = true;
}

/* Behind the last column is no place that is asked for: where a terminal's cursor waits there nobody relies on. */
static void draw_cell(struct display *d, unsigned y, unsigned x, const uint8_t cell[2])
{
    add_place(d, y, x);
    add_attribute(d, cell[1]);
    add_character(d, screen_unicode(cell[0]));
    d->column = x + 1;
    memcpy(d->shown[y][x], cell, 2);
    if (d->known[y] <= x)
        d->known[y] = (uint8_t)(x + 1);
}

/* False: no room. From left to right, so that what is known of a row has no gap. */
static bool draw_row(struct display *d, unsigned y)
{
    const uint8_t(*cells)[2] = &d->cells[(d->top + y) * d->wanted.columns];

    for (unsigned x = 0; x < d->shown_columns; x++) {
        if (x < d->known[y] && memcmp(d->shown[y][x], cells[x], 2) == 0)
            continue;
        if (!send(d))
            return false;
        draw_cell(d, y, x, cells[x]);
    }
    return true;
}

static void draw_cursor(struct display *d)
{
    const struct screen_header *w = &d->wanted;
    const bool seen =
        w->cursor_on && w->cursor_x < d->shown_columns && w->cursor_y >= d->top && w->cursor_y - d->top < d->shown_rows;

    if (seen)
        add_place(d, w->cursor_y - d->top, w->cursor_x);
    if (seen != d->cursor)
        add(d, seen ? "\033[?25h" : "\033[?25l");
    d->cursor = seen;
}

/* False: it has to go on when there is room. */
static bool draw(struct display *d)
{
    if (!send(d))
        return false;
    if (d->clear)
        draw_clear(d);
    for (unsigned y = 0; y < d->shown_rows; y++) {
        if (!draw_row(d, y))
            return false;
    }
    if (!send(d))
        return false;
    draw_cursor(d);
    return send(d);
}

/* ---- From outside ------------------------------------------------------------------------------------------------ */

void display_init(struct display *d, struct stream *stream, struct vga *vga, struct typist *typist)
{
    memset(d, 0, sizeof(*d));
    d->stream = stream;
    d->vga = vga;
    d->typist = typist;
    d->stale = true;
    d->seen_changes = vga->changes - 1;
}

unsigned display_receive(void *display, const uint8_t *bytes, unsigned n)
{
    struct display *d = display;
    uint16_t keys[2 * KEYS_MOST];

    for (unsigned i = 0; i < n; i++) {
        struct keys_terminal next = d->terminal;
        const unsigned made = keys_of_byte(&next, bytes[i], keys);

        if (typist_put(d->typist, keys, made) == -EAGAIN)
            return i;
        d->terminal = next;
        d->byte_at = clock_now(d->typist->clock);
    }
    return n;
}

/* Returns when to come again. */
static uint64_t wait_for_sequence(struct display *d, uint64_t now)
{
    const uint64_t due = d->byte_at + DISPLAY_ESCAPE_NS;
    struct keys_terminal next = d->terminal;
    uint16_t keys[2 * KEYS_MOST];

    if (d->terminal.n == 0)
        return NEVER;
    if (now < due)
        return due;
    if (typist_put(d->typist, keys, keys_timeout(&next, keys)) == -EAGAIN)
        return now + DISPLAY_ESCAPE_NS;
    d->terminal = next;
    return NEVER;
}

uint64_t display_poll(struct display *d, uint64_t now)
{
    const uint64_t key = wait_for_sequence(d, now);

    if (d->ended)
        return key;
    if ((d->stale || d->looked != d->vga->changes) && now >= d->next) {
        look(d);
        d->next = now + DISPLAY_NS;
    }
    if (d->drawing && draw(d))
        d->drawing = false;
    if (!d->drawing && !d->stale)
        d->seen_changes = d->looked;
    if (d->seen_changes == d->vga->changes && !d->stale)
        return key;
    const uint64_t again = d->next > now ? d->next : now + DISPLAY_NS; /* what stays has no room */
    return again < key ? again : key;
}

void display_resized(struct display *d, unsigned rows, unsigned columns)
{
    d->rows = rows;
    d->columns = columns;
    d->clear = d->stale = true;
    d->next = 0;
    d->seen_changes = d->vga->changes - 1;
}

void display_end(struct display *d)
{
    if (d->drawn && !d->ended) {
        stream_write(d->stream, d->out + d->out_at, (uint32_t)(d->out_n - d->out_at));
        d->out_at = d->out_n = 0;
        add(d, "\033[0m\033[?25h");
        if (d->shown_rows > 0)
            add_place(d, d->shown_rows - 1, 0);
        add(d, "\r\n");
        stream_write(d->stream, d->out, d->out_n);
        d->out_n = 0;
    }
    d->ended = true;
}

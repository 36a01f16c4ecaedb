/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The display in a terminal: what is drawn is read by a small terminal, which knows the sequences that are used and
 * fails on any other, and whose picture is compared with the characters in the VGA's memory. The way between them is a
 * stream over a ring whose other side is the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "machine/display.h"
#include "unit/keyboard_board.h"
#include "unit/vga_modes.h"

#define SLOTS 8u
#define TEXT  0xb8000u
#define MS    UINT64_C(1000000)

/* ---- A terminal -------------------------------------------------------------------------------------------------- */

#define MODEL_ROWS    60u
#define MODEL_COLUMNS 170u

struct cell {
    uint32_t character;
    uint8_t front, back; /* ANSI's, 8 more when bright; 0xff: the terminal's own */
};

struct model {
    unsigned rows, columns, row, column;
    bool wraps; /* the last column has been written: the next character is on the next line */
    bool cursor, scrolled;
    uint8_t front, back;
    struct cell cells[MODEL_ROWS][MODEL_COLUMNS];
    char sequence[32];
    unsigned n; /* bytes of a sequence or a character */
};

static void model_begin(struct model *m, unsigned rows, unsigned columns)
{
    memset(m, 0, sizeof(*m));
    m->rows = rows;
    m->columns = columns;
    m->front = m->back = 0xff;
    m->cursor = true;
    for (unsigned y = 0; y < MODEL_ROWS; y++)
        for (unsigned x = 0; x < MODEL_COLUMNS; x++)
            m->cells[y][x] = (struct cell){'.', 0xff, 0xff}; /* what a shell has left there */
}

static void model_down(struct model *m)
{
    if (m->row + 1 < m->rows)
        m->row++;
    else
        m->scrolled = true;
}

static void model_write(struct model *m, uint32_t character)
{
    if (m->wraps) {
        m->wraps = false;
        m->column = 0;
        model_down(m);
    }
    m->cells[m->row][m->column] = (struct cell){character, m->front, m->back};
    if (m->column + 1 < m->columns)
        m->column++;
    else
        m->wraps = true;
}

static void model_attribute(struct model *m, unsigned n)
{
    if (n == 0)
        m->front = m->back = 0xff;
    else if ((n >= 30 && n <= 37) || (n >= 90 && n <= 97))
        m->front = (uint8_t)(n < 90 ? n - 30 : n - 90 + 8);
    else if ((n >= 40 && n <= 47) || (n >= 100 && n <= 107))
        m->back = (uint8_t)(n < 90 ? n - 40 : n - 100 + 8);
    else
        fail_msg("SGR %u", n);
}

static void model_clear(struct model *m)
{
    for (unsigned y = 0; y < m->rows; y++)
        for (unsigned x = 0; x < m->columns; x++)
            m->cells[y][x] = (struct cell){' ', 0xff, 0xff};
}

static void model_place(struct model *m, const unsigned *numbers)
{
    assert_in_range(numbers[0], 1, m->rows);
    assert_in_range(numbers[1], 1, m->columns);
    m->row = numbers[0] - 1;
    m->column = numbers[1] - 1;
    m->wraps = false;
}

/* A whole CSI sequence. */
static void model_sequence(struct model *m)
{
    const bool own = m->sequence[2] == '?';
    unsigned numbers[4] = {0}, n = 0;

    for (unsigned i = own ? 3 : 2; i + 1 < m->n; i++) {
        if (m->sequence[i] == ';')
            assert_true(++n < 4);
        else
            numbers[n] = numbers[n] * 10 + (unsigned)m->sequence[i] - '0';
    }
    const char final = m->sequence[m->n - 1];
    if (own && (final == 'h' || final == 'l') && numbers[0] == 25)
        m->cursor = final == 'h';
    else if (!own && final == 'H' && n == 1)
        model_place(m, numbers);
    else if (!own && final == 'J' && numbers[0] == 2)
        model_clear(m);
    else if (!own && final == 'm')
        for (unsigned i = 0; i <= n; i++)
            model_attribute(m, numbers[i]);
    else
        fail_msg("an unknown sequence: %c", final);
}

static unsigned bytes_of_character(uint8_t first)
{
    if (first < 0x80)
        return 1;
    assert_in_range(first, 0xc2, 0xef);
    return first < 0xe0 ? 2 : 3;
}

static void model_character(struct model *m)
{
    const uint8_t *b = (const uint8_t *)m->sequence;

    for (unsigned i = 1; i < m->n; i++)
        assert_int_equal(b[i] & 0xc0, 0x80);
    model_write(m, m->n == 1   ? b[0]
                   : m->n == 2 ? (b[0] & 0x1fu) << 6 | (b[1] & 0x3f)
                               : (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3f));
}

static void model_byte(struct model *m, uint8_t byte)
{
    m->sequence[m->n++] = (char)byte;
    assert_true(m->n < sizeof(m->sequence));
    if (m->sequence[0] == '\033') {
        if (m->n <= 2 || byte < 0x40) {
            assert_true(m->n != 2 || byte == '[');
            return;
        }
        model_sequence(m);
    } else if (byte == '\r') {
        m->column = 0;
    } else if (byte == '\n') {
        model_down(m);
    } else if (m->n < bytes_of_character((uint8_t)m->sequence[0])) {
        return;
    } else {
        assert_true(m->n > 1 || (byte >= 0x20 && byte < 0x7f));
        model_character(m);
    }
    m->n = 0;
}

/* ---- A desk with all of it --------------------------------------------------------------------------------------- */

struct desk {
    struct vga_board *vga;
    struct keyboard_board keyboard;
    struct display display;
    struct stream stream;
    struct backend backend;
    struct ring other;
    struct ring_shared *shared;
    uint8_t own[STREAM_OWN_BYTES];
    struct model model;
    uint64_t now, sent; /* nanoseconds; bytes that have come to the terminal */
    bool deaf;          /* the terminal reads nothing */
    bool asked;         /* for input; as request `id` */
    uint64_t id;
};

static void kick(struct backend *b)
{
}

static void answer(struct desk *d, uint64_t id, int64_t result)
{
    const struct ring_answer a = {.id = id, .result = result};
    bool asleep = false;

    assert_int_equal(ring_answer(&d->other, &a, &asleep), 0);
}

static void show(struct desk *d, const struct ring_request *q)
{
    int64_t bytes = 0;

    for (unsigned i = 0; i < q->n_segments; i++) {
        for (uint32_t n = 0; n < q->segments[i].length; n++)
            model_byte(&d->model, d->own[q->segments[i].offset + n]);
        bytes += q->segments[i].length;
    }
    d->sent += (uint64_t)bytes;
    answer(d, q->id, bytes);
}

/* The other side of the ring: what was written is shown. */
static void serve(struct desk *d)
{
    struct ring_request q;

    while (!d->deaf && ring_take(&d->other, &q) > 0) {
        if (q.operation == RING_WRITE) {
            show(d, &q);
        } else {
            assert_int_equal(q.operation, RING_READ);
            d->asked = true;
            d->id = q.id;
        }
    }
}

static bool wait_for(struct backend *b)
{
    serve(b->owner);
    return true;
}

/* As the machine's loop does it. Returns what display_poll() does. */
static uint64_t poll_once(struct desk *d)
{
    stream_poll(&d->stream);
    const uint64_t next = display_poll(&d->display, d->now);
    stream_poll(&d->stream);
    serve(d);
    return next;
}

static void pass(struct desk *d, uint64_t ns)
{
    d->now += ns;
    keyboard_board_pass(&d->keyboard, ns);
}

/* Until all is drawn. */
static void settle(struct desk *d)
{
    unsigned n = 0;

    do {
        pass(d, DISPLAY_NS);
        assert_true(n++ < 100);
    } while (poll_once(d) != NEVER);
    stream_poll(&d->stream);
}

static void desk_begin(struct desk *d, unsigned rows, unsigned columns, unsigned mode)
{
    d->vga = vga_board_make();
    d->shared = aligned_alloc(4096, (ring_bytes(SLOTS) + 4095) & ~(size_t)4095);
    assert_non_null(d->shared);
    memset(d->shared, 0, ring_bytes(SLOTS));
    assert_int_equal(keyboard_board_init(&d->keyboard, true), 0);
    d->backend =
        (struct backend){.own = d->own, .own_bytes = sizeof(d->own), .owner = d, .kick = kick, .wait = wait_for};
    ring_init(&d->backend.ring, d->shared, SLOTS, true);
    ring_init(&d->other, d->shared, SLOTS, false);
    display_init(&d->display, &d->stream, &d->vga->vga, &d->keyboard.typist);
    stream_init(&d->stream, &d->backend, display_receive, &d->display);
    display_resized(&d->display, rows, columns);
    model_begin(&d->model, rows, columns);
    if (mode != 0xff)
        vga_mode_set(d->vga, mode);
}

static int make(void **state)
{
    *state = calloc(1, sizeof(struct desk));
    return *state == NULL ? -1 : 0;
}
static void desk_end(struct desk *d)
{
    free(d->shared);
    vga_board_free(d->vga);
    memset(d, 0, sizeof(*d));
}
static int drop(void **state)
{
    desk_end(*state);
    free(*state);
    return 0;
}

static void put(struct desk *d, unsigned row, unsigned column, uint8_t character, uint8_t attribute)
{
    vga_poke(d->vga, TEXT + 2 * (row * 80 + column), character);
    vga_poke(d->vga, TEXT + 2 * (row * 80 + column) + 1, attribute);
}
static void put_cursor(struct desk *d, unsigned row, unsigned column)
{
    vga_set(d->vga, 0x3d4, 0xe, (uint8_t)((row * 80 + column) >> 8));
    vga_set(d->vga, 0x3d4, 0xf, (uint8_t)(row * 80 + column));
}

/* All of the screen, another picture for another seed. */
static void paint(struct desk *d, unsigned seed)
{
    for (unsigned i = 0; i < 80 * 25; i++)
        put(d, i / 80, i % 80, (uint8_t)(i * 7 + seed), (uint8_t)(i / 3 * 5 + seed));
}

/* Black, blue, green, cyan, red, magenta, brown, grey: where ANSI has them. */
static const uint8_t ansi[16] = {0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15};

/* Row `first` of the screen is the terminal's first one. */
static void expect_picture(struct desk *d, unsigned first)
{
    const struct model *m = &d->model;
    const bool blinks = d->vga->vga.state.attribute[0x10] & 8;

    for (unsigned y = 0; y < m->rows && y + first < 25; y++)
        for (unsigned x = 0; x < m->columns && x < 80; x++) {
            const uint32_t at = TEXT + 2 * ((y + first) * 80 + x);
            const uint8_t character = vga_peek(d->vga, at), attribute = vga_peek(d->vga, at + 1);
            const struct cell *c = &m->cells[y][x];
            const bool dots = character != 0 && character != 0xff;
            if (c->character != (dots ? screen_unicode(character) : ' ') || c->front != ansi[attribute & 15] ||
                c->back != ansi[attribute >> 4 & (blinks ? 7 : 15)])
                fail_msg("row %u, column %u: %02x %02x is shown as %x, %u on %u", y, x, character, attribute,
                         c->character, c->front, c->back);
        }
    assert_false(m->scrolled);
}

/* Of the row's first characters. */
static void expect_text(const struct desk *d, unsigned row, const char *text)
{
    for (unsigned x = 0; text[x] != '\0'; x++)
        assert_int_equal(d->model.cells[row][x].character, text[x]);
}

/* ---- Drawing ----------------------------------------------------------------------------------------------------- */

static void test_nothing_is_drawn_before_there_is_a_mode(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 0xff);
    settle(d);
    assert_int_equal(d->sent, 0);
    display_end(&d->display);
    stream_flush(&d->stream);
    assert_int_equal(d->sent, 0);
}

static void test_terminal_shows_all_characters_and_colours(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 30, 100, 3);
    for (unsigned bright = 0; bright < 2; bright++) {
        vga_attribute_set(d->vga, 0x10 | 0x20, bright ? 4 : 0xc); /* the upper bit: a colour, or blinking */
        paint(d, bright);
        settle(d);
        expect_picture(d, 0);
    }
    assert_int_equal(d->model.cells[26][0].character, ' ');
    assert_int_equal(d->model.cells[0][90].character, ' ');
}

/* No byte of the guest's is a control character of the terminal's: the model would fail. */
static void test_guest_that_writes_sequences_is_shown_their_signs(void **state)
{
    static const char text[] = "\033[2J\033]0;x\007\x9b\x90\x7f\r\n\b";
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    for (unsigned i = 0; i < sizeof(text) - 1; i++)
        put(d, 1, i, (uint8_t)text[i], 7);
    settle(d);
    expect_picture(d, 0);
    assert_int_equal(d->model.cells[1][0].character, 0x2190);
    for (unsigned i = 0; i < 256; i++)
        assert_true(screen_unicode((uint8_t)i) >= 0xa0 || i == 0 ||
                    (screen_unicode((uint8_t)i) >= 0x20 && screen_unicode((uint8_t)i) < 0x7f));
}

static void test_only_what_changed_is_sent(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 1);
    settle(d);
    const uint64_t before = d->sent;
    settle(d);
    assert_int_equal(d->sent, before);
    put(d, 10, 40, 'x', 0x1e);
    put(d, 10, 41, 'y', 0x1e);
    settle(d);
    expect_picture(d, 0);
    assert_in_range(d->sent - before, 4, 40);
    put(d, 0, 0, vga_peek(d->vga, TEXT), vga_peek(d->vga, TEXT + 1)); /* written, and no other than it was */
    const uint64_t after = d->sent;
    settle(d);
    assert_int_equal(d->sent, after);
}

static void test_looks_are_as_far_apart_as_promised(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 1);
    settle(d);
    put(d, 0, 0, 'a', 7);
    pass(d, DISPLAY_NS);
    assert_int_equal(poll_once(d), NEVER);
    put(d, 0, 0, 'b', 7);
    pass(d, 1 * MS);
    assert_int_equal(poll_once(d), d->now - 1 * MS + DISPLAY_NS);
    assert_int_equal(d->model.cells[0][0].character, 'a');
    pass(d, DISPLAY_NS - 1 * MS);
    assert_int_equal(poll_once(d), NEVER);
    assert_int_equal(d->model.cells[0][0].character, 'b');
}

static void test_slow_terminal_gets_the_last_picture(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    d->deaf = true;
    for (unsigned i = 0; i < 50; i++) {
        paint(d, i);
        put_cursor(d, i % 25, 7);
        pass(d, DISPLAY_NS);
        assert_int_equal(poll_once(d), d->now + DISPLAY_NS);
        assert_int_not_equal(d->display.seen_changes, d->vga->vga.changes);
    }
    d->deaf = false;
    settle(d);
    expect_picture(d, 0);
    assert_int_equal(d->model.row, 24);
    assert_int_equal(d->model.column, 7);
    assert_int_equal(d->display.seen_changes, d->vga->vga.changes);
}

/* A picture that changes while half of it is sent: none of its sequences is cut in two. */
static void test_picture_changes_while_it_is_drawn(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    for (unsigned i = 0; i < 40; i++) {
        d->deaf = i % 3 != 0;
        paint(d, i * 11);
        if (i % 7 == 6)
            vga_mode_set(d->vga, i % 2 ? 0x13 : 3);
        pass(d, DISPLAY_NS);
        poll_once(d);
    }
    d->deaf = false;
    vga_mode_set(d->vga, 3);
    settle(d);
    expect_picture(d, 0);
}

static void test_small_terminal_is_not_written_beyond(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 24, 60, 3); /* the model fails on a place that it has not */
    paint(d, 3);
    put_cursor(d, 0, 0);
    settle(d);
    expect_picture(d, 0);
    assert_true(d->model.cursor);
    put_cursor(d, 24, 3); /* the row with the cursor is kept in sight */
    settle(d);
    expect_picture(d, 1);
    assert_int_equal(d->model.row, 23);
    assert_int_equal(d->model.column, 3);
    put_cursor(d, 10, 70); /* beyond the right edge: it is not to be seen */
    settle(d);
    expect_picture(d, 1);
    assert_false(d->model.cursor);
    put_cursor(d, 0, 5);
    settle(d);
    expect_picture(d, 0);
    assert_true(d->model.cursor);
}

static void test_terminal_of_another_size_is_drawn_anew(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 5);
    settle(d);
    model_begin(&d->model, 10, 30);
    display_resized(&d->display, 10, 30);
    assert_int_not_equal(d->display.seen_changes, d->vga->vga.changes);
    settle(d);
    expect_picture(d, 0);
    model_begin(&d->model, 50, 132);
    display_resized(&d->display, 50, 132);
    settle(d);
    expect_picture(d, 0);
}

static void test_cursor_is_where_the_guest_has_it(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 9);
    put_cursor(d, 12, 34);
    settle(d);
    assert_true(d->model.cursor);
    assert_int_equal(d->model.row, 12);
    assert_int_equal(d->model.column, 34);
    put_cursor(d, 24, 79);
    settle(d);
    assert_int_equal(d->model.row, 24);
    assert_int_equal(d->model.column, 79);
    vga_set(d->vga, 0x3d4, 0xa, 0x20);
    settle(d);
    assert_false(d->model.cursor);
    vga_set(d->vga, 0x3d4, 0xa, 0x0d);
    settle(d);
    assert_true(d->model.cursor);
    expect_picture(d, 0);
}

static void test_graphics_are_a_line_that_says_so(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 2);
    settle(d);
    vga_mode_set(d->vga, 0x12);
    settle(d);
    expect_text(d, 0, "[ 640 x 480 graphics: moat vm screenshot NAME F.png ]  ");
    expect_text(d, 1, "    ");
    assert_false(d->model.cursor);
    const uint64_t before = d->sent;
    for (unsigned i = 0; i < 1000; i++)
        vga_poke(d->vga, 0xa0000 + i, (uint8_t)i);
    settle(d);
    assert_int_equal(d->sent, before); /* a picture that moves is the same line */
    vga_mode_set(d->vga, 3);
    paint(d, 3);
    settle(d);
    expect_picture(d, 0);
}

static void test_other_text_modes_are_drawn(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 2);
    settle(d);
    vga_mode_set(d->vga, 0); /* 40 columns: nothing of the 80 is left */
    for (unsigned i = 0; i < 40; i++)
        vga_poke(d->vga, TEXT + 2 * i, 'w');
    settle(d);
    expect_text(d, 0, "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww   ");
    assert_int_equal(d->model.cells[0][40].front, 0xff);
}

static void test_end_leaves_the_terminal_in_order(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 40, 80, 3);
    paint(d, 4);
    vga_set(d->vga, 0x3d4, 0xa, 0x20);
    settle(d);
    assert_false(d->model.cursor);
    display_end(&d->display);
    stream_flush(&d->stream);
    assert_true(d->model.cursor);
    assert_int_equal(d->model.front, 0xff);
    assert_int_equal(d->model.back, 0xff);
    assert_int_equal(d->model.row, 25);
    assert_int_equal(d->model.column, 0);
    const uint64_t before = d->sent;
    paint(d, 5);
    settle(d);
    assert_int_equal(d->sent, before);
}

/* The end comes while the terminal is behind: what it has begun to read is whole, wherever the stream was full. */
static void test_end_comes_in_the_middle_of_a_picture(void **state)
{
    struct desk *d = *state;

    for (unsigned seed = 0; seed < 12; seed++) {
        desk_begin(d, 25, 80, 3);
        d->deaf = true;
        for (unsigned i = 0; i < 3; i++) {
            paint(d, i * 3 + seed);
            pass(d, DISPLAY_NS);
            poll_once(d);
        }
        d->deaf = false;
        display_end(&d->display);
        stream_flush(&d->stream);
        assert_int_equal(d->model.n, 0);
        assert_true(d->model.cursor);
        assert_int_equal(d->model.front, 0xff);
        if (seed < 11)
            desk_end(d);
    }
}

static void test_display_without_a_reader_goes_on(void **state)
{
    struct desk *d = *state;

    desk_begin(d, 25, 80, 3);
    paint(d, 1);
    d->backend.ring.broken = true;
    pass(d, DISPLAY_NS);
    assert_int_equal(poll_once(d), NEVER);
    display_end(&d->display);
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static void type(struct desk *d, const char *text)
{
    const size_t n = strlen(text);

    poll_once(d);
    assert_true(d->asked);
    memcpy(d->own + STREAM_OUT, text, n);
    d->asked = false;
    answer(d, d->id, (int64_t)n);
    poll_once(d);
}

/* What the guest reads of its keyboard, until nothing comes. */
static unsigned read_keyboard(struct desk *d, uint8_t *out, unsigned most)
{
    unsigned n = 0;

    for (unsigned quiet = 0; quiet < 20; quiet++) {
        pass(d, 1 * MS);
        if (!(keyboard_board_in(&d->keyboard, 0x64) & 1))
            continue;
        assert_true(n < most);
        out[n++] = keyboard_board_in(&d->keyboard, 0x60);
        quiet = 0;
    }
    return n;
}

static void test_bytes_of_the_terminal_are_keys(void **state)
{
    static const uint8_t expected[] = {0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8};
    struct desk *d = *state;
    uint8_t codes[16];

    desk_begin(d, 25, 80, 3);
    type(d, "a\033[");
    type(d, "A");
    assert_int_equal(read_keyboard(d, codes, sizeof(codes)), sizeof(expected));
    assert_memory_equal(codes, expected, sizeof(expected));
}

static void test_escape_alone_is_a_key_after_a_while(void **state)
{
    static const uint8_t expected[] = {0x01, 0x81};
    struct desk *d = *state;
    uint8_t codes[16];

    desk_begin(d, 25, 80, 3);
    settle(d);
    type(d, "\033");
    const uint64_t due = d->now + DISPLAY_ESCAPE_NS;
    assert_int_equal(poll_once(d), due);
    pass(d, DISPLAY_ESCAPE_NS - 1);
    poll_once(d);
    assert_true(typist_idle(&d->keyboard.typist));
    pass(d, 1);
    assert_int_equal(poll_once(d), NEVER);
    assert_int_equal(read_keyboard(d, codes, sizeof(codes)), sizeof(expected));
    assert_memory_equal(codes, expected, sizeof(expected));
}

/* More than the typist can remember waits in the stream, and nothing is lost or doubled. */
static void test_keys_that_find_no_room_wait(void **state)
{
    static uint8_t codes[2 * STREAM_IN + 64];
    static char text[STREAM_IN + 1];
    struct desk *d = *state;
    unsigned n = 0;

    desk_begin(d, 25, 80, 3);
    memset(text, 'a', STREAM_IN);
    text[STREAM_IN - 1] = 'c';
    type(d, "b");
    type(d, text);
    assert_int_equal(d->stream.in - d->stream.taken, 1);
    while (!typist_idle(&d->keyboard.typist)) {
        n += read_keyboard(d, codes + n, sizeof(codes) - n);
        poll_once(d);
    }
    assert_int_equal(n, 2 + 2 * STREAM_IN);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t code = i < 2 ? 0x30 : i < n - 2 ? 0x1e : 0x2e;
        assert_int_equal(codes[i], i % 2 ? code | 0x80 : code);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_drawn_before_there_is_a_mode),
        TEST(test_terminal_shows_all_characters_and_colours),
        TEST(test_guest_that_writes_sequences_is_shown_their_signs),
        TEST(test_only_what_changed_is_sent),
        TEST(test_looks_are_as_far_apart_as_promised),
        TEST(test_slow_terminal_gets_the_last_picture),
        TEST(test_picture_changes_while_it_is_drawn),
        TEST(test_small_terminal_is_not_written_beyond),
        TEST(test_terminal_of_another_size_is_drawn_anew),
        TEST(test_cursor_is_where_the_guest_has_it),
        TEST(test_graphics_are_a_line_that_says_so),
        TEST(test_other_text_modes_are_drawn),
        TEST(test_end_leaves_the_terminal_in_order),
        TEST(test_end_comes_in_the_middle_of_a_picture),
        TEST(test_display_without_a_reader_goes_on),
        TEST(test_bytes_of_the_terminal_are_keys),
        TEST(test_escape_alone_is_a_key_after_a_while),
        TEST(test_keys_that_find_no_room_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

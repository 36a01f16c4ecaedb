/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller, its keyboard and its mouse, through the ports as a guest has them: bytes in,
 * bytes out, lines. What is expected is of IBM's reference and of the tables that all operating systems have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "unit/keyboard_board.h"

#define MS UINT64_C(1000000)

enum { DATA = 0x60, COMMAND = 0x64, FULL = 1, SYSTEM = 4, IS_COMMAND = 8, UNLOCKED = 0x10, OF_MOUSE = 0x20 };
enum { TRANSLATE = 0x40, BOTH_IRQS = 3 };

static int make(void **state)
{
    struct keyboard_board *b = malloc(sizeof(*b));

    assert_non_null(b);
    assert_int_equal(keyboard_board_init(b, false), 0);
    *state = b;
    return 0;
}
static int drop(void **state)
{
    free(*state);
    return 0;
}

static uint8_t in(struct keyboard_board *b, uint16_t port)
{
    return keyboard_board_in(b, port);
}
static void out(struct keyboard_board *b, uint16_t port, uint8_t value)
{
    keyboard_board_out(b, port, value);
}
static void set_command_byte(struct keyboard_board *b, uint8_t value)
{
    out(b, COMMAND, 0x60);
    out(b, DATA, value);
}
static void to_mouse(struct keyboard_board *b, uint8_t value)
{
    out(b, COMMAND, 0xd4);
    out(b, DATA, value);
}

/* The next bytes are these, in time, and none follows; whose they are. */
static void expect(struct keyboard_board *b, uint8_t whose, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        keyboard_board_pass(b, I8042_BYTE_NS);
        assert_int_equal(in(b, COMMAND) & (FULL | OF_MOUSE), FULL | whose);
        assert_int_equal(in(b, DATA), bytes[i]);
    }
    keyboard_board_pass(b, I8042_BYTE_NS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
}
#define EXPECT(b, ...)       expect(b, 0, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define EXPECT_MOUSE(b, ...) expect(b, OF_MOUSE, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
/* A byte to the mouse, and all that it answers. */
#define ASK_MOUSE(b, byte, ...)                                                                                        \
    do {                                                                                                               \
        to_mouse(b, byte);                                                                                             \
        EXPECT_MOUSE(b, __VA_ARGS__);                                                                                  \
    } while (0)

static void press(struct keyboard_board *b, uint16_t key)
{
    assert_true(i8042_key(&b->controller, key));
}

/* ---- Controller -------------------------------------------------------------------------------------------------- */

static void test_controller_tests_itself_and_its_wires(void **state)
{
    struct keyboard_board *b = *state;

    assert_int_equal(in(b, COMMAND), UNLOCKED);
    out(b, COMMAND, 0xaa);
    assert_int_equal(in(b, COMMAND), UNLOCKED | SYSTEM | IS_COMMAND | FULL);
    EXPECT(b, 0x55);
    out(b, COMMAND, 0xab);
    EXPECT(b, 0);
    out(b, COMMAND, 0xa9);
    EXPECT(b, 0);
}

static void test_self_test_result_is_the_next_byte_whatever_was_there(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, 0);
    press(b, 0x1e);
    assert_int_equal(in(b, COMMAND) & FULL, FULL);
    out(b, COMMAND, 0xaa);
    assert_int_equal(in(b, DATA), 0x55);
}

static void test_ram_keeps_what_is_written(void **state)
{
    struct keyboard_board *b = *state;

    for (uint8_t i = 0; i < 32; i++) {
        out(b, COMMAND, 0x60 | i);
        out(b, DATA, i == 0 ? 0x74 : 0xa0 | i);
    }
    for (uint8_t i = 0; i < 32; i++) {
        out(b, COMMAND, 0x20 | i);
        EXPECT(b, i == 0 ? 0x74 : 0xa0 | i);
    }
    assert_int_equal(in(b, COMMAND), UNLOCKED | SYSTEM | IS_COMMAND);
}

static void test_switches_are_bits_of_the_command_byte(void **state)
{
    static const uint8_t steps[][2] = {{0xad, 0x53}, {0xa7, 0x73}, {0xae, 0x63}, {0xa8, 0x43}};
    struct keyboard_board *b = *state;

    set_command_byte(b, 0x43);
    for (unsigned i = 0; i < 4; i++) {
        out(b, COMMAND, steps[i][0]);
        out(b, COMMAND, 0x20);
        EXPECT(b, steps[i][1]);
    }
}

static void test_ports_of_the_controller(void **state)
{
    struct keyboard_board *b = *state;

    out(b, COMMAND, 0xc0);
    EXPECT(b, 0x80);
    out(b, COMMAND, 0xe0);
    EXPECT(b, 0);
    out(b, COMMAND, 0xa4);
    EXPECT(b, 0xf1);
    out(b, COMMAND, 0xd0);
    EXPECT(b, 0xc1);
    out(b, COMMAND, 0xd2);
    out(b, DATA, 0x9c);
    EXPECT(b, 0x9c);
    out(b, COMMAND, 0xd3);
    out(b, DATA, 0x5a);
    EXPECT_MOUSE(b, 0x5a);
}

static void test_gate_a20_has_two_commands_and_a_bit(void **state)
{
    struct keyboard_board *b = *state;

    out(b, COMMAND, 0xdf);
    assert_true(b->a20);
    out(b, COMMAND, 0xdd);
    assert_false(b->a20);
    out(b, COMMAND, 0xd1);
    out(b, DATA, 0xdf);
    assert_true(b->a20);
    out(b, COMMAND, 0xd0);
    EXPECT(b, 0xcf); /* nothing stood at the port when it was asked */
    out(b, COMMAND, 0xd1);
    out(b, DATA, 0xdd);
    assert_false(b->a20);
    assert_int_equal(b->resets, 0);
}

static void test_reset_is_pulsed_by_bit_0(void **state)
{
    struct keyboard_board *b = *state;

    out(b, COMMAND, 0xff);
    out(b, COMMAND, 0xf1);
    assert_int_equal(b->resets, 0);
    out(b, COMMAND, 0xfe);
    out(b, COMMAND, 0xf0);
    assert_int_equal(b->resets, 2);
    out(b, COMMAND, 0xd1);
    out(b, DATA, 0xde);
    assert_int_equal(b->resets, 3);
}

static void test_last_write_is_told_in_status(void **state)
{
    struct keyboard_board *b = *state;

    out(b, COMMAND, 0xad);
    assert_int_equal(in(b, COMMAND) & IS_COMMAND, IS_COMMAND);
    out(b, DATA, 0xee);
    assert_int_equal(in(b, COMMAND) & IS_COMMAND, 0);
}

/* ---- Bytes and lines --------------------------------------------------------------------------------------------- */

static void test_line_is_up_until_the_byte_is_read(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, TRANSLATE | BOTH_IRQS);
    press(b, 0x1e);
    assert_true(b->lines[1]);
    assert_int_equal(in(b, DATA), 0x1e);
    assert_false(b->lines[1]);
    assert_int_equal(b->edges[1], 1);
    assert_int_equal(b->edges[12], 0);
}

static void test_line_stays_down_without_its_bit(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, TRANSLATE);
    press(b, 0x1e);
    assert_false(b->lines[1]);
    assert_int_equal(in(b, COMMAND) & FULL, FULL);
    set_command_byte(b, TRANSLATE | BOTH_IRQS);
    assert_true(b->lines[1]);
}

/* Handlers in a chain read the byte again; the next one comes later, with an edge of its own. */
static void test_next_byte_comes_after_the_wires_time(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, TRANSLATE | BOTH_IRQS);
    press(b, KEY_EXTENDED | 0x48);
    assert_int_equal(in(b, DATA), 0xe0);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
    assert_int_equal(in(b, DATA), 0xe0);
    keyboard_board_pass(b, I8042_BYTE_NS - 1);
    assert_false(b->lines[1]);
    keyboard_board_pass(b, 1);
    assert_true(b->lines[1]);
    assert_int_equal(in(b, DATA), 0x48);
    assert_int_equal(b->edges[1], 2);
    assert_int_equal(b->controller.timer.due, NEVER);
}

static void test_disabled_keyboard_waits(void **state)
{
    struct keyboard_board *b = *state;

    out(b, COMMAND, 0xad);
    press(b, 0x1e);
    keyboard_board_pass(b, 10 * MS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
    out(b, COMMAND, 0xae);
    EXPECT(b, 0x1e);
}

static void test_answers_come_before_keys_and_at_once(void **state)
{
    struct keyboard_board *b = *state;

    press(b, 0x1e);
    press(b, 0x1e | KEY_RELEASE);
    out(b, DATA, 0xf2);
    assert_int_equal(in(b, DATA), 0x1e); /* it stood there before */
    assert_int_equal(in(b, DATA), 0xfa);
    assert_int_equal(in(b, DATA), 0xab);
    assert_int_equal(in(b, DATA), 0x41);
    EXPECT(b, 0x9e);
}

/* An answer that looks like the beginning of a release is none. */
static void test_answers_are_not_put_together_with_keys(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, 0);
    press(b, 0x1e | KEY_RELEASE);
    assert_int_equal(in(b, DATA), 0xf0);
    set_command_byte(b, TRANSLATE);
    out(b, DATA, 0xfe);
    EXPECT(b, 0xf0, 0x1e);
}

/* ---- Keyboard ---------------------------------------------------------------------------------------------------- */

static void test_keyboard_resets_to_set_2_and_scans(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, BOTH_IRQS);
    out(b, DATA, 0xf0);
    EXPECT(b, 0xfa);
    out(b, DATA, 1);
    EXPECT(b, 0xfa);
    out(b, DATA, 0xf5);
    EXPECT(b, 0xfa);
    out(b, DATA, 0xff);
    EXPECT(b, 0xfa, 0xaa);
    press(b, 0x1e);
    EXPECT(b, 0x1c);
}

static void test_keyboard_answers_its_commands(void **state)
{
    static const struct {
        const char *label;
        uint8_t sent, answer;
    } steps[] = {
        {"echo", 0xee, 0xee},
        {"again", 0xfe, 0xee},
        {"lights", 0xed, 0xfa},
        {"which", 7, 0xfa},
        {"rate", 0xf3, 0xfa},
        {"the fastest", 0, 0xfa},
        {"enable", 0xf4, 0xfa},
        {"disable", 0xf5, 0xfa},
        {"defaults", 0xf6, 0xfa},
        {"of all keys", 0xf8, 0xfa},
        {"unknown", 0xef, 0xfe},
        {"no command", 0x12, 0xfe},
        {"a set", 0xf0, 0xfa},
        {"the third one", 3, 0xfe},
        {"of a key", 0xfc, 0xfa},
        {"one", 0x1c, 0xfa},
        {"and another one", 0x1d, 0xfa},
        {"the end of it", 0xf4, 0xfa},
        {"not one more", 0x1c, 0xfe},
        {"lights", 0xed, 0xfa},
        {"a command instead", 0xee, 0xee},
        {"not its byte", 2, 0xfe},
    };
    struct keyboard_board *b = *state;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        print_message("# %s\n", steps[i].label);
        out(b, DATA, steps[i].sent);
        EXPECT(b, steps[i].answer);
    }
}

static void test_keyboard_tells_its_set(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, 0);
    for (uint8_t set = 1; set <= 2; set++) {
        out(b, DATA, 0xf0);
        EXPECT(b, 0xfa);
        out(b, DATA, set);
        EXPECT(b, 0xfa);
        out(b, DATA, 0xf0);
        EXPECT(b, 0xfa);
        out(b, DATA, 0);
        EXPECT(b, 0xfa, set);
    }
    set_command_byte(b, TRANSLATE);
    out(b, DATA, 0xf0);
    EXPECT(b, 0xfa);
    out(b, DATA, 0);
    EXPECT(b, 0xfa, 0x41); /* translated as all is */
}

static void test_keyboard_that_is_disabled_loses_keys(void **state)
{
    struct keyboard_board *b = *state;

    out(b, DATA, 0xf5);
    EXPECT(b, 0xfa);
    press(b, 0x1e);
    keyboard_board_pass(b, 10 * MS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
    out(b, DATA, 0xf4);
    EXPECT(b, 0xfa);
    press(b, 0x1f);
    EXPECT(b, 0x1f);
}

static void test_keys_in_both_sets(void **state)
{
    static const struct {
        const char *label;
        uint16_t key;
        uint8_t set1[8], set2[8]; /* 0: the end */
    } cases[] = {
        {"a", 0x1e, {0x1e}, {0x1c}},
        {"a up", 0x9e, {0x9e}, {0xf0, 0x1c}},
        {"f7", 0x41, {0x41}, {0x83}},
        {"f7 up", 0xc1, {0xc1}, {0xf0, 0x83}},
        {"f12", 0x58, {0x58}, {0x07}},
        {"up", KEY_EXTENDED | 0x48, {0xe0, 0x48}, {0xe0, 0x75}},
        {"up up", KEY_EXTENDED | 0xc8, {0xe0, 0xc8}, {0xe0, 0xf0, 0x75}},
        {"menu", KEY_EXTENDED | 0x5d, {0xe0, 0x5d}, {0xe0, 0x2f}},
        {"102nd", 0x56, {0x56}, {0x61}},
        {"pause", KEY_PAUSE, {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}, {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}},
        {"pause up", KEY_PAUSE | KEY_RELEASE, {0}, {0}},
        {"print", KEY_PRINT, {0xe0, 0x2a, 0xe0, 0x37}, {0xe0, 0x12, 0xe0, 0x7c}},
        {"print up", KEY_PRINT | KEY_RELEASE, {0xe0, 0xb7, 0xe0, 0xaa}, {0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12}},
        {"ctrl", 0x1d, {0x1d}, {0x14}},
        {"break", KEY_PAUSE, {0xe0, 0x46, 0xe0, 0xc6}, {0xe0, 0x7e, 0xe0, 0xf0, 0x7e}},
        {"print with ctrl", KEY_PRINT, {0xe0, 0x37}, {0xe0, 0x7c}},
        {"ctrl up", 0x9d, {0x9d}, {0xf0, 0x14}},
        {"alt_r", KEY_EXTENDED | 0x38, {0xe0, 0x38}, {0xe0, 0x11}},
        {"request", KEY_PRINT, {0x54}, {0x84}},
        {"request up", KEY_PRINT | KEY_RELEASE, {0xd4}, {0xf0, 0x84}},
        {"alt_r up", KEY_EXTENDED | 0xb8, {0xe0, 0xb8}, {0xe0, 0xf0, 0x11}},
    };
    static const uint8_t modes[3][2] = {{TRANSLATE, 2}, {0, 1}, {0, 2}}; /* of the controller, of the keyboard */
    struct keyboard_board *b = *state;

    for (unsigned mode = 0; mode < 3; mode++) {
        set_command_byte(b, modes[mode][0]);
        out(b, DATA, 0xf0);
        EXPECT(b, 0xfa);
        out(b, DATA, modes[mode][1]);
        EXPECT(b, 0xfa);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const uint8_t *bytes = mode == 2 ? cases[i].set2 : cases[i].set1;
            unsigned n = 0;
            print_message("# %s, mode %u\n", cases[i].label, mode);
            while (n < 8 && bytes[n] != 0)
                n++;
            press(b, cases[i].key);
            expect(b, 0, bytes, n);
        }
    }
}

/* Each make code has one of set 2 that comes back as it. */
static void test_all_make_codes_survive_translation(void **state)
{
    struct keyboard_board *b = *state;

    for (uint8_t make_code = 1; make_code < 0x80; make_code++) {
        press(b, make_code);
        EXPECT(b, make_code);
        press(b, make_code | KEY_RELEASE);
        EXPECT(b, make_code | 0x80);
    }
}

static void test_keyboard_takes_all_of_a_key_or_nothing(void **state)
{
    struct keyboard_board *b = *state;
    unsigned keys = 0;

    out(b, COMMAND, 0xad);
    while (i8042_key(&b->controller, KEY_PRINT))
        keys++;
    assert_int_equal(keys, PS2_QUEUE / 4);
    assert_false(i8042_key(&b->controller, 0x1e)); /* full to the last byte */
    out(b, COMMAND, 0xae);
    for (unsigned i = 0; i < keys; i++)
        for (unsigned n = 0; n < 4; n++) {
            static const uint8_t bytes[] = {0xe0, 0x2a, 0xe0, 0x37};
            keyboard_board_pass(b, I8042_BYTE_NS);
            assert_int_equal(in(b, DATA), bytes[n]);
        }
    keyboard_board_pass(b, I8042_BYTE_NS);
    assert_true(i8042_idle(&b->controller));
}

/* ---- Mouse ------------------------------------------------------------------------------------------------------- */

static void test_mouse_resets_and_tells_its_kind(void **state)
{
    struct keyboard_board *b = *state;

    ASK_MOUSE(b, 0xff, 0xfa, 0xaa, 0x00);
    ASK_MOUSE(b, 0xf2, 0xfa, 0x00);
    ASK_MOUSE(b, 0xe9, 0xfa, 0x00, 0x02, 100);
    ASK_MOUSE(b, 0xe8, 0xfa);
    ASK_MOUSE(b, 3, 0xfa);
    ASK_MOUSE(b, 0xe7, 0xfa);
    ASK_MOUSE(b, 0xf4, 0xfa);
    ASK_MOUSE(b, 0xe9, 0xfa, 0x30, 0x03, 100);
    ASK_MOUSE(b, 0xfe, 100);
    ASK_MOUSE(b, 0xe1, 0xfe);
}

/* One more of the first number is no other knock. */
static void knock(struct keyboard_board *b)
{
    static const uint8_t rates[] = {100, 80, 200, 200, 100, 80};

    for (unsigned i = 0; i < sizeof(rates); i++) {
        ASK_MOUSE(b, 0xf3, 0xfa);
        ASK_MOUSE(b, rates[i], 0xfa);
    }
}

static void test_mouse_moves_and_interrupts(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, BOTH_IRQS);
    ASK_MOUSE(b, 0xf4, 0xfa);
    i8042_mouse(&b->controller, 5, -3, 1, 0);
    assert_true(b->lines[12]);
    assert_false(b->lines[1]);
    EXPECT_MOUSE(b, 0x28, 5, 0xfd);
    assert_false(b->lines[12]);
    i8042_mouse(&b->controller, 0, 0, 0, 7);
    i8042_mouse(&b->controller, 0, 0, 0, 1);
    EXPECT_MOUSE(b, 0x0f, 0, 0, 0x09, 0, 0);
}

static void test_mouse_that_does_not_report_says_nothing(void **state)
{
    struct keyboard_board *b = *state;

    i8042_mouse(&b->controller, 5, 5, 0, 1);
    keyboard_board_pass(b, 10 * MS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
}

static void test_mouse_with_a_wheel_has_a_fourth_byte(void **state)
{
    struct keyboard_board *b = *state;

    knock(b);
    ASK_MOUSE(b, 0xf2, 0xfa, 3);
    ASK_MOUSE(b, 0xf4, 0xfa);
    i8042_mouse(&b->controller, 0, 0, -2, 4);
    EXPECT_MOUSE(b, 0x0c, 0, 0, 0xfe);
    i8042_mouse(&b->controller, 0, 0, 9, 4);
    EXPECT_MOUSE(b, 0x0c, 0, 0, 7, 0x0c, 0, 0, 2);
    ASK_MOUSE(b, 0xff, 0xfa, 0xaa, 0);
    ASK_MOUSE(b, 0xf2, 0xfa, 0);
}

static void test_mouse_movement_gathers_while_nobody_reads(void **state)
{
    struct keyboard_board *b = *state;

    ASK_MOUSE(b, 0xf4, 0xfa);
    for (unsigned i = 0; i < 50; i++)
        i8042_mouse(&b->controller, 4, 0, 0, 0);
    EXPECT_MOUSE(b, 0x08, 4, 0, 0x08, 127, 0, 0x08, 196 - 127, 0);
    i8042_mouse(&b->controller, -100000, 100000, 0, 0); /* as far as it can count */
    keyboard_board_pass(b, I8042_BYTE_NS);
    assert_int_equal(in(b, DATA), 0x18);
    to_mouse(b, 0xf5);
    for (unsigned i = 0; i < 2 && (in(b, COMMAND) & FULL); i++)
        (void)in(b, DATA); /* one that stood there, and the acknowledgement */
    keyboard_board_pass(b, I8042_BYTE_NS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
}

static void test_mouse_is_polled(void **state)
{
    struct keyboard_board *b = *state;

    ASK_MOUSE(b, 0xf0, 0xfa);
    ASK_MOUSE(b, 0xf4, 0xfa);
    i8042_mouse(&b->controller, 1, 2, 0, 2);
    keyboard_board_pass(b, 10 * MS);
    assert_int_equal(in(b, COMMAND) & FULL, 0);
    ASK_MOUSE(b, 0xe9, 0xfa, 0x61, 2, 100);
    ASK_MOUSE(b, 0xeb, 0xfa, 0x0a, 1, 2);
    ASK_MOUSE(b, 0xeb, 0xfa, 0x0a, 0, 0);
    ASK_MOUSE(b, 0xe7, 0xfa); /* of what is asked for nothing is scaled */
    i8042_mouse(&b->controller, 5, 0, 0, 2);
    ASK_MOUSE(b, 0xeb, 0xfa, 0x0a, 5, 0);
    ASK_MOUSE(b, 0xe6, 0xfa);
    ASK_MOUSE(b, 0xea, 0xfa);
    i8042_mouse(&b->controller, 3, 0, 0, 0);
    EXPECT_MOUSE(b, 0x08, 3, 0);
}

static void test_mouse_scales_what_it_tells_unasked(void **state)
{
    static const int8_t moved[][2] = {{1, 1}, {2, 1}, {-3, -3}, {4, 6}, {5, 9}, {-6, -12}};
    struct keyboard_board *b = *state;

    ASK_MOUSE(b, 0xe7, 0xfa);
    ASK_MOUSE(b, 0xf4, 0xfa);
    for (unsigned i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        i8042_mouse(&b->controller, moved[i][0], 0, 0, 0);
        EXPECT_MOUSE(b, moved[i][0] < 0 ? 0x18 : 0x08, (uint8_t)moved[i][1], 0);
    }
}

static void test_mouse_wraps(void **state)
{
    struct keyboard_board *b = *state;

    ASK_MOUSE(b, 0xee, 0xfa);
    ASK_MOUSE(b, 0xf4, 0xf4);
    ASK_MOUSE(b, 0x12, 0x12);
    ASK_MOUSE(b, 0xec, 0xfa);
    ASK_MOUSE(b, 0xf2, 0xfa, 0);
}

/* ---- Record ------------------------------------------------------------------------------------------------------ */

static void test_record_carries_bytes_and_lines(void **state)
{
    struct keyboard_board *b = *state, *other = malloc(sizeof(*other));
    const char *why;

    assert_non_null(other);
    assert_int_equal(keyboard_board_init(other, false), 0);
    set_command_byte(b, TRANSLATE | BOTH_IRQS);
    press(b, KEY_EXTENDED | 0x48);
    (void)in(b, DATA);
    assert_int_equal(i8042_ops.check(&b->controller.state, &why), 0);
    memcpy(&other->controller.state, &b->controller.state, i8042_ops.state_bytes);
    i8042_ops.loaded(&other->controller);
    EXPECT(other, 0x48);
    free(other);
}

static void test_record_that_cannot_be_is_refused(void **state)
{
    struct keyboard_board *b = *state;
    const struct i8042_state good = b->controller.state;
    struct i8042_state s;
    const char *why;

#define REFUSED(change) (s = good, change, assert_int_equal(i8042_ops.check(&s, &why), -EINVAL))
    assert_int_equal(i8042_ops.check(&good, &why), 0);
    REFUSED(s.keyboard.output.first = PS2_QUEUE);
    REFUSED(s.keyboard.output.n = PS2_QUEUE + 1);
    REFUSED(s.mouse.output.reply_n = PS2_REPLY + 1);
    REFUSED((s.mouse.output.reply_first = 1, s.mouse.output.reply_n = PS2_REPLY));
    REFUSED(s.keyboard.scan_set = 0);
    REFUSED(s.keyboard.scan_set = 3);
    REFUSED(s.mouse.knock = 3);
    REFUSED(s.mouse.buttons = 8);
    REFUSED(s.pending = 0x20);
    REFUSED(s.status = 0x80);
    REFUSED(s.reply_waits = 2);
#undef REFUSED
}

/* A record of a machine whose clock was far ahead: the wire's time is bounded. */
static void test_record_with_a_far_time_does_not_wait_for_it(void **state)
{
    struct keyboard_board *b = *state;

    press(b, KEY_EXTENDED | 0x48);
    (void)in(b, DATA);
    b->controller.state.next = NEVER - 1;
    i8042_ops.loaded(&b->controller);
    EXPECT(b, 0x48);
}

static void test_reset_is_as_after_power_on(void **state)
{
    struct keyboard_board *b = *state;

    set_command_byte(b, BOTH_IRQS);
    out(b, DATA, 0xf5);
    press(b, 0x1e);
    assert_true(b->lines[1]);
    i8042_ops.reset(&b->controller);
    assert_false(b->lines[1]);
    assert_int_equal(in(b, COMMAND), UNLOCKED);
    press(b, 0x1e);
    EXPECT(b, 0x1e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_controller_tests_itself_and_its_wires),
        TEST(test_self_test_result_is_the_next_byte_whatever_was_there),
        TEST(test_ram_keeps_what_is_written),
        TEST(test_switches_are_bits_of_the_command_byte),
        TEST(test_ports_of_the_controller),
        TEST(test_gate_a20_has_two_commands_and_a_bit),
        TEST(test_reset_is_pulsed_by_bit_0),
        TEST(test_last_write_is_told_in_status),
        TEST(test_line_is_up_until_the_byte_is_read),
        TEST(test_line_stays_down_without_its_bit),
        TEST(test_next_byte_comes_after_the_wires_time),
        TEST(test_disabled_keyboard_waits),
        TEST(test_answers_come_before_keys_and_at_once),
        TEST(test_answers_are_not_put_together_with_keys),
        TEST(test_keyboard_resets_to_set_2_and_scans),
        TEST(test_keyboard_answers_its_commands),
        TEST(test_keyboard_tells_its_set),
        TEST(test_keyboard_that_is_disabled_loses_keys),
        TEST(test_keys_in_both_sets),
        TEST(test_all_make_codes_survive_translation),
        TEST(test_keyboard_takes_all_of_a_key_or_nothing),
        TEST(test_mouse_resets_and_tells_its_kind),
        TEST(test_mouse_moves_and_interrupts),
        TEST(test_mouse_that_does_not_report_says_nothing),
        TEST(test_mouse_with_a_wheel_has_a_fourth_byte),
        TEST(test_mouse_movement_gathers_while_nobody_reads),
        TEST(test_mouse_is_polled),
        TEST(test_mouse_scales_what_it_tells_unasked),
        TEST(test_mouse_wraps),
        TEST(test_record_carries_bytes_and_lines),
        TEST(test_record_that_cannot_be_is_refused),
        TEST(test_record_with_a_far_time_does_not_wait_for_it),
        TEST(test_reset_is_as_after_power_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of characters, of names and of a terminal's bytes, and the typist that presses them. What is expected comes from
 * the rows of a US keyboard, which are here once more in another form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/keys.h"
#include "unit/keyboard_board.h"

#define MS UINT64_C(1000000)

enum { DATA = 0x60, COMMAND = 0x64, FULL = 1 };

static const struct {
    uint8_t first; /* make code of the leftmost key */
    const char *plain, *shifted;
} rows[] = {
    {0x02, "1234567890-=\b\t", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]\n", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {0x39, " ", ""},
    {0x01, "\033", ""},
};

/* What a US keyboard makes of a key. 0: no character. */
static char character_of(uint16_t key, bool shift)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *row = shift ? rows[i].shifted : rows[i].plain;
        if (key >= rows[i].first && key < rows[i].first + strlen(row))
            return row[key - rows[i].first];
    }
    return 0;
}

/* ---- Characters -------------------------------------------------------------------------------------------------- */

static void test_characters_are_keys_of_a_us_keyboard(void **state)
{
    uint16_t keys[2 * KEYS_MOST];

    for (uint32_t c = 0; c < 0x110000; c = c < 0x200 ? c + 1 : c + 0x101) {
        const unsigned n = keys_of_character(c, keys);
        const bool typed = (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t' || c == '\b' || c == 0x1b;
        if (!typed) {
            assert_int_equal(n, 0);
            continue;
        }
        const bool shift = n == 4;
        assert_true(shift || n == 2);
        assert_int_equal(character_of(keys[shift], shift), c);
        assert_int_equal(keys[shift + 1], keys[shift] | KEY_RELEASE);
        if (shift) {
            assert_int_equal(keys[0], 0x2a);
            assert_int_equal(keys[3], 0x2a | KEY_RELEASE);
        }
    }
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static unsigned of_names(const char *text, uint16_t keys[2 * KEYS_MOST])
{
    const char *bad;
    size_t n;

    return keys_of_names(text, keys, &bad, &n);
}

static uint16_t of_name(const char *name)
{
    uint16_t keys[2 * KEYS_MOST];

    assert_int_equal(of_names(name, keys), 2);
    assert_int_equal(keys[1], keys[0] | KEY_RELEASE);
    return keys[0];
}

static void test_each_name_is_a_key(void **state)
{
    unsigned n = 0;

    for (; keys_name(n) != NULL; n++) {
        print_message("# %s\n", keys_name(n));
        assert_true(i8042_is_key(of_name(keys_name(n))));
        for (unsigned other = 0; other < n; other++)
            assert_string_not_equal(keys_name(other), keys_name(n));
    }
    assert_true(n > 100);
    assert_null(keys_name(n + 1));
}

static void test_names_are_the_keys_they_say(void **state)
{
    static const char *names[][2] = {
        {"minus", "-"},      {"equal", "="},        {"bracket_left", "["}, {"bracket_right", "]"}, {"semicolon", ";"},
        {"apostrophe", "'"}, {"grave_accent", "`"}, {"backslash", "\\"},   {"comma", ","},         {"dot", "."},
        {"slash", "/"},      {"spc", " "},          {"space", " "},        {"ret", "\n"},          {"enter", "\n"},
        {"tab", "\t"},       {"backspace", "\b"},   {"esc", "\033"},
    };
    static const struct {
        const char *name;
        uint16_t key;
    } others[] = {
        {"ctrl", 0x1d},   {"ctrl_r", 0x11d},     {"shift", 0x2a},      {"shift_r", 0x36},   {"alt", 0x38},
        {"alt_r", 0x138}, {"meta_l", 0x15b},     {"menu", 0x15d},      {"insert", 0x152},   {"delete", 0x153},
        {"del", 0x153},   {"home", 0x147},       {"end", 0x14f},       {"pgup", 0x149},     {"pgdn", 0x151},
        {"up", 0x148},    {"down", 0x150},       {"left", 0x14b},      {"right", 0x14d},    {"f1", 0x3b},
        {"f10", 0x44},    {"f11", 0x57},         {"f12", 0x58},        {"caps_lock", 0x3a}, {"num_lock", 0x45},
        {"kp_0", 0x52},   {"kp_5", 0x4c},        {"kp_9", 0x49},       {"kp_enter", 0x11c}, {"kp_divide", 0x135},
        {"kp_add", 0x4e}, {"scroll_lock", 0x46}, {"pause", KEY_PAUSE}, {"print", KEY_PRINT}};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(character_of(of_name(names[i][0]), false), names[i][1][0]);
    for (char c = '0'; c <= 'z'; c = c == '9' ? 'a' : (char)(c + 1)) {
        const char name[] = {c, '\0'};
        assert_int_equal(character_of(of_name(name), false), c);
    }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        print_message("# %s\n", others[i].name);
        assert_int_equal(of_name(others[i].name), others[i].key);
    }
}

static void test_combination_goes_down_in_order_and_up_in_the_other(void **state)
{
    static const uint16_t expected[] = {0x1d, 0x38, 0x153, 0x1d3, 0xb8, 0x9d};
    uint16_t keys[2 * KEYS_MOST];

    assert_int_equal(of_names("ctrl-alt-del", keys), 6);
    assert_memory_equal(keys, expected, sizeof(expected));
}

static void test_names_that_are_none_are_pointed_at(void **state)
{
    static const struct {
        const char *text;
        size_t at, n;
    } cases[] = {{"", 0, 0},
                 {"foo", 0, 3},
                 {"ctrl-foo-del", 5, 3},
                 {"ctrl-", 5, 0},
                 {"-a", 0, 0},
                 {"a--b", 2, 0},
                 {"A", 0, 1},
                 {"ctr", 0, 3},
                 {"ctrlx", 0, 5},
                 {"ctrl-alt-entf", 9, 4},
                 {"a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q", 32, 1}};
    uint16_t keys[2 * KEYS_MOST];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *bad = NULL;
        size_t n = 99;
        print_message("# %s\n", cases[i].text);
        assert_int_equal(keys_of_names(cases[i].text, keys, &bad, &n), 0);
        assert_int_equal(bad - cases[i].text, cases[i].at);
        assert_int_equal(n, cases[i].n);
    }
    assert_int_equal(of_names("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p", keys), 2 * KEYS_MOST);
}

/* ---- A terminal's bytes ------------------------------------------------------------------------------------------ */

/* All keys of these bytes, one combination after the other: how many. */
static unsigned of_bytes(struct keys_terminal *t, const char *bytes, size_t n, uint16_t out[64])
{
    unsigned all = 0;

    for (size_t i = 0; i < n; i++) {
        uint16_t keys[2 * KEYS_MOST];
        const unsigned made = keys_of_byte(t, (uint8_t)bytes[i], keys);
        assert_in_range(all + made, 0, 64);
        memcpy(out + all, keys, made * sizeof(keys[0]));
        all += made;
    }
    return all;
}

/* `names`: combinations with spaces between them. */
static void expect_keys(const char *names, const uint16_t *keys, unsigned n)
{
    char name[64];
    unsigned at = 0;

    while (*names != '\0') {
        const size_t length = strcspn(names, " ");
        uint16_t expected[2 * KEYS_MOST];
        memcpy(name, names, length);
        name[length] = '\0';
        const unsigned more = of_names(name, expected);
        assert_in_range(at + more, at + 1, n);
        assert_memory_equal(keys + at, expected, more * sizeof(expected[0]));
        at += more;
        names += length + (names[length] == ' ');
    }
    assert_int_equal(at, n);
}

static void test_terminal_bytes_are_keys(void **state)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *bytes;
        size_t n;
        const char *names;
    } cases[] = {
        {BYTES("a"), "a"},
        {BYTES("A"), "shift-a"},
        {BYTES("a$~"), "a shift-4 shift-grave_accent"},
        {BYTES("\r"), "ret"},
        {BYTES("\t"), "tab"},
        {BYTES("\b"), "backspace"},
        {BYTES("\x7f"), "backspace"},
        {BYTES("\n"), "ctrl-j"},
        {BYTES("\x01\x03\x1a"), "ctrl-a ctrl-c ctrl-z"},
        {BYTES("\0"), "ctrl-spc"},
        {BYTES("\x1c\x1d\x1e\x1f"), "ctrl-backslash ctrl-bracket_right ctrl-shift-6 ctrl-shift-minus"},
        {BYTES("\033[A\033[B\033[C\033[D"), "up down right left"},
        {BYTES("\033OA\033OB\033OC\033OD"), "up down right left"},
        {BYTES("\033[H\033[F\033OH\033OF"), "home end home end"},
        {BYTES("\033[1~\033[4~\033[7~\033[8~"), "home end home end"},
        {BYTES("\033[2~\033[3~\033[5~\033[6~"), "insert delete pgup pgdn"},
        {BYTES("\033OP\033OQ\033OR\033OS"), "f1 f2 f3 f4"},
        {BYTES("\033[11~\033[12~\033[13~\033[14~\033[15~"), "f1 f2 f3 f4 f5"},
        {BYTES("\033[[A\033[[B\033[[C\033[[D\033[[E"), "f1 f2 f3 f4 f5"},
        {BYTES("\033[17~\033[18~\033[19~\033[20~\033[21~"), "f6 f7 f8 f9 f10"},
        {BYTES("\033[23~\033[24~"), "f11 f12"},
        {BYTES("\033[1;5A\033[1;2D\033[1;3C\033[1;8B"), "ctrl-up shift-left alt-right ctrl-alt-shift-down"},
        {BYTES("\033[3;5~\033[24;6~\033[1;5P"), "ctrl-delete ctrl-shift-f12 ctrl-f1"},
        {BYTES("\033[1;9A"), "meta_l-up"},
        {BYTES("\033[Z"), "shift-tab"},
        {BYTES("\033x\033X\033\r\033\x7f\033\x03"), "alt-x alt-shift-x alt-ret alt-backspace ctrl-alt-c"},
        {BYTES("\033OM\033Ok\033Op\033Oy"), "kp_enter kp_add kp_0 kp_9"},
        {BYTES("\033[97;5u\033[13;2u\033[27;5;9~"), "ctrl-a shift-ret ctrl-tab"},
        {BYTES("\033[65;2u\033[65;1u"), "shift-a shift-a"},
        {BYTES("\033[4294967298~x"), "x"},
        {BYTES("\033\033[A"), "esc up"},
        {BYTES("\033[200~x\033[201~"), "x"},
        {BYTES("\033[Ix\033[O"), "x"},
        {BYTES("\033[0~\033[9~\033[16~\033[22~\033[25~\033[99999999~x"), "x"},
        {BYTES("\033[u\033[300u\033[27;5~x"), "x"},
        {BYTES("\033[1;5\033[A"), "up"},
        {BYTES("\033[1\003"), "ctrl-c"},
        {BYTES("\303\244x\342\202\254y\360\237\230\200z"), "x y z"},
        {BYTES("\033\303\244x"), "x"},
        {BYTES("\033[1\303\244x"), "x"},
        {BYTES("\033[11111111111111111111;5Ax"), "x"},
    };
#undef BYTES

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct keys_terminal t = {.n = 0};
        uint16_t keys[64];
        print_message("# case %u: %s\n", i, cases[i].names);
        expect_keys(cases[i].names, keys, of_bytes(&t, cases[i].bytes, cases[i].n, keys));
        assert_int_equal(t.n, 0);
        assert_int_equal(keys_timeout(&t, keys), 0);
    }
}

static void test_terminal_escape_alone_is_a_key_after_a_while(void **state)
{
    static const struct {
        const char *bytes, *names;
    } cases[] = {{"\033", "esc"}, {"\033[", "alt-bracket_left"}, {"\033O", "alt-shift-o"}, {"\033[1", ""}, {"", ""}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct keys_terminal t = {.n = 0};
        uint16_t keys[64];
        print_message("# %s\n", cases[i].names);
        assert_int_equal(of_bytes(&t, cases[i].bytes, strlen(cases[i].bytes), keys), 0);
        expect_keys(cases[i].names, keys, keys_timeout(&t, keys));
        expect_keys("a", keys, of_bytes(&t, "a", 1, keys));
    }
}

/* ---- Typist ------------------------------------------------------------------------------------------------------ */

static int make(void **state)
{
    *state = malloc(sizeof(struct keyboard_board));
    return *state == NULL ? -1 : keyboard_board_init(*state, true);
}
static int drop(void **state)
{
    free(*state);
    return 0;
}

static void test_typist_waits_for_the_guest_and_for_time(void **state)
{
    static const uint16_t keys[] = {0x1e, 0x9e, 0x1f};
    struct keyboard_board *b = *state;

    assert_int_equal(typist_put(&b->typist, keys, 3), 0);
    assert_false(typist_idle(&b->typist));
    keyboard_board_pass(b, 0);
    assert_int_equal(keyboard_board_in(b, COMMAND) & FULL, FULL);
    keyboard_board_pass(b, 100 * MS); /* nobody reads it: nothing happens, and no timer runs */
    assert_int_equal(b->timers.soonest, NEVER);
    assert_int_equal(keyboard_board_in(b, DATA), 0x1e);
    keyboard_board_pass(b, 0); /* the pause is long over */
    assert_int_equal(keyboard_board_in(b, COMMAND) & FULL, 0);
    keyboard_board_pass(b, I8042_BYTE_NS); /* the wire's time is not */
    assert_int_equal(keyboard_board_in(b, DATA), 0x9e);
    keyboard_board_pass(b, 6 * MS);
    assert_int_equal(keyboard_board_in(b, COMMAND) & FULL, 0);
    keyboard_board_pass(b, 2 * MS);
    assert_int_equal(keyboard_board_in(b, DATA), 0x1f);
    assert_true(typist_idle(&b->typist));
    assert_int_equal(b->timers.soonest, NEVER);
}

static void test_typist_takes_all_or_nothing(void **state)
{
    static uint16_t many[TYPIST_KEYS + 1];
    static const uint16_t none[] = {0x1e, 0x80}, far[] = {0x1e, 0x400}, odd[] = {KEY_PAUSE | 1};
    struct keyboard_board *b = *state;

    for (unsigned i = 0; i < TYPIST_KEYS + 1; i++)
        many[i] = 0x1e;
    assert_int_equal(typist_put(&b->typist, none, 2), -EINVAL);
    assert_int_equal(typist_put(&b->typist, far, 2), -EINVAL);
    assert_int_equal(typist_put(&b->typist, odd, 1), -EINVAL);
    assert_true(typist_idle(&b->typist));
    assert_int_equal(typist_put(&b->typist, many, TYPIST_KEYS + 1), -EAGAIN);
    assert_int_equal(typist_put(&b->typist, many, TYPIST_KEYS), 0);
    assert_int_equal(typist_put(&b->typist, many, 1), -EAGAIN);
    keyboard_board_pass(b, 0);
    assert_int_equal(typist_put(&b->typist, many, 1), 0);
}

static void test_typist_goes_on_after_a_reset(void **state)
{
    static const uint16_t keys[] = {0x1e, 0x1f};
    struct keyboard_board *b = *state;

    keyboard_board_out(b, COMMAND, 0xad); /* as firmware does before it is ready */
    assert_int_equal(typist_put(&b->typist, keys, 2), 0);
    keyboard_board_pass(b, 100 * MS);
    assert_int_equal(keyboard_board_in(b, COMMAND) & FULL, 0);
    i8042_ops.reset(&b->controller);
    keyboard_board_pass(b, 8 * MS);
    assert_int_equal(keyboard_board_in(b, DATA), 0x1f); /* the first one was pressed, and is lost */
    assert_true(typist_idle(&b->typist));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters_are_keys_of_a_us_keyboard),
        cmocka_unit_test(test_each_name_is_a_key),
        cmocka_unit_test(test_names_are_the_keys_they_say),
        cmocka_unit_test(test_combination_goes_down_in_order_and_up_in_the_other),
        cmocka_unit_test(test_names_that_are_none_are_pointed_at),
        cmocka_unit_test(test_terminal_bytes_are_keys),
        cmocka_unit_test(test_terminal_escape_alone_is_a_key_after_a_while),
        TEST(test_typist_waits_for_the_guest_and_for_time),
        TEST(test_typist_takes_all_or_nothing),
        TEST(test_typist_goes_on_after_a_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

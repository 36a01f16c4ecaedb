/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a guest: whole, in pieces, several at once, and what is none. */
#include "machine/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint32_t put(uint8_t *out, enum channel_type type, const char *text)
{
    channel_header(out, type, (uint32_t)strlen(text));
    memcpy(out + CHANNEL_HEADER, text, strlen(text));
    return CHANNEL_HEADER + (uint32_t)strlen(text);
}

static void frames_come_in_pieces(void **state)
{
    uint8_t bytes[64];
    struct channel_reader r = {.n = 0};
    struct channel_frame f;
    uint32_t n = put(bytes, CHANNEL_OUTPUT, "hello");

    (void)state;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(channel_take(&r, bytes + i, 1, &f), 1);
        assert_true((f.bytes != NULL) == (i == n - 1));
    }
    assert_int_equal(f.type, CHANNEL_OUTPUT);
    assert_int_equal(f.length, 5);
    assert_memory_equal(f.bytes, "hello", 5);
}

static void two_frames_are_taken_one_by_one(void **state)
{
    uint8_t bytes[64];
    struct channel_reader r = {.n = 0};
    struct channel_frame f;
    uint32_t first = put(bytes, CHANNEL_ERROR, ""), n = first + put(bytes + first, CHANNEL_EXIT, "\3");

    (void)state;
    assert_int_equal(channel_take(&r, bytes, n, &f), first);
    assert_non_null(f.bytes);
    assert_int_equal(f.type, CHANNEL_ERROR);
    assert_int_equal(f.length, 0);
    assert_int_equal(channel_take(&r, bytes + first, n - first, &f), n - first);
    assert_int_equal(f.type, CHANNEL_EXIT);
    assert_int_equal(f.bytes[0], 3);
}

/* However many: what ended a half frame may have been any number of them. */
static void zeros_between_frames_mean_nothing(void **state)
{
    uint8_t bytes[32] = {0};
    struct channel_frame f;

    (void)state;
    for (uint32_t zeros = 0; zeros < 9; zeros++) {
        struct channel_reader r = {.n = 0};
        memset(bytes, 0, zeros);
        const uint32_t n = zeros + put(bytes + zeros, CHANNEL_ERROR, "x");
        assert_int_equal(channel_take(&r, bytes, n, &f), n);
        assert_non_null(f.bytes);
        assert_int_equal(f.type, CHANNEL_ERROR);
        assert_int_equal(f.length, 1);
    }
}

static void what_is_no_frame_ends_the_channel(void **state)
{
    uint8_t lengthy[] = {CHANNEL_OUTPUT, 0, 0xff, 0xff, 1, 2}, odd[] = {CHANNEL_OUTPUT, 1, 0, 0, 1};
    uint8_t good[8];
    struct channel_reader r = {.n = 0}, s = {.n = 0};
    struct channel_frame f;
    uint32_t n = put(good, CHANNEL_OUTPUT, "x");

    (void)state;
    assert_int_equal(channel_take(&r, lengthy, sizeof lengthy, &f), sizeof lengthy);
    assert_true(r.broken);
    assert_null(f.bytes);
    assert_int_equal(channel_take(&r, good, n, &f), n);
    assert_null(f.bytes);
    channel_take(&s, odd, sizeof odd, &f);
    assert_true(s.broken);
}

static void the_longest_frame_fits(void **state)
{
    static uint8_t bytes[CHANNEL_HEADER + CHANNEL_MOST];
    struct channel_reader r = {.n = 0};
    struct channel_frame f;

    (void)state;
    channel_header(bytes, CHANNEL_OUTPUT, CHANNEL_MOST);
    assert_int_equal(channel_take(&r, bytes, sizeof bytes, &f), sizeof bytes);
    assert_non_null(f.bytes);
    assert_int_equal(f.length, CHANNEL_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_pieces), cmocka_unit_test(two_frames_are_taken_one_by_one),
        cmocka_unit_test(zeros_between_frames_mean_nothing), cmocka_unit_test(what_is_no_frame_ends_the_channel),
        cmocka_unit_test(the_longest_frame_fits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

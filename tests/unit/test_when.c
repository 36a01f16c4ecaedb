/* SPDX-License-Identifier: Apache-2.0 */
/* Times, ages and sizes in docker's words. */
#include "cli/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define NOW INT64_C(1767366245000000000) /* 2026-01-02T15:04:05Z */
#define S   INT64_C(1000000000)

static void test_when_parse_times_and_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"2026-01-02T15:04:05Z", NOW},
        {"2026-01-02T15:04:05", NOW},
        {"2026-01-02T15:04:05.5Z", NOW + S / 2},
        {"2026-01-02T15:04:05.000000001Z", NOW + 1},
        {"2026-01-02T16:04:05+01:00", NOW},
        {"2026-01-02T14:34:05.25-00:30", NOW + S / 4},
        {"2026-01-02", NOW - (15 * 3600 + 4 * 60 + 5) * S},
        {"2026-01-02T15:04", NOW - 5 * S},
        {"0", 0},
        {"1767366245", NOW},
        {"1767366245.5", NOW + S / 2},
        {"1767366245.000000001", NOW + 1},
        {"10m", NOW - 600 * S},
        {"1h30m", NOW - 5400 * S},
        {"500ms", NOW - S / 2},
        {"1.5h", NOW - 5400 * S},
        {"0s", NOW},
    };
    static const char *const bad[] = {"",
                                      "x",
                                      "10x",
                                      "-5m",
                                      "2026-13-01",
                                      "2026-01-32T00:00:00Z",
                                      "12:00",
                                      "10 m",
                                      "1e9",
                                      "2026-01-02T15:04:05Zx",
                                      "m",
                                      "99999999999999999999",
                                      "999999999999h"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        int64_t ns = -1;
        if (when_parse("since", cases[i].text, NOW, &ns, &err) < 0 || ns != cases[i].ns)
            fail_msg("%s: got %lld (%s), expected %lld", cases[i].text, (long long)ns, err.text,
                     (long long)cases[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        int64_t ns;
        if (when_parse("since", bad[i], NOW, &ns, &err) != -EINVAL || !strstr(err.text, "--since"))
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void test_when_format_gives_what_parse_takes(void **state)
{
    static const int64_t cases[] = {0, NOW, NOW + 1, NOW + 999999999, INT64_C(4102444800000000000)};
    char text[40];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns;
        when_format(cases[i], text);
        assert_int_equal(strlen(text), 30);
        assert_int_equal(when_parse("x", text, 0, &ns, &(struct err){0}), 0);
        assert_true(ns == cases[i]);
    }
    when_format(NOW + 7, text);
    assert_string_equal(text, "2026-01-02T15:04:05.000000007Z");
}

static void test_when_words_are_dockers(void **state)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {
        {-1, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"},
        {2, "2 seconds"},           {59, "59 seconds"},        {60, "About a minute"},
        {119, "About a minute"},    {120, "2 minutes"},        {3540, "59 minutes"},
        {3600, "About an hour"},    {5399, "About an hour"},   {5400, "2 hours"},
        {47 * 3600, "47 hours"},    {48 * 3600, "2 days"},     {13 * 86400, "13 days"},
        {14 * 86400, "2 weeks"},    {59 * 86400, "8 weeks"},   {60 * 86400, "2 months"},
        {729 * 86400, "24 months"}, {730 * 86400, "2 years"},
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        when_words(cases[i].seconds, out);
        assert_string_equal(out, cases[i].words);
    }
}

static void test_size_words_are_dockers(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *four, *binary;
    } cases[] = {
        {0, "0B", "0B"},
        {999, "999B", "999B"},
        {1000, "1kB", "1000B"},
        {1024, "1.024kB", "1KiB"},
        {1234567, "1.235MB", "1.177MiB"},
        {67108864, "67.11MB", "64MiB"},
        {UINT64_MAX, "18.45EB", "16EiB"},
    };
    char out[24];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_words(cases[i].bytes, 4, out);
        assert_string_equal(out, cases[i].four);
        size_words_binary(cases[i].bytes, out);
        assert_string_equal(out, cases[i].binary);
    }
    size_words(1234567, 3, out);
    assert_string_equal(out, "1.23MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_parse_times_and_durations),
        cmocka_unit_test(test_when_format_gives_what_parse_takes),
        cmocka_unit_test(test_when_words_are_dockers),
        cmocka_unit_test(test_size_words_are_dockers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat compare` makes of its readings: the statistics, the figures as text, the picture. */
#include "cli/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_compare_summary_is_of_the_rounds(void **state)
{
    static const struct {
        double v[5];
        unsigned n;
        double median, min, max, deviation;
    } cases[] = {
        {{0}, 0, 0, 0, 0, 0},
        {{7}, 1, 7, 7, 7, 0},
        {{9, 1}, 2, 5, 1, 9, 4},
        {{5, 1, 3}, 3, 3, 1, 5, 2},
        {{10, 100, 12, 11, 13}, 5, 12, 10, 100, 1},
        {{4, 1, 3, 2}, 4, 2.5, 1, 4, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double best[5], typical[5];
        memcpy(best, cases[i].v, sizeof best);
        for (int k = 0; k < 5; k++)
            typical[k] = best[k] * 2;
        struct compare_summary s = compare_summarise(&(struct compare_series){best, typical, cases[i].n});
        if (s.n != cases[i].n || s.median != cases[i].median || s.min != cases[i].min || s.max != cases[i].max ||
            s.deviation != cases[i].deviation || s.typical != cases[i].median * 2)
            fail_msg("case %zu: median %g, %g to %g, deviation %g, typical %g", i, s.median, s.min, s.max, s.deviation,
                     s.typical);
        assert_memory_equal(best, cases[i].v, sizeof best); /* in their order */
    }
}

static void test_compare_value_has_three_digits_and_a_unit(void **state)
{
    static const struct {
        double value;
        enum compare_unit unit;
        const char *text;
    } cases[] = {
        {1.234, UNIT_TIME, "1.23 ns"},
        {163.4, UNIT_TIME, "163 ns"},
        {999.6, UNIT_TIME, "1000 ns"},
        {1000, UNIT_TIME, "1.00 us"},
        {99949, UNIT_TIME, "99.9 us"},
        {99951, UNIT_TIME, "100 us"},
        {4.7e6, UNIT_TIME, "4.70 ms"},
        {2.5e9, UNIT_TIME, "2.50 s"},
        {9e12, UNIT_TIME, "9000 s"},
        {10239, UNIT_BYTES, "10239 B"},
        {10240, UNIT_BYTES, "10 KiB"},
        {356352, UNIT_BYTES, "348 KiB"},
        {64 << 20, UNIT_BYTES, "64 MiB"},
        {5.4e9, UNIT_RATE, "5.03 GiB/s"},
        {900, UNIT_RATE, "900 B/s"},
        {47, UNIT_COUNT, "47"},
        {0, UNIT_COUNT, "0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[32];
        compare_value(cases[i].value, cases[i].unit, text, sizeof text);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("%g: got \"%s\", expected \"%s\"", cases[i].value, text, cases[i].text);
    }
}

/* Two subjects, one reading each, of everything but the surface. */
struct pair {
    struct compare c;
    struct compare_subject subjects[2];
    double native[1], other[1];
};

static void make_pair(struct pair *p, double native, double other)
{
    static const struct compare_row row = {.boundary = "container"};

    *p = (struct pair){.c = {.rounds = 1, .round = 1, .n_subjects = 2}, .native = {native}, .other = {other}};
    p->c.subjects = p->subjects;
    p->subjects[0] = (struct compare_subject){.name = "native"};
    p->subjects[1] = (struct compare_subject){.name = "container", .row = &row};
    for (int i = 0; i < COMPARE_SURFACE; i++) {
        p->subjects[0].series[i] = (struct compare_series){p->native, p->native, 1};
        p->subjects[1].series[i] = (struct compare_series){p->other, p->other, 1};
    }
}

static void test_compare_times_are_of_native(void **state)
{
    static const struct {
        double native, other;
        const char *text;
    } cases[] = {
        {100, 681, "6.81x"}, {100, 999.4, "9.99x"}, {100, 999.6, "10.0x"}, {100, 9996, "100x"}, {0, 5, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair p;
        char text[32];
        make_pair(&p, cases[i].native, cases[i].other);
        struct compare_summary s = compare_summarise(&p.subjects[1].series[0]);
        compare_times(&p.c, &p.subjects[1], &s, COMPARE_START, text, sizeof text);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("%g to %g: got \"%s\", expected \"%s\"", cases[i].other, cases[i].native, text, cases[i].text);
        compare_times(&p.c, &p.subjects[0], &s, COMPARE_START, text, sizeof text);
        assert_string_equal(text, "");
    }
}

static char *drawn(struct pair *p)
{
    char path[] = "/tmp/test-compare-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);
    char *text = calloc(1, 256 << 10);

    assert_true(fd >= 0 && text);
    assert_int_equal(compare_write_svg(&p->c, path, &err), 0);
    assert_true(read(fd, text, (256 << 10) - 1) > 0);
    close(fd);
    unlink(path);
    return text;
}

static void test_compare_picture_escapes_what_comes_from_outside(void **state)
{
    char hostile[] = "</text><script>&\"\x01\xc3";
    char *job[] = {hostile, NULL};
    struct pair p;

    (void)state;
    make_pair(&p, 1000, 7000);
    p.c.job_command = job;
    char *text = drawn(&p);
    assert_non_null(strstr(text, "&lt;/text&gt;&lt;script&gt;&amp;\"??"));
    assert_null(strstr(text, "<script"));
    free(text);
}

static void test_compare_picture_of_what_was_not_measured(void **state)
{
    struct pair p;

    (void)state;
    make_pair(&p, 1000, 7000);
    p.subjects[1].failed = true;
    char *text = drawn(&p);
    assert_null(strstr(text, "7.00x"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
    make_pair(&p, 1000, 7000);
    text = drawn(&p);
    assert_non_null(strstr(text, "7.00x"));
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_summary_is_of_the_rounds),
        cmocka_unit_test(test_compare_value_has_three_digits_and_a_unit),
        cmocka_unit_test(test_compare_times_are_of_native),
        cmocka_unit_test(test_compare_picture_escapes_what_comes_from_outside),
        cmocka_unit_test(test_compare_picture_of_what_was_not_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

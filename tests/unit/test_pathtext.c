/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as text: by rows, by its size, and each short path against a second way to clean one, written from what a clean
 * path is. Then the three that call it, which differ in what they refuse.
 */
#include "base/mem.h"
#include "base/pathtext.h"
#include "broker/path.h"
#include "learn/learn.h"
#include "policy/flags.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *raw, *clean;
} rows[] = {
    {"", "/"},
    {"/", "/"},
    {"//", "/"},
    {"///", "/"},
    {".", "/"},
    {"/.", "/"},
    {"/./", "/"},
    {"..", "/"},
    {"/..", "/"},
    {"/../..", "/"},
    {"/../../a", "/a"},
    {"a", "/a"},
    {"a/", "/a"},
    {"a/..", "/"},
    {"a/../", "/"},
    {"a/../b", "/b"},
    {"./a", "/a"},
    {"../a", "/a"},
    {"/a", "/a"},
    {"/a/", "/a"},
    {"/a//", "/a"},
    {"/a/.", "/a"},
    {"/a/./", "/a"},
    {"//a//b/", "/a/b"},
    {"/a/./b", "/a/b"},
    {"/a/../b", "/b"},
    {"/a//../b", "/b"},
    {"/a/./../b", "/b"},
    {"/a/b/..", "/a"},
    {"/a/b/../", "/a"},
    {"/a/b/../..", "/"},
    {"/a/b/../../..", "/"},
    {"/a/b/../../../c", "/c"},
    {"/a/b/../c/../d", "/a/d"},
    {"/a/...", "/a/..."},
    {"/a/..b", "/a/..b"},
    {"/a/b..", "/a/b.."},
    {"/a/.b", "/a/.b"},
    {"/a/b.", "/a/b."},
    {"/.../..", "/"},
    {"/a b/\n/..", "/a b"},
    {"/\\/..\\", "/\\/..\\"},
};

static void test_path_text_clean_takes_away_what_leads_nowhere(void **state)
{
    char out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int n = path_text_clean(rows[i].raw, out, sizeof out);
        if (n < 0 || strcmp(out, rows[i].clean) != 0 || (size_t)n != strlen(out))
            fail_msg("'%s': '%s' (%d), expected '%s'", rows[i].raw, n < 0 ? "" : out, n, rows[i].clean);
    }
}

static void test_path_text_clean_stops_at_its_size(void **state)
{
    static const struct {
        const char *raw;
        size_t size;
        int result;
    } cases[] = {
        {"/", 0, -ENAMETOOLONG},
        {"/", 1, -ENAMETOOLONG},
        {"", 1, -ENAMETOOLONG},
        {"/", 2, 1},
        {"", 2, 1},
        {"/a", 2, -ENAMETOOLONG},
        {"a", 2, -ENAMETOOLONG},
        {"/a", 3, 2},
        {"a", 3, 2},
        {"/a/", 3, 2},
        {"/abc", 4, -ENAMETOOLONG},
        {"/abc", 5, 4},
        {"/a/b", 4, -ENAMETOOLONG},
        {"/a/b", 5, 4},
        {"/a/.", 3, 2},
        {"/a//////////", 3, 2},             /* how long it was does not count */
        {"/a/../b/../c", 3, 2},             /* nor what was taken away */
        {"/a/b/..", 4, -ENAMETOOLONG},      /* but it stood there */
        {"/a/b/..", 5, 2},                  /* and then no more */
        {"/abcdefgh/..", 4, -ENAMETOOLONG}, /* a name that never fits */
        {"/ab/../../../cd", 4, 3},
        {"/a", (size_t)INT_MAX + 2, 2}, /* a size that no int holds */
        {"/a", SIZE_MAX, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[32];
        memset(out, '#', sizeof out);
        int n = path_text_clean(cases[i].raw, out, cases[i].size);
        if (n != cases[i].result || (n > 0 && strlen(out) != (size_t)n))
            fail_msg("'%s' in %zu bytes: %d, expected %d", cases[i].raw, cases[i].size, n, cases[i].result);
        for (size_t k = cases[i].size; k < sizeof out; k++)
            if (out[k] != '#')
                fail_msg("'%s' in %zu bytes: byte %zu was written", cases[i].raw, cases[i].size, k);
    }
}

/* Names are collected first, and put together when all are known. */
static void clean_again(const char *raw, char *out)
{
    struct {
        const char *at;
        size_t n;
    } names[32];
    size_t n = 0;

    for (const char *end, *c = raw;; c = end + 1) {
        if (!(end = strchr(c, '/')))
            end = c + strlen(c);
        size_t length = (size_t)(end - c);
        if (length == 2 && c[0] == '.' && c[1] == '.')
            n -= n > 0;
        else if (length > 1 || (length == 1 && *c != '.'))
            names[n].at = c, names[n++].n = length;
        if (!*end)
            break;
    }
    if (!n)
        out += sprintf(out, "/");
    for (size_t i = 0; i < n; i++)
        out += sprintf(out, "/%.*s", (int)names[i].n, names[i].at);
}

static void test_path_text_clean_of_every_short_path_equals_a_second_way(void **state)
{
    enum { LENGTH = 9 };
    char raw[LENGTH + 1], expected[2 * LENGTH + 2], again[LENGTH + 2];
    unsigned total = 0;

    (void)state;
    for (unsigned length = 0, n = 1; length <= LENGTH; length++, n *= 3)
        for (unsigned k = 0; k < n; k++, total++) {
            for (unsigned i = 0, rest = k; i < length; i++, rest /= 3)
                raw[i] = "./a"[rest % 3];
            raw[length] = '\0';
            /* As much memory as is said to be always enough, so that a sanitizer sees one byte more. */
            char *out = malloc(length + 2);
            assert_non_null(out);
            int r = path_text_clean(raw, out, length + 2);
            clean_again(raw, expected);
            if (r < 0 || strcmp(out, expected) != 0)
                fail_msg("'%s': '%s' (%d), expected '%s'", raw, r < 0 ? "" : out, r, expected);
            assert_true(path_is_clean(out));
            assert_int_equal(path_text_clean(out, again, sizeof again), r);
            assert_string_equal(again, out);
            free(out);
        }
    assert_int_equal(total, 29524);
}

/* ---- callers ----------------------------------------------------------------------------------------------------- */

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 20);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_callers_of_path_text_clean_agree_on_absolute_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char brokers[PATH_SIZE], learnt[LEARN_PATH_SIZE];
        const char *raw = rows[i].raw, *flags = flag_path_clean(&arena, raw);
        assert_string_equal(flags, rows[i].clean);
        assert_int_equal(path_clean(raw, brokers), strlen(rows[i].clean));
        assert_string_equal(brokers, rows[i].clean);
        /* A use of a run is absolute, or not understood. */
        assert_int_equal(learn_path_clean(raw, learnt), *raw == '/' ? 0 : -EINVAL);
        if (*raw == '/')
            assert_string_equal(learnt, rows[i].clean);
    }
}

static void test_callers_of_path_text_clean_have_their_own_limits(void **state)
{
    static const struct {
        const char *label, *end; /* after a name of `name` bytes and its slash */
        size_t name;
        bool brokers, learnt;
    } cases[] = {
        {"the longest", "", 4094, true, true},
        {"one byte more", "", 4095, false, false},
        {"with slashes behind it", "////", 4094, true, true},
        {"its first half taken away", "/../b", 4094, true, true},
        {"far longer", "", 10000, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char raw[11000] = "/", out[4096];
        memset(raw + 1, 'x', cases[i].name);
        strcpy(raw + 1 + cases[i].name, cases[i].end);
        if ((path_clean(raw, out) > 0) != cases[i].brokers)
            fail_msg("broker, %s: %d", cases[i].label, path_clean(raw, out));
        if (learn_path_clean(raw, out) != (cases[i].learnt ? 0 : -ENAMETOOLONG))
            fail_msg("learn, %s: %d", cases[i].label, learn_path_clean(raw, out));
        const char *flags = flag_path_clean(&arena, raw); /* whatever its arena holds */
        if (!flags || *flags != '/' || (!*cases[i].end && strlen(flags) != 1 + cases[i].name))
            fail_msg("flags, %s", cases[i].label);
    }
}

static void test_flag_path_clean_in_a_full_arena_gives_nothing(void **state)
{
    struct arena small;

    (void)state;
    assert_int_equal(arena_init(&small, 4096), 0);
    while (arena_alloc(&small, 1))
        ;
    assert_null(flag_path_clean(&small, "/a"));
    arena_free(&small);
}

/* ---- one in another ---------------------------------------------------------------------------------------------- */

static void test_path_lies_in_compares_whole_names(void **state)
{
    static const struct {
        const char *path, *dir;
        bool lies;
    } cases[] = {
        {"/", "/", true},     {"/a", "/", true},     {"/a/b", "/", true},      {"/a", "/a", true},
        {"/a/b", "/a", true}, {"/ab", "/a", false},  {"/", "/a", false},       {"/a", "/a/b", false},
        {"/b", "/a", false},  {"/a.b", "/a", false}, {"/a/b/c", "/a/b", true}, {"/a/bc", "/a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (path_lies_in(cases[i].path, cases[i].dir) != cases[i].lies)
            fail_msg("%s in %s: expected %d", cases[i].path, cases[i].dir, cases[i].lies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_text_clean_takes_away_what_leads_nowhere),
        cmocka_unit_test(test_path_text_clean_stops_at_its_size),
        cmocka_unit_test(test_path_text_clean_of_every_short_path_equals_a_second_way),
        cmocka_unit_test(test_callers_of_path_text_clean_agree_on_absolute_paths),
        cmocka_unit_test(test_callers_of_path_text_clean_have_their_own_limits),
        cmocka_unit_test(test_flag_path_clean_in_a_full_arena_gives_nothing),
        cmocka_unit_test(test_path_lies_in_compares_whole_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

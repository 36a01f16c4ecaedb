/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of a Java virtual machine, shared out of those of its sandbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/java_limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB INT64_C(1048576)

static struct java_limits limits(int64_t memory)
{
    return (struct java_limits){.memory = memory, .memory_text = "TEXT", .processors = 4};
}

static int64_t sum(const struct java_limits *l)
{
    int64_t n = 0;

    for (int i = 0; i < JAVA_AREAS; i++)
        n += l->area[i];
    return n;
}

static void test_areas_together_stay_within_the_memory_whatever_it_is(void **state)
{
    for (int64_t memory = 50 * MIB; memory < 70000 * MIB; memory += memory / 7) {
        struct java_limits l = limits(memory);
        struct err err = {0};
        if (java_limits_fit(&l, &err) < 0)
            fail_msg("%lld MiB: %s", (long long)(memory / MIB), err.text);
        /* Room for stacks and for the machine's own. */
        if (sum(&l) > memory - 16 * MIB)
            fail_msg("%lld MiB: areas have %lld", (long long)(memory / MIB), (long long)(sum(&l) / MIB));
        for (int i = 0; i < JAVA_AREAS; i++)
            if (l.area[i] < 4 * MIB || l.area[i] % MIB)
                fail_msg("%lld MiB: %s has %lld bytes", (long long)(memory / MIB), java_area_name((enum java_area)i),
                         (long long)l.area[i]);
        if (l.area[JAVA_HEAP] < memory / 8)
            fail_msg("%lld MiB: a heap of %lld", (long long)(memory / MIB), (long long)(l.area[JAVA_HEAP] / MIB));
    }
}

static void test_too_few_tasks_are_refused_with_the_least_that_works(void **state)
{
    static const struct {
        const char *label;
        int64_t memory, tasks;
        bool chosen;
        const char *least; /* NULL: accepted */
    } cases[] = {
        {"serial, the least", 1024 * MIB, 17, false, NULL},
        {"serial, one less", 1024 * MIB, 16, false, "--pids-limit 17 is the least"},
        {"one", 1024 * MIB, 1, false, "--pids-limit 17 is the least"},
        {"G1, the least", 4096 * MIB, 22, false, NULL},
        {"G1, one less", 4096 * MIB, 21, false, "--pids-limit 22 is the least"},
        {"G1 without a limit on memory", 0, 21, false, "--pids-limit 22 is the least"},
        {"a collector of the user's", 4096 * MIB, 17, true, NULL}, /* which takes what, he knows */
        {"no limit", 1024 * MIB, 0, false, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct java_limits l = limits(cases[i].memory);
        struct err err = {0};
        l.tasks = cases[i].tasks;
        l.collector_chosen = cases[i].chosen;
        int r = java_limits_fit(&l, &err);
        if (r != (cases[i].least ? -EINVAL : 0) || (cases[i].least && !strstr(err.text, cases[i].least)))
            fail_msg("%s: %d, %s", cases[i].label, r, err.text);
    }
}

static void test_without_a_limit_nothing_is_shared_out(void **state)
{
    struct java_limits l = limits(0);
    struct err err = {0};

    assert_int_equal(java_limits_fit(&l, &err), 0);
    assert_int_equal(sum(&l), 0);
    assert_false(l.serial);
}

static void test_too_little_memory_is_refused_with_the_least_that_works(void **state)
{
    struct err err = {0};
    long long least = 0;

    for (int64_t memory = MIB; memory < 40 * MIB; memory += MIB) {
        struct java_limits l = limits(memory);
        assert_int_equal(java_limits_fit(&l, &err), -EINVAL);
        const char *said = strstr(err.text, ": -m ");
        assert_non_null(said);
        assert_non_null(strstr(err.text, "-m TEXT"));
        long long now = strtoll(said + 5, NULL, 10);
        if (least && now != least)
            fail_msg("%lld MiB: the least is %lld, and was %lld", (long long)(memory / MIB), now, least);
        least = now;
    }
    struct java_limits good = limits(least * MIB), bad = limits((least - 1) * MIB);
    assert_int_equal(java_limits_fit(&good, &err), 0);
    assert_int_equal(java_limits_fit(&bad, &err), -EINVAL);
}

static void test_what_is_asked_for_is_kept_and_the_rest_gives_way(void **state)
{
    struct java_limits plain = limits(256 * MIB), l = limits(256 * MIB);
    struct err err = {0};

    assert_int_equal(java_limits_fit(&plain, &err), 0);
    l.area[JAVA_HEAP] = plain.area[JAVA_HEAP] + 30 * MIB;
    l.area[JAVA_CODE] = 16 * MIB;
    assert_int_equal(java_limits_fit(&l, &err), 0);
    assert_int_equal(l.area[JAVA_HEAP], plain.area[JAVA_HEAP] + 30 * MIB);
    assert_int_equal(l.area[JAVA_CODE], 16 * MIB);
    assert_true(sum(&l) <= 256 * MIB);
}

static void test_what_does_not_fit_is_refused_with_what_would(void **state)
{
    static const struct {
        const char *label;
        enum java_area area;
        int64_t bytes;
        const char *option;
    } cases[] = {
        {"a heap as large as all", JAVA_HEAP, 256 * MIB, "-Xmx256m"},
        {"a heap that leaves too little", JAVA_HEAP, 230 * MIB, "-Xmx230m"},
        {"a heap beyond everything", JAVA_HEAP, INT64_C(1) << 50, "-Xmx"},
        {"metaspace", JAVA_METASPACE, 250 * MIB, "-XX:MaxMetaspaceSize=250m"},
        {"direct memory", JAVA_DIRECT, 400 * MIB, "-XX:MaxDirectMemorySize=400m"},
        {"code", JAVA_CODE, 251 * MIB, "-XX:ReservedCodeCacheSize=251m"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct java_limits l = limits(256 * MIB);
        struct err err = {0};
        l.area[cases[i].area] = cases[i].bytes;
        if (java_limits_fit(&l, &err) != -EINVAL || !strstr(err.text, cases[i].option) || !strstr(err.text, "-m TEXT"))
            fail_msg("%s: %s", cases[i].label, err.text);
        /* The remedy works. */
        const char *most = strstr(err.text, "needs: "), *digits = most ? strpbrk(most, "0123456789") : NULL;
        if (!digits)
            continue;
        l = limits(256 * MIB);
        l.area[cases[i].area] = strtoll(digits, NULL, 10) * MIB;
        struct err again = {0};
        if (java_limits_fit(&l, &again) < 0)
            fail_msg("%s: the remedy does not fit: %s / %s", cases[i].label, err.text, again.text);
    }
}

static void test_processors_are_those_of_the_quota_where_it_is_less(void **state)
{
    static const struct {
        const char *label;
        int64_t quota, period;
        int host, expected;
        bool serial;
    } cases[] = {
        {"none", 0, 0, 4, 0, false},         {"half", 50000, 100000, 4, 1, true},
        {"one", 100000, 100000, 4, 1, true}, {"one and a half", 150000, 100000, 4, 2, false},
        {"as many", 400000, 0, 4, 0, false}, {"more", 900000, 100000, 4, 0, false},
        {"one there is", 0, 0, 1, 0, true},  {"nobody knows", 50000, 100000, 0, 1, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct java_limits l = limits(4096 * MIB);
        struct err err = {0};
        l.quota = cases[i].quota;
        l.period = cases[i].period;
        l.processors = cases[i].host;
        if (java_limits_fit(&l, &err) < 0 || l.active_processors != cases[i].expected || l.serial != cases[i].serial)
            fail_msg("%s: %d processors, serial %d", cases[i].label, l.active_processors, l.serial);
    }
}

static void test_the_collector_is_the_user_s_where_he_names_one(void **state)
{
    struct java_limits l = limits(512 * MIB);
    struct err err = {0};

    assert_int_equal(java_limits_fit(&l, &err), 0);
    assert_true(l.serial);
    l = limits(512 * MIB);
    l.collector_chosen = true;
    assert_int_equal(java_limits_fit(&l, &err), 0);
    assert_false(l.serial);
}

static void test_sizes_are_read_as_hotspot_reads_them(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"1", 1},
        {"1024k", MIB},
        {"64m", 64 * MIB},
        {"64M", 64 * MIB},
        {"2g", 2048 * MIB},
        {"1t", 1024 * 1024 * MIB},
        {"", 0},
        {"m", 0},
        {"-1", 0},
        {"1.5g", 0},
        {"64mb", 0},
        {"64 m", 0},
        {"0", 0},
        {"99999999999999999999", 0},
        {"9999999g", 0},
        {"0x10", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (java_size_parse(cases[i].text) != cases[i].bytes)
            fail_msg("'%s': %lld", cases[i].text, (long long)java_size_parse(cases[i].text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_areas_together_stay_within_the_memory_whatever_it_is),
        cmocka_unit_test(test_too_few_tasks_are_refused_with_the_least_that_works),
        cmocka_unit_test(test_without_a_limit_nothing_is_shared_out),
        cmocka_unit_test(test_too_little_memory_is_refused_with_the_least_that_works),
        cmocka_unit_test(test_what_is_asked_for_is_kept_and_the_rest_gives_way),
        cmocka_unit_test(test_what_does_not_fit_is_refused_with_what_would),
        cmocka_unit_test(test_processors_are_those_of_the_quota_where_it_is_less),
        cmocka_unit_test(test_the_collector_is_the_user_s_where_he_names_one),
        cmocka_unit_test(test_sizes_are_read_as_hotspot_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

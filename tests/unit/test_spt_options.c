/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-spt. */
#include "spt/options.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static const char *why, *word;

static int parse(struct options *o, int argc, const char **argv)
{
    why = word = NULL;
    return options_parse(argc, (char **)argv, o, &why, &word);
}
#define PARSE(o, ...)                                                                                                  \
    parse(o, (int)(sizeof((const char *[]){"moat-spt", __VA_ARGS__}) / sizeof(char *)),                                \
          (const char *[]){"moat-spt", __VA_ARGS__, NULL})

static void test_options_end_with_the_image(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, "--trace", "a.moat", "--trace", "x"), 0);
    assert_string_equal(o.image, "a.moat");
    assert_true(o.trace);
    assert_int_equal(o.n_args, 2);
    assert_int_equal(PARSE(&o, "--image", "-odd", "--read-only"), 0);
    assert_string_equal(o.image, "-odd");
    assert_false(o.read_only);
    assert_int_equal(o.n_args, 1);
    assert_int_equal(o.control, -1);
}

static void test_options_values_are_taken(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, "--memory", "1048576", "--tasks", "9", "--cwd", "/tmp", "--program", "/bin/sh",
                           "--control", "5", "--block-rw", "disk", "--read-only", "a"),
                     0);
    assert_int_equal(o.memory, 1048576);
    assert_int_equal(o.tasks, 9);
    assert_string_equal(o.cwd, "/tmp");
    assert_string_equal(o.program, "/bin/sh");
    assert_int_equal(o.control, 5);
    assert_string_equal(o.block, "disk");
    assert_true(o.block_rw && o.read_only);
}

static void test_options_that_are_wrong_are_named(void **state)
{
    static const struct {
        const char *label, *argv[4];
        int n;
        const char *word;
    } cases[] = {
        {"nothing", {"moat-spt"}, 1, "usage"},
        {"unknown", {"moat-spt", "--traces", "a"}, 3, "--traces"},
        {"no value", {"moat-spt", "--memory"}, 2, "--memory"},
        {"no number", {"moat-spt", "--memory", "1g", "a"}, 4, "--memory"},
        {"none at all", {"moat-spt", "--memory", "", "a"}, 4, "--memory"},
        {"zero", {"moat-spt", "--memory", "0", "a"}, 4, "--memory"},
        {"too large", {"moat-spt", "--memory", "99999999999999999999", "a"}, 4, "--memory"},
        {"no task", {"moat-spt", "--tasks", "0", "a"}, 4, "--tasks"},
        {"no pair", {"moat-spt", "--env", "KEY", "a"}, 4, "--env"},
        {"no key", {"moat-spt", "--env", "=v", "a"}, 4, "--env"},
        {"relative", {"moat-spt", "--cwd", "tmp", "a"}, 4, "--cwd"},
        {"no descriptor", {"moat-spt", "--control", "-1", "a"}, 4, "--control"},
        {"empty image", {"moat-spt", "--image", ""}, 3, "usage"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *argv[5] = {NULL};
        struct options o;
        memcpy(argv, cases[i].argv, sizeof(char *) * (size_t)cases[i].n);
        if (parse(&o, cases[i].n, argv) != -EINVAL || !why || strcmp(word, cases[i].word))
            fail_msg("%s: %s %s", cases[i].label, word ? word : "taken", why ? why : "");
    }
}

static void test_options_env_gives_each_value_once_in_order(void **state)
{
    const char *argv[] = {"moat-spt", "--env", "A=1", "--cwd", "/--env", "--env", "B=", "i", "--env", "C=3", NULL};
    struct options o;
    int at = 0;

    assert_int_equal(parse(&o, 10, argv), 0);
    assert_string_equal(options_env(&o, &at), "A=1");
    assert_string_equal(options_env(&o, &at), "B=");
    assert_null(options_env(&o, &at));
    assert_null(options_env(&o, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_end_with_the_image),
        cmocka_unit_test(test_options_values_are_taken),
        cmocka_unit_test(test_options_that_are_wrong_are_named),
        cmocka_unit_test(test_options_env_gives_each_value_once_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

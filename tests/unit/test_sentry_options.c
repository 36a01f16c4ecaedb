/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-sentry. */
#include "sentry/options.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static int parse(struct options *o, const char **argv, const char **why, const char **word)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    return options_parse(argc, (char **)(uintptr_t)argv, o, why, word);
}

static void test_options_all_of_them(void **state)
{
    (void)state;
    const char *argv[] = {"moat-sentry", "--memory",   "4096",      "--limit", "7:10:20", "--tasks",    "9",
                          "--env",       "A=1",        "--cwd",     "/tmp",    "--user",  "1:2:3:4",    "--caps",
                          "ff",          "--hostname", "h",         "--env",   "B=",      "--platform", "trap",
                          "--argv0",     "name",       "--program", "/bin/p",  "--trace", "--image",    "i.img",
                          "--trace",     "x",          NULL};
    struct options o;
    const char *why, *word;
    assert_int_equal(parse(&o, argv, &why, &word), 0);
    assert_int_equal(o.memory, 4096);
    assert_true(o.limits_given == 1u << 7 && o.limits[7][0] == 10 && o.limits[7][1] == 20);
    assert_true(o.tasks == 9 && o.uid == 1 && o.gid == 2 && o.n_groups == 2 && o.groups[0] == 3 && o.groups[1] == 4);
    assert_int_equal(o.caps, 0xff);
    assert_true(o.trap && o.trace && !o.read_only && !o.terminal);
    assert_string_equal(o.argv0, "name");
    assert_string_equal(o.program, "/bin/p");
    assert_string_equal(o.image, "i.img");
    assert_int_equal(o.n_args, 2);
    assert_string_equal(o.args[0], "--trace");
    int at = 0;
    assert_string_equal(options_env(&o, &at), "A=1");
    assert_string_equal(options_env(&o, &at), "B=");
    assert_null(options_env(&o, &at));
}

static void test_options_a_word_is_the_image(void **state)
{
    (void)state;
    const char *argv[] = {"moat-sentry", "--user", "7:8", "i.img", "--memory", "x", NULL};
    struct options o;
    const char *why, *word;
    assert_int_equal(parse(&o, argv, &why, &word), 0);
    assert_true(o.uid == 7 && o.gid == 8 && !o.n_groups && o.caps == UINT64_MAX && !o.trap);
    assert_string_equal(o.image, "i.img");
    assert_int_equal(o.n_args, 2);
}

static void test_options_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"--memory", "0"},
                                           {"--memory", "1x"},
                                           {"--memory", ""},
                                           {"--tasks", "0"},
                                           {"--limit", "16:1:2"},
                                           {"--limit", "1:3:2"},
                                           {"--limit", "1:2"},
                                           {"--env", "=x"},
                                           {"--env", "x"},
                                           {"--cwd", "tmp"},
                                           {"--user", "1"},
                                           {"--user", "1:2:"},
                                           {"--user", "a:1"},
                                           {"--user", "4294967295:1"},
                                           {"--caps", ""},
                                           {"--caps", "xyz"},
                                           {"--caps", "11111111111111111"},
                                           {"--platform", "kvm"},
                                           {"--program", ""},
                                           {"--no", "x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *argv[] = {"moat-sentry", wrong[i][0], wrong[i][1], "--image", "i", NULL};
        struct options o;
        const char *why = NULL, *word = NULL;
        assert_int_equal(parse(&o, argv, &why, &word), -EINVAL);
        assert_string_equal(word, wrong[i][0]);
        assert_non_null(why);
    }
}

static void test_options_without_an_image_or_a_value(void **state)
{
    (void)state;
    const char *none[] = {"moat-sentry", "--trace", NULL}, *value[] = {"moat-sentry", "--cwd", NULL};
    struct options o;
    const char *why, *word;
    assert_int_equal(parse(&o, none, &why, &word), -EINVAL);
    assert_string_equal(word, "usage");
    assert_int_equal(parse(&o, value, &why, &word), -EINVAL);
    assert_string_equal(why, "wants a value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_options_all_of_them),
                                       cmocka_unit_test(test_options_a_word_is_the_image),
                                       cmocka_unit_test(test_options_what_is_wrong_is_named),
                                       cmocka_unit_test(test_options_without_an_image_or_a_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

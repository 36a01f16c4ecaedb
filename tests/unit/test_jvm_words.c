/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/jvm/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Words of a command line are read alone; the type does not say so. */
#define WORDS(...) ((const char *[]){__VA_ARGS__})
#define ARGV(...)                                                                                                      \
    {                                                                                                                  \
        .v = (char **)(uintptr_t)WORDS(__VA_ARGS__), .n = sizeof WORDS(__VA_ARGS__) / sizeof(char *)                   \
    }

static void test_words_come_with_their_values_and_end_with_what_is_run(void **state)
{
    const struct strv argv =
        ARGV("moat-jvm", "--jdk", "/jdk", "--no-exec", "--rule", "r:/x", "--class", "Main", "--jar");
    static const char *const expected[][2] = {
        {"--jdk", "/jdk"}, {"--no-exec", NULL}, {"--rule", "r:/x"}, {"--class", "Main"}};
    const char *value;
    uint32_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_string_equal(jvm_next_word(&argv, &at, &value), expected[i][0]);
        if (expected[i][1])
            assert_string_equal(value, expected[i][1]);
        else
            assert_null(value);
    }
    for (int i = 0; i < 2; i++)
        assert_null(jvm_next_word(&argv, &at, &value));
}

static void test_words_of_the_program_and_values_are_no_words(void **state)
{
    const struct strv own = ARGV("moat-jvm", "--jar", "a.jar", "--no-exec"),
                      valued = ARGV("moat-jvm", "--option", "--no-exec", "--jar", "a.jar"),
                      said = ARGV("moat-jvm", "--no-exec", "--jar", "a.jar");

    assert_false(jvm_has_word(&own, "--no-exec"));
    assert_false(jvm_has_word(&valued, "--no-exec"));
    assert_true(jvm_has_word(&said, "--no-exec"));
}

static void test_what_is_cut_short_has_an_end(void **state)
{
    const struct strv none = {0}, name = ARGV("moat-jvm"), cut = ARGV("moat-jvm", "--option"),
                      open = ARGV("moat-jvm", "--jar");
    const struct strv *const all[] = {&none, &name, &cut, &open};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const char *word, *value;
        uint32_t at = 0, n = 0;
        while ((word = jvm_next_word(all[i], &at, &value)) && n < 9) {
            assert_string_equal(value, "");
            n++;
        }
        assert_int_equal(n, i > 1);
    }
}

static void test_a_command_is_told_as_one_would_write_it(void **state)
{
    const struct {
        struct strv argv;
        const char *words;
    } cases[] = {
        {ARGV("moat-jvm", "--jdk", "/jdk", "--no-exec", "--option", "-Xmx1m", "--jar", "a.jar", "--jar", "x y"),
         "java|-jar|a.jar|--jar|x y"},
        {ARGV("moat-jvm", "--option", "-Djava.class.path=a:b", "--rule", "r:/a", "--from", "/b", "--class", "Main"),
         "java|-cp|a:b|Main"},
        {ARGV("moat-jvm", "--class", "Main", "z"), "java|Main|z"},
        {ARGV("moat-jvm", "--option", "--module-path=m", "--fresh", "--module", "a/B", "z"), "java|-p|m|-m|a/B|z"},
        {ARGV("moat-jvm", "--no-exec"), "java"},
        {ARGV("moat-jvm", "--jar"), "java|-jar"},
    };
    struct arena a;

    assert_int_equal(arena_init(&a, 1u << 20), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strv words = {0};
        char text[256] = "";
        assert_int_equal(jvm_command(&a, &cases[i].argv, &words), 0);
        for (uint32_t k = 0; k < words.n; k++)
            strcat(strcat(text, k ? "|" : ""), words.v[k]);
        assert_string_equal(text, cases[i].words);
    }
    arena_free(&a);
}

static void test_the_last_option_of_a_kind_counts(void **state)
{
    const struct strv argv =
        ARGV("moat-jvm", "--option", "-Xmx1m", "--option", "-Xmx2m", "--class", "A", "--option", "-Xmx3m");

    assert_string_equal(jvm_option_value(&argv, "-Xmx"), "2m");
    assert_null(jvm_option_value(&argv, "-Xms"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_come_with_their_values_and_end_with_what_is_run),
        cmocka_unit_test(test_words_of_the_program_and_values_are_no_words),
        cmocka_unit_test(test_what_is_cut_short_has_an_end),
        cmocka_unit_test(test_a_command_is_told_as_one_would_write_it),
        cmocka_unit_test(test_the_last_option_of_a_kind_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

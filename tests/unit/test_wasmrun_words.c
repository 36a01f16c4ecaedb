/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-wasm, read back from a policy's argv. */
#include "boundary/wasm/words.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static struct strv line_of(const char *const *words)
{
    struct strv v = {.v = (char **)(uintptr_t)words};

    while (words[v.n])
        v.n++;
    return v;
}

static void test_words_are_read_up_to_the_module(void **state)
{
    static const char *const words[] = {"moat-wasm", "--fuel",  "5",         "--keep-home", "--rule",
                                        "r:/a",      "--fresh", "--preopen", "--module",    "--module",
                                        "/m.wasm",   "m.wasm",  "--fuel",    "9",           NULL};
    const struct strv argv = line_of(words);
    const char *value;
    uint32_t at = 0;

    assert_string_equal(wasm_next_word(&argv, &at, &value), "--fuel");
    assert_string_equal(value, "5");
    assert_string_equal(wasm_next_word(&argv, &at, &value), "--keep-home");
    assert_null(value);
    assert_string_equal(wasm_next_word(&argv, &at, &value), "--rule");
    assert_string_equal(value, "r:/a");
    assert_string_equal(wasm_next_word(&argv, &at, &value), "--fresh");
    assert_string_equal(wasm_next_word(&argv, &at, &value), "--preopen");
    assert_string_equal(value, "--module");
    assert_string_equal(wasm_next_word(&argv, &at, &value), "--module");
    assert_string_equal(value, "/m.wasm");
    assert_null(wasm_next_word(&argv, &at, &value));

    assert_string_equal(wasm_word_value(&argv, "--fuel"), "5");
    assert_string_equal(wasm_word_value(&argv, "--keep-home"), "");
    assert_null(wasm_word_value(&argv, "--seed"));
    assert_int_equal(wasm_program_words(&argv), 11);
}

static void test_line_that_is_cut_ends(void **state)
{
    static const char *const lines[][4] = {
        {NULL},
        {"moat-wasm", NULL},
        {"moat-wasm", "--fuel", NULL},
        {"moat-wasm", "--module", NULL},
        {"moat-wasm", "--module", "/m", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const struct strv argv = line_of(lines[i]);
        const char *value;
        uint32_t at = 0;
        int n = 0;
        while (wasm_next_word(&argv, &at, &value))
            assert_true(++n < 4);
        assert_true(wasm_program_words(&argv) <= argv.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_read_up_to_the_module),
        cmocka_unit_test(test_line_that_is_cut_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Generated modules (tests/fuzz/wasm_generate.h): what the fuzz target and the long run count on, and modules by which
 * interpreter and compiler once differed. */
#include "../fuzz/wasm_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "wasm_handlers.h"

#include "wasm/module/validate.h"

#define MODULES 3000
#define CASES   300

static const struct wasm_features features = {.tail_call = true, .extended_const = true};

static void check_valid(const uint8_t *bytes, size_t size, uint64_t seed)
{
    struct arena a;
    struct wasm_module *m;
    struct err err = {0};
    assert_int_equal(arena_init(&a, wasm_module_arena_size(size)), 0);
    if (wasm_module_decode(bytes, size, &features, &a, &m, &err) || wasm_validate(m, &features, &err))
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
    arena_free(&a);
}

static void test_generated_modules_are_valid_and_have_every_instruction(void **state)
{
    struct wasm_generator *g = wasm_generator_make();
    assert_non_null(g);

    for (uint64_t seed = 0; seed < MODULES; seed++) {
        struct wasm_choice c = choice_from_seed(seed);
        size_t size;
        const uint8_t *bytes = wasm_generate(g, &c, &size);
        check_valid(bytes, size, seed);
    }

    for (unsigned op = 0; op < WASM_OPS; op++)
        if (wasm_op_rows[op].name && !wasm_generator_counts(g)[op])
            fail_msg("never written: %s", wasm_op_rows[op].name);
    wasm_generator_free(g);
}

static void test_generated_module_from_few_bytes_is_valid(void **state)
{
    struct wasm_generator *g = wasm_generator_make();
    uint8_t bytes[64];
    assert_non_null(g);

    for (unsigned value = 0; value < 256; value++)
        for (size_t n = 0; n <= sizeof bytes; n += 16) {
            memset(bytes, (int)value, n);
            struct wasm_choice c = choice_from_bytes(bytes, n);
            size_t size;
            const uint8_t *made = wasm_generate(g, &c, &size);
            check_valid(made, size, value);
        }
    wasm_generator_free(g);
}

static void test_recorded_choices_make_the_same_module(void **state)
{
    struct wasm_generator *g = wasm_generator_make();
    static uint8_t record[1 << 20], first[1 << 20];
    struct wasm_choice c = choice_from_seed(7);
    size_t size, again;
    assert_non_null(g);
    c.record = record;
    c.record_size = sizeof record;
    const uint8_t *bytes = wasm_generate(g, &c, &size);
    assert_true(c.recorded < sizeof record && size <= sizeof first);
    memcpy(first, bytes, size);

    c = choice_from_bytes(record, c.recorded);
    bytes = wasm_generate(g, &c, &again);

    assert_int_equal(again, size);
    assert_memory_equal(bytes, first, size);
    wasm_generator_free(g);
}

static void test_generated_modules_run_alike_in_interpreter_and_compiler(void **state)
{
    struct wasm_case c;
    struct wasm_pair_result result;
    struct err err;
    char words[256];
    uint64_t calls = 0, traps = 0;
    wasm_handlers_begin();
    if (!wasm_case_make(&c, &err))
        fail_msg("%s", err.text);

    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct wasm_choice choice = choice_from_seed(seed);
        wasm_case_choose(&c, &choice, false);
        enum wasm_pair_outcome outcome = wasm_case_run(&c, &result);
        wasm_case_words(&c, words, sizeof words);
        if (outcome == WASM_PAIR_DIFFERENT)
            fail_msg("seed %llu (%s): %s", (unsigned long long)seed, words, result.words);
        calls += result.calls;
        traps += result.traps;
    }

    assert_in_range(traps, 1, calls / 2); /* most calls come to their end: else little is compared */
    wasm_case_free(&c);
}

static void test_changed_modules_are_refused_or_run(void **state)
{
    struct wasm_case c;
    struct wasm_pair_result result;
    struct err err;
    unsigned changed = 0, refused = 0;
    wasm_handlers_begin();
    if (!wasm_case_make(&c, &err))
        fail_msg("%s", err.text);

    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct wasm_choice choice = choice_from_seed(seed);
        wasm_case_choose(&c, &choice, true);
        if (!c.changed)
            continue;
        changed++;
        refused += wasm_case_run(&c, &result) == WASM_PAIR_REFUSED;
    }

    assert_in_range(refused, 1, changed - 1);
    wasm_case_free(&c);
}

/* br_table whose labels are a loop, which takes its value from the stack, and blocks, which take it in a register; with
 * few labels and with many. */
static const uint8_t table_of_loop_and_block[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x21, 0x07, 0x60, 0x00, 0x01, 0x7f, 0x60, 0x01, 0x7f,
    0x00, 0x60, 0x01, 0x7f, 0x01, 0x7d, 0x60, 0x01, 0x7d, 0x00, 0x60, 0x02, 0x7f, 0x7c, 0x01, 0x7c, 0x60, 0x01,
    0x7c, 0x00, 0x60, 0x01, 0x7c, 0x01, 0x7c, 0x03, 0x04, 0x03, 0x00, 0x02, 0x04, 0x07, 0x0d, 0x03, 0x01, 0x61,
    0x00, 0x00, 0x01, 0x62, 0x00, 0x01, 0x01, 0x63, 0x00, 0x02, 0x0a, 0x58, 0x03, 0x10, 0x00, 0x41, 0x05, 0x03,
    0x01, 0x41, 0x00, 0x45, 0x0e, 0x01, 0x00, 0x01, 0x0b, 0x41, 0x07, 0x0b, 0x16, 0x00, 0x43, 0x00, 0x00, 0x40,
    0x40, 0x03, 0x03, 0x20, 0x00, 0x0e, 0x02, 0x00, 0x01, 0x00, 0x0b, 0x43, 0x00, 0x00, 0x80, 0x3f, 0x0b, 0x2e,
    0x00, 0x20, 0x01, 0x03, 0x05, 0x02, 0x06, 0x20, 0x00, 0x0e, 0x06, 0x00, 0x01, 0x02, 0x01, 0x02, 0x00, 0x02,
    0x0b, 0x44, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0xa2, 0x20, 0x00, 0x0d, 0x00, 0x0c, 0x01, 0x0b,
    0x44, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf0, 0x3f, 0x0b};

static const struct {
    const char *label;
    const uint8_t *bytes;
    size_t size;
} once[] = {{"br_table of loop and block", table_of_loop_and_block, sizeof table_of_loop_and_block}};

static void test_modules_that_once_differed_run_alike(void **state)
{
    wasm_handlers_begin();
    for (size_t k = 0; k < ARRAY_LEN(once); k++)
        for (unsigned mode = 0; mode < 8; mode++) {
            struct wasm_pair_options o = {
                .seed = mode, .fuel = 5000, .rounds = 20, .plain_cpu = mode & 1, .no_gs = mode & 2, .image = mode & 4};
            struct wasm_pair_result result;

            enum wasm_pair_outcome outcome = wasm_pair_run(once[k].bytes, once[k].size, &o, &result);

            if (outcome != WASM_PAIR_EQUAL)
                fail_msg("%s, mode %u: %d %s", once[k].label, mode, (int)outcome, result.words);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_modules_are_valid_and_have_every_instruction),
        cmocka_unit_test(test_generated_module_from_few_bytes_is_valid),
        cmocka_unit_test(test_recorded_choices_make_the_same_module),
        cmocka_unit_test(test_generated_modules_run_alike_in_interpreter_and_compiler),
        cmocka_unit_test(test_changed_modules_are_refused_or_run),
        cmocka_unit_test(test_modules_that_once_differed_run_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

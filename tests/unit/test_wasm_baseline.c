/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled code against the interpreter, on functions that press on the compiler, in each way in which it makes code:
 * as this CPU allows, with the memory's base in a register, for an old CPU, with fuel.
 */
#include "wasm_baseline_modules.h"
#include "wasm_fixture.h"

#include "codegen/arena.h"

#include <errno.h>

static const uint64_t arguments[] = {0,     1,     2,          3,          4,          5,          7,
                                     8,     10,    11,         19,         20,         31,         255,
                                     65519, 65520, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff7, 0xffffffff};

static const struct variant {
    const char *name;
    struct wasm_compile_options options;
} variants[] = {
    {"as it is", {.features = {.tail_call = true}}},
    {"no gs", {.features = {.tail_call = true}, .no_gs = true}},
    {"plain CPU", {.features = {.tail_call = true}, .plain_cpu = true}},
    {"fuel", {.features = {.tail_call = true}, .fuel = true}},
    {"fuel, no gs, plain CPU", {.features = {.tail_call = true}, .fuel = true, .no_gs = true, .plain_cpu = true}},
};

/* A module in a store of its own. */
struct side {
    struct wasm_store *store;
    struct wasm_code *code;
    struct wasm_instance *instance;
};

static struct side side_make(const struct wasm_module *m, const struct wasm_compile_options *o)
{
    struct wasm_store_options options = {.fuel = -1, .stack_size = 256 << 10};
    struct side s = {0};
    enum wasm_trap trap;

    wasm_handlers_begin();
    if (o && wasm_compile(m, o, &s.code, &err))
        fail_msg("%s", err.text);
    assert_int_equal(wasm_store_make(&options, &s.store, &err), 0);
    if (wasm_instantiate(s.store, m, s.code, NULL, NULL, &s.instance, &trap, &err))
        fail_msg("%s", err.text);
    return s;
}

static void side_free(struct side *s)
{
    wasm_store_free(s->store);
    wasm_code_free(s->code);
}

static enum wasm_trap side_call(struct side *s, const struct wasm_export *e, uint64_t argument, uint64_t *result)
{
    struct wasm_extern f;
    union wasm_value values[2] = {{.i64 = argument}};
    enum wasm_trap trap;

    s->store->fuel = 10000000;
    assert_true(wasm_instance_export(s->instance, e->name.text, e->name.len, &f));
    trap = wasm_call(s->store, f.func, values);
    *result = trap ? 0 : values[0].i64;
    if (wasm_func_type(s->store, f.func)->types[1] == WASM_I32)
        *result = (uint32_t)*result;
    return trap;
}

static void compare(const struct wasm_module *m, const struct variant *v)
{
    struct side interpreted = side_make(m, NULL), compiled = side_make(m, &v->options);

    for (uint32_t k = 0; k < m->n_exports; k++) {
        const struct wasm_export *e = &m->exports[k];

        for (size_t a = 0; e->kind == WASM_KIND_FUNC && a < ARRAY_LEN(arguments); a++) {
            uint64_t expected, got;
            enum wasm_trap trap = side_call(&interpreted, e, arguments[a], &expected);
            enum wasm_trap trap2 = side_call(&compiled, e, arguments[a], &got);

            if (trap != trap2 || expected != got)
                fail_msg("%.*s(%llu), %s: expected %llx %s, got %llx %s", (int)e->name.len, e->name.text,
                         (unsigned long long)arguments[a], v->name, (unsigned long long)expected, wasm_trap_text(trap),
                         (unsigned long long)got, wasm_trap_text(trap2));
            if (v->options.fuel)
                assert_int_equal(interpreted.store->fuel, compiled.store->fuel);
        }
    }
    side_free(&interpreted);
    side_free(&compiled);
}

static void compare_all(const char *hex)
{
    const struct wasm_module *m = fixture_module(hex);

    for (size_t v = 0; v < ARRAY_LEN(variants); v++)
        compare(m, &variants[v]);
    fixture_end();
}

static void test_calls_with_parameters_in_every_place_agree_with_the_interpreter(void **state)
{
    (void)state;
    compare_all(calls_module);
}

static void test_shapes_of_code_agree_with_the_interpreter(void **state)
{
    (void)state;
    compare_all(shapes_module);
}

static void test_every_offset_reaches_the_memory_or_its_guard(void **state)
{
    (void)state;
    compare_all(offsets_module);
}

/* Some frames of 24,000 bytes fit into 256 KiB; one more is told before it is written to. */
static void test_a_large_frame_is_held_against_the_limit(void **state)
{
    (void)state;
    static const struct wasm_compile_options options = {0};
    const struct wasm_module *m = fixture_module(frames_module);
    struct side s = side_make(m, &options);
    uint64_t result;
    assert_int_equal(side_call(&s, &m->exports[0], 9, &result), WASM_TRAP_NONE);
    assert_int_equal(result, 9);
    assert_int_equal(side_call(&s, &m->exports[0], 12, &result), WASM_TRAP_STACK_EXHAUSTED);
    assert_int_equal(side_call(&s, &m->exports[0], 3, &result), WASM_TRAP_NONE);
    assert_int_equal(result, 3);
    side_free(&s);
    fixture_end();
}

/* A million calls in 16 KiB of stack, with arguments in memory at every other one; each instance has its own memory. */
static void test_tail_calls_between_instances_take_no_stack(void **state)
{
    (void)state;
    for (int v = 0; v < 3; v++) {
        struct wasm_store_options options = {.fuel = -1, .stack_size = 16384};
        const struct wasm_module *ping = fixture_module(ping_module), *pong = fixture_module(pong_module);
        struct wasm_code *code[2];
        struct wasm_instance *i, *other;
        struct wasm_extern table, start;
        union wasm_value value = {.i32 = 1000000};
        struct wasm_store *s;
        enum wasm_trap trap;

        wasm_handlers_begin();
        assert_int_equal(wasm_store_make(&options, &s, &err), 0);
        assert_int_equal(wasm_compile(ping, &variants[v].options, &code[0], &err), 0);
        assert_int_equal(wasm_compile(pong, &variants[v].options, &code[1], &err), 0);
        assert_int_equal(wasm_instantiate(s, ping, code[0], NULL, NULL, &i, &trap, &err), 0);
        assert_true(wasm_instance_export(i, "table", 5, &table) && wasm_instance_export(i, "start", 5, &start));
        assert_int_equal(wasm_instantiate(s, pong, code[1], &table, NULL, &other, &trap, &err), 0);
        assert_int_equal(wasm_call(s, start.func, &value), WASM_TRAP_NONE);
        assert_int_equal(value.i64, 500000 * (1 + 3) + 1000000000);
        wasm_store_free(s);
        wasm_code_free(code[0]);
        wasm_code_free(code[1]);
        fixture_end();
    }
}

static void test_code_in_an_arena_of_the_caller_is_the_same_wherever_it_lies(void **state)
{
    (void)state;
    struct code_arena arena;
    const struct wasm_module *m = fixture_module(calls_module);
    struct wasm_compile_options options = {.features = {.tail_call = true}, .arena = &arena};
    struct wasm_code *code[2];
    const void *start[2];
    size_t size[2];
    assert_int_equal(code_arena_make(&arena, 1 << 20, &err), 0);
    for (int k = 0; k < 2; k++) {
        if (wasm_compile(m, &options, &code[k], &err))
            fail_msg("%s", err.text);
        wasm_code_bytes(code[k], &start[k], &size[k]);
    }
    assert_true(start[0] != start[1]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(start[0], start[1], size[0]);
    wasm_code_free(code[0]);
    wasm_code_free(code[1]);
    code_arena_free(&arena);
    fixture_end();
}

static void test_an_arena_that_is_too_small_is_refused_with_its_size(void **state)
{
    (void)state;
    struct code_arena arena;
    struct wasm_compile_options options = {.features = {.tail_call = true}, .arena = &arena};
    struct wasm_code *code;
    assert_int_equal(code_arena_make(&arena, 4096, &err), 0);
    assert_int_equal(wasm_compile(fixture_module(shapes_module), &options, &code, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "bytes of machine code do not fit"));
    code_arena_free(&arena);
    fixture_end();
}

/* Each function's code begins where its entry is, and belongs to it up to the next one. */
static void test_a_place_in_code_has_its_function_and_an_offset_in_its_body(void **state)
{
    (void)state;
    static const struct wasm_compile_options options = {0};
    const struct wasm_module *m = fixture_module(shapes_module);
    struct wasm_code *code;
    const void *start;
    size_t size;
    uint32_t function, offset;
    if (wasm_compile(m, &options, &code, &err))
        fail_msg("%s", err.text);
    wasm_code_bytes(code, &start, &size);
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++) {
        assert_true(wasm_code_find(code, wasm_code_entry(code, f), &function, &offset));
        assert_int_equal(function, f);
    }
    for (size_t k = 0; k < size; k++) {
        assert_true(wasm_code_find(code, (const uint8_t *)start + k, &function, &offset));
        const struct wasm_function *f = &m->functions[function];
        if (offset)
            assert_in_range(offset, f->offset, f->offset + f->size - 1);
    }
    assert_false(wasm_code_find(code, (const uint8_t *)start + size, &function, &offset));
    assert_false(wasm_code_find(code, (const uint8_t *)start - 1, &function, &offset));
    wasm_code_free(code);
    fixture_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_with_parameters_in_every_place_agree_with_the_interpreter),
        cmocka_unit_test(test_shapes_of_code_agree_with_the_interpreter),
        cmocka_unit_test(test_every_offset_reaches_the_memory_or_its_guard),
        cmocka_unit_test(test_a_large_frame_is_held_against_the_limit),
        cmocka_unit_test(test_tail_calls_between_instances_take_no_stack),
        cmocka_unit_test(test_code_in_an_arena_of_the_caller_is_the_same_wherever_it_lies),
        cmocka_unit_test(test_an_arena_that_is_too_small_is_refused_with_its_size),
        cmocka_unit_test(test_a_place_in_code_has_its_function_and_an_offset_in_its_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

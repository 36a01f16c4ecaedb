/* SPDX-License-Identifier: Apache-2.0 */
/* Imports and instantiation: what fits and what does not, what a trap on the way leaves behind, limits of the store. */
#include "wasm_fixture.h"

#include <errno.h>

static const struct wasm_store_options unlimited = {.fuel = -1};

static enum wasm_trap nothing(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    return WASM_TRAP_NONE;
}

/* What link_module imports: (func i32 -> i64), table 2..4 of functions, memory 1..3, i32, mutable i64. */
enum { FUNCTION, TABLE, MEMORY, GLOBAL, VARIABLE, IMPORTS };

static struct wasm_func *function_of(uint32_t n_params, uint32_t n_results, const uint8_t *types)
{
    struct wasm_func *f = wasm_host_func(store, &(struct wasm_functype){n_params, n_results, types}, nothing, NULL);
    assert_non_null(f);
    return f;
}

static struct wasm_extern table_of(uint8_t type, uint32_t min, bool has_max, uint32_t max)
{
    struct wasm_table *t = wasm_host_table(store, &(struct wasm_tabletype){type, {min, max, has_max}});
    assert_non_null(t);
    return (struct wasm_extern){.kind = WASM_KIND_TABLE, .table = t};
}

static struct wasm_extern memory_of(uint32_t min, bool has_max, uint32_t max)
{
    struct wasm_memory *m = wasm_host_memory(store, &(struct wasm_limits){min, max, has_max});
    assert_non_null(m);
    return (struct wasm_extern){.kind = WASM_KIND_MEMORY, .memory = m};
}

static struct wasm_extern global_of(uint8_t type, bool mutable)
{
    return (struct wasm_extern){.kind = WASM_KIND_GLOBAL, .global = {wasm_host_global(store), {type, mutable}}};
}

static void good_imports(struct wasm_extern *e)
{
    static const uint8_t types[] = {WASM_I32, WASM_I64};
    e[FUNCTION] = (struct wasm_extern){.kind = WASM_KIND_FUNC, .func = function_of(1, 1, types)};
    e[TABLE] = table_of(WASM_FUNCREF, 2, true, 4);
    e[MEMORY] = memory_of(1, true, 3);
    e[GLOBAL] = global_of(WASM_I32, false);
    e[VARIABLE] = global_of(WASM_I64, true);
}

static int link_with(const struct wasm_module *m, const struct wasm_extern *imports)
{
    struct wasm_instance *i;
    enum wasm_trap trap;
    err = (struct err){0};
    return wasm_instantiate(store, m, NULL, imports, NULL, &i, &trap, &err);
}

static void expect_refused(const struct wasm_module *m, size_t at, struct wasm_extern instead, const char *label)
{
    struct wasm_extern e[IMPORTS];
    good_imports(e);
    e[at] = instead;
    if (link_with(m, e) != -EINVAL || !strstr(err.text, "incompatible import type"))
        fail_msg("%s: '%s'", label, err.text);
}

static void expect_taken(const struct wasm_module *m, size_t at, struct wasm_extern instead, const char *label)
{
    struct wasm_extern e[IMPORTS];
    good_imports(e);
    e[at] = instead;
    if (link_with(m, e))
        fail_msg("%s: '%s'", label, err.text);
}

static void test_functions_fit_by_their_whole_type(void **state)
{
    static const uint8_t other[] = {WASM_I32, WASM_I32}, same[] = {WASM_I32, WASM_I64};
    (void)state;
    fixture_begin(unlimited);
    const struct wasm_module *m = fixture_module(link_module);
    struct wasm_extern e = {.kind = WASM_KIND_FUNC};
    e.func = function_of(1, 1, other);
    expect_refused(m, FUNCTION, e, "another result");
    e.func = function_of(2, 0, same);
    expect_refused(m, FUNCTION, e, "the same types, but all of them parameters");
    e.func = function_of(0, 0, same);
    expect_refused(m, FUNCTION, e, "none");
    e.func = function_of(1, 1, same);
    expect_taken(m, FUNCTION, e, "equal");
    expect_refused(m, FUNCTION, global_of(WASM_I32, false), "a global");
}

static void test_tables_and_memories_fit_by_limits(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    const struct wasm_module *m = fixture_module(link_module);
    expect_refused(m, TABLE, table_of(WASM_FUNCREF, 1, true, 4), "table: too small");
    expect_refused(m, TABLE, table_of(WASM_FUNCREF, 2, true, 5), "table: may grow too far");
    expect_refused(m, TABLE, table_of(WASM_FUNCREF, 2, false, 0), "table: no maximum");
    expect_refused(m, TABLE, table_of(WASM_EXTERNREF, 2, true, 4), "table: of other references");
    expect_taken(m, TABLE, table_of(WASM_FUNCREF, 3, true, 3), "table: within");
    expect_refused(m, MEMORY, memory_of(0, true, 3), "memory: too small");
    expect_refused(m, MEMORY, memory_of(1, true, 4), "memory: may grow too far");
    expect_refused(m, MEMORY, memory_of(1, false, 0), "memory: no maximum");
    expect_taken(m, MEMORY, memory_of(2, true, 2), "memory: within");
}

static void test_globals_fit_by_type_and_mutability(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    const struct wasm_module *m = fixture_module(link_module);
    expect_refused(m, GLOBAL, global_of(WASM_I64, false), "another type");
    expect_refused(m, GLOBAL, global_of(WASM_I32, true), "mutable for constant");
    expect_refused(m, VARIABLE, global_of(WASM_I64, false), "constant for mutable");
}

static void test_the_size_of_now_counts(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    const struct wasm_module *m = fixture_module(link_module);
    struct wasm_extern small = memory_of(0, true, 3);
    expect_refused(m, MEMORY, small, "before it grows");
    struct wasm_instance user = {.store = store, .memory = small.memory};
    assert_int_equal(wasm_memory_grow(&user, 1), 0);
    expect_taken(m, MEMORY, small, "after it has grown");
}

/* start_module: an element segment that fits, a data segment that fits, one that does not. */
static void test_segments_before_the_one_that_traps_stay_written(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    struct wasm_extern e[2] = {table_of(WASM_FUNCREF, 4, false, 0), memory_of(1, false, 0)};
    struct wasm_instance *i = NULL;
    enum wasm_trap trap;
    const struct wasm_module *m = fixture_module(start_module);
    assert_int_equal(wasm_instantiate(store, m, NULL, e, NULL, &i, &trap, &err), -EFAULT);
    assert_int_equal(trap, WASM_TRAP_MEMORY_BOUNDS);
    assert_null(i);
    assert_memory_equal(e[1].memory->base, "abc", 4);
    assert_int_equal(e[1].memory->base[65534], 0);
    assert_true(e[0].table->elems[0] == 0 && e[0].table->elems[2] == 0);
    struct wasm_func *f = (struct wasm_func *)(uintptr_t)e[0].table->elems[1];
    union wasm_value result;
    assert_int_equal(wasm_call(store, f, &result), WASM_TRAP_NONE);
    assert_int_equal(result.i32, 42);
}

static void test_initialisers_come_before_segments_before_the_start_function(void **state)
{
    (void)state;
    fixture_begin(unlimited);
    struct wasm_extern e = global_of(WASM_I32, false);
    e.global.value->i32 = 5;
    struct wasm_instance *i = fixture_instance(started_module, &e);
    assert_int_equal(fixture_export(i, "g").global.value->i32, 5 + 5 + 42);
}

static void test_functions_of_hosts_have_one_identity(void **state)
{
    static const uint8_t types[] = {WASM_I32, WASM_I32, WASM_I32};
    (void)state;
    fixture_begin(unlimited);
    struct wasm_extern e = {.kind = WASM_KIND_FUNC, .func = function_of(1, 2, types)};
    struct wasm_instance *i = fixture_instance(host_module, &e);
    assert_ptr_equal(fixture_export(i, "again").func, e.func);
    assert_int_equal(wasm_func_type(store, e.func)->n_results, 2);
    assert_false(wasm_instance_export(i, "agai", 4, &e));
    assert_false(wasm_instance_export(i, "", 0, &e));
}

static void test_equal_types_have_equal_numbers(void **state)
{
    struct wasm_types t = {0};
    uint32_t first, number;
    uint8_t types[8];
    (void)state;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t k = 0; k < 1000; k++) {
            for (uint32_t j = 0; j < sizeof types; j++)
                types[j] = k >> j & 1 ? WASM_I32 : WASM_F64;
            struct wasm_functype type = {k >> 8, 8 - (k >> 8), types};
            assert_int_equal(wasm_types_intern(&t, &type, &number), 0);
            assert_int_equal(number, k);
        }
    assert_int_equal(wasm_types_intern(&t, &(struct wasm_functype){0}, &first), 0);
    assert_int_equal(first, 1000);
    wasm_types_free(&t);
}

static void test_limits_of_the_store_are_kept(void **state)
{
    static const char three_pages[] = "00 61 73 6d 01 00 00 00 05 03 01 00 03";
    static const char ten_elements[] = "00 61 73 6d 01 00 00 00 04 04 01 70 00 0a";
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1, .memory_pages = 5, .table_elements = 15, .instances = 3});
    const struct wasm_module *memory = fixture_module(three_pages), *table = fixture_module(ten_elements);
    assert_int_equal(link_with(memory, NULL), 0);
    assert_int_equal(link_with(memory, NULL), -ENOMEM);
    assert_non_null(strstr(err.text, "3 pages"));
    assert_int_equal(link_with(table, NULL), 0);
    assert_int_equal(link_with(table, NULL), -ENOMEM);
    assert_non_null(strstr(err.text, "instances"));
    fixture_end();
    fixture_begin((struct wasm_store_options){.fuel = -1, .table_elements = 15});
    table = fixture_module(ten_elements);
    assert_int_equal(link_with(table, NULL), 0);
    assert_int_equal(link_with(table, NULL), -ENOMEM);
    assert_non_null(strstr(err.text, "elements"));
}

static void test_a_module_with_a_bad_body_is_refused(void **state)
{
    /* (func (result i32)), whose body gives nothing */
    static const char bad[] = "00 61 73 6d 01 00 00 00 01 05 01 60 00 01 7f 03 02 01 00 0a 04 01 02 00 0b";
    (void)state;
    fixture_begin(unlimited);
    assert_int_equal(link_with(fixture_module(bad), NULL), -EINVAL);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_functions_fit_by_their_whole_type),
        TEST(test_tables_and_memories_fit_by_limits),
        TEST(test_globals_fit_by_type_and_mutability),
        TEST(test_the_size_of_now_counts),
        TEST(test_segments_before_the_one_that_traps_stay_written),
        TEST(test_initialisers_come_before_segments_before_the_start_function),
        TEST(test_functions_of_hosts_have_one_identity),
        TEST(test_equal_types_have_equal_numbers),
        TEST(test_limits_of_the_store_are_kept),
        TEST(test_a_module_with_a_bad_body_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Modules in hex, loaded, linked and called, in a store that a test has for itself. */
#ifndef MOAT_TESTS_WASM_FIXTURE_H
#define MOAT_TESTS_WASM_FIXTURE_H

#include "wasm_build.h"
#include "wasm_modules.h"

#include "wasm/baseline/compile.h"
#include "wasm/runtime/store_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "wasm_handlers.h"

#define FIXTURE_MODULES 8

/* Modules are compiled instead of interpreted. */
static bool fixture_compiled;

/* The store and what was loaded into it; freed by fixture_end(). */
static struct wasm_store *store;
static struct err err;
static struct {
    struct arena arena;
    struct bytes bytes;
    struct wasm_code *code;
} loaded[FIXTURE_MODULES];
static size_t n_loaded;

static inline void fixture_begin(struct wasm_store_options options)
{
    if (fixture_compiled)
        wasm_handlers_begin();
    assert_int_equal(wasm_store_make(&options, &store, &err), 0);
}

static inline void fixture_end(void)
{
    wasm_store_free(store);
    store = NULL;
    while (n_loaded) {
        n_loaded--;
        if (loaded[n_loaded].code)
            wasm_code_free(loaded[n_loaded].code);
        loaded[n_loaded].code = NULL;
        arena_free(&loaded[n_loaded].arena);
        bytes_free(&loaded[n_loaded].bytes);
    }
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static inline const struct wasm_module *fixture_module(const char *hex)
{
    struct wasm_features features = {.tail_call = true, .extended_const = true};
    struct wasm_module *m;
    assert_true(n_loaded < FIXTURE_MODULES);
    struct bytes *b = &loaded[n_loaded].bytes;
    struct arena *a = &loaded[n_loaded++].arena;
    put_hex(b, hex);
    assert_int_equal(arena_init(a, wasm_module_arena_size(b->n)), 0);
    if (wasm_module_decode(b->p, b->n, &features, a, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static inline struct wasm_instance *fixture_instance(const char *hex, const struct wasm_extern *imports)
{
    struct wasm_compile_options options = {.features = {.tail_call = true, .extended_const = true}, .fuel = true};
    const struct wasm_module *m = fixture_module(hex);
    struct wasm_code **code = &loaded[n_loaded - 1].code;
    struct wasm_instance *i = NULL;
    enum wasm_trap trap;
    if (fixture_compiled && wasm_compile(m, &options, code, &err))
        fail_msg("%s", err.text);
    if (wasm_instantiate(store, m, *code, imports, NULL, &i, &trap, &err))
        fail_msg("%s", err.text);
    return i;
}

static inline struct wasm_extern fixture_export(struct wasm_instance *i, const char *name)
{
    struct wasm_extern e;
    if (!wasm_instance_export(i, name, strlen(name), &e))
        fail_msg("no export %s", name);
    return e;
}

/* One argument and one result, as 64 bits each; the second argument is 0. */
static inline enum wasm_trap fixture_call(struct wasm_instance *i, const char *name, uint64_t argument,
                                          uint64_t *result)
{
    union wasm_value values[4] = {{.i64 = argument}};
    enum wasm_trap trap = wasm_call(store, fixture_export(i, name).func, values);
    if (result)
        *result = values[0].i64;
    return trap;
}

static inline void fixture_expect(struct wasm_instance *i, const char *name, uint64_t argument, uint32_t expected)
{
    uint64_t result = 0;
    enum wasm_trap trap = fixture_call(i, name, argument, &result);
    if (trap || (uint32_t)result != expected)
        fail_msg("%s(%llu): expected %u, got %u, %s", name, (unsigned long long)argument, expected, (uint32_t)result,
                 wasm_trap_text(trap));
}

static inline void fixture_expect_trap(struct wasm_instance *i, const char *name, uint64_t argument,
                                       enum wasm_trap expected)
{
    enum wasm_trap trap = fixture_call(i, name, argument, NULL);
    if (trap != expected)
        fail_msg("%s(%llu): expected \"%s\", got \"%s\"", name, (unsigned long long)argument, wasm_trap_text(expected),
                 wasm_trap_text(trap));
}

#endif

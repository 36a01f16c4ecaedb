/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: what a use leaves behind is not there for the next one, whatever it did and however it ended. Each test runs
 * interpreted and compiled.
 */
#include "wasm_build.h"
#include "wasm_pool_modules.h"

#include "wasm/baseline/compile.h"
#include "wasm/pool/pool.h"
#include "wasm/runtime/memory.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/time.h>

#include <cmocka.h>

#include "wasm_handlers.h"

#define BASE 16 /* where pool_module's data goes: the imported global */

static struct {
    bool compiled;
    struct bytes bytes;
    struct arena arena;
    const struct wasm_module *module;
    struct wasm_code *code;
    struct wasm_pool *pool;
    int host_calls, links, unlinks;
    bool links_differ;
} t;
static struct err err;

/* ---- Fixture ----------------------------------------------------------------------------------------------------- */

static int end(void **state)
{
    (void)state;
    wasm_pool_free(t.pool);
    if (t.code)
        wasm_code_free(t.code);
    if (t.module)
        arena_free(&t.arena);
    bytes_free(&t.bytes);
    memset(&t, 0, sizeof t);
    return 0;
}

/* What pool_module imports: gives its argument and one more; 100: fails; 101: exits; 102: interrupts. */
static enum wasm_trap host_function(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    struct wasm_store *s = caller->store;
    assert_ptr_equal(data, &t);
    t.host_calls++;
    switch (values[0].i32) {
    case 100:
        return wasm_fail(s, "the secret is %d", 42);
    case 101:
        return wasm_exit(s, 7);
    case 102:
        wasm_interrupt(s);
        return WASM_TRAP_NONE;
    default:
        values[0].i32++;
        return WASM_TRAP_NONE;
    }
}

static int link_host(void *data, struct wasm_store *s, struct wasm_extern *imports, void **user, struct err *e)
{
    static const uint8_t types[] = {WASM_I32, WASM_I32};
    (void)e;
    assert_ptr_equal(data, &t);
    imports[0] = (struct wasm_extern){
        .kind = WASM_KIND_FUNC, .func = wasm_host_func(s, &(struct wasm_functype){1, 1, types}, host_function, &t)};
    if (t.module->n_imports > 1) {
        union wasm_value *base = wasm_host_global(s);
        assert_non_null(base);
        base->i32 = t.links_differ ? BASE + t.links : BASE;
        imports[1] = (struct wasm_extern){.kind = WASM_KIND_GLOBAL, .global = {base, {WASM_I32, false}}};
    }
    t.links++;
    *user = &t.links;
    return 0;
}

static void unlink_host(void *data, void *user)
{
    assert_ptr_equal(data, &t);
    assert_ptr_equal(user, &t.links);
    t.unlinks++;
}

static const struct wasm_pool_options plain = {
    .store = {.fuel = -1}, .slots = 4, .link = link_host, .unlink = unlink_host, .data = &t};

/* The module in t.bytes. */
static int make(const struct wasm_pool_options *o, enum wasm_trap *trap)
{
    struct wasm_features features = {0};
    struct wasm_module *m;
    if (t.compiled)
        wasm_handlers_begin();
    assert_int_equal(arena_init(&t.arena, wasm_module_arena_size(t.bytes.n)), 0);
    if (wasm_module_decode(t.bytes.p, t.bytes.n, &features, &t.arena, &m, &err))
        fail_msg("%s", err.text);
    t.module = m;
    struct wasm_compile_options c = {.features = features, .fuel = o->store.fuel >= 0};
    if (t.compiled && wasm_compile(m, &c, &t.code, &err))
        fail_msg("%s", err.text);
    return wasm_pool_make(m, t.code, o, &t.pool, trap, &err);
}

static void begin_made(void **state, const struct wasm_pool_options *o)
{
    enum wasm_trap trap;
    t.compiled = *(bool *)*state;
    if (make(o, &trap))
        fail_msg("%s", err.text);
}

static void begin(void **state, const char *hex, const struct wasm_pool_options *o)
{
    put_hex(&t.bytes, hex);
    begin_made(state, o);
}

static struct wasm_slot *acquire(void)
{
    struct wasm_slot *s;
    enum wasm_trap trap;
    if (wasm_pool_acquire(t.pool, &s, &trap, &err))
        fail_msg("%s", err.text);
    assert_int_equal(trap, WASM_TRAP_NONE);
    return s;
}

static struct wasm_extern export_of(const struct wasm_slot *s, const char *name)
{
    struct wasm_extern e;
    if (!wasm_instance_export(s->instance, name, strlen(name), &e))
        fail_msg("no export %s", name);
    return e;
}

static enum wasm_trap call(const struct wasm_slot *s, const char *name, uint64_t a, uint64_t b, uint64_t *result)
{
    union wasm_value values[2] = {{.i64 = a}, {.i64 = b}};
    enum wasm_trap trap = wasm_call(s->store, export_of(s, name).func, values);
    if (result)
        *result = values[0].i64;
    return trap;
}

static void expect(const struct wasm_slot *s, const char *name, uint64_t a, uint64_t b, uint64_t expected)
{
    uint64_t result = 0;
    enum wasm_trap trap = call(s, name, a, b, &result);
    if (trap || (uint32_t)result != (uint32_t)expected)
        fail_msg("%s(%llu): expected %u, got %u, %s", name, (unsigned long long)a, (uint32_t)expected, (uint32_t)result,
                 wasm_trap_text(trap));
}

static void expect_trap(const struct wasm_slot *s, const char *name, uint64_t a, enum wasm_trap expected)
{
    enum wasm_trap trap = call(s, name, a, 0, NULL);
    if (trap != expected)
        fail_msg("%s(%llu): expected \"%s\", got \"%s\"", name, (unsigned long long)a, wasm_trap_text(expected),
                 wasm_trap_text(trap));
}

static void expect_zeros(const uint8_t *p, size_t from, size_t until)
{
    for (size_t k = from; k < until; k++)
        if (p[k])
            fail_msg("byte %zu of the memory is 0x%02x, not 0", k, p[k]);
}

/* pool_module as it begins, down to the last byte; looked at from outside and from inside. */
static void expect_fresh(const struct wasm_slot *s, uint64_t fuel)
{
    const struct wasm_memory *m = export_of(s, "memory").memory;
    assert_int_equal(m->size, 2 * WASM_PAGE);
    assert_int_equal(m->pages, 2);
    expect_zeros(m->base, 0, BASE);
    assert_memory_equal(m->base + BASE, "image", 5);
    expect_zeros(m->base, BASE + 5, m->size);
    assert_true(export_of(s, "g").global.value->i64 == 7);
    assert_true(export_of(s, "x").global.value->ref == 0);
    assert_true(export_of(s, "r").global.value->ref != 0);
    const struct wasm_table *functions = export_of(s, "t").table, *externs = export_of(s, "e").table;
    assert_int_equal(functions->size, 3);
    assert_int_equal(externs->size, 2);
    assert_true(externs->elems[0] == 0 && externs->elems[1] == 0);
    assert_true(s->store->fuel == (fuel ? (int64_t)fuel : INT64_MAX));
    assert_int_equal(s->store->trap, WASM_TRAP_NONE);
    assert_int_equal(s->store->interrupt, 0);
    assert_int_equal(wasm_exit_status(s->store), 0);
    assert_string_equal(wasm_fail_text(s->store), "");
    struct wasm_frame frame;
    assert_int_equal(wasm_backtrace(s->store, &frame, 1), 0);
    expect(s, "call", 0, 0, 1);
    expect(s, "call", 1, 0, 2);
    expect_trap(s, "call", 2, WASM_TRAP_UNINITIALIZED_ELEMENT);
    expect_trap(s, "call", 3, WASM_TRAP_UNDEFINED_ELEMENT);
    expect_trap(s, "load", 2 * WASM_PAGE, WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(call(s, "init", 0, 0, NULL), WASM_TRAP_NONE); /* no segment was dropped */
    assert_memory_equal(m->base, "passive", 7);
    expect(s, "call", 2, 0, 2);
}

/* Leaves a secret in everything that pool_module can change. */
static void stain(const struct wasm_slot *s)
{
    expect(s, "grow", 2, 0, 2);
    assert_int_equal(call(s, "fill", 4 * WASM_PAGE, 0x5a, NULL), WASM_TRAP_NONE);
    assert_int_equal(call(s, "set", 0x5ec7e7, 0xdead, NULL), WASM_TRAP_NONE);
    assert_int_equal(call(s, "table", 0xdead, 0, NULL), WASM_TRAP_NONE);
    assert_int_equal(call(s, "drop", 0, 0, NULL), WASM_TRAP_NONE);
    expect_trap(s, "init", 0, WASM_TRAP_MEMORY_BOUNDS);
    expect(s, "call", 0, 0, 2);
    expect(s, "call", 4, 0, 2);
    assert_true(export_of(s, "e").table->size == 102 && export_of(s, "e").table->elems[101] == 0xdead);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void test_a_slot_is_as_freshly_instantiated(void **state)
{
    begin(state, pool_module, &plain);
    struct wasm_slot *s = acquire();
    expect_fresh(s, 0);
    assert_ptr_equal(s->user, &t.links);
    wasm_pool_release(s);
}

static void test_nothing_of_a_use_is_in_the_next(void **state)
{
    begin(state, pool_module, &plain);
    for (int k = 0; k < 3; k++) {
        struct wasm_slot *s = acquire();
        expect_fresh(s, 0);
        stain(s);
        wasm_pool_release(s);
    }
    assert_int_equal(wasm_pool_figures(t.pool).made, 1); /* the same slot each time */
}

static void test_memory_that_was_grown_comes_back_as_zeros(void **state)
{
    begin(state, pool_module, &plain);
    struct wasm_slot *s = acquire();
    stain(s);
    wasm_pool_release(s);
    s = acquire();
    expect_trap(s, "load", 2 * WASM_PAGE, WASM_TRAP_MEMORY_BOUNDS);
    expect_trap(s, "load", 4 * WASM_PAGE - 1, WASM_TRAP_MEMORY_BOUNDS);
    expect(s, "grow", 3, 0, 2);
    expect_zeros(export_of(s, "memory").memory->base, BASE + 5, 5 * WASM_PAGE);
    expect(s, "grow", 1, 0, UINT32_MAX);
    wasm_pool_release(s);
}

/* The endings of a use; each is followed by a fresh one. */
static void test_a_use_may_end_in_any_way(void **state)
{
    static const struct {
        const char *name;
        uint64_t argument;
        enum wasm_trap trap;
    } endings[] = {
        {"trap", 0, WASM_TRAP_UNREACHABLE},
        {"deep", 0, WASM_TRAP_STACK_EXHAUSTED},
        {"load", 9000000, WASM_TRAP_MEMORY_BOUNDS},
        {"host", 100, WASM_TRAP_HOST},
        {"host", 101, WASM_TRAP_EXIT},
        {"host", 102, WASM_TRAP_INTERRUPT},
        {"call", 100, WASM_TRAP_UNDEFINED_ELEMENT},
    };
    begin(state, pool_module, &plain);
    for (size_t k = 0; k < ARRAY_LEN(endings); k++) {
        struct wasm_slot *s = acquire();
        stain(s);
        expect_trap(s, endings[k].name, endings[k].argument, endings[k].trap);
        wasm_pool_release(s);
        s = acquire();
        expect_fresh(s, 0);
        wasm_pool_release(s);
    }
    assert_int_equal(wasm_pool_figures(t.pool).made, 1);
}

static void test_each_use_has_all_the_fuel(void **state)
{
    struct wasm_pool_options o = plain;
    o.store.fuel = 100000;
    begin(state, pool_module, &o);
    for (int k = 0; k < 3; k++) {
        struct wasm_slot *s = acquire();
        expect_fresh(s, 100000);
        assert_true(s->store->fuel < 100000);
        expect_trap(s, "forever", 0, WASM_TRAP_FUEL);
        wasm_pool_release(s);
    }
}

/* What a use grew is not charged to the next. */
static void test_each_use_has_the_whole_limits(void **state)
{
    struct wasm_pool_options o = plain;
    o.store.memory_pages = 4;
    o.store.table_elements = 110;
    begin(state, pool_module, &o);
    for (int k = 0; k < 3; k++) {
        struct wasm_slot *s = acquire();
        stain(s);
        expect(s, "grow", 1, 0, UINT32_MAX);
        wasm_pool_release(s);
    }
}

/* What all slots look at does not change any more. */
static void test_a_store_takes_no_new_type_later(void **state)
{
    static const uint8_t types[] = {WASM_F64, WASM_F64};
    begin(state, pool_module, &plain);
    struct wasm_slot *slots[] = {acquire(), acquire()};
    for (size_t k = 0; k < ARRAY_LEN(slots); k++) {
        assert_null(wasm_host_func(slots[k]->store, &(struct wasm_functype){1, 1, types}, host_function, &t));
        wasm_pool_release(slots[k]);
    }
}

static void test_slots_are_apart_and_as_many_as_may_be(void **state)
{
    struct wasm_pool_options o = plain;
    struct wasm_slot *slots[60], *more;
    enum wasm_trap trap;
    o.slots = ARRAY_LEN(slots);
    begin(state, pool_module, &o);
    assert_int_equal(wasm_pool_figures(t.pool).slots, ARRAY_LEN(slots));
    for (size_t k = 0; k < ARRAY_LEN(slots); k++) {
        slots[k] = acquire();
        assert_int_equal(call(slots[k], "set", k, 0, NULL), WASM_TRAP_NONE);
        assert_int_equal(call(slots[k], "store", k, k, NULL), WASM_TRAP_NONE);
    }
    assert_int_equal(wasm_pool_acquire(t.pool, &more, &trap, &err), -EAGAIN);
    for (size_t k = 0; k < ARRAY_LEN(slots); k++) {
        expect(slots[k], "next", 0, 0, k + 1);
        expect(slots[k], "load", k, 0, k & 0xff);
        expect(slots[k], "load", 1000, 0, 0);
    }
    for (size_t k = 0; k < ARRAY_LEN(slots); k++)
        wasm_pool_release(slots[k]);
    more = acquire();
    expect_fresh(more, 0);
    wasm_pool_release(more);
    assert_int_equal(t.links, ARRAY_LEN(slots));
    wasm_pool_free(t.pool);
    t.pool = NULL;
    assert_int_equal(t.unlinks, ARRAY_LEN(slots));
}

/* A module with one data segment of `size` bytes at `at`, and a memory of `pages`. */
static void build_large(uint32_t pages, uint32_t at, uint32_t size)
{
    struct bytes *b = &t.bytes, part = {0};
    put_header(b);
    put_u8(&part, 1);
    put_u8(&part, 0);
    put_u32(&part, pages);
    put_part(b, 5, &part);
    put_hex(&part, "01 06");
    put(&part, "memory", 6);
    put_hex(&part, "02 00");
    put_part(b, 7, &part);
    put_hex(&part, "01 00 41");
    for (; at >= 0x40; at >>= 7) /* a positive number, signed: bit 6 of the last byte is clear */
        put_u8(&part, (at & 0x7f) | 0x80);
    put_u8(&part, at);
    put_u8(&part, 0x0b);
    put_u32(&part, size);
    for (uint32_t k = 0; k < size; k++)
        put_u8(&part, k % 251 + 1);
    put_part(b, 11, &part);
    bytes_free(&part);
}

static void expect_large(const struct wasm_slot *s, uint32_t pages, uint32_t at, uint32_t size)
{
    const struct wasm_memory *m = export_of(s, "memory").memory;
    assert_int_equal(m->size, pages * WASM_PAGE);
    expect_zeros(m->base, 0, at);
    for (uint32_t k = 0; k < size; k++)
        if (m->base[at + k] != k % 251 + 1)
            fail_msg("byte %u of the image is 0x%02x, not 0x%02x", at + k, m->base[at + k], k % 251 + 1);
    expect_zeros(m->base, at + size, m->size);
}

/* Images that are larger than what is resident, that lie behind a stack, that fill the memory, that are empty. */
static void large(void **state, bool reclaimer)
{
    static const struct {
        uint32_t pages, at, size;
        size_t resident;
    } cases[] = {
        {2, 1024, 100000, 0}, {20, 1024, 3000, 0},      {20, 1 << 20, 3000, 0},
        {10, 0, 655360, 0},   {10, 5000, 300000, 4096}, {10, 5000, 300000, 1 << 20},
        {10, 655359, 1, 0},   {1, 65535, 1, 0},         {3, 0, 0, 0},
        {0, 0, 0, 0},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct wasm_pool_options o = {
            .store = {.fuel = -1}, .slots = 3, .resident = cases[k].resident, .reclaimer = reclaimer};
        build_large(cases[k].pages, cases[k].at, cases[k].size);
        begin_made(state, &o);
        for (int use = 0; use < 20; use++) {
            struct wasm_slot *a = acquire(), *b = acquire();
            expect_large(a, cases[k].pages, cases[k].at, cases[k].size);
            expect_large(b, cases[k].pages, cases[k].at, cases[k].size);
            memset(export_of(a, "memory").memory->base, 0x5a, cases[k].pages * WASM_PAGE);
            memset(export_of(b, "memory").memory->base, 0xa5, cases[k].pages * WASM_PAGE);
            wasm_pool_release(a);
            wasm_pool_release(b);
        }
        end(NULL);
    }
}

static void test_memories_of_any_shape_come_back(void **state)
{
    large(state, false);
}

static void test_memories_of_any_shape_come_back_from_the_reclaimer(void **state)
{
    large(state, true);
}

static void test_all_slots_come_back_from_the_reclaimer(void **state)
{
    struct wasm_pool_options o = plain;
    struct wasm_slot *slots[4];
    o.reclaimer = true;
    begin(state, pool_module, &o);
    for (int round = 0; round < 50; round++) {
        for (size_t k = 0; k < ARRAY_LEN(slots); k++) {
            struct wasm_slot *s = NULL;
            enum wasm_trap trap;
            int r;
            while ((r = wasm_pool_acquire(t.pool, &s, &trap, &err)) == -EAGAIN)
                sched_yield(); /* the reclaimer has it in its hands */
            assert_int_equal(r, 0);
            slots[k] = s;
            stain(s);
        }
        for (size_t k = 0; k < ARRAY_LEN(slots); k++)
            wasm_pool_release(slots[k]);
    }
    struct wasm_slot *s = acquire();
    expect_fresh(s, 0);
    wasm_pool_release(s);
}

static void test_a_start_function_without_host_is_run_once(void **state)
{
    struct wasm_pool_options o = {.store = {.fuel = 1000}, .slots = 2};
    begin(state, started_module, &o);
    assert_false(wasm_pool_figures(t.pool).start_each);
    struct wasm_slot *s = acquire(), *later = acquire();
    int64_t fuel = s->store->fuel;
    assert_true(fuel < 1000 && later->store->fuel == fuel);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(export_of(s, "g").global.value->i32, 42);
        assert_int_equal(export_of(s, "memory").memory->size, 2 * WASM_PAGE);
        assert_int_equal(export_of(s, "memory").memory->base[70000], 9);
        assert_int_equal(export_of(later, "memory").memory->base[70000], 9);
        assert_true(s->store->fuel == fuel);
        export_of(s, "g").global.value->i32 = 0;
        export_of(s, "memory").memory->base[70000] = 1;
        wasm_pool_release(s);
        s = acquire();
    }
    wasm_pool_release(s);
    wasm_pool_release(later);
}

/* The image is taken before the start function and again behind it: what it erased lay in the first one alone. */
static void test_what_the_start_function_erased_stays_erased(void **state)
{
    static const struct {
        const char *module;
        bool kept;
        size_t resident;
    } cases[] = {{erasing_module, false, 0},
                 {shrinking_module, true, 0},
                 {erasing_module, false, 4096},
                 {shrinking_module, true, 64 << 10},
                 {shrinking_module, true, 4 << 20}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct wasm_pool_options o = {.store = {.fuel = -1}, .slots = 2, .resident = cases[k].resident};
        begin(state, cases[k].module, &o);
        assert_false(wasm_pool_figures(t.pool).start_each);
        for (int use = 0; use < 4; use++) {
            struct wasm_slot *slots[2] = {acquire(), acquire()};
            for (int i = 0; i < 2; i++) {
                const struct wasm_memory *m = export_of(slots[i], "memory").memory;
                size_t from = cases[k].kept ? 300004 : 0;
                if (cases[k].kept)
                    assert_memory_equal(m->base + 300000, "kept", 4);
                expect_zeros(m->base, from, m->size);
                memset(m->base, 0x5a, m->size);
            }
            wasm_pool_release(slots[0]);
            wasm_pool_release(slots[1]);
        }
        end(NULL);
    }
}

static void test_a_start_function_that_calls_the_host_is_run_by_each_acquire(void **state)
{
    begin(state, hosted_module, &plain);
    assert_true(wasm_pool_figures(t.pool).start_each);
    assert_int_equal(t.host_calls, 0);
    for (int k = 1; k < 4; k++) {
        struct wasm_slot *s = acquire();
        assert_int_equal(t.host_calls, k);
        assert_int_equal(export_of(s, "g").global.value->i32, 3);
        assert_int_equal(export_of(s, "memory").memory->base[5], 6);
        wasm_pool_release(s);
    }
}

static void test_a_start_function_that_grows_a_table_is_run_by_each_acquire(void **state)
{
    struct wasm_pool_options o = {.store = {.fuel = -1}, .slots = 1};
    begin(state, growing_module, &o);
    for (int k = 0; k < 3; k++) {
        struct wasm_slot *s = acquire();
        assert_int_equal(export_of(s, "t").table->size, 4);
        export_of(s, "t").table->elems[0] = export_of(s, "t").table->elems[3] = 0xdead;
        wasm_pool_release(s);
        s = acquire();
        assert_true(export_of(s, "t").table->elems[0] == 0 && export_of(s, "t").table->elems[3] == 0);
        wasm_pool_release(s);
    }
}

static void test_a_start_function_that_traps_makes_no_pool(void **state)
{
    enum wasm_trap trap;
    t.compiled = *(bool *)*state;
    put_hex(&t.bytes, trapping_module);
    assert_int_equal(make(&(struct wasm_pool_options){.store = {.fuel = -1}}, &trap), -EFAULT);
    assert_int_equal(trap, WASM_TRAP_UNREACHABLE);
}

static void test_imports_that_a_pool_cannot_reset_are_refused(void **state)
{
    enum wasm_trap trap;
    t.compiled = *(bool *)*state;
    put_hex(&t.bytes, imports_module);
    assert_int_equal(make(&plain, &trap), -ENOTSUP);
    assert_non_null(strstr(err.text, "env.m"));
    assert_int_equal(t.links, 0);
}

static void test_a_slot_that_begins_otherwise_is_refused(void **state)
{
    struct wasm_slot *s;
    enum wasm_trap trap;
    t.links_differ = true;
    begin(state, pool_module, &plain);
    struct wasm_slot *first = acquire();
    assert_int_equal(wasm_pool_acquire(t.pool, &s, &trap, &err), -EINVAL);
    t.links_differ = false;
    s = acquire(); /* the failure left nothing */
    expect_fresh(s, 0);
    wasm_pool_release(s);
    wasm_pool_release(first);
}

static struct wasm_slot *alarmed;
static uint64_t alarmed_use;

static void on_alarm(int signo)
{
    (void)signo;
    wasm_slot_interrupt(alarmed, alarmed_use);
}

/* Without the interruption this never ends. The handler runs on the guest's stack, or on the alternate one. */
static void expect_stopped(struct wasm_slot *s, int flags)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags}, before;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    alarmed = s;
    alarmed_use = wasm_slot_use(s);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    expect_trap(s, "forever", 0, WASM_TRAP_INTERRUPT);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static void test_a_deadline_ends_its_use_and_no_other(void **state)
{
    begin(state, pool_module, &plain);
    struct wasm_slot *s = acquire();
    expect_stopped(s, 0);
    wasm_pool_release(s);
    assert_ptr_equal(acquire(), s);
    expect_stopped(s, SA_ONSTACK);
    wasm_pool_release(s);
    assert_ptr_equal(acquire(), s);
    assert_true(wasm_slot_use(s) != alarmed_use);
    on_alarm(SIGALRM); /* late */
    assert_int_equal(s->store->interrupt, 0);
    expect_fresh(s, 0);
    alarmed_use = wasm_slot_use(s);
    on_alarm(SIGALRM);
    expect_trap(s, "load", 0, WASM_TRAP_INTERRUPT);
    wasm_pool_release(s);
}

static void *use_many(void *data)
{
    for (int k = 0; k < 2000; k++) {
        struct wasm_slot *s;
        union wasm_value values[2] = {0};
        struct wasm_extern next;
        enum wasm_trap trap;
        struct err e;
        if (wasm_pool_acquire(t.pool, &s, &trap, &e) || !wasm_instance_export(s->instance, "next", 4, &next) ||
            wasm_call(s->store, next.func, values) || values[0].i64 != 8 || wasm_call(s->store, next.func, values) ||
            values[0].i64 != 9) {
            *(bool *)data = true;
            return NULL;
        }
        wasm_pool_release(s);
    }
    return NULL;
}

static void test_threads_share_a_pool(void **state)
{
    pthread_t threads[4];
    bool failed[4] = {false};
    begin(state, pool_module, &plain);
    for (size_t k = 0; k < ARRAY_LEN(threads); k++)
        assert_int_equal(pthread_create(&threads[k], NULL, use_many, &failed[k]), 0);
    for (size_t k = 0; k < ARRAY_LEN(threads); k++)
        assert_int_equal(pthread_join(threads[k], NULL), 0);
    for (size_t k = 0; k < ARRAY_LEN(threads); k++)
        assert_false(failed[k]);
}

static size_t mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    size_t n = 0;
    assert_non_null(f);
    for (int c; (c = getc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

/* 65,530 is what Linux allows a process; a reset must give back those that growing made. */
static void test_a_slot_takes_five_mappings_at_most(void **state)
{
    enum { SLOTS = 50 };
    struct wasm_pool_options o = {.store = {.fuel = -1}, .slots = SLOTS + 1};
    build_large(20, 70000, 300000); /* an image that is mapped: the most there are */
    begin_made(state, &o);
    size_t before = mappings();
    assert_int_equal(wasm_pool_prepare(t.pool, SLOTS + 1, &err), 0);
    assert_in_range(mappings() - before, 1, 5 * SLOTS + 10);
}

static void test_growing_leaves_no_mappings(void **state)
{
    begin(state, pool_module, &plain);
    struct wasm_slot *s = acquire();
    stain(s);
    wasm_pool_release(s);
    size_t before = mappings();
    for (int k = 0; k < 100; k++) {
        s = acquire();
        stain(s);
        wasm_pool_release(s);
    }
    assert_in_range(mappings(), 0, before + 2);
}

int main(void)
{
#define TEST(NAME)                                                                                                     \
    {                                                                                                                  \
#NAME, NAME, NULL, end, NULL                                                                                   \
    }
    static const struct CMUnitTest once[] = {
        TEST(test_a_slot_is_as_freshly_instantiated),
        TEST(test_nothing_of_a_use_is_in_the_next),
        TEST(test_memory_that_was_grown_comes_back_as_zeros),
        TEST(test_a_use_may_end_in_any_way),
        TEST(test_each_use_has_all_the_fuel),
        TEST(test_each_use_has_the_whole_limits),
        TEST(test_a_store_takes_no_new_type_later),
        TEST(test_slots_are_apart_and_as_many_as_may_be),
        TEST(test_memories_of_any_shape_come_back),
        TEST(test_memories_of_any_shape_come_back_from_the_reclaimer),
        TEST(test_all_slots_come_back_from_the_reclaimer),
        TEST(test_a_start_function_without_host_is_run_once),
        TEST(test_what_the_start_function_erased_stays_erased),
        TEST(test_a_start_function_that_calls_the_host_is_run_by_each_acquire),
        TEST(test_a_start_function_that_grows_a_table_is_run_by_each_acquire),
        TEST(test_a_start_function_that_traps_makes_no_pool),
        TEST(test_imports_that_a_pool_cannot_reset_are_refused),
        TEST(test_a_slot_that_begins_otherwise_is_refused),
        TEST(test_a_deadline_ends_its_use_and_no_other),
        TEST(test_threads_share_a_pool),
        TEST(test_a_slot_takes_five_mappings_at_most),
        TEST(test_growing_leaves_no_mappings),
    };
    static bool modes[] = {false, true};
    static char names[2 * ARRAY_LEN(once)][120];
    struct CMUnitTest tests[2 * ARRAY_LEN(once)];
    for (size_t k = 0; k < ARRAY_LEN(tests); k++) {
        bool *compiled = &modes[k >= ARRAY_LEN(once)];
        tests[k] = once[k % ARRAY_LEN(once)];
        snprintf(names[k], sizeof names[k], "%s (%s)", tests[k].name, *compiled ? "compiled" : "interpreted");
        tests[k].name = names[k];
        tests[k].initial_state = compiled;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

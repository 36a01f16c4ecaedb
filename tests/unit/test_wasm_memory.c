/* SPDX-License-Identifier: Apache-2.0 */
/* Linear memories and tables: growth and its limits, where accesses out of bounds end, bulk work and its stops. */
#include "wasm_fixture.h"

#include "wasm/runtime/memory.h"

#include <signal.h>

#define KIB ((uint32_t)1 << 10)

static struct wasm_memory *memory;
static struct wasm_instance user; /* an instance that has the memory, for the helpers */

static void begin(uint32_t pages, uint32_t max)
{
    fixture_begin((struct wasm_store_options){.fuel = -1});
    memory = wasm_host_memory(store, &(struct wasm_limits){pages, max, true});
    assert_non_null(memory);
    user = (struct wasm_instance){.store = store, .memory = memory};
}

static void test_growth_keeps_bytes_and_zeroes_new_ones(void **state)
{
    (void)state;
    begin(1, 4);
    memory->base[65535] = 7;
    assert_int_equal(wasm_memory_grow(&user, 2), 1);
    assert_true(memory->size == 3 * 65536 && memory->pages == 3);
    assert_int_equal(memory->base[65535], 7);
    assert_int_equal(memory->base[65536], 0);
    memory->base[3 * 65536 - 1] = 8;
    assert_int_equal(wasm_memory_grow(&user, 0), 3);
    assert_int_equal(wasm_memory_grow(&user, 2), UINT32_MAX);
    assert_int_equal(wasm_memory_grow(&user, UINT32_MAX), UINT32_MAX);
    assert_int_equal(wasm_memory_grow(&user, 1), 3);
    assert_int_equal(wasm_memory_grow(&user, 1), UINT32_MAX);
    assert_int_equal(memory->pages, 4);
}

static void test_growth_ends_at_the_limit_of_the_store(void **state)
{
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1, .memory_pages = 5});
    struct wasm_memory *a = wasm_host_memory(store, &(struct wasm_limits){2, 0, false});
    struct wasm_memory *b = wasm_host_memory(store, &(struct wasm_limits){2, 0, false});
    assert_true(a && b);
    struct wasm_instance i = {.store = store, .memory = a}, j = {.store = store, .memory = b};
    assert_int_equal(wasm_memory_grow(&i, 2), UINT32_MAX);
    assert_int_equal(wasm_memory_grow(&i, 1), 2);
    assert_int_equal(wasm_memory_grow(&j, 1), UINT32_MAX);
    assert_null(wasm_host_memory(store, &(struct wasm_limits){1, 0, false}));
}

static void test_a_memory_without_maximum_has_at_most_65536_pages(void **state)
{
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1});
    struct wasm_memory *m = wasm_host_memory(store, &(struct wasm_limits){0, 0, false});
    struct wasm_instance i = {.store = store, .memory = m};
    assert_int_equal(wasm_memory_grow(&i, 65537), UINT32_MAX);
    assert_int_equal(wasm_memory_grow(&i, 65536), 0);
    m->base[UINT32_MAX] = 1;
    assert_int_equal(wasm_memory_grow(&i, 1), UINT32_MAX);
}

static sigjmp_buf back;
static void *volatile fault_address;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    fault_address = info->si_addr;
    siglongjmp(back, signo);
}

/* Whether reading this byte faults, there. */
static bool faults(const uint8_t *p)
{
    fault_address = NULL;
    if (sigsetjmp(back, 1))
        return fault_address == p;
    (void)*(const volatile uint8_t *)p;
    return false;
}

/* The furthest byte that compiled code can name: index and offset 2^32 - 1 each, 16 bytes wide. */
static void test_every_address_that_code_can_name_is_reserved_and_faults_beyond_the_size(void **state)
{
    static const uint64_t offsets[] = {
        1,
        2,
        4095,
        65535,
        65536,
        (UINT64_C(1) << 31) - 1,
        1ULL << 31,
        1ULL << 32,
        3ULL << 31,
        (1ULL << 33) - 2,
        (1ULL << 33) + 13,
    };
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
    (void)state;
    begin(1, 1);
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_false(faults(memory->base + 65535));
    for (size_t k = 0; k < ARRAY_LEN(offsets); k++) {
        const uint8_t *p = memory->base + 65535 + offsets[k];
        if (memory->base + 2 * (UINT64_C(1) << 32) + 13 < p)
            p = memory->base + 2 * (UINT64_C(1) << 32) + 13;
        if (!faults(p) || !wasm_memory_reserves(memory, p))
            fail_msg("offset %llu", (unsigned long long)offsets[k]);
    }
    assert_true(faults(memory->base - 1));
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_true(wasm_memory_reserves(memory, memory->base));
    assert_false(wasm_memory_reserves(memory, memory->base - 1));
    assert_false(wasm_memory_reserves(memory, &store));
}

static uint8_t pattern(uint32_t k)
{
    return (uint8_t)(k * 31 + (k >> 8) * 7 + (k >> 16));
}

static void fill_pattern(void)
{
    for (uint32_t k = 0; k < memory->size; k++)
        memory->base[k] = pattern(k);
}

/* Overlaps in both directions, over more than one piece. */
static void test_memory_copy_is_a_move(void **state)
{
    static const struct {
        uint32_t to, from, n;
    } cases[] = {
        {0, 1, 1000 * KIB}, {1, 0, 1000 * KIB}, {300 * KIB, 0, 700 * KIB},   {0, 300 * KIB, 700 * KIB},
        {5, 5, 600 * KIB},  {0, 0, 0},          {1024 * KIB, 1024 * KIB, 0}, {512 * KIB, 0, 512 * KIB},
    };
    (void)state;
    begin(16, 16);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        uint32_t to = cases[c].to, from = cases[c].from, n = cases[c].n;
        fill_pattern();
        assert_int_equal(wasm_memory_copy(&user, to, from, n), WASM_TRAP_NONE);
        for (uint32_t k = 0; k < memory->size; k++)
            if (memory->base[k] != pattern(k >= to && k - to < n ? k - to + from : k))
                fail_msg("case %zu, byte %u", c, k);
    }
}

static void test_bulk_work_out_of_bounds_traps_and_writes_nothing(void **state)
{
    (void)state;
    begin(1, 1);
    fill_pattern();
    assert_int_equal(wasm_memory_copy(&user, 65535, 0, 2), WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(wasm_memory_copy(&user, 0, 65535, 2), WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(wasm_memory_copy(&user, 0, 65537, 0), WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(wasm_memory_copy(&user, UINT32_MAX, 0, UINT32_MAX), WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(wasm_memory_fill(&user, 1, 0, 65536), WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(wasm_memory_fill(&user, 65536, 0, 0), WASM_TRAP_NONE);
    for (uint32_t k = 0; k < memory->size; k++)
        assert_int_equal(memory->base[k], pattern(k));
    assert_int_equal(wasm_memory_fill(&user, 65535, 0x1ff, 1), WASM_TRAP_NONE);
    assert_int_equal(memory->base[65535], 0xff);
}

/* An interruption that is there already ends long work behind its first piece, whose size is the helpers' own; a short
 * one is done. */
static void test_long_work_stops_between_pieces(void **state)
{
    (void)state;
    begin(16, 16);
    wasm_interrupt(store);
    assert_int_equal(wasm_memory_fill(&user, 0, 1, 1024 * KIB), WASM_TRAP_INTERRUPT);
    assert_true(memory->base[0] == 1 && memory->base[256 * KIB] == 0);
    assert_int_equal(wasm_memory_copy(&user, 512 * KIB, 0, 512 * KIB), WASM_TRAP_INTERRUPT);
    assert_int_equal(memory->base[512 * KIB], 0); /* pieces go from the end */
    assert_int_equal(wasm_memory_fill(&user, 0, 2, 4 * KIB), WASM_TRAP_NONE);
    assert_true(memory->base[4 * KIB - 1] == 2);
    wasm_interrupt_clear(store);
    assert_int_equal(wasm_memory_fill(&user, 0, 3, 1024 * KIB), WASM_TRAP_NONE);
    assert_int_equal(memory->base[1024 * KIB - 1], 3);
}

static void test_tables_grow_to_their_maximum(void **state)
{
    struct wasm_table t;
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1});
    struct wasm_store_whole *w = wasm_store_whole(store);
    struct wasm_tabletype type = {WASM_EXTERNREF, {1, 20, true}};
    assert_int_equal(wasm_table_make(w, &type, &t), 0);
    assert_true(t.elems[0] == 0);
    for (uint32_t k = 1; k < 20; k++)
        assert_int_equal(wasm_table_extend(w, &t, 100 + k, 1), k);
    assert_int_equal(wasm_table_extend(w, &t, 0, 1), UINT32_MAX);
    assert_int_equal(wasm_table_extend(w, &t, 0, UINT32_MAX), UINT32_MAX);
    for (uint32_t k = 1; k < 20; k++)
        assert_true(t.elems[k] == 100 + k);
    assert_int_equal(wasm_table_extend(w, &t, 0, 0), 20);
    wasm_table_free(&t);
}

static void test_stores_without_a_limit_refuse_more_than_ten_million_elements(void **state)
{
    (void)state;
    fixture_begin((struct wasm_store_options){.fuel = -1});
    struct wasm_tabletype type = {WASM_FUNCREF, {9000000, 0, false}};
    assert_non_null(wasm_host_table(store, &type));
    assert_null(wasm_host_table(store, &type));
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_growth_keeps_bytes_and_zeroes_new_ones),
        TEST(test_growth_ends_at_the_limit_of_the_store),
        TEST(test_a_memory_without_maximum_has_at_most_65536_pages),
        TEST(test_every_address_that_code_can_name_is_reserved_and_faults_beyond_the_size),
        TEST(test_memory_copy_is_a_move),
        TEST(test_bulk_work_out_of_bounds_traps_and_writes_nothing),
        TEST(test_long_work_stops_between_pieces),
        TEST(test_tables_grow_to_their_maximum),
        TEST(test_stores_without_a_limit_refuse_more_than_ten_million_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/pcmap.h: tables of places against a plain array, tables that lie, regions that come and go under look-ups. */
#include "codegen/pcmap.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A stream of numbers that is the same in each run (xorshift). */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* The last entry at or before pc, by looking at all of them. */
static const struct code_pc_entry *slow_find(const struct code_pc_entry *entries, uint32_t n, uint32_t pc)
{
    const struct code_pc_entry *found = NULL;

    for (uint32_t i = 0; i < n && entries[i].pc <= pc; i++)
        found = &entries[i];
    return found;
}

static void compare(const struct code_pc_entry *entries, uint32_t n, const void *table, size_t size, uint32_t pc)
{
    const struct code_pc_entry *want = slow_find(entries, n, pc);
    struct code_pc_entry got;
    uint32_t value;

    assert_int_equal(code_pctable_find(table, size, pc, &got), want != NULL);
    if (want) {
        assert_int_equal(got.pc, want->pc);
        assert_int_equal(got.value, want->value);
    }
    assert_int_equal(code_pctable_exact(table, size, pc, &value), want && want->pc == pc);
}

static void test_table_of_any_length_finds_what_an_array_finds(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    for (uint32_t n = 0; n < 200; n += n < 70 ? 1 : 13) {
        struct code_pc_entry entries[200];
        struct code_pctable t = {0};
        uint32_t pc = next_random(&seed) % 5;
        void *table;
        size_t size;

        for (uint32_t i = 0; i < n; i++) {
            entries[i] = (struct code_pc_entry){pc, next_random(&seed) % 3 ? i * 3 : next_random(&seed)};
            code_pctable_add(&t, entries[i].pc, entries[i].value);
            code_pctable_add(&t, entries[i].pc, 999); /* the same place again: the first counts */
            pc += 1 + next_random(&seed) % (i % 9 == 8 ? 1000000 : 20);
        }
        assert_int_equal(code_pctable_finish(&t, &table, &size), 0);
        code_pctable_free(&t);
        assert_int_equal(code_pctable_count(table, size), n);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t d = 0; d < 3; d++)
                compare(entries, n, table, size, entries[i].pc - 1 + d);
        compare(entries, n, table, size, 0);
        compare(entries, n, table, size, UINT32_MAX);
        free(table);
    }
}

static void test_table_holds_the_largest_numbers(void **state)
{
    static const struct code_pc_entry entries[] = {
        {0, UINT32_MAX}, {1, 0}, {0x7fffffff, 0x80000000u}, {UINT32_MAX - 1, 1}, {UINT32_MAX, UINT32_MAX}};
    struct code_pctable t = {0};
    void *table;
    size_t size;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        code_pctable_add(&t, entries[i].pc, entries[i].value);
    assert_int_equal(code_pctable_finish(&t, &table, &size), 0);
    for (unsigned i = 0; i < 5; i++)
        compare(entries, 5, table, size, entries[i].pc);
    code_pctable_free(&t);
    free(table);
}

static void test_table_of_a_program_takes_three_bytes_an_entry(void **state)
{
    struct code_pctable t = {0};
    uint32_t seed = 7, pc = 0, value = 0;
    void *table;
    size_t size;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        pc += 3 + next_random(&seed) % 40;
        value += 1 + next_random(&seed) % 12;
        code_pctable_add(&t, pc, value);
    }
    assert_int_equal(code_pctable_finish(&t, &table, &size), 0);
    assert_true(size < 30000);
    code_pctable_free(&t);
    free(table);
}

static void test_table_pc_that_falls_is_refused(void **state)
{
    struct code_pctable t = {0};
    void *table;
    size_t size;

    (void)state;
    code_pctable_add(&t, 10, 1);
    code_pctable_add(&t, 9, 2);
    code_pctable_add(&t, 20, 3);
    assert_int_equal(code_pctable_finish(&t, &table, &size), -EINVAL);
    code_pctable_free(&t);
}

/* A table out of a file may hold anything: look-ups stay inside (sanitizers watch) and end. */
static void test_table_damaged_or_cut_is_read_within_its_bytes(void **state)
{
    struct code_pctable t = {0};
    uint32_t seed = 99;
    void *table;
    size_t size;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        code_pctable_add(&t, i * 7, i * 1000);
    assert_int_equal(code_pctable_finish(&t, &table, &size), 0);
    for (int round = 0; round < 20000; round++) {
        size_t cut = next_random(&seed) % 4 ? size : next_random(&seed) % (size + 1);
        struct code_pc_entry found;
        uint32_t *copy = malloc(cut ? cut : 1); /* of just this length */

        assert_non_null(copy);
        memcpy(copy, table, cut);
        for (uint32_t i = next_random(&seed) % 4; cut && i; i--)
            ((uint8_t *)copy)[next_random(&seed) % cut] = (uint8_t)next_random(&seed);
        code_pctable_find(copy, cut, next_random(&seed) % 800, &found);
        free(copy);
    }
    code_pctable_free(&t);
    free(table);
}

static bool note_region(struct code_region *region, void *context)
{
    *(struct code_region **)context = region;
    return true;
}

static struct code_region *region_of(const void *pc)
{
    struct code_region *found = NULL;

    if (!code_region_visit(pc, note_region, &found))
        assert_null(found);
    return found;
}

static void test_regions_are_found_by_their_bytes_alone(void **state)
{
    static uint8_t code[300];
    struct code_region a = {.start = code + 100, .size = 50}, b = {.start = code + 150, .size = 1};

    (void)state;
    assert_null(region_of(code + 100));
    code_region_add(&a);
    code_region_add(&b);
    assert_null(region_of(code + 99));
    assert_ptr_equal(region_of(code + 100), &a);
    assert_ptr_equal(region_of(code + 149), &a);
    assert_ptr_equal(region_of(code + 150), &b);
    assert_null(region_of(code + 151));
    assert_null(region_of(NULL));
    code_region_remove(&a);
    assert_null(region_of(code + 100));
    assert_ptr_equal(region_of(code + 150), &b);
    code_region_remove(&b);
    assert_null(region_of(code + 150));
}

struct churn {
    uint8_t code[64];
    unsigned stop;
    unsigned stale; /* look-ups that saw a region after its removal */
};

static bool count_dead(struct code_region *region, void *context)
{
    struct churn *c = context;

    if (*(volatile int *)region->data != 1)
        __atomic_fetch_add(&c->stale, 1, __ATOMIC_RELAXED);
    return true;
}

static void *visit(void *data)
{
    struct churn *c = data;

    while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE))
        code_region_visit(c->code + 1, count_dead, c);
    return NULL;
}

/* The owner frees its data right after removal: nobody may be looking at it. */
static void test_region_removed_is_seen_by_nobody(void **state)
{
    static struct churn c;
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &c), 0);
    for (int i = 0; i < 2000; i++) {
        int *alive = malloc(sizeof(*alive));
        struct code_region *r = malloc(sizeof(*r));

        assert_true(alive && r);
        *alive = 1;
        *r = (struct code_region){.start = c.code, .size = sizeof(c.code), .data = alive};
        code_region_add(r);
        code_region_remove(r);
        *alive = 0;
        free(alive);
        free(r);
    }
    __atomic_store_n(&c.stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.stale, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_of_any_length_finds_what_an_array_finds),
        cmocka_unit_test(test_table_holds_the_largest_numbers),
        cmocka_unit_test(test_table_of_a_program_takes_three_bytes_an_entry),
        cmocka_unit_test(test_table_pc_that_falls_is_refused),
        cmocka_unit_test(test_table_damaged_or_cut_is_read_within_its_bytes),
        cmocka_unit_test(test_regions_are_found_by_their_bytes_alone),
        cmocka_unit_test(test_region_removed_is_seen_by_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

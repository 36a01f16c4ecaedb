/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's heap and its timers against simple models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/heap.h"
#include "linux/core/wait.h"
#include "linux_harness.h"

#include <asm/signal.h>
#include <string.h>

static uint64_t seed;

static uint32_t choose(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

/* ---- the heap ---- */

struct piece {
    uint8_t *at;
    size_t n;
    bool pages;
};

static void piece_make(struct piece *p, uint8_t mark)
{
    p->pages = choose(8) == 0;
    p->n = p->pages ? 1 + choose(40) : 1 + choose(choose(2) ? 200 : 9000);
    p->at = p->pages ? heap_pages(p->n) : heap_alloc(p->n);
    assert_non_null(p->at);
    size_t bytes = p->pages ? p->n * PAGE_SIZE : p->n;
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(p->at[i], 0);
    if (p->pages)
        assert_int_equal((uintptr_t)p->at % PAGE_SIZE, 0);
    assert_int_equal((uintptr_t)p->at % 16, 0);
    memset(p->at, mark, bytes);
}

static void piece_free(struct piece *p, uint8_t mark)
{
    size_t bytes = p->pages ? p->n * PAGE_SIZE : p->n;
    assert_int_equal(p->at[0], mark);
    assert_int_equal(p->at[bytes / 2], mark);
    assert_int_equal(p->at[bytes - 1], mark);
    if (p->pages)
        heap_pages_free(p->at, p->n);
    else
        heap_release(p->at, p->n);
    p->at = NULL;
}

static struct piece pieces[200];

static void guest_heap(void)
{
    uint64_t before = heap_used();
    for (seed = 1; seed < 4; seed++) {
        uint64_t next = seed;
        for (int i = 0; i < 6000; i++) {
            uint32_t at = choose(200);
            if (pieces[at].at)
                piece_free(&pieces[at], (uint8_t)(at + 1));
            else
                piece_make(&pieces[at], (uint8_t)(at + 1));
        }
        for (uint32_t i = 0; i < 200; i++)
            if (pieces[i].at)
                piece_free(&pieces[i], (uint8_t)(i + 1));
        assert_int_equal(heap_used(), before);
        seed = next;
    }
}

static void test_heap_gives_zeroed_memory_that_nobody_else_has(void **state)
{
    assert_int_equal(harness_run(NULL, guest_heap), 0);
}

static void *taken[8192];

static void guest_heap_full(void)
{
    size_t n = 0;
    uint64_t before = heap_used();
    while (n < 8192 && (taken[n] = heap_pages(1)))
        n++;
    assert_in_range(n, 100, 4096);
    assert_null(heap_alloc(100000));
    /* Every second one, then the others: neighbours have to be found on both sides. */
    for (size_t i = 0; i < n; i += 2)
        heap_pages_free(taken[i], 1);
    assert_null(heap_pages(2));
    for (size_t i = 1; i < n; i += 2)
        heap_pages_free(taken[i], 1);
    void *all = heap_pages(n);
    assert_non_null(all);
    heap_pages_free(all, n);
    assert_int_equal(heap_used(), before);
    assert_null(heap_pages(0));
    assert_null(heap_pages(SIZE_MAX / PAGE_SIZE));
}

static void test_heap_that_was_full_is_one_piece_again(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.arena = 16u << 20}, guest_heap_full), 0);
}

static void guest_heap_freed_twice(void)
{
    void *p = heap_pages(3);
    heap_pages_free(p, 3);
    heap_pages_free(p, 3);
}

static void guest_heap_foreign(void)
{
    heap_release(pieces, 16);
}

static void test_heap_misuse_ends_the_kernel_by_name(void **state)
{
    static void (*const misuses[])(void) = {guest_heap_freed_twice, guest_heap_foreign};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(harness_run(NULL, misuses[i]), HARNESS_SIGNAL + SIGABRT);
        assert_non_null(strstr(harness_output(HOST_STDERR), "kernel: heap: "));
    }
}

/* ---- types ---- */

/* Padding is all that may be left out of a table. */
static void check_fields(const struct heap_type_fields *t)
{
    size_t end = 0;
    for (uint64_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        if (f->offset < end)
            fail_msg("%s.%s: not in the order of the struct", t->name, f->name);
        if (f->offset - end >= 8)
            fail_msg("%s: something before %s is not listed", t->name, f->name);
        end = (size_t)f->offset + f->size;
    }
    if (end > t->type->size || t->type->size - end >= 8)
        fail_msg("%s: something at its end is not listed", t->name);
}

static void test_types_list_all_their_fields(void **state)
{
    size_t n = (size_t)(__stop_heap_types - __start_heap_types);
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++)
        check_fields(&__start_heap_types[i]);
}

/* ---- timers ---- */

#define TIMERS 300

static struct {
    struct timer timer;
    uint64_t deadline; /* NEVER: not set */
} timers[TIMERS];
static uint64_t last_fired;
static uint32_t fired;

static void on_timer(struct timer *t)
{
    uint32_t i = (uint32_t)(((char *)t - (char *)timers) / (ptrdiff_t)sizeof(timers[0]));
    assert_int_equal(t->deadline, timers[i].deadline);
    assert_true(t->deadline >= last_fired);
    last_fired = t->deadline;
    timers[i].deadline = NEVER;
    fired++;
    if (choose(4))
        return;
    timers[i].deadline = last_fired + 1 + choose(500);
    timer_set(t, timers[i].deadline);
}

static uint64_t model_first(void)
{
    uint64_t first = NEVER;
    for (uint32_t i = 0; i < TIMERS; i++)
        if (timers[i].deadline < first)
            first = timers[i].deadline;
    return first;
}

static void guest_timers(void)
{
    uint64_t now = 1000;
    seed = 7, fired = 0, last_fired = 0;
    for (uint32_t i = 0; i < TIMERS; i++)
        timers[i].timer = (struct timer){.fire = on_timer}, timers[i].deadline = NEVER;
    for (int step = 0; step < 20000; step++) {
        uint32_t i = choose(TIMERS), what = choose(10);
        if (what < 6)
            timer_set(&timers[i].timer, timers[i].deadline = now + choose(3000));
        else if (what < 9)
            timer_cancel(&timers[i].timer), timers[i].deadline = NEVER;
        else
            last_fired = 0, timer_run(now += choose(400));
        assert_int_equal(timer_first(), model_first());
    }
    assert_true(fired > 1000);
    for (uint32_t i = 0; i < TIMERS; i++)
        timer_cancel(&timers[i].timer);
    assert_int_equal(timer_first(), NEVER);
}

static void test_timers_fire_in_order_and_only_when_set(void **state)
{
    assert_int_equal(harness_run(NULL, guest_timers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_gives_zeroed_memory_that_nobody_else_has),
        cmocka_unit_test(test_heap_that_was_full_is_one_piece_again),
        cmocka_unit_test(test_heap_misuse_ends_the_kernel_by_name),
        cmocka_unit_test(test_types_list_all_their_fields),
        cmocka_unit_test(test_timers_fire_in_order_and_only_when_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

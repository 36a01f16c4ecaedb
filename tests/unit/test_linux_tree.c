/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/mm/tree.h against a plain array with one cell a page: random operations, each answer compared, the tree's own
 * words (balance, extent, widest hole) checked from scratch now and then. 100,000 operations, times MOAT_TEST_SCALE.
 */
#include "linux/mm/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGES 1500u
#define BASE  0x10000ull /* address of the first page */

struct space {
    struct va_map map;
    struct vma vmas[PAGES]; /* indexed by the first page */
    uint8_t used[PAGES];    /* 1: some mapping holds the page */
    uint64_t seed;
    uint32_t n;
};

static uint32_t next_random(struct space *s, uint32_t below)
{
    s->seed = s->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((s->seed >> 33) % below);
}
static uint64_t address(uint32_t page)
{
    return BASE + page * PAGE_SIZE;
}
static uint32_t page_of(uint64_t at)
{
    return (uint32_t)((at - BASE) / PAGE_SIZE);
}

static void mark(struct space *s, uint64_t from, uint64_t to, uint8_t value)
{
    for (uint32_t p = page_of(from); p < page_of(to); p++) {
        assert_int_not_equal(s->used[p], value);
        s->used[p] = value;
    }
}

/* The vma that holds the page, by the array. */
static struct vma *owner(struct space *s, uint32_t page)
{
    if (!s->used[page])
        return NULL;
    while (s->vmas[page].end <= s->vmas[page].start)
        page--;
    return &s->vmas[page];
}

static void insert(struct space *s, uint32_t page, uint32_t n)
{
    struct vma *v = &s->vmas[page];
    for (uint32_t p = page; p < page + n; p++)
        if (s->used[p])
            return;
    memset(v, 0, sizeof *v);
    v->start = address(page), v->end = address(page + n);
    mark(s, v->start, v->end, 1);
    tree_insert(&s->map, v);
    s->n++;
}

static void take_out(struct space *s, uint32_t page)
{
    struct vma *v = owner(s, page);
    if (!v)
        return;
    tree_remove(&s->map, v);
    mark(s, v->start, v->end, 0);
    v->start = v->end = 0;
    s->n--;
}

/* The end moves, down or up to the next mapping. */
static void change_end(struct space *s, uint32_t page)
{
    struct vma *v = owner(s, page);
    if (!v)
        return;
    uint32_t first = page_of(v->start), to = first + 1 + next_random(s, 8);
    for (uint32_t p = page_of(v->end); p < to; p++)
        if (p >= PAGES || s->used[p])
            return;
    if (address(to) > v->end)
        mark(s, v->end, address(to), 1);
    else
        mark(s, address(to), v->end, 0);
    v->end = address(to);
    tree_changed(v);
}

/* The hole nearest to `end` of [low, high) with `need` pages, from the array: its edge as a page; UINT32_MAX: none. */
static uint32_t hole(const struct space *s, uint32_t low, uint32_t high, uint32_t need, enum tree_end end)
{
    uint32_t run = 0;
    for (uint32_t i = 0; i < high - low; i++) {
        uint32_t p = end == TREE_LOWEST ? low + i : high - 1 - i;
        run = s->used[p] ? 0 : run + 1;
        if (run == need)
            return end == TREE_LOWEST ? p + 1 - need : p + need;
    }
    return UINT32_MAX;
}

static void compare_gap(struct space *s)
{
    uint32_t low = next_random(s, PAGES), high = low + next_random(s, PAGES - low + 1), n = 1 + next_random(s, 12);
    uint64_t align = PAGE_SIZE << next_random(s, 4);
    enum tree_end end = next_random(s, 2) ? TREE_HIGHEST : TREE_LOWEST;
    uint32_t edge = hole(s, low, high, n + (uint32_t)(align / PAGE_SIZE) - 1, end);
    uint64_t want = 0;
    if (edge != UINT32_MAX)
        want = end == TREE_LOWEST ? (address(edge) + align - 1) & ~(align - 1)
                                  : (address(edge) - n * PAGE_SIZE) & ~(align - 1);
    assert_int_equal(tree_gap(&s->map, address(low), address(high), n * PAGE_SIZE, align, end), want);
}

static void compare_widest(struct space *s)
{
    uint32_t low = next_random(s, PAGES), high = low + next_random(s, PAGES - low + 1), run = 0, best = 0;
    for (uint32_t p = low; p < high; p++) {
        run = s->used[p] ? 0 : run + 1;
        best = run > best ? run : best;
    }
    uint64_t start, end;
    assert_int_equal(tree_widest(&s->map, address(low), address(high), &start, &end), best > 0);
    assert_int_equal(end - start, best * PAGE_SIZE);
    for (uint64_t at = start; at < end; at += PAGE_SIZE)
        assert_int_equal(s->used[page_of(at)], 0);
}

static void compare_neighbours(struct space *s)
{
    uint32_t page = next_random(s, PAGES), p = page;
    while (p < PAGES && !s->used[p])
        p++;
    struct vma *want = p < PAGES ? owner(s, p) : NULL;
    assert_ptr_equal(tree_from(&s->map, address(page)), want);
    if (!want)
        return;
    for (p = page_of(want->end); p < PAGES && !s->used[p];)
        p++;
    assert_ptr_equal(tree_next(want), p < PAGES ? owner(s, p) : NULL);
    if (p < PAGES)
        assert_ptr_equal(tree_before(owner(s, p)), want);
}

/* Everything that a node says, from scratch. Returns how many there are. */
static uint32_t check_subtree(const struct vma *v, const struct vma *up)
{
    if (!v)
        return 0;
    assert_ptr_equal(v->up, up);
    uint32_t n = 1 + check_subtree(v->left, v) + check_subtree(v->right, v);
    int32_t left = v->left ? v->left->height : 0, right = v->right ? v->right->height : 0;
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(v->height, 1 + (left > right ? left : right));
    uint64_t gap = 0, end = 0;
    const struct vma *first = v, *last = v;
    while (first->left)
        first = first->left;
    while (last->right)
        last = last->right;
    for (const struct vma *i = first;; i = tree_next(i)) {
        if (end && i->start - end > gap)
            gap = i->start - end;
        end = i->end;
        if (i == last)
            break;
    }
    assert_int_equal(v->low, first->start);
    assert_int_equal(v->high, last->end);
    assert_int_equal(v->gap, gap);
    return n;
}

static uint32_t operations(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    return 100000 * (scale && atoi(scale) > 0 ? (uint32_t)atoi(scale) : 1);
}

static void run(uint64_t seed, uint32_t widest_mapping, uint32_t insert_in_8)
{
    struct space *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->seed = seed;
    for (uint32_t i = 0; i < operations() / 2; i++) {
        uint32_t page = next_random(s, PAGES), n = 1 + next_random(s, widest_mapping), what = next_random(s, 8);
        if (what < insert_in_8)
            insert(s, page, n < PAGES - page ? n : PAGES - page);
        else if (what < 7)
            take_out(s, page);
        else
            change_end(s, page);
        compare_gap(s);
        compare_neighbours(s);
        if (i % 16 == 0)
            compare_widest(s);
        if (i % 512 == 0)
            assert_int_equal(check_subtree(s->map.root, NULL), s->n);
    }
    assert_int_equal(check_subtree(s->map.root, NULL), s->n);
    free(s);
}

static void test_tree_random_small_mappings_answers_as_an_array(void **state)
{
    run(1, 3, 5);
}

static void test_tree_random_wide_mappings_answers_as_an_array(void **state)
{
    run(2, 40, 3);
}

/* Ascending, descending and from the middle outwards: the shapes that an unbalanced tree would not survive. */
static void test_tree_ordered_insertion_stays_balanced(void **state)
{
    struct space *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (uint32_t p = 0; p < 1024; p++)
        insert(s, p, 1);
    assert_in_range(s->map.root->height, 10, 14);
    for (uint32_t p = 0; p < 1024; p += 2)
        take_out(s, p);
    assert_int_equal(check_subtree(s->map.root, NULL), 512);
    for (uint32_t p = 1024; p-- > 0;)
        insert(s, p, 1);
    assert_int_equal(check_subtree(s->map.root, NULL), 1024);
    assert_in_range(s->map.root->height, 10, 14);
    free(s);
}

static void test_tree_gap_of_what_cannot_be_answers_none(void **state)
{
    struct va_map empty = {0};
    assert_int_equal(tree_gap(&empty, BASE, BASE + PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE, TREE_LOWEST), 0);
    assert_int_equal(tree_gap(&empty, BASE, BASE + PAGE_SIZE, 0, PAGE_SIZE, TREE_LOWEST), 0);
    assert_int_equal(tree_gap(&empty, BASE, UINT64_MAX, UINT64_MAX - PAGE_SIZE + 1, PAGE_SIZE, TREE_HIGHEST), 0);
    assert_int_equal(tree_gap(&empty, BASE + PAGE_SIZE, BASE, PAGE_SIZE, PAGE_SIZE, TREE_HIGHEST), 0);
    assert_int_equal(tree_gap(&empty, BASE, BASE + PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, TREE_HIGHEST), BASE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_random_small_mappings_answers_as_an_array),
        cmocka_unit_test(test_tree_random_wide_mappings_answers_as_an_array),
        cmocka_unit_test(test_tree_ordered_insertion_stays_balanced),
        cmocka_unit_test(test_tree_gap_of_what_cannot_be_answers_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

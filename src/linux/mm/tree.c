/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of mappings. tests/unit/test_linux_tree.c compares it with a plain array, operation by operation. */
#include "linux/mm/tree.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}
static int32_t height(const struct vma *v)
{
    return v ? v->height : 0;
}

/* What a node says of its subtree, from its children's words. */
static void refresh(struct vma *v)
{
    const struct vma *l = v->left, *r = v->right;
    v->height = 1 + (height(l) > height(r) ? height(l) : height(r));
    v->low = l ? l->low : v->start;
    v->high = r ? r->high : v->end;
    v->gap = 0;
    if (l)
        v->gap = most(l->gap, v->start - l->high);
    if (r)
        v->gap = most(v->gap, most(r->gap, r->low - v->end));
}

/* `with` (or nothing) takes the place of `v` below v's parent. */
static void take_place(struct va_map *map, struct vma *v, struct vma *with)
{
    if (!v->up)
        map->root = with;
    else if (v->up->left == v)
        v->up->left = with;
    else
        v->up->right = with;
    if (with)
        with->up = v->up;
}

/* The left child comes up. */
static struct vma *rotate_right(struct va_map *map, struct vma *v)
{
    struct vma *l = v->left;
    take_place(map, v, l);
    v->left = l->right;
    if (v->left)
        v->left->up = v;
    l->right = v, v->up = l;
    refresh(v), refresh(l);
    return l;
}

static struct vma *rotate_left(struct va_map *map, struct vma *v)
{
    struct vma *r = v->right;
    take_place(map, v, r);
    v->right = r->left;
    if (v->right)
        v->right->up = v;
    r->left = v, v->up = r;
    refresh(v), refresh(r);
    return r;
}

/* From `v` to the root: words and balance. */
static void retrace(struct va_map *map, struct vma *v)
{
    for (; v; v = v->up) {
        refresh(v);
        int32_t lean = height(v->left) - height(v->right);
        if (lean > 1) {
            if (height(v->left->left) < height(v->left->right))
                rotate_left(map, v->left);
            v = rotate_right(map, v);
        } else if (lean < -1) {
            if (height(v->right->right) < height(v->right->left))
                rotate_right(map, v->right);
            v = rotate_left(map, v);
        }
    }
}

void tree_insert(struct va_map *map, struct vma *v)
{
    struct vma *up = NULL, **at = &map->root;
    while (*at) {
        up = *at;
        at = v->start < up->start ? &up->left : &up->right;
    }
    v->left = v->right = NULL, v->up = up;
    *at = v;
    retrace(map, v);
}

void tree_remove(struct va_map *map, struct vma *v)
{
    struct vma *from = v->up;
    if (!v->left || !v->right) {
        take_place(map, v, v->left ? v->left : v->right);
    } else {
        struct vma *next = v->right;
        while (next->left)
            next = next->left;
        from = next;
        if (next->up != v) {
            from = next->up;
            take_place(map, next, next->right);
            next->right = v->right, next->right->up = next;
        }
        next->left = v->left, next->left->up = next;
        take_place(map, v, next);
    }
    retrace(map, from);
    v->left = v->right = v->up = NULL;
}

void tree_changed(struct vma *v)
{
    for (; v; v = v->up)
        refresh(v);
}

struct vma *tree_from(const struct va_map *map, uint64_t at)
{
    struct vma *best = NULL;
    for (struct vma *v = map->root; v;) {
        if (v->end > at)
            best = v, v = v->left;
        else
            v = v->right;
    }
    return best;
}

struct vma *tree_first(const struct va_map *map)
{
    struct vma *v = map->root;
    while (v && v->left)
        v = v->left;
    return v;
}

struct vma *tree_next(const struct vma *v)
{
    if (v->right) {
        struct vma *next = v->right;
        while (next->left)
            next = next->left;
        return next;
    }
    while (v->up && v->up->right == v)
        v = v->up;
    return v->up;
}

struct vma *tree_before(const struct vma *v)
{
    if (v->left) {
        struct vma *before = v->left;
        while (before->right)
            before = before->right;
        return before;
    }
    while (v->up && v->up->left == v)
        v = v->up;
    return v->up;
}

/* The widest hole that can be in [low, high), which holds the subtree of `v` or parts of it. */
static uint64_t widest(const struct vma *v, uint64_t low, uint64_t high)
{
    uint64_t below = v->low > low ? v->low - low : 0, above = high > v->high ? high - v->high : 0;
    return most(v->gap, most(below, above));
}

/* The edge of the hole nearest to the wanted end: its upper edge for TREE_HIGHEST, else its lower; 0: none. [low, high)
 * has no mapping but those of the subtree. Once a subtree lies wholly inside, its words are exact and the search does
 * not turn back; so only the two ways along the window's edges are walked. */
static uint64_t search(const struct vma *v, uint64_t low, uint64_t high, uint64_t n, enum tree_end end)
{
    if (high < low || high - low < n)
        return 0;
    if (!v || v->high <= low || v->low >= high)
        return end == TREE_HIGHEST ? high : low;
    if (widest(v, low, high) < n)
        return 0;
    uint64_t left_high = least(high, v->start), right_low = most(low, v->end), at;
    if (end == TREE_HIGHEST)
        return (at = search(v->right, right_low, high, n, end)) ? at : search(v->left, low, left_high, n, end);
    return (at = search(v->left, low, left_high, n, end)) ? at : search(v->right, right_low, high, n, end);
}

uint64_t tree_gap(const struct va_map *map, uint64_t low, uint64_t high, uint64_t n, uint64_t align, enum tree_end end)
{
    if (!n || n > UINT64_MAX - align)
        return 0;
    uint64_t edge = search(map->root, low, high, n + align - PAGE_SIZE, end);
    if (!edge)
        return 0;
    return end == TREE_HIGHEST ? (edge - n) & ~(align - 1) : (edge + align - 1) & ~(align - 1);
}

static void widest_within(const struct vma *v, uint64_t low, uint64_t high, uint64_t *start, uint64_t *end)
{
    if (high <= low || high - low <= *end - *start)
        return;
    if (!v || v->high <= low || v->low >= high) {
        *start = low, *end = high;
        return;
    }
    if (widest(v, low, high) <= *end - *start)
        return;
    widest_within(v->left, low, least(high, v->start), start, end);
    widest_within(v->right, most(low, v->end), high, start, end);
}

bool tree_widest(const struct va_map *map, uint64_t low, uint64_t high, uint64_t *start, uint64_t *end)
{
    *start = *end = low;
    widest_within(map->root, low, high, start, end);
    return *end > *start;
}

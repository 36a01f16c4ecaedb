/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of a kernel for one small program (`moat build`), in the place of heap.c: one object lies behind the other,
 * what was freed is kept for the next of its size, and nothing is joined, given back or looked at when it is freed. For
 * programs whose calls make few objects, of few sizes (src/unikernel/tools.c says which); close together they touch few
 * pages. Touches only the arena, all of which the platform has ready.
 */
#include "linux/core/heap.h"

#include <string.h>

#define LISTS     16u
#define UNIT      16u               /* sizes are multiples of it */
#define BYTES_MAX ((size_t)1 << 20) /* of heap_alloc */

/* What is free. */
struct piece {
    struct piece *next;
    size_t size;
};
_Static_assert(sizeof(struct piece) <= UNIT, "the smallest object has room for it");

KERNEL_STATE static struct heap {
    uint8_t *next, *end;
    struct piece *free[LISTS]; /* by size / UNIT, so few sizes are in one list */
    uint64_t used;
} heap;

void heap_init(void *arena, size_t size, size_t ready)
{
    heap = (struct heap){.next = arena, .end = (uint8_t *)arena + (ready < size ? ready : size)};
}

/* What `moat build` asks for by name to have this one. */
extern __typeof__(heap_init) heap_alone __attribute__((alias("heap_init")));

static size_t rounded(size_t n)
{
    return (n + UNIT - 1) & ~(size_t)(UNIT - 1);
}

static struct piece **list_of(size_t size)
{
    return &heap.free[size / UNIT % LISTS];
}

static void *take_freed(size_t size, size_t align)
{
    for (struct piece **at = list_of(size); *at; at = &(*at)->next) {
        struct piece *p = *at;
        if (p->size == size && !((uintptr_t)p % align)) {
            *at = p->next;
            return memset(p, 0, size);
        }
    }
    return NULL;
}

static void *take(size_t n, size_t align)
{
    size_t size = rounded(n), skew = -(uintptr_t)heap.next & (align - 1);
    void *p = take_freed(size, align);
    if (!p && size + skew <= (size_t)(heap.end - heap.next)) {
        p = heap.next + skew; /* never touched: zero */
        heap.next += skew + size;
    }
    heap.used += p ? size : 0;
    return p;
}

static void give(void *p, size_t n)
{
    if (!p)
        return;
    size_t size = rounded(n);
    struct piece *piece = p, **list = list_of(size);
    *piece = (struct piece){*list, size};
    *list = piece;
    heap.used -= size;
}

void *heap_alloc(size_t n)
{
    return n <= BYTES_MAX ? take(n + !n, UNIT) : NULL;
}

void heap_release(void *bytes, size_t n)
{
    give(bytes, n + !n);
}

void *heap_pages(size_t n)
{
    return n && n <= (size_t)(heap.end - heap.next) / PAGE_SIZE ? take(n * PAGE_SIZE, PAGE_SIZE) : NULL;
}

void heap_pages_free(void *p, size_t n)
{
    give(p, n * PAGE_SIZE);
}

void *heap_new(struct heap_type *type)
{
    return take(type->size, UNIT);
}

void heap_free(struct heap_type *type, void *p)
{
    give(p, type->size);
}

uint64_t heap_used(void)
{
    return heap.used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of a kernel for one small program (`moat build`), in the place of heap.c: sizes are powers of two, what was
 * freed is kept for the next of its size, and nothing is joined, given back or looked at when it is freed. For programs
 * whose calls make few objects, so that a page touched less or a run joined is worth nothing (src/unikernel/tools.c
 * says which). Touches only the arena, all of which the platform has ready.
 */
#include "linux/core/heap.h"

#include <string.h>

#define SIZES     28                /* powers of two, up to 128 MiB */
#define LEAST     15u               /* bytes of the smallest, less one: a free object holds the next one's address */
#define BYTES_MAX ((size_t)1 << 20) /* of heap_alloc */

KERNEL_STATE static struct heap {
    uint8_t *next, *end;
    void *free[SIZES];
    uint64_t used;
} heap;

void heap_init(void *arena, size_t size, size_t ready)
{
    heap = (struct heap){.next = arena, .end = (uint8_t *)arena + (ready < size ? ready : size)};
}

/* What `moat build` asks for by name to have this one. */
extern __typeof__(heap_init) heap_alone __attribute__((alias("heap_init")));

static unsigned size_of(size_t n)
{
    return 64u - (unsigned)__builtin_clzll((n - 1) | LEAST);
}

static void *take(size_t n)
{
    unsigned i = size_of(n);
    if (i >= SIZES)
        return NULL;
    size_t size = (size_t)1 << i, skew = -(uintptr_t)heap.next & (size < PAGE_SIZE ? LEAST : PAGE_SIZE - 1);
    void *p = heap.free[i];
    if (p) {
        memcpy(&heap.free[i], p, sizeof(p));
        memset(p, 0, n);
    } else {
        if (size + skew > (size_t)(heap.end - heap.next))
            return NULL;
        p = heap.next + skew; /* never touched: zero */
        heap.next += skew + size;
    }
    heap.used += size;
    return p;
}

static void give(void *p, size_t n)
{
    if (!p)
        return;
    unsigned i = size_of(n);
    memcpy(p, &heap.free[i], sizeof(p));
    heap.free[i] = p;
    heap.used -= (size_t)1 << i;
}

void *heap_alloc(size_t n)
{
    return n <= BYTES_MAX ? take(n + !n) : NULL;
}

void heap_release(void *bytes, size_t n)
{
    give(bytes, n + !n);
}

void *heap_pages(size_t n)
{
    return n <= (size_t)(heap.end - heap.next) / PAGE_SIZE ? take(n * PAGE_SIZE) : NULL;
}

void heap_pages_free(void *p, size_t n)
{
    give(p, n * PAGE_SIZE);
}

void *heap_new(struct heap_type *type)
{
    return take(type->size);
}

void heap_free(struct heap_type *type, void *p)
{
    give(p, type->size);
}

uint64_t heap_used(void)
{
    return heap.used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that are work of the host in both ways to run: bulk memory and tables (specification 4.4.6, 4.4.7).
 * Bounds are checked first, for the whole range; then long ones work in pieces and look between them whether they are
 * to end, so that a stop never waits for a gigabyte.
 */
#include "wasm/runtime/memory.h"

#include <string.h>

#define PIECE (16u << 10) /* bytes between two looks at store->interrupt: 8 pages that fault are some 20 us */

static bool outside(uint64_t at, uint64_t n, uint64_t size)
{
    return at > size || n > size - at;
}

/* memmove(), stoppable. With `to` above `from` the pieces go from the end, so that no byte is overwritten unread. */
static enum wasm_trap move(const struct wasm_instance *i, uint8_t *to, const uint8_t *from, uint64_t n)
{
    bool backwards = (uintptr_t)to > (uintptr_t)from;
    for (uint64_t done = 0; done < n;) {
        uint64_t piece = n - done < PIECE ? n - done : PIECE;
        uint64_t at = backwards ? n - done - piece : done;
        memmove(to + at, from + at, piece);
        done += piece;
        if (done < n && wasm_store_interrupted(i->store))
            return WASM_TRAP_INTERRUPT;
    }
    return WASM_TRAP_NONE;
}

enum wasm_trap wasm_memory_init(struct wasm_instance *i, uint32_t data, uint32_t to, uint32_t from, uint32_t n)
{
    const struct wasm_data *d = &i->module->datas[data];
    if (outside(from, n, i->data_dropped[data] ? 0 : d->size) || outside(to, n, i->memory->size))
        return WASM_TRAP_MEMORY_BOUNDS;
    return n ? move(i, i->memory->base + to, d->bytes + from, n) : WASM_TRAP_NONE;
}

enum wasm_trap wasm_memory_copy(struct wasm_instance *i, uint32_t to, uint32_t from, uint32_t n)
{
    if (outside(from, n, i->memory->size) || outside(to, n, i->memory->size))
        return WASM_TRAP_MEMORY_BOUNDS;
    return move(i, i->memory->base + to, i->memory->base + from, n);
}

enum wasm_trap wasm_memory_fill(struct wasm_instance *i, uint32_t to, uint32_t value, uint32_t n)
{
    if (outside(to, n, i->memory->size))
        return WASM_TRAP_MEMORY_BOUNDS;
    for (uint32_t done = 0; done < n;) {
        uint32_t piece = n - done < PIECE ? n - done : PIECE;
        memset(i->memory->base + to + done, (int)(value & 0xff), piece);
        done += piece;
        if (done < n && wasm_store_interrupted(i->store))
            return WASM_TRAP_INTERRUPT;
    }
    return WASM_TRAP_NONE;
}

uint32_t wasm_memory_grow(struct wasm_instance *i, uint32_t pages)
{
    return wasm_memory_extend(wasm_store_whole(i->store), i->memory, pages);
}

void wasm_data_drop(struct wasm_instance *i, uint32_t data)
{
    i->data_dropped[data] = 1;
}

static uint64_t elem_value(const struct wasm_instance *i, const struct wasm_elem *e, uint32_t k)
{
    return e->functions ? (uintptr_t)wasm_instance_func(i, e->functions[k]) : wasm_constexpr(i, &e->exprs[k]).ref;
}

enum wasm_trap wasm_table_init(struct wasm_instance *i, uint32_t elem_table[2], uint32_t to, uint32_t from, uint32_t n)
{
    const struct wasm_elem *e = &i->module->elems[elem_table[0]];
    struct wasm_table *t = wasm_instance_tables(i)[elem_table[1]];
    if (outside(from, n, i->elem_dropped[elem_table[0]] ? 0 : e->n) || outside(to, n, t->size))
        return WASM_TRAP_TABLE_BOUNDS;
    for (uint32_t k = 0; k < n; k++) {
        t->elems[to + k] = elem_value(i, e, from + k);
        if (k % (PIECE / sizeof *t->elems) == PIECE / sizeof *t->elems - 1 && wasm_store_interrupted(i->store))
            return WASM_TRAP_INTERRUPT;
    }
    return WASM_TRAP_NONE;
}

enum wasm_trap wasm_table_copy(struct wasm_instance *i, uint32_t to_from[2], uint32_t to, uint32_t from, uint32_t n)
{
    struct wasm_table *t = wasm_instance_tables(i)[to_from[0]], *f = wasm_instance_tables(i)[to_from[1]];
    if (outside(from, n, f->size) || outside(to, n, t->size))
        return WASM_TRAP_TABLE_BOUNDS;
    if (!n)
        return WASM_TRAP_NONE;
    return move(i, (uint8_t *)(t->elems + to), (const uint8_t *)(f->elems + from), n * sizeof *t->elems);
}

enum wasm_trap wasm_table_fill(struct wasm_instance *i, uint32_t table, uint32_t to, uint64_t ref, uint32_t n)
{
    struct wasm_table *t = wasm_instance_tables(i)[table];
    if (outside(to, n, t->size))
        return WASM_TRAP_TABLE_BOUNDS;
    for (uint32_t k = 0; k < n; k++) {
        t->elems[to + k] = ref;
        if (k % (PIECE / sizeof *t->elems) == PIECE / sizeof *t->elems - 1 && wasm_store_interrupted(i->store))
            return WASM_TRAP_INTERRUPT;
    }
    return WASM_TRAP_NONE;
}

uint32_t wasm_table_grow(struct wasm_instance *i, uint32_t table, uint64_t ref, uint32_t n)
{
    return wasm_table_extend(wasm_store_whole(i->store), wasm_instance_tables(i)[table], ref, n);
}

void wasm_elem_drop(struct wasm_instance *i, uint32_t elem)
{
    i->elem_dropped[elem] = 1;
}

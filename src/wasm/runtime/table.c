/* SPDX-License-Identifier: Apache-2.0 */
/* Tables (specification 4.2.7): an array of references that grows by doubling, so that table.grow by one is cheap. */
#include "wasm/runtime/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_DEFAULT WASM_TABLE_SIZE_MAX

static uint64_t elements_left(const struct wasm_store_whole *w)
{
    uint64_t limit = w->options.table_elements ? w->options.table_elements : ELEMENTS_DEFAULT;
    return limit > w->n_elements ? limit - w->n_elements : 0;
}

static bool reserve(struct wasm_table *t, uint32_t size)
{
    if (size <= t->capacity)
        return true;
    uint64_t capacity = 2 * (uint64_t)t->capacity;
    if (capacity < size)
        capacity = size;
    if (capacity > t->max)
        capacity = t->max;
    uint64_t *p = realloc(t->placed ? NULL : t->elems, capacity * sizeof *p);
    if (!p)
        return false;
    if (t->placed)
        memcpy(p, t->elems, t->size * sizeof *p);
    t->elems = p;
    t->placed = false;
    t->capacity = (uint32_t)capacity;
    return true;
}

int wasm_table_make(struct wasm_store_whole *w, const struct wasm_tabletype *type, struct wasm_table *out)
{
    const struct wasm_limits *limits = &type->limits;
    *out = (struct wasm_table){.max = limits->has_max && limits->max < WASM_TABLE_SIZE_MAX ? limits->max
                                                                                           : WASM_TABLE_SIZE_MAX,
                               .type_max = limits->has_max ? limits->max : UINT32_MAX,
                               .type = type->type,
                               .type_has_max = limits->has_max};
    if (w->place && limits->min) {
        out->elems = w->place->elems;
        out->capacity = limits->min;
        out->placed = true;
        w->place->elems += limits->min;
    }
    return wasm_table_extend(w, out, 0, limits->min) == UINT32_MAX ? -ENOMEM : 0;
}

void wasm_table_free(struct wasm_table *t)
{
    if (!t->placed)
        free(t->elems);
    *t = (struct wasm_table){0};
}

uint32_t wasm_table_extend(struct wasm_store_whole *w, struct wasm_table *t, uint64_t ref, uint32_t n)
{
    uint32_t old = t->size;
    if (n > t->max - old || n > elements_left(w) || !reserve(t, old + n))
        return UINT32_MAX;
    for (uint32_t k = 0; k < n; k++)
        t->elems[old + k] = ref;
    t->size = old + n;
    w->n_elements += n;
    return old;
}

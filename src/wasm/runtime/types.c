/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function types of a store: equal types have equal numbers, so call_indirect and imports compare a number. Types are
 * foreign data and a module may have a million of them, so the hash is keyed by bytes that a module cannot know.
 */
#include "wasm/runtime/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define SLOTS_FIRST 64u

static size_t type_size(const struct wasm_functype *t)
{
    return (size_t)t->n_params + t->n_results;
}

static uint32_t type_hash(const struct wasm_functype *t)
{
    uint64_t key[2] = {0x9e3779b97f4a7c15, 0xd1342543de82ef95};
    const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes of this process (getauxval(3)) */
    if (random)
        memcpy(key, random, sizeof key);
    uint64_t h = key[0] ^ t->n_params;
    for (size_t k = 0; k < type_size(t); k++) {
        h = (h ^ t->types[k]) * (key[1] | 1);
        h ^= h >> 32;
    }
    return (uint32_t)(h ^ h >> 32);
}

static bool type_equal(const struct wasm_functype *a, const struct wasm_functype *b)
{
    return a->n_params == b->n_params && a->n_results == b->n_results &&
           (!type_size(a) || !memcmp(a->types, b->types, type_size(a)));
}

/* The slot of this type, or the free one where it belongs. The table has a free slot always. */
static uint32_t *slot_of(const struct wasm_types *t, const struct wasm_functype *type)
{
    for (uint32_t k = type_hash(type);; k++) {
        uint32_t *slot = &t->slots[k & (t->n_slots - 1)];
        if (!*slot || type_equal(t->types[*slot - 1], type))
            return slot;
    }
}

static int slots_grow(struct wasm_types *t)
{
    uint32_t n = t->n_slots ? 2 * t->n_slots : SLOTS_FIRST;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    for (uint32_t k = 0; k < t->n; k++)
        *slot_of(t, t->types[k]) = k + 1;
    return 0;
}

static int types_add(struct wasm_types *t, const struct wasm_functype *type)
{
    if (t->n == t->capacity) {
        uint32_t capacity = t->capacity ? 2 * t->capacity : 16;
        struct wasm_functype **p = realloc(t->types, capacity * sizeof(*p));
        if (!p)
            return -ENOMEM;
        t->types = p;
        t->capacity = capacity;
    }
    struct wasm_functype *copy = malloc(sizeof *copy + type_size(type));
    if (!copy)
        return -ENOMEM;
    if (type_size(type))
        memcpy(copy + 1, type->types, type_size(type));
    *copy = (struct wasm_functype){type->n_params, type->n_results, (const uint8_t *)(copy + 1)};
    t->types[t->n++] = copy;
    return 0;
}

int wasm_types_intern(struct wasm_types *t, const struct wasm_functype *type, uint32_t *number)
{
    if (!t->lent && 2 * (uint64_t)t->n >= t->n_slots && slots_grow(t))
        return -ENOMEM;
    uint32_t *slot = slot_of(t, type);
    if (!*slot) {
        if (t->lent)
            return -ENOTSUP;
        if (types_add(t, type))
            return -ENOMEM;
        *slot = t->n;
    }
    *number = *slot - 1;
    return 0;
}

void wasm_types_free(struct wasm_types *t)
{
    for (uint32_t k = 0; k < t->n && !t->lent; k++)
        free(t->types[k]);
    if (!t->lent) {
        free(t->types);
        free(t->slots);
    }
    *t = (struct wasm_types){0};
}

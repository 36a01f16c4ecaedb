/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a slot back to its beginning. Nothing is asked about what a use did, but for what it grew: whatever can change
 * is written again. State and the resident part of the memory are copied; the rest of the memory goes back to the
 * kernel, which shows the image or zeros again at the next touch.
 */
#include "wasm/pool/slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void pool_state_take(struct pool_slot *s)
{
    uint8_t *state = pool_slot_state(s);
    const struct wasm_store_whole *w = wasm_store_whole(s->slot.store);
    for (uint32_t k = 0; k < s->pool->n_ranges; k++) {
        const struct pool_range *r = &s->pool->ranges[k];
        memcpy(state + r->image, state + r->live, r->size);
    }
    s->n_pages = w->n_pages;
    s->n_elements = w->n_elements;
}

/* The bytes as the image has them, by writing. */
static void write_back(const struct pool_image *i, uint8_t *base, size_t from, size_t until)
{
    size_t middle = i->size < from ? from : i->size < until ? i->size : until;
    if (middle > from)
        memcpy(base + from, i->bytes + from, middle - from);
    if (until > middle)
        memset(base + middle, 0, until - middle);
}

/* The same by giving pages back. A locked page (mlockall(2)) cannot be: it is written. */
static void give_back(const struct pool_image *i, uint8_t *base, size_t from, size_t until)
{
    if (until > from && madvise(base + from, until - from, MADV_DONTNEED))
        write_back(i, base, from, until);
}

static bool memory_reset(const struct pool_image *i, struct wasm_memory *m)
{
    write_back(i, m->base, i->from, i->until);
    give_back(i, m->base, 0, i->from);
    give_back(i, m->base, i->until, m->size);
    return m->size == i->memory || !mprotect(m->base + i->memory, m->size - i->memory, PROT_NONE);
}

/* What a table has beyond the slot is malloc()'s. */
static void tables_shrink(struct wasm_instance *i)
{
    struct wasm_table *own = wasm_instance_part(i, i->layout->own_tables);
    for (uint32_t k = 0; k < i->module->n_tables - i->module->n_imported_tables; k++)
        wasm_table_free(&own[k]);
}

bool pool_slot_reset(struct pool_slot *s)
{
    const struct wasm_pool *p = s->pool;
    struct wasm_instance *i = s->slot.instance;
    struct wasm_store_whole *w = wasm_store_whole(s->slot.store);
    uint8_t *state = pool_slot_state(s);
    assert(!w->nest);
    if (i->own_memory.base && !memory_reset(&p->image, &i->own_memory))
        return false;
    tables_shrink(i);
    for (uint32_t k = 0; k < p->n_ranges; k++)
        memcpy(state + p->ranges[k].live, state + p->ranges[k].image, p->ranges[k].size);
    w->n_pages = s->n_pages;
    w->n_elements = s->n_elements;
    wasm_store_renew(w);
    w->store.fuel = p->fuel;
    return true;
}

bool pool_slot_resets_cheaply(const struct pool_slot *s)
{
    const struct wasm_pool *p = s->pool;
    return p->memory_cheap && p->state_cheap && wasm_store_whole(s->slot.store)->n_pages == s->n_pages;
}

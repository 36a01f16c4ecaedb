/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot from nothing: store, host objects, instance, in the places that are the slot's. The first one makes what all
 * share; each later one is held against it, so that a reset from the shared image is right for every slot.
 */
#include "wasm/pool/slot.h"
#include "wasm/runtime/interp.h"
#include "wasm/runtime/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHEAP_STATE    ((size_t)128 << 10) /* bytes that are copied beside the memory's */
#define ELEMENTS_LIMIT WASM_TABLE_SIZE_MAX /* wasm_store_options has this default */

static size_t align16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static void add_range(struct wasm_pool *p, size_t live, size_t size)
{
    if (!size)
        return;
    p->ranges[p->n_ranges++] = (struct pool_range){(uint32_t)live, (uint32_t)p->state, (uint32_t)size};
    p->state = align16(p->state + size);
}

/* Elements that the module's own tables begin with; UINT64_MAX: more than may be. */
static uint64_t count_elements(const struct wasm_pool *p)
{
    uint64_t limit = p->options.store.table_elements ? p->options.store.table_elements : ELEMENTS_LIMIT, n = 0;
    for (uint32_t k = p->module->n_imported_tables; k < p->module->n_tables; k++)
        n += p->module->tables[k].limits.min;
    return n <= limit && n * sizeof(uint64_t) <= UINT32_MAX / 8 ? n : UINT64_MAX;
}

int pool_layout(struct wasm_pool *p, struct err *err)
{
    const struct wasm_module *m = p->module;
    const struct wasm_layout *l = &p->layout;
    uint64_t n = count_elements(p);
    if (wasm_layout_make(m, &p->layout) || n == UINT64_MAX)
        return err_set(err, -ENOMEM,
                       "an instance of the module has more globals, functions or elements than a pool keeps");
    const size_t box = offsetof(struct wasm_instance_box, instance);
    p->elements = align16(box + l->size);
    p->state = align16(p->elements + n * sizeof(uint64_t));
    size_t image = p->state;
    add_range(p, box + offsetof(struct wasm_instance, own_memory), sizeof(struct wasm_memory));
    add_range(p, box + l->globals, (m->n_globals - m->n_imported_globals) * sizeof(union wasm_value));
    add_range(p, box + l->own_tables, (m->n_tables - m->n_imported_tables) * sizeof(struct wasm_table));
    add_range(p, box + l->refs + m->n_ref_slots * sizeof(struct wasm_func), (size_t)m->n_datas + m->n_elems);
    add_range(p, p->elements, n * sizeof(uint64_t));
    p->state_cheap = p->state - image <= CHEAP_STATE;
    p->state = (p->state + HOST_PAGE - 1) & ~(HOST_PAGE - 1);
    return 0;
}

/* Only what is not another instance's can be called: its state would be nobody's to reset. */
static int check_imports(const struct wasm_module *m, const struct wasm_extern *imports, struct err *err)
{
    for (uint32_t k = 0; k < m->n_imports; k++) {
        if (imports[k].kind != WASM_KIND_FUNC)
            continue;
        if (!imports[k].func)
            return err_set(err, -EINVAL, "import %u: nobody gives it", k);
        if (!imports[k].func->host)
            return err_set(err, -ENOTSUP, "import %u: a pool's imports are the host's functions, not a module's", k);
    }
    return 0;
}

static int link_slot(struct pool_slot *s, struct wasm_extern **imports, struct err *err)
{
    const struct wasm_pool *p = s->pool;
    *imports = calloc((size_t)p->module->n_imports + 1, sizeof **imports);
    if (!*imports)
        return err_set(err, -ENOMEM, "no memory");
    if (!p->options.link)
        return p->module->n_imports ? err_set(err, -EINVAL, "the module has imports and nobody gives them") : 0;
    int r = p->options.link(p->options.data, s->slot.store, *imports, &s->slot.user, err);
    if (r)
        return r;
    s->linked = true;
    return check_imports(p->module, *imports, err);
}

/* All pages that a use will touch, with one call instead of a fault for each. An old kernel does not know it
 * (Linux 5.14): then they come by faults. */
static void populate(uint8_t *from, size_t size)
{
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
    madvise(from, size, MADV_POPULATE_WRITE);
}

static int take_memory(const struct wasm_pool *p, uint8_t *base, struct err *err)
{
    size_t size = (size_t)p->module->memories[0].min * WASM_PAGE, resident = p->options.resident;
    size = size < resident ? size : resident;
    if (size && mprotect(base, size, PROT_READ | PROT_WRITE))
        return err_sys(err, -errno, "memory for a slot");
    populate(base, size);
    return 0;
}

/* The slot's places become readable and writable, and the store's. */
static int take_places(struct pool_slot *s, struct wasm_place *place, struct err *err)
{
    const struct wasm_pool *p = s->pool;
    struct wasm_store_whole *w = wasm_store_whole(s->slot.store);
    uint8_t *state = pool_slot_state(s);
    uint8_t *from = p->stack ? state - p->stack + WASM_STACK_GUARD : state;
    if (mprotect(from, (size_t)(state - from) + p->state, PROT_READ | PROT_WRITE))
        return err_sys(err, -errno, "memory for a slot");
    populate(p->stack ? state - HOST_PAGE : state, p->state + (p->stack ? HOST_PAGE : 0));
    if (p->stack) {
        w->stack = state - p->stack;
        w->store.stack_limit = (uintptr_t)from;
    }
    *place = (struct wasm_place){
        .box = (struct wasm_instance_box *)(void *)state,
        .memory = p->memories ? p->memories + POOL_BELOW + pool_slot_number(s) * WASM_MEMORY_RESERVED : NULL,
        .elems = (uint64_t *)(void *)(state + p->elements),
    };
    return place->memory ? take_memory(p, place->memory, err) : 0;
}

static int instantiate(struct pool_slot *s, const struct wasm_extern *imports, enum wasm_trap *trap, struct err *err)
{
    struct wasm_store_whole *w = wasm_store_whole(s->slot.store);
    struct wasm_place place;
    int r = take_places(s, &place, err);
    if (r)
        return r;
    w->place = &place;
    r = wasm_instantiate_unstarted(s->slot.store, s->pool->module, s->pool->code, imports, s->slot.user,
                                   &s->slot.instance, trap, err);
    w->place = NULL;
    return r;
}

/* ---- The start function ------------------------------------------------------------------------------------------ */

static enum wasm_trap refuse(void *data, struct wasm_instance *caller, union wasm_value *values)
{
    *(bool *)data = true;
    return WASM_TRAP_HOST;
}

struct host_saved {
    wasm_host_fn *host;
    void *data;
};

static size_t count_objects(const struct wasm_host_object *o)
{
    size_t n = 0;
    for (; o; o = o->next)
        n++;
    return n;
}

/* Runs it with host functions that do nothing but tell that they were called. */
static enum wasm_trap start_alone(struct pool_slot *s, bool *called)
{
    struct wasm_host_object *objects = wasm_store_whole(s->slot.store)->objects, *o;
    struct host_saved *saved = calloc(count_objects(objects) + 1, sizeof *saved), *at = saved;
    *called = false;
    if (!saved)
        return wasm_fail(s->slot.store, "no memory");
    for (o = objects; o; o = o->next)
        if (o->kind == WASM_KIND_FUNC) {
            *at++ = (struct host_saved){o->func.host, o->func.data};
            o->func.host = refuse;
            o->func.data = called;
        }
    enum wasm_trap trap = wasm_instance_start(s->slot.instance);
    for (o = objects, at = saved; o; o = o->next)
        if (o->kind == WASM_KIND_FUNC) {
            o->func.host = at->host;
            o->func.data = at++->data;
        }
    free(saved);
    return trap;
}

/* Elements that the start function made are malloc()'s: no image of theirs is kept. */
static bool tables_in_place(const struct wasm_instance *i)
{
    const struct wasm_table *own = wasm_instance_part(i, i->layout->own_tables);
    for (uint32_t k = 0; k < i->module->n_tables - i->module->n_imported_tables; k++)
        if (own[k].elems && !own[k].placed)
            return false;
    return true;
}

static int trapped(enum wasm_trap trap, struct err *err)
{
    return err_set(err, -EFAULT, "start function: %s", wasm_trap_text(trap));
}

/* ---- The first slot, and those that follow ----------------------------------------------------------------------- */

/* The instance as it is now is what a reset brings back. Of an image that was taken before nothing stays mapped: it may
 * be the longer one, and what the start function has erased would be there again. */
static int take(struct pool_slot *s, struct err *err)
{
    const struct wasm_memory *m = &s->slot.instance->own_memory;
    const struct pool_image before = s->pool->image; /* its sizes */
    int r = m->base ? pool_image_take(s->pool, m, err) : 0;
    if (!r && m->base)
        r = pool_image_unmap(&before, m->base, err);
    if (r)
        return r;
    pool_state_take(s);
    s->pool->fuel = s->slot.store->fuel;
    return m->base ? pool_image_map(&s->pool->image, m->base, err) : 0;
}

/* Interpreted functions are made ready now, since all slots look at them, in any thread. */
static int prepare_functions(const struct pool_slot *s, struct err *err)
{
    const struct wasm_module *m = s->pool->module;
    if (s->pool->code)
        return 0;
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++)
        if (!interp_function_get(wasm_instance_box(s->slot.instance)->module, f))
            return err_set(err, -ENOMEM, "no memory");
    return 0;
}

/* The state before the start function is taken first: it is what remains when that turns out to need the host. */
static int first(struct pool_slot *s, enum wasm_trap *trap, struct err *err)
{
    struct wasm_pool *p = s->pool;
    bool called;
    int r = prepare_functions(s, err);
    if (!r)
        r = take(s, err);
    if (r || p->module->start == UINT32_MAX)
        return r;
    enum wasm_trap got = start_alone(s, &called);
    p->start_each = called || !tables_in_place(s->slot.instance);
    if (p->start_each)
        return 0;
    *trap = got;
    return got ? trapped(got, err) : take(s, err);
}

static int later(struct pool_slot *s, enum wasm_trap *trap, struct err *err)
{
    const struct wasm_memory *m = &s->slot.instance->own_memory;
    bool called;
    if (!s->pool->start_each) {
        *trap = start_alone(s, &called);
        if (*trap)
            return trapped(*trap, err);
    }
    if (m->base && !pool_image_equals(&s->pool->image, m))
        return err_set(err, -EINVAL, "an instance's memory does not begin as the first one's: its imports differ");
    pool_state_take(s);
    return m->base ? pool_image_map(&s->pool->image, m->base, err) : 0;
}

/* The later ones are held against the image before their first reset; this one was what the image is of. What the look
 * has touched is given back. */
static int check_reset(struct pool_slot *s, struct err *err)
{
    const struct wasm_memory *m = &s->slot.instance->own_memory;
    if (!m->base)
        return 0;
    if (!pool_image_equals(&s->pool->image, m))
        return err_set(err, -EIO, "an instance's memory does not come back as it began");
    return pool_slot_reset(s) ? 0 : err_set(err, -ENOMEM, "no memory for a slot");
}

int pool_slot_make(struct pool_slot *s, enum wasm_trap *trap, struct err *err)
{
    struct wasm_pool *p = s->pool;
    _cleanup_free_ struct wasm_extern *imports = NULL;
    bool is_first = pool_slot_number(s) == 0;
    int r = wasm_store_make(&p->options.store, &s->slot.store, err);
    if (r)
        return r;
    if (!is_first)
        wasm_store_borrow(wasm_store_whole(s->slot.store), wasm_store_whole(p->slots[0].slot.store));
    r = link_slot(s, &imports, err);
    if (!r)
        r = instantiate(s, imports, trap, err);
    if (!r)
        r = is_first ? first(s, trap, err) : later(s, trap, err);
    if (!r && !pool_slot_reset(s))
        r = err_set(err, -ENOMEM, "no memory for a slot");
    if (!r && is_first)
        r = check_reset(s, err);
    if (r) {
        pool_slot_free(s);
        return r;
    }
    if (is_first)
        wasm_store_whole(s->slot.store)->types.lent = true; /* from now on others look at them */
    return 0;
}

/* The places stay with the pool's areas; the bytes in them go. */
void pool_slot_free(struct pool_slot *s)
{
    struct wasm_pool *p = s->pool;
    struct wasm_store_whole *w = wasm_store_whole(s->slot.store);
    if (!s->slot.store)
        return;
    if (p->options.unlink && s->linked)
        p->options.unlink(p->options.data, s->slot.user);
    if (w->instances) { /* it may have failed on the way */
        struct wasm_instance *i = &w->instances->instance;
        struct wasm_table *own = wasm_instance_part(i, i->layout->own_tables);
        for (uint32_t k = 0; k < p->module->n_tables - p->module->n_imported_tables; k++)
            wasm_table_free(&own[k]);
        if (i->own_memory.base)
            mmap(i->own_memory.base, i->own_memory.size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        memset(w->instances, 0, p->elements);
    }
    w->instances = NULL;
    w->stack = NULL;
    if (!w->lent_modules)
        w->types.lent = false; /* they were closed, not borrowed */
    wasm_store_free(s->slot.store);
    s->slot = (struct wasm_slot){0};
    s->linked = false;
}

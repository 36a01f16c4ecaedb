/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool's life and its list of slots to be had: last in, first out, so that the next use finds caches warm. The list
 * is one word that threads compare and swap; making a slot, and what is dear, is under locks.
 */
#include "wasm/pool/pool.h"
#include "wasm/pool/slot.h"
#include "wasm/runtime/stack.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLOTS_DEFAULT 1000u
#define SLOTS_MAX     1000000u
#define RESIDENT      ((size_t)128 << 10)

static uint8_t *reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool reserve_for(struct wasm_pool *p, uint32_t n, bool memory)
{
    p->states_size = n * p->state_stride;
    p->memories_size = memory ? POOL_BELOW + n * WASM_MEMORY_RESERVED : 0;
    p->states = reserve(p->states_size);
    if (p->states && (!memory || (p->memories = reserve(p->memories_size))))
        return true;
    if (p->states)
        munmap(p->states, p->states_size);
    p->states = NULL;
    return false;
}

/* An eighth fewer until it fits: 2^47 bytes of addresses are 16,000 memories, less what the program lies across. */
static int reserve_areas(struct wasm_pool *p, struct err *err)
{
    uint32_t n = p->options.slots ? p->options.slots : SLOTS_DEFAULT;
    bool memory = p->module->n_memories > p->module->n_imported_memories;
    if (n > SLOTS_MAX)
        n = SLOTS_MAX;
    while (!reserve_for(p, n, memory))
        if (!(n -= n / 8 + 1))
            return err_set(err, -ENOMEM, "no addresses for a slot: is there a limit on them (ulimit -v)?");
    p->n_slots = n;
    return 0;
}

static int check_module(const struct wasm_module *m, struct err *err)
{
    for (uint32_t k = 0; k < m->n_imports; k++) {
        const struct wasm_import *i = &m->imports[k];
        if (i->kind == WASM_KIND_FUNC || (i->kind == WASM_KIND_GLOBAL && !m->globals[i->index].type.mutable))
            continue;
        return err_set(err, -ENOTSUP, "import %.*s.%.*s: a pool keeps no module that imports a %s", (int)i->module.len,
                       i->module.text, (int)i->name.len, i->name.text,
                       i->kind == WASM_KIND_MEMORY  ? "memory"
                       : i->kind == WASM_KIND_TABLE ? "table"
                                                    : "mutable global");
    }
    return 0;
}

static int fill(struct wasm_pool *p, enum wasm_trap *trap, struct err *err)
{
    const struct wasm_store_whole sizes = {.options = p->options.store};
    int r = check_module(p->module, err);
    if (!r)
        r = pool_layout(p, err);
    if (r)
        return r;
    p->stack = p->code ? WASM_STACK_GUARD + wasm_stack_size(&sizes) : 0;
    p->state_stride = p->stack + p->state;
    r = reserve_areas(p, err);
    if (r)
        return r;
    p->slots = calloc(p->n_slots, sizeof *p->slots);
    if (!p->slots)
        return err_set(err, -ENOMEM, "no memory");
    for (uint32_t k = 0; k < p->n_slots; k++)
        p->slots[k].pool = p;
    r = pool_slot_make(&p->slots[0], trap, err);
    if (r)
        return r;
    p->made = 1;
    pool_free_push(&p->slots[0]);
    return p->options.reclaimer ? pool_reclaimer_start(p, err) : 0;
}

int wasm_pool_make(const struct wasm_module *m, const struct wasm_code *code, const struct wasm_pool_options *o,
                   struct wasm_pool **out, enum wasm_trap *trap, struct err *err)
{
    struct wasm_pool *p = calloc(1, sizeof *p);
    *trap = WASM_TRAP_NONE;
    if (!p)
        return err_set(err, -ENOMEM, "no memory");
    *p = (struct wasm_pool){.module = m, .code = code, .options = *o, .image = {.fd = -1}, .dirty = POOL_NONE};
    p->options.resident = o->resident ? (o->resident + HOST_PAGE - 1) & ~(HOST_PAGE - 1) : RESIDENT;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->dirty_lock, NULL);
    pthread_cond_init(&p->dirty_wake, NULL);
    int r = fill(p, trap, err);
    if (r) {
        wasm_pool_free(p);
        return r;
    }
    *out = p;
    return 0;
}

/* The first slot goes last: the others borrow of its store. */
void wasm_pool_free(struct wasm_pool *p)
{
    if (!p)
        return;
    pool_reclaimer_end(p);
    for (uint32_t k = p->made; k--;)
        pool_slot_free(&p->slots[k]);
    free(p->slots);
    pool_image_free(&p->image);
    if (p->states)
        munmap(p->states, p->states_size);
    if (p->memories)
        munmap(p->memories, p->memories_size);
    pthread_cond_destroy(&p->dirty_wake);
    pthread_mutex_destroy(&p->dirty_lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

void pool_free_push(struct pool_slot *s)
{
    struct wasm_pool *p = s->pool;
    uint64_t head = __atomic_load_n(&p->free, __ATOMIC_RELAXED), mine;
    do {
        __atomic_store_n(&s->next, (uint32_t)head, __ATOMIC_RELAXED);
        mine = (head & ~UINT64_C(0xffffffff)) | (pool_slot_number(s) + 1);
    } while (!__atomic_compare_exchange_n(&p->free, &head, mine, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* Slots are never freed while the pool lives, so `next` of one that somebody else has taken may be read; the count in
 * the head makes the exchange fail then. */
static struct pool_slot *pop(struct wasm_pool *p)
{
    uint64_t head = __atomic_load_n(&p->free, __ATOMIC_ACQUIRE), after;
    struct pool_slot *s;
    do {
        if (!(uint32_t)head)
            return NULL;
        s = &p->slots[(uint32_t)head - 1];
        after = ((head >> 32) + 1) << 32 | __atomic_load_n(&s->next, __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&p->free, &head, after, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    return s;
}

static int make_locked(struct wasm_pool *p, struct pool_slot **out, enum wasm_trap *trap, struct err *err)
{
    if (p->made == p->n_slots)
        return err_set(err, -EAGAIN, "all %u slots are in use", p->n_slots);
    int r = pool_slot_make(&p->slots[p->made], trap, err);
    if (r)
        return r;
    *out = &p->slots[p->made++];
    return 0;
}

static int make(struct wasm_pool *p, struct pool_slot **out, enum wasm_trap *trap, struct err *err)
{
    pthread_mutex_lock(&p->lock);
    int r = make_locked(p, out, trap, err);
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* One that waits to be reset is nearer than a new one. */
static struct pool_slot *from_dirty(struct wasm_pool *p)
{
    struct pool_slot *s = p->reclaims ? pool_dirty_pop(p) : NULL;
    return s && pool_slot_reset(s) ? s : NULL;
}

int wasm_pool_prepare(struct wasm_pool *p, uint32_t n, struct err *err)
{
    enum wasm_trap trap = WASM_TRAP_NONE;
    struct pool_slot *s = NULL;
    int r = 0;
    pthread_mutex_lock(&p->lock);
    while (!r && p->made < n) {
        r = make_locked(p, &s, &trap, err);
        if (!r)
            pool_free_push(s);
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* ---- Uses -------------------------------------------------------------------------------------------------------- */

int wasm_pool_acquire(struct wasm_pool *p, struct wasm_slot **out, enum wasm_trap *trap, struct err *err)
{
    struct pool_slot *s = pop(p);
    *trap = WASM_TRAP_NONE;
    if (!s && !(s = from_dirty(p))) {
        int r = make(p, &s, trap, err);
        if (r)
            return r;
    }
    *out = &s->slot;
    if (!p->start_each)
        return 0;
    *trap = wasm_instance_start(s->slot.instance);
    if (!*trap)
        return 0;
    err_set(err, -EFAULT, "start function: %s", wasm_trap_text(*trap));
    *out = NULL;
    wasm_pool_release(&s->slot);
    return -EFAULT;
}

/* From here on a deadline of this use reaches nobody. */
static void end_use(struct pool_slot *s)
{
    uint64_t now = __atomic_load_n(&s->use, __ATOMIC_RELAXED) & ~UINT64_C(1), expected = now;
    while (!__atomic_compare_exchange_n(&s->use, &expected, now + 2, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        expected = now;
        sched_yield(); /* somebody interrupts it: a few instructions and a signal sent */
    }
}

void wasm_pool_release(struct wasm_slot *slot)
{
    struct pool_slot *s = (struct pool_slot *)(void *)slot;
    end_use(s);
    if (s->pool->reclaims && !pool_slot_resets_cheaply(s))
        pool_dirty_push(s);
    else if (pool_slot_reset(s))
        pool_free_push(s);
}

uint64_t wasm_slot_use(const struct wasm_slot *slot)
{
    const struct pool_slot *s = (const struct pool_slot *)(const void *)slot;
    return __atomic_load_n(&s->use, __ATOMIC_RELAXED) >> 1;
}

void wasm_slot_interrupt(struct wasm_slot *slot, uint64_t use)
{
    struct pool_slot *s = (struct pool_slot *)(void *)slot;
    uint64_t expected = use << 1;
    if (!__atomic_compare_exchange_n(&s->use, &expected, use << 1 | 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return;
    wasm_interrupt(s->slot.store);
    __atomic_store_n(&s->use, use << 1, __ATOMIC_SEQ_CST);
}

struct wasm_pool_figures wasm_pool_figures(const struct wasm_pool *p)
{
    return (struct wasm_pool_figures){
        .slots = p->n_slots,
        .made = __atomic_load_n(&p->made, __ATOMIC_RELAXED),
        .image = p->image.size,
        .resident = p->image.until - p->image.from,
        .state = p->state,
        .start_each = p->start_each,
    };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a pool, for the files of this folder. Two areas of addresses hold all slots: in `states` each has its
 * guest stack, then its instance's block, its tables' elements and the image of what of them can change; in `memories`
 * each has what one memory reserves and nothing else, so that an address that were wrong by up to 4 GiB, in either
 * direction, names no byte of anything.
 */
#ifndef MOAT_WASM_POOL_SLOT_H
#define MOAT_WASM_POOL_SLOT_H

#include "wasm/pool/pool.h"
#include "wasm/runtime/memory.h"

#include <pthread.h>

#define HOST_PAGE   ((size_t)4096)
#define POOL_RANGES 5
#define POOL_NONE   UINT32_MAX
#define POOL_BELOW  (UINT64_C(4) << 30) /* bytes of nothing below the first memory */

/* What can change of a slot's state: where it is, and where its image is. Offsets in the state; bytes. */
struct pool_range {
    uint32_t live, image, size;
};

/* The memory that an instance begins with: a sealed memfd, mapped to be read. */
struct pool_image {
    int fd; /* -1: none */
    const uint8_t *bytes;
    size_t size;        /* whole host pages, up to the last byte that is not zero */
    size_t memory;      /* bytes of the memory */
    size_t from, until; /* what a reset writes of it; the rest is given back to the kernel */
};

struct pool_slot {
    struct wasm_slot slot; /* the first: what the user has */
    struct wasm_pool *pool;
    uint64_t use;  /* twice the number of the use; odd while somebody interrupts it */
    uint32_t next; /* in the list that it is in */
    bool linked;
    uint64_t n_pages, n_elements; /* what the store is charged for at the beginning */
};

struct wasm_pool {
    const struct wasm_module *module;
    const struct wasm_code *code;
    struct wasm_pool_options options;
    struct wasm_layout layout;

    uint8_t *states, *memories; /* areas; NULL: no memory is needed */
    size_t states_size, memories_size, state_stride;
    size_t stack;    /* bytes of guard and stack in front of a state */
    size_t elements; /* offset of the elements in a state */
    size_t state;    /* bytes of it */
    struct pool_range ranges[POOL_RANGES];
    uint32_t n_ranges;

    struct pool_image image;
    bool start_each;
    bool memory_cheap, state_cheap; /* a reset writes little, and nothing has to be given back */
    int64_t fuel;                   /* that a use begins with */

    struct pool_slot *slots;
    uint32_t n_slots, made; /* made: under `lock` */
    uint64_t free;          /* the list of slots to be had: number + 1, and in the upper half a count against ABA */
    pthread_mutex_t lock;

    pthread_t reclaimer;
    bool reclaims;
    pthread_mutex_t dirty_lock;
    pthread_cond_t dirty_wake;
    uint32_t dirty; /* slots to be reset; POOL_NONE: none */
    bool ends;
};

static inline uint32_t pool_slot_number(const struct pool_slot *s)
{
    return (uint32_t)(s - s->pool->slots);
}

static inline uint8_t *pool_slot_state(const struct pool_slot *s)
{
    return s->pool->states + pool_slot_number(s) * s->pool->state_stride + s->pool->stack;
}

/* slot.c: the state's layout, and a slot from nothing. */
int pool_layout(struct wasm_pool *p, struct err *err);
int pool_slot_make(struct pool_slot *s, enum wasm_trap *trap, struct err *err);
void pool_slot_free(struct pool_slot *s);

/* image.c: what the memory of this slot has now is what all begin with. */
int pool_image_take(struct wasm_pool *p, const struct wasm_memory *m, struct err *err);
void pool_image_free(struct pool_image *i);
/* Whether a memory begins with it. */
bool pool_image_equals(const struct pool_image *i, const struct wasm_memory *m);
/* Puts it under a fresh memory, where it is too large to be written by each reset; takes it from there again, and what
 * was written to it: zeros remain. */
int pool_image_map(const struct pool_image *i, uint8_t *base, struct err *err);
int pool_image_unmap(const struct pool_image *i, uint8_t *base, struct err *err);

/* reset.c: state and memory as they were. false: the slot cannot be used any more. */
void pool_state_take(struct pool_slot *s);
bool pool_slot_reset(struct pool_slot *s);
/* Whether that takes no more than writing what is resident. */
bool pool_slot_resets_cheaply(const struct pool_slot *s);

/* reclaim.c */
int pool_reclaimer_start(struct wasm_pool *p, struct err *err);
void pool_reclaimer_end(struct wasm_pool *p);
void pool_dirty_push(struct pool_slot *s);
struct pool_slot *pool_dirty_pop(struct wasm_pool *p);
/* pool.c */
void pool_free_push(struct pool_slot *s);

#endif

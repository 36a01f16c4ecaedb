/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool keeps instances of one module ready: an acquired slot is as if it had just been instantiated, and it costs a
 * copy of what is initialised, no system call and no page fault. Life: wasm_pool_make() -> wasm_pool_acquire() ->
 * wasm_call(slot->store, ...) -> wasm_pool_release(), from any number of threads, each slot used by one at a time ->
 * wasm_pool_free().
 *
 * Each slot has a store of its own, with fuel, limits, guest stack and interruption of its own; numbers of types and
 * what the interpreter makes of functions are the pool's. Module and code are borrowed and outlive it. README.md says
 * what a slot consists of and what a reset reaches.
 */
#ifndef MOAT_WASM_POOL_POOL_H
#define MOAT_WASM_POOL_POOL_H

#include "wasm/runtime/store.h"

struct wasm_pool;

struct wasm_slot {
    struct wasm_store *store;
    struct wasm_instance *instance;
    void *user; /* what link() gave */
};

struct wasm_pool_options {
    struct wasm_store_options store; /* of each slot; fuel: what each use begins with */
    uint32_t slots;                  /* at most alive at once; 0: 1,000. Fewer where addresses do not suffice */
    size_t resident;                 /* bytes of memory that a reset writes and keeps; 0: 128 KiB */
    bool reclaimer;                  /* a thread resets what takes longer than that; else wasm_pool_release() does */

    /* Called once for each slot, when it is made: fills imports[] (module->n_imports) with host objects of this store,
     * and *user. The same each time: a slot that comes out otherwise than the first is refused. It is called by one
     * thread at a time, any; host objects are made here and not later. NULL: nothing is imported. */
    int (*link)(void *data, struct wasm_store *s, struct wasm_extern *imports, void **user, struct err *err);
    /* When the slot ends; before its store. NULL: nothing to do. */
    void (*unlink)(void *data, void *user);
    void *data;
};

/* Makes the first slot, so that whatever fails fails here. A module whose memory, table or mutable global is imported
 * is refused (-ENOTSUP): the pool resets what is the instance's own. Otherwise errors are those of wasm_instantiate().
 *
 * A start function that calls no host function is run once for each slot and what it did belongs to the state that a
 * reset brings back; it takes its fuel from each use nevertheless. One that does is run by each wasm_pool_acquire(). It
 * runs here without a time limit but fuel and wasm_interrupt() on the store that link() saw. */
int wasm_pool_make(const struct wasm_module *m, const struct wasm_code *code, const struct wasm_pool_options *o,
                   struct wasm_pool **out, enum wasm_trap *trap, struct err *err);
/* No slot is in use. */
void wasm_pool_free(struct wasm_pool *p);

/* Makes slots until n are alive, so that the first uses need not. Errors as of wasm_pool_acquire(). */
int wasm_pool_prepare(struct wasm_pool *p, uint32_t n, struct err *err);

/* -EAGAIN: all slots that may be are in use or waiting to be reset; -ENOMEM; -EFAULT: the start function trapped,
 * *trap. *out is set before a start function runs here, so that a deadline can be given to wasm_slot_interrupt(). */
int wasm_pool_acquire(struct wasm_pool *p, struct wasm_slot **out, enum wasm_trap *trap, struct err *err);
/* Whatever happened in it: results, traps, stops. Not while a call in it is on its way. */
void wasm_pool_release(struct wasm_slot *s);

/* A deadline belongs to one use of a slot: note its number after wasm_pool_acquire(); wasm_slot_interrupt() is
 * wasm_interrupt() while that use lasts, and nothing afterwards. Async-signal-safe, from any thread. */
uint64_t wasm_slot_use(const struct wasm_slot *s);
void wasm_slot_interrupt(struct wasm_slot *s, uint64_t use);

struct wasm_pool_figures {
    uint32_t slots, made; /* that may be, that are */
    size_t image;         /* bytes of memory that an instance begins with, to the last that is not zero */
    size_t resident;      /* bytes of memory that a reset writes */
    size_t state;         /* bytes of the rest of a slot: block, elements, their image */
    bool start_each;      /* the start function is run by each acquire */
};
struct wasm_pool_figures wasm_pool_figures(const struct wasm_pool *p);

#endif

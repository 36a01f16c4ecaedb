/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compiled code knows of the runtime's structs: their layout is the contract between runtime/ and baseline/, and
 * of code that is kept on disk. WASM_ABI_VERSION is raised with every change of an offset, of a register's use or of a
 * trap's number; code of another version is not loaded.
 *
 * Registers in compiled code: r14 the instance, gs the base of memory 0 (r15 instead where the CPU has no FSGSBASE or a
 * test asks for it), rbp the frame. An i32 in a register has its upper half zero, always: addresses count on it.
 */
#ifndef MOAT_WASM_RUNTIME_ABI_H
#define MOAT_WASM_RUNTIME_ABI_H

#include "wasm/module/module.h"
#include "wasm/runtime/value.h"

#include <stddef.h>

#define WASM_ABI_VERSION 1

struct wasm_instance;
struct wasm_store;

/* A host function: arguments are values[0..], results replace them (there is room for the larger number of both). Runs
 * on the host's own stack. Anything but WASM_TRAP_NONE ends the call of wasm_call() with that trap. `caller` is the
 * instance whose code calls; it may call wasm_call() in turn. */
typedef enum wasm_trap wasm_host_fn(void *data, struct wasm_instance *caller, union wasm_value *values);

/* A function as a callee: what a funcref points to. */
struct wasm_func {
    const void *entry; /* compiled code, by the calling convention of baseline/; NULL: interpreted or host */
    struct wasm_instance *instance; /* whose code it is; of a host function NULL */
    uint32_t type;                  /* number of its type in the store: equal types, equal numbers */
    uint32_t index;                 /* in its module */
    wasm_host_fn *host;             /* NULL: not a host function */
    void *data;
};
_Static_assert(offsetof(struct wasm_func, entry) == 0 && offsetof(struct wasm_func, instance) == 8 &&
                   offsetof(struct wasm_func, type) == 16 && sizeof(struct wasm_func) == 40,
               "WASM_ABI_VERSION");

struct wasm_memory {
    uint8_t *base;     /* 4 GiB of addresses and guards on both sides (memory.h) */
    uint64_t size;     /* bytes that may be touched */
    uint32_t pages;    /* = size / WASM_PAGE */
    uint32_t max;      /* pages: the module's and the policy's, whichever is less */
    uint32_t type_max; /* the module's own, for imports to be matched; UINT32_MAX: none */
    bool placed;       /* the addresses are another's (struct wasm_place): nothing to unmap */
};
_Static_assert(offsetof(struct wasm_memory, size) == 8 && offsetof(struct wasm_memory, pages) == 16,
               "WASM_ABI_VERSION");

struct wasm_table {
    uint64_t *elems; /* references */
    uint32_t size, max;
    uint32_t capacity, type_max; /* type_max: the module's own, for imports to be matched, where type_has_max */
    uint8_t type;
    bool type_has_max;
    bool placed; /* elems is another's (struct wasm_place): nothing to free */
};
_Static_assert(offsetof(struct wasm_table, size) == 8, "WASM_ABI_VERSION");

/* One group of instances that may call one another, used by one thread at a time. */
struct wasm_store {
    /* known to compiled code */
    uint64_t host_sp;     /* where host functions run; the entry stub saves it */
    uint64_t guest_sp;    /* while a host function runs */
    uint64_t stack_limit; /* a frame below it: stack exhausted */
    int64_t fuel;         /* below 0: used up */
    uint32_t interrupt;   /* set from outside or a signal handler: the next return from a host function traps */
    uint32_t trap;        /* enum wasm_trap, by the code that raises it */
    uint64_t trap_pc;     /* where */
    uint64_t trap_fp;     /* rbp there, for the backtrace */
    uint64_t native[4];   /* baseline/'s: where code finds its stubs; set by wasm_code_enter() */
    /* store.h has the rest behind this */
};
_Static_assert(offsetof(struct wasm_store, stack_limit) == 16 && offsetof(struct wasm_store, fuel) == 24 &&
                   offsetof(struct wasm_store, interrupt) == 32 && offsetof(struct wasm_store, trap) == 36 &&
                   offsetof(struct wasm_store, trap_pc) == 40 && offsetof(struct wasm_store, trap_fp) == 48 &&
                   offsetof(struct wasm_store, native) == 56,
               "WASM_ABI_VERSION");

struct wasm_code; /* baseline/: the compiled code of a module */

/*
 * An instance is one block: this head, then `struct wasm_func *imports[]` (imported functions), `union wasm_value
 * globals[]` (the module's own, 16-aligned), `union wasm_value *imported_globals[]`, `struct wasm_table *tables[]`,
 * `struct wasm_table own_tables[]`, `struct wasm_func refs[]` (one for each of module->n_ref_slots). struct wasm_layout
 * says where.
 */
struct wasm_instance {
    struct wasm_store *store;
    struct wasm_memory *memory;   /* memory 0, own or imported; NULL: none */
    uint8_t *memory_base;         /* = memory->base, for gs when control comes in; NULL: none */
    const uint32_t *types;        /* number in the store of each of the module's types */
    const struct wasm_code *code; /* NULL: interpreted */
    const struct wasm_module *module;
    const struct wasm_layout *layout;
    uint8_t *data_dropped, *elem_dropped; /* a byte each */
    struct wasm_memory own_memory;
    void *user; /* of who made it */
};
_Static_assert(offsetof(struct wasm_instance, store) == 0 && offsetof(struct wasm_instance, memory) == 8 &&
                   offsetof(struct wasm_instance, memory_base) == 16 && offsetof(struct wasm_instance, types) == 24,
               "WASM_ABI_VERSION");

/* Offsets from the start of an instance; the same for all instances of a module. */
struct wasm_layout {
    uint32_t imports, globals, imported_globals, tables, own_tables, refs, size;
};
/* -ENOMEM when it is beyond 1 GiB. */
int wasm_layout_make(const struct wasm_module *m, struct wasm_layout *out);

/* Helpers that compiled code and interpreter share: by C's calling convention, on the host's stack. A trap, or none. */
enum wasm_trap wasm_memory_init(struct wasm_instance *i, uint32_t data, uint32_t to, uint32_t from, uint32_t n);
enum wasm_trap wasm_memory_copy(struct wasm_instance *i, uint32_t to, uint32_t from, uint32_t n);
enum wasm_trap wasm_memory_fill(struct wasm_instance *i, uint32_t to, uint32_t value, uint32_t n);
enum wasm_trap wasm_table_init(struct wasm_instance *i, uint32_t elem_table[2], uint32_t to, uint32_t from, uint32_t n);
enum wasm_trap wasm_table_copy(struct wasm_instance *i, uint32_t to_from[2], uint32_t to, uint32_t from, uint32_t n);
enum wasm_trap wasm_table_fill(struct wasm_instance *i, uint32_t table, uint32_t to, uint64_t ref, uint32_t n);
/* These give what the instruction gives: the old size, or UINT32_MAX. */
uint32_t wasm_memory_grow(struct wasm_instance *i, uint32_t pages);
uint32_t wasm_table_grow(struct wasm_instance *i, uint32_t table, uint64_t ref, uint32_t n);
void wasm_data_drop(struct wasm_instance *i, uint32_t data);
void wasm_elem_drop(struct wasm_instance *i, uint32_t elem);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running modules. Life: wasm_store_make() -> host objects (wasm_host_func() ...) -> wasm_instantiate(), as often as
 * one likes -> wasm_call() -> wasm_store_free() with all that was made in it. One thread at a time; wasm_interrupt()
 * from anywhere.
 */
#ifndef MOAT_WASM_RUNTIME_STORE_H
#define MOAT_WASM_RUNTIME_STORE_H

#include "wasm/module/module.h"
#include "wasm/runtime/abi.h"

struct wasm_store_options {
    size_t stack_size;       /* bytes of the guest's stack; 0: 1 MiB */
    uint32_t memory_pages;   /* at most, in all memories together; 0: no limit but the module's */
    uint32_t table_elements; /* in all tables together; 0: 10,000,000 */
    uint32_t instances;      /* 0: 10,000 */
    int64_t fuel;            /* -1: not counted */
};

int wasm_store_make(const struct wasm_store_options *o, struct wasm_store **out, struct err *err);
void wasm_store_free(struct wasm_store *s);

/* Something to import or that was exported. */
struct wasm_extern {
    uint8_t kind; /* enum wasm_kind */
    union {
        struct wasm_func *func;
        struct wasm_table *table;
        struct wasm_memory *memory;
        struct wasm_extern_global {
            union wasm_value *value;
            struct wasm_globaltype type;
        } global;
    };
};

/* The store's, until it ends. NULL when there is no memory. The type is copied. */
struct wasm_func *wasm_host_func(struct wasm_store *s, const struct wasm_functype *type, wasm_host_fn *fn, void *data);
union wasm_value *wasm_host_global(struct wasm_store *s);
struct wasm_table *wasm_host_table(struct wasm_store *s, const struct wasm_tabletype *type);
struct wasm_memory *wasm_host_memory(struct wasm_store *s, const struct wasm_limits *limits);

/* The type of a function of this store. */
const struct wasm_functype *wasm_func_type(const struct wasm_store *s, const struct wasm_func *f);

/* Links, initialises and runs the start function. imports[] has module->n_imports items, in their order. code: what
 * baseline/ made of this module, or NULL to interpret it (then all bodies are validated here, once per module and
 * store). -EINVAL an import does not fit ("incompatible import type" is in the words); -ENOMEM a limit; -EFAULT a trap:
 * *trap. */
int wasm_instantiate(struct wasm_store *s, const struct wasm_module *m, const struct wasm_code *code,
                     const struct wasm_extern *imports, void *user, struct wasm_instance **out, enum wasm_trap *trap,
                     struct err *err);

/* false: no export of that name. */
bool wasm_instance_export(struct wasm_instance *i, const char *name, size_t len, struct wasm_extern *out);

/* values: arguments, then results (room for the larger number). */
enum wasm_trap wasm_call(struct wasm_store *s, struct wasm_func *f, union wasm_value *values);

/* Ends what runs in the store as soon as possible, from another thread or a signal handler. Stays set until cleared. A
 * handler of the thread that runs the store has all signals in its sa_mask: compiled code is reached by one, which must
 * find that code and not the handler. */
void wasm_interrupt(struct wasm_store *s);
void wasm_interrupt_clear(struct wasm_store *s);

/* Of a host function: ends the program with a status, or fails with words. Both give what it is to return. */
enum wasm_trap wasm_exit(struct wasm_store *s, int status);
enum wasm_trap wasm_fail(struct wasm_store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int wasm_exit_status(const struct wasm_store *s);
const char *wasm_fail_text(const struct wasm_store *s);

/* After a trap: innermost first. */
struct wasm_frame {
    const struct wasm_module *module;
    uint32_t function;
    uint32_t offset; /* in the module's bytes; 0: not known */
};
uint32_t wasm_backtrace(const struct wasm_store *s, struct wasm_frame *out, uint32_t max);

#endif

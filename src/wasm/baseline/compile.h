/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline compiler: a module's functions to x86-64 code, each in one pass behind its validation. The result is
 * position-independent and knows no address of this process: it can be kept on disk and mapped. Life: wasm_compile() ->
 * wasm_instantiate(..., code, ...) -> wasm_code_free() after the stores that use it.
 */
#ifndef MOAT_WASM_BASELINE_COMPILE_H
#define MOAT_WASM_BASELINE_COMPILE_H

#include "codegen/arena.h"
#include "wasm/module/module.h"
#include "wasm/runtime/abi.h"

struct wasm_compile_options {
    struct wasm_features features;
    bool fuel;      /* count it: deterministic, the same in the interpreter */
    bool no_gs;     /* memory base in r15, as on a CPU without FSGSBASE; the same for all code of a store */
    bool plain_cpu; /* without AVX, BMI and lzcnt, as on an old CPU: for tests */
    bool perf_map;
    struct code_arena
        *arena; /* where the code goes, which stays the caller's and must outlive it; NULL: one of its own */
};

/* Handlers of signals, once for the process: wasm_compile() does it when nobody has. After it nothing here maps
 * executable memory but wasm_compile() without an arena. */
int wasm_code_prepare(struct err *err);

/* Validates and compiles all. Errors as of wasm_validate_function(). */
int wasm_compile(const struct wasm_module *m, const struct wasm_compile_options *o, struct wasm_code **out,
                 struct err *err);
void wasm_code_free(struct wasm_code *c);

/* What the runtime asks. */
/* Entry of one of the module's own functions, for struct wasm_func.entry. */
const void *wasm_code_entry(const struct wasm_code *c, uint32_t function);
/* From C into compiled code, on the store's guest stack: loads arguments, runs, stores results. Comes back with a trap
 * wherever it happened. */
enum wasm_trap wasm_code_enter(struct wasm_store *s, struct wasm_func *f, union wasm_value *values, void *guest_sp);
/* Entry by which compiled code of any module calls a host function of this type. */
const void *wasm_code_host_entry(const struct wasm_functype *type);
/* The function and the offset in the module of an address in code; false when it is in none of ours. */
bool wasm_code_find(const struct wasm_code *c, const void *pc, uint32_t *function, uint32_t *offset);
/* The return address of a frame, rbp there, of a function of this type: not the word behind rbp's, when a tail call
 * went on to another instance. Nothing at or behind `end` is read; frame + 16 is before it. */
uint64_t wasm_code_return_address(uint64_t frame, uint64_t end, const struct wasm_functype *type);
/* Makes the thread that runs code of this store look at store->interrupt, which is set. Async-signal-safe. */
void wasm_code_interrupt(struct wasm_store *s);
/* The machine code, for tests, disassembly and the cache. */
void wasm_code_bytes(const struct wasm_code *c, const void **start, size_t *size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled code of a module: one piece of machine code and flat arrays about it, without pointers into either, so that
 * all of it can lie in a file.
 */
#ifndef MOAT_WASM_BASELINE_CODE_H
#define MOAT_WASM_BASELINE_CODE_H

#include "codegen/arena.h"
#include "codegen/pcmap.h"
#include "wasm/baseline/compile.h"

struct wasm_code {
    struct code_region region; /* its start and size are the code's */
    const struct wasm_module *module;
    uint32_t n;            /* the module's own functions */
    uint32_t *entries;     /* n + 1 offsets in the code; the last: its end */
    uint32_t *maps;        /* n + 1 offsets in map; the last: its end */
    uint8_t *map;          /* map.c */
    struct code_arena own; /* where the code lies, if nobody gave an arena */
    bool owned;
    bool borrowed; /* code and arrays lie in a file that the caller has mapped (image.h) */
};

/* The offset that the map has for code at `at`: the last entry not behind it; 0: none. start: of the function's code,
 * first: of its first opcode in the module. */
uint32_t map_find(const uint8_t *map, size_t size, uint32_t start, uint32_t first, uint32_t at);

/* The first byte of the function that this is in; NULL: in none. Async-signal-safe. */
const uint8_t *code_function_start(const struct wasm_code *c, const void *pc);

/* fault.c: traps by fault in this code, from now until code_faults_off(). */
int code_faults_on(struct wasm_code *c, struct err *err);
void code_faults_off(struct wasm_code *c);

/* The store whose code this thread runs. NULL: none. */
extern _Thread_local struct wasm_store *code_active;
/* fault.c: the thread gets an alternate stack for signals, until it ends. */
int code_thread_ready(void);

#endif

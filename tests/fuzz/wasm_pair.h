/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One module, run in two ways and compared: interpreted and compiled, with imports that answer by what they are asked.
 * Each exported function is called some times with the same arguments. Compared are the trap and where it was, or the
 * results; what the host was asked; fuel, memory, globals, tables, dropped segments. Arguments come from the seed, so a
 * difference comes again. A stack that is used up ends the comparison: how deep one may recurse is no part of the
 * contract.
 */
#ifndef MOAT_TESTS_WASM_PAIR_H
#define MOAT_TESTS_WASM_PAIR_H

#include "codegen/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wasm_pair_options {
    uint64_t seed;
    int64_t fuel; /* of each call */
    uint32_t rounds;
    uint32_t memory_pages;    /* of a store at most; 0: 1,024 */
    bool no_gs, plain_cpu;    /* as in struct wasm_compile_options */
    bool uncounted;           /* code without fuel; where the interpreter runs out of it, the comparison ends */
    bool twins;               /* two instances that share what they import */
    bool no_host_calls;       /* imports answer, and neither call back nor fail */
    bool image;               /* compiled, written to a file and loaded from it */
    bool pool;                /* what is compiled runs in a slot that was used and reset; not uncounted, no twins */
    bool run_only;            /* nothing is compared: a module whose NaNs may be any */
    struct code_arena *arena; /* NULL: the code's own; else all of it, from its start */
};

enum wasm_pair_outcome { WASM_PAIR_EQUAL, WASM_PAIR_STOPPED, WASM_PAIR_REFUSED, WASM_PAIR_DIFFERENT };

struct wasm_pair_result {
    uint64_t calls, traps;
    char words[1024]; /* of a refusal or a difference */
};

enum wasm_pair_outcome wasm_pair_run(const uint8_t *bytes, size_t size, const struct wasm_pair_options *o,
                                     struct wasm_pair_result *result);

#endif

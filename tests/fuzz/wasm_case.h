/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case of interpreter against compiler: a generated module and a way to run it, both from the same choices. Life:
 * wasm_case_make() -> wasm_case_choose() and wasm_case_run(), as often as one likes -> wasm_case_free().
 */
#ifndef MOAT_TESTS_WASM_CASE_H
#define MOAT_TESTS_WASM_CASE_H

#include "wasm_generate.h"
#include "wasm_pair.h"

struct wasm_case {
    struct wasm_generator *generator;
    struct code_arena arena;
    struct wasm_pair_options options;
    uint8_t *bytes; /* a block of its own, so that its ends are watched */
    size_t size;
    bool changed; /* bytes were changed at random: it may be refused, and is only run */
};

/* false: no memory, or code cannot run here: err. */
bool wasm_case_make(struct wasm_case *c, struct err *err);
void wasm_case_free(struct wasm_case *c);

/* The module and the options. changes: some modules are changed at random. */
void wasm_case_choose(struct wasm_case *c, struct wasm_choice *choice, bool changes);
/* A generated module that is refused is a difference. */
enum wasm_pair_outcome wasm_case_run(struct wasm_case *c, struct wasm_pair_result *result);

/* The options that repeat the last case with `wasm-differ OPTIONS FILE`. */
void wasm_case_words(const struct wasm_case *c, char *out, size_t size);

#endif

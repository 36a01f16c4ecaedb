/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random modules that are valid by construction: a validator that refuses one is wrong, or the generator is. All
 * instructions of opcodes.def occur, with values, addresses and indices that are edges of something. What they compute
 * is fixed to the bit: where the specification leaves a NaN open, it is made the one NaN before its bits can be seen.
 *
 * Life: wasm_generator_make() -> wasm_generate(), as often as one likes -> wasm_generator_free().
 */
#ifndef MOAT_TESTS_WASM_GENERATE_H
#define MOAT_TESTS_WASM_GENERATE_H

#include "wasm_choice.h"

#include "wasm/module/opcode.h"

struct wasm_generator;

/* NULL: no memory. */
struct wasm_generator *wasm_generator_make(void);
void wasm_generator_free(struct wasm_generator *g);

/* The bytes are the generator's until its next call. They use tail calls and extended constant expressions. */
const uint8_t *wasm_generate(struct wasm_generator *g, struct wasm_choice *c, size_t *size);

/* How often each instruction was written so far. */
const uint64_t *wasm_generator_counts(const struct wasm_generator *g);

#endif

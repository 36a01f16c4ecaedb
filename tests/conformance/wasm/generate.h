/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random modules, valid by construction, for the comparison of the two ways to run: each instruction with a signature
 * is as likely as any other of its result, so rare ones come often. Made from a seed and the table of opcodes.
 */
#ifndef MOAT_TESTS_WASM_GENERATE_H
#define MOAT_TESTS_WASM_GENERATE_H

#include "../../unit/wasm_build.h"

#include <stdbool.h>

/* Appends a module to out. Equal seeds, equal modules. It imports a function, has a memory, tables, globals of each
 * type, and exports its functions. Where the result of arithmetic is a NaN, whose bits the specification leaves open, a
 * constant takes its place; with any_nan it stays. */
void generate_module(uint64_t seed, bool any_nan, struct bytes *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-wasm (src/wasmrun/README.md), read back from a policy's argv: it is what is
 * executed, and all that a later start has. Pure. */
#ifndef MOAT_BOUNDARY_WASM_WORDS_H
#define MOAT_BOUNDARY_WASM_WORDS_H

#include "policy/policy.h"

#define WASM_PROGRAM    "moat-wasm"   /* argv[0]; inside it has no file */
#define WASM_ROOT_PLACE "/.moat/root" /* of what is granted as "/": the module finds it by that name */

/* The next word of moat-wasm's own; *at begins as 0, and *value is NULL where the word has none. The last one is
 * --module, with the file: the program's name and words come behind it and are never given. NULL: no more. */
const char *wasm_next_word(const struct strv *argv, uint32_t *at, const char **value);

/* What follows a word, the last one counting. NULL: it is not there. */
const char *wasm_word_value(const struct strv *argv, const char *wanted);

/* The module's name as it was written, and its arguments: argv from there on. argv->n: there is none. */
uint32_t wasm_program_words(const struct strv *argv);

#endif

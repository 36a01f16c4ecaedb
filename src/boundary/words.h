/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of an engine (src/engine/README.md), read back from a policy's argv: it is what is executed, and all
 * that a later start has. jvm/words.h and wasm/words.h say which words are whose. Pure. */
#ifndef MOAT_BOUNDARY_WORDS_H
#define MOAT_BOUNDARY_WORDS_H

#include "policy/policy.h"

struct engine_words {
    const char *const *last; /* ends with NULL: the words behind whose value the program's own begin */
    const char *const *list; /* ends with NULL: of the others those that have a value, */
    bool list_has_none;      /* or those that have none */
};

/* The next word of the engine's own; *at begins as 0, and *value is NULL where the word has none. The program's words
 * are never given. NULL: no more. */
const char *words_next(const struct engine_words *words, const struct strv *argv, uint32_t *at, const char **value);

/* What follows a word ("": nothing), the last one counting. NULL: it is not there. */
const char *words_value(const struct engine_words *words, const struct strv *argv, const char *wanted);

/* Where the word stands behind whose value the program's own begin. argv->n: there is none. */
uint32_t words_last(const struct engine_words *words, const struct strv *argv);

#endif

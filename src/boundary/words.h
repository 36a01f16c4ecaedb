/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of an engine (src/engine/README.md), read back from a policy's argv: it is what is executed, and all
 * that a later start has. jvm/words.h and wasm/words.h say which words are whose, from
 * the tables that the engines have of them. Pure. */
#ifndef MOAT_BOUNDARY_WORDS_H
#define MOAT_BOUNDARY_WORDS_H

#include "policy/policy.h"

/* Of an engine's table OPTION(identifier, word, value): the words with one, for .valued. */
#define WORDS_VALUE_NONE(word)
#define WORDS_VALUE_NEXT(word)  word,
#define WORDS_VALUE_MAYBE(word) /* --word=VALUE is one word */

struct engine_words {
    const char *const *last;   /* ends with NULL: the words behind whose value the program's own begin */
    const char *const *valued; /* ends with NULL: those of the others that have a value */
};

/* The next word of the engine's own; *at begins as 0, and *value is NULL where the word has none. The program's words
 * are never given. NULL: no more. */
const char *words_next(const struct engine_words *words, const struct strv *argv, uint32_t *at, const char **value);

/* What follows a word ("": nothing), the last one counting. NULL: it is not there. */
const char *words_value(const struct engine_words *words, const struct strv *argv, const char *wanted);

/* Where the word stands behind whose value the program's own begin. argv->n: there is none. */
uint32_t words_last(const struct engine_words *words, const struct strv *argv);

#endif

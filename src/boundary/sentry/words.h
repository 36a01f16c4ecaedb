/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-sentry (src/sentry/README.md), read back from a policy's argv: it is what is
 * executed, and all that a later start has. Pure. */
#ifndef MOAT_BOUNDARY_SENTRY_WORDS_H
#define MOAT_BOUNDARY_SENTRY_WORDS_H

#include "policy/policy.h"

#define SENTRY_PROGRAM "moat-sentry" /* argv[0]; inside it has no file */

/* The next word of moat-sentry's own; *at begins as 0, and *value is NULL where the word has none. NULL: no more. */
const char *sentry_next_word(const struct strv *argv, uint32_t *at, const char **value);

/* What follows a word, the last one counting; "": nothing does. NULL: it is not there. */
const char *sentry_word_value(const struct strv *argv, const char *wanted);

/* Where the program and its arguments begin. argv->n: there is none. */
uint32_t sentry_program_words(const struct strv *argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-vmm (src/machine/README.md), read back from a policy's argv: it is what is executed,
 * and all that a later start has. Pure. */
#ifndef MOAT_BOUNDARY_MICROVM_WORDS_H
#define MOAT_BOUNDARY_MICROVM_WORDS_H

#include "policy/policy.h"

#define VMM_PROGRAM "moat-vmm" /* argv[0]; inside it has no file */

/* The next word of moat-vmm's own; *at begins as 0, and *value is NULL where the word has none. NULL: no more. */
const char *microvm_next_word(const struct strv *argv, uint32_t *at, const char **value);

/* What follows a word, the last one counting; "": nothing does. NULL: it is not there. */
const char *microvm_word_value(const struct strv *argv, const char *wanted);

/* The host's file behind the value of a word that names one: "/floppy0,ro". The value itself where there is none. */
const char *microvm_word_file(const struct policy *p, const char *value);

/* Where the guest's program and its arguments begin. argv->n: none is named, the initramfs says what runs. */
uint32_t microvm_program_words(const struct strv *argv);

#endif

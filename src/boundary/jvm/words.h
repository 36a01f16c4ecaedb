/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-jvm (src/jvm/README.md), read back from a policy's argv: it is what is executed, and
 * all that a later start has. Pure. */
#ifndef MOAT_BOUNDARY_JVM_WORDS_H
#define MOAT_BOUNDARY_JVM_WORDS_H

#include "policy/policy.h"

/* The next word of moat-jvm's own; *at begins as 0, and *value is NULL where the word has none. The last one is --jar,
 * --class or --module, with what is to run: the program's own words come behind it and are never given. NULL: no more.
 */
const char *jvm_next_word(const struct strv *argv, uint32_t *at, const char **value);
bool jvm_has_word(const struct strv *argv, const char *wanted);
/* Whether it says what is to run. */
bool jvm_word_is_entry(const char *word);
/* What follows an option of the virtual machine that begins so, as "-Xmx"; of several the last one, which counts for
 * HotSpot. NULL: none. */
const char *jvm_option_value(const struct strv *argv, const char *option);

/* The command as one would write it without moat: "java", "-jar", FILE and the program's arguments, for example.
 * Options of the virtual machine are left out. -ENOMEM. */
int jvm_command(struct arena *a, const struct strv *argv, struct strv *out);

#endif

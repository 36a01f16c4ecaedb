/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denials in words, as the broker says them: which failure of an operation is one, its sentence with what would allow
 * it, and that each is told once. Pure: the engine asks, writes, and locks where it has threads.
 */
#ifndef MOAT_ENGINE_DENIALS_H
#define MOAT_ENGINE_DENIALS_H

#include "engine/rules.h"

enum engine_tell {                   /* --deny-log: which denials become words on standard error */
                   ENGINE_TELL_SOME, /* what an error of the program comes of: opens, changes, connects and such */
                   ENGINE_TELL_ALL,  /* and what merely looks: stat(2) and its like */
                   ENGINE_TELL_NONE,
};

#define ENGINE_SENTENCE (3 * ENGINE_PATH) /* with its NUL */
#define ENGINE_LINE     (ENGINE_SENTENCE + 16)
#define ENGINE_TOLD     64 /* as many sentences are told; then one that no more are */

/* What the walls refuse, by the rules: the path has no rule, or one that denies it, or one that gives less. error: an
 * errno. */
bool engine_is_denied(const struct engine_rules *rules, const char *path, uint32_t access, int error);

/* "open for reading /etc/shadow: --ro /etc/shadow would allow it"; of an execution
 * "exec /usr/bin/id: --allow /usr/bin/id:rx would allow it" */
void engine_denial_sentence(const struct engine_rules *rules, const char *deed, const char *path, uint32_t access,
                            char out[ENGINE_SENTENCE]);

struct engine_told { /* zeroed at first */
    uint64_t hashes[ENGINE_TOLD + 1];
    size_t n;
};

/* What is to be said: the sentence, if it is new; once, that there are more; NULL: nothing. */
const char *engine_told_add(struct engine_told *told, const char *sentence);

/* "moat: denied: SENTENCE" and the line's end, without what a terminal obeys. Bytes; there is no NUL. */
size_t engine_denial_line(const char *sentence, char out[ENGINE_LINE]);

#endif

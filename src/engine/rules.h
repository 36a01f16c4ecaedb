/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy shows, as the engine of a boundary was told on its command line. For words and error numbers, never
 * for a decision: the walls around the process have decided before. The longest rule that is a prefix of a clean path
 * speaks alone, as behind the broker. Pure.
 */
#ifndef MOAT_ENGINE_RULES_H
#define MOAT_ENGINE_RULES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENGINE_PATH 4096 /* with its NUL; the kernel takes no longer one */

enum engine_access {
    ENGINE_STAT = 1,
    ENGINE_READ = 2,
    ENGINE_WRITE = 4,
    ENGINE_EXECUTE = 8,
    ENGINE_CREATE = 16,
};

struct engine_rule {
    const char *path; /* borrowed: absolute, clean */
    uint32_t access;  /* 0: denied */
    const char *host; /* borrowed: what it is on the host, where that has another name; NULL: the same name */
    bool fresh;       /* the sandbox's own: the host has nothing of it */
};

struct engine_rules {
    struct engine_rule *v;
    size_t n;
};

/* --rule, "LETTERS:PATH", letters of rwxcs, or "-" alone: one rule more, for which the array has room. Borrows the
 * text. -EINVAL says what is wrong. */
int engine_rule_add(struct engine_rules *rules, const char *text, struct err *err);

/* --from HOSTPATH, or --fresh (host NULL): it is said of the rule before. option: as it was written. -EINVAL: there is
 * none. */
int engine_rule_origin(struct engine_rules *rules, const char *option, const char *host, struct err *err);

/* NULL: none. `path` must be clean. */
const struct engine_rule *engine_rule_find(const struct engine_rules *rules, const char *path);

/* Whether the rule (NULL: none) gives all of it. Whoever may do anything may also see that it is there. */
bool engine_rule_gives(const struct engine_rule *rule, uint32_t access);

/* path_text_clean(), where what is relative starts at `directory` (absolute). Length, or -ENAMETOOLONG. */
int engine_path_clean(const char *raw, const char *directory, char out[ENGINE_PATH]);

/* Letters of an access, "rw" for example; "s" where there are none. */
void engine_access_letters(uint32_t access, char out[8]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy shows, as moat-jvm was told: for words and error numbers, never for a decision. The longest rule that
 * is a prefix of a clean path speaks alone, as behind the broker. Pure.
 */
#ifndef MOAT_JVM_RULES_H
#define MOAT_JVM_RULES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JVM_PATH_SIZE 4096 /* with its NUL; the kernel takes no longer one */

enum jvm_access {
    JVM_STAT = 1,
    JVM_READ = 2,
    JVM_WRITE = 4,
    JVM_EXECUTE = 8,
    JVM_CREATE = 16,
};

struct jvm_rule {
    const char *path; /* borrowed: absolute, clean */
    uint32_t access;  /* 0: denied */
    const char *host; /* borrowed: what it is on the host, where that has another name; NULL: the same name */
    bool fresh;       /* the sandbox's own: the host has nothing of it */
};

struct jvm_rules {
    struct jvm_rule *paths;
    size_t n_paths;
    const char **net; /* as --allow-net has them */
    size_t n_net;
};

/* "LETTERS:PATH", letters of rwxcs, or "-" alone. -EINVAL says what is wrong. */
int jvm_rule_read(struct jvm_rule *out, const char *text, struct err *err);

/* NULL: none. `path` must be clean. */
const struct jvm_rule *jvm_rules_find(const struct jvm_rules *rules, const char *path);

/* Whether the rule (NULL: none) gives all of it. Whoever may do anything may also see that it is there. */
bool jvm_rule_gives(const struct jvm_rule *rule, uint32_t access);

/* Whether a rule lies below the path: then directories on the way to it are there. */
bool jvm_rules_below(const struct jvm_rules *rules, const char *path);

/* path_text_clean(), where what is relative starts at `directory` (absolute). */
int jvm_path_clean(const char *raw, const char *directory, char out[JVM_PATH_SIZE]);

/* Letters of an access, "rw" for example; "s" where there are none. */
void jvm_access_letters(uint32_t access, char out[8]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy shows, as moat-wasm was told, and the sentences about what it does not show. For words alone, never
 * for a decision: the mounts around this process are the wall. The longest rule that is a prefix of a clean path speaks
 * alone, as behind the broker. Pure.
 */
#ifndef MOAT_WASMRUN_RULES_H
#define MOAT_WASMRUN_RULES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WASMRUN_PATH 4096 /* with its NUL; the kernel takes no longer one */
#define WASMRUN_LINE (3 * WASMRUN_PATH)

enum wasmrun_access {
    WASMRUN_STAT = 1,
    WASMRUN_READ = 2,
    WASMRUN_WRITE = 4,
    WASMRUN_EXECUTE = 8, /* means nothing here; a rule may have it */
    WASMRUN_CREATE = 16,
};

struct wasmrun_rule {
    const char *path; /* borrowed: absolute, clean */
    uint32_t access;  /* 0: denied */
    const char *host; /* borrowed: what it is on the host, where that has another name; NULL: the same name */
    bool fresh;       /* the sandbox's own: the host has nothing of it */
};

struct wasmrun_rules {
    struct wasmrun_rule *v;
    size_t n;
};

/* "LETTERS:PATH", letters of rwxcs, or "-" alone. -EINVAL says what is wrong. */
int wasmrun_rule_read(struct wasmrun_rule *out, const char *text, struct err *err);

/* NULL: none. `path` must be clean. */
const struct wasmrun_rule *wasmrun_rule_find(const struct wasmrun_rules *rules, const char *path);

/* What the walls refuse, by the rules: the path has no rule, or one that denies it, or one that gives less. */
bool wasmrun_is_denied(const struct wasmrun_rules *rules, const char *path, uint32_t access, int error);

/* "open for reading /etc/shadow: --ro /etc/shadow would allow it" */
void wasmrun_sentence(const struct wasmrun_rules *rules, const char *deed, const char *path, uint32_t access,
                      char out[WASMRUN_LINE]);

#endif

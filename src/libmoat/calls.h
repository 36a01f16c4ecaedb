/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of a target: a table with a reason per row. All else kills it. */
#ifndef MOAT_LIBMOAT_CALLS_H
#define MOAT_LIBMOAT_CALLS_H

#include "base/err.h"
#include "base/mem.h"
#include "policy/policy.h"

struct calls_wish {
    const char *extra; /* names with their NULs, one after the other, that the host's options add */
    size_t extra_size;
    bool zygote;   /* also what makes a fork of a zygote, and nothing else that makes a process */
    bool rooted;   /* the root directory is empty: looking at names shows nothing */
    bool filtered; /* it gives its forks a filter more: see zygote.c */
};

/* In the arena. -ENOMEM. */
int calls_rules(struct arena *a, const struct calls_wish *wish, struct seccomp_rule **rules, uint32_t *n,
                struct err *err);
/* -EINVAL for a name that this architecture does not have. */
int calls_check(const char *name, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's rules. Life: rules_read() checks a record (record.h) whole and fills struct rules, which borrows its
 * strings; from then on read-only. The longest rule that is a prefix of a clean guest path decides alone. Pure.
 */
#ifndef MOAT_BROKER_RULES_H
#define MOAT_BROKER_RULES_H

#include "base/err.h"
#include "broker/record.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>

struct rule {
    const char *guest, *host;
    uint32_t length; /* of guest; of "/" 0: so many bytes of a path below are the rule's */
    uint32_t access;
    enum path_verdict verdict;
    int32_t tree;   /* PATH_BROKER: its tree */
    int32_t within; /* the tree whose files lie under this name: its own, or of a brokered rule above; -1: none */
    bool is_file;   /* the tree is the directory that holds it */
    bool below;     /* other rules lie below it */
};

struct rules {
    uint32_t flags, uid, gid, n_trees;
    const char *sandbox;
    uint32_t n;
    struct rule v[BROKER_PATHS_MAX];
    uint32_t n_net;
    struct net_rule net[BROKER_NET_MAX];
    uint32_t n_resolvers;
    const char *resolvers[8];
};

/* record.c. `record` must be 8-byte aligned and outlive *out. -EINVAL says what is wrong with it. */
int rules_read(struct rules *out, const void *record, size_t size, struct err *err);

/* The rule that decides about a clean guest path, of which the first `length` bytes are looked at; NULL: none. */
const struct rule *rules_find(const struct rules *rules, const char *guest, size_t length);

/* The longest rule whose name begins `raw` letter by letter, up to a slash or the end: what stands before that point is
 * clean because rules are. NULL: none. */
const struct rule *rules_find_literal(const struct rules *rules, const char *raw);

/* The brokered rule that a tree belongs to; NULL: none. */
const struct rule *rules_of_tree(const struct rules *rules, int32_t tree);

/* Whether a rule lies strictly below a clean guest path. */
bool rules_below(const struct rules *rules, const char *guest);

/* Whether the rule (NULL: none) gives all of it. Whoever may do anything may also see that it is there. */
bool rule_gives(const struct rule *rule, uint32_t access);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --filter KEY=VALUE of ps, prune and events: one key given twice is "or", two keys are "and", labels are "and". A
 * command names the keys it knows; another is refused with that list.
 */
#ifndef MOAT_CLI_FILTER_H
#define MOAT_CLI_FILTER_H

#include "sandbox/sandbox.h"

#define FILTERS_MAX 64

struct filters {
    const char *const *keys; /* of the command; ends with NULL */
    struct {
        const char *key; /* one of keys */
        const char *value;
    } v[FILTERS_MAX];
    unsigned n;
};

int filter_add(struct filters *f, const char *text, struct err *err);
bool filter_given(const struct filters *f, const char *key);
/* Whether there is no filter of this key, or match() is true for one of its values. */
bool filter_any(const struct filters *f, const char *key, bool (*match)(const void *ctx, const char *value),
                const void *ctx);
/* Whether a sandbox has all labels of the "label" filters: "key" or "key=value". */
bool filter_labels(const struct filters *f, const struct policy *p);

#endif

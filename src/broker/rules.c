/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. Rules are sorted by name, so each look-up is a search per component of the path. */
#include "broker/rules.h"

#include "broker/path.h"

#include <string.h>

/* Order of strcmp() between a rule's name and the first n bytes of a path. */
static int compare(const char *guest, const char *path, size_t n)
{
    int d = strncmp(guest, path, n);

    return d ? d : guest[n] != 0;
}

/* The first rule that is not before the name. */
static uint32_t lower_bound(const struct rules *rules, const char *path, size_t n)
{
    uint32_t low = 0, high = rules->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(rules->v[middle].guest, path, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct rule *exactly(const struct rules *rules, const char *path, size_t n)
{
    uint32_t i = lower_bound(rules, path, n);

    return i < rules->n && compare(rules->v[i].guest, path, n) == 0 ? &rules->v[i] : NULL;
}

const struct rule *rules_find(const struct rules *rules, const char *guest, size_t length)
{
    if (!rules->n)
        return NULL;
    for (size_t n = length; n > 1; n--) {
        if (n < length && guest[n] != '/')
            continue;
        const struct rule *rule = exactly(rules, guest, n);
        if (rule)
            return rule;
    }
    return exactly(rules, "/", 1);
}

const struct rule *rules_find_literal(const struct rules *rules, const char *raw)
{
    return rules_find(rules, raw, strlen(raw));
}

const struct rule *rules_of_tree(const struct rules *rules, int32_t tree)
{
    for (uint32_t i = 0; i < rules->n; i++) {
        if (rules->v[i].tree == tree)
            return &rules->v[i];
    }
    return NULL;
}

static uint32_t first_below(const struct rules *rules, const char *guest, size_t *n)
{
    char dir[PATH_SIZE + 1];

    *n = strlen(guest);
    if (*n >= PATH_SIZE)
        return rules->n;
    memcpy(dir, guest, *n);
    if (*n != 1)
        dir[(*n)++] = '/';
    dir[*n] = 0;
    uint32_t i = lower_bound(rules, dir, *n);
    return i < rules->n && !strcmp(rules->v[i].guest, guest) ? i + 1 : i; /* "/" begins with itself */
}

bool rules_below(const struct rules *rules, const char *guest)
{
    size_t n;
    uint32_t i = first_below(rules, guest, &n);

    return i < rules->n && (!strncmp(rules->v[i].guest, guest, n - 1) && rules->v[i].guest[n - 1] == '/');
}

bool rule_gives(const struct rule *rule, uint32_t access)
{
    if (!rule || rule->verdict == PATH_DENY)
        return false;
    return !(access & ~PATH_STAT & ~rule->access) && rule->access;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's record, and the paths that are judged by it. The first bytes make the record's head, the rest its tail;
 * the strings of the tail are then looked up as paths of a target. What was taken must keep its promises: strings
 * inside the record, names clean and in order, one tree for one rule, and a verdict that the plain search gives too.
 */
#include "broker/path.h"
#include "broker/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rules rules;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_inside(const char *s, const char *record, size_t size)
{
    check(s >= record && s < record + size && memchr(s, 0, (size_t)(record + size - s)));
}

/* The longest rule, looked for as nobody would for speed. */
static const struct rule *plainly(const char *path)
{
    const struct rule *best = NULL;

    for (uint32_t i = 0; i < rules.n; i++) {
        if (path_lies_in(path, rules.v[i].guest) && (!best || strlen(rules.v[i].guest) > strlen(best->guest)))
            best = &rules.v[i];
    }
    return best;
}

static void judge(const char *text)
{
    char clean[PATH_SIZE], joined[PATH_SIZE];
    size_t dir, length;
    const char *name;
    bool slash;

    path_split(text, &dir, &name, &length, &slash);
    check(dir + length <= strlen(text) && !memchr(name, '/', length));
    path_climbs(text);
    path_is_kernels(text);
    int n = path_clean(text, clean);
    if (n < 0)
        return;
    check(n > 0 && n < PATH_SIZE && (size_t)n == strlen(clean) && path_is_clean(clean));
    const struct rule *rule = rules_find(&rules, clean, (size_t)n);
    check(rule == plainly(clean));
    check(!rule_gives(rule, PATH_STAT) || (rule->verdict != PATH_DENY && rule->access));
    bool below = false;
    for (uint32_t i = 0; i < rules.n; i++)
        below |= strcmp(rules.v[i].guest, clean) != 0 && path_lies_in(rules.v[i].guest, clean);
    check(rules_below(&rules, clean) == below);
    const struct rule *literal = strlen(text) < PATH_SIZE && text[0] == '/' ? rules_find_literal(&rules, text) : NULL;
    if (literal)
        check(path_lies_in(text, literal->guest));
    if (path_join(joined, clean, "name") > 0)
        check(path_is_clean(joined) && path_lies_in(joined, clean));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};

    if (size < sizeof(struct broker_record) || size > 1u << 16)
        return 0;
    char *record = malloc(size);
    check(record);
    memcpy(record, data, size);
    struct broker_record *rec = (struct broker_record *)record;
    rec->magic = BROKER_MAGIC;
    rec->version = BROKER_VERSION;
    rec->size = (uint32_t)size;
    if (rules_read(&rules, record, size, &err) < 0) {
        check(err.text[0] && !strchr(err.text, '\n'));
    } else {
        for (uint32_t i = 0; i < rules.n; i++) {
            const struct rule *r = &rules.v[i];
            check_inside(r->guest, record, size);
            check_inside(r->host, record, size);
            check(path_is_clean(r->guest) && (!i || strcmp(rules.v[i - 1].guest, r->guest) < 0));
            check((r->verdict == PATH_BROKER) == (r->tree >= 0) && r->tree < (int32_t)rules.n_trees);
            check(r->tree < 0 || rules_of_tree(&rules, r->tree) == r);
            check(r->verdict != PATH_DENY || !r->access);
        }
        for (uint32_t i = 0; i < rules.n_net; i++)
            check_inside(rules.net[i].host, record, size);
        for (uint32_t i = 0; i < rules.n_resolvers; i++)
            check_inside(rules.resolvers[i], record, size);
        record[size - 1] = 0;
        for (size_t at = sizeof *rec, k = 0; at < size && k < 32; at += strlen(record + at) + 1, k++)
            judge(record + at);
    }
    free(record);
    return 0;
}

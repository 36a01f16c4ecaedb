/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the launcher's record (record.h): everything is checked before anything is used, and nothing outside of it is
 * touched. The launcher is trusted; the check is here so that a mistake of it ends a start instead of opening a path.
 */
#include "base/mem.h"
#include "broker/path.h"
#include "broker/rules.h"

#include <errno.h>
#include <string.h>

struct reader {
    const char *base;
    size_t size;
    struct err *err;
};

static int wrong(const struct reader *r, const char *what)
{
    return err_set(r->err, -EINVAL, "the broker's record is wrong (%s): moat and moat-broker are of different builds",
                   what);
}

/* n items of `size` bytes at `offset`, aligned to 4. NULL: not inside the record. */
static const void *items(const struct reader *r, uint32_t offset, uint32_t n, size_t size)
{
    if (offset % 4 || offset > r->size || n > (r->size - offset) / size)
        return NULL;
    return r->base + offset;
}

static const char *string(const struct reader *r, uint32_t offset)
{
    if (!offset || offset >= r->size || !memchr(r->base + offset, 0, r->size - offset))
        return NULL;
    return r->base + offset;
}

/* The nearest rule above, by the names: rules are sorted, so it stands before. */
static const struct rule *above(const struct rules *rules, const struct rule *rule)
{
    size_t n = (size_t)(strrchr(rule->guest, '/') - rule->guest);

    return rule->guest[1] ? rules_find(rules, rule->guest, n ? n : 1) : NULL;
}

static int read_rule(const struct reader *r, struct rules *out, const struct broker_path *p)
{
    struct rule *rule = &out->v[out->n];

    *rule = (struct rule){.guest = string(r, p->guest),
                          .host = string(r, p->host),
                          .access = p->access,
                          .verdict = (enum path_verdict)p->verdict,
                          .tree = -1,
                          .within = -1,
                          .is_file = p->is_file};
    if (!rule->guest || !rule->host || strlen(rule->guest) >= PATH_SIZE || !path_is_clean(rule->guest) ||
        rule->host[0] != '/')
        return wrong(r, "the path of a rule");
    rule->length = rule->guest[1] ? (uint32_t)strlen(rule->guest) : 0;
    if (p->verdict > PATH_BROKER || p->access & ~(uint32_t)PATH_ALL || p->is_file > 1 ||
        (p->verdict == PATH_DENY && p->access))
        return wrong(r, "the access of a rule");
    if (p->verdict == PATH_BROKER) {
        if (p->tree < 0 || (uint32_t)p->tree >= out->n_trees)
            return wrong(r, "the directory of a rule");
        for (uint32_t i = 0; i < out->n; i++) {
            if (out->v[i].tree == p->tree)
                return wrong(r, "one directory for two rules");
        }
        rule->tree = p->tree;
    } else if (p->tree != -1 || p->is_file) {
        return wrong(r, "the directory of a rule");
    }
    if (out->n && strcmp(out->v[out->n - 1].guest, rule->guest) >= 0)
        return wrong(r, "the order of the rules");
    out->n++;
    return 0;
}

static int read_rules(const struct reader *r, struct rules *out, const struct broker_record *rec)
{
    const struct broker_path *paths = items(r, rec->paths, rec->n_paths, sizeof *paths);

    if (rec->n_paths > BROKER_PATHS_MAX || (rec->n_paths && !paths))
        return wrong(r, "its rules");
    for (uint32_t i = 0; i < rec->n_paths; i++) {
        int k = read_rule(r, out, &paths[i]);
        if (k < 0)
            return k;
    }
    for (uint32_t i = 0; i < out->n; i++) {
        struct rule *rule = &out->v[i];
        const struct rule *outer = above(out, rule);
        rule->below = rules_below(out, rule->guest);
        if (rule->verdict == PATH_BROKER)
            rule->within = rule->tree;
        else if (rule->verdict == PATH_DENY && outer)
            rule->within = outer->within; /* sorted: it was set before */
        if (rule->is_file && rule->below)
            return wrong(r, "a rule below that of a file");
    }
    return 0;
}

static int read_net(const struct reader *r, struct rules *out, const struct broker_record *rec)
{
    const struct broker_net *net = items(r, rec->net, rec->n_net, sizeof *net);
    const uint32_t *resolvers = items(r, rec->resolvers, rec->n_resolvers, sizeof *resolvers);

    if (rec->n_net > BROKER_NET_MAX || (rec->n_net && !net))
        return wrong(r, "its network rules");
    for (uint32_t i = 0; i < rec->n_net; i++) {
        const char *host = string(r, net[i].host);
        if (!host || net[i].first > net[i].last || !net[i].protocols || net[i].protocols > (NET_TCP | NET_UDP) ||
            net[i].listen > 1)
            return wrong(r, "a network rule");
        out->net[out->n_net++] = (struct net_rule){.host = host,
                                                   .first = net[i].first,
                                                   .last = net[i].last,
                                                   .protocols = (uint8_t)net[i].protocols,
                                                   .listen = net[i].listen};
    }
    if (rec->n_resolvers > ARRAY_LEN(out->resolvers) || (rec->n_resolvers && !resolvers))
        return wrong(r, "its name servers");
    for (uint32_t i = 0; i < rec->n_resolvers; i++) {
        out->resolvers[i] = string(r, resolvers[i]);
        if (!out->resolvers[i])
            return wrong(r, "a name server");
    }
    out->n_resolvers = rec->n_resolvers;
    return 0;
}

int rules_read(struct rules *out, const void *record, size_t size, struct err *err)
{
    struct reader r = {record, size, err};
    const struct broker_record *rec = record;
    int k;

    out->n = out->n_net = out->n_resolvers = 0;
    if (size < sizeof *rec || size > BROKER_RECORD_MAX || rec->size != size)
        return wrong(&r, "its size");
    if (rec->magic != BROKER_MAGIC || rec->version != BROKER_VERSION)
        return wrong(&r, "its version");
    if (rec->flags & ~(uint32_t)(BROKER_DENY_LOG | BROKER_TERMINAL | BROKER_LEARN))
        return wrong(&r, "its flags");
    if (rec->n_trees > BROKER_TREES_MAX)
        return wrong(&r, "the number of its directories");
    out->flags = rec->flags;
    out->uid = rec->uid;
    out->gid = rec->gid;
    out->n_trees = rec->n_trees;
    out->sandbox = rec->sandbox ? string(&r, rec->sandbox) : "";
    if (!out->sandbox)
        return wrong(&r, "the sandbox's name");
    k = read_rules(&r, out, rec);
    return k < 0 ? k : read_net(&r, out, rec);
}

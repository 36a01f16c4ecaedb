/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules, the guarded ranges, and the addresses of names. Touches nothing but the struct. Targets choose what is
 * looked up; the cost of a look-up is bounded by the sizes of the two tables.
 */
#include "net/gate.h"
#include "net/dns.h"

#include <errno.h>
#include <string.h>

/* ---- guarded ranges ------------------------------------------------------------------------------------------ */

struct guard {
    uint8_t bits, prefix;
    bool by_name; /* private networks: an exact name may mean an address there */
    uint8_t bytes[16];
};

static const struct guard guards[] = {
    {32, 8, false, {0}},                   /* this host: 0.0.0.0 connects to loopback */
    {32, 8, true, {10}},                   /* private, RFC 1918 */
    {32, 10, true, {100, 64}},             /* private, behind a carrier's NAT: RFC 6598 */
    {32, 32, false, {100, 100, 100, 200}}, /* metadata: Alibaba Cloud */
    {32, 8, false, {127}},                 /* loopback */
    {32, 32, false, {168, 63, 129, 16}},   /* metadata: Azure's host */
    {32, 16, false, {169, 254}},           /* link-local */
    {32, 32, false, {169, 254, 169, 254}}, /* metadata: most clouds */
    {32, 32, false, {169, 254, 170, 2}},   /* credentials of AWS containers */
    {32, 32, false, {169, 254, 170, 23}},  /* credentials of AWS pods */
    {32, 12, true, {172, 16}},             /* private, RFC 1918 */
    {32, 32, false, {192, 0, 0, 192}},     /* metadata: Oracle Cloud */
    {32, 16, true, {192, 168}},            /* private, RFC 1918 */
    {32, 4, false, {224}},                 /* multicast */
    {32, 32, false, {255, 255, 255, 255}}, /* broadcast */
    {128, 128, false, {0}},                /* ::, connects to loopback */
    {128, 128, false, {[15] = 1}},         /* ::1, loopback */
    /* Forms that carry an IPv4 address, which some gateway unpacks; ::ffff:0:0/96 is IPv4 here (net_address_v6()). */
    {128, 96, false, {0}},                                    /* IPv4-compatible, RFC 4291 2.5.5.1 */
    {128, 96, false, {[8] = 0xff, 0xff}},                     /* IPv4-translated, RFC 2765 */
    {128, 48, false, {0, 0x64, 0xff, 0x9b, 0, 1}},            /* NAT64 of this network, RFC 8215 */
    {128, 32, false, {0x20, 0x01}},                           /* Teredo, RFC 4380 */
    {128, 16, false, {0x20, 0x02}},                           /* 6to4, RFC 3056 */
    {128, 7, true, {0xfc}},                                   /* private, RFC 4193 */
    {128, 128, false, {0xfd, 0, 0x0e, 0xc2, [14] = 2, 0x54}}, /* metadata: AWS, fd00:ec2::254 */
    {128, 128, false, {0xfd, 0x20, 0, 0xce, [14] = 2, 0x54}}, /* metadata: Google Cloud, fd20:ce::254 */
    {128, 10, false, {0xfe, 0x80}},                           /* link-local */
    {128, 10, false, {0xfe, 0xc0}},                           /* site-local, RFC 3879 */
    {128, 8, false, {0xff}},                                  /* multicast */
};

/* 64:ff9b::/96 with a guarded IPv4 address in it. */
static const struct guard alone = {128, 128, false, {0}};

/* The smallest guarded range around an address, or NULL. */
static const struct guard *guard_of(const struct net_address *address)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}; /* RFC 6052 2.1: where IPv4 is reached without IPv4 */
    const struct guard *found = NULL;

    if (address->bits == 128 && !memcmp(address->bytes, nat64, sizeof nat64)) {
        struct net_address inner = net_address_v4(address->bytes + sizeof nat64);
        return guard_of(&inner) ? &alone : NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
        struct net_host range = {NET_HOST_ADDRESS, {.bits = guards[i].bits}, guards[i].prefix, NULL};
        memcpy(range.address.bytes, guards[i].bytes, sizeof range.address.bytes);
        if (net_host_matches_address(&range, address) && (!found || guards[i].prefix > found->prefix))
            found = &guards[i];
    }
    return found;
}

/* For a host that matches the address already: both contain it, so the longer prefix lies inside the other. */
static bool opens(const struct net_host *host, const struct guard *guard)
{
    if (!guard)
        return true;
    if (host->kind == NET_HOST_ADDRESS)
        return host->prefix >= guard->prefix;
    return host->kind == NET_HOST_NAME && guard->by_name;
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

void gate_init(struct gate *g)
{
    g->learn = false;
    g->n_rules = g->n_known = 0;
}

int gate_add_rule(struct gate *g, const struct net_rule *rule, struct err *err)
{
    int bad = net_rule_check(rule, err);

    if (bad < 0)
        return bad;
    if (g->n_rules == GATE_RULES_MAX)
        return err_set(err, -ENOSPC, "network rule for %s: more than %d rules: prefixes and *.NAME say more in one",
                       rule->host, GATE_RULES_MAX);
    struct gate_rule *r = &g->rules[g->n_rules];
    if (net_host_read(rule->host, &r->host))
        return err_set(err, -EINVAL, "network rule for %s: not a host", rule->host);
    r->rule = *rule;
    g->n_rules++;
    return 0;
}

/* Without a name the address rules are looked at, with one that the address is known by the name rules. */
static const struct net_rule *find_rule(const struct gate *g, const struct gate_decision *d, const char *name,
                                        const struct guard *guard, bool *guarded)
{
    for (uint32_t i = 0; i < g->n_rules; i++) {
        const struct gate_rule *r = &g->rules[i];
        if (r->rule.listen != d->listen || !(r->rule.protocols & d->protocol) || d->port < r->rule.first ||
            d->port > r->rule.last)
            continue;
        if (name ? !net_host_matches_name(&r->host, name) : !net_host_matches_address(&r->host, &d->address))
            continue;
        if (opens(&r->host, guard))
            return &r->rule;
        *guarded = true;
    }
    return NULL;
}

/* ---- addresses of names -------------------------------------------------------------------------------------- */

static const struct gate_known *next_known(const struct gate *g, uint32_t *at, const struct net_address *address,
                                           int64_t now)
{
    while (*at < g->n_known) {
        const struct gate_known *k = &g->known[(*at)++];
        if (k->until > now && net_address_equal(&k->address, address))
            return k;
    }
    return NULL;
}

static int64_t later(int64_t now, int64_t ms)
{
    int64_t t;

    return __builtin_add_overflow(now, ms, &t) ? INT64_MAX : t;
}

/* Its own place again, a place whose time is over, a new one, or the oldest. */
static struct gate_known *place_known(struct gate *g, const struct net_address *address, const char *name, int64_t now)
{
    struct gate_known *over = NULL, *oldest = &g->known[0];

    for (uint32_t i = 0; i < g->n_known; i++) {
        struct gate_known *k = &g->known[i];
        if (net_address_equal(&k->address, address) && !strcmp(k->name, name))
            return k;
        if (k->until <= now && !over)
            over = k;
        if (k->since < oldest->since)
            oldest = k;
    }
    if (over)
        oldest = over;
    else if (g->n_known < GATE_KNOWN_MAX)
        oldest = &g->known[g->n_known++];
    oldest->address = *address;
    memcpy(oldest->name, name, strlen(name) + 1);
    oldest->until = now;
    return oldest;
}

/* The caller has cut the TTL down to GATE_LIFE_MAX. */
static void remember(struct gate *g, const struct net_address *address, const char *name, uint32_t ttl, int64_t now)
{
    struct gate_known *k = place_known(g, address, name, now);
    int64_t life = (int64_t)ttl * 1000;

    if (life < GATE_LIFE_MIN)
        life = GATE_LIFE_MIN;
    k->since = now;
    if (k->until < later(now, life)) /* a shorter answer does not take away what an earlier one gave */
        k->until = later(now, life);
}

/* ---- connect, bind ------------------------------------------------------------------------------------------- */

static bool refuse(struct gate_decision *d, enum gate_reason reason, int errno_value)
{
    d->allow = false;
    d->reason = reason;
    d->errno_value = errno_value;
    return false;
}

static void read_v4(const void *copied, struct gate_decision *d)
{
    struct sockaddr_in in;

    memcpy(&in, copied, sizeof in);
    d->to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = in.sin_port, .sin_addr = in.sin_addr};
    d->to_length = sizeof in;
    d->address = net_address_v4((const uint8_t *)&in.sin_addr);
    d->port = ntohs(in.sin_port);
}

static uint32_t read_v6(const void *copied, struct gate_decision *d)
{
    struct sockaddr_in6 in;

    memcpy(&in, copied, sizeof in);
    d->to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = in.sin6_port, .sin6_addr = in.sin6_addr};
    d->to_length = sizeof in;
    d->address = net_address_v6(in.sin6_addr.s6_addr);
    d->port = ntohs(in.sin6_port);
    return in.sin6_scope_id;
}

/* False: refused already. */
static bool read_address(const void *copied, size_t length, struct gate_decision *d)
{
    sa_family_t family;
    uint32_t scope = 0;

    if (length < sizeof family || length > sizeof(struct sockaddr_storage))
        return refuse(d, GATE_ADDRESS, EINVAL);
    memcpy(&family, copied, sizeof family);
    /* AF_UNSPEC is no family here: the kernel takes it for IPv4 in some calls. */
    if (family != AF_INET && family != AF_INET6)
        return refuse(d, GATE_ADDRESS, EAFNOSUPPORT);
    if (length < (family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
        return refuse(d, GATE_ADDRESS, EINVAL);
    if (family == AF_INET)
        read_v4(copied, d);
    else
        scope = read_v6(copied, d);
    return scope ? refuse(d, GATE_SCOPE, EACCES) : true;
}

static bool judge(const struct gate *g, const void *copied, size_t length, int64_t now, struct gate_decision *d)
{
    bool guarded = false;
    uint32_t at = 0;

    if (d->protocol != NET_TCP && d->protocol != NET_UDP)
        return refuse(d, GATE_PROTOCOL, EACCES);
    if (!read_address(copied, length, d))
        return false;
    const struct guard *guard = guard_of(&d->address);
    const struct gate_known *known = d->listen ? NULL : next_known(g, &at, &d->address, now);
    const char *name = known ? known->name : "";
    d->rule = find_rule(g, d, NULL, guard, &guarded);
    for (; known && !d->rule; known = next_known(g, &at, &d->address, now)) {
        d->rule = find_rule(g, d, known->name, guard, &guarded);
        if (d->rule)
            name = known->name;
    }
    memcpy(d->name, name, strlen(name) + 1);
    if (!d->rule)
        return refuse(d, guarded ? GATE_GUARDED : GATE_NO_RULE, EACCES);
    d->reason = GATE_BY_RULE;
    return d->allow = true;
}

bool gate_verdict_connect(const struct gate *g, const void *copied, size_t length, enum net_protocol protocol,
                          int64_t now_ms, struct gate_decision *out)
{
    memset(out, 0, sizeof *out);
    out->protocol = protocol;
    return judge(g, copied, length, now_ms, out);
}

bool gate_verdict_bind(const struct gate *g, const void *copied, size_t length, enum net_protocol protocol,
                       struct gate_decision *out)
{
    memset(out, 0, sizeof *out);
    out->protocol = protocol;
    out->listen = true;
    return judge(g, copied, length, 0, out);
}

/* A text that cannot be read back is of something that no rule can name. */
static void rule_text(struct net_rule *rule, const struct net_host *host, char out[NET_RULE_TEXT_MAX])
{
    char text[NET_HOST_TEXT_MAX];

    net_host_text(host, text);
    rule->host = text;
    net_rule_text(rule, out);
}

void gate_would_allow(const struct gate_decision *d, char out[NET_RULE_TEXT_MAX])
{
    const struct guard *guard = d->to_length ? guard_of(&d->address) : NULL;
    struct net_host host = {.kind = NET_HOST_NAME, .name = d->name};
    struct net_rule rule = {
        .first = d->port, .last = d->port ? d->port : UINT16_MAX, .protocols = d->protocol, .listen = d->listen};

    out[0] = '\0';
    if (!d->to_length || d->reason == GATE_SCOPE || d->reason == GATE_PROTOCOL)
        return;
    if (!d->name[0] || !opens(&host, guard))
        host = (struct net_host){.kind = NET_HOST_ADDRESS, .address = d->address, .prefix = d->address.bits};
    rule_text(&rule, &host, out);
}

const char *gate_reason_text(enum gate_reason reason)
{
    static const char *const texts[] = {
        [GATE_BY_RULE] = "a rule allows it",
        [GATE_NO_RULE] = "no rule allows it",
        [GATE_GUARDED] = "a rule reaches it, but such an address must be named itself",
        [GATE_ADDRESS] = "it is not an IPv4 or IPv6 address",
        [GATE_SCOPE] = "it names an interface",
        [GATE_PROTOCOL] = "it is neither TCP nor UDP",
    };

    return (size_t)reason < ARRAY_LEN(texts) ? texts[reason] : texts[GATE_NO_RULE];
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static bool name_in_rules(const struct gate *g, const char *name)
{
    for (uint32_t i = 0; i < g->n_rules; i++)
        if (net_host_matches_name(&g->rules[i].host, name)) /* which no rule to listen has */
            return true;
    return false;
}

enum gate_dns_act gate_dns_query(const struct gate *g, const uint8_t *query, size_t n, uint16_t fresh_id,
                                 struct gate_question *q, struct gate_message *out)
{
    int code = dns_query_read(query, n, q);

    out->n = 0;
    if (code == DNS_DROP)
        return GATE_DNS_DROP;
    q->upstream_id = fresh_id;
    if (code != DNS_NOERROR) {
        dns_reply_write(q, (enum dns_code)code, NULL, false, out);
        return GATE_DNS_REPLY;
    }
    q->denied = !q->name[0] || !name_in_rules(g, q->name);
    if (!q->name[0] || (q->denied && !g->learn)) {
        dns_reply_write(q, DNS_NXDOMAIN, NULL, true, out);
        return GATE_DNS_REPLY;
    }
    if (q->type != DNS_A && q->type != DNS_AAAA) {
        dns_reply_write(q, DNS_NOERROR, NULL, false, out);
        return GATE_DNS_REPLY;
    }
    dns_query_write(q, out);
    return GATE_DNS_FORWARD;
}

/* Whether any rule, on whatever port, lets an address of that name be connected to. */
static bool reachable(const struct gate *g, const struct net_address *address, const char *name)
{
    const struct guard *guard = guard_of(address);

    for (uint32_t i = 0; i < g->n_rules; i++) {
        const struct gate_rule *r = &g->rules[i];
        if (!r->rule.listen && (net_host_matches_name(&r->host, name) || net_host_matches_address(&r->host, address)) &&
            opens(&r->host, guard))
            return true;
    }
    return false;
}

enum gate_dns_act gate_dns_answer(struct gate *g, const struct gate_question *q, const uint8_t *answer, size_t n,
                                  int64_t now_ms, struct gate_message *out, struct gate_heard *heard)
{
    struct dns_addresses found, given = {0};
    struct gate_heard h = {0};
    int code = dns_answer_read(q, answer, n, &found);

    out->n = 0;
    if (heard)
        *heard = h;
    if (code == DNS_DROP)
        return GATE_DNS_DROP;
    given.ttl = found.ttl < GATE_LIFE_MAX / 1000 ? found.ttl : GATE_LIFE_MAX / 1000;
    for (uint32_t i = 0; code == DNS_NOERROR && i < found.n; i++) {
        if (!g->learn && !reachable(g, &found.v[i], q->name)) {
            h.example = h.n_kept_back++ ? h.example : found.v[i];
            continue;
        }
        given.v[given.n++] = found.v[i];
        remember(g, &found.v[i], q->name, given.ttl, now_ms);
    }
    h.n_given = given.n;
    if (heard)
        *heard = h;
    dns_reply_write(q, (enum dns_code)code, &given, h.n_kept_back && !given.n, out);
    return GATE_DNS_REPLY;
}

void gate_dns_failed(const struct gate_question *q, struct gate_message *out)
{
    dns_reply_write(q, DNS_SERVFAIL, NULL, false, out);
}

void gate_dns_would_allow(const struct gate_question *q, char out[NET_RULE_TEXT_MAX])
{
    struct net_host host = {.kind = NET_HOST_NAME, .name = q->name};
    struct net_rule rule = {.first = 0, .last = UINT16_MAX, .protocols = NET_TCP};

    out[0] = '\0';
    if (q->name[0])
        rule_text(&rule, &host, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Network rules as text. Pure; the text is the user's or of a document, and not trusted. */
#include "policy/net_rule.h"
#include "policy/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORM "write HOST:PORT[-PORT][/tcp|udp], or HOST:* for any port"

static const struct {
    const char *text;
    uint8_t protocols;
} protocols[] = {{"tcp", NET_TCP}, {"udp", NET_UDP}, {"tcp+udp", NET_TCP | NET_UDP}};

/* 1 to 65535 without a sign or leading zeros; returns behind it, or NULL. */
static const char *read_port(const char *s, uint16_t *out)
{
    unsigned v = 0;
    const char *c = s;

    if (*c == '0')
        return NULL;
    for (; *c >= '0' && *c <= '9'; c++) {
        v = v * 10 + (unsigned)(*c - '0');
        if (v > UINT16_MAX)
            return NULL;
    }
    *out = (uint16_t)v;
    return c == s ? NULL : c;
}

/* "443", "8000-8100", "*", each with "/PROTOCOL" behind it or not. */
static int read_service(const char *s, struct net_rule *rule, struct err *err)
{
    const char *c = s;

    if (*c == '*') {
        rule->first = 0;
        rule->last = UINT16_MAX;
        c++;
    } else {
        c = read_port(c, &rule->first);
        rule->last = rule->first;
        if (c && *c == '-')
            c = read_port(c + 1, &rule->last);
    }
    if (!c || (*c && *c != '/'))
        return err_set(err, -EINVAL, "'%.*s' is no port from 1 to 65535: " FORM, (int)strcspn(s, "/"), s);
    if (rule->first > rule->last)
        return err_set(err, -EINVAL, "the ports run backwards: " FORM);
    if (!*c) {
        rule->protocols = NET_TCP;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (!strcmp(c + 1, protocols[i].text)) {
            rule->protocols = protocols[i].protocols;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "'%.40s' is none of tcp, udp and tcp+udp: " FORM, c + 1);
}

/* Where the host ends; *start moves into the brackets of IPv6. */
static int split_host(const char **start, size_t *n, const char **service, struct err *err)
{
    const char *text = *start, *end;

    if (*text == '[') {
        if (!(end = strchr(text, ']')) || !memchr(text, ':', (size_t)(end - text)))
            return err_set(err, -EINVAL, "the brackets hold no IPv6 address: as in [2001:db8::1]:443");
        *start = text + 1;
        *n = (size_t)(end - text) - 1;
        *service = end + 1;
    } else {
        *n = strcspn(text, ":");
        *service = text + *n;
        if (**service && strchr(*service + 1, ':'))
            return err_set(err, -EINVAL, "an IPv6 address stands in brackets: as in [2001:db8::1]:443");
    }
    if (**service != ':')
        return err_set(err, -EINVAL, "the port is missing: " FORM);
    ++*service;
    return 0;
}

static int no_host(struct err *err, const char *wrong)
{
    return err_set(err, -EINVAL, "%s: the host is a name, *.NAME, *, an address or ADDRESS/LENGTH", wrong);
}

int net_rule_parse(struct arena *a, const char *text, struct net_rule *out, struct err *err)
{
    struct net_rule rule = {0};
    char given[NET_HOST_TEXT_MAX + 1], spelled[NET_HOST_TEXT_MAX];
    struct net_host host;
    const char *service = NULL, *wrong;
    size_t n = 0;
    int r;

    if ((r = split_host(&text, &n, &service, err)) < 0)
        return r;
    if (n >= sizeof given)
        return no_host(err, "the host is too long");
    for (size_t i = 0; i < n; i++)
        given[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    given[n] = '\0';
    if ((wrong = net_host_read(given, &host)))
        return no_host(err, wrong);
    if ((r = read_service(service, &rule, err)) < 0)
        return r;
    net_host_text(&host, spelled);
    if (!(rule.host = arena_strdup(a, spelled)))
        return policy_no_memory(err);
    *out = rule;
    return 0;
}

int net_rule_check(const struct net_rule *rule, struct err *err)
{
    struct net_host host;
    const char *wrong = net_host_read(rule->host, &host);

    if (wrong)
        return err_set(err, -EINVAL, "network rule for '%.*s': %s", NET_HOST_TEXT_MAX, rule->host, wrong);
    if (rule->first > rule->last || (!rule->first && rule->last != UINT16_MAX))
        return err_set(err, -EINVAL, "network rule for %s: ports %u to %u: from 1 to 65535, or 0 to 65535 for any",
                       rule->host, rule->first, rule->last);
    if (!rule->protocols || rule->protocols & ~(NET_TCP | NET_UDP))
        return err_set(err, -EINVAL, "network rule for %s: protocols %#x: tcp, udp or both", rule->host,
                       rule->protocols);
    if (rule->listen && host.kind != NET_HOST_ADDRESS)
        return err_set(err, -EINVAL, "network rule for %s: a name cannot be listened on: write an address", rule->host);
    return 0;
}

void net_rule_text(const struct net_rule *rule, char out[NET_RULE_TEXT_MAX])
{
    struct err err;
    bool v6 = strchr(rule->host, ':');
    char ports[16] = "*";
    const char *protocol = "";

    out[0] = '\0';
    if (net_rule_check(rule, &err) < 0)
        return;
    if (rule->first && rule->first == rule->last)
        snprintf(ports, sizeof ports, "%u", rule->first);
    else if (rule->first)
        snprintf(ports, sizeof ports, "%u-%u", rule->first, rule->last);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].protocols == rule->protocols && rule->protocols != NET_TCP)
            protocol = protocols[i].text;
    snprintf(out, NET_RULE_TEXT_MAX, "%s%s%s:%s%s%s", v6 ? "[" : "", rule->host, v6 ? "]" : "", ports,
             *protocol ? "/" : "", protocol);
}

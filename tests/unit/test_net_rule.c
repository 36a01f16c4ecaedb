/* SPDX-License-Identifier: Apache-2.0 */
/* Network rules as text: what is taken means one thing and comes back, what is not says why and in which form. */
#include "policy/net_rule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define L10      "abcdefghij"
#define LABEL_63 L10 L10 L10 L10 L10 L10 "abc"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." L10 L10 L10 L10 L10 L10 "a"

static struct arena arena;

static void test_rule_text_is_read_and_comes_back(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t first, last;
        uint8_t protocols;
        const char *back; /* NULL: the same text */
    } cases[] = {
        {"example.org:443", "example.org", 443, 443, NET_TCP, NULL},
        {"example.org:443/tcp", "example.org", 443, 443, NET_TCP, "example.org:443"},
        {"example.org:53/udp", "example.org", 53, 53, NET_UDP, NULL},
        {"example.org:443/tcp+udp", "example.org", 443, 443, NET_TCP | NET_UDP, NULL},
        {"example.org:*", "example.org", 0, 65535, NET_TCP, NULL},
        {"example.org:1-65535", "example.org", 1, 65535, NET_TCP, NULL},
        {"example.org:8000-8100/udp", "example.org", 8000, 8100, NET_UDP, NULL},
        {"example.org:80-80", "example.org", 80, 80, NET_TCP, "example.org:80"},
        {"API.Example.ORG:443", "api.example.org", 443, 443, NET_TCP, "api.example.org:443"},
        {"*.example.org:443", "*.example.org", 443, 443, NET_TCP, NULL},
        {"*:443", "*", 443, 443, NET_TCP, NULL},
        {"db:5432", "db", 5432, 5432, NET_TCP, NULL},
        {"_srv.my_host.a-b:1", "_srv.my_host.a-b", 1, 1, NET_TCP, NULL},
        {"1.example:1", "1.example", 1, 1, NET_TCP, NULL},
        {"xn--bcher-kva.example:1", "xn--bcher-kva.example", 1, 1, NET_TCP, NULL},
        {NAME_253 ":1", NAME_253, 1, 1, NET_TCP, NULL},
        {"*." NAME_253 ":1", "*." NAME_253, 1, 1, NET_TCP, NULL},
        {"192.0.2.7:22", "192.0.2.7", 22, 22, NET_TCP, NULL},
        {"10.0.0.0/8:5432/tcp", "10.0.0.0/8", 5432, 5432, NET_TCP, "10.0.0.0/8:5432"},
        {"192.0.2.7/32:22", "192.0.2.7", 22, 22, NET_TCP, "192.0.2.7:22"},
        {"0.0.0.0/0:*/udp", "0.0.0.0/0", 0, 65535, NET_UDP, NULL},
        {"192.0.2.128/25:1", "192.0.2.128/25", 1, 1, NET_TCP, NULL},
        {"[2001:db8::1]:443", "2001:db8::1", 443, 443, NET_TCP, NULL},
        {"[2001:DB8:0:0:0:0:0:1]:443", "2001:db8::1", 443, 443, NET_TCP, "[2001:db8::1]:443"},
        {"[2001:db8:0:0:1:0:0:1]:1", "2001:db8::1:0:0:1", 1, 1, NET_TCP, "[2001:db8::1:0:0:1]:1"},
        {"[2001:db8:0:1:1:1:1:1]:1", "2001:db8:0:1:1:1:1:1", 1, 1, NET_TCP, NULL},
        {"[2001:db8::/32]:443/udp", "2001:db8::/32", 443, 443, NET_UDP, NULL},
        {"[::]:1", "::", 1, 1, NET_TCP, NULL},
        {"[::1]:1", "::1", 1, 1, NET_TCP, NULL},
        {"[1::]:1", "1::", 1, 1, NET_TCP, NULL},
        {"[::/0]:1", "::/0", 1, 1, NET_TCP, NULL},
        {"[64:ff9b::192.0.2.1]:1", "64:ff9b::c000:201", 1, 1, NET_TCP, "[64:ff9b::c000:201]:1"},
        {"[1:2:3:4:5:6:7:8]:1", "1:2:3:4:5:6:7:8", 1, 1, NET_TCP, NULL},
        {"[1:2:3:4:5:6:7::]:1", "1:2:3:4:5:6:7:0", 1, 1, NET_TCP, "[1:2:3:4:5:6:7:0]:1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *back = cases[i].back ? cases[i].back : cases[i].text;
        struct net_rule rule = {.listen = true}, again;
        char text[NET_RULE_TEXT_MAX];
        struct err err = {0};
        if (net_rule_parse(&arena, cases[i].text, &rule, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        if (strcmp(rule.host, cases[i].host) || rule.first != cases[i].first || rule.last != cases[i].last ||
            rule.protocols != cases[i].protocols || rule.listen)
            fail_msg("%s: got %s %u-%u protocols %u listen %d", cases[i].text, rule.host, rule.first, rule.last,
                     rule.protocols, rule.listen);
        net_rule_text(&rule, text);
        if (strcmp(text, back))
            fail_msg("%s: came back as \"%s\", not %s", cases[i].text, text, back);
        if (net_rule_parse(&arena, text, &again, &err) < 0 || strcmp(again.host, rule.host))
            fail_msg("%s: \"%s\" is not the same rule: %s", cases[i].text, text, err.text);
    }
}

static void test_rule_text_that_is_none_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "port is missing"},
        {"example.org", "HOST:PORT[-PORT][/tcp|udp]"},
        {"192.0.2.7", "port is missing"},
        {"[2001:db8::1]", "port is missing"},
        {"[2001:db8::1]443", "port is missing"},
        {"10.0.0.0/8", "port is missing"},
        {":443", "host is empty"},
        {"example.org:", "no port"},
        {"example.org:0", "no port"},
        {"example.org:0443", "no port"},
        {"example.org:65536", "no port"},
        {"example.org:4294967739", "no port"},
        {"example.org:-1", "no port"},
        {"example.org:+1", "no port"},
        {"example.org: 1", "no port"},
        {"example.org:1-", "no port"},
        {"example.org:1-2-3", "no port"},
        {"example.org:1-*", "no port"},
        {"example.org:**", "no port"},
        {"example.org:http", "no port"},
        {"example.org:9-8", "backwards"},
        {"example.org:1/", "none of tcp, udp"},
        {"example.org:1/TCP", "none of tcp, udp"},
        {"example.org:1/sctp", "none of tcp, udp"},
        {"example.org:1/udp+tcp", "none of tcp, udp"},
        {"example.org:1/tcp/udp", "none of tcp, udp"},
        {"https://example.org:443", "in brackets"},
        {"2001:db8::1:443", "in brackets"},
        {"[example.org]:443", "no IPv6 address"},
        {"[192.0.2.1]:443", "no IPv6 address"},
        {"[2001:db8::1:443", "no IPv6 address"},
        {"[]:443", "no IPv6 address"},
        {"[:]:443", "not an IPv6 address"},
        {"[:::]:443", "not an IPv6 address"},
        {"[1:2:3:4:5:6:7]:443", "not an IPv6 address"},
        {"[1:2:3:4:5:6:7:8:9]:443", "not an IPv6 address"},
        {"[1:2:3:4:5:6:7:8::]:443", "not an IPv6 address"},
        {"[1::2::3]:443", "not an IPv6 address"},
        {"[12345::]:443", "not an IPv6 address"},
        {"[g::]:443", "not an IPv6 address"},
        {"[1::2:]:443", "not an IPv6 address"},
        {"[1::192.0.2]:443", "not an IPv6 address"},
        {"[1::192.0.2.1:2]:443", "not an IPv6 address"},
        {"[1:2:3:4:5:6:7:192.0.2.1]:443", "not an IPv6 address"},
        {"[::ffff:192.0.2.1]:443", "IPv4 address alone"},
        {"[fe80::1]:443", "link-local"},
        {"[fe80::1%eth0]:443", "leave out what follows"},
        {"[2001:db8::1/32]:443", "bits below the prefix"},
        {"[2001:db8::/129]:443", "0 to 128"},
        {"10.0.0.1/8:1", "bits below the prefix"},
        {"10.0.0.0/33:1", "0 to 32"},
        {"10.0.0.0/:1", "0 to 32"},
        {"10.0.0.0/08:1", "0 to 32"},
        {"10.0.0.0/8/8:1", "0 to 32"},
        {"10.0.0.0/256:1", "0 to 32"},
        {"0.0.0.0/264:1", "0 to 32"},
        {"example.org/8:1", "only an address has a prefix"},
        {"010.0.0.1:1", "not a name"},
        {"10.0.0:1", "not a name"},
        {"10.0.0.256:1", "not a name"},
        {"10.0.0.0x1:1", "not a name"},
        {"example.0x:1", "not a name"},
        {"2130706433:1", "not a name"},
        {"example.org.:443", "dot at the end"},
        {".example.org:443", "not a name"},
        {"a..b:443", "not a name"},
        {"-a.example:443", "not a name"},
        {"a-.example:443", "not a name"},
        {"a b:443", "not a name"},
        {"user@example.org:443", "not a name"},
        {"a\x01:443", "not a name"},
        {LABEL_63 "a.example:443", "not a name"},
        {NAME_253 "a:443", "longer than 253"},
        {"*." NAME_253 "a:443", "longer than 253"},
        {NAME_253 NAME_253 ":443", "too long"},
        {"b\xc3\xbc"
         "cher.example:443",
         "xn--"},
        {"*example.org:443", "before the first dot"},
        {"a.*.example:443", "before the first dot"},
        {"*.*.example:443", "before the first dot"},
        {"**:443", "before the first dot"},
        {"*.:443", "not a name"},
        {"localhost:80", "127.0.0.1"},
        {"LocalHost:80", "127.0.0.1"},
        {"a.localhost:80", "127.0.0.1"},
        {"*.localhost:80", "127.0.0.1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_rule rule;
        struct err err = {0};
        int r = net_rule_parse(&arena, cases[i].text, &rule, &err);
        if (r != -EINVAL || err.code != -EINVAL)
            fail_msg("\"%s\": gave %d (%s)", cases[i].text, r, r ? err.text : rule.host);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, err.text, cases[i].reason);
    }
}

static void test_rule_text_without_memory_is_no_rule(void **state)
{
    struct arena none = {0};
    struct net_rule rule = {.host = "kept"};
    struct err err = {0};

    (void)state;
    assert_int_equal(net_rule_parse(&none, "example.org:443", &rule, &err), -ENOMEM);
    assert_string_equal(rule.host, "kept");
}

static void test_rules_of_other_sources_are_checked(void **state)
{
    static const struct {
        const char *label;
        struct net_rule rule;
        const char *reason; /* NULL: taken */
    } cases[] = {
        {"one port", {"example.org", 443, 443, NET_TCP, false}, NULL},
        {"any port", {"example.org", 0, 65535, NET_TCP | NET_UDP, false}, NULL},
        {"an address to listen on", {"127.0.0.1", 80, 80, NET_TCP, true}, NULL},
        {"another spelling", {"2001:DB8::1", 443, 443, NET_TCP, false}, NULL},
        {"port 0", {"example.org", 0, 0, NET_TCP, false}, "from 1 to 65535"},
        {"from port 0", {"example.org", 0, 80, NET_TCP, false}, "from 1 to 65535"},
        {"ports backwards", {"example.org", 80, 79, NET_TCP, false}, "from 1 to 65535"},
        {"no protocol", {"example.org", 80, 80, 0, false}, "tcp, udp or both"},
        {"an unknown protocol", {"example.org", 80, 80, 4 | NET_TCP, false}, "tcp, udp or both"},
        {"a name to listen on", {"example.org", 80, 80, NET_TCP, true}, "write an address"},
        {"any name to listen on", {"*", 80, 80, NET_TCP, true}, "write an address"},
        {"a name in upper case", {"Example.org", 80, 80, NET_TCP, false}, "lower-case"},
        {"no host", {"", 80, 80, NET_TCP, false}, "host is empty"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        char text[NET_RULE_TEXT_MAX];
        int r = net_rule_check(&cases[i].rule, &err);
        net_rule_text(&cases[i].rule, text);
        if (!cases[i].reason) {
            if (r || !text[0])
                fail_msg("%s: %s", cases[i].label, err.text);
        } else if (r != -EINVAL || !strstr(err.text, cases[i].reason)) {
            fail_msg("%s: gave %d, \"%s\"", cases[i].label, r, err.text);
        } else if (text[0]) {
            fail_msg("%s: has the text %s", cases[i].label, text);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    return arena_init(&arena, 1 << 20);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_text_is_read_and_comes_back),
        cmocka_unit_test(test_rule_text_that_is_none_is_refused_with_the_reason),
        cmocka_unit_test(test_rule_text_without_memory_is_no_rule),
        cmocka_unit_test(test_rules_of_other_sources_are_checked),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

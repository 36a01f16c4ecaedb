/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's verdicts: which addresses rules open, what guarded ranges keep closed, and what a refusal says. */
#include "gate_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_rules_open_what_they_name(void **state)
{
    static const struct {
        const char *rules, *address;
        uint16_t port;
        enum net_protocol protocol;
        bool allow;
    } cases[] = {
        {"", "192.0.2.1", 443, NET_TCP, false},
        {"192.0.2.1:443", "192.0.2.1", 443, NET_TCP, true},
        {"192.0.2.1:443", "192.0.2.2", 443, NET_TCP, false},
        {"192.0.2.1:443", "192.0.2.1", 444, NET_TCP, false},
        {"192.0.2.1:443", "192.0.2.1", 442, NET_TCP, false},
        {"192.0.2.1:443", "192.0.2.1", 0, NET_TCP, false},
        {"192.0.2.1:443", "192.0.2.1", 443, NET_UDP, false},
        {"192.0.2.1:443/udp", "192.0.2.1", 443, NET_UDP, true},
        {"192.0.2.1:443/udp", "192.0.2.1", 443, NET_TCP, false},
        {"192.0.2.1:443/tcp+udp", "192.0.2.1", 443, NET_UDP, true},
        {"192.0.2.1:443/tcp+udp", "192.0.2.1", 443, NET_TCP, true},
        {"192.0.2.1:8000-8010", "192.0.2.1", 7999, NET_TCP, false},
        {"192.0.2.1:8000-8010", "192.0.2.1", 8000, NET_TCP, true},
        {"192.0.2.1:8000-8010", "192.0.2.1", 8010, NET_TCP, true},
        {"192.0.2.1:8000-8010", "192.0.2.1", 8011, NET_TCP, false},
        {"192.0.2.1:*", "192.0.2.1", 65535, NET_TCP, true},
        {"192.0.2.1:*", "192.0.2.1", 1, NET_TCP, true},
        {"=192.0.2.1:443", "192.0.2.1", 443, NET_TCP, false},
        {"192.0.2.0/24:1", "192.0.2.0", 1, NET_TCP, true},
        {"192.0.2.0/24:1", "192.0.2.255", 1, NET_TCP, true},
        {"192.0.2.0/24:1", "192.0.3.0", 1, NET_TCP, false},
        {"192.0.2.128/25:1", "192.0.2.127", 1, NET_TCP, false},
        {"192.0.2.128/25:1", "192.0.2.128", 1, NET_TCP, true},
        {"192.0.2.6/31:1", "192.0.2.7", 1, NET_TCP, true},
        {"192.0.2.6/31:1", "192.0.2.8", 1, NET_TCP, false},
        {"0.0.0.0/0:1", "198.51.100.1", 1, NET_TCP, true},
        {"0.0.0.0/0:1", "2001:db8::1", 1, NET_TCP, false},
        {"[::/0]:1", "2001:db8::1", 1, NET_TCP, true},
        {"[::/0]:1", "198.51.100.1", 1, NET_TCP, false},
        {"[::/0]:1", "::ffff:198.51.100.1", 1, NET_TCP, false},
        {"198.51.100.1:1", "::ffff:198.51.100.1", 1, NET_TCP, true},
        {"198.51.100.1:1", "::198.51.100.1", 1, NET_TCP, false},
        {"[2001:db8::/33]:1", "2001:db8:7fff::1", 1, NET_TCP, true},
        {"[2001:db8::/33]:1", "2001:db8:8000::1", 1, NET_TCP, false},
        {"[2001:db8::1]:1", "2001:db8::1", 1, NET_TCP, true},
        {"[2001:db8::1]:1", "2001:db8::2", 1, NET_TCP, false},
        {"[2001:db8::1]:1", "2001:db8:0:0:1::1", 1, NET_TCP, false},
        {"example.org:1 192.0.2.1:2 192.0.2.1:3", "192.0.2.1", 3, NET_TCP, true},
        {"*:1", "192.0.2.1", 1, NET_TCP, false}, /* a name alone is no address */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate_decision d;
        set_rules(cases[i].rules);
        bool allow = ask(cases[i].address, cases[i].port, cases[i].protocol, 0, &d);
        if (allow != cases[i].allow || d.allow != allow || (d.rule != NULL) != allow || (d.errno_value == 0) != allow ||
            d.reason != (allow ? GATE_BY_RULE : GATE_NO_RULE))
            fail_msg("\"%s\": %s port %u protocol %u: allow %d, reason %d", cases[i].rules, cases[i].address,
                     cases[i].port, cases[i].protocol, allow, d.reason);
    }
    struct gate_decision d;
    set_rules("example.org:1 192.0.2.1:2 192.0.2.0/24:3");
    assert_true(ask("192.0.2.1", 3, NET_TCP, 0, &d));
    assert_string_equal(d.rule->host, "192.0.2.0/24");
}

static void test_guarded_addresses_are_opened_by_narrow_rules_only(void **state)
{
    static const struct {
        const char *address, *inside, *wide; /* a rule that opens it, and one that contains it and does not */
    } cases[] = {
        {"0.0.0.0", "0.0.0.0", "0.0.0.0/0"},
        {"0.1.2.3", "0.0.0.0/8", "0.0.0.0/7"},
        {"127.0.0.1", "127.0.0.1", "0.0.0.0/0"},
        {"127.1.2.3", "127.0.0.0/8", "126.0.0.0/7"},
        {"169.254.0.1", "169.254.0.0/16", "169.0.0.0/8"},
        {"169.254.169.253", "169.254.0.0/16", "169.254.0.0/15"},
        {"169.254.169.254", "169.254.169.254", "169.254.0.0/16"},
        {"169.254.169.254", "169.254.169.254", "169.254.169.254/31"},
        {"169.254.170.2", "169.254.170.2", "169.254.170.0/24"},
        {"168.63.129.16", "168.63.129.16", "168.63.129.0/24"},
        {"192.0.0.192", "192.0.0.192", "192.0.0.0/24"},
        {"100.100.100.200", "100.100.100.200", "100.64.0.0/10"},
        {"100.64.0.1", "100.64.0.0/10", "100.0.0.0/8"},
        {"10.1.2.3", "10.0.0.0/8", "0.0.0.0/0"},
        {"172.31.0.1", "172.16.0.0/12", "172.0.0.0/8"},
        {"192.168.1.1", "192.168.0.0/16", "192.0.0.0/8"},
        {"224.0.0.1", "224.0.0.0/4", "224.0.0.0/3"},
        {"239.255.255.255", "239.0.0.0/8", "0.0.0.0/0"},
        {"255.255.255.255", "255.255.255.255", "255.255.255.0/24"},
        {"::", "::", "::/0"},
        {"::", "::", "::/96"},
        {"::1", "::1", "::/127"},
        {"::127.0.0.1", "::/96", "::/95"},
        {"::ffff:127.0.0.1", "127.0.0.1", "0.0.0.0/0"},
        {"::ffff:169.254.169.254", "169.254.169.254", "169.254.0.0/16"},
        {"::ffff:0:127.0.0.1", "::ffff:0:0:0/96", "::/0"},
        {"64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::/96"},
        {"64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "::/0"},
        {"64:ff9b::10.0.0.1", "64:ff9b::a00:1", "64:ff9b::/96"},
        {"64:ff9b:1::1", "64:ff9b:1::/48", "64:ff9b::/32"},
        {"2001::7f00:1", "2001::/32", "2000::/3"},
        {"2002:7f00:1::", "2002::/16", "2000::/3"},
        {"fc00::1", "fc00::/7", "::/0"},
        {"fd00:ec2::254", "fd00:ec2::254", "fd00:ec2::/32"},
        {"fd20:ce::254", "fd20:ce::254", "fc00::/7"},
        {"fec0::1", "fec0::/10", "fe00::/8"},
        {"ff02::1", "ff00::/8", "fe00::/7"},
    };
    static const char *const open[] = {
        "1.0.0.0",     "9.255.255.255", "11.0.0.0",    "100.63.255.255",   "100.128.0.0", "126.255.255.255",
        "128.0.0.0",   "169.253.0.1",   "169.255.0.1", "172.15.255.255",   "172.32.0.0",  "192.167.0.1",
        "192.169.0.1", "223.255.0.1",   "2001:db8::1", "64:ff9b::8.8.8.8", "2001:1::1",   "fe00::1",
    };
    struct gate_decision d;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char rule[96];
        bool v6 = strchr(cases[i].inside, ':');
        snprintf(rule, sizeof rule, v6 ? "[%s]:1" : "%s:1", cases[i].inside);
        set_rules(rule);
        if (!ask(cases[i].address, 1, NET_TCP, 0, &d))
            fail_msg("%s: %s does not open it (reason %d)", cases[i].address, rule, d.reason);
        snprintf(rule, sizeof rule, strchr(cases[i].wide, ':') ? "[%s]:1 *:1" : "%s:1 *:1", cases[i].wide);
        set_rules(rule);
        if (ask(cases[i].address, 1, NET_TCP, 0, &d) || d.reason != GATE_GUARDED)
            fail_msg("%s: %s opens it, or it is not guarded (reason %d)", cases[i].address, rule, d.reason);
    }
    set_rules("0.0.0.0/0:1 [::/0]:1");
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (!ask(open[i], 1, NET_TCP, 0, &d))
            fail_msg("%s: is guarded, but should not be (reason %d)", open[i], d.reason);
}

static void test_socket_addresses_are_read_exactly(void **state)
{
    static const struct {
        const char *label;
        sa_family_t family;
        size_t length;
        int errno_value; /* 0: allowed */
    } cases[] = {
        {"IPv4", AF_INET, sizeof(struct sockaddr_in), 0},
        {"IPv4 in more room", AF_INET, sizeof(struct sockaddr_storage), 0},
        {"IPv4 without its end", AF_INET, sizeof(struct sockaddr_in) - 1, EINVAL},
        {"IPv4 without an address", AF_INET, 4, EINVAL},
        {"a family alone", AF_INET, 2, EINVAL},
        {"half a family", AF_INET, 1, EINVAL},
        {"nothing", AF_INET, 0, EINVAL},
        {"longer than any address", AF_INET, sizeof(struct sockaddr_storage) + 1, EINVAL},
        {"a huge length", AF_INET, SIZE_MAX, EINVAL},
        {"IPv6", AF_INET6, sizeof(struct sockaddr_in6), 0},
        {"IPv6 in more room", AF_INET6, sizeof(struct sockaddr_storage), 0},
        {"IPv6 without its scope (RFC 2133)", AF_INET6, 24, EINVAL},
        {"IPv6 as long as IPv4", AF_INET6, sizeof(struct sockaddr_in), EINVAL},
        {"no family", AF_UNSPEC, sizeof(struct sockaddr_in), EAFNOSUPPORT},
        {"a local socket", AF_UNIX, sizeof(struct sockaddr_un), EAFNOSUPPORT},
        {"netlink", AF_NETLINK, 12, EAFNOSUPPORT},
        {"packets", AF_PACKET, 20, EAFNOSUPPORT},
        {"an unknown family", 0xffff, sizeof(struct sockaddr_in), EAFNOSUPPORT},
    };

    (void)state;
    set_rules("198.51.100.1:* [2001:db8::1]:*");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        union address a;
        struct gate_decision d;
        make_address(cases[i].family == AF_INET6 ? "2001:db8::1" : "198.51.100.1", 5, &a);
        a.any.sa_family = cases[i].family;
        /* A copy of just that length, at an odd place: reading past it is seen by the sanitizer. */
        size_t n = cases[i].length <= sizeof a ? cases[i].length : 0;
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy + 1, &a, n);
        bool allow = gate_verdict_connect(&gate, copy + 1, cases[i].length, NET_TCP, 0, &d);
        free(copy);
        if (allow != !cases[i].errno_value || d.errno_value != cases[i].errno_value ||
            (!allow && d.reason != GATE_ADDRESS))
            fail_msg("%s: allow %d, reason %d, errno %d", cases[i].label, allow, d.reason, d.errno_value);
        if ((d.to_length != 0) != allow)
            fail_msg("%s: %u bytes to connect to", cases[i].label, d.to_length);
    }
}

static void test_what_is_connected_to_is_made_anew(void **state)
{
    union address a;
    struct gate_decision d;
    size_t n = make_address("::ffff:198.51.100.1", 5, &a);

    (void)state;
    set_rules("198.51.100.1:5 [2001:db8::1]:5");
    a.v6.sin6_flowinfo = 0x12345678;
    assert_true(gate_verdict_connect(&gate, &a, n, NET_TCP, 0, &d));
    assert_int_equal(d.to_length, sizeof(struct sockaddr_in6));
    assert_int_equal(d.to.v6.sin6_family, AF_INET6);
    assert_int_equal(d.to.v6.sin6_port, htons(5));
    assert_memory_equal(&d.to.v6.sin6_addr, &a.v6.sin6_addr, 16);
    assert_int_equal(d.to.v6.sin6_flowinfo, 0);
    assert_int_equal(d.address.bits, 32);
    assert_int_equal(d.port, 5);

    n = make_address("198.51.100.1", 5, &a);
    memset(a.v4.sin_zero, 0x55, sizeof a.v4.sin_zero);
    assert_true(gate_verdict_connect(&gate, &a, n, NET_TCP, 0, &d));
    assert_int_equal(d.to_length, sizeof(struct sockaddr_in));
    for (size_t i = 0; i < sizeof d.to.v4.sin_zero; i++)
        assert_int_equal(d.to.v4.sin_zero[i], 0);

    n = make_address("2001:db8::1", 5, &a);
    a.v6.sin6_scope_id = 1;
    assert_false(gate_verdict_connect(&gate, &a, n, NET_TCP, 0, &d));
    assert_int_equal(d.reason, GATE_SCOPE);
    assert_int_equal(d.to.v6.sin6_scope_id, 0);
}

static void test_one_protocol_is_asked_for_at_a_time(void **state)
{
    struct gate_decision d;

    (void)state;
    set_rules("198.51.100.1:*/tcp+udp");
    assert_false(ask("198.51.100.1", 1, (enum net_protocol)0, 0, &d));
    assert_int_equal(d.reason, GATE_PROTOCOL);
    assert_false(ask("198.51.100.1", 1, (enum net_protocol)(NET_TCP | NET_UDP), 0, &d));
    assert_false(ask("198.51.100.1", 1, (enum net_protocol)4, 0, &d));
    assert_false(ask("198.51.100.1", 1, (enum net_protocol)5, 0, &d));
    assert_int_equal(d.reason, GATE_PROTOCOL);
}

static void test_listening_has_rules_of_its_own(void **state)
{
    static const struct {
        const char *rules, *address;
        uint16_t port;
        bool allow;
    } cases[] = {
        {"=127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"=127.0.0.1:8080", "127.0.0.1", 0, false},
        {"=127.0.0.1:8080", "127.0.0.2", 8080, false},
        {"=127.0.0.1:*", "127.0.0.1", 0, true},
        {"127.0.0.1:8080", "127.0.0.1", 8080, false},
        {"=0.0.0.0:80", "0.0.0.0", 80, true},
        {"=0.0.0.0/0:80", "0.0.0.0", 80, false},
        {"=0.0.0.0/0:80", "127.0.0.1", 80, false},
        {"=0.0.0.0/0:80", "198.51.100.1", 80, true},
        {"=[::]:80", "::", 80, true},
        {"=0.0.0.0:80", "::", 80, false},
        {"=0.0.0.0:80", "::ffff:0.0.0.0", 80, true},
    };
    struct net_rule rule = {.host = "example.org", .first = 1, .last = 1, .protocols = NET_TCP, .listen = true};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        union address a;
        struct gate_decision d;
        size_t n = make_address(cases[i].address, cases[i].port, &a);
        set_rules(cases[i].rules);
        bool allow = gate_verdict_bind(&gate, &a, n, NET_TCP, &d);
        if (allow != cases[i].allow || !d.listen)
            fail_msg("\"%s\": %s port %u: allow %d, reason %d", cases[i].rules, cases[i].address, cases[i].port, allow,
                     d.reason);
    }
    assert_int_equal(gate_add_rule(&gate, &rule, &err), -EINVAL);
}

static void test_rules_have_a_bound(void **state)
{
    struct net_rule rule = {.host = "198.51.100.1", .first = 1, .last = 1, .protocols = NET_TCP};
    struct gate_decision d;
    struct err err = {0};

    (void)state;
    gate_init(&gate);
    for (int i = 0; i < GATE_RULES_MAX; i++) {
        rule.first = rule.last = (uint16_t)(i + 1);
        assert_int_equal(gate_add_rule(&gate, &rule, &err), 0);
    }
    assert_int_equal(gate_add_rule(&gate, &rule, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "4096"));
    assert_true(ask("198.51.100.1", GATE_RULES_MAX, NET_TCP, 0, &d));
    assert_false(ask("198.51.100.1", GATE_RULES_MAX + 1, NET_TCP, 0, &d));
}

static void test_a_refusal_names_the_rule_that_would_allow_it(void **state)
{
    static const struct {
        const char *rules, *name, *address; /* name: learned before */
        uint16_t port;
        enum net_protocol protocol;
        const char *text;
    } cases[] = {
        {"", NULL, "198.51.100.1", 443, NET_TCP, "198.51.100.1:443"},
        {"", NULL, "198.51.100.1", 53, NET_UDP, "198.51.100.1:53/udp"},
        {"", NULL, "198.51.100.1", 0, NET_TCP, "198.51.100.1:*"},
        {"", NULL, "2001:db8::1", 443, NET_TCP, "[2001:db8::1]:443"},
        {"", NULL, "::ffff:198.51.100.1", 443, NET_TCP, "198.51.100.1:443"},
        {"0.0.0.0/0:*", NULL, "127.0.0.1", 80, NET_TCP, "127.0.0.1:80"},
        {"0.0.0.0/0:*", NULL, "169.254.169.254", 80, NET_TCP, "169.254.169.254:80"},
        {"[::/0]:*", NULL, "64:ff9b::10.0.0.1", 80, NET_TCP, "[64:ff9b::a00:1]:80"},
        {"example.org:443", "example.org", "198.51.100.1", 80, NET_TCP, "example.org:80"},
        {"*.example.org:443", "a.example.org", "198.51.100.1", 443, NET_UDP, "a.example.org:443/udp"},
        {"git.example:443", "git.example", "10.0.0.1", 22, NET_TCP, "git.example:22"},
        {"*.example:443 10.0.0.1:1", "git.example", "10.0.0.1", 443, NET_TCP, "git.example:443"},
        {"git.example:443 127.0.0.1:1", "git.example", "127.0.0.1", 443, NET_TCP, "127.0.0.1:443"},
        {"", NULL, "fe80::1", 80, NET_TCP, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate_decision d, again;
        struct net_rule rule;
        struct err err = {0};
        char text[NET_RULE_TEXT_MAX];
        set_rules(cases[i].rules);
        if (cases[i].name)
            learn(cases[i].name, cases[i].address, 60, 0);
        assert_false(ask(cases[i].address, cases[i].port, cases[i].protocol, 0, &d));
        gate_would_allow(&d, text);
        if (strcmp(text, cases[i].text))
            fail_msg("%s port %u: \"%s\", not \"%s\"", cases[i].address, cases[i].port, text, cases[i].text);
        if (!text[0])
            continue;
        if (net_rule_parse(&arena, text, &rule, &err) < 0 || gate_add_rule(&gate, &rule, &err) < 0)
            fail_msg("%s: %s", text, err.text);
        if (!ask(cases[i].address, cases[i].port, cases[i].protocol, 0, &again))
            fail_msg("%s does not allow %s port %u", text, cases[i].address, cases[i].port);
    }
    struct gate_decision d;
    char text[NET_RULE_TEXT_MAX];
    set_rules("");
    assert_false(gate_verdict_connect(&gate, "", 0, NET_TCP, 0, &d));
    gate_would_allow(&d, text);
    assert_string_equal(text, "");
    for (int reason = GATE_BY_RULE; reason <= GATE_PROTOCOL; reason++)
        assert_true(strlen(gate_reason_text((enum gate_reason)reason)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_open_what_they_name),
        cmocka_unit_test(test_guarded_addresses_are_opened_by_narrow_rules_only),
        cmocka_unit_test(test_socket_addresses_are_read_exactly),
        cmocka_unit_test(test_what_is_connected_to_is_made_anew),
        cmocka_unit_test(test_one_protocol_is_asked_for_at_a_time),
        cmocka_unit_test(test_listening_has_rules_of_its_own),
        cmocka_unit_test(test_rules_have_a_bound),
        cmocka_unit_test(test_a_refusal_names_the_rule_that_would_allow_it),
    };

    return cmocka_run_group_tests(tests, gate_fixture_start, gate_fixture_end);
}

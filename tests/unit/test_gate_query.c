/* SPDX-License-Identifier: Apache-2.0 */
/* DNS queries at the gate: which names are asked for, and what is no query. */
#include "gate_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_names_are_asked_for_when_a_rule_has_them(void **state)
{
    static const struct {
        const char *rules, *name;
        bool allow;
    } cases[] = {
        {"", "example.org", false},
        {"example.org:443", "example.org", true},
        {"example.org:443", "EXAMPLE.oRg", true},
        {"example.org:443/udp", "example.org", true},
        {"example.org:443", "www.example.org", false},
        {"example.org:443", "example.org.evil.example", false},
        {"example.org:443", "xexample.org", false},
        {"example.org:443", "example.or", false},
        {"example.org:443", "org", false},
        {"*.example.org:443", "example.org", false},
        {"*.example.org:443", "a.example.org", true},
        {"*.example.org:443", "a.b.c.example.org", true},
        {"*.example.org:443", "aexample.org", false},
        {"*.example.org:443", "bad-example.org", false},
        {"*.example.org:443", "a.example.org.evil", false},
        {"*:443", "any.thing", true},
        {"*:443", "db", true},
        {"192.0.2.1:443 0.0.0.0/0:*", "example.org", false},
        {"=192.0.2.1:443", "example.org", false},
        {"a.example:1 b.example:1", "b.example", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_rules(cases[i].rules);
        enum gate_dns_act act = query(make_query(cases[i].name, A, 0));
        if (act != (cases[i].allow ? GATE_DNS_FORWARD : GATE_DNS_REPLY) || question.denied == cases[i].allow)
            fail_msg("\"%s\": %s: act %d, denied %d", cases[i].rules, cases[i].name, act, question.denied);
        if (!cases[i].allow && (check_reply(cases[i].name) != 0 || code() != 3))
            fail_msg("\"%s\": %s: code %u", cases[i].rules, cases[i].name, code());
    }
}

static void test_a_forwarded_query_is_made_anew(void **state)
{
    struct bytes want;
    struct bytes asked = make_query("WwW.Example.org", AAAA, 4096);

    (void)state;
    set_rules("*.example.org:443");
    asked.v[3] = 0x30; /* authentic data, checking disabled */
    assert_int_equal(query(asked), GATE_DNS_FORWARD);
    put_header(&want, 0xbeef, 0x0100, 1, 0, 0, 1);
    put_name(&want, "www.example.org");
    put_16(&want, AAAA);
    put_16(&want, 1);
    put_opt(&want, GATE_DNS_MAX, 0);
    assert_int_equal(sent.n, want.n);
    assert_memory_equal(sent.bytes, want.v, want.n);
    assert_string_equal(question.name, "www.example.org");
    assert_int_equal(question.type, AAAA);
}

static void test_a_denied_name_gets_the_reason_where_it_can_be_read(void **state)
{
    struct bytes plain = make_query("No.example", A, 0), edns = make_query("No.example", A, 1232);
    static const uint8_t opt[] = {0, 0, 41, GATE_DNS_MAX >> 8, GATE_DNS_MAX & 0xff, 0, 0, 0, 0, 0, 6, 0, 15, 0,
                                  2, 0, 15};
    char text[NET_RULE_TEXT_MAX];

    (void)state;
    set_rules("example.org:443");
    assert_int_equal(query(plain), GATE_DNS_REPLY);
    assert_int_equal(sent.n, plain.n);
    assert_int_equal(at_16(2), 0x8183);
    assert_memory_equal(sent.bytes + 12, plain.v + 12, plain.n - 12); /* as it was spelled */
    gate_dns_would_allow(&question, text);
    assert_string_equal(text, "no.example:*");

    assert_int_equal(query(edns), GATE_DNS_REPLY);
    assert_int_equal(at_16(10), 1);
    assert_int_equal(sent.n, plain.n + sizeof opt);
    assert_memory_equal(sent.bytes + plain.n, opt, sizeof opt);

    query(make_query("localhost", A, 0));
    gate_dns_would_allow(&question, text);
    assert_string_equal(text, "");
}

static void test_other_types_of_an_allowed_name_have_no_data(void **state)
{
    static const unsigned types[] = {2, 5, 6, 12, 15, 16, 33, 64, 65, 252, 255, 256, 0};

    (void)state;
    set_rules("example.org:443");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_int_equal(query(make_query("example.org", types[i], 0)), GATE_DNS_REPLY);
        if (check_reply("type") != 0 || code() != 0 || question.denied)
            fail_msg("type %u: code %u", types[i], code());
        assert_int_equal(query(make_query("example.com", types[i], 0)), GATE_DNS_REPLY);
        if (code() != 3)
            fail_msg("type %u of a denied name: code %u", types[i], code());
    }
}

static void test_names_that_no_rule_can_have_are_not_asked_for(void **state)
{
    static const struct {
        const char *label;
        uint8_t wire[40];
    } cases[] = {
        {"the root", {0}},
        {"a space", {3, 'a', ' ', 'b', 0}},
        {"a NUL", {3, 'a', 0, 'b', 0}},
        {"a dot within a label", {11, 'a', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'o', 3, 'o', 'r', 'g', 0}},
        {"a byte above ASCII", {2, 0xc3, 0xbc, 3, 'o', 'r', 'g', 0}},
        {"an address", {2, '1', '0', 1, '0', 1, '0', 1, '1', 0}},
        {"a dash at the start", {2, '-', 'a', 3, 'o', 'r', 'g', 0}},
    };

    (void)state;
    set_rules("*:443");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b;
        char text[NET_RULE_TEXT_MAX];
        put_header(&b, 0x1234, 0x0100, 1, 0, 0, 0);
        size_t n = 0;
        while (cases[i].wire[n])
            n += cases[i].wire[n] + 1u;
        for (size_t k = 0; k <= n; k++)
            put_8(&b, cases[i].wire[k]);
        put_32(&b, A << 16 | 1);
        if (query(b) != GATE_DNS_REPLY || check_reply(cases[i].label) != 0 || code() != 3 || question.name[0])
            fail_msg("%s: code %u, name \"%s\"", cases[i].label, code(), question.name);
        gate_dns_would_allow(&question, text);
        assert_string_equal(text, "");
    }
}

static void test_queries_that_are_none_are_refused(void **state)
{
    enum { DROPPED = 100, FORWARDED };
    /* The query: 12 bytes, "example.org" from 12 to 24, type at 25, class at 27; with EDNS a record of 11 at 29. */
    static const struct {
        const char *label;
        bool edns;
        enum spoil how;
        size_t at;
        unsigned value, outcome;
    } cases[] = {
        {"as it should be", false, NOTHING, 0, 0, FORWARDED},
        {"with EDNS", true, NOTHING, 0, 0, FORWARDED},
        {"empty", false, CUT, 0, 0, DROPPED},
        {"half a header", false, CUT, 0, 11, DROPPED},
        {"a header alone", false, CUT, 0, 12, 1},
        {"cut in the name", false, CUT, 0, 20, 1},
        {"cut before the name's end", false, CUT, 0, 24, 1},
        {"cut before the type", false, CUT, 0, 25, 1},
        {"cut in the class", false, CUT, 0, 28, 1},
        {"cut in the OPT record", true, CUT, 0, 39, 1},
        {"without the OPT record that is counted", true, CUT, 0, 29, 1},
        {"an answer", false, SET_8, 2, 0x81, DROPPED},
        {"a status request", false, SET_8, 2, 0x11, 4},
        {"an update", false, SET_8, 2, 0x29, 4},
        {"truncated", false, SET_8, 2, 0x03, 1},
        {"authoritative", false, SET_8, 2, 0x05, 1},
        {"recursion available", false, SET_8, 3, 0x80, 1},
        {"a reserved bit", false, SET_8, 3, 0x40, 1},
        {"a code", false, SET_8, 3, 0x03, 1},
        {"no question", false, SET_16, 4, 0, 1},
        {"two questions", false, SET_16, 4, 2, 1},
        {"65535 questions", false, SET_16, 4, 65535, 1},
        {"an answer counted", false, SET_16, 6, 1, 1},
        {"an authority counted", false, SET_16, 8, 1, 1},
        {"an additional record that is not there", false, SET_16, 10, 1, 1},
        {"two additional records", true, SET_16, 10, 2, 1},
        {"a byte behind", false, APPEND, 0, 1, 1},
        {"a byte behind the OPT record", true, APPEND, 0, 1, 1},
        {"an OPT record not counted", false, APPEND_OPT, 0, 0, 1},
        {"a second OPT record", true, APPEND_OPT, 0, 0, 1},
        {"a pointer for a name", false, SET_16, 12, 0xc00c, 1},
        {"a pointer into the header", false, SET_16, 20, 0xc000, 1},
        {"a label of a reserved kind", false, SET_8, 12, 0x41, 1},
        {"a label of another reserved kind", false, SET_8, 12, 0x87, 1},
        {"a label past the end", false, SET_8, 20, 0x3f, 1},
        {"another class", false, SET_16, 27, 3, 5},
        {"any class", false, SET_16, 27, 255, 5},
        {"an OPT record of a name", true, SET_8, 29, 1, 1},
        {"an additional record of another type", true, SET_16, 30, 250, 1},
        {"EDNS version 1", true, SET_8, 35, 1, 1},
        {"an extended code", true, SET_8, 34, 1, 1},
        {"options past the end", true, SET_16, 38, 1, 1},
        {"a name of 256 bytes", false, LONG_NAME_LESS, 0, 62, 1},
        {"a name of 255 bytes", false, LONG_NAME_LESS, 0, 61, FORWARDED},
        {"a name of 257 bytes", false, LONG_NAME, 0, 4, 1},
        {"a name of 2049 bytes", false, LONG_NAME, 0, 32, 1},
        {"longer than a datagram may be", false, APPEND, 0, GATE_DNS_MAX, 1},
    };

    (void)state;
    set_rules("*:443");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b =
            spoil(make_query("example.org", A, cases[i].edns ? 1232 : 0), cases[i].how, cases[i].at, cases[i].value);
        enum gate_dns_act act = query(b);
        unsigned outcome = act == GATE_DNS_DROP ? DROPPED : act == GATE_DNS_FORWARD ? FORWARDED : code();
        if (outcome != cases[i].outcome || (act == GATE_DNS_REPLY && check_reply(cases[i].label)) ||
            (act == GATE_DNS_DROP && sent.n))
            fail_msg("%s: got %u, not %u", cases[i].label, outcome, cases[i].outcome);
        if (act == GATE_DNS_REPLY && question.denied)
            fail_msg("%s: taken for a name that a rule could allow", cases[i].label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_asked_for_when_a_rule_has_them),
        cmocka_unit_test(test_a_forwarded_query_is_made_anew),
        cmocka_unit_test(test_a_denied_name_gets_the_reason_where_it_can_be_read),
        cmocka_unit_test(test_other_types_of_an_allowed_name_have_no_data),
        cmocka_unit_test(test_names_that_no_rule_can_have_are_not_asked_for),
        cmocka_unit_test(test_queries_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, gate_fixture_start, gate_fixture_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* DNS answers at the gate: what is read of them, what is handed on, and for how long an address of a name is one. */
#include "gate_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_a_reply_is_made_of_addresses_alone(void **state)
{
    struct bytes a, want;

    (void)state;
    set_rules("*.example.org:443");
    assert_int_equal(query(make_query("Www.example.org", A, 0)), GATE_DNS_FORWARD);
    a = make_answer("www.example.org", A, 0x0420, 4);
    put_record(&a, NULL, 16, 1, "\4text", 5);
    put_address(&a, NULL, 300, "198.51.100.1");
    put_address(&a, "other.example.org", 1, "198.51.100.9");
    put_address(&a, "WWW.EXAMPLE.ORG", 200, "198.51.100.2");
    put_record(&a, "ns.example", A, 300, "\xc6\x33\x64\x08", 4); /* beyond the count: another section */
    assert_int_equal(answer(a, 0), GATE_DNS_REPLY);

    put_header(&want, 0x1234, 0x8180, 1, 2, 0, 0);
    put_name(&want, "Www.example.org");
    put_32(&want, A << 16 | 1);
    put_address(&want, NULL, 200, "198.51.100.1");
    put_address(&want, NULL, 200, "198.51.100.2");
    assert_int_equal(sent.n, want.n);
    assert_memory_equal(sent.bytes, want.v, want.n);
    assert_int_equal(heard.n_given, 2);
    assert_int_equal(heard.n_kept_back, 0);
}

static void test_an_answer_opens_its_addresses_on_the_ports_of_its_name(void **state)
{
    struct gate_decision d;

    (void)state;
    set_rules("api.example.org:443 *.example.org:8000-8010/udp 203.0.113.0/24:22");
    learn("api.example.org", "198.51.100.1 198.51.100.2", 60, 1000);
    learn("www.example.org", "2001:db8::7", 60, 1000);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 1000, &d));
    assert_string_equal(d.name, "api.example.org");
    assert_string_equal(d.rule->host, "api.example.org");
    assert_true(ask("::ffff:198.51.100.2", 443, NET_TCP, 1000, &d));
    assert_true(ask("198.51.100.2", 8005, NET_UDP, 1000, &d));
    assert_string_equal(d.rule->host, "*.example.org");
    assert_false(ask("198.51.100.2", 8005, NET_TCP, 1000, &d));
    assert_false(ask("198.51.100.2", 80, NET_TCP, 1000, &d));
    assert_string_equal(d.name, "api.example.org");
    assert_false(ask("198.51.100.3", 443, NET_TCP, 1000, &d));
    assert_string_equal(d.name, "");
    assert_true(ask("2001:db8::7", 8000, NET_UDP, 1000, &d));
    assert_false(ask("2001:db8::7", 443, NET_TCP, 1000, &d));

    /* One address of two names: either name's rules. */
    learn("www.example.org", "198.51.100.1", 60, 1000);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 1000, &d));
    assert_string_equal(d.name, "api.example.org");

    /* Listening is not opened by names. */
    union address a;
    size_t n = make_address("198.51.100.1", 443, &a);
    assert_false(gate_verdict_bind(&gate, &a, n, NET_TCP, &d));
    assert_string_equal(d.name, "");
}

static void test_an_address_of_a_name_has_an_end(void **state)
{
    static const struct {
        uint32_t ttl;
        int64_t life; /* milliseconds */
        uint32_t told;
    } cases[] = {
        {0, 30000, 0},
        {1, 30000, 1},
        {30, 30000, 30},
        {31, 31000, 31},
        {3600, 3600000, 3600},
        {3601, 3600000, 3600},
        {0x7fffffff, 3600000, 3600},
        {0x80000000, 30000, 0}, /* RFC 2181 8 */
        {0xffffffff, 30000, 0},
    };
    struct gate_decision d;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t now = 5000;
        set_rules("example.org:443");
        learn("example.org", "198.51.100.1", cases[i].ttl, now);
        uint32_t told = at_16(sent.n - 10) << 16 | at_16(sent.n - 8);
        if (told != cases[i].told)
            fail_msg("TTL %u: told %u", cases[i].ttl, told);
        if (!ask("198.51.100.1", 443, NET_TCP, now + cases[i].life - 1, &d))
            fail_msg("TTL %u: closed before its end", cases[i].ttl);
        if (ask("198.51.100.1", 443, NET_TCP, now + cases[i].life, &d))
            fail_msg("TTL %u: open after its end", cases[i].ttl);
    }
    /* Heard again it lasts longer, and never shorter than it was to. */
    set_rules("example.org:443");
    learn("example.org", "198.51.100.1", 100, 0);
    learn("example.org", "198.51.100.1", 1, 10000);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 99999, &d));
    assert_int_equal(gate.n_known, 1);
    learn("example.org", "198.51.100.1", 100, 50000);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 149999, &d));
    assert_false(ask("198.51.100.1", 443, NET_TCP, 150000, &d));
    learn("example.org", "198.51.100.1", 100, INT64_MAX - 1);
    assert_true(ask("198.51.100.1", 443, NET_TCP, INT64_MAX - 1, &d));
}

static void test_remembered_addresses_make_room_oldest_first(void **state)
{
    struct gate_decision d;
    char address[INET_ADDRSTRLEN];

    (void)state;
    set_rules("example.org:443 *.b.example:443");
    learn("example.org", "198.51.100.1", 3600, 0);
    for (int i = 0; i < GATE_KNOWN_MAX - 1; i++) {
        snprintf(address, sizeof address, "203.0.%d.%d", i / 256, i % 256);
        learn("x.b.example", address, 3600, 1 + i);
    }
    assert_int_equal(gate.n_known, GATE_KNOWN_MAX);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 2000, &d));
    learn("example.org", "198.51.100.1", 3600, 2000); /* heard again: now the youngest */
    learn("x.b.example", "192.0.2.1", 3600, 2001);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 2001, &d));
    assert_true(ask("192.0.2.1", 443, NET_TCP, 2001, &d));
    assert_false(ask("203.0.0.0", 443, NET_TCP, 2001, &d));
    assert_true(ask("203.0.0.1", 443, NET_TCP, 2001, &d));
    assert_int_equal(gate.n_known, GATE_KNOWN_MAX);

    /* What is over goes before what is old. */
    learn("example.org", "192.0.2.2", 30, 3000);
    assert_false(ask("203.0.0.1", 443, NET_TCP, 3000, &d));
    learn("example.org", "192.0.2.3", 30, 40000);
    assert_true(ask("203.0.0.2", 443, NET_TCP, 40000, &d));
    assert_true(ask("192.0.2.3", 443, NET_TCP, 40000, &d));
}

static void test_a_name_opens_no_guarded_address(void **state)
{
    static const struct {
        const char *rules, *name, *address;
        bool given;
    } cases[] = {
        {"evil.example:80", "evil.example", "198.51.100.1", true},
        {"evil.example:80", "evil.example", "127.0.0.1", false},
        {"evil.example:80", "evil.example", "0.0.0.0", false},
        {"evil.example:80", "evil.example", "169.254.169.254", false},
        {"evil.example:80", "evil.example", "224.0.0.1", false},
        {"evil.example:80", "evil.example", "255.255.255.255", false},
        {"evil.example:80", "evil.example", "::1", false},
        {"evil.example:80", "evil.example", "::", false},
        {"evil.example:80", "evil.example", "fe80::1", false},
        {"evil.example:80", "evil.example", "fd00:ec2::254", false},
        {"evil.example:80", "evil.example", "64:ff9b::127.0.0.1", false},
        {"evil.example:80", "evil.example", "64:ff9b::8.8.8.8", true},
        {"evil.example:80", "evil.example", "2002:7f00:1::", false},
        {"evil.example:80 0.0.0.0/0:80", "evil.example", "127.0.0.1", false},
        {"*:80", "evil.example", "127.0.0.1", false},
        /* A private network: an exact name may, a pattern may not. */
        {"git.corp.example:80", "git.corp.example", "10.1.2.3", true},
        {"git.corp.example:80", "git.corp.example", "192.168.7.7", true},
        {"git.corp.example:80", "git.corp.example", "fd12::1", true},
        {"*.corp.example:80", "git.corp.example", "10.1.2.3", false},
        {"*.corp.example:80", "git.corp.example", "fd12::1", false},
        {"*:80", "git.corp.example", "192.168.7.7", false},
        {"*.corp.example:80 git.corp.example:80", "git.corp.example", "10.1.2.3", true},
        /* With a rule by address beside it the name is of use. */
        {"*.corp.example:80 10.0.0.0/8:80", "git.corp.example", "10.1.2.3", true},
        {"evil.example:80 127.0.0.1:80", "evil.example", "127.0.0.1", true},
        {"evil.example:80 =127.0.0.1:80", "evil.example", "127.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate_decision d;
        set_rules(cases[i].rules);
        learn(cases[i].name, cases[i].address, 60, 0);
        bool allow = ask(cases[i].address, 80, NET_TCP, 0, &d);
        if (at_16(6) != cases[i].given || heard.n_given != cases[i].given || heard.n_kept_back == heard.n_given ||
            allow != cases[i].given)
            fail_msg("\"%s\": %s is %s: %u given, %u kept back, allow %d", cases[i].rules, cases[i].name,
                     cases[i].address, heard.n_given, heard.n_kept_back, allow);
    }
    char text[NET_ADDRESS_TEXT_MAX];
    set_rules("evil.example:80");
    learn("evil.example", "127.0.0.1 198.51.100.1 10.0.0.1 169.254.169.254", 60, 0);
    assert_int_equal(heard.n_given, 2);
    assert_int_equal(heard.n_kept_back, 2);
    net_address_text(&heard.example, text);
    assert_string_equal(text, "127.0.0.1");

    /* An address learned under rules that do not open it stays closed even when it is remembered. */
    struct gate_decision d;
    set_rules("evil.example:80 127.0.0.1:81");
    learn("evil.example", "127.0.0.1", 60, 0);
    assert_false(ask("127.0.0.1", 80, NET_TCP, 0, &d));
    assert_int_equal(d.reason, GATE_GUARDED);
    assert_true(ask("127.0.0.1", 81, NET_TCP, 0, &d));
}

static void test_answers_to_something_else_are_dropped(void **state)
{
    static const struct {
        const char *label;
        enum spoil how;
        size_t at;
        unsigned value;
    } cases[] = {
        {"another id", SET_16, 0, 0xbeee},
        {"the asker's id", SET_16, 0, 0x1234},
        {"a query", SET_8, 2, 0x01},
        {"another operation", SET_8, 2, 0x91},
        {"no question", SET_16, 4, 0},
        {"two questions", SET_16, 4, 2},
        {"another name", SET_8, 13, 'f'},
        {"a longer label", SET_8, 12, 8},
        {"a name by pointer", SET_16, 12, 0xc00c},
        {"another type", SET_16, 25, AAAA},
        {"another class", SET_16, 27, 3},
        {"empty", CUT, 0, 0},
        {"half a header", CUT, 0, 11},
        {"no question's end", CUT, 0, 28},
    };
    struct bytes good;
    struct gate_decision d;

    (void)state;
    set_rules("*:443");
    assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
    good = make_answer("example.org", A, 0, 1);
    put_address(&good, NULL, 60, "198.51.100.1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (answer(spoil(good, cases[i].how, cases[i].at, cases[i].value), 0) != GATE_DNS_DROP || sent.n ||
            heard.n_given || ask("198.51.100.1", 443, NET_TCP, 0, &d))
            fail_msg("%s: taken", cases[i].label);
    }
    assert_int_equal(answer(good, 0), GATE_DNS_REPLY);
    assert_true(ask("198.51.100.1", 443, NET_TCP, 0, &d));
}

static void test_aliases_are_followed_within_the_answer(void **state)
{
    static const struct {
        const char *label;
        const char *aliases; /* "OWNER>TARGET ..." with "@" for the question */
        const char *owner;   /* of the address */
        unsigned code, given;
    } cases[] = {
        {"none", "", "@", 0, 1},
        {"one", "@>cdn.example", "cdn.example", 0, 1},
        {"in another case", "@>CDN.example", "cdn.EXAMPLE", 0, 1},
        {"in the wrong order", "b.example>c.example @>b.example", "c.example", 0, 1},
        {"that leads nowhere", "@>b.example", "c.example", 0, 0},
        {"that nobody asked for", "x.example>y.example", "y.example", 0, 0},
        {"to itself", "@>@", "c.example", 2, 0},
        {"in a circle", "@>b.example b.example>@", "c.example", 2, 0},
        {"of a name that has an address", "@>b.example", "@", 0, 1},
        {"sixteen",
         "@>b1.x b1.x>b2.x b2.x>b3.x b3.x>b4.x b4.x>b5.x b5.x>b6.x b6.x>b7.x b7.x>b8.x b8.x>b9.x b9.x>c1.x "
         "c1.x>c2.x c2.x>c3.x c3.x>c4.x c4.x>c5.x c5.x>c6.x c6.x>end.x",
         "end.x", 0, 1},
        {"seventeen",
         "@>b1.x b1.x>b2.x b2.x>b3.x b3.x>b4.x b4.x>b5.x b5.x>b6.x b6.x>b7.x b7.x>b8.x b8.x>b9.x "
         "b9.x>c1.x c1.x>c2.x c2.x>c3.x c3.x>c4.x c4.x>c5.x c5.x>c6.x c6.x>c7.x c7.x>end.x",
         "end.x", 2, 0},
    };

    (void)state;
    set_rules("example.org:443");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *next = arena_strdup(&arena, cases[i].aliases);
        assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
        struct bytes b = make_answer("example.org", A, 0, 1);
        for (char *from; (from = strsep(&next, " "));) {
            char *to = strchr(from, '>');
            if (!to)
                continue;
            *to++ = '\0';
            put_cname(&b, strcmp(from, "@") ? from : "example.org", 50, strcmp(to, "@") ? to : "example.org");
            b.v[7]++;
        }
        put_address(&b, strcmp(cases[i].owner, "@") ? cases[i].owner : NULL, 60, "198.51.100.1");
        if (answer(b, 0) != GATE_DNS_REPLY || code() != cases[i].code || heard.n_given != cases[i].given)
            fail_msg("%s: code %u, %u given", cases[i].label, code(), heard.n_given);
    }
    /* The least TTL of the way is that of the address, and the alias is not in the reply. */
    assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
    struct bytes b = make_answer("example.org", A, 0, 2);
    put_cname(&b, NULL, 40, "cdn.example");
    put_address(&b, "cdn.example", 500, "198.51.100.1");
    answer(b, 0);
    assert_int_equal(at_16(6), 1);
    assert_int_equal(at_16(sent.n - 16), 0xc00c);
    assert_int_equal(at_16(sent.n - 8), 40);
}

static void test_answers_that_cannot_be_read_are_failures(void **state)
{
    /* The answer to "example.org" is 29 bytes; its record: owner at 29, type 31, class 33, TTL 35, length 39, data 41,
     * end 45. */
    static const struct {
        const char *label;
        enum spoil how;
        size_t at;
        unsigned value, code, given;
    } cases[] = {
        {"as it should be", NOTHING, 0, 0, 0, 1},
        {"bytes behind", APPEND, 0, 20, 0, 1},
        {"more records counted than there are", SET_16, 6, 2, 2, 0},
        {"65535 records counted", SET_16, 6, 65535, 2, 0},
        {"no record counted", SET_16, 6, 0, 0, 0},
        {"cut in the data", CUT, 0, 44, 2, 0},
        {"cut in the owner", CUT, 0, 30, 2, 0},
        {"cut in the TTL", CUT, 0, 37, 2, 0},
        {"data past the end", SET_16, 39, 5, 2, 0},
        {"a huge length of data", SET_16, 39, 65535, 2, 0},
        {"an address of three bytes", SET_16, 39, 3, 0, 0},
        {"another class", SET_16, 33, 3, 0, 0},
        {"another type", SET_16, 31, AAAA, 0, 0},
        {"an owner by a pointer to itself", SET_16, 29, 0xc01d, 2, 0},
        {"an owner by a pointer forwards", SET_16, 29, 0xc029, 2, 0},
        {"an owner by a pointer past the end", SET_16, 29, 0xffff, 2, 0},
        {"an owner by a pointer into the header", SET_16, 29, 0xc004, 2, 0},
        {"an owner by a pointer into the name", SET_16, 29, 0xc014, 0, 0},
        {"an owner of a reserved kind", SET_16, 29, 0x400c, 2, 0},
        {"longer than a datagram may be", APPEND, 0, GATE_DNS_MAX, 2, 0},
        {"a name that does not exist", SET_8, 3, 0x83, 3, 0},
        {"a failure", SET_8, 3, 0x82, 2, 0},
        {"a refusal", SET_8, 3, 0x85, 2, 0},
        {"an unknown code", SET_8, 3, 0x8f, 2, 0},
        {"cut by the server, with the address", SET_8, 2, 0x83, 0, 1},
    };
    struct gate_decision d;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_rules("example.org:443");
        assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
        struct bytes b = make_answer("example.org", A, 0, 1);
        put_address(&b, NULL, 60, "198.51.100.1");
        b = spoil(b, cases[i].how, cases[i].at, cases[i].value);
        if (answer(b, 0) != GATE_DNS_REPLY || code() != cases[i].code || heard.n_given != cases[i].given ||
            check_reply(cases[i].label) != cases[i].given ||
            ask("198.51.100.1", 443, NET_TCP, 0, &d) != (cases[i].given > 0))
            fail_msg("%s: code %u, %u given", cases[i].label, code(), heard.n_given);
    }
}

static void test_records_that_are_not_what_they_say_are_passed_over_or_failures(void **state)
{
    struct bytes b;

    (void)state;
    set_rules("example.org:443");
    /* An owner that is spelled further behind, in another record's data. */
    assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
    b = make_answer("example.org", A, 0, 2);
    put_address(&b, NULL, 60, "198.51.100.1");
    b.v[30] = (uint8_t)(b.n + 12);
    put_record(&b, NULL, 16, 60, "\7example\3org", 13);
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(code(), 2);

    /* An alias whose data go on behind its name. */
    b = make_answer("example.org", A, 0, 2);
    put_record(&b, NULL, 5, 60, "\1b\0x", 4);
    put_address(&b, "b", 60, "198.51.100.1");
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(code(), 2);

    /* IPv4 in an AAAA record, and one that ends too early. */
    assert_int_equal(query(make_query("example.org", AAAA, 0)), GATE_DNS_FORWARD);
    b = make_answer("example.org", AAAA, 0, 3);
    put_address(&b, NULL, 60, "::ffff:198.51.100.1");
    put_address(&b, NULL, 60, "2001:db8::1");
    put_record(&b, NULL, AAAA, 60, "\x20\x01\x0d\xb8", 4);
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(code(), 0);
    assert_int_equal(heard.n_given, 1);
    assert_int_equal(heard.n_kept_back, 0);
}

static void test_a_cut_answer_is_used_as_far_as_it_goes(void **state)
{
    struct bytes b;

    (void)state;
    set_rules("example.org:443");
    assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
    b = make_answer("example.org", A, 0x0200, 3);
    put_address(&b, NULL, 60, "198.51.100.1");
    put_address(&b, NULL, 60, "198.51.100.2");
    b.n -= 1;
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(heard.n_given, 1);
    assert_int_equal(at_16(2), 0x8180); /* not marked as cut */

    b = make_answer("example.org", A, 0x0200, 0);
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(code(), 2);
}

static void test_pointers_and_records_have_bounds(void **state)
{
    struct bytes b;

    (void)state;
    set_rules("example.org:443");
    /* An owner over `hops` pointers, each to the one before it, the first to the question's name. */
    for (unsigned hops = 1; hops <= 64; hops++) {
        assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
        b = make_answer("example.org", A, 0, 2);
        unsigned first = (unsigned)b.n + 12;
        put_record(&b, NULL, 16, 60, "", 0);
        b.v[b.n - 1] = (uint8_t)(2 * (hops - 1));
        for (unsigned i = 1; i < hops; i++)
            put_16(&b, 0xc000 | (i == 1 ? 12 : first + 2 * (i - 2)));
        put_16(&b, 0xc000 | (hops == 1 ? 12 : first + 2 * (hops - 2)));
        put_32(&b, A << 16 | 1);
        put_32(&b, 60);
        put_16(&b, 4);
        put_32(&b, 0xc6336401);
        assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
        if (heard.n_given != (hops <= 32))
            fail_msg("%u pointers: %u given, code %u", hops, heard.n_given, code());
    }
    /* A name that grows past 255 bytes over pointers: labels of 40 bytes, each ending in the one before. */
    assert_int_equal(query(make_query("example.org", A, 0)), GATE_DNS_FORWARD);
    b = make_answer("example.org", A, 0, 8);
    for (unsigned i = 0, at = 12; i < 8; i++) {
        unsigned here = (unsigned)b.n;
        put_8(&b, 40);
        for (int k = 0; k < 40; k++)
            put_8(&b, 'a');
        put_16(&b, 0xc000 | at);
        put_32(&b, A << 16 | 1);
        put_32(&b, 60);
        put_16(&b, 0);
        at = here;
    }
    assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
    assert_int_equal(code(), 2);
    /* 64 records are looked at, 65 are none. */
    for (unsigned n = 64; n <= 65; n++) {
        set_rules("a.x:443");
        assert_int_equal(query(make_query("a.x", A, 1232)), GATE_DNS_FORWARD);
        b = make_answer("a.x", A, 0, n);
        for (unsigned i = 0; i < n; i++) {
            put_8(&b, 0);
            put_32(&b, A << 16 | 1);
            put_32(&b, 60);
            put_16(&b, 0);
        }
        assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
        assert_int_equal(code(), n == 64 ? 0 : 2);
    }
}

static void test_a_reply_fits_where_it_goes(void **state)
{
    static const struct {
        unsigned edns, type, given;
    } cases[] = {
        {0, A, 30}, {0, AAAA, 17}, {300, A, 29}, {512, AAAA, 16}, {1232, A, 32}, {1232, AAAA, 32}, {65535, AAAA, 32},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_rules("example.org:443");
        assert_int_equal(query(make_query("example.org", cases[i].type, cases[i].edns)), GATE_DNS_FORWARD);
        struct bytes b = make_answer("example.org", cases[i].type, 0, 40);
        for (unsigned k = 0; k < 40; k++) {
            char text[INET6_ADDRSTRLEN];
            snprintf(text, sizeof text, cases[i].type == A ? "198.51.100.%u" : "2001:db8::%x", k);
            put_address(&b, NULL, 60, text);
        }
        assert_int_equal(answer(b, 0), GATE_DNS_REPLY);
        size_t limit = cases[i].edns > 512 ? GATE_DNS_MAX : 512;
        if (at_16(6) != cases[i].given || sent.n > limit || at_16(10) != (cases[i].edns != 0))
            fail_msg("size %u type %u: %u answers in %zu bytes", cases[i].edns, cases[i].type, at_16(6), sent.n);
    }
}

static void test_a_resolver_that_is_silent_is_a_failure(void **state)
{
    (void)state;
    set_rules("example.org:443");
    assert_int_equal(query(make_query("Example.org", A, 1232)), GATE_DNS_FORWARD);
    gate_dns_failed(&question, &sent);
    assert_int_equal(check_reply("silent"), 0);
    assert_int_equal(code(), 2);
    assert_int_equal(at_16(4), 1);
}

static void test_learning_asks_for_every_name_and_forgives_nothing(void **state)
{
    struct gate_decision d;

    (void)state;
    set_rules("");
    gate.learn = true;
    learn("any.example", "10.0.0.1", 60, 0);
    assert_true(question.denied);
    assert_int_equal(heard.n_given, 1);
    assert_false(ask("10.0.0.1", 80, NET_TCP, 0, &d));
    assert_string_equal(d.name, "any.example");
    gate_init(&gate);
    assert_int_equal(query(make_query("any.example", A, 0)), GATE_DNS_REPLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply_is_made_of_addresses_alone),
        cmocka_unit_test(test_an_answer_opens_its_addresses_on_the_ports_of_its_name),
        cmocka_unit_test(test_an_address_of_a_name_has_an_end),
        cmocka_unit_test(test_remembered_addresses_make_room_oldest_first),
        cmocka_unit_test(test_a_name_opens_no_guarded_address),
        cmocka_unit_test(test_answers_to_something_else_are_dropped),
        cmocka_unit_test(test_aliases_are_followed_within_the_answer),
        cmocka_unit_test(test_answers_that_cannot_be_read_are_failures),
        cmocka_unit_test(test_records_that_are_not_what_they_say_are_passed_over_or_failures),
        cmocka_unit_test(test_a_cut_answer_is_used_as_far_as_it_goes),
        cmocka_unit_test(test_pointers_and_records_have_bounds),
        cmocka_unit_test(test_a_reply_fits_where_it_goes),
        cmocka_unit_test(test_a_resolver_that_is_silent_is_a_failure),
        cmocka_unit_test(test_learning_asks_for_every_name_and_forgives_nothing),
    };

    return cmocka_run_group_tests(tests, gate_fixture_start, gate_fixture_end);
}

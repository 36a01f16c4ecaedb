/* SPDX-License-Identifier: Apache-2.0 */
#include "gate_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct gate gate;
struct arena arena;
struct gate_question question;
struct gate_message sent;
struct gate_heard heard;

void set_rules(const char *rules)
{
    char *next = arena_strdup(&arena, rules);

    gate_init(&gate);
    for (char *text; (text = strsep(&next, " "));) {
        struct net_rule rule;
        struct err err = {0};
        bool listen = *text == '=';
        if (!*text)
            continue;
        if (net_rule_parse(&arena, text + listen, &rule, &err) < 0)
            fail_msg("%s: %s", text, err.text);
        rule.listen = listen;
        if (gate_add_rule(&gate, &rule, &err) < 0)
            fail_msg("%s: %s", text, err.text);
    }
}

size_t make_address(const char *text, uint16_t port, union address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof out->v4;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) != 1)
        fail_msg("%s: no address", text);
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    return sizeof out->v6;
}

bool ask(const char *text, uint16_t port, enum net_protocol protocol, int64_t now, struct gate_decision *d)
{
    union address a;
    size_t n = make_address(text, port, &a);

    return gate_verdict_connect(&gate, &a, n, protocol, now, d);
}

/* ---- messages by hand ---------------------------------------------------------------------------------------- */

void put_8(struct bytes *b, unsigned v)
{
    b->v[b->n++] = (uint8_t)v;
}

void put_16(struct bytes *b, unsigned v)
{
    put_8(b, v >> 8);
    put_8(b, v & 0xff);
}

void put_32(struct bytes *b, uint32_t v)
{
    put_16(b, v >> 16);
    put_16(b, v & 0xffff);
}

void put_name(struct bytes *b, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        put_8(b, (unsigned)n);
        for (size_t i = 0; i < n; i++)
            put_8(b, (uint8_t)name[i]);
        name += n + (name[n] == '.');
    }
    put_8(b, 0);
}

void put_header(struct bytes *b, unsigned id, unsigned flags, unsigned questions, unsigned answers,
                unsigned authorities, unsigned additional)
{
    b->n = 0;
    put_16(b, id);
    put_16(b, flags);
    put_16(b, questions);
    put_16(b, answers);
    put_16(b, authorities);
    put_16(b, additional);
}

void put_opt(struct bytes *b, unsigned size, unsigned n_options)
{
    put_8(b, 0);
    put_16(b, 41);
    put_16(b, size);
    put_32(b, 0);
    put_16(b, n_options);
    for (unsigned i = 0; i < n_options; i++)
        put_8(b, 0xee);
}

struct bytes make_query(const char *name, unsigned type, unsigned edns)
{
    struct bytes b;

    put_header(&b, 0x1234, 0x0100, 1, 0, 0, edns != 0);
    put_name(&b, name);
    put_16(&b, type);
    put_16(&b, 1);
    if (edns)
        put_opt(&b, edns, 0);
    return b;
}

struct bytes make_answer(const char *name, unsigned type, unsigned flags, unsigned answers)
{
    struct bytes b;

    put_header(&b, 0xbeef, 0x8180 | flags, 1, answers, 0, 0);
    put_name(&b, name);
    put_16(&b, type);
    put_16(&b, 1);
    return b;
}

void put_record(struct bytes *b, const char *owner, unsigned type, uint32_t ttl, const void *data, unsigned n)
{
    if (owner)
        put_name(b, owner);
    else
        put_16(b, 0xc00c);
    put_16(b, type);
    put_16(b, 1);
    put_32(b, ttl);
    put_16(b, n);
    for (unsigned i = 0; i < n; i++)
        put_8(b, ((const uint8_t *)data)[i]);
}

void put_address(struct bytes *b, const char *owner, uint32_t ttl, const char *address)
{
    uint8_t raw[16];
    bool v4 = inet_pton(AF_INET, address, raw) == 1;

    if (!v4)
        assert_int_equal(inet_pton(AF_INET6, address, raw), 1);
    put_record(b, owner, v4 ? A : AAAA, ttl, raw, v4 ? 4 : 16);
}

void put_cname(struct bytes *b, const char *owner, uint32_t ttl, const char *target)
{
    struct bytes name = {0};

    put_name(&name, target);
    put_record(b, owner, 5, ttl, name.v, (unsigned)name.n);
}

/* Of just that length: reading past it is seen by the sanitizer. */
static uint8_t *copy_of(const struct bytes *b)
{
    uint8_t *copy = malloc(b->n ? b->n : 1); /* cmocka's own would have room behind it */

    assert_non_null(copy);
    memcpy(copy, b->v, b->n);
    return copy;
}

enum gate_dns_act query(struct bytes b)
{
    uint8_t *copy = copy_of(&b);

    memset(&sent, 0x55, sizeof sent);
    enum gate_dns_act act = gate_dns_query(&gate, copy, b.n, 0xbeef, &question, &sent);
    free(copy);
    return act;
}

enum gate_dns_act answer(struct bytes b, int64_t now)
{
    uint8_t *copy = copy_of(&b);

    memset(&sent, 0x55, sizeof sent);
    enum gate_dns_act act = gate_dns_answer(&gate, &question, copy, b.n, now, &sent, &heard);
    free(copy);
    return act;
}

unsigned at_16(size_t at)
{
    assert_in_range(at + 2, 0, sent.n);
    return (unsigned)(sent.bytes[at] << 8 | sent.bytes[at + 1]);
}

unsigned code(void)
{
    return at_16(2) & 0xf;
}

unsigned check_reply(const char *label)
{
    if (sent.n < 12 || at_16(0) != 0x1234 || (at_16(2) & 0xfff0) != 0x8180 || at_16(8) != 0)
        fail_msg("%s: %zu bytes, id %04x, flags %04x", label, sent.n, at_16(0), at_16(2));
    return at_16(6);
}

void learn(const char *name, const char *addresses, uint32_t ttl, int64_t now)
{
    char *next = arena_strdup(&arena, addresses);
    bool v6 = strchr(addresses, ':');

    assert_int_equal(query(make_query(name, v6 ? AAAA : A, 0)), GATE_DNS_FORWARD);
    struct bytes b = make_answer(name, v6 ? AAAA : A, 0, 0);
    for (char *one; (one = strsep(&next, " "));) {
        put_address(&b, NULL, ttl, one);
        b.v[7]++;
    }
    assert_int_equal(answer(b, now), GATE_DNS_REPLY);
    assert_int_equal(code(), 0);
}

struct bytes spoil(struct bytes b, enum spoil how, size_t at, unsigned value)
{
    switch (how) {
    case NOTHING:
        break;
    case CUT:
        b.n = value;
        break;
    case SET_8:
        b.v[at] = (uint8_t)value;
        break;
    case SET_16:
        b.v[at] = (uint8_t)(value >> 8);
        b.v[at + 1] = (uint8_t)value;
        break;
    case APPEND:
        while (value--)
            put_8(&b, 0);
        break;
    case APPEND_OPT:
        put_opt(&b, 1232, value);
        break;
    case LONG_NAME:
    case LONG_NAME_LESS:
        b.n = 12;
        for (unsigned i = 0; i < (how == LONG_NAME ? value : 3); i++) {
            put_8(&b, 63);
            for (int k = 0; k < 63; k++)
                put_8(&b, 'a');
        }
        if (how == LONG_NAME_LESS) {
            put_8(&b, value);
            for (unsigned k = 0; k < value; k++)
                put_8(&b, 'b');
        }
        put_8(&b, 0);
        put_32(&b, A << 16 | 1);
        break;
    }
    return b;
}

int gate_fixture_start(void **state)
{
    (void)state;
    return arena_init(&arena, 16 << 20);
}

int gate_fixture_end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

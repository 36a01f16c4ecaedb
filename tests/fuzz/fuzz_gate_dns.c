/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query from the target, and an answer to it from the network. Input: two bytes of length, the query, the answer;
 * with the top bit of the length set, the answer's id and question are made to fit, since no fuzzer guesses them. What
 * the gate sends must be whole and within bounds, and an address that it opens must be one that a rule opens.
 */
#include "net/gate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID 0xa5c3

static struct gate gate;

static void set_rules(void)
{
    static const struct net_rule rules[] = {
        {"a.example", 443, 443, NET_TCP, false},
        {"*.b.example", 0, 65535, NET_TCP | NET_UDP, false},
        {"10.0.0.0/8", 22, 22, NET_TCP, false},
        {"127.0.0.1", 80, 80, NET_TCP, true},
    };
    struct err err;

    gate_init(&gate);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (gate_add_rule(&gate, &rules[i], &err) < 0)
            abort();
}

static bool is_allowed(const char *name)
{
    static const char end[] = ".b.example";
    size_t n = strlen(name);

    return !strcmp(name, "a.example") || (n > sizeof end - 1 && !strcmp(name + n - (sizeof end - 1), end));
}

static unsigned at_16(const struct gate_message *m, size_t at)
{
    return (unsigned)(m->bytes[at] << 8 | m->bytes[at + 1]);
}

/* A reply of ours: the asker's id, and the records that it counts, whole. */
static void check_reply(const struct gate_message *m, const struct gate_question *q)
{
    size_t at = 12;

    if (m->n < 12 || m->n > (q->room > GATE_DNS_MAX ? GATE_DNS_MAX : q->room) || at_16(m, 0) != q->client_id ||
        !(m->bytes[2] & 0x80) || at_16(m, 4) != (q->n_wire > 0) || at_16(m, 8) || at_16(m, 10) > 1)
        abort();
    at += at_16(m, 4) ? q->n_wire + 4u : 0;
    for (unsigned i = at_16(m, 6); i; i--) {
        if (at + 12 > m->n || at_16(m, at) != 0xc00c || at_16(m, at + 2) != q->type)
            abort();
        at += 12 + at_16(m, at + 10);
    }
    if (at_16(m, 10)) {
        if (at + 11 > m->n || at_16(m, at + 1) != 41)
            abort();
        at += 11 + at_16(m, at + 9);
    }
    if (at != m->n)
        abort();
}

static void check_opened(const struct gate_question *q)
{
    for (uint32_t i = 0; i < gate.n_known; i++) {
        const struct gate_known *k = &gate.known[i];
        struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
        struct gate_decision d;
        if (strcmp(k->name, q->name) != 0 || !is_allowed(k->name) || k->until < k->since + GATE_LIFE_MIN ||
            k->until > k->since + GATE_LIFE_MAX)
            abort();
        if (k->address.bits == 32) {
            memcpy(to.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
            memcpy(to.sin6_addr.s6_addr + 12, k->address.bytes, 4);
        } else {
            memcpy(to.sin6_addr.s6_addr, k->address.bytes, 16);
        }
        bool allow = gate_verdict_connect(&gate, &to, sizeof to, NET_TCP, k->since, &d);
        if (allow && k->address.bits == 32 &&
            (k->address.bytes[0] == 127 || !memcmp(k->address.bytes, "\xa9\xfe\xa9\xfe", 4)))
            abort();
        if (!allow) {
            char text[NET_RULE_TEXT_MAX];
            gate_would_allow(&d, text);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gate_question q;
    struct gate_message out;
    struct gate_heard heard;
    char text[NET_RULE_TEXT_MAX];

    if (size < 2)
        return 0;
    size_t first = (size_t)(data[0] & 0x7f) << 8 | data[1];
    bool fit = data[0] & 0x80;
    data += 2;
    size -= 2;
    if (first > size)
        first = size;
    /* Copies of just their length: reading past one is seen. */
    uint8_t *query = malloc(first ? first : 1), *answer;
    if (!query)
        abort();
    memcpy(query, data, first);
    set_rules();
    enum gate_dns_act act = gate_dns_query(&gate, query, first, ID, &q, &out);
    free(query);
    if (strlen(q.name) > NET_NAME_MAX || (q.name[0] && !net_name_valid(q.name, strlen(q.name))))
        abort();
    gate_dns_would_allow(&q, text);
    if (act == GATE_DNS_DROP && out.n)
        abort();
    if (act == GATE_DNS_REPLY)
        check_reply(&out, &q);
    if (act != GATE_DNS_FORWARD)
        return 0;
    if (!is_allowed(q.name) || q.denied || out.n > GATE_DNS_MAX || at_16(&out, 0) != ID || at_16(&out, 4) != 1)
        abort();

    size_t head = out.n - 11; /* without the OPT record */
    size -= first;
    if (!(answer = malloc(size ? size : 1)))
        abort();
    memcpy(answer, data + first, size);
    if (fit && size >= head) {
        memcpy(answer, out.bytes, 2);
        memcpy(answer + 4, out.bytes + 4, 2);
        memcpy(answer + 12, out.bytes + 12, head - 12);
    }
    act = gate_dns_answer(&gate, &q, answer, size, 1000, &out, &heard);
    free(answer);
    if (act == GATE_DNS_FORWARD || (act == GATE_DNS_DROP && (out.n || gate.n_known)) || heard.n_given > 32 ||
        gate.n_known > heard.n_given)
        abort();
    if (act == GATE_DNS_REPLY)
        check_reply(&out, &q);
    check_opened(&q);
    gate_dns_failed(&q, &out);
    check_reply(&out, &q);
    return 0;
}

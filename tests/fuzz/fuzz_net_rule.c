/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a network rule: what is taken comes back as the same rule, has one spelling, and the gate takes it. A
 * socket address from the same bytes is judged under it: what is refused is allowed under the rule that the gate then
 * names. */
#include "net/gate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gate gate;

static void judge(const uint8_t *address, size_t n, struct arena *a)
{
    struct gate_decision d, again;
    char text[NET_RULE_TEXT_MAX];
    struct net_rule rule;
    struct err err;

    if (gate_verdict_connect(&gate, address, n, NET_TCP, 0, &d)) {
        if (!d.rule || d.errno_value || !d.to_length || d.to_length > n)
            abort();
        return;
    }
    if (d.rule || d.errno_value <= 0 || d.reason == GATE_BY_RULE)
        abort();
    gate_would_allow(&d, text);
    if (!text[0])
        return;
    if (net_rule_parse(a, text, &rule, &err) < 0 || gate_add_rule(&gate, &rule, &err) < 0 ||
        !gate_verdict_connect(&gate, address, n, NET_TCP, 0, &again))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_rule rule, again;
    char text[NET_RULE_TEXT_MAX], twice[NET_RULE_TEXT_MAX];
    struct err err = {0};
    struct arena a;

    if (size > 4096 || arena_init(&a, 1 << 16) < 0)
        return 0;
    /* The text, a NUL, and the address. */
    const uint8_t *end = memchr(data, 0, size);
    size_t n = end ? (size_t)(end - data) : size;
    char *copy = malloc(n + 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    copy[n] = '\0';
    gate_init(&gate);
    if (net_rule_parse(&a, copy, &rule, &err) < 0) {
        if (!err.text[0] || strchr(err.text, '\n'))
            abort();
    } else {
        net_rule_text(&rule, text);
        if (!text[0] || net_rule_parse(&a, text, &again, &err) < 0 || strcmp(again.host, rule.host) ||
            again.first != rule.first || again.last != rule.last || again.protocols != rule.protocols)
            abort();
        net_rule_text(&again, twice);
        if (strcmp(text, twice) || gate_add_rule(&gate, &rule, &err) < 0)
            abort();
    }
    free(copy);
    size_t rest = end ? size - n - 1 : 0;
    uint8_t *address = malloc(rest ? rest : 1);
    if (!address)
        abort();
    if (rest)
        memcpy(address, end + 1, rest);
    judge(address, rest, &a);
    free(address);
    arena_free(&a);
    return 0;
}

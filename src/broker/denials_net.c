/* SPDX-License-Identifier: Apache-2.0 */
/* Denials about addresses and names, and in learn mode their uses, in words (docs/schema/denial.schema.json). */
#include "broker/report.h"
#include "net/gate.h"
#include "policy/net_rule.h"

#include <stdio.h>
#include <string.h>

/* In the order of enum gate_reason. */
static const char *const reasons[] = {"rule", "no-rule", "guarded", "address", "scope", "protocol"};

static const char *protocol_text(const struct gate_decision *d)
{
    return d->protocol == NET_UDP ? "udp" : "tcp";
}

static void put_address(struct json_writer *w, const struct gate_decision *d, const char *address)
{
    if (d->address.bits) {
        json_string(w, "address", address);
        json_uint(w, "port", d->port);
    }
    json_string(w, "protocol", protocol_text(d));
    if (d->name[0])
        json_string(w, "name", d->name);
    json_bool(w, "listens", d->listen);
}

/* Whether a rule for any name has its port, and it is an address that no name was looked up for. */
static bool names_alone(const struct broker *b, const struct gate_decision *d)
{
    if (d->name[0] || d->reason != GATE_NO_RULE)
        return false;
    for (uint32_t i = 0; i < b->rules.n_net; i++) {
        const struct net_rule *r = &b->rules.net[i];
        if (!strcmp(r->host, "*") && !r->listen && r->protocols & d->protocol && d->port >= r->first &&
            d->port <= r->last)
            return true;
    }
    return false;
}

void denial_address(struct broker *b, const struct call *c, const struct gate_decision *d)
{
    char address[NET_ADDRESS_TEXT_MAX] = "", allow[NET_RULE_TEXT_MAX], what[NET_ADDRESS_TEXT_MAX + 32];
    struct asker who;

    if (d->address.bits)
        net_address_text(&d->address, address);
    snprintf(what, sizeof what, d->address.bits == 128 ? "[%s]:%u/%s" : "%s:%u/%s", address[0] ? address : "an address",
             d->port, protocol_text(d));
    if (!report_is_new("denied", c->row->name, what, d->reason))
        return;
    report_asker(b, c, &who);
    gate_would_allow(d, allow);
    if (d->allow)
        allow[0] = '\0';
    struct json_writer *w = report_begin();
    json_string(w, "denied", c->row->name);
    put_address(w, d, address);
    json_string(w, "why", d->allow ? "unsupported" : reasons[d->reason]);
    if (allow[0] && !d->listen)
        json_string(w, "allow", allow);
    report_end(b, &who);
    if (d->allow) /* a message with an address, of a socket that was never connected */
        report_line(b, &who, c->row->service->deed, what,
                    "a rule allows it, but datagrams with an address of their own are not passed on: connect(2) the "
                    "socket first");
    else if (allow[0] && !d->listen)
        report_line(b, &who, c->row->service->deed, what, "%s: --allow-net %s would allow it",
                    names_alone(b, d) ? "the rule for \"*\" is for names that were looked up"
                                      : gate_reason_text(d->reason),
                    allow);
    else
        report_line(b, &who, c->row->service->deed, what, "%s", gate_reason_text(d->reason));
}

void denial_name(struct broker *b, const struct gate_question *q)
{
    static const struct asker nobody = {.program = "?"};
    char allow[NET_RULE_TEXT_MAX];

    if (!report_is_new("denied", "resolve", q->name, 0))
        return;
    gate_dns_would_allow(q, allow);
    struct json_writer *w = report_begin();
    json_string(w, "denied", "resolve");
    json_string(w, "name", q->name);
    json_string(w, "why", "no-rule");
    if (allow[0])
        json_string(w, "allow", allow);
    report_end(b, &nobody);
    report_line(b, &nobody, "look up the name", q->name, "no rule names it%s%s%s", *allow ? ": --allow-net " : "",
                allow, *allow ? " would allow it" : "");
}

/* These two each time: what a name is looked up for, the next connect(2) of the same process says. */
void learned_address(struct broker *b, const struct call *c, const struct gate_decision *d)
{
    char address[NET_ADDRESS_TEXT_MAX] = "";
    struct net_rule rule = {
        .host = address, .first = d->port, .last = d->port, .protocols = (uint8_t)d->protocol, .listen = d->listen};
    char allow[NET_RULE_TEXT_MAX];
    struct asker who;

    if (!d->address.bits)
        return;
    net_address_text(&d->address, address);
    net_rule_text(&rule, allow);
    if (!allow[0])
        return;
    report_asker(b, c, &who);
    struct json_writer *w = report_begin();
    json_string(w, "learn", c->row->name);
    json_string(w, "allow", allow);
    put_address(w, d, address);
    report_end(b, &who);
}

void learned_name(struct broker *b, const struct call *c, const char *name)
{
    struct asker who;

    report_asker(b, c, &who);
    struct json_writer *w = report_begin();
    json_string(w, "learn", c->row->name);
    json_string(w, "name", name);
    report_end(b, &who);
}

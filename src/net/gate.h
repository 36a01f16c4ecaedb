/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: the one place that decides what of the network a sandbox reaches. Pure decisions over a copy that the
 * caller made: no sockets, no clock, no allocation; everything lies in struct gate. Default deny.
 *
 * Life: gate_init() -> gate_add_rule() for each rule -> then, in any order and for as long as the sandbox lives:
 * gate_verdict_connect() and gate_verdict_bind() for each call, gate_dns_query() for each datagram that comes to the
 * name service, gate_dns_answer() for what the host's resolver says. One thread.
 *
 * Addresses of names: an address that an answer gave for an allowed name is remembered with that name for as long as
 * the answer's TTL says, but 30 seconds to one hour; connects to it are judged by the rules of that name.
 *
 * Guarded ranges (table in gate.c): 0.0.0.0/8, loopback, link-local, multicast, broadcast, the addresses of cloud
 * metadata services, IPv6 forms that carry an IPv4 address, and private networks. Only a rule that lies wholly inside
 * the smallest guarded range around an address opens it: 127.0.0.1 and 127.0.0.0/8 open 127.0.0.1, 0.0.0.0/0 does not;
 * 169.254.0.0/16 opens link-local but 169.254.169.254, which is a range of its own. A name never opens one, whatever it
 * resolves to, which is what ends DNS rebinding; but an exact name may mean a private address ("*." and "*" may not).
 *
 * Trust: addresses and queries are the target's, answers are the network's; both are hostile. Rules are the user's.
 */
#ifndef MOAT_NET_GATE_H
#define MOAT_NET_GATE_H

#include "base/err.h"
#include "policy/net_host.h"
#include "policy/net_rule.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define GATE_RULES_MAX 4096
#define GATE_KNOWN_MAX 512  /* remembered addresses; the oldest makes room */
#define GATE_DNS_MAX   1232 /* bytes of a message that the gate takes or makes: no fragments */
#define GATE_LIFE_MIN  30000
#define GATE_LIFE_MAX  3600000 /* milliseconds */

struct gate_rule {
    struct net_rule rule;
    struct net_host host;
};

struct gate_known {
    struct net_address address;
    char name[NET_NAME_MAX + 1];
    int64_t since, until; /* milliseconds of the caller's clock */
};

/* Some 350 KiB, of which only what is used is touched: keep it static. */
struct gate {
    /* Set by the caller after gate_init(), to see what a program does: every name is asked for and every address handed
     * on and remembered. Verdicts stay those of the rules. */
    bool learn;
    uint32_t n_rules, n_known;
    struct gate_rule rules[GATE_RULES_MAX];
    struct gate_known known[GATE_KNOWN_MAX];
};

void gate_init(struct gate *g);

/* Copies the rule but borrows its host text, which must outlive the gate. -EINVAL: not a rule (net_rule_check());
 * -ENOSPC: more than GATE_RULES_MAX. */
int gate_add_rule(struct gate *g, const struct net_rule *rule, struct err *err);

/* ---- connect, sendto, bind ----------------------------------------------------------------------------------- */

enum gate_reason {
    GATE_BY_RULE,  /* allowed: `rule` says so */
    GATE_NO_RULE,  /* no rule reaches it */
    GATE_GUARDED,  /* a rule reaches it, but the address is in a guarded range that the rule does not name */
    GATE_ADDRESS,  /* not an IPv4 or IPv6 address, or of a wrong length */
    GATE_SCOPE,    /* an IPv6 scope id: the interface would be one of the host's */
    GATE_PROTOCOL, /* not exactly one of NET_TCP and NET_UDP */
};

struct gate_decision {
    bool allow;
    enum gate_reason reason;
    int errno_value;             /* what a refused call fails with, positive; 0 when allowed */
    const struct net_rule *rule; /* the rule that allows; NULL */
    /* What was asked, rebuilt from the checked copy: use this and never the target's bytes. The family is the one that
     * was asked for, so that ::ffff:192.0.2.1 goes to an IPv6 socket. */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    socklen_t to_length; /* 0 when there was no address to read */
    struct net_address address;
    uint16_t port;
    enum net_protocol protocol;
    bool listen;
    char name[NET_NAME_MAX + 1]; /* the allowed name that the address was given for; "" when for none */
};

/* Judges a copy of a socket address (any alignment, length as the target gave it, no more bytes than that are read).
 * Lengths as the kernel takes them: at least the family's structure, at most struct sockaddr_storage; what lies behind
 * the structure is ignored. Returns out->allow. sendto(2) and sendmsg(2) with an address are connects. */
bool gate_verdict_connect(const struct gate *g, const void *copied, size_t length, enum net_protocol protocol,
                          int64_t now_ms, struct gate_decision *out);
/* Rules with `listen` only. Port 0 (any free one) needs a rule for any port. "::" is judged as IPv6 alone: the caller
 * sets IPV6_V6ONLY. */
bool gate_verdict_bind(const struct gate *g, const void *copied, size_t length, enum net_protocol protocol,
                       struct gate_decision *out);

/* The rule that would allow what was refused, as a user writes it ("api.example.org:443", "192.0.2.1:53/udp"); "" where
 * no rule can. */
void gate_would_allow(const struct gate_decision *d, char out[NET_RULE_TEXT_MAX]);
/* "no rule allows it" and the like: the end of a sentence, never NULL. */
const char *gate_reason_text(enum gate_reason reason);

/* ---- names --------------------------------------------------------------------------------------------------- */

/*
 * A denied name gets NXDOMAIN (with the extended error "blocked", RFC 8914, where the query had EDNS) and not REFUSED:
 * musl ignores REFUSED and waits until its time is up, glibc asks again and reports a temporary failure. Types other
 * than A and AAAA of an allowed name (HTTPS, SVCB, MX ...) get an empty answer: their records name places to go to that
 * nobody has judged.
 */
enum gate_dns_act {
    GATE_DNS_DROP,    /* nothing to send */
    GATE_DNS_REPLY,   /* out goes back to who asked */
    GATE_DNS_FORWARD, /* out goes to the host's resolver; keep the question until gate_dns_answer() or a time limit */
};

struct gate_message {
    size_t n;
    uint8_t bytes[GATE_DNS_MAX];
};

struct gate_question {
    char name[NET_NAME_MAX + 1]; /* lower case; "" when the query could not be read so far */
    uint16_t type;               /* 1 A, 28 AAAA ... */
    bool denied;                 /* no rule has the name: worth a report */
    /* The gate's own: how to answer. */
    uint16_t client_id, upstream_id;
    uint16_t room; /* bytes that the asker takes */
    bool edns, recursion;
    uint8_t n_wire;    /* 0: there is no question to repeat */
    uint8_t wire[255]; /* the name as it was spelled */
};

/* One datagram from the target. fresh_id: unpredictable, for the query to the resolver; so should that socket's port
 * be, and it should be connected, since the gate does not see who answers. */
enum gate_dns_act gate_dns_query(const struct gate *g, const uint8_t *query, size_t n, uint16_t fresh_id,
                                 struct gate_question *q, struct gate_message *out);

struct gate_heard {
    uint32_t n_given;           /* addresses in the reply, and remembered */
    uint32_t n_kept_back;       /* addresses that no rule would let it connect to (guarded) */
    struct net_address example; /* one that was kept back */
};

/* One datagram from the resolver. GATE_DNS_DROP: not the answer to q (another id or question): go on waiting.
 * GATE_DNS_REPLY: out is the answer, made anew from checked addresses; what could not be read is SERVFAIL. heard may be
 * NULL. */
enum gate_dns_act gate_dns_answer(struct gate *g, const struct gate_question *q, const uint8_t *answer, size_t n,
                                  int64_t now_ms, struct gate_message *out, struct gate_heard *heard);

/* SERVFAIL: the resolver did not answer in time, or there is none. */
void gate_dns_failed(const struct gate_question *q, struct gate_message *out);

/* The rule that would let a denied name be asked for and connected to: "NAME:*" (the port is not known yet). "" where
 * no rule can, as for "localhost". */
void gate_dns_would_allow(const struct gate_question *q, char out[NET_RULE_TEXT_MAX]);

#endif

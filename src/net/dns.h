/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages, as far as the gate needs them (RFC 1035, 6891, 8914): a query of one question is read and written, an
 * answer is read into addresses, and a reply is written from addresses. Pure: what is right and what is wrong with
 * bytes, not who may ask for what. Private to net.
 */
#ifndef MOAT_NET_DNS_H
#define MOAT_NET_DNS_H

#include "net/gate.h"

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_OPT = 41 };
enum dns_code {
    DNS_NOERROR,
    DNS_FORMERR,
    DNS_SERVFAIL,
    DNS_NXDOMAIN,
    DNS_NOTIMP,
    DNS_REFUSED,
};
#define DNS_DROP (-1) /* in the place of a code: no answer to give, or not the answer to our question */

#define DNS_ADDRESSES_MAX 32

struct dns_addresses {
    uint32_t n;
    uint32_t ttl; /* seconds: the least of the records that led there */
    struct net_address v[DNS_ADDRESSES_MAX];
};

/* A query: one question, class IN, no compression, one OPT record or none, nothing behind it. DNS_NOERROR: *q is whole,
 * but for `denied` and `upstream_id`, and q->name is "" when it is no name that a rule could have. Another code: the
 * answer to give; DNS_DROP: too short for that, or itself an answer. */
int dns_query_read(const uint8_t *m, size_t n, struct gate_question *q);
/* The query for the resolver, from nothing but the name, the type and upstream_id. */
void dns_query_write(const struct gate_question *q, struct gate_message *out);

/* DNS_NOERROR: the addresses of q's type (perhaps none) that the answer leads to. DNS_DROP, DNS_NXDOMAIN, DNS_SERVFAIL.
 */
int dns_answer_read(const struct gate_question *q, const uint8_t *m, size_t n, struct dns_addresses *out);
/* The reply for who asked: as many of the addresses as it has room for. `blocked` adds the extended error that says so,
 * where the asker can read it. */
void dns_reply_write(const struct gate_question *q, enum dns_code code, const struct dns_addresses *addresses,
                     bool blocked, struct gate_message *out);

#endif

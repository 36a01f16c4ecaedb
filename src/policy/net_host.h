/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host part of a network rule: a name, a pattern of names, an address or a prefix of addresses; from text to the
 * form that is compared, and back. Names are in lower case; net_host_text() gives the one spelling of each host:
 * addresses in the shortest form (RFC 5952), IPv4 as four plain decimals. Pure; allocates nothing.
 */
#ifndef MOAT_POLICY_NET_HOST_H
#define MOAT_POLICY_NET_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_NAME_MAX      253 /* of a host name as text, without a final dot (RFC 1035, 255 bytes on the wire) */
#define NET_LABEL_MAX     63
#define NET_HOST_TEXT_MAX (NET_NAME_MAX + 2 + 1)

struct net_address {
    uint8_t bits;      /* 32: IPv4, in the first four bytes; 128: IPv6; 0: none */
    uint8_t bytes[16]; /* network order; what is not used is 0 */
};

enum net_host_kind {
    NET_HOST_NAME,    /* this name alone */
    NET_HOST_BELOW,   /* "*.example.org": every name below, at any depth; not example.org itself */
    NET_HOST_ANY,     /* "*": every name */
    NET_HOST_ADDRESS, /* one address, or those that share the first `prefix` bits */
};

struct net_host {
    enum net_host_kind kind;
    struct net_address address; /* NET_HOST_ADDRESS */
    uint8_t prefix;             /* NET_HOST_ADDRESS: address.bits for one address */
    const char *name;           /* NET_HOST_NAME, NET_HOST_BELOW (without "*."): in the text that was given */
};

/* NULL, or what is wrong with text, as a sentence without its end. `out` borrows text, and is whole on success only. */
const char *net_host_read(const char *text, struct net_host *out);
/* Without brackets around IPv6. Reading it gives the same host. */
void net_host_text(const struct net_host *host, char out[NET_HOST_TEXT_MAX]);

/* Letters, digits, '-' and '_' in labels of 1 to 63 bytes, lower case; no number as the last label, since that would be
 * read as an address somewhere. */
bool net_name_valid(const char *name, size_t n);

/* The name matches by equality, by "*." or by "*"; never an address. */
bool net_host_matches_name(const struct net_host *host, const char *name);
/* The address is of the same family and shares the prefix. */
bool net_host_matches_address(const struct net_host *host, const struct net_address *address);

/* IPv4 in IPv6 (::ffff:a.b.c.d) becomes IPv4: both reach the same place. */
struct net_address net_address_v4(const uint8_t bytes[4]);
struct net_address net_address_v6(const uint8_t bytes[16]);
bool net_address_equal(const struct net_address *a, const struct net_address *b);

#define NET_ADDRESS_TEXT_MAX 46
void net_address_text(const struct net_address *address, char out[NET_ADDRESS_TEXT_MAX]);

#endif

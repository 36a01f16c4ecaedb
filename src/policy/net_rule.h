/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of network rules: HOST:PORT[-PORT][/PROTOCOL].
 *
 *   HOST      example.org, *.example.org (names below, at any depth), * (any name), 192.0.2.7, 10.0.0.0/8,
 *             [2001:db8::1], [2001:db8::/32]
 *   PORT      1 to 65535, FIRST-LAST, or * for any
 *   PROTOCOL  tcp (the default), udp, tcp+udp
 *
 * There is no default port: what may be reached is written out.
 */
#ifndef MOAT_POLICY_NET_RULE_H
#define MOAT_POLICY_NET_RULE_H

#include "policy/net_host.h"
#include "policy/policy.h"

#define NET_RULE_TEXT_MAX (NET_HOST_TEXT_MAX + 2 + 12 + 8)

/* The whole of *out is set (listen: false); its host is in the arena, in the one spelling of net_host_text(). -EINVAL
 * says what is wrong and the form, but not the text: the caller says where it stood. -ENOMEM. */
int net_rule_parse(struct arena *a, const char *text, struct net_rule *out, struct err *err);

/* A rule of whatever source: a host, ports in order, a protocol, and no name to listen on. */
int net_rule_check(const struct net_rule *rule, struct err *err);

/* net_rule_parse() gives the same rule back (but for listen). Of a rule that net_rule_check() refuses: "". */
void net_rule_text(const struct net_rule *rule, char out[NET_RULE_TEXT_MAX]);

#endif

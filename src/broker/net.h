/* SPDX-License-Identifier: Apache-2.0 */
/* Private: calls on addresses, and the name service; both by the words of net/gate.h. */
#ifndef MOAT_BROKER_NET_H
#define MOAT_BROKER_NET_H

#include "broker/broker.h"

#include <poll.h>

#define NET_POLL_MAX 200

/* What the network part waits for beside the listener, and for how long at most (-1: for ever). */
unsigned net_poll(struct broker *b, struct pollfd *fds, int *timeout);
void net_events(struct broker *b, const struct pollfd *fds, unsigned n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net.h"

#include "broker/services.h"

unsigned net_poll(struct broker *b, struct pollfd *fds, int *timeout)
{
    *timeout = -1;
    return 0;
}

void net_events(struct broker *b, const struct pollfd *fds, unsigned n)
{
}

static int serve_none(struct broker *b, struct call *c)
{
    c->answer = ANSWER_CONTINUE;
    return 0;
}
#define NONE .network = true, .serve = serve_none
const struct service service_bind = {NONE}, service_connect = {NONE}, service_listen = {NONE}, service_sendto = {NONE},
                     service_sendmsg = {NONE}, service_sendmmsg = {NONE};

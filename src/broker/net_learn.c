/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learn mode: which names a program looks up, read from what it sends to a name server. A copy is read, and the call
 * goes on as it is. What is no question of that form is told by nobody; programs that ask in another way (DNS over TLS,
 * a daemon's socket) are then known by their addresses alone.
 */
#include "broker/net.h"
#include "broker/report.h"
#include "broker/services.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define NAME_PORT    53
#define QUESTION_MAX 512
#define MESSAGES_MAX 4 /* of one sendmmsg(2): A and AAAA of a name, and more */

static bool is_name_port(const struct sockaddr *a, socklen_t n)
{
    return (a->sa_family == AF_INET && n >= sizeof(struct sockaddr_in) &&
            ((const struct sockaddr_in *)a)->sin_port == htons(NAME_PORT)) ||
           (a->sa_family == AF_INET6 && n >= sizeof(struct sockaddr_in6) &&
            ((const struct sockaddr_in6 *)a)->sin6_port == htons(NAME_PORT));
}

/* Whether it goes to a name server: by its own address, or by the socket's. */
static bool goes_to_names(const struct broker *b, const struct call *c, uint64_t address, uint64_t length)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    struct net_said said;
    struct net_socket s;

    if (address)
        return net_address_read(c, address, length, &said) == 0 && is_name_port(&said.u.any, said.length);
    if (net_socket_get(b, c, &s) < 0)
        return false;
    bool names = net_is_internet(&s) && (s.type & 0xf) == SOCK_DGRAM &&
                 getpeername(s.fd, (struct sockaddr *)&peer, &n) == 0 && is_name_port((struct sockaddr *)&peer, n);
    fd_drop(&s.fd);
    return names;
}

static void tell_question(struct broker *b, const struct call *c, uint64_t from, uint64_t length)
{
    uint8_t bytes[QUESTION_MAX];
    struct gate_message ignored;
    struct gate_question q;

    if (length > sizeof bytes || target_read(c, bytes, from, length) < 0)
        return;
    gate_dns_query(&net_gate, bytes, length, 0, &q, &ignored);
    if (q.name[0])
        learned_name(b, c, q.name);
}

static void tell_message(struct broker *b, const struct call *c, const struct msghdr *m)
{
    struct iovec first;

    if (m->msg_iovlen == 1 && target_read(c, &first, (uint64_t)(uintptr_t)m->msg_iov, sizeof first) == 0 &&
        goes_to_names(b, c, (uint64_t)(uintptr_t)m->msg_name, m->msg_name ? (uint32_t)m->msg_namelen : 0))
        tell_question(b, c, (uint64_t)(uintptr_t)first.iov_base, first.iov_len);
}

void net_learn_names(struct broker *b, const struct call *c)
{
    struct mmsghdr many[MESSAGES_MAX] = {0};
    uint64_t count = 1, at = call_arg(c, 1);
    bool several = c->row->service == &service_sendmmsg;

    if (c->row->service == &service_sendto) {
        if (call_arg(c, 2) <= QUESTION_MAX && goes_to_names(b, c, call_arg(c, 4), call_arg(c, 5) & 0xffffffff))
            tell_question(b, c, at, call_arg(c, 2));
        return;
    }
    if (several)
        count = (uint32_t)call_arg(c, 2);
    for (uint64_t i = 0; i < count && i < MESSAGES_MAX; i++)
        if (target_read(c, &many[i].msg_hdr, at + i * sizeof many[0], sizeof many[0].msg_hdr) == 0)
            tell_message(b, c, &many[i].msg_hdr);
}

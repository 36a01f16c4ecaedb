/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name service: datagrams that come to 127.0.0.1:53 of the target's network namespace. The gate says whether a name
 * may be asked for, makes the query that goes to the host's resolver, and makes the answer anew; each query goes out
 * from a socket of its own, so from a fresh port, and is connected, so nobody else can answer it.
 */
#include "base/clock.h"
#include "broker/net.h"
#include "broker/report.h"
#include "host/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RESOLVERS_MAX 3
#define TRY_MS        3000
#define BURST         32 /* datagrams taken at once: calls have their turn between */

struct asking {
    int fd;
    unsigned resolver;
    int64_t until;
    struct sockaddr_storage asker;
    socklen_t asker_length;
    struct gate_question question;
    struct gate_message query;
};

static struct asking asks[NET_NAMES_MAX];
static unsigned n_asks;
static struct sockaddr_storage resolvers[RESOLVERS_MAX];
static unsigned n_resolvers;

int net_names_init(struct broker *b, struct err *err)
{
    for (uint32_t i = 0; i < b->rules.n_resolvers && n_resolvers < RESOLVERS_MAX; i++) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&resolvers[n_resolvers];
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&resolvers[n_resolvers];
        const char *text = b->rules.resolvers[i];
        if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons(53);
        } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons(53);
        } else {
            return err_set(err, -EINVAL, "the name server %s is no address", text);
        }
        n_resolvers++;
    }
    return 0;
}

static void reply(const struct broker *b, const struct sockaddr_storage *to, socklen_t n, const struct gate_message *m)
{
    sendto(b->dns, m->bytes, m->n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, n);
}

/* Asks the resolver of a->resolver, or the next that can be asked. */
static int ask(struct asking *a)
{
    for (; a->resolver < n_resolvers; a->resolver++) {
        const struct sockaddr_storage *to = &resolvers[a->resolver];
        a->fd = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (a->fd >= 0 &&
            connect(a->fd, (const struct sockaddr *)to,
                    to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0 &&
            send(a->fd, a->query.bytes, a->query.n, MSG_NOSIGNAL) == (ssize_t)a->query.n) {
            a->until = clock_ms() + TRY_MS;
            return 0;
        }
        fd_drop(&a->fd);
    }
    return -EHOSTUNREACH;
}

static void give_up(struct broker *b, struct asking *a)
{
    struct gate_message out;

    gate_dns_failed(&a->question, &out);
    reply(b, &a->asker, a->asker_length, &out);
}

static void forget(unsigned i)
{
    fd_drop(&asks[i].fd);
    asks[i] = asks[--n_asks];
}

static bool take_query(struct broker *b)
{
    static struct asking a;
    uint8_t query[GATE_DNS_MAX];
    struct gate_message out;
    uint16_t id;

    a = (struct asking){.fd = -1, .asker_length = sizeof a.asker};
    ssize_t n = recvfrom(b->dns, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&a.asker, &a.asker_length);
    if (n < 0)
        return errno == EINTR;
    if (sys(SYS_getrandom, &id, sizeof id, 0) != sizeof id)
        return true;
    switch (gate_dns_query(&net_gate, query, (size_t)n, id, &a.question, &out)) {
    case GATE_DNS_DROP:
        return true;
    case GATE_DNS_REPLY:
        if (a.question.denied)
            denial_name(b, &a.question);
        reply(b, &a.asker, a.asker_length, &out);
        return true;
    case GATE_DNS_FORWARD:
        break;
    }
    a.query = out;
    if (n_asks == NET_NAMES_MAX || ask(&a) < 0)
        give_up(b, &a);
    else
        asks[n_asks++] = a;
    return true;
}

/* Whether the question is settled. */
static bool take_answer(struct broker *b, struct asking *a)
{
    uint8_t answer[4096];
    struct gate_message out;
    ssize_t n = recv(a->fd, answer, sizeof answer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n >= 0) {
        if (gate_dns_answer(&net_gate, &a->question, answer, (size_t)n, clock_ms(), &out, NULL) != GATE_DNS_REPLY)
            return false;
        reply(b, &a->asker, a->asker_length, &out);
        return true;
    }
    fd_drop(&a->fd); /* nobody is at that port: the next */
    a->resolver++;
    if (ask(a) == 0)
        return false;
    give_up(b, a);
    return true;
}

static bool is_late(struct broker *b, struct asking *a, int64_t now)
{
    if (a->until > now)
        return false;
    fd_drop(&a->fd);
    a->resolver++;
    if (ask(a) == 0)
        return false;
    give_up(b, a);
    return true;
}

unsigned net_names_poll(const struct broker *b, struct pollfd *fds, int *timeout)
{
    int64_t now = n_asks ? clock_ms() : 0;

    if (b->dns < 0)
        return 0;
    fds[0] = (struct pollfd){.fd = b->dns, .events = POLLIN};
    for (unsigned i = 0; i < n_asks; i++) {
        int left = asks[i].until <= now ? 0 : (int)(asks[i].until - now);
        fds[1 + i] = (struct pollfd){.fd = asks[i].fd, .events = POLLIN};
        if (*timeout < 0 || left < *timeout)
            *timeout = left;
    }
    return 1 + n_asks;
}

void net_names_events(struct broker *b, const struct pollfd *fds, unsigned n)
{
    int64_t now = n_asks ? clock_ms() : 0;

    for (unsigned i = n ? n - 1 : 0; i-- > 0;) {
        if ((fds[1 + i].revents && take_answer(b, &asks[i])) || is_late(b, &asks[i], now))
            forget(i);
    }
    for (unsigned k = 0; n && fds[0].revents && k < BURST && take_query(b); k++)
        ;
}

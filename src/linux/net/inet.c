/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_INET and AF_INET6 within the machine: the loopback interface is all there is (127.0.0.0/8 and ::1). TCP is a
 * stream that is joined at once, UDP a queue of packets; nothing is lost or reordered. IPv4 addresses are kept as
 * ::ffff:a.b.c.d, so that both families share one table. tcp(7), udp(7), ip(7), ipv6(7).
 */
#include "linux/core/random.h"
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/eventpoll.h>
#include <string.h>

#define PORT_LOW     32768u /* net.ipv4.ip_local_port_range */
#define PORT_HIGH    60999u
#define PORT_BUCKETS 64u

KERNEL_STATE static struct inet_state {
    struct list buckets[PORT_BUCKETS]; /* bound sockets, by_name */
    bool ready;
} ports;

static struct list *inet_bucket(uint16_t port)
{
    for (uint32_t i = 0; !ports.ready && i < PORT_BUCKETS; i++)
        list_init(&ports.buckets[i]);
    ports.ready = true;
    return &ports.buckets[port % PORT_BUCKETS];
}

/* ---- addresses ---- */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t zeroes[16], loopback6[16] = {[15] = 1};

static bool inet_is_v4(const struct inet_address *a)
{
    return !memcmp(a->ip, mapped, 12);
}
static bool inet_is_any(const struct inet_address *a)
{
    return !memcmp(a->ip, zeroes, 16) || (inet_is_v4(a) && !memcmp(a->ip + 12, zeroes, 4));
}
static bool inet_is_local(const struct inet_address *a)
{
    return inet_is_any(a) || !memcmp(a->ip, loopback6, 16) || (inet_is_v4(a) && a->ip[12] == 127);
}
static bool inet_same(const struct inet_address *a, const struct inet_address *b)
{
    return !memcmp(a->ip, b->ip, 16);
}

/* -EINVAL: too short; -EAFNOSUPPORT: another family. */
static int inet_address_in(const struct socket *s, const union socket_name *name, uint32_t n, struct inet_address *out)
{
    *out = (struct inet_address){0};
    if (n < sizeof(name->family))
        return -EINVAL;
    if (name->family != s->family)
        return -EAFNOSUPPORT;
    if (s->family == AF_INET_) {
        if (n < sizeof(name->in))
            return -EINVAL;
        memcpy(out->ip, mapped, 12);
        memcpy(out->ip + 12, &name->in.sin_addr, 4);
        out->port = __builtin_bswap16(name->in.sin_port);
        return 0;
    }
    if (n < sizeof(name->in6) - sizeof(name->in6.sin6_scope_id))
        return -EINVAL;
    memcpy(out->ip, &name->in6.sin6_addr, 16);
    out->port = __builtin_bswap16(name->in6.sin6_port);
    if (s->v6_only && inet_is_v4(out))
        return -EINVAL;
    return 0;
}

static uint32_t inet_address_out(const struct socket *s, const struct inet_address *a, union socket_name *out)
{
    *out = (union socket_name){.family = s->family};
    if (s->family == AF_INET_) {
        out->in.sin_port = __builtin_bswap16(a->port);
        memcpy(&out->in.sin_addr, a->ip + 12, 4);
        return sizeof(out->in);
    }
    out->in6.sin6_port = __builtin_bswap16(a->port);
    memcpy(&out->in6.sin6_addr, a->ip, 16);
    return sizeof(out->in6);
}

static void inet_any(const struct socket *s, struct inet_address *a)
{
    memset(a->ip, 0, 16);
    if (s->family == AF_INET_)
        memcpy(a->ip, mapped, 12);
}

/* ---- ports ---- */

/* Whether two bound addresses with one port stand in each other's way. */
static bool inet_overlap(const struct socket *a, const struct inet_address *x, const struct socket *b)
{
    const struct inet_address *y = &b->local;
    bool x4 = inet_is_v4(x), y4 = inet_is_v4(y);
    if (x4 != y4) { /* :: also takes IPv4, unless told not to */
        if (x4)
            return !b->v6_only && !memcmp(y->ip, zeroes, 16);
        return !a->v6_only && !memcmp(x->ip, zeroes, 16);
    }
    return inet_is_any(x) || inet_is_any(y) || inet_same(x, y);
}

static bool inet_may_share(const struct socket *a, const struct socket *b)
{
    if (a->reuse_port && b->reuse_port && a->cred.uid == b->cred.uid)
        return true;
    if (!a->reuse_address || !b->reuse_address)
        return false;
    return a->type == SOCK_DGRAM_ || (!a->listening && !b->listening);
}

static bool inet_taken(const struct socket *s, const struct inet_address *a)
{
    list_each (other, inet_bucket(a->port), struct socket, by_name)
        if (other != s && other->type == s->type && other->local.port == a->port && inet_overlap(s, a, other) &&
            !inet_may_share(s, other))
            return true;
    return false;
}

static int inet_bind_to(struct socket *s, const struct inet_address *wanted)
{
    struct inet_address a = *wanted;
    uint32_t span = PORT_HIGH - PORT_LOW + 1, tries = a.port ? 1 : span, start;
    random_bytes(&start, sizeof(start));
    for (uint32_t i = 0; i < tries; i++) {
        if (!wanted->port)
            a.port = (uint16_t)(PORT_LOW + (start + i) % span);
        if (inet_taken(s, &a))
            continue;
        s->local = a;
        list_append(inet_bucket(a.port), &s->by_name);
        return 0;
    }
    return wanted->port ? -EADDRINUSE : -EAGAIN;
}

static int inet_bind(struct socket *s, const union socket_name *name, uint32_t n)
{
    struct inet_address a;
    int r = inet_address_in(s, name, n, &a);
    if (r == -EAFNOSUPPORT && s->family == AF_INET_ && name->family == AF_UNSPEC_ && n >= sizeof(name->in) &&
        !name->in.sin_addr.s_addr) {
        inet_any(s, &a); /* ip(7): old programs leave the family out */
        a.port = __builtin_bswap16(name->in.sin_port);
        r = 0;
    }
    if (r)
        return r;
    if (s->local.port)
        return -EINVAL;
    if (!inet_is_local(&a))
        return -EADDRNOTAVAIL;
    if (a.port && a.port < 1024 && !capable(current, 10 /* CAP_NET_BIND_SERVICE */))
        return -EACCES;
    return inet_bind_to(s, &a);
}

static int inet_bind_auto(struct socket *s)
{
    struct inet_address a = {0};
    if (s->local.port)
        return 0;
    inet_any(s, &a);
    return inet_bind_to(s, &a);
}

/* Who takes what is sent to an address: the one bound most closely. */
static struct socket *inet_find(const struct socket *from, const struct inet_address *to)
{
    struct socket *best = NULL;
    int best_score = -1;
    list_each (s, inet_bucket(to->port), struct socket, by_name) {
        if (s->type != from->type || s->local.port != to->port)
            continue;
        if (s->type == SOCK_STREAM_ && !s->listening)
            continue;
        bool exact = inet_same(&s->local, to), v4 = inet_is_v4(to);
        bool any = inet_is_any(&s->local) && (inet_is_v4(&s->local) == v4 || (v4 && !s->v6_only));
        if (!exact && !any)
            continue;
        int score = exact + (inet_is_v4(&s->local) == v4);
        if (s->type == SOCK_DGRAM_ && s->remote.port) { /* a connected one hears only its peer */
            if (s->remote.port != from->local.port || !inet_same(&s->remote, &from->local))
                continue;
            score += 4;
        }
        if (score > best_score)
            best = s, best_score = score;
    }
    return best;
}

/* An address to send to: that of the loopback interface for "any"; -ENETUNREACH: nothing else is here. */
static int inet_destination(struct inet_address *a)
{
    if (!inet_is_local(a))
        return -ENETUNREACH;
    if (!inet_is_any(a))
        return 0;
    if (inet_is_v4(a))
        a->ip[12] = 127, a->ip[15] = 1;
    else
        a->ip[15] = 1;
    return 0;
}

/* The address that packets of this socket come from. */
static struct inet_address inet_source(const struct socket *s, const struct inet_address *to)
{
    struct inet_address a = s->local;
    if (!inet_is_any(&a))
        return a;
    memcpy(a.ip, to->ip, 16);
    if (inet_is_v4(to))
        memcpy(a.ip + 12, (const uint8_t[]){127, 0, 0, 1}, 4);
    return a;
}

/* ---- TCP ---- */

static int tcp_connect(struct socket *s, const union socket_name *name, uint32_t n, bool nonblock)
{
    struct inet_address to;
    struct socket *server;
    if (s->listening)
        return -EISCONN;
    if (s->connected)
        return -EISCONN;
    int r = inet_address_in(s, name, n, &to);
    if (!r)
        r = inet_destination(&to);
    if (!r)
        r = inet_bind_auto(s);
    if (r)
        return r;
    struct socket *listener = inet_find(s, &to);
    if (!listener)
        return -ECONNREFUSED;
    /* A queue that is full drops the request on Linux, which is then tried again: here it is refused at once. */
    r = stream_connect(s, listener, &server);
    if (r)
        return r == -EAGAIN ? -ECONNREFUSED : r;
    s->local = inet_source(s, &to);
    s->remote = to;
    server->local = to, server->remote = s->local;
    server->v6_only = listener->v6_only;
    return 0;
}

static int tcp_listen(struct socket *s)
{
    if (s->connected)
        return -EINVAL;
    int r = inet_bind_auto(s);
    if (r)
        return r;
    bool was = s->listening;
    s->listening = true; /* from here on it may share its port with no other listener */
    if (!was && inet_taken(s, &s->local)) {
        s->listening = false;
        return -EADDRINUSE;
    }
    return 0;
}

/* ---- UDP ---- */

static int udp_connect(struct socket *s, const union socket_name *name, uint32_t n, bool nonblock)
{
    struct inet_address to;
    if (n >= sizeof(name->family) && name->family == AF_UNSPEC_) {
        s->remote = (struct inet_address){0}, s->connected = false;
        return 0;
    }
    int r = inet_address_in(s, name, n, &to);
    if (!r)
        r = inet_destination(&to);
    if (!r)
        r = inet_bind_auto(s);
    if (r)
        return r;
    s->local = inet_source(s, &to);
    s->remote = to, s->connected = true;
    return 0;
}

static int64_t udp_send(struct socket *s, struct message *m)
{
    struct inet_address to = s->remote, from;
    union socket_name name;
    int r = 0;
    if (s->error)
        return socket_take_error(s);
    if (s->shut_write)
        return -EPIPE;
    if (m->name_size)
        r = inet_address_in(s, &m->name, m->name_size, &to);
    else if (!s->connected)
        return -EDESTADDRREQ;
    if (!r && !to.port)
        r = -EINVAL;
    if (!r)
        r = inet_destination(&to);
    if (!r && m->u->left > 65507)
        r = -EMSGSIZE;
    if (!r)
        r = inet_bind_auto(s);
    if (r)
        return r;
    from = inet_source(s, &to);
    struct inet_address bound = s->local;
    s->local = from; /* what a connected receiver compares */
    struct socket *receiver = inet_find(s, &to);
    s->local = bound;
    int64_t n = (int64_t)m->u->left;
    if (!receiver) { /* the answer would be ICMP: port unreachable */
        if (s->connected)
            s->error = ECONNREFUSED, socket_wake(s, EPOLLERR);
        return n;
    }
    if (receiver->shut_read || receiver->packet_bytes + m->u->left > receiver->packet_limit)
        return n; /* dropped */
    if (receiver->family == AF_INET_ && !inet_is_v4(&from))
        return n;
    return packet_send(s, receiver, m, &name, inet_address_out(receiver, &from, &name));
}

/* ---- both ---- */

static uint32_t inet_name(struct socket *s, bool peer, union socket_name *out)
{
    struct inet_address a = peer ? s->remote : s->local;
    if (!peer && !a.port)
        inet_any(s, &a);
    return inet_address_out(s, &a, out);
}

static void inet_release(struct socket *s)
{
    list_remove(&s->by_name);
}

static const struct socket_ops tcp_ops = {
    .bind = inet_bind,
    .connect = tcp_connect,
    .listen = tcp_listen,
    .name = inet_name,
    .send = stream_send,
    .receive = stream_receive,
    .release = inet_release,
};
static const struct socket_ops udp_ops = {
    .bind = inet_bind,
    .connect = udp_connect,
    .name = inet_name,
    .send = udp_send,
    .receive = packet_receive,
    .release = inet_release,
};

static int inet_create(struct socket *s)
{
    if (s->type == SOCK_STREAM_ && (!s->protocol || s->protocol == IPPROTO_TCP)) {
        s->ops = &tcp_ops, s->protocol = IPPROTO_TCP;
        return 0;
    }
    if (s->type == SOCK_DGRAM_ && (!s->protocol || s->protocol == IPPROTO_UDP)) {
        s->ops = &udp_ops, s->protocol = IPPROTO_UDP;
        return 0;
    }
    if (s->type == SOCK_RAW_)
        return -EPERM; /* not behind this boundary */
    return s->type == SOCK_STREAM_ || s->type == SOCK_DGRAM_ ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
}

const struct socket_family inet_family = {.family = AF_INET_, .create = inet_create};
const struct socket_family inet6_family = {.family = AF_INET6_, .create = inet_create};

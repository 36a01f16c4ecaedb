/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect(2), bind(2), listen(2) and messages with an address (net.h). A target's socket is made in its own network
 * namespace, which leads nowhere. A TCP or UDP connect that a rule allows is made by a fresh socket of the host's
 * network, which then takes the place of the target's descriptor. Within its own namespace (its loopback, the name
 * service) a target may go where it likes.
 */
#include "broker/net.h"

#include "base/clock.h"
#include "broker/report.h"
#include "broker/services.h"
#include "host/openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct gate net_gate;
static bool udp_rules; /* some rule lets datagrams out: their sockets are then guarded, see serve_send() */

int net_init(struct broker *b, struct err *err)
{
    int r = 0;

    gate_init(&net_gate);
    for (uint32_t i = 0; i < b->rules.n_net && r == 0; i++) {
        if (b->rules.net[i].listen && b->rules.net[i].protocols & NET_UDP)
            return err_set(err, -ENOTSUP, "network rule %s: the broker listens for tcp alone, not for udp",
                           b->rules.net[i].host);
        r = gate_add_rule(&net_gate, &b->rules.net[i], err);
        udp_rules |= b->rules.net[i].protocols & NET_UDP;
    }
    int k = r < 0 ? r : net_socket_init(); /* before the process is shut in */
    if (r < 0 || !b->rules.n_net)
        return r;
    if ((r = k) < 0)
        return err_sys(err, r, "broker: sockets of the host's network (Linux 5.14 is needed)");
    return net_names_init(b, err);
}

unsigned net_poll(struct broker *b, struct pollfd *fds, int *timeout)
{
    *timeout = -1;
    unsigned n = net_wait_poll(b, fds, timeout);
    return n + net_names_poll(b, fds + n, timeout);
}

void net_events(struct broker *b, const struct pollfd *fds, unsigned n)
{
    unsigned waits = 0;

    while (waits < n && fds[waits].events == POLLOUT)
        waits++;
    net_names_events(b, fds + waits, n - waits);
    net_wait_events(b, fds, waits);
}

/* ---- what the target says ---------------------------------------------------------------------------------------- */

int net_address_read(const struct call *c, uint64_t from, uint64_t length, struct net_said *out)
{
    *out = (struct net_said){.length = (socklen_t)length};
    if ((int)length < 0 || length > sizeof out->u.storage)
        return -EINVAL;
    return length ? target_read(c, &out->u, from, length) : 0;
}

int net_family(const struct net_said *a)
{
    return a->length >= sizeof a->u.any.sa_family ? a->u.any.sa_family : -1;
}

bool net_is_internet(const struct net_socket *s)
{
    return (s->domain == AF_INET || s->domain == AF_INET6) && ((s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP) ||
                                                               (s->type == SOCK_DGRAM && s->protocol == IPPROTO_UDP));
}

static enum net_protocol protocol_of(const struct net_socket *s)
{
    return s->type == SOCK_STREAM ? NET_TCP : NET_UDP;
}

/* ---- connect ----------------------------------------------------------------------------------------------------- */

static int64_t send_timeout(int fd)
{
    struct timeval tv = {0};
    socklen_t n = sizeof tv;

    if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &n) < 0 || (!tv.tv_sec && !tv.tv_usec))
        return 0;
    return clock_ms() + tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1;
}

/* On the target's own socket, whose waiting is the target's and not ours. */
static int connect_own(struct broker *b, struct call *c, struct net_socket *s, const void *to, socklen_t length)
{
    if (!s->nonblock)
        net_set_nonblock(s->fd, true);
    int r = connect(s->fd, to, length) < 0 ? -errno : 0;
    if (!s->nonblock)
        net_set_nonblock(s->fd, false);
    if (r != -EINPROGRESS || s->nonblock)
        return r;
    struct net_wait w = {.n = c->n, .number = -1, .until = send_timeout(s->fd)};
    w.fd = steal_fd(&s->fd);
    if (!net_wait_add(b, &w))
        return -EAGAIN;
    c->answer = ANSWER_LATER;
    return 0;
}

/* By a socket of the host's network, which takes the place of the target's. */
static int connect_out(struct broker *b, struct call *c, const struct net_socket *s, const struct gate_decision *d)
{
    int number = (int)call_arg(c, c->row->dir[0]);
    _cleanup_fd_ int fd = net_socket_like(s);

    if (fd < 0)
        return fd;
    int r = connect(fd, &d->to.any, d->to_length) < 0 ? -errno : 0;
    if (r == -EINPROGRESS && !s->nonblock) {
        struct net_wait w = {.n = c->n, .number = number, .cloexec = s->cloexec, .until = send_timeout(fd)};
        w.fd = steal_fd(&fd);
        if (!net_wait_add(b, &w))
            return -EAGAIN;
        c->answer = ANSWER_LATER;
        return 0;
    }
    if (r < 0 && r != -EINPROGRESS)
        return r;
    if (!s->nonblock)
        net_set_nonblock(fd, false);
    int k = notify_put_fd(b, c->n.id, fd, number, s->cloexec);
    return k < 0 ? k : r;
}

bool net_is_loopback(const struct net_address *a)
{
    static const uint8_t one[16] = {[15] = 1};

    return a->bits == 32 ? a->bytes[0] == 127 : a->bits == 128 && !memcmp(a->bytes, one, sizeof one);
}

/* glibc connects a datagram socket to each address of a name, only to ask the kernel for a route. */
static bool is_route_question(const struct gate_decision *d, const struct net_said *a)
{
    struct gate_decision tcp;

    return d->protocol == NET_UDP && gate_verdict_connect(&net_gate, &a->u, a->length, NET_TCP, clock_ms(), &tcp);
}

static int connect_internet(struct broker *b, struct call *c, struct net_socket *s, const struct net_said *a)
{
    struct gate_decision d;

    if (net_family(a) == AF_UNSPEC) /* a datagram socket without its peer could be bound anew */
        return s->hosts && s->type == SOCK_DGRAM ? -EAFNOSUPPORT : connect_own(b, c, s, &a->u, a->length);
    if (gate_verdict_connect(&net_gate, &a->u, a->length, protocol_of(s), clock_ms(), &d))
        return s->hosts ? connect_own(b, c, s, &d.to, d.to_length) : connect_out(b, c, s, &d);
    if (!s->hosts && (net_is_loopback(&d.address) || d.reason == GATE_ADDRESS))
        return connect_own(b, c, s, &a->u, a->length);
    if (is_route_question(&d, a))
        return -ENETUNREACH;
    denial_address(b, c, &d);
    return -d.errno_value;
}

/* A socket that has a path: found in the target's root, by eyes that see what the target's do. *at: keeps it there. */
int net_path(struct broker *b, struct call *c, const struct net_said *a, struct sockaddr_un *to, int *at)
{
    struct spot *spot = &c->spots[0];
    int n = (int)(a->length - offsetof(struct sockaddr_un, sun_path));

    snprintf(c->text[0], PATH_SIZE, "%.*s", n, a->u.local.sun_path);
    c->access[0] = PATH_WRITE;
    c->dir[0] = -1; /* of this call it is the socket */
    int r = resolve(b, c, 0, c->text[0], false);
    if (r < 0)
        return r;
    if (spot->kind == SPOT_BROKERED || spot->ours) { /* X11, Wayland, D-Bus: each a way around every rule */
        denial_path(b, c, 0, REFUSED_UNSUPPORTED);
        return -EACCES;
    }
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    *at = spot->asked[0] ? openat2_scoped(b->root, spot->asked, &how) : -ENOENT;
    if (*at < 0)
        return *at;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(to->sun_path, sizeof to->sun_path, "%d", *at);
    return 0;
}

bool net_has_path(const struct net_said *a)
{
    return net_family(a) == AF_UNIX && a->length > offsetof(struct sockaddr_un, sun_path) && a->u.local.sun_path[0];
}

static int connect_local(struct broker *b, struct call *c, struct net_socket *s, const struct net_said *a)
{
    _cleanup_fd_ int at = -1;
    struct sockaddr_un to;

    if (!net_has_path(a)) /* a name of its own namespace */
        return connect_own(b, c, s, &a->u, a->length);
    int r = net_path(b, c, a, &to, &at);
    return r < 0 ? r : connect_own(b, c, s, &to, sizeof to);
}

/* ---- telling alone ----------------------------------------------------------------------------------------------- */

/* Where the address of a call stands; of messages that of the first. */
static int find_address(const struct call *c, struct net_said *out)
{
    bool many = c->row->service == &service_sendmmsg;
    struct msghdr head;

    if (c->row->service == &service_sendto)
        return net_address_read(c, call_arg(c, 4), call_arg(c, 5) & 0xffffffff, out);
    if (c->row->service != &service_sendmsg && !many)
        return net_address_read(c, call_arg(c, 1), call_arg(c, 2) & 0xffffffff, out);
    int r = target_read(c, &head, call_arg(c, 1), sizeof head);
    return r < 0 ? r
                 : net_address_read(c, (uint64_t)(uintptr_t)head.msg_name,
                                    head.msg_name ? (uint32_t)head.msg_namelen : 0, out);
}

/*
 * Learn mode, and a log of denials without network rules: no socket of the host's network is ever given to the target,
 * which has either that network itself or one that leads nowhere. So the kernel runs every call, and no address that is
 * exchanged meanwhile gains anything.
 */
static int only_tell(struct broker *b, struct call *c)
{
    bool learns = b->rules.flags & BROKER_LEARN, listens = c->row->service == &service_bind;
    struct gate_decision d;
    struct net_said a;
    struct net_socket s;

    c->answer = ANSWER_CONTINUE;
    if (c->row->service == &service_listen || find_address(c, &a) < 0 ||
        (net_family(&a) != AF_INET && net_family(&a) != AF_INET6) || net_socket_get(b, c, &s) < 0)
        return 0;
    if (net_is_internet(&s)) {
        if (listens)
            gate_verdict_bind(&net_gate, &a.u, a.length, protocol_of(&s), &d);
        else
            gate_verdict_connect(&net_gate, &a.u, a.length, protocol_of(&s), clock_ms(), &d);
        if (learns)
            learned_address(b, c, &d);
        else if (!s.hosts && !listens && !net_is_loopback(&d.address))
            denial_address(b, c, &d);
    }
    fd_drop(&s.fd);
    return 0;
}

static bool tells_alone(const struct broker *b)
{
    return !b->rules.n_net || b->rules.flags & BROKER_LEARN;
}

/* Of connect(2) and bind(2). The socket is the caller's to drop. */
static int address_and_socket(const struct broker *b, const struct call *c, struct net_said *a, struct net_socket *s)
{
    int r = find_address(c, a);

    if (r < 0)
        return r == -EPERM ? -EFAULT : r;
    return net_socket_get(b, c, s);
}

static int serve_connect(struct broker *b, struct call *c)
{
    struct net_said a;
    struct net_socket s;

    if (tells_alone(b))
        return only_tell(b, c);
    int r = address_and_socket(b, c, &a, &s);
    if (r < 0)
        return r;
    if (net_is_internet(&s))
        r = connect_internet(b, c, &s, &a);
    else
        r = s.domain == AF_UNIX ? connect_local(b, c, &s, &a) : -EACCES;
    fd_drop(&s.fd);
    return r;
}

/* ---- bind, listen ------------------------------------------------------------------------------------------------ */

static int bind_out(struct broker *b, struct call *c, const struct net_socket *s, const struct gate_decision *d)
{
    _cleanup_fd_ int fd = net_socket_like(s);

    if (fd < 0)
        return fd;
    if (bind(fd, &d->to.any, d->to_length) < 0)
        return -errno;
    if (!s->nonblock)
        net_set_nonblock(fd, false);
    return notify_put_fd(b, c->n.id, fd, (int)call_arg(c, c->row->dir[0]), s->cloexec);
}

static int bind_internet(struct broker *b, struct call *c, const struct net_socket *s, const struct net_said *a)
{
    struct gate_decision d;
    bool allowed = gate_verdict_bind(&net_gate, &a->u, a->length, protocol_of(s), &d);

    if (allowed && !s->hosts)
        return bind_out(b, c, s, &d);
    if (allowed)
        return bind(s->fd, &d.to.any, d.to_length) < 0 ? -errno : 0;
    if (!s->hosts) /* in its own namespace, where nobody else is */
        return bind(s->fd, &a->u.any, a->length) < 0 ? -errno : 0;
    denial_address(b, c, &d);
    return -d.errno_value;
}

static int serve_bind(struct broker *b, struct call *c)
{
    struct net_said a;
    struct net_socket s;

    if (tells_alone(b))
        return only_tell(b, c);
    int r = address_and_socket(b, c, &a, &s);
    if (r < 0)
        return r;
    if (net_is_internet(&s))
        r = bind_internet(b, c, &s, &a);
    else
        /* A path is made where the target's own walls let it. The one other thing that this can do, when the socket is
         * exchanged meanwhile, is to bind a TCP socket of the host's network that is not connected: what it could be
         * used for then, listen(2) and connect(2), comes here too. Datagram sockets of it are always connected. */
        c->answer = ANSWER_CONTINUE;
    fd_drop(&s.fd);
    return r;
}

static int serve_listen(struct broker *b, struct call *c)
{
    struct gate_decision d = {0};
    struct net_socket s;
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;

    if (tells_alone(b))
        return only_tell(b, c);
    int r = net_socket_get(b, c, &s);
    if (r < 0)
        return r;
    if (s.hosts &&
        (getsockname(s.fd, (struct sockaddr *)&at, &n) < 0 || !gate_verdict_bind(&net_gate, &at, n, NET_TCP, &d))) {
        denial_address(b, c, &d);
        r = -EACCES;
    } else {
        r = listen(s.fd, (int)call_arg(c, 1)) < 0 ? -errno : 0;
    }
    fd_drop(&s.fd);
    return r;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/*
 * A message with an address of its own. Where no rule lets datagrams out, every datagram socket is of the target's own
 * namespace, and a TCP socket takes no address from a message but with MSG_FASTOPEN: then the kernel may run the call,
 * since the flags are in a register that nobody can change any more. Where such rules are, a message may carry no
 * address of the internet but to the target's own loopback; what else it carries is sent from here (net_send.c).
 */
static int serve_send(struct broker *b, struct call *c)
{
    uint64_t flags = call_arg(c, c->row->flags);

    if (b->rules.flags & BROKER_LEARN)
        net_learn_names(b, c);
    if (tells_alone(b))
        return only_tell(b, c);
    if (flags & MSG_FASTOPEN)
        return -EOPNOTSUPP; /* programs connect then */
    if (!udp_rules) {
        c->answer = ANSWER_CONTINUE;
        return 0;
    }
    return net_send(b, c);
}

#define NETWORK .network = true
const struct service service_connect = {.deed = "connect to", NETWORK, .serve = serve_connect};
const struct service service_bind = {.deed = "listen on", NETWORK, .serve = serve_bind};
const struct service service_listen = {.deed = "listen on", NETWORK, .serve = serve_listen};
const struct service service_sendto = {.deed = "send to", NETWORK, .serve = serve_send};
const struct service service_sendmsg = {.deed = "send to", NETWORK, .serve = serve_send};
const struct service service_sendmmsg = {.deed = "send to", NETWORK, .serve = serve_send};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages, where rules let datagrams out (net.c, serve_send): a target that has such a socket could send from it to
 * any address, if the kernel ran the call. So all of a message is copied once, judged, and sent from here, by the
 * target's own socket. What is sent with it is limited: descriptors over local sockets, and marks of datagrams that
 * change nothing of where they go.
 *
 * An address of the internet: of a socket that the broker connected, what the rules allow; of one of the target's own
 * namespace, its loopback. Others have to be connected first, so that the socket can be exchanged.
 */
#include "base/clock.h"
#include "broker/net.h"
#include "broker/report.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define DATA_MAX     (256u << 10)
#define PIECES_MAX   1024 /* UIO_MAXIOV */
#define CONTROL_MAX  4096
#define PASSED_MAX   253 /* SCM_MAX_FD */
#define MESSAGES_MAX 16  /* of one sendmmsg(2): the caller goes on with the rest */

struct message {
    struct net_said to;
    size_t n;
    size_t n_control;
    int passed[PASSED_MAX];
    size_t n_passed;
    char control[CONTROL_MAX] __attribute__((aligned(16)));
    char data[DATA_MAX];
};
static struct message message;

static void drop_passed(struct message *m)
{
    for (size_t i = 0; i < m->n_passed; i++)
        close(m->passed[i]);
    m->n_passed = 0;
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

static int copy_pieces(const struct call *c, uint64_t from, uint64_t count, bool stream, struct message *m)
{
    static struct iovec pieces[PIECES_MAX];

    if (count > PIECES_MAX)
        return -EMSGSIZE;
    int r = count ? target_read(c, pieces, from, count * sizeof pieces[0]) : 0;
    m->n = 0;
    for (uint64_t i = 0; i < count && r == 0; i++) {
        size_t n = pieces[i].iov_len;
        if (n > DATA_MAX - m->n) {
            if (!stream)
                return -EMSGSIZE;
            n = DATA_MAX - m->n; /* a stream takes a part, and says so */
        }
        r = n ? target_read(c, m->data + m->n, (uint64_t)(uintptr_t)pieces[i].iov_base, n) : 0;
        m->n += n;
        if (n < pieces[i].iov_len)
            break;
    }
    return r;
}

static bool is_harmless_mark(const struct cmsghdr *h)
{
    return (h->cmsg_level == IPPROTO_IP && (h->cmsg_type == IP_TOS || h->cmsg_type == IP_TTL)) ||
           (h->cmsg_level == IPPROTO_IPV6 && (h->cmsg_type == IPV6_TCLASS || h->cmsg_type == IPV6_HOPLIMIT)) ||
           (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == 103 /* UDP_SEGMENT */);
}

static int pass_descriptors(const struct broker *b, const struct call *c, struct cmsghdr *h, struct message *m)
{
    size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int *numbers = (int *)CMSG_DATA(h);

    if (n > PASSED_MAX - m->n_passed)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        int fd = net_get_fd(b, c, numbers[i]);
        if (fd < 0)
            return fd;
        m->passed[m->n_passed++] = fd;
        numbers[i] = fd;
    }
    return 0;
}

static int copy_control(const struct broker *b, const struct call *c, const struct net_socket *s, uint64_t from,
                        uint64_t n, struct message *m)
{
    m->n_control = 0;
    if (n > CONTROL_MAX)
        return -ENOBUFS;
    int r = n ? target_read(c, m->control, from, n) : 0;
    size_t at = 0;
    while (r == 0 && n - at >= sizeof(struct cmsghdr)) {
        struct cmsghdr *h = (struct cmsghdr *)(m->control + at);
        if (h->cmsg_len < CMSG_LEN(0) || h->cmsg_len > n - at)
            return -EINVAL;
        if (s->domain == AF_UNIX && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
            r = pass_descriptors(b, c, h, m);
        else if (s->domain == AF_UNIX || !is_harmless_mark(h))
            r = -EPERM; /* credentials would be ours; routes and sources would be the host's */
        size_t step = CMSG_ALIGN(h->cmsg_len);
        if (step > n - at)
            break;
        at += step;
    }
    m->n_control = n;
    return r;
}

/* ---- where to ---------------------------------------------------------------------------------------------------- */

/* Makes of the target's address the one that is used. *at: as of net_path(). */
static int judge_address(struct broker *b, struct call *c, const struct net_socket *s, struct net_said *to, int *at)
{
    struct gate_decision d;
    struct sockaddr_un local;

    if (!to->length)
        return 0;
    if (s->domain == AF_UNIX) {
        int r = net_has_path(to) ? net_path(b, c, to, &local, at) : 0;
        if (r == 0 && *at >= 0) {
            to->u.local = local;
            to->length = sizeof local;
        }
        return r;
    }
    if (!net_is_internet(s))
        return -EACCES;
    if (s->type == SOCK_STREAM) { /* no address is needed, and none is taken */
        to->length = 0;
        return 0;
    }
    bool allowed = gate_verdict_connect(&net_gate, &to->u, to->length, NET_UDP, clock_ms(), &d);
    if (s->hosts ? allowed : net_is_loopback(&d.address)) {
        memcpy(&to->u, &d.to, d.to_length);
        to->length = d.to_length;
        return 0;
    }
    denial_address(b, c, &d);
    return -EACCES;
}

static int send_it(struct broker *b, struct call *c, struct net_socket *s, int flags)
{
    _cleanup_fd_ int at = -1;
    struct message *m = &message;
    int r = judge_address(b, c, s, &m->to, &at);

    if (r < 0)
        return r;
    struct iovec iov = {m->data, m->n};
    struct msghdr msg = {.msg_name = m->to.length ? &m->to.u : NULL,
                         .msg_namelen = m->to.length,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = m->n_control ? m->control : NULL,
                         .msg_controllen = (socklen_t)m->n_control};
    long n = sys(SYS_sendmsg, s->fd, &msg, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    return (int)n;
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

/* One struct msghdr of the target. Bytes sent, or -errno. */
static int send_message(struct broker *b, struct call *c, struct net_socket *s, uint64_t from, int flags)
{
    struct msghdr head;
    int r = target_read(c, &head, from, sizeof head);

    message.n_passed = 0;
    if (r == 0)
        r = net_address_read(c, (uint64_t)(uintptr_t)head.msg_name, head.msg_name ? (uint32_t)head.msg_namelen : 0,
                             &message.to);
    if (r == 0)
        r = copy_pieces(c, (uint64_t)(uintptr_t)head.msg_iov, (uint64_t)head.msg_iovlen, s->type == SOCK_STREAM,
                        &message);
    if (r == 0)
        r = copy_control(b, c, s, (uint64_t)(uintptr_t)head.msg_control, head.msg_control ? head.msg_controllen : 0,
                         &message);
    if (r == 0)
        r = notify_waits(b, c->n.id) ? send_it(b, c, s, flags) : -ESRCH;
    drop_passed(&message);
    return r;
}

static int send_plain(struct broker *b, struct call *c, struct net_socket *s, int flags)
{
    uint64_t n = call_arg(c, 2);
    int r = net_address_read(c, call_arg(c, 4), call_arg(c, 5) & 0xffffffff, &message.to);

    message.n_passed = message.n_control = 0;
    if (n > DATA_MAX && s->type != SOCK_STREAM)
        return -EMSGSIZE;
    message.n = n < DATA_MAX ? n : DATA_MAX;
    if (r == 0 && message.n)
        r = target_read(c, message.data, call_arg(c, 1), message.n);
    if (r < 0)
        return r;
    return notify_waits(b, c->n.id) ? send_it(b, c, s, flags) : -ESRCH;
}

static int send_many(struct broker *b, struct call *c, struct net_socket *s, int flags)
{
    uint64_t at = call_arg(c, 1), n = call_arg(c, 2) & 0xffffffff, done;
    const size_t step = sizeof(struct mmsghdr);
    int r = 0;

    for (done = 0; done < n && done < MESSAGES_MAX; done++, at += step) {
        r = send_message(b, c, s, at, flags);
        if (r < 0)
            break;
        unsigned length = (unsigned)r;
        if ((r = target_write(b, c, at + offsetof(struct mmsghdr, msg_len), &length, sizeof length)) < 0)
            break;
    }
    return done ? (int)done : r;
}

int net_send(struct broker *b, struct call *c)
{
    const char *name = c->row->name;
    int flags = (int)call_arg(c, c->row->flags);
    struct net_socket s;
    int r = net_socket_get(b, c, &s);

    if (r < 0)
        return r;
    if (!strcmp(name, "sendto"))
        r = send_plain(b, c, &s, flags);
    else if (!strcmp(name, "sendmsg"))
        r = send_message(b, c, &s, call_arg(c, 1), flags);
    else
        r = send_many(b, c, &s, flags);
    if (r == -EAGAIN && !s.nonblock && !(flags & MSG_DONTWAIT)) {
        struct net_wait w = {.n = c->n, .again = true, .number = -1};
        w.fd = steal_fd(&s.fd);
        if (net_wait_add(b, &w)) {
            c->answer = ANSWER_LATER;
            r = 0;
        }
    }
    fd_drop(&s.fd);
    if (r > 0) {
        c->value = r;
        r = 0;
    }
    return r;
}

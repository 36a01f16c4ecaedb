/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of packets: unix datagrams and sequenced packets, UDP within the machine. */
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/eventpoll.h>

#define PACKET_COST 256u /* counted beside its bytes, so that empty packets are bounded too */

HEAP_TYPE(packet, FIELD(packet, link, FIELD_LIST), FIELD(packet, size, FIELD_PLAIN),
          FIELD(packet, name_size, FIELD_PLAIN), FIELD(packet, from, FIELD_PLAIN), FIELD(packet, rights, FIELD_REF),
          FIELD(packet, bytes, FIELD_BYTES));

static void packet_free(struct packet *p)
{
    rights_free(p->rights);
    if (p->bytes)
        heap_release(p->bytes, p->size);
    heap_free(&packet_type, p);
}

void packets_drop(struct socket *s)
{
    list_each (p, &s->packets, struct packet, link) {
        list_remove(&p->link);
        packet_free(p);
    }
    s->packet_bytes = 0;
}

static int packet_make(struct message *m, struct packet **out)
{
    struct packet *p = heap_new(&packet_type);
    if (!p)
        return -ENOMEM;
    list_init(&p->link);
    p->size = (uint32_t)m->u->left;
    if (p->size && !(p->bytes = heap_alloc(p->size))) {
        p->size = 0;
        packet_free(p);
        return -ENOBUFS;
    }
    if (p->size && uio_get(m->u, p->bytes, p->size) != (int64_t)p->size) {
        packet_free(p);
        return -EFAULT;
    }
    *out = p;
    return 0;
}

int64_t packet_send(struct socket *from, struct socket *to, struct message *m, const union socket_name *name,
                    uint32_t name_size)
{
    struct packet *p;
    if (m->u->left > to->packet_limit / 2 || m->u->left > from->send_buffer)
        return -EMSGSIZE;
    int r = packet_make(m, &p);
    if (r)
        return r;
    p->from = *name, p->name_size = name_size;
    p->rights = m->rights;
    m->rights = NULL;
    list_append(&to->packets, &p->link);
    to->packet_bytes += p->size + PACKET_COST;
    socket_wake(to, EPOLLIN | EPOLLRDNORM);
    return p->size;
}

static int64_t packet_take(struct socket *s, struct message *m)
{
    struct packet *p = list_first(&s->packets, struct packet, link);
    int64_t n = uio_put(m->u, p->bytes, p->size < m->u->left ? p->size : m->u->left);
    if (n < 0)
        return n;
    m->name = p->from, m->name_size = p->name_size;
    if ((uint64_t)n < p->size)
        m->out_flags |= MSG_TRUNC_;
    if (s->type == SOCK_SEQPACKET_)
        m->out_flags |= MSG_EOR_;
    int64_t result = m->flags & MSG_TRUNC_ ? (int64_t)p->size : n;
    if (m->flags & MSG_PEEK_)
        return result;
    m->rights = p->rights, p->rights = NULL;
    list_remove(&p->link);
    s->packet_bytes -= p->size + PACKET_COST;
    packet_free(p);
    if (s->peer)
        socket_wake(s->peer, EPOLLOUT | EPOLLWRNORM);
    list_each (sender, &s->senders, struct socket, in_senders)
        socket_wake(sender, EPOLLOUT | EPOLLWRNORM);
    return result;
}

int64_t packet_receive(struct socket *s, struct message *m)
{
    uint64_t deadline = socket_deadline(s->receive_timeout);
    if (m->flags & MSG_OOB_)
        return -EOPNOTSUPP;
    if (s->type == SOCK_SEQPACKET_ && !s->connected)
        return -ENOTCONN;
    while (list_empty(&s->packets)) {
        if (s->error)
            return socket_take_error(s);
        if (s->ended || s->shut_read)
            return 0;
        int r = socket_wait(s, m->nonblock, deadline);
        if (r)
            return r;
    }
    return packet_take(s, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Connected byte streams: unix stream sockets, and TCP within the machine. */
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/eventpoll.h>

void stream_join(struct socket *a, struct socket *b)
{
    a->peer = b, b->peer = a;
    a->connected = b->connected = true;
    a->peer_cred = b->cred, b->peer_cred = a->cred;
}

void stream_end(struct socket *s)
{
    struct socket *peer = s->type == SOCK_DGRAM_ ? NULL : s->peer;
    s->peer = s->type == SOCK_DGRAM_ ? s->peer : NULL;
    if (!peer)
        return;
    peer->peer = NULL;
    peer->ended = true;
    bool unread = s->in.used || !list_empty(&s->packets);
    if (unread || (s->linger && !s->linger_seconds))
        peer->error = ECONNRESET;
    socket_wake(peer, 0);
}

int stream_connect(struct socket *client, struct socket *listener, struct socket **server)
{
    if (listener->n_accepting >= listener->backlog)
        return -EAGAIN;
    struct socket *s = socket_new(listener->family, listener->type);
    if (!s)
        return -ENOMEM;
    s->ops = listener->ops, s->protocol = listener->protocol;
    s->cred = listener->cred;
    s->in.capacity = listener->in.capacity, s->packet_limit = listener->packet_limit;
    s->pass_cred = listener->pass_cred, s->no_delay = listener->no_delay, s->keep_alive = listener->keep_alive;
    stream_join(client, s);
    list_append(&listener->accepting, &s->in_accepting);
    listener->n_accepting++;
    socket_wake(listener, EPOLLIN | EPOLLRDNORM);
    *server = s;
    return 0;
}

/* Why nothing can be sent; 0: it can. */
static int stream_refusal(struct socket *s)
{
    if (s->error)
        return s->error == ECONNRESET && !s->peer ? (socket_take_error(s), -EPIPE) : socket_take_error(s);
    if (s->shut_write)
        return -EPIPE;
    if (!s->connected)
        return -ENOTCONN;
    if (!s->peer || s->peer->shut_read)
        return -EPIPE;
    return 0;
}

int64_t stream_send(struct socket *s, struct message *m)
{
    uint64_t deadline = socket_deadline(s->send_timeout);
    int64_t done = 0;
    if (m->name_size)
        return s->connected ? -EISCONN : -EOPNOTSUPP;
    int r = stream_refusal(s);
    while (!r && m->u->left) {
        struct socket *to = s->peer;
        int64_t n = ring_put(&to->in, m->u);
        if (n < 0)
            return done ? done : n;
        if (n && m->rights) {
            m->rights->at = to->in_put;
            list_append(&to->rights, &m->rights->link);
            m->rights = NULL;
        }
        to->in_put += (uint64_t)n;
        done += n;
        if (n)
            socket_wake(to, EPOLLIN | EPOLLRDNORM);
        if (!m->u->left)
            break;
        if (!ring_room(&to->in))
            r = socket_wait(s, m->nonblock, deadline);
        if (!r)
            r = stream_refusal(s);
    }
    return done ? done : r;
}

/* How many bytes may be read together: up to the next ones that carry something. */
static size_t stream_reach(struct socket *s, bool *carries)
{
    struct rights *first = list_first(&s->rights, struct rights, link);
    *carries = false;
    if (!first)
        return SIZE_MAX;
    if (first->at > s->in_got)
        return first->at - s->in_got;
    *carries = true;
    struct list *second = first->link.next;
    if (second == &s->rights)
        return SIZE_MAX;
    return list_entry(second, struct rights, link)->at - s->in_got;
}

static int64_t stream_take(struct socket *s, struct message *m)
{
    bool carries;
    size_t reach = stream_reach(s, &carries);
    if (m->flags & MSG_PEEK_)
        return ring_look(&s->in, m->u, reach);
    int64_t n = ring_get(&s->in, m->u, reach);
    if (n <= 0)
        return n;
    if (carries) {
        struct rights *r = list_first(&s->rights, struct rights, link);
        list_remove(&r->link);
        rights_free(m->rights);
        m->rights = r;
    }
    s->in_got += (uint64_t)n;
    if (s->peer)
        socket_wake(s->peer, EPOLLOUT | EPOLLWRNORM);
    return n;
}

int64_t stream_receive(struct socket *s, struct message *m)
{
    uint64_t deadline = socket_deadline(s->receive_timeout);
    int64_t done = 0;
    if (m->flags & MSG_OOB_)
        return -EINVAL;
    if (!s->connected)
        return s->error ? socket_take_error(s) : -ENOTCONN;
    while (m->u->left || !done) {
        if (s->in.used) {
            int64_t n = stream_take(s, m);
            if (n < 0)
                return done ? done : n;
            done += n;
            if (!(m->flags & MSG_WAITALL_) || m->flags & MSG_PEEK_ || m->rights || !m->u->left)
                break;
            continue;
        }
        if (!m->u->left)
            break;
        int r = s->error ? socket_take_error(s) : 0;
        if (!r && (s->ended || s->shut_read))
            break;
        if (!r && done && m->nonblock)
            break;
        if (!r)
            r = socket_wait(s, m->nonblock, deadline);
        if (r)
            return done ? done : r;
    }
    return done;
}

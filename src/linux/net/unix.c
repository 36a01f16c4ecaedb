/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX, unix(7): names in the file system or the abstract namespace; streams, datagrams, sequenced packets. */
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <string.h>

#define UN_HEAD offsetof(struct sockaddr_un, sun_path)
#define BUCKETS 64u

KERNEL_STATE static struct unix_state {
    struct list abstract[BUCKETS]; /* sockets with an abstract name, by_name */
    struct list bound;             /* those with a name in the file system */
    uint32_t next_auto;
    bool ready;
} names;

static void unix_names_ready(void)
{
    if (names.ready)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&names.abstract[i]);
    list_init(&names.bound);
    names.ready = true;
}

/* ---- names ---- */

/* FNV-1a: whoever makes names that fall into one bucket slows down himself. */
static struct list *unix_bucket(const char *name, uint32_t n)
{
    uint32_t hash = 2166136261u;
    unix_names_ready();
    for (uint32_t i = 0; i < n; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return &names.abstract[hash % BUCKETS];
}

static struct socket *unix_find_abstract(const char *name, uint32_t n)
{
    list_each (s, unix_bucket(name, n), struct socket, by_name)
        if (s->unix_size == n && !memcmp(s->unix_name, name, n))
            return s;
    return NULL;
}

static int unix_keep_name(struct socket *s, const char *name, uint32_t n)
{
    s->unix_name = heap_alloc(n);
    if (!s->unix_name)
        return -ENOMEM;
    memcpy(s->unix_name, name, n);
    s->unix_size = n;
    return 0;
}

static int unix_bind_abstract(struct socket *s, const char *name, uint32_t n)
{
    if (unix_find_abstract(name, n))
        return -EADDRINUSE;
    int r = unix_keep_name(s, name, n);
    if (!r)
        list_append(unix_bucket(name, n), &s->by_name);
    return r;
}

/* An address without a name asks for one: five hexadecimal digits. */
static int unix_bind_auto(struct socket *s)
{
    static const char digits[] = "0123456789abcdef";
    char name[6] = {0};
    for (uint32_t tries = 0; tries <= 0xfffff; tries++) {
        uint32_t v = names.next_auto++ & 0xfffff;
        for (int i = 5; i > 0; i--, v >>= 4)
            name[i] = digits[v & 15];
        if (!unix_find_abstract(name, sizeof(name)))
            return unix_bind_abstract(s, name, sizeof(name));
    }
    return -ENOSPC;
}

static int unix_bind_path(struct socket *s, const char *path)
{
    struct inode *inode;
    int r = vfs_make_socket(path, &inode);
    if (r)
        return r == -EEXIST ? -EADDRINUSE : r;
    r = unix_keep_name(s, path, (uint32_t)strlen(path) + 1);
    if (r) {
        inode_put(inode);
        return r;
    }
    unix_names_ready();
    s->bound = inode;
    inode->bound = s;
    list_append(&names.bound, &s->by_name);
    return 0;
}

/* The path of an address, ended by a NUL. */
static int unix_path(const union socket_name *name, uint32_t n, char out[sizeof(name->un.sun_path) + 1])
{
    uint32_t length = n - (uint32_t)UN_HEAD;
    if (n > sizeof(name->un))
        return -EINVAL;
    memcpy(out, name->un.sun_path, length);
    out[length] = 0;
    return 0;
}

static int unix_bind(struct socket *s, const union socket_name *name, uint32_t n)
{
    char path[sizeof(name->un.sun_path) + 1];
    if (n < sizeof(name->family) || name->family != AF_UNIX_ || n > sizeof(name->un))
        return -EINVAL;
    if (s->unix_name)
        return -EINVAL;
    if (n <= UN_HEAD)
        return unix_bind_auto(s);
    if (!name->un.sun_path[0])
        return unix_bind_abstract(s, name->un.sun_path, n - (uint32_t)UN_HEAD);
    int r = unix_path(name, n, path);
    return r ? r : unix_bind_path(s, path);
}

static uint32_t unix_name_of(const struct socket *s, union socket_name *out)
{
    out->family = AF_UNIX_;
    if (!s || !s->unix_name)
        return (uint32_t)UN_HEAD;
    memcpy(out->un.sun_path, s->unix_name, s->unix_size);
    return (uint32_t)UN_HEAD + s->unix_size;
}

static uint32_t unix_name(struct socket *s, bool peer, union socket_name *out)
{
    return unix_name_of(peer ? s->peer : s, out);
}

/* The socket that an address leads to. -ECONNREFUSED: nobody is there; -EPROTOTYPE: one of another type. */
static int unix_find(struct socket *from, const union socket_name *name, uint32_t n, struct socket **out)
{
    char text[sizeof(name->un.sun_path) + 1];
    struct path path;
    if (n <= UN_HEAD || name->family != AF_UNIX_)
        return -EINVAL;
    if (!name->un.sun_path[0]) {
        *out = unix_find_abstract(name->un.sun_path, n - (uint32_t)UN_HEAD);
    } else {
        int r = unix_path(name, n, text);
        if (!r)
            r = walk(-100 /* AT_FDCWD */, text, WALK_FOLLOW, &path);
        if (r)
            return r;
        r = vfs_permission(path.dentry->inode, 2 /* W_OK */);
        *out = r ? NULL : path.dentry->inode->bound;
        path_put(&path);
        if (r)
            return r;
    }
    if (!*out)
        return -ECONNREFUSED;
    return (*out)->type == from->type ? 0 : -EPROTOTYPE;
}

/* ---- connections ---- */

static int unix_connect_stream(struct socket *s, const union socket_name *name, uint32_t n, bool nonblock)
{
    uint64_t deadline = socket_deadline(s->send_timeout);
    struct socket *listener, *server;
    if (s->connected)
        return -EISCONN;
    if (s->listening)
        return -EINVAL;
    for (;;) {
        int r = unix_find(s, name, n, &listener);
        if (!r && !listener->listening)
            r = -ECONNREFUSED;
        if (!r)
            r = stream_connect(s, listener, &server);
        if (!r && listener->unix_name)
            r = unix_keep_name(server, listener->unix_name, listener->unix_size);
        if (r != -EAGAIN)
            return r;
        r = socket_wait(listener, nonblock, deadline);
        if (r)
            return r;
    }
}

static void unix_forget_peer(struct socket *s)
{
    list_remove(&s->in_senders);
    s->peer = NULL;
}

static int unix_connect(struct socket *s, const union socket_name *name, uint32_t n, bool nonblock)
{
    struct socket *to;
    if (s->type != SOCK_DGRAM_)
        return unix_connect_stream(s, name, n, nonblock);
    if (name->family == AF_UNSPEC_) {
        unix_forget_peer(s);
        return 0;
    }
    int r = unix_find(s, name, n, &to);
    if (r)
        return r;
    unix_forget_peer(s);
    s->peer = to, s->connected = true;
    list_append(&to->senders, &s->in_senders);
    return 0;
}

static int unix_listen(struct socket *s)
{
    if (s->connected || !s->unix_name)
        return -EINVAL;
    return 0;
}

/* ---- messages ---- */

/* Waits until a queue has room. The receiver may go away meanwhile: so it is looked up by who calls, again. */
static int unix_wait_room(struct socket *s, bool nonblock, uint64_t deadline)
{
    return socket_wait(s, nonblock, deadline);
}

static bool unix_room(const struct socket *to, const struct message *m)
{
    return list_empty(&to->packets) || to->packet_bytes + m->u->left <= to->packet_limit;
}

static int64_t unix_send_packet(struct socket *s, struct message *m)
{
    uint64_t deadline = socket_deadline(s->send_timeout);
    union socket_name from = {0};
    for (;;) {
        struct socket *to = s->peer;
        int r = 0;
        if (s->error)
            return socket_take_error(s);
        if (s->shut_write)
            return -EPIPE;
        if (m->name_size && s->type == SOCK_SEQPACKET_)
            return s->connected ? -EISCONN : -EOPNOTSUPP;
        if (m->name_size)
            r = unix_find(s, &m->name, m->name_size, &to);
        if (r)
            return r;
        if (!to)
            return s->type == SOCK_SEQPACKET_ && s->connected ? -EPIPE : s->connected ? -ECONNREFUSED : -ENOTCONN;
        if (to->shut_read)
            return -EPIPE;
        if (s->type == SOCK_DGRAM_ && to->peer && to->peer != s)
            return -EPERM;
        if (unix_room(to, m))
            return packet_send(s, to, m, &from, unix_name_of(s, &from));
        /* Readers wake the sockets that are connected to them; a send by name waits on the list as well. */
        bool lent = m->name_size && list_empty(&s->in_senders);
        if (lent)
            list_append(&to->senders, &s->in_senders);
        r = unix_wait_room(s, m->nonblock, deadline);
        if (lent)
            list_remove(&s->in_senders);
        if (r)
            return r;
    }
}

static int64_t unix_send(struct socket *s, struct message *m)
{
    return s->type == SOCK_STREAM_ ? stream_send(s, m) : unix_send_packet(s, m);
}

static int64_t unix_receive(struct socket *s, struct message *m)
{
    return s->type == SOCK_STREAM_ ? stream_receive(s, m) : packet_receive(s, m);
}

static void unix_release(struct socket *s)
{
    list_remove(&s->by_name);
    unix_forget_peer(s);
    list_each (sender, &s->senders, struct socket, in_senders) {
        unix_forget_peer(sender);
        sender->error = ECONNREFUSED;
        socket_wake(sender, 0);
    }
    if (s->bound && s->bound->bound == s)
        s->bound->bound = NULL;
}

static const struct socket_ops unix_ops = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .name = unix_name,
    .send = unix_send,
    .receive = unix_receive,
    .release = unix_release,
};

static int unix_create(struct socket *s)
{
    if (s->protocol && s->protocol != AF_UNIX_)
        return -EPROTONOSUPPORT;
    if (s->type == SOCK_RAW_)
        s->type = SOCK_DGRAM_; /* as Linux */
    if (s->type != SOCK_STREAM_ && s->type != SOCK_DGRAM_ && s->type != SOCK_SEQPACKET_)
        return -ESOCKTNOSUPPORT;
    s->protocol = 0;
    s->ops = &unix_ops;
    return 0;
}

static int unix_pair(struct socket *a, struct socket *b)
{
    stream_join(a, b);
    if (a->type != SOCK_DGRAM_)
        return 0;
    list_append(&b->senders, &a->in_senders);
    list_append(&a->senders, &b->in_senders);
    return 0;
}

const struct socket_family unix_family = {.family = AF_UNIX_, .create = unix_create, .pair = unix_pair};

/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as files, and the calls that make and connect them. */
#include "linux/net/socket.h"

#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <string.h>

HEAP_TYPE(socket, FIELD(socket, ops, FIELD_OPS), FIELD(socket, file, FIELD_REF), FIELD(socket, changed, FIELD_NONE),
          FIELD(socket, family, FIELD_PLAIN), FIELD(socket, type, FIELD_PLAIN), FIELD(socket, protocol, FIELD_PLAIN),
          FIELD(socket, error, FIELD_PLAIN), FIELD(socket, listening, FIELD_PLAIN),
          FIELD(socket, connected, FIELD_PLAIN), FIELD(socket, shut_read, FIELD_PLAIN),
          FIELD(socket, shut_write, FIELD_PLAIN), FIELD(socket, ended, FIELD_PLAIN), FIELD(socket, peer, FIELD_REF),
          FIELD(socket, cred, FIELD_PLAIN), FIELD(socket, peer_cred, FIELD_PLAIN), FIELD(socket, in.bytes, FIELD_BYTES),
          FIELD(socket, in.size, FIELD_PLAIN), FIELD(socket, in.capacity, FIELD_PLAIN),
          FIELD(socket, in.at, FIELD_PLAIN), FIELD(socket, in.used, FIELD_PLAIN), FIELD(socket, in_put, FIELD_PLAIN),
          FIELD(socket, in_got, FIELD_PLAIN), FIELD(socket, rights, FIELD_LIST), FIELD(socket, accepting, FIELD_LIST),
          FIELD(socket, in_accepting, FIELD_LIST), FIELD(socket, backlog, FIELD_PLAIN),
          FIELD(socket, n_accepting, FIELD_PLAIN), FIELD(socket, packets, FIELD_LIST),
          FIELD(socket, packet_bytes, FIELD_PLAIN), FIELD(socket, packet_limit, FIELD_PLAIN),
          FIELD(socket, senders, FIELD_LIST), FIELD(socket, in_senders, FIELD_LIST),
          FIELD(socket, send_timeout, FIELD_PLAIN), FIELD(socket, receive_timeout, FIELD_PLAIN),
          FIELD(socket, send_buffer, FIELD_PLAIN), FIELD(socket, reuse_address, FIELD_PLAIN),
          FIELD(socket, reuse_port, FIELD_PLAIN), FIELD(socket, keep_alive, FIELD_PLAIN),
          FIELD(socket, broadcast, FIELD_PLAIN), FIELD(socket, pass_cred, FIELD_PLAIN),
          FIELD(socket, v6_only, FIELD_PLAIN), FIELD(socket, linger, FIELD_PLAIN), FIELD(socket, no_delay, FIELD_PLAIN),
          FIELD(socket, linger_seconds, FIELD_PLAIN), FIELD(socket, mark, FIELD_PLAIN),
          FIELD(socket, priority, FIELD_PLAIN), FIELD(socket, bound, FIELD_REF), FIELD(socket, unix_name, FIELD_BYTES),
          FIELD(socket, unix_size, FIELD_PLAIN), FIELD(socket, local, FIELD_PLAIN), FIELD(socket, remote, FIELD_PLAIN),
          FIELD(socket, by_name, FIELD_LIST));

static const struct socket_family *const families[] = {&unix_family, &inet_family, &inet6_family};

/* ---- life ---- */

struct socket *socket_new(uint16_t family, uint16_t type)
{
    struct socket *s = heap_new(&socket_type);
    if (!s)
        return NULL;
    s->family = family, s->type = type;
    s->in.capacity = s->packet_limit = s->send_buffer = SOCKET_BUFFER;
    s->cred = (struct user_ucred){.pid = current->process->pid, .uid = current->cred->euid, .gid = current->cred->egid};
    wait_queue_init(&s->changed);
    struct list *lists[] = {&s->rights,  &s->accepting,  &s->in_accepting, &s->packets,
                            &s->senders, &s->in_senders, &s->by_name};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    return s;
}

void socket_free(struct socket *s)
{
    list_each (waiting, &s->accepting, struct socket, in_accepting) {
        list_remove(&waiting->in_accepting);
        socket_free(waiting);
    }
    list_remove(&s->in_accepting);
    stream_end(s);
    if (s->ops && s->ops->release)
        s->ops->release(s);
    packets_drop(s);
    list_each (r, &s->rights, struct rights, link) {
        list_remove(&r->link);
        rights_free(r);
    }
    ring_free(&s->in);
    /* Who waits for room in its queue of connections holds nothing of it: woken, they look it up again. */
    wait_wake_all(&s->changed);
    list_each (w, &s->changed.waiters, struct wait_link, link)
        list_remove(&w->link);
    if (s->bound)
        inode_put(s->bound);
    if (s->unix_name)
        heap_release(s->unix_name, s->unix_size);
    heap_free(&socket_type, s);
}

int socket_take_error(struct socket *s)
{
    int e = s->error;
    s->error = 0;
    return -e;
}

void socket_wake(struct socket *s, uint32_t events)
{
    wait_wake(&s->changed, events, 1 << 30);
}
uint64_t socket_deadline(uint64_t timeout)
{
    return timeout ? clock_now() + timeout : NEVER;
}

int socket_wait(struct socket *s, bool nonblock, uint64_t deadline)
{
    struct waiter w;
    if (nonblock)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &s->changed);
    int r = task_block(deadline);
    wait_end(&w);
    if (r == -ETIMEDOUT)
        return -EAGAIN;
    return r;
}

/* ---- as a file ---- */

static int64_t socket_read(struct file *f, struct uio *u, uint64_t *pos)
{
    struct socket *s = f->own;
    struct message m = {.u = u, .nonblock = f->flags & O_NONBLOCK};
    int64_t n = s->ops->receive(s, &m);
    rights_free(m.rights); /* read(2) has no room for descriptors: they are closed */
    return n;
}

static int64_t socket_write(struct file *f, struct uio *u, uint64_t *pos)
{
    struct socket *s = f->own;
    struct message m = {.u = u, .nonblock = f->flags & O_NONBLOCK};
    int64_t n = s->ops->send(s, &m);
    if (n == -EPIPE)
        signal_task_number(current, SIGPIPE);
    return n;
}

uint32_t socket_poll(struct socket *s)
{
    uint32_t events = s->error ? EPOLLERR : 0;
    bool stream = s->type != SOCK_DGRAM_;
    if (s->listening)
        return events | (list_empty(&s->accepting) ? 0u : EPOLLIN | EPOLLRDNORM);
    if (s->in.used || !list_empty(&s->packets) || s->ended || s->shut_read)
        events |= EPOLLIN | EPOLLRDNORM;
    if (s->ended || s->shut_read)
        events |= EPOLLRDHUP;
    if (stream && ((s->ended && s->shut_write) || (!s->peer && !s->connected)))
        events |= EPOLLHUP;
    if (stream && s->connected && !s->peer)
        events |= EPOLLHUP;
    const struct socket *to = s->peer;
    bool room = true;
    if (to && s->type == SOCK_STREAM_)
        room = ring_room(&to->in) >= to->in.capacity / 4;
    else if (to)
        room = to->packet_bytes < to->packet_limit;
    if (room)
        events |= EPOLLOUT | EPOLLWRNORM;
    return events;
}

static uint32_t socket_file_poll(struct file *f)
{
    return socket_poll(f->own);
}
static struct wait_queue *socket_poll_queue(struct file *f)
{
    return &((struct socket *)f->own)->changed;
}

static int64_t socket_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    struct socket *s = f->own;
    int n = 0;
    if (command != FIONREAD && command != TIOCOUTQ)
        return -ENOTTY;
    if (command == TIOCOUTQ)
        n = s->peer ? (int)s->peer->in.used : 0;
    else if (s->listening)
        return -EINVAL;
    else if (s->type == SOCK_STREAM_)
        n = (int)s->in.used;
    else if (!list_empty(&s->packets))
        n = (int)list_first(&s->packets, struct packet, link)->size;
    return put_user(at, n);
}

static void socket_release(struct file *f)
{
    socket_free(f->own);
}

static const struct file_ops socket_ops_ = {
    .read = socket_read,
    .write = socket_write,
    .poll = socket_file_poll,
    .poll_queue = socket_poll_queue,
    .ioctl = socket_ioctl,
    .release = socket_release,
};

static const struct file_ops socket_gone_ops = {0}; /* of a file whose socket went back to its maker */

struct socket *socket_of(struct file *f)
{
    return f->ops == &socket_ops_ ? f->own : NULL;
}

int socket_get(int fd, struct file **f, struct socket **s)
{
    *f = fd_get(fd);
    if (!*f)
        return -EBADF;
    *s = socket_of(*f);
    if (*s)
        return 0;
    file_put(*f);
    return -ENOTSOCK;
}

static struct file *socket_open(struct socket *s, uint32_t flags)
{
    struct file *f = file_anonymous("socket:", S_IFSOCK | 0777, &socket_ops_, O_RDWR | (flags & O_NONBLOCK), s);
    if (f)
        s->file = f;
    return f;
}

int socket_file(struct socket *s, uint32_t flags)
{
    struct file *f = socket_open(s, flags);
    if (!f)
        return -ENFILE;
    int fd = fd_install(f, flags & O_CLOEXEC, 0);
    if (fd >= 0)
        return fd;
    f->own = NULL;
    f->ops = &socket_gone_ops;
    file_put(f);
    s->file = NULL;
    return fd;
}

/* ---- calls ---- */

static int socket_make(uint32_t family, uint32_t type, int protocol, struct socket **out,
                       const struct socket_family **how)
{
    *how = NULL;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (families[i]->family == family)
            *how = families[i];
    if (type & ~(SOCK_TYPE_MASK | (uint32_t)(O_CLOEXEC | O_NONBLOCK)))
        return -EINVAL;
    if (!*how)
        return -EAFNOSUPPORT;
    struct socket *s = socket_new((uint16_t)family, (uint16_t)(type & SOCK_TYPE_MASK));
    if (!s)
        return -ENOMEM;
    s->protocol = protocol;
    int r = (*how)->create(s);
    if (r)
        socket_free(s);
    else
        *out = s;
    return r;
}

int64_t sys_socket(struct task *t, const struct args *a)
{
    const struct socket_family *how;
    struct socket *s;
    int r = socket_make(arg_u32(a, 0), arg_u32(a, 1), arg_int(a, 2), &s, &how);
    if (r)
        return r;
    r = socket_file(s, arg_u32(a, 1));
    if (r < 0)
        socket_free(s);
    return r;
}

int64_t sys_socketpair(struct task *t, const struct args *a)
{
    const struct socket_family *how;
    struct socket *s[2];
    struct file *f[2] = {NULL, NULL};
    uint32_t type = arg_u32(a, 1);
    int fds[2];
    int r = socket_make(arg_u32(a, 0), type, arg_int(a, 2), &s[0], &how);
    if (r)
        return r;
    r = how->pair ? socket_make(arg_u32(a, 0), type, arg_int(a, 2), &s[1], &how) : -EOPNOTSUPP;
    if (r) {
        socket_free(s[0]);
        return r;
    }
    r = how->pair(s[0], s[1]);
    for (int i = 0; i < 2; i++)
        if (!(f[i] = socket_open(s[i], type)))
            socket_free(s[i]), r = -ENFILE;
    if (!r)
        r = fd_install_pair(f, type & O_CLOEXEC, fds);
    if (r) {
        for (int i = 0; i < 2; i++)
            if (f[i])
                file_put(f[i]);
        return r;
    }
    if (!put_user(arg_ptr(a, 3), fds))
        return 0;
    fd_close(fds[0]), fd_close(fds[1]);
    return -EFAULT;
}

/* A socket address of the user, copied once. */
static int socket_name_in(uint64_t at, uint64_t n, union socket_name *out)
{
    *out = (union socket_name){0};
    if (n > sizeof(*out))
        return -EINVAL;
    if (copy_in(out, uptr(at), n))
        return -EFAULT;
    return 0;
}

static int socket_name_out(uint64_t at, uint64_t size_at, const union socket_name *name, uint32_t n)
{
    int32_t room;
    if (get_user(room, uptr(size_at)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_out(uptr(at), name, n < (uint32_t)room ? n : (uint32_t)room))
        return -EFAULT;
    return put_user(uptr(size_at), n);
}

int64_t sys_bind(struct task *t, const struct args *a)
{
    union socket_name name;
    struct file *f;
    struct socket *s;
    int r = socket_name_in(a->v[1], arg_u32(a, 2), &name);
    if (!r)
        r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = s->ops->bind(s, &name, arg_u32(a, 2));
    file_put(f);
    return r;
}

int64_t sys_connect(struct task *t, const struct args *a)
{
    union socket_name name;
    struct file *f;
    struct socket *s;
    int r = socket_name_in(a->v[1], arg_u32(a, 2), &name);
    if (!r)
        r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = arg_u32(a, 2) < sizeof(name.family) ? -EINVAL : s->ops->connect(s, &name, arg_u32(a, 2), f->flags & O_NONBLOCK);
    file_put(f);
    return r;
}

int64_t sys_listen(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    int r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = s->ops->listen && s->type != SOCK_DGRAM_ ? s->ops->listen(s) : -EOPNOTSUPP;
    if (!r) {
        uint32_t backlog = arg_u32(a, 1);
        s->backlog = (backlog < BACKLOG_MOST ? backlog : BACKLOG_MOST) + 1;
        s->listening = true;
    }
    file_put(f);
    return r;
}

static int socket_accept(struct socket *s, bool nonblock, struct socket **out)
{
    uint64_t deadline = socket_deadline(s->receive_timeout);
    if (!s->listening)
        return -EINVAL;
    while (list_empty(&s->accepting)) {
        int r = socket_wait(s, nonblock, deadline);
        if (r)
            return r;
        if (!s->listening)
            return -EINVAL;
    }
    *out = list_first(&s->accepting, struct socket, in_accepting);
    list_remove(&(*out)->in_accepting);
    s->n_accepting--;
    socket_wake(s, EPOLLOUT); /* who waits to connect has room again */
    return 0;
}

static int64_t accept_call(const struct args *a, uint32_t flags)
{
    union socket_name name = {0};
    struct file *f;
    struct socket *s, *new;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    if (s->type == SOCK_DGRAM_)
        r = -EOPNOTSUPP;
    if (!r)
        r = fd_room(); /* a connection that nobody can have stays where it is */
    if (!r)
        r = socket_accept(s, f->flags & O_NONBLOCK, &new);
    file_put(f);
    if (r)
        return r;
    uint32_t n = new->ops->name(new, true, &name);
    int fd = socket_file(new, flags);
    if (fd < 0) {
        socket_free(new);
        return fd;
    }
    r = a->v[1] ? socket_name_out(a->v[1], a->v[2], &name, n) : 0;
    if (!r)
        return fd;
    fd_close(fd);
    return r;
}

int64_t sys_accept(struct task *t, const struct args *a)
{
    return accept_call(a, 0);
}
int64_t sys_accept4(struct task *t, const struct args *a)
{
    return accept_call(a, arg_u32(a, 3));
}

static int64_t name_call(const struct args *a, bool peer)
{
    union socket_name name = {0};
    struct file *f;
    struct socket *s;
    int r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    bool known = !peer || s->connected || (s->type == SOCK_DGRAM_ && (s->peer || s->remote.port));
    r = known ? socket_name_out(a->v[1], a->v[2], &name, s->ops->name(s, peer, &name)) : -ENOTCONN;
    file_put(f);
    return r;
}

int64_t sys_getsockname(struct task *t, const struct args *a)
{
    return name_call(a, false);
}
int64_t sys_getpeername(struct task *t, const struct args *a)
{
    return name_call(a, true);
}

int64_t sys_shutdown(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    uint32_t how = arg_u32(a, 1);
    int r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    if (how > SHUT_BOTH_)
        r = -EINVAL;
    else if (s->listening && how != SHUT_WRITE_)
        s->listening = false, s->shut_read = true;
    else if (!s->connected && !s->peer && !s->remote.port)
        r = -ENOTCONN;
    if (!r) {
        if (how != SHUT_WRITE_)
            s->shut_read = true;
        if (how != SHUT_READ_) {
            s->shut_write = true;
            if (s->peer && s->type != SOCK_DGRAM_)
                s->peer->ended = true, socket_wake(s->peer, 0);
        }
        socket_wake(s, 0);
    }
    file_put(f);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: a program accepts on those that it is given, and talks. Preview 1 makes none and connects none. */
#include "wasi/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A socket first: that is the error which programs expect of other descriptors. */
static int get_socket(struct wasi_call *c, uint32_t rights, struct wasi_fd **f)
{
    int r = fd_get(c->wasi, c->args[0].i32, 0, f);

    if (r < 0)
        return r;
    if ((*f)->names_only)
        return -EBADF;
    if ((*f)->kind != WASI_SOCKET && (*f)->kind != WASI_LISTENER)
        return -ENOTSOCK;
    return rights & ~(*f)->rights ? -WASI_NOTCAPABLE : 0;
}

/* After a call that did not wait: 0 when it is worth another try. */
static int again(struct wasi_call *c, const struct wasi_fd *f, short events)
{
    if (errno == EINTR && !wasi_interrupted(c->wasi))
        return 0;
    if (errno != EAGAIN || f->flags & FDFLAG_NONBLOCK)
        return -errno;
    return wait_ready(c, f, events);
}

ssize_t socket_receive(struct wasi_call *c, struct wasi_fd *f, struct iovec *v, uint32_t n, int flags, bool *truncated)
{
    ssize_t done = 0;

    for (;;) {
        struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
        ssize_t r = recvmsg(f->host, &m, (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
        if (r < 0) {
            if ((r = again(c, f, POLLIN)) < 0)
                return done ? done : r;
            continue;
        }
        if (truncated)
            *truncated = m.msg_flags & MSG_TRUNC;
        done += r;
        if (r == 0 || !(flags & MSG_WAITALL) || !iovec_advance(&v, &n, (size_t)r))
            return done;
    }
}

ssize_t socket_send(struct wasi_call *c, struct wasi_fd *f, struct iovec *v, uint32_t n)
{
    ssize_t done = 0;

    for (;;) {
        struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
        ssize_t r = sendmsg(f->host, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (r < 0) {
            if ((r = again(c, f, POLLOUT)) < 0)
                return done ? done : r;
            continue;
        }
        done += r;
        if (f->flags & FDFLAG_NONBLOCK || !iovec_advance(&v, &n, (size_t)r))
            return done;
    }
}

int wasi_sock_accept(struct wasi_call *c)
{
    uint32_t flags = c->args[1].i32;
    struct wasi_fd *f, made;
    int fd, r = get_socket(c, RIGHT_SOCK_ACCEPT, &f);

    if (r < 0)
        return r;
    if (f->kind != WASI_LISTENER || flags & ~(uint32_t)FDFLAG_NONBLOCK)
        return -EINVAL;
    if ((r = memory_check(c->memory, call_address(c, 2), sizeof(uint32_t))) < 0 || (r = fd_room(c->wasi)) < 0)
        return r;
    while ((fd = accept4(f->host, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0) {
        if ((r = again(c, f, POLLIN)) < 0)
            return r;
    }
    r = fd_describe(fd, f->inheriting, 0, &made);
    made.owned = true;
    made.flags = (uint16_t)flags;
    if (r < 0) {
        close(fd);
        return r;
    }
    uint32_t number = fd_add(c->wasi, &made);
    return call_put(c, 2, &number, sizeof number);
}

int wasi_sock_recv(struct wasi_call *c)
{
    uint32_t flags = c->args[3].i32;
    bool truncated = false;
    struct wasi_fd *f;
    struct wasi_vector t;
    int r = get_socket(c, RIGHT_FD_READ, &f);

    if (r < 0)
        return r;
    if (flags & ~(uint32_t)RECV_FLAGS)
        return -EINVAL;
    if (flags == (RECV_PEEK | RECV_WAITALL)) /* bytes that stay cannot be gathered piece by piece */
        return -ENOTSUP;
    if ((r = vector_take(c, 1, &t)) < 0 || (r = memory_check(c->memory, call_address(c, 4), sizeof(uint32_t))) < 0 ||
        (r = memory_check(c->memory, call_address(c, 5), sizeof(uint16_t))) < 0)
        return r;
    ssize_t n = socket_receive(
        c, f, t.v, t.n, (flags & RECV_PEEK ? MSG_PEEK : 0) | (flags & RECV_WAITALL ? MSG_WAITALL : 0), &truncated);
    if (n < 0)
        return (int)n;
    uint16_t out = truncated ? RECV_DATA_TRUNCATED : 0;
    call_put(c, 4, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
    return call_put(c, 5, &out, sizeof out);
}

int wasi_sock_send(struct wasi_call *c)
{
    struct wasi_fd *f;
    struct wasi_vector t;
    int r = get_socket(c, RIGHT_FD_WRITE, &f);

    if (r < 0)
        return r;
    if (c->args[3].i32) /* $siflags has none */
        return -EINVAL;
    if ((r = vector_take(c, 1, &t)) < 0 || (r = memory_check(c->memory, call_address(c, 4), sizeof(uint32_t))) < 0)
        return r;
    ssize_t n = socket_send(c, f, t.v, t.n);
    return n < 0 ? (int)n : call_put(c, 4, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
}

int wasi_sock_shutdown(struct wasi_call *c)
{
    static const int ways[] = {[SHUT_READ] = SHUT_RD, [SHUT_WRITE] = SHUT_WR, [SHUT_READ | SHUT_WRITE] = SHUT_RDWR};
    uint32_t how = c->args[1].i32;
    struct wasi_fd *f;
    int r = get_socket(c, RIGHT_SOCK_SHUTDOWN, &f);

    if (r < 0)
        return r;
    if (!how || how > SHUT_FLAGS)
        return -EINVAL;
    return shutdown(f->host, ways[how]) < 0 ? -errno : 0;
}

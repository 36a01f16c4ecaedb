/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the gofer and its answers, one at a time, under the kernel's lock. The gofer has more rights than the
 * sentry, so it is believed about files; that an answer fits its request is looked at all the same, since what is wrong
 * there would be a mistake of ours. Once the socket fails every request fails: -EIO.
 */
#include "sentry/files.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    int socket; /* -1: it has failed */
    struct files_ops ops;
} files = {.socket = -1};

void files_end(void)
{
    if (files.socket >= 0)
        close(files.socket);
    files.socket = -1;
}

static int fail(void)
{
    files_end();
    return -EIO;
}

static struct iovec piece(const void *at, size_t n)
{
    return (struct iovec){(void *)(uintptr_t)at, n};
}

static bool request_send(const struct files_call *c)
{
    struct iovec v[4] = {piece(&c->r, sizeof c->r), piece(c->name, c->r.name), piece(c->second, c->r.second),
                         piece(c->value, c->r.value)};
    const struct msghdr m = {.msg_iov = v, .msg_iovlen = 4};
    ssize_t n;
    do
        n = sendmsg(files.socket, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)(sizeof c->r + c->r.name + c->r.second + c->r.value);
}

/* The descriptor that came; -1. More than one are closed, and do not come. */
static int taken(struct msghdr *m)
{
    int fd = -1;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof fd))
            memcpy(&fd, CMSG_DATA(h), sizeof fd);
    return fd;
}

static bool answer_fits(const struct files_call *c, size_t n)
{
    return n >= sizeof c->a && c->a.bytes <= c->room && n == sizeof c->a + c->a.bytes && c->a.error <= 0 &&
           c->a.error > -4096;
}

/* Bytes, with c->fd; -errno. */
static ssize_t answer_receive(struct files_call *c, bool *cut)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec v[2] = {piece(&c->a, sizeof c->a), piece(c->to, c->room)};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control.room};
    ssize_t n;
    do
        n = recvmsg(files.socket, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    c->fd = taken(&m);
    *cut = m.msg_flags & MSG_CTRUNC;
    return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int call(struct files_call *c)
{
    bool cut = false;
    c->fd = -1;
    if (files.socket < 0 || !request_send(c))
        return fail();
    ssize_t n = answer_receive(c, &cut);
    if (n > 0 && answer_fits(c, (size_t)n)) {
        if (!c->a.error && c->a.has_fd && (cut || c->fd < 0)) /* no room for it among ours */
            return -ENFILE;
        return c->a.error;
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    return fail();
}

const struct files_ops *files_begin(int gofer_socket, struct memobj *(*object)(struct memobj *, int fd, bool writable))
{
    files.socket = gofer_socket;
    files.ops = (struct files_ops){.call = call, FILES_HOST_OPS, .object = object};
    return &files.ops;
}

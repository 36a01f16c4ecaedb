/* SPDX-License-Identifier: Apache-2.0 */
/* Records on a SEQPACKET socket. Whatever the peer sends is copied whole, checked here, and only then looked at. */
#include "boundary/control.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int control_send(int sock, uint16_t type, uint32_t serial, int32_t code, const void *payload, size_t length, int fd)
{
    struct control_header h = {.magic = CONTROL_MAGIC,
                               .version = CONTROL_VERSION,
                               .type = type,
                               .length = (uint32_t)length,
                               .serial = serial,
                               .code = code};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov[] = {{&h, sizeof h}, {(void *)(uintptr_t)payload, length}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = length ? 2 : 1};
    ssize_t n;

    if (length > CONTROL_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        control.h =
            (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
    }
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

void control_write(int fd, uint16_t type, uint32_t serial, int32_t code, const void *payload, uint32_t length)
{
    struct {
        struct control_header header;
        char payload[CONTROL_PAYLOAD_MAX];
    } r = {.header = {.magic = CONTROL_MAGIC,
                      .version = CONTROL_VERSION,
                      .type = type,
                      .length = length,
                      .serial = serial,
                      .code = code}};

    memcpy(r.payload, payload, length);
    if (write(fd, &r, sizeof r.header + length) < 0)
        return; /* nobody to tell */
}

void control_answer(int fd, const struct control_header *to, int32_t code, const char *why)
{
    control_write(fd, to->type | CONTROL_REPLY, to->serial, code, why, code < 0 ? (uint32_t)strlen(why) : 0);
}

/* The first descriptor is kept; more than one is not in the protocol, and none is left open. */
static void take_fds(struct msghdr *msg, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (*fd < 0)
                *fd = one;
            else
                close(one);
        }
    }
}

int control_receive(int sock, struct control_record *r, bool block)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec iov[] = {{&r->header, sizeof r->header}, {r->payload, sizeof r->payload}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;

    r->fd = -1;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    take_fds(&msg, &r->fd);
    int bad = 0;
    if (n == 0) { /* the end, or an empty message, which may bring descriptors */
        cleanup_fd(&r->fd);
        r->fd = -1;
        return 0;
    }
    if ((size_t)n < sizeof r->header || msg.msg_flags & MSG_TRUNC || r->header.magic != CONTROL_MAGIC ||
        r->header.length != (size_t)n - sizeof r->header)
        bad = -EPROTO;
    else if (r->header.version != CONTROL_VERSION)
        bad = -EPROTONOSUPPORT;
    if (bad < 0) {
        cleanup_fd(&r->fd);
        r->fd = -1;
    }
    return bad < 0 ? bad : 1;
}

void control_payload(const struct control_record *r, void *out, size_t size)
{
    size_t n = r->header.length < size ? r->header.length : size;

    memset(out, 0, size);
    memcpy(out, r->payload, n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Records on the side socket. What comes is copied whole, its length, head and descriptors are checked, and descriptors
 * that do not belong are closed. */
#include "libmoat/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fds_space {
    struct cmsghdr h;
    char space[CMSG_SPACE(RING_FDS_MAX * sizeof(int))];
};

int wire_send(int sock, const void *record, size_t size, const int *fds, unsigned n_fds)
{
    struct iovec iov = {(void *)(uintptr_t)record, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union fds_space control = {0};
    ssize_t n;

    if (n_fds > RING_FDS_MAX)
        return -E2BIG;
    if (n_fds) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.h = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
        memcpy(CMSG_DATA(&control.h), fds, n_fds * sizeof(int));
    }
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static void close_all(int *fds, unsigned *n)
{
    for (unsigned i = 0; i < *n; i++)
        close(fds[i]);
    *n = 0;
}

/* The space holds RING_FDS_MAX descriptors, and the kernel installs no more than fit. */
static void take_fds(struct msghdr *msg, int *fds, unsigned *n)
{
    *n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < k && *n < RING_FDS_MAX; i++)
            memcpy(&fds[(*n)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
}

int wire_receive(int sock, uint32_t op, void *record, size_t size, int *fds, unsigned max_fds, unsigned *n_fds,
                 int flags)
{
    struct iovec iov = {record, size};
    union fds_space control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct wire_head head;
    int got[RING_FDS_MAX];
    unsigned n_got;
    ssize_t n;

    /* A peer that ends with records unread leaves ECONNRESET before the ones it has sent. */
    int resets = 0;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    if (n_fds)
        *n_fds = 0;
    if (n < 0)
        return -errno;
    take_fds(&msg, got, &n_got);
    if (n == 0) { /* the end; or an empty record, which may have brought descriptors */
        close_all(got, &n_got);
        return -ECONNRESET;
    }
    memcpy(&head, record, sizeof head < size ? sizeof head : size);
    if ((size_t)n != size || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || head.magic != WIRE_MAGIC || head.op != op ||
        head.n_fds != n_got || n_got > max_fds) {
        close_all(got, &n_got);
        return -EPROTO;
    }
    if (n_got) {
        memcpy(fds, got, n_got * sizeof(int));
        *n_fds = n_got;
    }
    return 0;
}

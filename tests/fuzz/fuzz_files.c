/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the gofer's answer, with up to three descriptors beside them, to the sentry's side of the socket: what
 * is taken fits its request, and no descriptor stays open that the caller was not given. Input: a byte for descriptors,
 * one for the room, then the datagram.
 */
#include "sentry/files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FDS_MOST 3

static void send_all(int sock, const uint8_t *data, size_t size, int n_fds)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)data, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[FDS_MOST] = {0, 0, 0};
    if (n_fds) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
        control.h = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int))};
        memcpy(CMSG_DATA(&control.h), fds, (size_t)n_fds * sizeof(int));
    }
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[FILES_BYTES_MAX];
    int pair[2];
    if (size < 2 || size > 40000)
        return 0;
    int lowest = dup(0);
    close(lowest);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    struct files_call c = {.r = {.op = FILES_READDIR}, .to = data[1] ? room : NULL, .room = data[1] * 128u};
    send_all(pair[1], data + 2, size - 2, data[0] % (FDS_MOST + 1));
    int r = files_begin(pair[0], NULL)->call(&c);
    if (r > 0 || r <= -4096 || (!r && c.a.bytes > c.room))
        abort();
    if (!r && c.a.has_fd && c.fd < 0)
        abort();
    if (c.fd >= 0)
        close(c.fd);
    files_end();
    close(pair[1]);
    int again = dup(0);
    if (again != lowest)
        abort();
    close(again);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram with descriptors beside it, for targets that read one from a socket. */
#ifndef MOAT_TESTS_FUZZ_SEND_ALL_H
#define MOAT_TESTS_FUZZ_SEND_ALL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FDS_MOST 5

/* n_fds: FDS_MOST at most, of standard input each. */
static inline void send_all(int sock, const uint8_t *data, size_t size, int n_fds)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)data, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    const int fds[FDS_MOST] = {0};

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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(int dirfd, const char *name, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = dirfd == AT_FDCWD ? snprintf(a->sun_path, sizeof a->sun_path, "%s", name)
                              : snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", dirfd, name);
    return n >= 0 && (size_t)n < sizeof a->sun_path ? 0 : -ENAMETOOLONG;
}

int unixsock_connect(int dirfd, const char *name, int type)
{
    struct sockaddr_un a;
    int r = address(dirfd, name, &a);

    if (r < 0)
        return r;
    int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    if (connect(s, (struct sockaddr *)&a, sizeof a) == 0)
        return s;
    r = -errno;
    close(s);
    return r;
}

int unixsock_listen(int dirfd, const char *name, int type, int backlog)
{
    struct sockaddr_un a;
    int r = address(dirfd, name, &a);

    if (r < 0)
        return r;
    int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    mode_t old = umask(0177);
    r = bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, backlog) < 0 ? -errno : s;
    umask(old);
    if (r < 0)
        close(s);
    return r;
}

int unixsock_receive_fd(int sock, int flags)
{
    char payload[64];
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))]; /* room for one: the kernel closes what does not fit */
    } control;
    struct iovec iov = {payload, sizeof payload};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    int fd;

    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fd))
        return -EPIPE;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

int unixsock_send_fds(int sock, const int *fds, size_t n, const void *payload, size_t len)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(UNIXSOCK_FDS_MAX * sizeof(int))];
    } control = {.h = {.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {(void *)(uintptr_t)payload, len};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};

    if (n > UNIXSOCK_FDS_MAX)
        return -E2BIG;
    memcpy(CMSG_DATA(&control.h), fds, n * sizeof(int));
    return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's own bits of network: a loopback interface, and a socket where the target's name service is. */
#include "driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void driver_loopback_up(void)
{
    struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ioctl(s, SIOCSIFFLAGS, &req);
    close(s);
}

int driver_dns_socket(pid_t pid, bool own_ids)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char path[64];
    int pair[2], fd = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    pid_t child = fork();
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (child == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        int user = open(path, O_RDONLY);
        snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
        int net = open(path, O_RDONLY);
        if ((own_ids && setns(user, CLONE_NEWUSER) < 0) || setns(net, CLONE_NEWNET) < 0)
            _exit(1);
        int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0)
            _exit(1);
        control.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof s), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.h), &s, sizeof s);
        _exit(sendmsg(pair[1], &msg, 0) == 1 ? 0 : 1);
    }
    close(pair[1]);
    if (recvmsg(pair[0], &msg, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&msg))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
    close(pair[0]);
    waitpid(child, NULL, 0);
    return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The target's sockets, by pidfd_getfd(2), and new ones of the host's network in their likeness. */
#include "broker/net.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif
#define PIDFD_THREAD_FLAG O_EXCL /* Linux 6.9: of a thread */

static uint64_t host_network;

static int cookie_of(int fd, uint64_t *out)
{
    socklen_t n = sizeof *out;

    return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, out, &n) < 0 ? -errno : 0;
}

int net_socket_init(void)
{
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : cookie_of(fd, &host_network);
}

/* A number of a line of a small procfs file; -1: no such line. */
static long proc_number(const struct broker *b, const char *path, const char *line, int base)
{
    char text[4096];
    int fd = (int)sys(SYS_openat, b->proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    fd_drop(&fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strstr(text, line);
    return at ? strtol(at + strlen(line), NULL, base) : -1;
}

static int open_pidfd(const struct broker *b, const struct call *c)
{
    char path[48];
    int fd = (int)sys(SYS_pidfd_open, c->n.pid, PIDFD_THREAD_FLAG);

    if (fd != -EINVAL)
        return fd;
    snprintf(path, sizeof path, "%u/status", c->n.pid);
    long leader = proc_number(b, path, "\nTgid:", 10);
    return leader <= 0 ? -ESRCH : (int)sys(SYS_pidfd_open, leader, 0);
}

int net_get_fd(const struct broker *b, const struct call *c, int number)
{
    _cleanup_fd_ int pidfd = open_pidfd(b, c);

    return pidfd < 0 ? pidfd : (int)sys(SYS_pidfd_getfd, pidfd, number, 0);
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &n) < 0 ? -errno : value;
}

int net_socket_get(const struct broker *b, const struct call *c, struct net_socket *out)
{
    int number = (int)call_arg(c, c->row->dir[0]);
    char path[64];

    *out = (struct net_socket){.fd = -1};
    _cleanup_fd_ int fd = net_get_fd(b, c, number);
    if (fd < 0)
        return fd;
    snprintf(path, sizeof path, "%u/fdinfo/%d", c->n.pid, number);
    long flags = proc_number(b, path, "flags:", 8);
    if (!notify_waits(b, c->n.id))
        return -ESRCH; /* it was of some other process, perhaps */
    int domain = option(fd, SO_DOMAIN);
    if (domain < 0)
        return domain; /* -ENOTSOCK */
    *out = (struct net_socket){.domain = domain,
                               .type = option(fd, SO_TYPE),
                               .protocol = option(fd, SO_PROTOCOL),
                               .nonblock = fcntl(fd, F_GETFL) & O_NONBLOCK,
                               .cloexec = flags >= 0 && flags & O_CLOEXEC,
                               .fd = -1};
    uint64_t network;
    int r = cookie_of(fd, &network);
    if (r < 0)
        return r;
    out->hosts = network == host_network;
    out->fd = steal_fd(&fd);
    return 0;
}

int net_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

/* Options that programs set before they connect or bind. The sizes are what the kernel gives back. */
static const struct {
    int level, name;
    bool halved; /* the kernel answers with twice what was set */
} options[] = {
    {SOL_SOCKET, SO_REUSEADDR, false},   {SOL_SOCKET, SO_KEEPALIVE, false},
    {SOL_SOCKET, SO_BROADCAST, false},   {SOL_SOCKET, SO_OOBINLINE, false},
    {SOL_SOCKET, SO_LINGER, false},      {SOL_SOCKET, SO_RCVBUF, true},
    {SOL_SOCKET, SO_SNDBUF, true},       {SOL_SOCKET, SO_RCVTIMEO, false},
    {SOL_SOCKET, SO_SNDTIMEO, false},    {SOL_SOCKET, SO_RCVLOWAT, false},
    {IPPROTO_IP, IP_TOS, false},         {IPPROTO_IP, IP_TTL, false},
    {IPPROTO_IPV6, IPV6_V6ONLY, false},  {IPPROTO_IPV6, IPV6_TCLASS, false},
    {IPPROTO_TCP, TCP_NODELAY, false},   {IPPROTO_TCP, TCP_KEEPIDLE, false},
    {IPPROTO_TCP, TCP_KEEPINTVL, false}, {IPPROTO_TCP, TCP_KEEPCNT, false},
    {IPPROTO_TCP, TCP_SYNCNT, false},    {IPPROTO_TCP, TCP_USER_TIMEOUT, false},
};

static void copy_options(int from, int to)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char is[64], fresh[64];
        socklen_t n = sizeof is, m = sizeof fresh;
        if (getsockopt(from, options[i].level, options[i].name, is, &n) < 0 ||
            getsockopt(to, options[i].level, options[i].name, fresh, &m) < 0 || (n == m && !memcmp(is, fresh, n)))
            continue;
        if (options[i].halved && n == sizeof(int)) {
            int v;
            memcpy(&v, is, sizeof v);
            v /= 2;
            memcpy(is, &v, sizeof v);
        }
        setsockopt(to, options[i].level, options[i].name, is, n); /* what is refused here would not be set there */
    }
}

int net_socket_like(const struct net_socket *s)
{
    int fd = socket(s->domain, s->type | SOCK_NONBLOCK | SOCK_CLOEXEC, s->protocol);

    if (fd < 0)
        return -errno;
    copy_options(s->fd, fd);
    return fd;
}

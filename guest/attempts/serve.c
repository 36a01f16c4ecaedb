/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The far side of attempts at the network, run outside by a test: "tcp:ADDRESS:PORT" says a word to who connects,
 * "udp:ADDRESS:PORT" answers each datagram, "dns:ADDRESS:NAME=ADDRESS" answers for one name on port 53. Says "ready"
 * and serves until its standard input ends. IPv4 alone. What arrives is looked at within its bounds and never kept.
 */
#include "attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPECS_MAX 16
#define DNS_PORT  53

struct service {
    int fd;
    char kind; /* 't', 'u' or 'd' */
    const char *name;
    struct in_addr address; /* 'd': the answer */
};

static bool open_service(char *spec, struct service *s)
{
    char *address = strchr(spec, ':'), *rest = address ? strchr(address + 1, ':') : NULL;
    struct sockaddr_in at = {.sin_family = AF_INET};
    int on = 1;

    if (!rest)
        return false;
    *rest++ = '\0';
    *s = (struct service){.kind = *spec};
    char *equals = strchr(rest, '=');
    at.sin_port = htons((uint16_t)(equals ? DNS_PORT : atoi(rest)));
    if (equals) {
        *equals = '\0';
        s->name = rest;
        if (inet_pton(AF_INET, equals + 1, &s->address) != 1)
            return false;
    }
    if (inet_pton(AF_INET, address + 1, &at.sin_addr) != 1)
        return false;
    s->fd = socket(AF_INET, (s->kind == 't' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
           (s->kind != 't' || listen(s->fd, 16) == 0);
}

/* The name of the first question as text; the offset behind type and class, or 0. */
static size_t question(const unsigned char *m, size_t n, char *name, size_t size)
{
    size_t at = 12, used = 0;

    while (at < n && m[at] && m[at] < 64 && at + m[at] + 1 < n && used + m[at] + 2 < size) {
        memcpy(name + used, m + at + 1, m[at]);
        used += m[at];
        name[used++] = '.';
        at += m[at] + 1u;
    }
    name[used ? used - 1 : 0] = '\0';
    return at < n && !m[at] && at + 5 <= n ? at + 5 : 0;
}

/* An A record where the name is ours and one is asked for; no record for another type of it; else NXDOMAIN. */
static size_t answer(const struct service *s, unsigned char *m, size_t n, size_t room)
{
    char name[256];
    size_t end = n < 12 ? 0 : question(m, n, name, sizeof name);

    if (!end || end + 16 > room)
        return 0;
    bool ours = !strcasecmp(name, s->name), a = m[end - 3] == 1 && m[end - 4] == 0;
    m[2] = 0x84 | (m[2] & 1); /* an answer, of one who knows */
    m[3] = ours ? 0 : 3;
    memset(m + 4, 0, 8);
    m[5] = 1;
    if (!ours || !a)
        return end;
    m[7] = 1;
    memcpy(m + end, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);
    memcpy(m + end + 12, &s->address, 4);
    return end + 16;
}

static void attend(const struct service *s)
{
    struct sockaddr_storage who;
    socklen_t len = sizeof who;
    unsigned char m[1500];

    if (s->kind == 't') {
        int c = accept(s->fd, NULL, NULL);
        if (c >= 0) {
            send(c, SERVED "\n", strlen(SERVED) + 1, MSG_NOSIGNAL);
            close(c);
        }
        return;
    }
    ssize_t n = recvfrom(s->fd, m, sizeof m, 0, (struct sockaddr *)&who, &len);
    size_t out = 0;
    if (n >= 0 && s->kind == 'd') {
        out = answer(s, m, (size_t)n, sizeof m);
    } else if (n >= 0) {
        out = strlen(SERVED);
        memcpy(m, SERVED, strlen(SERVED));
    }
    if (out)
        sendto(s->fd, m, out, MSG_NOSIGNAL, (struct sockaddr *)&who, len);
}

int serve(char **specs, int n)
{
    struct service services[SPECS_MAX];
    struct pollfd fds[SPECS_MAX + 1] = {{.fd = 0, .events = POLLIN}};
    char c;

    if (n < 1 || n > SPECS_MAX)
        return USAGE;
    for (int i = 0; i < n; i++) {
        if (!open_service(specs[i], &services[i])) {
            fprintf(stderr, "moat-attempts: cannot serve %s: %s\n", specs[i], errno_name(errno));
            return USAGE;
        }
        fds[i + 1] = (struct pollfd){.fd = services[i].fd, .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(fds, (nfds_t)n + 1, -1) < 0)
            continue;
        if (fds[0].revents && read(0, &c, 1) <= 0)
            return 0;
        for (int i = 0; i < n; i++)
            if (fds[i + 1].revents)
                attend(&services[i]);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts at the network: connecting, by address or name; datagrams; listening. The far side of a test is serve.c. */
#include "attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_MS 3000

/* The errors of getaddrinfo in one word each. */
static const char *no_name(int e)
{
    switch (e) {
    case EAI_NONAME:
        return "NXDOMAIN";
    case EAI_AGAIN:
        return "EAGAIN";
    case EAI_SYSTEM:
        return errno_name(errno);
    default:
        return "NODATA";
    }
}

static int look_up(const char *host, const char *port, int type, struct addrinfo **list)
{
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICSERV};
    int e = getaddrinfo(host, port, &hints, list);

    return e ? refused_as(no_name(e), "name %s", host) : DONE;
}

static void be_patient(int s)
{
    struct timeval t = {.tv_sec = PATIENCE_MS / 1000};

    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* What the far side says; a server that is not ours and says nothing has been reached all the same. */
static int hear(int s, const char *where)
{
    char text[64];
    ssize_t n = recv(s, text, sizeof text, 0);

    if (n < 0 && errno == EAGAIN)
        return done("%s was reached and said nothing", where);
    return n < 0 ? refused("answer of %s", where) : done("%s said: %s", where, shown(text, (size_t)n));
}

static int connect_tcp(char **args, int n)
{
    struct addrinfo *a;
    int r = look_up(args[0], args[1], SOCK_STREAM, &a);

    (void)n;
    if (r != DONE)
        return r;
    int s = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return refused("socket");
    be_patient(s);
    if (connect(s, a->ai_addr, a->ai_addrlen) < 0) {
        if (errno == EINPROGRESS)
            errno = ETIMEDOUT;
        return refused("connect to %s port %s", args[0], args[1]);
    }
    return hear(s, args[0]);
}

/* Reached or not is all that is asked, and nothing is sent or read: for destinations that are not ours. */
static int reach(char **args, int n)
{
    struct addrinfo *a;
    int type = n > 2 && !strcmp(args[2], "udp") ? SOCK_DGRAM : SOCK_STREAM, r = look_up(args[0], args[1], type, &a);

    if (r != DONE)
        return r;
    int s = socket(a->ai_family, type | SOCK_CLOEXEC, 0);
    if (s < 0)
        return refused("socket");
    be_patient(s);
    if (connect(s, a->ai_addr, a->ai_addrlen) == 0)
        return done("connected to %s port %s", args[0], args[1]);
    if (errno == EINPROGRESS)
        errno = ETIMEDOUT;
    return refused("connect to %s port %s", args[0], args[1]);
}

/* "connect": with connect(2) first; "sendto": with an address in each message. */
static int datagram(char **args, int n)
{
    struct addrinfo *a;
    bool whole = n > 2 && !strcmp(args[2], "sendto");
    int r = look_up(args[0], args[1], SOCK_DGRAM, &a);

    if (r != DONE)
        return r;
    int s = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return refused("socket");
    be_patient(s);
    if (!whole && connect(s, a->ai_addr, a->ai_addrlen) < 0)
        return refused("connect to %s port %s", args[0], args[1]);
    if (sendto(s, "hello", 5, MSG_NOSIGNAL, whole ? a->ai_addr : NULL, whole ? a->ai_addrlen : 0) < 0)
        return refused("send to %s port %s", args[0], args[1]);
    char text[64];
    ssize_t got = recv(s, text, sizeof text, 0);
    return got < 0 ? refused("answer of %s port %s", args[0], args[1])
                   : done("%s said: %s", args[0], shown(text, (size_t)got));
}

static int resolve(char **args, int n)
{
    struct addrinfo *a;
    char text[64];
    int r = look_up(args[0], "1", SOCK_STREAM, &a);

    (void)n;
    if (r != DONE)
        return r;
    int e = getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    return e ? untried("an answer without an address") : done("%s is %s", args[0], text);
}

/* Listens, and reaches itself there. */
static int listen_on(char **args, int n)
{
    struct addrinfo *a;
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char text[2] = "";
    int r = look_up(args[0], args[1], SOCK_STREAM, &a);

    (void)n;
    if (r != DONE)
        return r;
    int s = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (s < 0 || bind(s, a->ai_addr, a->ai_addrlen) < 0)
        return refused("bind to %s port %s", args[0], args[1]);
    if (listen(s, 1) < 0 || getsockname(s, (struct sockaddr *)&at, &len) < 0)
        return refused("listen on %s port %s", args[0], args[1]);
    int c = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c < 0 || connect(c, (struct sockaddr *)&at, len) < 0)
        return refused("connect to itself");
    int p = accept(s, NULL, NULL);
    if (p < 0 || send(c, "x", 1, 0) != 1 || recv(p, text, 1, 0) != 1 || *text != 'x')
        return hollow("it listens and cannot be reached");
    return done("a byte came by way of %s", args[0]);
}

const struct attempt net_attempts[] = {
    {"connect", connect_tcp, "HOST PORT", "connects and reads what the far side says"},
    {"reach", reach, "HOST PORT [tcp|udp]", "connects, and neither sends nor reads"},
    {"datagram", datagram, "HOST PORT [connect|sendto]", "sends a datagram and waits for the answer"},
    {"resolve", resolve, "NAME", "asks for the address of a name"},
    {"listen", listen_on, "ADDRESS PORT", "listens, and reaches itself there"},
    {NULL},
};

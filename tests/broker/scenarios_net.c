/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts on addresses. The test's own network namespace stands for the host's: 192.0.2.1 has an echo for TCP and UDP
 * at port 7, nothing at port 8; the rules allow 192.0.2.1:7-8 by both protocols and a listener at 192.0.2.1:9009.
 */
#include "driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST "192.0.2.1"

static int wrong;

static void expect(const char *label, int got, int wanted)
{
    if (got == wanted)
        return;
    printf("%s: got %d (%s), expected %d (%s)\n", label, got, got ? strerror(got) : "success", wanted,
           wanted ? strerror(wanted) : "success");
    wrong++;
}

#define TRY(label, call, wanted) expect(label, (call) < 0 ? errno : 0, wanted)

static struct sockaddr_in address(const char *text, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static int connect_to(int s, const char *text, int port)
{
    struct sockaddr_in a = address(text, port);

    return connect(s, (struct sockaddr *)&a, sizeof a);
}

static int connects(int type, const char *text, int port)
{
    int s = socket(AF_INET, type, 0), r = connect_to(s, text, port), e = errno;

    close(s);
    errno = e;
    return r;
}

static void expect_echo(const char *label, int s)
{
    char text[16] = "";

    if (write(s, "hello", 5) != 5 || read(s, text, sizeof text) != 5 || strcmp(text, "hello") != 0) {
        printf("%s: no echo (%s)\n", label, strerror(errno));
        wrong++;
    }
}

static void tcp(void)
{
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error = -1;
    struct timeval tv = {7, 0}, got;
    socklen_t n = sizeof on;

    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    TRY("what a rule allows", connect_to(s, HOST, 7), 0);
    expect_echo("what a rule allows", s);
    expect("an option that was set before", getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on, 1);
    n = sizeof got;
    expect("a time limit that was set before", getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &got, &n) == 0 && got.tv_sec == 7,
           1);
    expect("close on exec", fcntl(s, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    expect("it blocks", fcntl(s, F_GETFL) & O_NONBLOCK, 0);
    TRY("connected twice", connect_to(s, HOST, 7), EISCONN);
    TRY("connected twice, elsewhere", connect_to(s, "192.0.2.2", 7), EACCES);
    close(s);

    s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect_to(s, HOST, 7) < 0) {
        expect("without waiting", errno, EINPROGRESS);
        struct pollfd p = {.fd = s, .events = POLLOUT};
        expect("its end", poll(&p, 1, 5000), 1);
    }
    n = sizeof error;
    expect("its outcome", getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error : -1, 0);
    expect("it does not block", fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    expect("and not close on exec", fcntl(s, F_GETFD) & FD_CLOEXEC, 0);
    close(s);

    TRY("nobody there", connects(SOCK_STREAM, HOST, 8), ECONNREFUSED);
    TRY("a port that no rule names", connects(SOCK_STREAM, HOST, 9), EACCES);
    TRY("an address that no rule names", connects(SOCK_STREAM, "192.0.2.2", 7), EACCES);
    TRY("the host's loopback is not ours", connects(SOCK_STREAM, "127.0.0.1", 7), ECONNREFUSED);
    TRY("no address", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)8, 16), EFAULT);
    TRY("a short address",
        connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&(struct sockaddr_in){.sin_family = AF_INET}, 4), EINVAL);
    TRY("a long address", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&(char[512]){0}, 512), EINVAL);
    TRY("no socket", connect_to(0, HOST, 7), ENOTSOCK);
    TRY("not open", connect_to(999, HOST, 7), EBADF);
}

static void own_network(void)
{
    int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in a = address("127.0.0.1", 7000);
    char byte;

    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    TRY("bind in its own network", bind(l, (struct sockaddr *)&a, sizeof a), 0);
    TRY("listen there", listen(l, 5), 0);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    TRY("connect there", connect_to(s, "127.0.0.1", 7000), 0);
    int t = accept(l, NULL, NULL);
    expect("a byte", t >= 0 && write(s, "x", 1) == 1 && read(t, &byte, 1) == 1 && byte == 'x', 1);
    close(s), close(t), close(l);
    int d = socket(AF_INET, SOCK_DGRAM, 0), e = socket(AF_INET, SOCK_DGRAM, 0);
    a = address("127.0.0.1", 7001);
    TRY("bind datagrams", bind(d, (struct sockaddr *)&a, sizeof a), 0);
    TRY("send there", sendto(e, "y", 1, 0, (struct sockaddr *)&a, sizeof a), 0);
    expect("a datagram", read(d, &byte, 1) == 1 && byte == 'y', 1);
    close(d), close(e);
}

static void listening(void)
{
    int l = socket(AF_INET, SOCK_STREAM, 0), on = 1, s;
    struct sockaddr_in a = address(HOST, 9009), b = address(HOST, 9010);

    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    TRY("bind to what no rule names: not an address of its own network", bind(l, (struct sockaddr *)&b, sizeof b),
        EADDRNOTAVAIL);
    TRY("bind to the host's", bind(l, (struct sockaddr *)&a, sizeof a), 0);
    TRY("listen", listen(l, 5), 0);
    TRY("bind twice", bind(l, (struct sockaddr *)&b, sizeof b), EACCES);
    s = accept(l, NULL, NULL); /* the test connects */
    expect("somebody came", s >= 0 && write(s, "welcome", 7) == 7, 1);
    close(s), close(l);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY("a socket that failed to connect", connect_to(s, HOST, 8), ECONNREFUSED);
    TRY("listens in its own network alone", listen(s, 5), 0);
    close(s);
}

static void udp(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in good = address(HOST, 7), other = address("192.0.2.2", 7), none = {.sin_family = AF_UNSPEC};
    struct iovec iov = {"hello", 5};
    struct msghdr to_other = {.msg_name = &other, .msg_namelen = sizeof other, .msg_iov = &iov, .msg_iovlen = 1};
    struct msghdr to_peer = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr many[3] = {{.msg_hdr = to_peer}, {.msg_hdr = to_other}, {.msg_hdr = to_peer}};
    char text[16] = "";

    TRY("connect", connect_to(s, HOST, 7), 0);
    expect_echo("connected", s);
    TRY("to another address, from the socket of the host",
        sendto(s, "x", 1, 0, (struct sockaddr *)&other, sizeof other), EACCES);
    TRY("the same by sendmsg", sendmsg(s, &to_other, 0), EACCES);
    expect("sendmmsg stops there", sendmmsg(s, many, 3, 0), 1);
    expect("what it sent", read(s, text, sizeof text), 5);
    TRY("sendmsg to the peer", sendmsg(s, &to_peer, 0), 0);
    expect("its echo", read(s, text, sizeof text), 5);
    TRY("sendto to the peer", sendto(s, "hello", 5, 0, (struct sockaddr *)&good, sizeof good), 0);
    expect("its echo", read(s, text, sizeof text), 5);
    TRY("disconnect", connect(s, (struct sockaddr *)&none, sizeof none), EAFNOSUPPORT);
    TRY("connected to another", connect_to(s, "192.0.2.2", 7), EACCES);
    TRY("bind", bind(s, (struct sockaddr *)&other, sizeof other), EACCES);
    TRY("without connecting first", sendto(d, "x", 1, 0, (struct sockaddr *)&good, sizeof good), EACCES);
    TRY("with the flag that connects", sendto(d, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&good, sizeof good),
        EOPNOTSUPP);
    close(s), close(d);
}

static void local(void)
{
    int pair[2], fds[2] = {0, 1}, l = socket(AF_UNIX, SOCK_STREAM, 0), s;
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/tmp/sock"},
                       none = {.sun_family = AF_UNIX, .sun_path = "/tmp/none"},
                       brokered = {.sun_family = AF_UNIX, .sun_path = "/b/sock"},
                       abstract = {.sun_family = AF_UNIX, .sun_path = "\0name"};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof fds)];
    } control = {.h = {.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    TRY("bind to a path", bind(l, (struct sockaddr *)&a, sizeof a), 0);
    TRY("listen", listen(l, 5), 0);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY("connect to a path", connect(s, (struct sockaddr *)&a, sizeof a), 0);
    TRY("chdir", chdir("/tmp"), 0);
    strcpy(a.sun_path, "sock");
    TRY("connect to a relative path", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a), 0);
    TRY("connect to nothing", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&none, sizeof none), ENOENT);
    TRY("connect to a brokered path",
        connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&brokered, sizeof brokered), EACCES);
    TRY("connect to a name of nobody", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&abstract, 7),
        ECONNREFUSED);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    memcpy(CMSG_DATA(&control.h), fds, sizeof fds);
    TRY("descriptors with a message", sendmsg(pair[0], &msg, 0), 0);
    memset(&control, 0, sizeof control);
    msg.msg_controllen = sizeof control;
    expect("they came",
           recvmsg(pair[1], &msg, 0) == 1 && control.h.cmsg_type == SCM_RIGHTS &&
               control.h.cmsg_len == CMSG_LEN(sizeof fds),
           1);
    /* A message that finds no room waits as it would have. */
    static char much[300000];
    int room = 4096;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    iov = (struct iovec){much, 1000};
    msg = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
    if (fork() == 0) {
        usleep(200000);
        for (int i = 0; i < 40; i++)
            if (read(pair[1], much, sizeof much) != 1000)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 40; i++)
        TRY("a message that waits for room", sendmsg(pair[0], &msg, 0), 0);
}

/* The one byte in which the two addresses differ goes to and fro: 192.0.2.1, which a rule allows, and 192.0.2.3, at
 * which the test listens too. Who answers says where it came. */
static struct sockaddr_in shared;
static atomic_bool stop;

static void *swap(void *arg)
{
    volatile unsigned char *c = (unsigned char *)&shared.sin_addr + 3;

    while (!stop) {
        *c = 3;
        *c = 1;
    }
    return NULL;
}

static int race(long tries)
{
    long good = 0, bad = 0;
    pthread_t thread;

    shared = address(HOST, 7);
    pthread_create(&thread, NULL, swap, NULL);
    for (long i = 0; i < tries; i++) {
        struct sockaddr_in peer;
        socklen_t n = sizeof peer;
        int s = socket(AF_INET, i & 1 ? SOCK_DGRAM : SOCK_STREAM, 0);
        if (connect(s, (struct sockaddr *)&shared, sizeof shared) == 0 &&
            getpeername(s, (struct sockaddr *)&peer, &n) == 0) {
            good += peer.sin_addr.s_addr == htonl(0xc0000201);
            bad += peer.sin_addr.s_addr != htonl(0xc0000201);
        }
        close(s);
    }
    stop = true;
    pthread_join(thread, NULL);
    printf("good %ld bad %ld\n", good, bad);
    return 0;
}

int scenario_net(char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } rows[] = {{"@net-tcp", tcp},
                {"@net-own", own_network},
                {"@net-listen", listening},
                {"@net-udp", udp},
                {"@net-local", local}};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(argv[0], "@net-race"))
        return race(atol(argv[1]));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(argv[0], rows[i].name) != 0)
            continue;
        rows[i].run();
        return wrong < 99 ? wrong : 99;
    }
    fprintf(stderr, "%s: no such scenario\n", argv[0]);
    return 100;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets within the machine, by guests that call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/net/abi.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/tcp.h>
#include <linux/time_types.h>
#include <string.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static struct sockaddr_in in4(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET_, .sin_port = __builtin_bswap16(port), .sin_addr.s_addr = __builtin_bswap32(ip)};
}

#define LOCALHOST 0x7f000001u

/* A listener on 127.0.0.1; *port is what it got. */
static int64_t listen4(uint16_t *port)
{
    struct sockaddr_in a = in4(LOCALHOST, 0);
    uint32_t n = sizeof(a);
    int64_t s = sys(__NR_socket, AF_INET_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_bind, s, &a, sizeof(a)), 0);
    assert_int_equal(sys(__NR_listen, s, 5), 0);
    assert_int_equal(sys(__NR_getsockname, s, &a, &n), 0);
    assert_int_equal(n, sizeof(a));
    *port = __builtin_bswap16(a.sin_port);
    assert_true(*port >= 32768);
    return s;
}

static int64_t connect4(uint16_t port)
{
    struct sockaddr_in a = in4(LOCALHOST, port);
    int64_t s = sys(__NR_socket, AF_INET_, SOCK_STREAM_, 0);
    int64_t r = sys(__NR_connect, s, &a, sizeof(a));
    return r ? r : s;
}

/* ---- TCP ---- */

static void guest_tcp(void)
{
    char got[16] = "";
    uint16_t port;
    struct sockaddr_in mine, theirs;
    uint32_t n = sizeof(mine);
    int64_t l = listen4(&port), c = connect4(port), s = sys(__NR_accept4, l, &theirs, &n, 0);
    assert_true(c >= 0 && s >= 0);
    assert_int_equal(sys(__NR_getsockname, c, &mine, &n), 0);
    assert_memory_equal(&mine, &theirs, 8);
    assert_int_equal(sys(__NR_write, c, user_string("ping"), 4), 4);
    assert_int_equal(sys(__NR_read, s, got, 16), 4);
    assert_string_equal(got, "ping");
    assert_int_equal(sys(__NR_shutdown, c, SHUT_WRITE_), 0);
    assert_int_equal(sys(__NR_read, s, got, 16), 0);
    assert_int_equal(sys(__NR_write, s, user_string("pong"), 4), 4);
    assert_int_equal(sys(__NR_read, c, got, 16), 4);
    assert_int_equal(sys(__NR_sendto, c, got, 1, MSG_NOSIGNAL_, NULL, 0), -EPIPE);
    sys(__NR_close, s);
    assert_int_equal(sys(__NR_read, c, got, 16), 0);
    assert_int_equal(sys(__NR_accept4, l, NULL, NULL, 1), -EINVAL);
}

static void test_tcp_carries_bytes_both_ways_and_ends_one_by_one(void **state)
{
    RUN(guest_tcp);
}

/* Without a descriptor to be had, a connection waits for one. */
static void guest_accept_without_descriptors(void)
{
    uint16_t port;
    int64_t l = listen4(&port), c = connect4(port);
    uint64_t few[2] = {(uint64_t)c + 1, (uint64_t)c + 1};
    assert_int_equal(sys(__NR_prlimit64, 0, RLIMIT_NOFILE, few, NULL), 0);
    assert_int_equal(sys(__NR_accept4, l, NULL, NULL, 0), -EMFILE);
    sys(__NR_close, c);
    assert_true(sys(__NR_accept4, l, NULL, NULL, 0) >= 0);
}

static void test_accept_without_a_free_descriptor_loses_no_connection(void **state)
{
    RUN(guest_accept_without_descriptors);
}

static void guest_tcp_reset(void)
{
    char got[4];
    int error;
    uint32_t n = sizeof(error);
    uint16_t port;
    int64_t l = listen4(&port), c = connect4(port), s = sys(__NR_accept4, l, NULL, NULL, 0);
    sys(__NR_write, c, user_string("unread"), 6);
    sys(__NR_close, s);
    assert_int_equal(sys(__NR_getsockopt, c, SOL_SOCKET, SO_ERROR, &error, &n), 0);
    assert_int_equal(error, ECONNRESET);
    assert_int_equal(sys(__NR_read, c, got, 4), 0);
    assert_int_equal(sys(__NR_sendto, c, got, 1, MSG_NOSIGNAL_, NULL, 0), -EPIPE);
    sys(__NR_close, l);
    assert_int_equal(connect4(port), -ECONNREFUSED);
}

static void test_close_with_unread_bytes_resets_the_peer(void **state)
{
    RUN(guest_tcp_reset);
}

static void guest_tcp_names(void)
{
    uint16_t port;
    int one = 1;
    listen4(&port);
    struct sockaddr_in a = in4(LOCALHOST, port), far = in4(0x08080808, 53), any = in4(0, port);
    int64_t s = sys(__NR_socket, AF_INET_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_bind, s, &a, sizeof(a)), -EADDRINUSE);
    assert_int_equal(sys(__NR_bind, s, &any, sizeof(any)), -EADDRINUSE);
    assert_int_equal(sys(__NR_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 4), 0);
    assert_int_equal(sys(__NR_bind, s, &a, sizeof(a)), -EADDRINUSE); /* the other one listens */
    assert_int_equal(sys(__NR_bind, s, &far, sizeof(far)), -EADDRNOTAVAIL);
    assert_int_equal(sys(__NR_connect, s, &far, sizeof(far)), -ENETUNREACH);
    assert_int_equal(sys(__NR_connect, s, &a, 4), -EINVAL);
    assert_int_equal(sys(__NR_socket, AF_INET_, SOCK_RAW_, 1), -EPERM);
    assert_int_equal(sys(__NR_socket, 99, SOCK_STREAM_, 0), -EAFNOSUPPORT);
    assert_int_equal(sys(__NR_socket, AF_INET_, 77, 0), -EINVAL);
    assert_int_equal(sys(__NR_accept, s, NULL, NULL), -EINVAL);
    assert_int_equal(sys(__NR_read, s, &one, 4), -ENOTCONN);
    assert_int_equal(sys(__NR_bind, 0, &a, sizeof(a)), -ENOTSOCK);
}

static void test_addresses_that_are_taken_or_elsewhere_are_refused(void **state)
{
    RUN(guest_tcp_names);
}

static void guest_dual(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6_}, peer;
    uint32_t n = sizeof(any);
    int64_t l = sys(__NR_socket, AF_INET6_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_bind, l, &any, sizeof(any)), 0);
    assert_int_equal(sys(__NR_listen, l, 1), 0);
    assert_int_equal(sys(__NR_getsockname, l, &any, &n), 0);
    int64_t c = connect4(__builtin_bswap16(any.sin6_port));
    assert_true(c >= 0);
    int64_t s = sys(__NR_accept4, l, &peer, &n, 0);
    assert_true(s >= 0);
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    assert_memory_equal(&peer.sin6_addr, mapped, 16);
}

static void test_ipv6_listener_takes_ipv4_too(void **state)
{
    RUN(guest_dual);
}

static uint16_t echo_port;
static void echo_server(void *of)
{
    int64_t l = *(int64_t *)of, s = sys(__NR_accept4, l, NULL, NULL, 0);
    char *got = user_alloc(65536);
    for (int64_t n; (n = sys(__NR_read, s, got, 65536)) > 0;)
        assert_int_equal(sys(__NR_write, s, got, n), n);
    sys(__NR_close, s);
}

static void echo_reader(void *of)
{
    int64_t *c = of;
    char *got = user_alloc(65536);
    for (int64_t n; c[1] < 1000000 && (n = sys(__NR_read, c[0], got, 65536)) > 0; c[1] += n)
        for (int64_t i = 0; i < n; i++)
            assert_int_equal((uint8_t)got[i], (uint8_t)((c[1] + i) * 13));
}

static void guest_tcp_bulk(void)
{
    uint32_t *server = user_alloc(4), *reader = user_alloc(4);
    int64_t *l = user_alloc(8), *c = user_alloc(16);
    char *from = user_alloc(1000000);
    for (int i = 0; i < 1000000; i++)
        from[i] = (char)(i * 13);
    *l = listen4(&echo_port);
    assert_true(guest_thread(echo_server, l, server) > 0);
    c[0] = connect4(echo_port);
    assert_true(guest_thread(echo_reader, c, reader) > 0);
    assert_int_equal(sys(__NR_write, c[0], from, 1000000), 1000000);
    guest_join(reader);
    assert_int_equal(c[1], 1000000);
    sys(__NR_close, c[0]);
    guest_join(server);
}

static void test_a_million_bytes_come_back_whole(void **state)
{
    RUN(guest_tcp_bulk);
}

/* ---- UDP ---- */

static void guest_udp(void)
{
    char got[8] = "";
    struct sockaddr_in a = in4(LOCALHOST, 0), from;
    uint32_t n = sizeof(a);
    int error;
    int64_t r = sys(__NR_socket, AF_INET_, SOCK_DGRAM_ | O_NONBLOCK, 0), s = sys(__NR_socket, AF_INET_, SOCK_DGRAM_, 0);
    assert_int_equal(sys(__NR_bind, r, &a, sizeof(a)), 0);
    assert_int_equal(sys(__NR_getsockname, r, &a, &n), 0);
    assert_int_equal(sys(__NR_sendto, s, user_string("abcdef"), 6, 0, &a, sizeof(a)), 6);
    assert_int_equal(sys(__NR_sendto, s, NULL, 0, 0, &a, sizeof(a)), 0);
    assert_int_equal(sys(__NR_recvfrom, r, got, 3, MSG_TRUNC_ | MSG_PEEK_, &from, &n), 6);
    assert_int_equal(sys(__NR_recvfrom, r, got, 3, 0, &from, &n), 3); /* the rest is lost */
    assert_string_equal(got, "abc");
    assert_int_equal(sys(__NR_recvfrom, r, got, 3, 0, NULL, NULL), 0);
    assert_int_equal(sys(__NR_recvfrom, r, got, 3, 0, NULL, NULL), -EAGAIN);
    assert_int_equal(sys(__NR_sendto, r, user_string("x"), 1, 0, &from, n), 1);
    assert_int_equal(sys(__NR_recvfrom, s, got, 3, 0, NULL, NULL), 1);
    assert_int_equal(sys(__NR_write, s, got, 1), -EDESTADDRREQ);
    assert_int_equal(sys(__NR_connect, s, &a, sizeof(a)), 0);
    sys(__NR_close, r);
    assert_int_equal(sys(__NR_write, s, got, 1), 1);
    n = sizeof(error);
    assert_int_equal(sys(__NR_getsockopt, s, SOL_SOCKET, SO_ERROR, &error, &n), 0);
    assert_int_equal(error, ECONNREFUSED);
}

static void test_udp_keeps_packets_apart(void **state)
{
    RUN(guest_udp);
}

/* ---- AF_UNIX ---- */

struct control {
    struct user_cmsghdr head;
    int32_t fds[4];
};

static int64_t send_fds(int64_t s, const char *text, struct control *c, uint64_t size)
{
    struct uio_vec_ {
        uint64_t base, length;
    } iov = {(uintptr_t)user_string(text), strlen(text)};
    struct user_msghdr m = {.iov = (uintptr_t)&iov, .n_iov = 1, .control = (uintptr_t)c, .control_size = size};
    return sys(__NR_sendmsg, s, &m, 0);
}

static int64_t receive_fds(int64_t s, char *text, uint64_t n, struct control *c, uint64_t size, struct user_msghdr *m)
{
    struct uio_vec_ {
        uint64_t base, length;
    } iov = {(uintptr_t)text, n};
    *m = (struct user_msghdr){.iov = (uintptr_t)&iov, .n_iov = 1, .control = (uintptr_t)c, .control_size = size};
    return sys(__NR_recvmsg, s, m, 0);
}

static void guest_rights(void)
{
    struct control c = {.head = {.size = 16 + 8, .level = SOL_SOCKET, .type = SCM_RIGHTS_}}, got;
    struct user_msghdr m;
    char text[16] = "", byte;
    int pair[2], fds[2];
    assert_int_equal(sys(__NR_socketpair, AF_UNIX_, SOCK_STREAM_, 0, pair), 0);
    assert_int_equal(sys(__NR_pipe2, fds, 0), 0);
    c.fds[0] = fds[0], c.fds[1] = fds[1];
    assert_int_equal(sys(__NR_write, pair[0], user_string("before"), 6), 6);
    assert_int_equal(send_fds(pair[0], "with", &c, c.head.size), 4);
    assert_int_equal(sys(__NR_write, pair[0], user_string("after"), 5), 5);
    sys(__NR_close, fds[0]), sys(__NR_close, fds[1]);
    assert_int_equal(receive_fds(pair[1], text, 16, &got, sizeof(got), &m), 6); /* not together with those that carry */
    assert_int_equal(m.control_size, 0);
    assert_int_equal(receive_fds(pair[1], text, 16, &got, sizeof(got), &m), 9);
    assert_memory_equal(text, "withafter", 9);
    assert_int_equal(got.head.size, 24);
    assert_int_equal(sys(__NR_write, got.fds[1], user_string("!"), 1), 1);
    assert_int_equal(sys(__NR_read, got.fds[0], &byte, 1), 1);
    assert_int_equal(byte, '!');
}

static void test_descriptors_travel_with_their_bytes(void **state)
{
    RUN(guest_rights);
}

static void guest_rights_bad(void)
{
    struct control c = {.head = {.size = 16 + 4, .level = SOL_SOCKET, .type = SCM_RIGHTS_}, .fds = {99}}, got;
    struct user_msghdr m;
    char text[4];
    int pair[2], fds[2];
    assert_int_equal(sys(__NR_socketpair, AF_UNIX_, SOCK_SEQPACKET_, 0, pair), 0);
    assert_int_equal(send_fds(pair[0], "x", &c, c.head.size), -EBADF);
    c.head.size = 8;
    assert_int_equal(send_fds(pair[0], "x", &c, 24), -EINVAL);
    c.head.size = UINT64_MAX;
    assert_int_equal(send_fds(pair[0], "x", &c, 24), -EINVAL);
    assert_int_equal(sys(__NR_pipe2, fds, 0), 0);
    c.head.size = 24, c.fds[0] = fds[0], c.fds[1] = fds[1];
    assert_int_equal(send_fds(pair[0], "x", &c, 24), 1);
    assert_int_equal(receive_fds(pair[1], text, 4, &got, 20, &m), 1); /* room for one */
    assert_int_equal(got.head.size, 20);
    assert_true(m.flags & MSG_CTRUNC_);
    assert_true(m.flags & MSG_EOR_);
    assert_int_equal(sys(__NR_dup, 0), got.fds[0] + 1); /* the other one was closed */
}

static void test_bad_control_messages_are_refused_and_cut_ones_closed(void **state)
{
    RUN(guest_rights_bad);
}

static void guest_unix_names(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX_, .sun_path = "/sock"},
                       abstract = {.sun_family = AF_UNIX_, .sun_path = "\0x"}, got;
    uint32_t n = sizeof(got);
    int64_t s = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0),
            c = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_ | O_NONBLOCK, 0);
    assert_int_equal(sys(__NR_connect, c, &a, sizeof(a)), -ENOENT);
    assert_int_equal(sys(__NR_bind, s, &a, sizeof(a)), 0);
    assert_int_equal(sys(__NR_connect, c, &a, sizeof(a)), -ECONNREFUSED);
    assert_int_equal(sys(__NR_listen, s, 0), 0);
    assert_int_equal(sys(__NR_connect, c, &a, sizeof(a)), 0);
    int64_t second = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_ | O_NONBLOCK, 0);
    assert_int_equal(sys(__NR_connect, second, &a, sizeof(a)), -EAGAIN); /* the queue is full */
    assert_int_equal(sys(__NR_getpeername, c, &got, &n), 0);
    assert_string_equal(got.sun_path, "/sock");
    assert_int_equal(n, 2 + 6);
    int64_t other = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_bind, other, &a, sizeof(a)), -EADDRINUSE);
    assert_int_equal(sys(__NR_bind, other, &abstract, 4), 0);
    assert_int_equal(sys(__NR_bind, second, &abstract, 4), -EADDRINUSE);
    assert_int_equal(sys(__NR_unlink, user_string("/sock")), 0);
    assert_int_equal(sys(__NR_connect, second, &a, sizeof(a)), -ENOENT);
}

static void test_unix_names_lead_to_their_sockets(void **state)
{
    RUN(guest_unix_names);
}

/* Of 300 names each leads to its own socket; one that is closed gives its name back. */
static void guest_many_abstract_names(void)
{
    enum { NAMES = 300 };
    struct sockaddr_un a = {.sun_family = AF_UNIX_};
    volatile int64_t first = -1;
    int64_t c, s;
    for (volatile int i = 0; i < NAMES; i++) {
        a.sun_path[1] = (char)(i & 0xff), a.sun_path[2] = (char)(i >> 8);
        s = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
        assert_int_equal(sys(__NR_bind, s, &a, 5), 0);
        assert_int_equal(sys(__NR_listen, s, 1), 0);
        first = i ? first : s;
    }
    for (volatile int i = 0; i < NAMES; i++) {
        a.sun_path[1] = (char)(i & 0xff), a.sun_path[2] = (char)(i >> 8);
        c = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
        assert_int_equal(sys(__NR_bind, c, &a, 5), -EADDRINUSE);
        assert_int_equal(sys(__NR_connect, c, &a, 5), 0);
        assert_int_equal(sys(__NR_close, c), 0);
    }
    a.sun_path[1] = a.sun_path[2] = 0;
    assert_int_equal(sys(__NR_close, first), 0);
    c = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_connect, c, &a, 5), -ECONNREFUSED);
    assert_int_equal(sys(__NR_bind, c, &a, 5), 0);
}

static void test_many_abstract_names_lead_to_their_sockets(void **state)
{
    RUN(guest_many_abstract_names);
}

static int64_t late_listener;
static void connector(void *of)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX_, .sun_path = "/sock"};
    int64_t c = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
    *(int64_t *)of = sys(__NR_connect, c, &a, sizeof(a));
}

static void guest_listener_goes(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX_, .sun_path = "/sock"};
    struct __kernel_timespec ts = {.tv_nsec = 1000000};
    uint32_t *word = user_alloc(4);
    int64_t *result = user_alloc(8);
    *result = 1;
    late_listener = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_bind, late_listener, &a, sizeof(a)), 0);
    assert_int_equal(sys(__NR_listen, late_listener, 0), 0);
    int64_t c = sys(__NR_socket, AF_UNIX_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_connect, c, &a, sizeof(a)), 0);
    assert_true(guest_thread(connector, result, word) > 0);
    sys(__NR_nanosleep, &ts, NULL);
    assert_int_equal(*result, 1); /* it waits for room in the queue */
    sys(__NR_close, late_listener);
    guest_join(word);
    assert_int_equal(*result, -ECONNREFUSED);
}

static void test_listener_that_goes_wakes_who_waits_for_it(void **state)
{
    RUN(guest_listener_goes);
}

static void guest_unix_dgram(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX_, .sun_path = "\0r"}, from;
    char got[8];
    uint32_t n = sizeof(from);
    int64_t r = sys(__NR_socket, AF_UNIX_, SOCK_DGRAM_, 0), s = sys(__NR_socket, AF_UNIX_, SOCK_DGRAM_, 0);
    assert_int_equal(sys(__NR_bind, r, &a, 4), 0);
    assert_int_equal(sys(__NR_sendto, s, user_string("hi"), 2, 0, &a, 4), 2);
    assert_int_equal(sys(__NR_recvfrom, r, got, 8, 0, &from, &n), 2);
    assert_int_equal(n, 2); /* the sender has no name */
    assert_int_equal(sys(__NR_connect, s, &a, 4), 0);
    assert_int_equal(sys(__NR_write, s, got, 2), 2);
    sys(__NR_close, r);
    assert_int_equal(sys(__NR_write, s, got, 2), -ECONNREFUSED);
    assert_int_equal(sys(__NR_sendto, s, got, 2, 0, &a, 4), -ECONNREFUSED);
}

static void test_unix_datagrams_have_senders_and_may_lose_their_receiver(void **state)
{
    RUN(guest_unix_dgram);
}

/* ---- options ---- */

static void guest_options(void)
{
    int v = 0, one = 1;
    uint32_t n = sizeof(v);
    struct user_ucred cred;
    struct __kernel_old_timeval tv = {.tv_usec = 50000};
    int pair[2];
    int64_t s = sys(__NR_socket, AF_INET_, SOCK_STREAM_, 0);
    assert_int_equal(sys(__NR_getsockopt, s, SOL_SOCKET, SO_TYPE, &v, &n), 0);
    assert_int_equal(v, SOCK_STREAM_);
    assert_int_equal(sys(__NR_setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 4), 0);
    assert_int_equal(sys(__NR_getsockopt, s, IPPROTO_TCP, TCP_NODELAY, &v, &n), 0);
    assert_int_equal(v, 1);
    assert_int_equal(sys(__NR_setsockopt, s, SOL_SOCKET, SO_TYPE, &one, 4), -ENOPROTOOPT);
    assert_int_equal(sys(__NR_setsockopt, s, SOL_SOCKET, 9999, &one, 4), -ENOPROTOOPT);
    assert_int_equal(sys(__NR_setsockopt, s, 500, 1, &one, 4),
                     -ENOPROTOOPT); /* no such level: Linux tells the two apart */
    assert_int_equal(sys(__NR_getsockopt, s, 500, 1, &v, &n), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_getsockopt, s, IPPROTO_UDP, 1, &v, &n), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_getsockopt, s, IPPROTO_TCP, 9999, &v, &n), -ENOPROTOOPT);
    assert_int_equal(sys(__NR_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 2), -EINVAL);
    v = 100000;
    assert_int_equal(sys(__NR_setsockopt, s, SOL_SOCKET, SO_RCVBUF, &v, 4), 0);
    assert_int_equal(sys(__NR_getsockopt, s, SOL_SOCKET, SO_RCVBUF, &v, &n), 0);
    assert_true(v >= 200000);
    assert_int_equal(sys(__NR_socketpair, AF_UNIX_, SOCK_STREAM_, 0, pair), 0);
    n = sizeof(cred);
    assert_int_equal(sys(__NR_getsockopt, pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &n), 0);
    assert_int_equal(cred.pid, sys(__NR_getpid));
    uint64_t start = harness_clock();
    assert_int_equal(sys(__NR_setsockopt, pair[0], SOL_SOCKET, SO_RCVTIMEO_OLD, &tv, sizeof(tv)), 0);
    assert_int_equal(sys(__NR_read, pair[0], &v, 4), -EAGAIN);
    assert_int_equal(harness_clock() - start, 50000000);
}

static void test_options_are_kept_checked_and_told_back(void **state)
{
    RUN(guest_options);
}

static void guest_poll_socket(void)
{
    uint16_t port;
    int64_t l = listen4(&port);
    struct pollfd p = {.fd = (int)l, .events = POLLIN | POLLOUT};
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 0);
    int64_t c = connect4(port);
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLIN);
    int64_t s = sys(__NR_accept4, l, NULL, NULL, 0);
    p = (struct pollfd){.fd = (int)s, .events = POLLIN | POLLOUT | POLLRDHUP};
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLOUT);
    sys(__NR_shutdown, c, SHUT_WRITE_);
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLRDHUP);
    sys(__NR_close, c);
    assert_int_equal(sys(__NR_poll, &p, 1, 0), 1);
    assert_true(p.revents & POLLHUP);
}

static void test_poll_follows_a_connection(void **state)
{
    RUN(guest_poll_socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_carries_bytes_both_ways_and_ends_one_by_one),
        cmocka_unit_test(test_accept_without_a_free_descriptor_loses_no_connection),
        cmocka_unit_test(test_close_with_unread_bytes_resets_the_peer),
        cmocka_unit_test(test_addresses_that_are_taken_or_elsewhere_are_refused),
        cmocka_unit_test(test_ipv6_listener_takes_ipv4_too),
        cmocka_unit_test(test_a_million_bytes_come_back_whole),
        cmocka_unit_test(test_udp_keeps_packets_apart),
        cmocka_unit_test(test_descriptors_travel_with_their_bytes),
        cmocka_unit_test(test_bad_control_messages_are_refused_and_cut_ones_closed),
        cmocka_unit_test(test_unix_names_lead_to_their_sockets),
        cmocka_unit_test(test_many_abstract_names_lead_to_their_sockets),
        cmocka_unit_test(test_listener_that_goes_wakes_who_waits_for_it),
        cmocka_unit_test(test_unix_datagrams_have_senders_and_may_lose_their_receiver),
        cmocka_unit_test(test_options_are_kept_checked_and_told_back),
        cmocka_unit_test(test_poll_follows_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

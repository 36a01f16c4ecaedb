/* SPDX-License-Identifier: Apache-2.0 */
/* What waits: poll_oneoff, streams, sockets; that it ends when the store is interrupted, at whatever moment; clocks and
 * random bytes that repeat. */
#include "wasi_fixture.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT     3u
#define LISTENER 4u
#define FROM     0u /* a pipe's end that is read ... */
#define TO       1u /* ... and another's that is written */

struct world {
    struct program p;
    int into, out_of; /* the other ends */
    int lent[2];
    struct sockaddr_in address;
};

static void on_kick(int number)
{
    (void)number;
}

static int listening(struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof *a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)a, &(socklen_t){sizeof *a}), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void make(struct world *w, struct wasi_options o)
{
    int in[2], out[2];

    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_kick}, NULL);
    program_begin(&w->p);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    w->into = in[1];
    w->out_of = out[0];
    int listener = listening(&w->address);
    o.stdio[0] = w->lent[0] = in[0];
    o.stdio[1] = w->lent[1] = out[1];
    o.stdio[2] = -1;
    o.listeners = &listener;
    o.n_listeners = 1;
    program_make(&w->p, &o);
}

static int setup(void **state)
{
    static struct world w;

    make(&w, (struct wasi_options){0});
    *state = &w;
    return 0;
}

static int setup_fixed(void **state)
{
    static struct world w;

    make(&w, (struct wasi_options){.clock_fixed = true, .clock_ns = 1000000000000000000u, .seeded = true, .seed = 42});
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    close(w->into);
    close(w->out_of);
    program_end(&w->p);
    close(w->lent[0]);
    close(w->lent[1]);
    return 0;
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------- */

static struct wasi_subscription clock_of(uint32_t id, uint64_t timeout, uint16_t flags)
{
    return (struct wasi_subscription){
        .userdata = 100 + id, .tag = EVENT_CLOCK, .clock = {.id = id, .timeout = timeout, .flags = flags}};
}

static struct wasi_subscription fd_of(uint8_t tag, uint32_t fd)
{
    return (struct wasi_subscription){.userdata = 200 + fd, .tag = tag, .fd = fd};
}

static int poll_all(struct program *p, const struct wasi_subscription *s, uint32_t n, struct wasi_event *e,
                    uint32_t *got)
{
    put(p, AT_PATH, s, n * sizeof *s);
    int r = CALL(p, "poll_oneoff", AT_PATH, AT_BUFFER, n, AT_RESULT);

    if (r == OK) {
        *got = get32(p, AT_RESULT);
        assert_true(*got > 0 && *got <= n);
        memcpy(e, p->memory.base + AT_BUFFER, *got * sizeof *e);
    }
    return r;
}

static uint64_t now(struct program *p, uint32_t id)
{
    assert_int_equal(CALL(p, "clock_time_get", id, 0, AT_RESULT), OK);
    return get64(p, AT_RESULT);
}

static void test_clock_events_come_when_it_is_time(void **state)
{
    struct program *p = &((struct world *)*state)->p;
    struct wasi_event e[2];
    uint32_t n;

    for (uint32_t id = CLOCKID_REALTIME; id <= CLOCKID_MONOTONIC; id++) {
        uint64_t before = now(p, CLOCKID_MONOTONIC);
        assert_int_equal(poll_all(p, (struct wasi_subscription[]){clock_of(id, 3000000, 0)}, 1, e, &n), OK);
        assert_true(now(p, CLOCKID_MONOTONIC) - before >= 3000000);
        assert_int_equal(e[0].userdata, 100 + id);
        assert_int_equal(e[0].type, EVENT_CLOCK);
        assert_int_equal(e[0].error, 0);
        uint64_t end = now(p, id) + 3000000;
        assert_int_equal(
            poll_all(p, (struct wasi_subscription[]){clock_of(id, end, SUBSCRIPTION_CLOCK_ABSTIME)}, 1, e, &n), OK);
        assert_true(now(p, id) >= end);
        assert_int_equal(/* the past */
                         poll_all(p, (struct wasi_subscription[]){clock_of(id, 1, SUBSCRIPTION_CLOCK_ABSTIME)}, 1, e,
                                  &n),
                         OK);
    }
}

static void test_what_is_wrong_is_told_at_once_beside_what_is_ready(void **state)
{
    struct world *w = *state;
    struct program *p = &w->p;
    struct wasi_subscription never = clock_of(CLOCKID_MONOTONIC, UINT64_MAX, 0), s[6];
    struct wasi_event e[6];
    uint32_t n;

    s[0] = never;
    s[1] = fd_of(EVENT_FD_READ, 77);
    s[2] = fd_of(EVENT_FD_READ, FROM);
    s[3] = fd_of(EVENT_FD_WRITE, FROM);
    s[4] = clock_of(9, 0, 0);
    s[5] = clock_of(CLOCKID_PROCESS_CPUTIME, 0, 0);
    assert_int_equal(poll_all(p, s, 6, e, &n), OK);
    assert_int_equal(n, 4);
    assert_int_equal(e[0].error, E_BADF);
    assert_int_equal(e[1].error, E_NOTCAPABLE);
    assert_int_equal(e[2].error, E_INVAL);
    assert_int_equal(e[3].error, E_NOTSUP);

    assert_int_equal(write(w->into, "12345", 5), 5);
    s[1] = fd_of(EVENT_FD_WRITE, TO);
    assert_int_equal(poll_all(p, s, 3, e, &n), OK);
    assert_int_equal(n, 2);
    assert_int_equal(e[0].type, EVENT_FD_WRITE);
    assert_int_equal(e[1].type, EVENT_FD_READ);
    assert_int_equal(e[1].userdata, 200 + FROM);
    assert_int_equal(e[1].nbytes, 5);
    assert_int_equal(e[1].flags, 0);
}

static void test_end_of_a_pipe_is_a_hangup(void **state)
{
    struct world *w = *state;
    struct wasi_subscription s[1] = {fd_of(EVENT_FD_READ, FROM)};
    struct wasi_event e[1];
    uint32_t n;
    char text[8];

    close(w->into);
    w->into = -1;
    assert_int_equal(poll_all(&w->p, s, 1, e, &n), OK);
    assert_int_equal(e[0].flags, EVENT_HANGUP);
    assert_int_equal(do_read(&w->p, FROM, text, sizeof text, &n), OK);
    assert_int_equal(n, 0);
    close(w->out_of);
    w->out_of = -1;
    s[0] = fd_of(EVENT_FD_WRITE, TO);
    assert_int_equal(poll_all(&w->p, s, 1, e, &n), OK);
    assert_int_equal(do_write(&w->p, TO, "x", &n), E_PIPE);
}

static void test_subscriptions_are_counted_and_known(void **state)
{
    struct program *p = &((struct world *)*state)->p;
    struct wasi_subscription s[1] = {fd_of(3, 0)};
    struct wasi_event e[1];
    uint32_t n;

    assert_int_equal(poll_all(p, s, 0, e, &n), E_INVAL);
    assert_int_equal(poll_all(p, s, 1, e, &n), E_INVAL);
    assert_int_equal(CALL(p, "poll_oneoff", 0, AT_BUFFER, 1025, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "poll_oneoff", 0, AT_BUFFER, 0x8000001, AT_RESULT), E_INVAL); /* times 32: 32 */
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static void test_stream_that_shall_not_wait(void **state)
{
    struct world *w = *state;
    struct program *p = &w->p;
    char text[8];
    uint32_t n = 0, total = 0;
    int r;

    assert_int_equal(CALL(p, "fd_fdstat_set_flags", FROM, FDFLAG_NONBLOCK), OK);
    assert_int_equal(do_read(p, FROM, text, sizeof text, &n), E_AGAIN);
    assert_int_equal(write(w->into, "abc", 3), 3);
    assert_int_equal(do_read(p, FROM, text, sizeof text, &n), OK);
    assert_string_equal(text, "abc");
    /* The other end's descriptor, which may be somebody else's too, waits as before. */
    assert_int_equal(fcntl(w->into, F_GETFL) & O_NONBLOCK, 0);

    assert_int_equal(CALL(p, "fd_fdstat_set_flags", TO, FDFLAG_NONBLOCK), OK);
    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 0x10000}, sizeof(struct wasi_iovec));
    while ((r = CALL(p, "fd_write", TO, AT_VECTOR, 1, AT_RESULT)) == OK)
        total += get32(p, AT_RESULT);
    assert_int_equal(r, E_AGAIN);
    assert_int_equal(total, fcntl(w->out_of, F_GETPIPE_SZ));
}

static void *drain(void *data)
{
    struct world *w = data;
    char some[4096];
    size_t total = 0;
    ssize_t n;

    while (total < 300000 && (n = read(w->out_of, some, sizeof some)) > 0)
        total += (size_t)n;
    return NULL;
}

/* More than a pipe holds goes in one call when the program waits. */
static void test_write_that_waits_is_whole(void **state)
{
    struct world *w = *state;
    struct wasi_iovec v[3] = {{AT_BUFFER, 0x10000}, {0, PROGRAM_MEMORY}, {0, 300000 - 0x10000 - PROGRAM_MEMORY}};
    pthread_t reader;

    put(&w->p, AT_VECTOR, v, sizeof v);
    pthread_create(&reader, NULL, drain, w);
    assert_int_equal(CALL(&w->p, "fd_write", TO, AT_VECTOR, 3, AT_RESULT), OK);
    assert_int_equal(get32(&w->p, AT_RESULT), 300000);
    pthread_join(reader, NULL);
}

static void test_streams_have_no_place(void **state)
{
    struct program *p = &((struct world *)*state)->p;

    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
    assert_int_equal(CALL(p, "fd_seek", FROM, 0, WHENCE_CUR, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_pread", FROM, AT_VECTOR, 1, 0, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_write", FROM, AT_VECTOR, 1, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "fd_read", TO, AT_VECTOR, 1, AT_RESULT), E_NOTCAPABLE);
}

/* ---- interruption ----------------------------------------------------------------------------------------------- */

struct kick {
    struct program *p;
    pthread_t whom;
    long delay;
};

/* Without sleeping, which is never that short. */
static void pause_for(long ns)
{
    struct timespec start, t;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &t);
    while ((t.tv_sec - start.tv_sec) * 1000000000 + t.tv_nsec - start.tv_nsec < ns);
}

static void *kicker(void *data)
{
    struct kick *k = data;

    pause_for(k->delay);
    __atomic_store_n(&k->p->store.interrupt, 1, __ATOMIC_SEQ_CST);
    pthread_kill(k->whom, SIGUSR1);
    return NULL;
}

static int wait_in_poll(struct program *p)
{
    struct wasi_subscription s[2] = {fd_of(EVENT_FD_READ, FROM), clock_of(CLOCKID_MONOTONIC, UINT64_MAX, 0)};
    struct wasi_event e[2];
    uint32_t n;

    return poll_all(p, s, 2, e, &n);
}

static int wait_in_read(struct program *p)
{
    char text[8];
    uint32_t n;

    return do_read(p, FROM, text, sizeof text, &n);
}

static int wait_in_write(struct program *p)
{
    put(p, AT_VECTOR, &(struct wasi_iovec){0, PROGRAM_MEMORY}, sizeof(struct wasi_iovec));
    return CALL(p, "fd_write", TO, AT_VECTOR, 1, AT_RESULT);
}

static int wait_in_accept(struct program *p)
{
    return CALL(p, "sock_accept", LISTENER, 0, AT_RESULT);
}

static struct program *kick_late;

/* The C library's, with a kick at the last moment before the kernel is entered. */
int ppoll(struct pollfd *p, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    struct timespec t = timeout ? *timeout : (struct timespec){0};

    if (kick_late) {
        __atomic_store_n(&kick_late->store.interrupt, 1, __ATOMIC_SEQ_CST);
        pthread_kill(pthread_self(), SIGUSR1);
    }
    return (int)syscall(SYS_ppoll, p, n, timeout ? &t : NULL, mask, 8L);
}

static void test_kick_at_the_last_moment_is_not_lost(void **state)
{
    struct world *w = *state;

    kick_late = &w->p;
    assert_int_equal(wait_in_poll(&w->p), TRAPPED + WASM_TRAP_INTERRUPT);
    kick_late = NULL;
    w->p.store.interrupt = 0;
}

/* The kick comes before, in and after the moment when the wait begins: none is lost, or this does not end. */
static void test_interrupt_ends_every_wait(void **state)
{
    static int (*const waits[])(struct program *) = {wait_in_poll, wait_in_read, wait_in_write, wait_in_accept};
    const char *scale = getenv("MOAT_TEST_SCALE");
    unsigned tries = 400 * (scale && atoi(scale) > 1 ? 10 : 1);
    struct world *w = *state;

    srandom(3);
    for (unsigned i = 0; i < tries; i++) {
        struct kick k = {.p = &w->p, .whom = pthread_self(), .delay = random() % 60000};
        long head_start = random() % 100000;
        pthread_t t;
        w->p.store.interrupt = 0;
        assert_int_equal(pthread_create(&t, NULL, kicker, &k), 0);
        pause_for(head_start);
        assert_int_equal(waits[i % ARRAY_LEN(waits)](&w->p), TRAPPED + WASM_TRAP_INTERRUPT);
        pthread_join(t, NULL);
    }
    w->p.store.interrupt = 0;
}

static void *disturber(void *data)
{
    struct kick *k = data;

    for (unsigned i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_kill(k->whom, SIGUSR1);
    }
    int into = ((struct world *)k->p)->into; /* p is its first member */
    assert_int_equal(write(into, "x", 1), 1);
    return NULL;
}

/* Signals that mean nothing to the program do not show. */
static void test_other_signals_do_not_end_a_wait(void **state)
{
    struct world *w = *state;
    struct kick k = {.p = &w->p, .whom = pthread_self()};
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, disturber, &k), 0);
    assert_int_equal(wait_in_poll(&w->p), OK);
    pthread_join(t, NULL);
    assert_int_equal(wait_in_read(&w->p), OK);
}

/* A terminal cannot be asked not to wait: it is asked first whether there is something. */
static void test_terminal_is_read_and_interrupted(void **state)
{
    struct world *w = *state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct kick k = {.p = &w->p, .whom = pthread_self(), .delay = 1000000};
    char text[8];
    uint32_t n;
    pthread_t t;

    assert_true(master >= 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    wasi_free(w->p.wasi);
    w->p.n_made = 0;
    program_make(&w->p, &(struct wasi_options){.stdio = {slave, slave, -1}});
    assert_int_equal(write(master, "hi\n", 3), 3);
    assert_int_equal(do_read(&w->p, 0, text, sizeof text, &n), OK);
    assert_string_equal(text, "hi\n");
    assert_int_equal(do_write(&w->p, 1, "yo", &n), OK);
    assert_int_equal(CALL(&w->p, "fd_fdstat_get", 0, AT_RESULT), OK);
    assert_int_equal(w->p.memory.base[AT_RESULT], FILETYPE_CHARACTER_DEVICE);
    assert_int_equal(get64(&w->p, AT_RESULT + 8) & (RIGHT_FD_SEEK | RIGHT_FD_TELL | RIGHT_FD_WRITE), 0);
    assert_int_equal(pthread_create(&t, NULL, kicker, &k), 0);
    assert_int_equal(wait_in_read(&w->p), TRAPPED + WASM_TRAP_INTERRUPT);
    pthread_join(t, NULL);
    w->p.store.interrupt = 0;
    close(master);
    close(slave);
}

/* ---- sockets ---------------------------------------------------------------------------------------------------- */

static int connected(struct world *w)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&w->address, sizeof w->address), 0);
    return fd;
}

static uint32_t accepted(struct world *w, uint32_t flags)
{
    assert_int_equal(CALL(&w->p, "sock_accept", LISTENER, flags, AT_RESULT), OK);
    return get32(&w->p, AT_RESULT);
}

static int receive(struct program *p, uint32_t fd, uint32_t size, uint32_t flags)
{
    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, size}, sizeof(struct wasi_iovec));
    return CALL(p, "sock_recv", fd, AT_VECTOR, 1, flags, AT_RESULT, AT_RESULT + 8);
}

static void *send_slowly(void *data)
{
    for (const char *c = "slowly"; *c; c++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        assert_int_equal(send(*(int *)data, c, 1, MSG_NOSIGNAL), 1);
    }
    return NULL;
}

static void test_a_connection_from_accept_to_shutdown(void **state)
{
    struct world *w = *state;
    struct program *p = &w->p;
    int peer = connected(w);
    uint32_t fd = accepted(w, 0), n;
    pthread_t t;
    char text[8];

    assert_int_equal(CALL(p, "fd_fdstat_get", fd, AT_RESULT), OK);
    assert_int_equal(p->memory.base[AT_RESULT], FILETYPE_SOCKET_STREAM);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    assert_int_equal(receive(p, fd, 3, RECV_PEEK), OK);
    assert_int_equal(get32(p, AT_RESULT), 3);
    assert_int_equal(receive(p, fd, 100, 0), OK);
    assert_int_equal(get32(p, AT_RESULT), 5);
    assert_memory_equal(p->memory.base + AT_BUFFER, "hello", 5);

    pthread_create(&t, NULL, send_slowly, &peer);
    assert_int_equal(receive(p, fd, 6, RECV_WAITALL), OK);
    pthread_join(t, NULL);
    assert_int_equal(get32(p, AT_RESULT), 6);
    assert_memory_equal(p->memory.base + AT_BUFFER, "slowly", 6);
    assert_int_equal(receive(p, fd, 6, RECV_WAITALL | RECV_PEEK), E_NOTSUP);
    assert_int_equal(receive(p, fd, 6, 4), E_INVAL);

    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
    put_text(p, AT_BUFFER, "back");
    assert_int_equal(CALL(p, "sock_send", fd, AT_VECTOR, 1, 1, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "sock_send", fd, AT_VECTOR, 1, 0, AT_RESULT), OK);
    assert_int_equal(recv(peer, text, sizeof text, 0), 4);
    assert_int_equal(do_write(p, fd, "more", &n), OK);
    assert_int_equal(recv(peer, text, sizeof text, 0), 4);

    assert_int_equal(CALL(p, "sock_shutdown", fd, 0), E_INVAL);
    assert_int_equal(CALL(p, "sock_shutdown", fd, 4), E_INVAL);
    assert_int_equal(CALL(p, "sock_shutdown", fd, SHUT_WRITE), OK);
    assert_int_equal(recv(peer, text, sizeof text, 0), 0);
    assert_int_equal(do_write(p, fd, "late", &n), E_PIPE);
    close(peer);
    assert_int_equal(receive(p, fd, 6, RECV_WAITALL), OK);
    assert_int_equal(get32(p, AT_RESULT), 0);
    assert_int_equal(CALL(p, "fd_close", fd), OK);
}

static void test_sockets_that_shall_not_wait(void **state)
{
    struct world *w = *state;
    struct program *p = &w->p;
    struct wasi_subscription s[1] = {fd_of(EVENT_FD_READ, LISTENER)};
    struct wasi_event e[1];
    uint32_t n;

    assert_int_equal(CALL(p, "sock_accept", LISTENER, FDFLAG_APPEND, AT_RESULT), E_INVAL);
    assert_int_equal(CALL(p, "fd_fdstat_set_flags", LISTENER, FDFLAG_NONBLOCK), OK);
    assert_int_equal(CALL(p, "sock_accept", LISTENER, 0, AT_RESULT), E_AGAIN);
    int peer = connected(w);
    assert_int_equal(poll_all(p, s, 1, e, &n), OK);
    uint32_t fd = accepted(w, FDFLAG_NONBLOCK);
    assert_int_equal(receive(p, fd, 3, 0), E_AGAIN);
    close(peer);
}

static void test_what_is_no_socket(void **state)
{
    struct program *p = &((struct world *)*state)->p;

    put(p, AT_VECTOR, &(struct wasi_iovec){AT_BUFFER, 4}, sizeof(struct wasi_iovec));
    assert_int_equal(CALL(p, "sock_accept", ROOT, 0, AT_RESULT), E_NOTSOCK);
    assert_int_equal(CALL(p, "sock_shutdown", TO, 1), E_NOTSOCK);
    assert_int_equal(receive(p, FROM, 4, 0), E_NOTSOCK);
    assert_int_equal(CALL(p, "sock_send", TO, AT_VECTOR, 1, 0, AT_RESULT), E_NOTSOCK);
    assert_int_equal(CALL(p, "sock_send", LISTENER, AT_VECTOR, 1, 0, AT_RESULT), E_NOTCAPABLE);
    assert_int_equal(CALL(p, "sock_shutdown", LISTENER, 1), E_NOTCAPABLE);
}

/* ---- clocks and random bytes ------------------------------------------------------------------------------------ */

static void test_fixed_clock_moves_by_a_tick_and_by_sleep(void **state)
{
    struct world *w = *state;
    struct program *p = &w->p;
    struct wasi_event e[2];
    uint32_t n;

    assert_int_equal(now(p, CLOCKID_REALTIME), 1000000000000001000u);
    assert_int_equal(now(p, CLOCKID_MONOTONIC), 2000);
    assert_int_equal(now(p, CLOCKID_REALTIME), 1000000000000003000u);
    assert_int_equal(CALL(p, "clock_res_get", CLOCKID_REALTIME, AT_RESULT), OK);
    assert_int_equal(get64(p, AT_RESULT), 1000);
    assert_int_equal(CALL(p, "clock_res_get", CLOCKIDS, AT_RESULT), E_INVAL);

    /* A year, beside a later one: no test waits for it. */
    const uint64_t year = 31536000000000000u;
    struct wasi_subscription s[2] = {clock_of(CLOCKID_MONOTONIC, 2 * year, 0), clock_of(CLOCKID_REALTIME, year, 0)};
    assert_int_equal(poll_all(p, s, 2, e, &n), OK);
    assert_int_equal(n, 1);
    assert_int_equal(now(p, CLOCKID_MONOTONIC), year + 4000);

    /* With something to wait for: that first. */
    assert_int_equal(write(w->into, "x", 1), 1);
    s[0] = fd_of(EVENT_FD_READ, FROM);
    assert_int_equal(poll_all(p, s, 2, e, &n), OK);
    assert_int_equal(n, 1);
    assert_int_equal(e[0].type, EVENT_FD_READ);
    assert_int_equal(now(p, CLOCKID_MONOTONIC), year + 5000);
}

/* The numbers of SplitMix64 from 42, computed apart from this program. */
static void test_seeded_bytes_are_the_same_each_time(void **state)
{
    struct program *p = &((struct world *)*state)->p;

    assert_int_equal(CALL(p, "random_get", AT_BUFFER, 16), OK);
    assert_int_equal(get64(p, AT_BUFFER), 0xbdd732262feb6e95u);
    assert_int_equal(get64(p, AT_BUFFER + 8), 0x28efe333b266f103u);
}

static void test_kernels_bytes_are_not(void **state)
{
    struct program *p = &((struct world *)*state)->p;

    assert_int_equal(CALL(p, "random_get", AT_BUFFER, 16), OK);
    uint64_t first = get64(p, AT_BUFFER);
    assert_int_equal(CALL(p, "random_get", AT_BUFFER, 16), OK);
    assert_true(first != get64(p, AT_BUFFER));
}

static void test_how_a_program_ends(void **state)
{
    struct program *p = &((struct world *)*state)->p;

    assert_int_equal(CALL(p, "proc_raise", 6), E_NOSYS);
    assert_int_equal(CALL(p, "sched_yield", 0), OK);
    assert_int_equal(CALL(p, "proc_exit", 33), TRAPPED + WASM_TRAP_EXIT);
    assert_int_equal(p->exit_status, 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clock_events_come_when_it_is_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_told_at_once_beside_what_is_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_of_a_pipe_is_a_hangup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subscriptions_are_counted_and_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_that_shall_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_that_waits_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_have_no_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupt_ends_every_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kick_at_the_last_moment_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_signals_do_not_end_a_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_terminal_is_read_and_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_from_accept_to_shutdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sockets_that_shall_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fixed_clock_moves_by_a_tick_and_by_sleep, setup_fixed, teardown),
        cmocka_unit_test_setup_teardown(test_seeded_bytes_are_the_same_each_time, setup_fixed, teardown),
        cmocka_unit_test_setup_teardown(test_kernels_bytes_are_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_a_program_ends, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

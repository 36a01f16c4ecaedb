/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that lie. First to ring.c alone, over memory that the test writes as a hostile peer would, also from a second
 * thread while it is read; then as real targets, confined, that take a request and break the protocol: each must be
 * killed with an error that names what it did, and what it said must not reach the caller.
 */
#include "base/mem.h"
#include "libmoat/session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES  4096u
#define CANARY 0x5a

/* ---- ring.c alone ----------------------------------------------------------------------------------------------- */

static struct {
    struct ring_shared shared;
    unsigned char data[BYTES] __attribute__((aligned(64)));
} memory;
static struct ring producer, consumer;
static struct err err;

static int fresh(void **state)
{
    (void)state;
    memset(&memory, 0, sizeof memory);
    ring_init(&producer, &memory.shared, memory.data, BYTES, BYTES - 64, "the test's ring");
    ring_init(&consumer, &memory.shared, memory.data, BYTES, BYTES - 64, "the test's ring");
    return 0;
}

static int put(uint32_t size, unsigned char with)
{
    struct ring_message m = {.size = size, .method = 7, .serial = with};
    unsigned char payload[BYTES];

    memset(payload, with, sizeof payload);
    return ring_put(&producer, &m, payload, &err);
}

static void test_ring_messages_of_all_sizes_come_out_as_they_went_in(void **state)
{
    unsigned char got[BYTES + 1];
    struct ring_message m;

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t size = i * 37 % (BYTES - RING_ALIGN + 1);
        assert_int_equal(put(size, (unsigned char)i), 0);
        assert_int_equal(ring_peek(&consumer, &m, &err), 1);
        assert_int_equal(m.size, size);
        assert_int_equal(m.method, 7);
        got[size] = CANARY;
        ring_take(&consumer, &m, got);
        assert_int_equal(got[size], CANARY);
        for (uint32_t k = 0; k < size; k++)
            if (got[k] != (unsigned char)i)
                fail_msg("message %u: byte %u is %u", i, k, got[k]);
        assert_int_equal(ring_peek(&consumer, &m, &err), 0);
    }
}

static void test_ring_full_is_refused_until_something_was_taken(void **state)
{
    struct ring_message m;
    int n = 0;

    (void)state;
    while (put(96, 1) == 0)
        n++;
    assert_int_equal(n, BYTES / 128);
    assert_int_equal(err.code, -EAGAIN);
    assert_int_equal(ring_peek(&consumer, &m, &err), 1);
    ring_take(&consumer, &m, NULL);
    assert_int_equal(put(96, 2), 0);
    assert_int_equal(put(96, 3), -EAGAIN);
    assert_int_equal(put(BYTES, 3), -EMSGSIZE);
}

static void test_ring_head_that_lies_is_named(void **state)
{
    static const struct {
        const char *label;
        uint32_t head;
    } lies[] = {
        {"backwards", 64 - 32},        {"far backwards", 64 - BYTES},     {"more than the ring holds", 64 + BYTES + 32},
        {"half way around", 1u << 31}, {"not at a message", 64 + 96 + 1}, {"not aligned", 64 + 16}};
    struct ring_message m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        fresh(NULL);
        put(32, 1);
        assert_int_equal(ring_peek(&consumer, &m, &err), 1);
        ring_take(&consumer, &m, NULL); /* both are at 64 now */
        memory.shared.head = lies[i].head;
        print_message("# head %s\n", lies[i].label);
        assert_int_equal(ring_peek(&consumer, &m, &err), -EPROTO);
        assert_non_null(strstr(err.text, "head"));
        assert_non_null(strstr(err.text, "the test's ring"));
    }
}

static void test_ring_tail_that_lies_is_named(void **state)
{
    static const struct {
        const char *label;
        uint32_t tail;
    } lies[] = {{"before what it has taken", 96},
                {"before the ring", 0u - BYTES},
                {"beyond what was sent", 128 + BYTES + 32},
                {"not aligned", 128 + 8},
                {"half way around", 1u << 31}};
    struct ring_message m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        fresh(NULL);
        put(96, 1);
        ring_peek(&consumer, &m, &err);
        ring_take(&consumer, &m, NULL);
        while (put(96, 2) == 0) /* until the tail was read, and is 128 */
            ;
        assert_int_equal(err.code, -EAGAIN);
        memory.shared.tail = lies[i].tail;
        print_message("# tail %s\n", lies[i].label);
        assert_int_equal(put(96, 3), -EPROTO);
        assert_non_null(strstr(err.text, "tail"));
    }
}

/* There is some room, so that this tail would be possible, had the consumer not been further already. */
static void test_ring_tail_that_goes_back_is_named(void **state)
{
    struct ring_message m;

    (void)state;
    for (int i = 0; i < 2; i++) {
        put(32, 1);
        ring_peek(&consumer, &m, &err);
        ring_take(&consumer, &m, NULL);
    }
    while (put(96, 2) == 0) /* the tail was read: 128; then 96 bytes are asked of 64 */
        ;
    ring_peek(&consumer, &m, &err);
    ring_take(&consumer, &m, NULL);
    assert_int_equal(put(32, 3), 0);
    assert_int_equal(put(96, 4), -EAGAIN);
    assert_int_equal(producer.peer, 256);
    memory.shared.tail = 256 - 32;
    assert_int_equal(put(96, 4), -EPROTO);
}

static void test_ring_header_that_lies_is_named(void **state)
{
    static const struct {
        const char *label;
        struct ring_message m;
    } lies[] = {{"one byte more than is there", {.size = 97}},
                {"more than the ring", {.size = BYTES}},
                {"so much that it would wrap", {.size = ~0u}},
                {"so much that rounding would wrap", {.size = ~0u - 31}},
                {"more descriptors than can be", {.size = 96, .n_fds = RING_FDS_MAX + 1}},
                {"something where zeros belong", {.size = 96, .unused = {1, 0}}},
                {"something where more zeros belong", {.size = 96, .unused = {0, 1}}}};
    struct ring_message m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        fresh(NULL);
        put(96, 1);
        memcpy(memory.data + BYTES - 64, &lies[i].m, sizeof lies[i].m); /* index 0 lies there */
        print_message("# header with %s\n", lies[i].label);
        assert_int_equal(ring_peek(&consumer, &m, &err), -EPROTO);
    }
}

/* ---- the memory changes while it is read ------------------------------------------------------------------------ */

static volatile bool flipping;

static void *flip(void *word)
{
    uint32_t *w = word, good = *w;

    for (uint32_t i = 0; flipping; i++)
        __atomic_store_n(w, i & 1 ? good : i & 2 ? BYTES - 64 : ~0u - i, __ATOMIC_RELAXED);
    __atomic_store_n(w, good, __ATOMIC_RELAXED);
    return NULL;
}

static void flip_on(pthread_t *thread, uint32_t *word)
{
    flipping = true;
    assert_int_equal(pthread_create(thread, NULL, flip, word), 0);
}

static void flip_off(pthread_t thread)
{
    flipping = false;
    pthread_join(thread, NULL);
}

static void test_ring_size_that_changes_while_it_is_read_never_overruns(void **state)
{
    struct ring_message m;
    pthread_t thread;
    long good = 0, bad = 0;

    (void)state;
    put(64, 1);
    flip_on(&thread, (uint32_t *)(void *)(memory.data + BYTES - 64)); /* struct ring_message.size */
    for (int i = 0; i < 300000; i++) {
        unsigned char got[64 + 64];
        memset(got + 64, CANARY, 64);
        struct ring again = consumer; /* the same message over and over */
        int r = ring_peek(&again, &m, &err);
        if (r == 1) {
            good++;
            assert_true(m.size <= 64); /* what peek let through is what take uses */
            ring_take(&again, &m, got);
            for (int k = 0; k < 64; k++)
                assert_int_equal(got[64 + k], CANARY);
        } else {
            assert_int_equal(r, -EPROTO);
            bad++;
        }
    }
    flip_off(thread);
    print_message("# %ld looks saw the good size, %ld a bad one\n", good, bad);
}

static void test_ring_head_that_changes_while_it_is_read_never_leads_out(void **state)
{
    struct ring_message m;
    pthread_t thread;

    (void)state;
    put(64, 1);
    flip_on(&thread, &memory.shared.head);
    for (int i = 0; i < 300000; i++) {
        struct ring again = consumer;
        int r = ring_peek(&again, &m, &err);
        assert_true(r == 1 || r == 0 || r == -EPROTO);
        assert_true(again.peer - again.own <= BYTES);
    }
    flip_off(thread);
}

/* ---- targets that lie ------------------------------------------------------------------------------------------- */

enum { PLAIN, WITH_FDS, METHODS };
static const struct moat_method methods[] = {
    {.method = PLAIN, .name = "plain", .states = MOAT_STATES_ALL, .request_max = 1024, .reply_max = 64},
    {.method = WITH_FDS,
     .name = "with descriptors",
     .states = MOAT_STATES_ALL,
     .request_max = 64,
     .reply_max = 64,
     .fds_in = 1,
     .fds_out = 2},
};

static struct ring_message take(struct moat_session *s)
{
    struct ring_message m;
    unsigned char bytes[1024];
    struct err e;

    while (ring_peek(&s->request, &m, &e) == 0)
        ring_sleep(&s->request, 1, -1);
    ring_take(&s->request, &m, bytes);
    m.cpu = 0;
    return m;
}

static void answer(struct moat_session *s, struct ring_message m)
{
    unsigned char bytes[BYTES] = {0};
    struct err e;

    ring_put(&s->reply, &m, bytes, &e);
    ring_wake(&s->reply);
}

static void honest(struct moat_session *s)
{
    struct ring_message m = take(s);

    m.size = 4;
    m.n_fds = 0;
    answer(s, m);
}

static void wait_forever(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

/* Each takes what comes and does one wrong thing. */
static void too_large(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.size = 65;
    answer(s, m);
}
static void other_serial(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.serial++;
    m.size = 4;
    answer(s, m);
}
static void other_method(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.method = WITH_FDS;
    m.size = 4;
    answer(s, m);
}
static void good_news(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.code = 1;
    m.size = 4;
    answer(s, m);
}
static void strange_errno(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.code = -5000;
    m.size = 0;
    answer(s, m);
}
static void error_with_bytes(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.code = -EIO;
    m.size = 4;
    answer(s, m);
}
static void descriptors_not_allowed(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.n_fds = 1;
    m.size = 4;
    answer(s, m);
}
static void descriptors_not_sent(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.n_fds = 2;
    m.size = 4;
    answer(s, m);
}
static void fewer_descriptors(struct moat_session *s)
{
    struct ring_message m = take(s);
    struct wire_head head = {.magic = WIRE_MAGIC, .op = WIRE_FDS, .serial = m.serial, .n_fds = 1};
    int fd = 0;
    wire_send(s->sock, &head, sizeof head, &fd, 1);
    m.n_fds = 2;
    m.size = 4;
    answer(s, m);
}
static void descriptors_of_another_call(struct moat_session *s)
{
    struct ring_message m = take(s);
    struct wire_head head = {.magic = WIRE_MAGIC, .op = WIRE_FDS, .serial = m.serial + 1, .n_fds = 1};
    int fd = 0;
    wire_send(s->sock, &head, sizeof head, &fd, 1);
    m.n_fds = 1;
    m.size = 4;
    answer(s, m);
}
static void head_jumps(struct moat_session *s)
{
    take(s);
    __atomic_store_n(&s->page->reply.head, 0x10000000u, __ATOMIC_RELEASE);
    ring_wake(&s->reply);
}
static void size_beyond_what_was_sent(struct moat_session *s)
{
    struct ring_message m = take(s), lie = m;
    lie.size = 3000; /* 4 bytes are there */
    memcpy(s->reply.data + ((s->reply.own + s->reply.shift) & (s->reply.bytes - 1)), &lie, sizeof lie);
    __atomic_store_n(&s->page->reply.head, s->reply.own + 64, __ATOMIC_RELEASE);
    ring_wake(&s->reply);
}
static void twice(struct moat_session *s)
{
    struct ring_message m = take(s);
    m.size = 4;
    unsigned char bytes[4] = {0};
    struct err e;
    ring_put(&s->reply, &m, bytes, &e);
    answer(s, m);
}
static void flood(struct moat_session *s)
{
    struct ring_message m = take(s);
    unsigned char bytes[4] = {0};
    struct err e;
    m.size = 4;
    while (ring_put(&s->reply, &m, bytes, &e) == 0)
        ;
    ring_wake(&s->reply);
}
static void before_it_is_asked(struct moat_session *s)
{
    answer(s, (struct ring_message){.size = 4, .serial = 1});
}
static void ends(struct moat_session *s)
{
    take(s);
    _exit(3);
}
static void crashes(struct moat_session *s)
{
    take(s);
    volatile uintptr_t nowhere = 64;
    *(volatile int *)nowhere = 1;
}
static void calls_what_is_not_allowed(struct moat_session *s)
{
    take(s);
    syscall(SYS_mkdirat, -1, "/x", 0700);
}
static void is_silent(struct moat_session *s)
{
    take(s);
    wait_forever();
}
static void plays_with_the_bell(struct moat_session *s)
{
    take(s);
    for (;;) {
        __atomic_store_n(&s->page->reply.waiter, 0, __ATOMIC_RELAXED);
        syscall(SYS_futex, &s->page->reply.waiter, FUTEX_WAKE, 10, NULL, NULL, 0);
    }
}
static void plays_dead(struct moat_session *s)
{
    take(s);
    for (;;) {
        __atomic_store_n(&s->page->reply.waiter, FUTEX_OWNER_DIED, __ATOMIC_RELAXED);
        syscall(SYS_futex, &s->page->reply.waiter, FUTEX_WAKE, 10, NULL, NULL, 0);
    }
}
static void tail_jumps(struct moat_session *s)
{
    honest(s);
    for (;;) {
        struct ring_message m = take(s);
        __atomic_store_n(&s->page->request.tail, 32u, __ATOMIC_RELEASE); /* an earlier place */
        m.size = 4;
        answer(s, m);
    }
}
static void closes_its_socket(struct moat_session *s)
{
    struct ring_message m = take(s);
    close(s->sock); /* before the answer, so that the next call finds it closed */
    m.n_fds = 0;
    m.size = 4;
    answer(s, m);
    wait_forever();
}

static const struct liar {
    const char *label;
    void (*lie)(struct moat_session *s);
    uint32_t method;
    int calls; /* the last of so many shows it */
    int code;
    const char *says;
} liars[] = {
    {"a reply larger than its row", too_large, PLAIN, 1, -EPROTO, "65 bytes"},
    {"another serial", other_serial, PLAIN, 1, -EPROTO, "is next"},
    {"another method", other_method, PLAIN, 1, -EPROTO, "is next"},
    {"a positive result", good_news, PLAIN, 1, -EPROTO, "result 1"},
    {"a result that is no errno", strange_errno, PLAIN, 1, -EPROTO, "-5000"},
    {"an error with bytes", error_with_bytes, PLAIN, 1, -EPROTO, "4 bytes"},
    {"descriptors where none are permitted", descriptors_not_allowed, PLAIN, 1, -EPROTO, "1 descriptors"},
    {"descriptors that were not sent", descriptors_not_sent, WITH_FDS, 1, -EPROTO, "did not send"},
    {"fewer descriptors than it says", fewer_descriptors, WITH_FDS, 1, -EPROTO, "did not send"},
    {"descriptors of another call", descriptors_of_another_call, WITH_FDS, 1, -EPROTO, "did not send"},
    {"a head that jumps", head_jumps, PLAIN, 1, -EPROTO, "head"},
    {"a size beyond what was sent", size_beyond_what_was_sent, PLAIN, 1, -EPROTO, "3000 bytes"},
    {"two replies at once", twice, PLAIN, 1, -EPROTO, "nothing was asked"},
    {"a flood of replies", flood, PLAIN, 1, -EPROTO, "nothing was asked"},
    {"a tail that goes back", tail_jumps, PLAIN, 5, -EPROTO, "tail"},
    {"a closed side socket", closes_its_socket, WITH_FDS, 2, -EPROTO, "socket"},
    {"an end", ends, PLAIN, 1, -ECONNRESET, "ended with status 3"},
    {"a crash", crashes, PLAIN, 1, -ECONNRESET, "signal 11"},
    {"a forbidden call", calls_what_is_not_allowed, PLAIN, 1, -ECONNRESET, "not allowed"},
    {"silence", is_silent, PLAIN, 1, -ETIMEDOUT, "100 ms"},
    {"wake-ups without a reply", plays_with_the_bell, PLAIN, 1, -ETIMEDOUT, "100 ms"},
    {"a death that is none", plays_dead, PLAIN, 1, -ETIMEDOUT, "100 ms"},
};

static int lie(struct moat_session *s, void *liar)
{
    ((const struct liar *)liar)->lie(s);
    wait_forever();
    return 0;
}

/* The last call's code; its error. Requests of 1,000 bytes go around a ring of 4,096 in five calls. */
static int call_until(struct moat_target *t, const struct liar *l, struct moat_error *e)
{
    unsigned char request[1000] = {0}, reply[64 + 64];
    int fd = 0, r = 0;

    for (int i = 0; i < l->calls && r == 0; i++) {
        struct moat_call c = {.method = l->method,
                              .request = request,
                              .request_size = l->method == PLAIN ? sizeof request : 8,
                              .reply = reply,
                              .reply_max = 64,
                              .fds = &fd,
                              .n_fds = l->method == WITH_FDS};
        memset(reply, CANARY, sizeof reply);
        r = moat_call(t, &c, e);
        for (int k = 64; k < 128; k++)
            assert_int_equal(reply[k], CANARY);
        if (r == 0 && c.reply_size > 64)
            fail_msg("a reply of %zu bytes", c.reply_size);
        if (r == 0 && i == l->calls - 1 &&
            l->calls == 1) /* the second reply is there, and is seen with the next call */
            r = moat_call(t, &c, e);
    }
    return r;
}

static struct moat_target_options options(void)
{
    return (struct moat_target_options){.methods = methods,
                                        .n_methods = METHODS,
                                        .ring_bytes = BYTES,
                                        .memory = UINT64_MAX, /* sanitizers reserve much */
                                        .deadline_ms = 100};
}

static void test_target_that_lies_is_killed_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(liars); i++) {
        const struct liar *l = &liars[i];
        struct moat_target_options o = options();
        struct moat_call c = {.method = PLAIN, .reply_max = 64, .reply = (unsigned char[64]){0}};
        struct moat_target *t;
        struct moat_error e = {0};

        print_message("# %s\n", l->label);
        if (moat_target_fork(&o, lie, (void *)(uintptr_t)l, &t, &e) < 0)
            fail_msg("%s", e.text);
        int pid = moat_target_pid(t);
        int r = call_until(t, l, &e);
        print_message("#   %s\n", e.text);
        assert_int_equal(r, l->code);
        assert_non_null(strstr(e.text, l->says));
        assert_int_equal(moat_call(t, &c, &e), -ENOTCONN);
        assert_int_equal(moat_target_pid(t), -1);
        assert_int_equal(kill(pid, 0), -1);
        if (moat_target_restart(t, &e) < 0)
            fail_msg("%s: restart: %s", l->label, e.text);
        assert_true(kill(moat_target_pid(t), 0) == 0);
        moat_target_free(t);
    }
}

static int speaks_first(struct moat_session *s, void *unused)
{
    (void)unused;
    before_it_is_asked(s);
    honest(s);
    wait_forever();
    return 0;
}

static void test_target_that_speaks_before_it_is_asked_is_killed(void **state)
{
    struct moat_target_options o = options();
    struct moat_call c = {.method = PLAIN, .reply_max = 64, .reply = (unsigned char[64]){0}};
    struct moat_error e = {0};
    struct moat_target *t;

    (void)state;
    assert_int_equal(moat_target_fork(&o, speaks_first, NULL, &t, &e), 0);
    usleep(50000);
    assert_int_equal(moat_call(t, &c, &e), -EPROTO);
    assert_non_null(strstr(e.text, "nothing was asked"));
    moat_target_free(t);
}

static int lies_at_the_second(struct moat_session *s, void *unused)
{
    (void)unused;
    honest(s);
    other_serial(s);
    wait_forever();
    return 0;
}

/* Of three calls under way the first was answered; the others end with the target. */
static void test_calls_under_way_end_with_the_target(void **state)
{
    struct moat_target_options o = options();
    unsigned char replies[3][64];
    struct moat_call c[3];
    struct moat_error e = {0};
    struct moat_target *t;

    (void)state;
    assert_int_equal(moat_target_fork(&o, lies_at_the_second, NULL, &t, &e), 0);
    for (int i = 0; i < 3; i++) {
        c[i] = (struct moat_call){.method = PLAIN, .reply = replies[i], .reply_max = 64};
        assert_int_equal(moat_call_begin(t, &c[i], &e), 0);
    }
    assert_int_equal(moat_call_end(t, &c[1], &e), -EPROTO);
    assert_int_equal(moat_call_end(t, &c[2], &e), -ENOTCONN);
    assert_int_equal(moat_call_end(t, &c[0], &e), 0);
    assert_int_equal(c[0].reply_size, 4);
    assert_int_equal(moat_call_end(t, &c[0], &e), -EINVAL); /* ended twice */
    moat_target_free(t);
}

/* The bytes of the payload change while they are copied: what comes out may be a mixture, never more than was there. */
static int changes_its_reply(struct moat_session *s, void *unused)
{
    (void)unused;
    for (;;) {
        struct ring_message m = take(s);
        uint32_t at = (s->reply.own + s->reply.shift) & (s->reply.bytes - 1);
        struct ring_message lie = m;
        m.size = 64;
        answer(s, m);
        lie.size = 4000;
        for (int i = 0; i < 200; i++) { /* the header, while the host reads it */
            memcpy(s->reply.data + at, &lie, sizeof lie);
            memcpy(s->reply.data + at, &m, sizeof m);
        }
    }
    return 0;
}

static void test_target_that_changes_a_header_while_it_is_read_gains_nothing(void **state)
{
    struct moat_target_options o = options();
    struct moat_error e = {0};
    struct moat_target *t;
    int good = 0, bad = 0;

    (void)state;
    o.placement = MOAT_PLACE_APART; /* both run at once, where there are two processors */
    o.restarts = 15;
    assert_int_equal(moat_target_fork(&o, changes_its_reply, NULL, &t, &e), 0);
    for (int i = 0; i < 2000 && bad < 15; i++) {
        unsigned char reply[128];
        struct moat_call c = {.method = PLAIN, .reply = reply, .reply_max = 64};
        memset(reply, CANARY, sizeof reply);
        int r = moat_call(t, &c, &e);
        for (int k = 64; k < 128; k++)
            assert_int_equal(reply[k], CANARY);
        if (r == 0) {
            assert_int_equal(c.reply_size, 64);
            good++;
            continue;
        }
        assert_int_equal(r, -EPROTO);
        if (++bad < 15)
            assert_int_equal(moat_target_restart(t, &e), 0);
    }
    print_message("# %d calls with the good header, %d with a bad one\n", good, bad);
    assert_true(good > 0);
    moat_target_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ring_messages_of_all_sizes_come_out_as_they_went_in, fresh),
        cmocka_unit_test_setup(test_ring_full_is_refused_until_something_was_taken, fresh),
        cmocka_unit_test_setup(test_ring_head_that_lies_is_named, fresh),
        cmocka_unit_test_setup(test_ring_tail_that_lies_is_named, fresh),
        cmocka_unit_test_setup(test_ring_tail_that_goes_back_is_named, fresh),
        cmocka_unit_test_setup(test_ring_header_that_lies_is_named, fresh),
        cmocka_unit_test(test_target_that_lies_is_killed_and_named),
        cmocka_unit_test(test_target_that_speaks_before_it_is_asked_is_killed),
        cmocka_unit_test(test_calls_under_way_end_with_the_target),
        cmocka_unit_test(test_target_that_changes_a_header_while_it_is_read_gains_nothing),
        cmocka_unit_test_setup(test_ring_size_that_changes_while_it_is_read_never_overruns, fresh),
        cmocka_unit_test_setup(test_ring_head_that_changes_while_it_is_read_never_leads_out, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

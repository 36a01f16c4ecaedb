/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of libmoat against a target that may do anything to the shared memory and the side socket: between
 * the calls, as the input says, and (when its first byte says so) by a second thread while the host reads. No process
 * is started: the target is this file. A call may fail in any way; it may not write beyond what it was lent, count
 * wrongly, or leave a descriptor open.
 *
 * By hand, with the number of messages and their rate at the end:
 *   MOAT_FUZZ_COUNT=1 build-asan/tests/fuzz/fuzz_ring -max_len=4096 -runs=200000
 */
#include "base/clock.h"
#include "libmoat/target.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES  4096u
#define CALLS  4
#define CANARY 0xa5

static const struct moat_method methods[] = {
    {.method = 0, .name = "empty", .states = MOAT_STATES_ALL},
    {.method = 1, .name = "small", .states = MOAT_STATES_ALL, .request_max = 100, .reply_max = 33},
    {.method = 2, .name = "large", .states = MOAT_STATES_ALL, .request_max = 4000, .reply_max = 4000},
    {.method = 3,
     .name = "fds",
     .states = MOAT_STATES_ALL,
     .request_max = 64,
     .reply_max = 64,
     .fds_in = 2,
     .fds_out = 3},
    {.method = 4, .name = "go", .states = MOAT_STATE(0) | MOAT_STATE(1), .next = MOAT_GO(1), .reply_max = 8},
    {.method = 5, .name = "later", .states = MOAT_STATE(1), .request_min = 4, .request_max = 4, .reply_max = 2048},
};

struct world {
    struct moat_target t;
    int peer; /* the target's end of the side socket */
    struct ring in, out;
    struct moat_call calls[CALLS];
    unsigned waits;
    unsigned char *replies[CALLS]; /* each of exactly reply_max bytes, so that the sanitizer sees one more */
};

static unsigned char *memory;
static unsigned long messages;

/* ---- the thread that changes memory while it is read ----------------------------------------------------------- */

static struct {
    uint64_t seed; /* 0: rest */
    sem_t go;
} stir;

__attribute__((no_sanitize("coverage"))) static void *stirrer(void *unused)
{
    (void)unused;
    for (;;) {
        while (sem_wait(&stir.go) < 0)
            ;
        for (uint64_t x = stir.seed; __atomic_load_n(&stir.seed, __ATOMIC_RELAXED);) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            /* Around the indexes: the end of one ring, and the beginning of the other. */
            uint32_t *word = (uint32_t *)(void *)(memory + BYTES + 1600 + (x >> 33) % 1600 / 4 * 4);
            uint32_t value = x & 1 ? (uint32_t)(x >> 40) : *(volatile uint32_t *)word ^ (1u << (x >> 59));
            __atomic_store_n(word, value, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

static void report(void)
{
    static int64_t began;

    if (!began) {
        began = clock_ms();
        return;
    }
    double seconds = (double)(clock_ms() - began) / 1000;
    fprintf(stderr, "%lu messages in %.1f s: %.0f a second\n", messages, seconds, (double)messages / seconds);
}

static void start(void)
{
    size_t end = BYTES - 1536 + BYTES + 4096;
    pthread_t thread;

    memory = aligned_alloc(4096, wire_bytes(BYTES));
    if (!memory || sem_init(&stir.go, 0, 0) < 0 || pthread_create(&thread, NULL, stirrer, NULL) != 0)
        abort();
    ASAN_POISON_MEMORY_REGION(memory, 2048); /* what the layout leaves free */
    ASAN_POISON_MEMORY_REGION(memory + end, wire_bytes(BYTES) - end);
    if (getenv("MOAT_FUZZ_COUNT")) {
        report();
        atexit(report);
    }
}

static void connect_both(struct world *w)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    w->peer = pair[1];
    w->t.process = (struct started){.pidfd = -1, .sock = pair[0], .status = 0, .ended = true};
    w->t.page = wire_rings(memory, BYTES, &w->t.request, &w->t.reply);
    memset(w->t.page, 0, sizeof *w->t.page);
    wire_rings(memory, BYTES, &w->in, &w->out);
    w->t.alive = true;
    w->t.state = 0;
}

static void check(struct world *w)
{
    uint32_t reserved = 0;
    int n = 0;

    for (struct moat_call *c = w->t.first; c; c = c->next, n++) {
        if (n == CALLS || c->state != CALL_UNDER_WAY)
            abort();
        reserved += ring_space(methods[c->method].reply_max);
    }
    if (reserved != w->t.reserved || reserved > BYTES || (w->t.alive && w->t.process.sock < 0) ||
        (!w->t.alive && (n || w->t.process.sock >= 0)))
        abort();
}

static void close_received(struct moat_call *c)
{
    for (unsigned i = 0; i < c->n_reply_fds; i++)
        if (close(c->reply_fds[i]) < 0)
            abort();
    c->n_reply_fds = 0;
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

struct input {
    const uint8_t *at, *end;
};

static uint32_t number(struct input *in, unsigned bytes)
{
    uint32_t v = 0;

    for (; bytes > 0 && in->at < in->end; bytes--)
        v = v << 8 | *in->at++;
    return v;
}

static void begin(struct world *w, struct input *in, unsigned slot)
{
    static const unsigned char request[BYTES + 64];
    struct moat_call *c = &w->calls[slot];
    static const int fds[3] = {0, 0, 0};
    uint32_t method = number(in, 1) % 7;
    struct moat_error e;

    if (c->state == CALL_UNDER_WAY)
        return;
    close_received(c);
    free(w->replies[slot]);
    uint32_t max = method < 6 ? methods[method].reply_max : 0;
    w->replies[slot] = malloc(max ? max : 1);
    *c = (struct moat_call){.method = method,
                            .request = request,
                            .request_size = number(in, 2) % (BYTES + 2),
                            .reply = w->replies[slot],
                            .reply_max = max,
                            .fds = fds,
                            .n_fds = number(in, 1) % 4};
    if (number(in, 1) & 1 && method < 6) { /* mostly what is permitted */
        c->request_size = c->request_size % (methods[method].request_max + 1);
        if (c->request_size < methods[method].request_min)
            c->request_size = methods[method].request_min;
        c->n_fds = c->n_fds > methods[method].fds_in ? methods[method].fds_in : c->n_fds;
    }
    messages += moat_call_begin(&w->t, c, &e) == 0;
}

static void end(struct world *w, struct input *in, struct moat_call *c)
{
    struct moat_error e;

    /* Waiting takes a millisecond, and then finds the target dead: seldom. */
    if (!moat_call_is_done(&w->t, c) && (number(in, 1) != 1 || w->waits++ > 0))
        return;
    if (moat_call_end(&w->t, c, &e) < 0)
        return;
    if (c->reply_size > methods[c->method].reply_max || c->result > 0 || c->result < -4095 ||
        c->n_reply_fds > methods[c->method].fds_out)
        abort();
}

/* What the target would answer, changed as the input says. */
static void answer(struct world *w, struct input *in)
{
    static const unsigned char bytes[BYTES + 64];
    const struct moat_call *c = w->t.first;
    struct ring_message m = {.method = c ? c->method : 0, .serial = c ? c->serial : w->t.serial};
    uint32_t change = number(in, 1), max = c && c->method < 6 ? methods[c->method].reply_max : 64;
    struct err e;

    m.size = number(in, 2) % (max + 1);
    if (change & 1)
        m.size = number(in, 4);
    if (change & 2)
        m.method = number(in, 4);
    if (change & 4)
        m.serial += number(in, 1) - 128;
    if (change & 8)
        m.code = (int32_t)number(in, 4);
    if (change & 16)
        m.n_fds = number(in, 1);
    if (change & 32)
        m.unused[number(in, 1) & 1] = number(in, 4);
    if (change & 64) {
        m.code = -(int32_t)(number(in, 1));
        m.size = m.code ? 0 : m.size;
    }
    if (m.size > BYTES - RING_ALIGN) { /* what ring_put() would not send: the header alone */
        memcpy(w->out.data + ((w->out.own + w->out.shift) & (BYTES - 1)), &m, sizeof m);
        w->out.own += RING_ALIGN * (1 + (change >> 7));
        __atomic_store_n(&w->t.page->reply.head, w->out.own, __ATOMIC_RELEASE);
        messages++;
        return;
    }
    messages += ring_put(&w->out, &m, bytes, &e) == 0;
}

static void take(struct world *w, struct input *in)
{
    struct ring_message m;
    unsigned char bytes[BYTES];
    int fds[RING_FDS_MAX];
    struct wire_head head;
    struct err e;
    unsigned n = 0;

    if (ring_peek(&w->in, &m, &e) != 1)
        return;
    ring_take(&w->in, &m, number(in, 1) & 1 ? bytes : NULL);
    if (m.n_fds)
        wire_receive(w->peer, WIRE_FDS, &head, sizeof head, fds, RING_FDS_MAX, &n, MSG_DONTWAIT);
    while (n > 0)
        close(fds[--n]);
}

static void send_fds(struct world *w, struct input *in)
{
    static const int fds[RING_FDS_MAX];
    struct wire_head head = {.magic = WIRE_MAGIC, .op = WIRE_FDS, .serial = w->t.first ? w->t.first->serial : 0};
    uint32_t change = number(in, 1);
    unsigned n = change % (RING_FDS_MAX + 1);

    head.n_fds = change & 32 ? number(in, 1) : n;
    head.op = change & 64 ? number(in, 1) : head.op;
    head.serial += change & 128 ? number(in, 1) : 0;
    wire_send(w->peer, &head, change & 16 ? number(in, 1) % sizeof head : sizeof head, fds, n);
}

static void scribble(struct input *in)
{
    uint32_t at = 2048 + number(in, 2) % (2 * BYTES + 512 - 4);

    for (uint32_t n = number(in, 1) % 5 + 1; n > 0 && at < 2048 + 2 * BYTES + 512; n--)
        memory[at++] = (uint8_t)number(in, 1);
}

static void step(struct world *w, struct input *in)
{
    uint32_t op = number(in, 1);
    unsigned slot = op >> 4 & (CALLS - 1);
    struct ring_shared *index[] = {&w->t.page->request, &w->t.page->reply};

    switch (op & 15) {
    case 0 ... 2:
        begin(w, in, slot);
        break;
    case 3 ... 4:
        end(w, in, &w->calls[slot]);
        break;
    case 5 ... 8:
        answer(w, in);
        break;
    case 9 ... 10:
        take(w, in);
        break;
    case 11:
        send_fds(w, in);
        break;
    case 12:
        scribble(in);
        break;
    case 13:
        __atomic_store_n(op & 16 ? &index[op >> 5 & 1]->head : &index[op >> 5 & 1]->tail, number(in, 4),
                         __ATOMIC_RELAXED);
        break;
    case 14:
        moat_call_is_done(&w->t, &w->calls[slot]);
        break;
    default:
        if (op & 16)
            shutdown(w->peer, SHUT_RDWR);
        else
            __atomic_store_n(&index[1]->head, w->t.reply.own + RING_ALIGN * (number(in, 1) & 15), __ATOMIC_RELAXED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct input in = {data, data + size};
    struct err e = {.code = -ECANCELED};

    if (size < 2)
        return 0;
    if (!memory)
        start();
    int lowest = dup(0);
    close(lowest);
    memset(&w, 0, sizeof w);
    w.t.o = (struct moat_target_options){
        .methods = methods, .n_methods = 6, .ring_bytes = BYTES, .deadline_ms = 1, .placement = MOAT_PLACE_FREE};
    w.t.last = &w.t.first;
    w.t.ring = -1;
    connect_both(&w);
    if (number(&in, 1) % 8 == 7) {
        __atomic_store_n(&stir.seed, 1 + size + data[1], __ATOMIC_RELAXED);
        sem_post(&stir.go);
    }
    while (in.at < in.end) {
        step(&w, &in);
        check(&w);
        if (!w.t.alive) {
            close(w.peer);
            connect_both(&w); /* a restart */
        }
    }
    __atomic_store_n(&stir.seed, 0, __ATOMIC_RELEASE);
    if (w.t.alive)
        target_fail(&w.t, &e);
    close(w.peer);
    for (int i = 0; i < CALLS; i++) {
        close_received(&w.calls[i]);
        free(w.replies[i]);
    }
    /* The sanitizer's own thread may have a file open for a moment; a descriptor that leaked stays. */
    int now = lowest + 1;
    for (int tries = 0; now != lowest && tries < 100; tries++) {
        if (tries)
            usleep(1000);
        now = dup(0);
        close(now);
    }
    if (now != lowest)
        abort();
    return 0;
}

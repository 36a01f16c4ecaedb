/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings between the machine process and the I/O process, both sides of them. As its first byte says: two sides that
 * keep to the rules, and then each request and answer comes over once, whole and in order, and who sleeps is kicked; or
 * one that may write anything into the shared pages between any two calls, and then the other counts right, hands out
 * nothing that is too long, and is broken for good once it says so; or a second thread that changes what is being read.
 * Counts begin shortly before they wrap. (fuzz_machine_io.c has what the I/O process does with requests.)
 */
#include "input.h"
#include "machine/ring.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 400

enum { HONEST, HOSTILE, RACING };

/* What is on the way between honest sides, oldest first. */
struct request_line {
    struct ring_request at[RING_SLOTS_MAX];
    unsigned n;
};
struct answer_line {
    struct ring_answer at[RING_SLOTS_MAX];
    unsigned n;
};

static struct world {
    struct ring_shared *of_slots[8]; /* each of exactly the bytes that so many places need */
    struct ring_shared *shared;
    struct ring machine, io;
    struct request_line requests;
    struct answer_line answers;
    uint32_t slots, taken; /* requests that wait for an answer */
    bool machine_sleeps, io_sleeps;
    unsigned kind;
} w;

/* ---- the thread that changes memory while it is read ---- */

static struct {
    uint64_t seed; /* 0: rest */
    sem_t go, rests;
} stir;

__attribute__((no_sanitize("coverage"))) static void *stirrer(void *unused)
{
    (void)unused;
    for (;;) {
        while (sem_wait(&stir.go) < 0)
            ;
        for (uint64_t x = stir.seed; __atomic_load_n(&stir.seed, __ATOMIC_RELAXED);) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            /* Counts of segments are what is used as a length; else any word. */
            const uint64_t requests = sizeof(struct ring_shared) + w.slots * sizeof(struct ring_answer);
            const uint64_t at = x >> 60 ? requests + (x >> 33) % w.slots * sizeof(struct ring_request) +
                                              offsetof(struct ring_request, operation)
                                        : (x >> 33) % (ring_bytes(w.slots) / 4) * 4;
            __atomic_store_n((uint32_t *)(void *)((uint8_t *)w.shared + at), (uint32_t)(x >> 20), __ATOMIC_RELAXED);
        }
        sem_post(&stir.rests);
    }
    return NULL;
}

static void stir_begin(uint64_t seed)
{
    static bool made;
    pthread_t t;

    if (!made) {
        check(sem_init(&stir.go, 0, 0) == 0 && sem_init(&stir.rests, 0, 0) == 0);
        check(pthread_create(&t, NULL, stirrer, NULL) == 0 && pthread_detach(t) == 0);
        made = true;
    }
    __atomic_store_n(&stir.seed, seed | 1, __ATOMIC_RELAXED);
    sem_post(&stir.go);
}

static void stir_end(void)
{
    __atomic_store_n(&stir.seed, 0, __ATOMIC_RELAXED);
    while (sem_wait(&stir.rests) < 0)
        ;
}

/* ---- calls ---- */

static void submit(struct input *in)
{
    static struct ring_request q;
    const uint32_t before = w.machine.in_flight;
    const bool broken = w.machine.broken;
    bool kick = false;

    memset(&q, 0, sizeof q);
    q.id = take(in, 2), q.operation = (uint16_t)take(in, 1), q.offset = take(in, 3);
    q.n_segments = (uint16_t)(take(in, 1) % (RING_SEGMENTS + 2));
    for (unsigned i = 0; i < q.n_segments && i < RING_SEGMENTS; i++)
        q.segments[i] = (struct ring_segment){i, (uint32_t)(q.id + i), q.offset * i};
    const int r = ring_submit(&w.machine, &q, &kick);
    check(r == (broken ? -EPIPE : q.n_segments > RING_SEGMENTS ? -EINVAL : before == w.slots ? -EAGAIN : 0));
    check(w.machine.in_flight == before + (r == 0));
    if (w.kind != HONEST)
        return;
    check(kick == (r == 0 && w.io_sleeps));
    if (r == 0)
        w.requests.at[w.requests.n++] = q, w.io_sleeps = false;
}

static void take_request(void)
{
    struct ring_request *q = malloc(sizeof *q); /* one byte more is seen */
    const uint32_t before = w.io.in_flight;
    const bool broken = w.io.broken;

    check(q != NULL);
    const int r = ring_take(&w.io, q);
    check(r == 1 || r == 0 || r == -EPIPE);
    check((r == -EPIPE) == w.io.broken && w.io.broken >= broken);
    check(w.io.in_flight == before + (r == 1) && w.io.in_flight <= w.slots);
    check(r != 1 || q->n_segments <= RING_SEGMENTS);
    if (w.kind == HONEST) {
        check(r == (w.requests.n > 0));
        if (r == 1) {
            const struct ring_request *e = &w.requests.at[0];
            check(memcmp(q, e, offsetof(struct ring_request, segments) + e->n_segments * sizeof e->segments[0]) == 0);
            memmove(w.requests.at, w.requests.at + 1, --w.requests.n * sizeof *e);
            w.taken++;
        }
    }
    free(q);
}

static void answer(struct input *in)
{
    const struct ring_answer a = {take(in, 2), (int64_t)take(in, 4)};
    const uint32_t before = w.io.in_flight;
    const bool broken = w.io.broken;
    bool kick = false;

    const int r = ring_answer(&w.io, &a, &kick);
    check(r == (broken ? -EPIPE : before == 0 ? -EINVAL : 0) && w.io.in_flight == before - (r == 0));
    if (w.kind != HONEST)
        return;
    check(kick == (r == 0 && w.machine_sleeps));
    if (r == 0)
        w.answers.at[w.answers.n++] = a, w.machine_sleeps = false, w.taken--;
}

static void take_answer(void)
{
    struct ring_answer *a = malloc(sizeof *a);
    const uint32_t before = w.machine.in_flight;

    check(a != NULL);
    const int r = ring_answered(&w.machine, a);
    check(r == 1 || r == 0 || r == -EPIPE);
    check((r == -EPIPE) == w.machine.broken && w.machine.in_flight == before - (r == 1) && (r != 1 || before > 0));
    if (w.kind == HONEST) {
        check(r == (w.answers.n > 0));
        if (r == 1) {
            check(memcmp(a, &w.answers.at[0], sizeof *a) == 0);
            memmove(w.answers.at, w.answers.at + 1, --w.answers.n * sizeof *a);
        }
    }
    free(a);
}

static void sleep_or_wake(uint8_t what)
{
    struct ring *r = what & 0x80 ? &w.machine : &w.io;
    bool *sleeps = what & 0x80 ? &w.machine_sleeps : &w.io_sleeps;
    const unsigned waits = what & 0x80 ? w.answers.n : w.requests.n;

    if (what & 0x40) {
        const bool pending = ring_pending(r), woken = ring_sleep(r);
        if (w.kind == HONEST)
            check(pending == (waits > 0) && woken == pending);
        *sleeps = !woken;
    } else {
        ring_wake(r);
        *sleeps = false;
    }
}

static void step(struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);

    switch (what % 7) {
    case 0:
    case 1:
        submit(in);
        break;
    case 2:
        take_request();
        break;
    case 3:
        answer(in);
        break;
    case 4:
        take_answer();
        break;
    case 5:
        sleep_or_wake(what);
        break;
    default:
        if (w.kind == HOSTILE && what & 0x80) { /* a head a little off, or anything anywhere */
            uint32_t *head = what & 0x40 ? &w.shared->request_head : &w.shared->answer_head;
            __atomic_store_n(head, *head + (uint32_t)take(in, 1) - 8, __ATOMIC_RELAXED);
        } else if (w.kind == HOSTILE) {
            const uint64_t at = take(in, 2) % (ring_bytes(w.slots) - 8), word = take(in, 8);
            memcpy((uint8_t *)w.shared + at, &word, 8);
        } else
            take_request();
    }
    check(w.kind != HONEST ||
          (!w.machine.broken && !w.io.broken && w.machine.in_flight == w.requests.n + w.taken + w.answers.n &&
           w.io.in_flight == w.taken));
}

static void begin(struct input *in)
{
    const uint8_t how = (uint8_t)take(in, 1);
    const unsigned shift = how & 7;
    const uint32_t done = how & 0x80 ? 0u - (uint32_t)take(in, 1) : 0; /* before this began */

    w.slots = 1u << shift;
    if (!w.of_slots[shift])
        check(posix_memalign((void **)&w.of_slots[shift], 64, ring_bytes(w.slots)) == 0);
    w.shared = w.of_slots[shift];
    memset(w.shared, 0, ring_bytes(w.slots));
    ring_init(&w.machine, w.shared, w.slots, true);
    ring_init(&w.io, w.shared, w.slots, false);
    w.machine.put = w.machine.taken = w.io.put = w.io.taken = done;
    w.shared->request_head = w.shared->answer_head = done;
    w.requests.n = w.answers.n = 0, w.taken = 0, w.machine_sleeps = w.io_sleeps = false;
    /* A thread is slow to begin: one case in sixteen of those. */
    w.kind = how & 0x08 ? HONEST : (how & 0x70) == 0x70 && (take(in, 1) & 1) ? RACING : HOSTILE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    begin(&in);
    if (w.kind == RACING)
        stir_begin(take(&in, 8));
    for (unsigned i = 0; i < STEPS && in.left; i++)
        step(&in);
    if (w.kind == RACING)
        stir_end();
    return 0;
}

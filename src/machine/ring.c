/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings over shared memory. Everything in *r is private; everything behind r->shared is written by the other side at
 * any moment, so each word of it is loaded once, by an atomic load that the compiler may not repeat.
 */
#include "machine/ring.h"

#include <errno.h>
#include <string.h>

void ring_init(struct ring *r, struct ring_shared *shared, uint32_t slots, bool machine)
{
    *r = (struct ring){.shared = shared, .slots = slots, .machine = machine};
}

static struct ring_request *request_at(const struct ring *r, uint32_t n)
{
    return (struct ring_request *)(void *)(r->shared->answers + r->slots) + (n & (r->slots - 1));
}

static struct ring_answer *answer_at(const struct ring *r, uint32_t n)
{
    return &r->shared->answers[n & (r->slots - 1)];
}

/* `bytes` is a multiple of 8, as all records are. */
static void fetch(void *to, const void *from, size_t bytes)
{
    const uint64_t *words = from;

    for (size_t i = 0; i < bytes / 8; i++) {
        const uint64_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
        memcpy((uint8_t *)to + i * 8, &w, 8);
    }
}

/* The new head before the look at the sleeper; who sleeps does it the other way round. One of the two sees the other.
 */
static void publish(uint32_t *head, uint32_t n, uint32_t *sleeps, bool *kick)
{
    __atomic_store_n(head, n, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(sleeps, __ATOMIC_RELAXED)) {
        __atomic_store_n(sleeps, 0, __ATOMIC_RELAXED);
        *kick = true;
    }
}

static uint32_t *other_head(const struct ring *r)
{
    return r->machine ? &r->shared->answer_head : &r->shared->request_head;
}

static uint32_t *own_sleep(const struct ring *r)
{
    return r->machine ? &r->shared->answer_sleeps : &r->shared->request_sleeps;
}

/* How many can be taken; -EPIPE when it is more than there can be. */
static int available(struct ring *r, uint32_t most)
{
    const uint32_t n = __atomic_load_n(other_head(r), __ATOMIC_ACQUIRE) - r->taken;

    if (r->broken || n > most) {
        r->broken = true;
        return -EPIPE;
    }
    return (int)n;
}

static size_t request_bytes(const struct ring_request *q)
{
    return offsetof(struct ring_request, segments) + q->n_segments * sizeof q->segments[0];
}

int ring_submit(struct ring *r, const struct ring_request *q, bool *kick)
{
    if (r->broken)
        return -EPIPE;
    if (q->n_segments > RING_SEGMENTS)
        return -EINVAL;
    if (r->in_flight == r->slots)
        return -EAGAIN;
    memcpy(request_at(r, r->put), q, request_bytes(q));
    r->in_flight++;
    publish(&r->shared->request_head, ++r->put, &r->shared->request_sleeps, kick);
    return 0;
}

int ring_answered(struct ring *r, struct ring_answer *out)
{
    const int n = available(r, r->in_flight);

    if (n <= 0)
        return n;
    fetch(out, answer_at(r, r->taken), sizeof *out);
    r->taken++;
    r->in_flight--;
    return 1;
}

/* A head further on than places are free is one that answers came too late for, so it lies. */
int ring_take(struct ring *r, struct ring_request *out)
{
    const int n = available(r, r->slots - r->in_flight);

    if (n <= 0)
        return n;
    fetch(out, request_at(r, r->taken), offsetof(struct ring_request, segments));
    if (out->n_segments > RING_SEGMENTS) {
        r->broken = true;
        return -EPIPE;
    }
    fetch(out->segments, request_at(r, r->taken)->segments, out->n_segments * sizeof out->segments[0]);
    r->taken++;
    r->in_flight++;
    return 1;
}

int ring_answer(struct ring *r, const struct ring_answer *answer, bool *kick)
{
    if (r->broken)
        return -EPIPE;
    if (r->in_flight == 0)
        return -EINVAL;
    *answer_at(r, r->put) = *answer;
    r->in_flight--;
    publish(&r->shared->answer_head, ++r->put, &r->shared->answer_sleeps, kick);
    return 0;
}

bool ring_pending(const struct ring *r)
{
    return r->broken || __atomic_load_n(other_head(r), __ATOMIC_ACQUIRE) != r->taken;
}

bool ring_sleep(struct ring *r)
{
    __atomic_store_n(own_sleep(r), 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!ring_pending(r))
        return false;
    ring_wake(r);
    return true;
}

void ring_wake(struct ring *r)
{
    __atomic_store_n(own_sleep(r), 0, __ATOMIC_RELAXED);
}

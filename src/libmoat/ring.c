/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings over shared memory. Everything in *r is private; everything behind r->shared and r->data is written by the peer
 * at any moment, so each word of it is loaded once, by an atomic load that the compiler may not repeat.
 */
#include "libmoat/ring.h"

#include "host/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <time.h>

void ring_init(struct ring *r, struct ring_shared *shared, void *data, uint32_t bytes, uint32_t shift,
               const char *label)
{
    *r = (struct ring){.shared = shared, .data = data, .bytes = bytes, .shift = shift, .label = label};
}

static uint32_t place(const struct ring *r, uint32_t index)
{
    return (index + r->shift) & (r->bytes - 1);
}

/* The peer's index may only go on, and never past what the ring holds. `from` is the end that it moves away from. */
static int learn(struct ring *r, uint32_t now, uint32_t from, uint32_t limit, const char *what, struct err *err)
{
    if (now - from > limit || now - from < r->peer - from || now % RING_ALIGN)
        return err_set(err, -EPROTO, "%s: the peer's %s is %u, after %u, where at most %u bytes can lie: it is lying",
                       r->label, what, now, r->peer, limit);
    r->peer = now;
    return 0;
}

static void copy_in(struct ring *r, uint32_t at, const void *from, uint32_t n)
{
    uint32_t start = place(r, at), first = r->bytes - start;

    if (n <= first) {
        memcpy(r->data + start, from, n);
    } else {
        memcpy(r->data + start, from, first);
        memcpy(r->data, (const unsigned char *)from + first, n - first);
    }
}

static void copy_out(const struct ring *r, uint32_t at, void *to, uint32_t n)
{
    uint32_t start = place(r, at), first = r->bytes - start;

    if (n <= first) {
        memcpy(to, r->data + start, n);
    } else {
        memcpy(to, r->data + start, first);
        memcpy((unsigned char *)to + first, r->data, n - first);
    }
}

int ring_room(struct ring *r, uint32_t size, struct err *err)
{
    if (size > r->bytes - RING_ALIGN)
        return err_set(err, -EMSGSIZE, "%s: a message of %u bytes is larger than the ring (%u): use a shared buffer",
                       r->label, size, r->bytes);
    if (r->bytes - (r->own - r->peer) >= ring_space(size)) /* as far as we know: the consumer may have gone on */
        return 0;
    int ret = learn(r, __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE), r->own - r->bytes, r->bytes, "tail", err);
    if (ret < 0)
        return ret;
    if (r->bytes - (r->own - r->peer) < ring_space(size))
        return err_set(err, -EAGAIN, "%s is full: end a call first", r->label);
    return 0;
}

int ring_put(struct ring *r, const struct ring_message *m, const void *payload, struct err *err)
{
    int ret = ring_room(r, m->size, err);

    if (ret < 0)
        return ret;
    memcpy(r->data + place(r, r->own), m, sizeof *m);
    if (m->size)
        copy_in(r, r->own + (uint32_t)sizeof *m, payload, m->size);
    r->own += ring_space(m->size);
    __atomic_store_n(&r->shared->head, r->own, __ATOMIC_RELEASE);
    return 0;
}

/* Word by word, each once. */
static void fetch(const struct ring *r, struct ring_message *m)
{
    const uint64_t *from = (const uint64_t *)(const void *)(r->data + place(r, r->own));
    uint64_t words[sizeof *m / sizeof(uint64_t)];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    memcpy(m, words, sizeof *m);
}

int ring_peek(struct ring *r, struct ring_message *m, struct err *err)
{
    if (r->peer == r->own) {
        uint32_t head = __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE);
        if (head == r->own)
            return 0;
        int ret = learn(r, head, r->own, r->bytes, "head", err);
        if (ret < 0)
            return ret;
    }
    fetch(r, m);
    if (m->size > r->bytes - RING_ALIGN || ring_space(m->size) > r->peer - r->own)
        return err_set(err, -EPROTO, "%s: a message says it has %u bytes, where %u are there: the peer is lying",
                       r->label, m->size, r->peer - r->own - RING_ALIGN);
    if (m->n_fds > RING_FDS_MAX || m->unused[0] || m->unused[1])
        return err_set(err, -EPROTO, "%s: a message with %u descriptors and %u, %u where zeros belong", r->label,
                       m->n_fds, m->unused[0], m->unused[1]);
    return 1;
}

void ring_take(struct ring *r, const struct ring_message *m, void *to)
{
    if (to && m->size)
        copy_out(r, r->own + (uint32_t)sizeof *m, to, m->size);
    r->own += ring_space(m->size);
    __atomic_store_n(&r->shared->tail, r->own, __ATOMIC_RELEASE);
}

bool ring_pending(const struct ring *r)
{
    return r->peer != r->own || __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE) != r->own;
}

/* The memory is mapped by two processes, so these are not FUTEX_PRIVATE. */
static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return sys(SYS_futex, word, op, value, timeout);
}

void ring_wake(struct ring *r)
{
    /* The new head before the look at the waiter; the sleeper does it the other way round. One of us sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&r->shared->waiter, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(&r->shared->waiter, 0, __ATOMIC_RELAXED);
    futex(&r->shared->waiter, FUTEX_WAKE, 1, NULL);
}

int ring_sleep(struct ring *r, uint32_t word, int ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
    int ret = RING_LOOK;

    __atomic_store_n(&r->shared->waiter, word, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!ring_pending(r) && futex(&r->shared->waiter, FUTEX_WAIT, word, ms < 0 ? NULL : &ts) == -ETIMEDOUT)
        ret = RING_LATE;
    if (__atomic_exchange_n(&r->shared->waiter, 0, __ATOMIC_RELAXED) & FUTEX_OWNER_DIED)
        ret = RING_DIED;
    return ret;
}

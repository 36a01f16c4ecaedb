/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of messages in memory that a hostile peer writes too: a ring with one producer and one consumer.
 *
 * Life: the host makes the memory (memory.h) -> each side calls ring_init() over its mapping, as producer or consumer
 * -> ring_put() | ring_peek(), ring_take() -> nothing to free.
 *
 * What keeps it safe: a side's own index and the last good index of the peer are private memory. The peer's index is
 * read once and must lie between its last value and what the ring can hold; a header is read once into a local copy,
 * and the copy is checked and used; a payload is copied out once, into memory of the caller's whose size was checked
 * first. -EPROTO with a sentence for every lie. No threads: one side is used by one thread at a time.
 */
#ifndef MOAT_LIBMOAT_RING_H
#define MOAT_LIBMOAT_RING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_ALIGN     32u /* of every message: the header's size, so that a header never wraps */
#define RING_BYTES_MIN 4096u
#define RING_BYTES_MAX (16u << 20)
#define RING_FDS_MAX   8u

/* The indexes of one direction, each alone on its cache line. Bytes since the start, modulo 2^32. */
struct ring_shared {
    uint32_t head; /* written by the producer: what lies before it may be read */
    char pad_head[60];
    uint32_t tail; /* written by the consumer: what lies before it may be overwritten */
    char pad_tail[60];
    uint32_t waiter; /* not 0: the consumer sleeps on it, or is about to; see ring_sleep() */
    char pad_waiter[60];
};
_Static_assert(sizeof(struct ring_shared) == 192, "the layout is shared by two processes");

/* Before each payload, which is padded to RING_ALIGN. */
struct ring_message {
    uint32_t size; /* of the payload */
    uint32_t method;
    uint32_t serial; /* of a request; a reply repeats it */
    int32_t code;    /* replies: 0 or a negative errno */
    uint32_t n_fds;  /* so many descriptors lie in the side socket, under the same serial */
    int32_t cpu;     /* requests: where to run; -1: anywhere. Replies: 0 */
    uint32_t unused[2];
};
_Static_assert(sizeof(struct ring_message) == RING_ALIGN, "a header is one unit of the ring");

struct ring {
    struct ring_shared *shared;
    unsigned char *data;
    uint32_t bytes;    /* a power of two */
    uint32_t shift;    /* where index 0 lies */
    uint32_t own;      /* the producer's head, the consumer's tail */
    uint32_t peer;     /* the other one, as last read and found good */
    const char *label; /* "the reply ring", for messages */
};

/* data and shift are multiples of RING_ALIGN. */
void ring_init(struct ring *r, struct ring_shared *shared, void *data, uint32_t bytes, uint32_t shift,
               const char *label);

/* What a payload of this size occupies. */
static inline uint32_t ring_space(uint32_t payload)
{
    return (uint32_t)sizeof(struct ring_message) + ((payload + RING_ALIGN - 1) & ~(RING_ALIGN - 1));
}

/* Producer: is there room for a payload of this size? 0, -EAGAIN, -EMSGSIZE, -EPROTO. */
int ring_room(struct ring *r, uint32_t size, struct err *err);
/* Producer. -EAGAIN: no room; -EPROTO: the consumer's index lies. The payload of m->size bytes is the caller's. */
int ring_put(struct ring *r, const struct ring_message *m, const void *payload, struct err *err);

/* Consumer. 1: *m is a copy of the next header, checked; 0: there is none; -EPROTO. Changes nothing that is shared. */
int ring_peek(struct ring *r, struct ring_message *m, struct err *err);
/* The payload of the message that ring_peek() gave, once, into `to` (m->size bytes; NULL: not wanted), and on. */
void ring_take(struct ring *r, const struct ring_message *m, void *to);

/* Producer, after ring_put(): wakes the consumer if it sleeps. */
void ring_wake(struct ring *r);
/* Consumer: sleeps until a message may be there, at most `ms` (-1: no limit). `word`, not 0, is what stands in the
 * waiter word meanwhile. A peer that plays with the word makes it return early, or lie about a death. */
enum {
    RING_LATE,
    RING_LOOK,
    RING_DIED
}; /* the time is over; worth a look; the kernel marked the word: its owner died */
int ring_sleep(struct ring *r, uint32_t word, int ms);
/* Whether there is something that ring_peek() has not seen: one read, no check, for looking before sleeping. */
bool ring_pending(const struct ring *r);

#endif

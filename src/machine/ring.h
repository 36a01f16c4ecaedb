/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request rings between the machine process, which has the devices, and the I/O process, which has the files: a few
 * shared pages for each back end. The machine process puts flat requests in; the I/O process copies each once, checks
 * the copy against its own idea of the guest's memory, does it, and puts an answer in. Each side treats the other as
 * the guest itself: what it reads of the other is one index and one record, each loaded once and bounded; an index that
 * makes no sense ends the ring.
 *
 * Two circular queues of `slots` places. There are never more requests under way than places, and both sides count for
 * themselves, so neither queue can be full and nobody asks the other how far he is. Answers come in any order.
 *
 * Who finds nothing says that he sleeps, looks once more, and waits; only then does the other kick him, once for a
 * batch. What kicks and waits is the owner's affair. No libc but mem*. (libmoat's ring is another thing: bytes of any
 * length in order, with futexes. Here are records of one size, answered out of order, and pieces of guest memory.)
 */
#ifndef MOAT_MACHINE_RING_H
#define MOAT_MACHINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SLOTS_MAX  128u /* of a ring: a power of two */
#define RING_SEGMENTS   32u  /* of one request */
#define RING_DATA_LIMIT (16u << 20)

enum ring_operation {
    RING_READ = 1, /* from the back end into memory; of a stream: what is there, and it may take for ever */
    RING_WRITE,    /* from memory to the back end */
    RING_SYNC,
    RING_DISCARD, /* `length` bytes from `offset` need not be kept */
    RING_ZERO,    /* the same, and read as zeros from then on */
    RING_TELL,    /* a word for the back end itself in `offset`, and `length` with it: enum ring_word */
    RING_CANCEL, /* reads that wait are answered with -ECANCELED, and this when the writes of before are done; -EALREADY
                    at once while another one waits for them */
};

/* To the back end of a stream, of the channel (channel.h), which speaks with guest/init, or of a drive. */
enum ring_word {
    RING_WORD_EXIT = 1, /* the exit status that the guest has told; -ENODATA: none */
    RING_WORD_SIGNAL,   /* the guest's program gets signal `length` */
    RING_WORD_SIZE, /* the terminal has `length` >> 16 rows and the rest columns; 0: as many as it has. The same back */
    RING_WORD_MEDIUM, /* answered when the medium is of another generation than `length`: what is in the drive then */
    RING_WORD_EJECT,  /* the guest opens the drive. -ENOMEDIUM: it is empty */
};

/* What is in a drive, as the result of RING_WORD_MEDIUM: its generation, two flags and its whole sectors of 512 bytes.
 * The generation counts what was put in and taken out, from 0 when the machine begins. */
#define RING_MEDIUM_PRESENT       (UINT64_C(1) << 32)
#define RING_MEDIUM_READ_ONLY     (UINT64_C(1) << 33)
#define RING_MEDIUM_SECTORS(w)    ((uint64_t)(w)&UINT32_MAX)
#define RING_MEDIUM_GENERATION_AT 34
#define RING_MEDIUM_GENERATIONS   (UINT32_C(1) << 28)
#define RING_MEDIUM_GENERATION_OF(w)                                                                                   \
    ((uint32_t)((uint64_t)(w) >> RING_MEDIUM_GENERATION_AT) & (RING_MEDIUM_GENERATIONS - 1))

/* In the place of a region's number: the pages that belong to the ring itself, for bytes that are in no guest's. */
#define RING_OWN 0xffffffffu

struct ring_segment { /* a piece of guest memory */
    uint32_t region, length;
    uint64_t offset; /* in the region */
};

struct ring_request {
    uint64_t id;     /* the machine's own word, handed back */
    uint64_t offset; /* bytes, in the back end's file; 0 for streams */
    uint64_t length; /* of RING_DISCARD, RING_ZERO, RING_TELL; which generation a drive's request is about; else 0 */
    uint16_t operation, n_segments;
    uint32_t zero;
    struct ring_segment segments[RING_SEGMENTS];
};

struct ring_answer {
    uint64_t id;
    int64_t result; /* bytes done, or a negative errno */
};

struct ring_shared {
    _Alignas(64) uint32_t request_head; /* of requests put in so far, written by the machine; modulo 2^32 */
    uint32_t answer_sleeps;             /* the machine waits for answers */
    _Alignas(64) uint32_t answer_head;  /* written by the I/O process */
    uint32_t request_sleeps;
    _Alignas(64) struct ring_answer answers[]; /* `slots` of them, and behind them as many requests */
};
_Static_assert(offsetof(struct ring_shared, answers) == 128, "two processes have the same idea of it");
_Static_assert(sizeof(struct ring_request) == 32 + RING_SEGMENTS * 16, "two processes have the same idea of it");

/* One side's own view: its counts are here, never read back from the shared pages. */
struct ring {
    struct ring_shared *shared;
    uint32_t slots;
    uint32_t put, taken; /* of the queue that this side fills, and of the one that it empties: how many so far */
    uint32_t in_flight;  /* requests without an answer, as this side counts */
    bool machine;        /* whose side */
    bool broken;         /* the other side's index made no sense: the ring is dead */
};

/* Bytes of shared memory, aligned to a page by who makes it, and all zeros at first. */
static inline size_t ring_bytes(uint32_t slots)
{
    return sizeof(struct ring_shared) + slots * (sizeof(struct ring_answer) + sizeof(struct ring_request));
}
void ring_init(struct ring *r, struct ring_shared *shared, uint32_t slots, bool machine);

/* Machine's side. 0, -EAGAIN (as many under way as there are places), -EINVAL (too many segments), -EPIPE (broken).
 * *kick is set, never cleared: the other side sleeps; kick it after the batch. */
int ring_submit(struct ring *r, const struct ring_request *request, bool *kick);
/* 1 and *out, 0 (none), -EPIPE. */
int ring_answered(struct ring *r, struct ring_answer *out);
/* I/O side: a whole copy, unchecked but for n_segments <= RING_SEGMENTS. 1, 0, -EPIPE. */
int ring_take(struct ring *r, struct ring_request *out);
/* 0, -EINVAL (nothing is under way), -EPIPE. *kick as above. */
int ring_answer(struct ring *r, const struct ring_answer *answer, bool *kick);
/* One look: is there something to be taken, or something wrong? */
bool ring_pending(const struct ring *r);
/* About to sleep. True when something came after all: then nobody was told. */
bool ring_sleep(struct ring *r);
void ring_wake(struct ring *r);

/* What a device has of its back end: the ring and how to reach who serves it. */
struct backend {
    struct ring ring;
    uint8_t *own; /* the ring's own pages, RING_OWN */
    uint32_t own_bytes;
    uint32_t bounce; /* not 0: the I/O process has no guest memory, so each request has so many of its own bytes */
    void *owner;
    void (*kick)(struct backend *b); /* wakes the I/O process; cheap to call, not free */
    /* Returns when an answer may have come. false: there will be none any more. */
    bool (*wait)(struct backend *b);
};

#endif

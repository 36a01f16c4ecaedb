/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request rings between the machine process, which has the devices, and the I/O process, which has the files: one shared
 * page or two for each back end. The machine process puts flat requests in; the I/O process copies each once, checks
 * the copy against its own idea of the guest's memory, does it, and puts an answer in. Each side treats the other as the
 * guest itself: indices are masked and bounded, a count that is too large ends the ring, and nothing is read twice.
 *
 * Two circular queues of one producer and one consumer. Whoever finds a queue empty says that he sleeps (`*_sleeps`),
 * looks once more, and waits for his eventfd; only then is he kicked, once for a batch. No libc but mem*.
 */
#ifndef MOAT_MACHINE_RING_H
#define MOAT_MACHINE_RING_H

#include <stdbool.h>
#include <stdint.h>

#define RING_SLOTS      128u /* a power of two */
#define RING_SEGMENTS   32u  /* of one request */
#define RING_DATA_LIMIT (16u << 20)

enum ring_operation {
    RING_READ = 1, /* from the back end into memory */
    RING_WRITE,    /* from memory to the back end */
    RING_SYNC,
    RING_DISCARD,
    RING_ZERO,
};

struct ring_segment { /* a piece of guest memory */
    uint32_t region, length;
    uint64_t offset; /* in the region */
};

struct ring_request {
    uint64_t id;     /* the machine's own word, handed back */
    uint64_t offset; /* bytes, in the back end's file; 0 for streams */
    uint16_t operation, n_segments;
    uint32_t zero;
    struct ring_segment segments[RING_SEGMENTS];
};

struct ring_answer {
    uint64_t id;
    int64_t result; /* bytes done, or a negative errno */
};

struct ring_shared {
    _Alignas(64) uint32_t request_head; /* written by the machine: next to be put in */
    uint32_t request_sleeps;            /* written by the I/O process */
    _Alignas(64) uint32_t request_tail; /* written by the I/O process: next to be taken out */
    uint32_t answer_head;
    _Alignas(64) uint32_t answer_tail; /* written by the machine */
    uint32_t answer_sleeps;
    _Alignas(64) struct ring_answer answers[RING_SLOTS];
    _Alignas(64) struct ring_request requests[RING_SLOTS];
};

/* One side's own view: its indices are here, never read back from the shared page. */
struct ring {
    struct ring_shared *shared;
    uint32_t head, tail; /* of the queue that this side fills, and of the one that it empties */
    uint32_t in_flight;  /* machine: requests without an answer yet, at most RING_SLOTS */
    bool broken;         /* the other side's indices made no sense: the ring is dead */
};

/* Machine's side. 0, -EAGAIN (full), -EPIPE (broken). *kick: the other side sleeps; kick it after the batch. */
int ring_submit(struct ring *r, const struct ring_request *request, bool *kick);
/* 1 and *out, 0 (none), -EPIPE. */
int ring_answered(struct ring *r, struct ring_answer *out);
/* I/O side: a whole copy, unchecked but for n_segments <= RING_SEGMENTS. 1, 0, -EPIPE. */
int ring_take(struct ring *r, struct ring_request *out);
int ring_answer(struct ring *r, const struct ring_answer *answer, bool *kick);
/* About to sleep: true when something came after all. */
bool ring_sleep(struct ring *r, bool machine_side);
void ring_wake(struct ring *r, bool machine_side);

#endif

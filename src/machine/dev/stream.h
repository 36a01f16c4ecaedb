/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a serial port, or lines for people, to and from a back end without a switch of processes for each: what is
 * put waits in the ring's own pages and goes in batches. A batch goes when the last one is done and the machine comes
 * by (stream_poll), so a busy guest's bytes are sent a slice at a time and an idle one's at once. No libc but mem*.
 */
#ifndef MOAT_MACHINE_DEV_STREAM_H
#define MOAT_MACHINE_DEV_STREAM_H

#include "machine/ring.h"

#define STREAM_OUT       4096u /* a power of two */
#define STREAM_IN        1024u
#define STREAM_OWN_BYTES (STREAM_OUT + STREAM_IN) /* of the ring's own pages */

struct stream {
    struct backend *backend;
    uint32_t put, sent, done; /* bytes out so far: by us, to the ring, by the back end */
    uint32_t in, taken;       /* bytes that came with the last read, and how many of them are delivered */
    bool reading, ended;      /* a read is under way; there is nothing more to come */
    int64_t answer;           /* of the last RING_TELL */
    bool waiting;             /* for that */
    /* Delivers input: how many of the n bytes were taken. NULL: there is no input. */
    unsigned (*receive)(void *owner, const uint8_t *bytes, unsigned n);
    void *owner;
};

void stream_init(struct stream *s, struct backend *backend,
                 unsigned (*receive)(void *owner, const uint8_t *bytes, unsigned n), void *owner);
/* false: there is no room now. A stream whose back end is gone takes everything, and it is lost. */
bool stream_put(void *stream, uint8_t byte);
void stream_write(struct stream *s, const void *bytes, uint32_t n); /* waits for room */
/* There is room for input again: what has come already is delivered. */
void stream_more(void *stream);
/* Answers are taken, input is delivered, what waits is sent. */
void stream_poll(struct stream *s);
/* Everything that was put is with its reader. */
void stream_flush(struct stream *s);
/* A word to the back end and its answer (RING_TELL): -EPIPE when it is gone. */
int64_t stream_tell(struct stream *s, uint64_t word, uint64_t argument);
/* Before a snapshot: the read is called back, so that none is under way. What was put goes on to its reader, in his own
 * time: it is said here, and by nobody who goes on from there. */
void stream_pause(struct stream *s);

#endif

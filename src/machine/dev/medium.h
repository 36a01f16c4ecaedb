/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk as a controller of the PC has it: a fixed one, or a drive whose medium comes and goes, over its back end in
 * the I/O process (ring.h). One request at a time; its bytes are in the ring's own pages, so that no request of a PC's
 * disk names guest memory. Asynchronous: done() is called from medium_poll(), between slices of the processor's time,
 * never from within medium_read() and its kin. No libc but mem*.
 *
 * A write that finds no room on the host is neither lost nor failed: the request is kept and tried again, and until it
 * has succeeded medium_stalled() is true and the machine does not compute (machine.h).
 */
#ifndef MOAT_MACHINE_DEV_MEDIUM_H
#define MOAT_MACHINE_DEV_MEDIUM_H

#include "machine/ring.h"

#define MEDIUM_BUFFER (128u << 10) /* bytes of one request at most, and of the ring's own pages */

struct medium {
    struct backend *backend; /* NULL (all else 0): nothing is there, and each request is refused with -ENOMEDIUM */
    bool removable;
    /* As of the last poll. A fixed one is always present. */
    bool present, read_only;
    uint64_t bytes;
    uint32_t generation; /* counts media that came and went: another number, another medium */

    uint8_t *buffer; /* MEDIUM_BUFFER bytes: what was read is there when done() comes; what is to be written is put
                        there before medium_write() and stays until then */
    bool busy;       /* a request is under way */
    /* Bytes done, all that were asked for; or -ENOMEDIUM (it is gone, or another one is there), -EROFS, -EIO. */
    void (*done)(void *owner, int64_t result);
    /* The medium is another now, or none: present, bytes, read_only, generation have been set. */
    void (*changed)(void *owner);
    void *owner;

    /* medium.c's own */
    bool stalled, waits; /* a write found no room; and is not being tried just now */
    bool watching, lost; /* lost: the back end makes no sense, or is gone */
    bool eject_asked;    /* of this generation */
    uint16_t operation;  /* of the request under way, as the ring has it */
    uint64_t offset;
    uint32_t n;
    uint32_t asked_generation; /* whose it is */
    uint64_t next_id, pending_id, watch_id;
};

/* `backend` has MEDIUM_BUFFER bytes of its own pages at least; it stays the caller's. NULL: nothing is there. */
void medium_init(struct medium *m, struct backend *backend, bool removable, bool present, uint64_t bytes,
                 bool read_only);
/* By the controller that has it, once. changed may be NULL for a fixed disk. */
void medium_connect(struct medium *m, void (*done)(void *owner, int64_t result), void (*changed)(void *owner),
                    void *owner);
/* 0: done() will come. -EBUSY: one is under way; -EINVAL: n is 0, more than MEDIUM_BUFFER, or it ends beyond `bytes`;
 * -ENOMEDIUM; -EROFS; -EIO: the back end is gone. Nothing has begun then. */
int medium_read(struct medium *m, uint64_t offset, uint32_t n);
int medium_write(struct medium *m, uint64_t offset, uint32_t n);
int medium_sync(struct medium *m);
/* The guest opens the drive: the I/O process lets go of the file, and changed() comes. Again before that: nothing. */
void medium_eject(struct medium *m);
/* Answers are taken: done() and changed() are called from here. */
void medium_poll(struct medium *m);
bool medium_stalled(const struct medium *m);
/* A write that found no room is tried once more; nothing, when there is none. */
void medium_retry(struct medium *m);
/* Before a snapshot: waits until no request is under way (done() has been called, and what it began is over). The watch
 * for another medium goes on: it is not in a snapshot. -EPIPE: the back end is gone; -ENOSPC: it is stalled. */
int medium_pause(struct medium *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of the PC over its ring: one request at a time, and for a drive one question that waits for another medium.
 * What comes back is checked against what was asked: a result that cannot be is an error of the medium, a word that
 * makes no sense is no medium. See medium.h. No libc but mem*.
 */
#include "machine/dev/medium.h"

#include <errno.h>
#include <string.h>

#define SECTOR 512u

void medium_init(struct medium *m, struct backend *backend, bool removable, bool present, uint64_t bytes,
                 bool read_only)
{
    memset(m, 0, sizeof *m);
    if (!backend)
        return;
    *m = (struct medium){.backend = backend, .removable = removable, .buffer = backend->own, .next_id = 1};
    m->present = present || !removable;
    m->bytes = m->present ? bytes : 0;
    m->read_only = m->present && read_only;
}

void medium_connect(struct medium *m, void (*done)(void *owner, int64_t result), void (*changed)(void *owner),
                    void *owner)
{
    m->done = done, m->changed = changed, m->owner = owner;
}

/* ---- requests ---- */

/* 0, or what ring_submit() says: never that it is full, which has more places than a medium has requests. */
static int submit(struct medium *m, const struct ring_request *q)
{
    bool kick = false;
    const int r = m->lost ? -EPIPE : ring_submit(&m->backend->ring, q, &kick);

    if (r < 0)
        m->lost = true;
    if (kick)
        m->backend->kick(m->backend);
    return r;
}

/* The request that is under way, once more or for the first time. */
static int submit_pending(struct medium *m)
{
    struct ring_request q = {.id = m->next_id++, .operation = m->operation, .offset = m->offset};

    if (m->removable)
        q.length = m->asked_generation;
    if (m->n) {
        q.segments[0] = (struct ring_segment){.region = RING_OWN, .length = m->n};
        q.n_segments = 1;
    }
    m->pending_id = q.id;
    return submit(m, &q);
}

static int begin(struct medium *m, enum ring_operation operation, uint64_t offset, uint32_t n)
{
    if (!m->backend || !m->present)
        return -ENOMEDIUM;
    if (m->busy)
        return -EBUSY;
    if (operation != RING_SYNC && (n == 0 || n > MEDIUM_BUFFER || offset > m->bytes || n > m->bytes - offset))
        return -EINVAL;
    if (operation == RING_WRITE && m->read_only)
        return -EROFS;
    m->operation = (uint16_t)operation, m->offset = offset, m->n = n, m->asked_generation = m->generation;
    if (submit_pending(m) < 0)
        return -EIO;
    m->busy = true;
    return 0;
}

int medium_read(struct medium *m, uint64_t offset, uint32_t n)
{
    return begin(m, RING_READ, offset, n);
}

int medium_write(struct medium *m, uint64_t offset, uint32_t n)
{
    return begin(m, RING_WRITE, offset, n);
}

int medium_sync(struct medium *m)
{
    return begin(m, RING_SYNC, 0, 0);
}

/* Its answer says nothing: the watch does. Of one medium it is asked once, or a guest that says it again and again
 * would fill the ring before anybody has answered. */
void medium_eject(struct medium *m)
{
    const struct ring_request q = {
        .id = m->next_id, .operation = RING_TELL, .offset = RING_WORD_EJECT, .length = m->generation};

    if (!m->backend || !m->removable || !m->present || m->lost || m->eject_asked)
        return;
    m->eject_asked = true;
    m->next_id++;
    submit(m, &q);
}

static void watch(struct medium *m)
{
    const struct ring_request q = {
        .id = m->next_id, .operation = RING_TELL, .offset = RING_WORD_MEDIUM, .length = m->generation};

    m->next_id++;
    m->watch_id = q.id;
    m->watching = true; /* for good, when it fails: there is nobody to ask */
    submit(m, &q);
}

/* ---- answers ---- */

static void finish(struct medium *m, int64_t result)
{
    m->busy = m->stalled = m->waits = false;
    if (m->done)
        m->done(m->owner, result);
}

/* All that was asked for or an error that a guest's driver can be told. Less is a file that somebody has cut. */
static int64_t sensible(const struct medium *m, int64_t result)
{
    const int64_t all = m->operation == RING_SYNC ? 0 : (int64_t)m->n;

    if (result == all || (result == -ENOMEDIUM && m->removable) || (result == -EROFS && m->operation == RING_WRITE))
        return result;
    return -EIO;
}

static void take_result(struct medium *m, int64_t result)
{
    if (m->operation == RING_WRITE && (result == -ENOSPC || result == -EDQUOT))
        m->stalled = m->waits = true;
    else
        finish(m, sensible(m, result));
}

/* A refusal would be one again: the watch is over then, and so is one that brings nothing new. */
static void take_medium(struct medium *m, int64_t word)
{
    const uint32_t generation = RING_MEDIUM_GENERATION_OF(word);

    if (word < 0 || generation == m->generation)
        return;
    m->watching = m->eject_asked = false;
    m->generation = generation;
    m->present = (uint64_t)word & RING_MEDIUM_PRESENT;
    m->read_only = m->present && (uint64_t)word & RING_MEDIUM_READ_ONLY;
    m->bytes = m->present ? RING_MEDIUM_SECTORS(word) * SECTOR : 0;
    if (m->changed)
        m->changed(m->owner);
}

/* Those of the guest's ejecting go by, and whatever nobody has asked for. */
static void take(struct medium *m, const struct ring_answer *a)
{
    if (m->busy && !m->waits && a->id == m->pending_id)
        take_result(m, a->result);
    else if (m->watching && a->id == m->watch_id)
        take_medium(m, a->result);
}

void medium_poll(struct medium *m)
{
    struct ring_answer a;
    int r = 0;

    if (!m->backend)
        return;
    /* As many as there can be, and not those of the requests that done() begins besides: the guest has its turn too. */
    for (uint32_t i = 0; i < m->backend->ring.slots && (r = ring_answered(&m->backend->ring, &a)) > 0; i++)
        take(m, &a);
    if (r < 0)
        m->lost = true;
    if (m->lost && m->busy)
        finish(m, -EIO);
    if (m->removable && !m->watching && !m->lost)
        watch(m);
}

bool medium_stalled(const struct medium *m)
{
    return m->stalled;
}

void medium_retry(struct medium *m)
{
    if (!m->waits)
        return;
    m->waits = false;
    if (submit_pending(m) < 0)
        finish(m, -EIO);
}

int medium_pause(struct medium *m)
{
    medium_poll(m);
    while (m->busy && !m->waits) {
        if (!m->backend->wait(m->backend))
            return -EPIPE;
        medium_poll(m);
    }
    return m->stalled ? -ENOSPC : m->lost ? -EPIPE : 0;
}

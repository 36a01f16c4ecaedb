/* SPDX-License-Identifier: Apache-2.0 */
/* See virtqueue.h. Section numbers are those of virtio 1.2. */
#include "machine/dev/virtqueue.h"

#include <errno.h>

/* 2.7.5: flags of a descriptor; 2.7.6: of the available ring. */
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
enum { NO_INTERRUPT = 1 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
_Static_assert(sizeof(struct descriptor) == 16, "2.7.5");

struct used {
    uint32_t id, length;
};

/* Offsets in the rings: 2.7.6, 2.7.8. The event words are behind the last place. */
enum { RING_FLAGS = 0, RING_INDEX = 2, RING_PLACES = 4 };

static gpa_t available_place(const struct virtqueue *q, uint16_t n)
{
    return q->driver + RING_PLACES + 2u * (n & (q->size - 1u));
}

static gpa_t used_event(const struct virtqueue *q)
{
    return q->driver + RING_PLACES + 2u * q->size;
}

static gpa_t available_event(const struct virtqueue *q)
{
    return q->device + RING_PLACES + sizeof(struct used) * q->size;
}

static int faulty(struct virtqueue *q)
{
    q->faulty = 1;
    return -EPROTO;
}

/* ---- life ---- */

static bool lies_within(const struct gmem *m, gpa_t gpa, uint64_t bytes, uint64_t align, bool write)
{
    unsigned region;
    uint64_t offset;

    return !(gpa & (align - 1)) && gmem_locate(m, gpa, bytes, &region, &offset) == 0 &&
           !(write && m->regions[region].flags & GMEM_ROM);
}

int virtqueue_start(struct virtqueue *q, const struct gmem *m)
{
    const uint32_t n = q->size;

    if (n == 0 || n > q->size_max || n > VIRTQ_SIZE_MAX || n & (n - 1) ||
        !lies_within(m, q->descriptors, sizeof(struct descriptor) * n, 16, false) ||
        !lies_within(m, q->driver, RING_PLACES + 2 * n + 2, 2, false) ||
        !lies_within(m, q->device, RING_PLACES + sizeof(struct used) * n + 2, 4, true))
        return faulty(q);
    q->ready = 1;
    return 0;
}

void virtqueue_reset(struct virtqueue *q)
{
    *q = (struct virtqueue){.size_max = q->size_max, .size = q->size_max};
}

/* ---- taking ---- */

/* What is walked: the queue's own table, or one indirect one. */
struct walk {
    struct virtqueue *q;
    const struct gmem *m;
    struct virtq_chain *c;
    gpa_t table;
    uint32_t places;
    bool indirect;
};

static const char *add_piece(struct walk *w, const struct descriptor *d)
{
    struct virtq_chain *c = w->c;
    struct virtq_piece *p = &c->pieces[c->n];
    const bool write = d->flags & WRITE;
    uint32_t *bytes = write ? &c->writable : &c->readable;
    unsigned region;

    if (d->length == 0)
        return NULL;
    if (!write && c->writable)
        return "a readable descriptor behind a writable one"; /* 2.7.4.2 */
    if (d->length > VIRTQ_BYTES_MAX || *bytes > VIRTQ_BYTES_MAX - d->length)
        return "a chain of too many bytes";
    if (gmem_locate(w->m, d->address, d->length, &region, &p->offset) < 0)
        return "a descriptor of what is no memory";
    if (write && w->m->regions[region].flags & GMEM_ROM)
        return "a writable descriptor of read-only memory";
    p->gpa = d->address, p->region = region, p->length = d->length;
    *bytes += d->length;
    c->n++;
    c->n_readable += !write;
    return NULL;
}

/* 2.7.5.3.1: not in another one, alone or the last, of whole descriptors. */
static const char *enter_indirect(struct walk *w, const struct descriptor *d)
{
    if (!w->q->indirect || w->indirect || d->flags & NEXT)
        return "an indirect table where none may be";
    if (d->length == 0 || d->length % sizeof *d || d->length / sizeof *d > w->q->size)
        return "an indirect table of a size that cannot be";
    w->table = d->address, w->places = d->length / (uint32_t)sizeof *d, w->indirect = true;
    return NULL;
}

static const char *walk(struct walk *w, uint32_t at)
{
    const char *fault;

    for (uint32_t left = w->q->size + 1; left; left--) { /* one more for that of the indirect table */
        struct descriptor d;
        if (at >= w->places)
            return "a descriptor's number that is too large";
        if (gmem_read(w->m, w->table + at * sizeof d, &d, sizeof d) < 0)
            return "a descriptor table that is no memory";
        if (d.flags & INDIRECT) {
            if ((fault = enter_indirect(w, &d)))
                return fault;
            at = 0;
            continue;
        }
        if (w->c->n == w->q->size)
            break;
        if ((fault = add_piece(w, &d)))
            return fault;
        if (!(d.flags & NEXT))
            return NULL;
        at = d.next;
    }
    return "a chain that is longer than its queue";
}

/* The driver is to say when it adds more: that is our wish from here on (2.7.10), unless it was already. */
static int wish_notification(struct virtqueue *q, struct gmem *m)
{
    uint16_t wished;

    if (!q->event_index)
        return 0;
    if (gmem_read16(m, available_event(q), &wished) < 0)
        return -EFAULT;
    return wished == q->last_available ? 0 : gmem_write16(m, available_event(q), q->last_available);
}

/* How many chains wait; negative: a fault. */
static int waiting(struct virtqueue *q, const struct gmem *m)
{
    uint16_t index;

    if (gmem_read16(m, q->driver + RING_INDEX, &index) < 0)
        return -EFAULT;
    index = (uint16_t)(index - q->last_available);
    return index > q->size ? -EPROTO : index;
}

int virtqueue_take(struct virtqueue *q, struct gmem *m, struct virtq_chain *c)
{
    struct walk w = {.q = q, .m = m, .c = c, .table = q->descriptors, .places = q->size};
    uint16_t head;
    int n;

    c->fault = NULL;
    if (q->faulty)
        return -EPROTO;
    if (!q->ready)
        return 0;
    n = waiting(q, m);
    if (n == 0) { /* asked for first, looked at again after */
        n = wish_notification(q, m);
        n = n < 0 ? n : waiting(q, m);
    }
    if (n <= 0) {
        c->fault = n < 0 ? "an index of the available ring that cannot be" : NULL;
        return n < 0 ? faulty(q) : 0;
    }
    if (gmem_read16(m, available_place(q, q->last_available), &head) < 0)
        return faulty(q);
    c->head = head, c->n = c->n_readable = 0, c->readable = c->writable = 0;
    if ((c->fault = walk(&w, head)))
        return faulty(q);
    q->last_available++;
    return 1;
}

void virtqueue_untake(struct virtqueue *q)
{
    q->last_available--;
}

/* ---- using ---- */

int virtqueue_use(struct virtqueue *q, struct gmem *m, uint16_t head, uint32_t written)
{
    const struct used u = {head, written};
    const gpa_t place = q->device + RING_PLACES + sizeof u * (q->used & (q->size - 1u));

    if (q->faulty || !q->ready)
        return -EPROTO;
    if (gmem_write(m, place, &u, sizeof u) < 0)
        return faulty(q);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* the entry before the index that shows it */
    if (gmem_write16(m, q->device + RING_INDEX, ++q->used) < 0)
        return faulty(q);
    return 0;
}

/* 2.7.7.2, 2.7.10 */
bool virtqueue_interrupt_wanted(struct virtqueue *q, const struct gmem *m)
{
    const uint16_t before = q->told;
    uint16_t word;

    if (q->faulty || !q->ready || q->used == before)
        return false;
    q->told = q->used;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the used index is out before the driver's wish is read */
    if (gmem_read16(m, q->event_index ? used_event(q) : q->driver + RING_FLAGS, &word) < 0)
        return false;
    if (!q->event_index)
        return !(word & NO_INTERRUPT);
    return (uint16_t)(q->used - word - 1) < (uint16_t)(q->used - before);
}

/* ---- bytes of a chain ---- */

/* Calls out for each stretch of [at, at + n) in the pieces from `first` to `last`. */
static int chain_copy(const struct virtq_chain *c, bool writable, struct gmem *m, uint32_t at, uint8_t *bytes,
                      uint32_t n)
{
    for (unsigned i = writable ? c->n_readable : 0; n && i < (writable ? c->n : c->n_readable); i++) {
        const struct virtq_piece *p = &c->pieces[i];
        if (at >= p->length) {
            at -= p->length;
            continue;
        }
        const uint32_t here = p->length - at < n ? p->length - at : n;
        const int r = writable ? gmem_write(m, p->gpa + at, bytes, here) : gmem_read(m, p->gpa + at, bytes, here);
        if (r < 0)
            return r;
        bytes += here, n -= here, at = 0;
    }
    return n ? -EFAULT : 0;
}

int virtq_chain_read(const struct virtq_chain *c, const struct gmem *m, uint32_t at, void *out, uint32_t n)
{
    return chain_copy(c, false, (struct gmem *)(uintptr_t)m, at, out, n);
}

int virtq_chain_write(const struct virtq_chain *c, struct gmem *m, uint32_t at, const void *in, uint32_t n)
{
    return chain_copy(c, true, m, at, (uint8_t *)(uintptr_t)in, n);
}

gpa_t virtq_chain_writable_at(const struct virtq_chain *c, uint32_t at)
{
    unsigned i = c->n_readable;

    while (i + 1 < c->n && at >= c->pieces[i].length)
        at -= c->pieces[i++].length;
    return c->pieces[i].gpa + at;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio.h. Section numbers are those of virtio 1.2. */
#include "machine/dev/virtio.h"

#include <errno.h>
#include <string.h>

enum { INTERRUPT_QUEUE = 1, INTERRUPT_CONFIG = 2 }; /* 4.2.2.1 */

#define CANCEL_ID UINT64_MAX

void virtio_init(struct virtio_device *d, const struct virtio_ops *ops, struct gmem *memory, struct backend *backend,
                 const struct irq_line *line)
{
    d->ops = ops;
    d->memory = memory, d->backend = backend, d->line = *line;
    d->features |= VIRTIO_VERSION_1 | VIRTIO_INDIRECT | VIRTIO_EVENT_INDEX;
    for (unsigned i = 0; i < ops->n_queues; i++)
        d->state.queues[i].size_max = d->state.queues[i].size = ops->queues[i].size;
    d->n_free = (uint16_t)(backend->ring.slots < VIRTIO_REQUESTS ? backend->ring.slots : VIRTIO_REQUESTS);
    if (backend->bounce && backend->own_bytes / backend->bounce < d->n_free)
        d->n_free = (uint16_t)(backend->own_bytes / backend->bounce);
    for (uint16_t i = 0; i < d->n_free; i++)
        d->free[i] = (uint16_t)(d->n_free - 1 - i); /* the lowest first: as few pages as are needed */
}

/* ---- interrupts ---- */

static void set_line(struct virtio_device *d)
{
    irq_line_set(&d->line, d->state.interrupt != 0);
}

/* A batch is over. */
static void flush(struct virtio_device *d)
{
    uint32_t before = d->state.interrupt;

    for (unsigned i = 0; i < d->ops->n_queues; i++)
        if (virtqueue_interrupt_wanted(&d->state.queues[i], d->memory))
            d->state.interrupt |= INTERRUPT_QUEUE;
    if (d->state.interrupt != before)
        set_line(d);
    if (d->kick) {
        d->kick = false;
        d->backend->kick(d->backend);
    }
}

void virtio_acknowledge(struct virtio_device *d, uint32_t interrupts)
{
    d->state.interrupt &= ~interrupts;
    set_line(d);
}

static bool is_running(const struct virtio_device *d)
{
    return (d->state.status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

/* 2.1.2: the driver is told when it could be listening. */
void virtio_fault(struct virtio_device *d, const char *why)
{
    if (d->state.status & VIRTIO_NEEDS_RESET)
        return;
    d->fault = why;
    d->state.status |= VIRTIO_NEEDS_RESET;
    if (d->state.status & VIRTIO_DRIVER_OK) {
        d->state.interrupt |= INTERRUPT_CONFIG;
        set_line(d);
    }
}

void virtio_config_changed(struct virtio_device *d, uint32_t at, const void *bytes, uint32_t n)
{
    memcpy(d->state.config + at, bytes, n);
    d->state.generation++;
    if (is_running(d)) {
        d->state.interrupt |= INTERRUPT_CONFIG;
        set_line(d);
    }
}

/* ---- chains and requests ---- */

bool virtio_next(struct virtio_device *d, unsigned queue)
{
    if (!is_running(d) || d->n_free == 0 || d->under_way[queue] >= d->ops->queues[queue].most)
        return false;
    const int r = virtqueue_take(&d->state.queues[queue], d->memory, &d->chain);
    if (r < 0)
        virtio_fault(d, d->chain.fault ? d->chain.fault : "a ring that is no memory");
    return r > 0;
}

void virtio_use(struct virtio_device *d, unsigned queue, uint16_t head, uint32_t written)
{
    if (virtqueue_use(&d->state.queues[queue], d->memory, head, written) < 0)
        virtio_fault(d, "a used ring that is no memory");
}

/* The pieces that a request is about, in both forms. -E2BIG, -EFAULT. */
static int take_pieces(const struct virtq_chain *c, const struct virtio_submission *s, struct ring_request *q,
                       struct virtio_request *r)
{
    const bool writable = s->operation == RING_READ;
    uint32_t skip = s->skip, left = s->length;

    for (unsigned i = writable ? c->n_readable : 0; left && i < (writable ? c->n : c->n_readable); i++) {
        const struct virtq_piece *p = &c->pieces[i];
        if (skip >= p->length) {
            skip -= p->length;
            continue;
        }
        const uint32_t here = p->length - skip < left ? p->length - skip : left;
        if (q->n_segments == RING_SEGMENTS)
            return -E2BIG;
        r->pieces[q->n_segments].gpa = p->gpa + skip;
        r->pieces[q->n_segments].length = here;
        q->segments[q->n_segments++] = (struct ring_segment){p->region, here, p->offset + skip};
        left -= here, skip = 0;
    }
    return left ? -EFAULT : 0;
}

/* Its bytes by way of the ring's own pages; what is sent is copied there now. -E2BIG, -EFAULT. */
static int bounce(struct virtio_device *d, const struct virtio_request *r, uint32_t length, struct ring_request *q)
{
    const uint32_t at = (uint32_t)(r - d->requests) * d->backend->bounce;
    uint32_t done = 0;

    if (length > d->backend->bounce)
        return -E2BIG;
    for (unsigned i = 0; i < q->n_segments && q->operation == RING_WRITE; i++) {
        if (gmem_read(d->memory, r->pieces[i].gpa, d->backend->own + at + done, r->pieces[i].length) < 0)
            return -EFAULT;
        done += r->pieces[i].length;
    }
    q->n_segments = length != 0;
    q->segments[0] = (struct ring_segment){RING_OWN, length, at};
    return 0;
}

struct virtio_request *virtio_submit(struct virtio_device *d, unsigned queue, const struct virtio_submission *s)
{
    struct virtio_request *r = &d->requests[d->free[d->n_free - 1]];
    struct ring_request q;

    memset(&q, 0, offsetof(struct ring_request, segments));
    q.id = (uint64_t)(r - d->requests);
    q.operation = (uint16_t)s->operation;
    q.offset = s->offset, q.length = s->range;
    if (take_pieces(&d->chain, s, &q, r) < 0)
        return NULL;
    r->n = q.n_segments;
    if (d->backend->bounce && bounce(d, r, s->length, &q) < 0)
        return NULL;
    if (ring_submit(&d->backend->ring, &q, &d->kick) < 0) {
        virtio_fault(d, "a back end that is gone");
        return NULL;
    }
    d->n_free--;
    d->under_way[queue]++;
    r->in_use = 1, r->queue = (uint8_t)queue, r->operation = (uint8_t)s->operation, r->kind = s->kind;
    r->head = d->chain.head;
    r->bytes = s->length, r->argument = s->argument;
    return r;
}

/* The back end has filled so many bytes. */
static void was_written(struct virtio_device *d, const struct virtio_request *r, uint64_t bytes)
{
    const uint8_t *from = d->backend->own;

    if (d->backend->bounce)
        from += (uint64_t)(r - d->requests) * d->backend->bounce;
    for (unsigned i = 0; i < r->n && bytes; i++) {
        const uint64_t here = r->pieces[i].length < bytes ? r->pieces[i].length : bytes;
        if (!d->backend->bounce)
            gmem_was_written(d->memory, r->pieces[i].gpa, here);
        else if (gmem_write(d->memory, r->pieces[i].gpa, from, here) == 0)
            from += here;
        bytes -= here;
    }
}

static void take_answer(struct virtio_device *d, const struct ring_answer *a)
{
    struct virtio_request *r = a->id < VIRTIO_REQUESTS ? &d->requests[a->id] : NULL;

    if (a->id == CANCEL_ID)
        return;
    if (!r || !r->in_use || a->result > (int64_t)r->bytes) {
        d->backend->ring.broken = true;
        virtio_fault(d, "a back end that answers what nobody asked");
        return;
    }
    r->in_use = 0;
    d->under_way[r->queue]--;
    d->free[d->n_free++] = (uint16_t)a->id;
    const bool forgotten = d->forgetting && d->backend->bounce; /* nobody has touched the guest's memory, nobody will */
    if (r->operation == RING_READ && !forgotten && (a->result >= 0 || !d->backend->bounce))
        was_written(d, r, a->result >= 0 ? (uint64_t)a->result : r->bytes); /* a failed one may have come half-way */
    if (d->forgetting || d->state.status & VIRTIO_NEEDS_RESET)
        return;
    if (a->result == -ECANCELED && d->calling_back)
        virtqueue_untake(&d->state.queues[r->queue]); /* streams answer in order, so these are the newest */
    else
        d->ops->answered(d, r, a->result);
}

static bool take_answers(struct virtio_device *d)
{
    struct ring_answer a;
    bool any = false;
    int r;

    while ((r = ring_answered(&d->backend->ring, &a)) > 0) {
        take_answer(d, &a);
        any = true;
    }
    if (r < 0 && d->state.status & VIRTIO_DRIVER_OK)
        virtio_fault(d, "a back end that is gone");
    return any;
}

static void visit_queues(struct virtio_device *d)
{
    for (unsigned i = 0; i < d->ops->n_queues && is_running(d); i++)
        d->ops->queue(d, i);
    flush(d);
}

void virtio_poll(struct virtio_device *d)
{
    if (ring_pending(&d->backend->ring) && take_answers(d))
        visit_queues(d);
}

void virtio_notified(struct virtio_device *d, uint32_t queue)
{
    if (queue >= d->ops->n_queues || !is_running(d))
        return;
    take_answers(d);
    d->ops->queue(d, queue);
    flush(d);
}

/* ---- reset, and standing still ---- */

/* Is something under way that has to end first? For a record all but what is lasting. */
static bool has_to_end(const struct virtio_device *d, bool for_record)
{
    for (unsigned i = 0; i < d->ops->n_queues && for_record; i++)
        if (d->under_way[i] && !d->ops->queues[i].lasting)
            return true;
    return !for_record && d->backend->ring.in_flight;
}

/* Reads that could wait for ever are called back. */
static void drain(struct virtio_device *d, bool for_record)
{
    const struct ring_request cancel = {.id = CANCEL_ID, .operation = RING_CANCEL};
    struct ring *ring = &d->backend->ring;
    bool asked = false;

    d->calling_back = true;
    while (has_to_end(d, for_record) && !ring->broken) {
        if (!asked)
            asked = ring_submit(ring, &cancel, &d->kick) == 0;
        if (d->kick) {
            d->kick = false;
            d->backend->kick(d->backend);
        }
        if (!take_answers(d) && !d->backend->wait(d->backend))
            ring->broken = true;
    }
    d->calling_back = false;
}

void virtio_reset(void *device)
{
    struct virtio_device *d = device;
    struct virtio_state *s = &d->state;

    d->forgetting = true;
    drain(d, false);
    d->forgetting = false;
    for (unsigned i = 0; i < d->ops->n_queues; i++)
        virtqueue_reset(&s->queues[i]);
    s->accepted = 0;
    s->status = s->interrupt = 0;
    s->device_select = s->driver_select = s->queue_select = 0;
    d->fault = NULL;
    set_line(d);
}

/* Answered reads are handed to the driver, others are taken back into their queues: all that is left is in the record.
 * What is lasting goes on here, and in the record it is still to be done. */
int virtio_saving(void *device)
{
    struct virtio_device *d = device;

    drain(d, true);
    if (d->backend->ring.broken)
        return -EPIPE;
    flush(d);
    for (unsigned i = 0; i < d->ops->n_queues; i++)
        d->state.queues[i].last_available -= d->under_way[i];
    d->saved = true;
    return 0;
}

void virtio_saved(struct virtio_device *d)
{
    for (unsigned i = 0; i < d->ops->n_queues && d->saved; i++)
        d->state.queues[i].last_available += d->under_way[i];
    d->saved = false;
    visit_queues(d);
}

int virtio_check(const void *state, const char **why)
{
    const struct virtio_state *s = state;

    *why = "a queue of a size that cannot be";
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
        const struct virtqueue *q = &s->queues[i];
        if (q->size_max > VIRTQ_SIZE_MAX || q->size > q->size_max || (q->size & (q->size - 1u)) ||
            (q->ready && q->size == 0))
            return -EINVAL;
    }
    *why = NULL;
    return 0;
}

/* What the device is stays its own: a record from elsewhere cannot give a queue more places than it has. */
void virtio_loaded(void *device)
{
    struct virtio_device *d = device;

    d->state.accepted &= d->features;
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
        struct virtqueue *q = &d->state.queues[i];
        q->size_max = i < d->ops->n_queues ? d->ops->queues[i].size : 0;
        if (q->size > q->size_max)
            q->size = q->size_max, q->ready = 0, q->faulty = 1;
    }
    set_line(d);
    visit_queues(d);
}

/* ---- status ---- */

/* 2.2: a subset of what was offered, and the modern interface. */
static bool features_hold(const struct virtio_device *d)
{
    return !(d->state.accepted & ~d->features) && d->state.accepted & VIRTIO_VERSION_1;
}

static void accept_features(struct virtio_device *d)
{
    for (unsigned i = 0; i < d->ops->n_queues; i++) {
        d->state.queues[i].indirect = virtio_accepted(d, VIRTIO_INDIRECT);
        d->state.queues[i].event_index = virtio_accepted(d, VIRTIO_EVENT_INDEX);
    }
}

/* 2.1, 3.1.1: bits are added one after the other, and 0 is a reset. */
void virtio_set_status(struct virtio_device *d, uint32_t status)
{
    struct virtio_state *s = &d->state;
    uint32_t added = status & ~s->status;

    if (status == 0) {
        virtio_reset(d);
        return;
    }
    s->status |= added & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
    if (added & VIRTIO_FEATURES_OK && features_hold(d)) {
        s->status |= VIRTIO_FEATURES_OK;
        accept_features(d);
    }
    if (added & VIRTIO_DRIVER_OK && s->status & VIRTIO_FEATURES_OK) {
        s->status |= VIRTIO_DRIVER_OK;
        visit_queues(d);
    }
}

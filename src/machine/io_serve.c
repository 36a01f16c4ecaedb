/* SPDX-License-Identifier: Apache-2.0 */
/* A server's loop: requests are taken, done or put into a queue, and answered. See io.h. */
#include "machine/io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int io_port_init(struct io_port *p, const struct io_ops *ops, struct ring_shared *shared, uint32_t slots,
                 const struct gmem *memory)
{
    p->ops = ops, p->memory = memory;
    ring_init(&p->ring, shared, slots, false);
    if (ops->now)
        return 0;
    p->reads.q = calloc(slots, sizeof *p->reads.q);
    p->writes.q = calloc(slots, sizeof *p->writes.q);
    return p->reads.q && p->writes.q ? 0 : -ENOMEM;
}

/* ---- queues ---- */

struct ring_request *io_first(struct io_queue *q)
{
    return q->n ? &q->q[q->first] : NULL;
}

/* Never more than the ring has places, which ring_take() sees to. */
static void append(struct io_port *p, struct io_queue *q, const struct ring_request *request)
{
    q->q[(q->first + q->n++) & (p->ring.slots - 1)] = *request;
}

void io_answer(struct io_port *p, uint64_t id, int64_t result)
{
    const struct ring_answer a = {id, result};

    ring_answer(&p->ring, &a, &p->kick);
}

void io_answer_first(struct io_port *p, struct io_queue *q, int64_t result)
{
    io_answer(p, q->q[q->first].id, result);
    q->first = (q->first + 1) & (p->ring.slots - 1);
    q->n--;
    q->done = 0;
}

/* ---- requests ---- */

static void cancel(struct io_port *p, const struct ring_request *q)
{
    while (p->reads.n)
        io_answer_first(p, &p->reads, -ECANCELED);
    if (p->cancelling) { /* one waits for the writes already */
        io_answer(p, q->id, -EALREADY);
        return;
    }
    p->cancelling = true, p->cancel_id = q->id;
}

/* A request whose pieces cannot be is answered before it could wait. */
static bool holds(const struct io_port *p, const struct ring_request *q)
{
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;

    return q->operation < 32 && p->ops->operations & 1u << q->operation &&
           io_pieces(p, q, q->operation == RING_READ, v, &bytes) >= 0;
}

static void answer_now(struct io_port *p, const struct ring_request *q)
{
    const int64_t result = p->ops->now(p, q);

    if (result != IO_LATER)
        io_answer(p, q->id, result);
}

static void accept(struct io_port *p, const struct ring_request *q)
{
    if (q->operation == RING_CANCEL)
        cancel(p, q);
    else if (!holds(p, q))
        io_answer(p, q->id, -EINVAL);
    else if (q->operation == RING_TELL && p->ops->tell)
        io_answer(p, q->id, p->ops->tell(p, q->offset, q->length));
    else if (p->ops->now)
        answer_now(p, q);
    else
        append(p, q->operation == RING_READ ? &p->reads : &p->writes, q);
}

static int take_all(struct io_port *p)
{
    struct ring_request q;
    int r = 0;

    for (unsigned i = 0; i < p->ring.slots && (r = ring_take(&p->ring, &q)) > 0; i++)
        accept(p, &q);
    return r;
}

static void work(struct io_port *p, bool in, bool out)
{
    if (p->ops->work)
        p->ops->work(p, in, out);
    if (p->cancelling && p->writes.n == 0) {
        p->cancelling = false;
        io_answer(p, p->cancel_id, 0);
    }
}

/* The machine process is woken once for all ports. */
static void kick(struct io_server *s)
{
    const uint64_t one = 1;
    bool any = false;

    for (unsigned i = 0; i < s->n; i++) {
        any |= s->ports[i]->kick;
        s->ports[i]->kick = false;
    }
    if (any && write(s->answers, &one, sizeof one) < 0)
        return; /* so many kicks that no more can be counted: it is awake */
}

int io_server_pass(struct io_server *s, uint64_t ready)
{
    int r = 0;

    for (unsigned i = 0; i < s->n && r >= 0; i++) {
        r = take_all(s->ports[i]);
        if (r >= 0)
            work(s->ports[i], ready >> 2 * i & 1, ready >> (2 * i + 1) & 1);
    }
    kick(s);
    return r < 0 ? r : 0;
}

/* ---- waiting ---- */

static bool sleep_all(struct io_server *s)
{
    bool any = false;

    for (unsigned i = 0; i < s->n; i++)
        any |= ring_sleep(&s->ports[i]->ring);
    return !any;
}

static void wake_all(struct io_server *s)
{
    for (unsigned i = 0; i < s->n; i++)
        ring_wake(&s->ports[i]->ring);
}

/* v[0] is the kick. Returns how many; which[] says what each is about, as bits of `ready`. */
static unsigned fill_poll(const struct io_server *s, struct pollfd *v, uint64_t *which)
{
    unsigned n = 0;

    v[n++] = (struct pollfd){.fd = s->kicked, .events = POLLIN};
    for (unsigned i = 0; i < s->n; i++) {
        const struct io_port *p = s->ports[i];
        bool in = false, out = false;
        if (!p->ops->wants)
            continue;
        p->ops->wants(p, &in, &out);
        if (in) {
            which[n] = UINT64_C(1) << 2 * i;
            v[n++] = (struct pollfd){.fd = p->in, .events = POLLIN};
        }
        if (out) {
            which[n] = UINT64_C(2) << 2 * i;
            v[n++] = (struct pollfd){.fd = p->out, .events = POLLOUT};
        }
    }
    return n;
}

static bool any(const struct pollfd *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (v[i].revents)
            return true;
    return false;
}

static uint64_t wait_for_work(struct io_server *s)
{
    struct pollfd v[1 + 2 * IO_PORTS + 1 + IO_CLIENTS];
    uint64_t which[1 + 2 * IO_PORTS], ready = 0, kicks;
    const unsigned n = fill_poll(s, v, which), m = s->door ? io_door_poll(s->door, v + n) : 0;

    const bool asleep = sleep_all(s);
    const struct timespec now = {0};
    if (ppoll(v, n + m, asleep ? NULL : &now, NULL) > 0) {
        for (unsigned i = 1; i < n; i++)
            ready |= v[i].revents ? which[i] : 0;
        if (v[0].revents && read(s->kicked, &kicks, sizeof kicks) < 0)
            ready |= 0; /* somebody was quicker: it is no matter */
        if (any(v + n, m))
            io_door_work(s->door);
    }
    wake_all(s);
    return ready;
}

int io_serve(struct io_server *s)
{
    uint64_t ready = 0;
    int r;

    while ((r = io_server_pass(s, ready)) == 0)
        ready = wait_for_work(s);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See stream.h. The back end's numbers are bounded: it cannot have done more than was sent, or brought more than there
 * is room for. */
#include "machine/dev/stream.h"

#include <errno.h>
#include <string.h>

enum { ID_OUT = 1, ID_IN, ID_TELL, ID_CANCEL };

void stream_init(struct stream *s, struct backend *backend,
                 unsigned (*receive)(void *owner, const uint8_t *bytes, unsigned n), void *owner)
{
    *s = (struct stream){.backend = backend, .receive = receive, .owner = owner};
}

static bool is_gone(const struct stream *s)
{
    return s->backend->ring.broken;
}

bool stream_put(void *stream, uint8_t byte)
{
    struct stream *s = stream;

    if (is_gone(s))
        return true;
    if (s->put - s->done == STREAM_OUT)
        return false;
    s->backend->own[s->put++ & (STREAM_OUT - 1)] = byte;
    return true;
}

static void submit(struct stream *s, const struct ring_request *q)
{
    bool kick = false;

    if (ring_submit(&s->backend->ring, q, &kick) < 0)
        s->backend->ring.broken = true;
    if (kick)
        s->backend->kick(s->backend);
}

/* What waits, in one or two pieces. One batch is under way at a time. */
static void send(struct stream *s)
{
    const uint32_t n = s->put - s->sent, at = s->sent & (STREAM_OUT - 1);
    const uint32_t first = n < STREAM_OUT - at ? n : STREAM_OUT - at;
    struct ring_request q = {.id = ID_OUT, .operation = RING_WRITE, .n_segments = 1};

    if (n == 0 || s->sent != s->done || is_gone(s))
        return;
    q.segments[0] = (struct ring_segment){RING_OWN, first, at};
    if (n > first)
        q.segments[q.n_segments++] = (struct ring_segment){RING_OWN, n - first, 0};
    s->sent = s->put;
    submit(s, &q);
}

static void ask_for_input(struct stream *s)
{
    struct ring_request q = {.id = ID_IN, .operation = RING_READ, .n_segments = 1};

    if (!s->receive || s->reading || s->ended || s->taken < s->in || is_gone(s))
        return;
    q.segments[0] = (struct ring_segment){RING_OWN, STREAM_IN, STREAM_OUT};
    s->reading = true;
    submit(s, &q);
}

static void deliver(struct stream *s)
{
    if (s->taken < s->in)
        s->taken += s->receive(s->owner, s->backend->own + STREAM_OUT + s->taken, s->in - s->taken);
}

static void take_answer(struct stream *s, const struct ring_answer *a)
{
    switch (a->id) {
    case ID_OUT: /* what could not be written is lost, as on a line that nobody is at the end of */
        s->done = s->sent;
        break;
    case ID_IN:
        s->reading = false;
        if (a->result > 0 && a->result <= STREAM_IN)
            s->in = (uint32_t)a->result, s->taken = 0;
        else if (a->result != -ECANCELED)
            s->ended = true;
        break;
    case ID_TELL:
        s->waiting = false;
        s->answer = a->result;
        break;
    default:
        break;
    }
}

static void take_answers(struct stream *s)
{
    struct ring_answer a;

    if (ring_pending(&s->backend->ring))
        while (ring_answered(&s->backend->ring, &a) > 0)
            take_answer(s, &a);
}

void stream_more(void *stream)
{
    struct stream *s = stream;

    take_answers(s);
    deliver(s);
    ask_for_input(s);
}

void stream_poll(struct stream *s)
{
    take_answers(s);
    if (s->receive)
        deliver(s);
    ask_for_input(s);
    send(s);
}

static void wait_for_answers(struct stream *s)
{
    if (!s->backend->wait(s->backend))
        s->backend->ring.broken = true;
    take_answers(s);
}

void stream_write(struct stream *s, const void *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        if (stream_put(s, ((const uint8_t *)bytes)[i])) {
            i++;
            continue;
        }
        send(s);
        wait_for_answers(s);
    }
}

void stream_flush(struct stream *s)
{
    while (s->put != s->done && !is_gone(s)) {
        send(s);
        wait_for_answers(s);
    }
}

int64_t stream_tell(struct stream *s, uint64_t word, uint64_t argument)
{
    const struct ring_request q = {.id = ID_TELL, .operation = RING_TELL, .offset = word, .length = argument};

    s->waiting = true;
    submit(s, &q);
    while (s->waiting && !is_gone(s))
        wait_for_answers(s);
    return s->waiting ? -EPIPE : s->answer;
}

void stream_pause(struct stream *s)
{
    const struct ring_request q = {.id = ID_CANCEL, .operation = RING_CANCEL};

    if (s->reading)
        submit(s, &q);
    while (s->reading && !is_gone(s))
        wait_for_answers(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls. A request is checked against its row before it is sent; room for its reply is kept in the reply ring, so the
 * target never has to wait. Replies come in the order of the requests: each must carry the serial of the first call
 * under way, keep to its row, and is copied once into the caller's memory. Anything else ends the target.
 */
#include "libmoat/target.h"

#include "base/clock.h"
#include "libmoat/methods.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPINS       4000 /* of looking, where the target has another processor */
#define SLICE_MS    50   /* of sleeping; then it is looked whether the target lives, which the kernel usually tells */
#define SHORT_CALLS 8    /* so many one after the other, within one tick of the coarse clock: stay together */
#define LONG_MS     8    /* a call of this length gains more from a free processor than from a cheap wake */
#define TICK_MS     10   /* what the coarse clock is behind at most */
#define WAKES_MAX   1000 /* without a message, in one call: then they are a game of the target's */

static const struct moat_method own_rows[] = {
    {.method = WIRE_BUFFER_MAP,
     .name = "share a buffer",
     .states = MOAT_STATES_ALL,
     .fds_in = 1,
     .request_min = sizeof(struct wire_buffer),
     .request_max = sizeof(struct wire_buffer)},
    {.method = WIRE_BUFFER_UNMAP,
     .name = "unshare a buffer",
     .states = MOAT_STATES_ALL,
     .request_min = sizeof(struct wire_buffer),
     .request_max = sizeof(struct wire_buffer)},
};

static const struct moat_method *row_of(const struct moat_target *t, uint32_t method)
{
    if (method < t->o.n_methods)
        return &t->o.methods[method];
    if (method - WIRE_METHOD < ARRAY_LEN(own_rows))
        return &own_rows[method - WIRE_METHOD];
    return NULL;
}

/* Cheap, and never later than the exact clock. */
static int64_t coarse_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int check_begin(struct moat_target *t, const struct moat_call *c, const struct moat_method *row, struct err *err)
{
    int r = target_alive(t, err);

    if (r < 0)
        return r;
    if (!row)
        return err_set(err, -EINVAL, "method %u: the table has %u", c->method, t->o.n_methods);
    if (c->state == CALL_UNDER_WAY)
        return err_set(err, -EINVAL, "method %s: this call is under way already: end it first", row->name);
    if (t->exclusive || (row->next && t->first))
        return err_set(err, -EAGAIN, "method %s: a call that changes the state must be alone: end the others first",
                       row->name);
    r = methods_permit(row, t->state, c->request_size, c->n_fds, err);
    if (r < 0)
        return r;
    if (c->reply_max < row->reply_max)
        return err_set(err, -EINVAL, "method %s: room for a reply of %zu bytes: it may have %u", row->name,
                       c->reply_max, row->reply_max);
    if (t->reserved + ring_space(row->reply_max) > t->o.ring_bytes)
        return err_set(err, -EAGAIN, "method %s: the replies of all calls under way would not fit: end a call first",
                       row->name);
    return 0;
}

/* Its end of the socket is closed. */
static int target_gone(struct moat_target *t, struct err *err)
{
    if (target_ended(t, 100, err) == 0)
        err_set(err, -EPROTO, "the target closed its side socket");
    return target_fail(t, err);
}

static int send_request(struct moat_target *t, struct moat_call *c, struct err *err)
{
    struct ring_message m = {.size = (uint32_t)c->request_size,
                             .method = c->method,
                             .serial = ++t->serial,
                             .n_fds = c->n_fds,
                             .cpu = t->cpu};
    struct wire_head head = {.magic = WIRE_MAGIC, .op = WIRE_FDS, .serial = m.serial, .n_fds = c->n_fds};
    int r = ring_room(&t->request, m.size, err);

    if (r == -EAGAIN && !t->first) /* all were answered, so all must have been taken */
        r = err_set(err, -EPROTO, "the request ring is full of answered requests: the target's tail lies");
    if (r == 0 && c->n_fds && (r = wire_send(t->process.sock, &head, sizeof head, c->fds, c->n_fds)) < 0)
        err_sys(err, r, "send descriptors to the target");
    if (r == -EPROTO)
        return target_fail(t, err);
    if (r == -EPIPE || r == -ECONNRESET)
        return target_gone(t, err);
    if (r < 0)
        return r; /* nothing was sent: it is the caller's fault */
    c->serial = m.serial;
    r = ring_put(&t->request, &m, c->request, err);
    return r < 0 ? target_fail(t, err) : 0;
}

static int begin(struct moat_target *t, struct moat_call *c, struct err *err)
{
    const struct moat_method *row = row_of(t, c->method);
    int r = check_begin(t, c, row, err);

    if (r < 0)
        return r;
    if (!t->first && ring_pending(&t->reply)) {
        err_set(err, -EPROTO, "the target replied where nothing was asked");
        return target_fail(t, err);
    }
    /* Following costs a migration: worth it for a chain of short calls, and where it was asked for. */
    if (t->o.placement == MOAT_PLACE_TOGETHER || t->o.placement == MOAT_PLACE_APART || t->short_calls >= SHORT_CALLS)
        t->cpu = target_cpu(t);
    r = send_request(t, c, err);
    if (r < 0)
        return r;
    c->n_reply_fds = 0;
    c->reply_size = 0;
    c->result = 0;
    c->state = CALL_UNDER_WAY;
    c->began_ms = coarse_ms();
    c->next = NULL;
    *t->last = c;
    t->last = &c->next;
    t->reserved += ring_space(row->reply_max);
    t->exclusive = row->next != 0;
    ring_wake(&t->request);
    return 0;
}

static int receive_fds(struct moat_target *t, struct moat_call *c, const struct ring_message *m, struct err *err)
{
    struct wire_head head;
    int r = wire_receive(t->process.sock, WIRE_FDS, &head, sizeof head, c->reply_fds, m->n_fds, &c->n_reply_fds,
                         MSG_DONTWAIT);

    if (r == 0 && (head.serial != m->serial || c->n_reply_fds != m->n_fds)) {
        while (c->n_reply_fds > 0)
            close(c->reply_fds[--c->n_reply_fds]);
        r = -EPROTO;
    }
    return r < 0 ? err_set(err, -EPROTO, "the target speaks of %u descriptors that it did not send", m->n_fds) : 0;
}

/* *m is a local copy; it is judged here and then used. */
static int accept_reply(struct moat_target *t, const struct ring_message *m, struct err *err)
{
    struct moat_call *c = t->first;

    if (!c)
        return err_set(err, -EPROTO, "the target replied where nothing was asked");
    const struct moat_method *row = row_of(t, c->method);
    if (m->serial != c->serial || m->method != c->method)
        return err_set(err, -EPROTO, "the target replied to call %u of method %u, where call %u of method %u is next",
                       m->serial, m->method, c->serial, c->method);
    if (m->size > row->reply_max || m->n_fds > row->fds_out || m->code > 0 || m->code < -4095 || m->cpu ||
        (m->code < 0 && (m->size || m->n_fds)))
        return err_set(err, -EPROTO,
                       "method %s: a reply of %u bytes, %u descriptors and result %d: at most %u and %u are permitted",
                       row->name, m->size, m->n_fds, m->code, row->reply_max, row->fds_out);
    ring_take(&t->reply, m, c->reply);
    if (m->n_fds) {
        int r = receive_fds(t, c, m, err);
        if (r < 0)
            return r;
    }
    c->reply_size = m->size;
    c->result = m->code;
    if (row->next && m->code == 0)
        t->state = row->next - 1;
    t->first = c->next;
    if (!t->first)
        t->last = &t->first;
    t->exclusive = false;
    t->reserved -= ring_space(row->reply_max);
    c->next = NULL;
    c->state = CALL_DONE;
    return 0;
}

/* Takes the replies that are there, and returns how many: at most so many as calls are under way. */
static int pump(struct moat_target *t, struct err *err)
{
    struct ring_message m;
    int r, n = 0;

    while ((r = ring_peek(&t->reply, &m, err)) > 0) {
        if ((r = accept_reply(t, &m, err)) < 0)
            break;
        n++;
    }
    return r < 0 ? target_fail(t, err) : n;
}

static bool look(const struct moat_target *t)
{
    for (int i = 0; i < SPINS; i++) {
        if (ring_pending(&t->reply))
            return true;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    return false;
}

/* What is left until the deadline, at most SLICE_MS; 0: it is over. The coarse clock was read up to a tick too early.
 */
static int slice(const struct moat_target *t, const struct moat_call *c)
{
    int deadline = c->deadline_ms ? c->deadline_ms : t->o.deadline_ms;

    if (deadline < 0)
        return SLICE_MS;
    int64_t left = c->began_ms + deadline + TICK_MS - clock_ms();
    return left <= 0 ? 0 : left < SLICE_MS ? (int)left : SLICE_MS;
}

/* The target seems to have done nothing. Err is set when it is dead. The kernel marks the word a moment before the
 * process is gone; the mark may also be the target's. */
static int look_after(struct moat_target *t, bool marked, int wakes, struct err *err)
{
    int r = target_ended(t, marked ? 100 : 0, err);

    if (r == 0 && wakes > WAKES_MAX)
        poll(NULL, 0, 1);
    return r;
}

/* It is dead; what it said last still counts. */
static int pump_last(struct moat_target *t, struct moat_call *c, struct err *err)
{
    struct err late;

    if (pump(t, &late) >= 0 && c->state == CALL_DONE)
        return 0;
    return t->alive ? target_fail(t, err) : err->code;
}

/* fresh: begun a moment ago. Then the first sleep reads no clock, since most calls are over before it matters. */
static int wait_reply(struct moat_target *t, struct moat_call *c, bool fresh, struct err *err)
{
    int deadline = c->deadline_ms ? c->deadline_ms : t->o.deadline_ms;
    int ms = fresh ? (deadline < 0 || deadline > SLICE_MS ? SLICE_MS : deadline) : slice(t, c);

    for (int wakes = 0;; wakes++) {
        uint32_t owner = __atomic_load_n(&t->page->owner, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
        bool marked = false;
        if (t->o.placement != MOAT_PLACE_APART || !look(t))
            marked = ring_sleep(&t->reply, owner | FUTEX_WAITERS, ms) == RING_DIED;
        int r = pump(t, err);
        if (r < 0 || c->state == CALL_DONE)
            return r < 0 ? r : 0;
        if (r == 0 && (r = look_after(t, marked, wakes, err)) < 0)
            return pump_last(t, c, err);
        ms = slice(t, c);
        if (ms == 0) {
            err_set(err, -ETIMEDOUT, "method %s: the target did not answer within %d ms, and was killed",
                    row_of(t, c->method)->name, deadline);
            return target_fail(t, err);
        }
    }
}

static int end(struct moat_target *t, struct moat_call *c, bool fresh, struct err *err)
{
    int r = 0;

    if (c->state == CALL_UNDER_WAY && ring_pending(&t->reply) && (r = pump(t, err)) > 0)
        r = 0;
    if (r == 0 && c->state == CALL_UNDER_WAY)
        r = wait_reply(t, c, fresh, err);
    if (r == 0 && c->state == CALL_LOST)
        r = target_alive(t, err) < 0 ? err->code
                                     : err_set(err, -ENOTCONN, "the target of this call ended, and was restarted");
    if (r == 0 && c->state != CALL_DONE)
        r = err_set(err, -EINVAL, "a call that was not begun cannot be ended");
    if (r == 0 && t->o.placement == MOAT_PLACE_AUTO) {
        int64_t took = coarse_ms() - c->began_ms;
        t->short_calls = took ? 0 : t->short_calls + 1;
        if (took >= LONG_MS)
            t->cpu = WIRE_CPU_FREE;
    }
    while (r < 0 && c->n_reply_fds > 0) /* of a reply that came, and then a lie with it */
        close(c->reply_fds[--c->n_reply_fds]);
    c->state = CALL_NONE;
    return r;
}

int moat_call_begin(struct moat_target *t, struct moat_call *c, struct moat_error *error)
{
    struct err err;
    int r = c->method >= WIRE_METHOD ? err_set(&err, -EINVAL, "method %u: the table has %u", c->method, t->o.n_methods)
                                     : begin(t, c, &err);

    return api_result(r, &err, error);
}

int moat_call_end(struct moat_target *t, struct moat_call *c, struct moat_error *error)
{
    struct err err;

    return api_result(end(t, c, false, &err), &err, error);
}

int moat_call(struct moat_target *t, struct moat_call *c, struct moat_error *error)
{
    struct err err;
    int r = c->method >= WIRE_METHOD ? err_set(&err, -EINVAL, "method %u: the table has %u", c->method, t->o.n_methods)
                                     : begin(t, c, &err);

    if (r == 0)
        r = end(t, c, true, &err);
    return api_result(r, &err, error);
}

bool moat_call_is_done(struct moat_target *t, struct moat_call *c)
{
    struct err err;

    if (c->state == CALL_UNDER_WAY && t->alive && ring_pending(&t->reply))
        pump(t, &err);
    return c->state != CALL_UNDER_WAY;
}

int call_own(struct moat_target *t, uint32_t method, const void *bytes, uint32_t size, const int *fd, struct err *err)
{
    struct moat_call c = {.method = method, .request = bytes, .request_size = size, .fds = fd, .n_fds = fd != NULL};
    int r = begin(t, &c, err);

    if (r == 0)
        r = end(t, &c, true, err);
    return r == 0 && c.result < 0 ? err_sys(err, c.result, "%s", row_of(t, method)->name) : r;
}

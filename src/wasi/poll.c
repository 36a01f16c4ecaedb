/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for several things at once. Subscriptions are copied; what is wrong with one is its event's error, and all
 * others are then looked at without waiting. Under a fixed clock nothing is slept: when nothing else is ready, time
 * moves to the first deadline.
 */
#include "wasi/program.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct waiter {
    struct wasi_subscription s;
    const struct wasi_fd *f;
    uint64_t deadline; /* of a clock, in its own time */
    int error;
};

struct waiting {
    struct waiter *w;
    struct pollfd *p; /* one for each waiter; a clock's has descriptor -1 */
    uint32_t n;
    bool at_once; /* there is something to tell already */
};

static void check_clock(struct wasi *w, struct waiter *i)
{
    uint64_t now = 0;
    bool absolute = i->s.clock.flags & SUBSCRIPTION_CLOCK_ABSTIME;

    if (i->s.clock.flags & ~SUBSCRIPTION_CLOCK_ABSTIME || i->s.clock.id >= CLOCKIDS)
        i->error = -EINVAL;
    else if (i->s.clock.id > CLOCKID_MONOTONIC) /* who sleeps uses no processor */
        i->error = -ENOTSUP;
    else if (!absolute)
        i->s.clock.id = CLOCKID_MONOTONIC; /* nobody sets it while we wait */
    if (!i->error && !absolute)
        i->error = clock_now(w, i->s.clock.id, &now);
    i->deadline = now + i->s.clock.timeout < now ? UINT64_MAX : now + i->s.clock.timeout;
}

static void check_fd(struct wasi *w, struct waiter *i, struct pollfd *p)
{
    bool writes = i->s.tag == EVENT_FD_WRITE;
    struct wasi_fd *f;

    i->error = fd_get(w, i->s.fd, RIGHT_POLL_FD_READWRITE | (writes ? RIGHT_FD_WRITE : RIGHT_FD_READ), &f);
    if (i->error < 0)
        return;
    i->f = f;
    p->fd = f->host;
    p->events = writes ? POLLOUT : POLLIN;
}

/* -EINVAL: what kind of thing it is, is not known. */
static int take(struct wasi_call *c, struct waiting *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        struct waiter *w = &all->w[i];
        struct waddr at;
        if (memory_after(call_address(c, 0), (uint64_t)i * sizeof w->s, &at) < 0 ||
            memory_read(c->memory, at, &w->s, sizeof w->s) < 0)
            return -EFAULT;
        all->p[i].fd = -1;
        if (w->s.tag == EVENT_CLOCK)
            check_clock(c->wasi, w);
        else if (w->s.tag == EVENT_FD_READ || w->s.tag == EVENT_FD_WRITE)
            check_fd(c->wasi, w, &all->p[i]);
        else
            return -EINVAL;
        all->at_once |= w->error < 0;
    }
    return 0;
}

static uint64_t remaining(struct wasi *w, const struct waiter *i)
{
    uint64_t now = 0;

    clock_now(w, i->s.clock.id, &now);
    return i->deadline > now ? i->deadline - now : 0;
}

/* Nanoseconds to the first deadline, INT64_MAX when it is later than that; -1: none. */
static int64_t first_deadline(struct wasi *w, const struct waiting *all)
{
    int64_t first = -1;

    for (uint32_t i = 0; i < all->n; i++) {
        if (all->w[i].s.tag != EVENT_CLOCK || all->w[i].error)
            continue;
        uint64_t left = remaining(w, &all->w[i]);
        if (left > INT64_MAX)
            left = INT64_MAX;
        if (first < 0 || (int64_t)left < first)
            first = (int64_t)left;
    }
    return first;
}

static uint64_t bytes_ready(const struct wasi_fd *f)
{
    struct stat st;
    int n = 0;

    if (f->kind == WASI_FILE) {
        off_t at = lseek(f->host, 0, SEEK_CUR);
        return at >= 0 && fstat(f->host, &st) == 0 && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
    }
    return ioctl(f->host, FIONREAD, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

static bool event_of(struct wasi *w, const struct waiter *i, const struct pollfd *p, struct wasi_event *out)
{
    memset(out, 0, sizeof *out);
    out->userdata = i->s.userdata;
    out->type = i->s.tag;
    out->error = wasi_errno(i->error);
    if (i->error)
        return true;
    if (i->s.tag == EVENT_CLOCK)
        return remaining(w, i) == 0;
    if (!p->revents)
        return false;
    if (p->revents & POLLNVAL)
        out->error = wasi_errno(-EBADF);
    if (i->s.tag == EVENT_FD_READ)
        out->nbytes = bytes_ready(i->f);
    if (p->revents & (POLLHUP | POLLERR)) /* the call that follows says what it is */
        out->flags = EVENT_HANGUP;
    return true;
}

/* The number of events, which are never more than the subscriptions: there is room. */
static uint32_t put_events(struct wasi_call *c, const struct waiting *all)
{
    uint8_t *to = memory_span(c->memory, call_address(c, 1), (uint64_t)all->n * sizeof(struct wasi_event));
    uint32_t n = 0;

    for (uint32_t i = 0; i < all->n; i++) {
        struct wasi_event e;
        if (event_of(c->wasi, &all->w[i], &all->p[i], &e))
            memcpy(to + n++ * sizeof e, &e, sizeof e);
    }
    return n;
}

static int wait_once(struct wasi_call *c, struct waiting *all)
{
    struct wasi *w = c->wasi;
    int64_t timeout = all->at_once ? 0 : first_deadline(w, all);
    bool stands = w->clock_fixed && timeout > 0, files = false;

    for (uint32_t i = 0; i < all->n; i++)
        files |= all->p[i].fd >= 0;
    int r = wait_for(c, all->p, all->n, stands && !files ? 0 : timeout);
    bool ready = false;
    for (uint32_t i = 0; i < all->n; i++)
        ready |= all->p[i].revents != 0;
    if (r == 0 && stands && !ready)
        clock_pass(w, (uint64_t)timeout);
    return r;
}

static int wait_all(struct wasi_call *c, struct waiting *all, uint32_t *n)
{
    int r = take(c, all);

    while (r == 0 && *n == 0) {
        r = wait_once(c, all);
        if (r == 0)
            *n = put_events(c, all);
    }
    return r;
}

int wasi_poll_oneoff(struct wasi_call *c)
{
    struct waiting all = {.n = c->args[2].i32};
    uint32_t n = 0;

    if (!all.n || all.n > WASI_POLL_MAX)
        return -EINVAL;
    int r = memory_check(c->memory, call_address(c, 1), (uint64_t)all.n * sizeof(struct wasi_event));
    if (r == 0)
        r = memory_check(c->memory, call_address(c, 3), sizeof n);
    if (r < 0)
        return r;
    all.w = calloc(all.n, sizeof *all.w);
    all.p = calloc(all.n, sizeof *all.p);
    r = all.w && all.p ? wait_all(c, &all, &n) : -ENOMEM;
    free(all.w);
    free(all.p);
    return r < 0 ? r : call_put(c, 3, &n, sizeof n);
}

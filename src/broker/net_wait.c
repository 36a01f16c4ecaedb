/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects that take their time: the target waits, the broker does not. A table of fixed size; a target that starts
 * more has them refused. A call that was given up meanwhile is found when its answer finds nobody, or when room is
 * needed.
 */
#include "base/clock.h"
#include "broker/net.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct net_wait waits[NET_WAITS_MAX];
static unsigned n_waits; /* the first ones are in use */

static void forget(unsigned i)
{
    fd_drop(&waits[i].fd);
    waits[i] = waits[--n_waits];
}

static void forget_stale(const struct broker *b)
{
    for (unsigned i = n_waits; i-- > 0;) {
        if (!notify_waits(b, waits[i].n.id))
            forget(i);
    }
}

bool net_wait_add(struct broker *b, const struct net_wait *w)
{
    if (n_waits == NET_WAITS_MAX)
        forget_stale(b);
    if (n_waits == NET_WAITS_MAX) {
        close(w->fd);
        return false;
    }
    waits[n_waits++] = *w;
    return true;
}

unsigned net_wait_poll(const struct broker *b, struct pollfd *fds, int *timeout)
{
    int64_t now = n_waits ? clock_ms() : 0;

    for (unsigned i = 0; i < n_waits; i++) {
        fds[i] = (struct pollfd){.fd = waits[i].fd, .events = POLLOUT};
        int left = !waits[i].until ? -1 : waits[i].until <= now ? 0 : (int)(waits[i].until - now);
        if (left >= 0 && (*timeout < 0 || left < *timeout))
            *timeout = left;
    }
    return n_waits;
}

static int outcome(const struct net_wait *w, bool ready)
{
    int error = 0;
    socklen_t n = sizeof error;

    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;

    if (!ready)
        return -EINPROGRESS; /* as a blocking connect(2) with SO_SNDTIMEO */
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error)
        return error ? -error : -errno;
    /* Asked once more it is connected for good, and says so from then on, as after a connect(2) that waited. */
    if (getpeername(w->fd, (struct sockaddr *)&peer, &length) == 0)
        connect(w->fd, (struct sockaddr *)&peer, length);
    return 0;
}

static void finish(struct broker *b, const struct net_wait *w, bool ready)
{
    static struct call call;

    if (w->again && ready) {
        call.n = w->n;
        calls_answer(b, &call); /* its arguments are read anew: nothing of the first time was kept */
        return;
    }
    int r = w->again ? -EAGAIN : outcome(w, ready);
    if (w->number >= 0) {
        net_set_nonblock(w->fd, false); /* the call blocked, so its socket did */
        int k = r == 0 ? notify_put_fd(b, w->n.id, w->fd, w->number, w->cloexec) : 0;
        r = k < 0 ? k : r;
    }
    if (r != -ESRCH)
        notify_send(b, w->n.id, ANSWER_VALUE, 0, r);
}

void net_wait_events(struct broker *b, const struct pollfd *fds, unsigned n)
{
    int64_t now = n_waits ? clock_ms() : 0;

    for (unsigned i = n < n_waits ? n : n_waits; i-- > 0;) { /* backwards: the last one fills a gap */
        bool late = waits[i].until && waits[i].until <= now;
        if (!fds[i].revents && !late)
            continue;
        finish(b, &waits[i], fds[i].revents);
        forget(i);
    }
}

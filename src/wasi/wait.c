/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting, so that wasm_interrupt() ends it. The signal that kicks may come at any moment, also just before the wait:
 * signals are blocked while the store is looked at, and ppoll(2) lets them through for as long as it waits, in one
 * step.
 */
#include "wasi/program.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

bool wasi_interrupted(const struct wasi *w)
{
    return __atomic_load_n(&w->store->interrupt, __ATOMIC_RELAXED) != 0;
}

int wait_for(struct wasi_call *c, struct pollfd *p, uint32_t n, int64_t timeout_ns)
{
    struct timespec t = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    sigset_t all, before;
    int r = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!wasi_interrupted(c->wasi))
        r = ppoll(p, n, timeout_ns < 0 ? NULL : &t, &before) < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (wasi_interrupted(c->wasi)) {
        c->trap = WASM_TRAP_INTERRUPT;
        return -EINTR;
    }
    if (r == -EINTR) {
        for (uint32_t i = 0; i < n; i++)
            p[i].revents = 0;
        r = 0;
    }
    return r;
}

int wait_ready(struct wasi_call *c, const struct wasi_fd *f, short events)
{
    struct pollfd p = {.fd = f->host, .events = events};
    bool once = f->flags & FDFLAG_NONBLOCK;

    do {
        int r = wait_for(c, &p, 1, once ? 0 : -1);
        if (r < 0)
            return r;
    } while (!p.revents && !once);
    return p.revents ? 0 : -EAGAIN;
}

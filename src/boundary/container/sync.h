/* SPDX-License-Identifier: Apache-2.0 */
/* Words shared by the launcher and the set-up stage, which run in one address space. */
#ifndef MOAT_BOUNDARY_CONTAINER_SYNC_H
#define MOAT_BOUNDARY_CONTAINER_SYNC_H

#include "host/sys.h"

#include <linux/futex.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>

static inline void sync_set(_Atomic uint32_t *word, uint32_t bits)
{
    atomic_fetch_or(word, bits);
    sys(SYS_futex, word, FUTEX_WAKE, 64, NULL, NULL, 0);
}

/* Whether the process of a pidfd has ended. */
static inline bool process_gone(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    struct timespec now = {0, 0};

    return sys(SYS_ppoll, &p, 1, &now, NULL, 8) > 0;
}

/* Spins for a moment first, then offers the processor, then sleeps: waking a sleeper on another processor costs more
 * than most waits here, which are for work that the other side is doing at this moment. False when the other side
 * has died, looked for every 100 ms: the launcher knows by *alive, which becomes 0; the set-up stage (alive NULL) by
 * the launcher's pidfd. */
static inline bool sync_wait(_Atomic uint32_t *word, uint32_t bits, _Atomic uint32_t *alive, int peer)
{
    for (int i = 0; i < 1500; i++) {
        if ((atomic_load(word) & bits) == bits)
            return true;
        if (i >= 500)
            sys(SYS_sched_yield);
    }
    for (;;) {
        uint32_t v = atomic_load(word);
        if ((v & bits) == bits)
            return true;
        if (alive ? !atomic_load(alive) : process_gone(peer))
            return (atomic_load(word) & bits) == bits;
        struct timespec tenth = {0, 100000000};
        sys(SYS_futex, word, FUTEX_WAIT, v, &tenth, NULL, 0);
    }
}

#endif

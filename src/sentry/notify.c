/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one listener of all stubs (seccomp_unotify(2)): what they say arrives here, and nowhere else, in order. While
 * one of them is waited for, the others' are kept.
 */
#include "sentry/sentry.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* linux/seccomp.h of Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1ull << 0)
#endif

static int listener = -1;

/* Kept ones, first come, first served. */
static struct {
    struct seccomp_notif *of;
    uint32_t first, n, room; /* room: a power of two */
} kept;

/* Waking on the same processor is what makes this fast: the waker sleeps at once. Older hosts do without. */
void notify_init(int fd)
{
    listener = fd;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

int notify_fd(void)
{
    return listener;
}

/* ---- kept ones ---- */

static void keep(const struct seccomp_notif *n)
{
    if (kept.n == kept.room) {
        uint32_t room = kept.room ? kept.room * 2 : 64;
        struct seccomp_notif *more = malloc(room * sizeof(*more));
        if (!more)
            apart_fatal("out of memory");
        for (uint32_t i = 0; i < kept.n; i++)
            more[i] = kept.of[(kept.first + i) & (kept.room - 1)];
        free(kept.of);
        kept.of = more, kept.first = 0, kept.room = room;
    }
    kept.of[(kept.first + kept.n++) & (kept.room - 1)] = *n;
}

bool notify_kept(void)
{
    return kept.n;
}

/* The first one of this pid. */
static bool kept_take(uint32_t pid, struct seccomp_notif *out)
{
    for (uint32_t i = 0; i < kept.n; i++) {
        if (kept.of[(kept.first + i) & (kept.room - 1)].pid != pid)
            continue;
        *out = kept.of[(kept.first + i) & (kept.room - 1)];
        for (; i + 1 < kept.n; i++)
            kept.of[(kept.first + i) & (kept.room - 1)] = kept.of[(kept.first + i + 1) & (kept.room - 1)];
        kept.n--;
        return true;
    }
    return false;
}

void notify_forget(pid_t pid)
{
    struct seccomp_notif unused;
    while (kept_take((uint32_t)pid, &unused))
        continue;
}

/* ---- receiving ---- */

static int receive(struct seccomp_notif *n, const uint32_t *noted)
{
    memset(n, 0, sizeof(*n)); /* the host insists */
    long r = wait_call(noted, SYS_ioctl, listener, (long)SECCOMP_IOCTL_NOTIF_RECV, (long)n, 0, 0);
    /* It was withdrawn (a kick, a kill) after poll(2) had told of it: whoever waits for other things as well looks at
     * them again. */
    if (r == -ENOENT)
        r = -EINTR;
    if (r < 0 && r != -EINTR)
        apart_fatal("the stubs cannot be heard: %s", strerror((int)-r));
    return (int)r;
}

static int wait_until(uint64_t deadline, const uint32_t *noted)
{
    uint64_t now = apart_clock(HOST_MONOTONIC), ns = deadline > now ? deadline - now : 0;
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    struct pollfd fd = {.fd = listener, .events = POLLIN};
    long r = wait_call(noted, SYS_ppoll, (long)&fd, 1, (long)&left, 0, 8);
    return r < 0 ? (int)r : r ? 0 : -ETIMEDOUT;
}

int notify_next(struct seccomp_notif *n)
{
    if (kept.n) {
        *n = kept.of[kept.first & (kept.room - 1)];
        kept.first++, kept.n--;
        return 0;
    }
    return receive(n, &signals_noted);
}

int notify_of(const struct host_task *of, struct seccomp_notif *n, uint64_t patience)
{
    const pid_t pid = of->pid;
    const uint64_t deadline = patience ? apart_clock(HOST_MONOTONIC) + patience : 0;
    if (kept_take((uint32_t)pid, n))
        return 0;
    for (;;) {
        int r = deadline ? wait_until(deadline, &children_noted) : 0;
        if (!r)
            r = receive(n, &children_noted);
        if (r == -EINTR) {
            signals_take_children();
            if (!host_task_find(pid))
                return -ESRCH;
            continue;
        }
        if (r)
            return r;
        if (n->pid == (uint32_t)pid)
            return 0;
        keep(n);
    }
}

/* ---- answering ---- */

int notify_answer(uint64_t id, uint64_t value)
{
    struct seccomp_notif_resp answer = {.id = id, .val = (int64_t)value};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ? -errno : 0;
}

int notify_lend(uint64_t id, int fd, int as)
{
    struct seccomp_notif_addfd lend = {
        .id = id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (uint32_t)fd, .newfd = (uint32_t)as};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &lend) < 0 ? -errno : 0;
}

bool notify_is(const struct seccomp_notif *n, const uint8_t *behind)
{
    return n->data.instruction_pointer == STUB_ADDRESS(behind);
}

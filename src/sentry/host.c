/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world: waiting for all of it at one place, and the end. Nothing here has a timer of its own: a sandbox in which
 * nothing happens costs no time.
 */
#include "sentry/control.h"
#include "sentry/sentry.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STREAMS 3

static unsigned console_descriptors(struct pollfd *fds, uint32_t interest)
{
    for (int i = 0; i < STREAMS; i++)
        fds[i] = (struct pollfd){.fd = interest & 1u << i ? i : -1, .events = apart_console_event(i)};
    return STREAMS;
}

static uint32_t console_events(const struct pollfd *fds)
{
    uint32_t events = 0;
    for (int i = 0; i < STREAMS; i++)
        events |= fds[i].revents ? 1u << i : 0;
    return events;
}

/* What is there at once; with the kernel's lock, so that stubs have to wait. */
static uint32_t look(uint32_t interest)
{
    struct pollfd fds[STREAMS];
    uint32_t events = poll(fds, console_descriptors(fds, interest), 0) > 0 ? console_events(fds) : 0;
    return events | control_streams_ready(interest);
}

/* What moat asks for is answered last, when nothing else is under way: it may start a program. */
static struct {
    struct pollfd fds[STREAMS + 1 + CONTROL_DESCRIPTORS];
    unsigned n; /* of control's, behind the others */
} waiting;

/* Waits for everything. Whether a stub has something to say. */
static bool wait_for_all(uint64_t deadline, uint32_t interest, uint32_t *events)
{
    struct pollfd *fds = waiting.fds;
    struct timespec left = {0}, *wait = NULL;
    unsigned n = console_descriptors(fds, interest);
    fds[n] = (struct pollfd){.fd = notify_fd(), .events = POLLIN};
    waiting.n = control_descriptors(fds + n + 1, interest);
    if (deadline != UINT64_MAX) {
        uint64_t now = apart_clock(HOST_MONOTONIC), ns = deadline > now ? deadline - now : 0;
        left = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
        wait = &left;
    }
    long r = wait_call(&signals_noted, SYS_ppoll, (long)fds, n + 1 + waiting.n, (long)wait, 0, 8);
    if (r <= 0) {
        waiting.n = 0;
        return false;
    }
    *events = console_events(fds);
    return fds[n].revents;
}

static uint32_t host_poll(uint64_t deadline, uint32_t interest)
{
    struct seccomp_notif n;
    uint32_t events = 0;
    if (!deadline)
        return look(interest);
    if (guests_lost()) {
        guests_look();
        return HOST_EVENT_WAKE;
    }
    if (guests_deadline() < deadline)
        deadline = guests_deadline();
    const bool alone = deadline == UINT64_MAX && !interest && !control_waits();
    waiting.n = 0;
    if (alone || notify_kept() || wait_for_all(deadline, interest, &events)) {
        if (!notify_next(&n)) {
            guest_notified(&n);
            events |= HOST_EVENT_WAKE;
        }
    }
    if (__atomic_load_n(&signals_noted, __ATOMIC_RELAXED)) {
        signals_take();
        events |= HOST_EVENT_WAKE;
    }
    guests_look();
    return events | control_serve(waiting.fds + STREAMS + 1, waiting.n);
}

static int host_vcpu(enum host_vcpu what, uint32_t vcpu)
{
    (void)vcpu;
    return what == HOST_VCPU_WAKE ? 0 : -ENOSYS; /* who would be woken is who calls */
}

static __attribute__((noreturn)) void host_exit(int status, int signo)
{
    host_tasks_end_all();
    _exit(signo ? 128 + signo : status & 0xff);
}

const struct hostops sentry_hostops = {.exit = host_exit, .poll = host_poll, APART_HOST_OPS, .vcpu = host_vcpu};

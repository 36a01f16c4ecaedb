/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world: the inbox, in which the tracer lays traps and signals and which virtual CPUs empty while they wait; the
 * end. The plainer part is src/sentry/world.c.
 */
#include "split.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* ---- as a terminal ---- */

static struct termios before;

static void terminal_give_back(void)
{
    (void)tcsetattr(0, TCSANOW, &before);
}

static bool window(uint32_t *rows, uint32_t *columns)
{
    struct winsize w;
    if (ioctl(0, TIOCGWINSZ, &w))
        return false;
    *rows = w.ws_row, *columns = w.ws_col;
    return true;
}

bool terminal_take(uint32_t *rows, uint32_t *columns)
{
    struct termios raw;
    if (tcgetattr(0, &before))
        return false;
    raw = before;
    cfmakeraw(&raw);
    (void)tcsetattr(0, TCSANOW, &raw);
    (void)window(rows, columns);
    return !atexit(terminal_give_back);
}

/* ---- the inbox ---- */

struct letter {
    struct letter *next;
    struct task *task; /* NULL: a signal */
    struct trap trap;
    int signo;
};

static struct {
    pthread_mutex_t mutex;
    struct letter *first, **last;
    int event;
    int wake[VCPUS_MOST];
} inbox = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void event_set(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        apart_fatal("eventfd: %s", strerror(errno));
}

static void event_take(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        apart_fatal("eventfd: %s", strerror(errno));
}

void inbox_init(void)
{
    inbox.last = &inbox.first;
    inbox.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < VCPUS_MOST; i++)
        inbox.wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox.event < 0 || inbox.wake[VCPUS_MOST - 1] < 0)
        apart_fatal("eventfd: %s", strerror(errno));
}

static void lay(const struct letter *of)
{
    struct letter *l = malloc(sizeof(*l));
    if (!l)
        apart_fatal("out of memory");
    *l = *of;
    l->next = NULL;
    pthread_mutex_lock(&inbox.mutex);
    *inbox.last = l;
    inbox.last = &l->next;
    pthread_mutex_unlock(&inbox.mutex);
    event_set(inbox.event);
}

void inbox_trap(struct task *t, const struct trap *trap)
{
    lay(&(struct letter){.task = t, .trap = *trap});
}

void inbox_signal(int signo)
{
    lay(&(struct letter){.signo = signo});
}

static struct letter *take(void)
{
    pthread_mutex_lock(&inbox.mutex);
    struct letter *l = inbox.first;
    if (l && !(inbox.first = l->next))
        inbox.last = &inbox.first;
    pthread_mutex_unlock(&inbox.mutex);
    return l;
}

/* Without the kernel's lock. Whether there was anything. */
static bool inbox_read(void)
{
    bool any = false;
    event_take(inbox.event);
    for (struct letter *l; (l = take()); any = true) {
        uint32_t rows, columns;
        if (l->task)
            linux_trap_ready(l->task, &l->trap);
        else if (l->signo != SIGWINCH || !window(&rows, &columns) || linux_window(rows, columns))
            linux_signal(l->signo, false);
        free(l);
    }
    return any;
}

/* ---- waiting ---- */

static _Thread_local uint32_t this_vcpu;

void host_is_vcpu(uint32_t vcpu)
{
    this_vcpu = vcpu;
}

static uint32_t host_poll(uint64_t deadline, uint32_t interest)
{
    struct pollfd fds[5] = {{.fd = inbox.event, .events = POLLIN}, {.fd = inbox.wake[this_vcpu], .events = POLLIN}};
    struct timespec left = {0}, *wait = &left;
    uint32_t events = 0;
    for (int i = 0; i < 3; i++)
        fds[2 + i] = (struct pollfd){.fd = interest & 1u << i ? i : -1, .events = apart_console_event(i)};
    uint64_t now = deadline ? apart_clock(HOST_MONOTONIC) : 0, ns = deadline > now ? deadline - now : 0;
    left = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    if (deadline == UINT64_MAX)
        wait = NULL;
    int n = ppoll(fds, 5, wait, NULL);
    for (int i = 0; n > 0 && i < 3; i++)
        events |= fds[2 + i].revents ? 1u << i : 0;
    if (!deadline)
        return events; /* the kernel's lock is held: the inbox has to wait */
    if (n > 0 && fds[1].revents)
        event_take(inbox.wake[this_vcpu]), events |= HOST_EVENT_WAKE;
    if (n > 0 && fds[0].revents && inbox_read())
        events |= HOST_EVENT_WAKE;
    return events;
}

static int host_vcpu(enum host_vcpu what, uint32_t vcpu)
{
    switch (what) {
    case HOST_VCPU_WAKE:
        event_set(inbox.wake[vcpu]);
        return 0;
    case HOST_VCPU_PAUSE:
        sched_yield();
        return 0;
    default:
        return -ENOSYS;
    }
}

/* ---- the rest ---- */

static int64_t kill_all_do(void *of)
{
    stub_kill_all();
    return 0;
}

static __attribute__((noreturn)) void host_exit(int status, int signo)
{
    tracer_call(kill_all_do, NULL);
    exit(signo ? 128 + signo : status & 0xff);
}

const struct hostops split_hostops = {.exit = host_exit, .poll = host_poll, APART_HOST_OPS, .vcpu = host_vcpu};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world: the inbox, in which the tracer lays traps and signals and which virtual CPUs empty while they wait; the
 * console; time; the end.
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
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PIPE_PIECE 4096u /* PIPE_BUF: pipe(7) */

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
        split_fatal("eventfd: %s", strerror(errno));
}

static void event_take(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        split_fatal("eventfd: %s", strerror(errno));
}

void inbox_init(void)
{
    inbox.last = &inbox.first;
    inbox.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < VCPUS_MOST; i++)
        inbox.wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox.event < 0 || inbox.wake[VCPUS_MOST - 1] < 0)
        split_fatal("eventfd: %s", strerror(errno));
}

static void lay(const struct letter *of)
{
    struct letter *l = malloc(sizeof(*l));
    if (!l)
        split_fatal("out of memory");
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

static uint64_t host_clock(enum host_clock which)
{
    struct timespec t;
    clock_gettime(which == HOST_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const short ready_to[] = {POLLIN, POLLOUT, POLLOUT};

static uint32_t host_poll(uint64_t deadline, uint32_t interest)
{
    struct pollfd fds[5] = {{.fd = inbox.event, .events = POLLIN}, {.fd = inbox.wake[this_vcpu], .events = POLLIN}};
    struct timespec left = {0}, *wait = &left;
    uint32_t events = 0;
    for (int i = 0; i < 3; i++)
        fds[2 + i] = (struct pollfd){.fd = interest & 1u << i ? i : -1, .events = ready_to[i]};
    uint64_t now = deadline ? host_clock(HOST_MONOTONIC) : 0, ns = deadline > now ? deadline - now : 0;
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

/* ---- the console ---- */

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = ready_to[fd]};
    return poll(&p, 1, 0) > 0;
}

static int64_t result_of(ssize_t r)
{
    if (r >= 0)
        return r;
    return errno == EINTR ? -EAGAIN : -errno;
}

static int64_t console_read(void *to, size_t n)
{
    return is_ready(0) ? result_of(read(0, to, n)) : -EAGAIN;
}

static int64_t console_write(enum host_stream stream, const void *from, size_t n)
{
    int fd = stream == HOST_STDOUT ? 1 : 2;
    if (n > PIPE_PIECE)
        n = PIPE_PIECE;
    return is_ready(fd) ? result_of(write(fd, from, n)) : -EAGAIN;
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

static int host_memory(enum host_memory what, void *at, size_t n)
{
    if (what == HOST_MEMORY_GUARD)
        return mprotect(at, n, PROT_NONE) ? -errno : 0;
    if (what == HOST_MEMORY_COMMIT && mprotect(at, n, PROT_READ | PROT_WRITE))
        return -errno;
    return madvise(at, n, MADV_DONTNEED) ? -errno : 0;
}

static int host_random(void *to, size_t n)
{
    return getrandom(to, n, 0) == (ssize_t)n ? 0 : -EIO;
}

static int64_t block_read(uint32_t device, void *to, size_t n, uint64_t offset)
{
    return -ENODEV;
}

static int64_t block_write(uint32_t device, const void *from, size_t n, uint64_t offset)
{
    return -ENODEV;
}

static int net_rx(struct host_frame *frames, int n)
{
    return -ENODEV;
}

static int net_tx(const struct host_frame *frames, int n)
{
    return -ENODEV;
}

const struct hostops split_hostops = {.exit = host_exit,
                                      .clock = host_clock,
                                      .poll = host_poll,
                                      .net_rx = net_rx,
                                      .net_tx = net_tx,
                                      .block_read = block_read,
                                      .block_write = block_write,
                                      .console_read = console_read,
                                      .console_write = console_write,
                                      .memory = host_memory,
                                      .random = host_random,
                                      .vcpu = host_vcpu};

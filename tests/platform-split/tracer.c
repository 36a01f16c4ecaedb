/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer: one thread that holds every guest process by ptrace(2), serves calls of virtual CPUs and sees to it that
 * threads that stop are looked at. */
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- calls from virtual CPUs ---- */

struct call {
    struct call *next;
    int64_t (*fn)(void *);
    void *of;
    int64_t result;
    bool done;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    struct call *first;
    int event;
} calls = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .event = -1};

static void event_set(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        apart_fatal("eventfd: %s", strerror(errno));
}

int64_t tracer_call(int64_t (*fn)(void *of), void *of)
{
    struct call c = {.fn = fn, .of = of};
    pthread_mutex_lock(&calls.mutex);
    c.next = calls.first;
    calls.first = &c;
    event_set(calls.event);
    while (!c.done)
        pthread_cond_wait(&calls.done, &calls.mutex);
    pthread_mutex_unlock(&calls.mutex);
    return c.result;
}

static void calls_serve(void)
{
    pthread_mutex_lock(&calls.mutex);
    while (calls.first) {
        struct call *c = calls.first;
        calls.first = c->next;
        pthread_mutex_unlock(&calls.mutex);
        int64_t r = c->fn(c->of);
        pthread_mutex_lock(&calls.mutex);
        c->result = r, c->done = true;
        pthread_cond_broadcast(&calls.done);
    }
    pthread_mutex_unlock(&calls.mutex);
}

void tracer_init(int objects_fd, int image_fd)
{
    stub_init(objects_fd, image_fd);
    calls.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (calls.event < 0)
        apart_fatal("eventfd: %s", strerror(errno));
}

static void signals_read(int fd)
{
    struct signalfd_siginfo s;
    while (read(fd, &s, sizeof(s)) == sizeof(s))
        if (s.ssi_signo != SIGCHLD)
            inbox_signal((int)s.ssi_signo);
}

_Noreturn void tracer_run(void)
{
    sigset_t every;
    uint64_t count;
    int status;
    pid_t tid;
    sigfillset(&every); /* as main() has blocked them */
    int signals = signalfd(-1, &every, SFD_CLOEXEC | SFD_NONBLOCK);
    for (;;) {
        struct pollfd fds[] = {{.fd = calls.event, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
            guest_stopped(tid, status);
        calls_serve();
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && read(calls.event, &count, sizeof(count)) < 0)
            continue;
        if (fds[1].revents)
            signals_read(signals);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See relay.h. Trust: the bytes go to a terminal as they are, as with every program that runs at one. */
#include "cli/relay.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FINISH_MS 1000       /* the pipes may be held by what the process left behind */
#define REST_MAX  (2u << 20) /* what two pipes can hold; who was left behind may go on writing */
#define CHUNK     4096

static bool same_terminal(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* A socket for what is typed: its reader cannot hold the writer up. Pipes for the rest: they can be opened anew by name
 * (/dev/stdout). Our ends never wait: who was left behind could take the bytes that we were told of. */
static int make_pair(int fd, int p[2])
{
    int r = fd == 0 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) : pipe2(p, O_CLOEXEC);

    return r < 0 || fcntl(p[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
}

int relay_prepare(struct relay *r, bool input, struct err *err)
{
    *r = (struct relay){.terminal = {-1, -1, -1}, .ours = {-1, -1, -1}, .stop = -1};
    for (int fd = input ? 0 : 1; fd <= 2; fd++) {
        int p[2] = {-1, -1}, made;
        if (!isatty(fd))
            continue;
        r->terminal[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (r->terminal[fd] < 0)
            return err_sys(err, -errno, "standard streams");
        if (fd == 2 && r->terminal[1] >= 0 && same_terminal(r->terminal[1], 2)) { /* in the order of the writes */
            if (dup2(1, 2) < 0)
                return err_sys(err, -errno, "standard streams");
            continue;
        }
        if ((made = make_pair(fd, p)) < 0)
            return err_sys(err, made, "standard streams");
        r->ours[fd] = p[0];
        if (dup2(p[1], fd) < 0)
            return err_sys(err, -errno, "standard streams");
        close(p[1]);
    }
    return 0;
}

/* ---- the child that carries --------------------------------------------------------------------------------- */

static bool is_transient(int e)
{
    return e == EAGAIN || e == EINTR;
}

/* Somebody may have made the terminal one that does not wait. */
static bool write_terminal(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t w = write(fd, bytes, n);
        if (w < 0 && !is_transient(errno))
            return false;
        if (w < 0) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        bytes += w;
        n -= (size_t)w;
    }
    return true;
}

/* False: there is no more to come, or nobody to take it. */
static bool carry_output(const struct relay *r, int i, size_t *carried)
{
    char buf[CHUNK];
    ssize_t n = read(r->ours[i], buf, sizeof buf);

    if (n <= 0)
        return n < 0 && is_transient(errno);
    *carried += (size_t)n;
    atomic_store(r->writing, true);
    bool taken = write_terminal(r->terminal[i], buf, (size_t)n);
    atomic_store(r->writing, false);
    return taken;
}

struct typed {
    char bytes[CHUNK];
    size_t at, n;
};

/* False: the end of what is typed, or of who reads it. */
static bool carry_input(const struct relay *r, struct typed *t)
{
    ssize_t n;

    if (t->at == t->n) {
        t->at = t->n = 0;
        n = read(r->terminal[0], t->bytes, sizeof t->bytes);
        if (n <= 0)
            return n < 0 && is_transient(errno);
        t->n = (size_t)n;
    }
    n = write(r->ours[0], t->bytes + t->at, t->n - t->at);
    if (n < 0)
        return is_transient(errno);
    t->at += (size_t)n;
    return true;
}

/* The other side is to notice that its end is closed. */
static void end_stream(struct relay *r, int fd)
{
    close(r->ours[fd]);
    r->ours[fd] = -1;
}

static void run(struct relay *r, int stop)
{
    static struct typed typed;
    size_t carried = 0;

    for (bool stopping = false; !stopping || carried < REST_MAX;) {
        bool input = !stopping && r->ours[0] >= 0, waits = typed.at < typed.n;
        struct pollfd p[] = {
            {.fd = input ? waits ? r->ours[0] : r->terminal[0] : -1, .events = waits ? POLLOUT : POLLIN},
            {.fd = r->ours[1], .events = POLLIN},
            {.fd = r->ours[2], .events = POLLIN},
            {.fd = stopping ? -1 : stop, .events = POLLIN}};
        int n = poll(p, 4, stopping ? 0 : -1);
        if (n < 0)
            continue;
        if (n == 0) /* all that was written is written */
            break;
        for (int i = 1; i <= 2; i++)
            if (p[i].revents && !carry_output(r, i, &carried))
                end_stream(r, i);
        if (p[0].revents && !carry_input(r, &typed))
            end_stream(r, 0);
        if (p[3].revents) {
            stopping = true;
            carried = 0;
        }
    }
    _exit(0);
}

/* Signals that end a program go to the process, and we end with it. With our parent killed, what the process left
 * behind must not go on through us. What else our parent has as its streams is none of ours to hold open. */
static void become_carrier(pid_t parent)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
}

/* ---- our side ----------------------------------------------------------------------------------------------- */

int relay_start(struct relay *r, struct err *err)
{
    int stop[2];
    bool any = false;

    for (int fd = 0; fd <= 2; fd++) {
        any |= r->terminal[fd] >= 0;
        if (r->terminal[fd] >= 0)
            dup2(r->terminal[fd], fd);
    }
    if (!any)
        return 0;
    r->writing = mmap(NULL, sizeof *r->writing, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->writing == MAP_FAILED || pipe2(stop, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "standard streams");
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        close(stop[1]);
        become_carrier(self);
        run(r, stop[0]);
    }
    close(stop[0]);
    r->stop = stop[1];
    r->pid = pid > 0 ? pid : 0;
    for (int fd = 0; fd <= 2; fd++)
        if (r->ours[fd] >= 0)
            close(r->ours[fd]);
    return pid < 0 ? err_sys(err, -errno, "standard streams") : 0;
}

/* One that is held up at a pipe is not waited for; a terminal that takes its time (Ctrl-S) is, and then as any program
 * waits for it: with `mask` in force. */
void relay_finish(struct relay *r, const sigset_t *mask)
{
    if (r->stop >= 0)
        close(r->stop);
    for (int ms = 0, held = 0; r->pid > 0;) {
        int step = ms < FINISH_MS ? 2 : 20;
        if (waitpid(r->pid, NULL, WNOHANG) != 0)
            break;
        held = atomic_load(r->writing) ? 0 : held + step;
        if (held >= FINISH_MS) {
            kill(r->pid, SIGKILL);
            break;
        }
        if (ms >= FINISH_MS)
            sigprocmask(SIG_SETMASK, mask, NULL);
        ms += ms < FINISH_MS ? step : 0;
        poll(NULL, 0, step);
    }
    r->pid = 0;
}

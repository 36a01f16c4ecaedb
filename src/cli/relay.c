/* SPDX-License-Identifier: Apache-2.0 */
/* See relay.h. Trust: the bytes go to a terminal as they are, as with every program that runs at one. */
#include "cli/relay.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FINISH_MS 1000 /* for what was written last; the pipes' other ends may live on in what was left behind */

int relay_prepare(struct relay *r, bool input, struct err *err)
{
    *r = (struct relay){.terminal = {-1, -1, -1}, .ours = {-1, -1, -1}, .stop = -1};
    for (int fd = input ? 0 : 1; fd <= 2; fd++) {
        int p[2];
        if (!isatty(fd))
            continue;
        /* A socket for what is typed: its reader cannot hold the writer up. Pipes for the rest: they can be opened anew
         * by name (/dev/stdout). */
        if (fd == 0 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) : pipe2(p, O_CLOEXEC))
            return err_sys(err, -errno, "standard streams");
        r->ours[fd] = p[0];
        r->terminal[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (r->terminal[fd] < 0 || dup2(p[1], fd) < 0)
            return err_sys(err, -errno, "standard streams");
        close(p[1]);
    }
    return 0;
}

static bool carry(int from, int to)
{
    char buf[4096];
    ssize_t n = read(from, buf, sizeof buf);

    return n < 0 ? errno == EINTR || errno == EAGAIN : n > 0 && io_write_all(to, buf, (size_t)n) == 0;
}

static void run(const struct relay *r, int stop)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP,
                                  SIGPIPE}; /* ours to outlive: they go to the process */
    struct pollfd p[] = {{.fd = r->ours[1], .events = POLLIN},
                         {.fd = r->ours[2], .events = POLLIN},
                         {.fd = r->ours[0] >= 0 ? r->terminal[0] : -1, .events = POLLIN},
                         {.fd = stop, .events = POLLIN}};
    sigset_t none;

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (bool stopping = false; p[0].fd >= 0 || p[1].fd >= 0 || (!stopping && p[2].fd >= 0);) {
        int n = poll(p, 4, stopping ? 0 : -1);
        if (n < 0)
            continue;
        if (n == 0) /* all that was written is written */
            break;
        for (int i = 0; i < 2; i++)
            if (p[i].fd >= 0 && p[i].revents && !carry(p[i].fd, r->terminal[1 + i]))
                p[i].fd = -1;
        if (p[2].fd >= 0 && p[2].revents && !carry(p[2].fd, r->ours[0])) {
            shutdown(r->ours[0], SHUT_WR); /* the end of what is typed */
            p[2].fd = -1;
        }
        if (p[3].fd >= 0 && p[3].revents) {
            stopping = true;
            p[3].fd = p[2].fd = -1;
        }
    }
    _exit(0);
}

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
    if (pipe2(stop, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "standard streams");
    pid_t pid = fork();
    if (pid == 0) {
        close(stop[1]);
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

void relay_finish(struct relay *r)
{
    if (r->stop >= 0)
        close(r->stop);
    for (int ms = 0; r->pid > 0; ms += 2) {
        if (waitpid(r->pid, NULL, WNOHANG) != 0)
            break;
        if (ms >= FINISH_MS) { /* held up by what is left of the process: not waited for */
            kill(r->pid, SIGKILL);
            break;
        }
        poll(NULL, 0, 2);
    }
    r->pid = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the child and carrying its terminal. Everything arrives as a blocked signal: read by sigtimedwait(2) when
 * there is nothing else to look at (two system calls from the clone to the status), by a signalfd beside poll(2) when
 * there are bytes to copy. Single-threaded. Trust: the bytes of the container are copied, never interpreted; the one
 * thing taken from its terminal is the end-of-file character and whether lines are edited.
 */
#include "sandbox/console.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A pipe that polls writable has room for PIPE_BUF bytes: a write of so many does not block, whatever its O_NONBLOCK.
 */
#define CHUNK 4096

/* After the child's end its terminal holds what it wrote last, then gives EIO. Only when a process outside still has it
 * open does EIO not come; these end the wait then. The kernel keeps less than 128 KiB in a pty. */
#define DRAIN_QUIET_MS  200
#define DRAIN_BYTES_MAX (1 << 20)

/* EIO while the child lives: nobody has the terminal open just now. It may be opened again, as init systems do. */
#define REOPEN_MS 50

#define ASKED_MOST 3
#define HANG_UP_MS 10000

static const int caught[] = {SIGINT,   SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                             SIGWINCH, SIGCONT, SIGTSTP, SIGCHLD, SIGPIPE};

struct stream {
    size_t at, len; /* the bytes not yet written are data[at..len) */
    char data[CHUNK];
};

enum { TIME_RUNS, TIME_STOP_SENT, TIME_KILL_SENT };

struct console {
    const struct wait_options *o;
    int master;  /* owned; -1: none, or hung up */
    int signals; /* owned; -1 without a terminal */
    bool raw;    /* the user's terminal is as we set it, not as in `saved` */
    struct termios saved;
    bool input_open;
    char last_input;
    size_t drained;    /* bytes read since the child's end */
    int64_t reopen_at; /* > 0: leave the master alone until then */
    int time_state;
    int64_t deadline; /* of the next step of the time limit; 0: none */
    bool ended;
    unsigned asked;  /* to end, by signals passed on */
    int64_t hung_up; /* > 0: our terminal is gone; what has not ended by then is killed */
    bool abandoned;  /* a deadly signal came after the child's end */
    int status;
    struct stream input, output; /* last: console_wait() does not clear their bytes */
};

static void caught_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(caught); i++)
        sigaddset(set, caught[i]);
}

int console_block_signals(sigset_t *old)
{
    struct sigaction deflt = {.sa_handler = SIG_DFL};
    sigset_t set;

    caught_set(&set);
    if (sigaction(SIGCHLD, &deflt, NULL) < 0 || sigprocmask(SIG_BLOCK, &set, old) < 0)
        return -errno;
    return 0;
}

/* ---- the user's terminal ---- */

static void user_terminal_restore(struct console *c)
{
    if (!c->raw)
        return;
    c->raw = false;
    /* In the background the terminal is the shell's: it has set its own modes, and touching them would stop us. */
    if (tcgetpgrp(c->o->stdin_fd) == getpgrp())
        tcsetattr(c->o->stdin_fd, TCSADRAIN, &c->saved);
}

static void user_terminal_raw(struct console *c)
{
    struct termios t;

    if (c->master < 0 || !c->o->keep_stdin || (!c->raw && tcgetattr(c->o->stdin_fd, &c->saved) < 0))
        return;
    t = c->saved;
    cfmakeraw(&t);
    if (tcsetattr(c->o->stdin_fd, TCSADRAIN, &t) == 0)
        c->raw = true;
}

static void window_size_copy(struct console *c)
{
    struct winsize ws;

    if (c->master < 0)
        return;
    if (ioctl(c->o->stdout_fd, TIOCGWINSZ, &ws) < 0 && ioctl(c->o->stdin_fd, TIOCGWINSZ, &ws) < 0)
        return;
    ioctl(c->master, TIOCSWINSZ, &ws);
}

/* ---- signals ---- */

static void hang_up(struct console *c);

static void child_signal(struct console *c, int signo)
{
    if (c->ended)
        return;
    /* A failure means that it is dead already, and its SIGCHLD is on the way. */
    if (c->o->pidfd < 0 || (syscall(SYS_pidfd_send_signal, c->o->pidfd, signo, NULL, 0) < 0 && errno == ENOSYS))
        kill(c->o->pid, signo);
}

/* Lets a signal do to us what it does to any program: we come back when it was a stop and somebody continued us. */
static void take_ourselves(struct console *c, int signo)
{
    sigset_t one;

    user_terminal_restore(c);
    sigemptyset(&one);
    sigaddset(&one, signo);
    kill(getpid(), signo);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    sigprocmask(SIG_BLOCK, &one, NULL);
}

/* Raw mode is set even if we think it is: a stop we cannot catch (SIGSTOP, SIGTTIN) let the shell set its own.
 * A shell's `bg` continues us too, with the terminal still the shell's: then it stays as it is until `fg`. */
static void continued(struct console *c)
{
    if (c->master < 0 || tcgetpgrp(c->o->stdin_fd) != getpgrp())
        return;
    user_terminal_raw(c);
    window_size_copy(c);
}

static int child_reap(struct console *c)
{
    pid_t r = waitpid(c->o->pid, &c->status, WNOHANG);

    if (r < 0)
        return -errno;
    c->ended = r == c->o->pid;
    return 0;
}

/* Ignored when we were started (nohup), it would be delivered to us all the same because it is blocked. */
static bool is_ignored(int signo)
{
    struct sigaction sa;

    return sigaction(signo, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

/* Who asks three times does not get it from the workload. When our terminal is gone, so is that of the workload, and
 * nobody could end it any more: it has a moment. */
static void pass_on(struct console *c, int signo)
{
    child_signal(c, signo);
    if ((signo == SIGINT || signo == SIGTERM) && ++c->asked == ASKED_MOST)
        child_signal(c, SIGKILL);
    if (signo == SIGHUP && !c->hung_up) {
        c->hung_up = clock_ms() + HANG_UP_MS;
        if (c->master >= 0)
            hang_up(c);
    }
}

static int signal_handle(struct console *c, int signo)
{
    bool terminal = c->o->console_master >= 0;

    switch (signo) {
    case SIGCHLD:
        return c->ended ? 0 : child_reap(c);
    case SIGPIPE: /* the write says EPIPE */
        return 0;
    case SIGWINCH:
        if (terminal)
            window_size_copy(c);
        else if (c->o->forward_signals)
            child_signal(c, signo);
        return 0;
    case SIGCONT:
        if (terminal)
            continued(c);
        else if (c->o->forward_signals)
            child_signal(c, signo);
        return 0;
    case SIGTSTP:
        if (is_ignored(signo))
            return 0;
        if (!terminal && c->o->forward_signals)
            child_signal(c, signo);
        take_ourselves(c, signo);
        continued(c);
        return 0;
    default:
        if (is_ignored(signo))
            return 0;
        if (c->ended)
            c->abandoned = true;
        else if (c->o->forward_signals)
            pass_on(c, signo);
        else
            take_ourselves(c, signo);
        return 0;
    }
}

/* ---- the time limit ---- */

static void time_step(struct console *c)
{
    int signo = SIGKILL;

    if (c->hung_up && !c->ended && clock_ms() >= c->hung_up) {
        child_signal(c, SIGKILL);
        c->hung_up = INT64_MAX;
    }
    if (!c->deadline || c->ended || clock_ms() < c->deadline)
        return;
    if (c->time_state == TIME_RUNS) {
        signo = c->o->stop_signal ? c->o->stop_signal : SIGTERM;
        c->time_state = TIME_STOP_SENT;
        c->deadline += c->o->kill_after_ms;
    } else {
        c->time_state = TIME_KILL_SENT;
        c->deadline = 0;
    }
    if (!c->o->on_timeout || !c->o->on_timeout(c->o->ctx, signo))
        child_signal(c, signo);
}

/* Milliseconds until the nearest of our own dates; -1: none. */
static int64_t time_left(const struct console *c)
{
    int64_t at = c->ended ? 0 : c->deadline;
    int64_t left;

    if (c->hung_up && c->hung_up != INT64_MAX && !c->ended && (!at || c->hung_up < at))
        at = c->hung_up;
    if (c->reopen_at && (!at || c->reopen_at < at))
        at = c->reopen_at;
    if (!at)
        return -1;
    left = at - clock_ms();
    return left < 0 ? 0 : left;
}

/* ---- the bytes ---- */

static void hang_up(struct console *c)
{
    if (c->master >= 0)
        close(c->master);
    c->master = -1;
    c->reopen_at = 0;
    c->input.len = c->output.len = 0;
}

static bool is_transient(int e)
{
    return e == EAGAIN || e == EINTR;
}

/* Lines are edited in the container: its end-of-file character ends the input there. It counts as such only at the
 * beginning of a line; in the middle of one the first hands over the line. */
static void input_end(struct console *c)
{
    struct termios t;
    cc_t eof;

    c->input_open = false;
    if (tcgetattr(c->master, &t) < 0 || !(t.c_lflag & ICANON))
        return;
    eof = t.c_cc[VEOF];
    c->input.at = 0;
    c->input.data[c->input.len++] = (char)eof;
    if (c->last_input != '\n')
        c->input.data[c->input.len++] = (char)eof;
}

static void input_read(struct console *c)
{
    ssize_t n = read(c->o->stdin_fd, c->input.data, sizeof(c->input.data));

    if (n > 0) {
        c->input.at = 0;
        c->input.len = (size_t)n;
        c->last_input = c->input.data[n - 1];
    } else if (n == 0) {
        input_end(c);
    } else if (!is_transient(errno)) {
        c->input_open = false;
    }
}

static void stream_advance(struct stream *s, ssize_t n)
{
    s->at += (size_t)n;
    if (s->at == s->len)
        s->at = s->len = 0;
}

static void input_write(struct console *c)
{
    ssize_t n = write(c->master, c->input.data + c->input.at, c->input.len - c->input.at);

    if (n > 0)
        stream_advance(&c->input, n);
    else if (n < 0 && !is_transient(errno))
        c->input.len = 0;
}

static void output_read(struct console *c)
{
    ssize_t n = read(c->master, c->output.data, sizeof(c->output.data));

    if (n > 0) {
        c->output.at = 0;
        c->output.len = (size_t)n;
        if (c->ended)
            c->drained += (size_t)n;
        return;
    }
    if (n < 0 && is_transient(errno))
        return;
    if (c->ended)
        hang_up(c);
    else
        c->reopen_at = clock_ms() + REOPEN_MS;
}

/* Nobody reads our output any more: the container's terminal is hung up, as that of a closed window is. */
static void output_write(struct console *c)
{
    ssize_t n = write(c->o->stdout_fd, c->output.data + c->output.at, c->output.len - c->output.at);

    if (n > 0)
        stream_advance(&c->output, n);
    else if (n < 0 && !is_transient(errno))
        hang_up(c);
}

/* ---- the loops ---- */

static int signals_read(struct console *c, struct err *err)
{
    struct signalfd_siginfo si[8];
    ssize_t n = read(c->signals, si, sizeof(si));
    int r;

    if (n < 0)
        return is_transient(errno) ? 0 : err_sys(err, -errno, "reading the launcher's signals");
    for (size_t i = 0; i < (size_t)n / sizeof(si[0]); i++) {
        r = signal_handle(c, (int)si[i].ssi_signo);
        if (r < 0)
            return err_sys(err, r, "waiting for process %d", (int)c->o->pid);
    }
    return 0;
}

enum { POLL_SIGNALS, POLL_MASTER, POLL_STDIN, POLL_STDOUT, POLL_COUNT };

/* A descriptor from which nothing is wanted is left out: POLLHUP is reported unasked and would spin. */
static void poll_prepare(const struct console *c, struct pollfd p[POLL_COUNT])
{
    bool want_input = c->input_open && c->master >= 0 && !c->input.len && !c->ended;

    p[POLL_SIGNALS] = (struct pollfd){.fd = c->signals, .events = POLLIN};
    p[POLL_MASTER] = (struct pollfd){.fd = -1};
    if (c->master >= 0 && !c->reopen_at)
        p[POLL_MASTER].events = (short)((c->output.len ? 0 : POLLIN) | (c->input.len && !c->ended ? POLLOUT : 0));
    if (p[POLL_MASTER].events)
        p[POLL_MASTER].fd = c->master;
    p[POLL_STDIN] = (struct pollfd){.fd = want_input ? c->o->stdin_fd : -1, .events = POLLIN};
    p[POLL_STDOUT] = (struct pollfd){.fd = c->output.len ? c->o->stdout_fd : -1, .events = POLLOUT};
}

/* One round. The child's end is looked at first, so that an EIO read afterwards is known to be the last word. */
static int terminal_step(struct console *c, struct err *err)
{
    struct pollfd p[POLL_COUNT];
    int64_t left;
    int n, r;

    poll_prepare(c, p);
    left = time_left(c);
    if (c->ended && !c->output.len)
        left = DRAIN_QUIET_MS;
    n = poll(p, POLL_COUNT, left > INT_MAX ? INT_MAX : (int)left);
    if (n < 0 && !is_transient(errno))
        return err_sys(err, -errno, "polling the container's terminal");
    if (n == 0 && c->ended && !c->output.len)
        hang_up(c);
    if (n <= 0)
        memset(p, 0, sizeof(p));
    if (p[POLL_SIGNALS].revents && (r = signals_read(c, err)) < 0)
        return r;
    time_step(c);
    if (c->reopen_at && (c->ended || clock_ms() >= c->reopen_at))
        c->reopen_at = 0;
    if (p[POLL_STDOUT].revents)
        output_write(c);
    if (c->master >= 0 && (p[POLL_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) && !c->output.len)
        output_read(c);
    if (p[POLL_STDIN].revents && c->master >= 0)
        input_read(c);
    if (c->master >= 0 && (p[POLL_MASTER].revents & POLLOUT) && c->input.len)
        input_write(c);
    return 0;
}

static int terminal_wait(struct console *c, struct err *err)
{
    sigset_t set;
    int r;

    caught_set(&set);
    c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (c->signals < 0)
        return err_sys(err, -errno, "opening a signalfd for the launcher's signals");
    if (fcntl(c->master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return err_sys(err, -errno, "setting the container's terminal (descriptor %d) to non-blocking", c->master);
    window_size_copy(c);
    user_terminal_raw(c);
    while (!c->ended || (c->master >= 0 && !c->abandoned && c->drained < DRAIN_BYTES_MAX)) {
        r = terminal_step(c, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int plain_wait(struct console *c, struct err *err)
{
    sigset_t set;
    int signo, r;

    caught_set(&set);
    while (!c->ended) {
        int64_t left = time_left(c);
        struct timespec ts = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};

        signo = sigtimedwait(&set, NULL, left < 0 ? NULL : &ts);
        if (signo < 0 && !is_transient(errno))
            return err_sys(err, -errno, "waiting for the launcher's signals");
        r = signo > 0 ? signal_handle(c, signo) : 0;
        if (r < 0)
            return err_sys(err, r, "waiting for process %d", (int)c->o->pid);
        time_step(c);
    }
    return 0;
}

static void cleanup_console(struct console *c)
{
    user_terminal_restore(c);
    hang_up(c);
    if (c->signals >= 0)
        close(c->signals);
}

int console_wait(const struct wait_options *o, int *wait_status, bool *timed_out, struct err *err)
{
    _cleanup_(cleanup_console) struct console c;
    int r;

    memset(&c, 0, offsetof(struct console, input));
    c.input.at = c.input.len = c.output.at = c.output.len = 0;
    c.o = o;
    c.master = o->console_master;
    c.signals = -1;
    c.input_open = o->keep_stdin;
    c.last_input = '\n';
    c.deadline = o->timeout_ms > 0 ? clock_ms() + o->timeout_ms : 0;
    r = c.master >= 0 ? terminal_wait(&c, err) : plain_wait(&c, err);
    if (r < 0)
        return r;
    *wait_status = c.status;
    *timed_out = c.time_state != TIME_RUNS;
    return 0;
}

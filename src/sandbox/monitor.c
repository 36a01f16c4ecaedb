/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor proper (monitor.h). Single-threaded; between events it sleeps without a timer. It never touches a pipe
 * that the workload has, since that could hold it up (monitor_guard.c); of a terminal it has the other end, whose bytes
 * it moves and does not look at. From commands come control records, each checked by control_receive(). It opens
 * nothing by a path: what it needs it was given (monitor_internal.h).
 */
#include "sandbox/monitor.h"

#include "base/io.h"
#include "host/pidfd.h"
#include "host/sys.h"
#include "sandbox/log.h"
#include "sandbox/monitor_internal.h"
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX   64
#define CHUNK         65536      /* of a terminal's output, read at once */
#define DRAIN_MAX     (1u << 20) /* of a terminal, after the end */
#define DRAIN_WAIT    3000       /* ms: for the guard to have emptied the pipes */
#define STATUS_WAIT   5000       /* ms: for the guard to have taken a status that it must get */
#define STATUS_SHORT  200        /* the same without a guard: the kernel may tell it */
#define BACKOFF_FIRST 100        /* ms before a restart, doubled each time up to the most, as docker has it */
#define BACKOFF_MOST  60000
#define BACKOFF_RESET 10000 /* a run so long begins anew */
#define THAW_MS       200   /* after SIGKILL */
#define RESPAWN_QUIET 1000  /* ms: a monitor that dies sooner is made anew only after so long */
#define HAND_TRIES    100   /* a hand that was killed has done nothing, or a part that can be repeated */

enum waits { WAITS_NOT, WAITS_END, WAITS_STOP, WAITS_REMOVE };

struct client {
    int fd; /* -1: free */
    enum waits waits;
    uint32_t serial;
};

struct monitor {
    struct monitor_common *common;
    struct monitor_facts facts;
    struct log log; /* of a terminal; else the guard has it */
    int guard;      /* pidfd of our parent; -1: it is dead */
    pid_t guard_pid;
    int master; /* of the terminal; -1 */
    int pidfd;  /* of the workload; -1: not running */
    bool child; /* the workload is our child, else its status comes from the guard */
    bool known; /* .death is the workload's */
    struct monitor_death death;
    bool manual, remove, timed_out, over, restarting;
    bool held;  /* what is slow to take apart waits for our end */
    bool tried; /* to remove it: what m.facts say is about that */
    uint32_t restarts;
    int64_t started, time_limit, kill_at, thaw_at, restart_at; /* CLOCK_MONOTONIC ms; 0: none */
    int64_t backoff;
    int64_t terminal_again; /* leave the terminal alone until then */
    int64_t guard_again;    /* no child could be made to go on in our place: not before then */
    struct client clients[CLIENTS_MAX];
};

static struct monitor m;

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- clients ------------------------------------------------------------------------------------------------ */

static void client_close(struct client *c)
{
    close(c->fd);
    *c = (struct client){.fd = -1};
}

static void answer(struct client *c, uint16_t type, uint32_t serial, int32_t code, const void *payload, size_t n,
                   int fd)
{
    if (control_send(c->fd, type | CONTROL_REPLY, serial, code, payload, n, fd) < 0)
        client_close(c);
}

static void answer_error(struct client *c, uint16_t type, uint32_t serial, int code, const char *text)
{
    answer(c, type, serial, code, text, strlen(text) + 1, -1);
}

static void tell_end(struct client *c)
{
    static const uint16_t types[] = {
        [WAITS_END] = CONTROL_WAIT, [WAITS_STOP] = CONTROL_STOP, [WAITS_REMOVE] = CONTROL_REMOVE};
    const struct sandbox_end *e = &m.facts.end;
    struct control_end end = {.exit_code = e->exit_code, .oom_killed = e->oom_killed};

    snprintf(end.reason, sizeof end.reason, "%s", end_reason_name(e->reason));
    enum waits w = c->waits;
    c->waits = WAITS_NOT;
    if (w == WAITS_REMOVE && !m.facts.removed && !m.tried)
        client_close(c); /* it came too late for us, and is done by who asked */
    else if (w == WAITS_REMOVE && !m.facts.removed)
        answer_error(c, CONTROL_REMOVE, c->serial, m.facts.code < 0 ? m.facts.code : -EIO,
                     m.facts.code < 0 ? m.facts.text : "it could not be removed");
    else
        answer(c, types[w], c->serial, 0, &end, sizeof end, -1);
}

/* finished: for good; else one run has ended and another will follow. */
static void tell_waiters(bool finished)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &m.clients[i];
        if (c->fd >= 0 && c->waits != WAITS_NOT && (finished || c->waits == WAITS_STOP))
            tell_end(c);
    }
}

/* ---- the workload ------------------------------------------------------------------------------------------- */

static void workload_signal(int signo)
{
    if (m.pidfd >= 0)
        sys(SYS_pidfd_send_signal, m.pidfd, signo, NULL, 0);
}

static void read_status(void)
{
    struct monitor_death d;

    while (read(m.common->status[0], &d, sizeof d) == sizeof d)
        if (d.pid == m.facts.last_pid && d.pid > 0) {
            m.death = d;
            m.known = true;
        }
}

/* Of our child: left as it is until it is on record, since were we killed now, the guard would get it. One that is
 * traced shows it only when its tracer has seen it. */
static bool look_at_child(void)
{
    siginfo_t si = {0};

    if (!m.child || waitid(P_PID, (id_t)m.facts.pid, &si, WEXITED | WNOWAIT | WNOHANG) < 0 || !si.si_pid)
        return false;
    m.death =
        (struct monitor_death){.pid = si.si_pid, .status = si.si_code == CLD_EXITED ? si.si_status << 8 : si.si_status};
    return true;
}

/* The status of a workload that is dead or just dying: our child's, or from the guard, or from the kernel (Linux 6.15),
 * which tells it of a process that was reaped by whoever. False: nobody knows it. */
static bool await_status(int ms)
{
    for (int64_t end = now_ms() + ms;;) {
        read_status();
        m.known = m.known || look_at_child();
        if (!m.known && m.pidfd >= 0 && pidfd_exit_status(m.pidfd, &m.death.status) == 0)
            m.known = true;
        int64_t left = end - now_ms();
        if (m.known || left <= 0)
            return m.known;
        poll(&(struct pollfd){.fd = m.common->status[0], .events = POLLIN}, 1, left < 20 ? (int)left : 20);
    }
}

/* The queue keeps the message: the next monitor finds it there too. */
static void take_terminal(bool keep)
{
    char byte[64];
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {byte, sizeof byte};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    if (m.common->console[0] < 0)
        return;
    if (m.master >= 0)
        close(m.master);
    m.master = -1;
    if (recvmsg(m.common->console[0], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (keep ? MSG_PEEK : 0)) <= 0)
        return;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
        return;
    memcpy(&m.master, CMSG_DATA(c), sizeof m.master);
    if (!keep) {
        close(m.master);
        m.master = -1;
    } else {
        fcntl(m.master, F_SETFL, O_RDWR | O_NONBLOCK);
    }
}

static void runs(void)
{
    const struct monitor_facts *f = &m.facts;

    uint64_t key;
    char run_state;

    m.pidfd = f->pid > 0 ? (int)sys(SYS_pidfd_open, f->pid, 0) : -1;
    if (m.pidfd >= 0 && (state_process_key(f->pid, &key, &run_state) < 0 || key != f->pid_key)) {
        close(m.pidfd); /* gone since the hand looked, and the number is another's */
        m.pidfd = -1;
    }
    m.known = m.timed_out = m.restarting = false;
    m.started = now_ms() - f->age_ms;
    m.time_limit = f->timeout_ms > 0 ? m.started + f->timeout_ms : 0;
    m.kill_at = m.thaw_at = m.restart_at = 0;
    if (f->terminal)
        take_terminal(true);
}

static void report_ready(int32_t code, bool not_run, const char *text)
{
    static struct monitor_ready r;

    r = (struct monitor_ready){.code = code, .not_run = not_run, .pid = m.facts.pid};
    if (code < 0)
        snprintf(r.text, sizeof r.text, "%s", text);
    io_write_all(MONITOR_READY, &r, sizeof r);
}

/* Processes that a start which failed half-way left to us or to the guard; nothing else of ours is there then. */
static void kill_orphans(pid_t parent)
{
    char path[64], text[4096];

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    if (io_read_small(AT_FDCWD, path, text, sizeof text) <= 0)
        return;
    for (char *c = text, *end; *c; c = end) {
        long pid = strtol(c, &end, 10);
        if (end == c)
            break;
        if (pid > 0 && pid != getpid())
            kill((pid_t)pid, SIGKILL);
        while (*end == ' ')
            end++;
    }
}

static void over(void)
{
    m.over = true;
}

static void run_ended(struct monitor_end *e);
static void become_guard(void);
static void forget_guard(void);

/* Without a place to log, nothing is kept: a workload is not ended for that. */
static void open_log(void)
{
    const struct monitor_facts *f = &m.facts;

    if (!f->terminal)
        monitor_pump_start(m.common, f->log_size, f->log_files);
    else if (m.log.null_fd < 0 && log_open(&m.log, MONITOR_LAYER, f->log_size, f->log_files, &(struct err){0}) < 0)
        m.log.size_max = 0;
}

static void run_start(void)
{
    static struct monitor_end failed;
    uint32_t run = m.facts.run + 1;
    bool again = m.restarting;

    take_terminal(false);
    m.restarting = false;
    m.restart_at = 0;
    int r = hand_start(&m.common->hands, &m.facts);
    m.child = true;
    if (r == 0 && m.facts.code == 0) {
        runs();
        open_log();
        report_ready(0, false, NULL);
        flock(MONITOR_STATE, LOCK_UN);
        return;
    }
    kill_orphans(getpid());
    if (r < 0 && again) { /* killed while it did what a restart rule asked for, which still holds */
        m.restarts = m.facts.end.restarts;
        failed = (struct monitor_end){.finish = true, .run = m.facts.end.run, .remove = m.remove};
        run_ended(&failed);
        return;
    }
    if (r < 0)
        snprintf(m.facts.text, sizeof m.facts.text, "the process that starts it was killed");
    int code = r < 0 ? r : m.facts.code;
    bool not_run = r == 0 && m.facts.not_run;
    failed = (struct monitor_end){.half_made = true, .run = run, .restarts = m.restarts, .remove = m.remove};
    failed.wait_status = (not_run ? (code == -ENOENT ? 127 : 126) : 125) << 8;
    memcpy(failed.error, m.facts.text, sizeof failed.error);
    flock(MONITOR_STATE, LOCK_UN);
    run_ended(&failed);
    report_ready(code, not_run, failed.error);
}

/* What it wrote last is to be in the log before its end is told. The guard may be held up by what is left of the
 * workload: then it goes on without us. */
static void drain(void)
{
    static char buf[CHUNK];
    size_t left = DRAIN_MAX;

    if (m.facts.terminal) {
        for (ssize_t n; m.master >= 0 && left && (n = read(m.master, buf, sizeof buf)) > 0;) {
            log_write(&m.log, 1, buf, (size_t)n);
            left -= (size_t)n < left ? (size_t)n : left;
        }
        return;
    }
    monitor_drain_ask(m.common);
    for (int64_t end = now_ms() + DRAIN_WAIT; !monitor_drained(m.common);) {
        int64_t now = now_ms();
        if (m.guard < 0 && !m.guard_again) {
            become_guard();
            monitor_drain_ask(m.common);
        }
        struct pollfd p[] = {{.fd = m.common->drained, .events = POLLIN}, {.fd = m.guard, .events = POLLIN}};
        if (now >= end || poll(p, 2, (int)(end - now)) < 0)
            break;
        if (p[1].revents)
            forget_guard();
    }
}

static void run_ended(struct monitor_end *e)
{
    static struct monitor_facts done;
    uint32_t run = e->run, restarts = m.restarts;
    int r = -ECHILD;

    for (int i = 0; i < HAND_TRIES && r < 0; i++) {
        if (i > 2)
            poll(NULL, 0, 50);
        r = hand_end(&m.common->hands, e, &done);
    }
    if (r < 0 || !done.end.known) /* it could not be put on record: who waits is told all the same */
        done.end = (struct sandbox_end){
            .known = true, .run = run, .exit_code = monitor_exit_code(e), .reason = END_LOST, .restarts = restarts};
    m.tried = e->remove;
    m.facts.pid = 0;
    m.facts.run = run;
    m.restarts = restarts;
    m.facts.code = r < 0 ? r : done.code;
    m.facts.restart = r == 0 && done.restart;
    m.facts.removed = r == 0 && done.removed;
    m.facts.end = done.end;
    memcpy(m.facts.text, done.text, sizeof m.facts.text);
    if (m.facts.restart && !m.facts.removed) {
        bool long_run = now_ms() - m.started >= BACKOFF_RESET;
        m.backoff = long_run || !m.backoff         ? BACKOFF_FIRST
                    : m.backoff * 2 > BACKOFF_MOST ? BACKOFF_MOST
                                                   : m.backoff * 2;
        m.restart_at = now_ms() + m.backoff;
        m.restarting = true;
        m.restarts++;
        tell_waiters(false);
        return;
    }
    over();
}

static void workload_ended(void)
{
    static struct monitor_end e;

    e = (struct monitor_end){.run = m.facts.run, .restarts = m.restarts, .timed_out = m.timed_out};
    e.manual = m.manual;
    e.remove = m.remove;
    e.lost = !await_status(m.guard >= 0 || m.child ? STATUS_WAIT : STATUS_SHORT);
    e.wait_status = e.lost ? 0 : m.death.status;
    drain();
    run_ended(&e);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    if (m.pidfd >= 0)
        close(m.pidfd);
    m.pidfd = -1;
    m.kill_at = m.thaw_at = 0;
}

/* ---- stopping ----------------------------------------------------------------------------------------------- */

static void workload_kill(void)
{
    workload_signal(SIGKILL);
    m.kill_at = 0;
    m.thaw_at = now_ms() + THAW_MS;
}

/* A frozen process does not die of a signal. */
static void workload_thaw(void)
{
    static struct monitor_facts ignored;

    m.thaw_at = now_ms() + 10 * THAW_MS;
    hand_thaw(&m.common->hands, &ignored);
}

static void stop(int signo, int64_t timeout_ms)
{
    m.manual = true;
    if (m.pidfd < 0) {
        m.restart_at = 0;
        if (m.restarting) {
            static struct monitor_end e;
            e = (struct monitor_end){.run = m.facts.run, .restarts = m.restarts, .manual = true, .remove = m.remove};
            e.wait_status = m.facts.end.exit_code << 8;
            e.again = true;
            m.restarting = false;
            run_ended(&e);
        }
        return;
    }
    if (timeout_ms == 0) {
        workload_kill();
        return;
    }
    workload_signal(signo);
    int64_t at = now_ms() + timeout_ms;
    if (!m.kill_at || at < m.kill_at)
        m.kill_at = at;
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

static void request_input(struct client *c, uint32_t serial)
{
    int fd = m.facts.terminal ? m.master : m.common->hands.input ? MONITOR_INPUT : -1;

    if (fd < 0)
        answer_error(c, CONTROL_INPUT, serial, -ENOTCONN,
                     m.facts.terminal ? "its terminal was hung up"
                                      : "it reads no standard input (run -i keeps it open)");
    else
        answer(c, CONTROL_INPUT, serial, 0, NULL, 0, fd);
}

static void serve(struct client *c, const struct control_record *r)
{
    uint32_t serial = r->header.serial;
    struct control_signal sig;
    struct control_stop st;
    struct control_resize size;
    struct control_status status = {
        .pid = m.pidfd >= 0 ? m.facts.pid : 0, .run = m.facts.run, .restarting = m.restarting};

    switch (r->header.type) {
    case CONTROL_STATUS:
        answer(c, CONTROL_STATUS, serial, 0, &status, sizeof status, -1);
        return;
    case CONTROL_SIGNAL:
        control_payload(r, &sig, sizeof sig);
        if (m.pidfd < 0) {
            answer_error(c, CONTROL_SIGNAL, serial, -ESRCH, "it is not running");
            return;
        }
        if (sig.signo < 0 || sig.signo > 64) {
            answer_error(c, CONTROL_SIGNAL, serial, -EINVAL, "no such signal");
            return;
        }
        m.manual |= sig.manual != 0;
        workload_signal(sig.signo);
        answer(c, CONTROL_SIGNAL, serial, 0, NULL, 0, -1);
        return;
    case CONTROL_STOP:
        control_payload(r, &st, sizeof st);
        c->waits = WAITS_STOP;
        c->serial = serial;
        stop(st.signo > 0 && st.signo <= 64 ? st.signo : m.facts.stop_signal,
             st.timeout_ms >= 0 ? st.timeout_ms : m.facts.stop_timeout_ms);
        return;
    case CONTROL_WAIT:
        c->waits = WAITS_END;
        c->serial = serial;
        return;
    case CONTROL_INPUT:
        request_input(c, serial);
        return;
    case CONTROL_RESIZE:
        control_payload(r, &size, sizeof size);
        struct winsize ws = {.ws_row = size.rows, .ws_col = size.cols};
        if (m.master >= 0)
            ioctl(m.master, TIOCSWINSZ, &ws);
        answer(c, CONTROL_RESIZE, serial, m.master >= 0 ? 0 : -ENOTTY, NULL, 0, -1);
        return;
    case CONTROL_RELOAD: { /* what is needed later is read then; these are needed now */
        struct monitor_facts now;
        int code = hand_look(&m.common->hands, &now);
        if (code == 0) {
            m.facts.stop_timeout_ms = now.stop_timeout_ms;
            m.facts.stop_signal = now.stop_signal;
        }
        answer(c, CONTROL_RELOAD, serial, code, NULL, 0, -1);
        return;
    }
    case CONTROL_REMOVE:
        m.remove = true;
        if (m.pidfd >= 0 && !m.held && m.facts.boundary && m.facts.boundary->hold) {
            m.held = true;
            m.facts.boundary->hold(&(struct instance){.pid = m.facts.pid}); /* until we end */
        }
        c->waits = WAITS_REMOVE;
        c->serial = serial;
        stop(SIGKILL, 0);
        return;
    default:
        answer_error(c, r->header.type, serial, -ENOSYS, "this monitor does not know the request");
    }
}

static void client_ready(struct client *c)
{
    static struct control_record r;
    int got = control_receive(c->fd, &r, false);

    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        client_close(c);
        return;
    }
    if (r.fd >= 0) /* no request brings one */
        close(r.fd);
    serve(c, &r);
}

static void client_accept(void)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (m.clients[i].fd >= 0)
            continue;
        int fd = accept4(MONITOR_LISTEN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            m.clients[i] = (struct client){.fd = fd};
        return;
    }
}

/* ---- the loop ----------------------------------------------------------------------------------------------- */

enum {
    SLOT_LISTEN,
    SLOT_GUARD,
    SLOT_STATUS,
    SLOT_PID,
    SLOT_TERMINAL,
    SLOT_CLIENTS,
    SLOT_MAX = SLOT_CLIENTS + CLIENTS_MAX
};

static int poll_prepare(struct pollfd *p)
{
    bool room = false;
    int n = SLOT_CLIENTS;

    for (int i = 0; i < CLIENTS_MAX; i++) {
        room |= m.clients[i].fd < 0;
        p[SLOT_CLIENTS + i] = (struct pollfd){.fd = m.clients[i].fd, .events = POLLIN};
        if (m.clients[i].fd >= 0)
            n = SLOT_CLIENTS + i + 1;
    }
    p[SLOT_LISTEN] = (struct pollfd){.fd = room ? MONITOR_LISTEN : -1, .events = POLLIN};
    p[SLOT_GUARD] = (struct pollfd){.fd = m.guard_again ? -1 : m.guard, .events = POLLIN};
    p[SLOT_STATUS] = (struct pollfd){.fd = m.common->status[0], .events = POLLIN};
    p[SLOT_PID] = (struct pollfd){.fd = m.pidfd, .events = POLLIN};
    p[SLOT_TERMINAL] = (struct pollfd){.fd = m.terminal_again ? -1 : m.master, .events = POLLIN};
    return n;
}

static int next_date(void)
{
    const int64_t dates[] = {m.time_limit, m.kill_at, m.thaw_at, m.restart_at, m.terminal_again, m.guard_again};
    int64_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        if (dates[i] && (!at || dates[i] < at))
            at = dates[i];
    if (!at)
        return -1;
    int64_t left = at - now_ms();
    return left < 0 ? 0 : left > 86400000 ? 86400000 : (int)left;
}

static void dates(void)
{
    int64_t now = now_ms();

    if (m.terminal_again && now >= m.terminal_again)
        m.terminal_again = 0;
    if (m.guard_again && now >= m.guard_again)
        m.guard_again = 0;
    if (m.time_limit && now >= m.time_limit && m.pidfd >= 0) {
        m.time_limit = 0;
        m.timed_out = true;
        bool manual = m.manual;
        stop(m.facts.stop_signal, m.facts.stop_timeout_ms);
        m.manual = manual;
    }
    if (m.kill_at && now >= m.kill_at)
        workload_kill();
    if (m.thaw_at && now >= m.thaw_at)
        workload_thaw();
    if (m.restart_at && now >= m.restart_at)
        run_start();
}

static void read_terminal(void)
{
    static char buf[CHUNK];
    ssize_t n = read(m.master, buf, sizeof buf);

    if (n > 0)
        log_write(&m.log, 1, buf, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* nobody has it open just now */
        m.terminal_again = now_ms() + 50;
}

static volatile sig_atomic_t child_died;

static void on_child(int signo)
{
    child_died = 1;
}

/* Without a pid namespace of its own the workload leaves us its orphans, and their remains count against its limit. It
 * itself is left to workload_ended(). */
static void reap_orphans(void)
{
    child_died = 0;
    for (int i = 0; i < 1000; i++) {
        siginfo_t si = {0};
        if (waitid(P_ALL, 0, &si, WEXITED | WNOWAIT | WNOHANG) < 0 || !si.si_pid || si.si_pid == m.facts.pid)
            return;
        waitpid(si.si_pid, NULL, WNOHANG);
    }
}

static void loop(void)
{
    while (!m.over) {
        static struct pollfd p[SLOT_MAX];
        if (m.guard < 0 && !m.guard_again) {
            become_guard();
            continue;
        }
        if (child_died)
            reap_orphans();
        int n = poll_prepare(p);

        if (poll(p, (nfds_t)n, next_date()) < 0)
            continue;
        if (p[SLOT_GUARD].revents) {
            forget_guard();
            continue;
        }
        if (p[SLOT_STATUS].revents)
            read_status();
        if (p[SLOT_TERMINAL].revents && m.master >= 0)
            read_terminal();
        for (int i = 0; i < n - SLOT_CLIENTS && !m.over; i++)
            if (p[SLOT_CLIENTS + i].revents && m.clients[i].fd >= 0)
                client_ready(&m.clients[i]);
        if (p[SLOT_LISTEN].revents)
            client_accept();
        if (!m.over && p[SLOT_PID].revents && m.pidfd >= 0)
            workload_ended();
        dates();
    }
    tell_waiters(true);
    for (int i = 0; i < CLIENTS_MAX; i++) /* who asks now gets its answer, not a closed door */
        if (m.clients[i].fd >= 0)
            client_ready(&m.clients[i]);
    tell_waiters(true);
}

/* ---- who is who --------------------------------------------------------------------------------------------- */

/* What ended is on record: what follows an end (taking away, removing, starting again) is done once more. */
static void finish_end(void)
{
    static struct monitor_end e;

    e = (struct monitor_end){.finish = true, .run = m.facts.end.run, .restarts = m.restarts};
    run_ended(&e);
}

/* Between the order and the record. */
static void finish_start(void)
{
    static struct monitor_end e;

    kill_orphans(getpid());
    if (getppid() == m.guard_pid) /* else it is somebody whose children are none of our business */
        kill_orphans(m.guard_pid);
    if (m.facts.end.known && m.facts.end.restarting) {
        finish_end();
        return;
    }
    e = (struct monitor_end){.half_made = true, .run = m.facts.end.run + 1, .restarts = m.restarts};
    e.wait_status = 125 << 8;
    snprintf(e.error, sizeof e.error, "its monitor was killed while it was being started");
    run_ended(&e);
    report_ready(-EINTR, false, e.error);
}

/* Finds out what its predecessor was at. fresh: so is our guard, and has seen nobody die. */
static void take_over(bool fresh)
{
    static struct monitor_end e;

    m.restarts = m.facts.restarts;
    m.child = false;
    if (m.facts.recorded && m.facts.pid > 0) {
        runs();
        if (m.facts.end.known && m.facts.end.restarting && m.facts.end.run < m.facts.run)
            m.restarts++; /* counted when that end was decided about */
    }
    flock(MONITOR_STATE, LOCK_UN); /* who removes needs it */
    if (m.pidfd >= 0) {
        read_status();
    } else if (m.facts.ended) {
        finish_end();
    } else if (m.facts.recorded) { /* ended while there was none of us: the guard has its status, or nobody has */
        e = (struct monitor_end){.run = m.facts.run, .restarts = m.restarts};
        e.lost = !await_status(fresh ? 0 : STATUS_WAIT);
        e.wait_status = e.lost ? 0 : m.death.status;
        drain();
        run_ended(&e);
    } else {
        finish_start();
    }
    report_ready(0, false, NULL); /* behind an error it is not read */
}

/* A hand that was killed says nothing about the sandbox. */
static int look(struct err *err)
{
    int r = -ECHILD;

    for (int i = 0; i < HAND_TRIES && r < 0; i++) {
        if (i)
            poll(NULL, 0, 20);
        r = hand_look(&m.common->hands, &m.facts);
    }
    if (r == 0 && (r = m.facts.code) < 0)
        return err_set(err, r, "%s", m.facts.text);
    return r < 0 ? err_sys(err, r, "its documents could not be read") : 0;
}

/* Our parent, watched: its end is ours to know even when it came before we could look. */
static void watch_guard(pid_t pid)
{
    m.guard_pid = pid;
    m.guard = (int)sys(SYS_pidfd_open, pid, 0);
    if (m.guard >= 0 && getppid() != pid) {
        close(m.guard);
        m.guard = -1;
    }
}

static void forget_guard(void)
{
    close(m.guard);
    m.guard = -1;
}

/* Our guard was killed: our child goes on in our place, with all that we have open, and we guard it. */
static void become_guard(void)
{
    pid_t self = getpid(), next = fork();

    if (next < 0) {
        m.guard_again = now_ms() + RESPAWN_QUIET;
        return;
    }
    if (next == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        watch_guard(self);
        m.child = false;
        return;
    }
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (m.clients[i].fd >= 0)
            close(m.clients[i].fd);
    if (m.master >= 0)
        close(m.master);
    if (m.pidfd >= 0)
        close(m.pidfd);
    log_close(&m.log);
    guard_go_on(m.common, next);
}

void monitor_run(struct monitor_common *common, enum monitor_birth birth, pid_t guard)
{
    static struct err err;
    sigset_t none;

    m = (struct monitor){.common = common};
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the workload is the child of a hand, then ours */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    watch_guard(guard);
    for (int i = 0; i < CLIENTS_MAX; i++)
        m.clients[i].fd = -1;
    m.master = m.pidfd = m.log.fd = m.log.null_fd = -1;
    int r = birth == BORN_START ? 0 : look(&err);
    if (r < 0) {
        report_ready(r, false, err.text);
        _exit(birth == BORN_AGAIN && r != -ENOENT ? 1 : 0); /* 1: another may fare better */
    }
    if (birth != BORN_START) {
        open_log();
        take_over(birth == BORN_RECOVER);
    } else {
        run_start();
    }
    monitor_slim();
    loop();
    if (!m.facts.removed)
        unlinkat(MONITOR_STATE, "control.sock", 0);
    _exit(0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor proper (monitor.h). Single-threaded; between events it sleeps without a timer. It never touches a pipe
 * that the workload has, since that could hold it up (monitor_guard.c); of a terminal it has the other end, whose bytes
 * it moves and does not look at. From commands come control records, each checked by control_receive(). It opens
 * nothing by a path: what it needs it was given (monitor_internal.h).
 */
#include "sandbox/monitor.h"

#include "base/clock.h"
#include "base/io.h"
#include "host/pidfd.h"
#include "host/sys.h"
#include "host/unixsock.h"
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

struct monitor monitor;

/* ---- the workload ------------------------------------------------------------------------------------------- */

void monitor_signal(int signo)
{
    if (monitor.pidfd >= 0)
        sys(SYS_pidfd_send_signal, monitor.pidfd, signo, NULL, 0);
}

static void read_status(void)
{
    struct monitor_death d;

    while (read(monitor.common->status[0], &d, sizeof d) == sizeof d)
        if (d.pid == monitor.facts.last_pid && d.pid > 0) {
            monitor.death = d;
            monitor.known = true;
        }
}

/* Of our child: left as it is until it is on record, since were we killed now, the guard would get it. One that is
 * traced shows it only when its tracer has seen it. */
static bool look_at_child(void)
{
    siginfo_t si = {0};

    if (!monitor.child || waitid(P_PID, (id_t)monitor.facts.pid, &si, WEXITED | WNOWAIT | WNOHANG) < 0 || !si.si_pid)
        return false;
    monitor.death =
        (struct monitor_death){.pid = si.si_pid, .status = si.si_code == CLD_EXITED ? si.si_status << 8 : si.si_status};
    return true;
}

/* The status of a workload that is dead or just dying: our child's, or from the guard, or from the kernel (Linux 6.15),
 * which tells it of a process that was reaped by whoever. False: nobody knows it. */
static bool await_status(int ms)
{
    for (int64_t end = clock_ms() + ms;;) {
        read_status();
        monitor.known = monitor.known || look_at_child();
        if (!monitor.known && monitor.pidfd >= 0 && pidfd_exit_status(monitor.pidfd, &monitor.death.status) == 0)
            monitor.known = true;
        int64_t left = end - clock_ms();
        if (monitor.known || left <= 0)
            return monitor.known;
        poll(&(struct pollfd){.fd = monitor.common->status[0], .events = POLLIN}, 1, left < 20 ? (int)left : 20);
    }
}

/* The queue keeps the message: the next monitor finds it there too. */
static void take_terminal(bool keep)
{
    if (monitor.common->console[0] < 0)
        return;
    if (monitor.master >= 0)
        close(monitor.master);
    monitor.master = unixsock_receive_fd(monitor.common->console[0], MSG_DONTWAIT | (keep ? MSG_PEEK : 0));
    if (monitor.master < 0) {
        monitor.master = -1;
    } else if (keep) {
        fcntl(monitor.master, F_SETFL, O_RDWR | O_NONBLOCK);
    } else {
        close(monitor.master);
        monitor.master = -1;
    }
}

static void runs(void)
{
    const struct monitor_facts *f = &monitor.facts;

    uint64_t key;
    char run_state;

    monitor.pidfd = f->pid > 0 ? (int)sys(SYS_pidfd_open, f->pid, 0) : -1;
    if (monitor.pidfd >= 0 && (state_process_key(f->pid, &key, &run_state) < 0 || key != f->pid_key)) {
        close(monitor.pidfd); /* gone since the hand looked, and the number is another's */
        monitor.pidfd = -1;
    }
    monitor.known = monitor.timed_out = monitor.restarting = false;
    monitor.started = clock_ms() - f->age_ms;
    monitor.time_limit = f->timeout_ms > 0 ? monitor.started + f->timeout_ms : 0;
    monitor.kill_at = monitor.thaw_at = monitor.restart_at = 0;
    if (f->terminal)
        take_terminal(true);
}

static void report_ready(int32_t code, bool not_run, const char *text)
{
    static struct monitor_ready r;

    r = (struct monitor_ready){.code = code, .not_run = not_run};
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
    monitor.over = true;
}

static void run_ended(struct monitor_end *e);
static void become_guard(void);
static void forget_guard(void);

/* Without a place to log, nothing is kept: a workload is not ended for that. */
static void open_log(void)
{
    const struct monitor_facts *f = &monitor.facts;

    if (!f->terminal)
        monitor_pump_start(monitor.common, f->log_size, f->log_files);
    else if (monitor.log.null_fd < 0 &&
             log_open(&monitor.log, MONITOR_LAYER, f->log_size, f->log_files, &(struct err){0}) < 0)
        monitor.log.size_max = 0;
}

static void run_start(void)
{
    static struct monitor_end failed;
    uint32_t run = monitor.facts.run + 1;
    bool again = monitor.restarting;

    take_terminal(false);
    monitor.restarting = false;
    monitor.restart_at = 0;
    int r = hand_start(&monitor.common->hands, &monitor.facts);
    monitor.child = true;
    if (r == 0 && monitor.facts.code == 0) {
        runs();
        open_log();
        report_ready(0, false, NULL);
        flock(MONITOR_STATE, LOCK_UN);
        return;
    }
    kill_orphans(getpid());
    if (r < 0 && again) { /* killed while it did what a restart rule asked for, which still holds */
        monitor.restarts = monitor.facts.end.restarts;
        failed = (struct monitor_end){.finish = true, .run = monitor.facts.end.run, .remove = monitor.remove};
        run_ended(&failed);
        return;
    }
    if (r < 0)
        snprintf(monitor.facts.text, sizeof monitor.facts.text, "the process that starts it was killed");
    int code = r < 0 ? r : monitor.facts.code;
    bool not_run = r == 0 && monitor.facts.not_run;
    failed =
        (struct monitor_end){.half_made = true, .run = run, .restarts = monitor.restarts, .remove = monitor.remove};
    failed.wait_status = (not_run ? (code == -ENOENT ? 127 : 126) : 125) << 8;
    memcpy(failed.error, monitor.facts.text, sizeof failed.error);
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

    if (monitor.facts.terminal) {
        for (ssize_t n; monitor.master >= 0 && left && (n = read(monitor.master, buf, sizeof buf)) > 0;) {
            log_write(&monitor.log, 1, buf, (size_t)n);
            left -= (size_t)n < left ? (size_t)n : left;
        }
        return;
    }
    monitor_drain_ask(monitor.common);
    for (int64_t end = clock_ms() + DRAIN_WAIT; !monitor_drained(monitor.common);) {
        int64_t now = clock_ms();
        if (monitor.guard < 0 && !monitor.guard_again) {
            become_guard();
            monitor_drain_ask(monitor.common);
        }
        struct pollfd p[] = {{.fd = monitor.common->drained, .events = POLLIN},
                             {.fd = monitor.guard, .events = POLLIN}};
        if (now >= end || poll(p, 2, (int)(end - now)) < 0)
            break;
        if (p[1].revents)
            forget_guard();
    }
}

static void run_ended(struct monitor_end *e)
{
    static struct monitor_facts done;
    uint32_t run = e->run, restarts = monitor.restarts;
    int r = -ECHILD;

    for (int i = 0; i < HAND_TRIES && r < 0; i++) {
        if (i > 2)
            poll(NULL, 0, 50);
        r = hand_end(&monitor.common->hands, e, &done);
    }
    if (r < 0 || !done.end.known) /* it could not be put on record: who waits is told all the same */
        done.end = (struct sandbox_end){
            .known = true, .run = run, .exit_code = monitor_exit_code(e), .reason = END_LOST, .restarts = restarts};
    monitor.tried = e->remove;
    monitor.facts.pid = 0;
    monitor.facts.run = run;
    monitor.restarts = restarts;
    monitor.facts.code = r < 0 ? r : done.code;
    monitor.facts.restart = r == 0 && done.restart;
    monitor.facts.removed = r == 0 && done.removed;
    monitor.facts.end = done.end;
    memcpy(monitor.facts.text, done.text, sizeof monitor.facts.text);
    if (monitor.facts.restart && !monitor.facts.removed) {
        bool long_run = clock_ms() - monitor.started >= BACKOFF_RESET;
        monitor.backoff = long_run || !monitor.backoff         ? BACKOFF_FIRST
                          : monitor.backoff * 2 > BACKOFF_MOST ? BACKOFF_MOST
                                                               : monitor.backoff * 2;
        monitor.restart_at = clock_ms() + monitor.backoff;
        monitor.restarting = true;
        monitor.restarts++;
        monitor_tell(false);
        return;
    }
    over();
}

static void workload_ended(void)
{
    static struct monitor_end e;

    e = (struct monitor_end){.run = monitor.facts.run, .restarts = monitor.restarts, .timed_out = monitor.timed_out};
    e.manual = monitor.manual;
    e.remove = monitor.remove;
    e.lost = !await_status(monitor.guard >= 0 || monitor.child ? STATUS_WAIT : STATUS_SHORT);
    e.wait_status = e.lost ? 0 : monitor.death.status;
    drain();
    run_ended(&e);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    if (monitor.pidfd >= 0)
        close(monitor.pidfd);
    monitor.pidfd = -1;
    monitor.kill_at = monitor.thaw_at = 0;
}

/* ---- stopping ----------------------------------------------------------------------------------------------- */

static void workload_kill(void)
{
    monitor_signal(SIGKILL);
    monitor.kill_at = 0;
    monitor.thaw_at = clock_ms() + THAW_MS;
}

/* A frozen process does not die of a signal. */
static void workload_thaw(void)
{
    static struct monitor_facts ignored;

    monitor.thaw_at = clock_ms() + 10 * THAW_MS;
    hand_thaw(&monitor.common->hands, &ignored);
}

void monitor_stop(int signo, int64_t timeout_ms)
{
    monitor.manual = true;
    if (monitor.pidfd < 0) {
        monitor.restart_at = 0;
        if (monitor.restarting) {
            static struct monitor_end e;
            e = (struct monitor_end){
                .run = monitor.facts.run, .restarts = monitor.restarts, .manual = true, .remove = monitor.remove};
            e.wait_status = monitor.facts.end.exit_code << 8;
            e.again = true;
            monitor.restarting = false;
            run_ended(&e);
        }
        return;
    }
    if (timeout_ms == 0) {
        workload_kill();
        return;
    }
    monitor_signal(signo);
    int64_t at = clock_ms() + timeout_ms;
    if (!monitor.kill_at || at < monitor.kill_at)
        monitor.kill_at = at;
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
        room |= monitor.clients[i].fd < 0;
        p[SLOT_CLIENTS + i] = (struct pollfd){.fd = monitor.clients[i].fd, .events = POLLIN};
        if (monitor.clients[i].fd >= 0)
            n = SLOT_CLIENTS + i + 1;
    }
    p[SLOT_LISTEN] = (struct pollfd){.fd = room ? MONITOR_LISTEN : -1, .events = POLLIN};
    p[SLOT_GUARD] = (struct pollfd){.fd = monitor.guard_again ? -1 : monitor.guard, .events = POLLIN};
    p[SLOT_STATUS] = (struct pollfd){.fd = monitor.common->status[0], .events = POLLIN};
    p[SLOT_PID] = (struct pollfd){.fd = monitor.pidfd, .events = POLLIN};
    p[SLOT_TERMINAL] = (struct pollfd){.fd = monitor.terminal_again ? -1 : monitor.master, .events = POLLIN};
    return n;
}

static int next_date(void)
{
    const int64_t dates[] = {monitor.time_limit, monitor.kill_at,        monitor.thaw_at,
                             monitor.restart_at, monitor.terminal_again, monitor.guard_again};
    int64_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        if (dates[i] && (!at || dates[i] < at))
            at = dates[i];
    if (!at)
        return -1;
    int64_t left = at - clock_ms();
    return left < 0 ? 0 : left > 86400000 ? 86400000 : (int)left;
}

static void dates(void)
{
    int64_t now = clock_ms();

    if (monitor.terminal_again && now >= monitor.terminal_again)
        monitor.terminal_again = 0;
    if (monitor.guard_again && now >= monitor.guard_again)
        monitor.guard_again = 0;
    if (monitor.time_limit && now >= monitor.time_limit && monitor.pidfd >= 0) {
        monitor.time_limit = 0;
        monitor.timed_out = true;
        bool manual = monitor.manual;
        monitor_stop(monitor.facts.stop_signal, monitor.facts.stop_timeout_ms);
        monitor.manual = manual;
    }
    if (monitor.kill_at && now >= monitor.kill_at)
        workload_kill();
    if (monitor.thaw_at && now >= monitor.thaw_at)
        workload_thaw();
    if (monitor.restart_at && now >= monitor.restart_at)
        run_start();
}

static void read_terminal(void)
{
    static char buf[CHUNK];
    ssize_t n = read(monitor.master, buf, sizeof buf);

    if (n > 0)
        log_write(&monitor.log, 1, buf, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* nobody has it open just now */
        monitor.terminal_again = clock_ms() + 50;
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
        if (waitid(P_ALL, 0, &si, WEXITED | WNOWAIT | WNOHANG) < 0 || !si.si_pid || si.si_pid == monitor.facts.pid)
            return;
        waitpid(si.si_pid, NULL, WNOHANG);
    }
}

static void loop(void)
{
    while (!monitor.over) {
        static struct pollfd p[SLOT_MAX];
        if (monitor.guard < 0 && !monitor.guard_again) {
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
        if (p[SLOT_TERMINAL].revents && monitor.master >= 0)
            read_terminal();
        for (int i = 0; i < n - SLOT_CLIENTS && !monitor.over; i++)
            if (p[SLOT_CLIENTS + i].revents && monitor.clients[i].fd >= 0)
                monitor_serve(&monitor.clients[i]);
        if (p[SLOT_LISTEN].revents)
            monitor_accept();
        if (!monitor.over && p[SLOT_PID].revents && monitor.pidfd >= 0)
            workload_ended();
        dates();
    }
    monitor_tell(true);
    for (int i = 0; i < CLIENTS_MAX; i++) /* who asks now gets its answer, not a closed door */
        if (monitor.clients[i].fd >= 0)
            monitor_serve(&monitor.clients[i]);
    monitor_tell(true);
}

/* ---- who is who --------------------------------------------------------------------------------------------- */

/* What ended is on record: what follows an end (taking away, removing, starting again) is done once more. */
static void finish_end(void)
{
    static struct monitor_end e;

    e = (struct monitor_end){.finish = true, .run = monitor.facts.end.run, .restarts = monitor.restarts};
    run_ended(&e);
}

/* Between the order and the record. */
static void finish_start(void)
{
    static struct monitor_end e;

    kill_orphans(getpid());
    if (getppid() == monitor.guard_pid) /* else it is somebody whose children are none of our business */
        kill_orphans(monitor.guard_pid);
    if (monitor.facts.end.known && monitor.facts.end.restarting) {
        finish_end();
        return;
    }
    e = (struct monitor_end){.half_made = true, .run = monitor.facts.end.run + 1, .restarts = monitor.restarts};
    e.wait_status = 125 << 8;
    snprintf(e.error, sizeof e.error, "its monitor was killed while it was being started");
    run_ended(&e);
    report_ready(-EINTR, false, e.error);
}

/* Finds out what its predecessor was at. fresh: so is our guard, and has seen nobody die. */
static void take_over(bool fresh)
{
    static struct monitor_end e;

    monitor.restarts = monitor.facts.restarts;
    monitor.child = false;
    if (monitor.facts.recorded && monitor.facts.pid > 0) {
        runs();
        if (monitor.facts.end.known && monitor.facts.end.restarting && monitor.facts.end.run < monitor.facts.run)
            monitor.restarts++; /* counted when that end was decided about */
    }
    flock(MONITOR_STATE, LOCK_UN); /* who removes needs it */
    if (monitor.pidfd >= 0) {
        read_status();
    } else if (monitor.facts.ended) {
        finish_end();
    } else if (monitor.facts.recorded) { /* ended while there was none of us: the guard has its status, or nobody has */
        e = (struct monitor_end){.run = monitor.facts.run, .restarts = monitor.restarts};
        e.lost = !await_status(fresh ? 0 : STATUS_WAIT);
        e.wait_status = e.lost ? 0 : monitor.death.status;
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
        r = hand_look(&monitor.common->hands, &monitor.facts);
    }
    if (r == 0 && (r = monitor.facts.code) < 0)
        return err_set(err, r, "%s", monitor.facts.text);
    return r < 0 ? err_sys(err, r, "its documents could not be read") : 0;
}

/* Our parent, watched: its end is ours to know even when it came before we could look. */
static void watch_guard(pid_t pid)
{
    monitor.guard_pid = pid;
    monitor.guard = (int)sys(SYS_pidfd_open, pid, 0);
    if (monitor.guard >= 0 && getppid() != pid) {
        close(monitor.guard);
        monitor.guard = -1;
    }
}

static void forget_guard(void)
{
    close(monitor.guard);
    monitor.guard = -1;
}

/* Our guard was killed: our child goes on in our place, with all that we have open, and we guard it. */
static void become_guard(void)
{
    pid_t self = getpid(), next = fork();

    if (next < 0) {
        monitor.guard_again = clock_ms() + RESPAWN_QUIET;
        return;
    }
    if (next == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        watch_guard(self);
        monitor.child = false;
        return;
    }
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (monitor.clients[i].fd >= 0)
            close(monitor.clients[i].fd);
    if (monitor.master >= 0)
        close(monitor.master);
    if (monitor.pidfd >= 0)
        close(monitor.pidfd);
    log_close(&monitor.log);
    guard_go_on(monitor.common, next);
}

void monitor_run(struct monitor_common *common, enum monitor_birth birth, pid_t guard)
{
    static struct err err;
    sigset_t none;

    monitor = (struct monitor){.common = common};
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the workload is the child of a hand, then ours */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    watch_guard(guard);
    for (int i = 0; i < CLIENTS_MAX; i++)
        monitor.clients[i].fd = -1;
    monitor.master = monitor.pidfd = monitor.log.fd = monitor.log.null_fd = -1;
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
    if (!monitor.facts.removed)
        unlinkat(MONITOR_STATE, "control.sock", 0);
    _exit(0);
}

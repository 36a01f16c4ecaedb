/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's wait, with real children and the container's terminal: status, signals, time limits, bytes. */
#include "console_util.h"

static int64_t ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A process beside the launcher that acts on it: the launcher itself sits in console_wait(). */
static pid_t helper_start(void (*fn)(void *), void *arg)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        fn(arg);
        _exit(0);
    }
    return pid;
}

static void helper_end(pid_t pid)
{
    int st;

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &st, 0), pid);
}

static int wait_ok(const struct wait_options *o, const sigset_t *old, bool *timed_out)
{
    struct err err = {0};
    int st = -1;
    bool t = false;
    int r = console_wait(o, &st, &t, &err);

    sigprocmask(SIG_SETMASK, old, NULL);
    if (r < 0)
        fail_msg("console_wait: %d %s", r, err.text);
    if (timed_out)
        *timed_out = t;
    return st;
}

static int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- without a terminal ---- */

static int exit_with(void *arg)
{
    return *(int *)arg;
}

static int die_by(void *arg)
{
    raise(*(int *)arg);
    return 99;
}

static void test_wait_child_ends_status_is_returned(void **state)
{
    static const struct {
        const char *label;
        int (*fn)(void *);
        int arg, want;
    } cases[] = {
        {"exit 0", exit_with, 0, 0},
        {"exit 7", exit_with, 7, 7 << 8},
        {"exit 255", exit_with, 255, 255 << 8},
        {"killed", die_by, SIGKILL, SIGKILL},
        {"terminated", die_by, SIGTERM, SIGTERM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sigset_t old;
        bool timed_out = true;
        int arg = cases[i].arg;
        struct wait_options o = {.pidfd = -1, .console_master = -1, .forward_signals = true};
        int st;

        o.pid = child_start(NULL, cases[i].fn, &arg, &old);
        st = wait_ok(&o, &old, &timed_out);
        if (st != cases[i].want || timed_out)
            fail_msg("%s: status 0x%x, expected 0x%x; timed out %d", cases[i].label, (unsigned)st,
                     (unsigned)cases[i].want, timed_out);
    }
}

static void test_wait_sigchld_ignored_by_parent_status_is_returned(void **state)
{
    sigset_t old;
    int arg = 5;
    struct wait_options o = {.pidfd = -1, .console_master = -1};

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    o.pid = child_start(NULL, exit_with, &arg, &old);
    assert_int_equal(wait_ok(&o, &old, NULL), 5 << 8);
}

static void test_wait_not_a_child_is_error(void **state)
{
    struct wait_options o = {.pidfd = -1, .console_master = -1, .pid = getpid()};
    struct err err = {0};
    sigset_t old;
    int st;
    bool t;

    (void)state;
    console_block_signals(&old);
    raise(SIGCHLD);
    assert_int_equal(console_wait(&o, &st, &t, &err), -ECHILD);
    assert_non_null(strstr(err.text, "waiting for process"));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

struct ready {
    int fd; /* the child writes a byte here once its handlers are there */
    int signo;
    pid_t target;
    int read_fd;
};

static int exit_with_signal(void *arg)
{
    struct ready *r = arg;
    struct sigaction sa = {.sa_handler = note_signal};
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigaction(r->signo, &sa, NULL);
    if (write(r->fd, "x", 1) != 1)
        return 1;
    sigdelset(&all, r->signo);
    sigdelset(&all, SIGALRM);
    while (!got_signal)
        sigsuspend(&all);
    return 100 + got_signal;
}

static void send_when_ready(void *arg)
{
    struct ready *r = arg;
    char c;

    if (read(r->read_fd, &c, 1) == 1)
        kill(r->target, r->signo);
}

static void test_wait_signal_to_launcher_reaches_child(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(signals) / sizeof(signals[0]); i++) {
        int fds[2];
        struct ready r = {.signo = signals[i / 2], .target = getpid()};
        struct wait_options o = {.pidfd = -1, .console_master = -1, .forward_signals = true};
        sigset_t old;
        pid_t helper;
        int st;

        assert_int_equal(pipe(fds), 0);
        r.read_fd = fds[0];
        r.fd = fds[1];
        o.pid = child_start(NULL, exit_with_signal, &r, &old);
        helper = helper_start(send_when_ready, &r);
        if (i % 2)
            o.pidfd = pidfd_of(o.pid);
        st = wait_ok(&o, &old, NULL);
        if (st != (100 + r.signo) << 8)
            fail_msg("signal %d, pidfd %d: status 0x%x", r.signo, o.pidfd, (unsigned)st);
        helper_end(helper);
        if (o.pidfd >= 0)
            close(o.pidfd);
        close(fds[0]);
        close(fds[1]);
    }
}

static void test_wait_ignored_hangup_is_not_forwarded(void **state)
{
    int fds[2];
    struct ready r = {.signo = SIGHUP, .target = getpid()};
    struct wait_options o = {.pidfd = -1, .console_master = -1, .forward_signals = true, .timeout_ms = 300};
    sigset_t old;
    bool timed_out = false;
    pid_t helper;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    r.read_fd = fds[0];
    r.fd = fds[1];
    o.stop_signal = SIGKILL;
    o.pid = child_start(NULL, exit_with_signal, &r, &old);
    signal(SIGHUP, SIG_IGN);
    helper = helper_start(send_when_ready, &r);
    assert_int_equal(wait_ok(&o, &old, &timed_out), SIGKILL);
    assert_true(timed_out);
    signal(SIGHUP, SIG_DFL);
    helper_end(helper);
    close(fds[0]);
    close(fds[1]);
}

/* ---- time limits ---- */

static int sleep_long(void *arg)
{
    (void)arg;
    sleep_ms(20000);
    return 3;
}

static int sleep_deaf(void *arg)
{
    signal(SIGTERM, SIG_IGN);
    return sleep_long(arg);
}

static int sleep_ended_by_usr1(void *arg)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
    return sleep_long(arg);
}

struct timeout_seen {
    pid_t pid;
    int first, calls;
};

static bool timeout_kills_all(void *ctx, int signo)
{
    struct timeout_seen *s = ctx;

    s->calls++;
    if (s->calls > 1)
        return false;
    s->first = signo;
    kill(s->pid, SIGQUIT);
    return true;
}

static void test_wait_time_is_up_child_is_stopped_then_killed(void **state)
{
    static const struct {
        const char *label;
        int (*fn)(void *);
        int stop_signal, kill_after, want_signal;
        int64_t at_least, at_most;
        bool hook, terminal;
    } cases[] = {
        {"default stop signal", sleep_long, 0, 10000, SIGTERM, 100, 2000, false, false},
        {"another stop signal", sleep_ended_by_usr1, SIGUSR1, 10000, SIGUSR1, 100, 2000, false, false},
        {"deaf child", sleep_deaf, SIGTERM, 200, SIGKILL, 300, 2500, false, false},
        {"no grace", sleep_deaf, SIGTERM, 0, SIGKILL, 100, 2000, false, false},
        {"hook", sleep_deaf, SIGTERM, 10000, SIGQUIT, 100, 2000, true, false},
        {"terminal", sleep_long, 0, 10000, SIGTERM, 100, 2000, false, true},
        {"deaf child on a terminal", sleep_deaf, 0, 200, SIGKILL, 300, 2500, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct timeout_seen seen = {0};
        struct wait_options o = {.pidfd = -1, .console_master = -1, .timeout_ms = 100, .stdin_fd = 0, .stdout_fd = 1};
        struct pty p = {-1, -1};
        sigset_t old;
        bool timed_out = false;
        int64_t begin = ms();
        int st;

        o.stop_signal = cases[i].stop_signal;
        o.kill_after_ms = cases[i].kill_after;
        if (cases[i].terminal)
            p = pty_open();
        o.console_master = p.master;
        o.pid = seen.pid = child_start(cases[i].terminal ? &p : NULL, cases[i].fn, NULL, &old);
        if (cases[i].terminal)
            close(p.slave);
        if (cases[i].hook) {
            o.on_timeout = timeout_kills_all;
            o.ctx = &seen;
            sleep_ms(50);
        }
        sleep_ms(20); /* the deaf need a moment to become so */
        st = wait_ok(&o, &old, &timed_out);
        begin = ms() - begin;
        if (st != cases[i].want_signal || !timed_out || begin < cases[i].at_least || begin > cases[i].at_most)
            fail_msg("%s: status 0x%x, timed out %d, after %d ms", cases[i].label, (unsigned)st, timed_out, (int)begin);
        if (cases[i].hook && (seen.calls != 1 || seen.first != SIGTERM))
            fail_msg("%s: %d calls, first with signal %d", cases[i].label, seen.calls, seen.first);
    }
}

/* ---- the container's terminal ---- */

static unsigned char pattern(size_t i)
{
    return (unsigned char)((i * 2654435761u) >> 13);
}

static int write_pattern(void *arg)
{
    size_t total = *(size_t *)arg;
    unsigned char buf[7001];

    for (size_t at = 0; at < total;) {
        size_t n = total - at < sizeof(buf) ? total - at : sizeof(buf);
        ssize_t w;

        for (size_t i = 0; i < n; i++)
            buf[i] = pattern(at + i);
        w = write(1, buf, n);
        if (w < 0)
            return 1;
        at += (size_t)w;
    }
    return 42;
}

struct reader {
    int fd, close_fd, pause_ms;
    size_t total;
};

static void read_pattern(void *arg)
{
    struct reader *r = arg;
    unsigned char buf[3333];
    size_t at = 0;
    ssize_t n;

    close(r->close_fd);
    while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != pattern(at + (size_t)i)) {
                fprintf(stderr, "byte %zu differs\n", at + (size_t)i);
                _exit(2);
            }
        }
        at += (size_t)n;
        if (r->pause_ms)
            sleep_ms(r->pause_ms);
    }
    if (at != r->total)
        fprintf(stderr, "%zu bytes of %zu came\n", at, r->total);
    _exit(at == r->total ? 0 : 3);
}

static void output_case(const char *label, size_t total, int pause_ms)
{
    int fds[2];
    struct reader r = {.pause_ms = pause_ms, .total = total};
    struct wait_options o = {.pidfd = -1, .stdin_fd = -1};
    struct pty p;
    sigset_t old;
    pid_t reader;
    int st;

    assert_int_equal(pipe(fds), 0);
    r.fd = fds[0];
    r.close_fd = fds[1];
    reader = helper_start(read_pattern, &r); /* before the pty: it must not hold the slave */
    close(fds[0]);
    p = pty_open();
    slave_raw(p.slave);
    o.stdout_fd = fds[1];
    o.console_master = p.master;
    o.pid = child_start(&p, write_pattern, &total, &old);
    close(p.slave);
    st = wait_ok(&o, &old, NULL);
    if (st != 42 << 8)
        fail_msg("%s: status 0x%x", label, (unsigned)st);
    close(fds[1]);
    assert_int_equal(waitpid(reader, &st, 0), reader);
    if (st)
        fail_msg("%s: reader's status 0x%x", label, (unsigned)st);
}

static void test_terminal_output_of_every_size_is_complete(void **state)
{
    static const struct {
        const char *label;
        size_t total;
        int pause_ms, times;
    } cases[] = {
        {"nothing", 0, 0, 3},
        {"a byte, and gone", 1, 0, 50},
        {"less than a line, and gone", 3001, 0, 50},
        {"as much as fits in the pty", 60000, 0, 20},
        {"a slow reader", 200000, 2, 1},
        {"10 MB", 10000000, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int t = 0; t < cases[i].times; t++)
            output_case(cases[i].label, cases[i].total, cases[i].pause_ms);
}

static int check_input_pattern(void *arg)
{
    size_t total = *(size_t *)arg;
    unsigned char buf[1000];

    for (size_t at = 0; at < total;) {
        ssize_t n = read(0, buf, sizeof(buf));

        if (n <= 0)
            return 1;
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != pattern(at + (size_t)i))
                return 2;
        at += (size_t)n;
    }
    return 0;
}

struct writer {
    int fd;
    const char *text;
    size_t total;
};

static void send_pattern(void *arg)
{
    struct writer *w = arg;

    dup2(w->fd, 1);
    write_pattern(&w->total);
}

static void test_terminal_input_binary_is_complete(void **state)
{
    int fds[2];
    struct writer w = {.total = 1000000};
    struct wait_options o = {.pidfd = -1, .keep_stdin = true, .stdout_fd = 1};
    struct pty p = pty_open();
    sigset_t old;
    pid_t helper;

    (void)state;
    slave_raw(p.slave);
    assert_int_equal(pipe(fds), 0);
    w.fd = fds[1];
    helper = helper_start(send_pattern, &w);
    close(fds[1]);
    o.stdin_fd = fds[0];
    o.console_master = p.master;
    o.pid = child_start(&p, check_input_pattern, &w.total, &old);
    close(p.slave);
    assert_int_equal(wait_ok(&o, &old, NULL), 0);
    helper_end(helper);
    close(fds[0]);
}

static int read_until_end(void *arg)
{
    char got[256] = "";
    size_t len = 0;
    ssize_t n;

    while ((n = read(0, got + len, sizeof(got) - 1 - len)) > 0)
        len += (size_t)n;
    return n == 0 && strcmp(got, arg) == 0 ? 0 : 1;
}

static void test_terminal_input_ends_child_sees_the_end(void **state)
{
    static const char *const cases[] = {"", "hi", "hi\n", "two\nlines", "two\nlines\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fds[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct wait_options o = {.pidfd = -1, .keep_stdin = true, .stdout_fd = null, .timeout_ms = 5000};
        struct pty p = pty_open();
        sigset_t old;
        int st;

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(write(fds[1], cases[i], strlen(cases[i])), strlen(cases[i]));
        close(fds[1]);
        o.stdin_fd = fds[0];
        o.console_master = p.master;
        o.pid = child_start(&p, read_until_end, (void *)(uintptr_t)cases[i], &old);
        close(p.slave);
        st = wait_ok(&o, &old, NULL);
        if (st)
            fail_msg("\"%s\": status 0x%x", cases[i], (unsigned)st);
        close(fds[0]);
        close(null);
    }
}

static int write_until_error(void *arg)
{
    (void)arg;
    signal(SIGHUP, SIG_IGN);
    while (write(1, "yes\n", 4) > 0)
        ;
    return errno == EIO ? 6 : 1;
}

static void test_terminal_output_unread_child_is_hung_up(void **state)
{
    int fds[2];
    struct wait_options o = {.pidfd = -1, .stdin_fd = -1, .timeout_ms = 10000};
    struct pty p = pty_open();
    sigset_t old;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    o.stdout_fd = fds[1];
    o.console_master = p.master;
    o.pid = child_start(&p, write_until_error, NULL, &old);
    close(p.slave);
    assert_int_equal(wait_ok(&o, &old, NULL), 6 << 8);
    close(fds[1]);
}

static int close_then_reopen(void *arg)
{
    char name[64];

    (void)arg;
    if (ttyname_r(0, name, sizeof(name)))
        return 1;
    signal(SIGHUP, SIG_IGN);
    for (int i = 0; i < 3; i++)
        close(i);
    sleep_ms(200);
    if (open(name, O_RDWR) != 0 || write(0, "back", 4) != 4)
        return 2;
    return 0;
}

static void test_terminal_closed_and_reopened_output_continues(void **state)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    struct wait_options o = {.pidfd = -1, .stdin_fd = -1, .stdout_fd = out, .timeout_ms = 10000};
    struct pty p = pty_open();
    char got[16] = "";
    sigset_t old;

    (void)state;
    o.console_master = p.master;
    o.pid = child_start(&p, close_then_reopen, NULL, &old);
    close(p.slave);
    assert_int_equal(wait_ok(&o, &old, NULL), 0);
    assert_int_equal(pread(out, got, sizeof(got), 0), 4);
    assert_string_equal(got, "back");
    close(out);
}

static int write_to_slave(void *arg)
{
    struct pty *p = arg;

    return write(p->slave, "last", 4) == 4 ? 0 : 1;
}

/* No session of its own: the end of a session's leader would hang up its terminal, and EIO would come. */
static void test_terminal_held_by_another_process_wait_ends(void **state)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    struct wait_options o = {.pidfd = -1, .stdin_fd = -1, .stdout_fd = out};
    struct pty p = pty_open();
    int64_t begin = ms();
    sigset_t old;

    (void)state;
    o.console_master = p.master;
    o.pid = child_start(NULL, write_to_slave, &p, &old);
    assert_int_equal(wait_ok(&o, &old, NULL), 0);
    assert_in_range(ms() - begin, 100, 2000);
    assert_int_equal(lseek(out, 0, SEEK_END), 4);
    close(p.slave);
    close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_child_ends_status_is_returned),
        cmocka_unit_test(test_wait_sigchld_ignored_by_parent_status_is_returned),
        cmocka_unit_test(test_wait_not_a_child_is_error),
        cmocka_unit_test(test_wait_signal_to_launcher_reaches_child),
        cmocka_unit_test(test_wait_ignored_hangup_is_not_forwarded),
        cmocka_unit_test(test_wait_time_is_up_child_is_stopped_then_killed),
        cmocka_unit_test(test_terminal_output_of_every_size_is_complete),
        cmocka_unit_test(test_terminal_input_binary_is_complete),
        cmocka_unit_test(test_terminal_input_ends_child_sees_the_end),
        cmocka_unit_test(test_terminal_output_unread_child_is_hung_up),
        cmocka_unit_test(test_terminal_closed_and_reopened_output_continues),
        cmocka_unit_test(test_terminal_held_by_another_process_wait_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

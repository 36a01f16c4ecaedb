/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher on a user's terminal: a pty with a small shell (a session leader) around it, which stops, continues and
 * kills it and looks at the terminal's modes. The container's terminal is another pty.
 */
#include "console_util.h"

struct scene {
    struct pty user;
    pid_t launcher;
    int (*in_container)(void *);
    bool forward;
    int marks; /* shared memory would do; a pipe is simpler: the container's process says "ready" here */
    int marks_read;
};

static int size_is(int fd, int rows, int cols)
{
    struct winsize ws;

    for (int i = 0; i < 300; i++) {
        if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row == rows && ws.ws_col == cols)
            return 1;
        sleep_ms(10);
    }
    return 0;
}

static int container_checks_sizes(void *arg)
{
    struct scene *s = arg;

    signal(SIGWINCH, note_signal);
    if (!size_is(0, 40, 123))
        return 1;
    if (write(s->marks, "1", 1) != 1 || !size_is(0, 50, 80))
        return 2;
    return got_signal == SIGWINCH ? 0 : 3;
}

static int container_reads_ctrl_z(void *arg)
{
    struct scene *s = arg;
    char c = 0;

    slave_raw(0);
    if (write(s->marks, "1", 1) != 1)
        return 1;
    if (read(0, &c, 1) != 1)
        return 2;
    return c == 26 ? 0 : 3;
}

static int container_waits(void *arg)
{
    struct scene *s = arg;
    char c;

    if (write(s->marks, "1", 1) != 1)
        return 1;
    slave_raw(0);
    return read(0, &c, 1) == 1 && c == 'q' ? 0 : 1;
}

static void launcher_main(struct scene *s)
{
    struct pty p = pty_open();
    struct wait_options o = {.pidfd = -1, .keep_stdin = true, .stdin_fd = s->user.slave, .stdout_fd = s->user.slave};
    struct err err = {0};
    bool timed_out;
    sigset_t old;
    int st = -1;

    o.forward_signals = s->forward;
    o.console_master = p.master;
    o.pid = child_start(&p, s->in_container, s, &old);
    close(p.slave);
    if (console_wait(&o, &st, &timed_out, &err) < 0)
        _exit(90);
    _exit(WIFEXITED(st) ? WEXITSTATUS(st) : 91);
}

static bool is_raw(int fd)
{
    struct termios t;

    return tcgetattr(fd, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST);
}

static bool becomes_raw(int fd, bool raw)
{
    for (int i = 0; i < 300; i++) {
        if (is_raw(fd) == raw)
            return true;
        sleep_ms(10);
    }
    return false;
}

static bool container_is_ready(struct scene *s)
{
    char c;

    return read(s->marks_read, &c, 1) == 1;
}

/* Each script runs in the shell and returns 0, or the line that failed. */
#define NEED(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            return __LINE__;                                                                                           \
    } while (0)

static int script_sizes(struct scene *s)
{
    struct winsize ws = {.ws_row = 50, .ws_col = 80};
    int st;

    NEED(container_is_ready(s));
    NEED(ioctl(s->user.slave, TIOCSWINSZ, &ws) == 0); /* the kernel tells the foreground group */
    NEED(waitpid(s->launcher, &st, 0) == s->launcher && st == 0);
    return 0;
}

static int script_ctrl_z(struct scene *s)
{
    int st;

    NEED(container_is_ready(s));
    NEED(becomes_raw(s->user.slave, true));
    NEED(write(s->user.master, "\x1a", 1) == 1);
    NEED(waitpid(s->launcher, &st, WUNTRACED) == s->launcher && st == 0);
    NEED(!is_raw(s->user.slave));
    return 0;
}

static int script_stop(struct scene *s)
{
    int st;

    NEED(container_is_ready(s));
    NEED(becomes_raw(s->user.slave, true));
    for (int round = 0; round < 3; round++) {
        NEED(kill(s->launcher, SIGTSTP) == 0);
        NEED(waitpid(s->launcher, &st, WUNTRACED) == s->launcher && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
        NEED(!is_raw(s->user.slave));
        /* bg: still ours, not raw */
        NEED(tcsetpgrp(s->user.slave, getpgrp()) == 0);
        NEED(kill(s->launcher, SIGCONT) == 0);
        sleep_ms(50);
        NEED(!is_raw(s->user.slave));
        /* fg */
        NEED(tcsetpgrp(s->user.slave, s->launcher) == 0);
        NEED(kill(s->launcher, SIGCONT) == 0);
        NEED(becomes_raw(s->user.slave, true));
    }
    NEED(write(s->user.master, "q", 1) == 1);
    NEED(waitpid(s->launcher, &st, WUNTRACED) == s->launcher && st == 0);
    NEED(!is_raw(s->user.slave));
    return 0;
}

static int script_uncatchable_stop(struct scene *s)
{
    struct termios shell;
    int st;

    NEED(tcgetattr(s->user.slave, &shell) == 0);
    shell.c_lflag |= ICANON | ECHO | ISIG;
    shell.c_oflag |= OPOST;
    NEED(container_is_ready(s));
    NEED(becomes_raw(s->user.slave, true));
    NEED(kill(s->launcher, SIGSTOP) == 0);
    NEED(waitpid(s->launcher, &st, WUNTRACED) == s->launcher && WIFSTOPPED(st));
    NEED(tcsetattr(s->user.slave, TCSANOW, &shell) == 0); /* we ignore SIGTTOU */
    NEED(kill(s->launcher, SIGCONT) == 0);
    NEED(becomes_raw(s->user.slave, true));
    NEED(write(s->user.master, "q", 1) == 1);
    NEED(waitpid(s->launcher, &st, 0) == s->launcher && st == 0);
    NEED(!is_raw(s->user.slave));
    return 0;
}

static int script_own_death(struct scene *s)
{
    int st;

    NEED(container_is_ready(s));
    NEED(becomes_raw(s->user.slave, true));
    NEED(kill(s->launcher, SIGTERM) == 0);
    NEED(waitpid(s->launcher, &st, 0) == s->launcher && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
    NEED(!is_raw(s->user.slave));
    return 0;
}

static void shell_main(struct scene *s, int (*script)(struct scene *))
{
    signal(SIGTTOU, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (setsid() < 0 || ioctl(s->user.slave, TIOCSCTTY, 0) < 0)
        _exit(80);
    s->launcher = fork();
    if (s->launcher == 0) {
        signal(SIGHUP, SIG_DFL);
        setpgid(0, 0);
        tcsetpgrp(s->user.slave, getpid());
        signal(SIGTTOU, SIG_DFL);
        launcher_main(s);
    }
    setpgid(s->launcher, s->launcher);
    {
        int line = script(s);

        if (line)
            fprintf(stderr, "the script failed at line %d of " __FILE__ "\n", line);
        if (line)
            kill(s->launcher, SIGKILL);
        _exit(line != 0);
    }
}

static void scene_play(int (*in_container)(void *), bool forward, int (*script)(struct scene *))
{
    struct winsize ws = {.ws_row = 40, .ws_col = 123};
    struct scene s = {.user = pty_open(), .in_container = in_container, .forward = forward};
    int fds[2], st;
    pid_t shell;

    assert_int_equal(ioctl(s.user.slave, TIOCSWINSZ, &ws), 0);
    assert_int_equal(pipe(fds), 0);
    s.marks_read = fds[0];
    s.marks = fds[1];
    shell = fork();
    if (shell == 0) {
        alarm(30);
        shell_main(&s, script);
    }
    assert_int_equal(waitpid(shell, &st, 0), shell);
    close(fds[0]);
    close(fds[1]);
    close(s.user.master);
    close(s.user.slave);
    assert_int_equal(st, 0);
}

static void test_terminal_size_changes_container_follows(void **state)
{
    (void)state;
    scene_play(container_checks_sizes, true, script_sizes);
}

static void test_terminal_ctrl_z_goes_to_container(void **state)
{
    (void)state;
    scene_play(container_reads_ctrl_z, true, script_ctrl_z);
}

static void test_terminal_stop_and_continue_modes_follow(void **state)
{
    (void)state;
    scene_play(container_waits, true, script_stop);
}

static void test_terminal_sigstop_and_continue_is_raw_again(void **state)
{
    (void)state;
    scene_play(container_waits, true, script_uncatchable_stop);
}

static void test_terminal_launcher_dies_terminal_is_restored(void **state)
{
    (void)state;
    scene_play(container_waits, false, script_own_death);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal_size_changes_container_follows),
        cmocka_unit_test(test_terminal_ctrl_z_goes_to_container),
        cmocka_unit_test(test_terminal_stop_and_continue_modes_follow),
        cmocka_unit_test(test_terminal_sigstop_and_continue_is_raw_again),
        cmocka_unit_test(test_terminal_launcher_dies_terminal_is_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

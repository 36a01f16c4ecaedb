/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat run` and `moat create`. With --rm and somebody who waits, the workload is our own child with our own streams,
 * and dies with us: the shortest way. Else it is kept: a monitor is its parent, and we attach to it, or leave (-d).
 */
#include "cli/attach.h"
#include "cli/commands.h"
#include "cli/make.h"
#include "cli/sandboxes.h"
#include "host/unixsock.h"
#include "sandbox/console.h"
#include "sandbox/events.h"
#include "sandbox/layers.h"
#include "sandbox/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* ---- in the foreground -------------------------------------------------------------------------------------- */

static int check_terminal(struct making *r, struct err *err)
{
    struct winsize ws;

    if (r->sb.foreground && r->o.detach_keys)
        return err_set(err, -EINVAL, "--detach-keys with --rm: it ends with its caller; leave --rm out, or add -d");

    if (!r->sb.policy.process.terminal)
        return 0;
    if (r->o.interactive && !r->o.detach && !isatty(0))
        return err_set(err, -ENOTTY, "%s a terminal as standard input; leave -t out",
                       r->o.kind->of_host ? "-t needs" : "-t with -i needs");
    if (ioctl(isatty(0) ? 0 : 1, TIOCGWINSZ, &ws) == 0) {
        r->sb.policy.process.rows = ws.ws_row;
        r->sb.policy.process.cols = ws.ws_col;
    }
    return 0;
}

static int open_console(struct making *r, int console[2], struct err *err)
{
    console[0] = console[1] = -1;
    if (!r->sb.policy.process.terminal)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, console) < 0)
        return err_sys(err, -errno, "console socket");
    fcntl(console[0], F_SETFD, FD_CLOEXEC);
    r->sb.inst.console_socket = console[1];
    return 0;
}

/* Without -i the workload reads nothing of ours. */
static int detach_stdin(struct making *r, struct err *err)
{
    if (r->o.interactive || r->sb.policy.process.terminal)
        return 0;
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0)
        return err_sys(err, -errno, "/dev/null");
    if (null > 0)
        close(null);
    return 0;
}

static bool stop_group(void *ctx, int signo)
{
    struct sandbox *sb = ctx;

    return signo == SIGKILL && sb->inst.cgroup.host &&
           cgroup_signal_all(&sb->inst.cgroup, SIGKILL, &(struct err){0}) == 0;
}

static int wait_for_end(struct making *r, int console, int *status, bool *timed_out, struct err *err)
{
    const struct policy *p = &r->sb.policy;
    bool ready;
    struct wait_options w = {.pid = r->sb.inst.pid,
                             .pidfd = r->sb.inst.pidfd,
                             .console_master = console >= 0 ? unixsock_receive_fd(console, 0) : -1,
                             .stdin_fd = 0,
                             .stdout_fd = 1,
                             .keep_stdin = r->o.interactive,
                             .forward_signals = !r->o.no_sig_proxy,
                             .timeout_ms = p->timeout_ms,
                             .stop_signal = p->stop_signal,
                             .kill_after_ms = r->o.stop_timeout_ms ? r->o.stop_timeout_ms : 1,
                             .on_timeout = stop_group,
                             .ctx = &r->sb};
    int rc = console_wait(&w, status, timed_out, err);

    if (rc == 0)
        rc = r->sb.inst.boundary->settle(&r->sb.inst, &ready, err);
    return rc;
}

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Some engines have said themselves that the time was over, and where, when they end with that status. */
static void say_reason(const struct making *r, enum end_reason reason, int status)
{
    bool is_said = r->o.kind->says_timeout && reason == END_TIMEOUT && status == EXIT_TIMEOUT;

    if (end_reason_words(reason) && !is_said)
        sandbox_warn(end_reason_words(reason));
}

/* Else all that a user sees of a limit that is too low is a status of 137, from before the first instruction too. */
static void say_limits(struct making *r, int status, bool timed_out)
{
    struct cgroup_stats st = {0};

    if (!status && !timed_out)
        return;
    enum end_reason limit = timed_out ? END_TIMEOUT : end_limit(&r->sb, shell_status(status));
    if (r->sb.inst.cgroup.host)
        cgroup_read_stats(&r->sb.inst.cgroup, &st, &(struct err){0});
    /* An init's status is a number, which a program may choose: the group has to say that one was killed. */
    if (!timed_out && shell_status(status) == 128 + SIGKILL &&
        (st.oom_kills.v || (WIFSIGNALED(status) && st.memory_failcnt.v)))
        limit = END_OOM;
    say_reason(r, limit, shell_status(status));
    if (limit != END_PIDS && st.pids_limit_hits.v)
        say_reason(r, END_PIDS, shell_status(status));
}

static void say_end(struct making *r, int status, bool removed)
{
    char text[16];
    const struct event events[] = {{"die", "exitCode", text}, {.action = "destroy"}};

    snprintf(text, sizeof text, "%d", status);
    events_add_all(&r->sb, events, removed ? 2 : 1);
}

static int run_foreground(struct making *r, struct err *err)
{
    sigset_t old;
    int console[2] = {-1, -1}, status = 0, rc;
    bool timed_out = false;

    if ((rc = open_console(r, console, err)) < 0 || (rc = detach_stdin(r, err)) < 0) {
        making_undo(r);
        return command_fail("run", err);
    }
    console_block_signals(&old);
    r->sb.inst.child_mask = &old;
    if ((rc = sandbox_create(&r->sb, err)) < 0)
        return command_fail("run", err);
    if (console[1] >= 0)
        close(console[1]);
    r->sb.spec.image = making_image(r);
    events_add_all(&r->sb, (const struct event[]){{.action = "create"}, {.action = "start"}}, 2);
    rc = wait_for_end(r, console[0], &status, &timed_out, err);
    if (rc == 0)
        say_limits(r, status, timed_out);
    r->sb.inst.pid = 0;
    const int shown = rc < 0 ? start_failure_status(rc, err) : timed_out ? EXIT_TIMEOUT : shell_status(status);
    struct err late = {0};
    if (rc == 0 && r->o.kind->take && !timed_out && WIFEXITED(status))
        r->o.kind->take(&r->o, &r->arena, r->sb.inst.state_fd);
    bool removed = sandbox_forget(&r->sb, &late) == 0;
    if (!removed)
        sandbox_warn(late.text);
    say_end(r, shown, removed);
    if (rc < 0) {
        command_fail("run", err);
        return start_failure_status(rc, err);
    }
    if (timed_out)
        return EXIT_TIMEOUT;
    if (r->o.kind->after)
        r->o.kind->after(&r->o, &r->arena, &old);
    return shell_status(status);
}

/* ---- with a monitor ----------------------------------------------------------------------------------------- */

static int run_kept(struct making *r, struct err *err)
{
    struct sandbox *sb = &r->sb;
    bool not_run = false;
    bool tty = sb->policy.process.terminal;
    /* Our own standard input, as it is, where it is to be read and no terminal lies between. */
    bool own_stdin = r->o.interactive && !r->o.detach && !tty;
    int rc;

    if (own_stdin)
        r->o.interactive = false; /* its monitor holds none open */
    if ((rc = making_keep(r, err)) < 0) {
        making_undo(r);
        return command_fail("run", err);
    }
    struct attach a = {.terminal = tty,
                       .input = tty && r->o.interactive,
                       .no_sig_proxy = r->o.no_sig_proxy,
                       .detach_keys = r->o.detach_keys};
    if (!r->o.detach && (rc = attach_open(sb, &a, err)) < 0)
        return command_fail("run", err);
    int in = own_stdin ? attach_stdin(&a, err) : -1;
    if (own_stdin && in < 0)
        return command_fail("run", err);
    rc = monitor_start(sb, in, &not_run, err);
    if (in > 0)
        close(in);
    if (rc < 0) {
        command_fail("run", err);
        return not_run ? start_failure_status(rc, err) : EXIT_MOAT_ERROR;
    }
    if (r->o.detach) {
        puts(sb->id);
        return fflush(stdout) ? EXIT_MOAT_ERROR : 0;
    }
    int status = 0;
    if ((rc = attach_run(sb, &a, &status, err)) < 0)
        return command_fail("run", err);
    say_reason(r, a.end.oom_killed ? END_OOM : END_EXITED, status);
    say_reason(r, a.end.reason != END_OOM ? a.end.reason : END_EXITED, status);
    return status;
}

int cmd_run(int argc, char **argv)
{
    static struct making r;
    static struct err err;
    int rc = making_prepare(&r, argc, argv, &err);

    if (rc == 0)
        rc = check_terminal(&r, &err);
    if (rc < 0) {
        making_undo(&r);
        command_fail("run", &err);
        return start_failure_status(rc, &err);
    }
    return r.sb.foreground ? run_foreground(&r, &err) : run_kept(&r, &err);
}

int cmd_create(int argc, char **argv)
{
    static struct making r;
    static struct err err;
    int rc = making_prepare(&r, argc, argv, &err);

    if (rc == 0)
        rc = making_keep(&r, &err);
    if (rc < 0) {
        making_undo(&r);
        command_fail("create", &err);
        return r.parsed ? EXIT_DOCKER_ERROR : EXIT_MOAT_ERROR;
    }
    puts(r.sb.id);
    return fflush(stdout) ? EXIT_MOAT_ERROR : 0;
}

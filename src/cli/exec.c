/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat exec`: one more process in a sandbox that runs. It is our own child, with our own streams or with a terminal of
 * its own in between; detached, it belongs to the sandbox and nobody waits for it.
 */
#include "cli/commands.h"
#include "cli/relay.h"
#include "cli/sandboxes.h"
#include "host/unixsock.h"
#include "image/users.h"
#include "policy/flags.h"
#include "policy/list.h"
#include "sandbox/console.h"

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

enum {
    OPTION_DETACH,
    OPTION_INTERACTIVE,
    OPTION_TTY,
    OPTION_ENV,
    OPTION_ENV_FILE,
    OPTION_WORKDIR,
    OPTION_USER,
    OPTION_PRIVILEGED,
    OPTION_DETACH_KEYS,
};

const struct option_row exec_options[] = {
    {"detach", 'd', NULL, "Do not wait for its end", OPTION_DETACH},
    {"interactive", 'i', NULL, "Connect the standard input", OPTION_INTERACTIVE},
    {"tty", 't', NULL, "Give it a terminal", OPTION_TTY},
    {"env", 'e', "NAME[=VALUE]", "Set a variable; NAME alone takes moat's own value", OPTION_ENV},
    {"env-file", 0, "FILE", "Set the variables of a file, one a line", OPTION_ENV_FILE},
    {"workdir", 'w', "PATH", "Working directory inside", OPTION_WORKDIR},
    {"user", 'u', "USER[:GROUP]", "Names or numbers", OPTION_USER},
    {"privileged", 0, NULL, NULL, OPTION_PRIVILEGED},
    {"detach-keys", 0, "KEYS", NULL, OPTION_DETACH_KEYS},
};
const size_t n_exec_options = ARRAY_LEN(exec_options);

struct request {
    struct arena arena;
    bool detach, interactive, tty;
    const char *workdir, *user;
    struct policy scratch; /* takes -e and --env-file by the rows of run */
    struct policy_build build;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct request *q = ctx;
    bool on = !strcmp(value, "true");

    switch (id) {
    case OPTION_DETACH:
        q->detach = on;
        return 0;
    case OPTION_INTERACTIVE:
        q->interactive = on;
        return 0;
    case OPTION_TTY:
        q->tty = on;
        return 0;
    case OPTION_ENV:
        return policy_flag_apply(&q->build, FLAG_ENV, NULL, value, err);
    case OPTION_ENV_FILE:
        return policy_flag_apply(&q->build, FLAG_ENV_FILE, NULL, value, err);
    case OPTION_WORKDIR:
        q->workdir = value;
        return value[0] == '/' ? 0 : err_set(err, -EINVAL, "--workdir %s: must be an absolute path inside", value);
    case OPTION_USER:
        q->user = value;
        return 0;
    case OPTION_DETACH_KEYS:
        return err_set(err, -ENOTSUP, "--detach-keys: a process of exec ends with its caller; -d runs one apart");
    default:
        return on ? err_set(err, -ENOTSUP, "--privileged: a process in a sandbox has no more rights than the sandbox")
                  : 0;
    }
}

static int make_process(struct request *q, struct sandbox *sb, char **argv, int n, struct process *pr, struct err *err)
{
    char path[64];
    int r = 0;

    *pr = sb->policy.process;
    pr->rows = pr->cols = 0;
    pr->terminal = q->tty;
    pr->argv = (struct strv){argv, (uint32_t)n};
    if (q->workdir)
        pr->cwd = q->workdir;
    for (uint32_t i = 0; r == 0 && i < q->build.user_env.n; i++)
        r = policy_env_set(&q->arena, &pr->env, q->build.user_env.v[i]);
    if (r == 0 && q->tty)
        for (uint32_t i = 0; i <= pr->env.n; i++) {
            if (i == pr->env.n) {
                r = policy_env_set(&q->arena, &pr->env, "TERM=xterm");
                break;
            }
            if (!strncmp(pr->env.v[i], "TERM=", 5))
                break;
        }
    if (r < 0)
        return err_set(err, r, "the environment is too large");
    if (!q->user)
        return 0;
    sb->inst.exec_user = true;
    snprintf(path, sizeof path, "/proc/%d/root", (int)sb->inst.pid);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(err, -errno, "root of %s", sb->id);
    pr->user = (struct user_rule){0};
    r = users_resolve(&q->arena, root, q->user, &pr->user, err);
    if (r == -ENOENT && faccessat(root, "etc/passwd", F_OK, 0) < 0) /* a kernel inside may have one */
        err_set(err, r, "user %s: no /etc/passwd is seen from here; give a number, as `id -u` says it inside", q->user);
    close(root);
    return r;
}

static int check_status(struct sandbox *sb, struct err *err)
{
    enum sandbox_status s = sandbox_status(sb);

    if (s == SANDBOX_PAUSED)
        return err_set(err, -EBUSY, "Container %s is paused, unpause the container before exec", sb->id);
    if (s == SANDBOX_RESTARTING)
        return err_set(err, -EBUSY, "Container %s is restarting, wait until the container is running", sb->id);
    return s == SANDBOX_RUNNING ? 0 : err_set(err, -EINVAL, "Container %s is not running", sb->id);
}

static int open_streams(struct request *q, struct sandbox *sb, struct process *pr, int pair[2], struct relay *relay,
                        struct err *err)
{
    struct winsize ws;

    if (q->tty && q->interactive && !q->detach && !isatty(0))
        return err_set(err, -ENOTTY, "the input device is not a TTY: leave -t out");
    if (q->tty) {
        if (ioctl(isatty(0) ? 0 : 1, TIOCGWINSZ, &ws) == 0) {
            pr->rows = ws.ws_row;
            pr->cols = ws.ws_col;
        }
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            return err_sys(err, -errno, "console socket");
        fcntl(pair[0], F_SETFD, FD_CLOEXEC);
        sb->inst.console_socket = pair[1];
        return 0;
    }
    for (int fd = 0; fd <= 2; fd++) {
        if (fd ? !q->detach : q->interactive && !q->detach)
            continue;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, fd) < 0)
            return err_sys(err, -errno, "/dev/null");
        close(null);
    }
    return q->detach ? 0 : relay_prepare(relay, q->interactive, err);
}

/* 126 and 127 are docker's for what exec was to run. */
static int failed(int r, const struct err *err)
{
    command_fail("exec", err);
    if (strncmp(err->text, "exec: ", 6))
        return EXIT_DOCKER_ERROR;
    return r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_INVOKE;
}

int cmd_exec(int argc, char **argv)
{
    static struct request q;
    static struct err err;
    static struct sandbox sb;
    struct relay relay = {.terminal = {-1, -1, -1}, .ours = {-1, -1, -1}, .stop = -1};
    struct process pr;
    int at = 1, pair[2] = {-1, -1}, status = 0, errs = -1;
    bool timed_out = false;
    sigset_t old;

    if (arena_init(&q.arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    policy_init(&q.scratch, &q.arena, POLICY_FROM_FLAGS);
    if (policy_build_init(&q.build, &q.scratch, "/", &err) < 0 ||
        options_parse(exec_options, n_exec_options, argc, argv, true, &at, apply, &q, &err) < 0)
        return command_fail("exec", &err);
    if (argc - at < 2) {
        err_set(&err, -EINVAL, "name and command are needed: moat exec [OPTIONS] NAME COMMAND [ARG...]");
        return sandboxes_fail("exec", &err);
    }
    int r = sandboxes_load(&sb, &q.arena, argv[at], &err);
    if (r < 0 || (r = check_status(&sb, &err)) < 0 ||
        (r = make_process(&q, &sb, argv + at + 1, argc - at - 1, &pr, &err)) < 0)
        return failed(r, &err);
    errs = fcntl(2, F_DUPFD_CLOEXEC, 3); /* where to say what fails behind this */
    if ((r = open_streams(&q, &sb, &pr, pair, &relay, &err)) < 0)
        return failed(r, &err);
    sb.inst.die_with_launcher = !q.detach;
    if (!q.detach) {
        console_block_signals(&old);
        sb.inst.child_mask = &old;
    }
    r = sb.inst.boundary->exec(&sb.inst, &pr, &err);
    if (errs >= 0) {
        dup2(errs, 2);
        close(errs);
    }
    if (r == 0 && !q.detach)
        r = relay_start(&relay, &err);
    if (r < 0)
        return failed(r, &err);
    if (pair[1] >= 0)
        close(pair[1]);
    if (q.detach) /* its terminal, if it has one, is hung up with us: nobody could join it */
        return 0;
    struct wait_options w = {.pid = sb.inst.exec_pid,
                             .pidfd = -1,
                             .console_master = pair[0] >= 0 ? unixsock_receive_fd(pair[0], 0) : -1,
                             .stdin_fd = 0,
                             .stdout_fd = 1,
                             .keep_stdin = q.interactive,
                             .forward_signals = true};
    r = console_wait(&w, &status, &timed_out, &err);
    relay_finish(&relay, &old);
    if (r < 0)
        return failed(r, &err);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null boundary: the contract's smallest implementation, for tests of what stands above the contract. It confines
 * NOTHING: create() forks a plain child of the caller, who executes the workload with his own rights. It is linked into
 * build/tests/moat-null only, never into moat, and lower() refuses it there without MOAT_TEST_NULL_BOUNDARY=1.
 * Each verb that is called adds a line "ID VERB [ARGUMENT]" to ROOT/.null-calls, which outlives the sandbox.
 */
#include "base/io.h"
#include "boundary/boundary.h"
#include "host/sys.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_MS 1000

/* ---- what was called ---------------------------------------------------------------------------------------- */

static void note(const struct instance *inst, const char *verb, int number)
{
    char line[320];
    int n = number < 0 ? snprintf(line, sizeof line, "%s %s\n", inst->id, verb)
                       : snprintf(line, sizeof line, "%s %s %d\n", inst->id, verb, number);
    _cleanup_fd_ int fd = openat(inst->state_fd, "../.null-calls", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    /* One write, so lines of several processes do not mix; a line that is lost fails the test that looks for it. */
    if (fd >= 0 && n > 0 && n < (int)sizeof line)
        io_write_all(fd, line, (size_t)n);
}

/* ---- a process ---------------------------------------------------------------------------------------------- */

struct child {
    const struct instance *inst;
    const struct process *process;
    bool wait_start;
};

static _Noreturn void run(const struct child *c, int report)
{
    const struct process *pr = c->process;
    sigset_t none;
    char byte;

    setsid();
    if (c->inst->die_with_launcher)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, c->inst->child_mask ? c->inst->child_mask : &none, NULL);
    if (c->wait_start) {
        int fd = openat(c->inst->state_fd, "start.pipe", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, &byte, 1) != 1)
            _exit(125);
    }
    sys(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    if (pr->cwd && chdir(pr->cwd) < 0 && chdir("/") < 0)
        _exit(125);
    pr->env.v[pr->env.n] = NULL;
    pr->argv.v[pr->argv.n] = NULL;
    execvpe(pr->argv.v[0], pr->argv.v, pr->env.v);
    int code = errno;
    io_write_all(report, &code, sizeof code);
    _exit(127);
}

/* The list with room for the NULL that execve(2) wants. */
static int with_end(struct arena *a, struct strv *list)
{
    char **v = arena_array(a, list->n + 1, sizeof *v);

    if (!v)
        return -ENOMEM;
    if (list->n)
        memcpy(v, list->v, list->n * sizeof *v);
    list->v = v;
    return 0;
}

/* The process, and the pipe that says why its program was not executed; it ends when it was. */
static pid_t spawn(struct instance *inst, const struct process *process, bool wait_start, int *report, struct err *err)
{
    struct process pr = *process;
    struct child c = {.inst = inst, .process = &pr, .wait_start = wait_start};
    int p[2];

    if (!pr.argv.n || with_end(inst->arena, &pr.argv) < 0 || with_end(inst->arena, &pr.env) < 0)
        return err_set(err, -EINVAL, "null boundary: nothing to execute");
    if (pr.terminal)
        return err_set(err, -ENOTSUP, "null boundary: has no terminals; leave -t out");
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "null boundary");
    pid_t pid = fork();
    if (pid == 0)
        run(&c, p[1]);
    int r = pid < 0 ? -errno : 0;
    close(p[1]);
    if (pid < 0) {
        close(p[0]);
        return err_sys(err, r, "null boundary");
    }
    *report = p[0];
    return pid;
}

static int read_report(int *report, const char *program, struct err *err)
{
    int code = 0;
    ssize_t n = *report < 0 ? 0 : read(*report, &code, sizeof code);

    cleanup_fd(report);
    *report = -1;
    if (n != (ssize_t)sizeof code)
        return 0;
    return code == ENOENT ? err_set(err, -code, "exec: \"%s\": executable file not found in $PATH", program)
                          : err_sys(err, -code, "exec: \"%s\"", program);
}

static void await_end(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    for (int i = 0; pidfd >= 0 && i < 100; i++)
        if (poll(&p, 1, 100) > 0)
            return;
}

/* ---- the verbs ---------------------------------------------------------------------------------------------- */

static int null_offer(struct arena *a, struct offer *out)
{
    (void)a;
    *out = (struct offer){.available = true, .strength = "none at all: for tests", .speed = "a fork", .details = ""};
    return 0;
}

static int null_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    const char *on = getenv("MOAT_TEST_NULL_BOUNDARY");

    (void)p;
    (void)out;
    return on && !strcmp(on, "1")
               ? 0
               : err_set(err, -ENOTSUP, "null boundary: confines nothing; for tests only (MOAT_TEST_NULL_BOUNDARY=1)");
}

static int null_create(struct instance *inst, struct err *err)
{
    note(inst, "create", -1);
    if (inst->wait_start && mkfifoat(inst->state_fd, "start.pipe", 0600) < 0)
        return err_sys(err, -errno, "null boundary: start.pipe");
    pid_t pid = spawn(inst, &inst->policy->process, inst->wait_start, &inst->report_fd, err);
    if (pid < 0)
        return (int)pid;
    inst->pid = pid;
    inst->pidfd = (int)sys(SYS_pidfd_open, pid, 0);
    return 0;
}

static int null_settle(struct instance *inst, bool *ready, struct err *err)
{
    note(inst, "settle", -1);
    *ready = true;
    return inst->wait_start ? 0 : read_report(&inst->report_fd, inst->policy->process.argv.v[0], err);
}

static int null_start(struct instance *inst, struct err *err)
{
    note(inst, "start", -1);
    _cleanup_fd_ int fd = openat(inst->state_fd, "start.pipe", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || io_write_all(fd, "", 1) < 0)
        return err_sys(err, -errno, "null boundary: start.pipe");
    unlinkat(inst->state_fd, "start.pipe", 0);
    return 0;
}

static int null_recover(struct instance *inst, struct err *err)
{
    (void)err;
    note(inst, "recover", -1);
    inst->pidfd = inst->pid > 0 ? (int)sys(SYS_pidfd_open, inst->pid, 0) : -1;
    return 0;
}

static int null_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    int report = -1;

    note(inst, "exec", -1);
    pid_t pid = spawn(inst, pr, false, &report, err);
    if (pid < 0)
        return (int)pid;
    inst->exec_pid = pid;
    int r = read_report(&report, pr->argv.v[0], err);
    if (r < 0)
        waitpid(pid, NULL, 0);
    return r;
}

static int null_signal(struct instance *inst, int signo, struct err *err)
{
    note(inst, "signal", signo);
    int r = inst->pidfd >= 0 ? (int)sys(SYS_pidfd_send_signal, inst->pidfd, signo, NULL, 0) : -ESRCH;
    return r < 0 ? err_sys(err, r, "null boundary: process %d", (int)inst->pid) : 0;
}

static bool null_is_paused(struct instance *inst)
{
    char path[64], text[1024];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)inst->pid);
    ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof text);
    const char *end = n > 0 ? strrchr(text, ')') : NULL;
    return end && end[1] == ' ' && end[2] == 'T';
}

/* Its whole process group; the first process is looked at, so that the number is still its own. */
static int null_pause(struct instance *inst, bool paused, struct err *err)
{
    note(inst, paused ? "pause" : "resume", -1);
    if (inst->pidfd < 0 || sys(SYS_pidfd_send_signal, inst->pidfd, 0, NULL, 0) < 0)
        return err_set(err, -ESRCH, "null boundary: process %d is gone", (int)inst->pid);
    if (kill(-inst->pid, paused ? SIGSTOP : SIGCONT) < 0)
        return err_sys(err, -errno, "null boundary");
    /* A process stops when it next looks for signals: who asks then is to be told what is so. */
    for (int i = 0; paused && i < PAUSE_MS && !null_is_paused(inst); i++)
        usleep(1000);
    return 0;
}

static int null_stats(struct instance *inst, struct cgroup_stats *st, struct err *err)
{
    (void)err;
    note(inst, "stats", -1);
    *st = (struct cgroup_stats){0};
    return 0;
}

/* What left the process group lives on: without a boundary there is nothing by which to find it. */
static int null_destroy(struct instance *inst, struct err *err)
{
    (void)err;
    note(inst, "destroy", -1);
    if (inst->pid > 0 && inst->pidfd >= 0 && sys(SYS_pidfd_send_signal, inst->pidfd, 0, NULL, 0) == 0) {
        kill(-inst->pid, SIGKILL);
        sys(SYS_pidfd_send_signal, inst->pidfd, SIGKILL, NULL, 0);
        await_end(inst->pidfd);
    }
    cleanup_fd(&inst->report_fd);
    inst->report_fd = -1;
    return 0;
}

const struct boundary boundary_null = {
    .name = "null",
    .offer = null_offer,
    .lower = null_lower,
    .create = null_create,
    .settle = null_settle,
    .start = null_start,
    .recover = null_recover,
    .exec = null_exec,
    .signal = null_signal,
    .pause = null_pause,
    .is_paused = null_is_paused,
    .stats = null_stats,
    .destroy = null_destroy,
};

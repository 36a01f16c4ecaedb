/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI hooks (runtime-spec, config.md "POSIX-platform Hooks"): executed in order, state JSON on stdin, each within its
 * timeout. Used by the launcher and by the set-up stage, so: host/sys.h only, no allocation, vfork-like children.
 */
#include "boundary/hooks.h"
#include "boundary/container/container.h"
#include "host/clone.h"
#include "host/sys.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

struct hook_child {
    const struct hook *hook;
    int in;
};

static int hook_exec(void *arg)
{
    static char *const none[] = {NULL};
    const struct hook_child *c = arg;
    char *bare[] = {(char *)(uintptr_t)c->hook->path, NULL};
    uint64_t empty = 0;

    sys(SYS_dup3, c->in, 0, 0);
    /* Some of the launcher's descriptors are meant for moat-enter and survive an exec; a hook that stays would hold
     * them. */
    sys(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
    sys(SYS_rt_sigprocmask, SIG_SETMASK, &empty, NULL, 8);
    sys(SYS_execve, c->hook->path, c->hook->argv.n ? c->hook->argv.v : bare, c->hook->env.n ? c->hook->env.v : none);
    return 127;
}

/* 0 with *status, or -ETIMEDOUT after killing it. */
static int hook_wait(int pid, int pidfd, int64_t timeout_s, int *status)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    struct timespec limit = {.tv_sec = timeout_s};
    long r = 1;

    if (timeout_s > 0)
        do
            r = sys(SYS_ppoll, &p, 1, &limit, NULL, 8);
        while (r == -EINTR);
    if (r == 0)
        sys(SYS_kill, pid, SIGKILL);
    while (sys(SYS_wait4, pid, status, __WALL, NULL) == -EINTR)
        ;
    return r == 0 ? -ETIMEDOUT : 0;
}

static int hook_run(const struct hook *hook, const char *state, size_t len, int *status)
{
    static char stack[16384] __attribute__((aligned(16)));
    int in[2], pidfd = -1;
    int r = (int)sys(SYS_pipe2, in, O_CLOEXEC);

    if (r < 0)
        return r;
    struct hook_child child = {hook, in[0]};
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)&pidfd,
                              .exit_signal = SIGCHLD,
                              .stack = (uint64_t)(uintptr_t)stack,
                              .stack_size = sizeof stack};
    int pid = (int)clone3_call(&args, hook_exec, &child);
    sys(SYS_close, in[0]);
    if (pid >= 0) {
        uint64_t pipe_signal = 1ULL << (SIGPIPE - 1), old;
        sys(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &old, 8);
        sys(SYS_write, in[1], state, len); /* a hook that does not read its state is its own business */
        struct timespec now = {0, 0};
        sys(SYS_rt_sigtimedwait, &pipe_signal, NULL, &now, 8);
        sys(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    }
    sys(SYS_close, in[1]);
    if (pid < 0)
        return pid;
    r = hook_wait(pid, pidfd, hook->timeout.set ? hook->timeout.v : 0, status);
    sys(SYS_close, pidfd);
    return r;
}

int hooks_run(const struct hooks *hooks, const char *point, const char *state, size_t len, struct err *err)
{
    for (uint32_t i = 0; i < hooks->n; i++) {
        const struct hook *h = &hooks->v[i];
        int status = 0;
        int r = hook_run(h, state, len, &status);
        if (r == -ETIMEDOUT)
            return err_set(err, r, "hooks.%s[%u] %s: did not end within %lld seconds", point, i, h->path,
                           (long long)h->timeout.v);
        if (r < 0)
            return err_sys(err, r, "hooks.%s[%u] %s", point, i, h->path);
        if (status & 0x7f)
            return err_set(err, -ECHILD, "hooks.%s[%u] %s: ended by signal %d", point, i, h->path, status & 0x7f);
        if (status)
            return err_set(err, -ECHILD, "hooks.%s[%u] %s: exit status %d%s", point, i, h->path, status >> 8 & 0xff,
                           status >> 8 == 127 ? " (is the file there and executable?)" : "");
    }
    return 0;
}

int boundary_hooks_run(const struct instance *inst, const struct hooks *hooks, const char *point, const char *status,
                       struct err *err)
{
    size_t len = 0;
    const char *state = state_json(inst, status, inst->pid, &len);

    return state ? hooks_run(hooks, point, state, len, err) : err_set(err, -ENOMEM, "no memory for the state document");
}

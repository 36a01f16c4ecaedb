/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker boundary: a program of the host behind the container's walls, over a root that holds what was granted and
 * nothing else; what the kernel's walls cannot express is answered by libexec/moat-broker (src/broker/README.md).
 */
#include "base/mem.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "confine/paths.h"
#include "confine/seccomp.h"
#include "host/features.h"
#include "host/helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BROKER_END_MS 2000

bool broker_is_needed(const struct policy *p)
{
    return p->n_net || p->deny_log || paths_brokered(p);
}

static int offer(struct arena *a, struct offer *out)
{
    int r = boundary_container.offer(a, out);

    out->strength =
        "kernel shared: container walls, files by path rules, a stricter system-call filter, calls brokered";
    out->speed =
        "native speed; a start takes milliseconds, most of them the kernel's; a brokered call some microseconds";
    return r;
}

/* A directory is a tree that no rule names; a socket of the host's network can be connected to anything, past every
 * network rule: the target's filter and its namespaces know neither. */
static int check_streams(const struct policy *p, struct err *err)
{
    static const char *const names[] = {"input", "output", "error"};
    struct stat st;

    for (int fd = 0; fd <= 2 && !p->process.terminal; fd++) {
        int domain = AF_UNIX;
        socklen_t n = sizeof domain;
        if (fstat(fd, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            return err_set(err, -EISDIR, "standard %s is a directory, which no rule grants: --ro shows it", names[fd]);
        if (S_ISSOCK(st.st_mode) && p->ns[NS_NET].how != NS_HOST &&
            (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != AF_UNIX))
            return err_set(err, -EPERM,
                           "standard %s is a socket of the host's network, by which the program could connect to "
                           "anything: put a pipe between (cat | moat run ... | cat)",
                           names[fd]);
    }
    return 0;
}

static int create(struct instance *inst, struct err *err)
{
    int listener = -1, lifeline = -1;

    inst->notify = seccomp_policy_notify(inst->policy);
    int r = check_streams(inst->policy, err);
    if (r < 0)
        return r;
    r = broker_is_needed(inst->policy) ? broker_prepare(inst, &listener, &lifeline, err) : 0;

    if (r == 0)
        r = boundary_container.create(inst, err);
    cleanup_fd(&inst->listener_socket);
    cleanup_fd(&inst->lifeline);
    inst->listener_socket = inst->lifeline = -1;
    if (r == 0 && listener >= 0) {
        if ((r = broker_spawn(inst, listener, lifeline, err)) < 0)
            boundary_container.destroy(inst, &(struct err){0});
    } else {
        cleanup_fd(&listener);
        cleanup_fd(&lifeline);
    }
    return r;
}

static int settle(struct instance *inst, bool *ready, struct err *err)
{
    return boundary_container.settle(inst, ready, err);
}

static int start(struct instance *inst, struct err *err)
{
    return boundary_container.start(inst, err);
}

static int recover(struct instance *inst, struct err *err)
{
    return boundary_container.recover(inst, err);
}

static int exec_in(struct instance *inst, const struct process *pr, struct err *err)
{
    if (broker_is_needed(inst->policy))
        return err_set(err, -ENOTSUP,
                       "sandbox %s: exec into a sandbox whose calls a broker answers is not in this build: start a "
                       "second sandbox with the same policy",
                       inst->id);
    return boundary_container.exec(inst, pr, err);
}

static int send_signal(struct instance *inst, int signo, struct err *err)
{
    return boundary_container.signal(inst, signo, err);
}

static int pause_it(struct instance *inst, bool paused, struct err *err)
{
    return boundary_container.pause(inst, paused, err);
}

static bool is_paused(struct instance *inst)
{
    return boundary_container.is_paused(inst);
}

static int update(struct instance *inst, const struct limits *l, struct err *err)
{
    return boundary_container.update(inst, l, err);
}

static int stats(struct instance *inst, struct cgroup_stats *st, struct err *err)
{
    return boundary_container.stats(inst, st, err);
}

static int destroy(struct instance *inst, struct err *err)
{
    int r = boundary_container.destroy(inst, err);

    if (inst->broker_pid > 0) /* it ends with the last process that it answered */
        helper_wait_for(inst->broker_pid, BROKER_END_MS, &(int){0});
    inst->broker_pid = 0;
    return r;
}

static int hold(const struct instance *inst)
{
    return boundary_container.hold(inst);
}

const struct boundary boundary_broker = {
    .name = "broker",
    .offer = offer,
    .lower = container_lower_brokered,
    .create = create,
    .settle = settle,
    .start = start,
    .recover = recover,
    .exec = exec_in,
    .signal = send_signal,
    .pause = pause_it,
    .is_paused = is_paused,
    .update = update,
    .stats = stats,
    .destroy = destroy,
    .hold = hold,
};

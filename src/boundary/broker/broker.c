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
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BROKER_END_MS 2000

bool broker_is_needed(const struct policy *p)
{
    return p->n_net || p->deny_log || paths_brokered(p);
}

static int broker_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

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

int broker_create(struct instance *inst, struct err *err)
{
    int listener = -1, lifeline = -1;

    inst->notify = seccomp_policy_notify(inst->policy);
    int r = check_streams(inst->policy, err);
    if (r < 0)
        return r;
    r = broker_is_needed(inst->policy) ? broker_prepare(inst, &listener, &lifeline, err) : 0;

    if (r == 0)
        r = container_create(inst, err);
    cleanup_fd(&inst->listener_socket);
    cleanup_fd(&inst->lifeline);
    inst->listener_socket = inst->lifeline = -1;
    if (r == 0 && listener >= 0) {
        /* When it comes to nothing, who waits for an answer is ended, before it is told that nobody answers. */
        int held = fcntl(listener, F_DUPFD_CLOEXEC, 3);
        if ((r = broker_spawn(inst, listener, lifeline, err)) < 0)
            container_destroy(inst, &(struct err){0});
        cleanup_fd(&held);
    } else {
        cleanup_fd(&listener);
        cleanup_fd(&lifeline);
    }
    return r;
}

static int broker_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    if (broker_is_needed(inst->policy))
        return err_set(err, -ENOTSUP,
                       "sandbox %s: exec into a sandbox whose calls a broker answers is not in this build: start a "
                       "second sandbox with the same policy",
                       inst->id);
    return container_exec(inst, pr, err);
}

int broker_destroy(struct instance *inst, struct err *err)
{
    int r = container_destroy(inst, err);

    if (inst->broker_pid > 0) /* it ends with the last process that it answered */
        helper_wait_for(inst->broker_pid, BROKER_END_MS, &(int){0});
    inst->broker_pid = 0;
    return r;
}

const struct boundary boundary_broker = {
    .name = "broker",
    .offer = broker_offer,
    .lower = container_lower_brokered,
    .create = broker_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = broker_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .destroy = broker_destroy,
    .hold = container_hold,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A further process in a running container. The launcher only opens things; joining happens in moat-enter, so no page
 * and no file of the host's program is ever inside where the workload could reach it.
 */
#include "boundary/container/container.h"
#include "guest/enter.h"
#include "host/clone.h"
#include "host/idmap.h"
#include "host/mountapi.h"
#include "policy/names.h"

#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct exec_child {
    int memfd;
    char **argv, **envp;
    sigset_t mask;
    bool keep_keyring;
    const struct process *process;
    struct err *err;
    int result;
};

static int exec_enter(void *arg)
{
    struct exec_child *c = arg;
    const struct process *pr = c->process;

    if (!c->keep_keyring) /* the caller's session keyring holds his keys */
        sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    scheduling_raise_limits(pr);
    if ((c->result = scheduling_set_affinity(0, pr->cpu_affinity_initial, "initial", c->err)) < 0 ||
        (c->result = scheduling_set_oom_score(pr, c->err)) < 0 || (c->result = scheduling_set(pr, c->err)) < 0)
        return 125;
    sys(SYS_rt_sigprocmask, SIG_SETMASK, &c->mask, NULL, 8);
    c->result = (int)sys(SYS_execveat, c->memfd, "", c->argv, c->envp, AT_EMPTY_PATH);
    err_sys(c->err, c->result, "cannot execute the last stage from a memfd (sysctl vm.memfd_noexec must not be 2)");
    return 125;
}

/* The namespaces of the container that are not ours already; the user namespace first, the mount namespace last. */
static int open_container_namespaces(struct instance *inst, int fds[NS_KINDS + 1], bool *other_pid, bool *other_user,
                                     struct err *err)
{
    static const int order[] = {NS_USER, NS_CGROUP, NS_IPC, NS_UTS, NS_NET, NS_PID, NS_TIME, NS_MNT};
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct stat own, theirs;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", ns_proc_name(order[i]));
        if (stat(path, &own) < 0)
            continue; /* a kernel without this kind */
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)inst->pid, ns_proc_name(order[i]));
        int fd = open(path, O_RDONLY);
        if (fd < 0 || fstat(fd, &theirs) < 0) {
            close_fd(fd);
            return err_sys(err, -errno, "container %s: cannot open its %s namespace", inst->id, ns_name(order[i]));
        }
        if (own.st_ino == theirs.st_ino) {
            close(fd);
            continue;
        }
        *other_pid |= order[i] == NS_PID;
        *other_user |= order[i] == NS_USER;
        fds[n++] = fd;
    }
    fds[n] = -1;
    return 0;
}

static int exec_environment(struct instance *inst, const struct process *pr, char ***out, struct err *err)
{
    char **envp = arena_array(inst->arena, pr->env.n + 2, sizeof *envp);
    char *home = arena_alloc(inst->arena, 512);
    bool has_home = false;
    char path[64];

    if (!envp || !home)
        return err_set(err, -ENOMEM, "no memory for process.env");
    for (uint32_t i = 0; i < pr->env.n; i++) {
        envp[i] = pr->env.v[i];
        has_home |= !strncmp(envp[i], "HOME=", 5);
    }
    if (!has_home) {
        snprintf(path, sizeof path, "/proc/%d/root", (int)inst->pid);
        int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        home_find(root, pr->user.uid, home, 512);
        close_fd(root);
        envp[pr->env.n] = home;
    }
    *out = envp;
    return 0;
}

/* Reads reports until the exec; learns the process that goes on. */
static int exec_settle(struct instance *inst, const struct process *pr, pid_t first, bool forks, pid_t *pid,
                       struct err *err)
{
    struct enter_report rep;
    ssize_t n;
    int r = 0;

    *pid = first;
    while ((n = read(inst->report_fd, &rep, sizeof rep)) == (ssize_t)sizeof rep || (n < 0 && errno == EINTR)) {
        if (n > 0 && rep.stage == ENTER_FORKED)
            *pid = rep.code;
        else if (n > 0 && rep.stage >= ENTER_FAILED_BASE)
            r = report_to_err(inst, pr, &rep, err);
    }
    if (forks) { /* the one that joined has done its work */
        while (waitpid(first, NULL, __WALL) < 0 && errno == EINTR)
            ;
        if (*pid == first && r == 0)
            r = err_set(err, -ECHILD, "container %s: the process that joined it died (is its pid limit reached?)",
                        inst->id);
    }
    if (r < 0 && *pid > 0 && (*pid != first || !forks)) {
        while (waitpid(*pid, NULL, __WALL) < 0 && errno == EINTR)
            ;
    }
    return r;
}

int container_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    static char stack[16384] __attribute__((aligned(16)));
    int ns[NS_KINDS + 1] = {-1}, cgroups[CGROUP_HIERARCHIES_MAX + 1], report[2];
    bool other_pid = false, other_user = false;
    struct exec_child child = {.memfd = -1, .keep_keyring = inst->no_new_keyring, .process = pr, .err = err};
    struct policy with = *inst->policy;
    uint32_t n = 0;

    with.init = false;
    int r = open_container_namespaces(inst, ns, &other_pid, &other_user, err);
    for (uint32_t i = 0; inst->cgroup.host && i < inst->cgroup.host->n && n < CGROUP_HIERARCHIES_MAX; i++)
        if (inst->cgroup.join_fds[i] >= 0) {
            fcntl(inst->cgroup.join_fds[i], F_SETFD, 0);
            cgroups[n++] = inst->cgroup.join_fds[i];
        }
    cgroups[n] = -1;
    /* The namespaces were opened by the process's number: they are its own if it is still there. */
    if (r == 0 && sys(SYS_pidfd_send_signal, inst->pidfd, 0, NULL, 0) < 0)
        r = err_set(err, -ESRCH, "container %s: its process has ended", inst->id);
    if (r == 0 && pipe2(report, O_CLOEXEC) < 0)
        r = err_sys(err, -errno, "report pipe");
    if (r < 0)
        return r;
    inst->report_fd = report[0];
    fcntl(report[1], F_SETFD, 0);
    struct enter_request rq = {.process = pr,
                               .policy = &with,
                               .report_fd = report[1],
                               .start_fd = -1,
                               .listener_fd = -1,
                               .console_fd = pr->terminal ? inst->console_socket : -1,
                               .lifeline_fd = -1,
                               .handed_fd = -1,
                               .program_fd = -1,
                               .ns_fds = ns,
                               .cgroup_fds = cgroups,
                               .keep_fds = inst->keep_fds,
                               .set_groups = !inst->rootless || !idmap_is_single(&with.gid_maps)};
    rq.flags = ENTER_SETSID | (other_pid ? ENTER_FORK : 0) | (other_user ? ENTER_SET_UID : 0) |
               (inst->die_with_launcher ? ENTER_PDEATHSIG : 0);
    if (pr->terminal)
        rq.flags |= ENTER_CONSOLE | ENTER_CTTY;
    with.seccomp.listener_path = NULL; /* an agent serves the container's first process */
    r = record_make(inst, &rq, &child.memfd, &child.argv, err);
    if (r == 0) {
        streams_hand_over(inst, pr);
        r = exec_environment(inst, pr, &child.envp, err);
    }
    sigprocmask(SIG_SETMASK, NULL, &child.mask);
    if (inst->child_mask)
        child.mask = *inst->child_mask;
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK,
                              .exit_signal = SIGCHLD,
                              .stack = (uint64_t)(uintptr_t)stack,
                              .stack_size = sizeof stack};
    long pid = r < 0 ? r : clone3_call(&args, exec_enter, &child);
    close(report[1]);
    close_fd(child.memfd);
    for (int i = 0; ns[i] >= 0; i++)
        close(ns[i]);
    if (r == 0 && pid < 0)
        r = err_sys(err, (int)pid, "cannot make a process");
    else if (r == 0 && child.result < 0)
        r = child.result;
    else if (r == 0)
        r = exec_settle(inst, pr, (pid_t)pid, other_pid, &inst->exec_pid, err);
    close_fd(inst->report_fd);
    inst->report_fd = -1;
    return r < 0 ? r : scheduling_set_affinity(inst->exec_pid, pr->cpu_affinity_final, "final", err);
}

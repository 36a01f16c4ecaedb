/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes as families: what a child has of its parent, what a parent learns of its children, who takes the orphans.
 * wait(2), _exit(2), setpgid(2). The kernel of a program that never makes another process is linked without it: its
 * callers in exit.c and deliver.c look whether it is there.
 */
#include "linux/task/internal.h"

#include <string.h>

__typeof__(pidfds_ended) pidfds_ended __attribute__((weak));

/* ---- birth ------------------------------------------------------------------------------------------------------- */

static void process_inherit(struct process *p, struct process *parent)
{
    p->parent = parent;
    p->pgid = parent->pgid, p->sid = parent->sid;
    p->tty = parent->tty;
    p->dumpable = parent->dumpable;
    p->personality = parent->personality;
    p->session_keys = parent->session_keys;
    p->oom_score_adj = parent->oom_score_adj;
    memcpy(p->limits, parent->limits, sizeof(p->limits));
    if (parent->exe_path && (p->exe_path = heap_alloc(parent->exe_path_size))) {
        p->exe_path_size = parent->exe_path_size;
        memcpy(p->exe_path, parent->exe_path, p->exe_path_size);
    }
    list_append(&parent->children, &p->sibling);
}

struct process *process_new_child(struct process *parent, struct signal_shared *signals)
{
    struct process *p = process_new(signals);
    if (p)
        process_inherit(p, parent);
    return p;
}

/* ---- news for the parent ------------------------------------------------------------------------------------------
 */

void process_tell_parent(struct process *p, int code, int status)
{
    struct process *parent = p->parent;
    if (!parent || !parent->signals)
        return;
    bool ended = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
    const struct signal_action *action = &parent->signals->actions[SIGCHLD - 1];
    int signo = ended ? p->exit_signal : SIGCHLD;
    if (signo && !(signo == SIGCHLD && action->handler == (uint64_t)SIG_IGN) &&
        (ended || !(action->flags & SA_NOCLDSTOP))) {
        struct cpu_times times = process_cpu_times(p);
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        info.si_signo = signo;
        info.si_code = code;
        info.si_pid = p->pid;
        info.si_uid = p->leader->cred->uid;
        info.si_status = status;
        info.si_utime = (__kernel_clock_t)(times.user / USER_TICK);
        info.si_stime = (__kernel_clock_t)(times.system / USER_TICK);
        signal_process(parent, &info);
    }
    wait_wake_all(&parent->child_ended);
}

/* ---- what the end of a process means to groups ------------------------------------------------------------------- */

/* Whether somebody of this group's session, but outside of the group, is the parent of one in it. `without` is gone. */
bool group_is_orphaned(int32_t pgid, int32_t sid, const struct process *without)
{
    each_process (p) {
        if (p == without || p->pgid != pgid || p->zombie || !p->parent)
            continue;
        if (p->parent->pgid != pgid && p->parent->sid == sid && p->parent != without)
            return false;
    }
    return true;
}

static void group_if_orphaned(int32_t pgid, int32_t sid, const struct process *leaving)
{
    bool stopped = false;
    each_process (p)
        if (p->pgid == pgid && p != leaving && p->stopped)
            stopped = true;
    if (!stopped || !group_is_orphaned(pgid, sid, leaving))
        return;
    siginfo_t info = {.si_signo = SIGHUP, .si_code = SI_KERNEL};
    signal_group(pgid, &info);
    info.si_signo = SIGCONT;
    signal_group(pgid, &info);
}

/* POSIX's _exit: a group that becomes an orphan by this end and has stopped members gets SIGHUP and SIGCONT. Its own
 * group may (the link was its parent), and those of its children (the link was itself). */
static void process_orphans(struct process *p)
{
    if (p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid)
        group_if_orphaned(p->pgid, p->sid, p);
    each_child (child, p)
        if (child->pgid != p->pgid && child->sid == p->sid)
            group_if_orphaned(child->pgid, child->sid, p);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static struct process *reaper_of(struct process *p)
{
    for (struct process *up = p->parent; up; up = up->parent)
        if (up->child_subreaper && !up->exiting && !up->zombie)
            return up;
    return process_init;
}

/* wait4 is not interested: the child goes away by itself. wait(2), notes. */
static bool parent_ignores(const struct process *p)
{
    if (p->exit_signal != SIGCHLD || !p->parent || !p->parent->signals)
        return false;
    const struct signal_action *action = &p->parent->signals->actions[SIGCHLD - 1];
    return action->handler == (uint64_t)SIG_IGN || (action->flags & SA_NOCLDWAIT);
}

static void zombie_tell(struct process *p)
{
    int signo = p->exit_status & STATUS_STOP;
    bool gone = !p->parent || parent_ignores(p); /* without a parent: one of linux_spawn() */
    if (p->streams)
        platform.streams->ended(p->streams, p->exit_status);
    if (pidfds_ended)
        pidfds_ended(p);
    process_tell_parent(p, signo ? CLD_KILLED : CLD_EXITED, signo ? signo : p->exit_status >> 8 & 0xff);
    if (gone)
        process_free(p);
}

static void child_to(struct process *child, struct process *parent)
{
    list_remove(&child->sibling);
    child->parent = parent;
    list_append(&parent->children, &child->sibling);
    child->exit_signal = SIGCHLD;
    each_task (t, child)
        if (t->parent_death_signal)
            signal_task_number(t, t->parent_death_signal);
    if (child->zombie)
        zombie_tell(child);
}

void process_end(struct process *p)
{
    struct signal_shared *signals = p->signals;
    timers_exit(p);
    pending_flush(&p->shared_pending);
    p->signals = NULL;
    p->zombie = true;
    p->stopped = p->continued = false;
    signal_shared_put(signals);
    process_orphans(p);
    struct process *reaper = reaper_of(p);
    each_child (child, p)
        child_to(child, reaper);
    zombie_tell(p);
}

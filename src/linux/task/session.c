/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of processes, process groups and sessions: credentials(7), setpgid(2), setsid(2). */
#include "linux/task/internal.h"

int64_t sys_getpid(struct task *t, const struct args *a)
{
    (void)a;
    return t->process->pid;
}

int64_t sys_gettid(struct task *t, const struct args *a)
{
    (void)a;
    return t->tid;
}

int64_t sys_getppid(struct task *t, const struct args *a)
{
    (void)a;
    return t->process->parent ? t->process->parent->pid : 0;
}

int64_t sys_getpgrp(struct task *t, const struct args *a)
{
    (void)a;
    return t->process->pgid;
}

/* 0: oneself. */
static struct process *process_or_self(struct task *t, int32_t pid)
{
    return pid ? process_find(pid) : t->process;
}

int64_t sys_getpgid(struct task *t, const struct args *a)
{
    const struct process *p = process_or_self(t, arg_int(a, 0));
    return p ? p->pgid : -ESRCH;
}

int64_t sys_getsid(struct task *t, const struct args *a)
{
    const struct process *p = process_or_self(t, arg_int(a, 0));
    return p ? p->sid : -ESRCH;
}

int64_t sys_setpgid(struct task *t, const struct args *a)
{
    int32_t pgid = arg_int(a, 1);
    struct process *self = t->process, *p = process_or_self(t, arg_int(a, 0));
    if (pgid < 0)
        return -EINVAL;
    if (!p || (p != self && p->parent != self))
        return -ESRCH;
    if (!pgid)
        pgid = p->pid;
    if (p != self) {
        if (p->sid != self->sid)
            return -EPERM;
        if (p->execed)
            return -EACCES;
    }
    if (p->sid == p->pid)
        return -EPERM;
    if (pgid != p->pid && !process_group_exists(pgid, self->sid))
        return -EPERM;
    p->pgid = pgid;
    return 0;
}

int64_t sys_setsid(struct task *t, const struct args *a)
{
    (void)a;
    struct process *p = t->process;
    if (process_group_exists(p->pid, 0))
        return -EPERM;
    p->pgid = p->sid = p->pid;
    p->tty = NULL;
    return p->sid;
}

/* ---- what the end of a process means to groups ------------------------------------------------------------------- */

/* Whether somebody of this group's session, but outside of the group, is the parent of one in it. `without` is gone. */
bool group_is_orphaned(int32_t pgid, int32_t sid, const struct process *without)
{
    each_process(p)
    {
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
    each_process(p) if (p->pgid == pgid && p != leaving && p->stopped) stopped = true;
    if (!stopped || !group_is_orphaned(pgid, sid, leaving))
        return;
    siginfo_t info = {.si_signo = SIGHUP, .si_code = SI_KERNEL};
    signal_group(pgid, &info);
    info.si_signo = SIGCONT;
    signal_group(pgid, &info);
}

/* POSIX's _exit: a group that becomes an orphan by this end and has stopped members gets SIGHUP and SIGCONT. Its own
 * group may (the link was its parent), and those of its children (the link was itself). */
void process_orphans(struct process *p)
{
    if (p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid)
        group_if_orphaned(p->pgid, p->sid, p);
    each_child(child, p) if (child->pgid != p->pgid && child->sid == p->sid)
        group_if_orphaned(child->pgid, child->sid, p);
}

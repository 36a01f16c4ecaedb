/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of processes, process groups and sessions, and job control: credentials(7), setpgid(2), setsid(2). */
#include "linux/task/internal.h"
#include "linux/task/job.h"

#include <string.h>

/* In the kernel of a single program there are no families. */
__typeof__(group_is_orphaned) group_is_orphaned __attribute__((weak));

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

/* ---- for terminals ---- */

bool job_group_exists(int32_t group, int32_t session)
{
    return process_group_exists(group, session);
}

int job_background(int32_t foreground, int signo)
{
    const struct process *p = current->process;
    if (p->pgid == foreground)
        return 0;
    if (current->blocked & signal_bit(signo) || p->signals->actions[signo - 1].handler == (uint64_t)SIG_IGN)
        return signo == SIGTTIN ? -EIO : 0;
    if (group_is_orphaned && group_is_orphaned(p->pgid, p->sid, NULL))
        return -EIO;
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = signo;
    info.si_code = SI_KERNEL;
    (void)signal_group(p->pgid, &info);
    return -ERESTARTSYS;
}

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

/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about signals: actions, masks, sending, waiting for one. */
#include "linux/task/internal.h"

#include "linux/fs/fd.h"

#include <linux/capability.h>

#include <string.h>

static bool signo_valid(int signo)
{
    return signo >= 1 && signo <= SIGNAL_COUNT;
}

/* ---- actions and masks ------------------------------------------------------------------------------------------- */

#define ACTION_FLAGS                                                                                                   \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_RESTORER)

int64_t sys_rt_sigaction(struct task *t, const struct args *a)
{
    int signo = arg_int(a, 0);
    struct signal_action set, *action;
    if (a->v[3] != sizeof(uint64_t))
        return -EINVAL;
    if (a->v[1] && get_user(set, arg_ptr(a, 1)))
        return -EFAULT;
    if (!signo_valid(signo) || (a->v[1] && (signal_bit(signo) & SIGNAL_UNBLOCKABLE)))
        return -EINVAL;
    action = &t->process->signals->actions[signo - 1];
    struct signal_action before = *action;
    if (a->v[1]) {
        *action = set;
        action->flags &= ACTION_FLAGS; /* unknown bits read back as clear: SA_UNSUPPORTED says so */
        action->mask &= ~SIGNAL_UNBLOCKABLE;
        if (signal_is_ignored_action(t->process, signo))
            signal_forget(t->process, signal_bit(signo));
    }
    if (a->v[2] && put_user(arg_ptr(a, 2), before))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigprocmask(struct task *t, const struct args *a)
{
    uint64_t set = 0, before = t->blocked;
    if (a->v[3] != sizeof(set))
        return -EINVAL;
    if (a->v[1]) {
        if (get_user(set, arg_ptr(a, 1)))
            return -EFAULT;
        switch (arg_int(a, 0)) {
        case SIG_BLOCK:
            set |= before;
            break;
        case SIG_UNBLOCK:
            set = before & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        signal_block_set(t, set);
    }
    if (a->v[2] && put_user(arg_ptr(a, 2), before))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigpending(struct task *t, const struct args *a)
{
    uint64_t set = (t->pending.set | t->process->shared_pending.set) & t->blocked;
    if (a->v[1] > sizeof(set))
        return -EINVAL;
    return copy_out(arg_ptr(a, 0), &set, a->v[1]);
}

int64_t sys_rt_sigsuspend(struct task *t, const struct args *a)
{
    if (!a->v[0])
        return -EFAULT;
    int r = signal_mask_user(t, arg_ptr(a, 0), a->v[1]);
    if (r)
        return r;
    while (!signal_wanted(t) && !task_block(NEVER))
        continue;
    signal_mask_end(t, -ERESTARTNOHAND);
    return -ERESTARTNOHAND;
}

int64_t sys_pause(struct task *t, const struct args *a)
{
    (void)t, (void)a;
    while (!task_block(NEVER))
        continue;
    return -ERESTARTNOHAND;
}

int64_t sys_sigaltstack(struct task *t, const struct args *a)
{
    stack_t in, before;
    if (a->v[0] && get_user(in, arg_ptr(a, 0)))
        return -EFAULT;
    if (task_regs_full(t))
        return -ERESTARTNOINTR;
    altstack_get(t, &before, t->regs.rsp);
    int r = a->v[0] ? altstack_set(t, &in, t->regs.rsp) : 0;
    if (!r && a->v[1])
        r = put_user(arg_ptr(a, 1), before);
    return r;
}

int64_t sys_restart_syscall(struct task *t, const struct args *a)
{
    (void)a;
    return t->restart.again ? t->restart.again(t) : -EINTR;
}

/* ---- waiting for one: sigtimedwait(2) ---------------------------------------------------------------------------- */

int64_t sys_rt_sigtimedwait(struct task *t, const struct args *a)
{
    uint64_t set, wait, deadline = NEVER;
    siginfo_t info;
    if (a->v[3] != sizeof(set))
        return -EINVAL;
    if (get_user(set, arg_ptr(a, 0)))
        return -EFAULT;
    if (a->v[2]) {
        int r = timespec_in(arg_ptr(a, 2), &wait);
        if (r)
            return r;
        uint64_t now = clock_now();
        deadline = wait > NEVER - now ? NEVER : now + wait;
    }
    set &= ~SIGNAL_UNBLOCKABLE;
    int r = 0;
    bool taken = signal_take(t, set, &info);
    if (!taken && (!a->v[2] || wait)) {
        t->sigwait = set;
        while (!(taken = signal_take(t, set, &info)) && !r)
            r = task_block(deadline);
        t->sigwait = 0;
    }
    if (!taken)
        return r == -ERESTARTSYS ? -EINTR : -EAGAIN;
    if (a->v[1] && put_user(arg_ptr(a, 1), info))
        return -EFAULT;
    return info.si_signo;
}

/* ---- sending: kill(2), tgkill(2), rt_sigqueueinfo(2) ---------------------------------------------------------------
 */

int signal_may(const struct process *p, int signo)
{
    const struct cred *me = current->cred, *other = p->leader->cred;
    if (p == current->process || capable(current, CAP_KILL))
        return 0;
    if (me->euid == other->suid || me->euid == other->uid || me->uid == other->suid || me->uid == other->uid)
        return 0;
    return signo == SIGCONT && p->sid == current->process->sid ? 0 : -EPERM;
}

static int kill_process(struct process *p, const siginfo_t *info)
{
    int r = signal_may(p, info->si_signo);
    return r || !info->si_signo ? r : signal_process(p, info);
}

/* To all that it may be sent to. -EPERM: there were some, but none of those. */
static int kill_many(bool all, int32_t pgid, const siginfo_t *info)
{
    int found = 0, done = 0, error = 0;
    each_process (p) {
        if (all ? p == process_init || p == current->process : p->pgid != pgid)
            continue;
        found++;
        int r = kill_process(p, info);
        if (!r)
            done++;
        if (r && r != -EPERM)
            error = r;
    }
    if (!found)
        return -ESRCH;
    return done ? 0 : error ? error : all ? 0 : -EPERM;
}

int64_t sys_kill(struct task *t, const struct args *a)
{
    int32_t pid = arg_int(a, 0);
    int signo = arg_int(a, 1);
    siginfo_t info;
    if (signo && !signo_valid(signo))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    signal_fill_user(&info, signo, SI_USER);
    if (pid == -1)
        return kill_many(true, 0, &info);
    if (pid <= 0)
        return kill_many(false, pid ? -pid : t->process->pgid, &info);
    struct process *p = process_find(pid);
    if (!p) {
        struct task *other = task_find(pid); /* any task's number names its process */
        p = other ? other->process : NULL;
    }
    return p ? kill_process(p, &info) : -ESRCH;
}

/* tgid 0: of whatever process. */
static int64_t kill_task(int32_t tgid, int32_t tid, const siginfo_t *info)
{
    struct task *to = tid > 0 ? task_find(tid) : NULL;
    if (!to || !to->process || (tgid && to->process->pid != tgid))
        return -ESRCH;
    int r = signal_may(to->process, info->si_signo);
    return r || !info->si_signo ? r : signal_task(to, info);
}

int64_t sys_tkill(struct task *t, const struct args *a)
{
    (void)t;
    siginfo_t info;
    if (arg_int(a, 0) <= 0 || (arg_int(a, 1) && !signo_valid(arg_int(a, 1))))
        return -EINVAL;
    signal_fill_user(&info, arg_int(a, 1), SI_TKILL);
    return kill_task(0, arg_int(a, 0), &info);
}

int64_t sys_tgkill(struct task *t, const struct args *a)
{
    (void)t;
    siginfo_t info;
    if (arg_int(a, 0) <= 0 || arg_int(a, 1) <= 0)
        return -EINVAL;
    if (arg_int(a, 2) && !signo_valid(arg_int(a, 2)))
        return -EINVAL;
    signal_fill_user(&info, arg_int(a, 2), SI_TKILL);
    return kill_task(arg_int(a, 0), arg_int(a, 1), &info);
}

/* The details are the sender's to say, but it may not pass for the kernel or for kill(2) towards others. */
static int info_in(siginfo_t *info, struct uptr from, int signo, int32_t to)
{
    if (get_user(*info, from))
        return -EFAULT;
    if (signo && !signo_valid(signo))
        return -EINVAL;
    info->si_signo = signo;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && to != current->process->pid)
        return -EPERM;
    return 0;
}

int64_t sys_rt_sigqueueinfo(struct task *t, const struct args *a)
{
    (void)t;
    siginfo_t info;
    int r = info_in(&info, arg_ptr(a, 2), arg_int(a, 1), arg_int(a, 0));
    if (r)
        return r;
    struct process *p = process_find(arg_int(a, 0));
    return p ? kill_process(p, &info) : -ESRCH;
}

int64_t sys_rt_tgsigqueueinfo(struct task *t, const struct args *a)
{
    (void)t;
    siginfo_t info;
    if (arg_int(a, 0) <= 0 || arg_int(a, 1) <= 0)
        return -EINVAL;
    int r = info_in(&info, arg_ptr(a, 3), arg_int(a, 2), arg_int(a, 0));
    return r ? r : kill_task(arg_int(a, 0), arg_int(a, 1), &info);
}

int64_t sys_pidfd_send_signal(struct task *t, const struct args *a)
{
    (void)t;
    int signo = arg_int(a, 1), error;
    siginfo_t info;
    if (a->v[3] || (signo && !signo_valid(signo)))
        return -EINVAL;
    struct file *file = fd_get(arg_int(a, 0));
    if (!file)
        return -EBADF;
    struct process *p = pidfd_process(file, &error);
    file_put(file);
    if (!p)
        return error;
    if (a->v[2]) {
        int r = info_in(&info, arg_ptr(a, 2), signo, p->pid);
        if (r)
            return r;
    } else {
        signal_fill_user(&info, signo, SI_USER);
    }
    return kill_process(p, &info);
}

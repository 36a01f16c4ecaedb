/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of signals when a task is about to go back to its program: default actions, handlers, stops. Everything
 * here is done to the current task by itself, with its registers in task->regs; nothing else waits for it but the
 * stopped state. How interrupted calls go on stands in core/sched.h.
 */
#include "linux/task/internal.h"

#include <string.h>

/* What the kernel of a single program may be linked without: parents, and frames where nobody sets a handler. */
__typeof__(process_tell_parent) process_tell_parent __attribute__((weak));
__typeof__(group_is_orphaned) group_is_orphaned __attribute__((weak));
__typeof__(frame_push) frame_push __attribute__((weak));

/* ---- stopping and going on --------------------------------------------------------------------------------------- */

void process_stop(struct process *p, int signo)
{
    if (p->stopped || p->exiting)
        return;
    p->stopped = true, p->stop_reported = p->continued = false;
    p->stop_signal = signo;
    each_task (t, p)
        if (t != current)
            sched_work(t);
    if (process_tell_parent)
        process_tell_parent(p, CLD_STOPPED, signo);
}

void process_continue(struct process *p)
{
    if (!p->stopped)
        return;
    p->stopped = false, p->continued = true;
    each_task (t, p)
        task_wake(t);
    if (process_tell_parent)
        process_tell_parent(p, CLD_CONTINUED, SIGCONT);
}

static void stop_here(struct task *t)
{
    while (t->process->stopped && !t->killed)
        (void)task_block_killable(NEVER);
}

/* ---- one signal -------------------------------------------------------------------------------------------------- */

static void signal_default(struct task *t, int signo)
{
    if (signal_is_ignored_action(t->process, signo))
        return;
    if (!signal_is_stop(signo))
        task_exit_group(0, signo);
    if (signo != SIGSTOP && group_is_orphaned && group_is_orphaned(t->process->pgid, t->process->sid, NULL))
        return;
    process_stop(t->process, signo);
}

static void signal_handle(struct task *t, struct signal_action *action, const siginfo_t *info)
{
    struct signal_action done = *action;
    uint64_t before = t->restore_blocked ? t->saved_blocked : t->blocked;
    if (done.flags & SA_RESETHAND)
        action->handler = (uint64_t)SIG_DFL;
    if (!frame_push || frame_push(t, &done, info, before)) {
        /* No room for the frame: if that was for SIGSEGV, its handler cannot be reached, so it is not tried again. */
        if (info->si_signo == SIGSEGV)
            t->process->signals->actions[SIGSEGV - 1].handler = (uint64_t)SIG_DFL;
        signal_force(t, SIGSEGV, SI_KERNEL, 0);
        return;
    }
    t->restore_blocked = false;
    uint64_t blocked = t->blocked | done.mask;
    if (!(done.flags & SA_NODEFER))
        blocked |= signal_bit(info->si_signo);
    signal_block_set(t, blocked);
}

/* False: nothing is pending. */
static bool deliver_one(struct task *t)
{
    siginfo_t info;
    if (!signal_take(t, ~t->blocked, &info))
        return false;
    struct signal_action *action = &t->process->signals->actions[info.si_signo - 1];
    if (action->handler == (uint64_t)SIG_IGN)
        return true;
    if (action->handler == (uint64_t)SIG_DFL)
        signal_default(t, info.si_signo);
    else
        signal_handle(t, action, &info);
    return true;
}

void signal_deliver(struct task *t)
{
    do {
        if (t->process->stopped)
            stop_here(t);
        if (t->killed)
            task_exit_code(t->process->exiting ? t->process->group_exit_code : 0);
    } while (deliver_one(t) || t->process->stopped);
    if (!t->restore_blocked)
        return;
    t->restore_blocked = false;
    signal_block_set(t, t->saved_blocked);
    if (signal_wanted(t))
        signal_deliver(t); /* once: nothing is to be restored any more */
}

/* ---- a mask for one call ------------------------------------------------------------------------------------------
 */

int signal_mask_user(struct task *t, struct uptr set, uint64_t size)
{
    uint64_t mask;
    if (!set.v)
        return 0;
    if (size != sizeof(mask))
        return -EINVAL;
    if (get_user(mask, set))
        return -EFAULT;
    /* Still set when the call is made again without having been looked at in between. */
    if (!t->restore_blocked)
        t->saved_blocked = t->blocked;
    t->restore_blocked = true;
    signal_block_set(t, mask);
    return 0;
}

void signal_mask_end(struct task *t, int64_t result)
{
    if (!t->restore_blocked)
        return;
    if (result == -EINTR || (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)) {
        sched_work(t);
        return;
    }
    t->restore_blocked = false;
    signal_block_set(t, t->saved_blocked);
}

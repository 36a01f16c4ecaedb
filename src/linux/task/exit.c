/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends: of one task, of a whole process, of everything. A task ends itself (others only mark it as killed, and it ends
 * when it comes by), in this order: what it promised others to write in memory (robust futexes, clear_child_tid), what
 * it holds, its place in the process; the last task turns its process into a zombie, which wait4 of the parent takes
 * away. With the first process everything ends: _exit(2), pid_namespaces(7).
 */
#include "linux/task/internal.h"

#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/mm/mm.h"

#include <string.h>

#pragma weak fs_context_put /* a kernel for a program without names has no such place */

/* What the kernel of a single program may be linked without. */
__typeof__(process_end) process_end __attribute__((weak));
void sysv_process_gone(int32_t pid) __attribute__((weak));     /* ipc/sysv.h */
void tty_leader_ended(struct process *) __attribute__((weak)); /* tty/tty.h */
__typeof__(robust_list_exit) robust_list_exit __attribute__((weak));
__typeof__(futex_owner_died) futex_owner_died __attribute__((weak));
__typeof__(futex_wake_at) futex_wake_at __attribute__((weak));

void vfork_release(struct process *p)
{
    struct task *parent = p->vfork_parent ? task_find(p->vfork_parent) : NULL;
    p->vfork_parent = 0;
    if (!parent || parent->vfork_wait != p->pid)
        return;
    parent->vfork_wait = 0;
    task_wake(parent);
}

/* The last task has ended. */
static void process_exit(struct process *p)
{
    p->exit_status = p->exiting ? p->group_exit_code : p->leader->exit_code;
    if (p == process_init)
        platform.host.exit(p->exit_status >> 8 & 0xff, p->exit_status & STATUS_STOP);
    if (sysv_process_gone)
        sysv_process_gone(p->pid);
    if (tty_leader_ended && p->sid == p->pid)
        tty_leader_ended(p);
    process_end(p);
}

/* ---- one task ---------------------------------------------------------------------------------------------------- */

static void task_let_go(struct task *t)
{
    struct files *files = t->files;
    struct fs_context *fs = t->fs;
    struct mm *mm = t->mm;
    t->files = NULL, t->fs = NULL;
    if (files)
        files_put(files);
    if (fs && fs_context_put)
        fs_context_put(fs);
    t->mm = NULL;
    if (!mm)
        return;
    if (mm->pages_peak > t->process->pages_peak)
        t->process->pages_peak = mm->pages_peak;
    mm_put(mm);
}

void task_last_words(struct task *t)
{
    const uint32_t zero = 0;
    if (robust_list_exit)
        robust_list_exit(t);
    if (futex_owner_died)
        futex_owner_died(t);
    if (!t->clear_child_tid.v)
        return;
    if (!put_user(t->clear_child_tid, zero) && futex_wake_at)
        (void)futex_wake_at(t->mm, t->clear_child_tid, false, 1);
    t->clear_child_tid.v = 0;
}

void task_exit_code(int32_t code)
{
    struct task *t = current;
    struct process *p = t->process;
    t->exiting = true;
    t->exit_code = code;
    if (t->mm)
        task_last_words(t);
    if (p->n_tasks == 1)
        vfork_release(p);
    signal_block_set(t, UINT64_MAX); /* what it was woken for, another one shall take */
    task_let_go(t);
    pending_flush(&t->pending);
    struct cpu_times times = task_cpu_times(t);
    p->utime += times.user, p->stime += times.system;
    list_remove(&t->in_process);
    p->n_tasks--;
    bool leader = p->leader == t;
    if (!leader)
        list_remove(&t->by_id);
    if (!p->n_tasks)
        process_exit(p);
    else if (p->alone && p->n_tasks == 1)
        task_wake(p->alone);
    if (!leader)
        t->process = NULL; /* which may be gone */
    sched_exit();
}

void task_exit(int status)
{
    task_exit_code((status & 0xff) << 8);
}

void task_exit_group(int status, int signo)
{
    struct process *p = current->process;
    process_kill(p, signo ? signo : (status & 0xff) << 8); /* does not change what another task has said already */
    if (p == process_init)
        platform.host.exit(p->group_exit_code >> 8 & 0xff, p->group_exit_code & STATUS_STOP);
    task_exit_code(p->group_exit_code);
}

int64_t sys_exit(struct task *t, const struct args *a)
{
    (void)t;
    task_exit(arg_int(a, 0));
}

int64_t sys_exit_group(struct task *t, const struct args *a)
{
    (void)t;
    task_exit_group(arg_int(a, 0), 0);
}

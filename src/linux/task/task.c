/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks and processes: how they are made, found by number and taken away. All under the kernel's lock. A task is found
 * by its number from task_new until it has ended (a leader: until its process is reaped); its memory is given back by
 * task_gone, when nobody stands on its kernel stack any more.
 */
#include "linux/task/internal.h"

#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/mm/mm.h"

#include <string.h>

/* Only where there are pidfds: the kernel of a single program is linked without what nothing asks for. */
__typeof__(pidfds_drop) pidfds_drop __attribute__((weak));

#define TASK_BUCKETS 128u
#define TASK_ID_MAX  32768 /* as /proc/sys/kernel/pid_max says */

KERNEL_STATE static struct {
    struct list *by_id; /* TASK_BUCKETS of them; all zero: empty */
    int32_t last_id;
    bool wrapped; /* numbers are used a second time: look for one that is free */
} room;
KERNEL_STATE struct task_counts task_counts;
KERNEL_STATE struct list process_all;
KERNEL_STATE struct process *process_init;

/* clang-format off */
HEAP_TYPE(task,
          FIELD(task, regs, FIELD_PLAIN), FIELD(task, kernel_stack_top, FIELD_NONE),
          FIELD(task, kernel_sp, FIELD_NONE), FIELD(task, work, FIELD_PLAIN), FIELD(task, state, FIELD_PLAIN),
          FIELD(task, platform, FIELD_HANDLE), FIELD(task, tid, FIELD_PLAIN), FIELD(task, vcpu, FIELD_NONE),
          FIELD(task, process, FIELD_REF), FIELD(task, in_process, FIELD_LIST), FIELD(task, in_queue, FIELD_NONE),
          FIELD(task, by_id, FIELD_LIST), FIELD(task, mm, FIELD_REF), FIELD(task, files, FIELD_REF),
          FIELD(task, fs, FIELD_REF), FIELD(task, cred, FIELD_REF), FIELD(task, trap, FIELD_PLAIN),
          FIELD(task, trapped, FIELD_PLAIN), FIELD(task, timer, FIELD_NONE), FIELD(task, woken, FIELD_PLAIN),
          FIELD(task, timed_out, FIELD_PLAIN), FIELD(task, killed, FIELD_PLAIN), FIELD(task, exiting, FIELD_PLAIN),
          FIELD(task, gone, FIELD_PLAIN), FIELD(task, utime, FIELD_PLAIN), FIELD(task, stime, FIELD_PLAIN),
          FIELD(task, entered, FIELD_NONE), FIELD(task, burst, FIELD_NONE), FIELD(task, call_nr, FIELD_PLAIN),
          FIELD(task, blocked, FIELD_PLAIN), FIELD(task, saved_blocked, FIELD_PLAIN),
          FIELD(task, sigwait, FIELD_PLAIN), FIELD(task, restore_blocked, FIELD_PLAIN),
          FIELD(task, pending, FIELD_LIST), FIELD(task, altstack, FIELD_PLAIN), FIELD(task, restart, FIELD_NONE),
          FIELD(task, signalled, FIELD_NONE), FIELD(task, clear_child_tid, FIELD_PLAIN),
          FIELD(task, robust_list, FIELD_PLAIN), FIELD(task, name, FIELD_PLAIN),
          FIELD(task, parent_death_signal, FIELD_PLAIN), FIELD(task, thread_keys, FIELD_PLAIN), FIELD(task, request_keys, FIELD_PLAIN), FIELD(task, exit_code, FIELD_PLAIN),
          FIELD(task, vfork_wait, FIELD_PLAIN), FIELD(task, timer_slack, FIELD_PLAIN), FIELD(task, futex, FIELD_NONE),
          FIELD(task, nice, FIELD_PLAIN), FIELD(task, policy, FIELD_PLAIN), FIELD(task, rt_priority, FIELD_PLAIN),
          FIELD(task, reset_on_fork, FIELD_PLAIN), FIELD(task, affinity, FIELD_PLAIN),
          FIELD(task, ioprio, FIELD_PLAIN));
HEAP_TYPE(process,
          FIELD(process, pid, FIELD_PLAIN), FIELD(process, pgid, FIELD_PLAIN), FIELD(process, sid, FIELD_PLAIN),
          FIELD(process, n_tasks, FIELD_PLAIN), FIELD(process, tasks, FIELD_LIST), FIELD(process, all, FIELD_LIST),
          FIELD(process, parent, FIELD_REF), FIELD(process, children, FIELD_LIST), FIELD(process, sibling, FIELD_LIST),
          FIELD(process, leader, FIELD_REF), FIELD(process, alone, FIELD_NONE), FIELD(process, signals, FIELD_REF),
          FIELD(process, shared_pending, FIELD_LIST), FIELD(process, child_ended, FIELD_NONE),
          FIELD(process, signalled, FIELD_NONE), FIELD(process, pidfds, FIELD_LIST),
          FIELD(process, exit_signal, FIELD_PLAIN), FIELD(process, exit_status, FIELD_PLAIN),
          FIELD(process, vfork_parent, FIELD_PLAIN), FIELD(process, stop_signal, FIELD_PLAIN),
          FIELD(process, exiting, FIELD_PLAIN), FIELD(process, zombie, FIELD_PLAIN),
          FIELD(process, stopped, FIELD_PLAIN), FIELD(process, stop_reported, FIELD_PLAIN),
          FIELD(process, continued, FIELD_PLAIN), FIELD(process, execed, FIELD_PLAIN),
          FIELD(process, child_subreaper, FIELD_PLAIN), FIELD(process, dumpable, FIELD_PLAIN),
          FIELD(process, group_exit_code, FIELD_PLAIN), FIELD(process, personality, FIELD_PLAIN),
          FIELD(process, limits, FIELD_PLAIN), FIELD(process, real_timer, FIELD_PLAIN),
          FIELD(process, real_interval, FIELD_PLAIN), FIELD(process, posix_timers, FIELD_LIST),
          FIELD(process, next_timer_id, FIELD_PLAIN), FIELD(process, utime, FIELD_PLAIN),
          FIELD(process, stime, FIELD_PLAIN), FIELD(process, started, FIELD_PLAIN),
          FIELD(process, children_utime, FIELD_PLAIN), FIELD(process, children_stime, FIELD_PLAIN),
          FIELD(process, session_keys, FIELD_PLAIN), FIELD(process, process_keys, FIELD_PLAIN), FIELD(process, pages_peak, FIELD_PLAIN), FIELD(process, children_pages_peak, FIELD_PLAIN),
          FIELD(process, tty, FIELD_REF), FIELD(process, tty_lost_group, FIELD_PLAIN),
          FIELD(process, exe_path, FIELD_BYTES),
          FIELD(process, exe_path_size, FIELD_PLAIN), FIELD(process, oom_score_adj, FIELD_PLAIN),
          FIELD(process, timer_virtual, FIELD_PLAIN), FIELD(process, timer_virtual_interval, FIELD_PLAIN),
          FIELD(process, timer_prof, FIELD_PLAIN), FIELD(process, timer_prof_interval, FIELD_PLAIN),
          FIELD(process, cpu_timer, FIELD_PLAIN), FIELD(process, streams, FIELD_PLAIN));
/* clang-format on */

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static struct list *task_bucket(int32_t id)
{
    struct list *bucket = &room.by_id[(uint32_t)id % TASK_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

struct task *task_find(int32_t tid)
{
    list_each (t, task_bucket(tid), struct task, by_id)
        if (t->tid == tid)
            return t;
    return NULL;
}

/* The leader keeps the process's number until it is reaped, whether it still runs or not. */
struct process *process_find(int32_t pid)
{
    struct task *t = task_find(pid);
    return t && t->process && t->process->leader == t ? t->process : NULL;
}

bool process_group_exists(int32_t pgid, int32_t sid)
{
    each_process (p)
        if (p->pgid == pgid && (!sid || p->sid == sid))
            return true;
    return false;
}

static bool task_id_used(int32_t id)
{
    if (task_find(id))
        return true;
    each_process (p)
        if (p->pgid == id || p->sid == id)
            return true;
    return false;
}

int32_t task_new_id(void)
{
    for (int32_t tries = 0; tries < TASK_ID_MAX; tries++) {
        if (++room.last_id >= TASK_ID_MAX)
            room.last_id = 1, room.wrapped = true;
        if (!room.wrapped || !task_id_used(room.last_id))
            return room.last_id;
    }
    return 0;
}

void task_take_id(struct task *t, int32_t id)
{
    list_remove(&t->by_id);
    t->tid = id;
    list_append(task_bucket(id), &t->by_id);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

static void task_inherit(struct task *t, const struct task *from)
{
    t->regs = from->regs;
    t->blocked = from->blocked;
    memcpy(t->name, from->name, sizeof(t->name));
    t->timer_slack = from->timer_slack;
    t->ioprio = from->ioprio;
    t->affinity = from->affinity;
    if (from->reset_on_fork)
        return;
    t->nice = from->nice, t->policy = from->policy, t->rt_priority = from->rt_priority;
}

struct task *task_new(struct process *p, const struct task *from)
{
    if (task_counts.tasks >= task_counts.tasks_max)
        return NULL;
    struct task *t = heap_new(&task_type);
    if (!t)
        return NULL;
    list_init(&t->in_process);
    list_init(&t->by_id);
    list_init(&t->in_queue);
    pending_init(&t->pending);
    wait_queue_init(&t->signalled);
    t->call_nr = -1;
    t->affinity = UINT64_MAX;
    t->timer_slack = 50000;
    if (from)
        task_inherit(t, from);
    t->tid = task_new_id();
    if (!t->tid || sched_create(t)) {
        heap_free(&task_type, t);
        return NULL;
    }
    if (platform.task.create(t, from)) {
        sched_discard(t);
        heap_free(&task_type, t);
        return NULL;
    }
    t->process = p;
    if (!p->leader) {
        p->leader = t, p->pid = t->tid;
        list_append(&process_all, &p->all); /* not before: all of them have a leader */
    }
    list_append(&p->tasks, &t->in_process);
    list_append(task_bucket(t->tid), &t->by_id);
    p->n_tasks++;
    task_counts.tasks++;
    return t;
}

static void task_free(struct task *t)
{
    if (t->cred)
        cred_put(t->cred);
    pending_flush(&t->pending);
    task_counts.tasks--;
    heap_free(&task_type, t);
}

void task_forget(struct task *t)
{
    list_remove(&t->by_id);
    t->process = NULL;
    if (t->gone)
        task_free(t);
}

void task_gone(struct task *t)
{
    platform.task.destroy(t);
    t->gone = true;
    if (!t->process || t->process->leader != t)
        task_free(t);
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

static void limits_default(struct rlimit *limits)
{
    for (int i = 0; i < RLIM_NLIMITS; i++)
        limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    limits[RLIMIT_STACK].rlim_cur = 8ul << 20;
    limits[RLIMIT_CORE] = (struct rlimit){0, 0};
    limits[RLIMIT_NOFILE] = (struct rlimit){1024, 1024};
    limits[RLIMIT_NPROC] = (struct rlimit){task_counts.tasks_max, task_counts.tasks_max};
    limits[RLIMIT_MEMLOCK] = (struct rlimit){8ul << 20, 8ul << 20};
    limits[RLIMIT_SIGPENDING] = (struct rlimit){SIGNAL_QUEUED, SIGNAL_QUEUED};
    limits[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    limits[RLIMIT_NICE] = limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

struct process *process_new(struct signal_shared *signals)
{
    struct process *p = heap_new(&process_type);
    if (!p)
        return NULL;
    list_init(&p->tasks);
    list_init(&p->children);
    list_init(&p->sibling);
    list_init(&p->posix_timers);
    list_init(&p->pidfds);
    pending_init(&p->shared_pending);
    wait_queue_init(&p->child_ended);
    wait_queue_init(&p->signalled);
    p->signals = signals;
    p->started = clock_now();
    p->next_timer_id = 1;
    list_init(&p->all);
    task_counts.processes++;
    return p;
}

void process_free(struct process *p)
{
    if (p->leader)
        task_forget(p->leader);
    list_remove(&p->sibling);
    list_remove(&p->all);
    if (pidfds_drop)
        pidfds_drop(p);
    pending_flush(&p->shared_pending);
    if (p->signals)
        signal_shared_put(p->signals);
    if (p->exe_path)
        heap_release(p->exe_path, p->exe_path_size);
    task_counts.processes--;
    heap_free(&process_type, p);
}

struct task *task_boot(uint32_t uid, uint32_t gid)
{
    list_init(&process_all);
    room.by_id = heap_alloc(TASK_BUCKETS * sizeof(struct list));
    if (!room.by_id)
        return NULL;
    if (!task_counts.tasks_max)
        task_counts.tasks_max = 4096;
    struct signal_shared *signals = signal_shared_new();
    struct process *p = signals ? process_new(signals) : NULL;
    struct task *t = p ? task_new(p, NULL) : NULL;
    if (!t || !(t->cred = cred_boot(uid, gid)) || !(t->files = files_new()))
        return NULL;
    limits_default(p->limits);
    p->dumpable = true;
    p->pgid = p->sid = p->pid;
    p->exit_signal = SIGCHLD;
    process_init = p;
    return t;
}

/* ---- what others ask ----------------------------------------------------------------------------------------------
 */

struct cpu_times task_cpu_times(const struct task *t)
{
    uint64_t all = sched_cpu_time(t);
    return (struct cpu_times){.user = all > t->stime ? all - t->stime : 0, .system = t->stime};
}

struct cpu_times process_cpu_times(const struct process *p)
{
    struct cpu_times sum = {p->utime, p->stime};
    each_task (t, p) {
        struct cpu_times one = task_cpu_times(t);
        sum.user += one.user, sum.system += one.system;
    }
    return sum;
}

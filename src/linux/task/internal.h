/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share and the rest of the kernel has no use for. */
#ifndef MOAT_LINUX_TASK_INTERNAL_H
#define MOAT_LINUX_TASK_INTERNAL_H

#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/task/task.h"

#define USER_TICK     (SECOND / 100) /* of times(2) and si_utime */
#define GUEST_TOP     0x7ffffffff000ull
#define STATUS_STOP   0x7f
#define STATUS_CONT   0xffff
#define SIGNAL_QUEUED 4096 /* default of RLIMIT_SIGPENDING */

/* ---- task.c ---- */
/* A task of `p`, not yet ready: no registers, no mm. NULL: no memory, or too many. `from` NULL: the first one. */
struct task *task_new(struct process *p, const struct task *from);
void task_forget(struct task *);                            /* a leader that has ended and is the leader no more */
struct process *process_new(struct signal_shared *signals); /* without tasks, parent, limits; takes `signals`. NULL */
void process_free(struct process *);                        /* a zombie that was reaped, or one that never ran */
void task_take_id(struct task *, int32_t id);               /* execve by another than the leader */
int32_t task_new_id(void);                                  /* 0: none is free */
bool process_group_exists(int32_t pgid, int32_t sid);

uint64_t process_pages_peak(const struct process *); /* limits.c: the most that it ever had mapped */

#define each_process(p)   list_each (p, &process_all, struct process, all)
#define each_task(t, p)   list_each (t, &(p)->tasks, struct task, in_process)
#define each_child(c, of) list_each (c, &(of)->children, struct process, sibling)

/* ---- signal.c ---- */
struct queued_signal {
    struct list link;
    siginfo_t info;
    int32_t timer; /* id of the posix timer that it belongs to, which owns it as long as it exists; 0: none */
    bool queued, owned;
};
extern struct heap_type queued_signal_type, signal_shared_type;
struct signal_shared *signal_shared_new(void);
struct signal_shared *signal_shared_copy(const struct signal_shared *);
void signal_shared_put(struct signal_shared *);
void pending_init(struct pending *);
void pending_flush(struct pending *);
/* A posix timer's: *queued says whether it was not pending yet. False: dropped, as the signal is ignored. */
bool signal_send_queued(struct process *, struct task *, struct queued_signal *);
void signal_fill_user(siginfo_t *, int signo, int code); /* from the current task */
bool signal_is_default_fatal(int signo);
bool signal_is_stop(int signo);
bool signal_is_ignored_action(const struct process *, int signo);
/* Signals of these numbers that wait are dropped: the action became to ignore them. */
void signal_forget(struct process *, uint64_t set);
/* Every other task of the process ends as soon as it can. */
void process_kill(struct process *, int32_t code);
void process_continue(struct process *);
void process_stop(struct process *, int signo);
int signal_may(const struct process *, int signo); /* 0, -EPERM: kill(2) */

/* ---- frame.c ---- */
/* The handler of `action` runs next on the guest's stack. -EFAULT: no room for the frame. */
int frame_push(struct task *, const struct signal_action *, const siginfo_t *, uint64_t mask);
bool altstack_is_used(const struct task *, uint64_t sp);
/* sigaltstack(2), for a stack pointer: -EINVAL, -ENOMEM, -EPERM. */
int altstack_set(struct task *, const stack_t *, uint64_t sp);
void altstack_get(const struct task *, stack_t *, uint64_t sp);

/* The current task looks at registers other than a call's arguments: 0, -ESRCH. */
static inline int task_regs_full(struct task *t)
{
    return platform.task.regs_full ? platform.task.regs_full(t) : 0;
}

/* ---- exit.c ---- */
_Noreturn void task_exit_code(int32_t code); /* the current one; code as wait4 gives it */
void vfork_release(struct process *);        /* its parent goes on */
void task_last_words(struct task *);         /* what it writes into its memory before it leaves it */

/* ---- family.c ---- */
struct process *process_new_child(struct process *parent, struct signal_shared *signals);
void process_end(struct process *); /* its last task has ended, and it is not the first process */
/* Tells the parent about the child: si_code is CLD_*, `status` its si_status. */
void process_tell_parent(struct process *, int code, int status);
/* No process of the group has a parent in the same session that is not in the group: nobody would let it go on. */
bool group_is_orphaned(int32_t pgid, int32_t sid, const struct process *without);

/* ---- futex.c, robust.c ---- */
int64_t futex_wake_at(struct mm *, struct uptr, bool private, int n);
void futex_owner_died(struct task *);
void robust_list_exit(struct task *);

/* ---- timers ---- */
void timers_exec(struct process *); /* posix timers do not survive execve */
void timers_exit(struct process *);
void posix_timer_taken(struct queued_signal *, siginfo_t *); /* its signal is being delivered */
void posix_cpu_timers_look(struct process *, uint64_t *next);
/* Sends what is over of ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU and posix timers of CPU time; looks again in time. */
void cpu_timers_look(struct process *);
bool clock_is_real(int32_t id);           /* told by the wall clock */
bool clock_is_cpu(int32_t id);            /* CPU time of a task or process */
int clock_read(int32_t id, uint64_t *ns); /* -EINVAL: no such clock */
/* A CPU clock by the number that says whose it is, for clocks of one's own; read without looking at who runs. */
int32_t clock_cpu_id(int32_t id);
int clock_cpu_read(int32_t id, const struct process *asking, uint64_t *ns);
uint64_t clock_deadline(int32_t id, uint64_t at); /* monotonic time at which clock `id` shows `at` */

/* ---- cred.c, session.c ---- */
struct cred *cred_boot(uint32_t uid, uint32_t gid);
/* What the first program of a process has beside that: groups, at most CRED_GROUPS, and a bounding set. */
void cred_limit(struct cred *, const uint32_t *groups, uint32_t n, uint64_t caps_dropped);
int cred_exec(struct task *); /* capabilities of the new program. -ENOMEM */
void times_to_usage(struct rusage *, uint64_t user, uint64_t system);

/* ---- pidfd.c ---- */
struct file;
int pidfd_new(struct process *, uint32_t flags, struct file **);
struct process *pidfd_process(struct file *, int *error); /* -EBADF: not one; -ESRCH: it was reaped */
void pidfds_ended(struct process *);                      /* wakes who polls */
void pidfds_drop(struct process *);

#endif

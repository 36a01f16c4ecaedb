/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: tasks on fibers. Each task has a kernel stack; a handler runs on it and gives way only in
 * task_block(). While guest code runs, the stack is empty. One lock holds the whole kernel (kernel_lock): it is taken
 * on the way in (linux_trap), and given back in front of task_ops.start and while a virtual CPU waits; where nobody
 * else can come it costs nothing.
 *
 * Interrupted calls, together with signal_deliver() of task/signal.c. A handler that returns one of wait.h's restart
 * numbers leaves it in regs.rax, with regs.rdi to r9 as they were and call_nr the call's number, and goes back by way
 * of sched_user_return():
 *   1. Is there a signal, signal_deliver() runs. When it has found one with a handler, and before it lays the frame, it
 *      asks call_interrupted(): true: the call is to be made again when the handler has returned; the frame's rax is
 *      call_nr, and the frame keeps the mark (nr, rip) of it. False: regs.rax is final (-EINTR, or what it was).
 *   2. rt_sigreturn whose frame has the mark, and whose rip is still that of the mark, sets the registers and calls
 *      call_restart(nr). So the call is made again by the kernel, and rip never has to go back to an instruction that
 *      a platform may have rewritten.
 *   3. When no handler was set up (nothing was pending any more, or it was ignored, or the process was stopped and goes
 *      on), sched_user_return() itself makes the call again, or calls restart.again for -ERESTART_RESTARTBLOCK.
 * call_nr is -1 outside of calls, so a rax of the guest's that looks like such a number means nothing.
 */
#ifndef MOAT_LINUX_CORE_SCHED_H
#define MOAT_LINUX_CORE_SCHED_H

#include "linux/platform.h"

/* With a guard page below it. The sanitizers' frames are bigger. */
#ifndef KERNEL_STACK_SIZE
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KERNEL_STACK_SIZE 131072ul
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define KERNEL_STACK_SIZE 131072ul
#endif
#endif
#endif
#ifndef KERNEL_STACK_SIZE
#define KERNEL_STACK_SIZE 16384ul
#endif

enum task_state { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_BLOCKED, TASK_DEAD };

enum task_work {                    /* bits of task->work */
                 WORK_SIGNALS = 1,  /* signal_deliver() */
                 WORK_ALL_REGS = 2, /* a handler changed registers, or another task was on this CPU meanwhile */
                 WORK_TIME = 4,     /* the deadline that was given to task_ops.start is too late now */
                 WORK_TICK = 8,     /* it was kicked: sched_tick() */
};

/* The task whose handler runs: the lock makes one global right for every virtual CPU. NULL in the scheduler. */
extern struct task *current;

extern bool kernel_locking; /* somebody else may come */
void kernel_lock_take(void);
void kernel_lock_give(void);
static inline void kernel_lock(void)
{
    if (__builtin_expect(kernel_locking, false))
        kernel_lock_take();
}
static inline void kernel_unlock(void)
{
    if (__builtin_expect(kernel_locking, false))
        kernel_lock_give();
}

int sched_init(void); /* 0, -ENOMEM */
/* A kernel stack for a new task: 0, -ENOMEM. */
int sched_create(struct task *);
/* Gives back the stack of one that never ran. */
void sched_discard(struct task *);
/* Makes it ready to run for the first time (its registers are set). */
void sched_ready(struct task *);
/* The current task gives way to others that are ready. */
void sched_yield_now(void);
/* The current task never comes back. When its stack is no longer in use, it is freed, and task_gone() is called. */
_Noreturn void sched_exit(void);
/* task/'s: frees the task, or keeps it as a zombie. On another stack; must not block. */
void task_gone(struct task *);
/* Back to guest code: signals, other ready tasks and the end of the time slice are looked after first. */
_Noreturn void sched_user_return(struct task *);
/* It has to look at its signals: a blocked one does so in task_block, a running one is kicked. */
void sched_work(struct task *);
/* A handler has changed registers of its task other than rax: the fast way back is not taken. */
void sched_all_regs(struct task *);
/* A timer has this deadline now: whoever waits or runs guest code for longer is told. */
void sched_deadline(uint64_t);
/* CPU time of it until now, ns. */
uint64_t sched_cpu_time(const struct task *);
uint64_t sched_switches(void); /* from one stack to another, ever */

/* What a trap of the current task means, and back to guest code (core/dispatch.c). */
_Noreturn void trap_handle(struct task *);
/* The slice or a timer may be over: fires timers, looks at the host's events, lets others run. */
void sched_tick(struct task *);

/* See above. */
bool call_unfinished(const struct task *); /* rax holds a restart number, and a call is in progress */
bool call_interrupted(struct task *, bool sa_restart);
void call_restart(struct task *, int64_t nr); /* the value that sys_rt_sigreturn returns then: -ERESTARTNOINTR */
int64_t call_again(struct task *);            /* makes the call in progress again; its result is in rax */

#endif

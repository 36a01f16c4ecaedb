/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler of a kernel for a program that makes no other task (`moat build`), in the place of sched.c: one task,
 * for ever on the stack on which linux_run() is called. To block is to wait for the host. Left out are queues, slices,
 * the change of stacks, virtual CPUs and guests that run elsewhere (src/unikernel/tools.c says for which programs).
 * Touches the platform alone.
 */
#include "linux/core/sched.h"

#include "linux/core/host.h"
#include "linux/core/panic.h"
#include "linux/linux.h"
#include "linux/task/task.h"

#include <asm/errno.h>

#define HOST_QUEUES 6
#define STACK_ALIGN 16u

/* Only with calls that set timers. */
extern __typeof__(timer_first) timer_first __attribute__((weak));
extern __typeof__(timer_run) timer_run __attribute__((weak));

KERNEL_STATE struct task *current;
KERNEL_STATE bool kernel_locking; /* stays false */

KERNEL_STATE static struct sched {
    struct task *only;
    uint32_t interest; /* enum host_event that it watches */
    struct wait_queue host[HOST_QUEUES];
} sched;

void kernel_lock_take(void)
{
}

void kernel_lock_give(void)
{
}

int sched_init(void)
{
    for (int i = 0; i < HOST_QUEUES; i++)
        wait_queue_init(&sched.host[i]);
    return 0;
}

/* What `moat build` asks for by name to have this one. */
extern __typeof__(sched_init) sched_alone __attribute__((alias("sched_init")));

int sched_create(struct task *t)
{
    list_init(&t->in_queue);
    return 0;
}

/* Only where the first task cannot be made, which ends everything. */
void sched_discard(struct task *t)
{
    (void)t;
}

void sched_ready(struct task *t)
{
    sched.only = t;
}

void sched_yield_now(void)
{
}

/* The end of the only task is that of the first process, which does not come here. */
_Noreturn void sched_exit(void)
{
    kernel_panic("sched: the only task has ended");
}

void task_wake(struct task *t)
{
    t->woken = true;
}

void sched_work(struct task *t)
{
    t->work |= WORK_SIGNALS;
}

void sched_all_regs(struct task *t)
{
    t->work |= WORK_ALL_REGS;
}

/* The fast way back is not taken, and the platform is told. */
void sched_deadline(uint64_t deadline)
{
    (void)deadline;
    if (current)
        current->work |= WORK_TIME;
}

uint64_t sched_cpu_time(const struct task *t)
{
    return t->utime + (clock_now() - t->entered);
}

uint64_t sched_switches(void)
{
    return 0;
}

/* ---- blocking ---- */

static uint64_t first_timer(void)
{
    return timer_first ? timer_first() : NEVER;
}

static void run_timers(void)
{
    if (timer_run)
        timer_run(clock_now());
}

static void host_wait(struct task *t, uint64_t deadline)
{
    uint64_t from = clock_now(), timer = first_timer();
    deadline = timer < deadline ? timer : deadline;
    uint32_t events = platform.host.poll(deadline, sched.interest) & sched.interest;
    t->entered += clock_now() - from; /* what it waits is no time of its own */
    sched.interest &= ~events;
    for (uint32_t i = 0; i < HOST_QUEUES; i++)
        if (events & 1u << i)
            wait_wake(&sched.host[i], 0, 1 << 30);
    run_timers();
}

static int block(uint64_t deadline, bool (*interrupted)(const struct task *))
{
    struct task *t = current;
    int r = 0;
    while (!t->woken) {
        if (interrupted(t)) {
            r = -ERESTARTSYS;
            break;
        }
        if (deadline != NEVER && clock_now() >= deadline) {
            r = -ETIMEDOUT;
            break;
        }
        host_wait(t, deadline);
    }
    t->woken = false;
    return r;
}

int task_block(uint64_t deadline)
{
    return block(deadline, signal_wanted);
}

int task_block_killable(uint64_t deadline)
{
    return block(deadline, signal_fatal_wanted);
}

void host_watch(uint32_t events)
{
    sched.interest |= events;
}

struct wait_queue *host_queue(uint32_t event)
{
    return &sched.host[__builtin_ctz(event)];
}

/* ---- to guest code and back ---- */

_Noreturn void sched_user_return(struct task *t)
{
    for (;;) {
        uint32_t work = t->work;
        t->work = 0;
        if ((work & WORK_SIGNALS) || (call_unfinished(t) && signal_wanted(t)))
            signal_deliver(t);
        else if (call_unfinished(t))
            t->regs.rax = (uint64_t)call_again(t);
        else if (work & WORK_TICK)
            run_timers();
        else if (!t->work)
            break;
    }
    t->call_nr = -1;
    platform.task.start(t, first_timer());
    kernel_panic("sched: the platform gave a task back");
}

/* What is above this frame stays; the frame itself is gone with the first system call. */
_Noreturn void linux_run(uint32_t id)
{
    struct task *t = sched.only;
    (void)id;
    current = t;
    t->state = TASK_RUNNING;
    t->entered = clock_now();
    t->kernel_stack_top = (void *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(STACK_ALIGN - 1));
    sched_user_return(t);
}

int linux_signal(int signo, bool locked)
{
    (void)locked;
    return process_init ? signal_process_number(process_init, signo) : -ESRCH;
}

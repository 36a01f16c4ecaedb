/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler. Ready tasks stand in two queues, first come, first served: those that were woken and had used less
 * than a slice before they blocked, and the others. The first queue goes first, but the second has its turn at least
 * every two slices. What is woken while guest code computes (a timer, the host) runs at once. A task that blocks
 * switches straight to the next one; when there is none, to the stack of linux_run(), where the virtual CPU waits for
 * the host without the kernel's lock. Touches kernel stacks and the platform. Kept safe by the lock: a stack is left
 * before anybody else can have the lock.
 */
#include "linux/core/sched.h"

#include "linux/core/fiber.h"
#include "linux/core/heap.h"
#include "linux/core/host.h"
#include "linux/core/panic.h"
#include "linux/core/strace.h"
#include "linux/core/wait.h"
#include "linux/linux.h"
#include "linux/task/task.h"

#include <asm/errno.h>

#define VCPUS        16u
#define SLICE        4000000ull /* ns */
#define HOST_QUEUES  7
#define STACKS_SPARE 32

struct vcpu {
    struct task *task;     /* whose handler or guest code it runs */
    void *sp;              /* linux_run()'s, while a task runs */
    struct task *ended;    /* its stack was left for ever */
    struct task *starting; /* where guests run elsewhere: goes to the platform from linux_run()'s stack */
    uint64_t starting_at;
    uint64_t slice_end, armed;
    bool idle;
    struct fiber_host host;
};

KERNEL_STATE struct task *current;

KERNEL_STATE static struct sched {
    struct list woken, ready;
    uint64_t turn;     /* when `ready` was last served */
    uint32_t interest; /* enum host_event that somebody watches */
    uint64_t next_poll;
    struct wait_queue host[HOST_QUEUES];
    void *spare; /* kernel stacks to be used again */
    uint32_t n_spare;
    uint64_t switches;
    struct vcpu *vcpu; /* of platform.vcpus */
} sched;

/* ---- the lock ---- */

KERNEL_STATE bool kernel_locking;
KERNEL_STATE static uint32_t lock;

#define SPINS 256

void kernel_lock_take(void)
{
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        for (uint32_t i = 0; __atomic_load_n(&lock, __ATOMIC_RELAXED); i++) {
            __builtin_ia32_pause();
            if (i % SPINS == SPINS - 1)
                platform.host.vcpu(HOST_VCPU_PAUSE, 0);
        }
}

void kernel_lock_give(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

int sched_init(void)
{
    sched.vcpu = platform.vcpus <= VCPUS ? heap_alloc(platform.vcpus * sizeof(*sched.vcpu)) : NULL;
    if (!sched.vcpu)
        return -ENOMEM;
    for (uint32_t i = 0; i < platform.vcpus; i++)
        sched.vcpu[i].armed = NEVER;
    list_init(&sched.woken);
    list_init(&sched.ready);
    for (int i = 0; i < HOST_QUEUES; i++)
        wait_queue_init(&sched.host[i]);
    kernel_locking = platform.vcpus > 1 || platform.elsewhere;
    return 0;
}

/* ---- kernel stacks ---- */

#define STACK_PAGES (KERNEL_STACK_SIZE / PAGE_SIZE + 1)

static void task_timeout(struct timer *);

int sched_create(struct task *t)
{
    uint8_t *low = sched.spare;
    if (low) {
        sched.spare = *(void **)(low + PAGE_SIZE), sched.n_spare--;
    } else {
        low = heap_pages(STACK_PAGES);
        if (!low)
            return -ENOMEM;
        platform.host.memory(HOST_MEMORY_GUARD, low, PAGE_SIZE);
    }
    t->kernel_stack_top = fiber_stack(low + PAGE_SIZE, KERNEL_STACK_SIZE);
    t->kernel_sp = NULL;
    t->timer.fire = task_timeout;
    t->state = TASK_NEW;
    list_init(&t->in_queue);
    return 0;
}

static void stack_free(struct task *t)
{
    uint8_t *low = fiber_stack_end(t->kernel_stack_top, KERNEL_STACK_SIZE) - PAGE_SIZE;
    t->kernel_stack_top = t->kernel_sp = NULL;
    if (sched.n_spare < STACKS_SPARE) {
        *(void **)(low + PAGE_SIZE) = sched.spare;
        sched.spare = low, sched.n_spare++;
        return;
    }
    platform.host.memory(HOST_MEMORY_COMMIT, low, PAGE_SIZE);
    heap_pages_free(low, STACK_PAGES);
}

void sched_discard(struct task *t)
{
    if (t->kernel_stack_top)
        stack_free(t);
}

/* ---- from one to the next ---- */

static void reap(struct vcpu *v)
{
    struct task *t = v->ended;
    if (!t)
        return;
    v->ended = NULL;
    stack_free(t);
    task_gone(t);
}

static struct vcpu *vcpu_of(const struct task *t)
{
    return &sched.vcpu[t->vcpu];
}

/* The first thing on a stack that was empty: the task goes to guest code, or a trap of it is waiting. */
static _Noreturn void task_begin(void *of)
{
    struct task *t = of;
    fiber_arrived(&vcpu_of(t)->host, NULL);
    t->kernel_sp = NULL;
    reap(vcpu_of(t));
    if (t->trapped) {
        t->trapped = false;
        trap_handle(t);
    }
    sched_user_return(t);
}

/* Leaves the stack of `from` (NULL: linux_run()'s) for that of `to` (NULL: linux_run()'s). */
static void leave(struct vcpu *v, struct task *from, struct task *to, uint64_t now)
{
    if (from)
        from->utime += now - from->entered, from->burst += now - from->entered;
    sched.switches++;
    current = v->task = to;
    if (to) {
        to->state = TASK_RUNNING, to->vcpu = (uint32_t)(v - sched.vcpu), to->entered = now;
        to->work |= WORK_ALL_REGS;
        v->slice_end = now + SLICE;
        if (!to->kernel_sp)
            to->kernel_sp = fiber_make(to->kernel_stack_top, task_begin, to);
    }
    void *save =
        fiber_leaving(&v->host, to ? to->kernel_stack_top : NULL, KERNEL_STACK_SIZE, from && from->state == TASK_DEAD);
    fiber_switch(from ? &from->kernel_sp : &v->sp, to ? to->kernel_sp : v->sp);
    if (from)
        v = vcpu_of(from), from->kernel_sp = NULL;
    fiber_arrived(&v->host, save);
    reap(v);
}

static void host_events(uint32_t events)
{
    events &= sched.interest;
    sched.interest &= ~events;
    for (uint32_t i = 0; i < HOST_QUEUES; i++)
        if (events & 1u << i)
            wait_wake(&sched.host[i], 0, 1 << 30);
}

/* What time has brought. */
static void look_around(uint64_t now)
{
    timer_run(now);
    if (!sched.interest || now < sched.next_poll)
        return;
    sched.next_poll = now + SLICE;
    host_events(platform.host.poll(0, sched.interest));
}

static bool others_ready(void)
{
    return !list_empty(&sched.woken) || !list_empty(&sched.ready);
}

static struct task *pick(uint64_t now)
{
    look_around(now);
    bool turn = list_empty(&sched.woken) || now - sched.turn > 2 * SLICE;
    struct task *t = turn ? list_first(&sched.ready, struct task, in_queue) : NULL;
    if (t)
        sched.turn = now;
    else
        t = list_first(&sched.woken, struct task, in_queue);
    if (t)
        list_remove(&t->in_queue);
    return t;
}

/* The current task, whose state says whether it comes back, lets others run. */
static void give_way(struct task *t)
{
    uint64_t now = clock_now();
    struct task *to = pick(now);
    if (to == t) {
        t->state = TASK_RUNNING;
        vcpu_of(t)->slice_end = now + SLICE;
        return;
    }
    leave(vcpu_of(t), t, to, now);
}

static void wake_vcpu(void)
{
    for (uint32_t i = 0; i < platform.vcpus; i++) {
        if (!sched.vcpu[i].idle)
            continue;
        sched.vcpu[i].idle = false;
        platform.host.vcpu(HOST_VCPU_WAKE, i);
        return;
    }
}

static void enqueue(struct task *t, struct list *queue)
{
    t->state = TASK_READY;
    list_append(queue, &t->in_queue);
    if (kernel_locking)
        wake_vcpu();
    if (current && vcpu_of(current)->armed > vcpu_of(current)->slice_end)
        current->work |= WORK_TIME;
}

static void enqueue_woken(struct task *t)
{
    bool quick = t->burst < SLICE;
    t->burst = 0;
    enqueue(t, quick ? &sched.woken : &sched.ready);
}

void sched_ready(struct task *t)
{
    enqueue(t, &sched.ready);
}

void sched_yield_now(void)
{
    enqueue(current, &sched.ready);
    give_way(current);
}

_Noreturn void sched_exit(void)
{
    struct task *t = current;
    timer_cancel(&t->timer);
    t->state = TASK_DEAD;
    vcpu_of(t)->ended = t;
    give_way(t);
    kernel_panic("sched: a dead task was run");
}

/* ---- blocking ---- */

static void task_timeout(struct timer *timer)
{
    struct task *t = (struct task *)((char *)timer - offsetof(struct task, timer));
    t->timed_out = true;
    if (t->state == TASK_BLOCKED)
        enqueue_woken(t);
}

void task_wake(struct task *t)
{
    t->woken = true;
    if (t->state == TASK_BLOCKED)
        enqueue_woken(t);
}

static int block(uint64_t deadline, bool (*interrupted)(const struct task *))
{
    struct task *t = current;
    int r = 0;
    t->timed_out = false;
    for (;;) {
        if (t->woken)
            break;
        if ((r = interrupted(t) ? -ERESTARTSYS : t->timed_out ? -ETIMEDOUT : 0))
            break;
        if (deadline != NEVER && !t->timer.armed)
            timer_set(&t->timer, deadline);
        t->state = TASK_BLOCKED;
        give_way(t);
    }
    timer_cancel(&t->timer);
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

/* ---- to guest code and back ---- */

void sched_work(struct task *t)
{
    t->work |= WORK_SIGNALS;
    if (t->state == TASK_BLOCKED)
        enqueue_woken(t);
    else if (t->state == TASK_RUNNING && t != current && kernel_locking)
        platform.task.kick(t);
}

void sched_all_regs(struct task *t)
{
    t->work |= WORK_ALL_REGS;
}

void sched_deadline(uint64_t deadline)
{
    if (kernel_locking)
        wake_vcpu();
    if (current && deadline < vcpu_of(current)->armed)
        current->work |= WORK_TIME;
}

uint64_t sched_cpu_time(const struct task *t)
{
    uint64_t done = t->utime + t->stime;
    bool runs = t == current || (platform.elsewhere && t->state == TASK_RUNNING);
    return runs ? done + (clock_now() - t->entered) : done;
}

void sched_tick(struct task *t)
{
    uint64_t now = clock_now();
    struct vcpu *v = vcpu_of(t);
    look_around(now);
    bool over = now >= v->slice_end;
    if (over)
        v->slice_end = now + SLICE;
    if (over ? !others_ready() : list_empty(&sched.woken))
        return;
    enqueue(t, &sched.ready);
    if (!over)
        list_remove(&t->in_queue), list_prepend(&sched.ready, &t->in_queue); /* its slice is not used up */
    give_way(t);
}

/* When guest code that runs on this thread has to be stopped for the kernel's sake. */
static uint64_t guest_deadline(struct task *t)
{
    struct vcpu *v = vcpu_of(t);
    uint64_t deadline = timer_first();
    if ((others_ready() || sched.interest) && v->slice_end < deadline)
        deadline = v->slice_end;
    return v->armed = deadline;
}

_Noreturn void sched_user_return(struct task *t)
{
    for (;;) {
        uint32_t work = t->work;
        t->work = 0;
        if ((work & WORK_SIGNALS) || (call_unfinished(t) && signal_wanted(t)))
            signal_deliver(t); /* also where none is pending: stopped processes, masks to be restored */
        else if (call_unfinished(t))
            t->regs.rax = (uint64_t)call_again(t);
        else if ((work & WORK_TICK) && !platform.elsewhere)
            sched_tick(t);
        else if (!t->work)
            break;
    }
    t->call_nr = -1;
    if (platform.elsewhere) {
        struct vcpu *v = vcpu_of(t);
        v->starting = t, v->starting_at = clock_now();
        leave(v, t, NULL, v->starting_at);
        kernel_panic("sched: a stack was used that had been given up");
    }
    uint64_t deadline = guest_deadline(t);
    kernel_unlock();
    platform.task.start(t, deadline);
    kernel_panic("sched: the platform gave a task back");
}

/* Guests that run elsewhere are started from here, where their kernel stack is no longer used. */
static void start_elsewhere(struct vcpu *v)
{
    struct task *t = v->starting;
    v->starting = NULL;
    t->kernel_sp = NULL;
    fiber_emptied(t->kernel_stack_top);
    t->entered = v->starting_at;
    platform.task.start(t, NEVER);
}

static void idle(struct vcpu *v)
{
    uint64_t deadline = timer_first();
    uint32_t interest = v == sched.vcpu ? sched.interest : 0;
    if (strace_on)
        strace_flush();
    v->idle = true;
    kernel_unlock();
    uint32_t events = platform.host.poll(deadline, interest);
    kernel_lock();
    v->idle = false;
    host_events(events);
}

_Noreturn void linux_run(uint32_t id)
{
    if (id >= platform.vcpus)
        kernel_panic("sched: more virtual CPUs than it knows");
    struct vcpu *v = &sched.vcpu[id];
    kernel_lock();
    fiber_host_init(&v->host);
    for (;;) {
        current = NULL;
        uint64_t now = clock_now();
        struct task *t = pick(now);
        if (t)
            leave(v, NULL, t, now);
        else
            idle(v);
        if (v->starting)
            start_elsewhere(v);
    }
}

void linux_trap_ready(struct task *t, const struct trap *trap)
{
    kernel_lock();
    current = NULL; /* nobody's handler runs: the lock was free */
    t->trap = *trap, t->trapped = true;
    t->utime += clock_now() - t->entered; /* since start_elsewhere() */
    enqueue(t, &sched.ready);
    kernel_unlock();
}

struct task *linux_current(uint32_t vcpu)
{
    return sched.vcpu[vcpu].task;
}

int linux_signal(int signo, bool locked)
{
    if (!locked)
        kernel_lock();
    int r = process_init ? signal_process_number(process_init, signo) : -ESRCH;
    if (!locked)
        kernel_unlock();
    return r;
}

uint64_t sched_switches(void)
{
    return sched.switches;
}

/* ---- the host's events ---- */

void host_watch(uint32_t events)
{
    if (!(events & ~sched.interest))
        return;
    sched.interest |= events;
    if (kernel_locking)
        wake_vcpu();
    if (current && vcpu_of(current)->armed > vcpu_of(current)->slice_end)
        current->work |= WORK_TIME;
}

struct wait_queue *host_queue(uint32_t event)
{
    unsigned i = (unsigned)__builtin_ctz(event);
    if (i >= HOST_QUEUES)
        kernel_panic("host: no such event");
    return &sched.host[i];
}

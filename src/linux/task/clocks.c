/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks as programs know them, and sleeping: clock_gettime(2), nanosleep(2). All of them are made of two of the
 * platform's and of the CPU time that the scheduler counts. Setting the real one changes what this kernel adds to the
 * host's; timers that were set before by the old time stay as they are.
 */
#include "linux/task/internal.h"

#include <linux/capability.h>
#include <linux/time.h>
#include <linux/times.h>

#define COARSE_TICK 4000000ull

/* Of a clock number below zero, clock_getcpuclockid(3): ~pid, then whose and which. */
#define CPU_CLOCK_THREAD 4
#define CPU_CLOCK_WHICH  3
#define CPU_CLOCK_USER   1 /* CPUCLOCK_VIRT: user time alone */
#define CPU_CLOCK_ALL    2 /* CPUCLOCK_SCHED */

/* ---- clocks ------------------------------------------------------------------------------------------------------ */

bool clock_is_real(int32_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_REALTIME_ALARM || id == CLOCK_TAI;
}

bool clock_is_cpu(int32_t id)
{
    return id < 0 || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID;
}

int32_t clock_cpu_id(int32_t id)
{
    if (id == CLOCK_PROCESS_CPUTIME_ID)
        return (int32_t)(~(uint32_t)current->process->pid << 3) | CPU_CLOCK_ALL;
    if (id == CLOCK_THREAD_CPUTIME_ID)
        return (int32_t)(~(uint32_t)current->tid << 3) | CPU_CLOCK_ALL | CPU_CLOCK_THREAD;
    return id;
}

int clock_cpu_read(int32_t id, const struct process *asking, uint64_t *ns)
{
    int32_t pid = ~(id >> 3), which = id & CPU_CLOCK_WHICH;
    struct cpu_times times;
    if (which > CPU_CLOCK_ALL)
        return -EINVAL; /* a descriptor's clock */
    if (id & CPU_CLOCK_THREAD) {
        const struct task *of = pid ? task_find(pid) : current;
        if (!of || of->process != asking)
            return -EINVAL;
        times = task_cpu_times(of);
    } else {
        const struct process *of = pid ? process_find(pid) : asking;
        if (!of)
            return -EINVAL;
        times = process_cpu_times(of);
    }
    *ns = which == CPU_CLOCK_USER ? times.user : times.user + times.system;
    return 0;
}

int clock_read(int32_t id, uint64_t *ns)
{
    struct cpu_times times;
    if (id < 0)
        return clock_cpu_read(id, current->process, ns);
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *ns = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = clock_now();
        return 0;
    case CLOCK_REALTIME_COARSE:
        *ns = clock_realtime() / COARSE_TICK * COARSE_TICK;
        return 0;
    case CLOCK_MONOTONIC_COARSE:
        *ns = clock_now() / COARSE_TICK * COARSE_TICK;
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        times = process_cpu_times(current->process);
        break;
    case CLOCK_THREAD_CPUTIME_ID:
        times = task_cpu_times(current);
        break;
    default:
        return -EINVAL;
    }
    *ns = times.user + times.system;
    return 0;
}

uint64_t clock_deadline(int32_t id, uint64_t at)
{
    if (!clock_is_real(id))
        return at;
    uint64_t real = clock_realtime(), now = clock_now();
    if (at <= real)
        return 0;
    return at - real > NEVER - 1 - now ? NEVER : now + (at - real);
}

int64_t sys_clock_gettime(struct task *t, const struct args *a)
{
    (void)t;
    uint64_t ns;
    int r = clock_read(arg_int(a, 0), &ns);
    return r ? r : timespec_out(arg_ptr(a, 1), ns);
}

int64_t sys_clock_getres(struct task *t, const struct args *a)
{
    (void)t;
    int32_t id = arg_int(a, 0);
    uint64_t ns;
    int r = clock_read(id, &ns);
    if (r || !a->v[1])
        return r;
    return timespec_out(arg_ptr(a, 1), id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ? COARSE_TICK : 1);
}

int64_t sys_clock_settime(struct task *t, const struct args *a)
{
    uint64_t ns;
    if (arg_int(a, 0) != CLOCK_REALTIME)
        return -EINVAL;
    int r = timespec_in(arg_ptr(a, 1), &ns);
    if (r)
        return r;
    if (!capable(t, CAP_SYS_TIME))
        return -EPERM;
    clock_realtime_set(ns);
    return 0;
}

int64_t sys_gettimeofday(struct task *t, const struct args *a)
{
    (void)t;
    uint64_t ns = clock_realtime();
    const struct __kernel_old_timeval tv = ns_to_timeval(ns);
    const int32_t zone[2] = {0, 0};
    if (a->v[0] && put_user(arg_ptr(a, 0), tv))
        return -EFAULT;
    if (a->v[1] && put_user(arg_ptr(a, 1), zone))
        return -EFAULT;
    return 0;
}

int64_t sys_time(struct task *t, const struct args *a)
{
    (void)t;
    const int64_t now = (int64_t)(clock_realtime() / SECOND);
    if (a->v[0] && put_user(arg_ptr(a, 0), now))
        return -EFAULT;
    return now;
}

int64_t sys_times(struct task *t, const struct args *a)
{
    const struct process *p = t->process;
    struct cpu_times times = process_cpu_times(p);
    const struct tms tms = {.tms_utime = (__kernel_clock_t)(times.user / USER_TICK),
                            .tms_stime = (__kernel_clock_t)(times.system / USER_TICK),
                            .tms_cutime = (__kernel_clock_t)(p->children_utime / USER_TICK),
                            .tms_cstime = (__kernel_clock_t)(p->children_stime / USER_TICK)};
    if (a->v[0] && put_user(arg_ptr(a, 0), tms))
        return -EFAULT;
    return (int64_t)(clock_now() / USER_TICK);
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------- */

static int64_t sleep_again(struct task *t);

/* `left`: where what is left of the time goes when a signal comes; 0: nowhere. */
static int64_t sleep_until(struct task *t, uint64_t deadline, struct uptr left)
{
    int r;
    while (!(r = task_block(deadline)))
        continue;
    if (r == -ETIMEDOUT)
        return 0;
    uint64_t now = clock_now();
    if (now >= deadline)
        return 0;
    if (left.v && timespec_out(left, deadline - now))
        return -EFAULT;
    t->restart = (struct restart){sleep_again, deadline, {left.v}};
    return -ERESTART_RESTARTBLOCK;
}

static int64_t sleep_again(struct task *t)
{
    return sleep_until(t, t->restart.deadline, uptr(t->restart.a[0]));
}

static int64_t sleep_for(struct task *t, uint64_t ns, struct uptr left)
{
    if (!ns) {
        sched_yield_now();
        return 0;
    }
    uint64_t now = clock_now();
    return sleep_until(t, ns > NEVER - 1 - now ? NEVER - 1 : now + ns, left);
}

int64_t sys_nanosleep(struct task *t, const struct args *a)
{
    uint64_t ns;
    int r = timespec_in(arg_ptr(a, 0), &ns);
    return r ? r : sleep_for(t, ns, arg_ptr(a, 1));
}

/* CPU time passes while others of the process run: looked at again each tick. */
static int64_t sleep_cpu(int32_t id, bool absolute, uint64_t ns)
{
    uint64_t now;
    int r = clock_read(id, &now);
    if (r)
        return r;
    uint64_t end = absolute ? ns : now + ns;
    while (now < end) {
        uint64_t wait = end - now > COARSE_TICK ? end - now : COARSE_TICK;
        r = task_block(clock_now() + wait);
        if (r == -ERESTARTSYS)
            return absolute ? -ERESTARTNOHAND : -EINTR;
        if (clock_read(id, &now))
            break;
    }
    return 0;
}

int64_t sys_clock_nanosleep(struct task *t, const struct args *a)
{
    int32_t id = arg_int(a, 0);
    uint64_t ns, now;
    bool absolute = arg_int(a, 1) & TIMER_ABSTIME;
    int r = clock_read(id, &now);
    if (r)
        return -EINVAL;
    if (id == CLOCK_THREAD_CPUTIME_ID || id == CLOCK_MONOTONIC_RAW || id == CLOCK_REALTIME_COARSE ||
        id == CLOCK_MONOTONIC_COARSE)
        return -EOPNOTSUPP;
    r = timespec_in(arg_ptr(a, 2), &ns);
    if (r)
        return r;
    if (clock_is_cpu(id))
        return sleep_cpu(id, absolute, ns);
    if (!absolute)
        return sleep_for(t, ns, arg_ptr(a, 3));
    uint64_t deadline = clock_deadline(id, ns);
    while (!(r = task_block(deadline)))
        continue;
    return r == -ETIMEDOUT ? 0 : -ERESTARTNOHAND;
}

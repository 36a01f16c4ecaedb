/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setitimer(2), alarm(2), and the timers of CPU time. Those are no events of the scheduler's: cpu_timer comes round
 * when the earliest of them could be over, and looks at how far the process has got.
 */
#include "linux/task/internal.h"

#include <linux/time.h>
#include <linux/time_types.h>

#define INTERVAL_LEAST 50000ull   /* a faster ITIMER_REAL gives the program no time to take its signals */
#define LOOK_LEAST     4000000ull /* between two looks at CPU time */

__typeof__(timers_exec) timers_exec __attribute__((weak)); /* of posix_timer.c, where there are such timers */
__typeof__(posix_cpu_timers_look) posix_cpu_timers_look __attribute__((weak));

/* ---- ITIMER_REAL ------------------------------------------------------------------------------------------------- */

static void real_fire(struct timer *timer)
{
    struct process *p = list_entry(timer, struct process, real_timer);
    if (p->real_interval) {
        uint64_t now = clock_now(), next = timer->deadline + p->real_interval;
        if (next < now + INTERVAL_LEAST)
            next = now + INTERVAL_LEAST;
        timer_set(timer, next);
    }
    signal_process_number(p, SIGALRM);
}

static void real_get(const struct process *p, uint64_t *value, uint64_t *interval)
{
    uint64_t now = clock_now();
    *interval = p->real_interval;
    *value = !p->real_timer.armed ? 0 : p->real_timer.deadline > now ? p->real_timer.deadline - now : 1;
}

static void real_set(struct process *p, uint64_t value, uint64_t interval)
{
    timer_cancel(&p->real_timer);
    p->real_interval = interval;
    if (!value)
        return;
    p->real_timer.fire = real_fire;
    timer_set(&p->real_timer, clock_now() + value);
}

/* ---- CPU time ---------------------------------------------------------------------------------------------------- */

/* One of the two: when it is over, its signal is sent and it is set anew. *next becomes the least that is left. */
static void cpu_look_one(struct process *p, uint64_t used, uint64_t *at, uint64_t interval, int signo, uint64_t *next)
{
    if (!*at)
        return;
    if (used >= *at) {
        *at = interval ? used + interval : 0;
        signal_process_number(p, signo);
        if (!*at)
            return;
    }
    if (*at - used < *next)
        *next = *at - used;
}

/* RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard one. setrlimit(2). */
static void cpu_look_limit(struct process *p, uint64_t used, uint64_t *next)
{
    struct rlimit *limit = &p->limits[RLIMIT_CPU];
    if (limit->rlim_cur == RLIM_INFINITY && limit->rlim_max == RLIM_INFINITY)
        return;
    uint64_t seconds = used / SECOND;
    if (seconds >= limit->rlim_max) {
        signal_process_number(p, SIGKILL);
        return;
    }
    if (seconds >= limit->rlim_cur) {
        signal_process_number(p, SIGXCPU);
        limit->rlim_cur = seconds + 1;
    }
    uint64_t at = limit->rlim_cur < limit->rlim_max ? limit->rlim_cur : limit->rlim_max;
    if (at < TIMES_MOST / SECOND &&
        at * SECOND - used < *next) /* a look that came a little too early comes again soon */
        *next = at * SECOND - used;
}

static void cpu_fire(struct timer *timer)
{
    cpu_timers_look(list_entry(timer, struct process, cpu_timer));
}

void cpu_timers_look(struct process *p)
{
    uint64_t next = NEVER;
    if (p->zombie)
        return;
    struct cpu_times times = process_cpu_times(p);
    cpu_look_one(p, times.user, &p->timer_virtual, p->timer_virtual_interval, SIGVTALRM, &next);
    cpu_look_one(p, times.user + times.system, &p->timer_prof, p->timer_prof_interval, SIGPROF, &next);
    cpu_look_limit(p, times.user + times.system, &next);
    if (posix_cpu_timers_look)
        posix_cpu_timers_look(p, &next);
    timer_cancel(&p->cpu_timer);
    if (next == NEVER)
        return;
    /* All its threads may have run at once. */
    next /= platform.vcpus;
    p->cpu_timer.fire = cpu_fire;
    uint64_t now = clock_now();
    next = next > LOOK_LEAST ? next : LOOK_LEAST;
    timer_set(&p->cpu_timer, next < NEVER - now ? now + next : NEVER);
}

void timers_exit(struct process *p)
{
    timer_cancel(&p->real_timer);
    timer_cancel(&p->cpu_timer);
    if (timers_exec)
        timers_exec(p);
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static void itimer_get(const struct process *p, int which, uint64_t *value, uint64_t *interval)
{
    if (which == ITIMER_REAL) {
        real_get(p, value, interval);
        return;
    }
    bool is_virtual = which == ITIMER_VIRTUAL;
    struct cpu_times times = process_cpu_times(p);
    uint64_t used = is_virtual ? times.user : times.user + times.system;
    uint64_t at = is_virtual ? p->timer_virtual : p->timer_prof;
    *interval = is_virtual ? p->timer_virtual_interval : p->timer_prof_interval;
    *value = !at ? 0 : at > used ? at - used : 1;
}

static void itimer_set(struct process *p, int which, uint64_t value, uint64_t interval)
{
    if (which == ITIMER_REAL) {
        real_set(p, value, interval);
        return;
    }
    struct cpu_times times = process_cpu_times(p);
    if (which == ITIMER_VIRTUAL) {
        p->timer_virtual = value ? times.user + value : 0;
        p->timer_virtual_interval = interval;
    } else {
        p->timer_prof = value ? times.user + times.system + value : 0;
        p->timer_prof_interval = interval;
    }
    cpu_timers_look(p);
}

static bool micro_to_ns(const struct __kernel_old_timeval *tv, uint64_t *ns)
{
    if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
        return false;
    uint64_t seconds = (uint64_t)tv->tv_sec;
    *ns = seconds >= TIMES_MOST / SECOND ? TIMES_MOST : seconds * SECOND + (uint64_t)tv->tv_usec * 1000;
    return true;
}

static struct __kernel_old_timeval ns_to_micro(uint64_t ns)
{
    uint64_t micro = (ns + 999) / 1000; /* what is left is not shown as nothing */
    return (struct __kernel_old_timeval){.tv_sec = (__kernel_long_t)(micro / 1000000),
                                         .tv_usec = (__kernel_long_t)(micro % 1000000)};
}

static int itimer_out(const struct process *p, int which, struct uptr at)
{
    uint64_t value, interval;
    itimer_get(p, which, &value, &interval);
    const struct __kernel_old_itimerval out = {.it_interval = ns_to_micro(interval), .it_value = ns_to_micro(value)};
    return put_user(at, out);
}

int64_t sys_getitimer(struct task *t, const struct args *a)
{
    if (a->v[0] > ITIMER_PROF)
        return -EINVAL;
    return itimer_out(t->process, arg_int(a, 0), arg_ptr(a, 1));
}

int64_t sys_setitimer(struct task *t, const struct args *a)
{
    struct __kernel_old_itimerval in = {{0, 0}, {0, 0}};
    uint64_t value, interval;
    if (a->v[0] > ITIMER_PROF)
        return -EINVAL;
    if (a->v[1] && get_user(in, arg_ptr(a, 1)))
        return -EFAULT;
    if (!micro_to_ns(&in.it_value, &value) || !micro_to_ns(&in.it_interval, &interval))
        return -EINVAL;
    if (a->v[2] && itimer_out(t->process, arg_int(a, 0), arg_ptr(a, 2)))
        return -EFAULT;
    itimer_set(t->process, arg_int(a, 0), value, interval);
    return 0;
}

int64_t sys_alarm(struct task *t, const struct args *a)
{
    uint64_t value, interval;
    real_get(t->process, &value, &interval);
    real_set(t->process, arg_u32(a, 0) * SECOND, 0);
    /* Rounded, but never to nothing: alarm(2) says 0 when there was none. */
    uint64_t seconds = (value + SECOND / 2) / SECOND;
    return value && !seconds ? 1 : (int64_t)seconds;
}

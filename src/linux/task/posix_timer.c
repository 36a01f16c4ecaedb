/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer_create(2) and its kin. Each timer owns one signal, so that it can always send it; while that is pending,
 * further periods are counted as overruns, and the timer goes on when the signal is taken.
 */
#include "linux/task/internal.h"

#include <asm-generic/siginfo.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include <string.h>

#define TIMERS_MOST   4096u      /* of one process */
#define IGNORED_LEAST 1000000ull /* period of one whose signal is ignored: it is not to keep the kernel busy */
#define OVERRUN_MOST  INT32_MAX

struct posix_timer {
    struct list in_process;
    struct process *process;
    struct queued_signal *signal; /* its own */
    int32_t id, clock, notify;
    int32_t tid;     /* SIGEV_THREAD_ID: whom; 0: the process */
    uint64_t expiry; /* on its clock (made monotonic, if that is not CPU time); 0: not set */
    uint64_t interval;
    int32_t overrun;    /* of the signal that was taken last */
    bool waits;         /* for its signal to be taken; then the next period begins */
    struct timer timer; /* of clocks that are not CPU time */
};
HEAP_TYPE(posix_timer, FIELD(posix_timer, in_process, FIELD_LIST), FIELD(posix_timer, process, FIELD_REF),
          FIELD(posix_timer, signal, FIELD_REF), FIELD(posix_timer, id, FIELD_PLAIN),
          FIELD(posix_timer, clock, FIELD_PLAIN), FIELD(posix_timer, notify, FIELD_PLAIN),
          FIELD(posix_timer, tid, FIELD_PLAIN), FIELD(posix_timer, expiry, FIELD_PLAIN),
          FIELD(posix_timer, interval, FIELD_PLAIN), FIELD(posix_timer, overrun, FIELD_PLAIN),
          FIELD(posix_timer, waits, FIELD_PLAIN), FIELD(posix_timer, timer, FIELD_PLAIN));

static struct posix_timer *posix_timer_find(struct process *p, int32_t id)
{
    list_each (x, &p->posix_timers, struct posix_timer, in_process)
        if (x->id == id)
            return x;
    return NULL;
}

/* Now, on the clock in which expiry is told. */
static uint64_t posix_now(const struct posix_timer *x)
{
    uint64_t ns = 0;
    if (!clock_is_cpu(x->clock))
        return clock_now();
    (void)clock_cpu_read(x->clock, x->process, &ns); /* 0: that thread has ended */
    return ns;
}

static void posix_arm(struct posix_timer *x)
{
    if (clock_is_cpu(x->clock))
        cpu_timers_look(x->process);
    else if (x->notify != SIGEV_NONE)
        timer_set(&x->timer, x->expiry);
}

/* On to the first period that is not over yet; how many were passed over. */
static uint64_t posix_forward(struct posix_timer *x, uint64_t now)
{
    if (!x->interval || x->expiry > now)
        return 0;
    uint64_t n = (now - x->expiry) / x->interval + 1;
    x->expiry += n * x->interval;
    return n;
}

static void posix_expired(struct posix_timer *x)
{
    struct task *to = x->tid ? task_find(x->tid) : NULL;
    if (x->tid && (!to || to->process != x->process))
        return;
    if (x->notify == SIGEV_NONE)
        return;
    x->waits = x->interval != 0;
    bool kept = signal_send_queued(x->process, to, x->signal);
    if (!x->interval)
        x->expiry = 0;
    if (kept || !x->interval)
        return;
    uint64_t now = posix_now(x);
    (void)posix_forward(x, now);
    if (x->expiry < now + IGNORED_LEAST)
        x->expiry = now + IGNORED_LEAST;
    x->waits = false;
    if (!clock_is_cpu(x->clock))
        posix_arm(x);
}

static void posix_fire(struct timer *timer)
{
    posix_expired(list_entry(timer, struct posix_timer, timer));
}

void posix_timer_taken(struct queued_signal *s, siginfo_t *info)
{
    struct posix_timer *x = posix_timer_find(current->process, s->timer);
    if (!x)
        return;
    uint64_t passed = 0;
    if (x->waits) {
        passed = posix_forward(x, posix_now(x));
        if (passed)
            passed--; /* the one that this signal is for */
        x->waits = false;
        posix_arm(x);
    }
    x->overrun = passed > OVERRUN_MOST ? OVERRUN_MOST : (int32_t)passed;
    info->si_overrun = x->overrun;
}

void posix_cpu_timers_look(struct process *p, uint64_t *next)
{
    list_each (x, &p->posix_timers, struct posix_timer, in_process) {
        if (!clock_is_cpu(x->clock) || !x->expiry || x->waits)
            continue;
        uint64_t now = posix_now(x);
        if (now >= x->expiry)
            posix_expired(x);
        if (x->expiry > now && !x->waits && x->expiry - now < *next)
            *next = x->expiry - now;
    }
}

static void posix_timer_free(struct posix_timer *x)
{
    timer_cancel(&x->timer);
    list_remove(&x->in_process);
    x->signal->timer = 0;
    x->signal->owned = false;
    if (!x->signal->queued)
        heap_free(&queued_signal_type, x->signal);
    heap_free(&posix_timer_type, x);
}

void timers_exec(struct process *p)
{
    list_each (x, &p->posix_timers, struct posix_timer, in_process)
        posix_timer_free(x);
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static int sigevent_check(struct task *t, const struct sigevent *e)
{
    switch (e->sigev_notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL | SIGEV_THREAD_ID: {
        const struct task *to = task_find(e->_sigev_un._tid);
        if (!to || to->process != t->process)
            return -EINVAL;
        break;
    }
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        break;
    default:
        return -EINVAL;
    }
    return e->sigev_signo >= 1 && e->sigev_signo <= SIGNAL_COUNT ? 0 : -EINVAL;
}

static struct posix_timer *posix_timer_new(struct process *p)
{
    struct posix_timer *x = heap_new(&posix_timer_type);
    if (!x)
        return NULL;
    x->signal = heap_new(&queued_signal_type);
    if (!x->signal) {
        heap_free(&posix_timer_type, x);
        return NULL;
    }
    list_init(&x->signal->link);
    x->signal->owned = true;
    x->process = p;
    x->timer.fire = posix_fire;
    do
        x->id = p->next_timer_id++ & INT32_MAX; /* never 0: that is none; bounded by TIMERS_MOST in use */
    while (!x->id || posix_timer_find(p, x->id));
    return x;
}

int64_t sys_timer_create(struct task *t, const struct args *a)
{
    struct process *p = t->process;
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    uint32_t n = 0;
    uint64_t now;
    int32_t clock = arg_int(a, 0);
    if (clock_read(clock, &now))
        return -EINVAL;
    if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
        return -EOPNOTSUPP;
    if (a->v[1] && get_user(e, arg_ptr(a, 1)))
        return -EFAULT;
    int r = sigevent_check(t, &e);
    if (r)
        return r;
    list_each (x, &p->posix_timers, struct posix_timer, in_process)
        n++;
    struct posix_timer *x = n < TIMERS_MOST ? posix_timer_new(p) : NULL;
    if (!x)
        return -EAGAIN;
    x->clock = clock_cpu_id(clock), x->notify = e.sigev_notify;
    x->tid = e.sigev_notify & SIGEV_THREAD_ID ? e._sigev_un._tid : 0;
    siginfo_t *info = &x->signal->info;
    info->si_signo = e.sigev_signo;
    info->si_code = SI_TIMER;
    info->si_tid = x->id;
    info->si_value = e.sigev_value;
    if (!a->v[1])
        info->si_value.sival_int = x->id;
    x->signal->timer = x->id;
    list_append(&p->posix_timers, &x->in_process);
    if (!put_user(arg_ptr(a, 2), x->id))
        return 0;
    posix_timer_free(x);
    return -EFAULT;
}

static void posix_timer_state(struct posix_timer *x, struct __kernel_itimerspec *out)
{
    uint64_t now = posix_now(x), expiry = x->expiry;
    memset(out, 0, sizeof(*out));
    out->it_interval = ns_to_timespec(x->interval);
    if (!expiry)
        return;
    if (x->interval && expiry <= now)
        expiry += ((now - expiry) / x->interval + 1) * x->interval;
    if (expiry > now)
        out->it_value = ns_to_timespec(expiry - now);
    else if (x->notify != SIGEV_NONE)
        out->it_value = ns_to_timespec(1); /* it is just going off */
}

int64_t sys_timer_gettime(struct task *t, const struct args *a)
{
    struct __kernel_itimerspec out;
    struct posix_timer *x = posix_timer_find(t->process, arg_int(a, 0));
    if (!x)
        return -EINVAL;
    posix_timer_state(x, &out);
    return put_user(arg_ptr(a, 1), out);
}

static void posix_timer_set(struct posix_timer *x, bool absolute, uint64_t value, uint64_t interval)
{
    timer_cancel(&x->timer);
    x->waits = false; /* a signal of the time before does not start a period */
    x->interval = interval;
    x->overrun = 0;
    x->expiry = 0;
    if (!value)
        return;
    if (!absolute)
        x->expiry = posix_now(x) + value;
    else
        x->expiry = clock_is_cpu(x->clock) ? value : clock_deadline(x->clock, value);
    if (!x->expiry)
        x->expiry = 1;
    posix_arm(x);
}

int64_t sys_timer_settime(struct task *t, const struct args *a)
{
    uint64_t value, interval;
    struct __kernel_itimerspec before;
    if (!a->v[2])
        return -EINVAL;
    int r = timespec_in(arg_ptr(a, 2), &interval);
    if (!r)
        r = timespec_in(uptr_add(arg_ptr(a, 2), offsetof(struct __kernel_itimerspec, it_value)), &value);
    if (r)
        return r;
    struct posix_timer *x = posix_timer_find(t->process, arg_int(a, 0));
    if (!x)
        return -EINVAL;
    posix_timer_state(x, &before);
    posix_timer_set(x, arg_int(a, 1) & TIMER_ABSTIME, value, interval);
    return a->v[3] ? put_user(arg_ptr(a, 3), before) : 0;
}

int64_t sys_timer_getoverrun(struct task *t, const struct args *a)
{
    const struct posix_timer *x = posix_timer_find(t->process, arg_int(a, 0));
    return x ? x->overrun : -EINVAL;
}

int64_t sys_timer_delete(struct task *t, const struct args *a)
{
    struct posix_timer *x = posix_timer_find(t->process, arg_int(a, 0));
    if (!x)
        return -EINVAL;
    posix_timer_free(x);
    return 0;
}

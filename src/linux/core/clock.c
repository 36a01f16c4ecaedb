/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: the host's two, what clock_settime(2) added to the real one, and CPU times of tasks. */
#include "linux/core/call.h"
#include "linux/core/heap.h"
#include "linux/core/sched.h"
#include "linux/task/task.h"

#include <linux/capability.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define SECOND 1000000000ull
#define JIFFY  4000000ull /* of the coarse clocks */

KERNEL_STATE static struct clocks {
    int64_t realtime_offset;
} clocks;

uint64_t clock_now(void)
{
    return platform.host.clock(HOST_MONOTONIC);
}

uint64_t clock_realtime(void)
{
    return platform.host.clock(HOST_REALTIME) + (uint64_t)clocks.realtime_offset;
}

static uint64_t process_time(const struct process *p)
{
    uint64_t ns = p->utime + p->stime;
    list_each(t, (struct list *)(uintptr_t)&p->tasks, struct task, in_process) ns += sched_cpu_time(t);
    return ns;
}

/* The clocks of other tasks: ~pid << 3 | per thread << 2 | which, of clock_getcpuclockid(3). */
static int cpu_clock(int32_t id, uint64_t *ns)
{
    int32_t pid = ~(id >> 3);
    if ((id & 3) == 3)
        return -EINVAL;
    if (id & 4) {
        struct task *t = pid ? task_find(pid) : current;
        if (!t || t->process != current->process)
            return -EINVAL;
        *ns = sched_cpu_time(t);
        return 0;
    }
    struct process *p = pid ? process_find(pid) : current->process;
    if (!p || p->zombie)
        return -EINVAL;
    *ns = process_time(p);
    return 0;
}

/* The time that a clock of clock_gettime(2) shows: 0, -EINVAL. */
static int clock_read(int32_t id, uint64_t *ns)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
        *ns = clock_realtime();
        return 0;
    case CLOCK_TAI:
        *ns = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = clock_now();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = process_time(current->process);
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = sched_cpu_time(current);
        return 0;
    }
    return id < 0 ? cpu_clock(id, ns) : -EINVAL;
}

int64_t sys_clock_gettime(struct task *t, const struct args *a)
{
    uint64_t ns;
    int r = clock_read(arg_int(a, 0), &ns);
    if (r)
        return r;
    struct __kernel_timespec time = {.tv_sec = (int64_t)(ns / SECOND), .tv_nsec = (long long)(ns % SECOND)};
    return put_user(arg_ptr(a, 1), time);
}

int64_t sys_clock_getres(struct task *t, const struct args *a)
{
    uint64_t ns;
    int32_t id = arg_int(a, 0);
    int r = clock_read(id, &ns);
    if (r)
        return r;
    struct __kernel_timespec step = {.tv_nsec = 1};
    if (id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE)
        step.tv_nsec = JIFFY;
    return a->v[1] ? put_user(arg_ptr(a, 1), step) : 0;
}

int64_t sys_clock_settime(struct task *t, const struct args *a)
{
    struct __kernel_timespec time;
    if (arg_int(a, 0) != CLOCK_REALTIME)
        return -EINVAL;
    if (get_user(time, arg_ptr(a, 1)))
        return -EFAULT;
    if (time.tv_sec < 0 || time.tv_sec > (int64_t)(INT64_MAX / SECOND) || time.tv_nsec < 0 ||
        (uint64_t)time.tv_nsec >= SECOND)
        return -EINVAL;
    if (!capable(t, CAP_SYS_TIME))
        return -EPERM;
    uint64_t want = (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
    clocks.realtime_offset = (int64_t)(want - platform.host.clock(HOST_REALTIME));
    return 0;
}

int64_t sys_gettimeofday(struct task *t, const struct args *a)
{
    uint64_t ns = clock_realtime();
    struct __kernel_old_timeval time = {(long)(ns / SECOND), (long)(ns % SECOND / 1000)};
    uint64_t zone = 0; /* struct timezone: two ints, no longer used */
    if (a->v[0] && put_user(arg_ptr(a, 0), time))
        return -EFAULT;
    if (a->v[1] && put_user(arg_ptr(a, 1), zone))
        return -EFAULT;
    return 0;
}

int64_t sys_time(struct task *t, const struct args *a)
{
    int64_t seconds = (int64_t)(clock_realtime() / SECOND);
    if (a->v[0] && put_user(arg_ptr(a, 0), seconds))
        return -EFAULT;
    return seconds;
}

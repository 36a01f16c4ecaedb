/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_setscheduler(2), setpriority(2), sched_setaffinity(2) and their kin. One policy runs all tasks; what a program
 * asks for is checked and kept as Linux would, so that it reads back what it has set.
 */
#include "linux/mm/mm.h"
#include "linux/task/internal.h"

#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include <string.h>

#define PRIORITY_MOST 99
#define RR_INTERVAL   (SECOND / 10)
#define NICE_LEAST    (-20)
#define NICE_MOST     19
#define NICE_OF(rlim) (20 - (int64_t)(rlim)) /* RLIMIT_NICE: 1 to 40 */

int64_t sys_sched_yield(struct task *t, const struct args *a)
{
    (void)t, (void)a;
    sched_yield_now();
    return 0;
}

static struct task *task_or_self(struct task *t, int32_t tid)
{
    struct task *of = tid ? task_find(tid) : t;
    return of && of->process ? of : NULL;
}

static bool may_change(const struct task *t, const struct task *of)
{
    return t->cred->euid == of->cred->uid || t->cred->euid == of->cred->euid || capable(t, CAP_SYS_NICE);
}

/* ---- policies ---------------------------------------------------------------------------------------------------- */

struct policy {
    uint32_t policy, priority;
    int32_t nice;
    bool reset_on_fork;
};

static bool is_realtime(uint32_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool policy_is_known(uint32_t policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE || is_realtime(policy);
}

static int nice_allowed(const struct task *t, const struct task *of, int32_t nice)
{
    if (nice >= of->nice || capable(t, CAP_SYS_NICE))
        return 0;
    return nice >= NICE_OF(task_limit(of, RLIMIT_NICE)) ? 0 : -EPERM;
}

static int policy_set(struct task *t, struct task *of, const struct policy *new)
{
    if (!policy_is_known(new->policy))
        return -EINVAL;
    if (is_realtime(new->policy) ? !new->priority || new->priority > PRIORITY_MOST : new->priority)
        return -EINVAL;
    if (!may_change(t, of))
        return -EPERM;
    if (is_realtime(new->policy) && !capable(t, CAP_SYS_NICE)) {
        uint64_t limit = task_limit(of, RLIMIT_RTPRIO);
        if (new->policy != of->policy && !limit)
            return -EPERM;
        if (new->priority > of->rt_priority &&new->priority > limit)
            return -EPERM;
    }
    if (!is_realtime(new->policy) && nice_allowed(t, of, new->nice))
        return -EPERM;
    if (of->reset_on_fork && !new->reset_on_fork && !capable(t, CAP_SYS_NICE))
        return -EPERM;
    of->policy = new->policy, of->rt_priority = new->priority, of->reset_on_fork = new->reset_on_fork;
    if (!is_realtime(new->policy))
        of->nice = new->nice;
    return 0;
}

static int64_t set_scheduler(struct task *t, int32_t tid, int policy, struct uptr param)
{
    struct policy new = {0};
    int32_t priority;
    if (tid < 0 || !param.v)
        return -EINVAL;
    if (get_user(priority, param))
        return -EFAULT;
    struct task *of = task_or_self(t, tid);
    if (!of)
        return -ESRCH;
    new.policy = policy < 0 ? of->policy : (uint32_t)policy & ~(uint32_t)SCHED_RESET_ON_FORK;
    new.reset_on_fork = policy < 0 ? of->reset_on_fork : !!(policy & SCHED_RESET_ON_FORK);
    new.priority = priority < 0 ? UINT32_MAX : (uint32_t)priority;
    new.nice = of->nice;
    return policy_set(t, of, &new);
}

int64_t sys_sched_setscheduler(struct task *t, const struct args *a)
{
    return arg_int(a, 1) < 0 ? -EINVAL : set_scheduler(t, arg_int(a, 0), arg_int(a, 1), arg_ptr(a, 2));
}

int64_t sys_sched_setparam(struct task *t, const struct args *a)
{
    return set_scheduler(t, arg_int(a, 0), -1, arg_ptr(a, 1));
}

int64_t sys_sched_getscheduler(struct task *t, const struct args *a)
{
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    const struct task *of = task_or_self(t, arg_int(a, 0));
    return of ? (int64_t)(of->policy | (of->reset_on_fork ? (uint32_t)SCHED_RESET_ON_FORK : 0)) : -ESRCH;
}

int64_t sys_sched_getparam(struct task *t, const struct args *a)
{
    if (arg_int(a, 0) < 0 || !a->v[1])
        return -EINVAL;
    const struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    return put_user(arg_ptr(a, 1), of->rt_priority);
}

int64_t sys_sched_get_priority_max(struct task *t, const struct args *a)
{
    (void)t;
    if (is_realtime(arg_u32(a, 0)))
        return PRIORITY_MOST;
    return policy_is_known(arg_u32(a, 0)) || arg_u32(a, 0) == SCHED_DEADLINE ? 0 : -EINVAL;
}

int64_t sys_sched_get_priority_min(struct task *t, const struct args *a)
{
    (void)t;
    if (is_realtime(arg_u32(a, 0)))
        return 1;
    return policy_is_known(arg_u32(a, 0)) || arg_u32(a, 0) == SCHED_DEADLINE ? 0 : -EINVAL;
}

int64_t sys_sched_rr_get_interval(struct task *t, const struct args *a)
{
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    const struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    return timespec_out(arg_ptr(a, 1), of->policy == SCHED_FIFO ? 0 : RR_INTERVAL);
}

/* The caller's struct may be older than ours, or newer with zeroes where we know nothing: sched_setattr(2). */
static int attr_in(struct sched_attr *to, struct uptr from)
{
    uint32_t size;
    if (get_user(size, from))
        return -EFAULT;
    if (!size)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0)
        return -E2BIG;
    return copy_struct_in(to, sizeof(*to), from, size);
}

int64_t sys_sched_setattr(struct task *t, const struct args *a)
{
    struct sched_attr in;
    if (arg_int(a, 0) < 0 || !a->v[1] || a->v[2])
        return -EINVAL;
    int r = attr_in(&in, arg_ptr(a, 1));
    if (r)
        return r;
    if (in.sched_flags & ~(uint64_t)SCHED_FLAG_ALL)
        return -EINVAL;
    struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    struct policy new = {.policy = in.sched_policy,
                         .priority = in.sched_priority,
                         .nice = in.sched_nice < NICE_LEAST  ? NICE_LEAST
                                 : in.sched_nice > NICE_MOST ? NICE_MOST
                                                             : in.sched_nice,
                         .reset_on_fork = in.sched_flags & SCHED_FLAG_RESET_ON_FORK};
    return policy_set(t, of, &new);
}

int64_t sys_sched_getattr(struct task *t, const struct args *a)
{
    uint32_t size = arg_u32(a, 2);
    if (arg_int(a, 0) < 0 || !a->v[1] || a->v[3])
        return -EINVAL;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return -EINVAL;
    const struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    struct sched_attr out = {.size = size < sizeof(out) ? size : (uint32_t)sizeof(out),
                             .sched_policy = of->policy,
                             .sched_flags = of->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
                             .sched_priority = of->rt_priority};
    if (!is_realtime(of->policy))
        out.sched_nice = of->nice;
    return copy_out(arg_ptr(a, 1), &out, out.size);
}

/* ---- nice values, I/O priorities ----------------------------------------------------------------------------------
 */

enum { WHICH_PROCESS, WHICH_GROUP, WHICH_USER };

/* Whether `of` is meant by getpriority(2)'s `which` and `who`. */
static bool is_meant(const struct task *t, const struct task *of, int which, int32_t who)
{
    switch (which) {
    case WHICH_PROCESS:
        return of->tid == (who ? who : t->tid);
    case WHICH_GROUP:
        return of->process->pgid == (who ? who : t->process->pgid);
    default:
        return of->cred->uid == (who ? (uint32_t)who : t->cred->uid);
    }
}

int64_t sys_getpriority(struct task *t, const struct args *a)
{
    int which = arg_int(a, 0);
    int64_t best = -ESRCH;
    if (which < WHICH_PROCESS || which > WHICH_USER)
        return -EINVAL;
    each_process (p)
        each_task (of, p)
            if (is_meant(t, of, which, arg_int(a, 1)) && 20 - of->nice > best)
                best = 20 - of->nice;
    return best;
}

int64_t sys_setpriority(struct task *t, const struct args *a)
{
    int which = arg_int(a, 0);
    int32_t nice = arg_int(a, 2) < NICE_LEAST ? NICE_LEAST : arg_int(a, 2) > NICE_MOST ? NICE_MOST : arg_int(a, 2);
    int64_t r = -ESRCH;
    if (which < WHICH_PROCESS || which > WHICH_USER)
        return -EINVAL;
    each_process (p)
        each_task (of, p) {
            if (!is_meant(t, of, which, arg_int(a, 1)))
                continue;
            if (!may_change(t, of)) {
                r = -EPERM;
            } else if (nice_allowed(t, of, nice)) {
                r = -EACCES;
            } else {
                of->nice = nice;
                if (r == -ESRCH)
                    r = 0;
            }
        }
    return r;
}

int64_t sys_ioprio_get(struct task *t, const struct args *a)
{
    const struct task *of = task_or_self(t, arg_int(a, 1));
    if (arg_int(a, 0) < 1 || arg_int(a, 0) > 3)
        return -EINVAL;
    if (arg_int(a, 0) != 1)
        return t->ioprio;
    return of ? (int64_t)of->ioprio : -ESRCH;
}

int64_t sys_ioprio_set(struct task *t, const struct args *a)
{
    struct task *of = task_or_self(t, arg_int(a, 1));
    uint32_t class = arg_u32(a, 2) >> 13;
    if (arg_int(a, 0) < 1 || arg_int(a, 0) > 3 || class > 3)
        return -EINVAL;
    if (class == 1 && !capable(t, CAP_SYS_NICE))
        return -EPERM;
    if (!of)
        return -ESRCH;
    if (!may_change(t, of))
        return -EPERM;
    of->ioprio = arg_u32(a, 2);
    return 0;
}

/* ---- processors -------------------------------------------------------------------------------------------------- */

static uint64_t cpus_online(void)
{
    return platform.vcpus >= 64 ? UINT64_MAX : (1ull << platform.vcpus) - 1;
}

int64_t sys_sched_getaffinity(struct task *t, const struct args *a)
{
    uint64_t size = arg_u32(a, 1);
    if (size < sizeof(uint64_t) || size % sizeof(uint64_t))
        return -EINVAL;
    const struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    const uint64_t mask = of->affinity & cpus_online();
    if (put_user(arg_ptr(a, 2), mask))
        return -EFAULT;
    return sizeof(mask);
}

int64_t sys_sched_setaffinity(struct task *t, const struct args *a)
{
    uint64_t mask = 0, size = arg_u32(a, 1);
    if (copy_in(&mask, arg_ptr(a, 2), size < sizeof(mask) ? size : sizeof(mask)))
        return -EFAULT;
    struct task *of = task_or_self(t, arg_int(a, 0));
    if (!of)
        return -ESRCH;
    if (!may_change(t, of))
        return -EPERM;
    if (!(mask & cpus_online()))
        return -EINVAL;
    of->affinity = mask;
    return 0;
}

/* ---- membarrier(2) ----------------------------------------------------------------------------------------------- */

#define BARRIER_LOOK 200000ull /* ns between two looks at who has not come by */

/* Whether a task that the barrier is for has been in its program ever since; such ones are asked to come by. */
static bool barrier_waits_for(const struct task *t, const struct mm *mm, uint64_t since)
{
    bool waits = false;
    each_process (p)
        each_task (other, p)
            if (other != t && (!mm || other->mm == mm) && other->state == TASK_RUNNING && other->entered <= since) {
                platform.task.kick(other);
                waits = true;
            }
    return waits;
}

/* Every way into the kernel takes its lock, which is a barrier: so it is enough that each task came by once. mm NULL:
 * the tasks of all programs. */
static int64_t barrier(const struct task *t, const struct mm *mm)
{
    uint64_t since = clock_now();
    while (platform.elsewhere && barrier_waits_for(t, mm, since))
        if (task_block_killable(clock_now() + BARRIER_LOOK) == -ERESTARTSYS)
            return -EINTR;
    return 0;
}

int64_t sys_membarrier(struct task *t, const struct args *a)
{
    const int64_t known = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
                          MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                          MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    if (arg_u32(a, 1))
        return -EINVAL;
    switch (arg_int(a, 0)) {
    case MEMBARRIER_CMD_QUERY:
        return known;
    case MEMBARRIER_CMD_GLOBAL:
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
        return barrier(t, NULL);
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
        return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        return t->mm->barriers ? barrier(t, t->mm) : -EPERM;
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        t->mm->barriers = true;
        return 0;
    }
    return -EINVAL;
}

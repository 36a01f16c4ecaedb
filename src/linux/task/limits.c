/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits and what was used: getrlimit(2), prlimit(2), getrusage(2). */
#include "linux/task/internal.h"

#include "linux/mm/mm.h"

#include <linux/capability.h>

#include <string.h>

#define FILES_MOST (1u << 20) /* /proc/sys/fs/nr_open */

static int limit_check(const struct process *p, uint32_t which, const struct rlimit *new)
{
    if (new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (which == RLIMIT_NOFILE && new->rlim_max > FILES_MOST)
        return -EPERM;
    if (new->rlim_max > p->limits[which].rlim_max && !capable(current, CAP_SYS_RESOURCE))
        return -EPERM;
    return 0;
}

static void limit_set(struct process *p, uint32_t which, const struct rlimit *new)
{
    p->limits[which] = *new;
    if (which == RLIMIT_CPU)
        cpu_timers_look(p);
}

/* setrlimit and getrlimit of another process are for its own user. */
static struct process *limit_process(struct task *t, int32_t pid, int *error)
{
    struct process *p = pid ? process_find(pid) : t->process;
    *error = -ESRCH;
    if (!p || p == t->process)
        return p;
    const struct cred *me = t->cred, *other = p->leader->cred;
    bool same = me->uid == other->uid && me->uid == other->euid && me->uid == other->suid && me->gid == other->gid &&
                me->gid == other->egid && me->gid == other->sgid;
    *error = -EPERM;
    return same || capable(t, CAP_SYS_RESOURCE) ? p : NULL;
}

int64_t sys_prlimit64(struct task *t, const struct args *a)
{
    uint32_t which = arg_u32(a, 1);
    struct rlimit new, old; /* struct rlimit64, on this architecture */
    int r;
    if (which >= RLIM_NLIMITS)
        return -EINVAL;
    if (a->v[2] && get_user(new, arg_ptr(a, 2)))
        return -EFAULT;
    struct process *p = limit_process(t, arg_int(a, 0), &r);
    if (!p)
        return r;
    old = p->limits[which];
    if (a->v[2]) {
        r = limit_check(p, which, &new);
        if (r)
            return r;
        limit_set(p, which, &new);
    }
    return a->v[3] ? put_user(arg_ptr(a, 3), old) : 0;
}

int64_t sys_getrlimit(struct task *t, const struct args *a)
{
    if (arg_u32(a, 0) >= RLIM_NLIMITS)
        return -EINVAL;
    return put_user(arg_ptr(a, 1), t->process->limits[arg_u32(a, 0)]);
}

int64_t sys_setrlimit(struct task *t, const struct args *a)
{
    struct rlimit new;
    if (arg_u32(a, 0) >= RLIM_NLIMITS)
        return -EINVAL;
    if (get_user(new, arg_ptr(a, 1)))
        return -EFAULT;
    int r = limit_check(t->process, arg_u32(a, 0), &new);
    if (!r)
        limit_set(t->process, arg_u32(a, 0), &new);
    return r;
}

void times_to_usage(struct rusage *usage, uint64_t user, uint64_t system)
{
    memset(usage, 0, sizeof(*usage));
    usage->ru_utime = ns_to_timeval(user);
    usage->ru_stime = ns_to_timeval(system);
}

uint64_t process_pages_peak(const struct process *p)
{
    const struct mm *mm = p->leader ? p->leader->mm : NULL;
    return mm && mm->pages_peak > p->pages_peak ? mm->pages_peak : p->pages_peak;
}

int64_t sys_getrusage(struct task *t, const struct args *a)
{
    const struct process *p = t->process;
    struct cpu_times times;
    struct rusage usage;
    switch (arg_int(a, 0)) {
    case RUSAGE_SELF:
        times = process_cpu_times(p);
        break;
    case RUSAGE_THREAD:
        times = task_cpu_times(t);
        break;
    case RUSAGE_CHILDREN:
        times = (struct cpu_times){p->children_utime, p->children_stime};
        break;
    default:
        return -EINVAL;
    }
    times_to_usage(&usage, times.user, times.system);
    uint64_t pages = arg_int(a, 0) == RUSAGE_CHILDREN ? p->children_pages_peak : process_pages_peak(p);
    usage.ru_maxrss = (__kernel_long_t)(pages * (PAGE_SIZE / 1024));
    return put_user(arg_ptr(a, 1), usage);
}

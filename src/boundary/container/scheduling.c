/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process is scheduled and weighed: scheduler, I/O priority, memory policy, CPU affinity, OOM score, and hard
 * limits that need the launcher's privilege to rise. Used by the set-up stage and by the child that executes moat-enter
 * for `exec`, both in the launcher's memory: host/sys.h only, no allocation.
 */
#include "boundary/container/container.h"
#include "host/mountapi.h"

#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>

#define LIST_WORDS 16 /* CPUs and memory nodes 0 to 1023 */

/* sched_setattr(2), first version */
struct scheduling_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static const char *parse_number(const char *s, unsigned long *out)
{
    if (*s < '0' || *s > '9')
        return NULL;
    for (*out = 0; *s >= '0' && *s <= '9' && *out < 1 << 20; s++)
        *out = *out * 10 + (unsigned long)(*s - '0');
    return s;
}

/* "0-3,5" (cpuset(7), list format) into a bit mask. */
static int parse_list(const char *list, unsigned long mask[LIST_WORDS])
{
    while (*list) {
        unsigned long from, to;
        if (!(list = parse_number(list, &from)))
            return -EINVAL;
        to = from;
        if (*list == '-' && !(list = parse_number(list + 1, &to)))
            return -EINVAL;
        if (to < from || to >= LIST_WORDS * 64)
            return -EINVAL;
        for (; from <= to; from++)
            mask[from / 64] |= 1UL << from % 64;
        if (*list && *list++ != ',')
            return -EINVAL;
    }
    return 0;
}

int scheduling_set(const struct process *pr, struct err *err)
{
    int r;

    if (pr->sched.set) {
        struct scheduling_attributes a = {sizeof a,           pr->sched.policy,  pr->sched.flags,    pr->sched.nice,
                                          pr->sched.priority, pr->sched.runtime, pr->sched.deadline, pr->sched.period};
        if ((r = (int)sys(SYS_sched_setattr, 0, &a, 0)) < 0)
            return err_sys(err, r,
                           "process.scheduler: policy %u refused by the kernel (CAP_SYS_NICE, real-time group limits)",
                           pr->sched.policy);
    }
    if (pr->ioprio.set && (r = (int)sys(SYS_ioprio_set, 1 /* process */, 0, pr->ioprio.v)) < 0)
        return err_sys(err, r, "process.ioPriority");
    return 0;
}

int scheduling_set_memory(const struct memory_policy *mp, struct err *err)
{
    unsigned long mask[LIST_WORDS] = {0};

    if (!mp->set)
        return 0;
    if (mp->nodes && parse_list(mp->nodes, mask) < 0)
        return err_set(err, -EINVAL, "linux.memoryPolicy.nodes: %s is no list of nodes such as 0-3,5", mp->nodes);
    int r = (int)sys(SYS_set_mempolicy, mp->mode | (int)mp->flags, mp->nodes ? mask : NULL,
                     mp->nodes ? LIST_WORDS * 64 + 1 : 0);
    return r < 0 ? err_sys(err, r, "linux.memoryPolicy") : 0;
}

int scheduling_set_affinity(pid_t pid, const char *list, const char *item, struct err *err)
{
    unsigned long mask[LIST_WORDS] = {0};

    if (!list || !*list)
        return 0;
    if (parse_list(list, mask) < 0)
        return err_set(err, -EINVAL, "process.execCPUAffinity.%s: %s is no list of CPUs such as 0-3,5", item, list);
    int r = (int)sys(SYS_sched_setaffinity, pid, sizeof mask, mask);
    return r < 0 ? err_sys(err, r, "process.execCPUAffinity.%s: %s", item, list) : 0;
}

int scheduling_set_oom_score(const struct process *pr, struct err *err)
{
    char value[24];

    if (!pr->oom_score_adj.set)
        return 0;
    int n = snprintf(value, sizeof value, "%lld", (long long)pr->oom_score_adj.v);
    int fd = (int)sys(SYS_openat, AT_FDCWD, "/proc/thread-self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    long r = fd < 0 ? fd : sys(SYS_write, fd, value, n);
    close_fd(fd);
    return r < 0 ? err_sys(err, (int)r, "process.oomScoreAdj %s: lowering it needs CAP_SYS_RESOURCE", value) : 0;
}

void scheduling_raise_limits(const struct process *pr)
{
    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        struct {
            uint64_t soft, hard;
        } v;
        if (sys(SYS_prlimit64, 0, pr->rlimits[i].resource, NULL, &v) < 0 || pr->rlimits[i].hard <= v.hard)
            continue;
        v.hard = pr->rlimits[i].hard;
        sys(SYS_prlimit64, 0, pr->rlimits[i].resource, &v, NULL); /* refused: moat-enter fails with the item's name */
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a platform and a description of what to boot to a first task whose registers are those of its program. */
#include "linux/core/boot.h"

#include "linux/core/call.h"
#include "linux/core/heap.h"
#include "linux/core/misc.h"
#include "linux/core/random.h"
#include "linux/core/sched.h"
#include "linux/core/strace.h"
#include "linux/fs/vfs.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <string.h>

#define TASKS_MAX 4096

KERNEL_STATE struct platform platform;
KERNEL_STATE const struct linux_config *boot_config;

void mm_init(uint64_t memory_limit) __attribute__((weak));
int task_exec(struct task *, int dirfd, const char *path, int flags, struct exec_strings argv, struct exec_strings envp)
    __attribute__((weak));
const char *task_exec_reason(void) __attribute__((weak));
void cpu_timers_look(struct process *) __attribute__((weak));
void cred_limit(struct cred *, const uint32_t *groups, uint32_t n, uint64_t caps_dropped) __attribute__((weak));

/* No printf here: a kernel for one small program has none. */
static void why_add(char *why, size_t n, const char *words)
{
    size_t at = strlen(why), length = strlen(words);
    if (at + length >= n)
        length = n - 1 - at;
    memcpy(why + at, words, length);
    why[at + length] = 0;
}

static void why_failed(char *why, size_t n, const char *what, int r)
{
    int e = r < 0 && r > -1000 ? -r : 0;
    char number[] = {(char)('0' + e / 100), (char)('0' + e / 10 % 10), (char)('0' + e % 10), ')', 0};
    why_add(why, n, what);
    why_add(why, n, " (errno ");
    why_add(why, n, number + (e < 100) + (e < 10));
}

/* A room may have said why already. */
static int boot_fail(int r, char *why, size_t n, const char *what)
{
    if (!*why)
        why_failed(why, n, what, r);
    return r;
}

/* All tasks are one user's as far as whoever set the limits is concerned, so RLIMIT_NPROC is one for all of them. */
static uint32_t tasks_most(const struct linux_config *c)
{
    const uint32_t most = c->max_tasks ? c->max_tasks : TASKS_MAX;
    const uint64_t soft = c->limits_given >> RLIMIT_NPROC & 1 ? c->limits[RLIMIT_NPROC][0] : most;

    return soft >= most ? most : soft ? (uint32_t)soft : 1;
}

/* The first task, without a program. */
static int boot_task(const struct linux_config *c, char *why, size_t n)
{
    task_counts.tasks_max = tasks_most(c);
    struct task *t = task_boot(c->uid, c->gid);
    if (!t)
        return boot_fail(-ENOMEM, why, n, "no memory for the first task");
    current = t;
    t->state = TASK_RUNNING;
    t->entered = clock_now();
    t->call_nr = -1;
    if (cred_limit)
        cred_limit(t->cred, c->groups, c->n_groups, c->caps_dropped);
    if (c->files_limit) {
        struct rlimit *l = &t->process->limits[RLIMIT_NOFILE];
        l->rlim_cur = l->rlim_max = c->files_limit;
    }
    for (uint32_t i = 0; i < RLIM_NLIMITS; i++)
        if (c->limits_given >> i & 1)
            t->process->limits[i] = (struct rlimit){c->limits[i][0], c->limits[i][1]};
    if (c->limits_given >> RLIMIT_CPU & 1 && cpu_timers_look)
        cpu_timers_look(t->process);
    return 0;
}

/* The program is loaded by what execve(2) does, whose messages go to `why`. */
static int boot_program(const struct linux_config *c, char *why, size_t n)
{
    static const char *const none[] = {NULL};
    const char *program = c->program ? c->program : c->argv[0];
    struct exec_strings argv = {.kernel = c->argv}, envp = {.kernel = c->envp ? c->envp : none};
    int r = -ENOSYS;
    if (c->ready && boot_ready)
        r = boot_ready(c);
    else if (task_exec)
        r = task_exec(current, AT_FDCWD, program, 0, argv, envp);
    if (!r)
        return 0;
    why_add(why, n, program);
    why_add(why, n, ": ");
    if (task_exec && !c->ready && *task_exec_reason())
        why_add(why, n, task_exec_reason());
    else
        why_failed(why, n, "cannot be started", r);
    return r;
}

static int boot(const struct linux_config *c, char *why, size_t n)
{
    heap_init(c->arena, c->arena_size, c->arena_ready);
    int r = sched_init();
    if (r)
        return boot_fail(r, why, n, "no memory for the virtual CPUs");
    if (c->trace && !strace_init) {
        why_add(why, n, "this image's kernel shows no system calls: it was linked for its program alone");
        return -ENOSYS;
    }
    r = c->trace ? strace_init() : 0;
    if (r)
        return boot_fail(r, why, n, "no memory for the trace");
    r = random_init();
    if (r)
        return boot_fail(r, why, n, "the host gives no random seed");
    if (mm_init)
        mm_init(c->memory_limit);
    if (misc_init)
        misc_init(c->hostname);
    if ((r = boot_task(c, why, n)))
        return r;
    if (fs_boot && (r = fs_boot(c, &current->fs, why, n)))
        return boot_fail(r, why, n, "no root file system");
    if (console_boot && (r = console_boot()))
        return boot_fail(r, why, n, "no console");
    if (c->argv && (r = boot_program(c, why, n)))
        return r;
    if (!c->argv && !(current->mm = mm_create()))
        return boot_fail(-ENOMEM, why, n, "no address space");
    sched_ready(current);
    current = NULL;
    return 0;
}

int linux_boot(const struct platform *p, const struct linux_config *c, char *why, size_t n)
{
    platform = *p;
    boot_config = c;
    *why = 0;
    return boot(c, why, n);
}

void linux_stats(struct linux_stats *s)
{
    *s = (struct linux_stats){.tasks = task_counts.tasks,
                              .processes = task_counts.processes,
                              .system_calls = call_count(),
                              .switches = sched_switches(),
                              .heap_bytes = heap_used()};
    list_each (p, &process_all, struct process, all) {
        const struct mm *mm = p->leader ? p->leader->mm : NULL;
        if (mm)
            s->guest_bytes += mm->pages_mapped * PAGE_SIZE;
    }
}

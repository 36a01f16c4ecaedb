/* SPDX-License-Identifier: Apache-2.0 */
/* The root of /proc, proc(5): what is true of the whole machine, and a directory for each process. */
#include "linux/core/release.h"
#include "linux/core/time.h"
#include "linux/kfs/proc.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <string.h>

/* ---- processes ---- */

struct task *proc_task(const struct made_key *key)
{
    if (key->tid)
        return task_find(key->tid);
    struct process *p = process_find(key->pid);
    return p ? p->leader : NULL;
}

int32_t proc_number(const char *name, size_t n)
{
    int32_t v = 0;
    if (!n || n > 9 || (name[0] == '0' && n > 1))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        v = v * 10 + (name[i] - '0');
    }
    return v;
}

bool proc_may_look(const struct task *t)
{
    return task_may_trace(current, t);
}

static const struct made_node *proc_find(struct made_key *key, const char *name, size_t n)
{
    int32_t pid = proc_number(name, n);
    if (pid <= 0 || !process_find(pid))
        return NULL;
    key->pid = pid;
    return &proc_process_node;
}

/* The process with the lowest number from the cookie on: the cookie is the number. */
static const struct made_node *proc_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    int32_t best = 0;
    list_each (p, &process_all, struct process, all)
        if ((uint64_t)p->pid >= *cookie && (!best || p->pid < best))
            best = p->pid;
    if (!best)
        return NULL;
    *cookie = (uint64_t)best;
    key->pid = best;
    text_format(name, room, "%d", best);
    return &proc_process_node;
}

static int64_t proc_self(const struct made_key *key, char *to, size_t n)
{
    char text[16];
    size_t length = text_format(text, sizeof(text), "%d", current->process->pid);
    if (length > n)
        length = n;
    memcpy(to, text, length);
    return (int64_t)length;
}

static int64_t proc_thread_self(const struct made_key *key, char *to, size_t n)
{
    char text[48];
    size_t length = text_format(text, sizeof(text), "%d/task/%d", current->process->pid, current->tid);
    if (length > n)
        length = n;
    memcpy(to, text, length);
    return (int64_t)length;
}

/* ---- the machine ---- */

static int proc_meminfo(const struct made_key *key, struct text *t)
{
    uint64_t limit, used, heap = heap_used();
    mm_totals(&limit, &used);
    if (!limit)
        limit = 1ull << 40;
    uint64_t free = limit > used + heap ? limit - used - heap : 0;
    static const char *const zero[] = {"SwapCached", "Active", "Inactive", "SwapTotal",
                                       "SwapFree",   "Dirty",  "Writeback"};
    text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", limit >> 10,
                free >> 10, free >> 10);
    text_printf(t, "Buffers:        %8d kB\nCached:         %8d kB\n", 0, 0);
    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
        text_printf(t, "%s:%*s%8d kB\n", zero[i], 15 - (int)strlen(zero[i]), "", 0);
    text_printf(t, "AnonPages:      %8lu kB\nMapped:         %8d kB\nShmem:          %8d kB\nSlab:           %8lu kB\n",
                used >> 10, 0, 0, heap >> 10);
    text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\n", limit >> 10, used >> 10);
    text_printf(t, "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
    return 0;
}

static int proc_uptime(const struct made_key *key, struct text *t)
{
    uint64_t up = clock_now() - process_init->started;
    text_printf(t, "%lu.%02lu 0.00\n", up / SECOND, up % SECOND / 10000000);
    return 0;
}

static int proc_loadavg(const struct made_key *key, struct text *t)
{
    text_printf(t, "0.00 0.00 0.00 1/%u %d\n", task_counts.tasks, current->tid);
    return 0;
}

static int proc_stat(const struct made_key *key, struct text *t)
{
    uint64_t user = 0, system = 0;
    list_each (p, &process_all, struct process, all) {
        struct cpu_times times = process_cpu_times(p);
        user += times.user, system += times.system;
    }
    user /= SECOND / 100, system /= SECOND / 100;
    uint64_t idle = (clock_now() - process_init->started) / (SECOND / 100);
    text_printf(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user, system, idle);
    for (uint32_t i = 0; i < platform.vcpus; i++)
        text_printf(t, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, user, system, idle);
    text_printf(t, "intr 0\nctxt 0\nbtime %lu\nprocesses %u\nprocs_running 1\nprocs_blocked 0\n",
                (clock_realtime() - (clock_now() - process_init->started)) / SECOND, task_counts.processes);
    return 0;
}

/* What libraries read here is how many there are and, at most, flags that CPUID would tell them as well. */
static int proc_cpuinfo(const struct made_key *key, struct text *t)
{
    for (uint32_t i = 0; i < platform.vcpus; i++)
        text_printf(
            t,
            "processor\t: %u\nvendor_id\t: moat\nmodel name\t: moat virtual CPU\nphysical id\t: 0\nsiblings\t: %u\n"
            "core id\t\t: %u\ncpu cores\t: %u\nfpu\t\t: yes\nwp\t\t: yes\n"
            "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm constant_tsc nopl\n"
            "clflush size\t: 64\naddress sizes\t: 48 bits physical, 48 bits virtual\n\n",
            i, platform.vcpus, i, platform.vcpus);
    return 0;
}

static int proc_version(const struct made_key *key, struct text *t)
{
    text_printf(t, "Linux version " LINUX_RELEASE " (moat) " LINUX_VERSION "\n");
    return 0;
}

/* ---- the tree ---- */

const struct made_node proc_root_rows[] = {
    {.name = "self", .mode = PROC_LINK, .link = proc_self},
    {.name = "thread-self", .mode = PROC_LINK, .link = proc_thread_self},
    {.name = "cmdline", .mode = PROC_FILE, .constant = "\n"},
    {.name = "cpuinfo", .mode = PROC_FILE, .show = proc_cpuinfo},
    {.name = "devices",
     .mode = PROC_FILE,
     .constant =
         "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"},
    {.name = "filesystems",
     .mode = PROC_FILE,
     .constant = "nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\toverlay\n\timgfs\n"},
    {.name = "loadavg", .mode = PROC_FILE, .show = proc_loadavg},
    {.name = "meminfo", .mode = PROC_FILE, .show = proc_meminfo},
    {.name = "mounts", .mode = PROC_LINK, .constant = "self/mounts"},
    {.name = "net", .mode = PROC_LINK, .constant = "self/net"},
    {.name = "stat", .mode = PROC_FILE, .show = proc_stat},
    {.name = "sys", .mode = PROC_DIR, .children = proc_sys_rows},
    {.name = "sysvipc", .mode = PROC_DIR, .children = proc_sysvipc_rows},
    {.name = "uptime", .mode = PROC_FILE, .show = proc_uptime},
    {.name = "version", .mode = PROC_FILE, .show = proc_version},
    {0},
};
static const struct made_node proc_root = {
    .name = "proc", .mode = PROC_DIR, .children = proc_root_rows, .find = proc_find, .list = proc_list};

static int procfs_mount(struct superblock *sb, const char *source, const char *options)
{
    return made_mount(sb, &proc_root);
}

const struct fs_type procfs_type = {.name = "proc", .magic = 0x9fa0, .mount = procfs_mount, .volatile_names = true};

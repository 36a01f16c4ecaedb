/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID and /proc/PID/task/TID, proc(5). */
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/kfs/proc.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"
#include "linux/tty/tty.h"

#include <asm/errno.h>
#include <string.h>

#define TICK (SECOND / 100)

#pragma weak tty_device
#pragma weak tty_foreground

/* ---- state ---- */

static char proc_state(const struct task *t)
{
    if (t->process->zombie)
        return 'Z';
    if (t->process->stopped)
        return 'T';
    return t->state == TASK_BLOCKED ? 'S' : 'R';
}

static int32_t proc_parent(const struct process *p)
{
    return p->parent ? p->parent->pid : 0;
}

static int proc_stat_of(struct task *t, struct text *out, bool whole)
{
    struct process *p = t->process;
    struct cpu_times times = whole ? process_cpu_times(p) : task_cpu_times(t);
    uint64_t bytes = t->mm ? t->mm->pages_mapped * PAGE_SIZE : 0, pages = t->mm ? t->mm->pages_data : 0;
    const struct tty *tty = tty_device && tty_foreground ? p->tty : NULL;
    text_printf(out, "%d (%s) %c %d %d %d %lu %d 0 0 0 0 0 ", whole ? p->pid : t->tid, t->name, proc_state(t),
                proc_parent(p), p->pgid, p->sid, tty ? tty_device(tty) : 0ul, tty ? tty_foreground(tty) : -1);
    text_printf(out, "%lu %lu %lu %lu %d %d %u 0 %lu ", times.user / TICK, times.system / TICK,
                p->children_utime / TICK, p->children_stime / TICK, 20 + t->nice, t->nice, p->n_tasks,
                (p->started - process_init->started) / TICK);
    text_printf(out, "%lu %lu %lu ", bytes, pages, p->limits[RLIMIT_RSS].rlim_cur);
    bool look = proc_may_look(t) && t->mm;
    text_printf(out, "%lu %lu %lu 0 0 ", look ? t->mm->code_start : 0, look ? t->mm->code_end : 0,
                look ? t->mm->stack_top : 0);
    uint64_t ignored = 0, caught = 0;
    for (int s = 1; p->signals && s <= 31; s++) {
        if (p->signals->actions[s - 1].handler == 1)
            ignored |= signal_bit(s);
        else if (p->signals->actions[s - 1].handler)
            caught |= signal_bit(s);
    }
    text_printf(out, "%lu %lu %lu %lu 0 0 0 %d 0 0 0 0 0 0 ", t->pending.set & 0x7fffffff, t->blocked & 0x7fffffff,
                ignored, caught, p->exit_signal);
    if (look)
        text_printf(out, "%lu %lu %lu %lu %lu %lu %lu ", t->mm->data_start, t->mm->data_end, t->mm->brk_start,
                    t->mm->args_start, t->mm->args_end, t->mm->env_start, t->mm->env_end);
    else
        text_printf(out, "0 0 0 0 0 0 0 ");
    text_printf(out, "%d\n", p->zombie ? p->exit_status : 0);
    return 0;
}

static int proc_show_stat(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    return t ? proc_stat_of(t, out, !key->tid) : -ESRCH;
}

static void proc_status_signals(struct task *t, struct text *out)
{
    struct process *p = t->process;
    uint64_t ignored = 0, caught = 0;
    for (int s = 1; p->signals && s <= SIGNAL_COUNT; s++) {
        if (p->signals->actions[s - 1].handler == 1)
            ignored |= signal_bit(s);
        else if (p->signals->actions[s - 1].handler)
            caught |= signal_bit(s);
    }
    text_printf(out,
                "SigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
                t->pending.n + p->shared_pending.n, p->limits[RLIMIT_SIGPENDING].rlim_cur, t->pending.set,
                p->shared_pending.set, t->blocked, ignored, caught);
}

static int proc_show_status(const struct made_key *key, struct text *out)
{
    static const struct {
        char state;
        const char *name;
    } states[] = {{'R', "running"}, {'S', "sleeping"}, {'T', "stopped"}, {'Z', "zombie"}};
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    struct process *p = t->process;
    const struct cred *c = t->cred;
    const char *name = "";
    char state = proc_state(t);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (states[i].state == state)
            name = states[i].name;
    text_printf(out,
                "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
                t->name, t->fs ? t->fs->umask : 0, state, name, p->pid, key->tid ? t->tid : p->pid, proc_parent(p));
    text_printf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\nGroups:\t", c->uid, c->euid, c->suid,
                c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
    for (uint32_t i = 0; i < c->n_groups; i++)
        text_printf(out, "%u ", c->groups[i]);
    text_printf(out, "\n");
    if (t->mm) {
        text_printf(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmRSS:\t%8lu kB\nVmData:\t%8lu kB\n",
                    t->mm->pages_peak * 4, t->mm->pages_mapped * 4, t->mm->pages_locked * 4, t->mm->pages_data * 4,
                    t->mm->pages_data * 4);
        text_printf(out, "VmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmSwap:\t%8d kB\n",
                    (t->mm->stack_top - t->mm->stack_bottom) >> 10, (t->mm->code_end - t->mm->code_start) >> 10, 0);
    }
    text_printf(out, "Threads:\t%u\n", p->n_tasks);
    proc_status_signals(t, out);
    text_printf(out,
                "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%"
                "d\nSeccomp:\t0\n",
                c->caps_inheritable, c->caps_permitted, c->caps_effective, c->caps_bounding, c->caps_ambient,
                c->no_new_privs);
    text_printf(
        out,
        "Cpus_allowed:\t%lx\nCpus_allowed_list:\t0-%u\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n",
        (UINT64_C(1) << platform.vcpus) - 1, platform.vcpus - 1);
    return 0;
}

static int proc_show_statm(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (!t->mm)
        return text_printf(out, "0 0 0 0 0 0 0\n"), 0;
    text_printf(out, "%lu %lu 0 %lu 0 %lu 0\n", t->mm->pages_mapped, t->mm->pages_data,
                (t->mm->code_end - t->mm->code_start) >> PAGE_SHIFT, t->mm->pages_data);
    return 0;
}

/* ---- its words ---- */

/* Bytes of the program's memory [from, to). What cannot be read is left out. */
static void proc_memory(struct task *t, uint64_t from, uint64_t to, struct text *out)
{
    char piece[256];
    while (from < to) {
        size_t want = to - from < sizeof(piece) ? to - from : sizeof(piece);
        size_t n = platform.aspace.copy_in(t->mm->aspace, piece, (struct uptr){from}, want);
        text_put(out, piece, n);
        if (n < want)
            return;
        from += n;
    }
}

static int proc_show_cmdline(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (t->mm)
        proc_memory(t, t->mm->args_start, t->mm->args_end, out);
    return 0;
}

static int proc_show_environ(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (!proc_may_look(t))
        return -EACCES;
    if (t->mm)
        proc_memory(t, t->mm->env_start, t->mm->env_end, out);
    return 0;
}

static int proc_show_auxv(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (!proc_may_look(t))
        return -EACCES;
    if (t->mm)
        text_put(out, (const char *)t->mm->auxv, t->mm->n_auxv * sizeof(uint64_t));
    return 0;
}

static int proc_show_comm(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    text_printf(out, "%s\n", t->name);
    return 0;
}

static int64_t proc_store_comm(const struct made_key *key, const char *text, size_t n)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (t->process != current->process)
        return -EINVAL;
    size_t length = n < sizeof(t->name) ? n : sizeof(t->name) - 1;
    if (length && text[length - 1] == '\n')
        length--;
    memset(t->name, 0, sizeof(t->name));
    memcpy(t->name, text, length);
    return (int64_t)n;
}

static int proc_show_limits(const struct made_key *key, struct text *out)
{
    static const struct {
        int which;
        const char *name, *unit;
    } rows[] = {
        {RLIMIT_CPU, "Max cpu time", "seconds"},         {RLIMIT_FSIZE, "Max file size", "bytes"},
        {RLIMIT_DATA, "Max data size", "bytes"},         {RLIMIT_STACK, "Max stack size", "bytes"},
        {RLIMIT_CORE, "Max core file size", "bytes"},    {RLIMIT_RSS, "Max resident set", "bytes"},
        {RLIMIT_NPROC, "Max processes", "processes"},    {RLIMIT_NOFILE, "Max open files", "files"},
        {RLIMIT_MEMLOCK, "Max locked memory", "bytes"},  {RLIMIT_AS, "Max address space", "bytes"},
        {RLIMIT_LOCKS, "Max file locks", "locks"},       {RLIMIT_SIGPENDING, "Max pending signals", "signals"},
        {RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"}, {RLIMIT_NICE, "Max nice priority", ""},
        {RLIMIT_RTPRIO, "Max realtime priority", ""},    {RLIMIT_RTTIME, "Max realtime timeout", "us"},
    };
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    text_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct rlimit *l = &t->process->limits[rows[i].which];
        char soft[24] = "unlimited", hard[24] = "unlimited";
        if (l->rlim_cur != RLIM_INFINITY)
            text_format(soft, sizeof(soft), "%lu", l->rlim_cur);
        if (l->rlim_max != RLIM_INFINITY)
            text_format(hard, sizeof(hard), "%lu", l->rlim_max);
        text_printf(out, "%-25s %-20s %-20s %-10s\n", rows[i].name, soft, hard, rows[i].unit);
    }
    return 0;
}

static int proc_show_oom_score_adj(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    text_printf(out, "%d\n", t->process->oom_score_adj);
    return 0;
}

static int64_t proc_store_oom_score_adj(const struct made_key *key, const char *text, size_t n)
{
    struct task *t = proc_task(key);
    bool negative = n && text[0] == '-';
    size_t digits = negative, end = n && text[n - 1] == '\n' ? n - 1 : n;
    if (!t)
        return -ESRCH;
    int32_t v = proc_number(text + digits, end - digits);
    if (v < 0 || v > 1000)
        return -EINVAL;
    t->process->oom_score_adj = negative ? -v : v;
    return (int64_t)n;
}

/* ---- links ---- */

static int proc_follow_exe(const struct made_key *key, struct path *out)
{
    struct task *t = proc_task(key);
    if (!t || !t->mm || !t->mm->exe)
        return -ENOENT;
    if (!proc_may_look(t))
        return -EACCES;
    *out = t->mm->exe->path;
    path_get(out);
    return 0;
}

static int proc_follow_cwd(const struct made_key *key, struct path *out)
{
    struct task *t = proc_task(key);
    if (!t || !t->fs)
        return -ENOENT;
    if (!proc_may_look(t))
        return -EACCES;
    *out = t->fs->cwd;
    path_get(out);
    return 0;
}

static int proc_follow_root(const struct made_key *key, struct path *out)
{
    struct task *t = proc_task(key);
    if (!t || !t->fs)
        return -ENOENT;
    if (!proc_may_look(t))
        return -EACCES;
    *out = t->fs->root;
    path_get(out);
    return 0;
}

static int64_t proc_link_to(int (*follow)(const struct made_key *, struct path *), const struct made_key *key, char *to,
                            size_t n)
{
    char room[PATH_MAX_];
    struct path p;
    int r = follow(key, &p);
    if (r)
        return r;
    const char *name = path_name(&p, room, sizeof(room));
    path_put(&p);
    if (!name)
        return -ENAMETOOLONG;
    size_t length = strlen(name);
    if (length > n)
        length = n;
    memcpy(to, name, length);
    return (int64_t)length;
}

static int64_t proc_link_exe(const struct made_key *key, char *to, size_t n)
{
    return proc_link_to(proc_follow_exe, key, to, n);
}
static int64_t proc_link_cwd(const struct made_key *key, char *to, size_t n)
{
    return proc_link_to(proc_follow_cwd, key, to, n);
}
static int64_t proc_link_root(const struct made_key *key, char *to, size_t n)
{
    return proc_link_to(proc_follow_root, key, to, n);
}

/* ---- tasks ---- */

static const struct made_node *proc_task_find(struct made_key *key, const char *name, size_t n)
{
    int32_t tid = proc_number(name, n);
    struct task *t = tid > 0 ? task_find(tid) : NULL;
    if (!t || t->process->pid != key->pid)
        return NULL;
    key->tid = tid;
    return &proc_task_node;
}

static const struct made_node *proc_task_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    struct process *p = process_find(key->pid);
    int32_t best = 0;
    if (!p)
        return NULL;
    list_each (t, &p->tasks, struct task, in_process)
        if ((uint64_t)t->tid >= *cookie && (!best || t->tid < best))
            best = t->tid;
    if (!best)
        return NULL;
    *cookie = (uint64_t)best;
    key->tid = best;
    text_format(name, room, "%d", best);
    return &proc_task_node;
}

/* Directories and files belong to who the process runs as. */
static int proc_seen(const struct made_key *key, uint32_t *mode, uint32_t *uid, uint32_t *gid)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    *uid = t->cred->euid, *gid = t->cred->egid;
    return 0;
}

#define PROC_COMMON                                                                                                    \
    {.name = "auxv", .mode = S_IFREG | 0400, .show = proc_show_auxv, .seen = proc_seen},                               \
        {.name = "cmdline", .mode = PROC_FILE, .show = proc_show_cmdline},                                             \
        {.name = "comm", .mode = S_IFREG | 0644, .show = proc_show_comm, .store = proc_store_comm, .seen = proc_seen}, \
        {.name = "cwd", .mode = PROC_LINK, .link = proc_link_cwd, .follow = proc_follow_cwd},                          \
        {.name = "environ", .mode = S_IFREG | 0400, .show = proc_show_environ, .seen = proc_seen},                     \
        {.name = "exe", .mode = PROC_LINK, .link = proc_link_exe, .follow = proc_follow_exe},                          \
        {.name = "limits", .mode = PROC_FILE, .show = proc_show_limits},                                               \
        {.name = "maps", .mode = PROC_FILE, .show = proc_show_maps},                                                   \
        {.name = "smaps", .mode = PROC_FILE, .show = proc_show_smaps},                                                 \
        {.name = "mountinfo", .mode = PROC_FILE, .show = proc_show_mountinfo},                                         \
        {.name = "mounts", .mode = PROC_FILE, .show = proc_show_mounts},                                               \
        {.name = "net", .mode = PROC_DIR, .children = proc_net_rows},                                                  \
        {.name = "oom_score", .mode = PROC_FILE, .constant = "0\n"},                                                   \
        {.name = "oom_score_adj",                                                                                      \
         .mode = S_IFREG | 0644,                                                                                       \
         .show = proc_show_oom_score_adj,                                                                              \
         .store = proc_store_oom_score_adj,                                                                            \
         .seen = proc_seen},                                                                                           \
        {.name = "root", .mode = PROC_LINK, .link = proc_link_root, .follow = proc_follow_root},                       \
        {.name = "stat", .mode = PROC_FILE, .show = proc_show_stat},                                                   \
        {.name = "statm", .mode = PROC_FILE, .show = proc_show_statm},                                                 \
        {.name = "status", .mode = PROC_FILE, .show = proc_show_status},                                               \
        {.name = "cgroup", .mode = PROC_FILE, .constant = "0::/\n"},                                                   \
        {.name = "loginuid", .mode = PROC_FILE, .constant = "4294967295"},                                             \
    {                                                                                                                  \
        .name = "wchan", .mode = PROC_FILE, .constant = "0"                                                            \
    }

static const struct made_node proc_task_dir = {
    .name = "task", .mode = PROC_DIR, .find = proc_task_find, .list = proc_task_list, .seen = proc_seen};

static const struct made_node proc_task_rows[] = {PROC_COMMON, {0}};
const struct made_node proc_task_node = {
    .name = "task", .mode = PROC_DIR, .children = proc_task_rows, .seen = proc_seen};

static const struct made_node proc_process_rows[] = {
    PROC_COMMON,
    {0},
};

/* The directories within are rows of their own, found by name. */
static const struct made_node *const proc_process_dirs[] = {&proc_fd_node, &proc_fdinfo_node, &proc_ns_node,
                                                            &proc_task_dir};

static const struct made_node *proc_process_find(struct made_key *key, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof(proc_process_dirs) / sizeof(proc_process_dirs[0]); i++)
        if (strlen(proc_process_dirs[i]->name) == n && !memcmp(proc_process_dirs[i]->name, name, n))
            return proc_process_dirs[i];
    return NULL;
}

static const struct made_node *proc_process_list(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    if (*cookie >= sizeof(proc_process_dirs) / sizeof(proc_process_dirs[0]))
        return NULL;
    text_format(name, room, "%s", proc_process_dirs[*cookie]->name);
    return proc_process_dirs[*cookie];
}

const struct made_node proc_process_node = {.name = "process",
                                            .mode = PROC_DIR,
                                            .children = proc_process_rows,
                                            .find = proc_process_find,
                                            .list = proc_process_list,
                                            .seen = proc_seen};

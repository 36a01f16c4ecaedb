/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trace.h. The traced processes are the user's own and are not confined by this; what is read from their memory is
 * a bounded string, looked at and kept, never acted on but by lstat(2).
 */
#include "unikernel/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKETS  16384
#define TASKS    4096 /* processes and threads at one time */
#define HERE     (-1)
#define NONE     (-1)
#define EVENT(e) (SIGTRAP | (e) << 8)

enum use {
    USE_READ,  /* what is there is needed */
    USE_OPEN,  /* by the flags, in the argument behind the path */
    USE_OPEN2, /* by those of struct open_how */
    USE_MAKE,  /* something new: only its directory is needed */
    USE_RUN
};

static const struct call {
    int nr;
    int8_t dir, path; /* arguments; HERE: the working directory */
    uint8_t use;
} calls[] = {
    {SYS_open, HERE, 0, USE_OPEN},          {SYS_openat, 0, 1, USE_OPEN},
    {SYS_openat2, 0, 1, USE_OPEN2},         {SYS_creat, HERE, 0, USE_MAKE},
    {SYS_stat, HERE, 0, USE_READ},          {SYS_lstat, HERE, 0, USE_READ},
    {SYS_newfstatat, 0, 1, USE_READ},       {SYS_statx, 0, 1, USE_READ},
    {SYS_access, HERE, 0, USE_READ},        {SYS_faccessat, 0, 1, USE_READ},
    {439 /* faccessat2 */, 0, 1, USE_READ}, {SYS_readlink, HERE, 0, USE_READ},
    {SYS_readlinkat, 0, 1, USE_READ},       {SYS_chdir, HERE, 0, USE_READ},
    {SYS_statfs, HERE, 0, USE_READ},        {SYS_truncate, HERE, 0, USE_READ},
    {SYS_execve, HERE, 0, USE_RUN},         {SYS_execveat, 0, 1, USE_RUN},
    {SYS_mkdir, HERE, 0, USE_MAKE},         {SYS_mkdirat, 0, 1, USE_MAKE},
    {SYS_mknod, HERE, 0, USE_MAKE},         {SYS_mknodat, 0, 1, USE_MAKE},
    {SYS_rename, HERE, 1, USE_MAKE},        {SYS_renameat, 2, 3, USE_MAKE},
    {SYS_renameat2, 2, 3, USE_MAKE},        {SYS_link, HERE, 1, USE_MAKE},
    {SYS_linkat, 2, 3, USE_MAKE},           {SYS_symlink, HERE, 1, USE_MAKE},
    {SYS_symlinkat, 1, 2, USE_MAKE},        {SYS_inotify_add_watch, HERE, 1, USE_READ},
};

struct seen {
    const char *path;
    struct seen *next;
};

struct task {
    pid_t pid;
    bool counts, starts; /* starts: counts from the execve(2) on that it is in */
};

struct trace {
    struct arena *a;
    struct traced *out;
    dev_t dev;
    ino_t ino;
    struct seen *seen[BUCKETS];
    struct task tasks[TASKS];
    unsigned n_tasks;
    bool failed; /* no memory */
};

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

/* Whether it is new. */
static bool note(struct trace *t, const char *path)
{
    uint64_t hash = 5381;

    for (const char *c = path; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    for (const struct seen *s = t->seen[hash % BUCKETS]; s; s = s->next)
        if (!strcmp(s->path, path))
            return false;
    struct seen *s = arena_alloc(t->a, sizeof *s);
    if (!s || !(s->path = arena_strdup(t->a, path))) {
        t->failed = true;
        return false;
    }
    s->next = t->seen[hash % BUCKETS];
    t->seen[hash % BUCKETS] = s;
    return true;
}

static bool is_kernels(const char *path)
{
    static const char *const roots[] = {"/proc", "/sys", "/dev"};

    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        size_t n = strlen(roots[i]);
        if (!strncmp(path, roots[i], n) && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

/* What is not there when it is asked for first is made by the run, and not needed for it. */
static void keep(struct trace *t, const char *path)
{
    struct stat st;

    if (is_kernels(path) || !note(t, path) || lstat(path, &st) < 0 ||
        !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode)))
        return;
    if (stat(path, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return;
    const char *copy = arena_strdup(t->a, path);
    if (!copy || policy_strv_push(t->a, &t->out->paths, copy) < 0)
        t->failed = true;
}

static void keep_directory(struct trace *t, char *path)
{
    char *slash = strrchr(path, '/');

    note(t, path);
    if (slash && slash > path) {
        *slash = 0;
        keep(t, path);
    }
}

/* ---- a system call ------------------------------------------------------------------------------------------------
 */

static bool read_memory(pid_t pid, uint64_t at, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)at, n};

    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

/* A string, page by page, since the next page may not be there. */
static bool read_string(pid_t pid, uint64_t at, char *to, size_t size)
{
    size_t have = 0;

    while (have < size) {
        size_t n = 4096 - (at + have) % 4096;
        n = n < size - have ? n : size - have;
        if (!read_memory(pid, at + have, to + have, n))
            return false;
        if (memchr(to + have, 0, n))
            return true;
        have += n;
    }
    return false;
}

static uint64_t argument(const struct user_regs_struct *r, int i)
{
    const uint64_t v[] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};

    return v[i];
}

/* Absolute, as this process sees it. NULL: it cannot be said. */
static char *path_of(struct trace *t, pid_t pid, const struct call *c, const struct user_regs_struct *r)
{
    char path[PATH_MAX], base[PATH_MAX];

    if (!read_string(pid, argument(r, c->path), path, sizeof path) || !*path)
        return NULL;
    if (*path == '/')
        return arena_strdup(t->a, path);
    const int dir = c->dir == HERE ? AT_FDCWD : (int)argument(r, c->dir);
    const char *name = dir == AT_FDCWD ? arena_printf(t->a, "/proc/%d/cwd", (int)pid)
                                       : arena_printf(t->a, "/proc/%d/fd/%d", (int)pid, dir);
    ssize_t n = name ? readlink(name, base, sizeof base - 1) : -1;
    if (n <= 0 || *base != '/')
        return NULL;
    base[n] = 0;
    return arena_printf(t->a, "%s/%s", n > 1 ? base : "", path);
}

static bool only_writes(pid_t pid, const struct call *c, const struct user_regs_struct *r)
{
    struct open_how how = {0};
    uint64_t flags = 0;

    if (c->use == USE_MAKE)
        return true;
    if (c->use == USE_OPEN)
        flags = argument(r, c->path + 1);
    else if (c->use == USE_OPEN2 && read_memory(pid, argument(r, c->path + 1), &how, sizeof how))
        flags = how.flags;
    return (flags & O_ACCMODE) == O_WRONLY || (flags & (O_CREAT | O_TRUNC)) == (O_CREAT | O_TRUNC);
}

static void on_call(struct trace *t, struct task *task)
{
    struct user_regs_struct r;
    const struct call *c = NULL;
    struct stat st;

    if (ptrace(PTRACE_GETREGS, task->pid, NULL, &r) < 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(calls) && !c; i++)
        c = calls[i].nr == (int)r.orig_rax ? &calls[i] : NULL;
    char *path = c && (task->counts || c->use == USE_RUN) ? path_of(t, task->pid, c, &r) : NULL;
    if (!path)
        return;
    if (c->use == USE_RUN && stat(path, &st) == 0 && st.st_dev == t->dev && st.st_ino == t->ino)
        task->starts = true;
    if (!task->counts)
        return;
    if (only_writes(task->pid, c, &r))
        keep_directory(t, path);
    else
        keep(t, path);
}

/* ---- the run ------------------------------------------------------------------------------------------------------
 */

static struct task *task_of(struct trace *t, pid_t pid)
{
    for (unsigned i = 0; i < t->n_tasks; i++)
        if (t->tasks[i].pid == pid)
            return &t->tasks[i];
    if (t->n_tasks == TASKS)
        return NULL;
    t->tasks[t->n_tasks] = (struct task){.pid = pid};
    return &t->tasks[t->n_tasks++];
}

static void forget(struct trace *t, pid_t pid)
{
    for (unsigned i = 0; i < t->n_tasks; i++)
        if (t->tasks[i].pid == pid)
            t->tasks[i] = t->tasks[--t->n_tasks];
}

static int filter(void)
{
    struct sock_filter f[ARRAY_LEN(calls) + 6];
    unsigned n = 0;

    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr,
                                              (uint8_t)(ARRAY_LEN(calls) - i), 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    const struct sock_fprog program = {(unsigned short)n, f};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0
               ? -errno
               : 0;
}

static _Noreturn void child(const char *command)
{
    static char shell[] = "sh", option[] = "-c";
    char *argv[] = {shell, option, (char *)(uintptr_t)command, NULL};

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && raise(SIGSTOP) == 0 && filter() == 0)
        execv("/bin/sh", argv);
    _exit(127);
}

/* What a stop of a task means; the signal that it goes on with. */
static int on_stop(struct trace *t, pid_t pid, int status)
{
    struct task *task = task_of(t, pid);
    unsigned long born;

    switch (status >> 8) {
    case EVENT(PTRACE_EVENT_SECCOMP):
        if (task)
            on_call(t, task);
        return 0;
    case EVENT(PTRACE_EVENT_EXEC):
        if (task && task->starts)
            task->counts = t->out->ran = true;
        if (task)
            task->starts = false;
        return 0;
    case EVENT(PTRACE_EVENT_FORK):
    case EVENT(PTRACE_EVENT_VFORK):
    case EVENT(PTRACE_EVENT_CLONE):
        if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &born) == 0) {
            const bool counts = task && task->counts;
            struct task *one = task_of(t, (pid_t)born);
            if (one)
                one->counts = counts;
        }
        return 0;
    case SIGSTOP: /* of one that has just been born */
        return 0;
    default:
        return WSTOPSIG(status) == SIGTRAP && status >> 16 ? 0 : WSTOPSIG(status);
    }
}

static int watch(struct trace *t, pid_t shell)
{
    int status;

    while (t->n_tasks) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return errno == ECHILD ? 0 : -errno;
        if (WIFSTOPPED(status)) {
            ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)on_stop(t, pid, status));
            continue;
        }
        if (pid == shell)
            t->out->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        forget(t, pid);
    }
    return 0;
}

int trace_run(struct arena *a, const char *command, dev_t dev, ino_t ino, struct traced *out, struct err *err)
{
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    struct trace *t = arena_alloc(a, sizeof *t);
    int status;

    if (!t)
        return err_set(err, -ENOMEM, "out of memory");
    t->a = a;
    t->out = out;
    t->dev = dev;
    t->ino = ino;
    pid_t pid = fork();
    if (pid == 0)
        child(command);
    if (pid < 0)
        return err_sys(err, -errno, "start /bin/sh");
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, pid, NULL, options) < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return err_set(err, -EPERM,
                       "this process may not trace another: kernel.yama.ptrace_scope is 3, or a sandbox "
                       "is around moat; name the files by --add");
    }
    task_of(t, pid);
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    int r = watch(t, pid);
    if (r < 0)
        return err_sys(err, r, "watch it");
    return t->failed ? err_set(err, -ENOMEM, "out of memory: it uses too many files") : 0;
}

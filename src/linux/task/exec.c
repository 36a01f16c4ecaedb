/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve(2): the file (and the interpreters that #! lines name), the strings, then the point of no return: the other
 * threads end, the new program is loaded, and the task is made what a fresh one is.
 *
 * The new program is loaded beside the old one, so that a bad file leaves the caller as it was. Only where that fails
 * for want of memory, and nobody else uses the old memory, is it given up first; what goes wrong then is the end of the
 * process, as on Linux.
 */
#include "linux/task/internal.h"

#include "linux/core/text.h"
#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/mm/mm.h"
#include "linux/task/exec_strings.h"

#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include <string.h>

__typeof__(timers_exec) timers_exec __attribute__((weak)); /* where there are no timers */

#define MAY_EXECUTE 1u

KERNEL_STATE static struct {
    char why[160];
} reason;

const char *task_exec_reason(void)
{
    return reason.why;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int exec_open(int dirfd, const char *path, int flags, struct file **out)
{
    struct path at;
    uint32_t walk_flags = flags & AT_SYMLINK_NOFOLLOW ? WALK_NO_LINKS : WALK_FOLLOW;
    if (flags & AT_EMPTY_PATH)
        walk_flags |= WALK_EMPTY;
    int r = walk(dirfd, path, walk_flags, &at);
    if (r)
        return r;
    struct inode *inode = at.dentry->inode;
    if (S_ISLNK(inode->mode))
        r = -ELOOP;
    else if (!S_ISREG(inode->mode) || at.mount->flags & MS_NOEXEC)
        r = -EACCES;
    else if (inode->writers)
        r = -ETXTBSY;
    else if (!(r = vfs_permission(inode, MAY_EXECUTE)))
        r = vfs_open(&at, O_RDONLY, out);
    path_put(&at);
    return r;
}

/* Follows #! lines: on success *file is an ELF file, or something else that elf_load will refuse. */
static int exec_resolve(struct exec_script *script, struct file **file)
{
    char head[SCRIPT_LINE + 1];
    for (int depth = 0;; depth++) {
        int64_t n = vfs_read_kernel(*file, head, SCRIPT_LINE, 0);
        if (n < 0)
            return (int)n;
        head[n] = '\0';
        const char *interpreter;
        int r = exec_script_line(script, head, (size_t)n, &interpreter);
        if (r <= 0)
            return r;
        if (depth == SCRIPT_DEPTH)
            return -ELOOP;
        struct file *next;
        r = exec_open(AT_FDCWD, interpreter, 0, &next);
        if (r)
            return r;
        file_put(*file);
        *file = next;
    }
}

/* ---- the point of no return -------------------------------------------------------------------------------------- */

/* Ends the other tasks of the process. -EAGAIN: another one was first. */
static int exec_alone(struct task *t)
{
    struct process *p = t->process;
    if (p->alone || p->exiting)
        return -EAGAIN;
    p->alone = t;
    each_task (other, p) {
        if (other == t)
            continue;
        other->killed = true;
        sched_work(other);
    }
    while (p->n_tasks > 1 && !p->exiting)
        (void)task_block_killable(NEVER);
    p->alone = NULL;
    if (p->exiting)
        task_exit_code(p->group_exit_code);
    struct task *leader = p->leader;
    if (leader == t)
        return 0;
    /* The number of the process stays: this task takes it over from the leader, who has ended. */
    p->leader = t;
    task_forget(leader);
    task_take_id(t, p->pid);
    return 0;
}

static void exec_load_error(const char *path, int error)
{
    if (!reason.why[0])
        text_format(reason.why, sizeof(reason.why), "%s: error %d", path, -error);
}

struct exec {
    struct file *file;
    const char *path;
    struct exec_block strings;
    struct mm *mm;
    int64_t sp;
};

static int exec_load(struct exec *e)
{
    reason.why[0] = '\0';
    e->mm = mm_create();
    if (!e->mm)
        return -ENOMEM;
    int r = elf_load(e->mm, e->file, reason.why, sizeof(reason.why));
    if (!r) {
        e->sp = elf_stack(e->mm, e->strings.bytes, e->strings.used, e->strings.argc, e->strings.envc, e->path);
        r = e->sp < 0 ? (int)e->sp : 0;
    }
    if (!r)
        return 0;
    exec_load_error(e->path, r);
    mm_put(e->mm);
    e->mm = NULL;
    return r;
}

static void exec_leave_memory(struct task *t)
{
    struct mm *old = t->mm;
    if (!old)
        return;
    task_last_words(t);
    if (old->pages_peak > t->process->pages_peak)
        t->process->pages_peak = old->pages_peak;
    t->mm = NULL;
    mm_put(old);
}

static int exec_name(struct process *p, struct file *file)
{
    char *buffer = heap_alloc(PATH_MAX_), *name;
    if (!buffer)
        return -ENOMEM;
    name = path_name(&file->path, buffer, PATH_MAX_);
    size_t n = name ? strlen(name) + 1 : 0;
    char *copy = n ? heap_alloc(n) : NULL;
    if (copy) {
        memcpy(copy, name, n);
        if (p->exe_path)
            heap_release(p->exe_path, p->exe_path_size);
        p->exe_path = copy, p->exe_path_size = (uint32_t)n;
    }
    heap_release(buffer, PATH_MAX_);
    return 0;
}

static void exec_signals(struct task *t)
{
    struct signal_shared *s = t->process->signals;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uint64_t handler = s->actions[i].handler;
        s->actions[i] = (struct signal_action){.handler = handler == (uint64_t)SIG_IGN ? handler : (uint64_t)SIG_DFL};
    }
    t->altstack = (struct altstack){0};
    t->restore_blocked = false;
}

/* What is shared with other processes and shall not be changed for them. */
static int exec_unshare(struct task *t)
{
    struct process *p = t->process;
    struct files *files = files_copy(t->files);
    if (!files)
        return -ENOMEM;
    if (p->signals->refs > 1) {
        struct signal_shared *own = signal_shared_copy(p->signals);
        if (!own) {
            files_put(files);
            return -ENOMEM;
        }
        signal_shared_put(p->signals);
        p->signals = own;
    }
    struct files *old = t->files;
    t->files = files;
    files_put(old);
    return 0;
}

static void exec_become(struct task *t, struct exec *e, const char *name)
{
    struct process *p = t->process;
    t->mm = e->mm;
    e->mm = NULL;
    exec_signals(t);
    if (timers_exec)
        timers_exec(p);
    files_close_on_exec(t->files);
    (void)exec_name(p, e->file);
    memset(t->name, 0, sizeof(t->name));
    for (size_t i = 0; i < sizeof(t->name) - 1 && name[i]; i++)
        t->name[i] = name[i];
    p->execed = true, p->dumpable = true;
    p->process_keys = t->thread_keys = t->request_keys = 0;
    t->regs = (struct regs){.rip = t->mm->entry, .rsp = (uint64_t)e->sp, .rflags = 0x202};
    (void)platform.task.xstate_set(t, NULL, 0);
    t->call_nr = -1;
    sched_all_regs(t);
    vfork_release(p);
}

static const char *base_name(const char *path)
{
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/')
            name = c + 1;
    return name;
}

/* The file is open, the strings are there: 0, or -errno with nothing changed but that the process has one thread. */
static int exec_switch(struct task *t, struct exec *e)
{
    int r = exec_alone(t);
    if (!r)
        r = exec_unshare(t);
    if (!r)
        r = exec_load(e);
    if (r == -EADDRINUSE) { /* there is room when the old program has gone */
        exec_leave_memory(t);
        if (exec_load(e))
            task_exit_group(0, SIGKILL);
        r = 0;
    }
    if (r)
        return r;
    exec_leave_memory(t);
    if (cred_exec(t))
        task_exit_group(0, SIGKILL);
    exec_become(t, e, base_name(e->path));
    return 0;
}

static int exec_with_file(struct task *t, struct exec *e, struct exec_script *script, struct exec_strings argv,
                          struct exec_strings envp)
{
    int r = exec_resolve(script, &e->file);
    if (!r)
        r = exec_block_fill(&e->strings, script, argv, envp, task_limit(t, RLIMIT_STACK));
    if (!r)
        r = exec_switch(t, e);
    exec_block_free(&e->strings);
    return r;
}

/* What a script is called on its interpreter's command line, when it was given by descriptor: execveat(2). */
static void exec_fd_name(char *to, size_t n, int dirfd, const char *path)
{
    text_format(to, n, *path ? "/dev/fd/%d/%s" : "/dev/fd/%d%s", dirfd, path);
}

int task_exec(struct task *t, int dirfd, const char *path, int flags, struct exec_strings argv,
              struct exec_strings envp)
{
    struct exec e = {.path = path};
    int r = exec_open(dirfd, path, flags, &e.file);
    if (r) {
        text_format(reason.why, sizeof(reason.why), "%s cannot be opened for execution", path);
        return r;
    }
    struct exec_script *script = heap_alloc(sizeof(*script));
    if (!script) {
        file_put(e.file);
        return -ENOMEM;
    }
    if (dirfd != AT_FDCWD && path[0] != '/') {
        exec_fd_name(script->name, sizeof(script->name), dirfd, path);
        e.path = script->name;
    }
    script->path = e.path;
    r = exec_with_file(t, &e, script, argv, envp);
    heap_release(script, sizeof(*script));
    file_put(e.file);
    return r;
}

static int64_t exec_user(struct task *t, int dirfd, struct uptr path, struct uptr argv, struct uptr envp, int flags)
{
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    char *copy = heap_alloc(PATH_MAX_);
    if (!copy)
        return -ENOMEM;
    int64_t r = copy_string_in(copy, path, PATH_MAX_);
    if (r == 0 && !(flags & AT_EMPTY_PATH))
        r = -ENOENT;
    if (r >= 0)
        r = task_exec(t, dirfd, copy, flags, (struct exec_strings){.user = argv}, (struct exec_strings){.user = envp});
    heap_release(copy, PATH_MAX_);
    return r;
}

int64_t sys_execve(struct task *t, const struct args *a)
{
    return exec_user(t, AT_FDCWD, arg_ptr(a, 0), arg_ptr(a, 1), arg_ptr(a, 2), 0);
}

int64_t sys_execveat(struct task *t, const struct args *a)
{
    return exec_user(t, arg_int(a, 0), arg_ptr(a, 1), arg_ptr(a, 2), arg_ptr(a, 3), arg_int(a, 4));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone(2) in all its forms: threads, vfork, fork. First all that the new task shares or copies is made ready; the task
 * itself comes last, and nothing behind it can fail. A child of vfork runs in its parent's memory while the parent
 * waits; where the platform has one address space for all, that is the only way to a new program.
 */
#include "linux/task/futex.h"
#include "linux/task/internal.h"

#include "linux/fs/fd.h"
#include "linux/fs/vfs.h"
#include "linux/mm/mm.h"

#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>

#include <string.h>

/* More than one task: the part of futex(2) that is for others is linked with it. */
static int64_t (*const with_clone)(const struct futex_request *) __attribute__((used)) = futex_more;

struct clone_wish {
    uint64_t flags;
    struct uptr pidfd, child_tid, parent_tid;
    int32_t exit_signal;
    uint64_t stack; /* where its stack pointer is; 0: as the parent's */
    uint64_t tls;
};

KERNEL_STATE static struct {
    bool told; /* that there is no fork */
} room;

/* Everything of the child that others hold as well; each is dropped by parts_put unless handed on. */
struct parts {
    struct mm *mm;
    struct files *files;
    struct fs_context *fs;
    struct cred *cred;
    struct process *process;
    struct file *pidfd;
    int fd;
};

#define CLONE_NAMESPACES                                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |       \
     (uint64_t)CLONE_NEWTIME)

static int clone_check(const struct clone_wish *w)
{
    uint64_t f = w->flags;
    if (f & CLONE_NAMESPACES) /* one of each kind */
        return f & CLONE_NEWUSER || capable(current, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_THREAD) && (f & CLONE_PIDFD))
        return -EINVAL;
    if ((f & CLONE_PIDFD) && (f & CLONE_DETACHED))
        return -EINVAL;
    if ((f & CLONE_PARENT) && current->process == process_init)
        return -EINVAL;
    if (w->exit_signal < 0 || w->exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if ((f & CLONE_SETTLS) && w->tls >= GUEST_TOP)
        return -EPERM;
    return 0;
}

static void parts_put(struct parts *n)
{
    if (n->mm)
        mm_put(n->mm);
    if (n->files)
        files_put(n->files);
    if (n->fs)
        fs_context_put(n->fs);
    if (n->cred)
        cred_put(n->cred);
    if (n->pidfd)
        file_put(n->pidfd);
    if (n->fd >= 0)
        fd_close(n->fd);
    if (n->process)
        process_free(n->process);
}

static struct signal_shared *clone_signals(struct task *t, uint64_t flags)
{
    struct signal_shared *s = t->process->signals;
    if (flags & CLONE_SIGHAND) {
        s->refs++;
        return s;
    }
    s = signal_shared_copy(s);
    if (!s || !(flags & CLONE_CLEAR_SIGHAND))
        return s;
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (s->actions[i].handler != (uint64_t)SIG_IGN)
            memset(&s->actions[i], 0, sizeof(s->actions[i]));
    return s;
}

/* The number of the process is not known yet, so its descriptor is made for the object. */
static int clone_pidfd(struct parts *n, const struct clone_wish *w)
{
    int32_t fd;
    int r = pidfd_new(n->process, 0, &n->pidfd);
    if (r)
        return r;
    fd = fd_install(n->pidfd, true, 0);
    if (fd < 0)
        return fd;
    n->pidfd = NULL, n->fd = fd;
    return put_user(w->pidfd, fd);
}

static int clone_process(struct task *t, const struct clone_wish *w, struct parts *n)
{
    struct signal_shared *signals = clone_signals(t, w->flags);
    if (!signals)
        return -ENOMEM;
    struct process *parent = w->flags & CLONE_PARENT ? t->process->parent : t->process;
    n->process = process_new_child(t->process, signals);
    if (!n->process) {
        signal_shared_put(signals);
        return -ENOMEM;
    }
    if (parent != t->process) {
        list_remove(&n->process->sibling);
        n->process->parent = parent;
        list_append(&parent->children, &n->process->sibling);
    }
    n->process->exit_signal = w->flags & CLONE_PARENT ? t->process->exit_signal : w->exit_signal;
    return w->flags & CLONE_PIDFD ? clone_pidfd(n, w) : 0;
}

/* A program that cannot go on without fork says so in its own words, if at all; why is said here, once. */
static int clone_no_fork(void)
{
    static const char text[] = "fork() is not supported behind this boundary; vfork() and posix_spawn() are\n";
    if (!room.told)
        (void)platform.host.console_write(HOST_STDERR, text, sizeof(text) - 1);
    room.told = true;
    return -ENOSYS;
}

static int clone_memory(struct task *t, const struct clone_wish *w, struct parts *n)
{
    if (w->flags & CLONE_VM) {
        n->mm = mm_get(t->mm);
        return 0;
    }
    int r = mm_fork(t->mm, &n->mm);
    return r == -ENOSYS ? clone_no_fork() : r;
}

static int clone_parts(struct task *t, const struct clone_wish *w, struct parts *n)
{
    int r = clone_memory(t, w, n);
    if (r)
        return r;
    n->files = w->flags & CLONE_FILES ? files_get(t->files) : files_copy(t->files);
    if (t->fs) /* a kernel for a program without names has no such place */
        n->fs = w->flags & CLONE_FS ? fs_context_get(t->fs) : fs_context_copy(t->fs);
    n->cred = cred_get(t->cred);
    if (!n->files || (t->fs && !n->fs))
        return -ENOMEM;
    return w->flags & CLONE_THREAD ? 0 : clone_process(t, w, n);
}

/* What only the child's own memory can take: where that is a copy, it is written from here. */
static void clone_set_child_tid(struct task *child, struct uptr at)
{
    (void)platform.aspace.copy_out(child->mm->aspace, at, &child->tid, sizeof(child->tid));
}

static void clone_fill(struct task *t, struct task *child, const struct clone_wish *w, struct parts *n)
{
    child->mm = n->mm, child->files = n->files, child->fs = n->fs, child->cred = n->cred;
    child->regs.rax = 0;
    if (w->stack)
        child->regs.rsp = w->stack;
    if (w->flags & CLONE_SETTLS)
        child->regs.fs_base = w->tls;
    if (w->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = w->child_tid;
    if (w->flags & CLONE_CHILD_SETTID)
        clone_set_child_tid(child, w->child_tid);
    if (w->flags & CLONE_PARENT_SETTID)
        (void)put_user(w->parent_tid, child->tid);
    /* An alternate stack is the thread's own; but a copied one is right, and so is that of a vfork child. */
    if (!(w->flags & CLONE_VM) || (w->flags & CLONE_VFORK))
        child->altstack = t->altstack;
    if (w->flags & CLONE_VFORK) {
        child->process->vfork_parent = t->tid;
        t->vfork_wait = child->process->pid;
    }
}

static void vfork_wait(struct task *t)
{
    while (t->vfork_wait && !task_block_killable(NEVER))
        continue;
    t->vfork_wait = 0;
}

static int64_t clone_now(struct task *t, const struct clone_wish *w)
{
    struct parts n = {.fd = -1};
    int r = clone_check(w);
    if (!r && task_regs_full(t))
        r = -ERESTARTNOINTR;
    if (!r)
        r = clone_parts(t, w, &n);
    /* One that came before would miss the new member; and who is killed makes no more tasks. */
    if (!r && signal_wanted(t))
        r = -ERESTARTNOINTR;
    struct task *child = NULL;
    if (!r) {
        child = task_new(w->flags & CLONE_THREAD ? t->process : n.process, t);
        if (!child)
            r = -EAGAIN;
    }
    if (r) {
        parts_put(&n);
        return r;
    }
    int32_t tid = child->tid;
    bool vfork = (w->flags & CLONE_VFORK) && !(w->flags & CLONE_THREAD);
    clone_fill(t, child, w, &n);
    if (t->process->exiting)
        child->killed = true; /* whoever ended the process did not see it */
    sched_ready(child);
    if (vfork)
        vfork_wait(t);
    return tid;
}

int64_t sys_clone(struct task *t, const struct args *a)
{
    uint64_t flags = a->v[0] & UINT32_MAX;
    struct clone_wish w = {.flags = flags & ~(uint64_t)CSIGNAL,
                           .exit_signal = (int32_t)(flags & CSIGNAL),
                           .stack = a->v[1],
                           .parent_tid = arg_ptr(a, 2),
                           .pidfd = arg_ptr(a, 2),
                           .child_tid = arg_ptr(a, 3),
                           .tls = a->v[4]};
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    return clone_now(t, &w);
}

int64_t sys_fork(struct task *t, const struct args *a)
{
    (void)a;
    return clone_now(t, &(struct clone_wish){.exit_signal = SIGCHLD});
}

int64_t sys_vfork(struct task *t, const struct args *a)
{
    (void)a;
    return clone_now(t, &(struct clone_wish){.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

int64_t sys_clone3(struct task *t, const struct args *a)
{
    struct clone_args c;
    int r = a->v[1] < CLONE_ARGS_SIZE_VER0 ? -EINVAL : copy_struct_in(&c, sizeof(c), arg_ptr(a, 0), a->v[1]);
    if (r)
        return r;
    if (c.flags & (CLONE_DETACHED | (CSIGNAL & ~(uint64_t)CLONE_NEWTIME) | CLONE_INTO_CGROUP))
        return -EINVAL;
    if (c.flags & ~(uint64_t)(UINT32_MAX | CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if (c.exit_signal > SIGNAL_COUNT || c.set_tid || c.set_tid_size)
        return -EINVAL;
    if ((c.flags & (CLONE_THREAD | CLONE_PARENT)) && c.exit_signal)
        return -EINVAL;
    if (!c.stack != !c.stack_size)
        return -EINVAL;
    if (c.stack + c.stack_size < c.stack || c.stack + c.stack_size > GUEST_TOP)
        return -EINVAL;
    struct clone_wish w = {.flags = c.flags,
                           .exit_signal = (int32_t)c.exit_signal,
                           .stack = c.stack ? c.stack + c.stack_size : 0,
                           .parent_tid = uptr(c.parent_tid),
                           .pidfd = uptr(c.pidfd),
                           .child_tid = uptr(c.child_tid),
                           .tls = c.tls};
    return clone_now(t, &w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2) and waitid(2): a look at every child in question, in order of birth, as often as one of them has changed. */
#include "linux/task/internal.h"

#include "linux/fs/fd.h"

#include <asm/fcntl.h>
#include <linux/wait.h>

#include <string.h>

struct wait_for {
    int idtype; /* P_* */
    int32_t id;
    uint32_t options;
    bool nonblocking; /* of a pidfd: -EAGAIN instead of waiting */
};

struct wait_found {
    int32_t pid, status; /* as wait4 gives it */
    uint32_t uid;
    int code; /* CLD_* */
    struct rusage usage;
};

static bool wait_matches(const struct wait_for *w, const struct process *child)
{
    switch (w->idtype) {
    case P_PID:
        return child->pid == w->id;
    case P_PGID:
        return child->pgid == w->id;
    default:
        break;
    }
    return true;
}

/* Children that tell by another signal than SIGCHLD are "clone children": waited for by __WCLONE alone. */
static bool wait_eligible(const struct wait_for *w, const struct process *child)
{
    if (!wait_matches(w, child))
        return false;
    if (w->options & __WALL)
        return true;
    return (child->exit_signal != SIGCHLD) == !!(w->options & __WCLONE);
}

/* That it, or one of its own children, ever had. */
static uint64_t most_pages(const struct process *p)
{
    uint64_t own = process_pages_peak(p);
    return own > p->children_pages_peak ? own : p->children_pages_peak;
}

static void wait_describe(struct wait_found *found, const struct process *child, int code, int32_t status)
{
    struct cpu_times times = process_cpu_times(child);
    found->pid = child->pid;
    found->uid = child->leader->cred->uid;
    found->code = code;
    found->status = status;
    times_to_usage(&found->usage, times.user + child->children_utime, times.system + child->children_stime);
    found->usage.ru_maxrss = (__kernel_long_t)(most_pages(child) * (PAGE_SIZE / 1024));
}

static void wait_reap(struct process *child)
{
    struct process *parent = child->parent;
    struct cpu_times times = process_cpu_times(child);
    parent->children_utime += times.user + child->children_utime;
    parent->children_stime += times.system + child->children_stime;
    uint64_t peak = most_pages(child);
    if (peak > parent->children_pages_peak)
        parent->children_pages_peak = peak;
    process_free(child);
}

/* Whether this child has something to tell; takes it, unless WNOWAIT. */
static bool wait_look(const struct wait_for *w, struct process *child, struct wait_found *found)
{
    bool keep = w->options & WNOWAIT;
    if (child->zombie) {
        if (!(w->options & WEXITED))
            return false;
        wait_describe(found, child, child->exit_status & STATUS_STOP ? CLD_KILLED : CLD_EXITED, child->exit_status);
        if (!keep)
            wait_reap(child);
        return true;
    }
    if (child->stopped && (w->options & WSTOPPED) && !child->stop_reported) {
        wait_describe(found, child, CLD_STOPPED, child->stop_signal << 8 | STATUS_STOP);
        if (!keep)
            child->stop_reported = true;
        return true;
    }
    if (child->continued && (w->options & WCONTINUED)) {
        wait_describe(found, child, CLD_CONTINUED, STATUS_CONT);
        if (!keep)
            child->continued = false;
        return true;
    }
    return false;
}

/* 1: found; 0: nothing yet; -ECHILD: no such child. */
static int wait_scan(struct task *t, const struct wait_for *w, struct wait_found *found)
{
    int r = -ECHILD;
    each_child (child, t->process) {
        if (!wait_eligible(w, child))
            continue;
        if (wait_look(w, child, found))
            return 1;
        r = 0;
    }
    return r;
}

static int wait_child(struct task *t, const struct wait_for *w, struct wait_found *found)
{
    struct waiter waiter;
    int r, blocked = 0;
    wait_begin(&waiter);
    wait_on(&waiter, &t->process->child_ended);
    while (!(r = wait_scan(t, w, found)) && !(w->options & WNOHANG) && !blocked)
        blocked = task_block(NEVER);
    wait_end(&waiter);
    return !r && blocked ? blocked : r;
}

int64_t sys_wait4(struct task *t, const struct args *a)
{
    int32_t pid = arg_int(a, 0);
    struct wait_for w = {.options = arg_u32(a, 2)};
    struct wait_found found;
    if (w.options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    w.options |= WEXITED;
    w.idtype = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
    w.id = pid > 0 ? pid : pid ? -pid : t->process->pgid;
    int r = wait_child(t, &w, &found);
    if (r <= 0)
        return r;
    if (a->v[1] && put_user(arg_ptr(a, 1), found.status))
        return -EFAULT;
    if (a->v[3] && put_user(arg_ptr(a, 3), found.usage))
        return -EFAULT;
    return found.pid;
}

static int waitid_who(struct task *t, const struct args *a, struct wait_for *w)
{
    int error;
    w->idtype = arg_int(a, 0), w->id = arg_int(a, 1), w->options = arg_u32(a, 3);
    if (w->options & ~(uint32_t)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (!(w->options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    switch (w->idtype) {
    case P_ALL:
        return 0;
    case P_PID:
        return w->id > 0 ? 0 : -EINVAL;
    case P_PGID:
        if (w->id < 0)
            return -EINVAL;
        if (!w->id)
            w->id = t->process->pgid;
        return 0;
    case P_PIDFD:
        break;
    default:
        return -EINVAL;
    }
    struct file *file = fd_get(w->id);
    if (!file)
        return -EBADF;
    const struct process *p = pidfd_process(file, &error);
    w->nonblocking = file->flags & O_NONBLOCK && !(w->options & WNOHANG);
    file_put(file);
    if (!p)
        return error == -ESRCH ? -ECHILD : error;
    if (w->nonblocking)
        w->options |= WNOHANG;
    w->idtype = P_PID, w->id = p->pid;
    return 0;
}

int64_t sys_waitid(struct task *t, const struct args *a)
{
    struct wait_for w = {0};
    struct wait_found found = {0};
    siginfo_t info;
    int r = waitid_who(t, a, &w);
    if (r)
        return r;
    r = wait_child(t, &w, &found);
    if (r < 0)
        return r;
    if (!r && w.nonblocking)
        return -EAGAIN;
    memset(&info, 0, sizeof(info));
    if (r) {
        info.si_signo = SIGCHLD;
        info.si_code = found.code;
        info.si_pid = found.pid;
        info.si_uid = found.uid;
        info.si_status = found.code == CLD_EXITED      ? found.status >> 8 & 0xff
                         : found.code == CLD_CONTINUED ? SIGCONT
                         : found.code == CLD_STOPPED   ? found.status >> 8
                                                       : found.status & STATUS_STOP;
    }
    if (a->v[2] && put_user(arg_ptr(a, 2), info))
        return -EFAULT;
    if (r && a->v[4] && put_user(arg_ptr(a, 4), found.usage))
        return -EFAULT;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2): takes pending signals of the task that reads. The set is in own_n[0]. */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/signalfd.h>

static struct signalfd_siginfo signalfd_record(const siginfo_t *info)
{
    struct signalfd_siginfo r = {.ssi_signo = (uint32_t)info->si_signo,
                                 .ssi_errno = info->si_errno,
                                 .ssi_code = info->si_code,
                                 .ssi_pid = (uint32_t)info->si_pid,
                                 .ssi_uid = (uint32_t)info->si_uid};
    if (info->si_signo == SIGCHLD)
        r.ssi_status = info->si_status;
    if (info->si_code == SI_TIMER)
        r.ssi_tid = (uint32_t)info->si_tid, r.ssi_overrun = (uint32_t)info->si_overrun;
    if (info->si_code < 0)
        r.ssi_int = info->si_int, r.ssi_ptr = (uint64_t)(uintptr_t)info->si_ptr;
    if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS || info->si_signo == SIGFPE || info->si_signo == SIGILL)
        r.ssi_addr = (uint64_t)(uintptr_t)info->si_addr;
    return r;
}

static bool signalfd_wanted(struct file *f)
{
    struct task *t = current;
    return ((t->pending.set | t->process->shared_pending.set) & f->own_n[0]) != 0;
}

static int signalfd_wait(struct file *f)
{
    struct waiter w;
    int r = 0;
    if (signalfd_wanted(f))
        return 0;
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    wait_begin(&w);
    wait_on(&w, &current->process->signalled);
    while (!signalfd_wanted(f) && !(r = task_block(NEVER)))
        continue;
    wait_end(&w);
    return r;
}

static int64_t signalfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
    siginfo_t info;
    if (u->left < sizeof(struct signalfd_siginfo))
        return -EINVAL;
    int r = signalfd_wait(f);
    if (r)
        return r;
    int64_t done = 0;
    while (u->left >= sizeof(struct signalfd_siginfo) && signal_take(current, f->own_n[0], &info)) {
        struct signalfd_siginfo record = signalfd_record(&info);
        if (uio_put(u, &record, sizeof(record)) != (int64_t)sizeof(record))
            return done ? done : -EFAULT;
        done += (int64_t)sizeof(record);
    }
    return done ? done : -EAGAIN;
}

static uint32_t signalfd_poll(struct file *f)
{
    return signalfd_wanted(f) ? EPOLLIN | EPOLLRDNORM : 0;
}
static struct wait_queue *signalfd_poll_queue(struct file *f)
{
    return &current->process->signalled;
}

static const struct file_ops signalfd_ops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .poll_queue = signalfd_poll_queue,
};

/* SFD_CLOEXEC and SFD_NONBLOCK are O_CLOEXEC and O_NONBLOCK. */
static int64_t signalfd_call(const struct args *a, uint32_t flags)
{
    uint64_t set;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK) || a->v[2] != sizeof(set))
        return -EINVAL;
    if (get_user(set, arg_ptr(a, 1)))
        return -EFAULT;
    set &= ~SIGNAL_UNBLOCKABLE;
    int fd = arg_int(a, 0);
    struct file *f;
    if (fd != -1) {
        if (!(f = fd_get(fd)))
            return -EBADF;
        int r = f->ops == &signalfd_ops ? fd : -EINVAL;
        if (r >= 0)
            f->own_n[0] = set, wait_wake_all(&current->process->signalled);
        file_put(f);
        return r;
    }
    f = file_anonymous("anon_inode:[signalfd]", 0600, &signalfd_ops, O_RDWR | (flags & O_NONBLOCK), NULL);
    if (!f)
        return -ENFILE;
    f->own_n[0] = set;
    fd = fd_install(f, flags & O_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

int64_t sys_signalfd(struct task *t, const struct args *a)
{
    return signalfd_call(a, 0);
}
int64_t sys_signalfd4(struct task *t, const struct args *a)
{
    return signalfd_call(a, arg_u32(a, 3));
}

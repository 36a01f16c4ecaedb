/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controlling terminals, sessions and foreground process groups: credentials(7), ioctl_tty(2), setsid(2). A terminal
 * knows its session by number, and each process of it knows the terminal; both change together, here.
 */
#include "linux/tty/internal.h"

#include "linux/core/uaccess.h"
#include "linux/task/job.h"

#include <linux/capability.h>
#include <string.h>

static bool is_leader(const struct process *p)
{
    return p->sid == p->pid;
}

int tty_check(struct tty *t, int signo)
{
    return current->process->tty == t && t->group ? job_background(t->group, signo) : 0;
}

static void signal_group_number(int32_t group, int signo)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = signo;
    info.si_code = SI_KERNEL;
    if (group)
        (void)signal_group(group, &info);
}

void tty_signal(struct tty *t, int signo)
{
    signal_group_number(t->group, signo);
}

void tty_take(struct tty *t)
{
    struct process *p = current->process;
    t->session = p->sid, t->group = p->pgid;
    p->tty = t;
}

void tty_session_clear(struct tty *t)
{
    list_each (p, &process_all, struct process, all)
        if (p->tty == t)
            p->tty = NULL;
    t->session = t->group = 0;
}

/* Its foreground group learns that nobody is in front of the terminal any more. */
void tty_leader_ended(struct process *p)
{
    struct tty *t = p->tty;
    int32_t lost = p->tty_lost_group;
    if (t && t->session == p->sid) {
        tty_signal(t, SIGHUP);
        tty_session_clear(t);
        if (t->console && !t->slaves)
            console_left(t);
    } else if (!t && lost) {
        p->tty_lost_group = 0;
        signal_group_number(lost, SIGHUP);
        signal_group_number(lost, SIGCONT);
    }
}

/* ---- what calls ask for ---- */

static int64_t take_call(struct tty *t, struct file *f, uint64_t steal)
{
    struct process *p = current->process;
    bool admin = capable(current, CAP_SYS_ADMIN);
    if (is_leader(p) && t->session == p->sid)
        return 0;
    if (!is_leader(p) || p->tty || (t->session && !(steal == 1 && admin)))
        return -EPERM;
    if ((f->flags & O_ACCMODE) == O_WRONLY && !admin)
        return -EPERM;
    tty_session_clear(t);
    tty_take(t);
    return 0;
}

static int64_t give_up_call(struct tty *t)
{
    struct process *p = current->process;
    if (p->tty != t)
        return -ENOTTY;
    p->tty = NULL;
    if (!is_leader(p))
        return 0;
    int32_t group = t->group;
    tty_session_clear(t);
    signal_group_number(group, SIGHUP);
    signal_group_number(group, SIGCONT);
    return 0;
}

/* The master may ask of any terminal. */
static bool is_mine(struct tty *t, struct file *f)
{
    return file_is_master(f) || current->process->tty == t;
}

static int64_t foreground_get(struct tty *t, struct file *f, struct uptr to)
{
    return is_mine(t, f) ? put_user(to, t->group) : -ENOTTY;
}

static int64_t foreground_set(struct tty *t, struct uptr from)
{
    int32_t group, sid = current->process->sid;
    int r = tty_check(t, SIGTTOU);
    if (r)
        return r == -EIO ? -ENOTTY : r;
    if (get_user(group, from))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    if (current->process->tty != t || t->session != sid)
        return -ENOTTY;
    if (!job_group_exists(group, 0))
        return process_find(group) ? -EPERM : -ESRCH;
    if (!job_group_exists(group, sid))
        return -EPERM;
    t->group = group;
    return 0;
}

static int64_t session_get(struct tty *t, struct file *f, struct uptr to)
{
    return is_mine(t, f) && t->session ? put_user(to, t->session) : -ENOTTY;
}

int64_t tty_session_ioctl(struct file *f, uint32_t command, struct uptr at)
{
    struct tty *t = f->own;
    switch (command) {
    case TIOCSCTTY:
        return take_call(t, f, at.v);
    case TIOCNOTTY:
        return give_up_call(t);
    case TIOCGPGRP:
        return foreground_get(t, f, at);
    case TIOCSPGRP:
        return foreground_set(t, at);
    case TIOCGSID:
        return session_get(t, f, at);
    default:
        return -ENOTTY;
    }
}

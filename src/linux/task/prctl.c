/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(2), arch_prctl(2), and other small things that a task says about itself. */
#include "linux/fs/fd.h"
#include "linux/task/internal.h"

#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include <string.h>

/* ---- arch_prctl -------------------------------------------------------------------------------------------------- */

int64_t sys_arch_prctl(struct task *t, const struct args *a)
{
    uint64_t value = a->v[1];
    if (task_regs_full(t))
        return -ERESTARTNOINTR;
    switch (arg_int(a, 0)) {
    case ARCH_SET_FS:
        if (value >= GUEST_TOP)
            return -EPERM;
        t->regs.fs_base = value;
        sched_all_regs(t);
        return 0;
    case ARCH_SET_GS:
        if (value >= GUEST_TOP)
            return -EPERM;
        t->regs.gs_base = value;
        sched_all_regs(t);
        return 0;
    case ARCH_GET_FS:
        return put_user(arg_ptr(a, 1), t->regs.fs_base);
    case ARCH_GET_GS:
        return put_user(arg_ptr(a, 1), t->regs.gs_base);
    case ARCH_GET_CPUID:
        return 1; /* the instruction does not fault, and cannot be made to */
    case ARCH_SET_CPUID:
        return -ENODEV;
    default:
        return -EINVAL;
    }
}

int64_t sys_personality(struct task *t, const struct args *a)
{
    uint32_t before = t->process->personality;
    if (arg_u32(a, 0) != UINT32_MAX)
        t->process->personality = arg_u32(a, 0);
    return before;
}

int64_t sys_set_tid_address(struct task *t, const struct args *a)
{
    t->clear_child_tid = arg_ptr(a, 0);
    return t->tid;
}

/* ---- prctl: credentials ------------------------------------------------------------------------------------------ */

static int64_t cred_change_bits(struct task *t, uint32_t bits)
{
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    c->securebits = bits;
    cred_put(t->cred);
    t->cred = c;
    return 0;
}

static int64_t prctl_securebits(struct task *t, uint64_t bits)
{
    uint32_t now = t->cred->securebits, locked = (now & SECURE_ALL_LOCKS) >> 1;
    bool bad = (bits & ~(uint64_t)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) || (locked & (now ^ bits)) ||
               (now & SECURE_ALL_LOCKS & ~bits);
    return bad || !capable(t, CAP_SETPCAP) ? -EPERM : cred_change_bits(t, (uint32_t)bits);
}

static int64_t prctl_keepcaps(struct task *t, uint64_t keep)
{
    uint32_t bits = t->cred->securebits & ~(uint32_t)SECBIT_KEEP_CAPS;
    if (keep > 1)
        return -EINVAL;
    if (t->cred->securebits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    return cred_change_bits(t, keep ? bits | SECBIT_KEEP_CAPS : bits);
}

static int64_t prctl_drop_bounding(struct task *t, uint64_t cap)
{
    if (cap > CAP_LAST_CAP)
        return -EINVAL;
    if (!capable(t, CAP_SETPCAP))
        return -EPERM;
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    c->caps_bounding &= ~(1ull << cap);
    cred_put(t->cred);
    t->cred = c;
    return 0;
}

static int64_t prctl_ambient(struct task *t, const struct args *a)
{
    uint64_t what = a->v[1], cap = a->v[2];
    const struct cred *now = t->cred;
    if (a->v[3] || a->v[4])
        return -EINVAL;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST_CAP)
        return -EINVAL;
    uint64_t bit = 1ull << cap;
    if (what == PR_CAP_AMBIENT_IS_SET)
        return !!(now->caps_ambient & bit);
    if (what == PR_CAP_AMBIENT_RAISE) {
        if (!(now->caps_permitted & now->caps_inheritable & bit))
            return -EPERM;
        if (now->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)
            return -EPERM;
    } else if (what != PR_CAP_AMBIENT_LOWER && what != PR_CAP_AMBIENT_CLEAR_ALL) {
        return -EINVAL;
    }
    struct cred *c = cred_copy(now);
    if (!c)
        return -ENOMEM;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL)
        c->caps_ambient = 0;
    else if (what == PR_CAP_AMBIENT_RAISE)
        c->caps_ambient |= bit;
    else
        c->caps_ambient &= ~bit;
    cred_put(t->cred);
    t->cred = c;
    return 0;
}

static int64_t prctl_no_new_privs(struct task *t)
{
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    c->no_new_privs = true;
    cred_put(t->cred);
    t->cred = c;
    return 0;
}

/* ---- prctl: the rest --------------------------------------------------------------------------------------------- */

static int64_t prctl_set_name(struct task *t, struct uptr from)
{
    char name[sizeof(t->name)] = "";
    int64_t n = copy_string_in(name, from, sizeof(name) - 1);
    if (n == -ENAMETOOLONG)
        n = copy_in(name, from, sizeof(name) - 1); /* cut, as Linux does */
    else if (n >= 0)
        memset(name + n, 0, sizeof(name) - (size_t)n);
    if (n < 0)
        return n;
    memcpy(t->name, name, sizeof(name));
    return 0;
}

static int64_t put_int(struct uptr to, int value)
{
    return put_user(to, value);
}

static bool rest_is_zero(const struct args *a, int from)
{
    for (int i = from; i < 5; i++)
        if (a->v[i])
            return false;
    return true;
}

static int64_t prctl_cred(struct task *t, const struct args *a)
{
    uint64_t value = a->v[1];
    switch (arg_int(a, 0)) {
    case PR_GET_KEEPCAPS:
        return !!(t->cred->securebits & SECBIT_KEEP_CAPS);
    case PR_SET_KEEPCAPS:
        return prctl_keepcaps(t, value);
    case PR_GET_SECUREBITS:
        return t->cred->securebits;
    case PR_SET_SECUREBITS:
        return prctl_securebits(t, value);
    case PR_CAPBSET_READ:
        return value > CAP_LAST_CAP ? -EINVAL : (int64_t)(t->cred->caps_bounding >> value & 1);
    case PR_CAPBSET_DROP:
        return prctl_drop_bounding(t, value);
    case PR_CAP_AMBIENT:
        return prctl_ambient(t, a);
    case PR_GET_NO_NEW_PRIVS:
        return rest_is_zero(a, 1) ? t->cred->no_new_privs : -EINVAL;
    case PR_SET_NO_NEW_PRIVS:
        return value == 1 && rest_is_zero(a, 2) ? prctl_no_new_privs(t) : -EINVAL;
    default:
        return -EINVAL;
    }
}

int64_t sys_prctl(struct task *t, const struct args *a)
{
    uint64_t value = a->v[1];
    struct process *p = t->process;
    switch (arg_int(a, 0)) {
    case PR_SET_PDEATHSIG:
        if (value > SIGNAL_COUNT)
            return -EINVAL;
        t->parent_death_signal = (int32_t)value;
        return 0;
    case PR_GET_PDEATHSIG:
        return put_int(arg_ptr(a, 1), t->parent_death_signal);
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_SET_DUMPABLE:
        if (value > 1)
            return -EINVAL;
        p->dumpable = value;
        return 0;
    case PR_SET_NAME:
        return prctl_set_name(t, arg_ptr(a, 1));
    case PR_GET_NAME:
        return copy_out(arg_ptr(a, 1), t->name, sizeof(t->name));
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return value == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_GET_TSC:
        return put_int(arg_ptr(a, 1), PR_TSC_ENABLE);
    case PR_SET_TSC:
        return value == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_TIMERSLACK:
        return (int64_t)t->timer_slack;
    case PR_SET_TIMERSLACK:
        t->timer_slack = (int64_t)value > 0 ? value : 50000;
        return 0;
    case PR_SET_CHILD_SUBREAPER:
        p->child_subreaper = value;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return put_int(arg_ptr(a, 1), p->child_subreaper);
    case PR_GET_TID_ADDRESS:
        return put_user(arg_ptr(a, 1), t->clear_child_tid.v);
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_THP_DISABLE:
        return rest_is_zero(a, 1) ? 0 : -EINVAL;
    case PR_SET_THP_DISABLE:
        return rest_is_zero(a, 2) ? 0 : -EINVAL;
    case PR_MCE_KILL_GET:
        return PR_MCE_KILL_DEFAULT;
    case PR_SET_PTRACER:
        return 0;
    default:
        return prctl_cred(t, a);
    }
}

/* ---- kcmp(2) ----------------------------------------------------------------------------------------------------- */

/* An open file by its address, which is all that is looked at; 0: no such descriptor. */
static uintptr_t kcmp_file(const struct task *t, int fd)
{
    struct file *f = t->files ? files_file(t->files, fd) : NULL;
    if (f)
        file_put(f);
    return (uintptr_t)f;
}

int64_t sys_kcmp(struct task *t, const struct args *a)
{
    enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM };
    const struct task *x = task_find(arg_int(a, 0)), *y = task_find(arg_int(a, 1));
    uintptr_t p, q;
    if (!x || !y || !x->process || !y->process)
        return -ESRCH;
    if (!task_may_trace(t, x) || !task_may_trace(t, y))
        return -EPERM;
    switch (arg_int(a, 2)) {
    case KCMP_FILE:
        p = kcmp_file(x, arg_int(a, 3)), q = kcmp_file(y, arg_int(a, 4));
        if (!p || !q)
            return -EBADF;
        break;
    case KCMP_IO:
    case KCMP_SYSVSEM: /* Linux compares what a task gets at its first use; here nobody has any */
        return 0;
    case KCMP_VM:
        p = (uintptr_t)x->mm, q = (uintptr_t)y->mm;
        break;
    case KCMP_FILES:
        p = (uintptr_t)x->files, q = (uintptr_t)y->files;
        break;
    case KCMP_FS:
        p = (uintptr_t)x->fs, q = (uintptr_t)y->fs;
        break;
    case KCMP_SIGHAND:
        p = (uintptr_t)x->process->signals, q = (uintptr_t)y->process->signals;
        break;
    default:
        return -EINVAL;
    }
    return p == q ? 0 : p < q ? 1 : 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: the short way (linux_syscall) and the long one (linux_trap), and what
 * becomes of a call that was interrupted (sched.h has the rules).
 * A call's number comes from the guest: it is compared with the table's size before anything else is done with it.
 */
#include "linux/core/call.h"
#include "linux/core/panic.h"
#include "linux/core/sched.h"
#include "linux/core/strace.h"
#include "linux/linux.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/signal.h>

/* The arguments lie in the registers as handlers read them, so nothing is copied. */
_Static_assert(offsetof(struct regs, rsi) - offsetof(struct regs, rdi) == 8 && offsetof(struct regs, rdi) == 0 &&
                   offsetof(struct regs, r9) == 5 * 8,
               "struct args is the head of struct regs");

KERNEL_STATE static struct dispatch {
    uint64_t calls;
} dispatch;

int64_t sys_none(struct task *t, const struct args *a)
{
    return -ENOSYS;
}

static bool is_restart(int64_t r)
{
    return (uint64_t)r + ERESTART_RESTARTBLOCK <= ERESTART_RESTARTBLOCK - ERESTARTSYS;
}

static call_handler *handler_of(int64_t nr)
{
    call_handler *h = (uint64_t)nr < call_handlers_n ? call_handlers[CALL_PLACE(nr)] : NULL;
    return h ? h : sys_none;
}

static const struct args *args_of(const struct task *t)
{
    return (const struct args *)(const void *)&t->regs;
}

KERNEL_STATE bool strace_on;

static __attribute__((noinline)) int64_t call_traced(struct task *t, int64_t nr)
{
    struct args before = *args_of(t);
    strace_enter(t, nr, &before);
    int64_t r = handler_of(nr)(t, args_of(t));
    strace_leave(t, nr, &before, r);
    return r;
}

static inline int64_t call(struct task *t)
{
    int64_t nr = (int64_t)t->regs.rax;
    t->call_nr = nr;
    dispatch.calls++;
    if (__builtin_expect(strace_on, false))
        return call_traced(t, nr);
    return handler_of(nr)(t, args_of(t));
}

bool linux_syscall(struct task *t, int64_t *result)
{
    kernel_lock();
    current = t;
    int64_t r = call(t);
    if (__builtin_expect(t->work || is_restart(r), false)) {
        t->regs.rax = (uint64_t)r;
        return false;
    }
    t->call_nr = -1;
    *result = r;
    kernel_unlock();
    return true;
}

_Noreturn void linux_trap_finish(struct task *t)
{
    sched_user_return(t);
}

_Noreturn void linux_trap(struct task *t, const struct trap *trap)
{
    kernel_lock();
    current = t;
    if (trap != &t->trap)
        t->trap = *trap;
    trap_handle(t);
}

int mm_fault(struct mm *, uint64_t address, uint64_t error, int *code) __attribute__((weak));

#define TRAP_PAGE_FAULT 14

/* A fault that the memory's owner can make good is nothing to the guest; else it is a signal. */
static void fault(struct task *t)
{
    const struct trap *trap = &t->trap;
    int signo = trap->signo, code = trap->code;
    if (trap->number == TRAP_PAGE_FAULT && mm_fault && t->mm) {
        signo = mm_fault(t->mm, trap->address, trap->error, &code);
        if (!signo)
            return;
    }
    signal_force(t, signo, code, trap->address);
}

_Noreturn void trap_handle(struct task *t)
{
    t->call_nr = -1;
    switch (t->trap.kind) {
    case TRAP_SYSCALL:
        t->regs.rax = (uint64_t)call(t);
        break;
    case TRAP_FAULT:
        fault(t);
        break;
    case TRAP_KICK:
        t->work |= WORK_TICK;
        break;
    }
    sched_user_return(t);
}

/* ---- calls that were interrupted ---- */

bool call_unfinished(const struct task *t)
{
    return t->call_nr >= 0 && is_restart((int64_t)t->regs.rax);
}

int64_t call_again(struct task *t)
{
    if ((int64_t)t->regs.rax == -ERESTART_RESTARTBLOCK)
        return t->restart.again ? t->restart.again(t) : -EINTR;
    t->regs.rax = (uint64_t)t->call_nr;
    return call(t);
}

bool call_interrupted(struct task *t, bool sa_restart)
{
    int64_t nr = t->call_nr, r = (int64_t)t->regs.rax;
    bool unfinished = call_unfinished(t);
    t->call_nr = -1;
    if (!unfinished)
        return false;
    if (r == -ERESTARTNOINTR || (r == -ERESTARTSYS && sa_restart)) {
        t->regs.rax = (uint64_t)nr;
        return true;
    }
    t->regs.rax = (uint64_t)-EINTR;
    return false;
}

void call_restart(struct task *t, int64_t nr)
{
    t->call_nr = nr;
    t->regs.rax = (uint64_t)-ERESTARTNOINTR;
}

uint64_t call_count(void)
{
    return dispatch.calls;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of the host. Those that the processor raises in the program are its traps: the handler copies the registers
 * into the task, and returns not to the program but into a stub on the task's kernel stack, so that by then the kernel
 * has left the signal stack and the program's vector registers are back in the processor. Those raised in the kernel
 * are looked up in the exception table. Those that come from outside are noted; if the program was interrupted it
 * traps at once, else the kernel looks at the note on its way back, or in its next wait.
 *
 * The handler runs with all signals blocked, on a stack of its own, whatever it interrupted; it calls nothing of
 * src/linux. The tender's filter turns a system call it does not allow into SIGSYS: from the program's code that is a
 * call to be served, from the gate or the kernel it is the end.
 */
#include "guest/unikernel/internal.h"
#include "guest/unikernel/regs.h"
#include "linux/core/call.h"
#include "linux/task/task.h"

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#define SYS_SECCOMP_CODE 1 /* si_code of SIGSYS, siginfo(2) */
#define KERNEL_FAULT     125

volatile uint32_t trap_pending;

/* What trap_arrived() hands to the kernel: a kick, unless the handler has put something else. */
static struct trap arrived = {.kind = TRAP_KICK};

static bool in_range(uint64_t at, const char *from, const char *to)
{
    return at >= (uintptr_t)from && at < (uintptr_t)to;
}

static bool in_gate(uint64_t at)
{
    return at - GATE_BASE < PAGE_SIZE;
}

/* The host's vDSO is called by the kernel, for the time; and may be by the program, who then is on another stack. */
static bool in_vdso(uint64_t at)
{
    return boot->vdso && at >= boot->vdso && at < boot->vdso + 4 * PAGE_SIZE;
}

static bool on_kernel_stack(uint64_t sp)
{
    return (sp >= boot->heap_low && sp < boot->heap_high) || (sp >= boot->stack_low && sp < boot->stack_high);
}

static bool in_kernel(const struct sigcontext *c)
{
    return in_range(c->rip, kernel_text, kernel_text_end) || in_gate(c->rip) ||
           (in_vdso(c->rip) && on_kernel_stack(c->rsp));
}

/* Within the last instructions of the way back to the program its registers are those of the task, whole. */
static bool in_return(uint64_t rip)
{
    return in_range(rip, window_return, window_return_end) || in_range(rip, window_resume, window_resume_end);
}

static void registers_save(struct regs *r, const struct sigcontext *c)
{
    *r = (struct regs){.rdi = c->rdi,
                       .rsi = c->rsi,
                       .rdx = c->rdx,
                       .r10 = c->r10,
                       .r8 = c->r8,
                       .r9 = c->r9,
                       .rax = c->rax,
                       .rbx = c->rbx,
                       .rbp = c->rbp,
                       .r12 = c->r12,
                       .r13 = c->r13,
                       .r14 = c->r14,
                       .r15 = c->r15,
                       .rcx = c->rcx,
                       .r11 = c->r11,
                       .rip = c->rip,
                       .rflags = c->eflags,
                       .rsp = c->rsp,
                       .fs_base = r->fs_base,
                       .gs_base = r->gs_base};
}

/* The handler returns into the kernel, on the task's own kernel stack. */
static void enter_kernel(struct sigcontext *c, const struct trap *trap)
{
    struct task *t = task_running;

    arrived = *trap;
    c->rip = (uintptr_t)trap_stub;
    c->rsp = (uintptr_t)t->kernel_stack_top;
    c->rdi = (uintptr_t)t;
    c->eflags = FLAGS_CLEAN;
}

void trap_arrived(struct task *t)
{
    struct trap trap = arrived;

    arrived = (struct trap){.kind = TRAP_KICK};
    task_bases_save(t);
    if (trap_pending)
        trap_take(false);
    linux_trap(t, &trap);
}

bool trap_take(bool locked)
{
    uint32_t taken = __atomic_exchange_n(&trap_pending, 0, __ATOMIC_SEQ_CST);

    for (uint32_t left = taken; left; left &= left - 1) {
        int signo = __builtin_ctz(left) + 1;
        if (signo == SIGALRM)
            task_timer_fired();
        else if (signo == SIGIO && boot->control >= 0)
            control_read(locked);
        else
            linux_signal(signo, locked);
    }
    return taken;
}

_Noreturn static void kernel_fault(int signo, const siginfo_t *info, const struct sigcontext *c)
{
    host_say("kernel fault: signal %d at %llx, address %llx, stack %llx", signo, (unsigned long long)c->rip,
             (unsigned long long)(uintptr_t)info->si_addr, (unsigned long long)c->rsp);
    host_exit(KERNEL_FAULT, 0);
}

/* ---- what the processor raised ---- */

static bool fixed_up(struct sigcontext *c)
{
    for (const struct fixup *f = fixups; f < fixups_end; f++)
        if (f->at == c->rip) {
            c->rip = f->to;
            return true;
        }
    return false;
}

static void fault(int signo, const siginfo_t *info, struct sigcontext *c)
{
    struct trap trap = {.kind = TRAP_FAULT,
                        .signo = signo,
                        .code = info->si_code,
                        .address = (uintptr_t)info->si_addr,
                        .error = c->err,
                        .number = (uint32_t)c->trapno};

    if (in_kernel(c)) {
        if (signo == SIGTRAP) /* a program that steps itself: it goes on to do so when the kernel has left */
            return;
        if (task_running && in_return(c->rip)) /* to registers that cannot be: the program's own */
            enter_kernel(c, &trap);
        else if (!fixed_up(c))
            kernel_fault(signo, info, c);
        return;
    }
    if (!task_running)
        kernel_fault(signo, info, c);
    registers_save(&task_running->regs, c);
    enter_kernel(c, &trap);
}

/* ---- what the filter refused ---- */

/* Names are only there where the trace is linked. */
extern const struct call call_table[CALL_MAX] __attribute__((weak));

static const char *call_name(int nr)
{
    if (!call_table)
        return "unknown";
    return nr >= 0 && nr < CALL_MAX && call_table[nr].name ? call_table[nr].name : "unknown";
}

static void refused(const siginfo_t *info, struct sigcontext *c)
{
    const struct trap trap = {.kind = TRAP_SYSCALL};
    uint64_t at = (uintptr_t)info->si_call_addr;

    if (in_gate(at)) {
        host_say("host call %d (%s) from the gate is not on the list, or not with these arguments", info->si_syscall,
                 call_name(info->si_syscall));
        host_exit(0, SIGSYS);
    }
    if (in_vdso(at) && on_kernel_stack(c->rsp)) {
        host_say("this host's clock cannot be read without a system call, which this boundary does not allow: "
                 "see /sys/devices/system/clocksource/clocksource0/current_clocksource");
        host_exit(KERNEL_FAULT, 0);
    }
    if (in_kernel(c) || !task_running)
        kernel_fault(SIGSYS, info, c);
    registers_save(&task_running->regs, c);
    enter_kernel(c, &trap);
}

/* ---- what came from outside ---- */

static void note(int signo, struct sigcontext *c)
{
    const uint64_t poll_body = GATE_ADDRESS(GATE_ppoll);
    const struct trap kick = {.kind = TRAP_KICK};

    trap_pending |= 1u << (signo - 1);
    if (in_range(c->rip, window_poll, window_poll_end))
        c->rip = (uintptr_t)poll_interrupted;
    else if (c->rip >= poll_body && c->rip <= poll_body + GATE_SYSCALL) {
        c->rip = poll_body + GATE_BEHIND;
        c->rax = (uint64_t)-EINTR;
    } else if (task_running && in_return(c->rip))
        enter_kernel(c, &kick);
    else if (task_running && !in_kernel(c)) {
        registers_save(&task_running->regs, c);
        enter_kernel(c, &kick);
    }
}

void trap_signal(int signo, void *info_, void *context)
{
    const siginfo_t *info = info_;
    struct sigcontext *c = &((struct ucontext *)context)->uc_mcontext;

    if (signo == SIGSYS && info->si_code == SYS_SECCOMP_CODE)
        refused(info, c);
    else if (info->si_code > 0 &&
             (signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL || signo == SIGTRAP))
        fault(signo, info, c);
    else if (signo <= 32)
        note(signo, c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests' threads: made, started, and what it means when they stop. What a thread does goes by PTRACE_SYSEMU, so no
 * system call of a guest is ever made.
 */
#include "gate.h"
#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUCKETS 256u

static struct guest *by_tid[BUCKETS];

static struct guest **bucket(pid_t tid)
{
    return &by_tid[(uint32_t)tid % BUCKETS];
}

static struct guest *guest_of(pid_t tid)
{
    struct guest *g = *bucket(tid);
    while (g && g->tid != tid)
        g = g->next;
    return g;
}

static void guest_forget(struct guest *g)
{
    for (struct guest **at = bucket(g->tid); *at; at = &(*at)->next) {
        if (*at != g)
            continue;
        *at = g->next;
        break;
    }
    g->tid = 0, g->aspace = NULL, g->running = false;
}

/* ---- guests ---- */

int64_t guest_make(struct guest *g, struct aspace *as)
{
    const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    int64_t tid = stub_born(as, flags);
    if (tid < 0)
        return tid;
    g->tid = (pid_t)tid, g->aspace = as, g->running = false;
    g->next = *bucket(g->tid);
    *bucket(g->tid) = g;
    return 0;
}

void guest_end(struct guest *g)
{
    struct user_regs_struct r = stub_fresh;
    int status;
    if (!g->tid)
        return;
    r.rip = GATE_CALL, r.rax = SYS_exit, r.orig_rax = (unsigned long long)-1;
    if (TRACE(PTRACE_SETREGS, g->tid, 0, &r) == 0)
        TRACE(PTRACE_CONT, g->tid, 0, 0);
    while (wait_for(g->tid, &status) == g->tid && !is_gone(status))
        TRACE(PTRACE_CONT, g->tid, 0, 0);
    guest_forget(g);
}

static uint64_t base_of(uint64_t v)
{
    return v < ADDRESS_END ? v : 0; /* the guest's mistake, which it finds at its next use */
}

static void regs_to_host(struct user_regs_struct *u, const struct regs *r)
{
    *u = stub_fresh;
    u->rdi = r->rdi, u->rsi = r->rsi, u->rdx = r->rdx, u->r10 = r->r10, u->r8 = r->r8, u->r9 = r->r9;
    u->rax = r->rax, u->rbx = r->rbx, u->rbp = r->rbp, u->rcx = r->rcx, u->r11 = r->r11;
    u->r12 = r->r12, u->r13 = r->r13, u->r14 = r->r14, u->r15 = r->r15;
    u->rip = r->rip, u->rsp = r->rsp, u->eflags = r->rflags;
    u->fs_base = base_of(r->fs_base), u->gs_base = base_of(r->gs_base);
    u->orig_rax = (unsigned long long)-1;
}

static void regs_from_host(struct regs *r, const struct user_regs_struct *u)
{
    *r = (struct regs){.rdi = u->rdi,
                       .rsi = u->rsi,
                       .rdx = u->rdx,
                       .r10 = u->r10,
                       .r8 = u->r8,
                       .r9 = u->r9,
                       .rax = u->rax,
                       .rbx = u->rbx,
                       .rbp = u->rbp,
                       .r12 = u->r12,
                       .r13 = u->r13,
                       .r14 = u->r14,
                       .r15 = u->r15,
                       .rcx = u->rcx,
                       .r11 = u->r11,
                       .rip = u->rip,
                       .rflags = u->eflags,
                       .rsp = u->rsp,
                       .fs_base = u->fs_base,
                       .gs_base = u->gs_base};
}

/* 0, or what the host says to the image. */
static int64_t state_load(struct guest *g)
{
    static const uint32_t mxcsr = 0x1f80;
    uint8_t initial[STATE_MOST];
    struct iovec v = {g->state, state_size};
    if (!g->state) {
        memset(initial, 0, state_size);
        memcpy(initial + 24, &mxcsr, sizeof(mxcsr));
        v.iov_base = initial;
    }
    return TRACE(PTRACE_SETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -errno : 0;
}

void guest_go(struct guest *g)
{
    struct user_regs_struct u;
    if (g->state_is_new && state_load(g) < 0)
        apart_fatal("the host refuses vector registers");
    g->state_is_new = false;
    regs_to_host(&u, bridge_regs(g->task));
    if (TRACE(PTRACE_SETREGS, g->tid, 0, &u) < 0 || TRACE(PTRACE_SYSEMU, g->tid, 0, 0) < 0)
        apart_fatal("a guest thread is gone: it was killed from outside");
    g->running = true;
}

void guest_interrupt(struct guest *g)
{
    if (g->running)
        TRACE(PTRACE_INTERRUPT, g->tid, 0, 0);
}

int64_t guest_state_get(struct guest *g, void *to)
{
    struct iovec v = {to, state_size};
    return TRACE(PTRACE_GETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -errno : 0;
}

int64_t guest_state_set(struct guest *g, const void *from)
{
    struct iovec v = {(void *)(uintptr_t)from, state_size};
    return TRACE(PTRACE_SETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -EINVAL : 0;
}

void guest_reap(const struct aspace *as)
{
    int status;
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct guest *g = by_tid[i], *next; g; g = next) {
            next = g->next;
            if (g->aspace != as)
                continue;
            while (wait_for(g->tid, &status) == g->tid && !is_gone(status))
                continue;
            guest_forget(g);
        }
}

/* ---- traps ---- */

#define TRAP_DEBUG      1
#define TRAP_BREAKPOINT 3
#define TRAP_OPCODE     6
#define TRAP_GENERAL    13
#define TRAP_PAGE       14
#define TRAP_ALIGNMENT  17
#define TRAP_VECTOR     19
#define ERROR_PRESENT   1u
#define ERROR_WRITE     2u
#define ERROR_USER      4u
#define ERROR_FETCH     16u

static bool is_readable(const struct guest *g, uint64_t at)
{
    uint8_t byte;
    struct iovec to = {&byte, 1}, from = {(void *)(uintptr_t)at, 1};
    return process_vm_readv(g->tid, &to, 1, &from, 1, 0) == 1;
}

/* The host does not tell what kind of access it was, so it is found out: of what is there and was denied, the
 * instruction itself is a fetch, and what can be read was written. */
static uint64_t page_error(const struct guest *g, const siginfo_t *info, uint64_t rip)
{
    uint64_t at = (uintptr_t)info->si_addr;
    if (info->si_signo != SIGSEGV || info->si_code != SEGV_ACCERR)
        return ERROR_USER;
    if (at - rip < 15)
        return ERROR_USER | ERROR_PRESENT | ERROR_FETCH;
    return ERROR_USER | ERROR_PRESENT | (is_readable(g, at) ? ERROR_WRITE : 0);
}

static void fault_fill(struct trap *t, const struct guest *g, const siginfo_t *info, uint64_t rip)
{
    t->kind = TRAP_FAULT, t->signo = info->si_signo, t->code = info->si_code;
    t->address = (uintptr_t)info->si_addr;
    switch (info->si_signo) {
    case SIGSEGV:
        t->number = info->si_code == SI_KERNEL ? TRAP_GENERAL : TRAP_PAGE;
        break;
    case SIGBUS:
        t->number = info->si_code == BUS_ADRALN ? TRAP_ALIGNMENT : TRAP_PAGE;
        break;
    case SIGFPE:
        t->number = info->si_code == FPE_INTDIV ? 0 : TRAP_VECTOR;
        break;
    case SIGILL:
        t->number = TRAP_OPCODE;
        break;
    default:
        t->number = info->si_code == SI_KERNEL ? TRAP_BREAKPOINT : TRAP_DEBUG;
        break;
    }
    if (t->number == TRAP_PAGE)
        t->error = page_error(g, info, rip);
}

/* `syscall` itself, or the old 32-bit way, which is not there: the processor then says so. */
static void syscall_fill(struct trap *t, struct guest *g, struct regs *r, uint64_t nr)
{
    uint8_t code[2] = {0};
    struct iovec to = {code, 2}, from = {(void *)(uintptr_t)(r->rip - 2), 2};
    r->rax = nr;
    if (process_vm_readv(g->tid, &to, 1, &from, 1, 0) == 2 && code[0] == 0x0f && code[1] == 0x05) {
        t->kind = TRAP_SYSCALL;
        return;
    }
    r->rip -= 2;
    *t = (struct trap){.kind = TRAP_FAULT, .signo = SIGSEGV, .code = SI_KERNEL, .number = TRAP_GENERAL};
}

static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL || signo == SIGTRAP;
}

/* The guest was stopped behind a fault of its own, which the host tells next. */
static bool is_fault_due(const struct guest *g)
{
    struct __ptrace_peeksiginfo_args first = {.nr = 1};
    siginfo_t info = {0};
    return TRACE(PTRACE_PEEKSIGINFO, g->tid, &first, &info) == 1 && is_fault(info.si_signo) && info.si_code > 0;
}

/* What a stop of a guest means. false: nothing, it goes on. */
static bool trap_fill(struct trap *t, struct guest *g, int status, struct regs *r, uint64_t nr)
{
    siginfo_t info = {0};
    if (event_of(status) == PTRACE_EVENT_STOP) {
        t->kind = TRAP_KICK; /* in front of a fault it would let a handler run that the fault is then blamed on */
        return !is_fault_due(g);
    }
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        syscall_fill(t, g, r, nr);
        return true;
    }
    if (!is_fault(WSTOPSIG(status)) || TRACE(PTRACE_GETSIGINFO, g->tid, 0, &info) < 0 || info.si_code <= 0)
        return false;
    if (info.si_signo == SIGTRAP && r->rip == GATE_ENTRY + 1) {
        t->kind = TRAP_SYSCALL; /* as the instruction would have left the registers */
        r->rip = r->rcx, r->r11 = r->rflags;
        return true;
    }
    fault_fill(t, g, &info, r->rip);
    return true;
}

void guest_stopped(pid_t tid, int status)
{
    struct guest *g = guest_of(tid);
    struct user_regs_struct u;
    struct trap trap = {0};
    if (is_gone(status) && (g || tid == stub_first.leader))
        apart_fatal("a guest process is gone: it was killed from outside");
    if (!g || is_gone(status))
        return;
    if (TRACE(PTRACE_GETREGS, tid, 0, &u) < 0)
        return; /* it was killed meanwhile: that is told next */
    struct regs *r = bridge_regs(g->task);
    regs_from_host(r, &u);
    if (!trap_fill(&trap, g, status, r, u.orig_rax)) {
        TRACE(PTRACE_SYSEMU, tid, 0, 0); /* a signal from outside, which is not the guest's */
        return;
    }
    g->running = false;
    inbox_trap(g->task, &trap);
}

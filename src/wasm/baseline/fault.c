/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that come while compiled code runs: a fault in the memory's reservation or in the stack's guard, ud2 with the
 * number of a trap behind it, a call through a null reference, an interruption. The context is rewritten so that the
 * thread goes on in wasm_native_exit (entry.c), which ends the call as if the code had returned. Any other fault is
 * none of ours and stays the crash it is. All of this runs in signal handlers.
 */
#include "wasm/baseline/code.h"
#include "wasm/baseline/native.h"

#include "codegen/cpu.h"
#include "codegen/signals.h"
#include "wasm/runtime/memory.h"
#include "wasm/runtime/stack.h"
#include "wasm/runtime/store_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Default action: nothing. Nobody but sockets with urgent data sends it. */
#define INTERRUPT_SIGNAL SIGURG
/* The first page is never mapped: an access there is one through a null reference. */
#define NULL_PAGE 4096

_Thread_local struct wasm_store *code_active;

static enum wasm_trap trap_of_access(const struct wasm_store *s, const struct wasm_instance *i, uintptr_t address)
{
    if (wasm_stack_guard_holds(s, (const void *)address))
        return WASM_TRAP_STACK_EXHAUSTED;
    if (!i)
        return WASM_TRAP_NONE;
    if (address < NULL_PAGE)
        return WASM_TRAP_UNINITIALIZED_ELEMENT;
    if (i->memory && wasm_memory_reserves(i->memory, (const void *)address))
        return WASM_TRAP_MEMORY_BOUNDS;
    return WASM_TRAP_NONE;
}

/* An access at si_addr, and not a general protection fault or a signal that somebody sent. */
static bool has_address(int signo, const siginfo_t *info)
{
    if (signo == SIGSEGV)
        return info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR;
    return signo == SIGBUS && info->si_code == BUS_ADRERR;
}

#define PUSH_RBP 0x55

/* Where the chain of frames begins. A function without a frame, or at its first instruction, has not put its caller's
 * rbp below the return address: that is done for it, on the guest's stack, where nothing is any more. */
static uint64_t frame_of(const struct wasm_store *s, const struct wasm_code *code, const greg_t *regs)
{
    const uint8_t *pc = (const uint8_t *)regs[REG_RIP], *entry = code_function_start(code, pc);
    uint64_t sp = (uint64_t)regs[REG_RSP], fp = (uint64_t)regs[REG_RBP];

    if (!entry)
        return fp;
    if (*entry == PUSH_RBP && pc == entry + 1)
        return sp;
    if ((*entry == PUSH_RBP && pc != entry) || wasm_stack_guard_holds(s, (const void *)(uintptr_t)(sp - 8)))
        return fp;
    memcpy((void *)(uintptr_t)(sp - 8), &fp, sizeof(fp));
    return sp - 8;
}

static bool on_signal(struct code_region *region, int signo, siginfo_t *info, ucontext_t *context)
{
    struct wasm_store *s = code_active;
    greg_t *regs = context->uc_mcontext.gregs;
    const uint8_t *pc = (const uint8_t *)regs[REG_RIP];
    enum wasm_trap trap = WASM_TRAP_NONE;

    if (!s)
        return false;
    if (signo == INTERRUPT_SIGNAL)
        trap = s->interrupt ? WASM_TRAP_INTERRUPT : WASM_TRAP_NONE;
    else if (signo == SIGILL && region->data && pc[0] == 0x0f && pc[1] == 0x0b && pc[2] < WASM_TRAPS)
        trap = pc[2];
    else if (has_address(signo, info)) /* the stubs touch the guest's stack, but none of its memory */
        trap = trap_of_access(s, region->data ? (const struct wasm_instance *)regs[REG_R14] : NULL,
                              (uintptr_t)info->si_addr);
    if (trap == WASM_TRAP_NONE)
        return false;
    s->trap = trap;
    s->trap_pc = (uint64_t)regs[REG_RIP];
    s->trap_fp = region->data ? frame_of(s, region->data, regs) : (uint64_t)regs[REG_RBP];
    regs[REG_RIP] = (greg_t)(uintptr_t)wasm_native_exit;
    regs[REG_RSP] = (greg_t)s->host_sp;
    regs[REG_R11] = (greg_t)(uintptr_t)s;
    return true;
}

/* Whether another handler was interrupted: one runs on the guest's stack or on the alternate one, a host function on
 * neither. */
static bool above_handler(const struct wasm_store *s, uintptr_t sp)
{
    const struct wasm_store_whole *w = wasm_store_whole(s);
    stack_t alternate;

    if (w->stack && sp - (uintptr_t)w->stack < WASM_STACK_GUARD + wasm_stack_size(w))
        return true;
    return sigaltstack(NULL, &alternate) == 0 && sp - (uintptr_t)alternate.ss_sp < alternate.ss_size;
}

/* wasm_interrupt() in a handler of the thread that runs the code: its signal comes at once, above that handler, where
 * nothing can be done. It is sent again and blocked until the handler returns, and then finds the code. */
static bool outside(int signo, siginfo_t *info, ucontext_t *context)
{
    struct wasm_store *s = code_active;

    if (!s || !s->interrupt || !above_handler(s, (uintptr_t)context->uc_mcontext.gregs[REG_RSP]))
        return false;
    sigaddset(&context->uc_sigmask, INTERRUPT_SIGNAL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), INTERRUPT_SIGNAL);
    return true;
}

/* The stubs: an interruption that comes there must not be lost. */
static struct code_region stubs = {.fault = on_signal};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static int once_result;
static struct err once_err;

static void thread_over(void *stack)
{
    code_sigstack_leave(stack);
    free(stack);
}

static void prepare(void)
{
    wasm_native_has_gs = code_cpu_has(CODE_CPU_FSGSBASE);
    once_result = -pthread_key_create(&thread_key, thread_over);
    if (once_result < 0)
        return;
    once_result = code_signals_install(INTERRUPT_SIGNAL, outside, &once_err);
    if (once_result < 0)
        return;
    stubs.start = wasm_native_start;
    stubs.size = (size_t)(wasm_native_end - wasm_native_start);
    code_region_add(&stubs);
}

int wasm_code_prepare(struct err *err)
{
    pthread_once(&once, prepare);
    if (once_result < 0)
        *err = once_err;
    return once_result < 0 ? err_wrap(err, "handlers of signals for compiled code") : 0;
}

int code_faults_on(struct wasm_code *c, struct err *err)
{
    int r = wasm_code_prepare(err);

    if (r < 0)
        return r;
    c->region.fault = on_signal;
    c->region.data = c;
    code_region_add(&c->region);
    return 0;
}

void code_faults_off(struct wasm_code *c)
{
    code_region_remove(&c->region);
}

int code_thread_ready(void)
{
    static _Thread_local bool ready;
    struct code_sigstack *stack;
    struct err err;
    int r;

    if (ready)
        return 0;
    stack = calloc(1, sizeof(*stack));
    if (!stack)
        return -ENOMEM;
    r = code_sigstack_enter(stack, &err);
    if (r < 0) {
        free(stack);
        return r;
    }
    pthread_setspecific(thread_key, stack);
    ready = true;
    return 0;
}

void wasm_code_interrupt(struct wasm_store *s)
{
    int thread = wasm_store_thread(s), saved = errno;

    if (thread)
        syscall(SYS_tgkill, getpid(), thread, INTERRUPT_SIGNAL);
    errno = saved;
}

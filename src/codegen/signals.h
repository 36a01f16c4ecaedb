/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's one router of the signals that machine code of ours raises: SIGSEGV, SIGBUS, SIGFPE, SIGILL, and one
 * more, chosen by the user, by which a thread is interrupted. It finds the region of code (pcmap.h) that the thread was
 * in and calls its owner. Everything else goes where it would have gone without us: to the handler that was there, or
 * to the default action, so a crash stays a crash, with the core of the place where it happened.
 *
 * Life: code_signals_install() once -> in each thread that runs code code_sigstack_enter() ... code_sigstack_leave() ->
 * code_signals_remove(). Handlers run on the thread's alternate stack, with all signals of the router blocked: a fault
 * in a handler ends the process.
 *
 * An owner's function may write to context->uc_mcontext.gregs: the thread goes on with these registers. The rules of
 * code_fault_fn hold.
 */
#ifndef MOAT_CODEGEN_SIGNALS_H
#define MOAT_CODEGEN_SIGNALS_H

#include "base/err.h"
#include "codegen/pcmap.h"

#include <signal.h>
#include <stdbool.h>

/* The interrupting signal came while the thread was in no region or the owner said false. Async-signal-safe; true:
 * done. */
typedef bool code_outside_fn(int signo, siginfo_t *info, ucontext_t *context);

/* interrupt: 0 for none; `outside` may be NULL. It is installed without SA_RESTART, so that a system call that waits
 * ends with EINTR. One that nobody wants is dropped. Installing again with the same arguments is counted; with others
 * -EBUSY. 0 or -errno. */
int code_signals_install(int interrupt, code_outside_fn *outside, struct err *err);
/* Puts the old handlers back at the last of as many calls. A handler that somebody else has installed since stays. No
 * thread may be inside code any more. */
void code_signals_remove(void);

/* The alternate stack of one thread. One that the thread has already is kept when it is large enough. */
struct code_sigstack {
    void *memory; /* NULL: the thread's own is used */
    size_t size;
    stack_t before;
};
int code_sigstack_enter(struct code_sigstack *s, struct err *err);
/* In the same thread; not in a handler. */
void code_sigstack_leave(struct code_sigstack *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of signals in src/linux: a handler that notes what it was told, and calls that such guests make. */
#ifndef MOAT_TESTS_LINUX_SIGNALS_H
#define MOAT_TESTS_LINUX_SIGNALS_H

#include "linux/task/signal.h"
#include "linux_harness.h"

#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/signal.h>
#include <string.h>

/* What the handlers of a run have seen. */
static struct seen {
    int n, order[32];
    siginfo_t info;
    uint64_t sp, mask_in_frame, flags;
    int64_t rax_in_frame;
} seen;

static inline void note(int signo, siginfo_t *info, void *of)
{
    const struct ucontext *uc = of;
    if (seen.n < 32)
        seen.order[seen.n] = signo;
    seen.n++;
    seen.info = *info;
    seen.sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    seen.mask_in_frame = uc->uc_sigmask;
    seen.rax_in_frame = (int64_t)uc->uc_mcontext.rax;
}

static inline int64_t handle(int signo, void (*handler)(int, siginfo_t *, void *), uint64_t flags, uint64_t mask)
{
    struct signal_action a = {.handler = (uint64_t)(uintptr_t)handler,
                              .flags = flags | SA_SIGINFO | SA_RESTORER,
                              .restorer = (uint64_t)(uintptr_t)guest_restorer,
                              .mask = mask};
    return sys(__NR_rt_sigaction, signo, &a, NULL, 8);
}

static inline int64_t set_mask(int how, uint64_t mask)
{
    return sys(__NR_rt_sigprocmask, how, &mask, NULL, 8);
}

static inline uint64_t get_mask(void)
{
    uint64_t mask = ~0ull;
    assert_int_equal(sys(__NR_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8), 0);
    return mask;
}

static inline int64_t raise_to_self(int signo)
{
    return sys(__NR_tgkill, sys(__NR_getpid), sys(__NR_gettid), signo);
}

static inline int run(void (*guest)(void))
{
    memset(&seen, 0, sizeof(seen));
    int r = harness_run(NULL, guest);
    if (r == HARNESS_NO_BOOT)
        print_message("%s\n", harness_why());
    return r;
}

#endif

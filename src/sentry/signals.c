/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of this process. A handler notes them, and cuts short a call that waits (host_call.S), so none is missed and
 * nothing has to be blocked. What is noted is looked at where the kernel may be called.
 */
#include "sentry/control.h"
#include "sentry/sentry.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <ucontext.h>

uint32_t signals_noted, children_noted; /* a bit for each; written by handlers */

/* For the first program. Not those that say what is wrong with this process. */
static const uint8_t passed_on[] = {SIGHUP, SIGINT,  SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2,   SIGALRM,   SIGTERM,
                                    SIGURG, SIGXCPU, SIGXFSZ, SIGPROF, SIGPWR,  SIGVTALRM, SIGSTKFLT, SIGWINCH};

static void note(int signo, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    (void)info;
    if (signo == SIGCHLD)
        __atomic_store_n(&children_noted, 1, __ATOMIC_RELAXED);
    __atomic_or_fetch(&signals_noted, 1u << (signo & 31), __ATOMIC_RELAXED);
    if (*rip >= (greg_t)(uintptr_t)wait_call_begin && *rip < (greg_t)(uintptr_t)wait_call_end)
        *rip = (greg_t)(uintptr_t)wait_call_cut;
}

static void ask(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    frame_asked(context);
}

void signals_init(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
    struct sigaction asked = {.sa_sigaction = ask, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigaction(SIGTRAP, &asked, &before); /* one that nobody holds back */
    raise(SIGTRAP);
    sigaction(SIGTRAP, &before, NULL);
    if (!state_size || state_size > XSTATE_MOST)
        apart_fatal("vector registers: the host's signal frames have %u bytes of them, where 576 to %u are known",
                    state_size, (unsigned)XSTATE_MOST);
    sigset_t later; /* moat holds some back since before there were handlers */
    sigemptyset(&later);
    for (size_t i = 0; i < sizeof(passed_on); i++) {
        sigaddset(&later, passed_on[i]);
        /* nohup(1) and shells in the background have them ignored, for good */
        if (sigaction(passed_on[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        sigaction(passed_on[i], &action, NULL);
    }
    sigaddset(&later, SIGIO);
    sigprocmask(SIG_SETMASK, &later, NULL);
    sigaction(SIGCHLD, &action, NULL);
    sigaction(SIGIO, &action, NULL); /* somebody asks (control.h) */
    action.sa_handler = SIG_IGN, action.sa_flags = 0;
    sigaction(SIGPIPE, &action, NULL);
}

void signals_begin(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_take_children(void)
{
    if (__atomic_exchange_n(&children_noted, 0, __ATOMIC_RELAXED))
        host_tasks_reap();
}

/* Where the terminal is one of the host's, its new size is what is passed on. */
static void pass_on(int signo)
{
    struct winsize window;
    if (signo != SIGWINCH || ioctl(0, TIOCGWINSZ, &window) || linux_window(window.ws_row, window.ws_col))
        linux_signal(signo, false);
}

void signals_take(void)
{
    uint32_t noted = __atomic_exchange_n(&signals_noted, 0, __ATOMIC_RELAXED);
    signals_take_children();
    for (int signo = 1; noted && signo < 32; signo++)
        if (noted & 1u << signo && signo != SIGCHLD && signo != SIGIO)
            pass_on(signo);
    if (noted & 1u << SIGIO)
        control_look();
}

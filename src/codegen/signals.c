/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signal router. State of the process, changed under a lock while nobody runs code; handlers read it alone. What is
 * called in a handler is async-signal-safe (signal-safety(7)).
 */
#include "codegen/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51 /* Linux 5.14 */
#endif

#define FAULTS     4
#define STACK_ROOM ((size_t)32 << 10) /* bytes, beside what the kernel puts on the stack */

static struct {
    pthread_mutex_t lock;
    unsigned users;
    int signals[FAULTS + 1]; /* the last is the interrupting one, or 0 */
    struct sigaction before[FAULTS + 1];
    code_outside_fn *outside;
} router = {.lock = PTHREAD_MUTEX_INITIALIZER, .signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0}};

struct arrival {
    int signo;
    siginfo_t *info;
    ucontext_t *context;
};

static bool in_region(struct code_region *region, void *data)
{
    struct arrival *a = data;

    return region->fault && region->fault(region, a->signo, a->info, a->context);
}

/* Ends the process as if no handler had been: a fault happens again when the handler returns; what was sent, or told
 * about another place, is sent again. */
static void default_action(int signo, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(signo, &action, NULL);
    if (info->si_code <= 0 || (signo == SIGBUS && info->si_code == BUS_MCEERR_AO))
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
}

static void chain(const struct sigaction *before, bool interrupt, struct arrival *a)
{
    if (before->sa_flags & SA_SIGINFO) {
        pthread_sigmask(SIG_BLOCK, &before->sa_mask, NULL);
        before->sa_sigaction(a->signo, a->info, a->context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        pthread_sigmask(SIG_BLOCK, &before->sa_mask, NULL);
        before->sa_handler(a->signo);
    } else if (!interrupt && (before->sa_handler == SIG_DFL || a->info->si_code > 0)) { /* a fault cannot be ignored */
        default_action(a->signo, a->info);
    }
}

static void arrive(int signo, siginfo_t *info, void *context)
{
    struct arrival a = {signo, info, context};
    bool interrupt = signo == router.signals[FAULTS];
    int saved = errno, i = 0;

    /* A fault signal that somebody sent is no fault. */
    if ((interrupt || info->si_code > 0) &&
        code_region_visit((void *)(uintptr_t)a.context->uc_mcontext.gregs[REG_RIP], in_region, &a))
        goto done;
    if (interrupt && router.outside && router.outside(signo, info, context))
        goto done;
    while (router.signals[i] != signo)
        i++;
    chain(&router.before[i], interrupt, &a);
done:
    errno = saved;
}

static int install_all(int count)
{
    struct sigaction action = {.sa_sigaction = arrive, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    for (int i = 0; i < count; i++)
        sigaddset(&action.sa_mask, router.signals[i]);
    /* First all that a handler reads, then the handlers. */
    for (int i = 0; i < count; i++)
        if (sigaction(router.signals[i], NULL, &router.before[i]) < 0)
            return -errno;
    for (int i = 0; i < count; i++)
        if (sigaction(router.signals[i], &action, NULL) < 0)
            return -errno;
    return 0;
}

static bool is_fault(int signo)
{
    for (int i = 0; i < FAULTS; i++)
        if (router.signals[i] == signo)
            return true;
    return false;
}

static int install_locked(int interrupt, code_outside_fn *outside, struct err *err)
{
    int r;

    if (router.users) {
        if (interrupt != router.signals[FAULTS] || outside != router.outside)
            return err_set(err, -EBUSY, "signal %d to interrupt code: the process uses %d already", interrupt,
                           router.signals[FAULTS]);
        router.users++;
        return 0;
    }
    if (interrupt < 0 || interrupt > SIGRTMAX || is_fault(interrupt))
        return err_set(err, -EINVAL, "signal %d to interrupt code: cannot be one that faults use, or no signal",
                       interrupt);
    router.signals[FAULTS] = interrupt;
    router.outside = outside;
    r = install_all(interrupt ? FAULTS + 1 : FAULTS);
    if (r < 0)
        return err_sys(err, r, "handlers of faults in code");
    router.users = 1;
    return 0;
}

int code_signals_install(int interrupt, code_outside_fn *outside, struct err *err)
{
    int r;

    pthread_mutex_lock(&router.lock);
    r = install_locked(interrupt, outside, err);
    pthread_mutex_unlock(&router.lock);
    return r;
}

void code_signals_remove(void)
{
    struct sigaction now;

    pthread_mutex_lock(&router.lock);
    if (router.users && --router.users == 0) {
        for (int i = 0; i < FAULTS + (router.signals[FAULTS] != 0); i++)
            if (sigaction(router.signals[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
                now.sa_sigaction == arrive)
                sigaction(router.signals[i], &router.before[i], NULL);
    }
    pthread_mutex_unlock(&router.lock);
}

int code_sigstack_enter(struct code_sigstack *s, struct err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), frame = getauxval(AT_MINSIGSTKSZ), need;
    stack_t mine;
    char *memory;

    *s = (struct code_sigstack){0};
    need = (STACK_ROOM + (frame ? frame : (size_t)MINSIGSTKSZ) + page - 1) & ~(page - 1);
    if (sigaltstack(NULL, &s->before) < 0)
        return err_sys(err, -errno, "alternate signal stack");
    if (!(s->before.ss_flags & SS_DISABLE) && s->before.ss_size >= need)
        return 0;
    memory = mmap(NULL, page + need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return err_sys(err, -errno, "alternate signal stack of %zu bytes", need);
    mine = (stack_t){.ss_sp = memory + page, .ss_size = need};
    if (mprotect(memory, page, PROT_NONE) < 0 || sigaltstack(&mine, NULL) < 0) {
        int code = -errno;

        munmap(memory, page + need);
        return err_sys(err, code, "alternate signal stack of %zu bytes", need);
    }
    s->memory = memory;
    s->size = page + need;
    return 0;
}

void code_sigstack_leave(struct code_sigstack *s)
{
    if (!s->memory)
        return;
    sigaltstack(&s->before, NULL);
    munmap(s->memory, s->size);
    s->memory = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fault segv|write|null|fpe|ill|trap|jump|odd|return|flags [handled]: what the processor raises kills by its signal, or
 * is handled. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;

static void handler(int signo, siginfo_t *info, void *context)
{
    seen = *info;
    siglongjmp(back, signo);
}

/* To an address that no processor has. */
static void mislead(int signo, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)0x4141414141414141;
}

/* With flags that a program cannot have. */
static void misflag(int signo, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x20000;
}

static void by_handler(void (*how)(int, siginfo_t *, void *))
{
    const struct sigaction action = {.sa_sigaction = how, .sa_flags = SA_SIGINFO};

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void handle(void)
{
    static const int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sigaction(all[i], &action, NULL);
}

static const char constant[4096] __attribute__((aligned(4096))) = {1};

static void act(const char *what)
{
    volatile int zero = 0;

    if (!strcmp(what, "segv"))
        *(volatile char *)0x123456789000 = 1;
    else if (!strcmp(what, "null"))
        *(volatile char *)(uintptr_t)zero = 1;
    else if (!strcmp(what, "write"))
        *(volatile char *)(uintptr_t)constant = 1;
    else if (!strcmp(what, "fpe"))
        __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; divl %0" ::"r"(zero) : "eax", "edx");
    else if (!strcmp(what, "ill"))
        __asm__ volatile("ud2");
    else if (!strcmp(what, "trap"))
        __asm__ volatile("int3");
    else if (!strcmp(what, "jump"))
        ((void (*)(void))0x666000)();
    else if (!strcmp(what, "return"))
        by_handler(mislead);
    else if (!strcmp(what, "flags"))
        by_handler(misflag);
    else if (!strcmp(what, "odd")) /* an address that no processor has */
        *(volatile char *)0x8000000000000000 = 1;
}

int main(int argc, char **argv)
{
    int signo;

    if (argc < 2)
        return 2;
    if (argc > 2)
        handle();
    if ((signo = sigsetjmp(back, 1))) {
        printf("signal %d code %d address 0x%lx\n", signo, seen.si_code,
               signo == SIGSEGV ? (unsigned long)seen.si_addr : 0);
        return 0;
    }
    act(argv[1]);
    if (!strcmp(argv[1], "flags")) {
        puts("it went on, as it should");
        return 0;
    }
    puts("FAILURE: it went on");
    return 1;
}

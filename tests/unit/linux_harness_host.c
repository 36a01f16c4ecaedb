/* SPDX-License-Identifier: Apache-2.0 */
/* The harness's faults and memory of its own, by the C library. */
#include "linux_harness_host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

void *harness_main_stack(size_t *n)
{
    static void *low;
    static size_t size;
    pthread_attr_t attr;
    if (!low && !pthread_getattr_np(pthread_self(), &attr)) {
        pthread_attr_getstack(&attr, &low, &size);
        pthread_attr_destroy(&attr);
    }
    *n = size;
    return low;
}

void *harness_reserve(size_t n)
{
    void *p = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void harness_unmap(void *at, size_t n)
{
    munmap(at, n);
}

int harness_usable(void *at, size_t n, bool usable)
{
    return mprotect(at, n, usable ? PROT_READ | PROT_WRITE : PROT_NONE) ? -errno : 0;
}

int harness_zero_pages(void *at, size_t n)
{
    return madvise(at, n, MADV_DONTNEED) ? -errno : 0;
}

bool harness_append(struct harness_text *t, const void *from, size_t n)
{
    char *bytes = realloc(t->bytes, t->n + n + 1);
    if (!bytes)
        return false;
    memcpy(bytes + t->n, from, n);
    t->bytes = bytes, t->n += n;
    bytes[t->n] = 0;
    return true;
}

void harness_text_free(struct harness_text *t)
{
    free(t->bytes);
    *t = (struct harness_text){0};
}

static struct trap fault_trap;

static void fault_entered(struct task *t)
{
    harness_faulted(t, &fault_trap);
}

static void regs_from(struct regs *r, const greg_t *g)
{
    r->rdi = (uint64_t)g[REG_RDI], r->rsi = (uint64_t)g[REG_RSI], r->rdx = (uint64_t)g[REG_RDX];
    r->r10 = (uint64_t)g[REG_R10], r->r8 = (uint64_t)g[REG_R8], r->r9 = (uint64_t)g[REG_R9];
    r->rax = (uint64_t)g[REG_RAX], r->rbx = (uint64_t)g[REG_RBX], r->rbp = (uint64_t)g[REG_RBP];
    r->r12 = (uint64_t)g[REG_R12], r->r13 = (uint64_t)g[REG_R13], r->r14 = (uint64_t)g[REG_R14];
    r->r15 = (uint64_t)g[REG_R15], r->rcx = (uint64_t)g[REG_RCX], r->r11 = (uint64_t)g[REG_R11];
    r->rip = (uint64_t)g[REG_RIP], r->rflags = (uint64_t)g[REG_EFL], r->rsp = (uint64_t)g[REG_RSP];
}

/* A fault of guest code becomes a trap; one of the kernel or the test is what it always was. */
static __attribute__((no_sanitize("address"))) void on_fault(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct harness_fault f = harness_fault_of();
    if (!f.task) {
        signal(signo, SIG_DFL);
        return;
    }
    greg_t *g = u->uc_mcontext.gregs;
    regs_from(f.regs, g);
    memcpy(f.xstate, u->uc_mcontext.fpregs, 512);
    fault_trap = (struct trap){.kind = TRAP_FAULT,
                               .signo = signo,
                               .code = info->si_code,
                               .address = (uint64_t)(uintptr_t)info->si_addr,
                               .error = (uint64_t)g[REG_ERR],
                               .number = (uint32_t)g[REG_TRAPNO]};
    g[REG_RIP] = (greg_t)(uintptr_t)fault_entered;
    g[REG_RSP] = (greg_t)((uintptr_t)f.stack - 8);
    g[REG_RDI] = (greg_t)(uintptr_t)f.task;
    g[REG_RBP] = 0;
    g[REG_EFL] = 0x202;
}

void harness_catch_faults(void)
{
    static uint8_t stack[65536];
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigaction(faults[i], &sa, NULL);
}

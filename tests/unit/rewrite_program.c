/* SPDX-License-Identifier: Apache-2.0 */
/* A loader of static programs, in a process that becomes one. */
#include "rewrite_program.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { STATE = 0x20000, PAGE = 4096, BIAS = 0x10000000, STACK = 1 << 20, RETURNS = 0x21000 };

struct shared {
    uint64_t calls, trapped;
};

void program_serve(void), program_restorer(void), program_serve_end(void);

/*
 * The server. Addresses to go on at are on a stack of its own, since every register and the stack are the program's; a
 * signal handler's calls come and go above those that it interrupted. rt_sigreturn never goes on. No flag is changed.
 */
__asm__(".text\n"
        ".globl program_serve, program_restorer, program_serve_end\n"
        "program_serve:\n"
        "mov 0x21000,%r11\n lea 8(%r11),%r11\n mov %r11,0x21000\n mov %rcx,-8(%r11)\n"
        "lea -15(%rax),%rcx\n jrcxz 2f\n"
        "1: mov 0x20000,%r11\n lea 1(%r11),%r11\n mov %r11,0x20000\n"
        "syscall\n"
        "mov 0x21000,%r11\n mov -8(%r11),%rcx\n lea -8(%r11),%r11\n mov %r11,0x21000\n"
        "jmp *%rcx\n"
        "2: lea -8(%r11),%r11\n mov %r11,0x21000\n jmp 1b\n"
        "program_restorer:\n"
        "mov $15,%eax\n"
        "syscall\n"
        "program_serve_end:\n");

bool program_can_run(void)
{
    static uint8_t selector;

    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector) < 0)
        return false;
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0;
}

/* Runs with the program's thread pointer: no libc, and nothing that a compiler adds. */
__attribute__((no_sanitize("address", "undefined"), no_stack_protector)) static void caught(int signo, siginfo_t *info,
                                                                                            void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

    ++*(volatile uint64_t *)(STATE + 8);
    r[REG_RCX] = r[REG_RIP];
    r[REG_RIP] = (greg_t)(uintptr_t)program_serve;
}

static int catch_calls(void)
{
    static uint8_t selector = 1; /* block: all but those from the server */
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {caught, 0x04000000 | SA_SIGINFO, program_restorer, 0}; /* SA_RESTORER */

    if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, 8) < 0)
        return -errno;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, (uintptr_t)program_serve,
              (uintptr_t)program_serve_end - (uintptr_t)program_serve, &selector) < 0)
        return -errno;
    return 0;
}

static void *map_at(uint64_t address, size_t size, int flags)
{
    void *p = mmap((void *)(uintptr_t)address, size, PROT_READ | PROT_WRITE,
                   flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    return p == (void *)(uintptr_t)address ? p : NULL;
}

static int protect(uint64_t from, uint64_t to, uint32_t flags)
{
    int prot = (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);

    return mprotect((void *)(uintptr_t)from, to - from, prot);
}

static int map_segments(const uint8_t *file, uint64_t bias)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    const Elf64_Phdr *p = (const Elf64_Phdr *)(file + h->e_phoff);

    for (unsigned i = 0; i < h->e_phnum; i++) {
        uint64_t from = (bias + p[i].p_vaddr) & -(uint64_t)PAGE;
        uint64_t to = (bias + p[i].p_vaddr + p[i].p_memsz + PAGE - 1) & -(uint64_t)PAGE;

        if (p[i].p_type != PT_LOAD)
            continue;
        if (!map_at(from, to - from, MAP_PRIVATE))
            return -errno;
        memcpy((void *)(uintptr_t)(bias + p[i].p_vaddr), file + p[i].p_offset, p[i].p_filesz);
        if (protect(from, to, p[i].p_flags) < 0)
            return -errno;
    }
    return 0;
}

/* The stack that a program finds (System V ABI, AMD64, 3.4.1). */
static uint64_t *make_stack(const uint8_t *file, uint64_t bias, const char *const argv[])
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    static uint64_t seed[2] = {1, 2};
    uint8_t *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *sp = (uint64_t *)(stack + STACK) - 64, *p = sp;
    uint64_t low = ((const Elf64_Phdr *)(file + h->e_phoff))->p_vaddr;

    for (unsigned i = 0; i < h->e_phnum; i++) {
        const Elf64_Phdr *ph = (const Elf64_Phdr *)(file + h->e_phoff) + i;
        if (ph->p_type == PT_LOAD && !ph->p_offset)
            low = ph->p_vaddr;
    }
    const uint64_t aux[] = {AT_PHDR,   bias + low + h->e_phoff,
                            AT_PHENT,  sizeof(Elf64_Phdr),
                            AT_PHNUM,  h->e_phnum,
                            AT_PAGESZ, PAGE,
                            AT_ENTRY,  bias + h->e_entry,
                            AT_RANDOM, (uintptr_t)seed,
                            AT_BASE,   0,
                            AT_UID,    0,
                            AT_EUID,   0,
                            AT_GID,    0,
                            AT_EGID,   0,
                            AT_SECURE, 0,
                            AT_CLKTCK, 100,
                            AT_NULL,   0};
    p++;
    for (; *argv; argv++, ++*sp)
        *p++ = (uintptr_t)*argv;
    *p++ = 0;
    *p++ = 0; /* no environment */
    memcpy(p, aux, sizeof aux);
    return sp;
}

static int become(const uint8_t *file, const uint8_t *blob, size_t blob_size, uint64_t blob_address,
                  const char *const argv[])
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    uint64_t bias = h->e_type == ET_DYN ? BIAS : 0, start = bias + h->e_entry;
    size_t blob_pages = (blob_size + PAGE - 1) & -(size_t)PAGE;
    int r = map_segments(file, bias);

    if (r < 0)
        return r;
    if (!map_at(bias + blob_address, blob_pages, MAP_PRIVATE))
        return -errno;
    memcpy((void *)(uintptr_t)(bias + blob_address), blob, blob_size);
    if (protect(bias + blob_address, bias + blob_address + blob_pages, PF_R | PF_X) < 0)
        return -errno;
    if (!map_at(RETURNS, PAGE, MAP_PRIVATE))
        return -errno;
    *(uint64_t *)RETURNS = RETURNS + 8;
    *(uint64_t *)PROGRAM_CELL = (uintptr_t)program_serve;
    uint64_t *sp = make_stack(file, bias, argv);
    if ((r = catch_calls()) < 0)
        return r;
    __asm__ volatile("mov %0,%%rsp\n xor %%edx,%%edx\n xor %%ebp,%%ebp\n jmp *%1" ::"r"(sp), "r"(start)
                     : "memory", "rdx");
    __builtin_unreachable();
}

static void read_all(int fd, char *out, size_t n)
{
    size_t at = 0;
    char rest[256];

    for (;;) {
        ssize_t r = read(fd, at < n - 1 ? out + at : rest, at < n - 1 ? n - 1 - at : sizeof rest);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        if (at < n - 1)
            at += (size_t)r;
    }
    out[at] = 0;
}

int program_run(const uint8_t *file, const uint8_t *blob, size_t blob_size, uint64_t blob_address,
                const char *const argv[], struct program_result *out)
{
    struct shared *shared = map_at(STATE, PAGE, MAP_SHARED);
    int ends[2];

    if (!shared)
        return -errno;
    if (pipe(ends) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        alarm(20);
        _exit(-become(file, blob, blob_size, blob_address, argv));
    }
    close(ends[1]);
    read_all(ends[0], out->output, sizeof out->output);
    close(ends[0]);
    while (waitpid(pid, &out->status, 0) < 0 && errno == EINTR)
        ;
    out->calls = shared->calls;
    out->trapped = shared->trapped;
    munmap(shared, PAGE);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. Freestanding; linked by the kernel's own script, since the tender takes it for the kernel. */
#include "taken.h"

#include <asm/siginfo.h>
#include <asm/ucontext.h>

#define TRAP_STACK 65536
#define TEXT(s)    #s
#define STRING(s)  TEXT(s)

const struct boot *boot;
void (*forge)(struct sigcontext *);
uint64_t forge_mask;
volatile uint64_t signals_seen;

static volatile int caught;
static volatile uint64_t caught_at, caught_error; /* rip, and the error code of a page fault */

#define FETCH (1u << 4) /* of an error code: Intel's manual, volume 3, 4.7 */
#define TRAPS 0x40100ul /* TF, AC */

/* ---- in assembler ------------------------------------------------------------------------------------------------ */

uint64_t machine_sp; /* of machine_enter, while it runs */
uint64_t machine_flags;
uint64_t machine_low[8]; /* a stack that 32 bits can name */
int64_t machine_enter(uint64_t at, uint64_t nr, const uint64_t arguments[6]);
extern const char machine_back[], machine_load[], machine_store[], machine_fault[];

__asm__(
    ".section .kernel_header, \"a\", @progbits\n"
    ".globl kernel_header, layout_kernel_base, layout_kernel_entry, system_call_entry\n"
    ".set layout_kernel_base, " STRING(
        KERNEL_BASE) "\n"
                     ".set layout_kernel_entry, " STRING(
                         KERNEL_ENTRY) "\n"
                                       "kernel_header: .ascii \"" KERNEL_MAGIC "\"\n"
                                       ".long " STRING(KERNEL_VERSION) ", " STRING(
                                           GATE_VERSION) "\n"
                                                         ".quad machine_start, machine_signal, " STRING(
                                                             TRAP_STACK) ", 1, 0\n"
                                                                         ".section .kernel_entry, \"ax\", @progbits\n"
                                                                         "system_call_entry: ud2\n"
                                                                         ".text\n"
                                                                         "machine_start: jmp machine_begin\n"
                                                                         "machine_enter:\n"
                                                                         "    push %rbx; push %rbp; push %r12; push "
                                                                         "%r13; push %r14; push %r15\n"
                                                                         "    mov %rsp, machine_sp(%rip)\n"
                                                                         "    mov %rdi, %rbx; mov %rsi, %rax; mov "
                                                                         "%rdx, %rbp\n"
                                                                         "    mov (%rbp), %rdi; mov 8(%rbp), %rsi; mov "
                                                                         "16(%rbp), %rdx\n"
                                                                         "    mov 24(%rbp), %r10; mov %r10, %rcx; mov "
                                                                         "32(%rbp), %r8; mov 40(%rbp), %r9\n"
                                                                         "    call *%rbx\n"
                                                                         "machine_back:\n"
                                                                         "    mov machine_sp(%rip), %rsp\n"
                                                                         "    pushf; popq machine_flags(%rip)\n"
                                                                         "    pop %r15; pop %r14; pop %r13; pop %r12; "
                                                                         "pop %rbp; pop %rbx\n"
                                                                         "    cld; ret\n"
                                                                         "machine_load: movb (%rdi), %al; ret\n"
                                                                         "machine_store: movb (%rdi), %al; movb %al, "
                                                                         "(%rdi); ret\n"
                                                                         "machine_fault: ud2\n"
                                                                         ".globl machine_int80, machine_syscall, "
                                                                         "machine_narrow_int80, "
                                                                         "machine_narrow_sysenter, "
                                                                         "machine_narrow_syscall\n"
                                                                         "machine_int80: int $0x80; ret\n"
                                                                         "machine_syscall: syscall; ret\n"
                                                                         ".code32\n"
                                                                         "machine_narrow_int80: movl $20, %eax; int "
                                                                         "$0x80; ud2\n"
                                                                         "machine_narrow_sysenter: movl $20, %eax; "
                                                                         "movl %esp, %ebp; sysenter; ud2\n"
                                                                         "machine_narrow_syscall: movl $20, %eax; "
                                                                         "syscall; ud2\n"
                                                                         ".code64\n");

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static bool is_from_outside(int signo, const siginfo_t *info)
{
    return info->si_code <= 0 || signo == SIGALRM || signo == SIGTERM;
}

void machine_signal(int signo, siginfo_t *info, void *context);
void machine_signal(int signo, siginfo_t *info, void *context)
{
    struct ucontext *u = context;
    struct sigcontext *c = (void *)&u->uc_mcontext;

    if (is_from_outside(signo, info) && !forge) {
        signals_seen++;
        return;
    }
    caught = signo;
    caught_at = c->rip;
    caught_error = c->err;
    c->rip = (uintptr_t)machine_back;
    c->eflags &= ~TRAPS;
    c->cs = 0x33;
    c->ss = 0x2b;
    if (forge) {
        void (*how)(struct sigcontext *) = forge;
        forge = NULL;
        how(c);
        if (forge_mask)
            *(uint64_t *)&u->uc_sigmask = forge_mask;
    }
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

struct answer call_at(uint64_t at, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t arguments[] = {a, b, c, d, e, f};

    caught = 0;
    int64_t value = machine_enter(at, nr, arguments);
    return (struct answer){caught, value};
}

int64_t gate(enum gate_call call, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct answer r = call_at(GATE_ADDRESS(call), 0, a, b, c, d, 8, 0);

    return r.signo ? -(1000 + r.signo) : r.value;
}

struct answer forged(void (*how)(struct sigcontext *), uint64_t *flags)
{
    forge = how;
    struct answer r = call_at((uintptr_t)machine_fault, 0, 0, 0, 0, 0, 0, 0);
    *flags = machine_flags;
    return r; /* of the last signal there was, and what rax held then */
}

bool can_read(uint64_t at)
{
    return !call_at((uintptr_t)machine_load, 0, at, 0, 0, 0, 0, 0).signo;
}

bool can_write(uint64_t at)
{
    return !call_at((uintptr_t)machine_store, 0, at, 0, 0, 0, 0, 0).signo;
}

bool can_run(uint64_t at)
{
    const int signo = call_at(at, 0, 0, 0, 0, 0, 0, 0).signo;

    return signo != SIGSEGV || caught_at != at || !(caught_error & FETCH);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static uint64_t length(const char *s)
{
    uint64_t n = 0;

    while (s[n])
        n++;
    return n;
}

void put(const char *text)
{
    uint64_t n = length(text);

    while (n) {
        int64_t r = gate(GATE_write, 1, (uintptr_t)text, n, 0);
        if (r <= 0)
            end(99);
        text += r, n -= (uint64_t)r;
    }
}

void say(const char *row, bool held, const char *text, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    char hex[20], *h = hex + sizeof hex - 1;

    for (*h = 0; number || !h[0]; number >>= 4) {
        *--h = digits[number & 15];
        if (number < 16)
            break;
    }
    put(row), put(held ? "\theld\t" : "\tESCAPED\t"), put(text), put(" "), put(h), put("\n");
}

void end(int status)
{
    for (;;)
        gate(GATE_exit_group, (uint64_t)status, 0, 0, 0);
}

bool equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

const char *fact(const char *name)
{
    for (const char *const *w = boot->argv; *w; w++) {
        uint64_t n = length(name), i = 0;
        while (i < n && (*w)[i] == name[i])
            i++;
        if (i == n)
            return *w + n;
    }
    return "";
}

/* A compiler may ask for these. */
void *memset(void *to, int byte, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const volatile char *)from)[i];
    return to;
}

void machine_begin(const struct boot *b);
void machine_begin(const struct boot *b)
{
    int n = 0;

    boot = b;
    while (b->argv[n])
        n++;
    end(attack(n, b->argv));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux program sees of the processor's exceptions: signals with their codes, addresses and vectors, single
 * steps, watched memory, code of another width. Prints the same lines on every x86-64 processor; the host's and ours
 * are compared. It only asks what all processors answer alike.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- Instructions that fail
 * -------------------------------------------------------------------------------------------- */

/* Code as a function; what it does to the stack does not matter. */
#define ATTEMPT(name, text)                                                                                            \
    extern const char name[];                                                                                          \
    __asm__(".pushsection .text\n" #name ":\n" text "\nret\n.popsection\n")

ATTEMPT(undefined, "ud2");
ATTEMPT(halt, "hlt");
ATTEMPT(breakpoint, "int3");
ATTEMPT(debug_trap, ".byte 0xf1");
ATTEMPT(gate_of_the_kernel, "int $0x81");
ATTEMPT(gate_of_overflow, "int $4");
ATTEMPT(gate_of_nmi, "int $2");
ATTEMPT(division, "xor %ecx, %ecx\n mov $1, %eax\n cltd\n div %ecx");
ATTEMPT(not_canonical, "movabs $0x8000000000000000, %rax\n mov (%rax), %rbx");
ATTEMPT(kernel_read, "movabs $0xffff888000000000, %rax\n mov (%rax), %rbx");
ATTEMPT(kernel_write, "movabs $0xffffffff81000000, %rax\n mov %rbx, (%rax)");
ATTEMPT(null_write, "xor %eax, %eax\n mov %rbx, (%rax)");
ATTEMPT(null_jump, "xor %eax, %eax\n jmp *%rax");
ATTEMPT(interrupts_off, "cli");
ATTEMPT(port_read, "in $0x60, %al");
ATTEMPT(port_write, "out %al, $0x80");
ATTEMPT(number_read, "rdmsr");
ATTEMPT(control_read, "mov %cr0, %rax");
ATTEMPT(priority_read, "mov %cr8, %rax");
ATTEMPT(debug_read, "mov %db0, %rax");
ATTEMPT(table_load, "lgdt (%rsp)");
ATTEMPT(base_swap, "swapgs");
ATTEMPT(system_return, "sysretq");
ATTEMPT(interrupt_return, "push $0\n push $0\n push $0\n push $8\n push $0\n iretq");
ATTEMPT(data_selector, "mov $0x1234, %eax\n mov %eax, %ds");
ATTEMPT(stack_selector, "mov $0, %eax\n mov %eax, %ss");
ATTEMPT(far_to_data, "mov $0x2b, %eax\n push %rax\n push %rax\n lretq");
ATTEMPT(counter_read, "mov $-1, %ecx\n rdpmc");
ATTEMPT(extended_write, "xsetbv");
ATTEMPT(page_forget, "invlpg (%rax)");
ATTEMPT(watch_address, "monitor");
ATTEMPT(access_allow, "stac");
ATTEMPT(misaligned, "pushf\n orq $0x40000, (%rsp)\n popf\n mov 1(%rsp), %eax");
ATTEMPT(x87_invalid, "fninit\n fnstcw -8(%rsp)\n andw $~1, -8(%rsp)\n fldcw -8(%rsp)\n fldz\n fldz\n fdivp\n fwait");
ATTEMPT(x87_clean, "fninit");
ATTEMPT(far_within, "mov $0x33, %eax\n push %rax\n lea 1f(%rip), %rax\n push %rax\n lretq\n 1: nop");

static const struct {
    const char *label, *code;
} attempts[] = {
#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
    ROW(undefined),        ROW(halt),         ROW(breakpoint),    ROW(debug_trap),       ROW(gate_of_the_kernel),
    ROW(gate_of_overflow), ROW(gate_of_nmi),  ROW(division),      ROW(not_canonical),    ROW(kernel_read),
    ROW(kernel_write),     ROW(null_write),   ROW(null_jump),     ROW(interrupts_off),   ROW(port_read),
    ROW(port_write),       ROW(number_read),  ROW(control_read),  ROW(priority_read),    ROW(debug_read),
    ROW(table_load),       ROW(base_swap),    ROW(system_return), ROW(interrupt_return), ROW(data_selector),
    ROW(stack_selector),   ROW(far_to_data),  ROW(counter_read),  ROW(extended_write),   ROW(page_forget),
    ROW(watch_address),    ROW(access_allow), ROW(misaligned),    ROW(x87_invalid),      ROW(x87_clean),
    ROW(far_within),
};

static const char *running; /* the attempt's code, or NULL */
static char *volatile recover_to, *volatile recover_stack;
static uint64_t steps[64];
static unsigned n_steps;

static void on_signal(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t address = (uint64_t)info->si_addr;

    if (!running) {
        if (n_steps < sizeof steps / sizeof *steps)
            steps[n_steps++] = (uint64_t)r[REG_RIP];
        return;
    }
    if (address - (uint64_t)running < 64)
        address -= (uint64_t)running;
    printf(" signal %d code %d vector %lld error %#llx address %#llx after %lld", number, info->si_code,
           (long long)r[REG_TRAPNO], (unsigned long long)r[REG_ERR], (unsigned long long)address,
           (long long)(r[REG_RIP] ? r[REG_RIP] - (greg_t)running : -1));
    r[REG_RIP] = (greg_t)recover_to;
    r[REG_RSP] = (greg_t)recover_stack;
    r[REG_EFL] &= ~0x40100;
}

static void attempt(const char *label, const char *code)
{
    printf("%s:", label);
    running = code;
    __asm__ volatile("lea 1f(%%rip), %%rax\n mov %%rax, %1\n sub $128, %%rsp\n mov %%rsp, %2\n call *%0\n"
                     "1: mov %2, %%rsp\n add $128, %%rsp\n pushf\n andq $~0x40500, (%%rsp)\n popf\n fninit"
                     :
                     : "r"(code), "m"(recover_to), "m"(recover_stack)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    running = NULL;
    puts("");
}

/* ---- Steps and watched memory
 * ------------------------------------------------------------------------------------------- */

ATTEMPT(stepped,
        "nop\n mov $39, %eax\n syscall\n xor %eax, %eax\n push %rbx\n cpuid\n pop %rbx\n push %rax\n pop %rax\n"
        "mov $5, %ecx\n lea -64(%rsp), %rdi\n cld\n rep stosb\n mov %ss, %eax\n mov %eax, %ss\n nop\n nop\n pushf\n"
        "andq $~0x100, (%rsp)\n popf\n nop");

static void steps_by_the_flag(void)
{
    __asm__ volatile("sub $256, %%rsp\n pushf\n orq $0x100, (%%rsp)\n popf\n call *%0\n add $256, %%rsp"
                     :
                     : "r"(stepped)
                     : "rax", "rcx", "rdx", "rdi", "r11", "memory", "cc");
    printf("steps by the flag:");
    for (unsigned i = 0; i < n_steps; i++)
        printf(" %d", (int)(steps[i] - (uint64_t)stepped));
    puts("");
}

static volatile uint64_t watched;

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    watched = 1;
    watched = 2;
    __asm__ volatile("sub $256, %%rsp\n call *%0\n add $256, %%rsp"
                     :
                     : "r"(stepped)
                     : "rax", "rcx", "rdx", "rdi", "r11", "memory", "cc");
    _exit(watched == 2 ? 7 : 8);
}

static void steps_by_a_tracer(void)
{
    pid_t pid = fork();
    int status;

    if (!pid)
        child();
    waitpid(pid, &status, 0);
    printf("steps by a tracer:");
    while (!ptrace(PTRACE_SINGLESTEP, pid, 0, 0) && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        struct user_regs_struct r;
        ptrace(PTRACE_GETREGS, pid, 0, &r);
        if (r.rip - (uint64_t)stepped < 80)
            printf(" %d", (int)(r.rip - (uint64_t)stepped));
    }
    printf(", ends with %d\n", WEXITSTATUS(status));
}

static void set_debug(pid_t pid, unsigned n, uint64_t value)
{
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg) + n * 8, value))
        perror("debug register");
}

static void watches_by_a_tracer(void)
{
    pid_t pid = fork();
    int status;

    if (!pid)
        child();
    waitpid(pid, &status, 0);
    set_debug(pid, 0, (uint64_t)&watched);
    set_debug(pid, 1, (uint64_t)stepped + 6);
    set_debug(pid, 7, 0x5 | 0xd << 16); /* four bytes written, and code */
    while (!ptrace(PTRACE_CONT, pid, 0, 0) && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        struct user_regs_struct r;
        long dr6 = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg) + 6 * 8, 0);
        ptrace(PTRACE_GETREGS, pid, 0, &r);
        printf("watch: signal %d dr6 %#lx value %ld code %s\n", WSTOPSIG(status), dr6 & 15,
               ptrace(PTRACE_PEEKDATA, pid, &watched, 0), r.rip == (uint64_t)stepped + 6 ? "there" : "elsewhere");
    }
    printf("watched, ends with %d\n", WEXITSTATUS(status));
}

/* ---- Segments, code of 32 bits
 * -------------------------------------------------------------------------------------------- */

static void selectors(void)
{
    uint32_t limit = 0, rights = 0;
    uint8_t read = 0, written = 0, kernels = 0;

    __asm__("lsl %1, %0" : "=r"(limit) : "r"(0x33));
    __asm__("lar %1, %0" : "=r"(rights) : "r"(0x2b));
    __asm__("verr %w1\n setz %0" : "=q"(read) : "r"(0x2b));
    __asm__("verw %w1\n setz %0" : "=q"(written) : "r"(0x33));
    __asm__("verr %w1\n setz %0" : "=q"(kernels) : "r"(0x10));
    printf("selectors: %#x %#x %d %d %d\n", limit, rights, read, written, kernels);
}

/* add eax, ebx; push eax; cpuid of leaf 0; pop eax; dec eax, which is a prefix in 64-bit code; back. rbx is what cpuid
 * leaves there. */
static const uint8_t code_32[] = {0x01, 0xd8, 0x50, 0x31, 0xc0, 0x0f, 0xa2, 0x58, 0x48, 0xcb};

static void narrow_code(void)
{
    uint8_t *low = mmap((void *)0x10000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    uint64_t a = UINT64_C(0xffffffff00000005), b = 3;

    memcpy(low, code_32, sizeof code_32);
    __asm__ volatile("mov %%rsp, %%r12\n mov $0x10001f00, %%esp\n movl $0x33, 4(%%rsp)\n lea 1f(%%rip), %%rdx\n"
                     "mov %%edx, (%%rsp)\n pushq $0x23\n pushq $0x10000000\n lretq\n 1: mov %%r12, %%rsp"
                     : "+a"(a), "+b"(b)
                     :
                     : "rcx", "rdx", "r12", "memory", "cc");
    printf("code of 32 bits: %#llx\n", (unsigned long long)a);
}

static void local_table(void)
{
    struct user_desc d = {.entry_number = 3, .base_addr = 0x10000000, .limit = 0xfff, .seg_32bit = 1, .useable = 1};
    uint32_t value = 0x12345678, back = 0;
    long result = syscall(SYS_modify_ldt, 1, &d, sizeof d);

    memcpy((void *)0x10000ff8, &value, 4);
    __asm__ volatile("mov %1, %%gs\n mov %%gs:0xff8, %0" : "=r"(back) : "r"(0x1f));
    printf("local table: %ld %#x\n", result, back);
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};

    setvbuf(stdout, NULL, _IONBF, 0);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; i++)
        attempt(attempts[i].label, attempts[i].code);
    steps_by_the_flag();
    steps_by_a_tracer();
    watches_by_a_tracer();
    selectors();
    narrow_code();
    local_table();
    return 0;
}

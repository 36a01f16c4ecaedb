/* SPDX-License-Identifier: Apache-2.0 */
/* Says whether vector registers and their modes are as at a start; spoils them, executes itself, and looks again. Its
 * own start: libc's would use them first. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define MXCSR   0x1f80u /* System V ABI for x86-64, 3.4.1 */
#define CONTROL 0x37f

/* Written by _start alone. */
extern volatile struct found {
    uint8_t vectors[16 * 16];
    uint32_t mxcsr;
    uint16_t control;
} found;
volatile struct found found;

__asm__(".globl _start\n"
        "_start:\n"
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "    movups %xmm\\i, 16 * \\i + found(%rip)\n"
        ".endr\n"
        "    stmxcsr found + 256(%rip)\n"
        "    fnstcw found + 260(%rip)\n"
        "    movq %rsp, %rdi\n"
        "    andq $-16, %rsp\n"
        "    callq begin\n");

static long call(long nr, const void *a, const void *b, const void *c)
{
    long r;

    __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}

static void spoil(void)
{
    static const uint32_t mxcsr = MXCSR | 0x6000;
    static const uint16_t control = CONTROL & ~0x300;

    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" ::"m"(mxcsr), "m"(control));
    __asm__ volatile(".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
                     "    pcmpeqd %%xmm\\i, %%xmm\\i\n"
                     ".endr\n"
                     :
                     :
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15");
}

__attribute__((used)) void begin(char **words);
void begin(char **words)
{
    static char again[] = "again";
    const uintptr_t argc = (uintptr_t)words[0];
    char *next[] = {words[1], again, NULL};
    bool bad = found.mxcsr != MXCSR || found.control != CONTROL;

    for (size_t i = 0; i < sizeof found.vectors; i++)
        bad |= found.vectors[i] != 0;
    call(SYS_write, (void *)1, bad ? "spoilt\n" : "fresh\n", (void *)(bad ? 7ul : 6ul));
    if (argc == 1) {
        spoil();
        call(SYS_execve, words[1], next, words + argc + 2);
    }
    for (;;)
        call(SYS_exit_group, argc == 1 ? (void *)1 : NULL, NULL, NULL);
}

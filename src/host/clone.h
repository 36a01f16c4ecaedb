/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone3(2) with a function on a stack of its own. The child shares what the flags say (often the whole address space),
 * so it calls the kernel only through host/sys.h; fn's return value is its exit status.
 */
#ifndef MOAT_HOST_CLONE_H
#define MOAT_HOST_CLONE_H

#include "host/sys.h"

#include <linux/sched.h>

/* args->stack and stack_size must be set (16-byte aligned). The child's pid, or a negative errno. */
static inline long clone3_call(struct clone_args *args, int (*fn)(void *), void *arg)
{
#if defined(__x86_64__)
    register int (*f)(void *) __asm__("r12") = fn;
    register void *a __asm__("r13") = arg;
    long r;

    __asm__ volatile("syscall\n"
                     "test %%rax, %%rax\n"
                     "jnz 1f\n"
                     "xor %%ebp, %%ebp\n"
                     "mov %%r13, %%rdi\n"
                     "call *%%r12\n"
                     "mov %%eax, %%edi\n"
                     "mov $60, %%eax\n"
                     "syscall\n"
                     "1:\n"
                     : "=a"(r)
                     : "a"((long)SYS_clone3), "D"(args), "S"(sizeof *args), "r"(f), "r"(a)
                     : "rcx", "r11", "memory");
    return r;
#elif defined(__aarch64__)
    register int (*f)(void *) __asm__("x20") = fn;
    register void *a __asm__("x21") = arg;
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)args;
    register long x1 __asm__("x1") = sizeof *args;

    __asm__ volatile("svc 0\n"
                     "cbnz x0, 1f\n"
                     "mov x29, #0\n"
                     "mov x0, x21\n"
                     "blr x20\n"
                     "mov x8, #93\n"
                     "svc 0\n"
                     "1:\n"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(f), "r"(a)
                     : "memory");
    return x0;
#endif
}

#endif

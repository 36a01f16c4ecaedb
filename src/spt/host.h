/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls of the host, as such: the result, or a negative errno. The tender has no libc: what that keeps of its
 * own (errno, a thread's record) would be a page that is written and calls that are made at each start, and the tender
 * has no memory that can be written but its stack.
 */
#ifndef MOAT_SPT_HOST_H
#define MOAT_SPT_HOST_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long host_call(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}

/* With up to six arguments, each a number or a pointer: host(getpid), host(close, fd). */
#define HOST_WORD(x)                        ((uint64_t)(uintptr_t)(x))
#define HOST_6(name, a, b, c, d, e, f, ...) HOST_7(SYS_##name, a, b, c, d, e, f)
#define HOST_7(nr, a, b, c, d, e, f)                                                                                   \
    host_call(nr, HOST_WORD(a), HOST_WORD(b), HOST_WORD(c), HOST_WORD(d), HOST_WORD(e), HOST_WORD(f))
#define host(...) HOST_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif

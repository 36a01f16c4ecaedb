/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls without errno: 0 or more on success, else the negative errno. The set-up stage of a sandbox shares its
 * memory (and musl's errno) with the launcher, so everything it calls is one of these. Newer constants than Debian 12's
 * headers have are given here, with the kernel that brought them.
 */
#ifndef MOAT_HOST_SYS_H
#define MOAT_HOST_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
#error "moat runs on x86-64 and aarch64: add the system-call entry of this architecture here"
#endif

#define SYS_ARG(x)                     ((long)(x))
#define SYSN(n, a, b, c, d, e, f, ...) sys6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))
/* sys(SYS_x, args...): any number of arguments up to six. */
#define sys(n, ...) SYSN(n, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

#endif

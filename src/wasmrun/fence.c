/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fence.h. Written down as data, since every start comes through here: compiling it would cost more than installing
 * it. Calls without a condition come first; of those the kernel knows the answer without running the program.
 */
#include "wasmrun/fence.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define X32 0x40000000u

#define LOAD(offset)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define LOW_HALF(argument) LOAD(offsetof(struct seccomp_data, args) + 8 * (argument)) /* little-endian */
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(value)      BPF_STMT(BPF_RET | BPF_K, value)
#define DENIED             ANSWER(SECCOMP_RET_KILL_PROCESS)
#define ALLOW(call)        IS(SYS_##call, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
/* Neither the calls that make memory executable nor an anonymous way to it: PROT_EXEC is bit 2 of the third argument.
 */
#define ALLOW_UNLESS_EXECUTABLE(call)                                                                                  \
    IS(SYS_##call, 0, 4), LOW_HALF(2), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), DENIED,                  \
        ANSWER(SECCOMP_RET_ALLOW)

#ifdef __x86_64__
#define BEGIN                                                                                                          \
    LOAD(offsetof(struct seccomp_data, arch)), IS(ARCHITECTURE, 1, 0), DENIED,                                         \
        LOAD(offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1), DENIED
#else
#define BEGIN                                                                                                          \
    LOAD(offsetof(struct seccomp_data, arch)), IS(ARCHITECTURE, 1, 0), DENIED, LOAD(offsetof(struct seccomp_data, nr))
#endif

static struct sock_filter run[] = {
    BEGIN,
    /* contents */
    ALLOW(read),
    ALLOW(write),
    ALLOW(readv),
    ALLOW(writev),
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(preadv),
    ALLOW(preadv2),
    ALLOW(pwritev),
    ALLOW(pwritev2),
    ALLOW(lseek),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(fadvise64),
    ALLOW(fallocate),
    ALLOW(ftruncate),
    ALLOW(close),
    /* names, all beneath a directory that was handed to it: RESOLVE_BENEATH is WASI's, the mounts are the wall */
    ALLOW(openat2),
    ALLOW(fstat),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(getdents64),
    ALLOW(readlinkat),
    ALLOW(mkdirat),
    ALLOW(unlinkat),
    ALLOW(renameat),
    ALLOW(renameat2),
    ALLOW(linkat),
    ALLOW(symlinkat),
    ALLOW(utimensat),
    /* descriptors */
    ALLOW(fcntl),
    ALLOW(dup),
    ALLOW(dup3),
#ifdef __x86_64__
    ALLOW(dup2),
    ALLOW(poll),
#endif
    ALLOW(ppoll),
    /* connections of a listener that was handed to it */
    ALLOW(accept4),
    ALLOW(recvmsg),
    ALLOW(shutdown),
    ALLOW(getsockopt),
    /* time and chance */
    ALLOW(clock_gettime),
    ALLOW(clock_getres),
    ALLOW(clock_nanosleep),
    ALLOW(nanosleep),
    ALLOW(getrandom),
    ALLOW(sched_yield),
    /* memory */
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    /* its own signals and its end; there is no other process in its namespace */
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(restart_syscall),
    ALLOW(sigaltstack),
    ALLOW(setitimer),
    ALLOW(getpid),
    ALLOW(gettid),
    ALLOW(tkill),
    ALLOW(tgkill),
    ALLOW(exit),
    ALLOW(exit_group),
    /* with a condition */
    ALLOW_UNLESS_EXECUTABLE(mmap),
    ALLOW_UNLESS_EXECUTABLE(mprotect),
    /* A listener that was shut down is a socket that could connect, without connect(2): with this flag. Its network is
     * the host's. */
    IS(SYS_sendmsg, 0, 4),
    LOW_HALF(2),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MSG_FASTOPEN, 0, 1),
    DENIED,
    ANSWER(SECCOMP_RET_ALLOW),
    /* whether it is a terminal, and how much there is to read */
    IS(SYS_ioctl, 0, 5),
    LOW_HALF(1),
    IS(TIOCGWINSZ, 2, 0),
    IS(FIONREAD, 1, 0),
    ANSWER(SECCOMP_RET_ERRNO | ENOTTY),
    ANSWER(SECCOMP_RET_ALLOW),
    DENIED,
};

static struct sock_filter look[] = {
    BEGIN,
    ALLOW(read),
    ALLOW(write),
    ALLOW(writev),
    ALLOW(close),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW_UNLESS_EXECUTABLE(mmap),
    ALLOW_UNLESS_EXECUTABLE(mprotect),
    DENIED,
};

static const struct sock_fprog programs[WASMRUN_FENCES] = {
    [WASMRUN_FENCE_RUN] = {.len = sizeof run / sizeof *run, .filter = run},
    [WASMRUN_FENCE_LOOK] = {.len = sizeof look / sizeof *look, .filter = look},
};

const struct sock_fprog *wasmrun_fence_program(enum wasmrun_fence which)
{
    return &programs[which];
}

int wasmrun_fence_raise(enum wasmrun_fence which, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(err, -errno, "no_new_privs cannot be set");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[which]) < 0)
        return err_sys(err, -errno, "the filter of system calls cannot be installed (CONFIG_SECCOMP_FILTER)");
    return 0;
}

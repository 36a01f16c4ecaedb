/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of --no-exec. Written by hand: it is raised in each start of a program, and the compiler of src/confine
 * would bring a policy, an arena and the names of all system calls into this process to make the same few instructions,
 * which need no name. It cannot be part of moat-enter's filter, since that stands before moat-jvm itself is executed.
 * The tests run it through the interpreter that the compiler's are run through.
 */
#include "jvm/fence.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define X32 0x40000000u

#define LOAD(offset)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IS(value, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(value)       BPF_STMT(BPF_RET | BPF_K, value)
#define FAIL(error)         ANSWER(SECCOMP_RET_ERRNO | (error))
#define REFUSE(call, error) IS(call, 0, 1), FAIL(error)

static struct sock_filter instructions[] = {
    LOAD(offsetof(struct seccomp_data, arch)),
    IS(ARCHITECTURE, 1, 0),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
    LOAD(offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1),
    FAIL(ENOSYS),
#endif
    REFUSE(SYS_execve, EACCES),
    REFUSE(SYS_execveat, EACCES),
#ifdef SYS_fork
    REFUSE(SYS_fork, EPERM),
    REFUSE(SYS_vfork, EPERM),
#endif
    REFUSE(SYS_clone3, ENOSYS), /* its flags lie in memory; libc then takes clone(2), whose flags are seen */
    IS(SYS_clone, 1, 0),
    ANSWER(SECCOMP_RET_ALLOW),
    LOAD(offsetof(struct seccomp_data, args)), /* the flags: low half */
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
    FAIL(EPERM),
    ANSWER(SECCOMP_RET_ALLOW),
};

static const struct sock_fprog program = {.len = sizeof instructions / sizeof *instructions, .filter = instructions};

const struct sock_fprog *jvm_fence_program(void)
{
    return &program;
}

int jvm_fence_raise(struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(err, -errno, "no_new_privs cannot be set");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return err_sys(err, -errno, "the filter that refuses programs cannot be installed");
    return 0;
}

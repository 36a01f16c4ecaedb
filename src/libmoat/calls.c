/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target may ask of the kernel: to read and write what it was handed, memory that is not code, time, waiting on
 * the ring, an end. What libraries try and can do without is refused with an error; everything else kills.
 */
#include "libmoat/calls.h"

#include "confine/seccomp.h"
#include "libmoat/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

struct row {
    const char *name;
    uint32_t action;
    int8_t arg; /* -1: whatever the arguments are; else this one must... */
    uint8_t masked;
    uint64_t value, mask; /* ...be value, or have value under mask */
};

#define ALLOW(name)                                                                                                    \
    {                                                                                                                  \
        name, SECCOMP_RET_ALLOW, -1, 0, 0, 0                                                                           \
    }
#define ALLOW_IF(name, arg, v)                                                                                         \
    {                                                                                                                  \
        name, SECCOMP_RET_ALLOW, arg, 0, v, 0                                                                          \
    }
#define ALLOW_NO(name, arg, bit)                                                                                       \
    {                                                                                                                  \
        name, SECCOMP_RET_ALLOW, arg, 1, 0, bit                                                                        \
    }
#define REFUSE(name, e)                                                                                                \
    {                                                                                                                  \
        name, SECCOMP_RET_ERRNO | (e), -1, 0, 0, 0                                                                     \
    }

static const struct row rows[] = {
    /* descriptors that it was handed */
    ALLOW("read"),
    ALLOW("readv"),
    ALLOW("pread64"),
    ALLOW("preadv"),
    ALLOW("write"),
    ALLOW("writev"),
    ALLOW("pwrite64"),
    ALLOW("pwritev"),
    ALLOW("lseek"),
    ALLOW("close"),
    ALLOW("fstat"),
    ALLOW("poll"),
    ALLOW("ppoll"),
    ALLOW("recvmsg"), /* the side socket: descriptors that come with a call */
    ALLOW("sendmsg"),
    ALLOW("recvfrom"),
    ALLOW("sendto"),
    ALLOW("shutdown"),
    ALLOW("ftruncate"), /* limited by file_bytes; the shared memory is sealed */
    ALLOW("fsync"),
    ALLOW("fdatasync"),
    ALLOW("dup"),
    ALLOW_IF("fcntl", 1, F_GETFL), /* fdopen(3) */
    ALLOW_IF("fcntl", 1, F_GETFD),
    ALLOW_IF("fcntl", 1, F_SETFD),
    ALLOW_IF("fcntl", 1, F_DUPFD_CLOEXEC),
    ALLOW_IF("fcntl", 1, F_GET_SEALS), /* buffers that it is handed */
    /* memory, which never becomes code */
    ALLOW_NO("mmap", 2, PROT_EXEC),
    ALLOW_NO("mprotect", 2, PROT_EXEC),
    ALLOW("munmap"),
    ALLOW("mremap"),
    ALLOW("brk"),
    ALLOW_IF("madvise", 2, MADV_NORMAL), /* not MADV_REMOVE: it would take pages out of shared memory */
    ALLOW_IF("madvise", 2, MADV_RANDOM),
    ALLOW_IF("madvise", 2, MADV_SEQUENTIAL),
    ALLOW_IF("madvise", 2, MADV_WILLNEED),
    ALLOW_IF("madvise", 2, MADV_DONTNEED),
    ALLOW_IF("madvise", 2, MADV_FREE),
    ALLOW_IF("madvise", 2, MADV_HUGEPAGE),
    ALLOW_IF("madvise", 2, MADV_NOHUGEPAGE),
    /* waiting, time, chance */
    ALLOW("futex"),
    ALLOW("sched_yield"),
    ALLOW_IF("sched_setaffinity", 0, 0), /* itself: it follows its host from one processor to another */
    ALLOW("set_robust_list"),            /* how the host hears of its end at once */
    ALLOW("restart_syscall"),
    ALLOW("nanosleep"),
    ALLOW("clock_nanosleep"),
    ALLOW("clock_gettime"), /* where the vDSO cannot */
    ALLOW("clock_getres"),
    ALLOW("gettimeofday"),
    ALLOW("time"),
    ALLOW("getrandom"),
    /* itself */
    ALLOW("getpid"),
    ALLOW("gettid"),
    ALLOW("getuid"),
    ALLOW("geteuid"),
    ALLOW("getgid"),
    ALLOW("getegid"),
    ALLOW("rt_sigaction"),
    ALLOW("rt_sigprocmask"),
    ALLOW("rt_sigreturn"),
    ALLOW("sigaltstack"),
    ALLOW("exit"),
    ALLOW("exit_group"),
    /* tried by libraries that can do without */
    REFUSE("open", EACCES),
    REFUSE("openat", EACCES),
    REFUSE("openat2", EACCES),
    REFUSE("access", EACCES),
    REFUSE("faccessat", EACCES),
    REFUSE("faccessat2", EACCES),
    REFUSE("stat", EACCES),
    REFUSE("lstat", EACCES),
    REFUSE("statx", EACCES),
    REFUSE("readlink", EACCES),
    REFUSE("readlinkat", EACCES),
    REFUSE("getcwd", EACCES),
    REFUSE("ioctl", ENOTTY), /* isatty(3) in stdio */
    REFUSE("fadvise64", ENOSYS),
    REFUSE("socket", EACCES),
    REFUSE("socketpair", EACCES),
    REFUSE("pipe2", EACCES),
    REFUSE("eventfd2", EACCES),
    REFUSE("memfd_create", EACCES),
    REFUSE("uname", EPERM),
    REFUSE("sysinfo", EPERM),
    REFUSE("prlimit64", EPERM),
    REFUSE("getrlimit", EPERM),
    REFUSE("getrusage", EPERM),
    REFUSE("sched_getaffinity", EPERM),
    REFUSE("sched_getparam", EPERM),
    REFUSE("get_mempolicy", EPERM),
    REFUSE("clone3", ENOSYS),
    REFUSE("tkill", EPERM),
    REFUSE("kill", EPERM),
};

static void put(struct arena *a, struct seccomp_rule *rule, const struct row *row)
{
    char **name = arena_array(a, 1, sizeof *name);
    struct seccomp_arg *arg = arena_array(a, 1, sizeof *arg);

    if (!name || !arg)
        return; /* seen by the caller: the rule has no name */
    *name = (char *)(uintptr_t)row->name;
    *rule = (struct seccomp_rule){.names = {name, 1}, .action = row->action};
    if (row->arg < 0)
        return;
    *arg = (struct seccomp_arg){.index = (uint32_t)row->arg, .op = SECCOMP_OP_EQ, .value = row->value};
    if (row->masked)
        *arg = (struct seccomp_arg){.index = (uint32_t)row->arg, .op = SECCOMP_OP_MASKED_EQ, .value = row->mask};
    rule->args = arg;
    rule->n_args = 1;
}

int calls_rules(struct arena *a, const struct calls_wish *wish, struct seccomp_rule **rules, uint32_t *n,
                struct err *err)
{
    /* abort(3) and raise(3): a signal to itself. Forks of one zygote have its numbering, so there it is refused:
     * abort(3) then ends by an illegal instruction. */
    const struct row own[] = {
        wish->zygote ? (struct row)REFUSE("tgkill", EPERM) : (struct row)ALLOW_IF("tgkill", 0, (uint64_t)getpid()),
        wish->rooted ? (struct row)ALLOW("newfstatat") : (struct row)REFUSE("newfstatat", EACCES),
    };
    /* Making one fork, by this form of clone(2) alone, and taking from the fork what made it. */
    const struct row forks[] = {
        ALLOW_IF("clone", 0, ZYGOTE_CLONE_FLAGS),
        ALLOW_IF("setrlimit", 0, RLIMIT_NPROC),
        ALLOW_IF("prctl", 0, PR_SET_PDEATHSIG),
        wish->filtered ? (struct row)ALLOW("seccomp") : (struct row)REFUSE("seccomp", EPERM),
    };
    size_t at = 0, n_extra = 0;

    for (size_t i = 0; i < wish->extra_size; i++)
        n_extra += wish->extra[i] == 0;
    struct seccomp_rule *r = arena_array(a, ARRAY_LEN(rows) + ARRAY_LEN(own) + ARRAY_LEN(forks) + n_extra, sizeof *r);
    if (!r)
        return err_sys(err, -ENOMEM, "rules of the system-call filter");
    for (const char *name = wish->extra; n_extra > 0; n_extra--, name += strlen(name) + 1) {
        const struct row row = ALLOW(name);
        put(a, &r[at++], &row);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put(a, &r[at++], &rows[i]);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        put(a, &r[at++], &own[i]);
    for (size_t i = 0; wish->zygote && i < ARRAY_LEN(forks); i++)
        put(a, &r[at++], &forks[i]);
    for (size_t i = 0; i < at; i++)
        if (!r[i].names.n)
            return err_sys(err, -ENOMEM, "rules of the system-call filter");
    *rules = r;
    *n = (uint32_t)at;
    return 0;
}

int calls_check(const char *name, struct err *err)
{
    if (syscall_number(ARCH, name) < 0)
        return err_set(err, -EINVAL, "no system call of this architecture is called \"%s\"", name);
    return 0;
}

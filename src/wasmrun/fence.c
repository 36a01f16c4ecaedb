/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fence.h. Rows of calls become a program that halves the numbers at each step. The compiler of src/confine does
 * more than is needed here, and every start comes through this. x32's numbers lie beyond all of the table's, and are
 * denied.
 */
#include "wasmrun/fence.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
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

#define LOAD(offset)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define LOW_HALF(argument)  LOAD(offsetof(struct seccomp_data, args) + 8 * (argument)) /* little-endian */
#define HIGH_HALF(argument) LOAD(offsetof(struct seccomp_data, args) + 8 * (argument) + 4)
#define IS(value, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define HAS(bits, yes, no)  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)
#define ANSWER(value)       BPF_STMT(BPF_RET | BPF_K, value)
#define DENIED              ANSWER(SECCOMP_RET_KILL_PROCESS)
#define ALLOWED             ANSWER(SECCOMP_RET_ALLOW)

/* ---- what is allowed ----------------------------------------------------------------------------------------------
 */

enum verdict {
    NOTHING,
    PLAIN,
    NOT_EXECUTABLE, /* without PROT_EXEC: neither memory made executable nor an anonymous way to it */
    NO_FASTOPEN,
    MOVE,     /* memory, to where it may be: not beside itself, or what is executable would be writable there */
    NO_OWNER, /* of a descriptor: whom the kernel tells by a signal that something came */
    ITSELF,   /* the first argument is this process */
    QUESTION,
    VERDICTS
};

static const struct leaf {
    struct sock_filter code[9];
    uint8_t n;
} leaves[VERDICTS] = {
    [NOTHING] = {{DENIED}, 1},
    [PLAIN] = {{ALLOWED}, 1},
    [NOT_EXECUTABLE] = {{LOW_HALF(2), HAS(PROT_EXEC, 0, 1), DENIED, ALLOWED}, 4},
    [NO_FASTOPEN] = {{LOW_HALF(2), HAS(MSG_FASTOPEN, 0, 1), DENIED, ALLOWED}, 4},
    [MOVE] = {{HIGH_HALF(1), IS(0, 0, 4), LOW_HALF(1), IS(0, 2, 0), LOW_HALF(3), HAS(~(uint32_t)MREMAP_MAYMOVE, 0, 1),
               DENIED, ALLOWED},
              8},
    [NO_OWNER] = {{LOW_HALF(1), IS(F_DUPFD_CLOEXEC, 2, 0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, F_SETFL, 0, 1), DENIED,
                   ALLOWED},
                  5},
    [ITSELF] = {{LOW_HALF(0), IS(0, 1, 0), DENIED, ALLOWED}, 4},
    [QUESTION] = {{LOW_HALF(1), IS(TIOCGWINSZ, 2, 0), IS(FIONREAD, 1, 0), ANSWER(SECCOMP_RET_ERRNO | ENOTTY), ALLOWED},
                  5},
};

#define ITSELF_AT 1 /* of its instructions the one that has the number */

struct row {
    uint16_t number;
    uint8_t verdict;
};

#define ALLOW(call)                                                                                                    \
    {                                                                                                                  \
        SYS_##call, PLAIN                                                                                              \
    }

static const struct row run[] = {
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
    ALLOW(fstatfs),
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
    {SYS_fcntl, NO_OWNER},
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
    {SYS_mremap, MOVE},
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    /* its own signals and its end: a bundle may show it other processes */
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(restart_syscall),
    ALLOW(sigaltstack),
    ALLOW(setitimer),
    ALLOW(getpid),
    ALLOW(gettid),
    {SYS_tkill, ITSELF}, /* its one thread has the process's number */
    {SYS_tgkill, ITSELF},
    ALLOW(exit),
    ALLOW(exit_group),
    /* with a condition */
    {SYS_mmap, NOT_EXECUTABLE},
    {SYS_mprotect, NOT_EXECUTABLE},
    /* A listener that was shut down is a socket that could connect, without connect(2): with a flag. Its network is the
     * host's. */
    {SYS_sendmsg, NO_FASTOPEN},
    /* whether it is a terminal, and how much there is to read */
    {SYS_ioctl, QUESTION},
};

static const struct row look[] = {
    ALLOW(read),
    ALLOW(write),
    ALLOW(writev),
    ALLOW(close),
    ALLOW(munmap),
    {SYS_mremap, MOVE},
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(exit),
    ALLOW(exit_group),
    {SYS_mmap, NOT_EXECUTABLE},
    {SYS_mprotect, NOT_EXECUTABLE},
};

static const struct {
    const struct row *rows;
    size_t n;
} tables[WASMRUN_FENCES] = {
    [WASMRUN_FENCE_RUN] = {run, ARRAY_LEN(run)}, [WASMRUN_FENCE_LOOK] = {look, ARRAY_LEN(look)}};

/* ---- the program ------------------------------------------------------------------------------------------------- */

#define NUMBERS 512 /* of system calls; those beyond are denied */
#define RANGES  (2 * ARRAY_LEN(run) + 2)
#define MOST    768 /* instructions */

/* Calls from `first` up to the next range's have one verdict. */
struct range {
    uint16_t first;
    uint8_t verdict;
};

struct building {
    struct sock_filter code[MOST];
    uint16_t n;
};

static uint16_t find_ranges(enum wasmrun_fence which, struct range *out)
{
    static uint8_t verdicts[NUMBERS];
    uint16_t n = 0;

    memset(verdicts, NOTHING, sizeof verdicts);
    for (size_t i = 0; i < tables[which].n; i++)
        verdicts[tables[which].rows[i].number] = tables[which].rows[i].verdict;
    for (uint16_t number = 0; number < NUMBERS; number++)
        if (number == 0 || verdicts[number] != out[n - 1].verdict)
            out[n++] = (struct range){number, verdicts[number]};
    if (out[n - 1].verdict != NOTHING)
        out[n++] = (struct range){NUMBERS, NOTHING};
    return n;
}

/* Halves them at each comparison: the kernel runs the program for every number there is when it is installed, which
 * would else be most of a start. A jump reaches 255 instructions: far ones go by way of another. */
static void emit(struct building *b, const struct range *ranges, uint16_t n)
{
    if (n == 1) {
        const struct leaf *leaf = &leaves[ranges[0].verdict];
        memcpy(&b->code[b->n], leaf->code, leaf->n * sizeof *leaf->code);
        if (ranges[0].verdict == ITSELF)
            b->code[b->n + ITSELF_AT].k = (uint32_t)getpid();
        b->n = (uint16_t)(b->n + leaf->n);
        return;
    }
    const uint16_t middle = n / 2, at = b->n;
    b->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, 0, 1);
    b->n = (uint16_t)(at + 2);
    emit(b, ranges, middle);
    b->code[at + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, b->n - at - 2u);
    const uint16_t left = (uint16_t)(b->n - at - 1);
    if (left <= 255) { /* the second of both is not needed */
        memmove(&b->code[at + 1], &b->code[at + 2], (size_t)(b->n - at - 2) * sizeof *b->code);
        b->code[at].jt = (uint8_t)(left - 1);
        b->code[at].jf = 0;
        b->n--;
    }
    emit(b, ranges + middle, (uint16_t)(n - middle));
}

const struct sock_fprog *wasmrun_fence_program(enum wasmrun_fence which)
{
    static const struct sock_filter head[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        IS(ARCHITECTURE, 1, 0),
        DENIED,
        LOAD(offsetof(struct seccomp_data, nr)),
    };
    static struct building b;
    static struct sock_fprog program;
    struct range ranges[RANGES];

    memcpy(b.code, head, sizeof head);
    b.n = ARRAY_LEN(head);
    emit(&b, ranges, find_ranges(which, ranges));
    program = (struct sock_fprog){.len = b.n, .filter = b.code};
    return &program;
}

int wasmrun_fence_raise(enum wasmrun_fence which, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(err, -errno, "no_new_privs cannot be set");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, wasmrun_fence_program(which)) < 0)
        return err_sys(err, -errno, "the filter of system calls cannot be installed (CONFIG_SECCOMP_FILTER)");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See stub_filter.h. Both are short on the way of a guest's ordinary call: architecture, upper half of the
 * instruction's address, and in the guest's the number. */
#include "sentry/stub_filter.h"

#include "confine/seccomp_emit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#define IS(argument, n)                                                                                                \
    {                                                                                                                  \
        argument, STUB_TEST_IS, n                                                                                      \
    }
#define AT_MOST(argument, n)                                                                                           \
    {                                                                                                                  \
        argument, STUB_TEST_AT_MOST, n                                                                                 \
    }
#define AT_LEAST(argument, n)                                                                                          \
    {                                                                                                                  \
        argument, STUB_TEST_AT_LEAST, n                                                                                \
    }
#define BITS(argument, n)                                                                                              \
    {                                                                                                                  \
        argument, STUB_TEST_BITS, n                                                                                    \
    }
#define HAS(argument, n)                                                                                               \
    {                                                                                                                  \
        argument, STUB_TEST_HAS, n                                                                                     \
    }

#define PROT_ANY  (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAP_KINDS (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE)
#define MOVE      (MREMAP_MAYMOVE | MREMAP_FIXED)
#define BORN_FORK (CLONE_PARENT | SIGCHLD)
#define BORN_TASK (CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_PARENT | SIGCHLD)
#define STUB_ENDS (STUB_LOW - 1)

const struct stub_row stub_rows[] = {
    {STUB_sigreturn, {{0}}, "a task goes on where the sentry says, and as it says: the only row left to guests"},
    {STUB_mmap, {AT_MOST(0, STUB_HIGH), BITS(2, PROT_ANY), BITS(3, MAP_KINDS), HAS(3, MAP_FIXED)}, "guest memory"},
    {STUB_munmap, {{0}}, "the same, given back"},
    {STUB_mprotect, {AT_MOST(0, STUB_ENDS), BITS(2, PROT_ANY)}, "the same, protected"},
    {STUB_mremap, {AT_MOST(0, STUB_ENDS), IS(3, MOVE), AT_MOST(4, STUB_ENDS)}, "the same, moved"},
    {STUB_madvise, {AT_MOST(0, STUB_ENDS), IS(2, MADV_DONTNEED)}, "the same, emptied"},
    {STUB_close_range, {IS(2, 0)}, "descriptors that are there for one mapping"},
    {STUB_fork, {IS(0, BORN_FORK), IS(1, 0), IS(2, 0), IS(3, 0)}, "another stub, which is a copy of this one"},
    {STUB_task, {IS(0, BORN_TASK), AT_LEAST(1, STUB_SLOTS), AT_MOST(1, STUB_HIGH), IS(2, 0), IS(3, 0)}, "a guest task"},
    {STUB_born_prctl, {IS(0, PR_SET_PDEATHSIG), IS(1, SIGKILL)}, "a stub ends with the sentry"},
    {STUB_born_munmap, {IS(0, STUB_SLOTS), IS(1, STUB_SLOTS_SIZE)}, "it has not its parent's slots"},
    {STUB_born_mmap,
     {IS(0, STUB_ORDER), IS(1, 0x1000), IS(2, PROT_READ), IS(3, MAP_SHARED | MAP_FIXED), IS(4, STUB_FD_MEMORY)},
     "it has orders of its own"},
    {STUB_task_prctl, {IS(0, PR_SET_PDEATHSIG), IS(1, SIGKILL)}, "a guest task ends with the sentry"},
    {STUB_task_close_range, {IS(0, 0), IS(1, UINT32_MAX), IS(2, 0)}, "it has no descriptor"},
    {STUB_task_sigaltstack, {IS(1, 0)}, "its signals are laid in its slot"},
    {STUB_task_seccomp, {IS(0, SECCOMP_SET_MODE_FILTER), IS(1, 0), IS(2, STUB_FILTER)}, "and it has the second filter"},
    {STUB_exit_group, {{0}}, "the sentry is gone"},
};
const unsigned stub_rows_count = sizeof(stub_rows) / sizeof(stub_rows[0]);

static const uint8_t *const behind[] = {
#define X(name, nr) stub_behind_##name,
    STUB_CALLS(X)
#undef X
};
static const uint32_t numbers[] = {
#define X(name, nr) nr,
    STUB_CALLS(X)
#undef X
};

/*
 * Guests' calls that come by a notification. Its answer can have a flag (SECCOMP_USER_NOTIF_FLAG_CONTINUE) with which
 * the host makes the call after all, and no filter of the sentry's can see that: so these are what a sentry that was
 * taken over could have a stub do. They do nothing without a descriptor, which guest tasks do not have, or concern
 * their own memory, signals and time; none gives a descriptor, walks a path, makes a process, or changes another one.
 * All others, and those that need registers that a notification does not bring, come by a signal, which is a little
 * slower. In order.
 */
static const uint32_t told[] = {0 /* read */,
                                1 /* write */,
                                3 /* close */,
                                5 /* fstat */,
                                7 /* poll */,
                                8 /* lseek */,
                                9 /* mmap */,
                                10 /* mprotect */,
                                11 /* munmap */,
                                12 /* brk */,
                                13 /* rt_sigaction */,
                                14 /* rt_sigprocmask */,
                                17 /* pread64 */,
                                18 /* pwrite64 */,
                                19 /* readv */,
                                20 /* writev */,
                                23 /* select */,
                                24 /* sched_yield */,
                                25 /* mremap */,
                                28 /* madvise */,
                                35 /* nanosleep */,
                                39 /* getpid */,
                                44 /* sendto */,
                                45 /* recvfrom */,
                                46 /* sendmsg */,
                                47 /* recvmsg */,
                                60 /* exit */,
                                61 /* wait4 */,
                                63 /* uname */,
                                96 /* gettimeofday */,
                                97 /* getrlimit */,
                                98 /* getrusage */,
                                99 /* sysinfo */,
                                100 /* times */,
                                102 /* getuid */,
                                104 /* getgid */,
                                107 /* geteuid */,
                                108 /* getegid */,
                                110 /* getppid */,
                                111 /* getpgrp */,
                                186 /* gettid */,
                                201 /* time */,
                                202 /* futex */,
                                217 /* getdents64 */,
                                218 /* set_tid_address */,
                                228 /* clock_gettime */,
                                229 /* clock_getres */,
                                230 /* clock_nanosleep */,
                                231 /* exit_group */,
                                232 /* epoll_wait */,
                                233 /* epoll_ctl */,
                                247 /* waitid */,
                                270 /* pselect6 */,
                                271 /* ppoll */,
                                273 /* set_robust_list */,
                                281 /* epoll_pwait */,
                                295 /* preadv */,
                                296 /* pwritev */,
                                309 /* getcpu */,
                                318 /* getrandom */,
                                441 /* epoll_pwait2 */};
#define TOLD (sizeof(told) / sizeof(told[0]))

bool stub_filter_tells(uint32_t number)
{
    for (size_t i = 0; i < TOLD; i++)
        if (told[i] == number)
            return true;
    return false;
}

#define POINTER_LOW  (offsetof(struct seccomp_data, instruction_pointer))
#define POINTER_HIGH (POINTER_LOW + 4)

static uint32_t low_of(enum stub_call call)
{
    return (uint32_t)STUB_ADDRESS(behind[call]);
}

static uint32_t emit_condition(struct bpf_builder *b, const struct stub_condition *c, uint32_t yes, uint32_t no)
{
    struct seccomp_arg a = {.index = c->argument, .op = SECCOMP_OP_EQ, .value = c->number};
    switch (c->test) {
    case STUB_TEST_NONE:
        return yes;
    case STUB_TEST_AT_MOST:
        a.op = SECCOMP_OP_LE;
        break;
    case STUB_TEST_AT_LEAST:
        a.op = SECCOMP_OP_GE;
        break;
    case STUB_TEST_BITS:
        a.op = SECCOMP_OP_MASKED_EQ, a.value = ~c->number;
        break;
    case STUB_TEST_HAS:
        a.op = SECCOMP_OP_MASKED_EQ, a.value_two = c->number;
        break;
    }
    return bpf_emit_conditions(b, &a, 1, BPF_ALL_WIDE, yes, no);
}

static uint32_t emit_row(struct bpf_builder *b, const struct stub_row *row, uint32_t yes, uint32_t no)
{
    for (int i = STUB_CONDITIONS; i--;)
        yes = emit_condition(b, &row->conditions[i], yes, no);
    bpf_emit_branch(b, BPF_JEQ, numbers[row->call], yes, no);
    return bpf_emit_load(b, offsetof(struct seccomp_data, nr));
}

/* Is the accumulator one of these, which rise? yes, else no. */
static uint32_t emit_one_of(struct bpf_builder *b, const uint32_t *v, size_t n, uint32_t yes, uint32_t no)
{
    if (n == 1)
        return bpf_emit_branch(b, BPF_JEQ, v[0], yes, no);
    uint32_t high = emit_one_of(b, v + n / 2, n - n / 2, yes, no), low = emit_one_of(b, v, n / 2, yes, no);
    return bpf_emit_branch(b, BPF_JGE, v[n / 2], high, low);
}

/* Calls from the stub's own text go to `inside`, of another architecture to `foreign`. */
static int finish(struct bpf_builder *b, uint32_t inside, uint32_t outside, uint32_t foreign, struct sock_filter **out)
{
    struct bpf_program program;
    struct err err;
    bpf_emit_branch(b, BPF_JEQ, (uint32_t)((uint64_t)STUB_LOW >> 32), inside, outside);
    uint32_t at = bpf_emit_load(b, POINTER_HIGH);
    bpf_emit_branch(b, BPF_JEQ, AUDIT_ARCH_X86_64, at, foreign);
    bpf_emit_load(b, offsetof(struct seccomp_data, arch));
    if (bpf_builder_finish(b, &program, &err) < 0)
        return -E2BIG;
    *out = program.insns;
    return (int)program.n;
}

/* `verdict` with the number of `call`, which is no other whatever the answer to it is. */
static uint32_t emit_own_number(struct bpf_builder *b, enum stub_call call, uint32_t verdict, uint32_t kill)
{
    bpf_emit_branch(b, BPF_JEQ, numbers[call], verdict, kill);
    return bpf_emit_load(b, offsetof(struct seccomp_data, nr));
}

int stub_filter_service(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    static const enum stub_call tell_all[] = {STUB_park, STUB_order, STUB_born_order};
    struct bpf_builder b;
    uint32_t at[sizeof(stub_rows) / sizeof(stub_rows[0])];
    bpf_builder_over(&b, room, STUB_FILTER_ROOM);
    const uint32_t tell = bpf_emit_return(&b, SECCOMP_RET_USER_NOTIF), allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW),
                   kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS), signal = bpf_emit_return(&b, SECCOMP_RET_TRAP);
    for (unsigned i = stub_rows_count; i--;)
        at[i] = emit_row(&b, &stub_rows[i], allow, kill);
    const uint32_t own = emit_own_number(&b, STUB_park, tell, kill);
    uint32_t inside = kill;
    for (unsigned i = stub_rows_count; i--;)
        inside = bpf_emit_branch(&b, BPF_JEQ, low_of(stub_rows[i].call), at[i], inside);
    for (unsigned i = sizeof(tell_all) / sizeof(tell_all[0]); i--;)
        inside = bpf_emit_branch(&b, BPF_JEQ, low_of(tell_all[i]), own, inside);
    inside = bpf_emit_load(&b, POINTER_LOW);
    uint32_t outside = signal;
    if (!trap) {
        emit_one_of(&b, told, TOLD, tell, signal);
        outside = bpf_emit_load(&b, offsetof(struct seccomp_data, nr));
    }
    return finish(&b, inside, outside, signal, out);
}

int stub_filter_guest(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    struct bpf_builder b;
    bpf_builder_over(&b, room, STUB_FILTER_ROOM);
    const uint32_t kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS), allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW);
    const uint32_t returns = emit_own_number(&b, STUB_sigreturn, allow, kill);
    uint32_t inside = bpf_emit_branch(&b, BPF_JEQ, low_of(STUB_sigreturn), returns, kill);
    inside = bpf_emit_branch(&b, BPF_JEQ, low_of(STUB_park), allow, inside);
    inside = bpf_emit_load(&b, POINTER_LOW);
    return finish(&b, inside, allow, allow, out);
}

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

/* In a guest's own call, the registers that a notification does not bring are looked at or changed. */
static const uint32_t needs_registers[] = {15 /* rt_sigreturn */,
                                           56 /* clone */,
                                           57 /* fork */,
                                           58 /* vfork */,
                                           131 /* sigaltstack */,
                                           158 /* arch_prctl */,
                                           435 /* clone3 */};

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

int stub_filter_service(struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    struct bpf_builder b;
    uint32_t at[sizeof(stub_rows) / sizeof(stub_rows[0])];
    bpf_builder_over(&b, room, STUB_FILTER_ROOM);
    const uint32_t tell = bpf_emit_return(&b, SECCOMP_RET_USER_NOTIF), allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW),
                   kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS);
    for (unsigned i = stub_rows_count; i--;)
        at[i] = emit_row(&b, &stub_rows[i], allow, kill);
    uint32_t next = bpf_emit_return(&b, SECCOMP_RET_USER_NOTIF);
    for (unsigned i = stub_rows_count; i--;)
        next = bpf_emit_branch(&b, BPF_JEQ, low_of(stub_rows[i].call), at[i], next);
    next = bpf_emit_load(&b, POINTER_LOW);
    return finish(&b, next, tell, tell, out);
}

int stub_filter_guest(bool trap, struct sock_filter room[STUB_FILTER_ROOM], struct sock_filter **out)
{
    struct bpf_builder b;
    bpf_builder_over(&b, room, STUB_FILTER_ROOM);
    const uint32_t kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS), signal = bpf_emit_return(&b, SECCOMP_RET_TRAP),
                   allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW);
    uint32_t returns = bpf_emit_branch(&b, BPF_JEQ, numbers[STUB_sigreturn], allow, kill);
    returns = bpf_emit_load(&b, offsetof(struct seccomp_data, nr));
    uint32_t inside = bpf_emit_branch(&b, BPF_JEQ, low_of(STUB_sigreturn), returns, kill);
    inside = bpf_emit_branch(&b, BPF_JEQ, low_of(STUB_park), allow, inside);
    inside = bpf_emit_load(&b, POINTER_LOW);
    uint32_t outside = trap ? signal : allow;
    for (unsigned i = sizeof(needs_registers) / sizeof(needs_registers[0]); !trap && i--;)
        outside = bpf_emit_branch(&b, BPF_JEQ, needs_registers[i], signal, outside);
    if (!trap)
        outside = bpf_emit_load(&b, offsetof(struct seccomp_data, nr));
    return finish(&b, inside, outside, signal, out);
}

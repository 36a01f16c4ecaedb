/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the filters, and their programs. Pure. */
#include "machine/filter.h"

#include "confine/seccomp_emit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IS(argument, n)                                                                                                \
    {                                                                                                                  \
        argument, FILTER_IS, 0, n                                                                                      \
    }
#define AT_MOST(argument, n)                                                                                           \
    {                                                                                                                  \
        argument, FILTER_AT_MOST, 0, n                                                                                 \
    }
#define ZERO(argument)                                                                                                 \
    {                                                                                                                  \
        argument, FILTER_ZERO, 0, 0                                                                                    \
    }
#define ONE_OF(argument, name)                                                                                         \
    {                                                                                                                  \
        argument, FILTER_ONE_OF, FILTER_##name, 0                                                                      \
    }
#define HOLE (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* The most frequent first. */
const struct filter_row filter_rows[] = {
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_RUN)}, "KVM computes"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_INTERRUPT)}, "an interrupt"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_NMI)}, "one that is not masked"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_REGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_REGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_SREGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_SREGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_MSRS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_MSRS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_XSAVE)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_XSAVE)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_XCRS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_XCRS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_DEBUGREGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_DEBUGREGS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_DEVICE_ATTR)}, "its counter's offset"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_GET_VCPU_EVENTS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VCPU), IS(1, (uint32_t)KVM_SET_VCPU_EVENTS)}, "its state"},
    {FILTER_MACHINE, SYS_ioctl, {ONE_OF(0, VM), IS(1, (uint32_t)KVM_SET_USER_MEMORY_REGION)}, "a PC's map changes"},
    {FILTER_MACHINE, SYS_write, {ONE_OF(0, KICKS)}, "the I/O process is woken"},
    {FILTER_MACHINE, SYS_ppoll, {AT_MOST(1, 8), ZERO(3)}, "waiting, without a signal mask"},
    {FILTER_MACHINE, SYS_read, {ONE_OF(0, ANSWERS)}, "the I/O process has answered"},
    {FILTER_MACHINE, SYS_read, {ONE_OF(0, CONTROL)}, "signals and questions from moat"},
    {FILTER_MACHINE, SYS_write, {ONE_OF(0, CONTROL)}, "answers to moat, and the news of the end"},
    {FILTER_MACHINE, SYS_accept4, {ONE_OF(0, LISTENING)}, "moat has something to say"},
    {FILTER_MACHINE, SYS_recvmsg, {ONE_OF(0, VISITORS)}, "what it says, with a file for a snapshot"},
    {FILTER_MACHINE, SYS_write, {ONE_OF(0, VISITORS)}, "answers to it"},
    {FILTER_MACHINE, SYS_pwrite64, {ONE_OF(0, VISITORS)}, "a snapshot", FILTER_VISITORS},
    {FILTER_MACHINE, SYS_pwrite64, {ONE_OF(0, END), AT_MOST(2, 31), ZERO(3)}, "one word: how it ended"},
    {FILTER_MACHINE, SYS_close, {ONE_OF(0, VISITORS)}, "a connection is over, a snapshot whole"},
    {FILTER_MACHINE, SYS_pread64, {ONE_OF(0, MEMORY)}, "guest memory, for a snapshot", FILTER_VISITORS},
    {FILTER_MACHINE, SYS_getrandom, {AT_MOST(1, 64), IS(2, 0)}, "the guest's rdrand"},
    {FILTER_MACHINE, SYS_clock_gettime, {AT_MOST(0, 1)}, "time, where the vdso has none"},
    {FILTER_MACHINE, SYS_timer_settime, {AT_MOST(0, 15), IS(1, 0)}, "KVM comes back in time: its timer", FILTER_VCPU},
    {FILTER_MACHINE, SYS_write, {ONE_OF(0, ANSWERS)}, "a signal has come: waiting is over"},
    {FILTER_MACHINE, SYS_rt_sigreturn, {{0}}, "the end of a signal handler"},
    {FILTER_MACHINE, SYS_exit_group, {{0}}, "the end"},

    {FILTER_IO, SYS_ppoll, {AT_MOST(1, 64), ZERO(3)}, "waiting, without a signal mask"},
    {FILTER_IO, SYS_read, {ONE_OF(0, KICKS)}, "the machine process has requests"},
    {FILTER_IO, SYS_write, {ONE_OF(0, ANSWERS)}, "and is told of answers"},
    {FILTER_IO, SYS_readv, {ONE_OF(0, TAPS)}, "frames to the guest"},
    {FILTER_IO, SYS_writev, {ONE_OF(0, TAPS)}, "frames from the guest"},
    {FILTER_IO, SYS_preadv, {ONE_OF(0, DISKS), AT_MOST(2, 32)}, "disks"},
    {FILTER_IO, SYS_pwritev, {ONE_OF(0, DISKS), AT_MOST(2, 32)}, "disks; one that is read-only is open as such"},
    {FILTER_IO, SYS_fdatasync, {ONE_OF(0, DISKS)}, "a disk is flushed"},
    {FILTER_IO, SYS_fallocate, {ONE_OF(0, DISKS), IS(1, HOLE)}, "sectors are discarded"},
    {FILTER_IO, SYS_preadv, {ONE_OF(0, MEDIA), AT_MOST(2, 32)}, "a PC's disks"},
    {FILTER_IO, SYS_pwritev, {ONE_OF(0, MEDIA), AT_MOST(2, 32)}, "a PC's disks; one that is read-only is open as such"},
    {FILTER_IO, SYS_fdatasync, {ONE_OF(0, MEDIA)}, "a PC's disk is flushed"},
    {FILTER_IO, SYS_close, {ONE_OF(0, MEDIA)}, "a medium is taken out"},
    {FILTER_IO, SYS_accept4, {ONE_OF(0, LISTENING)}, "moat brings a medium"},
    {FILTER_IO, SYS_recvmsg, {ONE_OF(0, VISITORS)}, "which drive it is for, and its file"},
    {FILTER_IO, SYS_lseek, {ONE_OF(0, VISITORS), ZERO(1), IS(2, SEEK_END)}, "how large that is", FILTER_MEDIA},
    {FILTER_IO, SYS_preadv, {ONE_OF(0, VISITORS), AT_MOST(2, 1)}, "whether it can be read", FILTER_MEDIA},
    {FILTER_IO, SYS_pwritev, {ONE_OF(0, VISITORS), ZERO(2)}, "whether it can be written", FILTER_MEDIA},
    {FILTER_IO, SYS_dup2, {ONE_OF(0, VISITORS), ONE_OF(1, MEDIA)}, "it is put in"},
    {FILTER_IO, SYS_write, {ONE_OF(0, VISITORS)}, "answers to moat"},
    {FILTER_IO, SYS_close, {ONE_OF(0, VISITORS)}, "a connection is over, a file passed on"},
    {FILTER_IO, SYS_readv, {IS(0, 0)}, "standard input, of a serial port"},
    {FILTER_IO, SYS_read, {IS(0, 0)}, "standard input, of the channel"},
    {FILTER_IO, SYS_writev, {IS(0, 1)}, "standard output, of a serial port"},
    {FILTER_IO, SYS_writev, {IS(0, 2)}, "standard error, and what the machine has to say"},
    {FILTER_IO, SYS_write, {IS(0, 1)}, "standard output, of the channel"},
    {FILTER_IO, SYS_write, {IS(0, 2)}, "standard error, of the channel"},
    {FILTER_IO, SYS_ioctl, {IS(0, 0), IS(1, TIOCGWINSZ)}, "the size of the terminal"},
    {FILTER_IO, SYS_getrandom, {AT_MOST(1, 4096), IS(2, 0)}, "random bytes for the guest"},
    {FILTER_IO, SYS_exit_group, {{0}}, "the end"},
};
const unsigned filter_rows_count = sizeof filter_rows / sizeof filter_rows[0];

bool filter_row_holds(const struct filter_row *row, const struct filter_world *w)
{
    for (int i = 0; i < FILTER_CONDITIONS; i++)
        if (row->conditions[i].test == FILTER_ONE_OF && w->of[row->conditions[i].name].n == 0)
            return false;
    return w->of[row->needs].n != 0;
}

static uint32_t emit_condition(struct bpf_builder *b, const struct filter_condition *c, const struct filter_world *w,
                               uint32_t yes, uint32_t no)
{
    const struct filter_range *range = &w->of[c->name];
    struct seccomp_arg a[2] = {{.index = c->argument, .value = c->number}, {.index = c->argument}};
    uint32_t wide = 0, n = 1;

    switch (c->test) {
    case FILTER_IS:
        a[0].op = SECCOMP_OP_EQ;
        break;
    case FILTER_AT_MOST:
        a[0].op = SECCOMP_OP_LE;
        wide = BPF_ALL_WIDE;
        break;
    case FILTER_ZERO:
        a[0].op = SECCOMP_OP_EQ;
        wide = BPF_ALL_WIDE;
        break;
    case FILTER_ONE_OF:
        a[0].op = SECCOMP_OP_GE, a[0].value = range->first;
        a[1].op = SECCOMP_OP_LE, a[1].value = range->first + range->n - 1;
        n = 2;
        break;
    default:
        return yes;
    }
    return bpf_emit_conditions(b, a, n, wide, yes, no);
}

/* The rows of one call: the first whose conditions hold decides. */
static uint32_t emit_call(struct bpf_builder *b, enum filter_process process, uint32_t call,
                          const struct filter_world *w, uint32_t allow, uint32_t kill)
{
    uint32_t no = kill;

    for (unsigned i = filter_rows_count; i--;) {
        const struct filter_row *row = &filter_rows[i];
        if (row->process != process || row->call != call || !filter_row_holds(row, w))
            continue;
        uint32_t yes = allow;
        for (int k = FILTER_CONDITIONS; k--;)
            yes = emit_condition(b, &row->conditions[k], w, yes, no);
        no = yes;
    }
    return no;
}

/* Is this the first row of its call? */
static bool is_first(unsigned row)
{
    for (unsigned i = 0; i < row; i++)
        if (filter_rows[i].process == filter_rows[row].process && filter_rows[i].call == filter_rows[row].call)
            return false;
    return true;
}

int filter_make(enum filter_process process, const struct filter_world *w, struct sock_filter room[FILTER_ROOM],
                struct sock_filter **out)
{
    uint32_t calls[sizeof filter_rows / sizeof filter_rows[0]];
    struct bpf_program program;
    struct bpf_builder b;
    struct err err;

    bpf_builder_over(&b, room, FILTER_ROOM);
    const uint32_t allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW), kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS);
    for (unsigned i = filter_rows_count; i--;)
        if (filter_rows[i].process == process && is_first(i))
            calls[i] = emit_call(&b, process, filter_rows[i].call, w, allow, kill);
    uint32_t at = kill;
    for (unsigned i = filter_rows_count; i--;)
        if (filter_rows[i].process == process && is_first(i) && calls[i] != kill)
            at = bpf_emit_branch(&b, BPF_JEQ, filter_rows[i].call, calls[i], at);
    at = bpf_emit_load(&b, offsetof(struct seccomp_data, nr));
    bpf_emit_branch(&b, BPF_JEQ, AUDIT_ARCH_X86_64, at, kill);
    bpf_emit_load(&b, offsetof(struct seccomp_data, arch));
    if (bpf_builder_finish(&b, &program, &err) < 0)
        return -E2BIG;
    *out = program.insns;
    return (int)program.n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and their program. Pure. */
#include "sentry/walls.h"

#include "confine/seccomp_emit.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IS(argument, n)                                                                                                \
    {                                                                                                                  \
        argument, WALLS_IS, (uint32_t)(n)                                                                              \
    }
#define AT_MOST(argument, n)                                                                                           \
    {                                                                                                                  \
        argument, WALLS_AT_MOST, n                                                                                     \
    }
#define AT_LEAST(argument, n)                                                                                          \
    {                                                                                                                  \
        argument, WALLS_AT_LEAST, n                                                                                    \
    }
#define BITS(argument, n)                                                                                              \
    {                                                                                                                  \
        argument, WALLS_BITS, n                                                                                        \
    }
#define HAS(argument, n)                                                                                               \
    {                                                                                                                  \
        argument, WALLS_HAS, n                                                                                         \
    }
#define FD(argument, name)                                                                                             \
    {                                                                                                                  \
        argument, WALLS_FD, WALLS_##name                                                                               \
    }

#define HOLE       (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define DATA       (PROT_READ | PROT_WRITE)
#define OWN_PAGES  (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE)
#define PIDS       AT_LEAST(0, 2), AT_MOST(0, INT32_MAX)
#define OTHERS     AT_LEAST(0, 3) /* descriptors that moat and the gofer have sent */
#define SEEK_HOLES 4              /* SEEK_HOLE, the last whence */

/* The most frequent first. */
const struct walls_row walls_rows[] = {
    {SYS_ioctl, {FD(0, LISTENER), IS(1, SECCOMP_IOCTL_NOTIF_SEND)}, "a task or a service goes on", WALLS_ALWAYS},
    {SYS_ioctl, {FD(0, LISTENER), IS(1, SECCOMP_IOCTL_NOTIF_RECV)}, "one has something to say", WALLS_ALWAYS},
    {SYS_ppoll, {AT_MOST(1, 1024), IS(3, 0)}, "waiting, without a signal mask", WALLS_ALWAYS},
    {SYS_process_vm_readv, {AT_MOST(2, 1), AT_MOST(4, 64), IS(5, 0)}, "guest memory is read", WALLS_ALWAYS},
    {SYS_process_vm_writev, {AT_MOST(2, 1), AT_MOST(4, 64), IS(5, 0)}, "and written", WALLS_ALWAYS},
    {SYS_poll, {AT_MOST(1, 1024)}, "whether a stream is ready", WALLS_ALWAYS},
    {SYS_read, {IS(0, 0)}, "standard input", WALLS_ALWAYS},
    {SYS_write, {AT_LEAST(0, 1), AT_MOST(0, 2)}, "standard output, standard error", WALLS_ALWAYS},
    {SYS_writev, {IS(0, 2)}, "the reason of an end", WALLS_ALWAYS},
    {SYS_tgkill, {PIDS, IS(2, SIGURG)}, "a kick", WALLS_ALWAYS},
    {SYS_kill, {PIDS, IS(1, SIGKILL)}, "a host task ends", WALLS_ALWAYS},
    {SYS_waitid, {AT_MOST(0, 1), IS(3, WEXITED | WNOHANG | __WALL), IS(4, 0)}, "and is buried", WALLS_ALWAYS},
    {SYS_waitid, {IS(0, 1), IS(3, WEXITED | __WALL), IS(4, 0)}, "all of them, at the end", WALLS_ALWAYS},
    {SYS_fallocate, {FD(0, OBJECTS), IS(1, HOLE)}, "what files held is given back", WALLS_ALWAYS},
    {SYS_fallocate, {FD(0, STUBS), IS(1, HOLE)}, "slots are emptied", WALLS_ALWAYS},
    {SYS_lseek, {FD(0, OBJECTS), AT_LEAST(2, 3), AT_MOST(2, SEEK_HOLES)}, "holes of files", WALLS_ALWAYS},
    {SYS_mmap, {BITS(2, DATA), BITS(3, OWN_PAGES), HAS(3, MAP_ANONYMOUS), IS(4, -1)}, "memory", WALLS_ALWAYS},
    {SYS_mprotect, {BITS(2, DATA)}, "the same, used; guards of stacks", WALLS_ALWAYS},
    {SYS_munmap, {{0}}, "the same, given back", WALLS_ALWAYS},
    {SYS_madvise, {AT_LEAST(2, MADV_DONTNEED), AT_MOST(2, MADV_FREE)}, "the same", WALLS_ALWAYS},
    {SYS_mremap, {IS(3, MREMAP_MAYMOVE)}, "the same, grown", WALLS_ALWAYS},
    {SYS_brk, {{0}}, "the same", WALLS_ALWAYS},
    {SYS_clock_gettime, {AT_MOST(0, 1)}, "time, where the vdso has none", WALLS_ALWAYS},
    {SYS_getrandom, {AT_MOST(1, 64), IS(2, 0)}, "random bytes", WALLS_ALWAYS},
    {SYS_rt_sigreturn, {{0}}, "the end of a signal handler", WALLS_ALWAYS},
    {SYS_restart_syscall, {{0}}, "a wait goes on after a stop", WALLS_ALWAYS},
    {SYS_exit_group, {{0}}, "the end", WALLS_ALWAYS},
    {SYS_ioctl, {IS(0, 0), IS(1, TIOCGWINSZ)}, "the window of the terminal", WALLS_IF_TERMINAL},
    {SYS_accept4, {{0}}, "moat asks", WALLS_IF_ASKS},
    {SYS_read, {OTHERS}, "streams of its programs", WALLS_IF_ASKS},
    {SYS_write, {OTHERS}, "the same", WALLS_IF_ASKS},
    {SYS_fstat, {OTHERS}, "how long their words are", WALLS_IF_ASKS},
    {SYS_pread64, {OTHERS}, "their words", WALLS_IF_ASKS},
    {SYS_recvmsg, {OTHERS}, "what moat asks for", WALLS_IF_ASKS},
    {SYS_sendmsg, {OTHERS}, "and is told", WALLS_IF_ASKS},
    {SYS_close, {OTHERS}, "it has gone", WALLS_IF_ASKS},
    {SYS_recvmsg, {OTHERS}, "the gofer answers, with files", WALLS_IF_FILES},
    {SYS_sendmsg, {OTHERS}, "and is asked", WALLS_IF_FILES},
    {SYS_ioctl, {FD(0, LISTENER), IS(1, SECCOMP_IOCTL_NOTIF_ADDFD)}, "a file for a mapping", WALLS_IF_FILES},
    {SYS_pread64, {OTHERS}, "files", WALLS_IF_FILES},
    {SYS_pwritev2, {OTHERS}, "the same, written; at their end or to disk", WALLS_IF_FILES},
    {SYS_fstat, {OTHERS}, "their size", WALLS_IF_FILES},
    {SYS_lseek, {OTHERS, AT_LEAST(2, 1), AT_MOST(2, SEEK_HOLES)}, "their ends and holes", WALLS_IF_FILES},
    {SYS_fallocate, {OTHERS}, "their blocks", WALLS_IF_FILES},
    {SYS_close, {OTHERS}, "they are closed", WALLS_IF_FILES},
};
const unsigned walls_rows_count = sizeof(walls_rows) / sizeof(walls_rows[0]);

bool walls_row_holds(const struct walls_row *row, const struct walls_world *w)
{
    switch (row->when) {
    case WALLS_IF_ASKS:
        return w->asks;
    case WALLS_IF_FILES:
        return w->files;
    case WALLS_IF_TERMINAL:
        return w->terminal || w->asks;
    default:
        return true;
    }
}

static uint32_t emit_condition(struct bpf_builder *b, const struct walls_condition *c, const struct walls_world *w,
                               uint32_t yes, uint32_t no)
{
    struct seccomp_arg a = {.index = c->argument, .op = SECCOMP_OP_EQ, .value = c->number};
    uint32_t wide = 0;
    switch (c->test) {
    case WALLS_NONE:
        return yes;
    case WALLS_AT_MOST:
        a.op = SECCOMP_OP_LE;
        break;
    case WALLS_AT_LEAST:
        a.op = SECCOMP_OP_GE;
        break;
    case WALLS_BITS:
        a.op = SECCOMP_OP_MASKED_EQ, a.value = ~(uint64_t)c->number, wide = BPF_ALL_WIDE;
        break;
    case WALLS_HAS:
        a.op = SECCOMP_OP_MASKED_EQ, a.value_two = c->number;
        break;
    case WALLS_FD:
        a.value = (uint32_t)w->of[c->number];
        break;
    }
    return bpf_emit_conditions(b, &a, 1, wide, yes, no);
}

/* The rows of one call: the first whose conditions hold decides. */
static uint32_t emit_call(struct bpf_builder *b, uint32_t call, const struct walls_world *w, uint32_t allow,
                          uint32_t kill)
{
    uint32_t no = kill;
    for (unsigned i = walls_rows_count; i--;) {
        const struct walls_row *row = &walls_rows[i];
        if (row->call != call || !walls_row_holds(row, w))
            continue;
        uint32_t yes = allow;
        for (int k = WALLS_CONDITIONS; k--;)
            yes = emit_condition(b, &row->conditions[k], w, yes, no);
        no = yes;
    }
    return no;
}

static bool is_first(unsigned row)
{
    for (unsigned i = 0; i < row; i++)
        if (walls_rows[i].call == walls_rows[row].call)
            return false;
    return true;
}

int walls_filter(const struct walls_world *w, struct sock_filter room[WALLS_ROOM], struct sock_filter **out)
{
    uint32_t calls[sizeof(walls_rows) / sizeof(walls_rows[0])];
    struct bpf_program program;
    struct bpf_builder b;
    struct err err;
    bpf_builder_over(&b, room, WALLS_ROOM);
    const uint32_t allow = bpf_emit_return(&b, SECCOMP_RET_ALLOW), kill = bpf_emit_return(&b, SECCOMP_RET_KILL_PROCESS);
    for (unsigned i = walls_rows_count; i--;)
        if (is_first(i))
            calls[i] = emit_call(&b, walls_rows[i].call, w, allow, kill);
    uint32_t at = kill;
    for (unsigned i = walls_rows_count; i--;)
        if (is_first(i) && calls[i] != kill)
            at = bpf_emit_branch(&b, BPF_JEQ, walls_rows[i].call, calls[i], at);
    at = bpf_emit_load(&b, offsetof(struct seccomp_data, nr));
    bpf_emit_branch(&b, BPF_JEQ, AUDIT_ARCH_X86_64, at, kill);
    bpf_emit_load(&b, offsetof(struct seccomp_data, arch));
    if (bpf_builder_finish(&b, &program, &err) < 0)
        return -E2BIG;
    *out = program.insns;
    return (int)program.n;
}

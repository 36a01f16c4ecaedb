/* SPDX-License-Identifier: Apache-2.0 */
/* What the tender has of the host: descriptors, signals, a timer, rights; and how it gives up all but what its filter
 * names. */
#include "spt/tender.h"

#include "guest/unikernel/gate.h"
#include "spt/filter.h"
#include "spt/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define CONTROL_FD 3
#define BLOCK_FD   4
#define KEPT_FDS   5

/* ---- descriptors ---- */

static uint32_t stream_of(const struct stat *st)
{
    const bool null = S_ISCHR(st->st_mode) && st->st_rdev == 0x103; /* mem(4): 1, 3 */

    return S_ISREG(st->st_mode) || null ? BOOT_STREAM_READY : BOOT_STREAM_POLL;
}

/* All three are open from here on, so nothing else becomes one of them. */
static int standard_streams(struct tender *t)
{
    struct stat st;

    for (int fd = 0; fd < 3; fd++) {
        long r = host(fstat, fd, &st);
        if (r < 0 && (r = host(open, "/dev/null", O_RDWR)) >= 0)
            r = r == fd ? host(fstat, fd, &st) : -EBADF;
        if (r < 0)
            return tender_fail(EXIT_OWN_ERROR, "/dev/null", "open it for a standard stream that is closed", (int)r);
        t->boot.streams[fd] = stream_of(&st);
    }
    return 0;
}

/* Away from the numbers that are to be used, to the one that is. */
static int move_to(int *fd, int to)
{
    long r = *fd == to ? to : host(dup2, *fd, to);

    *fd = to;
    return r < 0 ? (int)r : 0;
}

static int control_descriptor(struct tender *t)
{
    int type = 0, fd = t->options.control;
    socklen_t n = sizeof type;

    if (host(getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
        return tender_fail(EXIT_OWN_ERROR, "--control", "it is no socket for records", 0);
    long r = move_to(&fd, CONTROL_FD);
    if (r == 0)
        r = host(fcntl, fd, F_SETOWN, host(getpid));
    if (r == 0)
        r = host(fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC);
    if (r < 0)
        return tender_fail(EXIT_OWN_ERROR, "--control", "set it up", (int)r);
    t->boot.control = fd;
    return 0;
}

static int block_descriptor(struct tender *t)
{
    int fd = (int)host(open, t->options.block, (t->options.block_rw ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? fd : move_to(&fd, BLOCK_FD);

    if (r < 0)
        return tender_fail(EXIT_OWN_ERROR, t->options.block, "open the block device", r);
    t->boot.block = fd;
    t->boot.write_back = t->options.block_rw;
    return 0;
}

/* Of the broker, which writes a number. */
static int number(const char *text)
{
    int n = 0;

    while (*text >= '0' && *text <= '9' && n < 1 << 20)
        n = n * 10 + *text++ - '0';
    return n;
}

static int open_image(struct tender *t)
{
    const char *handed = tender_environment(t, "MOAT_HANDED_FD");
    int fd = handed ? number(handed) : (int)host(open, t->options.image, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    t->handed = handed;
    if (fd < 0)
        return tender_fail(fd == -ENOENT || fd == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_INVOKED, t->options.image,
                           "open it", fd);
    /* Two numbers are taken by others. */
    if (fd < KEPT_FDS && (t->options.control >= 0 || t->options.block))
        fd = (int)host(fcntl, fd, F_DUPFD_CLOEXEC, t->options.control >= KEPT_FDS ? t->options.control + 1 : KEPT_FDS);
    t->image_fd = fd;
    return fd < 0 ? tender_fail(EXIT_OWN_ERROR, t->options.image, "keep it", fd) : 0;
}

int tender_descriptors(struct tender *t)
{
    int r = standard_streams(t);

    t->boot.control = t->boot.block = -1;
    if (r == 0)
        r = open_image(t);
    if (r == 0 && t->options.control >= 0)
        r = control_descriptor(t);
    if (r == 0 && t->options.block)
        r = block_descriptor(t);
    return r;
}

/* ---- signals ---- */

/* The kernel's own form: sigaction(2). */
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* What the processor raises, the timer, and what moat or a user asks of a program. Others keep what they do. */
static const uint8_t handled[] = {SIGSYS,  SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGTRAP, SIGALRM,
                                  SIGTERM, SIGINT,  SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
/* For process 1 of a sandbox a signal without a handler would be lost. */
static const uint8_t handled_too[] = {SIGABRT, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGSTKFLT, SIGPWR, SIGURG};

static int handle(int signo, const struct kernel_action *action)
{
    struct kernel_action before;
    long r = host(rt_sigaction, signo, action, &before, sizeof action->mask);

    /* nohup(1) and shells in the background have them ignored, for good. */
    if (r == 0 && before.handler == SIG_IGN && (signo == SIGHUP || signo == SIGINT || signo == SIGQUIT))
        r = host(rt_sigaction, signo, &before, 0, sizeof action->mask);
    return (int)r;
}

static stack_t trap_stack(const struct tender *t)
{
    return (stack_t){.ss_sp = (void *)(t->boot.heap_low - t->kernel->trap_stack_size),
                     .ss_size = t->kernel->trap_stack_size};
}

/* The handler is the image's code, so no signal may be delivered before the filter is there, and some may be waiting
 * (boundary/engine.h): all are blocked from before there is a handler until tender_jump(). */
int tender_signals(struct tender *t)
{
    const stack_t stack = trap_stack(t);
    const struct kernel_action action = {.handler = (void (*)(int))t->kernel->signal,
                                         .flags = SA_SIGINFO | SA_ONSTACK | 0x04000000 /* SA_RESTORER */,
                                         .restorer = (void (*)(void))GATE_ADDRESS(GATE_rt_sigreturn),
                                         .mask = ~0ull};
    const struct kernel_action ignore = {.handler = SIG_IGN};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    const uint64_t all = ~0ull;
    int r = (int)host(sigaltstack, &stack);

    if (r == 0)
        r = (int)host(rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
    for (size_t i = 0; r == 0 && i < sizeof handled; i++)
        r = handle(handled[i], &action);
    for (size_t i = 0; r == 0 && t->handed && i < sizeof handled_too; i++)
        r = handle(handled_too[i], &action);
    if (r == 0 && t->boot.control >= 0)
        r = handle(SIGIO, &action);
    if (r == 0)
        r = handle(SIGPIPE, &ignore);
    t->boot.timer = -1;
    if (r == 0 && t->kernel->timed)
        r = (int)host(timer_create, CLOCK_MONOTONIC, &event, &t->boot.timer);
    return r < 0 ? tender_fail(EXIT_OWN_ERROR, t->options.image, "set signals up", r) : 0;
}

/* ---- rights ---- */

static int drop_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct nothing[2] = {0};
    const struct rlimit zero = {0};

    long r = host(prctl, PR_SET_NO_NEW_PRIVS, 1);

    if (r == 0)
        r = host(prctl, PR_SET_DUMPABLE, 0);
    if (r == 0)
        r = host(setrlimit, RLIMIT_CORE, &zero);
    if (r == 0)
        r = host(capset, &header, nothing);
    return (int)r;
}

/* The image stays mapped; nobody needs its descriptor. */
static int close_others(const struct tender *t)
{
    int from = t->boot.block >= 0 ? BLOCK_FD + 1 : t->boot.control >= 0 ? CONTROL_FD + 1 : 3;

    if (t->boot.block >= 0 && t->boot.control < 0)
        host(close, CONTROL_FD);
    return (int)host(close_range, from, ~0u, 0);
}

static int install_filter(const struct tender *t)
{
    const struct boot *b = &t->boot;
    const bool plain = t->kernel->plain; /* such a kernel leaves text as it is */
    const struct filter_world world = {.text_low = plain ? 0 : b->text_low,
                                       .text_high = plain ? 0 : b->text_high,
                                       .arena_low = b->data_low,
                                       .arena_high = b->objects_high,
                                       .executable = t->image.boot.text != 0,
                                       .jit = t->image.boot.flags & IMAGE_JIT,
                                       .gives_back = !plain,
                                       .write_back = b->write_back,
                                       .control = b->control,
                                       .block = b->block,
                                       .timer = b->timer};
    struct sock_filter room[FILTER_ROOM], *program;
    int n = filter_make(&world, room, &program);

    if (n < 0)
        return n;
    struct sock_fprog prog = {.len = (unsigned short)n, .filter = program};
    return (int)host(seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

int tender_shut_in(struct tender *t)
{
    int r = close_others(t);

    if (r == 0)
        r = drop_rights();
    if (r < 0)
        return tender_fail(EXIT_OWN_ERROR, t->options.image, "give up rights", r);
    r = install_filter(t);
    return r < 0
               ? tender_fail(EXIT_OWN_ERROR, t->options.image, "set the system-call filter (CONFIG_SECCOMP_FILTER)", r)
               : 0;
}

/* ---- the jump ---- */

#define SEGMENT_CODE  0x33 /* of 64-bit code and its stack: arch/x86/include/asm/segment.h, __USER_CS and __USER_DS */
#define SEGMENT_STACK 0x2b
#define FLAGS_CLEAN   0x202   /* interrupts are on, and the bit that always is */
#define KEEP_STACK    (2 | 4) /* uc_flags: the frame has a stack segment, and it is meant: asm/ucontext.h */

/* As if a handler returned, by the gate: where it goes on and that signals are let through is one step, which the
 * filter knows anyway. What the frame says of vector registers is nothing, so they are as at a start. */
void tender_jump(struct tender *t)
{
    struct {
        unsigned long flags, link;
        stack_t stack;
        struct sigcontext registers;
        uint64_t mask;
    } frame = {.flags = KEEP_STACK, .stack = trap_stack(t)};

    frame.registers.rip = t->kernel->start;
    frame.registers.rdi = (uintptr_t)&t->boot;
    frame.registers.rsp = ((uintptr_t)&frame & ~(uintptr_t)15) - 8; /* as behind a call */
    frame.registers.eflags = FLAGS_CLEAN;
    frame.registers.cs = SEGMENT_CODE;
    frame.registers.__pad0 = SEGMENT_STACK;
    __asm__ volatile("movq %0, %%rsp\n\tjmpq *%1" ::"r"(&frame), "r"(GATE_ADDRESS(GATE_rt_sigreturn)) : "memory");
    __builtin_unreachable();
}

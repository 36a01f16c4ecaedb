/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first stub, of which all others are copies: a copy of this process from before there was anything in it that a
 * stub should not have. It lays out what a stub has (stub.h), raises the filter of services and becomes one; the sentry
 * takes the filter's listener from it, and has it give up all else of its memory.
 */
#include "sentry/sentry.h"
#include "sentry/stub_filter.h"

#include "guest/unikernel/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOST(nr, ...)  syscall(SYS_##nr, __VA_ARGS__)
#define LISTENER       (STUB_FD_READY + 1) /* the next descriptor */
#define OUT_OF_THE_WAY 64
#define SA_RESTORER    0x04000000
#define MASK           (GUEST_MASK | 1ull << (KICK_SIGNAL - 1)) /* of services, and of tasks until they are born */

struct kernel_action {
    uint64_t handler, flags, restorer, mask;
};

struct zygote {
    int objects, image, memory, ready;
    bool gate;
    struct sock_filter service_room[STUB_FILTER_ROOM], guest_room[STUB_FILTER_ROOM];
    struct sock_fprog service, guest;
};

/* ---- in the child: host calls alone, since the C library does not know of the copying ---- */

static void must(bool holds)
{
    if (!holds)
        HOST(exit_group, 1);
}

static void descriptors(const struct zygote *z)
{
    const int from[] = {z->objects, z->image, z->memory, z->ready};
    int away[4];
    for (int i = 0; i < 4; i++)
        must((away[i] = (int)HOST(fcntl, from[i], F_DUPFD, OUT_OF_THE_WAY)) >= 0);
    for (int i = 0; i < 4; i++)
        must(HOST(dup2, away[i], STUB_FD_OBJECTS + i) >= 0);
    for (int i = 0; i < STUB_FD_OBJECTS; i++) /* so that the listener's is the one that is expected */
        must(HOST(dup2, STUB_FD_READY, i) >= 0);
    must(!HOST(close_range, STUB_FD_READY + 1, ~0u, 0));
}

static void put(uint64_t at, const void *from, size_t n, int prot)
{
    void *to = (void *)(uintptr_t)at;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    must(HOST(mmap, to, PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0l) == (long)at);
    memcpy(to, from, n);
    must(!HOST(mprotect, to, PAGE_SIZE, prot));
}

/* Images whose calls were rewritten for the unikernel jump to a cell here; all registers are then as they were. */
static void put_gate(void)
{
    static uint8_t page[GATE_BODIES + 1];
    const uint64_t entry = GATE_BASE + GATE_BODIES;
    memcpy(page + (GATE_ENTRY_CELL - GATE_BASE), &entry, sizeof(entry));
    page[GATE_BODIES] = 0xcc; /* int3 */
    put(GATE_BASE, page, sizeof(page), PROT_READ | PROT_EXEC);
}

static void layout(const struct zygote *z)
{
    struct {
        struct sock_fprog head;
        struct sock_filter program[STUB_FILTER_ROOM];
    } filter;
    memset(&filter, 0, sizeof(filter));
    filter.head = z->guest;
    memcpy(filter.program, z->guest.filter, z->guest.len * sizeof(struct sock_filter));
    filter.head.filter = (struct sock_filter *)(STUB_FILTER + sizeof(filter.head));
    put(STUB_TEXT, stub_text, (size_t)(stub_text_end - stub_text), PROT_READ | PROT_EXEC);
    put(STUB_FILTER, &filter, sizeof(filter.head) + z->guest.len * sizeof(struct sock_filter), PROT_READ);
    must(HOST(mmap, STUB_ORDER, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, STUB_FD_MEMORY, 0l) ==
         STUB_ORDER);
    must(HOST(mmap, STUB_STACK, (long)STUB_STACK_SIZE, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0l) == STUB_STACK);
    if (z->gate)
        put_gate();
}

static void signals(void)
{
    const struct kernel_action action = {.handler = STUB_ADDRESS(stub_handler),
                                         .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESTORER,
                                         .restorer = STUB_TEXT,
                                         .mask = 1ull << (KICK_SIGNAL - 1)};
    const stack_t stack = {.ss_sp = (void *)STUB_STACK, .ss_size = STUB_STACK_SIZE};
    const uint64_t mask = MASK;
#define HANDLE(n) must(!HOST(rt_sigaction, n, &action, NULL, sizeof(action.mask)));
    STUB_SIGNALS(HANDLE)
#undef HANDLE
    must(!HOST(sigaltstack, &stack, NULL));
    must(!HOST(rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask)));
}

/* A core file would be written by the host; a limit of 1 byte is what keeps it from that in every setting of core(5).
 */
static void rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct nothing[2] = {{0}};
    const struct rlimit core = {1, 1};
    must(!HOST(prctl, PR_SET_NO_NEW_PRIVS, 1l, 0l, 0l, 0l));
    must(!HOST(prctl, PR_SET_DUMPABLE, 1l, 0l, 0l, 0l));
    (void)HOST(prlimit64, 0, RLIMIT_CORE, &core, NULL); /* with a hard limit of 0 it stays */
    must(!HOST(capset, &header, nothing));
}

/* In the sentry's own session: a session of theirs would be a group of the host's scheduler (sched(7), autogroup), and
 * each call of a guest a way from one group to the other, which costs as much as a third of it. What a terminal sends
 * to its session is blocked. */
/* No register keeps anything of the sentry: frames of a service lie where guests can read. */
__attribute__((noreturn)) static void forget_and_serve(long fd)
{
    static struct {
        uint8_t legacy[24];
        uint32_t mxcsr;
        uint8_t others[548];
    } __attribute__((aligned(64))) initial = {.mxcsr = 0x1f80}; /* the header says that there is nothing: all begins */
    __asm__ volatile("xrstor64 %0\n"
                     "movq %2, %%rsp\n"
                     "xorl %%eax, %%eax\n xorl %%ebx, %%ebx\n xorl %%edx, %%edx\n xorl %%esi, %%esi\n"
                     "xorl %%ebp, %%ebp\n xorl %%r8d, %%r8d\n xorl %%r9d, %%r9d\n xorl %%r10d, %%r10d\n"
                     "xorl %%r12d, %%r12d\n xorl %%r13d, %%r13d\n xorl %%r14d, %%r14d\n xorl %%r15d, %%r15d\n"
                     "jmpq *%%rcx" ::"m"(initial),
                     "c"(STUB_ADDRESS(stub_service)), "r"(STUB_STACK + STUB_STACK_SIZE), "D"(fd), "a"(-1), "d"(-1)
                     : "memory");
    __builtin_unreachable();
}

__attribute__((noreturn)) static void begin(const struct zygote *z, pid_t parent)
{
    must(!HOST(prctl, PR_SET_PDEATHSIG, (long)SIGKILL, 0l, 0l, 0l) && syscall(SYS_getppid) == parent);
    descriptors(z);
    layout(z);
    signals();
    rights();
    must(HOST(write, STUB_FD_READY, "", 1l) == 1);
    long fd = HOST(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &z->service);
    must(fd == LISTENER);
    forget_and_serve(fd);
}

/* ---- in the sentry ---- */

/* It is there a moment after the child has said that it is about to be. */
static int listener_take(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 20000};
    const uint64_t deadline = apart_clock(HOST_MONOTONIC) + PATIENCE;
    int pidfd = (int)HOST(pidfd_open, pid, 0), fd;
    if (pidfd < 0)
        apart_fatal("the first stub cannot be held: %s (Linux 5.6 has what it needs)", strerror(errno));
    while ((fd = (int)HOST(pidfd_getfd, pidfd, LISTENER, 0)) < 0 && errno == EBADF &&
           apart_clock(HOST_MONOTONIC) < deadline && waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG | WNOWAIT) == 0)
        nanosleep(&moment, NULL);
    if (fd < 0)
        apart_fatal("the first stub's listener: %s", strerror(errno));
    close(pidfd);
    return fd;
}

/* All of it but what a stub has. */
static void empty(struct aspace *as, bool gate)
{
    const uint64_t hole = gate ? GATE_BASE : STUB_LOW, behind = gate ? GATE_BASE + PAGE_SIZE : STUB_LOW;
    int64_t r = stub_order(as, ORDER_munmap, 0, hole, 0, 0, 0, 0);
    if (!r && behind < STUB_LOW)
        r = stub_order(as, ORDER_munmap, behind, STUB_LOW - behind, 0, 0, 0, 0);
    if (!r)
        r = stub_order(as, ORDER_munmap, STUB_HIGH, ADDRESS_TOP - STUB_HIGH, 0, 0, 0, 0);
    if (!r)
        r = stub_order(as, ORDER_close_range, STUB_FD_READY, ~0u, 0, 0, 0, 0);
    if (!r)
        r = stub_order(as, ORDER_close_range, 0, STUB_FD_OBJECTS - 1, 0, 0, 0, 0);
    if (r)
        apart_fatal("the first stub cannot be emptied: %s", strerror((int)-r));
}

static void programs(struct zygote *z)
{
    int n = stub_filter_service(sentry_traps, z->service_room, &z->service.filter);
    int m = stub_filter_guest(z->guest_room, &z->guest.filter);
    if (n < 0 || m < 0)
        apart_fatal("the filters of stubs are too long");
    z->service.len = (unsigned short)n, z->guest.len = (unsigned short)m;
}

struct aspace *zygote_make(int objects_fd, int image_fd, int memory_fd, bool gate)
{
    static struct zygote z;
    struct seccomp_notif n;
    int ready[2];
    char byte;
    z = (struct zygote){.objects = objects_fd, .image = image_fd, .memory = memory_fd, .gate = gate};
    programs(&z);
    if (pipe2(ready, O_CLOEXEC))
        apart_fatal("pipe: %s", strerror(errno));
    z.ready = ready[1];
    const pid_t parent = getpid();
    pid_t pid = (pid_t)HOST(clone, (long)SIGCHLD, 0l, 0l, 0l, 0l);
    if (pid < 0)
        apart_fatal("the first stub: %s", strerror(errno));
    if (!pid)
        begin(&z, parent);
    close(ready[1]);
    while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    close(ready[0]);
    notify_init(listener_take(pid));
    do
        if (notify_next(&n) < 0)
            signals_take_children();
    while (n.pid != (uint32_t)pid && waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG | WNOWAIT) == 0);
    struct aspace *as = stub_first(pid, n.id);
    empty(as, gate);
    return as;
}

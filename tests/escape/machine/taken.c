/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine process that its guest has taken over: moat-vmm's own objects linked once more, and where the machine would
 * run, an attack runs. All before is as it is: what is open, the two processes, both filters. One attempt a run, named
 * by the variable TAKEN ("list": their names):
 *
 *   status 0: held by an error; 159 (SIGSYS): ended by the filter; 10: it succeeded; 11: the I/O process is deaf
 *
 * NAIVE=1: the machine process raises no filter; by that the calls are seen to be live. CREDULOUS=1: the I/O process
 * does not check what the rings ask for; by that the requests are. FILE, VICTIM: what a file and a process of the host
 * are.
 */
#include "taken.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum machine_end __wrap_machine_run(struct machine *m);
int __real_vmm_shut_in(struct vmm *v, enum filter_process process, int vcpu);
int __wrap_vmm_shut_in(struct vmm *v, enum filter_process process, int vcpu);
int __real_vmm_fork(struct vmm *v);
int __wrap_vmm_fork(struct vmm *v);

static uint8_t page[4096] __attribute__((aligned(4096)));

/* ---- calls ---- */

static long open_file(struct vmm *v)
{
    (void)v;
    return open(getenv("FILE"), O_RDONLY);
}
static long cut_file(struct vmm *v)
{
    (void)v;
    return open(getenv("FILE"), O_WRONLY | O_APPEND);
}
static long maps(struct vmm *v)
{
    (void)v;
    return open("/proc/self/maps", O_RDONLY);
}
static long kill_other(struct vmm *v)
{
    (void)v;
    return kill(atoi(getenv("VICTIM")), 0);
}
static long kill_io(struct vmm *v)
{
    return kill(v->io, 0);
}
static long thread_kill_io(struct vmm *v)
{
    return syscall(SYS_tgkill, v->io, v->io, 0);
}
static long pidfd_io(struct vmm *v)
{
    return syscall(SYS_pidfd_open, v->io, 0);
}
static long make_socket(struct vmm *v)
{
    (void)v;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long make_file(struct vmm *v)
{
    (void)v;
    return memfd_create("x", 0);
}
static long map_code(struct vmm *v)
{
    (void)v;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}
static long allow_code(struct vmm *v)
{
    (void)v;
    return mprotect(page, sizeof page, PROT_READ | PROT_WRITE | PROT_EXEC);
}
static long unmap(struct vmm *v)
{
    return munmap(v->machine.memory.regions[0].host, 4096);
}
static long punch(struct vmm *v)
{
    return madvise(v->machine.memory.regions[0].host, 4096, MADV_REMOVE);
}
static long start_process(struct vmm *v)
{
    (void)v;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}
static long start_program(struct vmm *v)
{
    (void)v;
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 10"}, NULL}, *environment[] = {NULL};
    return execve("/bin/sh", argv, environment); /* status 10 is the other program's */
}
static long trace_me(struct vmm *v)
{
    (void)v;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long dump(struct vmm *v)
{
    (void)v;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long limits(struct vmm *v)
{
    (void)v;
    struct rlimit r;
    return getrlimit(RLIMIT_CORE, &r);
}
static long pipe_ioctl(struct vmm *v)
{
    int n;
    return ioctl(v->life[0], FIONREAD, &n);
}
static long pipe_flags(struct vmm *v)
{
    return fcntl(v->life[0], F_SETFL, 0);
}
static long one_more(struct vmm *v)
{
    return dup(v->life[0]);
}
static long poll_many(struct vmm *v)
{
    (void)v;
    struct pollfd p[64];
    const struct timespec now = {0};
    for (int i = 0; i < 64; i++)
        p[i] = (struct pollfd){-1, 0, 0};
    return ppoll(p, 64, &now, NULL);
}
static long much_random(struct vmm *v)
{
    (void)v;
    return syscall(SYS_getrandom, page, 65, 0);
}
static long user_namespace(struct vmm *v)
{
    (void)v;
    return unshare(CLONE_NEWUSER);
}
static long shared_memory(struct vmm *v)
{
    (void)v;
    const int id = shmget(IPC_PRIVATE, 4096, 0600);
    if (id >= 0)
        shmctl(id, IPC_RMID, NULL);
    return id;
}
static long make_epoll(struct vmm *v)
{
    (void)v;
    return epoll_create1(0);
}
static long affinity(struct vmm *v)
{
    (void)v;
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set);
}

/* Held by more than the filter: the I/O process is nobody's to look into (dumpable, no capabilities). */
static long trace_io(struct vmm *v)
{
    return ptrace(PTRACE_SEIZE, v->io, NULL, NULL);
}
static long read_io(struct vmm *v)
{
    struct iovec here = {page, 16}, there = {page, 16};
    return syscall(SYS_process_vm_readv, v->io, &here, 1, &there, 1, 0);
}
static long open_io(struct vmm *v)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", v->io);
    return open(path, O_RDWR);
}
static const struct call {
    const char *name;
    long (*call)(struct vmm *v);
    bool twice; /* held without the filter as well */
} calls[] = {
    {"file", open_file, false},      {"file-append", cut_file, false},    {"maps", maps, false},
    {"kill", kill_other, false},     {"kill-io", kill_io, false},         {"tgkill-io", thread_kill_io, false},
    {"pidfd-io", pidfd_io, false},   {"socket", make_socket, false},      {"memfd", make_file, false},
    {"code", map_code, false},       {"code-own", allow_code, false},     {"unmap", unmap, false},
    {"punch", punch, false},         {"fork", start_process, false},      {"exec", start_program, false},
    {"traceme", trace_me, false},    {"dumpable", dump, false},           {"limits", limits, false},
    {"ioctl", pipe_ioctl, false},    {"fcntl", pipe_flags, false},        {"dup", one_more, false},
    {"poll-many", poll_many, false}, {"random-much", much_random, false}, {"namespace", user_namespace, false},
    {"shm", shared_memory, false},   {"epoll", make_epoll, false},        {"affinity", affinity, false},
    {"trace-io", trace_io, true},    {"memory-io", read_io, true},        {"proc-io", open_io, true},
};

/* ---- */

static void list(void)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        printf("%s\t%s\n", calls[i].twice ? "twice" : "call", calls[i].name);
    for (const struct taken_row *r = taken_rings; r->name; r++)
        printf("ring\t%s\n", r->name);
    for (const struct taken_row *r = taken_media; r->name; r++)
        printf("media\t%s\n", r->name);
    for (const struct taken_row *r = taken_pc; r->name; r++)
        printf("media\t%s\n", r->name);
    for (const struct taken_row *r = taken_pc_calls; r->name; r++)
        printf("pc-call\t%s\n", r->name);
    for (const struct taken_row *r = taken_pc_faults; r->name; r++)
        printf("pc-fault\t%s\n", r->name);
}

static enum taken attack(struct vmm *v, const char *name)
{
    const struct taken_row *const tables[] = {taken_rings, taken_media, taken_pc, taken_pc_calls, taken_pc_faults};

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (!strcmp(calls[i].name, name))
            return calls[i].call(v) < 0 ? HELD : ESCAPED;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct taken_row *r = tables[i]; r->name; r++)
            if (!strcmp(r->name, name))
                return r->run(v);
    return NO_ANSWER;
}

enum machine_end __wrap_machine_run(struct machine *m)
{
    const char *name = getenv("TAKEN");

    _exit(attack(m->host.owner, name ? name : ""));
}

int __wrap_vmm_shut_in(struct vmm *v, enum filter_process process, int vcpu)
{
    if (process == FILTER_MACHINE)
        taken_pc_without(v);
    return getenv("NAIVE") ? 0 : __real_vmm_shut_in(v, process, vcpu);
}

int __wrap_vmm_fork(struct vmm *v)
{
    const char *name = getenv("TAKEN");

    if (name && !strcmp(name, "list")) {
        list();
        exit(0);
    }
    taken_pc_forget(v);
    return taken_credulous() ? taken_fork_credulous(v, __real_vmm_fork) : __real_vmm_fork(v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class arguments: the forbidden call in a dress. The kernel looks at 32 bits where a filter may have compared 64,
 * numbers calls differently for two other kinds of program, and takes flags in structs.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH (1UL << 32)

static void reap(struct seen *s, long pid, const char *evidence)
{
    if (pid == 0)
        _exit(0);
    say_result(s, pid, evidence);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
}

/* ---- namespaces --------------------------------------------------------------------------------------------- */

static void clone_flags(const struct probe *p, struct seen *s)
{
    reap(s, syscall(SYS_clone, (unsigned long)p->number | SIGCHLD, 0, 0, 0, 0), "a child in a namespace of its own");
}

static void clone3_flags(const struct probe *p, struct seen *s)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
            cgroup;
    } a = {.flags = (uint64_t)p->number, .exit_signal = SIGCHLD};

    reap(s, syscall(SYS_clone3, &a, p->second), "a child in a namespace of its own");
}

static void unshare_flags(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_unshare, p->number), "a namespace of its own");
}

/* ---- numbers of other kinds of program ---------------------------------------------------------------------- */

#ifdef __x86_64__
static long by_int80(long nr, long a, long b, long c)
{
    long r;

    __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    if (r < 0)
        errno = (int)-r;
    return r < 0 ? -1 : r;
}

/* Pointers of the other kind have 32 bits. */
static void *low_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

static void int80(const struct probe *p, struct seen *s)
{
    long r = by_int80(p->number, p->second, 0, 0);

    say_behind(s, r, BEHIND(EINVAL, EFAULT, ENOENT), "the call was made as a 32-bit program's");
}

static void int80_open(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    char *page = file ? low_page() : NULL;

    if (!page)
        return;
    snprintf(page, 4096, "%s", file);
    int fd = (int)by_int80(5 /* open */, (long)page, O_RDONLY, 0);
    if (fd < 0 || !show_fd(s, fd, "int 0x80"))
        say_errno(s, "int 0x80");
}

static void int80_bpf(const struct probe *p, struct seen *s)
{
    uint32_t *attr = low_page();

    if (!attr)
        return say_errno(s, "mmap");
    attr[0] = 2, attr[1] = 4, attr[2] = 4, attr[3] = 1;
    say_result(s, by_int80(357, 0, (long)attr, 72), "a BPF map by the 32-bit call");
}

static void int80_socket(const struct probe *p, struct seen *s)
{
    uint32_t *args = low_page();

    if (!args)
        return say_errno(s, "mmap");
    args[0] = 40, args[1] = SOCK_STREAM;
    say_result(s, by_int80(102 /* socketcall */, 1 /* socket */, (long)args, 0),
               "a socket to the hypervisor by socketcall");
}

static void x32(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(0x40000000L | p->number, p->second, 0, 0), "the call was made as an x32 program's");
}
#endif

/* The kernel takes 32 bits of the number. */
static void high_number(const struct probe *p, struct seen *s)
{
    uint32_t attr[32] = {2, 4, 4, 1};

    if (p->number == SYS_bpf)
        say_result(s, syscall(p->number | (long)HIGH, 0, attr, sizeof attr), "a BPF map");
    else
        say_result(s, syscall(p->number | (long)HIGH, p->second, 0, 0, 0), "the call was made");
}

/* ---- commands and families ---------------------------------------------------------------------------------- */

static void socket_high(const struct probe *p, struct seen *s)
{
    long fd = syscall(SYS_socket, (unsigned long)p->number | HIGH, (unsigned long)p->second, 0);

    if (fd >= 0 && p->number == AF_PACKET)
        host_link(s, (int)fd);
    else
        say_result(s, fd, "a socket of a family with a high bit");
}

static void key_high(const struct probe *p, struct seen *s)
{
    char payload[96] = "";
    long id = syscall(SYS_keyctl, KEYCTL_SEARCH | HIGH, KEY_SPEC_SESSION_KEYRING, "user", "moat-canary", 0);

    if (id < 0 || syscall(SYS_keyctl, KEYCTL_READ | HIGH, id, payload, sizeof payload - 1, 0) < 0)
        say_errno(s, "search");
    else
        say_escaped(s, "read '%s' from the caller's key", payload);
}

static void setns_high(const struct probe *p, struct seen *s)
{
    char path[64];
    pid_t pid = outside_pid(s);

    if (!pid)
        return;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return say_errno(s, "open");
    say_result(s, syscall(SYS_setns, fd, CLONE_NEWNET | HIGH), "in the network namespace of a process outside");
}

/* ---- properties of a process -------------------------------------------------------------------------------- */

static void personality(const struct probe *p, struct seen *s)
{
    long r = syscall(SYS_personality, p->number);

    say_result(s, r, "addresses are not random, or memory may be executed, in what it starts");
}

static void ambient(const struct probe *p, struct seen *s)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    const unsigned long cap = CAP_SYS_ADMIN;

    if (syscall(SYS_capget, &h, d) < 0)
        return say_errno(s, "capget");
    d[0].inheritable |= 1U << cap;
    if (syscall(SYS_capset, &h, d) < 0)
        return say_errno(s, "capset");
    say_result(s, syscall(SYS_prctl, PR_CAP_AMBIENT | (p->number ? (long)HIGH : 0), PR_CAP_AMBIENT_RAISE, cap, 0, 0),
               "CAP_SYS_ADMIN goes to all that it starts");
}

static void memory_map(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_prctl, 35 /* PR_SET_MM */ | (long)HIGH, 13 /* EXE_FILE */, -1, 0, 0),
               BEHIND(EBADF, EBUSY), "another file as its executable");
    say_without(s, CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE");
}

static const struct probe rows[] = {
    {"clone-user", clone_flags, "clone(CLONE_NEWUSER)", NEEDS_FILTER | NEEDS_KERNEL, .number = CLONE_NEWUSER},
    {"clone-user-high", clone_flags, "the same with a high bit that the kernel drops", NEEDS_FILTER | NEEDS_KERNEL,
     .number = CLONE_NEWUSER | 1L << 40},
    {"clone-mount-high", clone_flags, "clone(CLONE_NEWNS) with a high bit", NEEDS_ROOT | NEEDS_KERNEL,
     .number = CLONE_NEWNS | 1L << 40},
    {"clone-net", clone_flags, "clone(CLONE_NEWNET)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWNET},
    {"clone3-user", clone3_flags, "clone3 with CLONE_NEWUSER", NEEDS_FILTER | NEEDS_KERNEL, .number = CLONE_NEWUSER,
     .second = 64},
    {"clone3-user-long", clone3_flags, "clone3 with CLONE_NEWUSER in the longest struct", NEEDS_FILTER | NEEDS_KERNEL,
     .number = CLONE_NEWUSER, .second = 88},
    {"clone3-mount", clone3_flags, "clone3 with CLONE_NEWNS", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWNS,
     .second = 64},
    {"clone3-time", clone3_flags, "clone3 with CLONE_NEWTIME, which clone has not", NEEDS_ROOT | NEEDS_KERNEL,
     .number = 0x80, .second = 64},
    {"unshare-all", unshare_flags, "unshare of all at once", NEEDS_FILTER | NEEDS_KERNEL, .number = 0x7e020080},
#ifdef __x86_64__
    {"int80-getpid", int80, "getpid through int 0x80", NEEDS_FILTER | NEEDS_KERNEL, .number = 20},
    {"int80-unshare", int80, "unshare(CLONE_NEWUSER) through int 0x80", NEEDS_FILTER | NEEDS_KERNEL, .number = 310,
     .second = CLONE_NEWUSER},
    {"int80-fsopen", int80, "fsopen through int 0x80", NEEDS_ROOT | NEEDS_KERNEL, .number = 430},
    {"int80-init-module", int80, "init_module through int 0x80", NEEDS_ROOT | NEEDS_KERNEL, .number = 128},
    {"int80-iopl", int80, "iopl(3) through int 0x80", NEEDS_ROOT | NEEDS_KERNEL, .number = 110, .second = 3},
    {"int80-vm86", int80, "vm86 through int 0x80", NEEDS_KERNEL, .number = 166, .second = 1},
    {"int80-open", int80_open, "opens a file of the host through int 0x80", NEEDS_TOKEN},
    {"int80-bpf", int80_bpf, "makes a BPF map through int 0x80", NEEDS_ROOT | NEEDS_KERNEL},
    {"int80-socketcall", int80_socket, "a socket to the hypervisor through int 0x80 and socketcall",
     NEEDS_FILTER | NEEDS_KERNEL},
    {"x32-getpid", x32, "getpid with the x32 bit", NEEDS_FILTER | NEEDS_KERNEL, .number = SYS_getpid},
    {"x32-unshare", x32, "unshare(CLONE_NEWUSER) with the x32 bit", NEEDS_FILTER | NEEDS_KERNEL, .number = SYS_unshare,
     .second = CLONE_NEWUSER},
#endif
    {"number-high-unshare", high_number, "unshare(CLONE_NEWUSER) with bit 32 of its number set",
     NEEDS_FILTER | NEEDS_KERNEL, .number = SYS_unshare, .second = CLONE_NEWUSER},
    {"number-high-bpf", high_number, "makes a BPF map with bit 32 of the number set", NEEDS_ROOT | NEEDS_KERNEL,
     .number = SYS_bpf},
    {"socket-alg-high", socket_high, "a cipher socket, its family with bit 32 set", NEEDS_FILTER | NEEDS_KERNEL,
     .number = 38, .second = SOCK_SEQPACKET},
    {"socket-vsock-high", socket_high, "a socket to the hypervisor, its family with bit 32 set",
     NEEDS_FILTER | NEEDS_KERNEL, .number = 40, .second = SOCK_STREAM},
    {"socket-packet-high", socket_high, "a packet socket, its family with bit 32 set", NEEDS_ROOT | NEEDS_KERNEL,
     .number = AF_PACKET, .second = SOCK_RAW},
    {"key-high", key_high, "searches the caller's key with bit 32 of the command set", NEEDS_TOKEN},
    {"setns-high", setns_high, "setns of a process outside with bit 32 of the kind set", NEEDS_ROOT | NEEDS_KERNEL},
    {"personality", personality, "personality(ADDR_NO_RANDOMIZE)", NEEDS_FILTER | NEEDS_KERNEL, .number = 0x0040000},
    {"personality-exec", personality, "personality(READ_IMPLIES_EXEC)", NEEDS_FILTER | NEEDS_KERNEL,
     .number = 0x0400000},
    {"personality-high", personality, "personality(ADDR_NO_RANDOMIZE) with bit 32 set", NEEDS_FILTER | NEEDS_KERNEL,
     .number = 0x0040000 | 1L << 32},
    {"prctl-ambient", ambient, "raises an ambient capability", NEEDS_ROOT | NEEDS_KERNEL},
    {"prctl-ambient-high", ambient, "the same with bit 32 of the command set", NEEDS_ROOT | NEEDS_KERNEL, .number = 1},
    {"prctl-executable", memory_map, "PR_SET_MM of the executable with bit 32 of the command set",
     NEEDS_ROOT | NEEDS_KERNEL},
};

const struct probe_class arguments_class = {"arguments", rows, ARRAY_LEN(rows)};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker gives up what it does not need, before the target runs. In this order: a mount namespace with nothing but
 * the brokered directories (views.h); the target's user namespace, so that no right of it counts on the host; the
 * target's ids; every capability but CAP_SYS_PTRACE, which there means reading what the target is made of; core dumps
 * and inspection; a system-call filter that kills.
 *
 * Its network namespace stays the host's: connecting there is the service that network rules ask for, and without such
 * rules the filter has no socket(2).
 */
#include "broker/looker.h"
#include "broker/views.h"
#include "confine/seccomp.h"
#include "confine/walls.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS_SPACE ((rlim_t)256 << 20)
#define DESCRIPTORS   1024

/* ---- the filter: every row says who calls it ----------------------------------------------------------------------
 */

/* clang-format off */
static const char *always[] = {
    "read",              /* /proc/PID/status: umask, names for reports; the looker's answer */
    "write",             /* events, the line on the terminal, a question to the looker */
    "writev",            /* stdio, at its end */
    "close",
    "poll",              /* notify.c, denials.c (x86-64) ... */
    "ppoll",             /* ... and elsewhere */
    "openat",            /* /proc/PID/..., the second opening of what was looked up, creating */
    "openat2",           /* looking up */
    "newfstatat",        /* what was looked up (x86-64) ... */
    "fstatat64",         /* ... and elsewhere */
    "fstatfs",           /* whether a file system is read-only; statfs(2) */
    "statx",             /* statx(2); whether two descriptors are of one file */
    "readlinkat",        /* paths of descriptors; readlink(2) */
    "faccessat2",        /* access(2) */
    "lseek",             /* whether it is a fifo */
    "fcntl",             /* takes O_NONBLOCK off */
    "process_vm_readv",  /* copies of arguments */
    "process_vm_writev", /* results */
    "umask",             /* creating as the target would */
    "recvmsg",           /* the listener */
    "sendto",            /* BROKER_SAY_READY; network: datagrams, names */
    "munmap", "mremap", "brk", "madvise", /* the writer of reports */
    "clock_gettime",     /* network: time limits, where the vDSO has no clock */
    "restart_syscall",   /* after a stop */
    "rt_sigreturn", "exit_group", "exit",
    NULL};
static const char *to_change[] = { /* one name, one service: files_change.c, files_open.c */
    "mkdirat", "unlinkat", "renameat2", "symlinkat", "fchmodat", "fchownat", "utimensat", "ftruncate", NULL};
static const char *for_network[] = {
    "connect", "bind", "listen",                               /* services, of net.c */
    "sendmsg",                                                 /* net_send.c */
    "recvfrom", "getrandom",                                   /* names */
    "getsockopt", "setsockopt", "getsockname", "getpeername",  /* a new socket like the target's */
    "pidfd_open", "pidfd_getfd",                               /* the target's socket */
    NULL};
static const char *to_tell_of_network[] = {"pidfd_open", "pidfd_getfd", "getsockopt", "getpeername", NULL}; /* net.c, only_tell() */
/* clang-format on */
static const char *mapping[] = {"mmap", "mprotect", NULL};
static const char *ioctl_call[] = {"ioctl", NULL};
static const char *socket_call[] = {"socket", NULL};

static uint32_t count(const char *const *names)
{
    uint32_t n = 0;

    while (names[n])
        n++;
    return n;
}

static bool changes_something(const struct broker *b)
{
    for (uint32_t i = 0; i < b->rules.n; i++) {
        if (b->rules.v[i].verdict == PATH_BROKER && b->rules.v[i].access & (PATH_WRITE | PATH_CREATE))
            return true;
    }
    return false;
}

static int enter_filter(const struct broker *b, struct err *err)
{
    /* Those of an open first: they are looked for in this order. */
    static const uint32_t requests[] = {SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_ADDFD, SECCOMP_IOCTL_NOTIF_SEND,
                                        SECCOMP_IOCTL_NOTIF_ID_VALID, 0x40082104 /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */};
    static const int families[] = {AF_INET, AF_INET6};
    struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC};
    struct seccomp_arg args[ARRAY_LEN(requests) + ARRAY_LEN(families)];
    struct seccomp_rule rules[4 + ARRAY_LEN(args)];
    uint32_t n = 0, k = 0;

#define RULE(list) (struct seccomp_rule){.names = {(char **)(list), count(list)}, .action = SECCOMP_RET_ALLOW}
#define RULE_IF(list, a)                                                                                               \
    (struct seccomp_rule)                                                                                              \
    {                                                                                                                  \
        .names = {(char **)(list), count(list)}, .action = SECCOMP_RET_ALLOW, .args = (a), .n_args = 1                 \
    }
    rules[n++] = RULE(always);
    rules[n++] = RULE_IF(mapping, &no_exec);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        args[k] =
            (struct seccomp_arg){.index = 1, .op = SECCOMP_OP_MASKED_EQ, .value = 0xffffffff, .value_two = requests[i]};
        rules[n++] = RULE_IF(ioctl_call, &args[k++]);
    }
    if (changes_something(b))
        rules[n++] = RULE(to_change);
    for (size_t i = 0; b->rules.n_net && i < ARRAY_LEN(families); i++) {
        args[k] = (struct seccomp_arg){.index = 0, .op = SECCOMP_OP_EQ, .value = (uint64_t)families[i]};
        rules[n++] = RULE_IF(socket_call, &args[k++]);
    }
    if (b->rules.n_net)
        rules[n++] = RULE(for_network);
    else if (b->rules.flags & (BROKER_LEARN | BROKER_DENY_LOG))
        rules[n++] = RULE(to_tell_of_network);
    struct seccomp_policy policy = {
        .set = true, .default_action = SECCOMP_RET_KILL_PROCESS, .rules = rules, .n_rules = n};
    struct bpf_program program;
    struct arena arena;
    int r = arena_init(&arena, 16u << 20);
    if (r < 0)
        return err_sys(err, r, "compile the broker's system-call filter");
    r = seccomp_compile(&arena, &policy, &program, err);
    if (r == 0) {
        struct sock_fprog prog = {.len = (unsigned short)program.n, .filter = program.insns};
        r = (int)sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
        if (r < 0)
            err_sys(err, r, "set the broker's system-call filter: the kernel needs CONFIG_SECCOMP_FILTER");
    }
    arena_free(&arena);
    return r;
}

/* ---- ids and capabilities ---------------------------------------------------------------------------------------- */

static int take_ids(const struct broker *b, struct err *err)
{
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    sys(SYS_setgroups, 0, NULL); /* refused without privilege: then they are the caller's, as the target's are */
    int r = (int)sys(SYS_setresgid, b->rules.gid, b->rules.gid, b->rules.gid);
    if (r == 0)
        r = (int)sys(SYS_setresuid, b->rules.uid, b->rules.uid, b->rules.uid);
    return r < 0 ? err_sys(err, r, "broker: ids %u:%u of the target", b->rules.uid, b->rules.gid) : 0;
}

static int drop_capabilities(struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    uint32_t keep = 1u << CAP_SYS_PTRACE;
    int r;

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int cap = 0; cap < 64; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* fails without CAP_SETPCAP: no exec(2) is possible anyway */
    if ((r = (int)sys(SYS_capget, &header, data)) < 0)
        return err_sys(err, r, "broker: read capabilities");
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= i ? 0 : keep;
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    r = (int)sys(SYS_capset, &header, data);
    return r < 0 ? err_sys(err, r, "broker: drop capabilities") : 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int enter_views(struct broker *b, int userns, struct err *err)
{
    views_hold(b);
    int r = (int)sys(SYS_unshare, CLONE_NEWNS);
    bool privileged = r == 0;
    if (privileged && (r = views_make(b, err)) < 0)
        return r;
    if (userns >= 0) {
        if (privileged)
            sys(SYS_setgroups, 0, NULL);
        if ((r = (int)sys(SYS_setns, userns, CLONE_NEWUSER)) < 0)
            return err_sys(err, r, "broker: enter the target's user namespace");
    }
    if (!privileged && userns >= 0) {
        if ((r = (int)sys(SYS_unshare, CLONE_NEWNS)) < 0)
            return err_sys(err, r, "broker: a mount namespace of its own");
        b->by_name = true;
        return views_make(b, err);
    }
    return 0; /* neither: a host where nothing can be had; directories are then not given out */
}

int shut_in(struct broker *b, int userns, struct err *err)
{
    int r = enter_views(b, userns, err);

    if (r == 0 && userns >= 0)
        r = take_ids(b, err);
    if (r < 0)
        return r;
    close(userns);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, -errno, "broker: give up privileges");
    if (b->rules.n_net && fchdir(b->own_fds) < 0) /* net.c names sockets that have a path from here */
        return err_sys(err, -errno, "broker: its own descriptors");
    umask(077);
    walls_limit(RLIMIT_CORE, 0);
    walls_limit(RLIMIT_AS, ADDRESS_SPACE);
    walls_limit(RLIMIT_NOFILE, DESCRIPTORS);
    if ((r = drop_capabilities(err)) < 0)
        return r;
    if (b->host >= 0 && (r = looker_start(b, err)) < 0)
        return r;
    return enter_filter(b, err);
}

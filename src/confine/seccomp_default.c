/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat's own seccomp profile: what a workload that was given no other may call. It is a list of what is allowed; all
 * else is EPERM, and what is newer than the list ENOSYS. Each row gives its reason; rows with capabilities only count
 * when the workload keeps one of them. In effect it is close to what docker allows; it is narrower in socket families.
 *
 * Deliberately absent, because the kernel behind them is large, young or not divided into namespaces: io_uring_* (runs
 * calls past this filter), userfaultfd (freezes the kernel in the middle of a copy), add_key, keyctl and request_key
 * (keys are not namespaced by container), kexec_*, swapon and swapoff, move_pages and migrate_pages, nfsservctl,
 * uselib, ustat, sysfs, _sysctl, vserver, and the module calls of Linux 2.4.
 */
#include "confine/seccomp.h"

#include "confine/paths.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>

#define DENY_DEFAULT (SECCOMP_RET_ERRNO | EPERM)
#define DENY_ENOSYS  (SECCOMP_RET_ERRNO | ENOSYS)

#define CAP(name) (1ull << CAP_##name)
/* Numbers that older headers lack. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

struct profile_row {
    const char *reason;
    uint64_t with;    /* counts only when the workload has one of these; 0: always */
    uint64_t without; /* counts only when it has none of these */
    uint32_t action;
    const char *const *names; /* NULL-terminated */
    const struct seccomp_arg *args;
    uint32_t n_args;
};

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ARGS(...)                                                                                                      \
    ((const struct seccomp_arg[]){__VA_ARGS__}),                                                                       \
        (sizeof((const struct seccomp_arg[]){__VA_ARGS__}) / sizeof(struct seccomp_arg))

/* clone3 passes its flags in memory, where a filter cannot see them; clone has them in a register. */
#define CLONE_NAMESPACES                                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const struct profile_row profile[] = {
    {"reading, writing and moving data between descriptors", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("copy_file_range", "lseek", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
           "readahead", "readv", "sendfile", "splice", "tee", "vmsplice", "write", "writev")},
    {"opening, duplicating and closing descriptors", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("close", "close_range", "creat", "dup", "dup2", "dup3", "fcntl", "flock", "ioctl", "memfd_create",
           "memfd_secret", "open", "openat", "openat2", "pipe", "pipe2")},
    {"waiting for descriptors and events", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
           "epoll_wait_old", "eventfd", "eventfd2", "fanotify_mark", "inotify_add_watch", "inotify_init",
           "inotify_init1", "inotify_rm_watch", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4",
           "timerfd_create", "timerfd_gettime", "timerfd_settime")},
    {"the older asynchronous input and output, which io_uring does not replace everywhere", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit")},
    {"names, links and directories; permissions on files decide", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("access", "chdir", "faccessat", "faccessat2", "fchdir", "getcwd", "getdents", "getdents64", "link", "linkat",
           "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at", "readlink", "readlinkat", "rename", "renameat",
           "renameat2", "rmdir", "symlink", "symlinkat", "umask", "unlink", "unlinkat")},
    {"attributes of files", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("chmod", "chown", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fgetxattr", "file_getattr",
           "file_setattr", "flistxattr", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "futimesat", "getxattr",
           "getxattrat", "lchown", "lgetxattr", "listxattr", "listxattrat", "llistxattr", "lremovexattr", "lsetxattr",
           "lstat", "newfstatat", "removexattr", "removexattrat", "setxattr", "setxattrat", "stat", "statfs", "statx",
           "utime", "utimensat", "utimes")},
    {"sizes and durability of files", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("cachestat", "fadvise64", "fallocate", "fdatasync", "fsync", "ftruncate", "sync", "sync_file_range",
           "syncfs", "truncate")},
    {"reading the mount table of the own namespace", 0, 0, SECCOMP_RET_ALLOW, NAMES("listmount", "statmount")},
    {"memory of the process itself", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("brk", "madvise", "map_shadow_stack", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap",
           "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
           "pkey_mprotect", "process_mrelease", "remap_file_pages")},
    {"making, replacing and ending processes and threads", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("execve", "execveat", "exit", "exit_group", "fork", "gettid", "set_tid_address", "vfork", "wait4",
           "waitid")},
    {"identity; the capability set and the user namespace limit what these give", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid",
           "getresgid", "getresuid", "getsid", "getuid", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid",
           "setregid", "setresgid", "setresuid", "setreuid", "setsid", "setuid")},
    {"signals", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("kill", "pause", "pidfd_open", "pidfd_send_signal", "restart_syscall", "rt_sigaction", "rt_sigpending",
           "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
           "sigaltstack", "tgkill", "tkill")},
    {"the processor the thread runs on: thread-local storage, segments, restartable sequences, probes", 0, 0,
     SECCOMP_RET_ALLOW,
     NAMES("arch_prctl", "get_thread_area", "getcpu", "modify_ldt", "prctl", "rseq", "rseq_slice_yield",
           "set_thread_area", "uprobe", "uretprobe")},
    {"locks between threads", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("futex", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "set_robust_list")},
    {"System V and POSIX message passing, which have an IPC namespace", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
           "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget")},
    {"scheduling and limits; raising them needs capabilities", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("getpriority", "getrlimit", "getrusage", "ioprio_get", "ioprio_set", "prlimit64", "sched_get_priority_max",
           "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
           "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
           "sched_yield", "setpriority", "setrlimit")},
    {"reading clocks, sleeping and timers; adjtimex and clock_adjtime only read without CAP_SYS_TIME", 0, 0,
     SECCOMP_RET_ALLOW,
     NAMES("adjtimex", "alarm", "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer",
           "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
           "timer_gettime", "timer_settime", "times")},
    {"using sockets that exist", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
           "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair")},
    {"about the system", 0, 0, SECCOMP_RET_ALLOW, NAMES("getrandom", "sysinfo", "uname")},
    {"walls a process builds around itself", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp")},
    {"debugging the own processes; since Linux 4.8 a tracer cannot get past this filter", 0, 0, SECCOMP_RET_ALLOW,
     NAMES("process_vm_readv", "process_vm_writev", "ptrace")},

    {"sockets of the families that have a network namespace and daily use. Not AF_VSOCK (reaches the hypervisor past "
     "every "
     "network namespace), AF_ALG (the kernel's cryptography) and the rarely tested rest",
     0, 0, SECCOMP_RET_ALLOW, NAMES("socket"),
     ARGS({0, SECCOMP_OP_EQ, AF_UNIX, 0}, {0, SECCOMP_OP_EQ, AF_INET, 0}, {0, SECCOMP_OP_EQ, AF_INET6, 0},
          {0, SECCOMP_OP_EQ, AF_NETLINK, 0}, {0, SECCOMP_OP_EQ, AF_PACKET, 0})},
    {"execution domains that only change what uname says; ~0 asks. Others switch protections off", 0, 0,
     SECCOMP_RET_ALLOW, NAMES("personality"),
     ARGS({0, SECCOMP_OP_EQ, 0, 0}, {0, SECCOMP_OP_EQ, 0x8, 0}, {0, SECCOMP_OP_EQ, 0x20000, 0},
          {0, SECCOMP_OP_EQ, 0x20008, 0}, {0, SECCOMP_OP_EQ, 0xffffffff, 0})},
    {"threads and processes without new namespaces, which would open kernel code that only root reaches otherwise", 0,
     CAP(SYS_ADMIN), SECCOMP_RET_ALLOW, NAMES("clone"), ARGS({0, SECCOMP_OP_MASKED_EQ, CLONE_NAMESPACES, 0})},
    {"its flags cannot be seen, so programs are sent back to clone", 0, CAP(SYS_ADMIN), DENY_ENOSYS, NAMES("clone3")},

    {"administration of the sandbox's own namespaces", CAP(SYS_ADMIN), 0, SECCOMP_RET_ALLOW,
     NAMES("clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lsm_get_self_attr",
           "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount", "open_tree",
           "open_tree_attr", "pivot_root", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns",
           "umount2", "unshare")},
    {"programs in the kernel", CAP(SYS_ADMIN) | CAP(BPF), 0, SECCOMP_RET_ALLOW, NAMES("bpf")},
    {"counters of the whole machine", CAP(SYS_ADMIN) | CAP(PERFMON), 0, SECCOMP_RET_ALLOW, NAMES("perf_event_open")},
    {"the kernel's log", CAP(SYS_ADMIN) | CAP(SYSLOG), 0, SECCOMP_RET_ALLOW, NAMES("syslog")},
    {"opening files past the directories above them", CAP(DAC_READ_SEARCH), 0, SECCOMP_RET_ALLOW,
     NAMES("open_by_handle_at")},
    {"ending the PID namespace", CAP(SYS_BOOT), 0, SECCOMP_RET_ALLOW, NAMES("reboot")},
    {"another root directory", CAP(SYS_CHROOT), 0, SECCOMP_RET_ALLOW, NAMES("chroot")},
    {"kernel modules", CAP(SYS_MODULE), 0, SECCOMP_RET_ALLOW, NAMES("delete_module", "finit_module", "init_module")},
    {"process accounting", CAP(SYS_PACCT), 0, SECCOMP_RET_ALLOW, NAMES("acct")},
    {"looking into other processes by other ways than ptrace", CAP(SYS_PTRACE), 0, SECCOMP_RET_ALLOW,
     NAMES("kcmp", "pidfd_getfd", "process_madvise")},
    {"ports of the hardware", CAP(SYS_RAWIO), 0, SECCOMP_RET_ALLOW, NAMES("ioperm", "iopl")},
    {"setting clocks", CAP(SYS_TIME), 0, SECCOMP_RET_ALLOW, NAMES("clock_settime", "settimeofday")},
    {"terminals of others", CAP(SYS_TTY_CONFIG), 0, SECCOMP_RET_ALLOW, NAMES("vhangup")},
    {"placing memory on nodes", CAP(SYS_NICE), 0, SECCOMP_RET_ALLOW,
     NAMES("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node")},
};

int seccomp_default_profile(struct arena *a, uint64_t caps, struct seccomp_policy *out, struct err *err)
{
    struct seccomp_rule *rules = arena_array(a, ARRAY_LEN(profile), sizeof *rules);
    uint32_t n = 0;

    if (!rules)
        return err_set(err, -ENOMEM, "no memory for the built-in seccomp profile");
    for (size_t i = 0; i < ARRAY_LEN(profile); i++) {
        const struct profile_row *row = &profile[i];
        if ((row->with && !(caps & row->with)) || (caps & row->without))
            continue;
        struct seccomp_rule *r = &rules[n++];
        r->action = row->action;
        /* The policy is read-only once it is filled; its types do not say so. */
        r->names.v = (char **)(uintptr_t)row->names;
        while (row->names[r->names.n])
            r->names.n++;
        r->args = (struct seccomp_arg *)(uintptr_t)row->args;
        r->n_args = row->n_args;
    }
    *out = (struct seccomp_policy){.set = true, .default_action = DENY_DEFAULT, .rules = rules, .n_rules = n};
    return 0;
}

uint32_t seccomp_policy_notify(const struct policy *p)
{
    return (paths_brokered(p) || p->deny_log ? NOTIFY_FILES : 0u) | (p->n_net || p->deny_log ? NOTIFY_NETWORK : 0u) |
           (p->deny_log ? NOTIFY_EXEC : 0u);
}

int seccomp_policy_rules(struct arena *a, const struct policy *p, uint64_t caps, uint32_t notify,
                         struct seccomp_policy *out, struct err *err)
{
    int r = 0;

    if (p->seccomp.set && p->seccomp.moat_default) {
        r = p->private_root ? seccomp_broker_profile(a, p, notify, out, err)
                            : seccomp_default_profile(a, caps, out, err);
        out->flags = p->seccomp.flags;
    } else if (notify) {
        return err_set(err, -EINVAL, SECCOMP_NOTIFY_NEEDS_OURS);
    } else {
        *out = p->seccomp;
    }
    if (r == 0 && p->ioctls.set) {
        if (!out->set)
            *out = (struct seccomp_policy){.set = true, .default_action = SECCOMP_RET_ALLOW};
        out->ioctls = &p->ioctls;
    }
    return r;
}

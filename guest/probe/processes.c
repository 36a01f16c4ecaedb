/* SPDX-License-Identifier: Apache-2.0 */
/* Class processes: those outside, read, written, stopped, joined or watched; and rights that a process may not give
 * itself. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYS_pidfd_send_signal_ = 424, SYS_pidfd_open_ = 434, SYS_pidfd_getfd_ = 438, SYS_process_madvise_ = 440 };

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void read_memory(const struct probe *p, struct seen *s)
{
    char text[64] = "";
    pid_t pid = outside_pid(s);
    struct iovec own = {text, sizeof text - 1}, other = {(void *)fact_number("secret"), sizeof text - 1};

    if (!pid)
        return;
    if (process_vm_readv(pid, &own, 1, &other, 1, 0) < 0)
        say_errno(s, "process_vm_readv");
    else
        say_escaped(s, "read '%s' from memory outside", text);
}

static void write_memory(const struct probe *p, struct seen *s)
{
    char text[8] = "written";
    pid_t pid = outside_pid(s);
    struct iovec own = {text, sizeof text}, other = {(void *)fact_number("scratch"), sizeof text};

    if (pid)
        say_result(s, process_vm_writev(pid, &own, 1, &other, 1, 0), "wrote into memory outside");
}

/* Any file of /proc/PID, mem at the secret's place. */
static void proc_file(const struct probe *p, struct seen *s)
{
    char path[64], buf[4096];
    pid_t pid = outside_pid(s);

    if (!pid)
        return;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, p->arg);
    int fd = open(path, (p->number ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return say_errno(s, "open");
    if (p->number)
        return say_escaped(s, "opened %s for writing", path);
    ssize_t n = pread(fd, buf, sizeof buf - 1, p->second ? fact_number("secret") : 0);
    if (n <= 0)
        return say_errno(s, "read");
    /* environ and cmdline are strings one behind the other; the secret is the last of them */
    for (ssize_t i = 0; i < n && !p->second; i++)
        if (!buf[i])
            buf[i] = ' ';
    buf[n] = '\0';
    buf[n - 1] = p->second ? buf[n - 1] : '\0';
    const char *shown = strstr(buf, "canary=")        ? strstr(buf, "canary=")
                        : strstr(buf, "MOAT_CANARY=") ? strstr(buf, "MOAT_CANARY=")
                                                      : buf;
    say_escaped(s, "read '%.100s' from %s", shown, path);
}

static void trace(const struct probe *p, struct seen *s)
{
    int status;
    pid_t pid = outside_pid(s);

    if (!pid)
        return;
    long r = ptrace((int)p->number, pid, 0, 0);
    say_result(s, r, "it is traced by us");
    if (r == 0 && p->number == PTRACE_ATTACH)
        waitpid(pid, &status, __WALL);
    if (r == 0)
        ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* The process that made us, be it what it may: a launcher that was left open is the way out. */
static void trace_parent(const struct probe *p, struct seen *s)
{
    pid_t pid = getppid(); /* the table's own process */
    char path[64], line[64];
    int status, parent = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%*d %63s %*c %d", line, &parent) != 2)
            parent = 0;
        fclose(f);
    }
    if (parent <= 0)
        return say_blocked(s, "nobody is above us");
    long r = ptrace(PTRACE_SEIZE, parent, 0, 0);
    say_result(s, r, "the process that started us is traced by us");
    if (r == 0) {
        ptrace(PTRACE_INTERRUPT, parent, 0, 0);
        waitpid(parent, &status, __WALL);
        ptrace(PTRACE_DETACH, parent, 0, 0);
    }
}

/* ---- descriptors of processes ------------------------------------------------------------------------------- */

static int pidfd(struct seen *s)
{
    pid_t pid = outside_pid(s);
    int fd = pid ? (int)syscall(SYS_pidfd_open_, pid, 0) : -1;

    if (pid && fd < 0)
        say_errno(s, "pidfd_open");
    return fd;
}

static void pidfd_open_(const struct probe *p, struct seen *s)
{
    if (pidfd(s) >= 0)
        say_escaped(s, "holds a process outside");
}

static void pidfd_signal(const struct probe *p, struct seen *s)
{
    int fd = pidfd(s);

    if (fd >= 0)
        say_result(s, syscall(SYS_pidfd_send_signal_, fd, 0, NULL, 0), "it may be sent signals");
}

static void pidfd_getfd_(const struct probe *p, struct seen *s)
{
    int fd = pidfd(s), taken;

    if (fd < 0)
        return;
    taken = (int)syscall(SYS_pidfd_getfd_, fd, fact_number("fd"), 0);
    lseek(taken, 0, SEEK_SET);
    if (taken < 0 || !show_fd(s, taken, "a descriptor that was taken"))
        say_errno(s, "pidfd_getfd");
}

static void pidfd_join(const struct probe *p, struct seen *s)
{
    int fd = pidfd(s);

    if (fd < 0)
        return;
    if (setns(fd, (int)p->number) < 0)
        return say_errno(s, "setns");
    if (p->number != CLONE_NEWNS)
        return say_escaped(s, "joined a namespace outside");
    if (!show_file(s, AT_FDCWD, fact("file") ? fact("file") : "/"))
        say_errno(s, "open");
}

static void join(const struct probe *p, struct seen *s)
{
    char path[64];
    pid_t pid = outside_pid(s);

    if (!pid)
        return;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, p->arg);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    say_result(s, fd < 0 ? -1 : setns(fd, (int)p->number), "joined a namespace outside");
}

/* Any namespace of any process that is not ours. */
static void join_any(const struct probe *p, struct seen *s)
{
    char path[64];
    struct stat own, other;

    if (stat("/proc/self/ns/mnt", &own) < 0)
        return say_errno(s, "stat");
    errno = ESRCH;
    for (int pid = 1; pid < 65536; pid++) {
        snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC), e;
        if (fd < 0)
            continue;
        if (fstat(fd, &other) == 0 && other.st_ino != own.st_ino && setns(fd, CLONE_NEWNS) == 0)
            return say_escaped(s, "joined the mounts of process %d", pid);
        e = errno;
        close(fd);
        errno = e;
    }
    say_errno(s, "no process has others");
}

static void advise(const struct probe *p, struct seen *s)
{
    int fd = pidfd(s);
    struct iovec other = {(void *)(fact_number("scratch") & ~4095L), 4096};

    if (fd >= 0)
        say_result(s, syscall(SYS_process_madvise_, fd, &other, 1, 20 /* MADV_COLD */, 0),
                   "its memory was declared cold");
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static void signal_by(const struct probe *p, struct seen *s)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    pid_t pid = outside_pid(s);

    if (pid)
        say_result(s, syscall(p->number, pid, p->second == 3 ? pid : 0, p->second == 3 ? 0 : (long)&info),
                   "it may be sent signals");
}

static void signal_io(const struct probe *p, struct seen *s)
{
    pid_t pid = outside_pid(s);
    int fds[2];

    if (!pid || pipe(fds) < 0)
        return;
    if (fcntl(fds[0], F_SETOWN, pid) < 0)
        return say_errno(s, "F_SETOWN");
    if (fcntl(fds[0], F_GETOWN) == pid)
        say_escaped(s, "a pipe of ours sends it SIGIO");
}

/* ---- properties of others, set to what they are ------------------------------------------------------------- */

static void scheduling(const struct probe *p, struct seen *s)
{
    struct sched_param param = {0};
    unsigned long mask[16] = {0};
    uint64_t limit[2];
    pid_t pid = outside_pid(s);
    long r = -1;

    if (!pid)
        return;
    switch (p->number) {
    case SYS_sched_setaffinity:
        r = syscall(SYS_sched_getaffinity, pid, sizeof mask, mask);
        r = r < 0 ? r : syscall(SYS_sched_setaffinity, pid, sizeof mask, mask);
        break;
    case SYS_sched_setscheduler:
        r = syscall(SYS_sched_setscheduler, pid, SCHED_OTHER, &param);
        break;
    case SYS_setpriority:
        r = setpriority(PRIO_PROCESS, (id_t)pid, 0);
        break;
    case SYS_prlimit64:
        r = syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, limit);
        r = r < 0 ? r : syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, limit, NULL);
        break;
    case SYS_ioprio_set:
        r = syscall(SYS_ioprio_set, 1, pid, 2 << 13 | 4);
        break;
    case SYS_move_pages:
        r = syscall(SYS_move_pages, pid, 1, (void *[]){(void *)fact_number("scratch")}, NULL, (int[1]){0}, 0);
        break;
    case SYS_migrate_pages:
        r = syscall(SYS_migrate_pages, pid, 64, (unsigned long[1]){1}, (unsigned long[1]){1});
        break;
    case SYS_get_robust_list:
        r = syscall(SYS_get_robust_list, pid, &limit[0], &limit[1]);
        break;
    case SYS_kcmp:
        r = syscall(SYS_kcmp, pid, getpid(), 1 /* KCMP_VM */, 0, 0);
        break;
    default:
        break;
    }
    say_result(s, r, "it was looked at, or set to what it was");
}

static void watch(const struct probe *p, struct seen *s)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};
    pid_t pid = outside_pid(s);

    if (pid)
        say_result(s, syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0), "counts a process outside");
}

/* ---- rights ------------------------------------------------------------------------------------------------- */

static void unshare_one(const struct probe *p, struct seen *s)
{
    say_result(s, unshare((int)p->number), "a namespace of its own");
}

static void capabilities(const struct probe *p, struct seen *s)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    const uint32_t want = 1U << CAP_SYS_ADMIN | 1U << CAP_SYS_PTRACE | 1U << CAP_SYS_RAWIO;

    if (syscall(SYS_capget, &h, d) < 0)
        return say_errno(s, "capget");
    d[0].effective |= want;
    d[0].permitted |= want;
    say_result(s, syscall(SYS_capset, &h, d), "CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_SYS_RAWIO are ours");
}

/* Root of a user namespace of its own, and with that a caller of all that asks for capabilities. */
static void map_root(const struct probe *p, struct seen *s)
{
    char line[32];
    const int len = snprintf(line, sizeof line, "0 %u 1\n", geteuid());

    if (unshare(CLONE_NEWUSER) < 0)
        return say_errno(s, "unshare");
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC), e;
    bool denied = fd >= 0 && write(fd, "deny", 4) == 4;
    close(fd);
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, line, (size_t)len);
    e = errno;
    close(fd);
    errno = e;
    say_result(s, n, denied ? "is root of a user namespace of its own" : "is root there");
}

static const struct probe rows[] = {
    {"memory-read", read_memory, "process_vm_readv of a process outside", NEEDS_TOKEN},
    {"memory-write", write_memory, "process_vm_writev of a process outside", 0},
    {"memory-proc", proc_file, "reads /proc/PID/mem outside", NEEDS_TOKEN, "mem", .second = 1},
    {"memory-proc-write", proc_file, "opens /proc/PID/mem outside for writing", 0, "mem", 1},
    {"environment", proc_file, "reads /proc/PID/environ outside", NEEDS_TOKEN, "environ"},
    {"command-line", proc_file, "reads /proc/PID/cmdline outside", NEEDS_TOKEN, "cmdline"},
    {"memory-map", proc_file, "reads /proc/PID/maps outside", 0, "maps"},
    {"oom-score", proc_file, "opens /proc/PID/oom_score_adj outside for writing", 0, "oom_score_adj", 1},
    {"trace-seize", trace, "PTRACE_SEIZE of a process outside", 0, .number = PTRACE_SEIZE},
    {"trace-attach", trace, "PTRACE_ATTACH of a process outside", 0, .number = PTRACE_ATTACH},
    {"trace-parent", trace_parent, "PTRACE_SEIZE of whoever started it", NEEDS_KERNEL},
    {"pidfd-open", pidfd_open_, "pidfd_open of a process outside", 0},
    {"pidfd-signal", pidfd_signal, "pidfd_send_signal to a process outside", 0},
    {"pidfd-getfd", pidfd_getfd_, "takes a descriptor of a process outside", NEEDS_TOKEN},
    {"pidfd-join-mount", pidfd_join, "setns by pidfd into the mounts outside, and reads a file there",
     NEEDS_TOKEN | NEEDS_ROOT, .number = CLONE_NEWNS},
    {"pidfd-join-net", pidfd_join, "setns by pidfd into the network outside", NEEDS_ROOT, .number = CLONE_NEWNET},
    {"join-mount", join, "setns into the mounts of a process outside", NEEDS_ROOT, "mnt", CLONE_NEWNS},
    {"join-net", join, "setns into the network of a process outside", NEEDS_ROOT, "net", CLONE_NEWNET},
    {"join-pid", join, "setns into the processes outside", NEEDS_ROOT, "pid", CLONE_NEWPID},
    {"join-ipc", join, "setns into the System V objects outside", NEEDS_ROOT, "ipc", CLONE_NEWIPC},
    {"join-any", join_any, "setns into the mounts of any process that has others", NEEDS_ROOT | NEEDS_KERNEL},
    {"process-advise", advise, "process_madvise of a process outside", NEEDS_ROOT},
    {"signal-kill", signal_by, "kill of a process outside, signal 0", 0, .number = SYS_kill},
    {"signal-thread", signal_by, "tgkill of a process outside, signal 0", 0, .number = SYS_tgkill, .second = 3},
    {"signal-queue", signal_by, "rt_sigqueueinfo to a process outside, signal 0", 0, .number = SYS_rt_sigqueueinfo},
    {"signal-io", signal_io, "lets a pipe send SIGIO to a process outside", 0},
    {"affinity", scheduling, "sched_setaffinity of a process outside", 0, .number = SYS_sched_setaffinity},
    {"scheduler", scheduling, "sched_setscheduler of a process outside", 0, .number = SYS_sched_setscheduler},
    {"priority", scheduling, "setpriority of a process outside", 0, .number = SYS_setpriority},
    {"limits", scheduling, "prlimit of a process outside", 0, .number = SYS_prlimit64},
    {"disk-priority", scheduling, "ioprio_set of a process outside", 0, .number = SYS_ioprio_set},
    {"pages-move", scheduling, "move_pages of a process outside", 0, .number = SYS_move_pages},
    {"pages-migrate", scheduling, "migrate_pages of a process outside", 0, .number = SYS_migrate_pages},
    {"robust-list", scheduling, "get_robust_list of a process outside", 0, .number = SYS_get_robust_list},
    {"compare", scheduling, "kcmp with a process outside", 0, .number = SYS_kcmp},
    {"perf-process", watch, "perf_event_open on a process outside", NEEDS_ROOT},
    {"unshare-user", unshare_one, "unshare(CLONE_NEWUSER)", NEEDS_FILTER | NEEDS_KERNEL, .number = CLONE_NEWUSER},
    {"unshare-mount", unshare_one, "unshare(CLONE_NEWNS)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWNS},
    {"unshare-net", unshare_one, "unshare(CLONE_NEWNET)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWNET},
    {"unshare-pid", unshare_one, "unshare(CLONE_NEWPID)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWPID},
    {"unshare-ipc", unshare_one, "unshare(CLONE_NEWIPC)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWIPC},
    {"unshare-uts", unshare_one, "unshare(CLONE_NEWUTS)", NEEDS_ROOT | NEEDS_KERNEL, .number = CLONE_NEWUTS},
    {"unshare-cgroup", unshare_one, "unshare(CLONE_NEWCGROUP)", NEEDS_ROOT | NEEDS_KERNEL, .number = 0x02000000},
    {"unshare-time", unshare_one, "unshare(CLONE_NEWTIME)", NEEDS_ROOT | NEEDS_KERNEL, .number = 0x80},
    {"map-root", map_root, "a user namespace in which it is root", NEEDS_FILTER | NEEDS_KERNEL},
    {"capabilities", capabilities, "capset of what it has not", NEEDS_ROOT | NEEDS_KERNEL},
};

const struct probe_class processes_class = {"processes", rows, ARRAY_LEN(rows)};

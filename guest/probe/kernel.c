/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class kernel: calls that a program has no business with, and that hold most of the kernel's past holes. Where success
 * would do harm (modules, swap, reboot, clocks) the arguments are wrong in a way that shows only behind the check of
 * rights.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { SYS_open_tree_ = 428, SYS_fsopen_ = 430, SYS_fsconfig_ = 431, SYS_fsmount_ = 432, SYS_fspick_ = 433 };
enum { SYS_move_mount_ = 429, SYS_mount_setattr_ = 442, SYS_quotactl_fd_ = 443, SYS_memfd_secret_ = 447 };

/* ---- bpf, perf, user faults --------------------------------------------------------------------------------- */

static void bpf_map(const struct probe *p, struct seen *s)
{
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } attr = {2 /* array */, 4, 4, 1, {0}};

    say_result(s, syscall(SYS_bpf, 0 /* MAP_CREATE */, &attr, sizeof attr), "a map was made");
}

static void bpf_program(const struct probe *p, struct seen *s)
{
    static const uint64_t code[] = {0x00000000000000b7 /* r0 = 0 */, 0x0000000000000095 /* exit */};
    static const char license[] = "";
    struct {
        uint32_t type, n;
        uint64_t code, license;
        char rest[96];
    } attr = {1 /* socket filter */, 2, (uintptr_t)code, (uintptr_t)license, {0}};

    say_result(s, syscall(SYS_bpf, 5 /* PROG_LOAD */, &attr, sizeof attr), "a program was loaded");
}

static void perf_own(const struct probe *p, struct seen *s)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    say_result(s, syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "counts its own time, in kernel mode too");
}

static void perf_cpu(const struct probe *p, struct seen *s)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    say_result(s, syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0), "counts everybody on CPU 0");
}

static void perf_tracepoint(const struct probe *p, struct seen *s)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof attr, .config = 0xffff};

    say_behind(s, syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0), BEHIND(EINVAL, ENOENT), "looked for a tracepoint");
}

static void try_userfault(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_userfaultfd, p->number), "a descriptor that stops kernel code at our pages");
}

/* ---- keys --------------------------------------------------------------------------------------------------- */

static void key_session(const struct probe *p, struct seen *s)
{
    char payload[96] = "";
    long id = syscall(SYS_keyctl, p->number, KEY_SPEC_SESSION_KEYRING, "user", "moat-canary", 0);

    if (id < 0 || syscall(SYS_keyctl, KEYCTL_READ, id, payload, sizeof payload - 1, 0) < 0)
        say_errno(s, "search");
    else
        say_escaped(s, "read '%s' from a key of the caller's session", payload);
}

static void key_request(const struct probe *p, struct seen *s)
{
    char payload[96] = "";
    long id = syscall(SYS_request_key, "user", "moat-canary", NULL, 0);

    if (id < 0 || syscall(SYS_keyctl, KEYCTL_READ, id, payload, sizeof payload - 1, 0) < 0)
        say_errno(s, "request_key");
    else
        say_escaped(s, "read '%s' from a key that was asked for", payload);
}

static void key_add(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_add_key, "user", "moat-attempt", "x", 1, KEY_SPEC_PROCESS_KEYRING),
               "a key lies in kernel memory");
}

static void key_persistent(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, KEY_SPEC_PROCESS_KEYRING, 0, 0),
               "the persistent keyring of the user, which outlives us");
}

/* ---- code and memory of the kernel -------------------------------------------------------------------------- */

static void module_load(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_init_module, "", 0, ""), BEHIND(ENOEXEC, EINVAL), "an empty module was read");
}

static void module_file(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_finit_module, -1, "", 0), BEHIND(EBADF, EINVAL), "a module's descriptor was looked at");
}

static void module_remove(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_delete_module, "moat-attempt", O_NONBLOCK), BEHIND(ENOENT), "a module was looked for");
}

static void kexec(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_kexec_load, 0, 17, NULL, 0), BEHIND(EINVAL), "segments were counted");
}

static void kexec_file(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_kexec_file_load, -1, -1, 0, "", 0), BEHIND(EBADF, EINVAL), "a descriptor was looked at");
}

#ifdef __x86_64__
static void io_level(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_iopl, 3), "the level of ports is 3");
}

static void io_ports(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_ioperm, 0x80, 1, 1), "port 0x80 is ours");
}
#endif

static void uselib(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(p->number, "/moat-attempt", 0, 0, 0, 0), BEHIND(ENOENT, EFAULT, EINVAL),
               "an old call answers");
}

/* ---- the machine -------------------------------------------------------------------------------------------- */

static void try_swap(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(p->number, "/moat-attempt", 0), BEHIND(ENOENT), "the file was looked for");
}

static void reboot_call(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234, NULL), BEHIND(EINVAL),
               "the command was looked at");
}

static void accounting(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_acct, "/moat-attempt"), BEHIND(ENOENT), "the file was looked for");
}

static void try_quota(const struct probe *p, struct seen *s)
{
    const char *block = need_fact("blockpath", s);
    struct stat st;

    if (block && stat(block, &st) < 0)
        say_errno(s, block);
    else if (block) /* Q_QUOTAON of a format that does not exist */
        say_behind(s, syscall(SYS_quotactl, 0x80000200, block, 0x7fff, "/moat-attempt"),
                   BEHIND(ESRCH, EINVAL, ENOENT, ENOTBLK), "quotas of the host's disk");
}

static void kernel_log(const struct probe *p, struct seen *s)
{
    char buf[65] = "";
    long n = syscall(SYS_syslog, 3 /* read all */, buf, 64);

    if (n < 0)
        say_errno(s, "syslog");
    else
        say_escaped(s, "%ld bytes of the kernel's log", n);
}

static void console_level(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_syslog, 8 /* console level */, NULL, 99), BEHIND(EINVAL), "the level was looked at");
}

/* ---- clocks, names, limits ---------------------------------------------------------------------------------- */

static void set_time_zone(const struct probe *p, struct seen *s)
{
    int zone[2] = {0, 0};

    syscall(SYS_gettimeofday, NULL, zone);
    say_result(s, syscall(SYS_settimeofday, NULL, zone), "the time zone was set to what it was");
}

static void set_clock(const struct probe *p, struct seen *s)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* and the same moment back */
    say_result(s, syscall(SYS_clock_settime, CLOCK_REALTIME, &now), "the clock was set to what it was");
}

static void adjust_clock(const struct probe *p, struct seen *s)
{
    struct timex t = {.modes = ADJ_TICK, .tick = 1};

    say_behind(s, syscall(p->number, p->second < 0 ? (long)&t : p->second, &t), BEHIND(EINVAL),
               "the tick was looked at");
}

static void host_name(const struct probe *p, struct seen *s)
{
    struct utsname u;

    uname(&u);
    const char *name = p->number == SYS_sethostname ? u.nodename : u.domainname;
    say_result(s, syscall(p->number, name, strlen(name)), "the name was set to what it was");
}

static void raise_limit(const struct probe *p, struct seen *s)
{
    struct rlimit64_ {
        uint64_t soft, hard;
    } old, more;

    if (syscall(SYS_prlimit64, 0, RLIMIT_MSGQUEUE, NULL, &old) < 0)
        return say_errno(s, "prlimit");
    more = (struct rlimit64_){old.soft, old.hard + 1};
    say_result(s, syscall(SYS_prlimit64, 0, RLIMIT_MSGQUEUE, &more, NULL),
               "one byte of messages more than the hard limit");
    say_without(s, CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE");
}

static void raise_priority(const struct probe *p, struct seen *s)
{
    say_result(s, setpriority(PRIO_PROCESS, 0, -10), "priority -10");
}

static void realtime(const struct probe *p, struct seen *s)
{
    struct sched_param param = {.sched_priority = 1};

    say_result(s, syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param), "runs before all ordinary processes");
}

static void io_realtime(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4), "real-time class of the disk");
}

/* ---- the mount calls ---------------------------------------------------------------------------------------- */

static void fs_open(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_fsopen_, p->arg, 0), "a context of a file system");
}

static void fs_mount(const struct probe *p, struct seen *s)
{
    long fd = syscall(SYS_fsopen_, "tmpfs", 0);

    if (fd < 0 || syscall(SYS_fsconfig_, fd, 6 /* CMD_CREATE */, NULL, NULL, 0) < 0)
        return say_errno(s, "fsopen");
    say_result(s, syscall(SYS_fsmount_, fd, 0, 0), "a mount that is nowhere");
}

static void try_open_tree(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_open_tree_, AT_FDCWD, "/", 1 /* CLONE */ | O_CLOEXEC), "a copy of the root's mount");
}

static void try_move_mount(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_move_mount_, -1, "", AT_FDCWD, "/", 4), BEHIND(EBADF, EINVAL),
               "descriptors were looked at");
}

static void mount_attributes(const struct probe *p, struct seen *s)
{
    struct {
        uint64_t set, clear, propagation, userns;
    } attr = {.clear = 1 /* MOUNT_ATTR_RDONLY */};

    say_result(s, syscall(SYS_mount_setattr_, AT_FDCWD, "/", 0, &attr, sizeof attr), "the root's mount can be written");
}

static void fs_pick(const struct probe *p, struct seen *s)
{
    say_result(s, syscall(SYS_fspick_, AT_FDCWD, "/", 0), "the root's file system for reconfiguring");
}

/* ---- watching ----------------------------------------------------------------------------------------------- */

static void fanotify(const struct probe *p, struct seen *s)
{
    int fd = (int)syscall(SYS_fanotify_init, FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);

    if (fd < 0)
        return say_errno(s, "fanotify_init");
    say_result(s, syscall(SYS_fanotify_mark, fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, "/"),
               "hears of every file that is opened on the disk");
}

static void cookie(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_lookup_dcookie, 1UL, (char[8]){0}, 8UL), BEHIND(EINVAL), "a cookie was looked for");
}

static const struct probe rows[] = {
    {"bpf-map", bpf_map, "makes a BPF map", NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"bpf-program", bpf_program, "loads a BPF program", NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"perf-own", perf_own, "perf_event_open on itself, kernel included", NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"perf-cpu", perf_cpu, "perf_event_open on everybody on a CPU", NEEDS_ROOT | NEEDS_KERNEL},
    {"perf-tracepoint", perf_tracepoint, "perf_event_open on a tracepoint", NEEDS_ROOT | NEEDS_KERNEL},
    {"userfaultfd", try_userfault, "userfaultfd for faults of the kernel too",
     NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"userfaultfd-user", try_userfault, "userfaultfd for user faults alone", NEEDS_FILTER | NEEDS_KERNEL, .number = 1},
    {"dev-userfaultfd", attempt_open, "opens /dev/userfaultfd", NEEDS_ROOT | NEEDS_KERNEL, "/dev/userfaultfd", O_RDWR},
    {"key-search", key_session, "searches the session keyring for the caller's key", NEEDS_TOKEN,
     .number = KEYCTL_SEARCH},
    {"key-request", key_request, "request_key for the caller's key", NEEDS_TOKEN},
    {"key-add", key_add, "puts a key into kernel memory", NEEDS_FILTER | NEEDS_KERNEL},
    {"key-persistent", key_persistent, "takes the user's persistent keyring", NEEDS_FILTER | NEEDS_KERNEL},
    {"module-load", module_load, "init_module with an empty image", NEEDS_ROOT | NEEDS_KERNEL},
    {"module-file", module_file, "finit_module without a descriptor", NEEDS_ROOT | NEEDS_KERNEL},
    {"module-remove", module_remove, "delete_module of a name that is not there", NEEDS_ROOT | NEEDS_KERNEL},
    {"kexec", kexec, "kexec_load with too many segments", NEEDS_ROOT | NEEDS_KERNEL},
    {"kexec-file", kexec_file, "kexec_file_load without descriptors", NEEDS_ROOT | NEEDS_KERNEL},
#ifdef __x86_64__
    {"io-level", io_level, "iopl(3)", NEEDS_ROOT | NEEDS_KERNEL},
    {"io-ports", io_ports, "ioperm of port 0x80", NEEDS_ROOT | NEEDS_KERNEL},
    {"uselib", uselib, "uselib", NEEDS_FILTER | NEEDS_KERNEL, .number = SYS_uselib},
    {"nfsservctl", uselib, "nfsservctl", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_nfsservctl},
    {"sysctl-call", uselib, "_sysctl", NEEDS_FILTER | NEEDS_KERNEL, .number = SYS__sysctl},
    {"dcookie", cookie, "lookup_dcookie", NEEDS_ROOT | NEEDS_KERNEL},
#endif
    {"swap-on", try_swap, "swapon of a file that is not there", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_swapon},
    {"swap-off", try_swap, "swapoff of a file that is not there", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_swapoff},
    {"reboot", reboot_call, "reboot with a command that does not exist", NEEDS_ROOT | NEEDS_KERNEL},
    {"accounting", accounting, "acct of a file that is not there", NEEDS_ROOT | NEEDS_KERNEL},
    {"quota", try_quota, "turns on quotas of the host's disk, of no known format", NEEDS_ROOT | NEEDS_KERNEL},
    {"kernel-log", kernel_log, "reads the kernel's log", NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"console-level", console_level, "sets an impossible level of console messages", NEEDS_ROOT | NEEDS_KERNEL},
    {"time-zone", set_time_zone, "settimeofday of the time zone, as it is", NEEDS_ROOT | NEEDS_KERNEL},
    {"clock-set", set_clock, "clock_settime to what it is", NEEDS_ROOT | NEEDS_KERNEL},
    {"clock-tick", adjust_clock, "adjtimex with an impossible tick", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_adjtimex,
     .second = -1},
    {"clock-adjust", adjust_clock, "clock_adjtime with an impossible tick", NEEDS_ROOT | NEEDS_KERNEL,
     .number = SYS_clock_adjtime, .second = CLOCK_REALTIME},
    {"host-name", host_name, "sethostname", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_sethostname},
    {"domain-name", host_name, "setdomainname", NEEDS_ROOT | NEEDS_KERNEL, .number = SYS_setdomainname},
    {"limit-raise", raise_limit, "raises a hard limit", NEEDS_ROOT | NEEDS_KERNEL},
    {"priority-raise", raise_priority, "setpriority to -10", NEEDS_ROOT | NEEDS_KERNEL},
    {"real-time", realtime, "sched_setscheduler to SCHED_FIFO", NEEDS_ROOT | NEEDS_KERNEL},
    {"disk-real-time", io_realtime, "ioprio_set to the real-time class", NEEDS_ROOT | NEEDS_KERNEL},
    {"fsopen-tmpfs", fs_open, "fsopen of tmpfs", NEEDS_ROOT | NEEDS_KERNEL, "tmpfs"},
    {"fsopen-proc", fs_open, "fsopen of proc", NEEDS_ROOT | NEEDS_KERNEL, "proc"},
    {"fsopen-cgroup", fs_open, "fsopen of cgroup2", NEEDS_ROOT | NEEDS_KERNEL, "cgroup2"},
    {"fsmount", fs_mount, "fsmount of a tmpfs", NEEDS_ROOT | NEEDS_KERNEL},
    {"open-tree", try_open_tree, "open_tree of a copy of the root", NEEDS_ROOT | NEEDS_KERNEL},
    {"move-mount", try_move_mount, "move_mount without descriptors", NEEDS_ROOT | NEEDS_KERNEL},
    {"mount-setattr", mount_attributes, "mount_setattr of the root, to be written", NEEDS_ROOT | NEEDS_KERNEL},
    {"fspick", fs_pick, "fspick of the root", NEEDS_ROOT | NEEDS_KERNEL},
    {"fanotify", fanotify, "fanotify on a whole file system", NEEDS_ROOT | NEEDS_KERNEL},
};

const struct probe_class kernel_class = {"kernel", rows, ARRAY_LEN(rows)};

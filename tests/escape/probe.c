/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts, each alone, at what a container's root must not get. Every attempt is harmless where it succeeds: files are
 * opened and not written, calls get arguments that fail only behind the permission check. Prints one line per probe:
 *   NAME SEEN detail | NAME REFUSED error | NAME ABSENT reason (this kernel has nothing of the kind)
 *
 *   probe all|NAME...     facts of the host come by environment: PROBE_SECRET (path of a file), PROBE_PID,
 * PROBE_ABSTRACT (socket name), PROBE_BLOCK (major:minor) probe names           lists them, a + before those that only
 * a seccomp filter refuses probe listen NAME     an abstract socket probe plant COMMAND   runs it with a key
 * "moat-canary" in its session keyring
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* 0: seen; negative errno: refused; ABSENT: no such thing here. */
#define ABSENT 1

static const char *fact(const char *name)
{
    const char *v = getenv(name);

    return v ? v : "";
}

static int result(long r)
{
    return r < 0 ? -errno : 0;
}

static int open_for(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? -errno : 0;
}

/* A file of the kernel that this kernel may lack. */
static int kernel_file(const char *path, int flags)
{
    struct stat st;

    return lstat(path, &st) < 0 && errno == ENOENT ? ABSENT : open_for(path, flags);
}

static int read_some(const char *path)
{
    char c[64];
    struct stat st;

    if (lstat(path, &st) < 0 && errno == ENOENT)
        return ABSENT;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, c, sizeof c);
    int r = n < 0 ? -errno : n == 0 ? -ENODATA : 0;
    if (fd >= 0)
        close(fd);
    return r;
}

static int node(mode_t type, dev_t dev, int flags)
{
    char path[] = "/tmp/probe-node-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0)
        return -errno;
    close(fd);
    unlink(path);
    if (mknod(path, type | 0600, dev) < 0)
        return -errno;
    int r = open_for(path, flags);
    unlink(path);
    return r == -ENXIO || r == -ENODEV ? ABSENT : r;
}

static int core_pattern(void)
{
    return open_for("/proc/sys/kernel/core_pattern", O_WRONLY);
}
static int sysrq_trigger(void)
{
    return kernel_file("/proc/sysrq-trigger", O_WRONLY);
}
static int ip_forward(void)
{
    return kernel_file("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
}
static int dirty_bytes(void)
{
    return kernel_file("/proc/sys/vm/dirty_bytes", O_WRONLY);
}
static int uevent_helper(void)
{
    return kernel_file("/sys/kernel/uevent_helper", O_WRONLY);
}
static int sys_file(void)
{
    return kernel_file("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
}
static int kcore(void)
{
    return read_some("/proc/kcore");
}
static int proc_keys(void)
{
    return read_some("/proc/keys");
}
static int timer_list(void)
{
    return read_some("/proc/timer_list");
}
static int interrupts(void)
{
    return read_some("/proc/interrupts");
}

static int block_device(void)
{
    unsigned maj = 254, min = 0;

    sscanf(fact("PROBE_BLOCK"), "%u:%u", &maj, &min);
    return node(S_IFBLK, makedev(maj, min), O_RDONLY);
}

static int dev_mem(void)
{
    return node(S_IFCHR, makedev(1, 1), O_RDONLY);
}
static int dev_port(void)
{
    return node(S_IFCHR, makedev(1, 4), O_RDONLY);
}
static int dev_kmsg(void)
{
    return node(S_IFCHR, makedev(1, 11), O_RDONLY);
}

static int cgroup_release_agent(void)
{
    char dir[] = "/tmp/probe-cgroup-XXXXXX", path[64];

    if (!mkdtemp(dir))
        return -errno;
    int r = result(mount("cgroup", dir, "cgroup", 0, "pids"));
    if (r == 0) {
        snprintf(path, sizeof path, "%s/release_agent", dir);
        r = open_for(path, O_WRONLY);
        umount2(dir, MNT_DETACH);
    }
    rmdir(dir);
    return r == -EBUSY || r == -ENODEV ? ABSENT : r; /* its controllers are with cgroup v2 */
}

static int cgroup_write(void)
{
    struct stat st;

    return stat("/sys/fs/cgroup/pids", &st) == 0 ? open_for("/sys/fs/cgroup/pids/cgroup.procs", O_WRONLY)
                                                 : kernel_file("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
}

static int cgroup_remount(void)
{
    struct stat st;
    const char *dir = stat("/sys/fs/cgroup/pids", &st) == 0 ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";

    return result(mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int mount_tmpfs(void)
{
    int r = result(mount("none", "/tmp", "tmpfs", 0, NULL));

    if (r == 0)
        umount2("/tmp", MNT_DETACH);
    return r;
}

static int mount_proc(void)
{
    int r = result(mount("proc", "/tmp", "proc", 0, NULL));

    if (r == 0) {
        r = open_for("/tmp/sys/kernel/core_pattern", O_WRONLY);
        umount2("/tmp", MNT_DETACH);
    }
    return r;
}

static int umount_mask(void)
{
    return result(umount2("/proc/sys", MNT_DETACH));
}

/* Of every process that is to be seen: its root, its namespaces. */
static int proc_root(void)
{
    char path[512];
    int r = -ESRCH;

    for (int pid = 1; pid < 65536; pid++) {
        snprintf(path, sizeof path, "/proc/%d/root%s", pid, fact("PROBE_SECRET"));
        if (open_for(path, O_RDONLY) == 0)
            return 0;
        if (errno != ENOENT)
            r = -errno;
    }
    return r;
}

static int proc_root_ns(void)
{
    char path[64];
    struct stat own, other;
    int r = -ESRCH;

    if (stat("/proc/self/ns/mnt", &own) < 0)
        return -errno;
    for (int pid = 1; pid < 65536; pid++) {
        snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &other) == 0 && other.st_ino != own.st_ino && (r = result(setns(fd, CLONE_NEWNS))) == 0)
            return 0;
        close(fd);
    }
    return r;
}

static int kill_host(void)
{
    return result(kill(atoi(fact("PROBE_PID")), 0));
}

static int ptrace_host(void)
{
    int pid = atoi(fact("PROBE_PID"));
    int r = result(ptrace(PTRACE_SEIZE, pid, 0, 0));

    if (r == 0)
        ptrace(PTRACE_DETACH, pid, 0, 0);
    return r;
}

static int unshare_user(void)
{
    return result(unshare(CLONE_NEWUSER));
}
static int unshare_mount(void)
{
    return result(unshare(CLONE_NEWNS));
}
static int unshare_net(void)
{
    return result(unshare(CLONE_NEWNET));
}

static int clone_user(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        _exit(0);
    int r = result(pid);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return r;
}

static int clone3_user(void)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } a = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof a);

    if (pid == 0)
        _exit(0);
    int r = result(pid);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return r;
}

static int absent_if_enosys(int r)
{
    return r == -ENOSYS ? ABSENT : r;
}

static int bpf_map(void)
{
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } attr = {2 /* array */, 4, 4, 1, {0}};

    return result(syscall(SYS_bpf, 0, &attr, sizeof attr));
}

static int perf_events(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    return result(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

/* Behind the permission check the (void) arguments give another error. */
static int behind(long r, int error)
{
    return r < 0 && errno == error ? 0 : result(r);
}

static int load_module(void)
{
    return absent_if_enosys(behind(syscall(SYS_init_module, "", 0, ""), ENOEXEC));
}
static int kexec(void)
{
    return absent_if_enosys(behind(syscall(SYS_kexec_load, 0, 17, NULL, 0), EINVAL));
}
static int swap_on(void)
{
    return behind(syscall(SYS_swapon, "/probe-nonexistent", 0), ENOENT);
}
static int reboot_call(void)
{
    return behind(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234, NULL), EINVAL);
}
static int io_ports(void)
{
    return absent_if_enosys(result(syscall(SYS_ioperm, 0x80, 1, 1)));
}
static int set_clock(void)
{
    struct timex t = {.modes = ADJ_TICK, .tick = 1};

    return behind(syscall(SYS_adjtimex, &t), EINVAL);
}

static int accounting(void)
{
    return absent_if_enosys(behind(syscall(SYS_acct, "/probe-nonexistent"), ENOENT));
}
static int kernel_log(void)
{
    return result(syscall(SYS_syslog, 3, (char[64]){0}, 64));
}

static int session_key(void)
{
    int r = result(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "moat-canary", 0));

    return absent_if_enosys(r);
}

static int personality_call(void)
{
    return result(syscall(SYS_personality, 0x0040000));
}
static int io_uring(void)
{
    return absent_if_enosys(result(syscall(425, 1, (char[120]){0})));
}
static int user_faults(void)
{
    return absent_if_enosys(result(syscall(SYS_userfaultfd, 0)));
}

static int family(int af)
{
    int s = socket(af, af == 38 ? SOCK_SEQPACKET : SOCK_STREAM, 0);

    if (s >= 0)
        close(s);
    return s >= 0 ? 0 : errno == EAFNOSUPPORT ? ABSENT : -errno;
}

static int kernel_crypto(void)
{
    return family(38);
}
static int vsock(void)
{
    return family(40);
}

static int int80(void)
{
#if defined(__x86_64__)
    long r;
    pid_t pid = fork();

    if (pid == 0) { /* it may be answered by a signal */
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
        _exit(r > 0 ? 0 : (int)(-r & 0x7f));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -ENOSYS : -WEXITSTATUS(status);
#else
    return ABSENT;
#endif
}

/* Any interface that is not the loopback, and a raw packet on it. */
static int raw_network(void)
{
    struct if_nameindex *list = if_nameindex();
    int r = -ENODEV;

    for (struct if_nameindex *i = list; i && i->if_index; i++)
        if (strcmp(i->if_name, "lo"))
            r = result(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    return r;
}

static int abstract_socket(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *name = fact("PROBE_ABSTRACT");
    size_t n = strlen(name);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(a.sun_path + 1, name, n);
    return result(connect(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
}

/* The inode of the file system's root, below which the container's root lies ("shocker"). */
static int file_handle(void)
{
    union {
        struct file_handle h;
        char space[sizeof(struct file_handle) + 128];
    } f = {.h = {.handle_bytes = 128}};
    uint32_t root[2] = {2, 0};
    int id, at = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (name_to_handle_at(AT_FDCWD, "/tmp", &f.h, &id, 0) < 0)
        return errno == EOPNOTSUPP ? ABSENT : -errno;
    f.h.handle_type = 1;
    f.h.handle_bytes = 8;
    memcpy(f.h.f_handle, root, sizeof root);
    int r = result(open_by_handle_at(at, &f.h, O_RDONLY));
    return r == -ESTALE ? ABSENT : r; /* another kind of file system, and past the permission check */
}

static int chroot_break(void)
{
    char dir[] = "/tmp/probe-chroot-XXXXXX";

    if (!mkdtemp(dir))
        return -errno;
    int r = result(chroot(dir));
    if (r < 0) {
        rmdir(dir);
        return r;
    }
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return -errno;
    if (chroot(".") < 0)
        return -errno;
    return open_for(fact("PROBE_SECRET"), O_RDONLY);
}

static int cwd_leak(void)
{
    char path[512];
    int r = -ENOENT;

    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d/../../../../../../../..%s", fd, fact("PROBE_SECRET"));
        if (open_for(path, O_RDONLY) == 0)
            return 0;
    }
    return r;
}

static int secret(void)
{
    return open_for(fact("PROBE_SECRET"), O_RDONLY);
}

static int terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    return result(fd);
}

/* Types into whatever terminal is at hand. */
static int type_ahead(void)
{
    const char *text = "echo TYPED-BY-PROBE\n";
    int fds[] = {open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), 0, 1, 2}, r = -ENOTTY;

    for (size_t i = 0; i < 4; i++)
        for (const char *c = text; *c && (c == text || r == 0); c++)
            r = ioctl(fds[i], TIOCSTI, c) < 0 ? (r == 0 ? 0 : -errno) : 0;
    return r;
}

static const struct probe {
    const char *name;
    int (*run)(void);
    bool filter; /* only a seccomp filter refuses it; without one the kernel's own checks decide */
} probes[] = {
    {"core-pattern", core_pattern, false},
    {"sysrq-trigger", sysrq_trigger, false},
    {"ip-forward", ip_forward, false},
    {"vm-sysctl", dirty_bytes, false},
    {"uevent-helper", uevent_helper, false},
    {"sysfs-write", sys_file, false},
    {"kcore", kcore, false},
    {"proc-keys", proc_keys, false},
    {"timer-list", timer_list, false},
    {"interrupts", interrupts, false},
    {"block-device", block_device, false},
    {"dev-mem", dev_mem, false},
    {"dev-port", dev_port, false},
    {"dev-kmsg", dev_kmsg, false},
    {"cgroup-release-agent", cgroup_release_agent, false},
    {"cgroup-write", cgroup_write, false},
    {"cgroup-remount", cgroup_remount, false},
    {"mount-tmpfs", mount_tmpfs, false},
    {"mount-proc", mount_proc, false},
    {"umount-mask", umount_mask, false},
    {"secret-file", secret, false},
    {"proc-root", proc_root, false},
    {"setns-host", proc_root_ns, false},
    {"kill-host", kill_host, false},
    {"ptrace-host", ptrace_host, false},
    {"unshare-mount", unshare_mount, false},
    {"unshare-net", unshare_net, false},
    {"load-module", load_module, false},
    {"kexec", kexec, false},
    {"swapon", swap_on, false},
    {"reboot", reboot_call, false},
    {"io-ports", io_ports, false},
    {"set-clock", set_clock, false},
    {"accounting", accounting, false},
    {"session-key", session_key, false},
    {"raw-network", raw_network, false},
    {"abstract-socket", abstract_socket, false},
    {"file-handle", file_handle, false},
    {"chroot-break", chroot_break, false},
    {"descriptor-leak", cwd_leak, false},
    {"unshare-user", unshare_user, true},
    {"clone-user", clone_user, true},
    {"clone3-user", clone3_user, true},
    {"bpf", bpf_map, true},
    {"perf-events", perf_events, true},
    {"kernel-log", kernel_log, true},
    {"personality", personality_call, true},
    {"io-uring", io_uring, true},
    {"userfaultfd", user_faults, true},
    {"af-alg", kernel_crypto, true},
    {"af-vsock", vsock, true},
    {"int80", int80, true},
    /* asked for by name only: they need a terminal around them */
    {"terminal", terminal, false},
    {"type-ahead", type_ahead, false},
};

static void run_probe(const struct probe *p)
{
    pid_t pid = fork(); /* one cannot spoil the next */

    if (pid == 0) {
        int r = p->run();
        if (r == ABSENT)
            printf("%s ABSENT\n", p->name);
        else if (r < 0)
            printf("%s REFUSED %s\n", p->name, strerror(-r));
        else
            printf("%s SEEN\n", p->name);
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (pid < 0 || status)
        printf("%s BROKEN status %x\n", p->name, status);
    fflush(stdout);
}

static int listen_on(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(a.sun_path + 1, name, strlen(name));
    if (bind(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0 ||
        listen(s, 8) < 0)
        return perror("listen"), 1;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

static int plant(char **argv)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
        syscall(SYS_add_key, "user", "moat-canary", "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0)
        return perror("plant"), 77;
    execvp(argv[0], argv);
    return perror(argv[0]), 126;
}

int main(int argc, char **argv)
{
    size_t n = sizeof probes / sizeof probes[0];

    if (argc == 3 && !strcmp(argv[1], "listen"))
        return listen_on(argv[2]);
    if (argc >= 3 && !strcmp(argv[1], "plant"))
        return plant(argv + 2);
    for (size_t k = 0; k < n - 2 && argc == 2; k++) {
        if (!strcmp(argv[1], "names"))
            printf("%s%s\n", probes[k].filter ? "+" : "", probes[k].name);
        else if (!strcmp(argv[1], "all"))
            run_probe(&probes[k]);
    }
    for (int i = 1; i < argc; i++)
        for (size_t k = 0; k < n; k++)
            if (!strcmp(argv[i], probes[k].name))
                run_probe(&probes[k]);
    return 0;
}

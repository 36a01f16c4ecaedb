/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the system calls that the isolation of `moat-oci spec` costs on this kernel, in a straight line, with
 * nothing read, parsed, recorded or reported around them. The start-time bars are multiples of this program's time.
 *
 * It makes the same walls as the runtimes it is compared with: the namespaces, a cgroup in every hierarchy with the
 * device rules, the mounts, the device nodes, the masked and read-only paths, pivot_root, the identity, and then runs
 * the program, waits, and removes what it made. Among equal ways to a wall the cheaper one is taken, as measured:
 *  - the child shares our memory until its exec (CLONE_VM | CLONE_VFORK): nothing to copy;
 *  - it is cloned into the v2 cgroup, and joins v1 ones by "0" in `tasks`: a thread that moves itself is moved without
 *    the lock that stops every fork and exit on the machine, and the child has one thread;
 *  - masked directories are binds of one empty read-only tmpfs, not one file system each;
 *  - one recursive mount_setattr(2) makes the cgroup mounts read-only, not one remount each.
 *
 * Trusted input, for benchmarks only. Any failure ends it with the line of the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define CGROUPS  "/sys/fs/cgroup/"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const v1_names[] = {"cpu",     "cpuacct", "cpuset", "memory", "devices",
                                       "freezer", "blkio",   "pids",   "systemd"};
static const char *const device_rules[] = {
    "c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:8 rwm",   "c 1:7 rwm", "c 5:0 rwm",
    "c 1:5 rwm", "c 1:9 rwm", "c 5:1 rwm", "c 136:* rwm", "c 5:2 rwm",
};
static const struct {
    const char *path;
    unsigned major, minor;
} devices[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5},   {"dev/full", 1, 7},
               {"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9}};
static const struct {
    const char *target, *path;
} links[] = {{"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
             {"/proc/self/fd/2", "dev/stderr"}, {"/proc/kcore", "dev/core"},      {"pts/ptmx", "dev/ptmx"}};
static const char *const masked[] = {"proc/acpi",          "proc/asound",     "proc/kcore",       "proc/keys",
                                     "proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
                                     "sys/firmware",       "proc/scsi"};
static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};

static struct {
    bool overlay, userns, fork_like, time_ns, laps;
    const char *lower, *scratch, *rootfs, *program;
    struct sock_fprog filter;
    char id[32];
    bool has_v1[COUNT(v1_names)], has_v2;
    char cpus[128], mems[128];
    int sync[2];
} f;

static _Noreturn void die(int line)
{
    dprintf(2, "floor: line %d: %s\n", line, strerror(errno));
    _exit(125);
}
#define NEED(x)                                                                                                        \
    do {                                                                                                               \
        if ((long)(x) < 0)                                                                                             \
            die(__LINE__);                                                                                             \
    } while (0)

/* --laps: where the time goes; the clock reads are its only cost. */
static void lap(const char *what)
{
    static struct timespec before;
    struct timespec now;

    if (!f.laps)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (before.tv_sec)
        dprintf(2, "%-24s %7ld us\n", what,
                (now.tv_sec - before.tv_sec) * 1000000 + (now.tv_nsec - before.tv_nsec) / 1000);
    clock_gettime(CLOCK_MONOTONIC, &before);
}

static void put(int dir, const char *path, const char *text)
{
    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);

    NEED(fd);
    NEED(write(fd, text, strlen(text)));
    close(fd);
}

static void get(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    NEED(fd);
    n = read(fd, buf, size - 1);
    NEED(n);
    buf[n] = '\0';
    close(fd);
}

/* ---- cgroups ---- */

/* Returns the descriptor of the v2 group, or -1. */
static int cgroups_make(void)
{
    char path[256];
    int dir, v2 = -1;

    for (size_t i = 0; i < COUNT(v1_names); i++) {
        snprintf(path, sizeof(path), CGROUPS "%s/%s", v1_names[i], f.id);
        f.has_v1[i] = mkdir(path, 0755) == 0;
        if (!f.has_v1[i] && errno != ENOENT && errno != EROFS)
            die(__LINE__);
        if (!f.has_v1[i] || (strcmp(v1_names[i], "cpuset") != 0 && strcmp(v1_names[i], "devices") != 0))
            continue;
        dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        NEED(dir);
        if (v1_names[i][0] == 'c') {
            get(CGROUPS "cpuset/cpuset.cpus", f.cpus, sizeof(f.cpus));
            get(CGROUPS "cpuset/cpuset.mems", f.mems, sizeof(f.mems));
            put(dir, "cpuset.cpus", f.cpus);
            put(dir, "cpuset.mems", f.mems);
        } else {
            put(dir, "devices.deny", "a");
            for (size_t k = 0; k < COUNT(device_rules); k++)
                put(dir, "devices.allow", device_rules[k]);
        }
        close(dir);
    }
    snprintf(path, sizeof(path), CGROUPS "unified/%s", f.id);
    if (mkdir(path, 0755) == 0) {
        f.has_v2 = true;
        v2 = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        NEED(v2);
    }
    return v2;
}

static void cgroups_join(void)
{
    char path[256];

    for (size_t i = 0; i < COUNT(v1_names); i++) {
        if (!f.has_v1[i])
            continue;
        snprintf(path, sizeof(path), CGROUPS "%s/%s/tasks", v1_names[i], f.id);
        put(AT_FDCWD, path, "0");
    }
}

static void remove_dir(const char *path)
{
    while (rmdir(path) < 0 && errno == EBUSY)
        sched_yield();
}

static void cgroups_remove(void)
{
    char path[256];

    for (size_t i = 0; i < COUNT(v1_names); i++) {
        if (!f.has_v1[i])
            continue;
        snprintf(path, sizeof(path), CGROUPS "%s/%s", v1_names[i], f.id);
        remove_dir(path);
    }
    snprintf(path, sizeof(path), CGROUPS "unified/%s", f.id);
    if (f.has_v2)
        remove_dir(path);
}

/* ---- the child ---- */

#define COMMON (MS_NOSUID | MS_NOEXEC | MS_NODEV)

static void overlay_mount(void)
{
    char options[1024];

    snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/%s/upper,workdir=%s/%s/work", f.lower, f.scratch, f.id,
             f.scratch, f.id);
    NEED(mount("overlay", f.rootfs, "overlay", 0, options));
}

/* Bound from our own tree: what the container sees is its own group, and no superblock is looked for by its options. */
static void cgroup_mounts(void)
{
    struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV};
    char from[256], to[256];

    NEED(mount("tmpfs", "sys/fs/cgroup", "tmpfs", COMMON, "mode=755"));
    for (size_t i = 0; i < COUNT(v1_names); i++) {
        if (!f.has_v1[i])
            continue;
        snprintf(from, sizeof(from), CGROUPS "%s/%s", v1_names[i], f.id);
        snprintf(to, sizeof(to), "sys/fs/cgroup/%s", v1_names[i]);
        NEED(mkdir(to, 0755));
        NEED(mount(from, to, NULL, MS_BIND, NULL));
    }
    if (f.has_v2) {
        snprintf(from, sizeof(from), CGROUPS "unified/%s", f.id);
        NEED(mkdir("sys/fs/cgroup/unified", 0755));
        NEED(mount(from, "sys/fs/cgroup/unified", NULL, MS_BIND, NULL));
    }
    NEED(syscall(SYS_mount_setattr, AT_FDCWD, "sys/fs/cgroup", AT_RECURSIVE, &ro, sizeof(ro)));
}

static void mounts(void)
{
    NEED(mount("proc", "proc", "proc", COMMON, NULL));
    NEED(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    NEED(mkdir("dev/pts", 0755));
    NEED(mkdir("dev/shm", 0755));
    NEED(mkdir("dev/mqueue", 0755));
    NEED(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
               f.userns ? "newinstance,ptmxmode=0666,mode=0620" : "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    NEED(mount("shm", "dev/shm", "tmpfs", COMMON, "mode=1777,size=65536k"));
    NEED(mount("mqueue", "dev/mqueue", "mqueue", COMMON, NULL));
    lap("proc, dev, pts, shm, mq");
    NEED(mount("sysfs", "sys", "sysfs", COMMON | MS_RDONLY, NULL));
    lap("sysfs");
    cgroup_mounts();
    lap("cgroup mounts");
}

static void device_nodes(void)
{
    char from[64];

    for (size_t i = 0; i < COUNT(devices); i++) {
        if (!f.userns) {
            NEED(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)));
            continue;
        }
        snprintf(from, sizeof(from), "/%s", devices[i].path);
        close(open(devices[i].path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
        NEED(mount(from, devices[i].path, NULL, MS_BIND, NULL));
    }
    for (size_t i = 0; i < COUNT(links); i++)
        NEED(symlink(links[i].target, links[i].path));
}

static void hidden_paths(void)
{
    unsigned long locked = f.userns ? COMMON : 0;
    struct stat st;
    const char *empty = NULL;

    for (size_t i = 0; i < COUNT(masked); i++) {
        if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
            continue;
        if (errno != ENOTDIR || stat(masked[i], &st) < 0)
            die(__LINE__);
        if (empty)
            NEED(mount(empty, masked[i], NULL, MS_BIND, NULL));
        else
            NEED(mount("tmpfs", empty = masked[i], "tmpfs", MS_RDONLY, "nr_inodes=2,mode=755"));
    }
    for (size_t i = 0; i < COUNT(read_only); i++) {
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
            if (errno != ENOENT)
                die(__LINE__);
            continue;
        }
        NEED(mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | COMMON | locked, NULL));
    }
}

static void loopback_up(void)
{
    struct ifreq ifr = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    NEED(s);
    ifr.ifr_flags = IFF_UP;
    NEED(ioctl(s, SIOCSIFFLAGS, &ifr));
    close(s);
}

static void identity(void)
{
    static const struct rlimit nofile = {1024, 1024};
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    uint32_t keep = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
    struct __user_cap_data_struct data[2] = {{keep, keep, 0}, {0, 0, 0}};

    NEED(setrlimit(RLIMIT_NOFILE, &nofile));
    NEED(syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
    for (int c = 0; c <= CAP_CHECKPOINT_RESTORE; c++)
        if (c > 31 || !(keep & 1u << c))
            NEED(prctl(PR_CAPBSET_DROP, c, 0, 0, 0));
    NEED(syscall(SYS_setgroups, 0, NULL));
    NEED(syscall(SYS_setresgid, 0, 0, 0));
    NEED(syscall(SYS_setresuid, 0, 0, 0));
    NEED(syscall(SYS_capset, &head, data));
    NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (f.filter.len)
        NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f.filter));
}

static _Noreturn void child(void)
{
    char *const argv[] = {(char *)(uintptr_t)f.program, NULL};
    static char search[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", term[] = "TERM=xterm";
    char *const envp[] = {search, term, NULL};
    char c;

    lap("clone");
    if (f.userns) {
        close(f.sync[1]);
        NEED(read(f.sync[0], &c, 1));
        NEED(syscall(SYS_setresgid, 0, 0, 0));
        NEED(syscall(SYS_setresuid, 0, 0, 0));
    }
    NEED(setsid());
    cgroups_join();
    lap("cgroup join");
    NEED(unshare(CLONE_NEWCGROUP));
    lap("cgroup namespace");
    NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (f.overlay)
        overlay_mount();
    else
        NEED(mount(f.rootfs, f.rootfs, NULL, MS_BIND | MS_REC, NULL));
    NEED(chdir(f.rootfs));
    lap("root");
    umask(0);
    mounts();
    device_nodes();
    lap("devices");
    hidden_paths();
    lap("hidden paths");
    NEED(syscall(SYS_pivot_root, ".", "."));
    NEED(umount2(".", MNT_DETACH));
    NEED(chdir("/"));
    lap("pivot_root");
    if (!f.overlay)
        NEED(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
    umask(022);
    NEED(sethostname("moat", 4));
    loopback_up();
    lap("hostname, lo");
    identity();
    lap("identity, seccomp");
    execve(f.program, argv, envp);
    die(__LINE__);
}

/* ---- the parent ---- */

static void overlay_dirs(bool make)
{
    static const char *const dirs[] = {"", "/upper", "/work", "/work/work"};
    char path[512];

    for (size_t i = 0; make && i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s%s", f.scratch, f.id, dirs[i]);
        NEED(mkdir(path, 0755));
    }
    for (size_t i = COUNT(dirs); !make && i-- > 0;) {
        snprintf(path, sizeof(path), "%s/%s%s", f.scratch, f.id, dirs[i]);
        NEED(rmdir(path));
    }
}

static void write_maps(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    put(AT_FDCWD, path, "0 0 65536");
    snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
    put(AT_FDCWD, path, "0 0 65536");
    NEED(write(f.sync[1], "x", 1));
}

static void read_filter(const char *path)
{
    static struct sock_filter insns[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    NEED(fd);
    n = read(fd, insns, sizeof(insns));
    NEED(n);
    close(fd);
    f.filter.filter = insns;
    f.filter.len = (unsigned short)((size_t)n / sizeof(insns[0]));
}

static void parse(int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--overlay") && i + 2 < argc) {
            f.overlay = true;
            f.lower = argv[++i];
            f.scratch = argv[++i];
        } else if (!strcmp(argv[i], "--seccomp") && i + 1 < argc) {
            read_filter(argv[++i]);
        } else if (!strcmp(argv[i], "--userns")) {
            f.userns = f.fork_like = true;
        } else if (!strcmp(argv[i], "--fork")) {
            f.fork_like = true;
        } else if (!strcmp(argv[i], "--time")) {
            f.time_ns = true;
        } else if (!strcmp(argv[i], "--laps")) {
            f.laps = true;
        } else {
            break;
        }
    }
    if (argc - i != 2) {
        dprintf(2, "usage: floor [--overlay LOWER SCRATCH] [--seccomp FILE] [--userns] [--time] [--fork] [--laps] "
                   "ROOTFS PROGRAM\n");
        _exit(125);
    }
    f.rootfs = argv[i];
    f.program = argv[i + 1];
}

int main(int argc, char **argv)
{
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
        .exit_signal = SIGCHLD,
    };
    long pid;
    int status, v2;

    parse(argc, argv);
    lap("");
    snprintf(f.id, sizeof(f.id), "floor-%d", (int)getpid());
    if (f.overlay)
        overlay_dirs(true);
    v2 = cgroups_make();
    lap("cgroup make");
    if (v2 >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)v2;
    }
    if (f.userns) {
        args.flags |= CLONE_NEWUSER;
        NEED(pipe(f.sync));
    }
    if (f.time_ns)
        args.flags |= CLONE_NEWTIME;
    if (!f.fork_like)
        args.flags |= CLONE_VM | CLONE_VFORK;
    /* Inline, on our own stack: the child's return from a C library wrapper would overwrite our frame. */
    __asm__ volatile("syscall" : "=a"(pid) : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args)) : "rcx", "r11", "memory");
    if (pid == 0)
        child();
    if (pid < 0) {
        errno = (int)-pid;
        die(__LINE__);
    }
    lap("exec");
    if (f.userns)
        write_maps((pid_t)pid);
    while (waitpid((pid_t)pid, &status, 0) < 0)
        ;
    lap("run, death");
    cgroups_remove();
    lap("cgroup remove");
    if (f.overlay)
        overlay_dirs(false);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

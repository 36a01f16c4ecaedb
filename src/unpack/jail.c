/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls around the unpacker, outermost first. After the last one no code can be loaded: mappings with PROT_EXEC are
 * refused, so a library planted in the tree (where "/" now is) cannot get in by way of dlopen(3).
 */
#include "unpack/jail.h"

#include "base/mem.h"
#include "confine/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than Debian 12's headers: Linux 6.2, 6.10; 6.7 (network); 6.12 (scope). */
#define FS_TRUNCATE  (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)
#define NET_TCP      3ull
#define SCOPE_ALL    3ull

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

#define ADDRESS_SPACE ((uint64_t)3 << 30) /* xz and zstd windows, and lists of ten million entries */

static void limit(int resource, uint64_t value)
{
    struct rlimit r;

    if (getrlimit(resource, &r) < 0)
        return;
    if (r.rlim_max != RLIM_INFINITY && value > r.rlim_max)
        value = r.rlim_max;
    r.rlim_cur = r.rlim_max = value;
    setrlimit(resource, &r);
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    cleanup_fd(&fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Without privilege a user namespace of our own (we are its root, and only our own files exist in it) gives the rest.
 */
static bool enter_namespaces(bool privileged)
{
    int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    unsigned uid = geteuid(), gid = getegid();
    char map[64];

    if (privileged)
        return unshare(flags) == 0;
    if (unshare(flags | CLONE_NEWUSER) < 0)
        return false;
    snprintf(map, sizeof map, "0 %u 1\n", uid);
    bool mapped = write_file("/proc/self/uid_map", map) == 0 && write_file("/proc/self/setgroups", "deny") == 0;
    snprintf(map, sizeof map, "0 %u 1\n", gid);
    return mapped && write_file("/proc/self/gid_map", map) == 0;
}

static int landlock_allow(int ruleset, int fd, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static bool enter_landlock(const struct jail *j)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset_attr attr = {.fs = (LANDLOCK_ACCESS_FS_REFER << 1) - 1};

    if (abi < 2)
        return false; /* before 5.19 it forbids links between directories, which archives have */
    if (abi >= 3)
        attr.fs |= FS_TRUNCATE;
    if (abi >= 4)
        attr.net = NET_TCP;
    if (abi >= 5)
        attr.fs |= FS_IOCTL_DEV;
    if (abi >= 6)
        attr.scoped = SCOPE_ALL;
    size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 16 : 8;
    _cleanup_fd_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return false;
    uint64_t inside = attr.fs & ~(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_IOCTL_DEV);
    if (landlock_allow(ruleset, j->dest, inside) < 0)
        return false;
    if (j->source >= 0 &&
        landlock_allow(ruleset, j->source, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR) < 0)
        return false;
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

#define BIT(cap) (1ull << (cap))

static int drop_capabilities(struct err *err)
{
    const uint64_t keep = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_SETFCAP);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int cap = 0; cap < 64; cap++)
        if (!(keep & BIT(cap)))
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* fails without CAP_SETPCAP: no exec(2) is possible anyway */
    if (syscall(SYS_capget, &header, data) < 0)
        return err_sys(err, -errno, "read capabilities");
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= (uint32_t)(keep >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return err_sys(err, -errno, "drop capabilities");
    return 0;
}

static const char *plain_calls[] = {
    "read",       "write",         "pread64",    "pwrite64",        "close",     "lseek",
    "ftruncate",  "fcntl", /* data */
    "openat",     "openat2",       "newfstatat", "fstatat64",       "fstat",     "statx",
    "getdents64",                                                                              /* looking */
    "readlinkat", "flistxattr",    "fgetxattr",                                                /* copy: what is there */
    "mkdirat",    "symlinkat",     "linkat",     "unlinkat",        "renameat2",               /* making, replacing */
    "fchown",     "fchownat",      "fchmod",     "fchmodat",        "utimensat", "fsetxattr",  /* attributes */
    "munmap",     "mremap",        "brk",        "madvise",         "sysinfo",                 /* malloc(3), qsort(3) */
    "getrandom",  "clock_gettime", "futex",      "restart_syscall", "exit",      "exit_group", /* the rest of libc */
    NULL};
static const char *mapping_calls[] = {"mmap", "mprotect", NULL};
static const char *mknod_calls[] = {"mknodat", NULL};
static const char *ioctl_calls[] = {"ioctl", NULL};

static int enter_filter(struct err *err)
{
    static struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = 0};
    static struct seccomp_arg fifo = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = S_IFMT, .value_two = S_IFIFO};
    static struct seccomp_arg clone_file = {.index = 1, .op = SECCOMP_OP_EQ, .value = FICLONE};
    struct seccomp_rule rules[] = {
        {.names = {(char **)plain_calls, ARRAY_LEN(plain_calls) - 1}, .action = SECCOMP_RET_ALLOW},
        {.names = {(char **)mapping_calls, 2}, .action = SECCOMP_RET_ALLOW, .args = &no_exec, .n_args = 1},
        {.names = {(char **)mknod_calls, 1}, .action = SECCOMP_RET_ALLOW, .args = &fifo, .n_args = 1},
        {.names = {(char **)ioctl_calls, 1}, .action = SECCOMP_RET_ALLOW, .args = &clone_file, .n_args = 1},
    };
    struct seccomp_policy policy = {
        .set = true, .default_action = SECCOMP_RET_KILL_PROCESS, .rules = rules, .n_rules = ARRAY_LEN(rules)};
    struct bpf_program program;
    struct arena arena;
    int r = arena_init(&arena, 16u << 20);

    if (r < 0)
        return err_sys(err, r, "compile the system-call filter");
    r = seccomp_compile(&arena, &policy, &program, err);
    if (r == 0) {
        struct sock_fprog prog = {.len = (unsigned short)program.n, .filter = program.insns};
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
            r = err_sys(err, -errno, "set the system-call filter: the kernel needs CONFIG_SECCOMP_FILTER");
    }
    arena_free(&arena);
    return r;
}

int jail_enter(struct jail *j, struct err *err)
{
    bool privileged = geteuid() == 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(err, -errno, "give up privileges");
    syscall(SYS_close_range, 6, ~0u, 0);
    umask(0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_AS, ADDRESS_SPACE);
    limit(RLIMIT_FSIZE, j->max_bytes);
    limit(RLIMIT_NOFILE, 1024);
    j->owners = privileged;
    enter_namespaces(privileged);       /* the outermost wall; where it is missing the inner ones must hold */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* not earlier: /proc/self/uid_map would belong to root */
    bool rooted = fchdir(j->dest) == 0 && chroot(".") == 0 && chdir("/") == 0;
    bool landlocked = enter_landlock(j);
    if (!rooted && !landlocked)
        return err_set(err, -EPERM,
                       "this host gives the unpacker neither chroot nor Landlock: run moat as root, allow user "
                       "namespaces, or use Linux 5.19 or newer with landlock among its security modules");
    int r = drop_capabilities(err);
    if (r < 0)
        return r;
    return enter_filter(err);
}

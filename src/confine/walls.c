/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls around a helper, outermost first. Which descriptors, calls and capabilities its work needs is the helper's
 * to say; that all else is gone is seen to here. Runs in the helper, before anything foreign is read.
 */
#include "confine/walls.h"

#include "base/mem.h"
#include "confine/seccomp.h"
#include "host/mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
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
#define NET_BIND_TCP 1ull
#define NET_TCP      3ull
#define SCOPE_ALL    3ull

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

void walls_limit(int resource, uint64_t value)
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
static bool enter_namespaces(bool privileged, bool network)
{
    int flags = CLONE_NEWNS | (network ? 0 : CLONE_NEWNET) | CLONE_NEWIPC | CLONE_NEWUTS;
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

/* Of a regular file only what is done to files can be allowed. */
static bool landlock_allow_trees(int ruleset, const struct walls *w, uint64_t inside)
{
    const uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;

    for (uint32_t i = 0; i < w->n_trees; i++) {
        uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
        struct stat st;
        if (w->trees[i].write)
            access = inside & ~LANDLOCK_ACCESS_FS_MAKE_FIFO;
        if (fstat(w->trees[i].fd, &st) < 0 ||
            landlock_allow(ruleset, w->trees[i].fd, S_ISDIR(st.st_mode) ? access : access & of_files) < 0)
            return false;
    }
    return true;
}

static bool enter_landlock(const struct walls *w, bool rooted)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset_attr attr = {.fs = (LANDLOCK_ACCESS_FS_REFER << 1) - 1};

    if (abi < 2)
        return false; /* before 5.19 it forbids links between directories, which archives have */
    if (abi >= 3)
        attr.fs |= FS_TRUNCATE;
    if (abi >= 4)
        attr.net = w->network ? NET_BIND_TCP : NET_TCP;
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
    if (w->dest >= 0 && landlock_allow(ruleset, w->dest, inside) < 0)
        return false;
    if (w->source >= 0 &&
        landlock_allow(ruleset, w->source, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR) < 0)
        return false;
    if (!landlock_allow_trees(ruleset, w, inside))
        return false;
    for (size_t i = 0; !rooted && w->readable && w->readable[i]; i++) {
        _cleanup_fd_ int fd = open(w->readable[i], O_PATH | O_CLOEXEC); /* follows links, as its reader will */
        if (fd >= 0)
            landlock_allow(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE); /* refused: it is not there, for its reader */
    }
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

#define BIT(cap) (1ull << (cap))

static int drop_capabilities(uint64_t keep, struct err *err)
{
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

static int enter_filter(const struct walls *w, struct err *err)
{
    struct seccomp_policy policy = {.set = true,
                                    .default_action = SECCOMP_RET_KILL_PROCESS,
                                    .rules = (struct seccomp_rule *)w->calls,
                                    .n_rules = w->n_calls};
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

/* "/" becomes a file system in memory that is mounted nowhere and has nothing in it. */
static bool enter_empty_root(void)
{
    _cleanup_fd_ int fs = mount_fs_open("tmpfs");
    _cleanup_fd_ int root = fs < 0 ? -1 : mount_fs_create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);

    return root >= 0 && fchdir(root) == 0 && chroot(".") == 0 && chdir("/") == 0;
}

int walls_enter(const struct walls *w, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, w->stays ? 0 : SIGKILL, 0, 0, 0) < 0)
        return err_sys(err, -errno, "give up privileges");
    syscall(SYS_close_range, w->descriptors, ~0u, 0);
    umask(0);
    walls_limit(RLIMIT_CORE, 0);
    walls_limit(RLIMIT_AS, w->memory);
    walls_limit(RLIMIT_FSIZE, w->file_bytes);
    walls_limit(RLIMIT_NOFILE, w->files ? w->files : 1024);
    if (w->cpu_seconds)
        walls_limit(RLIMIT_CPU, w->cpu_seconds);
    /* The outermost wall; where it is missing the inner ones must hold. */
    bool apart = w->namespaces || enter_namespaces(geteuid() == 0, w->network);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* not earlier: /proc/self/uid_map would belong to root */
    const int top = w->dest >= 0 ? w->dest : w->source;
    bool rooted = top >= 0 ? fchdir(top) == 0 && chroot(".") == 0 && chdir("/") == 0 : w->n_trees && enter_empty_root();
    bool landlocked = enter_landlock(w, rooted);
    if (w->stand)
        *w->stand = (apart ? WALLS_NAMESPACES : 0) | (rooted ? WALLS_ROOT : 0) | (landlocked ? WALLS_LANDLOCK : 0);
    if ((top >= 0 || w->n_trees) && !rooted && !landlocked)
        return err_set(err, -EPERM,
                       "this host gives %s neither chroot nor Landlock: run moat as root, allow user "
                       "namespaces, or use Linux 5.19 or newer with landlock among its security modules",
                       w->who);
    int r = drop_capabilities(w->capabilities, err);
    if (r < 0)
        return r;
    return enter_filter(w, err);
}

/* Mappings that are executable never, files that are opened for reading alone. */
static struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = 0};
static struct seccomp_arg to_read = {.index = 2,
                                     .op = SECCOMP_OP_MASKED_EQ,
                                     .value = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
                                     .value_two = O_RDONLY};
static const char *const mapping[] = {"mmap", "mprotect"}, *const opening[] = {"openat"};

int walls_enter_converter(const struct walls *w, struct err *err)
{
    static const char *const plain[] = {"read",    "write", "writev",    "close", "munmap",     "mremap",         "brk",
                                        "madvise", "futex", "getrandom", "exit",  "exit_group", "restart_syscall"};
    const struct seccomp_rule rules[] = {
        {.names = {(char **)plain, ARRAY_LEN(plain)}, .action = SECCOMP_RET_ALLOW},
        {.names = {(char **)mapping, ARRAY_LEN(mapping)}, .action = SECCOMP_RET_ALLOW, .args = &no_exec, .n_args = 1},
    };
    struct walls own = *w;

    own.dest = own.source = -1;
    own.n_trees = 0;
    own.readable = NULL;
    own.descriptors = 3;
    own.network = false;
    own.capabilities = 0;
    own.calls = rules;
    own.n_calls = ARRAY_LEN(rules);
    return walls_enter(&own, err);
}

int walls_enter_packer(const struct walls *w, struct err *err)
{
    static const char *const plain[] = {
        "read",       "pread64",    "write",   "writev",     "pwrite64",   "lseek",
        "close",      "fcntl",                                             /* data */
        "newfstatat", "fstat",      "fstatfs", "getdents64", "readlinkat", /* looking */
        "munmap",     "mremap",     "brk",     "madvise",    "futex",      "restart_syscall",
        "exit",       "exit_group", "getpid",  "getrandom",  "sysinfo"}; /* libc: qsort(3) asks how much memory there is
                                                                          */
    const struct seccomp_rule rules[] = {
        {.names = {(char **)plain, ARRAY_LEN(plain)}, .action = SECCOMP_RET_ALLOW},
        {.names = {(char **)mapping, ARRAY_LEN(mapping)}, .action = SECCOMP_RET_ALLOW, .args = &no_exec, .n_args = 1},
        {.names = {(char **)opening, ARRAY_LEN(opening)}, .action = SECCOMP_RET_ALLOW, .args = &to_read, .n_args = 1},
    };
    struct walls own = *w;

    own.dest = -1;
    own.readable = NULL;
    own.network = false;
    own.descriptors = (unsigned)w->source + 1;
    own.capabilities = UINT64_C(1) << CAP_DAC_READ_SEARCH;
    own.calls = rules;
    own.n_calls = ARRAY_LEN(rules);
    return walls_enter(&own, err);
}

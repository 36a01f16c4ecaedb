/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 47 calls and paths of tests/surface/list, in its order: how much of the kernel answers at all. Reachable is an
 * answer that is not a refusal by name, so nothing here need succeed, and nothing here changes anything.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_modify_ldt /* x86 alone */
#define SYS_modify_ldt (-1)
#endif

struct item {
    const char *name, *kind;
    int (*reach)(const struct item *i); /* what the call gave; runs in a process of its own */
    const char *path;
    long a, b, c, d;
};

static int result(long r)
{
    return r < 0 ? -errno : 0;
}

/* a: its number; b to d: arguments. */
static int call(const struct item *i)
{
    return result(syscall(i->a, i->b, i->c, i->d, 0, 0));
}

/* The same with a name or a buffer as its second argument. */
static int call_with(const struct item *i)
{
    return result(syscall(i->a, i->b, i->path ? i->path : (char[128]){0}, i->c, 0));
}

/* A file that is not there is looked for only by those who may. */
static int call_name(const struct item *i)
{
    long r = syscall(i->a, i->path, i->b, 0);

    return r < 0 && errno == ENOENT ? 0 : result(r);
}

static int quota(const struct item *i)
{
    long r = syscall(SYS_quotactl, 0x80000100 /* Q_SYNC */, "/moat-surface", 0, 0);

    return r < 0 && errno == ENOENT ? 0 : result(r);
}

static int add_key_call(const struct item *i)
{
    return result(syscall(SYS_add_key, "user", "moat-surface", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int path(const struct item *i)
{
    return result(open(i->path, (int)i->a | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

static int family(const struct item *i)
{
    return result(socket((int)i->a, (int)i->b | SOCK_CLOEXEC, (int)i->c));
}

static int bpf(const struct item *i)
{
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } attr = {2 /* array */, 4, 4, 1, {0}};

    return result(syscall(SYS_bpf, 0, &attr, sizeof attr));
}

static int perf_event(const struct item *i)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int clone3_user(const struct item *i)
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

static int setns_own(const struct item *i)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : result(setns(fd, CLONE_NEWNS));
}

static int mount_call(const struct item *i)
{
    /* behind the check of rights the file system of that name is looked for */
    int r = result(mount("none", "/", "moat-surface", 0, NULL));

    return r == -ENODEV ? 0 : r;
}

static int cgroup_mount(const struct item *i)
{
    long fd = syscall(430, "cgroup2", 0);

    return fd < 0 ? -errno : result(syscall(431, fd, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0));
}

static pid_t outside(void)
{
    return (pid_t)fact_number("pid");
}

static int ptrace_outside(const struct item *i)
{
    if (outside() <= 0)
        return -ESRCH;
    int r = result(ptrace(PTRACE_SEIZE, outside(), 0, 0));
    if (r == 0)
        ptrace(PTRACE_DETACH, outside(), 0, 0);
    return r;
}

static int read_outside(const struct item *i)
{
    char byte;
    struct iovec own = {&byte, 1}, other = {(void *)16, 1}; /* nothing is there, so EFAULT is the answer */

    if (outside() <= 0)
        return -ESRCH;
    return result(process_vm_readv(outside(), &own, 1, &other, 1, 0));
}

static int open_by_handle(const struct item *i)
{
    union {
        struct file_handle h;
        char space[sizeof(struct file_handle) + 8];
    } f = {.h = {.handle_bytes = 8, .handle_type = 1}};
    int at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return result(open_by_handle_at(at, &f.h, O_RDONLY));
}

static int memfd_exec(const struct item *i)
{
    static const char script[] = "#!/nonexistent\n"; /* refused for its content only once it may be executed */
    int fd = (int)syscall(SYS_memfd_create, "surface", 0);

    if (fd < 0 || write(fd, script, sizeof script - 1) < 0)
        return -errno;
    syscall(SYS_execveat, fd, "", (char *[]){NULL}, (char *[]){NULL}, AT_EMPTY_PATH);
    return errno == ENOENT ? 0 : -errno;
}

static int int80(const struct item *i)
{
#ifdef __x86_64__
    long r;

    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
    return r > 0 ? 0 : (int)r;
#else
    return -ENOSYS;
#endif
}

/* Into a terminal of our own: what is asked is whether the call gets that far. */
static int terminal(const struct item *i)
{
    int master, fd = own_terminal(&master);
    int r = fd < 0 ? fd : result(syscall(SYS_ioctl, fd, i->a, "x"));

    return r == -ENOTTY ? 0 : r; /* no virtual console, says the terminal, which was asked */
}

static int abstract_socket(const struct item *i)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char line[256] = "";
    const char *name = fact("abstract");
    FILE *list = name ? NULL : fopen("/proc/net/unix", "re");

    while (list && !name && fgets(line, sizeof line, list))
        if ((name = strchr(line, '@')) && name[1] > ' ')
            line[strcspn(line, "\n")] = '\0', name++;
        else
            name = NULL;
    if (list)
        fclose(list);
    if (!name)
        return -ECONNREFUSED;
    size_t n = strlen(name) < sizeof a.sun_path - 1 ? strlen(name) : sizeof a.sun_path - 1;
    memcpy(a.sun_path + 1, name, n);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = result(connect(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
    return r == -EPROTOTYPE ? 0 : r;
}

/* Names without their addresses help nobody. */
static int kallsyms(const struct item *i)
{
    unsigned long address = 0;
    FILE *f = fopen("/proc/kallsyms", "re");

    if (!f)
        return -errno;
    for (int n = 0; n < 64 && !address; n++)
        if (fscanf(f, "%lx%*[^\n]", &address) != 1)
            break;
    return address ? 0 : -EACCES;
}

static const struct item items[] = {
    {"io_uring_setup", "call", call_with, NULL, 425, 1},
    {"userfaultfd", "call", call, NULL, SYS_userfaultfd},
    {"bpf", "call", bpf},
    {"perf_event_open", "call", perf_event},
    {"keyctl", "call", call, NULL, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1},
    {"add_key", "call", add_key_call},
    {"unshare-user", "call", call, NULL, SYS_unshare, CLONE_NEWUSER},
    {"unshare-net", "call", call, NULL, SYS_unshare, CLONE_NEWNET},
    {"unshare-mount", "call", call, NULL, SYS_unshare, CLONE_NEWNS},
    {"clone3-user", "call", clone3_user},
    {"setns", "call", setns_own},
    {"mount", "call", mount_call},
    {"fsopen", "call", call_name, "tmpfs", 430},
    {"open_tree", "call", call_with, "/", 428, AT_FDCWD, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC},
    {"cgroup-mount", "call", cgroup_mount},
    {"ptrace-outside", "call", ptrace_outside},
    {"process_vm_readv-outside", "call", read_outside},
    {"open_by_handle_at", "call", open_by_handle},
    {"memfd-exec", "call", memfd_exec},
    {"int80", "call", int80},
    {"x32", "call", call, NULL, 0x40000000L | SYS_getpid},
    {"modify_ldt", "call", call_with, NULL, SYS_modify_ldt, 0, 16},
    {"personality", "call", call, NULL, SYS_personality, 0x0040000},
    {"quotactl", "call", quota},
    {"syslog", "call", call_with, NULL, SYS_syslog, 3, 64},
    {"kexec_load", "call", call, NULL, SYS_kexec_load, 0, 17},
    {"init_module", "call", call_name, "", SYS_init_module},
    {"swapon", "call", call_name, "/moat-surface", SYS_swapon},
    {"reboot", "call", call, NULL, SYS_reboot, 0xfee1dead, 672274793, 0x1234},
    {"acct", "call", call_name, "/moat-surface", SYS_acct},
    {"tiocsti", "ioctl", terminal, NULL, TIOCSTI},
    {"tiocsti-64", "ioctl", terminal, NULL, TIOCSTI | 1L << 32},
    {"tioclinux", "ioctl", terminal, NULL, TIOCLINUX},
    {"af_alg", "socket", family, NULL, 38, SOCK_SEQPACKET},
    {"af_packet", "socket", family, NULL, AF_PACKET, SOCK_RAW},
    {"af_netlink", "socket", family, NULL, AF_NETLINK, SOCK_RAW},
    {"af_vsock", "socket", family, NULL, 40, SOCK_STREAM},
    {"af_inet-raw", "socket", family, NULL, AF_INET, SOCK_RAW, 1 /* ICMP */},
    {"af_unix-abstract", "socket", abstract_socket},
    {"core_pattern", "path", path, "/proc/sys/kernel/core_pattern", O_WRONLY},
    {"kcore", "path", path, "/proc/kcore", O_RDONLY},
    {"kallsyms", "path", kallsyms},
    {"sys-write", "path", path, "/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY},
    {"dev-kmsg", "path", path, "/dev/kmsg", O_WRONLY},
    {"dev-kvm", "path", path, "/dev/kvm", O_RDWR},
    {"dev-fuse", "path", path, "/dev/fuse", O_RDWR},
    {"dev-net-tun", "path", path, "/dev/net/tun", O_RDWR},
};
_Static_assert(ARRAY_LEN(items) == 47, "tests/surface/list has 47 rows");

static int reach(void *ctx)
{
    const struct item *i = ctx;

    alarm(10);
    return i->reach(i);
}

static bool reachable(int r)
{
    static const int refusals[] = {EPERM, EACCES,       ENOSYS,          ENOENT,          ENXIO,      ENODEV,
                                   ESRCH, EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, ECONNREFUSED,
                                   EROFS, EBADF};

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (r == -refusals[i])
            return false;
    return true;
}

int surface_print(bool json)
{
    unsigned count = 0;
    bool open[ARRAY_LEN(items)];
    int results[ARRAY_LEN(items)];
    char parent[24] = "";
    const bool own = has_own_kernel(); /* then no answer is the host's, and none is asked for */

    if (!fact("pid")) {
        snprintf(parent, sizeof parent, "pid=%d", getppid());
        facts_add(parent);
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        results[i] = own ? -ENOSYS : in_child(reach, (void *)&items[i]);
        open[i] = reachable(results[i]);
        count += open[i];
    }
    if (json)
        printf("{\"total\":%zu,\"reachable\":%u,\"items\":[", ARRAY_LEN(items), count);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        const char *detail = own              ? "a kernel of its own answers"
                             : results[i] < 0 ? errno_name(-results[i])
                                              : "answered";
        if (json)
            printf("%s{\"name\":\"%s\",\"kind\":\"%s\",\"reachable\":%s,\"detail\":\"%s\"}", i ? "," : "",
                   items[i].name, items[i].kind, open[i] ? "true" : "false", detail);
        else
            printf("%-13s %-24s %s\n", open[i] ? "reachable" : "unreachable", items[i].name, detail);
    }
    if (json)
        puts("]}");
    else
        printf("%u of %zu reachable\n", count, ARRAY_LEN(items));
    return fflush(stdout) ? 1 : 0;
}

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

/* Each returns what the call gave: negative is -errno. It runs in a process of its own. */
static int result(long r)
{
    return r < 0 ? -errno : 0;
}

static int io_uring_setup(void)
{
    return result(syscall(425, 1, (char[120]){0}));
}

static int userfault(void)
{
    return result(syscall(SYS_userfaultfd, 0));
}

static int bpf(void)
{
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } attr = {2 /* array */, 4, 4, 1, {0}};

    return result(syscall(SYS_bpf, 0, &attr, sizeof attr));
}

static int perf_event(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int keyctl_call(void)
{
    return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
}

static int add_key_call(void)
{
    return result(syscall(SYS_add_key, "user", "moat-surface", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int unshare_user(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int unshare_net(void)
{
    return result(unshare(CLONE_NEWNET));
}

static int unshare_mount(void)
{
    return result(unshare(CLONE_NEWNS));
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

static int setns_own(void)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : result(setns(fd, CLONE_NEWNS));
}

static int mount_call(void)
{
    /* behind the check of rights the file system of that name is looked for */
    int r = result(mount("none", "/", "moat-surface", 0, NULL));

    return r == -ENODEV ? 0 : r;
}

static int fsopen_call(void)
{
    return result(syscall(430, "tmpfs", 0));
}

static int open_tree_call(void)
{
    return result(syscall(428, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC));
}

static int cgroup_mount(void)
{
    long fd = syscall(430, "cgroup2", 0);

    return fd < 0 ? -errno : result(syscall(431, fd, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0));
}

static pid_t outside(void)
{
    return (pid_t)fact_number("pid");
}

static int ptrace_outside(void)
{
    if (outside() <= 0)
        return -ESRCH;
    int r = result(ptrace(PTRACE_SEIZE, outside(), 0, 0));
    if (r == 0)
        ptrace(PTRACE_DETACH, outside(), 0, 0);
    return r;
}

static int read_outside(void)
{
    char byte;
    struct iovec own = {&byte, 1}, other = {(void *)16, 1}; /* nothing is there, so EFAULT is the answer */

    if (outside() <= 0)
        return -ESRCH;
    return result(process_vm_readv(outside(), &own, 1, &other, 1, 0));
}

static int open_by_handle(void)
{
    union {
        struct file_handle h;
        char space[sizeof(struct file_handle) + 8];
    } f = {.h = {.handle_bytes = 8, .handle_type = 1}};
    int at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return result(open_by_handle_at(at, &f.h, O_RDONLY));
}

static int memfd_exec(void)
{
    static const char script[] = "#!/nonexistent\n"; /* refused for its content only once it may be executed */
    int fd = (int)syscall(SYS_memfd_create, "surface", 0);

    if (fd < 0 || write(fd, script, sizeof script - 1) < 0)
        return -errno;
    syscall(SYS_execveat, fd, "", (char *[]){NULL}, (char *[]){NULL}, AT_EMPTY_PATH);
    return errno == ENOENT ? 0 : -errno;
}

static int int80(void)
{
#ifdef __x86_64__
    long r;

    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
    return r > 0 ? 0 : (int)r;
#else
    return -ENOSYS;
#endif
}

static int x32(void)
{
#ifdef __x86_64__
    return result(syscall(0x40000000L | SYS_getpid));
#else
    return -ENOSYS;
#endif
}

static int ldt(void)
{
#ifdef __x86_64__
    return result(syscall(SYS_modify_ldt, 0, (char[16]){0}, 16UL));
#else
    return -ENOSYS;
#endif
}

static int personality_call(void)
{
    return result(syscall(SYS_personality, 0x0040000L));
}

/* A file that is not there is looked for only by those who may. */
static int behind_name(long r)
{
    return r < 0 && errno == ENOENT ? 0 : result(r);
}

static int quota(void)
{
    return behind_name(syscall(SYS_quotactl, 0x80000100 /* Q_SYNC */, "/moat-surface", 0, 0));
}

static int kernel_log(void)
{
    return result(syscall(SYS_syslog, 3, (char[64]){0}, 64));
}

static int kexec(void)
{
    return result(syscall(SYS_kexec_load, 0, 17, NULL, 0));
}

static int module(void)
{
    return result(syscall(SYS_init_module, "", 0, ""));
}

static int swap_on(void)
{
    return behind_name(syscall(SYS_swapon, "/moat-surface", 0));
}

static int reboot_call(void)
{
    return result(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234, NULL));
}

static int accounting(void)
{
    return behind_name(syscall(SYS_acct, "/moat-surface"));
}

static int type_into(unsigned long command)
{
    int master, fd = own_terminal(&master);

    return fd < 0 ? fd : result(syscall(SYS_ioctl, fd, command, "x"));
}

static int sti(void)
{
    return type_into(TIOCSTI);
}

static int sti_64(void)
{
    return type_into(TIOCSTI | 1UL << 32);
}

static int tioclinux(void)
{
    int r = type_into(TIOCLINUX);

    return r == -ENOTTY ? 0 : r; /* no virtual console, says the terminal, which was asked */
}

static int family(int af, int type, int protocol)
{
    return result(socket(af, type | SOCK_CLOEXEC, protocol));
}

static int af_alg(void)
{
    return family(38, SOCK_SEQPACKET, 0);
}

static int af_packet(void)
{
    return family(AF_PACKET, SOCK_RAW, 0);
}

static int af_netlink(void)
{
    return family(AF_NETLINK, SOCK_RAW, 0);
}

static int af_vsock(void)
{
    return family(40, SOCK_STREAM, 0);
}

static int inet_raw(void)
{
    return family(AF_INET, SOCK_RAW, 1);
}

static int abstract_socket(void)
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

static int path(const char *name, int flags)
{
    return result(open(name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

static int core_pattern(void)
{
    return path("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static int kcore(void)
{
    return path("/proc/kcore", O_RDONLY);
}

/* Names without their addresses help nobody. */
static int kallsyms(void)
{
    unsigned long address = 0;
    FILE *f = fopen("/proc/kallsyms", "re");

    if (!f)
        return -errno;
    for (int i = 0; i < 64 && !address; i++)
        if (fscanf(f, "%lx%*[^\n]", &address) != 1)
            break;
    return address ? 0 : -EACCES;
}

static int sys_write(void)
{
    return path("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
}

static int kmsg(void)
{
    return path("/dev/kmsg", O_WRONLY);
}

static int kvm(void)
{
    return path("/dev/kvm", O_RDWR);
}

static int fuse(void)
{
    return path("/dev/fuse", O_RDWR);
}

static int tun(void)
{
    return path("/dev/net/tun", O_RDWR);
}

static const struct item {
    const char *name, *kind;
    int (*reach)(void);
} items[] = {
    {"io_uring_setup", "call", io_uring_setup},
    {"userfaultfd", "call", userfault},
    {"bpf", "call", bpf},
    {"perf_event_open", "call", perf_event},
    {"keyctl", "call", keyctl_call},
    {"add_key", "call", add_key_call},
    {"unshare-user", "call", unshare_user},
    {"unshare-net", "call", unshare_net},
    {"unshare-mount", "call", unshare_mount},
    {"clone3-user", "call", clone3_user},
    {"setns", "call", setns_own},
    {"mount", "call", mount_call},
    {"fsopen", "call", fsopen_call},
    {"open_tree", "call", open_tree_call},
    {"cgroup-mount", "call", cgroup_mount},
    {"ptrace-outside", "call", ptrace_outside},
    {"process_vm_readv-outside", "call", read_outside},
    {"open_by_handle_at", "call", open_by_handle},
    {"memfd-exec", "call", memfd_exec},
    {"int80", "call", int80},
    {"x32", "call", x32},
    {"modify_ldt", "call", ldt},
    {"personality", "call", personality_call},
    {"quotactl", "call", quota},
    {"syslog", "call", kernel_log},
    {"kexec_load", "call", kexec},
    {"init_module", "call", module},
    {"swapon", "call", swap_on},
    {"reboot", "call", reboot_call},
    {"acct", "call", accounting},
    {"tiocsti", "ioctl", sti},
    {"tiocsti-64", "ioctl", sti_64},
    {"tioclinux", "ioctl", tioclinux},
    {"af_alg", "socket", af_alg},
    {"af_packet", "socket", af_packet},
    {"af_netlink", "socket", af_netlink},
    {"af_vsock", "socket", af_vsock},
    {"af_inet-raw", "socket", inet_raw},
    {"af_unix-abstract", "socket", abstract_socket},
    {"core_pattern", "path", core_pattern},
    {"kcore", "path", kcore},
    {"kallsyms", "path", kallsyms},
    {"sys-write", "path", sys_write},
    {"dev-kmsg", "path", kmsg},
    {"dev-kvm", "path", kvm},
    {"dev-fuse", "path", fuse},
    {"dev-net-tun", "path", tun},
};
_Static_assert(ARRAY_LEN(items) == 47, "tests/surface/list has 47 rows");

static int reach(void *ctx)
{
    alarm(10);
    return ((const struct item *)ctx)->reach();
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

    if (!fact("pid")) {
        snprintf(parent, sizeof parent, "pid=%d", getppid());
        facts_add(parent);
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        results[i] = in_child(reach, (void *)&items[i]);
        open[i] = reachable(results[i]);
        count += open[i];
    }
    if (json)
        printf("{\"total\":%zu,\"reachable\":%u,\"items\":[", ARRAY_LEN(items), count);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        const char *detail = results[i] < 0 ? errno_name(-results[i]) : "answered";
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

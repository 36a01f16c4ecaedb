/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-enter: the last stage before a workload's first instruction (record: enter.h). Freestanding, no heap, no libc.
 * It runs with the set-up stage's privileges and gives them up in a fixed order; it trusts the record (written and
 * sealed by the launcher) and nothing it finds inside. Its own file is a sealed memfd, so /proc/PID/exe leads nowhere.
 *
 * Order: cgroups, namespaces, terminal, rlimits, directory, look-up of the program, bounding set, (Landlock and seccomp
 * when privileges may be gained), ids, capabilities, no_new_privs, READY and the wait for `start`, startContainer
 * hooks, Landlock, fork into a joined pid namespace, session, seccomp, exec.
 */
#include "guest/enter.h"

#include "host/sys.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/socket.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#define DEVPTS_MAGIC  0x1cd1
#define MQUEUE_MAGIC  0x19800202
#define PATH_SIZE     4096
#define KERNEL_SIGSET 8
#define DEFAULT_PATH  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
int main(int argc, char **argv, char **envp);

static const struct enter_record *rec;
static int report_fd = -1; /* the pipe before the start, the start connection after it */

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)c;
    return to;
}

static size_t str_len(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

static const void *at(uint32_t offset)
{
    return (const char *)rec + offset;
}

/* False when nobody reads any more: the launcher is dead. */
static bool report(uint32_t stage, int32_t code, uint32_t item)
{
    struct enter_report r = {stage, code, item};

    return report_fd >= 0 && sys(SYS_write, report_fd, &r, sizeof r) == sizeof r;
}

static _Noreturn void quit(int status)
{
    for (;;)
        sys(SYS_exit_group, status);
}

static _Noreturn void fail(uint32_t stage, long r, uint32_t item)
{
    report(stage, (int32_t)-r, item);
    quit(stage == ENTER_FAILED_EXEC ? (r == -ENOENT ? 127 : 126) : 125);
}

static void join_cgroups(void)
{
    for (uint32_t i = 0; i < 16 && rec->cgroup_fds[i] >= 0; i++) {
        long r = sys(SYS_write, rec->cgroup_fds[i], "0", 1);
        if (r < 0)
            fail(ENTER_FAILED_CGROUP, r, i);
        sys(SYS_close, rec->cgroup_fds[i]);
    }
}

static void join_namespaces(void)
{
    for (uint32_t i = 0; i < 8 && rec->ns_fds[i] >= 0; i++) {
        long r = sys(SYS_setns, rec->ns_fds[i], 0);
        if (r < 0)
            fail(ENTER_FAILED_SETNS, r, i);
        sys(SYS_close, rec->ns_fds[i]);
    }
}

/* The process that goes on must be a member of the joined pid namespace, and the launcher's child, so that the launcher
 * can wait for it: CLONE_PARENT. */
static void fork_into_pid_namespace(void)
{
    struct clone_args args = {.flags = CLONE_PARENT, .exit_signal = 0};
    long pid = sys(SYS_clone3, &args, sizeof args);

    if (pid < 0)
        fail(ENTER_FAILED_FORK, pid, 0);
    if (pid > 0) {
        report(ENTER_FORKED, (int32_t)pid, 0);
        quit(0);
    }
}

/* A filter may already deny clone3 here (then clone is what is left). */
static long fork_workload(void)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    long pid = sys(SYS_clone3, &args, sizeof args);

    if (pid == -ENOSYS || pid == -EPERM)
        pid = sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    return pid;
}

static bool send_fd(int socket, int fd, const void *data, size_t len)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
    return sys(SYS_sendmsg, socket, &msg, MSG_NOSIGNAL) >= 0;
}

/* The master is opened through the mount's own ptmx and checked to be a devpts, the other end comes by TIOCGPTPEER: no
 * name that the image chose is followed. */
static void open_console(void)
{
    struct statfs fs;
    int master = (int)sys(SYS_openat, AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW, 0);

    if (master < 0)
        fail(ENTER_FAILED_CONSOLE, master, 0);
    if (sys(SYS_fstatfs, master, &fs) < 0 || fs.f_type != DEVPTS_MAGIC)
        fail(ENTER_FAILED_CONSOLE, -ENOTTY, 1);
    int zero = 0;
    sys(SYS_ioctl, master, TIOCSPTLCK, &zero);
    int slave = (int)sys(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        fail(ENTER_FAILED_CONSOLE, slave, 2);
    if (rec->rows || rec->cols) {
        struct winsize ws = {.ws_row = rec->rows, .ws_col = rec->cols};
        sys(SYS_ioctl, master, TIOCSWINSZ, &ws);
    }
    sys(SYS_fchown, slave, rec->uid, -1);
    if (rec->flags & ENTER_CONSOLE_MOUNT) {
        long tree = sys(SYS_open_tree, slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        long r = tree < 0 ? tree : sys(SYS_move_mount, tree, "", AT_FDCWD, "/dev/console", MOVE_MOUNT_F_EMPTY_PATH);
        if (r < 0)
            fail(ENTER_FAILED_CONSOLE, r, 3);
        sys(SYS_close, tree);
    }
    static const char name[] = "/dev/ptmx";
    if (!send_fd(rec->console_fd, master, name, sizeof name - 1))
        fail(ENTER_FAILED_CONSOLE, -EPIPE, 4);
    sys(SYS_close, master);
    sys(SYS_close, rec->console_fd);
    for (int fd = 0; fd <= 2; fd++)
        sys(SYS_dup3, slave, fd, 0);
    sys(SYS_close, slave);
}

static bool is_null(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == (1 << 8 | 3);
}

/* A standard stream on the host's /dev/null would give the host's inode away: root inside could change its mode through
 * /proc/self/fd. The sandbox's own takes its place, where there is one. */
static void replace_null_streams(void)
{
    struct stat st;

    for (int fd = 0; fd <= 2; fd++) {
        if (sys(SYS_fstat, fd, &st) < 0 || !is_null(&st))
            continue;
        long own = sys(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
        if (own >= 0 && sys(SYS_fstat, own, &st) == 0 && is_null(&st) && sys(SYS_fcntl, own, F_SETFL, 0) == 0)
            sys(SYS_dup3, own, fd, 0);
        if (own >= 0)
            sys(SYS_close, own);
    }
}

static void set_rlimits(void)
{
    const struct enter_rlimit *l = at(rec->rlimits);

    for (uint32_t i = 0; i < rec->n_rlimits; i++) {
        struct {
            uint64_t soft, hard;
        } v = {l[i].soft, l[i].hard};
        long r = sys(SYS_prlimit64, 0, l[i].resource, &v, NULL);
        if (r < 0)
            fail(ENTER_FAILED_RLIMIT, r, l[i].resource);
    }
}

static void install_seccomp(void)
{
    if (!(rec->flags & ENTER_SECCOMP))
        return;
    struct sock_fprog prog = {.len = (unsigned short)rec->n_bpf,
                              .filter = (struct sock_filter *)(uintptr_t)at(rec->bpf)};
    long r = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, rec->seccomp_flags, &prog);
    if (r < 0)
        fail(ENTER_FAILED_SECCOMP, r, 0);
    if (rec->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
        if (!send_fd(rec->listener_fd, (int)r, at(rec->seccomp_state), rec->seccomp_state_len))
            fail(ENTER_FAILED_LISTENER, -EPIPE, 0);
        sys(SYS_close, r);
        sys(SYS_close, rec->listener_fd);
    }
}

/* A filter that shows sendmsg(2) to its listener shows ours, before anybody can listen. So the listener is sent by a
 * child that shares our descriptors and was made before the filter. */
static void install_shown_filter(void)
{
    struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
    int order[2], listener = -1, status = 0;
    struct sock_fprog prog = {.len = (unsigned short)rec->n_bpf,
                              .filter = (struct sock_filter *)(uintptr_t)at(rec->bpf)};

    long r = sys(SYS_pipe2, order, O_CLOEXEC);
    long pid = r < 0 ? r : sys(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        bool sent = sys(SYS_read, order[0], &listener, sizeof listener) == sizeof listener && listener >= 0 &&
                    send_fd(rec->listener_fd, listener, at(rec->seccomp_state), rec->seccomp_state_len);
        quit(sent ? 0 : 1);
    }
    if (pid < 0)
        fail(ENTER_FAILED_FORK, pid, 0);
    r = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, rec->seccomp_flags, &prog);
    listener = (int)r;
    sys(SYS_write, order[1], &listener, sizeof listener);
    while (sys(SYS_wait4, pid, &status, 0, NULL) == -EINTR)
        ;
    if (r < 0)
        fail(ENTER_FAILED_SECCOMP, r, 0);
    if (status)
        fail(ENTER_FAILED_LISTENER, -EPIPE, 0);
    sys(SYS_close, order[0]);
    sys(SYS_close, order[1]);
    sys(SYS_close, listener);
    sys(SYS_close, rec->listener_fd);
}

static void drop_bounding_set(void)
{
    for (int cap = 0; cap < 64; cap++) {
        if (rec->caps[ENTER_CAP_BOUNDING] >> cap & 1)
            continue;
        long has = sys(SYS_prctl, PR_CAPBSET_READ, cap);
        if (has < 0)
            break; /* beyond the kernel's last one */
        long r = has ? sys(SYS_prctl, PR_CAPBSET_DROP, cap) : 0;
        if (r < 0)
            fail(ENTER_FAILED_CAPS, r, (uint32_t)cap);
    }
}

static void set_ids(void)
{
    long r = 0;

    if (rec->flags & ENTER_SET_GROUPS)
        r = sys(SYS_setgroups, rec->n_groups, at(rec->groups));
    if (r < 0)
        fail(ENTER_FAILED_IDS, r, 0);
    r = sys(SYS_setresgid, rec->gid, rec->gid, rec->gid);
    if (r < 0)
        fail(ENTER_FAILED_IDS, r, 1);
    r = sys(SYS_setresuid, rec->uid, rec->uid, rec->uid);
    if (r < 0)
        fail(ENTER_FAILED_IDS, r, 2);
}

static void set_caps(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    for (int i = 0; i < 2; i++)
        data[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)(rec->caps[ENTER_CAP_EFFECTIVE] >> 32 * i),
            .permitted = (uint32_t)(rec->caps[ENTER_CAP_PERMITTED] >> 32 * i),
            .inheritable = (uint32_t)(rec->caps[ENTER_CAP_INHERITABLE] >> 32 * i),
        };
    long r = sys(SYS_capset, &head, data);
    if (r < 0)
        fail(ENTER_FAILED_CAPS, r, 64);
    sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    for (uint32_t cap = 0; cap < 64; cap++)
        if (rec->caps[ENTER_CAP_AMBIENT] >> cap & 1 &&
            (r = sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap)) < 0)
            fail(ENTER_FAILED_CAPS, r, cap);
}

/* A directory that the kernel calls unreachable lies outside the root (CVE-2024-21626): never run there. */
static long change_directory(void)
{
    static char here[PATH_SIZE];
    long r = sys(SYS_chdir, at(rec->cwd));

    if (r < 0)
        return r;
    r = sys(SYS_getcwd, here, sizeof here);
    if (r < 0 || here[0] != '/')
        fail(ENTER_CWD_OUTSIDE, r < 0 ? r : -EXDEV, 0);
    return 0;
}

static void fence_files(void)
{
    if (!(rec->flags & ENTER_LANDLOCK))
        return;
    long abi = sys(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return; /* the launcher has said so */
    uint64_t all = (1ULL << 13) - 1;
    uint64_t file = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (abi >= 2)
        all |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        all |= LANDLOCK_ACCESS_FS_TRUNCATE, file |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 5)
        all |= LANDLOCK_ACCESS_FS_IOCTL_DEV, file |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    struct landlock_ruleset_attr attr = {.handled_access_fs = all};
    int set = (int)sys(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    if (set < 0)
        fail(ENTER_FAILED_LANDLOCK, set, 0);
    static const struct enter_path whole_root = {0, 0, ~0ULL};
    const struct enter_path *paths = rec->n_paths ? at(rec->paths) : &whole_root;
    struct landlock_path_beneath_attr beneath;
    long r = 0;
    for (uint32_t i = 0; i < (rec->n_paths ? rec->n_paths : 1); i++) {
        struct stat st;
        beneath.parent_fd =
            (int)sys(SYS_openat, AT_FDCWD, paths[i].path ? at(paths[i].path) : "/", O_PATH | O_CLOEXEC, 0);
        if (beneath.parent_fd == -ENOENT)
            continue;
        r = beneath.parent_fd < 0 ? beneath.parent_fd : sys(SYS_fstat, beneath.parent_fd, &st);
        beneath.allowed_access = paths[i].rights & (r == 0 && S_ISDIR(st.st_mode) ? all : file);
        if (r == 0 && beneath.allowed_access)
            r = sys(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
        if (r < 0)
            fail(ENTER_FAILED_LANDLOCK, r, 1);
        sys(SYS_close, beneath.parent_fd);
    }
    if (rec->program_fd >= 0) {
        beneath.parent_fd = rec->program_fd;
        beneath.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
        r = sys(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
        if (r < 0 && r != -EBADFD) /* of a file of memory, which no rule need allow */
            fail(ENTER_FAILED_LANDLOCK, r, 3);
    }
    /* The queues of mq_open(3) lie on a mount of the kernel's own that has no way up to the root: a rule for their file
     * system's top, where that is shown, holds for them too. */
    beneath.parent_fd = (int)sys(SYS_openat, AT_FDCWD, "/dev/mqueue", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    beneath.allowed_access = all;
    struct statfs fs;
    if (beneath.parent_fd >= 0 && sys(SYS_fstatfs, beneath.parent_fd, &fs) == 0 && fs.f_type == MQUEUE_MAGIC)
        sys(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    if (beneath.parent_fd >= 0)
        sys(SYS_close, beneath.parent_fd);
    /* What was handed over stays openable as /dev/stdin, /dev/stdout, /dev/stderr, and no further than it was open: a
     * log that may be written to is not there to be read. Pipes and sockets need no rule. */
    for (beneath.parent_fd = 0; beneath.parent_fd <= 2; beneath.parent_fd++) {
        const long mode = sys(SYS_fcntl, beneath.parent_fd, F_GETFL, 0) & O_ACCMODE;
        beneath.allowed_access = file & ~LANDLOCK_ACCESS_FS_EXECUTE;
        if (mode == O_WRONLY)
            beneath.allowed_access &= ~LANDLOCK_ACCESS_FS_READ_FILE;
        if (mode == O_RDONLY)
            beneath.allowed_access &= ~(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE);
        sys(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    }
    r = sys(SYS_landlock_restrict_self, set, 0);
    if (r < 0)
        fail(ENTER_FAILED_LANDLOCK, r, 2);
    sys(SYS_close, set);
}

static const char *env_get(char **envp, const char *name)
{
    size_t n = str_len(name);

    for (; *envp; envp++) {
        size_t i = 0;
        while (i < n && (*envp)[i] == name[i])
            i++;
        if (i == n && (*envp)[n] == '=')
            return *envp + n + 1;
    }
    return NULL;
}

/* Whether it may be a program. Asked before the privileges go and before a filter could forbid the question; exec
 * itself decides about permission. */
static long executable(const char *path)
{
    struct stat st;
    long r = sys(SYS_newfstatat, AT_FDCWD, path, &st, 0);

    if (r < 0)
        return r;
    return S_ISREG(st.st_mode) && st.st_mode & 0111 ? 0 : -EACCES;
}

/* Finds the program as a shell would; buf is PATH_SIZE. Negative errno: -ENOENT when it is nowhere. */
static long find_program(const char *name, char **envp, char *buf, const char **found)
{
    const char *path = env_get(envp, "PATH");
    long worst = -ENOENT;

    *found = name;
    for (const char *s = name; *s; s++)
        if (*s == '/')
            return executable(name);
    if (!*name)
        return -ENOENT;
    for (const char *p = path ? path : DEFAULT_PATH;; p++) {
        size_t n = 0;
        for (; *p && *p != ':'; p++)
            if (n < PATH_SIZE / 2)
                buf[n++] = *p;
        if (!n)
            buf[n++] = '.';
        buf[n++] = '/';
        for (const char *s = name; *s && n < PATH_SIZE - 1; s++)
            buf[n++] = *s;
        buf[n] = 0;
        long r = executable(buf);
        if (r == 0) {
            *found = buf;
            return 0;
        }
        if (r == -EACCES)
            worst = r;
        if (!*p)
            return worst;
    }
}

static void run_hook(const struct enter_hook *hook, uint32_t index)
{
    static char *argv[1024], *envp[1024];
    const uint32_t *a = at(hook->argv), *e = at(hook->env);
    int in[2];
    uint32_t n;

    for (n = 0; hook->argv && a[n] && n < 1023; n++)
        argv[n] = (char *)(uintptr_t)at(a[n]);
    argv[n] = NULL;
    for (n = 0; hook->env && e[n] && n < 1023; n++)
        envp[n] = (char *)(uintptr_t)at(e[n]);
    envp[n] = NULL;
    long r = sys(SYS_pipe2, in, O_CLOEXEC);
    if (r < 0)
        fail(ENTER_FAILED_HOOK, r, index);
    long pid = fork_workload();
    if (pid < 0)
        fail(ENTER_FAILED_HOOK, pid, index);
    if (pid == 0) {
        sys(SYS_dup3, in[0], 0, 0);
        sys(SYS_execve, at(hook->path), argv, envp);
        quit(127);
    }
    sys(SYS_close, in[0]);
    struct {
        uint64_t mask;
    } pipe_signal = {1ULL << (SIGPIPE - 1)}, old;
    sys(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &old, KERNEL_SIGSET);
    sys(SYS_write, in[1], at(rec->state), rec->state_len);
    sys(SYS_close, in[1]);
    int status = 0;
    for (int64_t waited_ms = 0;; waited_ms += 10) {
        r = sys(SYS_wait4, pid, &status, hook->timeout_s ? WNOHANG : 0, NULL);
        if (r)
            break;
        if (waited_ms >= (int64_t)hook->timeout_s * 1000) {
            sys(SYS_kill, pid, SIGKILL);
            sys(SYS_wait4, pid, &status, 0, NULL);
            fail(ENTER_FAILED_HOOK, -ETIMEDOUT, index);
        }
        struct timespec ten_ms = {0, 10000000};
        sys(SYS_nanosleep, &ten_ms, NULL);
    }
    if (r < 0 || status)
        fail(ENTER_FAILED_HOOK, r < 0 ? r : -ECHILD, index);
}

/* `start` connects to the socket in the state directory and sends one byte. The connection then carries our failure, or
 * closes on exec, which tells `start` that the workload runs. Only the owner of the state directory can connect. */
static void wait_for_start(void)
{
    if (!report(ENTER_READY, 0, 0))
        quit(125); /* nobody knows of us, so nobody could start or delete us */
    sys(SYS_close, report_fd);
    report_fd = -1;
    for (;;) {
        char order = 0;
        long fd = sys(SYS_accept4, rec->start_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd == -EINTR)
            continue;
        if (fd < 0)
            quit(125);
        if (sys(SYS_read, fd, &order, 1) == 1 && order == ENTER_ORDER_START) {
            report_fd = (int)fd;
            sys(SYS_close, rec->start_fd);
            return;
        }
        sys(SYS_close, fd);
    }
}

/* --init: forwards signals, reaps whatever is left to it, ends with the workload's status. All signals are blocked
 * since before the fork. */
static _Noreturn void be_init(long pid)
{
    uint64_t all = ~0ULL;
    int status;

    sys(SYS_prctl, PR_SET_NAME, "moat-init");
    if (rec->lifeline_fd >= 0) { /* its hang-up is a signal, among those waited for */
        sys(SYS_dup3, rec->lifeline_fd, 0, 0);
        sys(SYS_fcntl, 0, F_SETSIG, SIGIO);
        sys(SYS_fcntl, 0, F_SETOWN, 1); /* us, in our own pid namespace */
        sys(SYS_fcntl, 0, F_SETFL, O_ASYNC);
    }
    sys(SYS_close_range, rec->lifeline_fd >= 0 ? 1 : 0, ~0u, 0);
    for (;;) {
        siginfo_t info;
        struct pollfd lifeline = {.fd = 0, .events = 0};
        struct timespec now = {0, 0};
        if (rec->lifeline_fd >= 0 && sys(SYS_ppoll, &lifeline, 1, &now, NULL, KERNEL_SIGSET) > 0)
            quit(128 + SIGKILL); /* who answers for this sandbox is dead: with us goes the pid namespace */
        long signo = sys(SYS_rt_sigtimedwait, &all, &info, NULL, KERNEL_SIGSET);
        if (signo > 0 && signo != SIGCHLD && !(signo == SIGIO && rec->lifeline_fd >= 0))
            sys(SYS_kill, pid, signo);
        for (;;) {
            long r = sys(SYS_wait4, -1, &status, WNOHANG, NULL);
            if (r <= 0)
                break;
            if (r == pid)
                quit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
}

/* All that is open beyond the workload's own goes at the exec, what a careless caller of the launcher left open too. At
 * the beginning, since a filter may forbid it later; what is opened from here on is close-on-exec from birth. */
static void mark_descriptors(void)
{
    uint32_t first = 3 + rec->keep_fds;

    long r = sys(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC);
    if (r < 0)
        fail(ENTER_FAILED_FDS, r, 0);
}

static void read_record(int fd)
{
    static uint64_t head[sizeof(struct enter_record) / 8];

    if (sys(SYS_pread64, fd, head, sizeof head, ENTER_RECORD_OFFSET) != sizeof head)
        quit(125);
    const struct enter_record *h = (const struct enter_record *)head;
    if (h->magic != ENTER_MAGIC || h->version != ENTER_VERSION || h->size < sizeof *h || h->size > ENTER_RECORD_MAX)
        quit(125);
    long p = sys(SYS_mmap, NULL, h->size, PROT_READ, MAP_PRIVATE, fd, ENTER_RECORD_OFFSET);
    if (p < 0)
        quit(125);
    rec = (const struct enter_record *)p;
    report_fd = rec->report_fd;
    sys(SYS_close, fd);
}

static void become_workload_identity(bool in_directory)
{
    bool late_filter = rec->flags & ENTER_NO_NEW_PRIVS;
    long r;

    if (rec->flags & ENTER_SET_CAPS)
        drop_bounding_set();
    if (!late_filter) { /* both need CAP_SYS_ADMIN, which goes with the ids */
        fence_files();
        install_seccomp();
    }
    sys(SYS_prctl, PR_SET_KEEPCAPS, 1);
    set_ids();
    if (rec->flags & ENTER_SET_CAPS)
        set_caps();
    sys(SYS_prctl, PR_SET_KEEPCAPS, 0);
    if (!in_directory && (r = change_directory()) < 0) /* where root is not let in, as on network file systems */
        fail(ENTER_FAILED_CWD, r, 0);
    if (rec->flags & ENTER_UMASK)
        sys(SYS_umask, rec->umask);
    if (late_filter) {
        r = sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (r < 0)
            fail(ENTER_FAILED_NNP, r, 0);
    }
}

static void die_with_launcher(void)
{
    /* The set-up stage asked for SIGKILL, and neither exec nor a change of ids is sure to clear that. */
    sys(SYS_prctl, PR_SET_PDEATHSIG, rec->flags & ENTER_PDEATHSIG ? SIGKILL : 0);
    if (rec->report_fd < 0)
        return;
    struct pollfd p = {.fd = rec->report_fd, .events = 0};
    struct timespec now = {0, 0};
    if (sys(SYS_ppoll, &p, 1, &now, NULL, KERNEL_SIGSET) > 0 && p.revents & POLLERR)
        quit(125); /* it died before we asked, or before it could record us */
}

int main(int argc, char **argv, char **envp)
{
    static char buf[PATH_SIZE];
    const char *program = NULL;

    /* argv[0] is the memfd's number, the rest is the workload's. */
    int fd = 0;
    for (const char *s = argv[0]; *s >= '0' && *s <= '9'; s++)
        fd = fd * 10 + (*s - '0');
    read_record(fd);
    argv++;
    /* Until the exec nobody inside may trace this process: it would go on without its filter, or with more privilege.
     */
    sys(SYS_prctl, PR_SET_DUMPABLE, 0);

    mark_descriptors();
    join_cgroups();
    join_namespaces();
    /* Into the container's pid namespace as late as can be: until then nobody inside sees this process, whatever he may
     * trace. A filter that is installed early may forbid the fork, so it comes before that one. */
    bool late_fork = rec->flags & ENTER_NO_NEW_PRIVS || !(rec->flags & ENTER_SECCOMP);
    if (rec->flags & ENTER_FORK && !late_fork)
        fork_into_pid_namespace();
    if (rec->flags & ENTER_SET_UID) {
        sys(SYS_setresgid, 0, 0, 0);
        sys(SYS_setresuid, 0, 0, 0);
    }
    if (rec->flags & ENTER_CONSOLE)
        open_console();
    replace_null_streams();
    set_rlimits();
    if (rec->flags & ENTER_PERSONALITY) {
        long r = sys(SYS_personality, rec->personality);
        if (r < 0)
            fail(ENTER_FAILED_PERSONALITY, r, 0);
    }
    bool in_directory = change_directory() == 0;
    /* A container may be created without a process: then there is nothing to find, and `start` fails. */
    long r = argc > 1 && rec->program_fd < 0 ? find_program(argv[0], envp, buf, &program) : 0;
    if (r < 0)
        fail(ENTER_FAILED_EXEC, r, 0);
    become_workload_identity(in_directory);
    die_with_launcher(); /* before the wait: `create` ends, this process goes on */
    if (rec->flags & ENTER_WAIT_START)
        wait_for_start();
    if (argc <= 1)
        fail(ENTER_FAILED_START, -EINVAL, 0);
    const struct enter_hook *hooks = at(rec->hooks);
    for (uint32_t i = 0; i < rec->n_hooks; i++)
        run_hook(&hooks[i], i);
    if (rec->flags & ENTER_NO_NEW_PRIVS)
        fence_files();
    if (rec->flags & ENTER_FORK && late_fork) {
        fork_into_pid_namespace();
        die_with_launcher();
    }
    if (rec->flags & ENTER_SETSID)
        sys(SYS_setsid);
    if (rec->flags & ENTER_CTTY)
        sys(SYS_ioctl, 0, TIOCSCTTY, 0);
    bool init = rec->flags & ENTER_INIT;
    uint64_t all = ~0ULL, mask = 0;
    /* What comes between the fork and the wait, as the end of a short workload, is not lost. */
    if (init)
        sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, KERNEL_SIGSET);
    /* One listener for both: the filter of whoever forks is the child's too. Without a listener it is a matter of time:
     * a filter is costly to install. */
    bool shown = rec->flags & ENTER_NO_NEW_PRIVS && rec->lifeline_fd >= 0;
    bool once = !shown && init && rec->flags & ENTER_NO_NEW_PRIVS && rec->flags & ENTER_ONE_FILTER;
    if (shown)
        install_shown_filter();
    if (once)
        install_seccomp();
    long child = init ? fork_workload() : 0;
    if (child < 0)
        fail(ENTER_FAILED_FORK, child, 0);
    if (init && child == 0)
        sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SIGSET);
    if (rec->flags & ENTER_NO_NEW_PRIVS && !shown && !once)
        install_seccomp();
    if (child > 0)
        be_init(child);
    if (rec->handed_fd >= 0) /* where a filter refuses it, the workload goes without */
        sys(SYS_fcntl, rec->handed_fd, F_SETFD, 0);
    r = rec->program_fd >= 0 ? sys(SYS_execveat, rec->program_fd, "", argv, envp, AT_EMPTY_PATH)
                             : sys(SYS_execve, program, argv, envp);
    fail(ENTER_FAILED_EXEC, r, 0);
}

#if defined(__x86_64__)
__asm__(
    ".globl _start\n_start:\n"
    "xor %ebp,%ebp\n mov (%rsp),%rdi\n lea 8(%rsp),%rsi\n lea 8(%rsi,%rdi,8),%rdx\n and $-16,%rsp\n call main\n hlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n"
        "mov x29,#0\n ldr x0,[sp]\n add x1,sp,#8\n add x2,x1,x0,lsl #3\n add x2,x2,#8\n bl main\n brk #0\n");
#endif

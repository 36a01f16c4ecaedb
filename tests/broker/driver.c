/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs libexec/moat-broker without a launcher: makes its record, gives it its descriptors, and runs a command whose
 * calls go to it. For tests of the broker alone; the walls around the command are those that its answers rely on, a
 * root directory, a user namespace and a network namespace of its own, and no more.
 *
 *   driver BROKER ROOT ITEM... -- COMMAND ARGS
 *
 * ITEM  broker:GUEST=HOST:ACCESS   file:GUEST=HOST:ACCESS (the tree is HOST's directory)   allow:GUEST=HOST:ACCESS
 *       deny:GUEST=HOST   net:HOST:FIRST-LAST/PROTOCOLS   listen:...   resolver:ADDRESS   events:FILE
 *       deny-log   terminal   learn   no-userns   writable-root   naive:PATH (naive.c instead of the broker)
 * COMMAND  a program in ROOT, or one of the scenarios of scenarios.c: its name begins with '@'.
 *
 * Exits as the command does; 200 when something of the frame failed.
 */
#include "driver.h"

#include "broker/record.h"
#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_FAILED 200
#define SUB_ID       100000 /* the target's id 0 on the host */

static _Noreturn void die(const char *format, ...)
{
    va_list ap;
    int e = errno;

    va_start(ap, format);
    fprintf(stderr, "driver: ");
    vfprintf(stderr, format, ap);
    fprintf(stderr, ": %s\n", strerror(e));
    va_end(ap);
    exit(FRAME_FAILED);
}

/* ---- the record -------------------------------------------------------------------------------------------------- */

static char record[1 << 20];
static uint32_t used = sizeof(struct broker_record);
static struct broker_path paths[64];
static struct broker_net nets[64];
static uint32_t resolvers[4];
static struct broker_record *const rec = (struct broker_record *)record;
static int trees[BROKER_TREES_MAX], events = -1;
static bool own_ids = true, writable_root;
static const char *naive;

static uint32_t put(const void *data, size_t n)
{
    uint32_t at = (used + 7) & ~7u;

    memcpy(record + at, data, n);
    used = at + (uint32_t)n;
    return at;
}

static uint32_t put_string(const char *s)
{
    return put(s, strlen(s) + 1);
}

static uint32_t access_of(const char *letters)
{
    uint32_t access = letters ? PATH_STAT : 0;

    for (const char *c = letters ? letters : ""; *c; c++)
        access |= *c == 'r'   ? PATH_READ
                  : *c == 'w' ? PATH_WRITE
                  : *c == 'x' ? PATH_EXECUTE
                  : *c == 'c' ? PATH_CREATE
                              : 0;
    return access;
}

static void add_path(enum path_verdict verdict, bool is_file, char *text)
{
    char *host = strchr(text, '=');

    if (!host)
        die("%s: GUEST=HOST:ACCESS", text);
    *host++ = 0;
    char *letters = strrchr(host, ':'), dir[4096];
    if (letters)
        *letters++ = 0;
    struct broker_path *p = &paths[rec->n_paths++];
    *p = (struct broker_path){.guest = put_string(text),
                              .host = put_string(host),
                              .verdict = verdict,
                              .access = access_of(letters),
                              .tree = -1,
                              .is_file = is_file};
    if (verdict != PATH_BROKER)
        return;
    snprintf(dir, sizeof dir, "%s", host);
    if (is_file)
        *strrchr(dir, '/') = 0;
    p->tree = (int32_t)rec->n_trees;
    trees[rec->n_trees] = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (trees[rec->n_trees++] < 0)
        die("%s", dir);
}

static void add_net(bool listens, char *text)
{
    char *slash = strrchr(text, '/'), *colon;
    unsigned first, last;

    if (slash)
        *slash++ = 0;
    colon = strrchr(text, ':');
    if (!colon || sscanf(colon + 1, "%u-%u", &first, &last) != 2)
        die("%s: HOST:FIRST-LAST/PROTOCOLS", text);
    *colon = 0;
    nets[rec->n_net++] = (struct broker_net){.host = put_string(text),
                                             .first = (uint16_t)first,
                                             .last = (uint16_t)last,
                                             .protocols = slash && !strcmp(slash, "udp") ? NET_UDP : NET_TCP,
                                             .listen = listens};
}

static int by_guest(const void *a, const void *b)
{
    return strcmp(record + ((const struct broker_path *)a)->guest, record + ((const struct broker_path *)b)->guest);
}

static bool begins(const char *item, const char *kind, char **rest)
{
    size_t n = strlen(kind);

    *rest = (char *)item + n;
    return !strncmp(item, kind, n);
}

static void add_item(char *item)
{
    char *rest;

    if (begins(item, "broker:", &rest))
        add_path(PATH_BROKER, false, rest);
    else if (begins(item, "file:", &rest))
        add_path(PATH_BROKER, true, rest);
    else if (begins(item, "allow:", &rest))
        add_path(PATH_ALLOW, false, rest);
    else if (begins(item, "deny:", &rest))
        add_path(PATH_DENY, false, rest);
    else if (begins(item, "net:", &rest))
        add_net(false, rest);
    else if (begins(item, "listen:", &rest))
        add_net(true, rest);
    else if (begins(item, "resolver:", &rest))
        resolvers[rec->n_resolvers++] = put_string(rest);
    else if (begins(item, "events:", &rest))
        events = open(rest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    else if (begins(item, "naive:", &rest))
        naive = rest;
    else if (!strcmp(item, "deny-log"))
        rec->flags |= BROKER_DENY_LOG;
    else if (!strcmp(item, "terminal"))
        rec->flags |= BROKER_TERMINAL;
    else if (!strcmp(item, "learn"))
        rec->flags |= BROKER_LEARN;
    else if (!strcmp(item, "no-userns"))
        own_ids = false;
    else if (!strcmp(item, "writable-root"))
        writable_root = true;
    else
        die("%s: not an item", item);
}

static int record_memfd(void)
{
    rec->magic = BROKER_MAGIC;
    rec->version = BROKER_VERSION;
    rec->sandbox = put_string("driven");
    qsort(paths, rec->n_paths, sizeof paths[0], by_guest);
    rec->paths = put(paths, rec->n_paths * sizeof paths[0]);
    rec->net = put(nets, rec->n_net * sizeof nets[0]);
    rec->resolvers = put(resolvers, rec->n_resolvers * sizeof resolvers[0]);
    rec->size = used;
    int fd = memfd_create("record", MFD_CLOEXEC);
    if (fd < 0 || write(fd, record, used) != (ssize_t)used)
        die("record");
    return fd;
}

/* ---- descriptors by message -------------------------------------------------------------------------------------- */

static void send_fds(int socket, const void *data, size_t size, const int *fds, size_t n)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = {.h = {.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {(void *)data, size};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};

    memcpy(CMSG_DATA(&control.h), fds, n * sizeof(int));
    if (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
        die("send a descriptor");
}

/* ---- the target -------------------------------------------------------------------------------------------------- */

static void write_map(pid_t pid, const char *name)
{
    char path[64], text[64];
    bool root = geteuid() == 0;

    if (!root && !strcmp(name, "gid_map")) { /* once, and before that one */
        snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "deny", 4) != 4)
            die("%s", path);
        close(fd);
    }
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    snprintf(text, sizeof text, "0 %d %d\n", root ? SUB_ID : (int)geteuid(), root ? 1000 : 1);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        die("%s", path);
    close(fd);
}

static void enter_root(const char *root)
{
    unsigned long ro = writable_root ? 0 : MS_RDONLY;

    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(root) < 0 ||
        mount("proc", "proc", "proc", 0, NULL) < 0 || mount("tmp", "tmp", "tmpfs", 0, NULL) < 0 ||
        mount("none", root, NULL, MS_BIND | MS_REMOUNT | ro, NULL) < 0)
        die("the target's root %s", root);
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        die("pivot_root to %s", root);
}

#define NOTIFY_CALL(name, group, ...) #name "\0" #group,
static const char *const calls[] = {
#include "confine/notify_calls.h"
};

int syscall_number(uint32_t arch, const char *name); /* confine/seccomp.h, without its library's headers */

static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    if (syscall(SYS_capset, &header, none) < 0)
        die("capabilities");
}

static int install_filter(void)
{
    struct sock_filter insns[256];
    unsigned short n = 0;
    bool nets_too = rec->n_net;

    insns[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int number = syscall_number(DRIVER_ARCH, calls[i]);
        if (number < 0 || (!nets_too && !strcmp(calls[i] + strlen(calls[i]) + 1, "NETWORK")))
            continue;
        insns[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
        insns[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    insns[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog prog = {n, insns};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die("no_new_privs");
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | DRIVER_WAIT_KILLABLE,
                          &prog);
    if (fd < 0)
        die("filter");
    return fd;
}

struct sender {
    int socket, pipe;
};

/* Shares the target's descriptors, not its filter: sendmsg(2) is among the calls that the broker is to answer. */
static int send_listener(void *arg)
{
    struct sender *s = arg;
    int fd;

    if (read(s->pipe, &fd, sizeof fd) == sizeof fd)
        send_fds(s->socket, "listener", 8, &fd, 1);
    _exit(0);
}

static _Noreturn void become_target(const char *root, int start, int socket, char **command)
{
    static char stack[65536] __attribute__((aligned(16)));
    int pipe_fds[2], go;

    if (own_ids && unshare(CLONE_NEWUSER) < 0)
        die("user namespace");
    if (write(start, "u", 1) != 1 || read(start, &go, 1) != 1)
        die("the driver is gone");
    if (own_ids && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        die("ids");
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0)
        die("namespaces");
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a test that is ended leaves nobody */
    pid_t first = fork();
    if (first != 0) {
        int status;
        close(start), close(socket);
        if (first < 0 || waitpid(first, &status, 0) < 0)
            die("fork");
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    enter_root(root);
    driver_loopback_up();
    if (write(start, "r", 1) != 1 || read(start, &go, 1) != 1)
        die("the driver is gone");
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        die("pipe");
    struct sender sender = {socket, pipe_fds[0]};
    int helper = clone(send_listener, stack + sizeof stack, CLONE_FILES | SIGCHLD, &sender);
    drop_capabilities();
    int listener = install_filter();
    if (helper < 0 || write(pipe_fds[1], &listener, sizeof listener) != sizeof listener || waitpid(helper, NULL, 0) < 0)
        die("the listener");
    syscall(SYS_close_range, 3, ~0u, 0);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after execve(2) */
    if (command[0][0] == '@')
        exit(scenario_run(command));
    execvp(command[0], command);
    die("%s", command[0]);
}

/* ---- the broker -------------------------------------------------------------------------------------------------- */

static pid_t spawn_broker(const char *path, const int *fds, size_t n)
{
    pid_t pid = fork();

    if (pid == 0) {
        int high[BROKER_TREES_MAX + BROKER_FD_FIRST_TREE], null = open("/dev/null", O_RDWR);
        for (size_t i = 0; i < n; i++)
            high[i] = fcntl(fds[i] >= 0 ? fds[i] : null, F_DUPFD, 200);
        for (size_t i = 0; i < n; i++)
            dup2(high[i], BROKER_FD_RECORD + (int)i);
        syscall(SYS_close_range, BROKER_FD_RECORD + (unsigned)n, ~0u, 0);
        execle(path, "moat-broker", (char *)NULL, (char *[]){NULL});
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    char **a = argv + 3, byte;
    int start[2], control[2], listen_pair[2], lifeline[2], status;

    if (argc < 5)
        die("usage: driver BROKER ROOT ITEM... -- COMMAND");
    signal(SIGPIPE, SIG_IGN);
    for (; *a && strcmp(*a, "--") != 0; a++)
        add_item(*a);
    if (!*a || !*++a)
        die("no command");
    if (events < 0)
        events = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, listen_pair) < 0 || pipe2(lifeline, O_CLOEXEC) < 0)
        die("sockets");
    pid_t target = fork();
    if (target == 0) {
        close(start[0]), close(control[0]), close(control[1]), close(listen_pair[1]), close(lifeline[1]);
        become_target(argv[2], start[1], listen_pair[0], a);
    }
    close(start[1]), close(listen_pair[0]);
    if (read(start[0], &byte, 1) != 1)
        die("the target ended");
    if (own_ids) {
        write_map(target, "gid_map");
        write_map(target, "uid_map");
    }
    if (write(start[0], "g", 1) != 1 || read(start[0], &byte, 1) != 1)
        die("the target ended");
    if (naive) {
        if (fork() == 0) {
            naive_broker(listen_pair[1], naive);
            _exit(0);
        }
        if (write(start[0], "g", 1) != 1 || waitpid(target, &status, 0) < 0)
            die("the target ended");
        return WIFEXITED(status) ? WEXITSTATUS(status) : FRAME_FAILED;
    }
    int dns = rec->n_net ? driver_dns_socket(target, own_ids) : -1; /* the one that waits has the namespaces too */
    int fds[BROKER_FD_FIRST_TREE - BROKER_FD_RECORD + BROKER_TREES_MAX] = {
        record_memfd(),
        listen_pair[1],
        control[1],
        events,
        open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
        open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
        dns,
        lifeline[1]};
    size_t n = BROKER_FD_FIRST_TREE - BROKER_FD_RECORD;
    for (uint32_t i = 0; i < rec->n_trees; i++)
        fds[n++] = trees[i];
    pid_t broker = spawn_broker(argv[1], fds, n);
    close(control[1]), close(listen_pair[1]), close(lifeline[1]);
    struct broker_word word = {.magic = BROKER_MAGIC, .what = BROKER_SAY_TARGET};
    char ns[64];
    snprintf(ns, sizeof ns, "/proc/%d/ns/user", target);
    int pidfd = (int)syscall(SYS_pidfd_open, target, 0), userns = open(ns, O_RDONLY | O_CLOEXEC);
    send_fds(control[0], &word, sizeof word, own_ids ? (int[]){userns, pidfd} : &pidfd, own_ids ? 2 : 1);
    if (recv(control[0], &word, sizeof word, 0) != sizeof word)
        die("the broker is silent");
    if (word.what != BROKER_SAY_READY) {
        fprintf(stderr, "broker: %s\n", word.text);
        kill(target, SIGKILL);
        return FRAME_FAILED;
    }
    if (write(start[0], "g", 1) != 1)
        die("the target ended");
    close(start[0]);
    if (waitpid(target, &status, 0) < 0)
        die("wait");
    int ended;
    if (waitpid(broker, &ended, 0) < 0 || (WIFSIGNALED(ended) && WTERMSIG(ended) != 0) || WEXITSTATUS(ended)) {
        fprintf(stderr, "driver: the broker ended with status 0x%x\n", ended);
        return FRAME_FAILED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fetching needs of the kernel, and nothing else; the walls themselves are confine/walls.h. The network is the one
 * thing it needs and the unpacker must not have, so they are two programs. Name resolution is done in this thread:
 * nothing here needs clone(2).
 */
#include "pull/jail.h"

#include "base/io.h"
#include "base/mem.h"
#include "confine/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ADDRESS_SPACE ((uint64_t)1 << 30)
#define SMALL_FILE    (1u << 20)

/* Other sources of names than files and DNS are modules, which cannot be loaded inside. */
static int copy_resolver_files(int dest, struct err *err)
{
    static const char *const names[] = {"resolv.conf", "hosts", "gai.conf", "host.conf"};
    static const char sources[] = "hosts: files dns\n";
    struct arena a;

    if (mkdirat(dest, "etc", 0700) < 0)
        return err_sys(err, -errno, "make a directory for the resolver's files");
    _cleanup_fd_ int etc = openat(dest, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = etc < 0 ? -errno : arena_init(&a, 16u << 20);
    if (r < 0)
        return err_sys(err, r, "copy the resolver's files");
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
        char *text, *path = arena_printf(&a, "/etc/%s", names[i]);
        size_t len;
        if (path && io_read_file(&a, AT_FDCWD, path, SMALL_FILE, &text, &len) == 0)
            r = io_replace_file(etc, names[i], text, len, 0600);
    }
    if (r == 0)
        r = io_replace_file(etc, "nsswitch.conf", sources, sizeof sources - 1, 0600);
    arena_free(&a);
    return r < 0 ? err_sys(err, r, "copy the resolver's files") : 0;
}

static const char *plain_calls[] = {"read",
                                    "write",
                                    "readv",
                                    "writev",
                                    "pread64",
                                    "pwrite64",
                                    "close",
                                    "lseek",
                                    "ftruncate",
                                    "fcntl", /* data */
                                    "openat",
                                    "newfstatat",
                                    "fstatat64",
                                    "fstat",
                                    "statx",
                                    "unlinkat", /* files */
                                    "connect",
                                    "bind",
                                    "sendto",
                                    "sendmsg",
                                    "sendmmsg",
                                    "recvfrom",
                                    "recvmsg",
                                    "shutdown", /* sockets */
                                    "getsockname",
                                    "getpeername",
                                    "getsockopt",
                                    "setsockopt",
                                    "poll",
                                    "ppoll", /* waiting */
                                    "munmap",
                                    "mremap",
                                    "brk",
                                    "madvise",
                                    "sysinfo", /* malloc(3) */
                                    "getrandom",
                                    "clock_gettime",
                                    "clock_nanosleep",
                                    "gettimeofday",
                                    "time",
                                    "futex",
                                    "restart_syscall",
                                    "exit",
                                    "exit_group",
                                    "rt_sigaction",
                                    "rt_sigprocmask",
                                    "rt_sigreturn",
                                    "getpid",
                                    "gettid",
                                    "getuid",
                                    "geteuid",
                                    "getgid",
                                    "getegid",
                                    "uname",
                                    "sched_yield",
                                    NULL};
static const char *mapping_calls[] = {"mmap", "mprotect", NULL};
static const char *socket_calls[] = {"socket", NULL};
static const char *refused_calls[] = {"socketpair", "pipe2", "eventfd2", "ioctl", "prctl", NULL};

#define RULE(list, verdict, condition, n)                                                                              \
    {                                                                                                                  \
        .names = {(char **)(list), ARRAY_LEN(list) - 1}, .action = (verdict), .args = (condition), .n_args = (n)       \
    }

int jail_enter(struct jail *j, struct err *err)
{
    static struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = 0};
    static struct seccomp_arg exec = {
        .index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = PROT_EXEC};
    static struct seccomp_arg inet = {.index = 0, .op = SECCOMP_OP_EQ, .value = AF_INET};
    static struct seccomp_arg inet6 = {.index = 0, .op = SECCOMP_OP_EQ, .value = AF_INET6};
    static struct seccomp_arg routes = {.index = 0, .op = SECCOMP_OP_EQ, .value = AF_NETLINK}; /* getaddrinfo(3) */
    static struct seccomp_arg local = {.index = 0, .op = SECCOMP_OP_EQ, .value = AF_UNIX};     /* nscd */
    static const char *const readable[] = {"/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf",
                                           "/etc/gai.conf",    "/etc/host.conf", NULL};
    const struct seccomp_rule rules[] = {
        RULE(plain_calls, SECCOMP_RET_ALLOW, NULL, 0),
        RULE(mapping_calls, SECCOMP_RET_ALLOW, &no_exec, 1),
        RULE(mapping_calls, SECCOMP_RET_ERRNO | EPERM, &exec, 1), /* a module of the resolver: it goes on without */
        RULE(socket_calls, SECCOMP_RET_ALLOW, &inet, 1),
        RULE(socket_calls, SECCOMP_RET_ALLOW, &inet6, 1),
        RULE(socket_calls, SECCOMP_RET_ALLOW, &routes, 1),
        RULE(socket_calls, SECCOMP_RET_ERRNO | EAFNOSUPPORT, &local, 1),
        RULE(refused_calls, SECCOMP_RET_ERRNO | EPERM, NULL, 0),
    };
    const struct walls walls = {
        .who = "the fetcher",
        .dest = j->dest,
        .source = -1,
        .readable = readable,
        .network = true,
        .descriptors = j->descriptors,
        .file_bytes = j->max_bytes > SMALL_FILE ? j->max_bytes : SMALL_FILE,
        .memory = ADDRESS_SPACE,
        .calls = rules,
        .n_calls = ARRAY_LEN(rules),
    };
    int r = copy_resolver_files(j->dest, err);

    return r < 0 ? r : walls_enter(&walls, err);
}

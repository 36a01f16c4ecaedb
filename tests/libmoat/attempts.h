/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over target would try. The host tries each in a child of its own first, unconfined, where it must
 * succeed; the worker tries it behind the walls, where it must fail, or kill it.
 */
#ifndef MOAT_TESTS_LIBMOAT_ATTEMPTS_H
#define MOAT_TESTS_LIBMOAT_ATTEMPTS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESULT(x) ((x) < 0 ? errno : 0)

static int open_file(void)
{
    return RESULT(open("/proc/self/status", O_RDONLY));
}
static int open_root(void)
{
    return RESULT(open("/", O_RDONLY | O_DIRECTORY));
}
static int look_up(void)
{
    struct stat st;
    return RESULT(stat("/proc", &st));
}
static int look_up_at(void)
{
    struct stat st;
    return RESULT(syscall(SYS_newfstatat, AT_FDCWD, "/proc", &st, 0));
}
static int list_dot(void)
{
    char b[512];
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    return fd < 0 ? errno : RESULT(syscall(SYS_getdents64, fd, b, sizeof b));
}
static int make_socket(void)
{
    return RESULT(socket(AF_INET, SOCK_STREAM, 0));
}
static int make_unix_socket(void)
{
    return RESULT(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int make_pair(void)
{
    int p[2];
    return RESULT(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
}
static int make_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : RESULT(waitpid(pid, NULL, 0));
}
static int make_process_bare(void)
{
    long pid = syscall(SYS_clone, 0x1000 | SIGCHLD, NULL, &(int){0}, NULL, NULL); /* as a zygote does */
    if (pid == 0)
        _exit(0);
    return RESULT(pid);
}
static int more_processes(void)
{
    struct rlimit r = {100, 100};
    return RESULT(syscall(SYS_setrlimit, RLIMIT_NPROC, &r)) ? errno : make_process_bare();
}
static int run_program(void)
{
    char *const argv[] = {(char *)(unsigned long)"true", NULL};
    execve("/bin/true", argv, argv + 1);
    return errno;
}
static int make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : 0;
}
static int change_to_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return RESULT(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int signal_first(void)
{
    return RESULT(kill(1, 0));
}
static int signal_all(void)
{
    return RESULT(kill(-1, 0));
}
static int signal_thread(void)
{
    return RESULT(syscall(SYS_tgkill, 1, 1, 0));
}
static int make_namespace(void)
{
    return RESULT(unshare(CLONE_NEWUSER));
}
static int remove_pages(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return RESULT(madvise(p, 4096, MADV_REMOVE));
}
static int make_memfd(void)
{
    return RESULT(memfd_create("x", 0));
}
static int trace(void)
{
    return RESULT(prctl(PR_SET_PTRACER, -1L));
}
static int dump(void)
{
    return RESULT(prctl(PR_SET_DUMPABLE, 1));
}
static int another_limit(void)
{
    struct rlimit r = {0};
    return RESULT(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &r));
}
static int io_ring(void)
{
    long fd = syscall(SYS_io_uring_setup, 1, (char[256]){0});
    return fd < 0 ? errno : 0;
}
static int read_host_memory(void)
{
    return RESULT(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
}
static int other_processor_pinned(void)
{
    unsigned long all = ~0ul;
    return RESULT(syscall(SYS_sched_setaffinity, 1, sizeof all, &all));
}

static int zygote_socket(void)
{
    return RESULT(fcntl(3, F_GETFD));
}

static const struct attempt {
    const char *label;
    int (*try)(void);
    bool forks; /* in forks of a zygote alone: elsewhere it is no attack */
} attempts[] = {
    {"open a file", open_file},
    {"open the root directory", open_root},
    {"look a name up", look_up},
    {"look a name up by newfstatat", look_up_at},
    {"list the working directory", list_dot},
    {"make a network socket", make_socket},
    {"make a unix socket", make_unix_socket},
    {"make a socket pair", make_pair},
    {"make a process", make_process},
    {"make a process as zygotes do", make_process_bare},
    {"raise the limit of processes", more_processes},
    {"execute a program", run_program},
    {"map memory as code", make_code},
    {"make memory code", change_to_code},
    {"signal process 1", signal_first},
    {"signal all", signal_all},
    {"signal the zygote's thread", signal_thread, .forks = true},
    {"make a namespace", make_namespace},
    {"take pages out of shared memory", remove_pages},
    {"make a memfd", make_memfd},
    {"let itself be traced", trace},
    {"make itself dumpable", dump},
    {"set another limit", another_limit},
    {"set up an io_uring", io_ring},
    {"read memory of a process", read_host_memory},
    {"move another process", other_processor_pinned},
    {"speak for the zygote", zygote_socket, .forks = true},
};
#define ATTEMPTS (sizeof attempts / sizeof *attempts)

#endif

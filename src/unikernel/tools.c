/* SPDX-License-Identifier: Apache-2.0 */
/* See tools.h. Starts the user's own compiler and linker, with his environment. */
#include "unikernel/tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t asked; /* to end: the signal */

static void ask(int signal)
{
    asked = signal;
}

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

static void hold_ends(void)
{
    const struct sigaction held = {.sa_handler = ask};
    struct sigaction was;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (sigaction(ends[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL)
            sigaction(ends[i], &held, NULL);
}

/* Ends as it was asked to while they were held. */
static void let_ends(void)
{
    struct sigaction now;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == ask)
            signal(ends[i], SIG_DFL);
    if (asked)
        raise(asked);
}

int tools_run(struct arena *a, char *const argv[], const char *package, struct err *err)
{
    extern char **environ;
    pid_t pid;
    int status, r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

    (void)a;
    if (r == ENOENT)
        return err_set(err, -ENOENT, "%s is not installed: %s has it", argv[0], package);
    if (r)
        return err_sys(err, -r, "start %s", argv[0]);
    /* One that is asked to end ends its compiler, which removes its own files. */
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return err_sys(err, -errno, "wait for %s", argv[0]);
        if (asked)
            kill(pid, SIGTERM);
    }
    if (asked)
        return err_set(err, -EINTR, "it was interrupted");
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 127
               ? err_set(err, -ENOENT, "%s cannot be started: %s has it", argv[0], package)
               : err_set(err, -ECHILD, "%s has failed", argv[0]);
}

int tools_musl(struct arena *a, const char **dir, struct err *err)
{
    static const char *const places[] = {"/usr/lib/x86_64-linux-musl", "/usr/lib/musl/lib", "/usr/local/musl/lib",
                                         "/usr/lib64/musl/lib"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *file = arena_printf(a, "%s/rcrt1.o", places[i]);
        if (file && access(file, R_OK) == 0) {
            *dir = places[i];
            return 0;
        }
    }
    return err_set(err, -ENOENT, "musl's rcrt1.o is in none of %s, %s: Debian package musl-dev has it", places[0],
                   places[1]);
}

int tools_directory(struct arena *a, const char **dir, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/moat-build-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");

    if (!path)
        return err_set(err, -ENOMEM, "out of memory");
    hold_ends();
    if (!mkdtemp(path))
        return err_sys(err, -errno, "make a directory in %s", tmp && *tmp == '/' ? tmp : "/tmp");
    *dir = path;
    return 0;
}

void tools_remove_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlinkat(fd, e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
    let_ends();
}

static const char *const names[] = {
#define CALL(nr, name, status, note, ...) [nr] = #name,
#define NOCALL(nr, name, note)
#include "linux/syscalls.def"
#undef CALL
#undef NOCALL
};

const char *tools_call_name(int nr)
{
    return nr >= 0 && (size_t)nr < ARRAY_LEN(names) ? names[nr] : NULL;
}

static bool has_one(const uint8_t calls[64], const char *const *of)
{
    for (int i = 0; i < 512; i++)
        for (const char *const *name = of; calls[i / 8] >> i % 8 & 1 && tools_call_name(i) && *name; name++)
            if (!strcmp(*name, tools_call_name(i)))
                return true;
    return false;
}

/* Calls that need records of the program's memory (linux/mm), not only more of it. */
static const char *const memory[] = {"mprotect", "munmap",  "mremap",   "brk",    "madvise",    "msync", "mincore",
                                     "mlock",    "munlock", "mlockall", "mlock2", "munlockall", "shmat", "shmdt",
                                     "clone",    "clone3",  "vfork",    "fork",   NULL};

const char *tools_handler_name(int nr, const uint8_t calls[64], bool ready)
{
    static const char *const tasks[] = {"clone", "clone3", "vfork", "fork", NULL};
    const char *name = nr >= 0 && calls[nr / 8] >> nr % 8 & 1 ? tools_call_name(nr) : NULL;

    if (name && ready && !strcmp(name, "mmap") && !has_one(calls, memory))
        return "mmap_plain";
    if (name && !strcmp(name, "futex") && !has_one(calls, tasks))
        return "futex_alone";
    return name;
}

/* Calls that work on numbers, memory, time and what is open already. All others may take a name, or make one. */
static const char *const nameless =
    " read write close fstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl "
    "pread64 "
    "pwrite64 readv writev pipe select sched_yield mremap msync mincore madvise dup dup2 pause nanosleep getitimer "
    "alarm "
    "setitimer getpid socket connect accept sendto recvfrom sendmsg recvmsg shutdown listen getsockname getpeername "
    "socketpair setsockopt getsockopt clone exit kill uname fcntl fsync fdatasync ftruncate gettimeofday getrlimit "
    "getrusage sysinfo times getuid getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid "
    "setregid "
    "getgroups setgroups setresuid getresuid setresgid getresgid getpgid getsid rt_sigpending rt_sigtimedwait "
    "rt_sigqueueinfo rt_sigsuspend sigaltstack mlock munlock mlockall munlockall prctl arch_prctl setrlimit gettid "
    "tkill "
    "time futex sched_setaffinity sched_getaffinity epoll_create set_tid_address timer_create timer_settime "
    "timer_gettime "
    "timer_getoverrun timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait "
    "epoll_ctl "
    "tgkill waitid wait4 set_robust_list get_robust_list epoll_pwait timerfd_create eventfd timerfd_settime "
    "timerfd_gettime "
    "accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 preadv pwritev rt_tgsigqueueinfo recvmmsg prlimit64 sendmmsg "
    "getcpu "
    "getrandom memfd_create membarrier ppoll pselect6 sched_setscheduler sched_getscheduler sched_getparam "
    "sched_setparam "
    "sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority setpriority signalfd rseq clone3 ";

/* Calls that make no task, no timer and few objects: those of a program that reads, reckons, writes and may sleep. */
static const char *const few =
    " read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl pread64 "
    "pwrite64 readv writev sched_yield mremap madvise nanosleep getpid exit uname gettimeofday getrlimit getrusage "
    "sysinfo times getuid getgid geteuid getegid getppid rt_sigsuspend sigaltstack arch_prctl setrlimit gettid tkill "
    "kill tgkill pause time futex set_tid_address clock_gettime clock_getres clock_nanosleep exit_group getrandom "
    "prlimit64 ";

/* Whether each of the calls that the kernel has is one of the words. */
static bool all_of(const uint8_t calls[64], const char *words)
{
    char word[64];

    for (int i = 0; i < 512; i++) {
        if (!(calls[i / 8] >> i % 8 & 1) || !tools_call_name(i))
            continue;
        snprintf(word, sizeof word, " %s ", tools_call_name(i));
        if (!strstr(words, word))
            return false;
    }
    return true;
}

bool tools_calls_use_names(const uint8_t calls[64])
{
    return !all_of(calls, nameless);
}

const char *tools_alone(unsigned *at, const uint8_t calls[64], bool ready)
{
    static const struct {
        const char *name;
        bool plain; /* only without records of memory */
    } rows[] = {{"heap_alone", false}, {"sched_alone", false}, {"aspace_plain", true}};

    while (ready && all_of(calls, few) && *at < ARRAY_LEN(rows)) {
        const unsigned i = (*at)++;
        if (!rows[i].plain || !has_one(calls, memory))
            return rows[i].name;
    }
    return NULL;
}

const char *tools_call_names(struct arena *a, const uint8_t calls[64])
{
    const char *text = "";

    for (int i = 0; i < 512 && text; i++)
        if (calls[i / 8] >> i % 8 & 1 && tools_call_name(i))
            text = arena_printf(a, "%s%s%s", text, *text ? " " : "", tools_call_name(i));
    return text;
}

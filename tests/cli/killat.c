/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills one process of a command at one chosen place, and says whether anything that the command started lives on.
 *
 *   killat --at N WHO -- COMMAND...      SIGKILL when WHO is about to make its N-th system call
 *   killat --after USEC WHO -- COMMAND...  SIGKILL to WHO after that time
 *   killat --then COMMAND-LINE ...       run by the shell after the kill, before the look for survivors
 *
 * WHO: launcher (the command's own process), child (its first child, through all that it executes), or a number: the
 * process of the command's that is born as the N-th, 1 being the first child, with --at only. Being a
 * subreaper, it sees every orphan. Status: 0 killed there and nothing lives on; 1 the command ended first; 3 something
 * lives on (named, then killed); 4 the command did not end within ten seconds; 5 the command of --then failed; 2 usage,
 * or a failure of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t launcher, child;
static int launcher_status = -1; /* its wait status once it has ended */
static bool at_child;
static int nth = 1; /* which of the processes born is `child` */
static pid_t born[256];
static int n_born;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
    if (launcher > 0)
        kill(launcher, SIGKILL);
    exit(2);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* The first child of a process, or -1. */
static pid_t child_of(pid_t pid)
{
    char path[64], text[256];

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = 0;
    return (pid_t)atoi(text);
}

static pid_t spawn(char **argv, bool traced)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP)))
        _exit(2);
    execvp(argv[0], argv);
    fprintf(stderr, "killat: %s: %s\n", argv[0], strerror(errno));
    _exit(2);
}

/* How often a process waits depends on the other side: counted, the N-th call would be another one each time. */
static bool counts(pid_t pid)
{
    struct __ptrace_syscall_info info = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) <= 0)
        return true;
    return info.entry.nr != SYS_sched_yield && info.entry.nr != SYS_futex;
}

/* A process of the command's is seen: by the event of its birth, or before that by its first stop. */
static void see(pid_t pid)
{
    if (pid == launcher || n_born == (int)(sizeof born / sizeof *born))
        return;
    for (int i = 0; i < n_born; i++)
        if (born[i] == pid)
            return;
    born[n_born++] = pid;
    if (n_born == nth)
        child = pid;
}

/* Kills at the N-th call; false when the command (or the child) ended before that. */
static bool step(long at)
{
    int status, options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
    bool entered = false;
    long calls = 0;
    double end = now() + 10;

    if (at_child)
        options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    if (waitpid(launcher, &status, 0) < 0 || ptrace(PTRACE_SETOPTIONS, launcher, NULL, options) < 0)
        die("ptrace");
    ptrace(at_child ? PTRACE_CONT : PTRACE_SYSCALL, launcher, NULL, 0);
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);
        if (pid == 0) {
            if (now() > end)
                return false;
            nanosleep(&(struct timespec){0, 20000}, NULL);
            continue;
        }
        if (pid < 0)
            return false;
        if (!WIFSTOPPED(status)) {
            if (pid == launcher) {
                launcher_status = status;
                return false;
            }
            continue;
        }
        int sig = WSTOPSIG(status);
        if (at_child)
            see(pid);
        if (status >> 16 == PTRACE_EVENT_FORK || status >> 16 == PTRACE_EVENT_VFORK ||
            status >> 16 == PTRACE_EVENT_CLONE) {
            unsigned long who = 0;
            ptrace(PTRACE_GETEVENTMSG, pid, NULL, &who);
            if (at_child)
                see((pid_t)who);
        }
        pid_t target = at_child ? child : launcher;
        if (pid == target && sig == (SIGTRAP | 0x80)) {
            entered = !entered;
            if (entered && counts(pid) && ++calls == at) {
                kill(pid, SIGKILL);
                return true;
            }
        }
        /* The first stop of a process that was born traced is not for it; nor is the one of an exec. */
        bool ours = sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP;
        ptrace(pid == target ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, ours ? 0 : sig);
    }
}

static void let_go(pid_t pid, int status)
{
    int sig = WSTOPSIG(status);

    ptrace(PTRACE_DETACH, pid, NULL, sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP ? 0 : sig);
}

/* Lets all that is still traced go on until the launcher has ended. */
static bool finish(void)
{
    double end = now() + 10;
    int status;

    while (launcher_status < 0) {
        pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);
        if (pid < 0)
            return errno == ECHILD;
        if (pid == 0) {
            if (now() > end)
                return false;
            nap_ms(1);
        } else if (WIFSTOPPED(status)) {
            let_go(pid, status);
        } else if (pid == launcher) {
            launcher_status = status;
        }
    }
    return true;
}

/* Meanwhile what is still traced is let go where it stops. */
static int run_then(const char *then)
{
    pid_t shell = spawn((char *[]){"sh", "-c", (char *)(unsigned long)then, NULL}, false);
    int status;

    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid == shell && !WIFSTOPPED(status))
            return status;
        if (pid < 0 && errno != EINTR)
            return -1;
        if (pid > 0 && WIFSTOPPED(status))
            let_go(pid, status);
    }
}

/* Reaps orphans; true when none is left after at most two seconds. */
static bool all_gone(void)
{
    double end = now() + 2;
    int status;

    do {
        pid_t pid;
        while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
            if (WIFSTOPPED(status))
                ptrace(PTRACE_DETACH, pid, NULL, 0);
        if (pid < 0 && errno == ECHILD)
            return true;
        nap_ms(1);
    } while (now() < end);
    return false;
}

static void kill_survivors(void)
{
    for (int i = 0; i < 100; i++) {
        char path[64], text[256];
        pid_t pid = child_of(getpid());
        if (pid < 0)
            return;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, 60);
        if (fd >= 0)
            close(fd);
        fprintf(stderr, "killat: lives on: %.*s\n", (int)(n > 0 ? n : 0), text);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, __WALL);
    }
}

int main(int argc, char **argv)
{
    long at = 0, after = -1;
    const char *then = NULL;
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--at") && i + 1 < argc)
            at = atol(argv[++i]);
        else if (!strcmp(argv[i], "--after") && i + 1 < argc)
            after = atol(argv[++i]);
        else if (!strcmp(argv[i], "--then") && i + 1 < argc)
            then = argv[++i];
        else if (!strcmp(argv[i], "child") || !strcmp(argv[i], "launcher"))
            at_child = !strcmp(argv[i], "child");
        else if (atoi(argv[i]) > 0)
            at_child = (nth = atoi(argv[i])) > 0;
        else
            break;
    }
    if (i + 1 >= argc || strcmp(argv[i], "--") || (at <= 0) == (after < 0)) {
        fputs("usage: killat (--at N | --after USEC) [--then COMMAND-LINE] (launcher | child | N) -- COMMAND...\n",
              stderr);
        return 2;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    launcher = spawn(argv + i + 1, at > 0);
    bool killed = true;
    if (at > 0) {
        killed = step(at);
    } else {
        nanosleep(&(struct timespec){after / 1000000, after % 1000000 * 1000}, NULL);
        pid_t target = at_child ? child_of(launcher) : launcher;
        killed = target > 0 && kill(target, SIGKILL) == 0;
    }
    if (!finish()) {
        fputs("killat: the command did not end within ten seconds\n", stderr);
        kill(launcher, SIGKILL);
        kill_survivors();
        return 4;
    }
    int status = 0;
    if (then) {
        status = run_then(then);
    }
    if (!all_gone()) {
        kill_survivors();
        return 3;
    }
    return status ? 5 : killed ? 0 : 1;
}

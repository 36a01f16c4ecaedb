/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a process in namespaces of its own, as a program or as a function of this one, and knows of its end by pidfd.
 * A function's end sends the host no signal; execve(2) makes a process a child like any other. Between
 * clone(2) and execve(2) the child makes bare system calls: the host may have threads, whose locks it holds copies of.
 */
#include "libmoat/target.h"

#include "base/clock.h"
#include "base/io.h"
#include "host/pidfd.h"
#include "libmoat/session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static int say_failure(int sock, int code, const char *what, const char *name)
{
    struct wire_ready ready = {
        .head = {.magic = WIRE_MAGIC, .op = WIRE_READY}, .code = code, .walls = WIRE_NOT_SESSION};
    size_t n = strlen(what), k = strnlen(name, 512);

    memcpy(ready.text, what, n);
    memcpy(ready.text + n, name, k);
    wire_send(sock, &ready, sizeof ready, NULL, 0);
    return 127;
}

/* Descriptors 0 to 2 lead nowhere, 3 is the side socket. */
static int arrange_fds(int *sock, bool keep_stderr)
{
    int null;

    if (*sock != WIRE_SOCKET) {
        if (dup2(*sock, WIRE_SOCKET) < 0)
            return -errno;
        close(*sock);
        *sock = WIRE_SOCKET;
    }
    if (fcntl(WIRE_SOCKET, F_SETFD, 0) < 0 || (null = open("/dev/null", O_RDWR)) < 0)
        return -errno;
    for (int fd = 0; fd < (keep_stderr ? 2 : 3); fd++)
        if (null != fd && dup2(null, fd) < 0)
            return -errno;
    if (null > 2)
        close(null);
    return 0;
}

static void usual_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int s = 1; s < 65; s++)
        sigaction(s, &usual, NULL); /* refused for KILL, STOP and the C library's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child(const struct plan *plan, int sock, uint32_t flags)
{
    char byte;

    /* Its coming says that the maps of our user namespace are written; it stays for session_open(). */
    if (recv(sock, &byte, 1, MSG_PEEK) <= 0)
        return 127;
    if (flags & WIRE_NAMESPACES) { /* what we mount stays here; our own /proc shows our own pids, where it can be had */
        mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
    usual_signals();
    int r = arrange_fds(&sock, plan->keep_stderr);
    if (r < 0)
        return say_failure(sock, r, "give it /dev/null as descriptors 0 to 2", "");
    if (plan->path) {
        execve(plan->path, plan->argv, plan->environ_);
        return say_failure(WIRE_SOCKET, -errno, "execute ", plan->path);
    }
    struct moat_session *s = calloc(1, sizeof *s);
    struct err err;
    if (!s || session_start(WIRE_SOCKET, s, false, &err) < 0)
        return 127; /* said by session_start() */
    return plan->entry(s, plan->context);
}

/* The child is a copy of this process, with a pidfd and without a signal at its end. */
static pid_t copy_process(uint32_t flags, int *pidfd)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PIDFD | flags), NULL, pidfd, NULL, NULL);
}

static pid_t make_process(const struct plan *plan, const int pair[2], uint32_t *flags, int *pidfd)
{
    static const struct {
        uint32_t clone, wire;
    } ways[] = {{NAMESPACES, WIRE_NAMESPACES}, {NAMESPACES | CLONE_NEWUSER, WIRE_NAMESPACES | WIRE_USER}, {0, 0}};
    sigset_t all, usual;
    pid_t pid = -1;

    /* No handler of the host's runs in the child; it has the usual ones before it opens its mask. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &usual);
    for (size_t i = geteuid() == 0 ? 0 : 1; i < ARRAY_LEN(ways) && pid < 0; i++) {
        *flags = ways[i].wire;
        pid = copy_process(ways[i].clone, pidfd);
        if (pid == 0) {
            close(pair[0]); /* the host's: else its end would not be noticed */
            _exit(child(plan, pair[1], ways[i].wire));
        }
        if (pid < 0 && errno == EAGAIN)
            break; /* too many processes: not for want of a right */
    }
    int r = pid < 0 ? -errno : pid;
    pthread_sigmask(SIG_SETMASK, &usual, NULL);
    return r;
}

static int write_map(pid_t pid, const char *name, const char *text)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* Inside it is root, so that execve(2) leaves it the right to set up its own walls; outside it is who we are. */
static int write_maps(pid_t pid)
{
    char uid[32], gid[32];
    int r;

    snprintf(uid, sizeof uid, "0 %u 1\n", geteuid());
    snprintf(gid, sizeof gid, "0 %u 1\n", getegid());
    if ((r = write_map(pid, "uid_map", uid)) < 0 || (r = write_map(pid, "setgroups", "deny")) < 0)
        return r;
    return write_map(pid, "gid_map", gid);
}

int wait_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t until = ms < 0 ? 0 : clock_ms() + ms;
    int r;

    while ((r = poll(&p, 1, ms)) < 0 && errno == EINTR)
        if (ms >= 0 && (ms = (int)(until - clock_ms())) < 0)
            return 0;
    return r < 0 ? -errno : r;
}

static int wait_ready(struct started *p, int ms, struct err *err)
{
    struct wire_ready ready;
    char how[128];
    int r = wait_readable(p->sock, ms);

    if (r == 0)
        return err_set(err, -ETIMEDOUT, "it was not ready within %d ms: does it call moat_session_enter()?", ms);
    r = r < 0 ? r : wire_receive(p->sock, WIRE_READY, &ready, sizeof ready, NULL, 0, NULL, MSG_DONTWAIT);
    if (r == -ECONNRESET && process_ended(p, 1000)) {
        process_describe(p, how, sizeof how);
        return err_set(err, -ECHILD, "it %s before it was ready", how);
    }
    if (r < 0)
        return err_sys(err, r, "hear whether it is ready");
    ready.text[sizeof ready.text - 1] = 0;
    if (ready.code < 0 && ready.code >= -4095)
        return ready.walls == WIRE_NOT_SESSION ? err_sys(err, ready.code, "%s", ready.text)
                                               : err_set(err, ready.code, "%s", ready.text);
    p->walls = ready.walls;
    return 0;
}

int process_start(const struct plan *plan, struct wire_hello *hello, int ring, int ms, struct started *p,
                  struct err *err)
{
    int pair[2], r;

    *p = (struct started){.pidfd = -1, .sock = -1, .status = -1, .ours = true};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "make a pair of sockets");
    p->sock = pair[0];
    p->pid = make_process(plan, pair, &p->flags, &p->pidfd);
    close(pair[1]);
    if (p->pid < 0)
        return err_sys(err, p->pid, "make a process");
    if (p->flags & WIRE_USER && (r = write_maps(p->pid)) < 0)
        return err_sys(err, r, "map the ids of a user namespace");
    hello->flags |= p->flags | (geteuid() == 0 ? WIRE_ROOT : 0);
    if (geteuid() == 0 && !(p->flags & WIRE_USER)) /* an id for each, as long as it lives */
        hello->uid = hello->gid = 0x70000000u + (uint32_t)p->pid;
    r = wire_send(p->sock, hello, sizeof *hello, &ring, ring >= 0);
    if (r < 0)
        return err_sys(err, r, "greet it");
    return wait_ready(p, ms, err);
}

int process_pid(struct started *p)
{
    char path[64], text[512], *at;

    if (p->pid > 0 || p->pidfd < 0)
        return p->pid;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", p->pidfd);
    if (io_read_small(AT_FDCWD, path, text, sizeof text) > 0 && (at = strstr(text, "\nPid:")))
        p->pid = (pid_t)strtol(at + 5, NULL, 10);
    return p->pid;
}

int process_ended(struct started *p, int ms)
{
    siginfo_t info = {0};

    if (p->ended || p->pidfd < 0)
        return 1;
    if (wait_readable(p->pidfd, ms) <= 0)
        return 0;
    if (p->ours && waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info, WEXITED | __WALL) == 0)
        p->status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
    else /* a zygote's, or the program has waited for all its children */
        pidfd_exit_status(p->pidfd, &p->status);
    p->ended = true;
    return 1;
}

void process_kill(const struct started *p)
{
    syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

void process_end(struct started *p)
{
    if (p->pidfd >= 0 && !p->ended) { /* still there, or not yet reaped */
        process_kill(p);
        process_ended(p, -1);
    }
    cleanup_fd(&p->pidfd);
    cleanup_fd(&p->sock);
    p->pidfd = p->sock = -1;
}

void process_describe(const struct started *p, char *text, size_t size)
{
    if (p->never)
        snprintf(text, size, "was never made: %s", strerror(-p->never));
    else if (p->status < 0)
        snprintf(text, size, "ended");
    else if (WIFSIGNALED(p->status))
        snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(p->status),
                 WTERMSIG(p->status) == SIGSYS ? "a system call that is not allowed" : strsignal(WTERMSIG(p->status)));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(p->status));
}

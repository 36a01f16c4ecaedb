/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that only holds a fresh user namespace open while newuidmap and newgidmap write its maps; then children
 * that enter it. Being its root gives no right over anything but the caller's files and those of his subordinate ids.
 */
#include "host/userns.h"

#include "base/io.h"
#include "host/idmap.h"
#include "host/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says 0 or -errno when it is in the namespace, and waits to be killed. */
__attribute__((noreturn)) static void hold(int say, pid_t parent)
{
    int r;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A launch leaves its process not dumpable, and newuidmap takes such a one for root's. Nothing secret is here. */
    prctl(PR_SET_DUMPABLE, 1);
    r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
    if (io_write_all(say, &r, sizeof r) < 0 || getppid() != parent)
        _exit(1);
    for (;;)
        pause();
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int userns_open(int *fd, struct err *err)
{
    struct subid ids;
    char path[64];
    int ends[2], r = 0;

    if (geteuid() == 0)
        return err_set(err, -ENOTSUP, "root has all ids and needs no namespace for them");
    subid_find(&ids);
    if (ids.why_not)
        return err_set(err, -ENOTSUP, "only one id can be mapped: %s", ids.why_not);
    struct id_maps uid = {ids.uid, 2}, gid = {ids.gid, 2};
    pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "user namespace: make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        hold(ends[1], self);
    close(ends[1]);
    if (pid < 0)
        r = err_sys(err, -errno, "user namespace: make a process");
    else if (read(ends[0], &r, sizeof r) != (ssize_t)sizeof r)
        r = err_set(err, -ECHILD, "user namespace: its process died");
    else if (r < 0)
        err_sys(err, r, "user namespace: cannot be made (sysctl user.max_user_namespaces)");
    close(ends[0]);
    if (r == 0)
        r = idmap_write(pid, &uid, &gid, true, err);
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    if (r == 0 && (*fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        r = err_sys(err, -errno, "%s", path);
    if (pid > 0) {
        kill(pid, SIGKILL);
        reap(pid);
    }
    return r;
}

int userns_enter(int fd)
{
    if (setns(fd, CLONE_NEWUSER) < 0)
        return -errno;
    /* Where the namespace lets nobody set groups, they stay the caller's, who has no more rights by them than he had.
     */
    if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return -errno;
    return 0;
}

int userns_call(int (*body)(void *ctx, struct err *err), void *ctx, struct err *err)
{
    struct err said = {0};
    _cleanup_fd_ int ns = -1;
    int ends[2], r = userns_open(&ns, err);
    pid_t self = getpid();

    if (r < 0)
        return r;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "user namespace: make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self)
            _exit(1);
        if ((r = userns_enter(ns)) < 0)
            err_sys(&said, r, "user namespace: cannot be entered");
        else if ((r = body(ctx, &said)) >= 0)
            said.code = 0;
        _exit(io_write_all(ends[1], &said, sizeof said) < 0);
    }
    r = pid < 0 ? -errno : 0;
    close(ends[1]);
    ssize_t n = r < 0 ? r : io_read_full(ends[0], &said, sizeof said);
    close(ends[0]);
    if (pid < 0)
        return err_sys(err, r, "user namespace: make a process");
    reap(pid);
    if (n != (ssize_t)sizeof said)
        return err_set(err, -ECHILD, "user namespace: the process in it died");
    if (said.code < 0)
        *err = said;
    return said.code;
}

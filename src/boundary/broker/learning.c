/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See learning.h. The child has the caller's streams, signals, group and identity; all it gets besides is
 * no_new_privs, which a filter without privilege needs, and the filter. The listener is made in the child, where
 * sending it would be a call that is shown to nobody yet: so the caller takes it out of its child's table.
 */
#include "boundary/broker/learning.h"
#include "base/io.h"
#include "boundary/broker/adaptor.h"
#include "broker/record.h"
#include "host/sys.h"
#include "host/unixsock.h"
#include "policy/names.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKER_END_MS 2000

struct report {
    int code;     /* -errno */
    int listener; /* in the child's table */
};

/* ---- the child --------------------------------------------------------------------------------------------------- */

static int install(const struct sock_fprog *filter)
{
    long r = sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    if (r == 0)
        r = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, filter);
    if (r == -EINVAL)
        r = sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, filter);
    return (int)r;
}

_Noreturn static void become(const struct learning *run, int start, int report)
{
    struct report say = {0};
    char byte;

    if (sys(SYS_read, start, &byte, 1) != 1)
        sys(SYS_exit_group, 127);
    int fd = install(run->filter);
    say.code = fd < 0 ? fd : 0;
    say.listener = fd;
    sys(SYS_write, report, &say, sizeof say);
    if (fd < 0 || sys(SYS_read, start, &byte, 1) != 1)
        sys(SYS_exit_group, 127);
    sigprocmask(SIG_SETMASK, run->mask, NULL);
    say.code = (int)sys(SYS_execve, run->path, run->argv, run->env);
    sys(SYS_write, report, &say, sizeof say);
    sys(SYS_exit_group, 127);
    __builtin_unreachable();
}

/* ---- the caller ---------------------------------------------------------------------------------------------------
 */

static int make_record(int *out)
{
    struct {
        struct broker_record rec;
        char text[64]; /* what is absent has a string too */
    } r = {.rec = {.magic = BROKER_MAGIC,
                   .version = BROKER_VERSION,
                   .size = sizeof r,
                   .flags = BROKER_LEARN,
                   .uid = geteuid(),
                   .gid = getegid()}};
    int fd = (int)sys(SYS_memfd_create, "moat-broker", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return fd;
    *out = fd;
    int n = io_write_all(fd, &r, sizeof r);
    return n < 0                                                                                  ? n
           : fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ? -errno
                                                                                                  : 0;
}

static int start_broker(struct arena *a, struct learning *run, struct err *err)
{
    _cleanup_fd_ int record = -1, mine = -1, its = -1, heard = -1, told = -1, alive = -1,
                     proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int control[2], listener[2], events[2], lifeline[2];
    int r = make_record(&record);

    if (r < 0)
        return err_sys(err, r, "the broker's record");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return err_sys(err, -errno, "socket for the broker");
    mine = control[0];
    its = control[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, listener) < 0)
        return err_sys(err, -errno, "socket for the broker");
    run->listener = listener[0];
    heard = listener[1];
    if (pipe2(events, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe for the broker");
    run->events = events[0];
    told = events[1];
    if (pipe2(lifeline, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe for the broker");
    run->lifeline = lifeline[0];
    alive = lifeline[1];
    const struct helper_fd fds[] = {
        {2, 2},
        {record, BROKER_FD_RECORD},
        {heard, BROKER_FD_LISTENER},
        {its, BROKER_FD_CONTROL},
        {told, BROKER_FD_EVENTS},
        {proc, BROKER_FD_PROC},
        {-1, BROKER_FD_HOST},
        {-1, BROKER_FD_DNS},
        {alive, BROKER_FD_LIFELINE},
    };
    r = broker_start(a, fds, ARRAY_LEN(fds), mine, -1, run->pidfd, err);
    run->broker = r < 0 ? 0 : r;
    return r < 0 ? r : 0;
}

static void undo(struct learning *run)
{
    int *const fds[] = {&run->start, &run->report, &run->pidfd, &run->events, &run->lifeline, &run->listener};

    if (run->pid > 0)
        helper_wait(run->pid, true, &(int){0});
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        cleanup_fd(fds[i]);
        *fds[i] = -1;
    }
    if (run->broker > 0)
        helper_wait_for(run->broker, BROKER_END_MS, &(int){0});
}

int learning_begin(struct arena *a, struct learning *run, struct err *err)
{
    int start[2], report[2];

    run->pid = run->broker = 0;
    run->start = run->report = run->pidfd = run->events = run->lifeline = run->listener = -1;
    if (pipe2(start, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe for the program");
    run->start = start[1];
    _cleanup_fd_ int its_start = start[0];
    if (pipe2(report, O_CLOEXEC) < 0) {
        int r = err_sys(err, -errno, "pipe for the program");
        undo(run);
        return r;
    }
    run->report = report[0];
    _cleanup_fd_ int its_report = report[1];
    run->pid = fork();
    if (run->pid == 0) {
        close(run->start);
        close(run->report);
        become(run, its_start, its_report);
    }
    int r = run->pid < 0 ? err_sys(err, -errno, "start a process") : 0;
    if (r == 0 && (run->pidfd = (int)sys(SYS_pidfd_open, run->pid, 0)) < 0)
        r = err_sys(err, run->pidfd, "a descriptor of the program: Linux 5.3 has them");
    if (r == 0)
        r = start_broker(a, run, err);
    if (r < 0)
        undo(run);
    return r;
}

/* What the child reports next; -ECHILD: nothing, it became the program, or died. */
static int hear(const struct learning *run, struct report *out)
{
    ssize_t n = io_read_full(run->report, out, sizeof *out);

    return n == (ssize_t)sizeof *out ? 0 : n < 0 ? (int)n : -ECHILD;
}

static int pass_listener(const struct learning *run, int in_child)
{
    _cleanup_fd_ int fd = (int)sys(SYS_pidfd_getfd, run->pidfd, in_child, 0);

    if (fd < 0)
        return fd;
    return unixsock_send_fds(run->listener, &fd, 1, "l", 1);
}

static int go(struct learning *run, struct err *err)
{
    struct report heard = {0};
    int r = write(run->start, "f", 1) == 1 ? hear(run, &heard) : -errno;

    if (r == 0 && heard.code < 0)
        return heard.code == -EBUSY
                   ? err_set(err, -EBUSY,
                             "the calls of this process are shown to another listener already (moat inside a "
                             "sandbox?), and there can be no second")
                   : err_sys(err, heard.code, "install the filter that shows the program's calls");
    if (r == 0)
        r = pass_listener(run, heard.listener);
    cleanup_fd(&run->listener);
    run->listener = -1;
    if (r < 0)
        return err_sys(err, r, "take the listener of the program's calls");
    if (write(run->start, "x", 1) != 1)
        return err_sys(err, -errno, "start the program");
    r = hear(run, &heard);
    return r == -ECHILD ? 0
           : r < 0      ? err_sys(err, r, "start the program")
                        : err_sys(err, heard.code, "exec: \"%s\"", run->argv[0]);
}

int learning_go(struct learning *run, struct err *err)
{
    int r = go(run, err);

    if (r < 0) {
        undo(run);
        return r;
    }
    cleanup_fd(&run->start);
    cleanup_fd(&run->report);
    run->start = run->report = -1;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A command's side of the monitor: makes it, finds it, asks it. */
#include "sandbox/monitor.h"

#include "base/io.h"
#include "host/clone.h"
#include "host/sys.h"
#include "host/unixsock.h"
#include "sandbox/monitor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 3000 /* for a monitor that is being made, or that is just ending */

/* One that is just ending is waited for. */
static int lock_fd(const struct sandbox *sb)
{
    int fd = openat(sb->inst.state_fd, "monitor.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    for (int ms = 0; fd >= 0; ms += 2) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (ms >= PATIENCE_MS) {
            close(fd);
            return -EBUSY;
        }
        poll(NULL, 0, 2);
    }
    return -errno;
}

bool monitor_alive(const struct sandbox *sb)
{
    int fd = openat(sb->inst.state_fd, "monitor.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    /* Shared: who looks at the same time does not look like a monitor. */
    bool alive = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

    if (fd >= 0)
        close(fd);
    return alive;
}

static int listen_socket(const struct sandbox *sb)
{
    unlinkat(sb->inst.state_fd, "control.sock", 0);
    return unixsock_listen(sb->inst.state_fd, "control.sock", SOCK_SEQPACKET | SOCK_NONBLOCK, 64);
}

struct birth {
    const char *id, *root_path, *flags;
    const int *have;
    int exe;
};

/* In the child, which shares our memory until it executes: descriptors to their places, after they were moved out of
 * the way of those places. A place that stays empty is filled, so that nothing else takes its number. */
static int become_monitor(void *arg)
{
    const struct birth *b = arg;
    const char *argv[] = {"moat-monitor", b->id, b->root_path, b->flags, NULL};
    const char *envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int moved[MONITOR_FDS];
    uint64_t none = 0;

    sys(SYS_setsid);
    int null = (int)sys(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    null = (int)sys(SYS_fcntl, null, F_DUPFD_CLOEXEC, 32);
    int exe = (int)sys(SYS_fcntl, b->exe, F_DUPFD_CLOEXEC, 32);
    for (int i = 0; i < MONITOR_FDS; i++)
        moved[i] = b->have[i] >= 0 ? (int)sys(SYS_fcntl, b->have[i], F_DUPFD_CLOEXEC, 32) : null;
    for (int i = 0; i < MONITOR_FDS; i++)
        sys(SYS_dup3, moved[i], i, 0);
    sys(SYS_close_range, MONITOR_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    if (sys(SYS_chdir, "/") == 0)
        sys(SYS_execveat, exe, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
    return 125;
}

/* Not waited for: it outlives us, or ends when its sandbox does. */
static int clone_monitor(const struct birth *b)
{
    static char stack[16384] __attribute__((aligned(16)));
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK, .stack = (uint64_t)(uintptr_t)stack, .stack_size = sizeof stack};

    return (int)clone3_call(&args, become_monitor, (void *)(uintptr_t)b);
}

/* have[] is closed on every way out, but for the state directory. */
static int spawn(struct sandbox *sb, int have[MONITOR_FDS], bool recover, struct monitor_ready *out, struct err *err)
{
    char flags[4];
    int ready[2], r = 0;
    _cleanup_fd_ int exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);

    snprintf(flags, sizeof flags, "%s%s%s", recover ? "r" : "s", sb->policy.process.terminal ? "t" : "",
             have[MONITOR_INPUT] >= 0 ? "i" : "");
    if (exe < 0 || pipe2(ready, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "monitor of %s", sb->id);
    have[MONITOR_READY] = ready[1];
    int pid = clone_monitor(&(struct birth){sb->id, sb->root_path, flags, have, exe});
    r = pid < 0 ? pid : 0;
    close(ready[1]);
    if (r == 0 && io_read_full(ready[0], out, sizeof *out) != sizeof *out)
        r = -ECHILD;
    close(ready[0]);
    if (r < 0)
        return err_sys(err, r, "monitor of %s: it did not come up", sb->id);
    out->text[sizeof out->text - 1] = 0;
    return out->code < 0 ? err_set(err, out->code, "%s", out->text) : 0;
}

static int launch(struct sandbox *sb, int stdin_fd, bool recover, struct monitor_ready *out, struct err *err)
{
    int have[MONITOR_FDS], r = 0;

    for (int i = 0; i < MONITOR_FDS; i++)
        have[i] = -1;
    have[MONITOR_LOCK] = lock_fd(sb);
    if (have[MONITOR_LOCK] == -EBUSY)
        return err_set(err, -EALREADY, "%s is running", sb->id);
    have[MONITOR_STDIN] = stdin_fd;
    have[MONITOR_ROOT] = sb->root_fd;
    have[MONITOR_STATE] = sb->inst.state_fd;
    have[MONITOR_LISTEN] = listen_socket(sb);
    have[MONITOR_LAYER] = sb->layer_dir ? open(sb->layer_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -ENOENT;
    /* A standard input that is kept open: a socket, since the other end of a pipe could hold up who writes to it. */
    int input[2] = {-1, -1};
    if (sb->spec.keep_stdin && stdin_fd < 0 && !sb->policy.process.terminal && !recover &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) == 0) {
        have[MONITOR_STDIN] = input[0];
        have[MONITOR_INPUT] = input[1];
    }
    if (have[MONITOR_LOCK] < 0 || have[MONITOR_LISTEN] < 0)
        r = err_sys(err, have[MONITOR_LOCK] < 0 ? have[MONITOR_LOCK] : have[MONITOR_LISTEN], "state directory %s/%s",
                    sb->root_path, sb->id);
    else if (have[MONITOR_LAYER] < 0)
        r = err_set(err, -ENOENT, "%s: its directory %s is gone", sb->id, sb->layer_dir ? sb->layer_dir : "(none)");
    else
        r = spawn(sb, have, recover, out, err);
    for (int i = MONITOR_LISTEN; i < MONITOR_FDS; i++)
        if (have[i] >= 0 && i != MONITOR_READY)
            close(have[i]);
    if (input[0] >= 0)
        close(input[0]);
    return r;
}

int monitor_start(struct sandbox *sb, int stdin_fd, bool *not_run, struct err *err)
{
    static struct monitor_ready ready;
    int r = launch(sb, stdin_fd, false, &ready, err);

    if (not_run)
        *not_run = ready.not_run;
    return r;
}

int monitor_recover(struct sandbox *sb, struct err *err)
{
    static struct monitor_ready ready;

    return launch(sb, -1, true, &ready, err);
}

/* A guard that lives makes a new monitor, and the socket is its own: a connection waits for it. */
int monitor_connect(struct sandbox *sb, struct err *err)
{
    int s = unixsock_connect(sb->inst.state_fd, "control.sock", SOCK_SEQPACKET);

    if (s == -ENOENT || s == -ECONNREFUSED)
        return err_set(err, -ENOTCONN, "%s is not running", sb->id);
    return s < 0 ? err_sys(err, s, "control socket of %s", sb->id) : s;
}

int monitor_ask(int sock, uint16_t type, const void *payload, size_t length, struct control_record *reply,
                struct err *err)
{
    static uint32_t serial;
    int r = control_send(sock, type, ++serial, 0, payload, length, -1);

    while (r == 0) {
        int got = control_receive(sock, reply, true);
        if (got <= 0)
            return err_set(err, got < 0 ? got : -ECONNRESET, "the monitor has gone away");
        if (reply->header.serial == serial && reply->header.type == (type | CONTROL_REPLY))
            break;
        cleanup_fd(&reply->fd);
    }
    if (r < 0)
        return err_sys(err, r, "asking the monitor");
    reply->payload[reply->header.length < sizeof reply->payload ? reply->header.length : sizeof reply->payload - 1] = 0;
    return reply->header.code < 0 ? err_set(err, reply->header.code, "%s", reply->payload) : 0;
}

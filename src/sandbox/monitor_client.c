/* SPDX-License-Identifier: Apache-2.0 */
/* A command's side of the monitor: makes it, finds it, asks it. */
#include "sandbox/monitor.h"

#include "base/io.h"
#include "host/sys.h"
#include "sandbox/monitor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 3000 /* for a monitor that is being made, or that is just ending */

static int lock_fd(const struct sandbox *sb, bool wait)
{
    int fd = openat(sb->inst.state_fd, "monitor.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    for (int ms = 0; fd >= 0; ms += 2) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (!wait || ms >= PATIENCE_MS) {
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

static void socket_address(const struct sandbox *sb, struct sockaddr_un *addr)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(addr->sun_path, sizeof addr->sun_path, "/proc/self/fd/%d/control.sock", sb->inst.state_fd);
}

static int listen_socket(const struct sandbox *sb)
{
    struct sockaddr_un addr;
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    socket_address(sb, &addr);
    unlinkat(sb->inst.state_fd, "control.sock", 0);
    mode_t old = umask(0177);
    int r = s < 0 || bind(s, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(s, 64) < 0 ? -errno : s;
    umask(old);
    if (r < 0 && s >= 0)
        close(s);
    return r;
}

/* The pipe of a standard input that is kept open: both ends in one descriptor, so that it never ends by itself. */
static int input_pipe(const struct sandbox *sb)
{
    if (mkfifoat(sb->inst.state_fd, "stdin", 0600) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(sb->inst.state_fd, "stdin", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* In the child: descriptors to their places. They are first moved out of the way of those places. */
static void become_monitor(struct sandbox *sb, const int have[MONITOR_FDS], int exe, const char *flags)
{
    char *argv[] = {(char *)(uintptr_t) "moat-monitor", (char *)(uintptr_t)sb->id, (char *)(uintptr_t)sb->root_path,
                    (char *)(uintptr_t)flags, NULL};
    char *envp[] = {(char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int moved[MONITOR_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    setsid();
    for (int i = 0; i < MONITOR_FDS; i++)
        moved[i] = have[i] >= 0 ? fcntl(have[i], F_DUPFD_CLOEXEC, 32) : -1;
    exe = fcntl(exe, F_DUPFD_CLOEXEC, 32);
    null = fcntl(null, F_DUPFD_CLOEXEC, 32);
    for (int i = 0; i < MONITOR_FDS; i++) {
        if (moved[i] >= 0)
            dup2(moved[i], i);
        else if (i <= 2)
            dup2(null, i);
        else
            close(i);
    }
    sys(SYS_close_range, MONITOR_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir("/") == 0)
        sys(SYS_execveat, exe, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
    _exit(125);
}

/* have[] is closed on every way out, but for the state directory. */
static int spawn(struct sandbox *sb, int have[MONITOR_FDS], bool recover, struct monitor_ready *out, struct err *err)
{
    char flags[4] = {'s'};
    int ready[2], r = 0;
    _cleanup_fd_ int exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);

    flags[0] = recover ? 'r' : 's';
    if (sb->policy.process.terminal)
        flags[1] = 't';
    if (exe < 0 || pipe2(ready, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "monitor of %s", sb->id);
    have[MONITOR_READY] = ready[1];
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) /* nobody waits for it here */
            become_monitor(sb, have, exe, flags);
        _exit(0);
    }
    r = pid < 0 ? -errno : 0;
    close(ready[1]);
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    size_t got = 0;
    while (r == 0 && got < sizeof *out) {
        ssize_t n = read(ready[0], (char *)out + got, sizeof *out - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(ready[0]);
    if (r == 0 && got < sizeof *out)
        r = -ECHILD;
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
    have[MONITOR_LOCK] = lock_fd(sb, true);
    if (have[MONITOR_LOCK] == -EBUSY)
        return err_set(err, -EALREADY, "%s is running", sb->id);
    have[MONITOR_STDIN] = stdin_fd;
    have[MONITOR_ROOT] = sb->root_fd;
    have[MONITOR_STATE] = sb->inst.state_fd;
    have[MONITOR_LISTEN] = listen_socket(sb);
    have[MONITOR_LAYER] = sb->layer_dir ? open(sb->layer_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -ENOENT;
    if (sb->spec.keep_stdin && stdin_fd < 0)
        have[MONITOR_INPUT] = input_pipe(sb);
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
    return r;
}

int monitor_start(struct sandbox *sb, int stdin_fd, struct monitor_started *out, struct err *err)
{
    static struct monitor_ready ready;
    int r = launch(sb, stdin_fd, false, &ready, err);

    *out = (struct monitor_started){.pid = ready.pid, .not_run = ready.not_run};
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
    struct sockaddr_un addr;
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (s < 0)
        return err_sys(err, -errno, "control socket");
    socket_address(sb, &addr);
    if (connect(s, (struct sockaddr *)&addr, sizeof addr) == 0)
        return s;
    int r = -errno;
    close(s);
    return r == -ENOENT || r == -ECONNREFUSED ? err_set(err, -ENOTCONN, "%s is not running", sb->id)
                                              : err_sys(err, r, "control socket of %s", sb->id);
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

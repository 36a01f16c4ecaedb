/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where moat's own programs and files are, and how a helper is started: with the descriptors it needs, no environment
 * and no terminal. Touches the file system by those names only. The helper's words are for the caller to distrust.
 */
#include "host/helper.h"

#include "base/clock.h"

#include "host/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int find(struct arena *a, const char *folder, const char *name, int access_mode, const char **path,
                struct err *err)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash;

    exe[n < 0 ? 0 : n] = 0;
    slash = strrchr(exe, '/');
    if (slash)
        *slash = 0;
    const char *tries[] = {arena_printf(a, "%s/%s/%s", exe, folder, name),
                           arena_printf(a, "%s/../%s/moat/%s", exe, folder, name),
                           arena_printf(a, "/usr/%s/moat/%s", folder, name)};
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        if (tries[i] && access(tries[i], access_mode) == 0) {
            *path = tries[i];
            return 0;
        }
    }
    return err_set(err, -ENOENT, "%s is not installed: looked for %s and /usr/%s/moat/%s: reinstall moat", name,
                   tries[0] ? tries[0] : name, folder, name);
}

int libexec_find(struct arena *a, const char *name, const char **path, struct err *err)
{
    return find(a, "libexec", name, X_OK, path, err);
}

int share_find(struct arena *a, const char *name, const char **path, struct err *err)
{
    return find(a, "share", name, R_OK, path, err);
}

/* Descriptors move out of the way first, so that no dup2(2) overwrites one that is still to be handed on. */
static int add_fd(posix_spawn_file_actions_t *actions, int *held, int fd, int target)
{
    *held = fcntl(fd, F_DUPFD_CLOEXEC, 32);
    if (*held < 0)
        return -errno;
    return -posix_spawn_file_actions_adddup2(actions, *held, target);
}

static int add_fds(posix_spawn_file_actions_t *actions, int *held, const struct helper_fd *fds, size_t n, int null)
{
    bool named[3] = {false};
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        r = add_fd(actions, &held[i], fds[i].fd >= 0 ? fds[i].fd : null, fds[i].target);
        if (fds[i].target < 3)
            named[fds[i].target] = true;
    }
    for (int fd = 0; fd < 3 && r == 0; fd++)
        if (!named[fd])
            r = -posix_spawn_file_actions_addopen(actions, fd, "/dev/null", fd ? O_WRONLY : O_RDONLY, 0);
    return r;
}

int helper_spawn(const char *path, char *const argv[], const struct helper_fd *fds, size_t n, pid_t *pid)
{
    static char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    int held[HELPER_FDS_MAX], null;
    int r;

    if (n > HELPER_FDS_MAX)
        return -E2BIG;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    r = null < 0 ? -errno : -posix_spawn_file_actions_init(&actions);
    if (r < 0) {
        cleanup_fd(&null);
        return r;
    }
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        held[i] = -1;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    r = add_fds(&actions, held, fds, n, null);
    if (r == 0)
        r = -posix_spawn(pid, path, &actions, &attr, argv, no_environment);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        cleanup_fd(&held[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    cleanup_fd(&null);
    return r;
}

/* In the child: what posix_spawn(3) does above, and before it the namespace, which it cannot. */
__attribute__((noreturn)) static void become(int userns, const char *path, char *const argv[],
                                             const struct helper_fd *fds, size_t n, int null)
{
    static char *no_environment[] = {NULL};
    int held[HELPER_FDS_MAX], high = fcntl(null, F_DUPFD_CLOEXEC, 32);
    sigset_t none;
    bool bad = high < 0 || userns_enter(userns) < 0;

    for (size_t i = 0; i < n && !bad; i++)
        bad = (held[i] = fcntl(fds[i].fd >= 0 ? fds[i].fd : high, F_DUPFD_CLOEXEC, 32)) < 0;
    for (int fd = 0; fd < 3 && !bad; fd++)
        bad = dup2(high, fd) < 0;
    for (size_t i = 0; i < n && !bad; i++)
        bad = dup2(held[i], fds[i].target) < 0;
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!bad)
        execve(path, argv, no_environment);
    _exit(127);
}

int helper_spawn_in(int userns, const char *path, char *const argv[], const struct helper_fd *fds, size_t n, pid_t *pid)
{
    if (n > HELPER_FDS_MAX)
        return -E2BIG;
    _cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -errno;
    *pid = fork();
    if (*pid == 0)
        become(userns, path, argv, fds, n, null);
    return *pid < 0 ? -errno : 0;
}

int helper_wait(pid_t pid, bool kill_it, int *status)
{
    if (kill_it)
        kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int helper_poll(int fd, short events, int64_t until)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t left = until - clock_ms();
        int k = poll(&p, 1, left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
        if (k > 0 || (k == 0 && left <= 0))
            return k;
        if (k < 0 && errno != EINTR)
            return -errno;
    }
}

int helper_wait_for(pid_t pid, int ms, int *status)
{
    _cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* it is our child, and not reaped */
    bool ended = pidfd >= 0 && helper_poll(pidfd, POLLIN, clock_ms() + ms) > 0;

    return helper_wait(pid, !ended, status);
}

void helper_printable(char *out, size_t size, const char *text, size_t len)
{
    size_t n = 0;

    for (; n < len && n + 1 < size && text[n]; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    out[n] = 0;
}

/* ---- asking one ------------------------------------------------------------------------------------------------- */

static int hear(struct arena *a, int from, int64_t until, size_t most, char **text, size_t *length)
{
    char *bytes = arena_alloc(a, most + 1); /* untouched pages cost nothing */
    size_t n = 0;

    for (;;) {
        int ready = bytes ? helper_poll(from, POLLIN, until) : -ENOMEM;
        if (ready <= 0)
            return ready < 0 ? ready : -ETIMEDOUT;
        ssize_t k = read(from, bytes + n, most - n);
        if (k < 0 && errno != EINTR)
            return -errno;
        if (k == 0)
            break;
        n += k > 0 ? (size_t)k : 0;
    }
    *text = bytes;
    *length = n;
    return n == most ? -EFBIG : 0;
}

int helper_ask(struct arena *a, char *const argv[], int input, int ms, size_t most, char **text, size_t *length,
               struct err *err)
{
    const char *path;
    int ends[2], status = 0, r = libexec_find(a, argv[0], &path, err);
    pid_t pid;

    if (r < 0)
        return r;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "make a pipe");
    _cleanup_fd_ int from = ends[0], to = ends[1];
    r = helper_spawn(path, argv, (struct helper_fd[]){{input, 0}, {to, 1}, {2, 2}}, 3, &pid);
    if (r < 0)
        return err_sys(err, r, "start %s", path);
    close(steal_fd(&to));
    r = hear(a, from, clock_ms() + ms, most, text, length);
    int w = helper_wait(pid, r < 0, &status);
    if (r == -ETIMEDOUT)
        return err_set(err, r, "%s has not read it within %d seconds", argv[0], ms / 1000);
    if (r < 0 || w < 0)
        return err_sys(err, r < 0 ? r : w, "hear from %s", argv[0]);
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "%s was ended by signal %d%s: the file is hostile or damaged", argv[0],
                       WTERMSIG(status), WTERMSIG(status) == SIGSYS ? " (a forbidden system call)" : "");
    return WEXITSTATUS(status) ? err_set(err, -ENOEXEC, "%s has not read it", argv[0]) : 0;
}

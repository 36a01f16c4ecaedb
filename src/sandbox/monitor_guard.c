/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard (monitor.h): makes a monitor when there is none, passes on who died under it, and moves the workload's
 * output from its pipes into the log. The workload can hold a pipe's lock for as long as it likes (splice(2) from what
 * never has anything to give), and who touches the pipe then waits in the kernel, deaf to signals. That is why this is
 * done here, where nothing else depends on it: the monitor, which never touches a pipe, can still end the workload, and
 * with it goes the lock. Single-threaded.
 */
#include "base/clock.h"
#include "host/sys.h"
#include "sandbox/log.h"
#include "sandbox/monitor.h"
#include "sandbox/monitor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MAX     (8u << 20) /* what pipes can hold, and a bound for who still writes */
#define RESPAWN_QUIET 1000       /* ms: a monitor that dies sooner is made anew only after so long */

const int monitor_ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGTSTP};
const size_t n_monitor_ignored = ARRAY_LEN(monitor_ignored);

static struct monitor_common common;
static struct log sink = {.fd = -1, .null_fd = -1};
static int children = -1; /* signalfd */

/* Pages of the executable that only the start needed: the kernel maps sixteen around each that is touched. */
void monitor_slim(void)
{
    extern const char __executable_start[], __init_array_start[];
    uintptr_t from = (uintptr_t)__executable_start & ~4095ul, to = (uintptr_t)__init_array_start & ~4095ul;

    madvise((void *)from, to - from, MADV_DONTNEED); /* clean pages of a file: they come back when touched */
}

/* ---- the monitor's side of the pump ------------------------------------------------------------------------- */

static void kick(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof one) < 0)
        return; /* full: it is awake anyway */
}

void monitor_pump_start(struct monitor_common *c, uint64_t log_size, uint32_t log_files)
{
    c->shared->log_size = log_size;
    c->shared->log_files = log_files;
    atomic_store(&c->shared->pump, 1);
    kick(c->kick);
}

void monitor_drain_ask(struct monitor_common *c)
{
    atomic_fetch_add(&c->shared->asked, 1);
    kick(c->kick);
}

bool monitor_drained(struct monitor_common *c)
{
    uint64_t n;

    while (read(c->drained, &n, sizeof n) > 0)
        ;
    return atomic_load(&c->shared->done) == atomic_load(&c->shared->asked);
}

/* ---- the pump ----------------------------------------------------------------------------------------------- */

static bool pumps(void)
{
    struct monitor_shared *s = common.shared;

    if (!atomic_load(&s->pump))
        return false;
    if (sink.null_fd >= 0)
        return true;
    if (log_open(&sink, MONITOR_LAYER, s->log_size, s->log_files, &(struct err){0}) < 0)
        sink.size_max = 0; /* without a place to log, nothing is kept: a workload is not ended for that */
    monitor_slim();
    return true;
}

static void answer_drain(void)
{
    struct monitor_shared *s = common.shared;
    uint32_t asked = atomic_load(&s->asked);
    uint64_t left = DRAIN_MAX;

    if (asked == atomic_load(&s->done))
        return;
    for (int i = 0; i < 2 && pumps(); i++)
        for (int64_t n; left && (n = log_take(&sink, common.hands.out[i], (uint8_t)(i + 1), left)) > 0;)
            left -= (uint64_t)n < left ? (uint64_t)n : left;
    atomic_store(&s->done, asked);
    kick(common.drained);
}

/* Until something happens, which is then dealt with. */
static void pump(void)
{
    bool on = pumps();
    struct pollfd p[] = {{.fd = children, .events = POLLIN},
                         {.fd = common.kick, .events = POLLIN},
                         {.fd = on ? common.hands.out[0] : -1, .events = POLLIN},
                         {.fd = on ? common.hands.out[1] : -1, .events = POLLIN}};
    struct signalfd_siginfo si;
    uint64_t n;

    if (poll(p, ARRAY_LEN(p), -1) < 0)
        return;
    while (p[0].revents && read(children, &si, sizeof si) > 0)
        ;
    if (p[1].revents && read(common.kick, &n, sizeof n) > 0)
        answer_drain();
    for (int i = 0; i < 2; i++)
        if (p[2 + i].revents & POLLIN)
            log_take(&sink, common.hands.out[i], (uint8_t)(i + 1), 0);
}

static int open_pipes(void)
{
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "stderr" : "stdout";
        if (common.hands.out[i] >= 0)
            continue;
        if (mkfifoat(MONITOR_STATE, name, 0600) < 0 && errno != EEXIST)
            return -errno;
        common.hands.out[i] = openat(MONITOR_STATE, name, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (common.hands.out[i] < 0)
            return -errno;
        fcntl(common.hands.out[i], F_SETPIPE_SZ, 1 << 20); /* refused beyond a user's share: then it stays as it is */
    }
    return 0;
}

/* ---- the guard ---------------------------------------------------------------------------------------------- */

/* Takes the dead until `child` is among them, and passes the others on. True: it gave up. */
static bool guard_wait(pid_t child)
{
    monitor_slim();
    for (;; pump()) {
        struct monitor_death d;
        while ((d.pid = waitpid(-1, &d.status, WNOHANG)) > 0) {
            if (d.pid == child && WIFEXITED(d.status) && WEXITSTATUS(d.status) == 0)
                _exit(0);
            if (d.pid == child)
                return WIFEXITED(d.status);
            if (write(common.status[1], &d, sizeof d) < 0)
                continue; /* full of others': the one that counts came first or is taken by the next monitor */
        }
        if (d.pid < 0 && errno == ECHILD)
            return true; /* somebody else's doing */
    }
}

static int watch_children(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    signal(SIGCHLD, SIG_DFL); /* ignored by our caller, perhaps: then no status would come */
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return -errno;
    children = signalfd(children, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return children < 0 ? -errno : 0;
}

static void guard_run(enum monitor_birth birth)
{
    for (;; birth = BORN_AGAIN) {
        int64_t born = clock_ms();
        pid_t self = getpid(), child = fork();

        if (child == 0) {
            log_close(&sink); /* the guard's: where it writes, we do not know from here on */
            monitor_run(&common, birth, self);
        }
        if (child < 0) {
            poll(NULL, 0, RESPAWN_QUIET);
            continue;
        }
        bool gave_up = guard_wait(child);
        if (gave_up || clock_ms() - born < RESPAWN_QUIET / 20)
            poll(NULL, 0, gave_up ? RESPAWN_QUIET : RESPAWN_QUIET / 20);
    }
}

void guard_go_on(struct monitor_common *c, pid_t child)
{
    common = *c;
    watch_children();
    guard_wait(child);
    guard_run(BORN_AGAIN);
}

int monitor_main(int argc, char **argv)
{
    if (argc < 4)
        return 125;
    common.hands = (struct monitor_hands){.id = argv[1], .root_path = argv[2], .console_socket = -1, .out = {-1, -1}};
    common.console[0] = common.console[1] = -1;
    prctl(PR_SET_NAME, "moat-monitor");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < n_monitor_ignored; i++)
        signal(monitor_ignored[i], SIG_IGN);
    for (int fd = MONITOR_ROOT; fd < MONITOR_FDS; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    common.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    common.drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    common.shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common.kick < 0 || common.drained < 0 || common.shared == MAP_FAILED || watch_children() < 0 ||
        pipe2(common.status, O_CLOEXEC | O_NONBLOCK) < 0 || open_pipes() < 0)
        return 125;
    if (strchr(argv[3], 't')) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, common.console) < 0)
            return 125;
        common.hands.console_socket = common.console[1];
    }
    common.hands.input = strchr(argv[3], 'i') != NULL;
    guard_run(strchr(argv[3], 'r') ? BORN_RECOVER : BORN_START);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's hands: each is a child that reads the sandbox's documents, does one thing through the boundary and
 * reports in a fixed struct over a pipe. The monitor's own memory stays as it was. A hand dies with its monitor; what
 * it had begun is then finished or taken back by the next monitor, from the directory.
 */
#include "sandbox/monitor_internal.h"

#include "base/io.h"
#include "sandbox/events.h"
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE (64u << 20)
#define LOCK_MS    10000

static struct arena arena;

/* Only what lies in the directory that we were given: another may bear the name by now. */
static int load(const struct monitor_hands *h, struct sandbox *sb, bool locked, struct err *err)
{
    struct stat ours, named;

    if (arena_init(&arena, ARENA_SIZE) < 0)
        return err_set(err, -ENOMEM, "no memory");
    state_init(sb, &arena, MONITOR_ROOT, h->root_path);
    if (fstat(MONITOR_STATE, &ours) < 0 || fstatat(MONITOR_ROOT, h->id, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
        ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
        return err_set(err, -ENOENT, "container \"%s\" does not exist", h->id);
    if (!locked)
        return sandbox_load(sb, h->id, err);
    int patience_ms = LOCK_MS;
    int r = sandbox_load_ownerless(sb, h->id, &patience_ms, err);
    return r == -EBUSY ? err_set(err, r, "%s: another command is at work on it", h->id) : r;
}

static int64_t process_age_ms(uint64_t key)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 - (int64_t)(key * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void tell(const struct sandbox *sb, struct monitor_facts *f)
{
    const struct policy *p = &sb->policy;

    f->boundary = sb->inst.boundary;
    f->pid = sb->inst.pid;
    f->last_pid = sb->inst.pid > 0 ? sb->inst.pid : sb->recorded_pid;
    f->pid_key = sb->pid_key;
    f->run = sb->run;
    f->age_ms = sb->inst.pid > 0 ? process_age_ms(sb->pid_key) : 0;
    f->stop_signal = p->stop_signal ? p->stop_signal : SIGTERM;
    f->timeout_ms = p->timeout_ms;
    f->stop_timeout_ms = sb->spec.stop_timeout_ms;
    f->log_size = sb->spec.log_none ? 0 : sb->spec.log_size;
    f->log_files = sb->spec.log_files;
    f->restarts = sb->end.restarts;
    f->recorded = sb->run != 0;
    f->ended = sb->end.known && sb->end.run == sb->run;
    f->terminal = p->process.terminal;
    f->end = sb->end;
}

/* ---- start -------------------------------------------------------------------------------------------------- */

/* The workload gets the pipes open both ways, so that a write never meets a pipe without a reader, whoever of ours has
 * just died. */
static int take_streams(const struct monitor_hands *h, const struct sandbox *sb, struct err *err)
{
    if (sb->policy.process.terminal)
        return 0;
    for (int i = 0; i < 2; i++) {
        int fd = openat(MONITOR_STATE, i ? "stderr" : "stdout", O_RDWR | O_CLOEXEC);
        if (fd < 0 || dup2(fd, 1 + i) < 0)
            return err_sys(err, -errno, "pipe %s of sandbox %s", i ? "stderr" : "stdout", sb->id);
        close(fd);
    }
    return 0;
}

static int start(const struct monitor_hands *h, struct sandbox *sb, struct monitor_facts *f, struct err *err)
{
    sigset_t none;
    bool ready;
    int r = load(h, sb, false, err);

    if (r < 0)
        return r;
    unlinkat(sb->inst.state_fd, "state.json", 0);
    sb->run = (sb->end.known && sb->end.run > sb->run ? sb->end.run : sb->run) + 1;
    sb->inst.pid = 0;
    if (sb->inst.cgroup.host) { /* left by a start or an end that was cut short: joined, it would be nobody's */
        cgroup_signal_all(&sb->inst.cgroup, SIGKILL, &(struct err){0});
        if ((r = sb->inst.boundary->destroy(&sb->inst, err)) < 0)
            return r;
    }
    if ((r = sandbox_place_again(sb, err)) < 0)
        return r;
    sb->inst.die_with_launcher = false;
    sb->inst.console_socket = h->console_socket;
    if (h->console_socket >= 0)
        fcntl(h->console_socket, F_SETFD, 0);
    sigemptyset(&none);
    sb->inst.child_mask = &none;
    if ((r = take_streams(h, sb, err)) < 0 || (r = sandbox_create(sb, err)) < 0)
        return r;
    r = sb->inst.boundary->settle(&sb->inst, &ready, err);
    f->not_run = r < 0 && !strncmp(err->text, "exec: ", 6);
    if (r == 0) {
        sandbox_started(sb, &(struct err){0});
        events_add(sb, "start", NULL, NULL);
    }
    if (r < 0) {
        sb->inst.boundary->destroy(&sb->inst, &(struct err){0});
        unlinkat(sb->inst.state_fd, "state.json", 0);
    }
    return r;
}

/* ---- end ---------------------------------------------------------------------------------------------------- */

static void read_limits(struct sandbox *sb, struct sandbox_end *end)
{
    struct cgroup_stats st = {0};

    if (!sb->inst.cgroup.host || cgroup_read_stats(&sb->inst.cgroup, &st, &(struct err){0}) < 0)
        return;
    end->oom_killed = st.oom_kills.set && st.oom_kills.v > 0;
    end->pids_limit_hits = st.pids_limit_hits.set ? st.pids_limit_hits.v : 0;
}

static bool wants_restart(const struct sandbox *sb, const struct sandbox_end *end)
{
    const struct restart_rule *r = &sb->spec.restart;

    if (end->stopped || end->reason == END_START_FAILED)
        return false;
    if (r->policy == RESTART_ON_FAILURE)
        return end->exit_code != 0 && (!r->max || end->restarts < r->max);
    return r->policy == RESTART_ALWAYS || r->policy == RESTART_UNLESS_STOPPED;
}

static struct sandbox_end judge(struct sandbox *sb, const struct monitor_end *e)
{
    struct sandbox_end end = {.known = true, .run = e->run, .restarts = e->restarts, .stopped = e->manual};
    enum end_reason limit;

    if (!e->remove)
        read_limits(sb, &end);
    end.finished = time_now_text(sb->arena);
    end.exit_code = monitor_exit_code(e);
    end.error = e->error[0] ? e->error : NULL;
    if (e->half_made)
        end.reason = END_START_FAILED;
    else if (e->lost)
        end.reason = END_LOST;
    else if (e->timed_out)
        end.reason = END_TIMEOUT;
    else if (end.oom_killed && end.exit_code == 128 + SIGKILL)
        end.reason = END_OOM;
    else if (e->manual)
        end.reason = END_STOPPED;
    else if (!e->remove && (limit = end_limit(sb, end.exit_code)) != END_EXITED)
        end.reason = limit;
    else if (end.pids_limit_hits && end.exit_code)
        end.reason = END_PIDS;
    else
        end.reason = WIFSIGNALED(e->wait_status) ? END_SIGNAL : END_EXITED;
    if (end.reason == END_TIMEOUT)
        end.exit_code = 124;
    end.restarting = wants_restart(sb, &end) && !e->remove;
    return end;
}

static int end(const struct monitor_hands *h, const struct monitor_end *e, struct sandbox *sb, struct monitor_facts *f,
               struct err *err)
{
    char code[16];
    int r = load(h, sb, e->remove, err);

    if (r == -ENOENT && e->remove) {
        f->removed = true;
        return 0;
    }
    if (r < 0)
        return r;
    f->end = e->finish ? sb->end : judge(sb, e);
    if (e->finish && e->remove)
        f->end.restarting = false;
    f->restart = f->end.restarting;
    bool remove = e->remove || (sb->spec.auto_remove && !f->restart);
    /* First of all, so that it is known whatever happens to us from here on. */
    if (!e->finish && !e->remove)
        r = end_write(sb, &f->end, err);
    if ((e->half_made || e->finish) && sb->inst.cgroup.host)
        cgroup_signal_all(&sb->inst.cgroup, SIGKILL, &(struct err){0});
    if (!e->half_made && !e->again && !e->finish) {
        snprintf(code, sizeof code, "%d", f->end.exit_code);
        if (f->end.oom_killed)
            events_add(sb, "oom", NULL, NULL);
        events_add(sb, "die", "exitCode", code);
    }
    sb->inst.pid = 0;
    if (!remove) {
        int bad = sb->inst.boundary->destroy(&sb->inst, err);
        return r < 0 ? r : bad;
    }
    r = e->remove ? 0 : sandbox_lock(sb, LOCK_MS, err);
    if (r == -ENOENT) {
        *err = (struct err){0};
        f->removed = true;
        return 0;
    }
    if (r == 0)
        r = sandbox_forget(sb, err);
    if (r == 0) {
        events_add(sb, "destroy", NULL, NULL);
        f->removed = true;
    }
    return r;
}

/* ---- the fork ----------------------------------------------------------------------------------------------- */

/* What the monitor ignores, the workload must not. */
static void own_signals(void)
{
    sigset_t none;

    for (size_t i = 0; i < n_monitor_ignored; i++)
        signal(monitor_ignored[i], monitor_ignored[i] == SIGPIPE ? SIG_IGN : SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

enum hand { HAND_LOOK, HAND_START, HAND_THAW, HAND_END };

struct order {
    enum hand what;
    const struct monitor_end *end;
};

static void work(const struct monitor_hands *h, const struct order *o, int report)
{
    static struct monitor_facts f;
    static struct sandbox sb;
    static struct err err;
    int r;

    own_signals();
    if (o->what == HAND_START) {
        signal(SIGPIPE, SIG_DFL); /* inherited over the exec */
        r = start(h, &sb, &f, &err);
    } else if (o->what == HAND_END) {
        r = end(h, o->end, &sb, &f, &err);
    } else {
        r = load(h, &sb, false, &err);
        if (r == 0 && o->what == HAND_THAW && sb.inst.boundary->pause && sandbox_status(&sb) == SANDBOX_PAUSED)
            r = sb.inst.boundary->pause(&sb.inst, false, &err);
    }
    if (o->what != HAND_END)
        tell(&sb, &f);
    f.code = r;
    if (r < 0)
        memcpy(f.text, err.text, sizeof f.text);
    f.end.finished = f.end.error = NULL; /* of our memory */
    signal(SIGPIPE, SIG_IGN);
    io_write_all(report, &f, sizeof f);
    _exit(0);
}

static int call(const struct monitor_hands *h, const struct order *o, struct monitor_facts *out)
{
    static struct monitor_facts f; /* what a hand wrote in part is not told */
    int p[2];
    pid_t self = getpid();

    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self)
            _exit(1);
        close(p[0]);
        work(h, o, p[1]);
    }
    int r = pid < 0 ? -errno : 0;
    close(p[1]);
    if (r == 0 && io_read_full(p[0], &f, sizeof f) != sizeof f)
        r = -ECHILD;
    close(p[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (r == 0)
        *out = f;
    return r;
}

int hand_look(const struct monitor_hands *h, struct monitor_facts *out)
{
    return call(h, &(struct order){.what = HAND_LOOK}, out);
}

int hand_start(const struct monitor_hands *h, struct monitor_facts *out)
{
    return call(h, &(struct order){.what = HAND_START}, out);
}

int hand_thaw(const struct monitor_hands *h, struct monitor_facts *out)
{
    return call(h, &(struct order){.what = HAND_THAW}, out);
}

int hand_end(const struct monitor_hands *h, const struct monitor_end *e, struct monitor_facts *out)
{
    return call(h, &(struct order){.what = HAND_END, .end = e}, out);
}

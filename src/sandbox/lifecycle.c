/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a sandbox's life over the boundary's verbs. Nothing here knows what a container is. */
#include "sandbox/sandbox.h"

#include "base/json.h"
#include "boundary/hooks.h"
#include "host/unixsock.h"
#include "sandbox/ids.h"
#include "sandbox/layers.h"
#include "sandbox/monitor.h"
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void (*sandbox_warn)(const char *text);

static void warn(const struct err *err)
{
    if (sandbox_warn)
        sandbox_warn(err->text);
}

/* "slice:prefix:name" becomes a path of the same shape that systemd would make. */
const char *sandbox_cgroup_path(struct arena *a, const struct policy *p, const char *id, struct err *err)
{
    const char *path = p->cgroups_path;

    if (!path || !*path)
        return arena_printf(a, "/moat-%s", id);
    const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (second) {
        const char *slice = first == path ? "system.slice" : arena_strndup(a, path, (size_t)(first - path));
        return arena_printf(a, "/%s/%.*s%s%s.scope", slice, (int)(second - first - 1), first + 1,
                            second - first > 1 ? "-" : "", second + 1);
    }
    for (const char *c = path; *c;) { /* no way up */
        size_t n = strcspn(c, "/");
        if (n == 2 && c[0] == '.' && c[1] == '.') {
            err_set(err, -EINVAL, "linux.cgroupsPath %s: must not contain ..", path);
            return NULL;
        }
        c += n + (c[n] == '/');
    }
    return path[0] == '/' ? path : arena_printf(a, "/%s", path);
}

/* Groups are the host's, and an id is unique in its state directory alone: another than the customary one is in the
 * name. */
static const char *group_name(struct sandbox *sb)
{
    uint32_t hash = 2166136261u;

    if (!strcmp(sb->root_path, "/run/moat"))
        return arena_printf(sb->arena, "moat-%s", sb->id);
    for (const char *c = sb->root_path; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return arena_printf(sb->arena, "moat-%s.%08x", sb->id, hash);
}

int sandbox_place_group(struct sandbox *sb, uint32_t *controllers, struct err *err)
{
    struct cgroup_delegation d = {.path = "", .controllers = sb->cgroup_host.n ? ~0u : 0};

    if (sb->inst.rootless) {
        cgroup_delegation_find(&sb->cgroup_host, &d);
        if (d.controllers)
            cgroup_delegation_prepare(&sb->cgroup_host, &d);
    }
    *controllers = d.controllers;
    sb->inst.cgroup_path = NULL;
    if (sb->inst.rootless && !d.path[0])
        return 0;
    sb->inst.cgroup_path = arena_printf(sb->arena, "%s/%s", d.path[0] && d.path[1] ? d.path : "", group_name(sb));
    return sb->inst.cgroup_path ? 0 : err_set(err, -ENOMEM, "no memory for the name of a group");
}

int sandbox_place_again(struct sandbox *sb, struct err *err)
{
    const char *was = sb->inst.cgroup_path;
    uint32_t controllers;
    int r;

    if (!sb->inst.rootless || !was)
        return 0;
    if ((r = sandbox_place_group(sb, &controllers, err)) < 0)
        return r;
    if (!sb->inst.cgroup_path || !strcmp(sb->inst.cgroup_path, was)) {
        sb->inst.cgroup_path = was; /* none here: the old one says what is missing, if it cannot be had */
        return 0;
    }
    sb->spec.cgroup_path = sb->inst.cgroup_path; /* on record before it is made: it is found by that */
    return spec_write(sb, err);
}

int sandbox_create(struct sandbox *sb, struct err *err)
{
    struct instance *inst = &sb->inst;

    inst->arena = sb->arena;
    inst->policy = &sb->policy;
    if (sb->policy.ns[NS_MNT].how == NS_HOST && inst->root_path)
        symlinkat(inst->root_path, inst->state_fd, "root");
    int r = inst->boundary->create(inst, err);
    if (r == 0) {
        r = state_write(sb, err);
        if (r < 0)
            inst->boundary->destroy(inst, &(struct err){0});
    }
    if (r < 0 && !sb->kept) {
        int bad = layers_remove(sb, &(struct err){0});
        ids_release(sb);
        if (bad == 0 && !sb->inst.cgroup.host) /* what stays is found by its directory */
            state_remove(sb);
    }
    return r;
}

static int run_late_hooks(struct sandbox *sb, enum hook_point point, const char *name, const char *status,
                          struct err *err)
{
    const struct hooks *hooks = &sb->policy.hooks[point];
    int r = 0;

    for (uint32_t i = 0; i < hooks->n; i++) { /* one that fails does not keep the others from running */
        struct hooks one = {&hooks->v[i], 1};
        struct err e = {0};
        int bad = boundary_hooks_run(&sb->inst, &one, name, status, &e);
        if (bad < 0 && r == 0) {
            r = bad;
            *err = e;
        }
        if (bad < 0)
            warn(&e);
    }
    return r;
}

int sandbox_started(struct sandbox *sb, struct err *err)
{
    return run_late_hooks(sb, HOOK_POSTSTART, "poststart", "running", err);
}

int sandbox_start(struct sandbox *sb, struct err *err)
{
    enum sandbox_status s = sandbox_status(sb);

    if (s != SANDBOX_CREATED)
        return err_set(err, -EINVAL, "cannot start container \"%s\": it is %s, not created", sb->id,
                       sandbox_status_name(s));
    if (!sb->policy.has_process)
        return err_set(err, -EINVAL, "cannot start container \"%s\": its config.json has no process", sb->id);
    int r = sb->inst.boundary->start(&sb->inst, err);
    if (r == 0)
        sandbox_started(sb, &(struct err){0}); /* has warned; the workload runs */
    return r;
}

/* start.sock is there until `start` has done its work; a start that was killed in between leaves it with nobody behind.
 */
static bool waits_for_start(struct sandbox *sb)
{
    struct stat st;

    if (fstatat(sb->inst.state_fd, "start.sock", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    int s = unixsock_connect(sb->inst.state_fd, "start.sock", SOCK_STREAM | SOCK_NONBLOCK);
    if (s >= 0)
        close(s);
    return s >= 0 || s == -EAGAIN;
}

static enum sandbox_status ended_status(const struct sandbox *sb)
{
    if (sb->end.known && sb->end.reason == END_START_FAILED)
        return SANDBOX_CREATED; /* docker's word for what never ran */
    if (sb->end.known && sb->end.restarting && monitor_alive(sb))
        return SANDBOX_RESTARTING;
    return sb->end.known || sb->run ? SANDBOX_STOPPED : SANDBOX_CREATED;
}

enum sandbox_status sandbox_status(struct sandbox *sb)
{
    struct instance *inst = &sb->inst;

    if (inst->pid <= 0 && sb->kept)
        return ended_status(sb);
    if (inst->pid <= 0) {
        struct stat st;
        bool recorded = fstatat(inst->state_fd, "state.json", &st, 0) == 0;
        return recorded ? SANDBOX_STOPPED : SANDBOX_CREATING;
    }
    if (!sb->kept && waits_for_start(sb))
        return SANDBOX_CREATED;
    if (inst->boundary->is_paused && inst->boundary->is_paused(inst))
        return SANDBOX_PAUSED;
    return SANDBOX_RUNNING;
}

const char *sandbox_status_name(enum sandbox_status s)
{
    static const char *const names[] = {"creating", "created", "running", "paused", "stopped", "restarting"};

    return names[s];
}

int sandbox_forget(struct sandbox *sb, struct err *err)
{
    struct err e = {0};
    int r = 0, bad;

    /* What cannot be taken away now stays on record, for another try. */
    if (sb->inst.boundary && (r = sb->inst.boundary->destroy(&sb->inst, err)) < 0)
        return r;
    if ((bad = layers_remove(sb, &e)) < 0 && r == 0) {
        r = bad;
        *err = e;
    }
    ids_release(sb);
    if ((bad = state_remove(sb)) < 0 && r == 0)
        r = err_sys(err, bad, "state directory %s/%s", sb->root_path, sb->id);
    if (sb->policy.hooks[HOOK_POSTSTOP].n) {
        sb->inst.pid = 0;
        run_late_hooks(sb, HOOK_POSTSTOP, "poststop", "stopped", &(struct err){0});
    }
    return r;
}

/* Every group of it was made by us. */
static bool cgroup_is_ours(const struct cgroup *cg)
{
    bool ours = true;

    for (uint32_t h = 0; h < cg->host->n; h++)
        ours &= cg->dir_fds[h] < 0 || cg->made[h];
    return ours;
}

/* ---- what ended it -------------------------------------------------------------------------------------------- */

/* The hard limit kills without a word of its own: then the time that was used tells. For the limit the kernel counts it
 * in ticks, of which a short turn may take a whole one, and for a group exactly: so half of it is enough. A foreground
 * run on cgroup v1 may have no group that counts it; what our own children used, it and its helpers, is the same but
 * for little. */
static bool processor_time_used(struct sandbox *sb, uint64_t seconds)
{
    struct cgroup_stats st = {0};
    struct rusage ours = {0};
    uint64_t ms;

    if (sb->inst.cgroup.host && cgroup_read_stats(&sb->inst.cgroup, &st, &(struct err){0}) == 0 &&
        st.cpu_usage_ns.set) {
        ms = st.cpu_usage_ns.v / 1000000;
    } else {
        getrusage(RUSAGE_CHILDREN, &ours);
        ms = (uint64_t)(ours.ru_utime.tv_sec + ours.ru_stime.tv_sec) * 1000 +
             (uint64_t)(ours.ru_utime.tv_usec + ours.ru_stime.tv_usec) / 1000;
    }
    return seconds < UINT64_MAX / 1000 && ms * 2 >= seconds * 1000;
}

static bool processor_limit_hit(struct sandbox *sb, int exit_code)
{
    const struct process *pr = &sb->policy.process;

    for (uint32_t i = 0; i < pr->n_rlimits; i++)
        if (pr->rlimits[i].resource == RLIMIT_CPU && pr->rlimits[i].soft != RLIM_INFINITY)
            return exit_code == 128 + SIGXCPU ||
                   (exit_code == 128 + SIGKILL && processor_time_used(sb, pr->rlimits[i].soft));
    return false;
}

enum end_reason end_limit(struct sandbox *sb, int exit_code)
{
    static const enum end_reason reasons[] = {
        [ENDED_OTHERWISE] = END_EXITED,     [ENDED_HEAP] = END_HEAP,    [ENDED_METASPACE] = END_METASPACE,
        [ENDED_DIRECT_MEMORY] = END_DIRECT, [ENDED_THREADS] = END_PIDS, [ENDED_POWEROFF] = END_POWEROFF,
        [ENDED_RESET] = END_RESET,          [ENDED_PANIC] = END_PANIC,  [ENDED_TRIPLE_FAULT] = END_TRIPLE_FAULT,
    };
    const struct boundary *b = sb->inst.boundary;

    if (processor_limit_hit(sb, exit_code))
        return END_CPU;
    const enum boundary_end end = b->ended_by ? b->ended_by(&sb->inst) : ENDED_OTHERWISE;
    return exit_code || end >= ENDED_POWEROFF ? reasons[end] : END_EXITED;
}

/* ---- the end of it -------------------------------------------------------------------------------------------- */

/* The first process gone: with a pid namespace of its own, everything in it. */
static int end_process(struct sandbox *sb, struct err *err)
{
    struct instance *inst = &sb->inst;

    if (inst->pid <= 0)
        return 0;
    if (inst->cgroup.host)
        cgroup_freeze(&inst->cgroup, false, &(struct err){0});
    int r = inst->boundary->signal(inst, SIGKILL, err);
    if (r < 0 && r != -ESRCH)
        return r;
    struct pollfd p = {.fd = inst->pidfd, .events = POLLIN};
    for (int i = 0; i < 100; i++) { /* 10 s; a process in an uninterruptible sleep is said, not waited for forever */
        if (poll(&p, 1, 100) > 0)
            return 0;
    }
    return err_set(err, -ETIMEDOUT, "container \"%s\": process %d did not end within 10 s of SIGKILL", sb->id,
                   (int)inst->pid);
}

/* The maker holds the lock until it is done or dead. */
static bool lock_bounded(int fd, int ms)
{
    for (;; ms -= 10) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (ms <= 0)
            return false;
        poll(NULL, 0, 10);
    }
}

int sandbox_delete(struct sandbox *sb, bool force, struct err *err)
{
    enum sandbox_status s = sandbox_status(sb);

    if (s == SANDBOX_CREATING) {
        if (!lock_bounded(sb->inst.state_fd, force ? 10000 : 0))
            return err_set(err, -EBUSY, "container \"%s\" is being created", sb->id);
        int r = state_still_named(sb) ? state_reload(sb, err) : 0;
        if (r < 0)
            return r;
        s = sandbox_status(sb);
    }
    if ((s == SANDBOX_RUNNING || s == SANDBOX_PAUSED) && !force)
        return err_set(err, -EBUSY, "cannot delete container \"%s\": it is %s; stop it first, or use --force", sb->id,
                       sandbox_status_name(s));
    err->code = 0;
    /* A killed maker has not recorded its process: the group tells who it was, where the group was made for it alone.
     */
    if (s == SANDBOX_CREATING && sb->inst.cgroup.host && cgroup_is_ours(&sb->inst.cgroup))
        cgroup_signal_all(&sb->inst.cgroup, SIGKILL, &(struct err){0});
    int r = end_process(sb, err);
    if (r < 0)
        return r;
    /* One at a time, and not what was made anew under the name. A maker that waits for the end removes it himself. */
    if (!lock_bounded(sb->inst.state_fd, 10000))
        return err_set(err, -EBUSY, "container \"%s\": somebody else is removing it and does not come to an end",
                       sb->id);
    return state_still_named(sb) ? sandbox_forget(sb, err) : 0;
}

void sandbox_write_state(struct sandbox *sb, struct json_writer *w)
{
    enum sandbox_status s = sandbox_status(sb);
    const struct policy *p = &sb->policy;

    json_object_begin(w, NULL);
    json_string(w, "ociVersion", p->oci_version ? p->oci_version : "1.2.0");
    json_string(w, "id", sb->id);
    json_int(w, "pid", s == SANDBOX_STOPPED ? 0 : sb->inst.pid);
    json_string(w, "status", sandbox_status_name(s));
    json_string(w, "bundle", sb->inst.bundle);
    if (sb->inst.root_path)
        json_string(w, "rootfs", sb->inst.root_path);
    if (sb->created)
        json_string(w, "created", sb->created);
    json_string(w, "owner", "");
    if (p->n_annotations) {
        json_object_begin(w, "annotations");
        for (uint32_t i = 0; i < p->n_annotations; i++)
            json_string(w, p->annotations[i].key, p->annotations[i].value);
        json_object_end(w);
    }
    json_object_end(w);
}

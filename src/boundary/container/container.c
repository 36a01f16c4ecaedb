/* SPDX-License-Identifier: Apache-2.0 */
/* The container boundary: its table of verbs and those that are a few lines. The rest is in launch.c and exec.c. */
#include "boundary/container/container.h"
#include "base/io.h"
#include "host/features.h"
#include "host/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int container_offer(struct arena *a, struct offer *out)
{
    struct features f;

    features_probe(&f);
    out->available = f.namespaces && f.seccomp_filter && f.mount_api;
    out->strength = "kernel shared: namespaces, capabilities, seccomp, Landlock, cgroups";
    out->speed = "native speed; a start takes milliseconds, most of them the kernel's";
    out->why_not = out->available ? NULL : f.why_not;
    out->details = features_summary(&f, a);
    return 0;
}

/* Groups that were there before the sandbox are somebody else's: noted when it is made, one digit a hierarchy, and
 * never removed. There is no note where all are ours. */
void group_note_owner(const struct instance *inst)
{
    const struct cgroup *cg = &inst->cgroup;
    char text[CGROUP_HIERARCHIES_MAX];
    bool shared = false;

    for (uint32_t h = 0; h < cg->host->n; h++) {
        text[h] = cg->made[h] ? '1' : '0';
        shared |= cg->dir_fds[h] >= 0 && !cg->made[h];
    }
    if (shared)
        io_replace_file(inst->state_fd, "groups", text, cg->host->n, 0600);
}

static void group_recall_owner(struct instance *inst)
{
    struct cgroup *cg = &inst->cgroup;
    char text[CGROUP_HIERARCHIES_MAX + 1];
    ssize_t n = io_read_small(inst->state_fd, "groups", text, sizeof text);

    for (uint32_t h = 0; h < cg->host->n && h < (n > 0 ? n : 0); h++)
        cg->made[h] = cg->made[h] && text[h] == '1';
}

int container_recover(struct instance *inst, struct err *err)
{
    inst->pidfd = inst->pid > 0 ? (int)sys(SYS_pidfd_open, inst->pid, 0) : -1;
    if (inst->cgroup_path && inst->cgroups && inst->cgroups->n) {
        int r = cgroup_open(&inst->cgroup, inst->cgroups, inst->cgroup_path, err);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == -ENOENT)
            inst->cgroup.host = NULL;
        else
            group_recall_owner(inst);
        err->code = 0;
    }
    return 0;
}

int container_signal(struct instance *inst, int signo, struct err *err)
{
    int r = inst->pidfd >= 0 ? (int)sys(SYS_pidfd_send_signal, inst->pidfd, signo, NULL, 0) : -ESRCH;

    return r < 0 ? err_sys(err, r, "container %s: cannot signal process %d", inst->id, (int)inst->pid) : 0;
}

static int need_cgroup(struct instance *inst, const char *verb, struct err *err)
{
    return inst->cgroup.host ? 0
                             : err_set(err, -ENOTSUP, "container %s: cannot %s it without a cgroup", inst->id, verb);
}

int container_pause(struct instance *inst, bool paused, struct err *err)
{
    int r = need_cgroup(inst, paused ? "pause" : "resume", err);

    return r < 0 ? r : cgroup_freeze(&inst->cgroup, paused, err);
}

bool container_is_paused(struct instance *inst)
{
    bool frozen = false;

    return inst->cgroup.host && cgroup_is_frozen(&inst->cgroup, &frozen, &(struct err){0}) == 0 && frozen;
}

int container_update(struct instance *inst, const struct limits *l, struct err *err)
{
    int r = need_cgroup(inst, "update", err);

    return r < 0 ? r : cgroup_apply(&inst->cgroup, &l->resources, true, err);
}

int container_stats(struct instance *inst, struct cgroup_stats *st, struct err *err)
{
    int r = need_cgroup(inst, "measure", err);

    return r < 0 ? r : cgroup_read_stats(&inst->cgroup, st, err);
}

/* Kills what is left and removes the group. Without a pid namespace of its own the group is the only way to find all.
 */
int container_destroy(struct instance *inst, struct err *err)
{
    int r = 0;

    if (inst->pidfd >= 0)
        sys(SYS_pidfd_send_signal, inst->pidfd, SIGKILL, NULL, 0);
    if (inst->cgroup.host) {
        if (inst->policy->ns[NS_PID].how != NS_NEW)
            cgroup_signal_all(&inst->cgroup, SIGKILL, &(struct err){0});
        r = cgroup_remove(&inst->cgroup, err);
        cgroup_close(&inst->cgroup);
        inst->cgroup.host = NULL;
    }
    if (inst->root_mount_id) {
        int bad = root_unmount(inst, r < 0 ? &(struct err){0} : err);
        r = r < 0 ? r : bad;
    }
    return r;
}

/* The mount namespace: taking an overlay apart synchronises the whole file system that holds its upper layer. */
int container_hold(const struct instance *inst)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)inst->pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

const struct boundary boundary_container = {
    .name = "container",
    .offer = container_offer,
    .lower = container_lower,
    .create = container_create,
    .settle = container_settle,
    .start = container_start,
    .recover = container_recover,
    .exec = container_exec,
    .signal = container_signal,
    .pause = container_pause,
    .is_paused = container_is_paused,
    .update = container_update,
    .stats = container_stats,
    .destroy = container_destroy,
    .hold = container_hold,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of every layout: v1 hierarchies, v2 alone, and hybrid (v1 with a cgroup2 beside it). Each mounted
 * hierarchy is treated by itself: the group is made in each, joined in each, removed from each.
 *
 * Life: cgroup_host_probe() once -> cgroup_make() -> cgroup_apply() -> the child joins by writing "0" to join_fds (or
 * is cloned into cgroup_clone_fd()) -> cgroup_signal_all(), cgroup_freeze(), cgroup_read_stats() ... ->
 * cgroup_remove(). A group made by somebody else (cgroupsPath that existed) is joined but what did not come from us is
 * not removed.
 *
 * How to join fast: a write to cgroup.procs makes the kernel wait for an RCU grace period (9 to 30 ms on an idle host).
 * On v1 join_fds are therefore the `tasks` files, where a single-threaded process that writes "0" does not wait; on v2
 * a child is best cloned into the group (clone3 with CLONE_INTO_CGROUP and cgroup_clone_fd()): microseconds.
 */
#ifndef MOAT_HOST_CGROUP_H
#define MOAT_HOST_CGROUP_H

#include "base/err.h"
#include "policy/policy.h"

#define CGROUP_HIERARCHIES_MAX 16

enum cgroup_layout { CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

/* One mounted hierarchy that this process may use. */
struct cgroup_hierarchy {
    bool v2;
    uint32_t controllers; /* bits of enum cgroup_controller */
    char name[64];        /* as in /proc/self/cgroup: "cpu,cpuacct", "name=systemd", "" for v2 */
    char mountpoint[128]; /* "/sys/fs/cgroup/memory" */
    char own[512];        /* our own path in it, from /proc/self/cgroup, relative to the mount: "/" ... */
};

enum cgroup_controller {
    CG_CPU,
    CG_CPUACCT,
    CG_CPUSET,
    CG_MEMORY,
    CG_DEVICES,
    CG_FREEZER,
    CG_BLKIO,
    CG_PIDS,
    CG_HUGETLB,
    CG_NET_CLS,
    CG_NET_PRIO,
    CG_PERF,
    CG_RDMA,
    CG_MISC,
    CG_CONTROLLERS
};

struct cgroup_host {
    enum cgroup_layout layout;
    struct cgroup_hierarchy h[CGROUP_HIERARCHIES_MAX];
    uint32_t n;
};

struct cgroup {
    const struct cgroup_host *host;
    char path[1024];                      /* below each mountpoint, begins with '/' */
    int dir_fds[CGROUP_HIERARCHIES_MAX];  /* O_PATH|O_DIRECTORY|O_CLOEXEC of the group in host->h[i]; -1: not there (not
                                             writable and not needed) */
    int join_fds[CGROUP_HIERARCHIES_MAX]; /* v1: tasks, v2: cgroup.procs of the same, O_WRONLY|O_CLOEXEC; -1 */
    bool made[CGROUP_HIERARCHIES_MAX];    /* we made the leaf, so cgroup_remove() removes it */
    uint16_t first_made[CGROUP_HIERARCHIES_MAX]; /* private: length of the outermost level that was made; 0: none */
};

struct cgroup_stats {
    struct opt_u64 cpu_usage_ns, cpu_user_ns, cpu_system_ns, cpu_periods, cpu_throttled_periods, cpu_throttled_ns;
    struct opt_u64 memory_usage, memory_max_usage, memory_limit, memory_failcnt, memory_cache, memory_rss, memory_swap,
        memory_inactive_file, oom_kills;
    struct opt_u64 pids_current, pids_limit, pids_limit_hits; /* hits: forks refused */
    struct opt_u64 blkio_read_bytes, blkio_write_bytes, blkio_read_ios, blkio_write_ios;
};

/* What is mounted. Fast path: /proc/self/cgroup and the customary mount points, checked by fstatfs; else mountinfo.
 * CGROUP_NONE is success with n == 0. */
int cgroup_host_probe(struct cgroup_host *host, struct err *err);

/* Leaves only the hierarchies that `r` needs, and v2, in which a group can be frozen and killed: for a short run that
 * nobody looks at from outside. Without v2 nothing is left out. */
void cgroup_host_narrow(struct cgroup_host *host, const struct resources *r);

/* Makes the group in every usable hierarchy (parents too, as needed; v1 cpuset.cpus and .mems filled from the parent;
 * v2 subtree_control of the parents for the controllers `r` needs). A hierarchy in which it cannot be made is skipped
 * when `r` asks nothing of its controllers, else it is the error, naming controller, item and remedy. On failure
 * nothing made stays behind. In two parts: the v2 one first (a process is cloned into it), then v1, which may go on
 * while that process sets itself up; a failure of the second takes the first back. */
enum cgroup_part { CGROUP_PART_ALL, CGROUP_PART_V2, CGROUP_PART_V1 };
int cgroup_make(struct cgroup *cg, const struct cgroup_host *host, const char *path, const struct resources *r,
                enum cgroup_part part, struct err *err);

/* Opens an existing group (for exec, kill, stats, update, remove). Hierarchies without it get fd -1; -ENOENT when none
 * has it. made[] becomes true for each that is there: a caller whose records say that a leaf was not ours clears it. */
int cgroup_open(struct cgroup *cg, const struct cgroup_host *host, const char *path, struct err *err);

/* Writes the limits. Items given for a controller that is not there are refused by name ("linux.resources.memory.limit:
 * ..."). On v2 the OCI v1 figures are converted as the kernel's users agreed (shares -> weight, memory+swap -> swap
 * ...). Device rules: v1 lists, v2 BPF program attached to the group (confine is below: the program is built here).
 * `update`: limits of a living group, order matters. A figure of 0 in memory.*, cpu.shares, .quota, .period and
 * blkio.weight counts as not given, as callers of runc rely on. Device rules: an empty list changes nothing; else what
 * no rule speaks of is denied, and behind the rules come those for the devices that every container has (null, zero,
 * full, random, urandom, tty, ptmx, pts, mknod of any). Without swap accounting, memory.swap passes when it is -1 or
 * equals the limit (no swap), else it is refused. */
int cgroup_apply(struct cgroup *cg, const struct resources *r, bool update, struct err *err);

/* Where an ordinary user may make groups: below the group he is in himself, if it was given to him. */
struct cgroup_delegation {
    char path[512];       /* below each mountpoint; "": nowhere */
    uint32_t controllers; /* bits of enum cgroup_controller: those whose limits can be set there */
};
/* Looks only. Of v1 hierarchies those count in which our own group is this one too. */
void cgroup_delegation_find(const struct cgroup_host *host, struct cgroup_delegation *out);
/* v2 forbids processes beside groups with controllers, so whoever is in the given group itself, as we are, moves to a
 * group "moat.self" below it, and the controllers are switched on. d->controllers loses what cannot be. */
void cgroup_delegation_prepare(const struct cgroup_host *host, struct cgroup_delegation *d);

/* The group in the v2 hierarchy, for CLONE_INTO_CGROUP; -1 when there is none. Its join_fds entry is then not needed.
 */
int cgroup_clone_fd(const struct cgroup *cg);

/* Moves a process, all its threads, in from outside (the parent's side). Slow: see above. */
int cgroup_join(struct cgroup *cg, pid_t pid, struct err *err);

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *err); /* waits until it is so, bounded */
int cgroup_is_frozen(struct cgroup *cg, bool *frozen, struct err *err);
/* SIGKILL for all: cgroup.kill where there is one, else freeze, signal each, thaw. signo other than SIGKILL: signal
 * each. */
int cgroup_signal_all(struct cgroup *cg, int signo, struct err *err);
/* The pids inside, below too; in the arena. */
int cgroup_pids(struct cgroup *cg, struct arena *a, pid_t **pids, size_t *n, struct err *err);
int cgroup_read_stats(struct cgroup *cg, struct cgroup_stats *st, struct err *err);

/* Removes the group everywhere (nested ones first; bounded retries on EBUSY while the dead are reaped). Gone already is
 * success. */
int cgroup_remove(struct cgroup *cg, struct err *err);
void cgroup_close(struct cgroup *cg);

/* Names of the controllers, for features and boundaries. */
const char *cgroup_controller_name(enum cgroup_controller c);
const char *cgroup_layout_name(enum cgroup_layout l); /* "none", "v1", "v2", "hybrid" */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container adaptor's own parts. Three stages, in this order:
 *   launch.c   the launcher: opens what needs the host's view and privilege, makes the cgroup, clones, writes id maps
 *   setup.c    the set-up stage: the cloned process inside its new namespaces; it shares the launcher's memory and
 *              descriptors (CLONE_VM | CLONE_FILES), allocates nothing, and calls the kernel only through host/sys.h
 *   guest/enter.c   the last stage, its own sealed executable: gives up privilege and executes the workload
 */
#ifndef MOAT_BOUNDARY_CONTAINER_H
#define MOAT_BOUNDARY_CONTAINER_H

#include "boundary/boundary.h"

#include <stdatomic.h>
#include <stdbool.h>

enum launch_go { GO_IDS = 1, GO_HOOKS = 2, GO_GROUP = 4, GO_RECORD = 8 }; /* launcher -> set-up: bits of `go` */
enum launch_reached { REACHED_NAMESPACES = 1 };                           /* set-up -> launcher: bits of `reached` */

/* A bind rule's source is opened when it is mounted. An -EPERM, of the same number, is kept as -EACCES. */
#define MOUNT_LATER (-1)

/* Everything the set-up stage needs. Written by the launcher before the clone; after it only `go`, `reached`, `err`
 * and `mount_fds` change, and the descriptors that the launcher opens before it sets GO_IDS; enter_fd and enter_argv
 * before GO_RECORD. */
/* What is told of the root before anything is mounted in it. */
struct root_identity {
    uint64_t dev, ino;
    bool is_proc;
};

struct launch {
    struct instance *inst;
    const struct policy *policy;
    uint64_t clone_flags;
    int ns_fds[NS_KINDS];       /* NS_JOIN: open namespace files; else -1 */
    int root_fd;                /* detached tree that becomes the root; -1: the set-up stage makes it */
    int data_fd;                /* detached tree of the layers' data directory; -1 */
    int shut_file_fd;           /* and the file in it; -1 */
    int shut_fd;                /* what deny rules cover with (made_shut_tree()), of the launcher's ids; -1 */
    int *mount_fds;             /* per mount rule: detached source tree, why there is none (-errno), or MOUNT_LATER */
    const char **mount_sources; /* per bind rule: absolute path */
    int cgroup_fds[CGROUP_HIERARCHIES_MAX]; /* detached trees of the group's directories for the cgroup mount; -1 */
    const char *overlay_data[4];            /* lowerdir=..., upperdir=..., workdir=... values; NULL ends */
    int enter_fd;                           /* the sealed memfd: moat-enter and its record */
    char **enter_argv;                      /* number of enter_fd, then the workload's arguments */
    char **enter_envp;                      /* room for HOME before its end */
    uint32_t n_envp;
    bool own_user_ns; /* in a user namespace that is not the host's */
    bool wait_ids, wait_hooks, wait_group;
    int64_t late_mount; /* index of a cgroup mount that is made last; -1 */
    bool in_group;      /* set-up stage: has joined */
    sigset_t mask;
    bool has_home;            /* the policy's environment has HOME */
    int launcher_fd;          /* pidfd of the launcher, for the set-up stage */
    struct root_identity top; /* set-up stage */
    int proc_fd, sys_fd;      /* set-up stage: the roots of what it mounted on /proc and /sys; -1 */
    char home[512];           /* else "HOME=/root", filled by the set-up stage */
    _Atomic uint32_t go, reached;
    _Atomic uint32_t alive; /* CLONE_CHILD_CLEARTID: 0 once the set-up stage has executed moat-enter or died */
    struct err err;         /* the set-up stage's error, if it failed */
};

/* setup.c. The body of the set-up stage; returns only on failure, with l->err set. */
int container_setup(void *launch);

/* root.c: all before the pivot, with the new root attached and open as `root`. */
int root_attach(struct launch *l, int *root);
int root_enter(struct launch *l, int root);
int root_mask_paths(struct launch *l, int root);
int root_protect_paths(struct launch *l, int root);
/* made.c: the empty root of a policy with private_root; the files and links that it is to hold, before any mount; what
 * deny rules cover, after all mounts. */
int made_root(struct launch *l);
int made_files(struct launch *l, int root);
int made_denials(struct launch *l, int root);
/* Mounts each directory between a place that has a rule of its own and the writable tree around it onto itself. A mount
 * point cannot be renamed or removed: else a new directory of the old name would have no rule. */
int made_pins(struct launch *l, int root, const char *guest, bool make);
/* A detached file system with a directory (its top) and a file that nobody may open but their owner; *file: that one,
 * O_PATH. */
int made_shut_tree(int *file);
/* The launcher's, at destroy: takes the root's mount, and with it all below, out of a mount namespace that is not the
 * sandbox's own. Only the mount we made (inst->root_mount_id) is touched. */
int root_unmount(struct instance *inst, struct err *err);

/* container.c: notes which groups are not ours. Before the process may join, and so outlive the launcher. */
void group_note_owner(const struct instance *inst);
/* The verbs of boundary.h that are the same behind every boundary which stands on these walls: the broker's and the
 * JVM's tables name them. container_create(), _settle(), _start(), _exec() and the lowering stand below. */
int container_offer(struct arena *a, struct offer *out);
int container_recover(struct instance *inst, struct err *err);
int container_signal(struct instance *inst, int signo, struct err *err);
int container_pause(struct instance *inst, bool paused, struct err *err);
bool container_is_paused(struct instance *inst);
int container_update(struct instance *inst, const struct limits *l, struct err *err);
int container_stats(struct instance *inst, struct cgroup_stats *st, struct err *err);
int container_destroy(struct instance *inst, struct err *err);
int container_hold(const struct instance *inst);
/* setup.c: joins the cgroup once it is ready, and makes it the root of the cgroup namespace. Again: nothing. */
int group_enter(struct launch *l);

/* root.c: opens a path to be covered. What lies in the procfs or sysfs that we mounted is looked up from there, since
 * the directory under it can be renamed by somebody who shares the root. */
int root_open_covered(struct launch *l, int root, const char *path);

/* mounts.c: all rules but the late one; and that one. */
int mounts_apply(struct launch *l, int root);
int mounts_apply_late(struct launch *l, int root);
/* Before the root is attached: the sources that would not be found, or not whole, behind it. */
void mounts_open_before_root(struct launch *l);
/* A bind rule's source as a detached tree with its attributes set. fd or negative errno. */
int mount_open_source(const char *source, bool recursive);
/* The same of a policy's rule. */
int mount_open_rule(const struct policy *p, const struct mount_rule *m, const char *source);
/* Opens `path` inside the root without leaving it, made when missing (a directory, or an empty file). fd (O_PATH) or
 * negative errno. */
int root_open_target(int root, const char *path, bool directory, bool follow);

/* home.c: "HOME=/root" for a user, from the passwd file inside an open root. */
void home_find(int root, uint32_t uid, char *out, size_t size);

/* streams.c: gives pipes on descriptors 0 to 2 to the process's user: those without a name, and the monitor's. */
void streams_hand_over(const struct instance *inst, const struct process *pr);

/* scheduling.c: for the calling process, before it gives up privilege. */
int scheduling_set(const struct process *pr, struct err *err);
int scheduling_set_memory(const struct memory_policy *mp, struct err *err);
int scheduling_set_affinity(pid_t pid, const char *list, const char *item, struct err *err);
int scheduling_set_oom_score(const struct process *pr, struct err *err);
void scheduling_raise_limits(const struct process *pr);

/* devices.c */
int devices_make(struct launch *l, int root);

/* hooks.c. Runs the hooks of one point with the state document on their stdin, in the caller's namespaces. */
int hooks_run(const struct hooks *hooks, const char *point, const char *state, size_t state_len, struct err *err);

/* state_json.c. The state of the OCI specification; arena string. */
char *state_json(const struct instance *inst, const char *status, pid_t pid, size_t *len);
char *state_json_seccomp(const struct instance *inst, pid_t pid);

/* record.c. Makes the memfd for a process. ns_fds and cgroup_fds end with -1 and may be NULL. */
struct enter_request {
    const struct process *process;
    const struct policy *policy; /* seccomp, personality, hooks */
    uint32_t flags;              /* enum enter_flags beyond those that process and policy imply */
    int report_fd, start_fd, listener_fd, console_fd, lifeline_fd, handed_fd, program_fd;
    const int *ns_fds, *cgroup_fds;
    uint32_t keep_fds;
    bool set_groups;
    const char *hook_state, *seccomp_state;
};
int record_make(struct instance *inst, const struct enter_request *rq, int *memfd, char ***argv, struct err *err);

/* report.c half of exec.c: turns what moat-enter wrote into an error. */
struct enter_report;
int report_to_err(const struct instance *inst, const struct process *pr, const struct enter_report *r, struct err *err);

/* launch.c */
int container_create(struct instance *inst, struct err *err);
int container_start(struct instance *inst, struct err *err);
/* Reads moat-enter's reports until READY or the exec. 0, or the error it reported. */
int container_settle(struct instance *inst, bool *ready, struct err *err);
/* exec.c */
int container_exec(struct instance *inst, const struct process *pr, struct err *err);
/* lower.c */
int container_lower(const struct policy *p, struct lowering *out, struct err *err);
/* The same walls with the broker process beside them. */
int container_lower_brokered(const struct policy *p, struct lowering *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a boundary: one table of verbs, one instance per sandbox. Life of an instance: filled by sandbox/ ->
 * create() sets all up and stops before the workload's first instruction -> start() -> signal(), exec(), stats() ... ->
 * destroy(). After the launcher has gone, recover() rebuilds an instance from what the state directory records.
 * A verb that a boundary lacks is NULL and the command refuses it by name.
 */
#ifndef MOAT_BOUNDARY_BOUNDARY_H
#define MOAT_BOUNDARY_BOUNDARY_H

#include "base/err.h"
#include "host/cgroup.h"
#include "policy/policy.h"

#include <signal.h>

/* ---- what a host can offer ---------------------------------------------------------------------------------- */

struct offer {
    bool available;
    const char *strength; /* "kernel shared; namespaces, seccomp, Landlock" */
    const char *speed;    /* "native speed" */
    const char *why_not;  /* when not available: what is missing and the remedy */
    const char *details;  /* "cgroup hybrid, Landlock ABI 7" */
};

/* ---- how a policy item is enforced -------------------------------------------------------------------------- */

enum lower_how {
    LOWER_ENFORCED,
    LOWER_FALLBACK,
    LOWER_REFUSED,
    LOWER_WARNED,
    LOWER_GRANTED, /* the policy gives it away: nothing is there to enforce */
};

struct lowering_item {
    const char *item;      /* "memory limit" */
    const char *value;     /* "1 GiB" */
    const char *mechanism; /* "cgroup v1 memory.limit_in_bytes" */
    enum lower_how how;
    const char *note; /* why, and the remedy; NULL when enforced or granted */
    bool hard;        /* refused, and --best-effort has nothing to run without it */
};

struct lowering {
    struct arena *arena;
    struct lowering_item *items;
    uint32_t n, cap;
};

/* Appends a row; strings must live as long as the arena. -ENOMEM. */
int lowering_add(struct lowering *l, enum lower_how how, const char *item, const char *value, const char *mechanism,
                 const char *note);
/* The same in the place of the row of that item, where there is one that is not refused: for a boundary that stands on
 * another one's walls and means another thing by it. */
void lowering_instead(struct lowering *l, const char *item, const char *value, const char *mechanism);

/* ---- a sandbox ---------------------------------------------------------------------------------------------- */

/* The root of an image: read-only layers below, one writable layer above, all under one directory of ours. */
struct layered_root {
    const char *data_dir;             /* "/var/lib/moat"; NULL: policy.root_path is the root itself */
    const char *lower, *upper, *work; /* relative to data_dir; upper NULL: read-only */
    bool discarded; /* removed with its end: need not survive a crash of the host, so it is never synchronised */
};

struct instance {
    const struct boundary *boundary;
    struct arena *arena;
    const struct policy *policy;
    const char *id;
    const char *bundle;    /* absolute */
    const char *root_path; /* absolute; the policy's root resolved against the bundle */
    struct layered_root layers;
    int state_fd; /* directory of this sandbox's state; owned by the caller */
    const struct cgroup_host *cgroups;
    const char *cgroup_path;

    /* how to launch */
    bool wait_start; /* create: stop before the first instruction, until start() */
    bool die_with_launcher;
    bool exec_user; /* exec(): process.user was asked for, and is not what the first process has */
    bool no_pivot, no_new_keyring;
    bool make_cwd;      /* the working directory is made where it is missing, as docker does */
    bool rootless;      /* no privilege on the host: single-uid or delegated maps, no cgroups taken for granted */
    uint32_t keep_fds;  /* descriptors 3.. for the workload */
    int console_socket; /* connected AF_UNIX socket that gets the terminal's master; -1 */
    const sigset_t *child_mask; /* signal mask of the workload; NULL: the launcher's own */
    const char *hook_state; /* state JSON for hooks that run before the launcher can make it; NULL without such hooks */
    bool idmap_root;        /* on disk the root is owned from 0 up: shift it into the user namespace */
    bool idmap_binds;       /* id-mapped binds without maps: container uid 0 owns what the owner of the source owns */

    /* of a boundary whose calls a process of ours answers; -1 otherwise */
    int listener_socket; /* gets the seccomp listener from moat-enter */
    uint32_t notify;     /* enum seccomp_notify (confine/seccomp.h): which calls it answers */
    pid_t broker_pid;    /* that process, a child of ours; 0: none */
    int lifeline;        /* read end of a pipe: its hang-up ends the sandbox */

    int handed_fd;  /* the one that the workload gets besides: where it writes figures of its own, or what it runs; -1:
                     * none */
    int gofer_fd;   /* of -b sentry: the end of a socket that its gofer gets when the sandbox is there; 0: none */
    int program_fd; /* an engine of ours that is executed in the place of argv[0], which only names it; -1: none */

    /* filled by create() and recover() */
    pid_t pid; /* first process, in our pid namespace */
    int pidfd;
    struct cgroup cgroup;
    int report_fd;          /* moat-enter's reports; -1 when read to the end */
    uint64_t root_mount_id; /* the root's mount in a mount namespace not of its own; 0: none to take away */
    pid_t exec_pid;         /* filled by exec(): the process that was added, a child of ours */
};

struct limits {
    struct resources resources;
};

/* What a workload says of itself, where it is of a kind that can: hostile numbers, for people to look at. */
struct meter {
    struct opt_u64 heap_used, heap_committed, heap_max; /* bytes */
    struct opt_u64 threads, classes;
    struct opt_u64 collections, collection_ns; /* of garbage, since it began */
};

/* What the boundary itself knows of an end, and the kernel does not: limits of its own, how a machine ended. */
enum boundary_end {
    ENDED_OTHERWISE,
    ENDED_HEAP,
    ENDED_METASPACE,
    ENDED_DIRECT_MEMORY,
    ENDED_THREADS,
    ENDED_POWEROFF,
    ENDED_RESET,
    ENDED_PANIC,
    ENDED_TRIPLE_FAULT
};

struct boundary {
    const char *name;
    int (*offer)(struct arena *a, struct offer *out);
    int (*lower)(const struct policy *p, struct lowering *out, struct err *err);
    int (*create)(struct instance *inst, struct err *err);
    /* Waits until the workload's program was executed, or (wait_start) is about to be: *ready. Or why not. */
    int (*settle)(struct instance *inst, bool *ready, struct err *err);
    int (*start)(struct instance *inst, struct err *err);
    int (*recover)(struct instance *inst, struct err *err);
    int (*exec)(struct instance *inst, const struct process *pr, struct err *err);
    int (*signal)(struct instance *inst, int signo, struct err *err);
    int (*resize)(struct instance *inst, unsigned rows, unsigned cols, struct err *err);
    int (*pause)(struct instance *inst, bool paused, struct err *err);
    bool (*is_paused)(struct instance *inst); /* of one that runs; NULL: it never is */
    int (*update)(struct instance *inst, const struct limits *l, struct err *err);
    int (*stats)(struct instance *inst, struct cgroup_stats *st, struct err *err);
    /* Asks the workload, and waits for at most some tenths of a second. NULL: its workloads say nothing. */
    int (*meter)(struct instance *inst, struct meter *out, struct err *err);
    /* After the end. NULL: it knows nothing of its own. */
    enum boundary_end (*ended_by)(struct instance *inst);
    /* Writes the whole state of what runs into an empty file; `ends`: it does not go on. NULL: it cannot. */
    int (*snapshot)(struct instance *inst, int file, bool ends, struct err *err);
    int (*destroy)(struct instance *inst, struct err *err);
    /* A descriptor that keeps back what is slow to take apart when the process of inst->pid dies, until it is closed: a
     * removal need not wait for that. -1: nothing. */
    int (*hold)(const struct instance *inst);
};

extern const struct boundary boundary_container, boundary_broker, boundary_jvm, boundary_wasm, boundary_unikernel,
    boundary_microvm, boundary_sentry, boundary_vm;
/* Confines nothing: of the tests' build/tests/moat-null alone, where it is defined. */
extern const struct boundary boundary_null __attribute__((weak));

/* Those in this build, ended by NULL. */
extern const struct boundary *const boundaries[];
/* All names of the spectrum, built or not, ended by NULL. */
extern const char *const boundary_names_all[];
const struct boundary *boundary_find(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a sandbox, against the contract of boundary.h: nothing here knows how a boundary works.
 *
 * A sandbox is a directory ROOT/ID:
 *   config.json   the policy, as an OCI document (the caller's own text under moat-oci)
 *   state.json    written once, when the first process is there; schema: docs/schema/sandbox-state.schema.json
 *   start.sock    while it is created and not started
 * and when it is kept (spec.h), which makes it outlive its maker and stay behind its end:
 *   sandbox.json  what it is; written last: with it the sandbox is complete
 *   exit.json     how it ended last
 *   control.sock  where its monitor answers (boundary/control.h); monitor.lock is held while one lives
 *   stdin, stdout, stderr   pipes between it and its monitor
 *   root, mount   links to the root and the number of its mount, only where that outlives the process (no mount
 * namespace) groups        one digit a cgroup hierarchy: 0 where the group was there before, only when there was one
 *   denials, jvm   of boundaries: what a broker process reports; the page that a Java virtual machine shares with us
 * The maker holds flock(2) on the directory until state.json is written or all is undone: a directory without
 * state.json whose lock is free was left by a killed maker, and `moat system check` clears it.
 *
 * Life: sandbox_open_root() -> sandbox_reserve() -> fill .inst -> sandbox_create() -> sandbox_start() ... ->
 * sandbox_delete(). Later commands: sandbox_load() first.
 */
#ifndef MOAT_SANDBOX_SANDBOX_H
#define MOAT_SANDBOX_SANDBOX_H

#include "boundary/boundary.h"
#include "sandbox/spec.h"

#define SANDBOX_ID_MAX 255

enum sandbox_status {
    SANDBOX_CREATING,
    SANDBOX_CREATED,
    SANDBOX_RUNNING,
    SANDBOX_PAUSED,
    SANDBOX_STOPPED,
    SANDBOX_RESTARTING, /* kept ones only: between two runs */
};

struct sandbox {
    struct arena *arena;
    struct instance inst;
    struct policy policy;
    int root_fd; /* ROOT */
    const char *root_path;
    const char *id;
    uint64_t pid_key;    /* start time of .inst.pid: a pid alone is never trusted */
    pid_t recorded_pid;  /* of state.json, dead or alive */
    const char *created; /* RFC 3339 */
    const char *maker;   /* "moat" or "moat-oci" */
    bool foreground;     /* its maker waits for the end and removes it: without its maker it is left over */
    uint32_t owner_uid;
    struct cgroup_host cgroup_host;
    /* of moat run */
    uint32_t id_block;     /* 0: none; the first host id of its range */
    const char *layer_dir; /* writable layer and log, to remove with it; NULL */
    /* of kept sandboxes */
    bool kept;
    struct sandbox_spec spec;
    struct sandbox_end end; /* the last one */
    uint32_t run;           /* how often it was started; of state.json */
    const char *started;    /* RFC 3339, of the last run; NULL: never */
};

/* Opens (and with `create` makes, 0700) the directory of sandboxes. path NULL: MOAT_RUN_DIR, /run/moat, or
 * $XDG_RUNTIME_DIR/moat. */
int sandbox_open_root(struct sandbox *sb, struct arena *a, const char *path, bool create, struct err *err);

/* 0 when `id` may name a sandbox. */
int sandbox_check_id(const char *id, struct err *err);

/* Makes ROOT/ID, locked. -EEXIST when the id is taken. Comes before anything that bears the id's name: whoever clears
 * leftovers takes what belongs to no directory here as left over. */
int sandbox_reserve(struct sandbox *sb, const char *id, struct err *err);
/* Writes config.json; undoes nothing. */
int sandbox_write_config(struct sandbox *sb, const char *config, size_t len, struct err *err);

/* The group that a policy names, or "/moat-ID". The systemd notation "slice:prefix:name" becomes the path that systemd
 * would make. NULL with err set when it is refused. */
const char *sandbox_cgroup_path(struct arena *a, const struct policy *p, const char *id, struct err *err);

/* Where the groups of a sandbox lie: root's at the top, "/moat-ID"; another user's below his own, where that was given
 * to him (cgroup.h), else nowhere (NULL) and *controllers is 0. */
int sandbox_place_group(struct sandbox *sb, uint32_t *controllers, struct err *err);
/* The same for a kept sandbox that starts again, perhaps from another of the user's groups than the last time; it must
 * not run. */
int sandbox_place_again(struct sandbox *sb, struct err *err);

/* Everything up to the first instruction; on failure all is undone, the directory too. */
int sandbox_create(struct sandbox *sb, struct err *err);

/* The order to a created sandbox; runs the poststart hooks. */
int sandbox_start(struct sandbox *sb, struct err *err);
/* What follows once the workload runs, for callers that create and start in one: poststart hooks. Warnings go to
 * `warn`. */
int sandbox_started(struct sandbox *sb, struct err *err);

/* Turns what a user wrote into an id: a name, or the beginning of exactly one. -ENOENT, -EINVAL (several). */
int sandbox_find(struct sandbox *root, const char *word, const char **id, struct err *err);

/* -ENOENT for an unknown id. */
int sandbox_load(struct sandbox *sb, const char *id, struct err *err);
/* The same with the maker's lock taken, until .inst.state_fd is closed. -EBUSY while the maker lives. What was killed a
 * moment ago may still be dying and hold it: *patience_ms is how long to wait, and becomes what is left of that. */
int sandbox_load_ownerless(struct sandbox *sb, const char *id, int *patience_ms, struct err *err);
/* Waits for and takes the lock of a kept sandbox, and reads it anew: changes of one sandbox come one after the other.
 * -EBUSY after ms milliseconds, -ENOENT when it was removed meanwhile. Closing .inst.state_fd gives it back. */
int sandbox_lock(struct sandbox *sb, int ms, struct err *err);
/* Closes all that a load opened. */
void sandbox_close(struct sandbox *sb);
enum sandbox_status sandbox_status(struct sandbox *sb);
const char *sandbox_status_name(enum sandbox_status s);

/* Ends what runs, removes cgroup, ids, layers, directory; runs poststop hooks. Whatever is gone already is no error.
 * Without force a running or paused sandbox is refused (-EBUSY). */
int sandbox_delete(struct sandbox *sb, bool force, struct err *err);
/* The same when the caller has just reaped the process itself (foreground runs). */
int sandbox_forget(struct sandbox *sb, struct err *err);

/* Ids below ROOT, sorted, in the arena. */
int sandbox_list(struct sandbox *root, char ***ids, size_t *n, struct err *err);

/* state document for people's tools: {id, status, pid, bundle, ...}. key as for json_object_begin(). */
struct json_writer;
void sandbox_write_state(struct sandbox *sb, struct json_writer *w);

/* One line for the caller's log: something that was not done as asked but is no failure. Set by main. */
extern void (*sandbox_warn)(const char *text);

#endif

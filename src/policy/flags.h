/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flag values become policy items. One row per item; the policy file goes through the same rows, so a value means the
 * same wherever it is written. Pure parsing: no file is opened but --env-file, nothing is looked up.
 *
 * Life: policy_build_init() on a policy that already holds the defaults -> policy_flag_apply() per file member ->
 * policy_build_next_layer() -> policy_flag_apply() per flag -> policy_build_finish(). What flags cannot decide without
 * looking at the host (device numbers, the seccomp file, names of users) stays in the build for the caller.
 */
#ifndef MOAT_POLICY_FLAGS_H
#define MOAT_POLICY_FLAGS_H

#include "policy/policy.h"

enum policy_flag {
    FLAG_ENV,
    FLAG_ENV_FILE,
    FLAG_WORKDIR,
    FLAG_USER,
    FLAG_GROUP_ADD,
    FLAG_ENTRYPOINT,
    FLAG_TTY,
    FLAG_INIT,
    FLAG_STOP_SIGNAL,
    FLAG_TIMEOUT,
    FLAG_HOSTNAME,
    FLAG_DOMAINNAME,
    FLAG_ANNOTATION,
    FLAG_VOLUME,
    FLAG_MOUNT,
    FLAG_TMPFS,
    FLAG_RO,
    FLAG_RW,
    FLAG_DIR,
    FLAG_ALLOW,
    FLAG_DENY,
    FLAG_BROKER,
    FLAG_ALLOW_NET,
    FLAG_DENY_LOG,
    FLAG_DEFAULTS,
    FLAG_SYMLINK,
    FLAG_READ_ONLY,
    FLAG_SHM_SIZE,
    FLAG_MEMORY,
    FLAG_MEMORY_SWAP,
    FLAG_MEMORY_RESERVATION,
    FLAG_MEMORY_SWAPPINESS,
    FLAG_CPUS,
    FLAG_CPU_SHARES,
    FLAG_CPU_PERIOD,
    FLAG_CPU_QUOTA,
    FLAG_CPUSET_CPUS,
    FLAG_CPUSET_MEMS,
    FLAG_PIDS_LIMIT,
    FLAG_ULIMIT,
    FLAG_OOM_SCORE_ADJ,
    FLAG_CAP_ADD,
    FLAG_CAP_DROP,
    FLAG_SECURITY_OPT,
    FLAG_IOCTLS,
    FLAG_DEVICE,
    FLAG_DEVICE_CGROUP_RULE,
    FLAG_SYSCTL,
    FLAG_NETWORK,
    FLAG_USERNS,
    POLICY_FLAGS
};
_Static_assert(POLICY_FLAGS <= 64, "policy_build.given is a 64-bit set");

enum userns_mode {
    USERNS_MOAT,   /* a block of ids of the sandbox's own: root inside is nobody outside */
    USERNS_HOST,   /* no user namespace */
    USERNS_SINGLE, /* one id: root inside is the caller outside */
};

/* A device as written; numbers and type are read from `source` by the caller. */
struct flag_device {
    const char *source, *path;
    bool read, write, mknod;
};

struct json;
struct policy_problems;

struct policy_build {
    struct policy *p;
    const char *cwd;           /* absolute: where relative host paths begin */
    uint64_t given;            /* bit per enum policy_flag: written by the user, so enforced or refused */
    uint32_t n_earlier_mounts; /* mounts of earlier layers, which a mount of this layer may replace */
    uint32_t n_earlier_paths;
    uint32_t n_default_mounts;
    bool no_execution; /* a bind shows files without execution, unless it is asked for: where no programs are run */
    const char *root_place; /* where a bind over the root lies in truth (-b wasm, which names it so); NULL: none can */
    struct strv user_env;   /* written by the user, over the image's; also in p->process.env */
    const char *user;       /* "name|uid[:group|gid]"; NULL: the image's */
    struct strv groups;     /* --group-add: names or numbers */
    struct strv entrypoint; /* with FLAG_ENTRYPOINT given and n == 0: none, not even the image's */
    enum userns_mode userns;
    const char *tap; /* --network tap=NAME: an interface of the host; NULL: none */
    uint64_t cap_add, cap_drop;
    bool cap_add_all, cap_drop_all;
    uint64_t nano_cpus;
    struct flag_device *devices;
    uint32_t n_devices;
    const char *seccomp_file;          /* --security-opt seccomp=FILE, for the caller to read; NULL: none */
    const struct json *seccomp_object; /* the same, written into a policy file; both NULL: p->seccomp stands */
    struct policy_problems *problems;  /* while a policy file is read (policyfile.h) ... */
    const char *file_text;             /* ... and its text */
};

int policy_build_init(struct policy_build *b, struct policy *p, const char *cwd, struct err *err);
void policy_build_next_layer(struct policy_build *b);

/* Applies one value, which is borrowed. -EINVAL names place and value: "--memory '5q': ...". where: a policy file's
 * path of the member ("limits.memory"), and its reader adds what is accepted; NULL: the flag, and that is added here.
 */
int policy_flag_apply(struct policy_build *b, enum policy_flag flag, const char *where, const char *value,
                      struct err *err);
const char *policy_flag_name(enum policy_flag flag);     /* "memory" */
const char *policy_flag_accepted(enum policy_flag flag); /* "bytes, or a number with k, m, g, t ..." */

/* Appends "; accepted: FORM" to a refusal; form NULL: nothing. Returns its code. */
int policy_accepted(struct err *err, const char *form);

/* What depends on several flags: capabilities, swap against memory, order of mounts, contradictions. */
int policy_build_finish(struct policy_build *b, struct err *err);

/* From the mount of this number on: one over /a comes before one over /a/b; among equals their order stays. */
void policy_mounts_sort(struct policy *p, uint32_t first);

static inline bool policy_flag_given(const struct policy_build *b, enum policy_flag flag)
{
    return b->given >> flag & 1;
}

/* Values. 0 or -EINVAL; *out untouched on failure. */
int flag_parse_size(const char *text, int64_t *bytes);  /* "512", "64k", "1.5g", "1GiB" */
int flag_parse_duration(const char *text, int64_t *ms); /* "90", "1m30s", "1.5h", "250ms" */
int flag_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out);

/* Removes ".", ".." and doubled slashes of an absolute path by its text alone (base/pathtext.h), however long it is.
 * Returns a string in the arena; NULL when full. */
char *flag_path_clean(struct arena *a, const char *path);

/* flags_paths.c: host paths, mounts, devices. Messages are about the value alone. */
int flag_volume(struct policy_build *b, const char *value, struct err *err);
int flag_mount(struct policy_build *b, const char *value, struct err *err);
int flag_tmpfs(struct policy_build *b, const char *value, struct err *err);
int flag_ro(struct policy_build *b, const char *value, struct err *err);
int flag_rw(struct policy_build *b, const char *value, struct err *err);
int flag_dir(struct policy_build *b, const char *value, struct err *err);
int flag_shm_size(struct policy_build *b, const char *value, struct err *err);
int flag_device(struct policy_build *b, const char *value, struct err *err);
int flag_device_cgroup_rule(struct policy_build *b, const char *value, struct err *err);

/* A host path as an absolute one by its text; a path inside, clean, with what may not be mounted over refused. */
int flag_host_path(struct policy_build *b, const char *path, const char **out, struct err *err);
int flag_guest_path(struct policy_build *b, const char *path, const char **out, struct err *err);
/* A bind of a host path, and its path rule; options may be NULL. */
int flag_add_bind(struct policy_build *b, const char *host, const char *guest, bool readonly, const char *options,
                  struct err *err);

/* Takes back that a bind of ours shows files without execution; what the host's own mount says stays. */
void flag_bind_executable(struct mount_rule *m);

/* flags_rules.c: path rules, the network's allow-list. */
int flag_allow(struct policy_build *b, const char *value, struct err *err);
int flag_deny(struct policy_build *b, const char *value, struct err *err);
int flag_broker(struct policy_build *b, const char *value, struct err *err);
int flag_allow_net(struct policy_build *b, const char *value, struct err *err);
int flag_deny_log(struct policy_build *b, const char *value, struct err *err);
int flag_defaults(struct policy_build *b, const char *value, struct err *err);
int flag_symlink(struct policy_build *b, const char *value, struct err *err);
/* A link of the policy's has to be seen: none where a rule shows the host's own names. */
int flag_links_check(const struct policy *p, struct err *err);
/* The rule of a guest path: that of an earlier layer, or a new one. */
int flag_place_rule(struct policy_build *b, const char *host, const char *guest, enum path_verdict verdict,
                    uint32_t access, struct err *err);
/* Sorts the rules, and gives those that came with a mount what their mount allows. */
void flag_rules_finish(struct policy_build *b);

#endif

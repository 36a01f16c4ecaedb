/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one policy: what a sandbox may do and use. Command-line flags (flags.c), a policy file (policyfile.c) and an OCI
 * config.json (oci_read.c) all produce this struct; oci_write.c turns it back into a config.json. Adaptors lower it.
 *
 * Life: policy_init() gives the empty policy; readers fill it; policy_check() finds contradictions; from then on it is
 * read-only. Everything it points to lies in one arena (or in the parsed text) and lives as long as that arena.
 *
 * Conventions: an optional number is a `struct opt_*` with `.set`; lists are {pointer, n}; string vectors are
 * NULL-terminated as execve(2) wants them and may be NULL when n is 0. Names follow the OCI runtime specification 1.3.
 */
#ifndef MOAT_POLICY_POLICY_H
#define MOAT_POLICY_POLICY_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct opt_i64 {
    bool set;
    int64_t v;
};
struct opt_u64 {
    bool set;
    uint64_t v;
};
struct strv {
    char **v;
    uint32_t n;
};

enum policy_source { POLICY_FROM_FLAGS, POLICY_FROM_FILE, POLICY_FROM_OCI };

/* ---- process ------------------------------------------------------------------------------------------------ */

struct rlimit_rule {
    int resource;        /* RLIMIT_* */
    uint64_t soft, hard; /* RLIM64_INFINITY = ~0 */
};

/* Bit i is capability number i (linux/capability.h). */
struct cap_sets {
    bool set;
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct sched_rule {
    bool set;
    uint32_t policy; /* SCHED_* */
    int32_t nice;
    uint32_t priority;
    uint64_t flags; /* SCHED_FLAG_* */
    uint64_t runtime, deadline, period;
};

struct user_rule {
    uint32_t uid, gid;
    struct opt_u64 umask;
    uint32_t *groups;
    uint32_t n_groups;
};

struct process {
    bool terminal;
    uint16_t rows, cols; /* 0: unset */
    const char *cwd;     /* absolute */
    struct strv argv, env;
    struct user_rule user;
    struct cap_sets caps;
    struct rlimit_rule *rlimits;
    uint32_t n_rlimits;
    bool no_new_privs;
    struct opt_i64 oom_score_adj;
    const char *apparmor_profile, *selinux_label; /* NULL: none */
    struct sched_rule sched;
    struct opt_u64 ioprio;                                 /* IOPRIO_PRIO_VALUE(class, level) */
    const char *cpu_affinity_initial, *cpu_affinity_final; /* execCPUAffinity, list format; NULL: none */
};

/* ---- namespaces and ids ------------------------------------------------------------------------------------- */

enum ns_kind { NS_USER, NS_CGROUP, NS_IPC, NS_UTS, NS_NET, NS_PID, NS_MNT, NS_TIME, NS_KINDS };
enum ns_how { NS_HOST, NS_NEW, NS_JOIN };
struct ns_rule {
    enum ns_how how;
    const char *path; /* NS_JOIN */
};

struct id_map {
    uint32_t inside, outside, count;
};
struct id_maps {
    struct id_map *v;
    uint32_t n;
};

struct time_offset {
    bool set;
    int64_t secs;
    uint32_t nanosecs;
};

/* ---- files -------------------------------------------------------------------------------------------------- */

enum mount_idmap { IDMAP_NO, IDMAP_TOP, IDMAP_RECURSIVE };

struct mount_rule {
    const char *destination; /* absolute, inside */
    const char *source;      /* path or name; NULL: "none" */
    const char *type;        /* file system type; NULL for a bind */
    bool bind;               /* bind or rbind among the options */
    bool recursive;          /* rbind */
    bool tmpcopyup;          /* copy what the image has there into the fresh tmpfs */
    bool nofollow; /* "src-nofollow" is refused by name; "dest-nofollow": do not follow a link at destination */
    bool remount;
    bool optional;                         /* moat's own defaults only: skip when the host cannot */
    uint64_t attr_set, attr_clear;         /* MOUNT_ATTR_* (MOUNT_ATTR__ATIME values included) */
    uint64_t rec_attr_set, rec_attr_clear; /* the same, recursively: rro, rnosuid ... */
    uint64_t sb_flags;    /* MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK, MS_LAZYTIME, MS_RDONLY, MS_SILENT, MS_I_VERSION */
    uint64_t propagation; /* MS_PRIVATE etc. | MS_REC; 0: none given */
    char **data;          /* file-system options "key" or "key=value", NULL-terminated; may be NULL */
    uint32_t n_data;
    enum mount_idmap idmap;
    struct id_maps uid_maps, gid_maps; /* empty: the sandbox's own */
};

/* What a path rule lets be done with a path and what lies below it. Whoever may do anything may also see that it is
 * there. */
enum path_access {
    PATH_STAT = 1 << 0,
    PATH_READ = 1 << 1,    /* files, and lists of directories */
    PATH_WRITE = 1 << 2,   /* contents of what is there */
    PATH_EXECUTE = 1 << 3, /* execve(2); a mapping of a library is a read */
    PATH_CREATE = 1 << 4,  /* new names, and removing or renaming them */
};
#define PATH_ALL (PATH_STAT | PATH_READ | PATH_WRITE | PATH_EXECUTE | PATH_CREATE)

enum path_verdict {
    PATH_ALLOW,  /* enforced by the kernel: mounts and Landlock */
    PATH_DENY,   /* not even what a shorter rule allows */
    PATH_BROKER, /* each call is answered by the broker process */
};

/* The longest rule that is a prefix of a path decides alone; a path without a rule is not there. */
struct path_rule {
    const char *host;  /* absolute, as written; "..", links and all */
    const char *guest; /* absolute and clean: the name inside */
    enum path_verdict verdict;
    uint32_t access; /* enum path_access; of PATH_DENY 0 */
    bool optional;   /* of the defaults: nothing where this host has no such path */
};

/* Files and links of a private root that are nobody's on the host. */
struct made_file {
    const char *path;    /* absolute, inside */
    const char *content; /* text; NULL with a target */
    const char *target;  /* of a symbolic link */
    bool optional;       /* of the defaults */
    int64_t changed;     /* when, in nanoseconds since 1970: that of the host's link of the same name; 0: now */
};

struct device_rule {
    const char *path;   /* inside */
    const char *source; /* the host's node, where that has another name; NULL: the same */
    char type;          /* 'c', 'b', 'p'; 'u' is read as 'c' */
    uint32_t major, minor;
    struct opt_u64 mode; /* permission bits; default 0666 */
    struct opt_u64 uid, gid;
};

/* ---- network ------------------------------------------------------------------------------------------------ */

enum net_protocol { NET_TCP = 1 << 0, NET_UDP = 1 << 1 };

/* One destination that may be reached although the sandbox has no network: through the gate (src/net). */
struct net_rule {
    const char *host;     /* lower-case name, "*.example.org", an address, or one with a prefix length ("10.0.0.0/8") */
    uint16_t first, last; /* ports; 0 to 65535 is any */
    uint8_t protocols;    /* enum net_protocol */
    bool listen;          /* bind(2) to it instead of connect(2) */
};

/* ---- resources ---------------------------------------------------------------------------------------------- */

struct device_access {
    bool allow;
    char type;            /* 'a', 'b', 'c' */
    int64_t major, minor; /* -1: any */
    bool read, write, mknod;
};

struct blkio_device {
    uint32_t major, minor;
    struct opt_u64 weight, leaf_weight;
};
struct throttle_device {
    uint32_t major, minor;
    uint64_t rate;
};
struct hugepage_limit {
    const char *page_size;
    uint64_t limit;
};
struct net_priority {
    const char *name;
    uint32_t priority;
};
struct rdma_limit {
    const char *device;
    struct opt_u64 handles, objects;
};
struct key_value {
    const char *key, *value;
};

struct resources {
    struct device_access *devices;
    uint32_t n_devices;
    struct {
        struct opt_i64 limit, reservation, swap, kernel, kernel_tcp; /* bytes; -1 unlimited; swap = memory + swap */
        struct opt_u64 swappiness;
        struct {
            bool set, v;
        } disable_oom_killer, use_hierarchy, check_before_update;
    } memory;
    struct {
        struct opt_u64 shares, period, realtime_period, burst;
        struct opt_i64 quota, realtime_runtime, idle; /* microseconds; quota -1 unlimited */
        const char *cpus, *mems;
    } cpu;
    struct opt_i64 pids; /* -1 unlimited (also 0 in the OCI reader: "max") */
    struct {
        struct opt_u64 weight, leaf_weight;
        struct blkio_device *weight_devices;
        uint32_t n_weight_devices;
        struct throttle_device *read_bps, *write_bps, *read_iops, *write_iops;
        uint32_t n_read_bps, n_write_bps, n_read_iops, n_write_iops;
    } blkio;
    struct hugepage_limit *hugepages;
    uint32_t n_hugepages;
    struct opt_u64 net_class_id;
    struct net_priority *net_priorities;
    uint32_t n_net_priorities;
    struct rdma_limit *rdma;
    uint32_t n_rdma;
    struct key_value *unified;
    uint32_t n_unified;
};

/* ---- system calls ------------------------------------------------------------------------------------------- */

enum seccomp_op {
    SECCOMP_OP_NE,
    SECCOMP_OP_LT,
    SECCOMP_OP_LE,
    SECCOMP_OP_EQ,
    SECCOMP_OP_GE,
    SECCOMP_OP_GT,
    SECCOMP_OP_MASKED_EQ
};
struct seccomp_arg {
    uint32_t index; /* 0..5 */
    enum seccomp_op op;
    uint64_t value, value_two; /* masked: (arg & value) == value_two */
};
struct seccomp_rule {
    struct strv names;
    uint32_t action;          /* SECCOMP_RET_* with the errno or trace data in the low 16 bits */
    struct seccomp_arg *args; /* all must hold */
    uint32_t n_args;
};
/* Commands of ioctl(2) that may be given, whatever the descriptor (ioctl_sets.h). */
struct ioctl_list {
    bool set;         /* false: the rules alone decide */
    uint32_t *v;      /* rising, each once */
    uint32_t n;       /* 0 with set: none at all */
    const char *text; /* as written: "tty,file,0x5401" */
};
struct seccomp_policy {
    bool set;
    bool moat_default; /* the built-in profile (confine/seccomp_default.c); rules are then empty */
    uint32_t default_action;
    bool in_order;    /* of rules that are ours: a rule with conditions counts although its action is the default one */
    uint32_t *arches; /* AUDIT_ARCH_*; empty: the native one */
    uint32_t n_arches;
    uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
    struct seccomp_rule *rules;
    uint32_t n_rules;
    const char *listener_path, *listener_metadata;
    const struct ioctl_list *ioctls; /* of the whole policy (struct policy.ioctls), when a filter is made; NULL: none */
};

/* ---- the rest ----------------------------------------------------------------------------------------------- */

enum hook_point {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_POINTS
};
struct hook {
    const char *path;
    struct strv argv, env;
    struct opt_i64 timeout; /* seconds, > 0 */
};
struct hooks {
    struct hook *v;
    uint32_t n;
};

struct net_device {
    const char *host_name;
    const char *name; /* NULL: keep */
};

struct intel_rdt {
    bool set;
    const char *clos_id, *l3_schema, *mb_schema;
    struct strv schemata;
    bool enable_monitoring;
};

struct memory_policy {
    bool set;
    int32_t mode;   /* MPOL_* */
    uint32_t flags; /* MPOL_F_* */
    const char *nodes;
};

enum net_mode { NETWORK_NONE, NETWORK_HOST, NETWORK_JOIN };

struct policy {
    struct arena *arena;
    enum policy_source source;
    const char *oci_version; /* as given */

    const char *root_path; /* root file system; relative to the bundle as given */
    bool root_readonly;
    const char *hostname, *domainname;
    struct key_value *annotations;
    uint32_t n_annotations;

    bool has_process; /* `create` needs one */
    struct process process;
    bool init;          /* --init: a minimal init as pid 1 */
    int64_t timeout_ms; /* wall time of the whole sandbox; 0: none */
    int stop_signal;    /* 0: SIGTERM */

    struct ns_rule ns[NS_KINDS];
    struct id_maps uid_maps, gid_maps;
    struct time_offset time_monotonic, time_boottime;

    struct mount_rule *mounts;
    uint32_t n_mounts;
    struct path_rule *paths;
    uint32_t n_paths;
    bool private_root; /* the root is a fresh memory file system that holds what is granted, and what is made, alone */
    struct made_file *made;
    uint32_t n_made;
    struct net_rule *net;
    uint32_t n_net;
    bool deny_log; /* what is denied is reported as it happens */
    struct device_rule *devices;
    uint32_t n_devices;
    struct strv masked_paths, readonly_paths;
    uint64_t rootfs_propagation; /* MS_* | MS_REC; 0: private */
    const char *mount_label;
    struct key_value *sysctl;
    uint32_t n_sysctl;

    const char *cgroups_path; /* NULL: chosen from the id */
    struct resources resources;
    struct seccomp_policy seccomp;
    struct ioctl_list ioctls; /* holds beside any seccomp profile, and without one */
    bool landlock;            /* second wall over the root, where the host has it */
    struct hooks hooks[HOOK_POINTS];
    struct net_device *net_devices;
    uint32_t n_net_devices;
    struct intel_rdt rdt;
    struct memory_policy memory_policy;
    struct {
        bool set;
        uint32_t domain;
    } personality; /* PER_* */
};

/* All namespaces NS_HOST, everything else empty. */
void policy_init(struct policy *p, struct arena *a, enum policy_source source);

/* Contradictions that no single reader sees: id maps without a user namespace and the like. 0, or -EINVAL with the item
 * named in the field's own words ("linux.uidMappings"). No effects. */
int policy_check(const struct policy *p, struct err *err);

/* Reads an OCI config.json (runtime-spec 1.3; 1.0 to 1.2 are subsets). Unknown members are ignored, as the
 * specification orders; members of other platforms (windows, solaris, freebsd, zos) are refused by the platform's name,
 * and known members with a value that cannot be honoured are refused by their full path. text is changed in place and
 * must outlive p. */
int policy_read_oci(struct policy *p, char *text, size_t len, struct err *err);

/* A bare process object (process.json of `exec --process`). Starts from *pr as it is. */
int policy_read_oci_process(struct arena *a, struct process *pr, char *text, size_t len, struct err *err);

/* A bare resources object (`update --resources`). Starts from *r as it is. */
int policy_read_oci_resources(struct arena *a, struct resources *r, char *text, size_t len, struct err *err);

struct json_writer;
/* Writes the policy as a config.json object; reading it back gives an equal policy. */
void policy_write_oci(const struct policy *p, struct json_writer *w);
void policy_write_oci_process(const struct process *pr, struct json_writer *w, const char *key);

#endif

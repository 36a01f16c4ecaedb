/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default policy of a container. Data first: each list is one table. Reads nothing but the caller's own limit on
 * open files. Trust: none needed, there is no foreign input here.
 */
#include "policy/defaults.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

static const struct {
    const char *destination, *type, *source, *options;
    bool optional; /* a convenience: a host without it still runs the workload, and nothing is weaker */
} default_mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev", false},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", false},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620", false},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k", false},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", true},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro", false},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro", true},
};

/* Each tells about the host, or acts on it, and is not covered by a namespace. */
static const char *const default_masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts", /* hardware, and timing of others' input */
    "/proc/kcore",
    "/proc/keys", /* kernel memory, key rings */
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats", /* other processes' activity */
    "/proc/scsi",
    "/sys/firmware",                 /* removes disks; firmware tables */
    "/sys/devices/virtual/powercap", /* power as a side channel */
};

static const char *const default_readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const struct device_access default_device_access[] = {
    {.allow = false, .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 3, .read = true, .write = true, .mknod = true},    /* null */
    {.allow = true, .type = 'c', .major = 1, .minor = 5, .read = true, .write = true, .mknod = true},    /* zero */
    {.allow = true, .type = 'c', .major = 1, .minor = 7, .read = true, .write = true, .mknod = true},    /* full */
    {.allow = true, .type = 'c', .major = 1, .minor = 8, .read = true, .write = true, .mknod = true},    /* random */
    {.allow = true, .type = 'c', .major = 1, .minor = 9, .read = true, .write = true, .mknod = true},    /* urandom */
    {.allow = true, .type = 'c', .major = 5, .minor = 0, .read = true, .write = true, .mknod = true},    /* tty */
    {.allow = true, .type = 'c', .major = 5, .minor = 1, .read = true, .write = true, .mknod = true},    /* console */
    {.allow = true, .type = 'c', .major = 5, .minor = 2, .read = true, .write = true, .mknod = true},    /* ptmx */
    {.allow = true, .type = 'c', .major = 136, .minor = -1, .read = true, .write = true, .mknod = true}, /* pts */
};

static const uint8_t capabilities_run[] = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,  CAP_FOWNER,           CAP_MKNOD,      CAP_NET_RAW, CAP_SETGID,
    CAP_SETUID, CAP_SETFCAP,      CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL,    CAP_AUDIT_WRITE,
};
static const uint8_t capabilities_spec[] = {CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE};

uint64_t policy_default_capabilities(enum policy_defaults kind)
{
    const uint8_t *list = kind == POLICY_DEFAULTS_RUN ? capabilities_run : capabilities_spec;
    size_t n = kind == POLICY_DEFAULTS_RUN ? ARRAY_LEN(capabilities_run) : ARRAY_LEN(capabilities_spec);
    uint64_t set = 0;

    for (size_t i = 0; i < n; i++)
        set |= UINT64_C(1) << list[i];
    return set;
}

struct mount_rule *policy_mount_find(struct policy *p, const char *destination)
{
    for (uint32_t i = p->n_mounts; i-- > 0;) {
        if (!strcmp(p->mounts[i].destination, destination))
            return &p->mounts[i];
    }
    return NULL;
}

static int mount_data_add(struct arena *a, struct mount_rule *m, const char *option)
{
    size_t key = strcspn(option, "=");
    struct strv data = {m->data, m->n_data};

    for (uint32_t i = 0; i < data.n; i++) {
        if (strcspn(data.v[i], "=") == key && !memcmp(data.v[i], option, key)) {
            data.v[i] = (char *)option;
            return 0;
        }
    }
    if (policy_strv_push(a, &data, option) < 0)
        return -ENOMEM;
    m->data = data.v;
    m->n_data = data.n;
    return 0;
}

int policy_mount_options(struct arena *a, struct mount_rule *m, const char *options, struct err *err)
{
    while (*options) {
        size_t len = strcspn(options, ",");
        if (len) {
            char *one = arena_strndup(a, options, len);
            if (!one)
                return policy_no_memory(err);
            if (!mount_option_apply(m, one) && mount_data_add(a, m, one) < 0)
                return policy_no_memory(err);
        }
        options += len + (options[len] == ',');
    }
    return 0;
}

int policy_mount_add(struct policy *p, const char *destination, const char *type, const char *source,
                     const char *options, struct err *err)
{
    struct mount_rule *m = policy_list_push(p->arena, &p->mounts, &p->n_mounts, sizeof *m);

    if (!m)
        return policy_no_memory(err);
    m->destination = destination;
    m->type = type;
    m->source = source;
    return policy_mount_options(p->arena, m, options, err);
}

static int add_mounts(struct policy *p, enum policy_defaults kind, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
        int r = policy_mount_add(p, default_mounts[i].destination, default_mounts[i].type, default_mounts[i].source,
                                 default_mounts[i].options, err);
        if (r < 0)
            return r;
        p->mounts[p->n_mounts - 1].optional = kind == POLICY_DEFAULTS_RUN && default_mounts[i].optional;
    }
    return 0;
}

static int add_paths_and_devices(struct policy *p, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(default_masked); i++) {
        if (policy_strv_push(p->arena, &p->masked_paths, default_masked[i]) < 0)
            return policy_no_memory(err);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_readonly); i++) {
        if (policy_strv_push(p->arena, &p->readonly_paths, default_readonly[i]) < 0)
            return policy_no_memory(err);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_device_access); i++) {
        struct resources *r = &p->resources;
        struct device_access *d = policy_list_push(p->arena, &r->devices, &r->n_devices, sizeof *d);
        if (!d)
            return policy_no_memory(err);
        *d = default_device_access[i];
    }
    return 0;
}

static int add_rlimit(struct policy *p, int resource, uint64_t value, struct err *err)
{
    struct process *pr = &p->process;
    struct rlimit_rule *rule = policy_list_push(p->arena, &pr->rlimits, &pr->n_rlimits, sizeof *rule);

    if (!rule)
        return policy_no_memory(err);
    *rule = (struct rlimit_rule){.resource = resource, .soft = value, .hard = value};
    return 0;
}

static int add_limits(struct policy *p, enum policy_defaults kind, struct err *err)
{
    struct rlimit now;
    uint64_t files = POLICY_DEFAULT_FILES;

    /* A default must hold everywhere: raising a hard limit takes CAP_SYS_RESOURCE, so it is never asked for here. */
    if (!getrlimit(RLIMIT_NOFILE, &now) && now.rlim_max < files)
        files = now.rlim_max;
    int r = add_rlimit(p, RLIMIT_NOFILE, files, err);
    if (r < 0 || kind == POLICY_DEFAULTS_SPEC)
        return r;
    p->resources.pids = (struct opt_i64){true, POLICY_DEFAULT_PIDS};
    p->resources.memory.limit = (struct opt_i64){true, POLICY_DEFAULT_MEMORY};
    p->resources.memory.swap = (struct opt_i64){true, POLICY_DEFAULT_MEMORY}; /* memory + swap: no swap */
    return add_rlimit(p, RLIMIT_CORE, 0, err);
}

static int set_process(struct policy *p, enum policy_defaults kind, struct err *err)
{
    struct process *pr = &p->process;
    uint64_t caps = policy_default_capabilities(kind);

    p->has_process = true;
    pr->cwd = "/";
    pr->no_new_privs = true;
    /* Nothing inheritable or ambient: a program without file capabilities keeps none across a change of user. */
    pr->caps = (struct cap_sets){.set = true, .bounding = caps, .effective = caps, .permitted = caps};
    if (policy_strv_push(p->arena, &pr->env, "PATH=" POLICY_DEFAULT_PATH) < 0)
        return policy_no_memory(err);
    if (kind == POLICY_DEFAULTS_RUN)
        return 0;
    pr->terminal = true;
    if (policy_strv_push(p->arena, &pr->env, "TERM=xterm") < 0 || policy_strv_push(p->arena, &pr->argv, "sh") < 0)
        return policy_no_memory(err);
    return 0;
}

int policy_default_container(struct policy *p, enum policy_defaults kind, struct err *err)
{
    static const enum ns_kind fresh[] = {NS_PID, NS_NET, NS_IPC, NS_UTS, NS_MNT, NS_CGROUP};
    int r;

    for (size_t i = 0; i < ARRAY_LEN(fresh); i++)
        p->ns[fresh[i]] = (struct ns_rule){.how = NS_NEW};
    if (kind == POLICY_DEFAULTS_SPEC) {
        p->oci_version = "1.2.1";
        p->root_path = "rootfs";
        p->root_readonly = true;
        p->hostname = "moat";
    } else {
        p->seccomp.set = p->seccomp.moat_default = true;
        p->landlock = true;
    }
    if ((r = set_process(p, kind, err)) < 0 || (r = add_mounts(p, kind, err)) < 0 ||
        (r = add_paths_and_devices(p, err)) < 0 || (r = add_limits(p, kind, err)) < 0)
        return r;
    return kind == POLICY_DEFAULTS_SPEC ? policy_default_finish(p, err) : 0;
}

static bool gid_is_mapped(const struct policy *p, uint32_t gid)
{
    if (p->ns[NS_USER].how == NS_HOST)
        return true;
    for (uint32_t i = 0; i < p->gid_maps.n; i++) {
        if (gid >= p->gid_maps.v[i].inside && gid - p->gid_maps.v[i].inside < p->gid_maps.v[i].count)
            return true;
    }
    return false;
}

int policy_default_finish(struct policy *p, struct err *err)
{
    struct mount_rule *pts = policy_mount_find(p, "/dev/pts"), *sys = policy_mount_find(p, "/sys");
    int r = 0;

    if (pts && pts->type && !strcmp(pts->type, "devpts") && gid_is_mapped(p, 5))
        r = policy_mount_options(p->arena, pts, "gid=5", err);
    if (!r && sys && sys->type && !strcmp(sys->type, "sysfs") && p->ns[NS_USER].how == NS_NEW &&
        p->ns[NS_NET].how == NS_HOST) {
        *sys = (struct mount_rule){.destination = "/sys", .source = "/sys"};
        r = policy_mount_options(p->arena, sys, "rbind,rprivate,rro,rnosuid,rnoexec,rnodev", err);
    }
    for (uint32_t i = 0; p->ns[NS_USER].how == NS_HOST && i < p->n_mounts; i++)
        p->mounts[i].idmap = IDMAP_NO;
    if (p->source != POLICY_FROM_OCI && p->process.user.uid != 0)
        p->process.caps.effective = p->process.caps.permitted = 0;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowering of a policy by the container boundary: for each item the mechanism that enforces it here, or the refusal
 * with what would. `create` refuses what is refused here; `explain` prints it.
 */
#include "boundary/container/container.h"
#include "broker/record.h"
#include "confine/narrow.h"
#include "confine/paths.h"
#include "confine/seccomp.h"
#include "host/features.h"
#include "host/idmap.h"
#include "policy/names.h"
#include "policy/net_rule.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ctx {
    const struct policy *p;
    struct lowering *out;
    struct arena *a;
    bool broker; /* for the broker boundary: calls can be answered by its process */
    struct features f;
};

static int enforced(struct ctx *c, const char *item, const char *value, const char *mechanism)
{
    return lowering_add(c->out, LOWER_ENFORCED, item, value ? value : "-", mechanism, NULL);
}

static int granted(struct ctx *c, const char *item, const char *value, const char *what)
{
    return lowering_add(c->out, LOWER_GRANTED, item, value, what, NULL);
}

static int refused(struct ctx *c, const char *item, const char *value, const char *note)
{
    return lowering_add(c->out, LOWER_REFUSED, item, value ? value : "-", "none", note);
}

/* What no wish to run nevertheless helps with. */
static int refused_hard(struct ctx *c, const char *item, const char *value, const char *note)
{
    int r = refused(c, item, value, note);

    if (r == 0)
        c->out->items[c->out->n - 1].hard = true;
    return r;
}

static const char *bytes_text(struct arena *a, int64_t v)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;

    if (v < 0)
        return "unlimited";
    for (; u < 4 && v >= 1024 && v % 1024 == 0; u++)
        v /= 1024;
    return arena_printf(a, "%lld %s", (long long)v, units[u]);
}

static const char *ids_text(struct ctx *c, const struct id_maps *m)
{
    const char *first = arena_printf(c->a, "uid %u is host uid %u", m->v[0].inside, m->v[0].outside);

    return m->n < 2 ? first
                    : arena_printf(c->a, "%s, %u up are %u up", first ? first : "", m->v[1].inside, m->v[1].outside);
}

static int lower_namespaces(struct ctx *c)
{
    static const char *const what[NS_KINDS] = {[NS_USER] = "ids",
                                               [NS_CGROUP] = "view of control groups",
                                               [NS_IPC] = "System V and POSIX IPC",
                                               [NS_UTS] = "host name",
                                               [NS_NET] = "network",
                                               [NS_PID] = "processes",
                                               [NS_MNT] = "files and mounts",
                                               [NS_TIME] = "clocks"};
    const struct policy *p = c->p;

    for (int kind = 0; kind < NS_KINDS; kind++) {
        const char *how = p->ns[kind].how == NS_NEW    ? "own"
                          : p->ns[kind].how == NS_JOIN ? p->ns[kind].path
                                                       : "the host's";
        const char *mechanism =
            p->ns[kind].how == NS_HOST ? "not isolated" : arena_printf(c->a, "%s namespace", ns_name(kind));
        if (kind == NS_USER && p->ns[kind].how == NS_NEW && p->uid_maps.n)
            how = ids_text(c, &p->uid_maps);
        if (kind == NS_TIME && p->ns[kind].how == NS_HOST)
            continue;
        if (kind == NS_TIME && p->ns[kind].how == NS_NEW && !features_time_namespace())
            return refused(c, what[kind], how,
                           "linux.namespaces time: this kernel has none (Linux 5.6, CONFIG_TIME_NS)");
        if (kind == NS_USER && p->ns[kind].how == NS_NEW && !c->f.user_namespaces_allowed) {
            int r = refused(
                c, what[kind], how,
                arena_printf(c->a, "%s%s", c->f.userns_why_not, c->f.user ? "" : ": --userns host runs without one"));
            if (r < 0)
                return r;
            continue;
        }
        if (kind == NS_NET && p->ns[kind].how == NS_NEW)
            how = "none but loopback";
        const char *note = NULL;
        if (kind == NS_USER && p->ns[kind].how == NS_NEW && c->f.user && idmap_is_single(&p->uid_maps))
            note = c->f.one_id ? arena_printf(c->a,
                                              "one id: programs inside that change owners or users fail (apt, su); for "
                                              "more: %s",
                                              c->f.one_id)
                               : "one id: programs inside that change owners or users fail (apt, su)";
        else if (kind == NS_USER && c->f.user && p->uid_maps.n > 1)
            mechanism = "user namespace, mapped by newuidmap";
        int r = lowering_add(c->out, p->ns[kind].how == NS_HOST ? LOWER_GRANTED : LOWER_ENFORCED, what[kind], how,
                             mechanism, note);
        if (r < 0)
            return r;
    }
    return 0;
}

static int lower_paths(struct ctx *c)
{
    const struct policy *p = c->p;
    int r = 0;

    for (uint32_t i = 0; i < p->n_paths && r == 0; i++) {
        const struct path_rule *rule = &p->paths[i];
        static const char *const verdicts[] = {"", "denied", "brokered "};
        struct path_lowering how;
        char access[8];
        paths_lower(c->a, p, rule, &how);
        if (rule->verdict == PATH_ALLOW && !p->private_root && how.mechanism)
            continue; /* its mount has a row */
        const char *item = arena_printf(c->a, "path %s", rule->guest);
        const char *value =
            arena_printf(c->a, "%s%s", verdicts[rule->verdict], paths_access_text(rule->access, access));
        if (rule->verdict == PATH_BROKER && !c->broker)
            how = (struct path_lowering){.refusal = "only the broker process answers for single calls: -b broker"};
        if (!how.mechanism)
            r = how.missing ? refused_hard(c, item, value, how.refusal) : refused(c, item, value, how.refusal);
        else if (rule->verdict == PATH_ALLOW && !c->f.landlock_abi && (rule->access & (PATH_WRITE | PATH_CREATE)) &&
                 (rule->access & (PATH_WRITE | PATH_CREATE)) != (PATH_WRITE | PATH_CREATE))
            r = refused(c, item, value,
                        "writing without creating, or the reverse, needs Landlock, which this kernel lacks");
        else
            r = enforced(c, item, value, how.mechanism);
    }
    return r;
}

static int lower_network_rules(struct ctx *c)
{
    const struct policy *p = c->p;
    char text[NET_RULE_TEXT_MAX];
    int r = 0;

    for (uint32_t i = 0; i < p->n_net && r == 0; i++) {
        net_rule_text(&p->net[i], text);
        const char *value = arena_strdup(c->a, text);
        if (p->ns[NS_NET].how == NS_HOST)
            r = refused(
                c, "network destination", value,
                "--network host gives the whole of the host's network: leave it out, the rule is an addition to none");
        else if (!c->broker)
            r = refused(c, "network destination", value,
                        "connections of a container cannot be judged one by one in this build: -b broker can");
        else
            r = enforced(c, "network destination", value, "broker process: connect(2) and a name server of its own");
    }
    if (r == 0 && p->deny_log && !c->broker)
        r = refused(c, "log of denials", "yes",
                    "what a container is denied is seen by the kernel alone: -b broker reports it");
    else if (r == 0 && p->deny_log)
        r = enforced(c, "log of denials", "yes", "broker process: file calls are shown to it");
    return r;
}

/* The process that answers needs a listener, and in a sandbox whose calls somebody answers already there is no second.
 */
static int lower_broker(struct ctx *c)
{
    const struct policy *p = c->p;
    uint32_t trees = 0;

    if (!p->n_net && !p->deny_log && !paths_brokered(p))
        return 0;
    for (uint32_t i = 0; i < p->n_paths; i++)
        trees += p->paths[i].verdict == PATH_BROKER;
    if (trees > BROKER_TREES_MAX)
        return refused_hard(
            c, "brokered paths", arena_printf(c->a, "%u", trees),
            arena_printf(c->a, "at most %d can be answered for: name a directory above them", BROKER_TREES_MAX));
    if (!features_listener())
        return refused(
            c, "calls answered by a broker", "yes",
            "the calls of this process are shown to another listener already (moat inside a sandbox?), and "
            "there can be no second: leave out --broker, --allow-net and --deny-log, the kernel's walls stay");
    return enforced(c, "calls answered by a broker", "yes", "seccomp notification, libexec/moat-broker");
}

/* In a user namespace of root's nobody inside is the owner or in the group of the host's node. */
static int lower_device_nodes(struct ctx *c)
{
    const struct policy *p = c->p;
    int r = 0;

    for (uint32_t i = 0; i < p->n_devices && r == 0 && p->source != POLICY_FROM_OCI; i++) {
        const char *node = p->devices[i].source ? p->devices[i].source : p->devices[i].path;
        struct stat st;
        bool open = p->ns[NS_USER].how == NS_HOST || stat(node, &st) < 0 ||
                    (c->f.user ? access(node, R_OK) == 0 || access(node, W_OK) == 0 : st.st_mode & 06);
        if (!open)
            r = refused(
                c, "device", node,
                arena_printf(c->a,
                             "its mode (%04o) keeps out everybody but its owner and group, and inside nobody is "
                             "those: chmod it, or --userns host",
                             (unsigned)(st.st_mode & 07777)));
    }
    return r;
}

/* What the stricter filter refuses whoever asks: a capability for it would be without effect. */
static int lower_closed_capabilities(struct ctx *c)
{
    static const struct {
        int cap;
        const char *name;
    } closed[] = {
        {CAP_SYS_ADMIN, "SYS_ADMIN"},   {CAP_SYS_TIME, "SYS_TIME"},   {CAP_SYS_MODULE, "SYS_MODULE"},
        {CAP_SYS_RAWIO, "SYS_RAWIO"},   {CAP_SYS_BOOT, "SYS_BOOT"},   {CAP_SYS_PTRACE, "SYS_PTRACE"},
        {CAP_SYSLOG, "SYSLOG"},         {CAP_SYS_PACCT, "SYS_PACCT"}, {CAP_BPF, "BPF"},
        {CAP_PERFMON, "PERFMON"},       {CAP_NET_RAW, "NET_RAW"},     {CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH"},
        {CAP_SYS_CHROOT, "SYS_CHROOT"}, {CAP_MKNOD, "MKNOD"},         {CAP_SYS_TTY_CONFIG, "SYS_TTY_CONFIG"}};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(closed) && r == 0 && c->p->private_root && c->p->seccomp.moat_default; i++)
        if (c->p->process.caps.bounding >> closed[i].cap & 1)
            r = refused(c, "capability", closed[i].name,
                        "the broker's filter refuses the calls that it is for, whoever makes them: --security-opt "
                        "seccomp=FILE with a profile of yours, or -b container");
    return r;
}

static int lower_files(struct ctx *c)
{
    const struct policy *p = c->p;
    int r = enforced(c, "root file system",
                     p->private_root    ? "what is granted alone, read-only"
                     : p->root_readonly ? "read-only"
                                        : "writable",
                     p->private_root ? "memory file system, pivot_root" : "pivot_root, old root unmounted");

    for (uint32_t i = 0; i < p->n_mounts && r == 0; i++) {
        const struct mount_rule *m = &p->mounts[i];
        bool ro = (m->attr_set | m->rec_attr_set) & 1;
        if (m->bind && p->private_root && paths_find(p, m->destination))
            continue; /* its rule has a row */
        const char *item = arena_printf(c->a, "mount %s", m->destination);
        r = enforced(c, item,
                     m->bind ? arena_printf(c->a, "%s%s", m->source, ro ? " (read-only)" : "")
                             : arena_printf(c->a, "%s%s", m->type ? m->type : "?", ro ? " (read-only)" : ""),
                     m->bind ? (m->idmap != IDMAP_NO ? "open_tree, id-mapped, move_mount" : "open_tree, move_mount")
                             : "fsopen, move_mount");
    }
    if (r == 0)
        r = lower_paths(c);
    for (uint32_t i = 0; i < p->n_made && r == 0; i++) {
        const char *item = arena_printf(c->a, "link %s", p->made[i].path);
        if (!p->made[i].target || p->made[i].optional)
            continue;
        r = p->private_root
                ? enforced(c, item, p->made[i].target, "made in the sandbox's own root")
                : refused(c, item, p->made[i].target,
                          "only a root of the sandbox's own can hold it (-b broker); here the image has its links");
    }
    if (r == 0 && p->masked_paths.n)
        r = enforced(c, "masked paths", arena_printf(c->a, "%u", p->masked_paths.n),
                     "mounts of /dev/null and an empty tmpfs");
    if (r == 0 && p->readonly_paths.n)
        r = enforced(c, "read-only paths", arena_printf(c->a, "%u", p->readonly_paths.n), "read-only bind mounts");
    if (r == 0 && p->mount_label)
        r = lowering_add(c->out, LOWER_WARNED, "mount label", p->mount_label, "none",
                         "linux.mountLabel: this build sets no SELinux labels");
    if (r == 0 && p->landlock)
        r = c->f.landlock_abi
                ? enforced(c, "second wall for files", "the root and what is mounted in it",
                           arena_printf(c->a, "Landlock ABI %d", c->f.landlock_abi))
                : lowering_add(c->out, LOWER_FALLBACK, "second wall for files", "the root", "mount namespace alone",
                               "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, lsm=landlock)");
    return r;
}

static int lower_calls(struct ctx *c)
{
    const struct policy *p = c->p;
    const struct seccomp_policy *own = p->seccomp.set && !p->seccomp.moat_default ? &p->seccomp : NULL;
    const char *narrow = own ? narrow_calls(c->a, own) : NULL;
    int r;

    if (c->broker && seccomp_policy_notify(p) && !p->seccomp.moat_default)
        return refused(c, "system calls", own ? "a profile of your own" : "all", SECCOMP_NOTIFY_NEEDS_OURS);
    if (!p->seccomp.set)
        r = lowering_add(c->out, LOWER_WARNED, "system calls", "all", "none", "no seccomp filter was asked for");
    else
        r = enforced(c, "system calls",
                     own               ? arena_printf(c->a, "%u rules", own->n_rules)
                     : p->private_root ? "moat's profile for programs of the host"
                                       : "moat's default profile",
                     narrow ? arena_printf(c->a, "seccomp filter; of %s the 32 bits that the kernel reads", narrow)
                            : "seccomp filter");
    if (r == 0 && p->ioctls.set)
        r = enforced(c, "ioctl commands", arena_printf(c->a, "%s (%u)", p->ioctls.text, p->ioctls.n),
                     "seccomp filter; others get ENOTTY");
    return r;
}

static int lower_process(struct ctx *c)
{
    const struct process *pr = &c->p->process;
    uint64_t caps = pr->caps.bounding;
    int r =
        enforced(c, "user", arena_printf(c->a, "%u:%u", pr->user.uid, pr->user.gid), "setresuid, setresgid, setgroups");

    if (r == 0)
        r = enforced(c, "capabilities", arena_printf(c->a, "%d of %d", __builtin_popcountll(caps), CAP_COUNT),
                     "bounding set, capset");
    if (r == 0)
        r = pr->no_new_privs ? enforced(c, "no new privileges", "yes", "PR_SET_NO_NEW_PRIVS")
                             : granted(c, "no new privileges", "no", "not set");
    for (uint32_t i = 0; i < pr->n_rlimits && r == 0; i++)
        r = enforced(c, rlimit_name(pr->rlimits[i].resource),
                     arena_printf(c->a, "%llu", (unsigned long long)pr->rlimits[i].soft), "prlimit");
    if (r == 0 && pr->apparmor_profile)
        r = refused(
            c, "AppArmor profile", pr->apparmor_profile,
            "process.apparmorProfile: this build applies none; leave it out, seccomp and Landlock are the walls here");
    if (r == 0 && pr->selinux_label)
        r = refused(c, "SELinux label", pr->selinux_label,
                    "process.selinuxLabel: this build applies none; leave it out");
    if (r == 0)
        r = lower_calls(c);
    if (r == 0 && c->p->timeout_ms)
        r = enforced(c, "time limit", arena_printf(c->a, "%lld ms", (long long)c->p->timeout_ms),
                     "launcher: stop signal, then SIGKILL");
    return r;
}

static int limit_item(struct ctx *c, enum cgroup_controller controller, const char *item, const char *value,
                      const char *v1, const char *v2)
{
    if (c->f.user && !(c->f.delegation.controllers >> controller & 1))
        return refused(c, item, value,
                       arena_printf(c->a, "not root, and no %s controller is delegated to you: %s",
                                    cgroup_controller_name(controller), features_delegate_remedy()));
    if (c->f.cgroups == CGROUP_NONE)
        return refused(c, item, value,
                       "no cgroup hierarchy is mounted that this process may use; mount one or run as root");
    return enforced(
        c, item, value,
        arena_printf(c->a, "cgroup %s %s", cgroup_layout_name(c->f.cgroups), c->f.cgroups == CGROUP_V2 ? v2 : v1));
}

/* Without root the kernel takes no device rules; nor does it let a device node be made or opened but those bound in. */
static int lower_devices(struct ctx *c, const char *value)
{
    if (!c->f.user)
        return limit_item(c, CG_DEVICES, "devices", value, "devices.allow", "BPF_CGROUP_DEVICE");
    if (c->p->source == POLICY_FROM_OCI)
        return lowering_add(c->out, LOWER_FALLBACK, "devices", value, "user namespace, nodev mounts",
                            "not root: device rules need root; no node works inside but those that are bound in");
    return refused(c, "devices", value, "--device-cgroup-rule needs root; --device binds one device in without it");
}

static int lower_resources(struct ctx *c)
{
    const struct resources *rs = &c->p->resources;
    int r = 0;

    if (rs->memory.limit.set)
        r = limit_item(c, CG_MEMORY, "memory", bytes_text(c->a, rs->memory.limit.v), "memory.limit_in_bytes",
                       "memory.max");
    if (r == 0 && rs->memory.swap.set)
        r = limit_item(c, CG_MEMORY, "memory and swap", bytes_text(c->a, rs->memory.swap.v),
                       "memory.memsw.limit_in_bytes", "memory.swap.max");
    if (r == 0 && rs->cpu.quota.set && rs->cpu.quota.v > 0)
        r = limit_item(c, CG_CPU, "processor time",
                       arena_printf(c->a, "%.2f CPUs",
                                    (double)rs->cpu.quota.v /
                                        (double)(rs->cpu.period.set && rs->cpu.period.v ? rs->cpu.period.v : 100000)),
                       "cpu.cfs_quota_us", "cpu.max");
    if (r == 0 && rs->cpu.shares.set)
        r = limit_item(c, CG_CPU, "processor shares", arena_printf(c->a, "%llu", (unsigned long long)rs->cpu.shares.v),
                       "cpu.shares", "cpu.weight");
    if (r == 0 && rs->cpu.cpus)
        r = limit_item(c, CG_CPUSET, "processors", rs->cpu.cpus, "cpuset.cpus", "cpuset.cpus");
    if (r == 0 && rs->pids.set)
        r = limit_item(c, CG_PIDS, "processes",
                       rs->pids.v < 0 ? "unlimited" : arena_printf(c->a, "%lld", (long long)rs->pids.v), "pids.max",
                       "pids.max");
    if (r == 0 && rs->n_devices)
        r = lower_devices(c, arena_printf(c->a, "%u rules", rs->n_devices));
    if (r == 0 && c->p->rdt.set)
        r = refused(c, "cache and memory bandwidth", "-", "linux.intelRdt: not supported by this build; leave it out");
    return r;
}

static int lower_all(const struct policy *p, struct lowering *out, bool broker, struct err *err)
{
    struct ctx c = {.p = p, .out = out, .a = out->arena, .broker = broker};

    features_probe_start(&c.f);
    int r = lower_namespaces(&c);
    if (r == 0)
        r = lower_files(&c);
    if (r == 0)
        r = lower_device_nodes(&c);
    if (r == 0)
        r = lower_closed_capabilities(&c);
    if (r == 0)
        r = lower_network_rules(&c);
    if (r == 0 && broker)
        r = lower_broker(&c);
    if (r == 0)
        r = lower_process(&c);
    if (r == 0)
        r = lower_resources(&c);
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}

int container_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    return lower_all(p, out, false, err);
}

int container_lower_brokered(const struct policy *p, struct lowering *out, struct err *err)
{
    return lower_all(p, out, true, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The empty policy, and the contradictions between its parts. Pure: policy_check() reads, and says no in one line. */
#include "policy/policy.h"

#include "policy/names.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

void policy_init(struct policy *p, struct arena *a, enum policy_source source)
{
    *p = (struct policy){.arena = a, .source = source};
}

static bool is_mapped(const struct id_maps *maps, uint32_t id)
{
    for (uint32_t i = 0; i < maps->n; i++) {
        if (id >= maps->v[i].inside && id - maps->v[i].inside < maps->v[i].count)
            return true;
    }
    return maps->n == 0; /* the launcher brings them, or they are another's */
}

static int check_users(const struct policy *p, struct err *err)
{
    bool user = p->ns[NS_USER].how != NS_HOST;

    if (!user && p->uid_maps.n)
        return err_set(err, -EINVAL,
                       "linux.uidMappings: needs a user namespace; add {\"type\": \"user\"} to linux.namespaces");
    if (!user && p->gid_maps.n)
        return err_set(err, -EINVAL,
                       "linux.gidMappings: needs a user namespace; add {\"type\": \"user\"} to linux.namespaces");
    /* Flags and policy files get their maps from the launcher; a config.json has to bring them. */
    if (p->source == POLICY_FROM_OCI && p->ns[NS_USER].how == NS_NEW) {
        if (!p->uid_maps.n)
            return err_set(err, -EINVAL, "linux.uidMappings: is required for a new user namespace");
        if (!p->gid_maps.n)
            return err_set(err, -EINVAL, "linux.gidMappings: is required for a new user namespace");
    }
    if (!is_mapped(&p->uid_maps, p->process.user.uid))
        return err_set(err, -EINVAL,
                       "process.user.uid: %u is not among the ids of the user namespace; map it, or use another",
                       p->process.user.uid);
    if (!is_mapped(&p->gid_maps, p->process.user.gid))
        return err_set(err, -EINVAL,
                       "process.user.gid: %u is not among the ids of the user namespace; map it, or use another",
                       p->process.user.gid);
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (m->idmap != IDMAP_NO && !m->uid_maps.n && !user)
            return err_set(err, -EINVAL,
                           "mounts[%u].options: %s needs uidMappings and gidMappings, or a user namespace", i,
                           m->idmap == IDMAP_TOP ? "idmap" : "ridmap");
    }
    return 0;
}

static int check_names(const struct policy *p, struct err *err)
{
    const char *name = p->hostname ? "hostname" : p->domainname ? "domainname" : NULL;

    if (name && p->ns[NS_UTS].how == NS_HOST)
        return err_set(err, -EINVAL, "%s: needs a uts namespace; add {\"type\": \"uts\"} to linux.namespaces", name);
    if ((p->time_monotonic.set || p->time_boottime.set) && p->ns[NS_TIME].how != NS_NEW)
        return err_set(err, -EINVAL,
                       "linux.timeOffsets: needs a new time namespace; add {\"type\": \"time\"} to linux.namespaces");
    return 0;
}

/* Kernel parameters that belong to a namespace. All others would change the host. */
static const struct sysctl_home {
    const char *key;
    bool prefix;
    enum ns_kind ns;
} sysctl_homes[] = {
    {"net.", true, NS_NET},
    {"fs.mqueue.", true, NS_IPC},
    {"kernel.msg", true, NS_IPC},
    {"kernel.sem", true, NS_IPC},
    {"kernel.shm", true, NS_IPC},
    {"kernel.domainname", false, NS_UTS},
    {"kernel.hostname", false, NS_UTS},
    {"user.", true, NS_USER},
};

/* Compares with '/' and '.' alike, as sysctl(8) takes both. */
static bool sysctl_in(const struct sysctl_home *home, const char *key)
{
    const char *h = home->key;

    for (; *h; h++, key++) {
        if (*h != *key && !(*h == '.' && *key == '/'))
            return false;
    }
    return home->prefix || !*key;
}

static int check_sysctl(const struct policy *p, struct err *err)
{
    for (uint32_t i = 0; i < p->n_sysctl; i++) {
        const char *key = p->sysctl[i].key;
        const struct sysctl_home *home = NULL;
        for (size_t k = 0; k < ARRAY_LEN(sysctl_homes) && !home; k++) {
            if (sysctl_in(&sysctl_homes[k], key))
                home = &sysctl_homes[k];
        }
        if (!home)
            return err_set(err, -EINVAL,
                           "linux.sysctl.%.64s: belongs to no namespace, so it would change the host; leave it out",
                           key);
        if (p->ns[home->ns].how == NS_HOST)
            return err_set(err, -EINVAL, "linux.sysctl.%.64s: needs a %s namespace, or it would change the host", key,
                           ns_name(home->ns));
        if (p->hostname && strcmp(key, "kernel.hostname") == 0)
            return err_set(err, -EINVAL, "linux.sysctl.kernel.hostname: hostname is given too; keep one");
    }
    return 0;
}

static int check_process(const struct process *pr, struct err *err)
{
    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        if (pr->rlimits[i].soft > pr->rlimits[i].hard)
            return err_set(err, -EINVAL, "process.rlimits[%u]: %s has a soft limit above the hard one", i,
                           rlimit_name(pr->rlimits[i].resource));
    }
    uint64_t extra = pr->caps.effective & ~pr->caps.permitted;
    if (pr->caps.set && extra) {
        const char *name = cap_name(__builtin_ctzll(extra));
        return err_set(err, -EINVAL, "process.capabilities.effective: %s is not in permitted; add it there",
                       name ? name : "an unknown capability");
    }
    return 0;
}

static int check_resources(const struct resources *r, struct err *err)
{
    if (r->memory.swap.set && r->memory.swap.v > 0 && r->memory.limit.set &&
        (r->memory.limit.v < 0 || r->memory.swap.v < r->memory.limit.v))
        return err_set(err, -EINVAL,
                       "linux.resources.memory.swap: counts memory and swap together, so it must be at least limit");
    if (r->cpu.burst.set && r->cpu.quota.set && r->cpu.quota.v > 0 && r->cpu.burst.v > (uint64_t)r->cpu.quota.v)
        return err_set(err, -EINVAL, "linux.resources.cpu.burst: %llu is above quota, %lld",
                       (unsigned long long)r->cpu.burst.v, (long long)r->cpu.quota.v);
    return 0;
}

static int check_seccomp(const struct seccomp_policy *s, struct err *err)
{
    if (!s->set || s->moat_default)
        return 0;
    if (s->default_action == SECCOMP_RET_USER_NOTIF)
        return err_set(err, -EINVAL,
                       "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop the set-up itself; name the calls");
    for (uint32_t i = 0; i < s->n_rules; i++) {
        if (s->rules[i].action == SECCOMP_RET_USER_NOTIF && !s->listener_path)
            return err_set(err, -EINVAL,
                           "linux.seccomp.syscalls[%u].action: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath", i);
    }
    return 0;
}

/* MPOL_DEFAULT and MPOL_LOCAL take no nodes, BIND, INTERLEAVE and the like need some; PREFERRED may do without. */
static int check_memory_policy(const struct memory_policy *m, struct err *err)
{
    enum { MODE_DEFAULT = 0, MODE_PREFERRED = 1, MODE_LOCAL = 4 };

    if (!m->set)
        return 0;
    if ((m->mode == MODE_DEFAULT || m->mode == MODE_LOCAL) && m->nodes)
        return err_set(err, -EINVAL, "linux.memoryPolicy.nodes: this mode takes no nodes; leave them out");
    if (m->mode != MODE_DEFAULT && m->mode != MODE_LOCAL && m->mode != MODE_PREFERRED && !m->nodes)
        return err_set(err, -EINVAL, "linux.memoryPolicy.nodes: is required for this mode");
    return 0;
}

int policy_check(const struct policy *p, struct err *err)
{
    int code;

    if ((code = check_users(p, err)) < 0 || (code = check_names(p, err)) < 0 || (code = check_sysctl(p, err)) < 0 ||
        (code = check_process(&p->process, err)) < 0 || (code = check_resources(&p->resources, err)) < 0 ||
        (code = check_seccomp(&p->seccomp, err)) < 0)
        return code;
    return check_memory_policy(&p->memory_policy, err);
}

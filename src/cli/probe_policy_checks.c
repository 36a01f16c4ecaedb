/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts out of a policy, for `moat probe --policy`: what it says of the process, of limits, rights and the network.
 * What the file does not mention is left to the defaults' own tests (tests/policy), but for what every policy says by
 * its silence: nothing of the caller's environment, no loopback of the host, no network.
 */
#include "cli/probe_policy.h"
#include "policy/names.h"
#include "policy/net_host.h"
#include "policy/net_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define MEMORY_SPARE (INT64_C(256) << 20) /* left to the host when memory is used up inside */
#define FILL_MOST    (INT64_C(256) << 20)
#define PIDS_MOST    4096
#define SECONDS_MOST 5
#define ABOVE        (INT64_C(32) << 20)

struct policy_check *policy_check_add(struct policy_checks *c, bool granted, const char *item, const char *verb,
                                      const char *first, const char *second, const char *third)
{
    if (c->n == POLICY_CHECKS_MAX || !item || !verb)
        return NULL;
    struct policy_check *k = &c->v[c->n++];
    *k = (struct policy_check){.item = item, .granted = granted, .inside = {verb, first, second, third}};
    return k;
}

static const char *text_of(struct policy_checks *c, int64_t v)
{
    const char *text = arena_printf(c->arena, "%lld", (long long)v);

    return text ? text : "";
}

static bool given(const struct policy_checks *c, enum policy_flag flag)
{
    return policy_flag_given(&c->o->build, flag);
}

static void not_tried(struct policy_checks *c, const char *item, const char *verb, const char *value, const char *why)
{
    struct policy_check *k = policy_check_add(c, true, item, verb, value, NULL, NULL);

    if (k)
        k->why_not = why;
}

/* An attempt that may end its sandbox. */
static void alone(struct policy_checks *c, bool granted, const char *item, const char *verb, const char *first,
                  const char *second)
{
    struct policy_check *k = policy_check_add(c, granted, item, verb, first, second, NULL);

    if (k)
        k->alone = true;
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

static void check_environment(struct policy_checks *c)
{
    const struct strv *env = &c->o->build.user_env;

    for (uint32_t i = 0; i < env->n; i++) {
        size_t n = strcspn(env->v[i], "=");
        const char *name = arena_strndup(c->arena, env->v[i], n), *value = env->v[i][n] ? env->v[i] + n + 1 : "";
        if (name)
            policy_check_add(c, true, arena_printf(c->arena, "env %s", name), "environment", name,
                             *value ? value : NULL, NULL);
    }
    struct policy_check *k =
        policy_check_add(c, false, "the caller's environment", "environment", "MOAT_PROBE_CONTROL", NULL, NULL);
    if (k)
        memcpy(k->outside, k->inside, sizeof k->outside);
}

/* Numbers alone mean the same with and without an image's /etc/passwd. */
static void check_user(struct policy_checks *c)
{
    const char *user = c->o->build.user;
    unsigned uid, gid;
    char end;

    if (!user)
        return;
    if (sscanf(user, "%u:%u%c", &uid, &gid, &end) != 2 || c->o->build.groups.n)
        not_tried(c, "user", "identity", user, "only a user of the form UID:GID, without further groups, is tried");
    else
        policy_check_add(c, true, "user", "identity", arena_printf(c->arena, "%u:%u", uid, gid), NULL, NULL);
}

static void check_names(struct policy_checks *c)
{
    const struct policy *p = &c->o->policy;

    if (given(c, FLAG_HOSTNAME))
        policy_check_add(c, true, "hostname", "hostname", p->hostname, NULL, NULL);
    if (given(c, FLAG_DOMAINNAME))
        policy_check_add(c, true, "domainname", "domainname", p->domainname, NULL, NULL);
    if (given(c, FLAG_WORKDIR))
        policy_check_add(c, true, "workdir", "directory", p->process.cwd, NULL, NULL);
    if (given(c, FLAG_OOM_SCORE_ADJ))
        policy_check_add(c, true, "oom-score-adj", "oom-score", text_of(c, p->process.oom_score_adj.v), NULL, NULL);
    for (uint32_t i = 0; i < p->n_sysctl; i++)
        policy_check_add(c, true, "sysctl", "setting", p->sysctl[i].key, p->sysctl[i].value, NULL);
}

static void check_rights(struct policy_checks *c)
{
    const struct policy *p = &c->o->policy;

    policy_check_add(c, true, "capabilities", "capabilities",
                     arena_printf(c->arena, "%llx", (unsigned long long)p->process.caps.bounding), NULL, NULL);
    policy_check_add(c, !p->process.no_new_privs, "new privileges", "new-privileges", NULL, NULL, NULL);
    if (!p->seccomp.set || p->seccomp.moat_default) {
        struct policy_check *k = policy_check_add(c, !p->seccomp.set, "system calls", "call", "keyctl", NULL, NULL);
        if (k)
            memcpy(k->outside, k->inside, sizeof k->outside);
    } else {
        not_tried(c, "system calls", "call", "of a profile of your own", "`moat policy dump --bpf` shows its filter");
    }
    struct policy_check *k = policy_check_add(c, false, "the clock", "adjust-clock", NULL, NULL, NULL);
    if (k && p->process.caps.bounding >> cap_from_name("SYS_TIME") & 1)
        k->why_not = "CAP_SYS_TIME is granted";
    /* The root of an image's kind is a directory of ours; a private one takes nothing whatever the policy says. */
    policy_check_add(c, !p->root_readonly && !p->private_root, "the root", "create-and-remove", "/", NULL, NULL);
}

static void check_devices(struct policy_checks *c)
{
    for (uint32_t i = 0; i < c->o->build.n_devices; i++)
        policy_check_add(c, true, arena_printf(c->arena, "device %s", c->o->build.devices[i].path), "stat",
                         c->o->build.devices[i].path, NULL, NULL);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static int64_t available_memory(void)
{
    long long kib = -1;
    char line[256];
    FILE *f = fopen("/proc/meminfo", "re");

    while (f && kib < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lld", &kib) != 1)
            kib = -1;
    if (f)
        fclose(f);
    return kib < 0 ? INT64_MAX / 2 : kib * 1024;
}

static void check_memory(struct policy_checks *c)
{
    const struct opt_i64 *limit = &c->o->policy.resources.memory.limit;

    if (!given(c, FLAG_MEMORY) || !limit->set || limit->v < 0)
        return;
    if (limit->v + ABOVE + MEMORY_SPARE > available_memory()) {
        not_tried(c, "memory", "memory", text_of(c, limit->v), "this host has not so much to spare");
        return;
    }
    if (limit->v > 2 * ABOVE)
        alone(c, true, "memory", "memory", text_of(c, limit->v / 2), NULL);
    alone(c, false, "memory", "memory", text_of(c, limit->v + ABOVE), NULL);
}

static void check_processes(struct policy_checks *c)
{
    const struct opt_i64 *limit = &c->o->policy.resources.pids;

    if (!given(c, FLAG_PIDS_LIMIT) || !limit->set || limit->v < 0)
        return;
    if (limit->v > PIDS_MOST) {
        not_tried(c, "pids", "processes", text_of(c, limit->v), "more processes than are made for a try");
        return;
    }
    if (limit->v >= 8)
        alone(c, true, "pids", "processes", text_of(c, limit->v / 2), NULL);
    alone(c, false, "pids", "processes", text_of(c, limit->v + 1), NULL);
}

static void check_rlimits(struct policy_checks *c)
{
    const struct process *pr = &c->o->policy.process;

    for (uint32_t i = 0; given(c, FLAG_ULIMIT) && i < pr->n_rlimits; i++) {
        const struct rlimit_rule *r = &pr->rlimits[i];
        policy_check_add(c, true, rlimit_name(r->resource), "limit", text_of(c, r->resource),
                         text_of(c, (int64_t)r->soft), text_of(c, (int64_t)r->hard));
    }
}

static void check_timeout(struct policy_checks *c)
{
    int64_t ms = c->o->policy.timeout_ms;

    if (!given(c, FLAG_TIMEOUT) || !ms)
        return;
    if (ms > SECONDS_MOST * 1000) {
        not_tried(c, "timeout", "wait", text_of(c, ms), "it is longer than is waited for");
        return;
    }
    struct policy_check *k = policy_check_add(c, false, "timeout", "wait", text_of(c, ms + 30000), NULL, NULL);
    if (k)
        k->alone = k->clock = true;
}

/* A memory file system of a given size: half of it fits, and a little more than all of it does not. */
static void check_memory_files(struct policy_checks *c)
{
    const struct policy *p = &c->o->policy;
    int64_t bytes;

    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        bool shm = !strcmp(m->destination, "/dev/shm");
        if (m->bind || !m->type || strcmp(m->type, "tmpfs") != 0 || m->attr_set & MS_RDONLY ||
            (shm ? !given(c, FLAG_SHM_SIZE) : i < c->o->build.n_default_mounts))
            continue;
        const char *item = arena_printf(c->arena, "memory files at %s", m->destination),
                   *file = arena_printf(c->arena, "%s/moat-attempt", m->destination);
        bytes = 0;
        for (uint32_t d = 0; d < m->n_data; d++)
            if (!strncmp(m->data[d], "size=", 5) && flag_parse_size(m->data[d] + 5, &bytes) < 0)
                bytes = 0;
        if (!file || (p->resources.memory.limit.set && p->resources.memory.limit.v < bytes + ABOVE) ||
            bytes > FILL_MOST || bytes + MEMORY_SPARE > available_memory())
            not_tried(c, item, "fill", text_of(c, bytes), "more than is used for a try");
        else if (!bytes)
            policy_check_add(c, true, item, "fill", file, "4096", NULL);
        else {
            policy_check_add(c, true, item, "fill", file, text_of(c, bytes / 2), NULL);
            policy_check_add(c, false, item, "fill", file, text_of(c, bytes + 65536), NULL);
        }
    }
}

/* ---- the network ------------------------------------------------------------------------------------------------ */

static struct policy_check *reach(struct policy_checks *c, bool granted, const char *item, const char *host,
                                  unsigned port, bool udp)
{
    struct policy_check *k = policy_check_add(c, granted, item, "reach", host, text_of(c, port), udp ? "udp" : NULL);

    if (k) {
        k->network = true;
        memcpy(k->outside, k->inside, sizeof k->outside);
    }
    return k;
}

/* Whether a rule may open that port of a host. A name may lead to any address, and an address may have been given for
 * any name, so only two of a kind are known to differ. */
static bool may_open(const struct net_rule *r, const struct net_host *host, unsigned port, uint8_t protocol)
{
    struct net_host other;

    if (!(r->protocols & protocol) || port < r->first || port > r->last || net_host_read(r->host, &other))
        return r->protocols & protocol && port >= r->first && port <= r->last;
    if (host->kind == NET_HOST_NAME && other.kind != NET_HOST_ADDRESS)
        return net_host_matches_name(&other, host->name);
    if (host->kind == NET_HOST_ADDRESS && other.kind == NET_HOST_ADDRESS)
        return net_host_matches_address(&other, &host->address);
    return true;
}

/* A port of the same host that no rule has; 0 when there is none. */
static unsigned other_port(const struct policy *p, const char *host, uint8_t protocol)
{
    struct net_host h;

    if (net_host_read(host, &h))
        return 0;
    for (unsigned port = 1; port < 65535; port++) {
        bool has = false;
        for (uint32_t i = 0; i < p->n_net && !has; i++)
            has = may_open(&p->net[i], &h, port, protocol);
        if (!has)
            return port;
    }
    return 0;
}

static void check_network(struct policy_checks *c)
{
    const struct policy *p = &c->o->policy;
    const bool shared = p->ns[NS_NET].how == NS_HOST;
    bool loopback = shared;

    for (uint32_t i = 0; i < p->n_net; i++) {
        const struct net_rule *r = &p->net[i];
        char text[NET_RULE_TEXT_MAX];
        net_rule_text(r, text);
        const char *item = arena_printf(c->arena, "network %s", text);
        loopback |= !strncmp(r->host, "127.", 4);
        if (strpbrk(r->host, "*/")) {
            not_tried(c, item, "reach", r->host, "it stands for many: name one to have it tried");
            continue;
        }
        uint8_t protocol = r->protocols & NET_TCP ? NET_TCP : NET_UDP;
        reach(c, true, item, r->host, r->first ? r->first : 443, protocol == NET_UDP);
        unsigned port = other_port(p, r->host, protocol);
        if (port)
            reach(c, false, arena_printf(c->arena, "another port of %s", r->host), r->host, port, protocol == NET_UDP);
    }
    /* Somebody listens there, so what is refused was not reached: the sandbox has a loopback of its own. */
    struct policy_check *k = loopback && !shared
                                 ? NULL
                                 : reach(c, shared, "the host's loopback", "127.0.0.1", (unsigned)atoi(c->port), false);
    if (k)
        k->network = false;
}

int probe_policy_checks(struct policy_checks *c, struct err *err)
{
    int r = probe_policy_paths(c, err);

    if (r < 0)
        return r;
    check_environment(c);
    check_user(c);
    check_names(c);
    check_rights(c);
    check_devices(c);
    check_rlimits(c);
    check_memory_files(c);
    check_network(c);
    check_memory(c);
    check_processes(c);
    check_timeout(c);
    return c->n ? 0 : err_set(err, -EINVAL, "the policy says nothing that could be tried");
}

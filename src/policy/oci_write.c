/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as an OCI config.json. The way back of oci_read*.c: what reading gave, writing and reading gives again. What
 * the specification has no member for travels in annotations (oci.h). Touches the writer only.
 */
#include "policy/names.h"
#include "policy/oci.h"

#include <inttypes.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#define OCI_VERSION "1.2.0" /* for policies that do not come from a document; 1.3 readers take it, older ones too */

static void put_string(struct json_writer *w, const char *key, const char *s)
{
    if (s)
        json_string(w, key, s);
}

static void put_true(struct json_writer *w, const char *key, bool v)
{
    if (v)
        json_bool(w, key, true);
}

static void put_u64(struct json_writer *w, const char *key, struct opt_u64 v)
{
    if (v.set)
        json_uint(w, key, v.v);
}

static void put_i64(struct json_writer *w, const char *key, struct opt_i64 v)
{
    if (v.set)
        json_int(w, key, v.v);
}

static void put_strings(struct json_writer *w, const char *key, const struct strv *v)
{
    if (!v->n)
        return;
    json_array_begin(w, key);
    for (uint32_t i = 0; i < v->n; i++)
        json_string(w, NULL, v->v[i]);
    json_array_end(w);
}

static void put_flags(struct json_writer *w, const char *key, const struct oci_word *words, size_t n, uint64_t flags)
{
    if (!flags)
        return;
    json_array_begin(w, key);
    for (size_t i = 0; i < n; i++) {
        if (flags & words[i].value)
            json_string(w, NULL, words[i].name);
    }
    json_array_end(w);
}

/* ---- process ------------------------------------------------------------------------------------------------ */

static void put_user(const struct user_rule *u, struct json_writer *w)
{
    json_object_begin(w, "user");
    json_uint(w, "uid", u->uid);
    json_uint(w, "gid", u->gid);
    put_u64(w, "umask", u->umask);
    if (u->n_groups) {
        json_array_begin(w, "additionalGids");
        for (uint32_t i = 0; i < u->n_groups; i++)
            json_uint(w, NULL, u->groups[i]);
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_caps(const struct cap_sets *c, struct json_writer *w)
{
    const struct {
        const char *name;
        uint64_t bits;
    } sets[] = {
        {"bounding", c->bounding},   {"effective", c->effective}, {"inheritable", c->inheritable},
        {"permitted", c->permitted}, {"ambient", c->ambient},
    };

    if (!c->set)
        return;
    json_object_begin(w, "capabilities");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!sets[i].bits)
            continue;
        json_array_begin(w, sets[i].name);
        for (int cap = 0; cap < CAP_COUNT; cap++) {
            if (sets[i].bits >> cap & 1)
                json_string(w, NULL, cap_name(cap));
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_scheduler(const struct sched_rule *s, struct json_writer *w)
{
    if (!s->set)
        return;
    json_object_begin(w, "scheduler");
    json_string(w, "policy", oci_word_name(oci_sched_policies, oci_n_sched_policies, s->policy));
    json_int(w, "nice", s->nice);
    json_uint(w, "priority", s->priority);
    put_flags(w, "flags", oci_sched_flags, oci_n_sched_flags, s->flags);
    json_uint(w, "runtime", s->runtime);
    json_uint(w, "deadline", s->deadline);
    json_uint(w, "period", s->period);
    json_object_end(w);
}

static void put_rlimits(const struct process *p, struct json_writer *w)
{
    if (!p->n_rlimits)
        return;
    json_array_begin(w, "rlimits");
    for (uint32_t i = 0; i < p->n_rlimits; i++) {
        json_object_begin(w, NULL);
        json_string(w, "type", rlimit_name(p->rlimits[i].resource));
        json_uint(w, "hard", p->rlimits[i].hard);
        json_uint(w, "soft", p->rlimits[i].soft);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_priorities(const struct process *p, struct json_writer *w)
{
    put_scheduler(&p->sched, w);
    if (p->ioprio.set) {
        json_object_begin(w, "ioPriority");
        json_string(w, "class",
                    oci_word_name(oci_ioprio_classes, oci_n_ioprio_classes, p->ioprio.v >> IOPRIO_CLASS_SHIFT));
        json_uint(w, "priority", p->ioprio.v & 7);
        json_object_end(w);
    }
    if (p->cpu_affinity_initial || p->cpu_affinity_final) {
        json_object_begin(w, "execCPUAffinity");
        put_string(w, "initial", p->cpu_affinity_initial);
        put_string(w, "final", p->cpu_affinity_final);
        json_object_end(w);
    }
}

void policy_write_oci_process(const struct process *p, struct json_writer *w, const char *key)
{
    json_object_begin(w, key);
    json_bool(w, "terminal", p->terminal);
    if (p->terminal && (p->rows || p->cols)) {
        json_object_begin(w, "consoleSize");
        json_uint(w, "height", p->rows);
        json_uint(w, "width", p->cols);
        json_object_end(w);
    }
    put_user(&p->user, w);
    put_strings(w, "args", &p->argv);
    put_strings(w, "env", &p->env);
    put_string(w, "cwd", p->cwd);
    put_caps(&p->caps, w);
    put_rlimits(p, w);
    json_bool(w, "noNewPrivileges", p->no_new_privs);
    put_i64(w, "oomScoreAdj", p->oom_score_adj);
    put_string(w, "apparmorProfile", p->apparmor_profile);
    put_string(w, "selinuxLabel", p->selinux_label);
    put_priorities(p, w);
    json_object_end(w);
}

/* ---- mounts and hooks --------------------------------------------------------------------------------------- */

static void put_id_maps(const struct id_maps *m, struct json_writer *w, const char *key)
{
    if (!m->n)
        return;
    json_array_begin(w, key);
    for (uint32_t i = 0; i < m->n; i++) {
        json_object_begin(w, NULL);
        json_uint(w, "containerID", m->v[i].inside);
        json_uint(w, "hostID", m->v[i].outside);
        json_uint(w, "size", m->v[i].count);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_mount(const struct mount_rule *m, struct json_writer *w)
{
    const char *option;
    size_t i = 0;

    json_object_begin(w, NULL);
    json_string(w, "destination", m->destination);
    if (m->bind)
        json_string(w, "type", "bind");
    else
        put_string(w, "type", m->type);
    put_string(w, "source", m->source);
    option = mount_option_next(m, &i);
    if (option || m->n_data) {
        json_array_begin(w, "options");
        for (; option; option = mount_option_next(m, &i))
            json_string(w, NULL, option);
        for (uint32_t d = 0; d < m->n_data; d++)
            json_string(w, NULL, m->data[d]);
        json_array_end(w);
    }
    put_id_maps(&m->uid_maps, w, "uidMappings");
    put_id_maps(&m->gid_maps, w, "gidMappings");
    json_object_end(w);
}

static void put_hook(const struct hook *h, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "path", h->path);
    put_strings(w, "args", &h->argv);
    put_strings(w, "env", &h->env);
    put_i64(w, "timeout", h->timeout);
    json_object_end(w);
}

static void put_hooks(const struct policy *p, struct json_writer *w)
{
    bool any = false;

    for (int point = 0; point < HOOK_POINTS; point++)
        any = any || p->hooks[point].n;
    if (!any)
        return;
    json_object_begin(w, "hooks");
    for (int point = 0; point < HOOK_POINTS; point++) {
        if (!p->hooks[point].n)
            continue;
        json_array_begin(w, oci_hook_names[point]);
        for (uint32_t i = 0; i < p->hooks[point].n; i++)
            put_hook(&p->hooks[point].v[i], w);
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_annotations(const struct policy *p, struct json_writer *w)
{
    const char *signal = signal_name(p->stop_signal);
    bool has_signal = false, moat_seccomp = p->seccomp.set && p->seccomp.moat_default;
    char text[24];

    for (uint32_t i = 0; i < p->n_annotations; i++)
        has_signal = has_signal || strcmp(p->annotations[i].key, OCI_STOP_SIGNAL) == 0;
    has_signal = has_signal || !signal; /* nothing to add */
    if (!p->n_annotations && has_signal && !p->init && !p->timeout_ms && !p->landlock && !moat_seccomp)
        return;
    json_object_begin(w, "annotations");
    for (uint32_t i = 0; i < p->n_annotations; i++)
        json_string(w, p->annotations[i].key, p->annotations[i].value);
    if (!has_signal)
        json_string(w, OCI_STOP_SIGNAL, signal);
    if (p->init)
        json_string(w, OCI_MOAT_INIT, "true");
    if (p->timeout_ms) {
        snprintf(text, sizeof text, "%" PRId64, p->timeout_ms);
        json_string(w, OCI_MOAT_TIMEOUT, text);
    }
    if (p->landlock)
        json_string(w, OCI_MOAT_LANDLOCK, "true");
    if (moat_seccomp)
        json_string(w, OCI_MOAT_SECCOMP, "default");
    json_object_end(w);
}

/* ---- linux -------------------------------------------------------------------------------------------------- */

static void put_namespaces(const struct policy *p, struct json_writer *w)
{
    json_array_begin(w, "namespaces");
    for (int kind = 0; kind < NS_KINDS; kind++) {
        if (p->ns[kind].how == NS_HOST)
            continue;
        json_object_begin(w, NULL);
        json_string(w, "type", ns_name(kind));
        if (p->ns[kind].how == NS_JOIN)
            put_string(w, "path", p->ns[kind].path);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_time_offset(const struct time_offset *t, struct json_writer *w, const char *clock)
{
    if (!t->set)
        return;
    json_object_begin(w, clock);
    json_int(w, "secs", t->secs);
    json_uint(w, "nanosecs", t->nanosecs);
    json_object_end(w);
}

static void put_devices(const struct policy *p, struct json_writer *w)
{
    if (!p->n_devices)
        return;
    json_array_begin(w, "devices");
    for (uint32_t i = 0; i < p->n_devices; i++) {
        const struct device_rule *d = &p->devices[i];
        char type[2] = {d->type, 0};
        json_object_begin(w, NULL);
        json_string(w, "path", d->path);
        json_string(w, "type", type);
        json_uint(w, "major", d->major);
        json_uint(w, "minor", d->minor);
        put_u64(w, "fileMode", d->mode);
        put_u64(w, "uid", d->uid);
        put_u64(w, "gid", d->gid);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_key_values(const struct key_value *v, uint32_t n, struct json_writer *w, const char *key)
{
    if (!n)
        return;
    json_object_begin(w, key);
    for (uint32_t i = 0; i < n; i++)
        json_string(w, v[i].key, v[i].value);
    json_object_end(w);
}

static void put_net_devices(const struct policy *p, struct json_writer *w)
{
    if (!p->n_net_devices)
        return;
    json_object_begin(w, "netDevices");
    for (uint32_t i = 0; i < p->n_net_devices; i++) {
        json_object_begin(w, p->net_devices[i].host_name);
        put_string(w, "name", p->net_devices[i].name);
        json_object_end(w);
    }
    json_object_end(w);
}

static void put_action(struct json_writer *w, const char *key, const char *errno_key, uint32_t action)
{
    uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

    json_string(w, key, seccomp_action_name(action));
    if (kind == SECCOMP_RET_ERRNO || kind == SECCOMP_RET_TRACE)
        json_uint(w, errno_key, action & SECCOMP_RET_DATA);
}

static void put_seccomp_rule(const struct seccomp_rule *rule, struct json_writer *w)
{
    json_object_begin(w, NULL);
    put_strings(w, "names", &rule->names);
    put_action(w, "action", "errnoRet", rule->action);
    if (rule->n_args) {
        json_array_begin(w, "args");
        for (uint32_t i = 0; i < rule->n_args; i++) {
            const struct seccomp_arg *arg = &rule->args[i];
            json_object_begin(w, NULL);
            json_uint(w, "index", arg->index);
            json_uint(w, "value", arg->value);
            if (arg->value_two || arg->op == SECCOMP_OP_MASKED_EQ)
                json_uint(w, "valueTwo", arg->value_two);
            json_string(w, "op", seccomp_op_name((int)arg->op));
            json_object_end(w);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_seccomp(const struct seccomp_policy *s, struct json_writer *w)
{
    if (!s->set || s->moat_default)
        return;
    json_object_begin(w, "seccomp");
    put_action(w, "defaultAction", "defaultErrnoRet", s->default_action);
    if (s->n_arches) {
        json_array_begin(w, "architectures");
        for (uint32_t i = 0; i < s->n_arches; i++)
            json_string(w, NULL, seccomp_arch_name(s->arches[i]));
        json_array_end(w);
    }
    if (s->flags) {
        json_array_begin(w, "flags");
        for (uint32_t bit = 1; bit; bit <<= 1) {
            if (s->flags & bit)
                json_string(w, NULL, seccomp_flag_name(bit));
        }
        json_array_end(w);
    }
    put_string(w, "listenerPath", s->listener_path);
    put_string(w, "listenerMetadata", s->listener_metadata);
    if (s->n_rules) {
        json_array_begin(w, "syscalls");
        for (uint32_t i = 0; i < s->n_rules; i++)
            put_seccomp_rule(&s->rules[i], w);
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_rdt_and_memory(const struct policy *p, struct json_writer *w)
{
    const struct memory_policy *m = &p->memory_policy;

    if (p->rdt.set) {
        json_object_begin(w, "intelRdt");
        put_string(w, "closID", p->rdt.clos_id);
        put_string(w, "l3CacheSchema", p->rdt.l3_schema);
        put_string(w, "memBwSchema", p->rdt.mb_schema);
        put_strings(w, "schemata", &p->rdt.schemata);
        put_true(w, "enableMonitoring", p->rdt.enable_monitoring);
        json_object_end(w);
    }
    if (m->set) {
        json_object_begin(w, "memoryPolicy");
        json_string(w, "mode", oci_word_name(oci_memory_modes, oci_n_memory_modes, (uint64_t)m->mode));
        put_string(w, "nodes", m->nodes);
        put_flags(w, "flags", oci_memory_flags, oci_n_memory_flags, m->flags);
        json_object_end(w);
    }
    if (p->personality.set) {
        json_object_begin(w, "personality");
        json_string(w, "domain", oci_word_name(oci_personalities, oci_n_personalities, p->personality.domain));
        json_object_end(w);
    }
}

static void put_linux(const struct policy *p, struct json_writer *w)
{
    json_object_begin(w, "linux");
    put_namespaces(p, w);
    put_id_maps(&p->uid_maps, w, "uidMappings");
    put_id_maps(&p->gid_maps, w, "gidMappings");
    if (p->time_monotonic.set || p->time_boottime.set) {
        json_object_begin(w, "timeOffsets");
        put_time_offset(&p->time_monotonic, w, "monotonic");
        put_time_offset(&p->time_boottime, w, "boottime");
        json_object_end(w);
    }
    put_devices(p, w);
    put_net_devices(p, w);
    put_string(w, "cgroupsPath", p->cgroups_path);
    oci_write_resources(&p->resources, w, "resources");
    put_string(w, "rootfsPropagation", mount_propagation_name(p->rootfs_propagation));
    put_seccomp(&p->seccomp, w);
    put_key_values(p->sysctl, p->n_sysctl, w, "sysctl");
    put_strings(w, "maskedPaths", &p->masked_paths);
    put_strings(w, "readonlyPaths", &p->readonly_paths);
    put_string(w, "mountLabel", p->mount_label);
    put_rdt_and_memory(p, w);
    json_object_end(w);
}

void policy_write_oci(const struct policy *p, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "ociVersion", p->oci_version ? p->oci_version : OCI_VERSION);
    if (p->has_process)
        policy_write_oci_process(&p->process, w, "process");
    json_object_begin(w, "root");
    json_string(w, "path", p->root_path ? p->root_path : "rootfs");
    put_true(w, "readonly", p->root_readonly);
    json_object_end(w);
    put_string(w, "hostname", p->hostname);
    put_string(w, "domainname", p->domainname);
    if (p->n_mounts) {
        json_array_begin(w, "mounts");
        for (uint32_t i = 0; i < p->n_mounts; i++)
            put_mount(&p->mounts[i], w);
        json_array_end(w);
    }
    put_hooks(p, w);
    put_annotations(p, w);
    put_linux(p, w);
    oci_write_moat(p, w);
    json_object_end(w);
}

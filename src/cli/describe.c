/* SPDX-License-Identifier: Apache-2.0 */
/* The policy and the records of a sandbox in docker's words. Only what the policy tells is said: a member that docker
 * has and moat has no item for is left out. */
#include "cli/describe.h"

#include "cli/sandboxes.h"
#include "policy/defaults.h"
#include "policy/names.h"

#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#define NEVER "0001-01-01T00:00:00Z" /* docker's word for a time that has not been */

static void put_state(struct sandbox *sb, struct json_writer *w)
{
    enum sandbox_status s = sandbox_status(sb);
    bool lives = s == SANDBOX_RUNNING || s == SANDBOX_PAUSED;
    struct sandbox_end e = sandboxes_end(sb, s);
    const char *started = sb->kept ? sb->started : sb->created;

    json_object_begin(w, "State");
    json_string(w, "Status", sandboxes_state_word(s));
    json_bool(w, "Running", sandboxes_runs(s));
    json_bool(w, "Paused", s == SANDBOX_PAUSED);
    json_bool(w, "Restarting", s == SANDBOX_RESTARTING);
    json_bool(w, "OOMKilled", e.known && e.oom_killed);
    json_bool(w, "Dead", false);
    json_int(w, "Pid", lives && sb->inst.pid > 0 ? sb->inst.pid : 0);
    json_int(w, "ExitCode", e.known ? e.exit_code : 0);
    json_string(w, "Error", e.known && e.error ? e.error : "");
    json_string(w, "StartedAt", started ? started : NEVER);
    json_string(w, "FinishedAt", sb->end.known && sb->end.finished ? sb->end.finished : NEVER);
    json_string(w, "ExitReason", e.known ? end_reason_name(e.reason) : "");
    json_uint(w, "PidsLimitHits", e.known ? e.pids_limit_hits : 0);
    json_object_end(w);
}

static void put_words(struct json_writer *w, const char *key, const struct strv *v, uint32_t from)
{
    json_array_begin(w, key);
    for (uint32_t i = from; i < v->n; i++)
        json_string(w, NULL, v->v[i]);
    json_array_end(w);
}

static void put_config(struct sandbox *sb, struct json_writer *w)
{
    const struct policy *p = &sb->policy;
    const struct strv command = sandboxes_command(sb);
    const char *signal = signal_name(p->stop_signal ? p->stop_signal : 15);
    int64_t timeout = sb->kept ? sb->spec.stop_timeout_ms / 1000 : STOP_SECONDS_DEFAULT;
    char user[32] = "";

    if (p->process.user.gid)
        snprintf(user, sizeof user, "%u:%u", p->process.user.uid, p->process.user.gid);
    else if (p->process.user.uid)
        snprintf(user, sizeof user, "%u", p->process.user.uid);
    json_object_begin(w, "Config");
    json_string(w, "Hostname", p->hostname ? p->hostname : "");
    json_string(w, "Domainname", p->domainname ? p->domainname : "");
    json_string(w, "User", user);
    json_bool(w, "Tty", p->process.terminal);
    json_bool(w, "OpenStdin", sb->spec.keep_stdin);
    put_words(w, "Env", &p->process.env, 0);
    put_words(w, "Cmd", &command, 0);
    json_null(w, "Entrypoint"); /* Cmd is the whole command */
    json_string(w, "Image", sandboxes_image_name(sb));
    json_string(w, "WorkingDir", p->process.cwd ? p->process.cwd : "");
    json_object_begin(w, "Labels");
    for (uint32_t i = 0; i < p->n_annotations; i++)
        json_string(w, p->annotations[i].key, p->annotations[i].value);
    json_object_end(w);
    json_string(w, "StopSignal", signal ? signal : "");
    json_int(w, "StopTimeout", timeout);
    json_object_end(w);
}

static void put_capabilities(struct json_writer *w, const char *key, uint64_t set)
{
    const uint64_t every = (UINT64_C(1) << CAP_COUNT) - 1;

    json_array_begin(w, key);
    if (set == every)
        json_string(w, NULL, "ALL");
    for (int c = 0; c < CAP_COUNT && set != every; c++)
        if (set >> c & 1)
            json_string(w, NULL, cap_name(c));
    json_array_end(w);
}

static int64_t nano_cpus(const struct resources *r)
{
    int64_t quota = r->cpu.quota.set ? r->cpu.quota.v : 0;
    uint64_t period = r->cpu.period.set && r->cpu.period.v ? r->cpu.period.v : 100000;

    return quota > 0 && quota < INT64_MAX / 1000000000 ? quota * 1000000000 / (int64_t)period : 0;
}

static void put_log(const struct sandbox *sb, struct json_writer *w)
{
    char text[24];

    json_object_begin(w, "LogConfig");
    json_string(w, "Type", !sb->kept || sb->spec.log_none ? "none" : "local");
    json_object_begin(w, "Config");
    if (sb->kept && !sb->spec.log_none) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)sb->spec.log_size);
        json_string(w, "max-size", text);
        snprintf(text, sizeof text, "%u", sb->spec.log_files);
        json_string(w, "max-file", text);
    }
    json_object_end(w);
    json_object_end(w);
}

static const char *network_mode(struct sandbox *sb)
{
    const struct ns_rule *n = &sb->policy.ns[NS_NET];

    if (n->how == NS_JOIN)
        return arena_printf(sb->arena, "ns:%s", n->path ? n->path : "");
    return n->how == NS_HOST ? "host" : "none";
}

static void put_host_config(struct sandbox *sb, struct json_writer *w)
{
    const struct policy *p = &sb->policy;
    const struct resources *r = &p->resources;
    uint64_t usual = policy_default_capabilities(POLICY_DEFAULTS_RUN), has = p->process.caps.bounding;

    json_object_begin(w, "HostConfig");
    json_int(w, "Memory", r->memory.limit.set && r->memory.limit.v > 0 ? r->memory.limit.v : 0);
    json_int(w, "MemorySwap", r->memory.swap.set ? r->memory.swap.v : 0);
    json_int(w, "MemoryReservation", r->memory.reservation.set ? r->memory.reservation.v : 0);
    json_int(w, "NanoCpus", nano_cpus(r));
    json_uint(w, "CpuShares", r->cpu.shares.set ? r->cpu.shares.v : 0);
    json_uint(w, "CpuPeriod", r->cpu.period.set ? r->cpu.period.v : 0);
    json_int(w, "CpuQuota", r->cpu.quota.set ? r->cpu.quota.v : 0);
    json_string(w, "CpusetCpus", r->cpu.cpus ? r->cpu.cpus : "");
    json_string(w, "CpusetMems", r->cpu.mems ? r->cpu.mems : "");
    json_int(w, "PidsLimit", r->pids.set && r->pids.v > 0 ? r->pids.v : 0);
    json_object_begin(w, "RestartPolicy");
    json_string(w, "Name", restart_policy_name(sb->spec.restart.policy));
    json_uint(w, "MaximumRetryCount", sb->spec.restart.max);
    json_object_end(w);
    json_bool(w, "AutoRemove", !sb->kept || sb->spec.auto_remove);
    json_string(w, "NetworkMode", network_mode(sb));
    json_bool(w, "ReadonlyRootfs", p->root_readonly);
    put_capabilities(w, "CapAdd", has & ~usual);
    put_capabilities(w, "CapDrop", usual & ~has);
    json_bool(w, "Init", p->init);
    put_log(sb, w);
    json_object_end(w);
}

static void put_mounts(const struct policy *p, struct json_writer *w)
{
    json_array_begin(w, "Mounts");
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (!m->bind)
            continue;
        json_object_begin(w, NULL);
        json_string(w, "Type", "bind");
        json_string(w, "Source", m->source ? m->source : "");
        json_string(w, "Destination", m->destination);
        json_bool(w, "RW", !((m->attr_set | m->rec_attr_set) & MOUNT_ATTR_RDONLY));
        json_object_end(w);
    }
    json_array_end(w);
}

/* Of the life that `start` began: exit.json is of the last end, which may have been before that. */
static uint32_t restart_count(const struct sandbox *sb)
{
    const struct sandbox_end *e = &sb->end;

    if (e->known && e->restarting)
        return e->restarts + (sb->run > e->run);
    return e->known && e->run >= sb->run ? e->restarts : 0;
}

/* Of one that runs and answers; else the member is not there. */
static void put_meter(struct sandbox *sb, struct json_writer *w)
{
    struct meter m = {0};

    if (!sb->inst.boundary || !sb->inst.boundary->meter || sandbox_status(sb) != SANDBOX_RUNNING ||
        sb->inst.boundary->meter(&sb->inst, &m, &(struct err){0}) < 0)
        return;
    json_object_begin(w, "JVM");
    json_uint(w, "HeapUsed", m.heap_used.v);
    json_uint(w, "HeapCommitted", m.heap_committed.v);
    json_uint(w, "HeapMax", m.heap_max.v);
    json_uint(w, "Threads", m.threads.v);
    json_uint(w, "Classes", m.classes.v);
    json_uint(w, "Collections", m.collections.v);
    json_uint(w, "CollectionNanoseconds", m.collection_ns.v);
    json_object_end(w);
}

void describe_sandbox(struct sandbox *sb, struct json_writer *w)
{
    const struct strv command = sandboxes_command(sb);
    const char *id = sandboxes_image_id(sb);
    bool logs = sb->kept && !sb->spec.log_none && sb->layer_dir;

    json_object_begin(w, NULL);
    json_string(w, "Id", sb->id);
    json_string(w, "Created", sandboxes_created(sb));
    json_string(w, "Path", command.n ? command.v[0] : "");
    put_words(w, "Args", &command, 1);
    put_state(sb, w);
    json_string(w, "Image", id ? arena_printf(sb->arena, "sha256:%s", id) : "");
    json_string(w, "Name", arena_printf(sb->arena, "/%s", sb->id));
    json_uint(w, "RestartCount", restart_count(sb));
    json_string(w, "Boundary", sb->inst.boundary ? sb->inst.boundary->name : "");
    put_meter(sb, w);
    json_string(w, "LogPath", logs ? arena_printf(sb->arena, "%s/log", sb->layer_dir) : "");
    put_host_config(sb, w);
    put_mounts(&sb->policy, w);
    put_config(sb, w);
    json_object_end(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat update`: limits and the restart rule of sandboxes. The flags go through the rows of `run`, over the policy that
 * is on record; what runs is changed first, and when that holds, the records are, so that the next start has it too.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/kind.h"
#include "cli/sandboxes.h"
#include "policy/flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_MS 10000

enum { OPTION_RESTART = POLICY_FLAGS };

const struct option_row update_options[] = {
    {"memory", 'm', "BYTES", "Memory; -1 is no limit", FLAG_MEMORY},
    {"memory-swap", 0, "BYTES", "Memory and swap together; -1 is no limit", FLAG_MEMORY_SWAP},
    {"memory-reservation", 0, "BYTES", "What is left to it when memory is short", FLAG_MEMORY_RESERVATION},
    {"cpus", 0, "N", "Processors, as 1.5", FLAG_CPUS},
    {"cpu-shares", 'c', "N", "Weight against others", FLAG_CPU_SHARES},
    {"cpu-period", 0, "USEC", "Period of the quota", FLAG_CPU_PERIOD},
    {"cpu-quota", 0, "USEC", "Processor time in a period", FLAG_CPU_QUOTA},
    {"cpuset-cpus", 0, "LIST", "Only these processors, as 0-3,7", FLAG_CPUSET_CPUS},
    {"cpuset-mems", 0, "LIST", "Only these memory nodes", FLAG_CPUSET_MEMS},
    {"pids-limit", 0, "N", "Processes and threads; -1 is no limit", FLAG_PIDS_LIMIT},
    {"restart", 0, "RULE", "no, on-failure[:N], always, unless-stopped", OPTION_RESTART},
};
const size_t n_update_options = ARRAY_LEN(update_options);

#define GIVEN_MAX 64

struct update {
    struct {
        enum policy_flag flag;
        const char *value;
    } given[GIVEN_MAX];
    unsigned n;
    const char *restart;
    struct restart_rule rule;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct update *u = ctx;

    if (id == OPTION_RESTART) {
        u->restart = value;
        return restart_rule_parse(value, &u->rule, err);
    }
    if (u->n == GIVEN_MAX)
        return err_set(err, -E2BIG, "more than %d options", GIVEN_MAX);
    u->given[u->n].flag = (enum policy_flag)id;
    u->given[u->n++].value = value;
    return 0;
}

/* Docker's rule when memory is given without memory-swap: what had no swap has none, else the old sum has to do. */
static int keep_swap(const struct policy_build *b, const struct resources *was, struct resources *now, struct err *err)
{
    if (policy_flag_given(b, FLAG_MEMORY_SWAP))
        return 0;
    now->memory.swap = was->memory.swap;
    if (!policy_flag_given(b, FLAG_MEMORY))
        return 0;
    bool no_swap = was->memory.swap.set == was->memory.limit.set && was->memory.swap.v == was->memory.limit.v;
    if (no_swap)
        now->memory.swap = now->memory.limit;
    else if (now->memory.swap.set && now->memory.swap.v > 0 && now->memory.limit.v > now->memory.swap.v)
        return err_set(err, -EINVAL,
                       "--memory: memory limit should be smaller than already set memoryswap limit, update the "
                       "memoryswap at the same time");
    return 0;
}

/* What a living group is told: the changed figures alone, and "no limit" as such. */
static void changed_limits(const struct policy_build *b, const struct resources *was, const struct resources *now,
                           struct resources *out)
{
    struct opt_i64 none = {true, -1};

    if (policy_flag_given(b, FLAG_MEMORY))
        out->memory.limit = now->memory.limit.set ? now->memory.limit : none;
    if (policy_flag_given(b, FLAG_MEMORY_SWAP) || now->memory.swap.set != was->memory.swap.set ||
        now->memory.swap.v != was->memory.swap.v)
        out->memory.swap = now->memory.swap.set ? now->memory.swap : none;
    if (policy_flag_given(b, FLAG_MEMORY_RESERVATION))
        out->memory.reservation = now->memory.reservation.set ? now->memory.reservation : none;
    if (policy_flag_given(b, FLAG_CPU_SHARES))
        out->cpu.shares = now->cpu.shares;
    if (policy_flag_given(b, FLAG_CPUS) || policy_flag_given(b, FLAG_CPU_QUOTA) ||
        policy_flag_given(b, FLAG_CPU_PERIOD)) {
        out->cpu.quota = now->cpu.quota.set ? now->cpu.quota : none;
        out->cpu.period = now->cpu.period;
    }
    if (policy_flag_given(b, FLAG_CPUSET_CPUS))
        out->cpu.cpus = now->cpu.cpus;
    if (policy_flag_given(b, FLAG_CPUSET_MEMS))
        out->cpu.mems = now->cpu.mems;
    if (policy_flag_given(b, FLAG_PIDS_LIMIT))
        out->pids = now->pids;
}

/* The flags over the policy on record. */
static int change_policy(const struct update *u, struct sandbox *sb, struct resources *limits, struct err *err)
{
    struct policy_build b;
    struct resources was = sb->policy.resources;
    int r = policy_build_init(&b, &sb->policy, "/", err);

    for (unsigned i = 0; i < u->n && r == 0; i++)
        r = policy_flag_apply(&b, u->given[i].flag, NULL, u->given[i].value, err);
    /* The sum of memory and swap on record is no flag of this command, so it is settled before the others are. */
    if (r == 0)
        r = keep_swap(&b, &was, &sb->policy.resources, err);
    struct opt_i64 swap = sb->policy.resources.memory.swap;
    if (r == 0)
        r = policy_build_finish(&b, err);
    if (r < 0)
        return r;
    if (!policy_flag_given(&b, FLAG_MEMORY_SWAP))
        sb->policy.resources.memory.swap = swap;
    if (policy_flag_given(&b, FLAG_CPUS) && !b.nano_cpus)
        sb->policy.resources.cpu.quota = (struct opt_i64){0};
    changed_limits(&b, &was, &sb->policy.resources, limits);
    return policy_check(&sb->policy, err);
}

static int write_records(const struct update *u, struct sandbox *sb, struct err *err)
{
    struct json_writer w = {0};
    int r = 0;

    if (u->n) {
        policy_write_oci(&sb->policy, &w);
        r = w.failed ? -ENOMEM : io_replace_file(sb->inst.state_fd, "config.json", w.buf, w.len, 0600);
        json_writer_free(&w);
        if (r < 0)
            return err_sys(err, r, "configuration of %s", sb->id);
    }
    if (u->restart)
        r = spec_write(sb, err);
    return r;
}

static void tell_monitor(struct sandbox *sb)
{
    struct control_record reply;
    _cleanup_fd_ int sock = monitor_connect(sb, &(struct err){0});

    if (sock >= 0) /* one that is just ending reads the records by itself */
        monitor_ask(sock, CONTROL_RELOAD, NULL, 0, &reply, &(struct err){0});
}

/* What runs was started with sizes that came from its memory, and keeps them. */
static void note_memory(const struct update *u, const struct sandbox *sb)
{
    const struct boundary *b = sb->inst.boundary;
    const struct workload_kind *k = b ? kind_behind(b->name) : NULL;
    const char *note = k && k->memory_note ? k->memory_note(sb->arena, &sb->policy.process.argv) : NULL;
    bool memory = false;

    for (unsigned i = 0; i < u->n; i++)
        memory |= u->given[i].flag == FLAG_MEMORY;
    if (memory && note)
        fprintf(stderr, "moat update: note: %s: %s\n", sb->id, note);
}

/* What counts its processes itself was told how many at its start, and the control group sees one of them. */
static int check_tasks(const struct update *u, const struct sandbox *sb, struct err *err)
{
    const struct boundary *b = sb->inst.boundary;
    const struct workload_kind *k = b ? kind_behind(b->name) : NULL;

    for (unsigned i = 0; i < u->n; i++)
        if (k && k->fixed_tasks && u->given[i].flag == FLAG_PIDS_LIMIT)
            return err_set(err, -ENOTSUP, "--pids-limit: %s: %s", sb->id, k->fixed_tasks);
    return 0;
}

static int update_one(struct sandbox *sb, void *ctx, struct err *err)
{
    const struct update *u = ctx;
    struct limits limits = {0};
    int r = 0;

    if (!sb->kept && u->restart)
        return err_set(err, -ENOTSUP, "--restart: %s runs in the foreground, and is removed when it ends", sb->id);
    if (sb->kept && (r = sandbox_lock(sb, LOCK_MS, err)) < 0)
        return r;
    enum sandbox_status s = sandbox_status(sb);
    if (u->restart && sb->spec.auto_remove && u->rule.policy != RESTART_NO)
        return err_set(err, -EINVAL, "--restart: %s was made with --rm, and is removed when it ends", sb->id);
    if ((r = check_tasks(u, sb, err)) < 0)
        return r;
    if (u->n && (r = change_policy(u, sb, &limits.resources, err)) < 0)
        return r;
    if (u->n && (s == SANDBOX_RUNNING || s == SANDBOX_PAUSED)) {
        if (!sb->inst.boundary->update)
            return err_set(err, -ENOTSUP, "boundary %s cannot change limits", sb->inst.boundary->name);
        if ((r = sb->inst.boundary->update(&sb->inst, &limits, err)) < 0)
            return r;
    }
    if (u->restart)
        sb->spec.restart = u->rule;
    if ((r = write_records(u, sb, err)) < 0)
        return r;
    if (sb->kept) {
        sandboxes_unlock(sb);
        tell_monitor(sb);
    }
    note_memory(u, sb);
    sandboxes_event(sb, "update", NULL, NULL);
    return 0;
}

int cmd_update(int argc, char **argv)
{
    static struct update u;
    struct err err = {0};
    int operand;

    if (options_parse(update_options, n_update_options, argc, argv, false, &operand, apply, &u, &err) < 0)
        return command_fail("update", &err);
    if (operand < argc && !u.n && !u.restart) {
        err_set(&err, -EINVAL, "you must provide one or more flags when using this command");
        return sandboxes_fail("update", &err);
    }
    return sandboxes_each("update", argc, argv, operand, update_one, &u, true);
}

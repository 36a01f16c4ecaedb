/* SPDX-License-Identifier: Apache-2.0 */
/* See kind.h: which kind it is, and what all have in common. Trust: the command line is the user's. */
#include "cli/kinds.h"
#include "cli/run_options_internal.h"

#include <errno.h>
#include <string.h>

const struct workload_kind *const workload_kinds[KINDS] = {
#define X(id, name, types, rows) [KIND_##id] = &name##_kind,
    WORKLOAD_KINDS(X)
#undef X
};

const struct workload_kind *kind_behind(const char *boundary)
{
    for (size_t i = 0; i < KINDS; i++)
        if (workload_kinds[i]->boundary && !strcmp(workload_kinds[i]->boundary, boundary))
            return workload_kinds[i];
    return workload_kinds[0];
}

const char *kind_said_by(const struct collect *c, int flag, const char *member)
{
    const struct run_options *o = c->out;
    const char *text = NULL;
    bool by_flag = !o->policy_file && !o->profile;

    for (uint32_t i = 0; i < c->n_waiting; i++)
        by_flag |= c->waiting[i].id == flag;
    text = by_flag ? arena_printf(c->arena, "--%s", policy_flag_name((enum policy_flag)flag))
                   : arena_printf(c->arena, "--%s %s: %s", o->policy_file ? "policy" : "profile",
                                  o->policy_file ? o->policy_file : o->profile, member);
    return text ? text : member;
}

/* ---- which one -------------------------------------------------------------------------------------------------- */

static bool has_type(const struct workload_kind *k, const char *type)
{
    for (const char *const *t = k->types; *t; t++)
        if (!strcmp(*t, type))
            return true;
    return false;
}

/* 1, 0 or -EINVAL. Only one that nobody has named goes by its looks. */
static int is_meant(const struct run_options *o, size_t kind, const char *operand, struct err *err)
{
    const struct workload_kind *k = workload_kinds[kind];

    if (o->type)
        return has_type(k, o->type);
    if (o->bundle || o->rootfs)
        return 0;
    if (k->is_given && k->is_given(o->own[kind]))
        return 1;
    return k->recognise && operand ? k->recognise(operand, err) : 0;
}

/* The boundary decides; without one the type, the options, and the looks of what is to run. */
static int find_kind(struct run_options *o, const char *operand, struct err *err)
{
    int r = 0;

    o->kind = workload_kinds[0];
    if (o->boundary) {
        o->kind = kind_behind(o->boundary);
        return 0;
    }
    for (size_t i = 0; i < KINDS && r == 0; i++)
        if ((r = is_meant(o, i, operand, err)) > 0)
            o->kind = workload_kinds[i];
    o->boundary = o->kind->boundary;
    return r < 0 ? r : 0;
}

/* What is said of another kind. */
static int refuse_others(const struct run_options *o, struct err *err)
{
    const struct workload_kind *k = o->kind;
    int r = 0;

    if (k->of_host && (o->bundle || o->rootfs || (o->type && !has_type(k, o->type))))
        return err_set(err, -EINVAL, "-b %s runs %s: --%s is of other boundaries%s", k->boundary, k->words,
                       o->bundle   ? "bundle"
                       : o->rootfs ? "rootfs"
                                   : "type",
                       o->rootfs && k->roots ? ": name the directory in the image's place, as ./tree" : "");
    for (size_t i = 0; i < KINDS && r == 0; i++) {
        const struct workload_kind *other = workload_kinds[i];
        if (other == k || other == k->beneath)
            continue;
        if (o->type && has_type(other, o->type))
            return err_set(err, -EINVAL, "--type %s: %s runs behind -b %s, not %s", o->type, other->words,
                           other->boundary ? other->boundary : "container", o->boundary);
        r = other->refuse ? other->refuse(o->own[i], err) : 0;
    }
    return r;
}

int kind_take_boundary(struct run_options *o, const char *value, struct err *err)
{
    const size_t n = strcspn(value, "=");

    o->boundary = value;
    for (size_t i = 0; i < KINDS && value[n]; i++) {
        const struct workload_kind *k = workload_kinds[i];
        if (k->boundary && k->form && strlen(k->boundary) == n && !strncmp(k->boundary, value, n)) {
            o->boundary = k->boundary;
            return k->form(o->own[i], value + n + 1, err);
        }
    }
    return 0;
}

int kind_choose(struct collect *c, int operands, char **operand, struct err *err)
{
    struct run_options *o = c->out;
    int r = find_kind(o, operands > 0 ? operand[0] : NULL, err);

    if (r < 0 || (r = refuse_others(o, err)) < 0)
        return r;
    return o->kind->defaults ? o->kind->defaults(o, err) : 0;
}

/* ---- what it cannot have ---------------------------------------------------------------------------------------- */

int kind_check(const struct collect *c, struct err *err)
{
    const struct run_options *o = c->out;

    if (!o->kind->of_host && policy_flag_given(&o->build, FLAG_DEFAULTS))
        return err_set(err, -EINVAL, "%s is about programs of the host: -b broker has them",
                       kind_said_by(c, FLAG_DEFAULTS, "defaults"));
    if (o->build.tap && !o->kind->taps)
        return err_set(err, -EINVAL, "%s tap=%s: a machine alone is attached to an interface: -b microvm",
                       kind_said_by(c, FLAG_NETWORK, "network"), o->build.tap);
    if (!o->kind->of_host)
        return 0;
    if ((o->pull || o->platform) && o->kind->roots)
        return err_set(err, -EINVAL, "--%s: -b %s runs images that are here: moat pull brings one in first",
                       o->pull ? "pull" : "platform", o->kind->boundary);
    if (o->pull || o->platform)
        return err_set(err, -EINVAL, "--%s is about images, and a program of the host has none: leave it out",
                       o->pull ? "pull" : "platform");
    if (o->detach_keys && !o->detach && o->restart.policy == RESTART_NO && !o->kind->shows)
        return err_set(err, -EINVAL,
                       "--detach-keys: in the foreground, what runs behind -b %s ends with its caller: start it with "
                       "-d, and give the keys to moat attach",
                       o->kind->boundary);
    if (policy_flag_given(&o->build, FLAG_READ_ONLY) && !o->policy.root_readonly && o->kind->roots) {
        c->out->policy.root_readonly = true; /* that of its walls; its own is as it is by itself */
        c->out->build.given &= ~(UINT64_C(1) << FLAG_READ_ONLY);
    } else if (policy_flag_given(&o->build, FLAG_READ_ONLY) && !o->policy.root_readonly)
        return err_set(err, -EINVAL, "%s=false: the broker's root holds names alone: --rw PATH, --tmpfs PATH",
                       kind_said_by(c, FLAG_READ_ONLY, "readOnlyRoot"));
    if (policy_flag_given(&o->build, FLAG_DEVICE_CGROUP_RULE))
        return err_set(err, -EINVAL, "%s: no device works behind the broker but those of --device",
                       kind_said_by(c, FLAG_DEVICE_CGROUP_RULE, "deviceRules"));
    if (!o->policy.masked_paths.n)
        return err_set(err, -EINVAL,
                       "--security-opt systempaths=unconfined: the broker's /proc is read-only as a whole: "
                       "-b container has it");
    return o->kind->check ? o->kind->check(c, err) : 0;
}

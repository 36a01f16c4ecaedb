/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy under construction as a whole: layers, and what depends on several items at once. Decoding of single
 * values is done by then; nothing here reads foreign text.
 */
#include "policy/defaults.h"
#include "policy/flags.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <string.h>

#define CPU_PERIOD 100000
#define NANO       UINT64_C(1000000000)

int policy_build_init(struct policy_build *b, struct policy *p, const char *cwd, struct err *err)
{
    *b = (struct policy_build){.p = p,
                               .cwd = cwd,
                               .n_earlier_mounts = p->n_mounts,
                               .n_default_mounts = p->n_mounts,
                               .n_earlier_paths = p->n_paths};
    if (cwd[0] != '/')
        return err_set(err, -EINVAL, "the current directory '%s' is not absolute", cwd);
    return 0;
}

/* Docker's rule, whatever the order of the flags: ALL on either side first, then the single names. */
static void finish_capabilities(struct policy_build *b)
{
    const uint64_t every = (UINT64_C(1) << CAP_COUNT) - 1;
    struct cap_sets *caps = &b->p->process.caps;
    uint64_t set = caps->bounding;

    if (!(b->given & (UINT64_C(1) << FLAG_CAP_ADD | UINT64_C(1) << FLAG_CAP_DROP)))
        return;
    if (b->cap_add_all)
        set = every & ~b->cap_drop;
    else if (b->cap_drop_all)
        set = b->cap_add;
    else
        set = (set & ~b->cap_drop) | b->cap_add;
    *caps = (struct cap_sets){.set = true, .bounding = set, .effective = set, .permitted = set};
}

/* What a layer says of capabilities is done before the next one speaks: --cap-drop goes over a file's "add". */
void policy_build_next_layer(struct policy_build *b)
{
    b->n_earlier_mounts = b->p->n_mounts;
    b->n_earlier_paths = b->p->n_paths;
    finish_capabilities(b);
    b->cap_add = b->cap_drop = 0;
    b->cap_add_all = b->cap_drop_all = false;
}

static int finish_memory(struct policy_build *b, struct err *err)
{
    struct opt_i64 *limit = &b->p->resources.memory.limit, *swap = &b->p->resources.memory.swap;
    const struct opt_i64 *reservation = &b->p->resources.memory.reservation;

    if (!policy_flag_given(b, FLAG_MEMORY_SWAP))
        *swap = *limit; /* no swap, unless it is asked for */
    else if (swap->v == 0)
        *swap = *limit;
    else if (swap->v > 0 && !limit->set)
        return err_set(err, -EINVAL, "memory-swap is memory and swap together, so it needs a limit of memory as well");
    else if (swap->v > 0 && swap->v < limit->v)
        return err_set(err, -EINVAL,
                       "memory-swap (%lld bytes) is memory and swap together, so not less than memory (%lld)",
                       (long long)swap->v, (long long)limit->v);
    if (reservation->set && limit->set && reservation->v > limit->v)
        return err_set(err, -EINVAL, "memory-reservation (%lld bytes) is above memory (%lld bytes)",
                       (long long)reservation->v, (long long)limit->v);
    return 0;
}

static int finish_cpu(struct policy_build *b, struct err *err)
{
    if (!policy_flag_given(b, FLAG_CPUS))
        return 0;
    if (policy_flag_given(b, FLAG_CPU_PERIOD) || policy_flag_given(b, FLAG_CPU_QUOTA))
        return err_set(err, -EINVAL, "cpus is a quota over a period: give cpus, or cpu-period and cpu-quota, not both");
    if (b->nano_cpus) {
        b->p->resources.cpu.period = (struct opt_u64){true, CPU_PERIOD};
        b->p->resources.cpu.quota = (struct opt_i64){true, (int64_t)(b->nano_cpus / (NANO / CPU_PERIOD))};
    }
    return 0;
}

static unsigned path_depth(const char *path)
{
    unsigned n = 0;

    for (; *path; path++)
        n += *path == '/' && path[1] != '\0';
    return n;
}

void policy_mounts_sort(struct policy *p, uint32_t first)
{
    struct mount_rule *v = p->mounts;

    for (uint32_t i = first + 1; i < p->n_mounts; i++) {
        struct mount_rule moved = v[i];
        unsigned depth = path_depth(moved.destination);
        uint32_t to = i;
        for (; to > first && path_depth(v[to - 1].destination) > depth; to--)
            v[to] = v[to - 1];
        v[to] = moved;
    }
}

int policy_build_finish(struct policy_build *b, struct err *err)
{
    struct policy *p = b->p;
    int r;

    finish_capabilities(b);
    if ((r = finish_memory(b, err)) < 0 || (r = finish_cpu(b, err)) < 0)
        return r;
    policy_mounts_sort(p, b->n_default_mounts);
    flag_rules_finish(b);
    if ((r = flag_links_check(p, err)) < 0)
        return r;
    for (uint32_t i = 0; i < p->n_sysctl && p->ns[NS_NET].how == NS_HOST; i++) {
        if (!strncmp(p->sysctl[i].key, "net.", 4))
            return err_set(err, -EINVAL, "sysctl %s would change the host's network: use network none with it",
                           p->sysctl[i].key);
    }
    if (p->process.terminal && !policy_env_get(&p->process.env, "TERM") &&
        policy_strv_push(p->arena, &p->process.env, "TERM=xterm") < 0)
        return policy_no_memory(err);
    return 0;
}

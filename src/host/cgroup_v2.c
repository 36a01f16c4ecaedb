/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits in the words of cgroup v2. The policy speaks v1 (as the OCI runtime specification does), so the first part is
 * the arithmetic that turns those figures into v2's; what v2 has no word for is refused by its name before anything is
 * written. Files: the kernel's admin-guide/cgroup-v2.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- figures ------------------------------------------------------------------------------------------------- */

/* [2, 262144] onto [1, 10000], linear, the way every runtime does it; outside figures count as the nearest. */
uint64_t cgroup_weight_from_shares(uint64_t shares)
{
    if (shares < 2)
        shares = 2;
    if (shares > 262144)
        shares = 262144;
    return 1 + (shares - 2) * 9999 / 262142;
}

/* [10, 1000] onto [1, 10000]. */
uint64_t cgroup_io_weight_from_blkio(uint64_t weight)
{
    if (weight < 10)
        weight = 10;
    if (weight > 1000)
        weight = 1000;
    return 1 + (weight - 10) * 9999 / 990;
}

int cgroup_swap_from_total(char *value, int64_t total, bool limit_set, int64_t limit, struct err *err)
{
    if (total < 0) {
        strcpy(value, "max");
        return 0;
    }
    if (!limit_set || limit < 0)
        return err_set(err, -EINVAL,
                       "linux.resources.memory.swap: %lld is memory and swap together, which needs a memory limit on "
                       "cgroup v2; give linux.resources.memory.limit too",
                       (long long)total);
    if (total < limit)
        return err_set(err, -EINVAL,
                       "linux.resources.memory.swap: %lld is memory and swap together, so it cannot be below "
                       "linux.resources.memory.limit %lld; raise it",
                       (long long)total, (long long)limit);
    snprintf(value, 64, "%lld", (long long)(total - limit));
    return 0;
}

/* ---- what v2 has no word for --------------------------------------------------------------------------------- */

static int refuse(struct err *err, const char *field, const char *remedy)
{
    return err_set(err, -EOPNOTSUPP, "%s: cgroup v2 has nothing like it; %s", field, remedy);
}

static int blkio_check(const struct resources *r, struct err *err)
{
    if (r->blkio.leaf_weight.set && r->blkio.leaf_weight.v)
        return refuse(err, "linux.resources.blockIO.leafWeight", "leave it out");
    for (uint32_t i = 0; i < r->blkio.n_weight_devices; i++)
        if (r->blkio.weight_devices[i].leaf_weight.set && r->blkio.weight_devices[i].leaf_weight.v)
            return refuse(err, "linux.resources.blockIO.weightDevice.leafWeight", "leave it out");
    return 0;
}

static int memory_check(const struct resources *r, struct err *err)
{
    if (r->memory.kernel.set && r->memory.kernel.v > 0)
        return refuse(err, "linux.resources.memory.kernel", "memory.limit covers kernel memory there: leave it out");
    if (r->memory.kernel_tcp.set && r->memory.kernel_tcp.v > 0)
        return refuse(err, "linux.resources.memory.kernelTCP", "memory.limit covers TCP buffers there: leave it out");
    if (r->memory.swappiness.set)
        return refuse(err, "linux.resources.memory.swappiness", "limit memory.swap instead or leave it out");
    if (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v)
        return refuse(err, "linux.resources.memory.disableOOMKiller", "leave it out or say false");
    if (r->memory.use_hierarchy.set && !r->memory.use_hierarchy.v)
        return refuse(err, "linux.resources.memory.useHierarchy", "leave it out or say true");
    return 0;
}

int cgroup_v2_check(const struct resources *r, uint32_t mask, struct err *err)
{
    if (r->cpu.realtime_period.set && r->cpu.realtime_period.v && (mask & CGROUP_BIT(CG_CPU)))
        return refuse(err, "linux.resources.cpu.realtimePeriod", "leave it out");
    if (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v && (mask & CGROUP_BIT(CG_CPU)))
        return refuse(err, "linux.resources.cpu.realtimeRuntime", "leave it out");
    int rc = (mask & CGROUP_BIT(CG_MEMORY)) ? memory_check(r, err) : 0;
    if (rc == 0 && (mask & CGROUP_BIT(CG_BLKIO)))
        rc = blkio_check(r, err);
    return rc < 0 ? rc : cgroup_names_check(r, mask, err);
}

/* ---- one function a controller ------------------------------------------------------------------------------- */

/* An update may give memory+swap alone: it is then measured against the limit that stands. */
static int swap_value(const struct cgroup_target *t, const struct resources *r, char *value, struct err *err)
{
    uint64_t now;
    bool set = r->memory.limit.set && r->memory.limit.v;
    int64_t limit = r->memory.limit.v;

    if (!set && t->update && cgroup_file_number(t->cg->dir_fds[t->h], "memory.max", &now) && now <= INT64_MAX) {
        set = true;
        limit = (int64_t)now;
    }
    return cgroup_swap_from_total(value, r->memory.swap.v, set, limit, err);
}

static int swap_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    static const char field[] = "linux.resources.memory.swap";
    char value[64];

    if (!r->memory.swap.set || !r->memory.swap.v)
        return 0;
    int rc = swap_value(t, r, value, err);
    if (rc < 0)
        return rc;
    rc = io_write_at(t->cg->dir_fds[t->h], "memory.swap.max", value);
    if (rc == 0)
        return 0;
    if (rc != -ENOENT)
        return cgroup_file_error(t, rc, field, "memory.swap.max", value, err);
    /* No swap accounting: "max" limits nothing, and "0" is the default of callers who cannot know of it. */
    if (strcmp(value, "max") == 0 || strcmp(value, "0") == 0)
        return 0;
    return err_set(err, -ENOENT,
                   "%s: this kernel does not account for swap, so %lld cannot be kept; boot it with swapaccount=1 or "
                   "leave the item out",
                   field, (long long)r->memory.swap.v);
}

static int memory_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    int rc = cgroup_memory_check_use(t, r, "memory.current", err);

    /* Swap first: its arithmetic may refuse, and then the limit that stands must not have changed. */
    if (rc == 0)
        rc = swap_apply(t, r, err);
    if (rc == 0 && r->memory.limit.set && r->memory.limit.v)
        rc = cgroup_file_write_i64(t, "linux.resources.memory.limit", "memory.max", r->memory.limit.v, "max", err);
    if (rc == 0 && r->memory.reservation.set && r->memory.reservation.v)
        rc = cgroup_file_write_i64(t, "linux.resources.memory.reservation", "memory.low", r->memory.reservation.v,
                                   "max", err);
    return rc;
}

/* "quota period" of cpu.max. One given alone keeps the other: a lone quota by the kernel's rule, a lone period by
 * reading the quota that stands. */
static void cpu_max_value(const struct cgroup_target *t, const struct resources *r, char *value, size_t size)
{
    char quota[32] = "max", now[64];
    bool quota_set = r->cpu.quota.set && r->cpu.quota.v;

    if (quota_set && r->cpu.quota.v > 0)
        snprintf(quota, sizeof quota, "%lld", (long long)r->cpu.quota.v);
    if (!quota_set && t->update && io_read_small(t->cg->dir_fds[t->h], "cpu.max", now, sizeof now) > 0)
        snprintf(quota, sizeof quota, "%.*s", (int)strcspn(now, " \n"), now);
    if (r->cpu.period.set && r->cpu.period.v)
        snprintf(value, size, "%s %llu", quota, (unsigned long long)r->cpu.period.v);
    else
        snprintf(value, size, "%s", quota);
}

static int cpu_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    struct cgroup_write w[CGROUP_WRITES_MAX];
    bool idle = r->cpu.idle.set && r->cpu.idle.v == 1;
    bool quota = r->cpu.quota.set && r->cpu.quota.v;
    uint32_t n = 0;
    int rc = 0;

    if (r->cpu.idle.set)
        rc = cgroup_file_write_i64(t, "linux.resources.cpu.idle", "cpu.idle", r->cpu.idle.v, "-1", err);
    /* An idle group has the least weight of all; the kernel refuses another figure beside it. */
    if (rc == 0 && r->cpu.shares.set && r->cpu.shares.v && !idle)
        rc = cgroup_file_write_u64(t, "linux.resources.cpu.shares", "cpu.weight",
                                   cgroup_weight_from_shares(r->cpu.shares.v), err);
    if (rc < 0)
        return rc;
    if (quota || (r->cpu.period.set && r->cpu.period.v)) {
        w[n] = (struct cgroup_write){quota ? "linux.resources.cpu.quota" : "linux.resources.cpu.period", "cpu.max", ""};
        cpu_max_value(t, r, w[n].value, sizeof w[n].value);
        n++;
    }
    if (r->cpu.burst.set) {
        w[n] = (struct cgroup_write){"linux.resources.cpu.burst", "cpu.max.burst", ""};
        snprintf(w[n].value, sizeof w[n].value, "%llu", (unsigned long long)r->cpu.burst.v);
        n++;
    }
    return cgroup_writes_do(t, w, n, err);
}

static int cpuset_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    int rc = 0;

    if (r->cpu.cpus && r->cpu.cpus[0])
        rc = cgroup_file_write(t, "linux.resources.cpu.cpus", "cpuset.cpus", r->cpu.cpus, err);
    if (rc == 0 && r->cpu.mems && r->cpu.mems[0])
        rc = cgroup_file_write(t, "linux.resources.cpu.mems", "cpuset.mems", r->cpu.mems, err);
    return rc;
}

static int pids_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    /* A unified "pids.*" key may be what asked for the controller. */
    return r->pids.set ? cgroup_file_write_i64(t, "linux.resources.pids.limit", "pids.max", r->pids.v, "max", err) : 0;
}

static int io_weights(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    bool asked = (r->blkio.weight.set && r->blkio.weight.v) || r->blkio.n_weight_devices;
    bool bfq = asked && cgroup_file_exists(t, "io.bfq.weight");
    const char *file = bfq ? "io.bfq.weight" : "io.weight";
    int rc = 0;

    if (r->blkio.weight.set && r->blkio.weight.v)
        rc = cgroup_file_write_u64(t, "linux.resources.blockIO.weight", file,
                                   bfq ? r->blkio.weight.v : cgroup_io_weight_from_blkio(r->blkio.weight.v), err);
    for (uint32_t i = 0; rc == 0 && i < r->blkio.n_weight_devices; i++) {
        const struct blkio_device *d = &r->blkio.weight_devices[i];
        char text[64];
        if (!d->weight.set || !d->weight.v)
            continue;
        snprintf(text, sizeof text, "%u:%u %llu", d->major, d->minor,
                 (unsigned long long)(bfq ? d->weight.v : cgroup_io_weight_from_blkio(d->weight.v)));
        rc = cgroup_file_write(t, "linux.resources.blockIO.weightDevice", file, text, err);
    }
    return rc;
}

static int io_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    const struct {
        const char *field, *key;
        const struct throttle_device *v;
        uint32_t n;
    } rows[] = {
        {"linux.resources.blockIO.throttleReadBpsDevice", "rbps", r->blkio.read_bps, r->blkio.n_read_bps},
        {"linux.resources.blockIO.throttleWriteBpsDevice", "wbps", r->blkio.write_bps, r->blkio.n_write_bps},
        {"linux.resources.blockIO.throttleReadIOPSDevice", "riops", r->blkio.read_iops, r->blkio.n_read_iops},
        {"linux.resources.blockIO.throttleWriteIOPSDevice", "wiops", r->blkio.write_iops, r->blkio.n_write_iops},
    };
    int rc = io_weights(t, r, err);

    for (size_t k = 0; rc == 0 && k < ARRAY_LEN(rows); k++)
        for (uint32_t i = 0; rc == 0 && i < rows[k].n; i++) {
            const struct throttle_device *d = &rows[k].v[i];
            char text[96], rate[32];
            snprintf(rate, sizeof rate, "%llu", (unsigned long long)d->rate);
            /* On v1 a rate of 0 takes the limit away. */
            snprintf(text, sizeof text, "%u:%u %s=%s", d->major, d->minor, rows[k].key, d->rate ? rate : "max");
            rc = cgroup_file_write(t, rows[k].field, "io.max", text, err);
        }
    return rc;
}

static int hugetlb_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    static const char field[] = "linux.resources.hugepageLimits";
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_hugepages; i++) {
        char file[96];
        snprintf(file, sizeof file, "hugetlb.%.32s.rsvd.max", r->hugepages[i].page_size);
        if (cgroup_file_exists(t, file))
            rc = cgroup_file_write_u64(t, field, file, r->hugepages[i].limit, err);
        snprintf(file, sizeof file, "hugetlb.%.32s.max", r->hugepages[i].page_size);
        if (rc == 0)
            rc = cgroup_file_write_u64(t, field, file, r->hugepages[i].limit, err);
    }
    return rc;
}

/* ---- unified ------------------------------------------------------------------------------------------------- */

int cgroup_unified_check(const struct resources *r, struct err *err)
{
    for (uint32_t i = 0; i < r->n_unified; i++) {
        const char *key = r->unified[i].key;
        if (!key[0] || strchr(key, '/') || strcmp(key, ".") == 0 || strcmp(key, "..") == 0 || strlen(key) > 255)
            return err_set(err, -EINVAL,
                           "linux.resources.unified: key \"%.300s\" is no plain file name; give one as \"memory.high\"",
                           key);
    }
    return 0;
}

/* The kernel takes one line a write, so a value of several lines is several writes. */
static int unified_write(const struct cgroup_target *t, const char *key, const char *value, struct err *err)
{
    char field[320], line[1024];

    snprintf(field, sizeof field, "linux.resources.unified.%s", key);
    while (*value) {
        size_t n = strcspn(value, "\n");
        if (n >= sizeof line)
            return err_set(err, -E2BIG, "%s: a line of %zu bytes is too long; %zu is the most", field, n,
                           sizeof line - 1);
        memcpy(line, value, n);
        line[n] = 0;
        int rc = n ? cgroup_file_write(t, field, key, line, err) : 0;
        if (rc < 0)
            return rc;
        value += n;
        value += *value == '\n';
    }
    return 0;
}

int cgroup_unified_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    struct cgroup_target at = *t;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_unified; i++) {
        at.c = cgroup_controller_find(r->unified[i].key, strcspn(r->unified[i].key, "."));
        rc = unified_write(&at, r->unified[i].key, r->unified[i].value, err);
    }
    return rc;
}

/* One row a controller. */
static const struct {
    enum cgroup_controller c;
    int (*apply)(const struct cgroup_target *t, const struct resources *r, struct err *err);
} v2_rows[] = {
    {CG_DEVICES, cgroup_devices_apply}, {CG_MEMORY, memory_apply},    {CG_CPU, cpu_apply},
    {CG_CPUSET, cpuset_apply},          {CG_PIDS, pids_apply},        {CG_BLKIO, io_apply},
    {CG_HUGETLB, hugetlb_apply},        {CG_RDMA, cgroup_rdma_apply},
};

int cgroup_v2_apply(const struct cgroup_target *t, const struct resources *r, uint32_t mask, struct err *err)
{
    struct cgroup_target at = *t;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(v2_rows); i++) {
        at.c = v2_rows[i].c;
        if (mask & CGROUP_BIT(at.c))
            rc = v2_rows[i].apply(&at, r, err);
    }
    return rc;
}

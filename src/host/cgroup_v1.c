/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits in the words of cgroup v1. One function a controller, in the order of the OCI runtime specification
 * (config-linux, "Control groups"); the files are those of the kernel's admin-guide/cgroup-v1. The figures come from
 * the policy and are trusted in form; whether they hold is the kernel's answer, which is passed on by the item's name.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "-1" and no swap accounting: there is nothing to limit. Equal to the limit means no swap at all; that is the default
 * of callers, who cannot know whether the host accounts for swap. */
static bool swap_may_be_absent(const struct resources *r)
{
    return r->memory.swap.v < 0 || (r->memory.limit.set && r->memory.swap.v == r->memory.limit.v);
}

static void write_set_i64(struct cgroup_write *w, const char *field, const char *file, int64_t v)
{
    w->field = field;
    w->file = file;
    snprintf(w->value, sizeof w->value, "%lld", (long long)v);
}

/* limit <= memory+swap must hold at each moment: the kernel's -EINVAL tells which of the two goes first. */
static int memory_limits(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    static const char swap_file[] = "memory.memsw.limit_in_bytes";
    static const char swap_field[] = "linux.resources.memory.swap";
    struct cgroup_write w[2];
    bool limit = r->memory.limit.set && r->memory.limit.v;
    bool swap = r->memory.swap.set && r->memory.swap.v;
    bool lift = limit && !swap && r->memory.limit.v < 0; /* no limit of memory leaves none of memory+swap */
    uint32_t n = 0;

    if ((swap || lift) && !cgroup_file_exists(t, swap_file)) {
        if (swap && !swap_may_be_absent(r))
            return err_set(
                err, -ENOENT,
                "%s: this kernel does not account for swap, so %lld cannot be kept; boot it with swapaccount=1 "
                "or leave the item out",
                swap_field, (long long)r->memory.swap.v);
        swap = lift = false;
    }
    if (limit)
        write_set_i64(&w[n++], "linux.resources.memory.limit", "memory.limit_in_bytes",
                      r->memory.limit.v < 0 ? -1 : r->memory.limit.v);
    if (swap || lift)
        write_set_i64(&w[n++], swap_field, swap_file, lift || r->memory.swap.v < 0 ? -1 : r->memory.swap.v);
    return cgroup_writes_do(t, w, n, err);
}

static int memory_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    int rc = cgroup_memory_check_use(t, r, "memory.usage_in_bytes", err);

    if (rc == 0 && r->memory.use_hierarchy.set)
        rc = cgroup_file_write(t, "linux.resources.memory.useHierarchy", "memory.use_hierarchy",
                               r->memory.use_hierarchy.v ? "1" : "0", err);
    if (rc == 0)
        rc = memory_limits(t, r, err);
    if (rc == 0 && r->memory.reservation.set && r->memory.reservation.v)
        rc = cgroup_file_write_i64(t, "linux.resources.memory.reservation", "memory.soft_limit_in_bytes",
                                   r->memory.reservation.v, "-1", err);
    if (rc == 0 && r->memory.kernel.set && r->memory.kernel.v)
        rc = cgroup_file_write_i64(t, "linux.resources.memory.kernel", "memory.kmem.limit_in_bytes", r->memory.kernel.v,
                                   "-1", err);
    if (rc == 0 && r->memory.kernel_tcp.set && r->memory.kernel_tcp.v)
        rc = cgroup_file_write_i64(t, "linux.resources.memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes",
                                   r->memory.kernel_tcp.v, "-1", err);
    if (rc == 0 && r->memory.swappiness.set)
        rc = cgroup_file_write_u64(t, "linux.resources.memory.swappiness", "memory.swappiness", r->memory.swappiness.v,
                                   err);
    if (rc == 0 && r->memory.disable_oom_killer.set && (r->memory.disable_oom_killer.v || t->update))
        rc = cgroup_file_write(t, "linux.resources.memory.disableOOMKiller", "memory.oom_control",
                               r->memory.disable_oom_killer.v ? "1" : "0", err);
    return rc;
}

static int cpu_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    struct cgroup_write w[CGROUP_WRITES_MAX];
    bool idle = r->cpu.idle.set && r->cpu.idle.v == 1;
    uint32_t n = 0;
    int rc = 0;

    if (r->cpu.idle.set)
        rc = cgroup_file_write_i64(t, "linux.resources.cpu.idle", "cpu.idle", r->cpu.idle.v, "-1", err);
    /* An idle group has the least weight of all; the kernel refuses another figure beside it. */
    if (rc == 0 && r->cpu.shares.set && r->cpu.shares.v && !idle)
        rc = cgroup_file_write_u64(t, "linux.resources.cpu.shares", "cpu.shares", r->cpu.shares.v, err);
    if (rc < 0)
        return rc;
    if (r->cpu.period.set && r->cpu.period.v)
        write_set_i64(&w[n++], "linux.resources.cpu.period", "cpu.cfs_period_us", (int64_t)r->cpu.period.v);
    if (r->cpu.quota.set && r->cpu.quota.v)
        write_set_i64(&w[n++], "linux.resources.cpu.quota", "cpu.cfs_quota_us",
                      r->cpu.quota.v < 0 ? -1 : r->cpu.quota.v);
    if (r->cpu.burst.set)
        write_set_i64(&w[n++], "linux.resources.cpu.burst", "cpu.cfs_burst_us", (int64_t)r->cpu.burst.v);
    rc = cgroup_writes_do(t, w, n, err);
    if (rc < 0)
        return rc;
    n = 0;
    if (r->cpu.realtime_period.set && r->cpu.realtime_period.v)
        write_set_i64(&w[n++], "linux.resources.cpu.realtimePeriod", "cpu.rt_period_us",
                      (int64_t)r->cpu.realtime_period.v);
    if (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v)
        write_set_i64(&w[n++], "linux.resources.cpu.realtimeRuntime", "cpu.rt_runtime_us", r->cpu.realtime_runtime.v);
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

static int blkio_device_write(const struct cgroup_target *t, const char *field, const char *file, uint32_t major,
                              uint32_t minor, uint64_t v, struct err *err)
{
    char text[64];

    snprintf(text, sizeof text, "%u:%u %llu", major, minor, (unsigned long long)v);
    return cgroup_file_write(t, field, file, text, err);
}

/* The weight files carry the name of the scheduler that honours them. */
static const char *blkio_file(const struct cgroup_target *t, const char *plain, const char *bfq)
{
    return !cgroup_file_exists(t, plain) && cgroup_file_exists(t, bfq) ? bfq : plain;
}

static int blkio_weights(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    static const char field[] = "linux.resources.blockIO.weightDevice";
    const char *file = NULL;
    int rc = 0;

    if (r->blkio.weight.set && r->blkio.weight.v)
        rc = cgroup_file_write_u64(t, "linux.resources.blockIO.weight",
                                   blkio_file(t, "blkio.weight", "blkio.bfq.weight"), r->blkio.weight.v, err);
    if (rc == 0 && r->blkio.leaf_weight.set && r->blkio.leaf_weight.v)
        rc = cgroup_file_write_u64(t, "linux.resources.blockIO.leafWeight", "blkio.leaf_weight", r->blkio.leaf_weight.v,
                                   err);
    if (r->blkio.n_weight_devices)
        file = blkio_file(t, "blkio.weight_device", "blkio.bfq.weight_device");
    for (uint32_t i = 0; rc == 0 && i < r->blkio.n_weight_devices; i++) {
        const struct blkio_device *d = &r->blkio.weight_devices[i];
        if (d->weight.set && d->weight.v)
            rc = blkio_device_write(t, field, file, d->major, d->minor, d->weight.v, err);
        if (rc == 0 && d->leaf_weight.set && d->leaf_weight.v)
            rc = blkio_device_write(t, field, "blkio.leaf_weight_device", d->major, d->minor, d->leaf_weight.v, err);
    }
    return rc;
}

static int blkio_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    const struct {
        const char *field, *file;
        const struct throttle_device *v;
        uint32_t n;
    } rows[] = {
        {"linux.resources.blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", r->blkio.read_bps,
         r->blkio.n_read_bps},
        {"linux.resources.blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", r->blkio.write_bps,
         r->blkio.n_write_bps},
        {"linux.resources.blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", r->blkio.read_iops,
         r->blkio.n_read_iops},
        {"linux.resources.blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", r->blkio.write_iops,
         r->blkio.n_write_iops},
    };
    int rc = blkio_weights(t, r, err);

    for (size_t k = 0; rc == 0 && k < ARRAY_LEN(rows); k++)
        for (uint32_t i = 0; rc == 0 && i < rows[k].n; i++)
            rc = blkio_device_write(t, rows[k].field, rows[k].file, rows[k].v[i].major, rows[k].v[i].minor,
                                    rows[k].v[i].rate, err);
    return rc;
}

/* Reservations are limited as well where the kernel counts them: refused at mmap(2) instead of SIGBUS at the touch. */
static int hugetlb_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    static const char field[] = "linux.resources.hugepageLimits";
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_hugepages; i++) {
        char file[96];
        snprintf(file, sizeof file, "hugetlb.%.32s.rsvd.limit_in_bytes", r->hugepages[i].page_size);
        if (cgroup_file_exists(t, file))
            rc = cgroup_file_write_u64(t, field, file, r->hugepages[i].limit, err);
        snprintf(file, sizeof file, "hugetlb.%.32s.limit_in_bytes", r->hugepages[i].page_size);
        if (rc == 0)
            rc = cgroup_file_write_u64(t, field, file, r->hugepages[i].limit, err);
    }
    return rc;
}

static int net_cls_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    if (!r->net_class_id.set || !r->net_class_id.v)
        return 0;
    return cgroup_file_write_u64(t, "linux.resources.network.classID", "net_cls.classid", r->net_class_id.v, err);
}

static int net_prio_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_net_priorities; i++) {
        char text[64];
        snprintf(text, sizeof text, "%.16s %u", r->net_priorities[i].name, r->net_priorities[i].priority);
        rc = cgroup_file_write(t, "linux.resources.network.priorities", "net_prio.ifpriomap", text, err);
    }
    return rc;
}

int cgroup_rdma_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->n_rdma; i++) {
        const struct rdma_limit *d = &r->rdma[i];
        char text[192];
        int n = snprintf(text, sizeof text, "%.64s", d->device);
        if (d->handles.set)
            n += snprintf(text + n, sizeof text - (size_t)n, " hca_handle=%llu", (unsigned long long)d->handles.v);
        if (d->objects.set)
            snprintf(text + n, sizeof text - (size_t)n, " hca_object=%llu", (unsigned long long)d->objects.v);
        rc = cgroup_file_write(t, "linux.resources.rdma", "rdma.max", text, err);
    }
    return rc;
}

int cgroup_names_check(const struct resources *r, uint32_t mask, struct err *err)
{
    for (uint32_t i = 0; (mask & CGROUP_BIT(CG_HUGETLB)) && i < r->n_hugepages; i++) {
        const char *s = r->hugepages[i].page_size;
        if (!s || !*s || strlen(s) > 32 || strchr(s, '/'))
            return err_set(err, -EINVAL,
                           "linux.resources.hugepageLimits: page size \"%s\" is none; give one as \"2MB\"", s ? s : "");
    }
    for (uint32_t i = 0; (mask & CGROUP_BIT(CG_NET_PRIO)) && i < r->n_net_priorities; i++) {
        const char *s = r->net_priorities[i].name;
        if (!s || !*s || strlen(s) > 15 || strpbrk(s, " \n/"))
            return err_set(err, -EINVAL,
                           "linux.resources.network.priorities: \"%s\" is no interface name; give one as \"eth0\"",
                           s ? s : "");
    }
    for (uint32_t i = 0; (mask & CGROUP_BIT(CG_RDMA)) && i < r->n_rdma; i++) {
        const char *s = r->rdma[i].device;
        if (!s || !*s || strlen(s) > 64 || strpbrk(s, " \n"))
            return err_set(err, -EINVAL, "linux.resources.rdma: \"%s\" is no device name; give one as \"mlx5_1\"",
                           s ? s : "");
    }
    return 0;
}

int cgroup_v1_check(const struct resources *r, uint32_t mask, struct err *err)
{
    return cgroup_names_check(r, mask, err);
}

/* One row a controller. */
static const struct {
    enum cgroup_controller c;
    int (*apply)(const struct cgroup_target *t, const struct resources *r, struct err *err);
} v1_rows[] = {
    {CG_DEVICES, cgroup_devices_apply}, {CG_MEMORY, memory_apply},   {CG_CPU, cpu_apply},
    {CG_CPUSET, cpuset_apply},          {CG_PIDS, pids_apply},       {CG_BLKIO, blkio_apply},
    {CG_HUGETLB, hugetlb_apply},        {CG_NET_CLS, net_cls_apply}, {CG_NET_PRIO, net_prio_apply},
    {CG_RDMA, cgroup_rdma_apply},
};

int cgroup_v1_apply(const struct cgroup_target *t, const struct resources *r, uint32_t mask, struct err *err)
{
    struct cgroup_target at = *t;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(v1_rows); i++) {
        at.c = v1_rows[i].c;
        if (mask & CGROUP_BIT(at.c))
            rc = v1_rows[i].apply(&at, r, err);
    }
    return rc;
}

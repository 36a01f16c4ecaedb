/* SPDX-License-Identifier: Apache-2.0 */
/* The way back of oci_read_resources.c. Touches the writer only. */
#include "policy/oci.h"

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

static void put_devices(const struct resources *r, struct json_writer *w)
{
    if (!r->n_devices)
        return;
    json_array_begin(w, "devices");
    for (uint32_t i = 0; i < r->n_devices; i++) {
        const struct device_access *d = &r->devices[i];
        char type[2] = {d->type, 0}, access[4];
        size_t n = 0;
        json_object_begin(w, NULL);
        json_bool(w, "allow", d->allow);
        if (d->type != 'a')
            json_string(w, "type", type);
        if (d->major >= 0)
            json_int(w, "major", d->major);
        if (d->minor >= 0)
            json_int(w, "minor", d->minor);
        if (d->read)
            access[n++] = 'r';
        if (d->write)
            access[n++] = 'w';
        if (d->mknod)
            access[n++] = 'm';
        access[n] = 0;
        json_string(w, "access", access);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_memory(const struct resources *r, struct json_writer *w)
{
    if (!r->memory.limit.set && !r->memory.reservation.set && !r->memory.swap.set && !r->memory.kernel.set &&
        !r->memory.kernel_tcp.set && !r->memory.swappiness.set && !r->memory.disable_oom_killer.set &&
        !r->memory.use_hierarchy.set && !r->memory.check_before_update.set)
        return;
    json_object_begin(w, "memory");
    put_i64(w, "limit", r->memory.limit);
    put_i64(w, "reservation", r->memory.reservation);
    put_i64(w, "swap", r->memory.swap);
    put_i64(w, "kernel", r->memory.kernel);
    put_i64(w, "kernelTCP", r->memory.kernel_tcp);
    put_u64(w, "swappiness", r->memory.swappiness);
    if (r->memory.disable_oom_killer.set)
        json_bool(w, "disableOOMKiller", r->memory.disable_oom_killer.v);
    if (r->memory.use_hierarchy.set)
        json_bool(w, "useHierarchy", r->memory.use_hierarchy.v);
    if (r->memory.check_before_update.set)
        json_bool(w, "checkBeforeUpdate", r->memory.check_before_update.v);
    json_object_end(w);
}

static void put_cpu(const struct resources *r, struct json_writer *w)
{
    if (!r->cpu.shares.set && !r->cpu.quota.set && !r->cpu.burst.set && !r->cpu.period.set &&
        !r->cpu.realtime_runtime.set && !r->cpu.realtime_period.set && !r->cpu.idle.set && !r->cpu.cpus && !r->cpu.mems)
        return;
    json_object_begin(w, "cpu");
    put_u64(w, "shares", r->cpu.shares);
    put_i64(w, "quota", r->cpu.quota);
    put_u64(w, "burst", r->cpu.burst);
    put_u64(w, "period", r->cpu.period);
    put_i64(w, "realtimeRuntime", r->cpu.realtime_runtime);
    put_u64(w, "realtimePeriod", r->cpu.realtime_period);
    put_i64(w, "idle", r->cpu.idle);
    if (r->cpu.cpus)
        json_string(w, "cpus", r->cpu.cpus);
    if (r->cpu.mems)
        json_string(w, "mems", r->cpu.mems);
    json_object_end(w);
}

static void put_throttle(const struct throttle_device *v, uint32_t n, struct json_writer *w, const char *key)
{
    if (!n)
        return;
    json_array_begin(w, key);
    for (uint32_t i = 0; i < n; i++) {
        json_object_begin(w, NULL);
        json_uint(w, "major", v[i].major);
        json_uint(w, "minor", v[i].minor);
        json_uint(w, "rate", v[i].rate);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_weights(const struct resources *r, struct json_writer *w)
{
    if (!r->blkio.n_weight_devices)
        return;
    json_array_begin(w, "weightDevice");
    for (uint32_t i = 0; i < r->blkio.n_weight_devices; i++) {
        const struct blkio_device *d = &r->blkio.weight_devices[i];
        json_object_begin(w, NULL);
        json_uint(w, "major", d->major);
        json_uint(w, "minor", d->minor);
        put_u64(w, "weight", d->weight);
        put_u64(w, "leafWeight", d->leaf_weight);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_block_io(const struct resources *r, struct json_writer *w)
{
    if (!r->blkio.weight.set && !r->blkio.leaf_weight.set && !r->blkio.n_weight_devices && !r->blkio.n_read_bps &&
        !r->blkio.n_write_bps && !r->blkio.n_read_iops && !r->blkio.n_write_iops)
        return;
    json_object_begin(w, "blockIO");
    put_u64(w, "weight", r->blkio.weight);
    put_u64(w, "leafWeight", r->blkio.leaf_weight);
    put_weights(r, w);
    put_throttle(r->blkio.read_bps, r->blkio.n_read_bps, w, "throttleReadBpsDevice");
    put_throttle(r->blkio.write_bps, r->blkio.n_write_bps, w, "throttleWriteBpsDevice");
    put_throttle(r->blkio.read_iops, r->blkio.n_read_iops, w, "throttleReadIOPSDevice");
    put_throttle(r->blkio.write_iops, r->blkio.n_write_iops, w, "throttleWriteIOPSDevice");
    json_object_end(w);
}

static void put_hugepages(const struct resources *r, struct json_writer *w)
{
    if (!r->n_hugepages)
        return;
    json_array_begin(w, "hugepageLimits");
    for (uint32_t i = 0; i < r->n_hugepages; i++) {
        json_object_begin(w, NULL);
        json_string(w, "pageSize", r->hugepages[i].page_size);
        json_uint(w, "limit", r->hugepages[i].limit);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_network(const struct resources *r, struct json_writer *w)
{
    if (!r->net_class_id.set && !r->n_net_priorities)
        return;
    json_object_begin(w, "network");
    put_u64(w, "classID", r->net_class_id);
    if (r->n_net_priorities) {
        json_array_begin(w, "priorities");
        for (uint32_t i = 0; i < r->n_net_priorities; i++) {
            json_object_begin(w, NULL);
            json_string(w, "name", r->net_priorities[i].name);
            json_uint(w, "priority", r->net_priorities[i].priority);
            json_object_end(w);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_rdma(const struct resources *r, struct json_writer *w)
{
    if (!r->n_rdma)
        return;
    json_object_begin(w, "rdma");
    for (uint32_t i = 0; i < r->n_rdma; i++) {
        json_object_begin(w, r->rdma[i].device);
        put_u64(w, "hcaHandles", r->rdma[i].handles);
        put_u64(w, "hcaObjects", r->rdma[i].objects);
        json_object_end(w);
    }
    json_object_end(w);
}

void oci_write_resources(const struct resources *r, struct json_writer *w, const char *key)
{
    json_object_begin(w, key);
    put_devices(r, w);
    put_memory(r, w);
    put_cpu(r, w);
    if (r->pids.set) {
        json_object_begin(w, "pids");
        json_int(w, "limit", r->pids.v);
        json_object_end(w);
    }
    put_block_io(r, w);
    put_hugepages(r, w);
    put_network(r, w);
    put_rdma(r, w);
    if (r->n_unified) {
        json_object_begin(w, "unified");
        for (uint32_t i = 0; i < r->n_unified; i++)
            json_string(w, r->unified[i].key, r->unified[i].value);
        json_object_end(w);
    }
    json_object_end(w);
}

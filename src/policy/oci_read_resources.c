/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `linux.resources` object of an OCI document (config-linux.md, "Control groups"). Pure.
 *
 * A limit of 0 counts as absent where 0 would be no limit a program could live under (memory, CPU time, weights):
 * engines written in Go send their zero values there, and every runtime before this one has read them so.
 */
#include "policy/oci.h"

#include <errno.h>
#include <string.h>

static int number_i64(struct oci_reader *r, const struct json *o, const char *name, struct opt_i64 *out)
{
    struct opt_i64 v = {0};
    int code = oci_i64(r, o, name, 0, -1, INT64_MAX, &v);

    if (code == 0 && v.set && v.v != 0)
        *out = v;
    return code;
}

static int number_u64(struct oci_reader *r, const struct json *o, const char *name, uint64_t max, struct opt_u64 *out)
{
    struct opt_u64 v = {0};
    int code = oci_u64(r, o, name, 0, max, &v);

    if (code == 0 && v.set && v.v != 0)
        *out = v;
    return code;
}

/* The optional booleans of policy.h have an unnamed type each, so they are passed in halves. */
static int tri_state(struct oci_reader *r, const struct json *o, const char *name, bool *set, bool *v)
{
    int code = oci_bool(r, o, name, v);

    if (code == 0 && json_get(o, name))
        *set = true;
    return code;
}

static int read_access_letters(struct oci_reader *r, const struct json *o, struct device_access *d)
{
    const char *access = NULL;
    int code = oci_string(r, o, "access", OCI_EMPTY_IS_NONE, &access);

    if (code < 0)
        return code;
    if (!access) {
        if (d->allow)
            return oci_fail(r, "access", "is required where allow is true: some of r, w, m");
        access = "rwm"; /* a refusal without letters can only mean all of them */
    }
    for (const char *p = access; *p; p++) {
        if (*p == 'r')
            d->read = true;
        else if (*p == 'w')
            d->write = true;
        else if (*p == 'm')
            d->mknod = true;
        else
            return oci_fail(r, "access", "unknown letter '%c' in \"%.32s\"; known are r, w, m", *p, access);
    }
    return 0;
}

static int read_device_access(struct oci_reader *r, const struct json *o, struct device_access *d)
{
    const char *type = "a";
    struct opt_i64 major = {.v = -1}, minor = {.v = -1};
    int code;

    if (!json_get(o, "allow"))
        return oci_fail(r, "allow", "is required");
    if ((code = oci_bool(r, o, "allow", &d->allow)) < 0 ||
        (code = oci_string(r, o, "type", OCI_EMPTY_IS_NONE, &type)) < 0 ||
        (code = oci_i64(r, o, "major", 0, -1, 0xfff, &major)) < 0 ||
        (code = oci_i64(r, o, "minor", 0, -1, 0xfffff, &minor)) < 0 || (code = read_access_letters(r, o, d)) < 0)
        return code;
    if (!strchr("abc", type[0]) || type[1])
        return oci_fail(r, "type", "unknown device type \"%.32s\"; known are a, b, c", type);
    d->type = type[0];
    d->major = major.v;
    d->minor = minor.v;
    return 0;
}

static int read_devices(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *list;
    struct device_access *v;
    uint32_t i = 0;
    int code = oci_list(r, o, "devices", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "devices");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_device_access(r, m, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    res->devices = v;
    res->n_devices = i;
    return 0;
}

static int read_memory(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *m;
    int code = oci_child(r, o, "memory", JSON_OBJECT, &m);

    if (code < 0 || !m)
        return code;
    oci_enter(r, "memory");
    if ((code = number_i64(r, m, "limit", &res->memory.limit)) < 0 ||
        (code = number_i64(r, m, "reservation", &res->memory.reservation)) < 0 ||
        (code = number_i64(r, m, "swap", &res->memory.swap)) < 0 ||
        (code = number_i64(r, m, "kernel", &res->memory.kernel)) < 0 ||
        (code = number_i64(r, m, "kernelTCP", &res->memory.kernel_tcp)) < 0 ||
        (code = oci_u64(r, m, "swappiness", 0, 100, &res->memory.swappiness)) < 0 ||
        (code = tri_state(r, m, "disableOOMKiller", &res->memory.disable_oom_killer.set,
                          &res->memory.disable_oom_killer.v)) < 0 ||
        (code = tri_state(r, m, "useHierarchy", &res->memory.use_hierarchy.set, &res->memory.use_hierarchy.v)) < 0 ||
        (code = tri_state(r, m, "checkBeforeUpdate", &res->memory.check_before_update.set,
                          &res->memory.check_before_update.v)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_cpu(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *c;
    int code = oci_child(r, o, "cpu", JSON_OBJECT, &c);

    if (code < 0 || !c)
        return code;
    oci_enter(r, "cpu");
    if ((code = number_u64(r, c, "shares", UINT64_MAX, &res->cpu.shares)) < 0 ||
        (code = number_i64(r, c, "quota", &res->cpu.quota)) < 0 ||
        (code = oci_u64(r, c, "burst", 0, INT64_MAX, &res->cpu.burst)) < 0 ||
        (code = number_u64(r, c, "period", INT64_MAX, &res->cpu.period)) < 0 ||
        (code = number_i64(r, c, "realtimeRuntime", &res->cpu.realtime_runtime)) < 0 ||
        (code = number_u64(r, c, "realtimePeriod", INT64_MAX, &res->cpu.realtime_period)) < 0 ||
        (code = oci_i64(r, c, "idle", 0, 0, 1, &res->cpu.idle)) < 0 ||
        (code = oci_string(r, c, "cpus", OCI_EMPTY_IS_NONE | OCI_NO_NEWLINE, &res->cpu.cpus)) < 0 ||
        (code = oci_string(r, c, "mems", OCI_EMPTY_IS_NONE | OCI_NO_NEWLINE, &res->cpu.mems)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_pids(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *p;
    struct opt_i64 limit = {0};
    int code = oci_child(r, o, "pids", JSON_OBJECT, &p);

    if (code < 0 || !p)
        return code;
    oci_enter(r, "pids");
    if ((code = oci_i64(r, p, "limit", OCI_REQUIRED, -1, INT64_MAX, &limit)) < 0)
        return code;
    oci_leave(r);
    res->pids = (struct opt_i64){.set = true, .v = limit.v > 0 ? limit.v : -1};
    return 0;
}

static int read_device_number(struct oci_reader *r, const struct json *o, uint32_t *major, uint32_t *minor)
{
    int code = oci_u32(r, o, "major", OCI_REQUIRED, 0xfff, major);

    return code < 0 ? code : oci_u32(r, o, "minor", OCI_REQUIRED, 0xfffff, minor);
}

static int read_throttle(struct oci_reader *r, const struct json *o, const char *name, struct throttle_device **out,
                         uint32_t *n)
{
    const struct json *list;
    struct throttle_device *v;
    struct opt_u64 rate;
    uint32_t i = 0;
    int code = oci_list(r, o, name, sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, name);
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_device_number(r, m, &v[i].major, &v[i].minor)) < 0 ||
            (code = oci_u64(r, m, "rate", OCI_REQUIRED, UINT64_MAX, &rate)) < 0)
            return code;
        v[i].rate = rate.v;
        oci_leave(r);
    }
    oci_leave(r);
    *out = v;
    *n = i;
    return 0;
}

static int read_weights(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *list;
    struct blkio_device *v;
    uint32_t i = 0;
    int code = oci_list(r, o, "weightDevice", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "weightDevice");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_device_number(r, m, &v[i].major, &v[i].minor)) < 0 ||
            (code = number_u64(r, m, "weight", UINT16_MAX, &v[i].weight)) < 0 ||
            (code = number_u64(r, m, "leafWeight", UINT16_MAX, &v[i].leaf_weight)) < 0)
            return code;
        if (!v[i].weight.set && !v[i].leaf_weight.set)
            return oci_fail(r, NULL, "needs weight, leafWeight or both");
        oci_leave(r);
    }
    oci_leave(r);
    res->blkio.weight_devices = v;
    res->blkio.n_weight_devices = i;
    return 0;
}

static int read_block_io(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *b;
    int code = oci_child(r, o, "blockIO", JSON_OBJECT, &b);

    if (code < 0 || !b)
        return code;
    oci_enter(r, "blockIO");
    if ((code = number_u64(r, b, "weight", UINT16_MAX, &res->blkio.weight)) < 0 ||
        (code = number_u64(r, b, "leafWeight", UINT16_MAX, &res->blkio.leaf_weight)) < 0 ||
        (code = read_weights(r, b, res)) < 0 ||
        (code = read_throttle(r, b, "throttleReadBpsDevice", &res->blkio.read_bps, &res->blkio.n_read_bps)) < 0 ||
        (code = read_throttle(r, b, "throttleWriteBpsDevice", &res->blkio.write_bps, &res->blkio.n_write_bps)) < 0 ||
        (code = read_throttle(r, b, "throttleReadIOPSDevice", &res->blkio.read_iops, &res->blkio.n_read_iops)) < 0 ||
        (code = read_throttle(r, b, "throttleWriteIOPSDevice", &res->blkio.write_iops, &res->blkio.n_write_iops)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

/* "2MB": a number without leading zero, one of K, M, G, and B. It names a file, so nothing else may pass. */
static bool page_size_ok(const char *s)
{
    size_t digits = strspn(s, "0123456789");

    return digits > 0 && digits < 16 && s[0] != '0' && s[digits] && strchr("KMG", s[digits]) &&
           strcmp(s + digits + 1, "B") == 0;
}

static int read_hugepages(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *list;
    struct hugepage_limit *v;
    struct opt_u64 limit;
    uint32_t i = 0;
    int code = oci_list(r, o, "hugepageLimits", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "hugepageLimits");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = oci_string(r, m, "pageSize", OCI_REQUIRED, &v[i].page_size)) < 0 ||
            (code = oci_u64(r, m, "limit", OCI_REQUIRED, UINT64_MAX, &limit)) < 0)
            return code;
        if (!page_size_ok(v[i].page_size))
            return oci_fail(r, "pageSize", "\"%.64s\" is no page size such as 64KB, 2MB, 1GB", v[i].page_size);
        v[i].limit = limit.v;
        oci_leave(r);
    }
    oci_leave(r);
    res->hugepages = v;
    res->n_hugepages = i;
    return 0;
}

static int read_network(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *net, *list;
    struct net_priority *v;
    uint32_t i = 0;
    int code = oci_child(r, o, "network", JSON_OBJECT, &net);

    if (code < 0 || !net)
        return code;
    oci_enter(r, "network");
    if ((code = oci_u64(r, net, "classID", 0, UINT32_MAX, &res->net_class_id)) < 0 ||
        (code = oci_list(r, net, "priorities", sizeof *v, &list, &v)) < 0)
        return code;
    if (list) {
        oci_enter(r, "priorities");
        for (const struct json *m = list->child; m; m = m->next, i++) {
            oci_enter_item(r, i);
            if ((code = oci_string(r, m, "name", OCI_REQUIRED | OCI_NONEMPTY | OCI_NO_NEWLINE, &v[i].name)) < 0 ||
                (code = oci_u32(r, m, "priority", OCI_REQUIRED, UINT32_MAX, &v[i].priority)) < 0)
                return code;
            oci_leave(r);
        }
        oci_leave(r);
        res->net_priorities = v;
        res->n_net_priorities = i;
    }
    oci_leave(r);
    return 0;
}

static int read_rdma(struct oci_reader *r, const struct json *o, struct resources *res)
{
    const struct json *map;
    struct rdma_limit *v;
    uint32_t i = 0;
    int code = oci_child(r, o, "rdma", JSON_OBJECT, &map);

    if (code < 0 || !map)
        return code;
    v = arena_array(r->a, map->count, sizeof *v);
    if (!v)
        return oci_no_memory(r);
    oci_enter(r, "rdma");
    for (const struct json *m = map->child; m; m = m->next, i++) {
        oci_enter(r, m->key);
        v[i].device = m->key;
        if ((code = oci_expect_object(r, m)) < 0 ||
            (code = oci_u64(r, m, "hcaHandles", 0, UINT32_MAX, &v[i].handles)) < 0 ||
            (code = oci_u64(r, m, "hcaObjects", 0, UINT32_MAX, &v[i].objects)) < 0)
            return code;
        if (!v[i].handles.set && !v[i].objects.set)
            return oci_fail(r, NULL, "needs hcaHandles, hcaObjects or both");
        if (!m->key[0] || strpbrk(m->key, " \n"))
            return oci_fail(r, NULL, "is no device name");
        oci_leave(r);
    }
    oci_leave(r);
    res->rdma = v;
    res->n_rdma = i;
    return 0;
}

static int read_unified(struct oci_reader *r, const struct json *o, struct resources *res)
{
    int code = oci_map(r, o, "unified", &res->unified, &res->n_unified);

    if (code < 0 || !json_get(o, "unified"))
        return code;
    for (uint32_t i = 0; i < res->n_unified; i++) {
        const char *key = res->unified[i].key;
        if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.') {
            oci_enter(r, "unified");
            return oci_fail(r, key, "is no file of a control group such as memory.high");
        }
    }
    return 0;
}

int oci_read_resources(struct oci_reader *r, const struct json *o, struct resources *res)
{
    int code;

    if ((code = read_devices(r, o, res)) < 0 || (code = read_memory(r, o, res)) < 0 ||
        (code = read_cpu(r, o, res)) < 0 || (code = read_pids(r, o, res)) < 0 ||
        (code = read_block_io(r, o, res)) < 0 || (code = read_hugepages(r, o, res)) < 0 ||
        (code = read_network(r, o, res)) < 0 || (code = read_rdma(r, o, res)) < 0)
        return code;
    return read_unified(r, o, res);
}

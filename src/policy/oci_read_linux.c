/* SPDX-License-Identifier: Apache-2.0 */
/* The `linux` object of an OCI document, but for resources and seccomp (config-linux.md). Pure. */
#include "policy/names.h"
#include "policy/oci.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

/* Numbers of set_mempolicy(2); the newest is beyond Debian 12's header. */
const struct oci_word oci_memory_modes[] = {
    {"MPOL_DEFAULT", 0},
    {"MPOL_PREFERRED", 1},
    {"MPOL_BIND", 2},
    {"MPOL_INTERLEAVE", 3},
    {"MPOL_LOCAL", 4},
    {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},
};
const size_t oci_n_memory_modes = ARRAY_LEN(oci_memory_modes);

const struct oci_word oci_memory_flags[] = {
    {"MPOL_F_NUMA_BALANCING", 1 << 13},
    {"MPOL_F_RELATIVE_NODES", 1 << 14},
    {"MPOL_F_STATIC_NODES", 1 << 15},
};
const size_t oci_n_memory_flags = ARRAY_LEN(oci_memory_flags);

const struct oci_word oci_personalities[] = {{"LINUX", 0}, {"LINUX32", 8}};
const size_t oci_n_personalities = ARRAY_LEN(oci_personalities);

static int read_namespace(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const char *type = NULL, *path = NULL;
    int code, kind;

    if ((code = oci_string(r, o, "type", OCI_REQUIRED, &type)) < 0 ||
        (code = oci_string(r, o, "path", OCI_EMPTY_IS_NONE | OCI_ABSOLUTE, &path)) < 0)
        return code;
    kind = ns_from_name(type);
    if (kind < 0)
        return oci_fail(r, "type", "unknown namespace \"%.64s\"", type);
    if (p->ns[kind].how != NS_HOST)
        return oci_fail(r, "type", "%s is given twice; keep one", type);
    p->ns[kind] = (struct ns_rule){.how = path ? NS_JOIN : NS_NEW, .path = path};
    return 0;
}

static int read_namespaces(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *list;
    uint32_t i = 0;
    int code = oci_child(r, o, "namespaces", JSON_ARRAY, &list);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "namespaces");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = oci_expect_object(r, m)) < 0 || (code = read_namespace(r, m, p)) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    return 0;
}

static int read_time_offset(struct oci_reader *r, const struct json *o, const char *clock, struct time_offset *out)
{
    const struct json *t;
    struct opt_i64 secs = {0};
    uint32_t nanosecs = 0;
    int code = oci_child(r, o, clock, JSON_OBJECT, &t);

    if (code < 0 || !t)
        return code;
    oci_enter(r, clock);
    if ((code = oci_i64(r, t, "secs", 0, INT64_MIN, INT64_MAX, &secs)) < 0 ||
        (code = oci_u32(r, t, "nanosecs", 0, 999999999, &nanosecs)) < 0)
        return code;
    oci_leave(r);
    *out = (struct time_offset){.set = true, .secs = secs.v, .nanosecs = nanosecs};
    return 0;
}

static int read_time_offsets(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *t;
    int code = oci_child(r, o, "timeOffsets", JSON_OBJECT, &t);

    if (code < 0 || !t)
        return code;
    oci_enter(r, "timeOffsets");
    for (const struct json *m = t->child; m; m = m->next) {
        if (strcmp(m->key, "monotonic") != 0 && strcmp(m->key, "boottime") != 0)
            return oci_fail(r, m->key, "unknown clock; known are monotonic and boottime");
    }
    if ((code = read_time_offset(r, t, "monotonic", &p->time_monotonic)) < 0 ||
        (code = read_time_offset(r, t, "boottime", &p->time_boottime)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_device(struct oci_reader *r, const struct json *o, struct device_rule *d)
{
    const char *type = NULL;
    unsigned required;
    int code;

    if ((code = oci_string(r, o, "type", OCI_REQUIRED, &type)) < 0 ||
        (code = oci_string(r, o, "path", OCI_REQUIRED | OCI_ABSOLUTE, &d->path)) < 0)
        return code;
    if (!type[0] || type[1] || !strchr("cbup", type[0]))
        return oci_fail(r, "type", "unknown device type \"%.32s\"; known are c, b, u, p", type);
    d->type = type[0] == 'u' ? 'c' : type[0];
    required = d->type == 'p' ? 0 : OCI_REQUIRED;
    if ((code = oci_u32(r, o, "major", required, 0xfff, &d->major)) < 0 ||
        (code = oci_u32(r, o, "minor", required, 0xfffff, &d->minor)) < 0 ||
        (code = oci_u64(r, o, "fileMode", 0, 0177777, &d->mode)) < 0 ||
        (code = oci_u64(r, o, "uid", 0, OCI_ID_MAX, &d->uid)) < 0 ||
        (code = oci_u64(r, o, "gid", 0, OCI_ID_MAX, &d->gid)) < 0)
        return code;
    d->mode.v &= 07777; /* engines send st_mode whole, with the type of the node in it */
    if (d->type == 'p')
        d->major = d->minor = 0;
    return 0;
}

static int read_devices(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *list;
    struct device_rule *v;
    uint32_t i = 0;
    int code = oci_list(r, o, "devices", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "devices");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_device(r, m, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    p->devices = v;
    p->n_devices = i;
    return 0;
}

/* What the kernel takes as an interface's name; "%d" in it is the kernel's own template. */
static bool interface_name_ok(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n < IFNAMSIZ && strcmp(s, ".") != 0 && strcmp(s, "..") != 0 && !strpbrk(s, "/: \t\r\n\v\f");
}

static int read_net_devices(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *map;
    struct net_device *v;
    uint32_t i = 0;
    int code = oci_child(r, o, "netDevices", JSON_OBJECT, &map);

    if (code < 0 || !map)
        return code;
    v = arena_array(r->a, map->count, sizeof *v);
    if (!v)
        return oci_no_memory(r);
    oci_enter(r, "netDevices");
    for (const struct json *m = map->child; m; m = m->next, i++) {
        if (!interface_name_ok(m->key))
            return oci_fail(r, m->key, "is no interface name (1 to %d bytes, no '/', ':' or space)", IFNAMSIZ - 1);
        oci_enter(r, m->key);
        v[i].host_name = m->key;
        if ((code = oci_expect_object(r, m)) < 0 ||
            (code = oci_string(r, m, "name", OCI_EMPTY_IS_NONE, &v[i].name)) < 0)
            return code;
        if (v[i].name && !interface_name_ok(v[i].name))
            return oci_fail(r, "name", "\"%.64s\" is no interface name (1 to %d bytes, no '/', ':' or space)",
                            v[i].name, IFNAMSIZ - 1);
        oci_leave(r);
    }
    oci_leave(r);
    p->net_devices = v;
    p->n_net_devices = i;
    return 0;
}

static int read_intel_rdt(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *m;
    struct intel_rdt *rdt = &p->rdt;
    bool cmt = false, mbm = false;
    int code = oci_child(r, o, "intelRdt", JSON_OBJECT, &m);

    if (code < 0 || !m)
        return code;
    oci_enter(r, "intelRdt");
    if ((code = oci_string(r, m, "closID", OCI_EMPTY_IS_NONE, &rdt->clos_id)) < 0 ||
        (code = oci_string(r, m, "l3CacheSchema", OCI_EMPTY_IS_NONE | OCI_NO_NEWLINE, &rdt->l3_schema)) < 0 ||
        (code = oci_string(r, m, "memBwSchema", OCI_EMPTY_IS_NONE | OCI_NO_NEWLINE, &rdt->mb_schema)) < 0 ||
        (code = oci_strings(r, m, "schemata", OCI_NONEMPTY | OCI_NO_NEWLINE, &rdt->schemata)) < 0 ||
        (code = oci_bool(r, m, "enableMonitoring", &rdt->enable_monitoring)) < 0 ||
        (code = oci_bool(r, m, "enableCMT", &cmt)) < 0 || (code = oci_bool(r, m, "enableMBM", &mbm)) < 0)
        return code;
    if (cmt || mbm)
        return oci_fail(r, cmt ? "enableCMT" : "enableMBM", "is gone from the specification; use enableMonitoring");
    /* It becomes a directory's name; "/" alone is the root of resctrl. */
    if (rdt->clos_id && strcmp(rdt->clos_id, "/") != 0 &&
        (strchr(rdt->clos_id, '/') || strcmp(rdt->clos_id, ".") == 0 || strcmp(rdt->clos_id, "..") == 0))
        return oci_fail(r, "closID", "\"%.64s\" is no single name; it may be \"/\" or have no '/'", rdt->clos_id);
    if (rdt->mb_schema && strncmp(rdt->mb_schema, "MB:", 3) != 0)
        return oci_fail(r, "memBwSchema", "must begin with MB:, found \"%.64s\"", rdt->mb_schema);
    oci_leave(r);
    rdt->set = true;
    return 0;
}

static int read_memory_policy(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *m;
    uint64_t mode = 0, flags = 0;
    const char *nodes = NULL;
    int code = oci_child(r, o, "memoryPolicy", JSON_OBJECT, &m);

    if (code < 0 || !m)
        return code;
    oci_enter(r, "memoryPolicy");
    if ((code = oci_word(r, m, "mode", OCI_REQUIRED, oci_memory_modes, oci_n_memory_modes, &mode)) < 0 ||
        (code = oci_string(r, m, "nodes", OCI_EMPTY_IS_NONE, &nodes)) < 0 ||
        (code = oci_word_flags(r, m, "flags", oci_memory_flags, oci_n_memory_flags, &flags)) < 0)
        return code;
    if (nodes && nodes[strspn(nodes, "0123456789,-")])
        return oci_fail(r, "nodes", "\"%.64s\" is no list of nodes such as 0-3,7", nodes);
    oci_leave(r);
    p->memory_policy =
        (struct memory_policy){.set = true, .mode = (int32_t)mode, .flags = (uint32_t)flags, .nodes = nodes};
    return 0;
}

static int read_personality(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *m;
    struct strv flags = {0};
    uint64_t domain = 0;
    int code = oci_child(r, o, "personality", JSON_OBJECT, &m);

    if (code < 0 || !m)
        return code;
    oci_enter(r, "personality");
    if ((code = oci_word(r, m, "domain", OCI_REQUIRED, oci_personalities, oci_n_personalities, &domain)) < 0 ||
        (code = oci_strings(r, m, "flags", 0, &flags)) < 0)
        return code;
    if (flags.n)
        return oci_fail_item(r, "flags", 0, "unknown flag \"%.64s\"; none is defined", flags.v[0]);
    oci_leave(r);
    p->personality.set = true;
    p->personality.domain = (uint32_t)domain;
    return 0;
}

/* A key becomes a path below /proc/sys, with '.' and '/' alike as separators. */
static bool sysctl_key_ok(const char *s)
{
    char before = '/';

    for (; *s; s++) {
        bool separator = *s == '.' || *s == '/';
        if (separator && (before == '.' || before == '/'))
            return false;
        before = *s;
    }
    return before != '.' && before != '/';
}

static int read_sysctl(struct oci_reader *r, const struct json *o, struct policy *p)
{
    int code = oci_map(r, o, "sysctl", &p->sysctl, &p->n_sysctl);

    if (code < 0)
        return code;
    for (uint32_t i = 0; i < p->n_sysctl; i++) {
        if (!sysctl_key_ok(p->sysctl[i].key)) {
            oci_enter(r, "sysctl");
            return oci_fail(r, p->sysctl[i].key, "is no kernel parameter such as net.core.somaxconn");
        }
    }
    return 0;
}

static bool has_dot_dot(const char *s)
{
    for (const char *p = s; (p = strstr(p, "..")); p += 2) {
        if ((p == s || p[-1] == '/') && (p[2] == 0 || p[2] == '/'))
            return true;
    }
    return false;
}

static int read_places(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const char *propagation = NULL;
    int code;

    if ((code = oci_string(r, o, "cgroupsPath", OCI_EMPTY_IS_NONE | OCI_NO_NEWLINE, &p->cgroups_path)) < 0 ||
        (code = oci_string(r, o, "rootfsPropagation", OCI_EMPTY_IS_NONE, &propagation)) < 0 ||
        (code = oci_strings(r, o, "maskedPaths", OCI_ABSOLUTE, &p->masked_paths)) < 0 ||
        (code = oci_strings(r, o, "readonlyPaths", OCI_ABSOLUTE, &p->readonly_paths)) < 0 ||
        (code = oci_string(r, o, "mountLabel", OCI_EMPTY_IS_NONE, &p->mount_label)) < 0)
        return code;
    if (p->cgroups_path && has_dot_dot(p->cgroups_path))
        return oci_fail(r, "cgroupsPath", "\"%.128s\" leaves its place with ..; give it without", p->cgroups_path);
    if (propagation && !mount_propagation_from_name(propagation, &p->rootfs_propagation))
        return oci_fail(r, "rootfsPropagation", "unknown value \"%.64s\"; known are shared, slave, private, unbindable",
                        propagation);
    return 0;
}

int oci_read_linux(struct oci_reader *r, const struct json *o, struct policy *p)
{
    const struct json *res;
    int code;

    if ((code = read_namespaces(r, o, p)) < 0 || (code = oci_read_id_maps(r, o, "uidMappings", &p->uid_maps)) < 0 ||
        (code = oci_read_id_maps(r, o, "gidMappings", &p->gid_maps)) < 0 || (code = read_time_offsets(r, o, p)) < 0 ||
        (code = read_devices(r, o, p)) < 0 || (code = read_net_devices(r, o, p)) < 0 ||
        (code = read_places(r, o, p)) < 0 || (code = read_sysctl(r, o, p)) < 0 ||
        (code = oci_read_seccomp(r, o, &p->seccomp)) < 0 || (code = read_intel_rdt(r, o, p)) < 0 ||
        (code = read_memory_policy(r, o, p)) < 0 || (code = read_personality(r, o, p)) < 0 ||
        (code = oci_child(r, o, "resources", JSON_OBJECT, &res)) < 0)
        return code;
    if (!res)
        return 0;
    oci_enter(r, "resources");
    code = oci_read_resources(r, res, &p->resources);
    oci_leave(r);
    return code;
}

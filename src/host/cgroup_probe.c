/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control groups this host offers. One read of /proc/self/cgroup tells the hierarchies, one statfs(2) of our own
 * group below each customary mount point tells that it is mounted there; only when that leaves a question is
 * /proc/self/mountinfo parsed. Both texts come from the kernel but hold names that others chose: all lengths are
 * checked. Format: cgroups(7), proc(5).
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The kernel's names, v1 first; v2 calls blkio "io". Order is enum cgroup_controller. */
static const char *const controller_names[CG_CONTROLLERS] = {
    [CG_CPU] = "cpu",         [CG_CPUACCT] = "cpuacct", [CG_CPUSET] = "cpuset",     [CG_MEMORY] = "memory",
    [CG_DEVICES] = "devices", [CG_FREEZER] = "freezer", [CG_BLKIO] = "blkio",       [CG_PIDS] = "pids",
    [CG_HUGETLB] = "hugetlb", [CG_NET_CLS] = "net_cls", [CG_NET_PRIO] = "net_prio", [CG_PERF] = "perf_event",
    [CG_RDMA] = "rdma",       [CG_MISC] = "misc",
};

/* v2 has these in every group, whatever subtree_control says. */
#define V2_CORE (CGROUP_BIT(CG_DEVICES) | CGROUP_BIT(CG_FREEZER) | CGROUP_BIT(CG_CPUACCT) | CGROUP_BIT(CG_PERF))

const char *cgroup_controller_name(enum cgroup_controller c)
{
    return (unsigned)c < CG_CONTROLLERS ? controller_names[c] : "unknown";
}

const char *cgroup_layout_name(enum cgroup_layout l)
{
    static const char *const names[] = {"none", "v1", "v2", "hybrid"};

    return (unsigned)l < ARRAY_LEN(names) ? names[l] : "unknown";
}

enum cgroup_controller cgroup_controller_find(const char *name, size_t len)
{
    if (len == 2 && memcmp(name, "io", 2) == 0)
        return CG_BLKIO;
    for (unsigned i = 0; i < CG_CONTROLLERS; i++)
        if (strlen(controller_names[i]) == len && memcmp(controller_names[i], name, len) == 0)
            return (enum cgroup_controller)i;
    return CG_CONTROLLERS;
}

uint32_t cgroup_controllers_parse(const char *list)
{
    uint32_t bits = 0;

    while (*list) {
        size_t n = strcspn(list, ", \n");
        enum cgroup_controller c = cgroup_controller_find(list, n);
        if (c != CG_CONTROLLERS)
            bits |= CGROUP_BIT(c);
        list += n;
        list += strspn(list, ", \n");
    }
    return bits;
}

static bool field_copy(char *out, size_t size, const char *from, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, from, len);
    out[len] = 0;
    return true;
}

/* "ID:controllers:path" up to end. */
static int self_line(struct cgroup_host *host, const char *line, const char *end, struct err *err)
{
    const char *name = memchr(line, ':', (size_t)(end - line));
    const char *path = name ? memchr(name + 1, ':', (size_t)(end - name - 1)) : NULL;

    if (!path)
        return err_set(err, -EINVAL, "/proc/self/cgroup: line \"%.*s\" has no three fields", (int)(end - line), line);
    if (host->n == CGROUP_HIERARCHIES_MAX)
        return err_set(err, -E2BIG, "/proc/self/cgroup: more than %d hierarchies; unmount the ones without use",
                       CGROUP_HIERARCHIES_MAX);
    struct cgroup_hierarchy *h = &host->h[host->n];
    name++;
    if (!field_copy(h->name, sizeof h->name, name, (size_t)(path - name)) ||
        !field_copy(h->own, sizeof h->own, path + 1, (size_t)(end - path - 1)))
        return err_set(err, -ENAMETOOLONG, "/proc/self/cgroup: line \"%.*s\" is too long; start from a shorter group",
                       (int)(end - line), line);
    h->v2 = h->name[0] == 0;
    h->controllers = cgroup_controllers_parse(h->name);
    h->mountpoint[0] = 0;
    host->n++;
    return 0;
}

int cgroup_self_parse(struct cgroup_host *host, const char *text, struct err *err)
{
    host->layout = CGROUP_NONE;
    host->n = 0;
    while (*text) {
        const char *end = text + strcspn(text, "\n");
        if (end != text) {
            int r = self_line(host, text, end, err);
            if (r < 0)
                return r;
        }
        text = *end ? end + 1 : end;
    }
    return 0;
}

/* The fields of a mountinfo line that matter; each points into the line. */
struct mount_line {
    const char *root, *point, *type, *options;
    size_t root_len, point_len, type_len, options_len;
};

static bool mount_line_split(struct mount_line *m, const char *line, const char *end)
{
    const char *p = line;
    unsigned field = 0, after_dash = 0;

    memset(m, 0, sizeof *m);
    while (p < end) {
        size_t n = 0;
        while (p + n < end && p[n] != ' ')
            n++;
        if (after_dash == 1)
            m->type = p, m->type_len = n;
        else if (after_dash == 3)
            m->options = p, m->options_len = n;
        else if (field == 3)
            m->root = p, m->root_len = n;
        else if (field == 4)
            m->point = p, m->point_len = n;
        if (after_dash || (field > 5 && n == 1 && *p == '-'))
            after_dash++;
        field++;
        p += n + (p + n < end);
    }
    return m->root && m->point && m->type && m->options;
}

/* Undoes the \ooo of mountinfo; false when it does not fit. */
static bool octal_copy(char *out, size_t size, const char *p, size_t len)
{
    size_t o = 0;

    for (size_t i = 0; i < len; i++, o++) {
        if (o + 1 >= size)
            return false;
        if (p[i] == '\\' && i + 3 < len && p[i + 1] >= '0' && p[i + 1] <= '3') {
            out[o] = (char)((p[i + 1] - '0') << 6 | (p[i + 2] - '0') << 3 | (p[i + 3] - '0'));
            i += 3;
        } else {
            out[o] = p[i];
        }
    }
    out[o] = 0;
    return true;
}

/* A v1 mount is of hierarchy h when each of h's names is among the superblock's options. */
static bool options_hold(const struct cgroup_hierarchy *h, const char *options, size_t len)
{
    for (const char *name = h->name; *name;) {
        size_t n = strcspn(name, ",");
        bool found = false;
        for (size_t at = 0; at < len && !found;) {
            size_t k = 0;
            while (at + k < len && options[at + k] != ',')
                k++;
            found = k == n && memcmp(options + at, name, n) == 0;
            at += k + 1;
        }
        if (!found)
            return false;
        name += n;
        name += *name == ',';
    }
    return h->name[0] != 0;
}

/* /proc/self/cgroup counts from the hierarchy's root, a bind mount (a container's) shows only a part of it. */
static void own_make_relative(struct cgroup_hierarchy *h, const char *root)
{
    size_t n = strlen(root);

    if (n < 2 || strncmp(h->own, root, n) != 0 || (h->own[n] != '/' && h->own[n] != 0))
        return;
    memmove(h->own, h->own + n, strlen(h->own + n) + 1);
    if (h->own[0] == 0)
        strcpy(h->own, "/");
}

static int mount_line_use(struct cgroup_host *host, const struct mount_line *m, const char *prefix, struct err *err)
{
    char root[4096];
    bool v2 = m->type_len == 7 && memcmp(m->type, "cgroup2", 7) == 0;
    bool v1 = m->type_len == 6 && memcmp(m->type, "cgroup", 6) == 0;

    for (uint32_t i = 0; (v1 || v2) && i < host->n; i++) {
        struct cgroup_hierarchy *h = &host->h[i];
        if (h->mountpoint[0] || h->v2 != v2 || (v1 && !options_hold(h, m->options, m->options_len)))
            continue;
        size_t p = strlen(prefix);
        if (p >= sizeof h->mountpoint ||
            !octal_copy(h->mountpoint + p, sizeof h->mountpoint - p, m->point, m->point_len)) {
            h->mountpoint[0] = 0;
            return err_set(err, -ENAMETOOLONG,
                           "cgroup mount point %.*s is longer than %zu bytes; mount it at /sys/fs/cgroup",
                           (int)m->point_len, m->point, sizeof h->mountpoint - 1);
        }
        memcpy(h->mountpoint, prefix, p);
        if (octal_copy(root, sizeof root, m->root, m->root_len))
            own_make_relative(h, root);
        return 0;
    }
    return 0;
}

int cgroup_mountinfo_parse(struct cgroup_host *host, const char *text, const char *prefix, struct err *err)
{
    while (*text) {
        struct mount_line m;
        const char *end = text + strcspn(text, "\n");
        if (mount_line_split(&m, text, end)) {
            int r = mount_line_use(host, &m, prefix, err);
            if (r < 0)
                return r;
        }
        text = *end ? end + 1 : end;
    }
    return 0;
}

void cgroup_host_settle(struct cgroup_host *host)
{
    uint32_t n = 0, v1 = 0, v2 = 0, v1_bits = 0;

    for (uint32_t i = 0; i < host->n; i++) {
        if (!host->h[i].mountpoint[0])
            continue;
        if (n != i)
            host->h[n] = host->h[i];
        if (host->h[n].v2)
            v2++;
        else
            v1++, v1_bits |= host->h[n].controllers;
        n++;
    }
    host->n = n;
    for (uint32_t i = 0; i < n; i++)
        if (host->h[i].v2)
            host->h[i].controllers = (host->h[i].controllers | V2_CORE) & ~v1_bits;
    host->layout = v1 && v2 ? CGROUP_HYBRID : v1 ? CGROUP_V1 : v2 ? CGROUP_V2 : CGROUP_NONE;
}

/* Takes `point` when our own group is visible below it in a file system of the right kind: that settles at once that it
 * is mounted and that its root is the one /proc/self/cgroup counts from. */
static bool mountpoint_try(struct cgroup_hierarchy *h, const char *point)
{
    char path[sizeof h->mountpoint + sizeof h->own];
    struct statfs fs;

    snprintf(path, sizeof path, "%s%s", point, strcmp(h->own, "/") == 0 ? "" : h->own);
    if (statfs(path, &fs) < 0 || (unsigned long)fs.f_type != (h->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
        return false;
    return field_copy(h->mountpoint, sizeof h->mountpoint, point, strlen(point));
}

/* True when every hierarchy was found where it customarily is. A cgroup2 beside v1 that is not at the customary place
 * is most often mounted nowhere, so it raises no question. */
static bool customary_try(struct cgroup_host *host)
{
    bool v1 = false, all = true;

    for (uint32_t i = 0; i < host->n; i++)
        v1 = v1 || !host->h[i].v2;
    for (uint32_t i = 0; i < host->n; i++) {
        struct cgroup_hierarchy *h = &host->h[i];
        char point[sizeof h->mountpoint];
        if (h->v2) {
            if (!(v1 && mountpoint_try(h, "/sys/fs/cgroup/unified")) && !mountpoint_try(h, "/sys/fs/cgroup"))
                all = all && v1;
            continue;
        }
        snprintf(point, sizeof point, "/sys/fs/cgroup/%s", strncmp(h->name, "name=", 5) ? h->name : h->name + 5);
        all = mountpoint_try(h, point) && all;
    }
    return all;
}

static int mountinfo_try(struct cgroup_host *host, struct err *err)
{
    struct arena a;
    char *text;
    size_t len;

    if (arena_init(&a, 64u << 20) < 0)
        return err_set(err, -ENOMEM, "no memory for /proc/self/mountinfo; free some");
    int r = io_read_file(&a, AT_FDCWD, "/proc/self/mountinfo", 16u << 20, &text, &len);
    r = r < 0 ? err_sys(err, r, "cannot read /proc/self/mountinfo; mount /proc")
              : cgroup_mountinfo_parse(host, text, "", err);
    arena_free(&a);
    return r;
}

int cgroup_host_probe(struct cgroup_host *host, struct err *err)
{
    char text[8192];
    int r = (int)io_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof text);

    host->layout = CGROUP_NONE;
    host->n = 0;
    if (r == -ENOENT && access("/proc/self", F_OK) < 0)
        return err_set(err, r, "/proc is not mounted here: mount it (mount -t proc proc /proc)");
    if (r == -ENOENT)
        return 0; /* a kernel without control groups: nothing that could be used */
    if (r < 0)
        return err_sys(err, r, "cannot read /proc/self/cgroup; mount /proc with the process's own entries readable");
    r = cgroup_self_parse(host, text, err);
    if (r < 0)
        return r;
    if (!customary_try(host) && (r = mountinfo_try(host, err)) < 0)
        return r;
    for (uint32_t i = 0; i < host->n; i++) {
        struct cgroup_hierarchy *h = &host->h[i];
        char path[sizeof h->mountpoint + 32], list[512];
        if (!h->v2 || !h->mountpoint[0])
            continue;
        snprintf(path, sizeof path, "%s/cgroup.controllers", h->mountpoint);
        if (io_read_small(AT_FDCWD, path, list, sizeof list) > 0)
            h->controllers = cgroup_controllers_parse(list);
    }
    cgroup_host_settle(host);
    return 0;
}

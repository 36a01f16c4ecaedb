/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a group: made, opened, joined, limited, closed. It touches only directories below the mount points that
 * cgroup_host_probe() found. The path is checked here (no "..", bounded length), so what is built from it stays below
 * the mount. Meaning: OCI runtime specification, config-linux, "Control groups".
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is asked ------------------------------------------------------------------------------------------- */

static void need(struct cgroup_need *n, bool asked, enum cgroup_controller c, const char *field)
{
    if (!asked || (n->mask & CGROUP_BIT(c)))
        return;
    n->mask |= CGROUP_BIT(c);
    n->field[c] = field;
}

/* A key of `unified` begins with its controller's name: that controller must be enabled for the file to be there. */
static void need_unified(struct cgroup_need *n, const struct resources *r)
{
    for (uint32_t i = 0; i < r->n_unified; i++) {
        enum cgroup_controller c = cgroup_controller_find(r->unified[i].key, strcspn(r->unified[i].key, "."));
        if (c != CG_CONTROLLERS && c != CG_DEVICES && c != CG_FREEZER)
            need(n, true, c, "linux.resources.unified");
    }
}

void cgroup_need_read(struct cgroup_need *n, const struct resources *r)
{
    memset(n, 0, sizeof *n);
    if (!r)
        return;
    need(n, r->n_devices, CG_DEVICES, "linux.resources.devices");
    need(n, r->memory.limit.set && r->memory.limit.v, CG_MEMORY, "linux.resources.memory.limit");
    need(n, r->memory.reservation.set && r->memory.reservation.v, CG_MEMORY, "linux.resources.memory.reservation");
    need(n, r->memory.swap.set && r->memory.swap.v, CG_MEMORY, "linux.resources.memory.swap");
    need(n, r->memory.kernel.set && r->memory.kernel.v, CG_MEMORY, "linux.resources.memory.kernel");
    need(n, r->memory.kernel_tcp.set && r->memory.kernel_tcp.v, CG_MEMORY, "linux.resources.memory.kernelTCP");
    need(n, r->memory.swappiness.set, CG_MEMORY, "linux.resources.memory.swappiness");
    need(n, r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v, CG_MEMORY,
         "linux.resources.memory.disableOOMKiller");
    need(n, r->memory.use_hierarchy.set, CG_MEMORY, "linux.resources.memory.useHierarchy");
    need(n, r->cpu.shares.set && r->cpu.shares.v, CG_CPU, "linux.resources.cpu.shares");
    need(n, r->cpu.quota.set && r->cpu.quota.v, CG_CPU, "linux.resources.cpu.quota");
    need(n, r->cpu.period.set && r->cpu.period.v, CG_CPU, "linux.resources.cpu.period");
    need(n, r->cpu.burst.set, CG_CPU, "linux.resources.cpu.burst");
    need(n, r->cpu.realtime_period.set && r->cpu.realtime_period.v, CG_CPU, "linux.resources.cpu.realtimePeriod");
    need(n, r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v, CG_CPU, "linux.resources.cpu.realtimeRuntime");
    need(n, r->cpu.idle.set, CG_CPU, "linux.resources.cpu.idle");
    need(n, r->cpu.cpus && r->cpu.cpus[0], CG_CPUSET, "linux.resources.cpu.cpus");
    need(n, r->cpu.mems && r->cpu.mems[0], CG_CPUSET, "linux.resources.cpu.mems");
    need(n, r->pids.set, CG_PIDS, "linux.resources.pids.limit");
    need(n, r->blkio.weight.set && r->blkio.weight.v, CG_BLKIO, "linux.resources.blockIO.weight");
    need(n, r->blkio.leaf_weight.set && r->blkio.leaf_weight.v, CG_BLKIO, "linux.resources.blockIO.leafWeight");
    need(n, r->blkio.n_weight_devices, CG_BLKIO, "linux.resources.blockIO.weightDevice");
    need(n, r->blkio.n_read_bps, CG_BLKIO, "linux.resources.blockIO.throttleReadBpsDevice");
    need(n, r->blkio.n_write_bps, CG_BLKIO, "linux.resources.blockIO.throttleWriteBpsDevice");
    need(n, r->blkio.n_read_iops, CG_BLKIO, "linux.resources.blockIO.throttleReadIOPSDevice");
    need(n, r->blkio.n_write_iops, CG_BLKIO, "linux.resources.blockIO.throttleWriteIOPSDevice");
    need(n, r->n_hugepages, CG_HUGETLB, "linux.resources.hugepageLimits");
    need(n, r->net_class_id.set && r->net_class_id.v, CG_NET_CLS, "linux.resources.network.classID");
    need(n, r->n_net_priorities, CG_NET_PRIO, "linux.resources.network.priorities");
    need(n, r->n_rdma, CG_RDMA, "linux.resources.rdma");
    need_unified(n, r);
}

/* ---- making -------------------------------------------------------------------------------------------------- */

static int path_check(const char *path, struct err *err)
{
    size_t len = strlen(path);

    if (path[0] != '/')
        return err_set(err, -EINVAL, "cgroup path \"%s\" is not absolute: begin it with /", path);
    if (len >= sizeof((struct cgroup *)0)->path)
        return err_set(err, -ENAMETOOLONG, "cgroup path of %zu bytes is longer than %zu; choose a shorter one", len,
                       sizeof((struct cgroup *)0)->path - 1);
    for (const char *p = path; *p;) {
        p += strspn(p, "/");
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return err_set(err, -EINVAL, "cgroup path \"%s\" has a \"%.*s\" in it: give it without", path, (int)n, p);
        if (n > 255)
            return err_set(err, -ENAMETOOLONG,
                           "cgroup path has a name of %zu bytes, 255 is the most; choose a shorter one", n);
        if (memchr(p, '\n', n))
            return err_set(err, -EINVAL, "cgroup path has a name with a line end in it: give it without");
        p += n;
    }
    return 0;
}

/* Copies without doubled and trailing slashes, so that each '/' ends one level. */
static void path_copy(char *out, const char *path)
{
    size_t o = 0;

    for (const char *p = path; *p; p++)
        if (*p != '/' || o == 0 || out[o - 1] != '/')
            out[o++] = *p;
    while (o > 1 && out[o - 1] == '/')
        o--;
    out[o] = 0;
}

static int cgroup_begin(struct cgroup *cg, const struct cgroup_host *host, const char *path, struct err *err)
{
    int r = path_check(path, err);

    if (r < 0)
        return r;
    cg->host = host;
    path_copy(cg->path, path);
    for (unsigned i = 0; i < CGROUP_HIERARCHIES_MAX; i++) {
        cg->dir_fds[i] = cg->join_fds[i] = -1;
        cg->made[i] = false;
        cg->first_made[i] = 0;
    }
    return 0;
}

/* The level that holds the one of length `at`; 0 is the mount's root. */
static size_t level_parent(const char *path, size_t at)
{
    do
        at--;
    while (at > 0 && path[at] != '/');
    return at;
}

/* Length of the level behind the first `at` bytes of path: the next '/' or the end. */
static size_t level_next(const char *path, size_t at)
{
    return at + 1 + strcspn(path + at + 1, "/");
}

/* Makes the leaf, and its parents when they are wanting. *first becomes the length of the outermost level made (0:
 * none). An existing leaf is 0 as well. */
static int levels_make(const struct cgroup *cg, uint32_t h, size_t *first)
{
    char abs[CGROUP_ABSOLUTE_MAX];
    size_t len = strlen(cg->path);

    cgroup_absolute(abs, cg->host, h, cg->path, len);
    if (mkdir(abs, 0755) == 0) {
        *first = len;
        return 0;
    }
    if (errno != ENOENT)
        return errno == EEXIST ? 0 : -errno;
    for (size_t at = level_next(cg->path, 0);; at = level_next(cg->path, at)) {
        cgroup_absolute(abs, cg->host, h, cg->path, at);
        if (mkdir(abs, 0755) == 0)
            *first = *first ? *first : at;
        else if (errno != EEXIST)
            return -errno;
        if (cg->path[at] == 0)
            return 0;
    }
}

/* Undoes levels_make(): from the leaf outwards to the level of length `first`. */
static void levels_unmake(const struct cgroup *cg, uint32_t h, size_t first)
{
    char abs[CGROUP_ABSOLUTE_MAX];

    for (size_t at = strlen(cg->path); first && at >= first; at = level_parent(cg->path, at)) {
        cgroup_absolute(abs, cg->host, h, cg->path, at);
        rmdir(abs);
    }
}

static bool text_blank(const char *s)
{
    return s[strspn(s, " \t\n")] == 0;
}

/* v1 lets nobody into a cpuset without CPUs and memory nodes. Fills `file` of the leaf from its parent, and the parent
 * first when that is empty too. `fresh`: the leaf is new, so it need not be read. */
static int cpuset_fill(const struct cgroup *cg, uint32_t h, bool fresh, const char *file)
{
    char dir[CGROUP_ABSOLUTE_MAX], path[CGROUP_ABSOLUTE_MAX + 16], value[4096] = "";
    size_t stack[512], n = 0, at = cg->path[1] ? strlen(cg->path) : 0;

    for (;; at = level_parent(cg->path, at)) {
        cgroup_absolute(dir, cg->host, h, at ? cg->path : "/", at ? at : 1);
        snprintf(path, sizeof path, "%s/%s", dir, file);
        ssize_t r = fresh && n == 0 ? 0 : io_read_small(AT_FDCWD, path, value, sizeof value);
        if (r < 0)
            return (int)r;
        if (!text_blank(value))
            break;
        if (at == 0 || n == ARRAY_LEN(stack))
            return -ENOSPC; /* what the kernel would say to a process that joins */
        stack[n++] = at;
    }
    while (n > 0) {
        cgroup_absolute(dir, cg->host, h, cg->path, stack[--n]);
        snprintf(path, sizeof path, "%s/%s", dir, file);
        int r = io_write_at(AT_FDCWD, path, value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Controllers that stats and the usual limits want, when nothing stands in the way. */
#define V2_WELCOME                                                                                                     \
    (CGROUP_BIT(CG_CPU) | CGROUP_BIT(CG_MEMORY) | CGROUP_BIT(CG_BLKIO) | CGROUP_BIT(CG_PIDS) | CGROUP_BIT(CG_CPUSET))
#define V2_SWITCHED (V2_WELCOME | CGROUP_BIT(CG_HUGETLB) | CGROUP_BIT(CG_RDMA) | CGROUP_BIT(CG_MISC))

/* "+cpu" and so on into one parent's subtree_control, one controller a write so that each answers for itself. */
static int subtree_enable(const char *dir, uint32_t wanted, uint32_t must, const char *const *field, struct err *err)
{
    char path[CGROUP_ABSOLUTE_MAX + 32], word[32];

    snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
    for (unsigned c = 0; c < CG_CONTROLLERS; c++) {
        if (!(wanted & CGROUP_BIT(c)))
            continue;
        snprintf(word, sizeof word, "+%s", c == CG_BLKIO ? "io" : cgroup_controller_name((enum cgroup_controller)c));
        int r = io_write_at(AT_FDCWD, path, word);
        if (r == 0 || !(must & CGROUP_BIT(c)))
            continue;
        return err_sys(err, r, "%s: cannot write %s to %s (%s)", field[c], word, path,
                       r == -EBUSY
                           ? "processes sit in that group itself, which cgroup v2 forbids: move them to a child "
                             "group or give a cgroups path elsewhere"
                       : r == -ENOENT ? "its parent does not offer the controller: enable it there"
                                      : "run as root or delegate the controller");
    }
    return 0;
}

static uint32_t v2_controllers(const char *dir)
{
    char path[CGROUP_ABSOLUTE_MAX + 32], list[512];

    snprintf(path, sizeof path, "%s/cgroup.controllers", dir);
    return io_read_small(AT_FDCWD, path, list, sizeof list) > 0 ? cgroup_controllers_parse(list) : 0;
}

/* Hands the controllers down from the mount's root to the leaf. Parents that pass them on already are left alone. */
static int v2_enable(const struct cgroup *cg, uint32_t h, const struct cgroup_need *n, struct err *err)
{
    char dir[CGROUP_ABSOLUTE_MAX];
    uint32_t must = n->mask & cg->host->h[h].controllers & V2_SWITCHED;
    uint32_t want = must | (cg->host->h[h].controllers & V2_WELCOME);

    if (!want)
        return 0;
    cgroup_absolute(dir, cg->host, h, cg->path, strlen(cg->path));
    if ((v2_controllers(dir) & want) == want)
        return 0;
    for (size_t at = 0, next; cg->path[at] && cg->path[at + 1]; at = next) {
        next = level_next(cg->path, at);
        cgroup_absolute(dir, cg->host, h, cg->path, next);
        uint32_t missing = want & ~v2_controllers(dir);
        cgroup_absolute(dir, cg->host, h, at ? cg->path : "/", at ? at : 1);
        int r = missing ? subtree_enable(dir, missing, must, n->field, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Opens the group in h; 0, or -errno with nothing open. */
static int hierarchy_open(struct cgroup *cg, uint32_t h, bool join)
{
    char abs[CGROUP_ABSOLUTE_MAX];

    cgroup_absolute(abs, cg->host, h, cg->path, strlen(cg->path));
    cg->dir_fds[h] = open(abs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cg->dir_fds[h] < 0)
        return -errno;
    cg->join_fds[h] = openat(cg->dir_fds[h], cg->host->h[h].v2 ? "cgroup.procs" : "tasks", O_WRONLY | O_CLOEXEC);
    if (cg->join_fds[h] >= 0 || !join)
        return 0;
    int r = -errno;
    cleanup_fd(&cg->dir_fds[h]);
    cg->dir_fds[h] = -1;
    return r;
}

static int hierarchy_make(struct cgroup *cg, uint32_t h, const struct cgroup_need *n, size_t *first, struct err *err)
{
    const struct cgroup_hierarchy *hi = &cg->host->h[h];
    uint32_t asked = n->mask & hi->controllers;
    unsigned c = 0;
    int r;

    r = levels_make(cg, h, first);
    if (r == 0 && (hi->controllers & CGROUP_BIT(CG_CPUSET)) && !hi->v2) {
        r = cpuset_fill(cg, h, *first != 0, "cpuset.cpus");
        r = r < 0 ? r : cpuset_fill(cg, h, *first != 0, "cpuset.mems");
    }
    if (r == 0 && hi->v2 && (r = v2_enable(cg, h, n, err)) < 0)
        return r;
    if (r == 0)
        r = hierarchy_open(cg, h, true);
    if (r == 0) {
        cg->made[h] = *first != 0;
        return 0;
    }
    if (r == -EMFILE || r == -ENFILE)
        return err_sys(err, r, "cgroup %s%s", hi->mountpoint, cg->path);
    if (asked)
        while (!(asked & CGROUP_BIT(c)))
            c++;
    return err_set(err, r, "%s: cannot make the group %s%s: %s; run as root or delegate the %s controller",
                   asked ? n->field[c] : "cgroup", hi->mountpoint, cg->path, strerror(-r),
                   asked ? cgroup_controller_name((enum cgroup_controller)c) : hi->name);
}

static int need_refuse_absent(const struct cgroup_host *host, const struct cgroup_need *n, struct err *err)
{
    for (unsigned c = 0; c < CG_CONTROLLERS; c++)
        if ((n->mask & CGROUP_BIT(c)) && cgroup_hierarchy_of(host, (enum cgroup_controller)c) < 0)
            return err_set(
                err, -EOPNOTSUPP,
                "%s: this host (cgroup layout %s) has no %s controller; enable and mount it or leave the item out",
                n->field[c], cgroup_layout_name(host->layout), cgroup_controller_name((enum cgroup_controller)c));
    return 0;
}

/* Takes back all that was made so far. */
static void unmake_all(struct cgroup *cg)
{
    for (uint32_t h = cg->host->n; h-- > 0;)
        levels_unmake(cg, h, cg->first_made[h]);
    cgroup_close(cg);
}

void cgroup_host_narrow(struct cgroup_host *host, const struct resources *r)
{
    struct cgroup_need n;
    uint32_t kept = 0;
    bool v2 = false;

    cgroup_need_read(&n, r);
    for (uint32_t h = 0; h < host->n; h++)
        v2 |= host->h[h].v2;
    for (uint32_t h = 0; h < host->n && v2; h++)
        if (host->h[h].v2 || n.mask & host->h[h].controllers)
            host->h[kept++] = host->h[h];
    if (v2)
        host->n = kept;
}

int cgroup_make(struct cgroup *cg, const struct cgroup_host *host, const char *path, const struct resources *r,
                enum cgroup_part part, struct err *err)
{
    struct cgroup_need n;
    int rc = part == CGROUP_PART_V1 ? 0 : cgroup_begin(cg, host, path, err);

    if (rc < 0)
        return rc;
    cgroup_need_read(&n, r);
    rc = part == CGROUP_PART_V1 ? 0 : need_refuse_absent(host, &n, err);
    if (rc < 0)
        return rc;
    for (uint32_t h = 0; h < host->n; h++) {
        struct err why = {0};
        size_t first = 0;
        if (part != CGROUP_PART_ALL && host->h[h].v2 != (part == CGROUP_PART_V2))
            continue;
        rc = hierarchy_make(cg, h, &n, &first, &why);
        cg->first_made[h] = (uint16_t)first;
        if (rc == 0)
            continue;
        levels_unmake(cg, h, first);
        cg->first_made[h] = 0;
        if (!(n.mask & host->h[h].controllers))
            continue;
        unmake_all(cg);
        *err = why;
        return rc;
    }
    return 0;
}

int cgroup_open(struct cgroup *cg, const struct cgroup_host *host, const char *path, struct err *err)
{
    uint32_t there = 0;
    int r = cgroup_begin(cg, host, path, err);

    if (r < 0)
        return r;
    for (uint32_t h = 0; h < host->n; h++) {
        r = hierarchy_open(cg, h, false);
        if (r < 0 && r != -ENOENT) {
            cgroup_close(cg);
            return err_sys(err, r, "cannot open the group %s%s; run as its owner or root", host->h[h].mountpoint,
                           cg->path);
        }
        cg->made[h] = r == 0;
        there += r == 0;
    }
    if (!there)
        return err_set(err, -ENOENT, "cgroup %s is in none of the host's %u hierarchies; was it removed?", cg->path,
                       host->n);
    return 0;
}

void cgroup_close(struct cgroup *cg)
{
    for (unsigned h = 0; h < CGROUP_HIERARCHIES_MAX; h++) {
        cleanup_fd(&cg->dir_fds[h]);
        cleanup_fd(&cg->join_fds[h]);
        cg->dir_fds[h] = cg->join_fds[h] = -1;
    }
}

/* ---- joining ------------------------------------------------------------------------------------------------- */

int cgroup_clone_fd(const struct cgroup *cg)
{
    for (uint32_t h = 0; h < cg->host->n; h++)
        if (cg->host->h[h].v2)
            return cg->dir_fds[h];
    return -1;
}

int cgroup_join(struct cgroup *cg, pid_t pid, struct err *err)
{
    char text[16];

    snprintf(text, sizeof text, "%d", (int)pid);
    for (uint32_t h = 0; h < cg->host->n; h++) {
        if (cg->dir_fds[h] < 0)
            continue;
        int r = io_write_at(cg->dir_fds[h], "cgroup.procs", text);
        if (r < 0)
            return err_sys(
                err, r, "cannot move process %d into %s%s (%s)", (int)pid, cg->host->h[h].mountpoint, cg->path,
                r == -ESRCH    ? "it has ended"
                : r == -EBUSY  ? "the group has child groups with controllers: move it into one of them"
                : r == -ENOSPC ? "its cpuset has no CPUs or memory nodes: set linux.resources.cpu.cpus and mems"
                : r == -EAGAIN ? "its limit of processes is reached: raise linux.resources.pids.limit"
                               : "run as root or delegate the group");
    }
    return 0;
}

/* ---- limits -------------------------------------------------------------------------------------------------- */

int cgroup_memory_check_use(const struct cgroup_target *t, const struct resources *r, const char *file, struct err *err)
{
    uint64_t use;

    if (!r->memory.check_before_update.set || !r->memory.check_before_update.v || !r->memory.limit.set ||
        r->memory.limit.v <= 0 || !cgroup_file_number(t->cg->dir_fds[t->h], file, &use))
        return 0;
    if (use <= (uint64_t)r->memory.limit.v)
        return 0;
    return err_set(err, -EBUSY,
                   "linux.resources.memory.limit: %lld is below the present use of %llu bytes; raise it or leave out "
                   "linux.resources.memory.checkBeforeUpdate",
                   (long long)r->memory.limit.v, (unsigned long long)use);
}

static int apply_check(const struct cgroup *cg, const struct resources *r, const struct cgroup_need *n, struct err *err)
{
    int rc = need_refuse_absent(cg->host, n, err);

    for (uint32_t h = 0; rc == 0 && h < cg->host->n; h++) {
        const struct cgroup_hierarchy *hi = &cg->host->h[h];
        uint32_t mask = n->mask & hi->controllers;
        if (!mask)
            continue;
        if (cg->dir_fds[h] < 0) {
            unsigned c = (unsigned)__builtin_ctz(mask);
            return err_set(err, -ENOENT, "%s: the group %s%s is not there; run as root or delegate the %s controller",
                           n->field[c], hi->mountpoint, cg->path, cgroup_controller_name((enum cgroup_controller)c));
        }
        rc = hi->v2 ? cgroup_v2_check(r, mask, err) : cgroup_v1_check(r, mask, err);
    }
    return rc;
}

static int unified_do(struct cgroup *cg, const struct resources *r, bool update, struct err *err)
{
    for (uint32_t h = 0; h < cg->host->n; h++)
        if (cg->host->h[h].v2 && cg->dir_fds[h] >= 0)
            return cgroup_unified_apply(&(struct cgroup_target){cg, h, CG_CONTROLLERS, update}, r, err);
    return err_set(
        err, -EOPNOTSUPP,
        "linux.resources.unified: this host (cgroup layout %s) has no group in a cgroup v2 hierarchy; give the "
        "limits as memory, cpu, pids ... instead",
        cgroup_layout_name(cg->host->layout));
}

int cgroup_apply(struct cgroup *cg, const struct resources *r, bool update, struct err *err)
{
    struct cgroup_need n;
    int rc;

    cgroup_need_read(&n, r);
    if (!n.mask && !(r && r->n_unified))
        return 0;
    if (r->n_unified && cgroup_clone_fd(cg) < 0)
        return unified_do(cg, r, update, err);
    rc = cgroup_unified_check(r, err);
    if (rc == 0)
        rc = apply_check(cg, r, &n, err);
    for (uint32_t h = 0; rc == 0 && h < cg->host->n; h++) {
        struct cgroup_target t = {cg, h, CG_CONTROLLERS, update};
        uint32_t mask = n.mask & cg->host->h[h].controllers;
        if (mask)
            rc = cg->host->h[h].v2 ? cgroup_v2_apply(&t, r, mask, err) : cgroup_v1_apply(&t, r, mask, err);
    }
    if (rc == 0 && r->n_unified)
        rc = unified_do(cg, r, update, err);
    return rc;
}

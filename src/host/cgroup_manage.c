/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A living group and its end: freezing, signalling, the processes inside, removal. The workload may fork, make nested
 * groups and die meanwhile, so everything is done over and over within a bound, and a process is signalled by a pidfd
 * that was seen to be inside both before and after it was opened. A group that holds ourselves is never killed.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Naps start at 1 ms and grow to 50 ms: these many take about 2 s together. */
#define NAPS_MAX   48
#define NAP_FIRST  1000
#define PIDS_MAX   (4u << 20) /* the kernel's own bound of process ids */
#define BATCH_SIZE 128        /* pidfds open at a time */

/* ---- freezing ------------------------------------------------------------------------------------------------ */

static int freezer_of(const struct cgroup *cg)
{
    int h = cgroup_hierarchy_of(cg->host, CG_FREEZER);

    return h >= 0 && cg->dir_fds[h] >= 0 ? h : -1;
}

/* 1 frozen, 0 thawed, -EAGAIN between the two. */
static int freezer_state(const struct cgroup *cg, int h)
{
    char text[512];
    uint64_t frozen;
    ssize_t r;

    if (cg->host->h[h].v2) {
        r = io_read_small(cg->dir_fds[h], "cgroup.events", text, sizeof text);
        return r < 0 ? (int)r : cgroup_text_number(text, "frozen", &frozen) ? frozen != 0 : -EOPNOTSUPP;
    }
    r = io_read_small(cg->dir_fds[h], "freezer.state", text, sizeof text);
    return r < 0 ? (int)r : strncmp(text, "FROZEN", 6) == 0 ? 1 : strncmp(text, "FREEZING", 8) == 0 ? -EAGAIN : 0;
}

static int freezer_write(const struct cgroup *cg, int h, bool frozen)
{
    if (cg->host->h[h].v2)
        return io_write_at(cg->dir_fds[h], "cgroup.freeze", frozen ? "1" : "0");
    return io_write_at(cg->dir_fds[h], "freezer.state", frozen ? "FROZEN" : "THAWED");
}

/* On v1 a task that forks or waits in the kernel can leave the group at FREEZING for good; letting it run for a moment
 * and freezing again is the known way out. */
static int freezer_wait(const struct cgroup *cg, int h, bool frozen)
{
    unsigned us = 50;
    int r = -ETIMEDOUT;

    for (unsigned i = 0; i < NAPS_MAX + 16; i++) {
        r = freezer_state(cg, h);
        if (r == (frozen ? 1 : 0))
            return 0;
        if (r < 0 && r != -EAGAIN)
            return r;
        cgroup_nap(&us);
        if (frozen && !cg->host->h[h].v2 && i % 8 == 7) {
            freezer_write(cg, h, false);
            freezer_write(cg, h, true);
        }
    }
    return -ETIMEDOUT;
}

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *err)
{
    int h = freezer_of(cg);
    const char *what = frozen ? "freeze" : "thaw";

    if (h < 0)
        return err_set(err, -EOPNOTSUPP,
                       "cannot %s cgroup %s: it is in no hierarchy with a freezer; mount the v1 freezer or cgroup2",
                       what, cg->path);
    int r = freezer_write(cg, h, frozen);
    if (r == 0)
        r = freezer_wait(cg, h, frozen);
    if (r == 0)
        return 0;
    if (frozen)
        freezer_write(cg, h, false); /* half frozen is worse than running */
    return err_sys(err, r, "cannot %s cgroup %s%s (%s)", what, cg->host->h[h].mountpoint, cg->path,
                   r == -ETIMEDOUT ? "a task inside waits in the kernel, or a parent group is frozen: try again"
                                   : "run as root or delegate the freezer controller");
}

int cgroup_is_frozen(struct cgroup *cg, bool *frozen, struct err *err)
{
    int h = freezer_of(cg);

    if (h < 0) {
        *frozen = false;
        return 0;
    }
    int r = freezer_state(cg, h);
    if (r < 0 && r != -EAGAIN)
        return err_sys(err, r, "cannot read the freezer's state of cgroup %s%s; was the group removed?",
                       cg->host->h[h].mountpoint, cg->path);
    *frozen = r == 1;
    return 0;
}

/* ---- the processes inside ------------------------------------------------------------------------------------ */

struct pid_list {
    struct arena *a;
    pid_t *v;
    size_t n, cap;
};

static int pid_list_add(struct pid_list *l, pid_t pid)
{
    if (l->n == l->cap) {
        if (l->cap >= PIDS_MAX)
            return -E2BIG;
        size_t cap = l->cap ? l->cap * 2 : 256;
        pid_t *v = arena_array(l->a, cap, sizeof *v);
        if (!v)
            return -ENOMEM;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = pid;
    return 0;
}

static int procs_read(int dirfd, struct pid_list *l)
{
    _cleanup_fd_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    char buf[4096];
    long pid = 0;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT || errno == ENODEV ? 0 : -errno; /* removed under us */
    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9' && pid < PIDS_MAX) {
                pid = pid * 10 + (buf[i] - '0');
                continue;
            }
            /* 0 is a process that our pid namespace does not see. */
            int r = pid > 0 ? pid_list_add(l, (pid_t)pid) : 0;
            if (r < 0)
                return r;
            pid = 0;
        }
    /* ENODEV: removed meanwhile. EOPNOTSUPP: a threaded group; its processes show in its domain, above. */
    return n == 0 || errno == ENODEV || errno == EOPNOTSUPP ? 0 : -errno;
}

static int procs_visit(int parent, const char *name, int fd, void *data)
{
    (void)parent;
    (void)name;
    return procs_read(fd, data);
}

static int pid_compare(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

    return x < y ? -1 : x > y;
}

/* Of all hierarchies together: a process may have been moved in some of them only. */
static int pids_collect(const struct cgroup *cg, struct pid_list *l)
{
    size_t n = 0;

    l->n = 0;
    for (uint32_t h = 0; h < cg->host->n; h++) {
        struct cgroup_walk walk = {procs_visit, l, CGROUP_NESTED_MAX};
        if (cg->dir_fds[h] < 0)
            continue;
        int r = procs_read(cg->dir_fds[h], l);
        if (r == 0)
            r = cgroup_tree_walk(cg->dir_fds[h], 0, &walk);
        if (r < 0)
            return r;
    }
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, pid_compare);
    for (size_t i = 0; i < l->n; i++)
        if (n == 0 || l->v[n - 1] != l->v[i])
            l->v[n++] = l->v[i];
    l->n = n;
    return 0;
}

int cgroup_pids(struct cgroup *cg, struct arena *a, pid_t **pids, size_t *n, struct err *err)
{
    struct pid_list l = {a, NULL, 0, 0};
    int r = pids_collect(cg, &l);

    if (r < 0)
        return err_sys(err, r, "cannot list the processes of cgroup %s; run as its owner or root", cg->path);
    *pids = l.v;
    *n = l.n;
    return 0;
}

/* ---- signalling ---------------------------------------------------------------------------------------------- */

/* Opens a pidfd for each, looks again who is inside, and signals those: a number that went to a stranger between the
 * two is not in the second list, and one that goes later is not behind the pidfd. */
static int batch_signal(const struct cgroup *cg, const pid_t *pids, size_t n, struct pid_list *again, int signo)
{
    int fds[BATCH_SIZE], r, rc;

    for (size_t i = 0; i < n; i++)
        fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
    rc = pids_collect(cg, again);
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0)
            continue;
        if (rc == 0 && again->n && bsearch(&pids[i], again->v, again->n, sizeof *pids, pid_compare)) {
            r = syscall(SYS_pidfd_send_signal, fds[i], signo, NULL, 0) < 0 && errno != ESRCH ? -errno : 0;
            rc = r < 0 ? r : rc;
        }
        close(fds[i]);
    }
    return rc;
}

/* Everybody inside now, once. *left is how many that were. */
static int round_signal(const struct cgroup *cg, struct pid_list *l, struct pid_list *again, int signo, size_t *left)
{
    int r = pids_collect(cg, l);

    *left = l->n;
    for (size_t at = 0; r == 0 && at < l->n; at += BATCH_SIZE)
        r = batch_signal(cg, l->v + at, l->n - at < BATCH_SIZE ? l->n - at : BATCH_SIZE, again, signo);
    return r;
}

/* Frozen, nobody forks away from under the list; thawed, the dying can die. */
static int round_kill(const struct cgroup *cg, struct pid_list *l, struct pid_list *again, size_t *left)
{
    int h = freezer_of(cg);
    bool v1 = h >= 0 && !cg->host->h[h].v2;
    int v2 = cgroup_clone_fd(cg);
    int r;

    if (v2 >= 0)
        io_write_at(v2, "cgroup.kill", "1"); /* Linux 5.14; the rounds do without */
    r = pids_collect(cg, l);
    *left = l->n;
    if (r < 0 || l->n == 0)
        return r;
    if (v1 && freezer_write(cg, h, true) == 0) {
        unsigned us = 50;
        for (unsigned i = 0; i < 12 && freezer_state(cg, h) == -EAGAIN; i++)
            cgroup_nap(&us);
    }
    r = round_signal(cg, l, again, SIGKILL, left);
    if (h >= 0)
        freezer_write(cg, h, false);
    return r;
}

static int kill_until_empty(const struct cgroup *cg, struct pid_list *l, struct pid_list *again, struct err *err)
{
    unsigned us = NAP_FIRST;
    size_t left = 0;
    int r = 0;

    for (unsigned i = 0; i < NAPS_MAX; i++) {
        r = round_kill(cg, l, again, &left);
        if (r < 0)
            return err_sys(err, r, "cannot kill the processes of cgroup %s; run as root", cg->path);
        if (left == 0)
            return 0;
        cgroup_nap(&us);
    }
    return err_set(err, -EBUSY,
                   "cgroup %s: %zu processes live on after SIGKILL; they wait in the kernel: try again later", cg->path,
                   left);
}

static bool holds_us(const struct cgroup *cg)
{
    size_t n = strlen(cg->path);

    if (n == 1)
        return true;
    for (uint32_t h = 0; h < cg->host->n; h++) {
        const char *own = cg->host->h[h].own;
        if (cg->dir_fds[h] >= 0 && strncmp(own, cg->path, n) == 0 && (own[n] == '/' || own[n] == 0))
            return true;
    }
    return false;
}

int cgroup_signal_all(struct cgroup *cg, int signo, struct err *err)
{
    struct arena a;
    size_t left;

    if (holds_us(cg))
        return err_set(
            err, -EINVAL,
            "cgroup %s: it holds the caller too, so not all of it can be signalled; name one container's group",
            cg->path);
    if (arena_init(&a, 256u << 20) < 0)
        return err_set(err, -ENOMEM, "cgroup %s: no memory for the list of its processes; free some", cg->path);
    struct pid_list l = {&a, NULL, 0, 0}, again = {&a, NULL, 0, 0};
    int r;
    if (signo == SIGKILL) {
        r = kill_until_empty(cg, &l, &again, err);
    } else {
        r = round_signal(cg, &l, &again, signo, &left);
        if (r < 0)
            r = err_sys(err, r, "cannot send signal %d to the processes of cgroup %s; run as root", signo, cg->path);
    }
    arena_free(&a);
    return r;
}

/* ---- removal ------------------------------------------------------------------------------------------------- */

static int remove_visit(int parent, const char *name, int fd, void *data)
{
    (void)fd;
    (void)data;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == EBUSY || errno == ENOTEMPTY)
        return 0; /* what is busy is seen again in the next round */
    return -errno;
}

/* The nested groups; 0 also when some stay. */
static int nested_remove(const char *abs)
{
    struct cgroup_walk walk = {remove_visit, NULL, CGROUP_NESTED_MAX};
    _cleanup_fd_ int fd = open(abs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return cgroup_tree_walk(fd, 0, &walk);
}

/* naps is what is left for all hierarchies together. */
static int hierarchy_remove(const struct cgroup *cg, uint32_t h, unsigned *naps)
{
    char abs[CGROUP_ABSOLUTE_MAX];
    unsigned us = NAP_FIRST;

    cgroup_absolute(abs, cg->host, h, cg->path, strlen(cg->path));
    for (;;) {
        if (rmdir(abs) == 0 || errno == ENOENT || errno == ENODEV)
            return 0;
        int r = -errno;
        if (r != -EBUSY && r != -ENOTEMPTY)
            return r;
        int nested = nested_remove(abs);
        if (nested < 0)
            return nested;
        if (rmdir(abs) == 0 || errno == ENOENT)
            return 0;
        if (*naps == 0)
            return r;
        --*naps;
        cgroup_nap(&us);
    }
}

int cgroup_remove(struct cgroup *cg, struct err *err)
{
    unsigned naps = NAPS_MAX;
    int rc = 0;

    for (uint32_t h = 0; h < cg->host->n; h++) {
        if (!cg->made[h] || cg->path[1] == 0)
            continue;
        int r = hierarchy_remove(cg, h, &naps);
        if (r == 0) {
            cg->made[h] = false;
            continue;
        }
        if (rc < 0)
            continue; /* the first says enough; the others are tried all the same */
        rc = err_sys(err, r, "cannot remove cgroup %s%s (%s)", cg->host->h[h].mountpoint, cg->path,
                     r == -EBUSY || r == -ENOTEMPTY ? "processes are still inside: kill them first"
                     : r == -E2BIG ? "more nested groups inside than are removed by themselves: remove them by hand"
                                   : "run as root or as the group's owner");
    }
    return rc;
}

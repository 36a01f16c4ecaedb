/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of an ordinary user. The administrator (or systemd, by Delegate=) gives a user a group by making it his: v1
 * its directory, v2 cgroup.procs and cgroup.subtree_control too (cgroup-v2.rst, "Delegation"). We look at the group we
 * are in and nowhere else, so users and root stay apart. Only files of that group and below are written.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF       "moat.self"
#define MOVES_MOST 4096 /* processes moved out of the way, for those who fork meanwhile */

/* Limits that files alone set; device rules need privilege on v1 (CAP_SYS_ADMIN) and on v2 (BPF). */
#define WANTED                                                                                                         \
    (CGROUP_BIT(CG_CPU) | CGROUP_BIT(CG_CPUSET) | CGROUP_BIT(CG_MEMORY) | CGROUP_BIT(CG_BLKIO) | CGROUP_BIT(CG_PIDS) | \
     CGROUP_BIT(CG_HUGETLB))

/* What our own group would be if we had not been moved out of the way by cgroup_delegation_prepare(). */
static void own_group(const struct cgroup_hierarchy *h, char out[512])
{
    size_t n = strlen(h->own), tail = strlen("/" SELF);

    memcpy(out, h->own, n + 1);
    if (h->v2 && n >= tail && !strcmp(out + n - tail, "/" SELF))
        out[n == tail ? 1 : n - tail] = 0;
}

static bool is_given(const struct cgroup_host *host, uint32_t i, const char *own)
{
    char dir[CGROUP_ABSOLUTE_MAX];
    struct stat st;

    cgroup_absolute(dir, host, i, own, strlen(own));
    _cleanup_fd_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || !(st.st_mode & S_IWUSR))
        return false;
    return !host->h[i].v2 || (faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
                              faccessat(fd, "cgroup.subtree_control", W_OK, AT_EACCESS) == 0);
}

static uint32_t controllers_of(const struct cgroup_host *host, uint32_t i, const char *path)
{
    char file[CGROUP_ABSOLUTE_MAX + 32], list[512];

    if (!host->h[i].v2)
        return host->h[i].controllers;
    cgroup_absolute(file, host, i, path, strlen(path));
    strcat(file, "/cgroup.controllers");
    return io_read_small(AT_FDCWD, file, list, sizeof list) > 0 ? cgroup_controllers_parse(list) : 0;
}

void cgroup_delegation_find(const struct cgroup_host *host, struct cgroup_delegation *out)
{
    char own[CGROUP_HIERARCHIES_MAX][512];
    bool given[CGROUP_HIERARCHIES_MAX];

    *out = (struct cgroup_delegation){.path = ""};
    for (uint32_t i = 0; i < host->n; i++) {
        own_group(&host->h[i], own[i]);
        given[i] = is_given(host, i, own[i]);
    }
    /* One path for all hierarchies, as a sandbox has: the one that brings most. */
    for (uint32_t i = 0; i < host->n; i++) {
        uint32_t all = 0;
        for (uint32_t k = 0; given[i] && k < host->n; k++)
            if (given[k] && !strcmp(own[i], own[k]))
                all |= controllers_of(host, k, own[k]) & WANTED;
        if (given[i] && (!out->path[0] || __builtin_popcount(all) > __builtin_popcount(out->controllers))) {
            memcpy(out->path, own[i], sizeof own[i]);
            out->controllers = all;
        }
    }
}

/* All of this group's own processes, ours among them, into SELF. Read again until none is left: they may fork. */
static int move_out_of_the_way(int dir)
{
    char text[4096];

    if (mkdirat(dir, SELF, 0755) < 0 && errno != EEXIST)
        return -errno;
    for (unsigned moved = 0; moved < MOVES_MOST;) {
        ssize_t n = io_read_small(dir, "cgroup.procs", text, sizeof text);
        if (n <= 0)
            return (int)n;
        unsigned before = moved;
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            int r = io_write_at(dir, SELF "/cgroup.procs", line);
            if (r < 0 && r != -ESRCH)
                return r;
            moved++;
        }
        if (moved == before)
            return -EBUSY;
    }
    return -EBUSY;
}

void cgroup_delegation_prepare(const struct cgroup_host *host, struct cgroup_delegation *d)
{
    for (uint32_t i = 0; d->path[0] && i < host->n; i++) {
        char path[CGROUP_ABSOLUTE_MAX], list[512], own[512], word[32];
        own_group(&host->h[i], own);
        if (!host->h[i].v2 || strcmp(own, d->path) != 0 || !is_given(host, i, own))
            continue;
        cgroup_absolute(path, host, i, d->path, strlen(d->path));
        _cleanup_fd_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            return;
        uint32_t here = controllers_of(host, i, d->path) & WANTED;
        uint32_t on =
            io_read_small(dir, "cgroup.subtree_control", list, sizeof list) > 0 ? cgroup_controllers_parse(list) : 0;
        if ((on & here) == here)
            continue;
        move_out_of_the_way(dir); /* what that could not do shows below */
        for (unsigned c = 0; c < CG_CONTROLLERS; c++) {
            if (!(here & ~on & CGROUP_BIT(c)))
                continue;
            snprintf(word, sizeof word, "+%s",
                     c == CG_BLKIO ? "io" : cgroup_controller_name((enum cgroup_controller)c));
            if (io_write_at(dir, "cgroup.subtree_control", word) < 0)
                d->controllers &= ~CGROUP_BIT(c);
        }
    }
}

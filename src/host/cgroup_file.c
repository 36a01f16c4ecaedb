/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and directories of cgroupfs: one value written, one number read, a tree walked. Everything goes by directory
 * descriptors and without following links. What stands in a group that a workload owns is foreign, so walks are bounded
 * in depth and number, and numbers are parsed without trust in their form.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void cgroup_absolute(char *buf, const struct cgroup_host *host, uint32_t h, const char *path, size_t len)
{
    size_t m = strlen(host->h[h].mountpoint);

    memcpy(buf, host->h[h].mountpoint, m);
    if (len == 1 && path[0] == '/')
        len = 0;
    memcpy(buf + m, path, len);
    buf[m + len] = 0;
}

int cgroup_hierarchy_of(const struct cgroup_host *host, enum cgroup_controller c)
{
    for (uint32_t i = 0; i < host->n; i++)
        if (host->h[i].controllers & CGROUP_BIT(c))
            return (int)i;
    return -1;
}

void cgroup_nap(unsigned *microseconds)
{
    struct timespec ts = {0, (long)*microseconds * 1000};

    nanosleep(&ts, NULL);
    *microseconds = *microseconds * 3 / 2;
    if (*microseconds > 50000)
        *microseconds = 50000;
}

static const char *remedy(int code, bool v2)
{
    switch (code) {
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "run as root or delegate the controller";
    case -ENOENT:
        return v2 ? "this kernel or group has no such file: enable the controller or leave the item out"
                  : "this kernel has no such file: leave the item out";
    case -EBUSY:
        return "the group uses more than that already: raise the figure or stop some of its processes";
    case -EINVAL:
    case -ERANGE:
        return "the kernel refuses this figure here: choose one inside the parent group's bounds";
    case -ENODEV:
    case -ENXIO:
        return "no such device on this host: leave the item out";
    case -EOPNOTSUPP:
        return "this kernel no longer supports the item: leave it out";
    default:
        return "leave the item out or choose another figure";
    }
}

int cgroup_file_error(const struct cgroup_target *t, int code, const char *field, const char *file, const char *value,
                      struct err *err)
{
    const struct cgroup_hierarchy *h = &t->cg->host->h[t->h];

    return err_set(err, code, "%s: cannot write %s in %s%s (value %s): %s; %s%s%s", field, file, h->mountpoint,
                   t->cg->path, value, strerror(-code), remedy(code, h->v2),
                   code == -EACCES || code == -EPERM || code == -EROFS ? " " : "",
                   code == -EACCES || code == -EPERM || code == -EROFS ? cgroup_controller_name(t->c) : "");
}

int cgroup_file_write(const struct cgroup_target *t, const char *field, const char *file, const char *value,
                      struct err *err)
{
    int r = io_write_at(t->cg->dir_fds[t->h], file, value);

    return r < 0 ? cgroup_file_error(t, r, field, file, value, err) : 0;
}

int cgroup_file_write_u64(const struct cgroup_target *t, const char *field, const char *file, uint64_t v,
                          struct err *err)
{
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return cgroup_file_write(t, field, file, text, err);
}

int cgroup_file_write_i64(const struct cgroup_target *t, const char *field, const char *file, int64_t v,
                          const char *none, struct err *err)
{
    return v < 0 ? cgroup_file_write(t, field, file, none, err)
                 : cgroup_file_write_u64(t, field, file, (uint64_t)v, err);
}

bool cgroup_file_exists(const struct cgroup_target *t, const char *file)
{
    return faccessat(t->cg->dir_fds[t->h], file, F_OK, 0) == 0;
}

int cgroup_writes_do(const struct cgroup_target *t, struct cgroup_write *w, uint32_t n, struct err *err)
{
    bool done[CGROUP_WRITES_MAX] = {false};
    uint32_t left = n;

    while (left) {
        uint32_t before = left, stuck = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (done[i])
                continue;
            int r = io_write_at(t->cg->dir_fds[t->h], w[i].file, w[i].value);
            if (r < 0 && r != -EINVAL)
                return cgroup_file_error(t, r, w[i].field, w[i].file, w[i].value, err);
            if (r < 0) {
                stuck = i;
                continue;
            }
            done[i] = true;
            left--;
        }
        if (left == before)
            return cgroup_file_error(t, -EINVAL, w[stuck].field, w[stuck].file, w[stuck].value, err);
    }
    return 0;
}

/* Decimal digits at p; false when there are none or they overflow. */
static bool number_parse(const char *p, uint64_t *v)
{
    uint64_t n = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
            return false;
    *v = n;
    return true;
}

bool cgroup_file_number(int dirfd, const char *file, uint64_t *v)
{
    char text[64];

    return io_read_small(dirfd, file, text, sizeof text) > 0 && number_parse(text, v);
}

bool cgroup_text_number(const char *text, const char *key, uint64_t *v)
{
    size_t k = strlen(key);

    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, key, k) == 0 && p[k] == ' ')
            return number_parse(p + k + 1, v);
    return false;
}

struct dirent64_record {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

/* One directory found inside: its own inside first. DT_UNKNOWN cannot come from cgroupfs. */
static int walk_one(int dirfd, const char *name, unsigned depth, struct cgroup_walk *walk)
{
    if (walk->budget-- == 0)
        return -E2BIG;
    _cleanup_fd_ int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = cgroup_tree_walk(fd, depth + 1, walk);
    return r < 0 ? r : walk->visit(dirfd, name, fd, walk->data);
}

int cgroup_tree_walk(int parent, unsigned depth, struct cgroup_walk *walk)
{
    char buf[2048] __attribute__((aligned(8)));
    struct stat st;

    if (depth > CGROUP_DEPTH_MAX)
        return -E2BIG;
    /* cgroupfs counts child directories in the links: two are "." and the name, and the files need not be listed. */
    if (fstat(parent, &st) < 0 || st.st_nlink == 2)
        return 0;
    _cleanup_fd_ int dirfd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return errno == ENOENT ? 0 : -errno;
    for (;;) {
        long n = syscall(SYS_getdents64, dirfd, buf, sizeof buf);
        if (n < 0)
            return errno == ENOENT ? 0 : -errno; /* ENOENT: removed under us */
        if (n == 0)
            return 0;
        for (long at = 0; at < n;) {
            struct dirent64_record *d = (struct dirent64_record *)(buf + at);
            at += d->reclen;
            if (d->type != 4 /* DT_DIR */ || strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
                continue;
            int r = walk_one(dirfd, d->name, depth, walk);
            if (r < 0)
                return r;
        }
    }
}

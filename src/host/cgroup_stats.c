/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group uses. A figure that the host does not keep stays unset, as does a limit that is none. The files are the
 * kernel's own; only their length is bounded here (a cut text loses its last lines, never more).
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 16384
/* v1 writes "no limit" as the largest multiple of a page, whose size differs. */
#define V1_UNLIMITED (UINT64_C(0x7fffffffffffffff) - 65536)

struct source {
    int dirfd;
    bool v2;
};

static bool source_find(const struct cgroup *cg, enum cgroup_controller c, struct source *s)
{
    int h = cgroup_hierarchy_of(cg->host, c);

    if (h < 0 || cg->dir_fds[h] < 0)
        return false;
    s->dirfd = cg->dir_fds[h];
    s->v2 = cg->host->h[h].v2;
    return true;
}

static void number(const struct source *s, const char *file, struct opt_u64 *out)
{
    out->set = cgroup_file_number(s->dirfd, file, &out->v);
}

static void keyed(const char *text, const char *key, uint64_t scale, struct opt_u64 *out)
{
    uint64_t v;

    if (!cgroup_text_number(text, key, &v) || __builtin_mul_overflow(v, scale, &v))
        return;
    out->set = true;
    out->v = v;
}

static bool text_read(const struct source *s, const char *file, char *text)
{
    return io_read_small(s->dirfd, file, text, TEXT_MAX) > 0;
}

static void cpu_read(const struct cgroup *cg, struct cgroup_stats *st, char *text)
{
    struct source s;

    if (source_find(cg, CG_CPUACCT, &s)) {
        if (!s.v2) {
            number(&s, "cpuacct.usage", &st->cpu_usage_ns);
            number(&s, "cpuacct.usage_user", &st->cpu_user_ns);
            number(&s, "cpuacct.usage_sys", &st->cpu_system_ns);
        } else if (text_read(&s, "cpu.stat", text)) {
            keyed(text, "usage_usec", 1000, &st->cpu_usage_ns);
            keyed(text, "user_usec", 1000, &st->cpu_user_ns);
            keyed(text, "system_usec", 1000, &st->cpu_system_ns);
        }
    }
    if (source_find(cg, CG_CPU, &s) && text_read(&s, "cpu.stat", text)) {
        keyed(text, "nr_periods", 1, &st->cpu_periods);
        keyed(text, "nr_throttled", 1, &st->cpu_throttled_periods);
        keyed(text, s.v2 ? "throttled_usec" : "throttled_time", s.v2 ? 1000 : 1, &st->cpu_throttled_ns);
    }
}

static void memory_v1_read(const struct source *s, struct cgroup_stats *st, char *text)
{
    number(s, "memory.usage_in_bytes", &st->memory_usage);
    number(s, "memory.max_usage_in_bytes", &st->memory_max_usage);
    number(s, "memory.limit_in_bytes", &st->memory_limit);
    if (st->memory_limit.set && st->memory_limit.v >= V1_UNLIMITED)
        st->memory_limit = (struct opt_u64){0};
    number(s, "memory.failcnt", &st->memory_failcnt);
    if (text_read(s, "memory.stat", text)) {
        keyed(text, "total_cache", 1, &st->memory_cache);
        keyed(text, "total_rss", 1, &st->memory_rss);
        keyed(text, "total_swap", 1, &st->memory_swap);
        keyed(text, "total_inactive_file", 1, &st->memory_inactive_file);
    }
    if (text_read(s, "memory.oom_control", text))
        keyed(text, "oom_kill", 1, &st->oom_kills);
}

static void memory_v2_read(const struct source *s, struct cgroup_stats *st, char *text)
{
    number(s, "memory.current", &st->memory_usage);
    number(s, "memory.peak", &st->memory_max_usage);
    number(s, "memory.max", &st->memory_limit);
    number(s, "memory.swap.current", &st->memory_swap);
    if (text_read(s, "memory.stat", text)) {
        keyed(text, "file", 1, &st->memory_cache);
        keyed(text, "anon", 1, &st->memory_rss);
        keyed(text, "inactive_file", 1, &st->memory_inactive_file);
    }
    if (text_read(s, "memory.events", text)) {
        keyed(text, "max", 1, &st->memory_failcnt);
        keyed(text, "oom_kill", 1, &st->oom_kills);
    }
}

/* Adds the number behind `key` of each line: "8:0 Read 4096" (key " Read ") or "8:0 rbytes=4096 ..." (key " rbytes=").
 */
static void summed(const char *text, const char *key, struct opt_u64 *out)
{
    size_t k = strlen(key);

    for (const char *p = strstr(text, key); p; p = strstr(p + k, key)) {
        out->set = true;
        out->v += strtoull(p + k, NULL, 10);
    }
}

static void blkio_read(const struct source *s, struct cgroup_stats *st, char *text)
{
    struct opt_u64 *out[] = {&st->blkio_read_bytes, &st->blkio_write_bytes, &st->blkio_read_ios, &st->blkio_write_ios};
    static const char *const v2[] = {" rbytes=", " wbytes=", " rios=", " wios="};

    if (s->v2) {
        for (unsigned i = 0; i < 4 && text_read(s, "io.stat", text); i++)
            summed(text, v2[i], out[i]);
        return;
    }
    for (unsigned i = 0; i < 4; i += 2)
        if (text_read(s, i ? "blkio.throttle.io_serviced_recursive" : "blkio.throttle.io_service_bytes_recursive",
                      text)) {
            summed(text, " Read ", out[i]);
            summed(text, " Write ", out[i + 1]);
        }
}

int cgroup_read_stats(struct cgroup *cg, struct cgroup_stats *st, struct err *err)
{
    char text[TEXT_MAX];
    struct source s;
    bool any = false;

    for (uint32_t h = 0; h < cg->host->n; h++)
        any = any || cg->dir_fds[h] >= 0;
    if (!any)
        return err_set(err, -ENOENT, "cgroup %s has no group to read statistics from; was it removed?", cg->path);
    memset(st, 0, sizeof *st);
    cpu_read(cg, st, text);
    if (source_find(cg, CG_MEMORY, &s)) {
        if (s.v2)
            memory_v2_read(&s, st, text);
        else
            memory_v1_read(&s, st, text);
    }
    if (source_find(cg, CG_PIDS, &s)) {
        number(&s, "pids.current", &st->pids_current);
        number(&s, "pids.max", &st->pids_limit);
        if (text_read(&s, "pids.events", text))
            keyed(text, "max", 1, &st->pids_limit_hits);
    }
    if (source_find(cg, CG_BLKIO, &s))
        blkio_read(&s, st, text);
    return 0;
}

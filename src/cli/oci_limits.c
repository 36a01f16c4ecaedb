/* SPDX-License-Identifier: Apache-2.0 */
/* pause, resume, update, events. */
#include "base/io.h"
#include "base/json.h"
#include "cli/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESOURCES_MAX (1u << 20)

static int set_paused(struct oci *o, bool paused, struct err *err)
{
    struct sandbox sb;
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    enum sandbox_status s = sandbox_status(&sb);
    if (paused && s != SANDBOX_RUNNING && s != SANDBOX_CREATED)
        return err_set(err, -EINVAL, "pause: container \"%s\" is %s", sb.id, sandbox_status_name(s));
    if (!paused && s != SANDBOX_PAUSED)
        return err_set(err, -EINVAL, "resume: container \"%s\" is %s, not paused", sb.id, sandbox_status_name(s));
    return sb.inst.boundary->pause(&sb.inst, paused, err);
}

int oci_pause(struct oci *o, struct err *err)
{
    return set_paused(o, true, err);
}

int oci_resume(struct oci *o, struct err *err)
{
    return set_paused(o, false, err);
}

int oci_update(struct oci *o, struct err *err)
{
    struct sandbox sb;
    struct limits l = {.resources = o->limits};
    char *text;
    size_t len;
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    enum sandbox_status s = sandbox_status(&sb);
    if (s == SANDBOX_STOPPED || s == SANDBOX_CREATING)
        return err_set(err, -EINVAL, "update: container \"%s\" is %s", sb.id, sandbox_status_name(s));
    if (o->resources_file) {
        l.resources = (struct resources){0};
        r = strcmp(o->resources_file, "-")
                ? io_read_file(&o->arena, AT_FDCWD, o->resources_file, RESOURCES_MAX, &text, &len)
                : io_read_fd(&o->arena, 0, RESOURCES_MAX, &text, &len);
        if (r < 0)
            return err_sys(err, r, "update --resources %s", o->resources_file);
        if ((r = policy_read_oci_resources(&o->arena, &l.resources, text, len, err)) < 0)
            return err_wrap(err, "update --resources %s", o->resources_file);
    }
    return sb.inst.boundary->update(&sb.inst, &l, err);
}

static void put(struct json_writer *w, const char *key, const struct opt_u64 *v)
{
    if (v->set)
        json_uint(w, key, v->v);
}

/* The document that runc's `events` prints and containerd's shim reads. */
static void write_stats(struct json_writer *w, const char *id, const struct cgroup_stats *st)
{
    json_object_begin(w, NULL);
    json_string(w, "type", "stats");
    json_string(w, "id", id);
    json_object_begin(w, "data");
    json_object_begin(w, "cpu");
    json_object_begin(w, "usage");
    put(w, "total", &st->cpu_usage_ns);
    put(w, "kernel", &st->cpu_system_ns);
    put(w, "user", &st->cpu_user_ns);
    json_object_end(w);
    json_object_begin(w, "throttling");
    put(w, "periods", &st->cpu_periods);
    put(w, "throttledPeriods", &st->cpu_throttled_periods);
    put(w, "throttledTime", &st->cpu_throttled_ns);
    json_object_end(w);
    json_object_end(w);
    json_object_begin(w, "memory");
    put(w, "cache", &st->memory_cache);
    json_object_begin(w, "usage");
    put(w, "limit", &st->memory_limit);
    put(w, "usage", &st->memory_usage);
    put(w, "max", &st->memory_max_usage);
    put(w, "failcnt", &st->memory_failcnt);
    json_object_end(w);
    if (st->memory_swap.set) {
        json_object_begin(w, "swap");
        put(w, "usage", &st->memory_swap);
        json_object_end(w);
    }
    json_object_begin(w, "raw");
    put(w, "rss", &st->memory_rss);
    put(w, "oom_kill", &st->oom_kills);
    json_object_end(w);
    json_object_end(w);
    json_object_begin(w, "pids");
    put(w, "current", &st->pids_current);
    put(w, "limit", &st->pids_limit);
    json_object_end(w);
    json_object_begin(w, "blkio");
    if (st->blkio_read_bytes.set || st->blkio_write_bytes.set) {
        json_array_begin(w, "ioServiceBytesRecursive");
        json_object_begin(w, NULL);
        json_string(w, "op", "Read");
        put(w, "value", &st->blkio_read_bytes);
        json_object_end(w);
        json_object_begin(w, NULL);
        json_string(w, "op", "Write");
        put(w, "value", &st->blkio_write_bytes);
        json_object_end(w);
        json_array_end(w);
    }
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static int print_stats(struct sandbox *sb, struct cgroup_stats *st, struct err *err)
{
    struct json_writer w = {0};
    int r = sb->inst.boundary->stats(&sb->inst, st, err);

    if (r < 0)
        return r;
    write_stats(&w, sb->id, st);
    puts(w.failed ? "{}" : w.buf);
    json_writer_free(&w);
    return fflush(stdout) ? err_sys(err, -errno, "standard output") : 0;
}

int oci_events(struct oci *o, struct err *err)
{
    struct sandbox sb;
    struct cgroup_stats st = {0};
    uint64_t ooms = 0;
    int r = oci_load(o, &sb, err);

    if (r < 0)
        return r;
    enum sandbox_status s = sandbox_status(&sb);
    if (s == SANDBOX_STOPPED || s == SANDBOX_CREATING)
        return err_set(err, -EINVAL, "events: container \"%s\" is %s", sb.id, sandbox_status_name(s));
    r = print_stats(&sb, &st, err);
    ooms = st.oom_kills.v;
    while (r == 0 && !o->stats) {
        sleep((unsigned)(o->interval_s > 0 ? o->interval_s : 1));
        if (sandbox_status(&sb) == SANDBOX_STOPPED || kill(sb.inst.pid, 0) < 0)
            return 0;
        st = (struct cgroup_stats){0};
        r = print_stats(&sb, &st, err);
        if (r == 0 && st.oom_kills.v > ooms)
            printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", sb.id);
        ooms = st.oom_kills.v;
    }
    return r;
}

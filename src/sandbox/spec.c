/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.json and exit.json. Both are ours, in a directory of ours; a damaged one is still an error and no crash. */
#include "sandbox/spec.h"

#include "base/io.h"
#include "base/json.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <string.h>

#define SPEC_VERSION 1
#define SPEC_MAX     (1u << 20)

/* ---- sandbox.json ------------------------------------------------------------------------------------------- */

int spec_write(struct sandbox *sb, struct err *err)
{
    const struct sandbox_spec *s = &sb->spec;
    struct json_writer w = {0};

    json_object_begin(&w, NULL);
    json_int(&w, "version", SPEC_VERSION);
    json_string(&w, "id", sb->id);
    json_string(&w, "boundary", sb->inst.boundary->name);
    json_string(&w, "image", s->image);
    json_string(&w, "created", s->created);
    json_string(&w, "restart", restart_policy_name(s->restart.policy));
    json_uint(&w, "restartMax", s->restart.max);
    json_bool(&w, "autoRemove", s->auto_remove);
    json_bool(&w, "keepStdin", s->keep_stdin);
    json_int(&w, "stopTimeoutMs", s->stop_timeout_ms);
    json_bool(&w, "logNone", s->log_none);
    json_uint(&w, "logSize", s->log_size);
    json_uint(&w, "logFiles", s->log_files);
    json_string(&w, "bundle", s->bundle);
    json_string(&w, "rootfs", s->root_path);
    json_string(&w, "cgroupPath", s->cgroup_path);
    json_string(&w, "layerDir", s->layer_dir);
    json_string(&w, "dataDir", s->data_dir);
    json_string(&w, "layerLower", s->layer_lower);
    json_bool(&w, "rootless", s->rootless);
    json_bool(&w, "idmapRoot", s->idmap_root);
    json_bool(&w, "idmapBinds", s->idmap_binds);
    json_uint(&w, "idBlock", s->id_block);
    json_object_end(&w);
    int r = w.failed ? -ENOMEM : io_replace_file(sb->inst.state_fd, "sandbox.json", w.buf, w.len, 0600);
    json_writer_free(&w);
    return r < 0 ? err_sys(err, r, "state of sandbox %s", sb->id) : 0;
}

/* 1: there; 0: no such file. */
static int read_document(struct sandbox *sb, const char *name, struct json **o, struct err *err)
{
    char *text;
    size_t len;
    int r = io_read_file(sb->arena, sb->inst.state_fd, name, SPEC_MAX, &text, &len);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return err_sys(err, r, "%s of sandbox %s", name, sb->id);
    if ((r = json_parse(sb->arena, text, len, o, err)) < 0)
        return err_wrap(err, "%s of sandbox %s (moat rm -f removes it)", name, sb->id);
    if (json_get_int(*o, "version") != SPEC_VERSION)
        return err_set(err, -EINVAL, "%s of sandbox %s: is of version %lld, this moat reads %d (moat rm -f removes it)",
                       name, sb->id, (long long)json_get_int(*o, "version"), SPEC_VERSION);
    return 1;
}

int spec_read(struct sandbox *sb, struct err *err)
{
    struct sandbox_spec *s = &sb->spec;
    struct json *o;
    int r = read_document(sb, "sandbox.json", &o, err);

    sb->kept = r != 0;
    if (r <= 0)
        return r;
    const char *boundary = json_get_text(o, "boundary", NULL), *restart = json_get_text(o, "restart", NULL);
    sb->inst.boundary = boundary ? boundary_find(boundary) : NULL;
    if (!sb->inst.boundary)
        return err_set(err, -EINVAL, "sandbox %s: boundary %s is not in this build", sb->id,
                       boundary ? boundary : "(none)");
    if (restart && (r = restart_rule_parse(restart, &s->restart, err)) < 0)
        return err_wrap(err, "sandbox %s", sb->id);
    s->restart.max = (uint32_t)json_get_int(o, "restartMax");
    s->image = json_get_text(o, "image", NULL);
    s->created = json_get_text(o, "created", NULL);
    s->auto_remove = json_get_bool(o, "autoRemove");
    s->keep_stdin = json_get_bool(o, "keepStdin");
    s->stop_timeout_ms = json_get_int(o, "stopTimeoutMs");
    s->log_none = json_get_bool(o, "logNone");
    s->log_size = (uint64_t)json_get_int(o, "logSize");
    s->log_files = (uint32_t)json_get_int(o, "logFiles");
    s->bundle = json_get_text(o, "bundle", NULL);
    s->root_path = json_get_text(o, "rootfs", NULL);
    s->cgroup_path = json_get_text(o, "cgroupPath", NULL);
    s->layer_dir = json_get_text(o, "layerDir", NULL);
    s->data_dir = json_get_text(o, "dataDir", NULL);
    s->layer_lower = json_get_text(o, "layerLower", NULL);
    s->rootless = json_get_bool(o, "rootless");
    s->idmap_root = json_get_bool(o, "idmapRoot");
    s->idmap_binds = json_get_bool(o, "idmapBinds");
    s->id_block = (uint32_t)json_get_int(o, "idBlock");
    return 0;
}

/* ---- exit.json ---------------------------------------------------------------------------------------------- */

int end_write(struct sandbox *sb, const struct sandbox_end *e, struct err *err)
{
    struct json_writer w = {0};

    json_object_begin(&w, NULL);
    json_int(&w, "version", SPEC_VERSION);
    json_uint(&w, "run", e->run);
    json_int(&w, "exitCode", e->exit_code);
    json_string(&w, "reason", end_reason_name(e->reason));
    json_bool(&w, "oomKilled", e->oom_killed);
    json_uint(&w, "pidsLimitHits", e->pids_limit_hits);
    json_string(&w, "finished", e->finished);
    json_string(&w, "error", e->error);
    json_uint(&w, "restarts", e->restarts);
    json_bool(&w, "restarting", e->restarting);
    json_bool(&w, "stopped", e->stopped);
    json_object_end(&w);
    int r = w.failed ? -ENOMEM : io_replace_file(sb->inst.state_fd, "exit.json", w.buf, w.len, 0600);
    json_writer_free(&w);
    return r < 0 ? err_sys(err, r, "exit status of sandbox %s", sb->id) : 0;
}

int end_read(struct sandbox *sb, struct sandbox_end *e, struct err *err)
{
    struct json *o;
    int r = read_document(sb, "exit.json", &o, err);

    *e = (struct sandbox_end){0};
    if (r <= 0)
        return r;
    const char *reason = json_get_text(o, "reason", NULL);
    e->known = true;
    e->reason = END_LOST;
    for (int i = 0; reason && i < END_REASONS; i++)
        if (!strcmp(reason, end_reason_name((enum end_reason)i)))
            e->reason = (enum end_reason)i;
    e->run = (uint32_t)json_get_int(o, "run");
    e->exit_code = (int)json_get_int(o, "exitCode");
    e->oom_killed = json_get_bool(o, "oomKilled");
    e->pids_limit_hits = (uint64_t)json_get_int(o, "pidsLimitHits");
    e->finished = json_get_text(o, "finished", NULL);
    e->error = json_get_text(o, "error", NULL);
    e->restarts = (uint32_t)json_get_int(o, "restarts");
    e->restarting = json_get_bool(o, "restarting");
    e->stopped = json_get_bool(o, "stopped");
    return 0;
}

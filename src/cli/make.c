/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a sandbox that is made and not yet started, for `run` and `create`. */
#include "cli/make.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "host/features.h"
#include "image/import.h"
#include "image/users.h"
#include "policy/defaults.h"
#include "sandbox/events.h"
#include "sandbox/ids.h"
#include "sandbox/layers.h"
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_SIZE (256u << 20)
#define CONFIG_MAX (16u << 20)
#define EMBEDDED   "/share/busybox" /* the default image, beside the executable */

static const char *command_name = "run";

static void warn(const char *text)
{
    fprintf(stderr, "moat %s: warning: %s\n", command_name, text);
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The default image lies beside the executable and enters the store when it is first asked for. */
static int import_embedded(struct making *r, struct err *err)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    struct import in = {0};
    struct import_result result;
    struct store store;

    exe[n > 0 ? n : 0] = 0;
    char *slash = strrchr(exe, '/');
    const char *dir = slash ? arena_printf(&r->arena, "%.*s" EMBEDDED, (int)(slash - exe), exe) : NULL;
    if (!dir || !is_directory(dir))
        return err_set(err, -ENOENT, "image busybox: not in the store, and this build has none beside it");
    in.source = dir;
    int rc = reference_parse("busybox", &in.name, err);
    if (rc == 0 && (rc = store_open(&store, &r->arena, NULL, true, err)) == 0) {
        rc = image_import(&store, &in, &result, err);
        store_close(&store);
    }
    return rc;
}

static int look_up(struct making *r, struct err *err)
{
    int rc = store_open(&r->store, &r->arena, NULL, false, err);

    return rc < 0 ? rc : store_resolve(&r->store, r->o.image, &r->image, err);
}

static int fetch(struct making *r, struct err *err)
{
    *err = (struct err){0};
    return cli_pull_missing(r->o.image, r->o.platform, r->o.quiet, err);
}

/* What is not in the store: the built-in image, or one of a registry. */
static int bring_in(struct making *r, struct err *err)
{
    struct err missing = *err, pulling = {0};

    if (!strcmp(r->o.image, "busybox") || !strcmp(r->o.image, "busybox:latest")) {
        *err = (struct err){0};
        return import_embedded(r, err);
    }
    if (r->o.pull && !strcmp(r->o.pull, "never"))
        return err->code;
    int rc = fetch(r, &pulling);
    /* Where no registry could be asked, what is missing is said in the store's words. */
    if (rc < 0)
        *err = rc == -EDESTADDRREQ ? missing : pulling;
    if (rc == -EDESTADDRREQ) {
        size_t n = strlen(err->text);
        snprintf(
            err->text + n, sizeof err->text - n,
            " (no registry was asked: the name has none, and neither MOAT_REGISTRY nor /etc/moat/registry is set)");
    }
    return rc == -EDESTADDRREQ ? missing.code : rc;
}

static int resolve_image(struct making *r, struct err *err)
{
    int rc = 0;

    if (r->o.pull && !strcmp(r->o.pull, "always") && (rc = fetch(r, err)) < 0)
        return rc;
    rc = look_up(r, err);
    if (rc == -ENOENT) {
        store_close(&r->store);
        if ((rc = bring_in(r, err)) == 0)
            rc = look_up(r, err);
    }
    if (rc < 0)
        return rc;
    r->from_image = true;
    r->root = r->image.rootfs;
    /* A directory brings no command along; the default image is a shell's. */
    static char shell[] = "sh", *command[] = {shell, NULL};
    const char *source = r->image.source ? r->image.source : "";
    size_t len = strlen(source), tail = strlen(EMBEDDED);
    if (len >= tail && !strcmp(source + len - tail, EMBEDDED))
        r->image.config.cmd = (struct image_strings){command, 1};
    return 0;
}

static int load_bundle(struct making *r, const char *bundle, struct err *err)
{
    char *text;
    size_t len;
    struct policy *p = &r->sb.policy;
    const char *file = arena_printf(&r->arena, "%s/config.json", bundle);
    int rc = file ? io_read_regular(&r->arena, file, CONFIG_MAX, &text, &len) : -ENOMEM;

    if (rc == -EFBIG || rc == -ENOTSUP)
        return err_set(err, rc, "%s: %s", file, rc == -EFBIG ? "larger than 16 MiB" : "is not a regular file");
    if (rc < 0)
        return err_sys(err, rc, "%s/config.json", bundle);
    policy_init(p, &r->arena, POLICY_FROM_OCI);
    if (policy_read_oci(p, text, len, err) < 0)
        return err_wrap(err, "%s", file);
    if (!p->root_path || !p->has_process)
        return err_set(err, -EINVAL, "%s: %s is missing", file, p->root_path ? "process" : "root.path");
    r->sb.inst.bundle = bundle;
    r->root = p->root_path[0] == '/' ? p->root_path : arena_printf(&r->arena, "%s/%s", bundle, p->root_path);
    p->root_path = r->root;
    return 0;
}

/* What is to run: DESIGN's order for a word without --type: a bundle, a directory, an image. */
static int find_workload(struct making *r, struct err *err)
{
    struct run_options *o = &r->o;
    char *real = arena_alloc(&r->arena, PATH_MAX);

    if (!real)
        return err_set(err, -ENOMEM, "no memory for paths");
    if (!o->bundle && !o->rootfs && o->image && (!o->type || strcmp(o->type, "image")) && strchr("./", o->image[0]) &&
        is_directory(o->image)) {
        if (!realpath(o->image, real))
            return err_sys(err, -errno, "%s", o->image);
        bool bundle = access(arena_printf(&r->arena, "%s/config.json", real), F_OK) == 0;
        if (o->type ? !strcmp(o->type, "bundle") : bundle)
            o->bundle = real;
        else
            o->rootfs = real;
    }
    if (o->bundle)
        return load_bundle(r, o->bundle, err);
    r->sb.inst.bundle = "/";
    if (o->kind->of_host) {
        r->root = "/"; /* where names are looked up; what is shown of it the policy says */
        return 0;
    }
    if (o->rootfs) {
        r->root = o->rootfs;
        return is_directory(o->rootfs) ? 0 : err_set(err, -ENOTDIR, "--rootfs %s: not a directory", o->rootfs);
    }
    return resolve_image(r, err);
}

static int drop_default_limits(struct making *r, struct err *err)
{
    const char *dropped = run_options_drop_limits(&r->o, r->controllers);

    if (dropped && r->o.strict)
        return err_set(err, -ENOTSUP, "%s (--strict)", dropped);
    if (dropped)
        warn(dropped);
    return 0;
}

static int map_ids(struct making *r, struct err *err)
{
    struct policy *p = &r->o.policy;
    struct id_map *maps = arena_array(&r->arena, 2, sizeof *maps);
    struct instance *inst = &r->sb.inst;

    if (!maps)
        return err_set(err, -ENOMEM, "no memory for id maps");
    if (!r->privileged)
        return run_options_map_user(&r->o, err);
    if (r->o.build.userns == USERNS_HOST)
        return 0;
    p->ns[NS_USER] = (struct ns_rule){.how = NS_NEW};
    if (r->o.build.userns == USERNS_SINGLE) {
        maps[0] = (struct id_map){0, geteuid(), 1};
        maps[1] = (struct id_map){0, getegid(), 1};
    } else {
        int rc = ids_reserve(&r->sb, err);
        if (rc < 0)
            return rc;
        maps[0] = maps[1] = (struct id_map){0, r->sb.id_block, IDS_BLOCK};
        inst->idmap_root = !r->o.kind->of_host;
        inst->idmap_binds = true;
    }
    p->uid_maps = (struct id_maps){&maps[0], 1};
    p->gid_maps = (struct id_maps){&maps[1], 1};
    return 0;
}

/* What the policy needs and this host lacks: refused, or said. */
static int check_lowering(struct making *r, struct err *err)
{
    struct lowering l = {.arena = &r->arena};
    int rc = r->sb.inst.boundary->lower(&r->sb.policy, &l, err);

    for (uint32_t i = 0; i < l.n && rc == 0; i++) {
        const struct lowering_item *item = &l.items[i];
        bool bad = item->how == LOWER_REFUSED || (item->how == LOWER_FALLBACK && r->o.strict);
        if (bad && (item->hard || !(item->how == LOWER_REFUSED && r->o.best_effort)))
            return err_set(err, -ENOTSUP, "%s %s: %s%s", item->item, item->value, item->note,
                           item->hard    ? ""
                           : r->o.strict ? " (--strict)"
                                         : " (or --best-effort to run without)");
        if (item->how == LOWER_REFUSED || item->how == LOWER_FALLBACK)
            warn(arena_printf(&r->arena, "%s: %s; enforced by: %s", item->item, item->note, item->mechanism));
    }
    return rc;
}

static const char *make_name(struct making *r)
{
    uint8_t bytes[6];

    if (r->o.name)
        return r->o.name;
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return NULL;
    return arena_printf(&r->arena, "%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                        bytes[5]);
}

static int make_policy(struct making *r, struct err *err)
{
    struct run_options *o = &r->o;
    struct policy *p = &o->policy;
    const struct finding f = {.purpose = r->sb.foreground ? FIND_TO_WAIT : FIND_TO_KEEP,
                              .sandbox = r->sb.id,
                              .image = r->from_image ? &r->image.config : NULL,
                              .warn = warn};
    int rc = o->kind->find(o, &f, err);

    if (rc < 0)
        return rc;
    p->root_path = r->root;
    r->root_fd = open(r->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->root_fd < 0)
        return err_sys(err, -errno, "root %s", r->root);
    if ((rc = users_resolve(&r->arena, r->root_fd, o->build.user, &p->process.user, err)) < 0 ||
        (rc = users_add_groups(&r->arena, r->root_fd, &o->build.groups, &p->process.user, err)) < 0)
        return rc == -ENOENT && o->kind->of_host ? program_no_user(err) : rc;
    if ((rc = map_ids(r, err)) < 0)
        return rc;
    if (o->kind->make_files && (rc = o->kind->make_files(p, err)) < 0)
        return rc;
    if ((rc = drop_default_limits(r, err)) < 0 || (rc = policy_default_finish(p, err)) < 0 ||
        (rc = policy_check(p, err)) < 0)
        return rc;
    if (!p->hostname)
        p->hostname = r->sb.id;
    r->sb.policy = *p;
    return 0;
}

static int write_config(struct making *r, struct err *err)
{
    struct json_writer w = {0};

    policy_write_oci(&r->sb.policy, &w);
    int rc = w.failed ? err_set(err, -ENOMEM, "no memory for the policy document")
                      : sandbox_write_config(&r->sb, w.buf, w.len, err);
    json_writer_free(&w);
    return rc;
}

/* Of an image the layer, with upper and work; of anything else a directory for the log alone. */
static int make_layer(struct making *r, struct err *err)
{
    const char *data = NULL;

    if (r->from_image) { /* read-only ones too: mount points that the image lacks are made in the layer */
        const char *lower = r->image.rootfs + strlen(r->store.path) + 1;
        int rc = layers_make(&r->sb, r->store.path, lower, err);
        r->sb.inst.layers.discarded = r->o.rm;
        return rc;
    }
    if (r->sb.foreground)
        return 0;
    int rc = store_default_dir(&r->arena, &data, err);
    return rc < 0 ? rc : layers_make(&r->sb, data, NULL, err);
}

static int find_and_open(struct making *r, int argc, char **argv, struct err *err)
{
    const struct boundary *b;
    int rc = run_options_parse(&r->arena, argc, argv, &r->o, err);

    r->parsed = rc == 0;
    if (rc < 0 || (rc = boundary_choose(r->o.boundary, &b, err)) < 0)
        return rc;
    if (r->o.cidfile && access(r->o.cidfile, F_OK) == 0)
        return err_set(err, -EEXIST, "--cidfile %s: is there already; remove it, or name another", r->o.cidfile);
    if ((rc = sandbox_open_root(&r->sb, &r->arena, NULL, true, err)) < 0)
        return rc;
    r->privileged = geteuid() == 0;
    r->sb.inst.boundary = b;
    r->sb.maker = "moat";
    if (r->o.kind->of_host && !r->o.detach && strcmp(argv[0], "create") != 0) {
        /* A tool of the host is not an image's: it is run where one stands, and leaves nothing to be removed. */
        r->o.rm |= r->o.restart.policy == RESTART_NO;
        r->o.interactive = true;
        if (!policy_flag_given(&r->o.build, FLAG_TTY) && !r->o.kind->no_terminal && isatty(0) && isatty(1) &&
            (!r->o.kind->shows || r->o.kind->shows(&r->o)))
            r->o.policy.process.terminal = true;
    }
    /* Only one that is to vanish with its end, and for which somebody waits, does without a monitor; but what takes all
     * keys of a terminal is left by those of an attached one. */
    r->sb.foreground = r->o.rm && !r->o.detach && strcmp(argv[0], "create") != 0 &&
                       !(r->o.kind->shows && r->o.policy.process.terminal);
    r->sb.id = r->sb.inst.id = make_name(r);
    r->sb.inst.rootless = !r->privileged;
    r->sb.inst.make_cwd = !r->o.bundle;
    r->sb.inst.die_with_launcher = r->sb.foreground;
    if (!r->sb.id)
        return err_set(err, -EIO, "no random name can be made; give --name");
    if ((rc = sandbox_check_id(r->sb.id, err)) < 0 || (rc = cgroup_host_probe(&r->sb.cgroup_host, err)) < 0)
        return rc;
    features_know(&r->sb.cgroup_host);
    return find_workload(r, err);
}

static int write_cidfile(struct making *r, struct err *err)
{
    if (!r->o.cidfile)
        return 0;
    int fd = open(r->o.cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int rc = fd < 0 ? -errno : io_write_all(fd, r->sb.id, strlen(r->sb.id));
    if (fd >= 0)
        close(fd);
    return rc < 0 ? err_sys(err, rc, "--cidfile %s", r->o.cidfile) : 0;
}

int making_prepare(struct making *r, int argc, char **argv, struct err *err)
{
    int rc = arena_init(&r->arena, ARENA_SIZE);

    if (rc < 0)
        return err_set(err, rc, "no memory");
    command_name = argv[0];
    sandbox_warn = warn;
    if ((rc = find_and_open(r, argc, argv, err)) < 0)
        return rc;
    r->sb.inst.cgroups = &r->sb.cgroup_host;
    if ((rc = sandbox_place_group(&r->sb, &r->controllers, err)) < 0 ||
        (rc = sandbox_reserve(&r->sb, r->sb.id, err)) < 0)
        return rc;
    r->made = true;
    rc = r->o.bundle ? policy_check(&r->sb.policy, err) : make_policy(r, err);
    r->sb.inst.root_path = r->root;
    r->sb.policy.cgroups_path = r->sb.inst.cgroup_path;
    if (r->o.kind->of_host && r->sb.foreground)
        cgroup_host_narrow(&r->sb.cgroup_host, &r->sb.policy.resources);
    if (rc < 0 || (rc = check_lowering(r, err)) < 0 || (rc = write_config(r, err)) < 0 || (rc = make_layer(r, err)) < 0)
        return rc;
    return write_cidfile(r, err);
}

const char *making_image(const struct making *r)
{
    return r->o.kind->name(&r->o);
}

int making_keep(struct making *r, struct err *err)
{
    struct sandbox *sb = &r->sb;
    const struct run_options *o = &r->o;
    struct sandbox_spec *s = &sb->spec;

    *s = (struct sandbox_spec){
        .image = making_image(r),
        .created = time_now_text(&r->arena),
        .restart = o->restart,
        .auto_remove = o->rm,
        .keep_stdin = o->interactive,
        .stop_timeout_ms = o->stop_timeout_ms,
        .log_none = o->log_none,
        .log_size = o->log_size,
        .log_files = o->log_files,
        .bundle = sb->inst.bundle,
        .root_path = sb->inst.root_path,
        .cgroup_path = sb->inst.cgroup_path,
        .layer_dir = sb->layer_dir,
        .data_dir = sb->inst.layers.data_dir,
        .layer_lower = sb->inst.layers.lower,
        .rootless = sb->inst.rootless,
        .idmap_root = sb->inst.idmap_root,
        .idmap_binds = sb->inst.idmap_binds,
        .id_block = sb->id_block,
    };
    int rc = spec_write(sb, err);
    if (rc < 0)
        return rc;
    sb->kept = true;
    r->made = false;
    events_add(sb, "create", NULL, NULL);
    return 0;
}

void making_undo(struct making *r)
{
    if (!r->made)
        return;
    int rc = layers_remove(&r->sb, &(struct err){0});
    ids_release(&r->sb);
    if (rc == 0) /* last: what bears its name is no longer ours then, and what stays is found by it */
        state_remove(&r->sb);
}

int start_failure_status(int rc, const struct err *err)
{
    if (strncmp(err->text, "exec: ", 6))
        return EXIT_MOAT_ERROR;
    return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_INVOKE;
}

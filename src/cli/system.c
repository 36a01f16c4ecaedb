/* SPDX-License-Identifier: Apache-2.0 */
/* `moat system check`: finds and clears what killed launchers left: sandboxes without a process, groups, ids, builds of
 * images. */
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "image/store.h"
#include "image/tree.h"
#include "sandbox/ids.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE  (256u << 20)
#define GROUP_AGE   600 /* seconds: empty while hooks run */
#define LAYER_AGE   5   /* seconds: not locked for a moment */
#define PATIENCE_MS 250

enum { OPTION_DRY_RUN, OPTION_JSON, OPTION_ROOT };

const struct option_row system_options[] = {
    {.name = "dry-run", .help = "Say what is left over, clear nothing", .id = OPTION_DRY_RUN},
    {.name = "json", .help = "Print one JSON object", .id = OPTION_JSON},
    {.name = "root", .argument = "DIR", .help = "State directory (default /run/moat)", .id = OPTION_ROOT},
};
const size_t n_system_options = ARRAY_LEN(system_options);

struct check {
    struct arena arena;
    bool dry_run, json;
    int patience_ms; /* with locks, for all sandboxes together */
    const char *root;
    unsigned sandboxes, groups, layers, ids, builds, failed;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct check *c = ctx;

    (void)err;
    if (id == OPTION_DRY_RUN)
        c->dry_run = !strcmp(value, "true");
    else if (id == OPTION_JSON)
        c->json = !strcmp(value, "true");
    else
        c->root = value;
    return 0;
}

static void say(struct check *c, const char *what, const char *name, const struct err *failed)
{
    if (failed) {
        c->failed++;
        fprintf(stderr, "moat system: %s %s: %s\n", what, name, failed->text);
    } else if (!c->json) {
        printf("%s %s: %s\n", what, name, c->dry_run ? "left over" : "cleared");
    }
}

/* A sandbox is left over when its maker was killed before it was complete, or when its maker, who waits for its end and
 * holds the lock all the time (moat run, moat-oci run), is gone, whatever its workload does. A stopped container of
 * `moat-oci create` waits for its engine's `delete` and is not touched, nor is one that cannot be read. */
static void check_sandbox(struct check *c, const char *id)
{
    struct sandbox sb;
    struct err err = {0};

    if (sandbox_open_root(&sb, &c->arena, c->root, false, &err) < 0)
        return;
    int r = sandbox_load_ownerless(&sb, id, &c->patience_ms, &err);
    if (r < 0 && r != -ENOENT && r != -EBUSY)
        say(c, "sandbox", id, &err);
    if (r == 0 && (sb.foreground || sandbox_status(&sb) == SANDBOX_CREATING)) {
        c->sandboxes++;
        if (!c->dry_run)
            r = sandbox_delete(&sb, true, &err);
        say(c, "sandbox", id, r < 0 ? &err : NULL);
    }
    if (sb.inst.cgroup.host)
        cgroup_close(&sb.inst.cgroup);
    if (sb.inst.pidfd >= 0)
        close(sb.inst.pidfd);
    if (sb.inst.state_fd >= 0)
        close(sb.inst.state_fd);
    close(sb.root_fd);
}

static void check_sandboxes(struct check *c)
{
    struct sandbox root;
    struct err err = {0};
    char **ids;
    size_t n;

    if (sandbox_open_root(&root, &c->arena, c->root, false, &err) < 0 || sandbox_list(&root, &ids, &n, &err) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        check_sandbox(c, ids[i]);
    if (!c->dry_run)
        ids_clean(&root, &c->ids);
}

static bool sandbox_exists(struct check *c, const char *id)
{
    struct sandbox root;
    struct stat st;
    struct err err = {0};

    if (sandbox_open_root(&root, &c->arena, c->root, false, &err) < 0)
        return false;
    bool there = fstatat(root.root_fd, id, &st, AT_SYMLINK_NOFOLLOW) == 0;
    close(root.root_fd);
    return there;
}

/* What belongs to a sandbox in another state directory looks left over while it is being made; that takes no ten
 * minutes. */
static bool is_old(int parent, const char *name, time_t seconds)
{
    struct stat st;

    return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
           st.st_mtime + seconds < time(NULL);
}

/* Groups named moat-ID at the top of each hierarchy whose sandbox is gone and in which nothing lives: a state directory
 * was removed by hand. All other groups are found by their sandboxes. */
static void check_groups(struct check *c)
{
    struct cgroup_host host;
    struct err err = {0};

    if (cgroup_host_probe(&host, &err) < 0)
        return;
    for (uint32_t i = 0; i < host.n; i++) {
        DIR *dir = opendir(host.h[i].mountpoint);
        struct dirent *e;
        while (dir && (e = readdir(dir))) {
            struct cgroup cg;
            pid_t *pids;
            size_t n = 0;
            if (strncmp(e->d_name, "moat-", 5) || sandbox_exists(c, e->d_name + 5) ||
                !is_old(dirfd(dir), e->d_name, GROUP_AGE))
                continue;
            const char *path = arena_printf(&c->arena, "/%s", e->d_name);
            if (!path || cgroup_open(&cg, &host, path, &err) < 0)
                continue;
            if (cgroup_pids(&cg, &c->arena, &pids, &n, &err) == 0 && n == 0) {
                c->groups++;
                int r = c->dry_run ? 0 : cgroup_remove(&cg, &err);
                say(c, "cgroup", path, r < 0 ? &err : NULL);
            }
            cgroup_close(&cg);
        }
        if (dir)
            closedir(dir);
    }
}

static void check_layers(struct check *c)
{
    const char *data;
    struct err err = {0};

    if (store_default_dir(&c->arena, &data, &err) < 0)
        return;
    int fd = open(arena_printf(&c->arena, "%s/layers", data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.' || sandbox_exists(c, e->d_name))
            continue;
        /* A sandbox in another state directory holds a lock on its layer, from soon after it is made. */
        int layer = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (layer >= 0 && flock(layer, LOCK_EX | LOCK_NB) == 0 && is_old(fd, e->d_name, LAYER_AGE)) {
            c->layers++;
            int r = c->dry_run ? 0 : tree_remove(fd, e->d_name, &err);
            say(c, "writable layer", e->d_name, r < 0 ? &err : NULL);
        }
        if (layer >= 0)
            close(layer);
    }
    if (dir)
        closedir(dir);
}

static void check_store(struct check *c)
{
    struct store store;
    struct err err = {0};

    if (c->dry_run || store_open(&store, &c->arena, NULL, false, &err) < 0)
        return;
    if (store_clean(&store, &c->builds, &err) < 0)
        say(c, "image store", store.path, &err);
    store_close(&store);
}

int cmd_system(int argc, char **argv)
{
    static struct check c;
    struct err err = {0};
    int at = 1;

    if (arena_init(&c.arena, ARENA_SIZE) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(system_options, n_system_options, argc, argv, false, &at, apply, &c, &err) < 0)
        return command_fail("system", &err);
    if (argc - at != 1 || strcmp(argv[at], "check")) {
        err_set(&err, -EINVAL, "%s: the one thing to do here is `moat system check`",
                argc - at < 1 ? "no verb given" : argv[at]);
        return command_fail("system", &err);
    }
    c.patience_ms = PATIENCE_MS;
    check_sandboxes(&c);
    check_groups(&c);
    check_layers(&c);
    check_store(&c);
    unsigned all = c.sandboxes + c.groups + c.layers + c.ids + c.builds;
    if (c.json)
        printf("{\"sandboxes\":%u,\"cgroups\":%u,\"layers\":%u,\"idRanges\":%u,\"imageBuilds\":%u,\"failed\":%u,"
               "\"cleared\":%s}\n",
               c.sandboxes, c.groups, c.layers, c.ids, c.builds, c.failed, c.dry_run ? "false" : "true");
    else if (!all)
        puts("nothing is left over");
    else
        printf("%u left over%s\n", all, c.dry_run ? "" : c.failed ? ", not all could be cleared" : ", all cleared");
    return c.failed ? 1 : 0;
}

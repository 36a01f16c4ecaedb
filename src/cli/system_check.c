/* SPDX-License-Identifier: Apache-2.0 */
/* `moat system check`: finds and clears what killed launchers left: sandboxes without a process, groups, ids, builds of
 * images; and gives a monitor again to sandboxes whose monitors were killed. */
#include "base/io.h"
#include "base/json.h"
#include "cli/sandboxes.h"
#include "cli/system.h"
#include "image/owned.h"
#include "image/store.h"
#include "sandbox/ids.h"

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

struct check {
    struct arena arena;
    bool dry_run, json;
    int patience_ms; /* with locks, for all sandboxes together */
    const char *root;
    unsigned sandboxes, recovered, groups, layers, ids, builds, failed;
};

static void say_done(struct check *c, const char *what, const char *name, const char *done, const struct err *failed)
{
    if (failed) {
        c->failed++;
        fprintf(stderr, "moat system: %s %s: %s\n", what, name, failed->text);
    } else if (!c->json) {
        printf("%s %s: %s\n", what, name, c->dry_run ? "left over" : done);
    }
}

static void say(struct check *c, const char *what, const char *name, const struct err *failed)
{
    say_done(c, what, name, "cleared", failed);
}

/* A kept sandbox none of whose monitors lives. It lacks one when its process goes on, when an end is not on record,
 * when its start was cut short, or when it was about to be started again; else only a group may be left. */
static void check_kept(struct check *c, struct sandbox *sb)
{
    const struct sandbox_end *e = &sb->end;
    bool ended = e->known && e->run >= sb->run;
    bool lacks =
        sb->inst.pid > 0 || (sb->run && !ended) || (e->known && e->restarting) || (!ended && sb->inst.cgroup.host);
    struct err err = {0};
    int r = 0;

    if (monitor_alive(sb))
        return;
    if (lacks) {
        c->recovered++;
        if (!c->dry_run)
            r = monitor_recover(sb, &err);
        say_done(c, "sandbox", sb->id, "its monitor was gone, it has another", r < 0 ? &err : NULL);
    } else if (ended && (sb->spec.auto_remove || sb->inst.cgroup.host)) {
        c->sandboxes++;
        if (!c->dry_run)
            r = sb->spec.auto_remove ? sandbox_delete(sb, true, &err) : sb->inst.boundary->destroy(&sb->inst, &err);
        say(c, "sandbox", sb->id, r < 0 ? &err : NULL);
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
    if (r == 0 && sb.kept) {
        check_kept(c, &sb);
    } else if (r == 0 && (sb.foreground || sandbox_status(&sb) == SANDBOX_CREATING)) {
        c->sandboxes++;
        if (!c->dry_run)
            r = sandbox_delete(&sb, true, &err);
        say(c, "sandbox", id, r < 0 ? &err : NULL);
    }
    sandboxes_close(&sb);
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

/* Groups named moat-ID at the top of each hierarchy, or of what is delegated to a user, whose sandbox is gone and in
 * which nothing lives: a state directory was removed by hand. All other groups are found by their sandboxes. */
static void check_groups(struct check *c)
{
    struct cgroup_host host;
    struct err err = {0};

    struct cgroup_delegation d = {.path = ""};
    if (cgroup_host_probe(&host, &err) < 0)
        return;
    if (geteuid() != 0) {
        cgroup_delegation_find(&host, &d);
        if (!d.path[0])
            return;
    }
    for (uint32_t i = 0; i < host.n; i++) {
        const char *above = d.path[0] && d.path[1] ? d.path : "";
        DIR *dir = opendir(arena_printf(&c->arena, "%s%s", host.h[i].mountpoint, above));
        struct dirent *e;
        while (dir && (e = readdir(dir))) {
            struct cgroup cg;
            pid_t *pids;
            size_t n = 0;
            if (strncmp(e->d_name, "moat-", 5) || sandbox_exists(c, e->d_name + 5) ||
                !is_old(dirfd(dir), e->d_name, GROUP_AGE))
                continue;
            const char *path = arena_printf(&c->arena, "%s/%s", above, e->d_name);
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

/* Its sandbox is in another state directory: a user has two, with and without XDG_RUNTIME_DIR. */
static bool used_elsewhere(int layer)
{
    char state[4096];
    struct stat st;
    ssize_t n = readlinkat(layer, "state", state, sizeof state - 1);

    state[n > 0 ? n : 0] = 0;
    return n > 0 && lstat(state, &st) == 0 && S_ISDIR(st.st_mode);
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
        if (layer >= 0 && !used_elsewhere(layer) && flock(layer, LOCK_EX | LOCK_NB) == 0 &&
            is_old(fd, e->d_name, LAYER_AGE)) {
            c->layers++;
            int r = c->dry_run ? 0 : owned_tree_remove(fd, e->d_name, &err);
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

int system_check(const struct system_options *o)
{
    static struct check c;

    if (arena_init(&c.arena, ARENA_SIZE) < 0)
        return EXIT_MOAT_ERROR;
    c.dry_run = o->dry_run;
    c.json = o->json;
    c.root = o->root;
    c.patience_ms = PATIENCE_MS;
    check_sandboxes(&c);
    check_groups(&c);
    check_layers(&c);
    check_store(&c);
    unsigned all = c.sandboxes + c.recovered + c.groups + c.layers + c.ids + c.builds;
    if (c.json)
        printf("{\"sandboxes\":%u,\"recovered\":%u,\"cgroups\":%u,\"layers\":%u,\"idRanges\":%u,\"imageBuilds\":%u,"
               "\"failed\":%u,\"cleared\":%s}\n",
               c.sandboxes, c.recovered, c.groups, c.layers, c.ids, c.builds, c.failed, c.dry_run ? "false" : "true");
    else if (!all)
        puts("nothing is left over");
    else if (all > c.recovered)
        printf("%u left over%s\n", all - c.recovered,
               c.dry_run  ? ""
               : c.failed ? ", not all could be cleared"
                          : ", all cleared");
    return c.failed ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on sandboxes: see sandboxes.h. Touches nothing but the state directory, by way of sandbox.h. */
#include "cli/sandboxes.h"

#include "cli/kind.h"
#include "image/reference.h"
#include "image/store.h"
#include "sandbox/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_MS 10000

int sandboxes_fail(const char *command, const struct err *err)
{
    command_fail(command, err);
    return EXIT_DOCKER_ERROR;
}

int sandboxes_fail_line(const char *command, const struct err *err)
{
    int status = command_fail(command, err);

    return strncmp(err->text, "--filter", 8) ? status : EXIT_DOCKER_ERROR;
}

int sandboxes_no_operand(const char *command)
{
    struct err err;

    err_set(&err, -EINVAL, "requires at least 1 argument: the name of a sandbox (moat ps -a lists them)");
    return sandboxes_fail(command, &err);
}

void sandboxes_close(struct sandbox *sb)
{
    sandbox_close(sb);
    cleanup_fd(&sb->root_fd);
    sb->root_fd = -1;
}

int sandboxes_load(struct sandbox *sb, struct arena *a, const char *word, struct err *err)
{
    const char *id;
    int r = sandbox_open_root(sb, a, NULL, false, err);

    if (r == 0 && (r = sandbox_find(sb, word, &id, err)) == 0)
        r = sandbox_load(sb, id, err);
    if (r == -ENOENT)
        err_set(err, r, "No such container: %s", word);
    if (r < 0)
        sandboxes_close(sb);
    return r;
}

int sandboxes_each(const char *command, int argc, char **argv, int from,
                   int (*one)(struct sandbox *sb, void *ctx, struct err *err), void *ctx, bool print)
{
    int status = 0;

    if (from >= argc)
        return sandboxes_no_operand(command);
    for (int i = from; i < argc; i++) {
        struct arena arena;
        struct sandbox sb;
        struct err err = {0};
        int r = arena_init(&arena, SANDBOXES_ARENA);
        if (r < 0) {
            err_set(&err, r, "out of memory");
            return sandboxes_fail(command, &err);
        }
        if ((r = sandboxes_load(&sb, &arena, argv[i], &err)) == 0) {
            r = one(&sb, ctx, &err);
            sandboxes_close(&sb);
        }
        if (r < 0)
            status = sandboxes_fail(command, &err);
        else if (print)
            puts(argv[i]);
        fflush(stdout);
        arena_free(&arena);
    }
    return status;
}

static int visit(const struct sandbox *root, const char *id,
                 int (*each)(struct sandbox *sb, void *ctx, struct err *err), void *ctx, const char *command,
                 struct err *err)
{
    struct arena arena;
    struct sandbox sb;
    struct err bad = {0};
    int r = arena_init(&arena, SANDBOXES_ARENA);

    if (r < 0)
        return err_set(err, r, "out of memory");
    r = sandbox_open_root(&sb, &arena, root->root_path, false, &bad);
    if (r == 0)
        r = sandbox_load(&sb, id, &bad);
    if (r < 0 && r != -ENOENT) {
        err_wrap(&bad, "sandbox %s is passed over", id);
        command_fail(command, &bad);
    }
    if (r < 0)
        r = 0;
    else if (sandbox_status(&sb) != SANDBOX_CREATING)
        r = each(&sb, ctx, err);
    sandboxes_close(&sb);
    arena_free(&arena);
    return r;
}

int sandboxes_all(const char *command, int (*each)(struct sandbox *sb, void *ctx, struct err *err), void *ctx,
                  struct err *err)
{
    struct arena arena;
    struct sandbox root;
    char **ids = NULL;
    size_t n = 0;
    int r = arena_init(&arena, SANDBOXES_ARENA);

    if (r < 0)
        return err_set(err, r, "out of memory");
    r = sandbox_open_root(&root, &arena, NULL, false, err);
    if (r == 0)
        r = sandbox_list(&root, &ids, &n, err);
    else if (r == -ENOENT) /* nothing was ever run */
        r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = visit(&root, ids[i], each, ctx, command, err);
    if (root.root_fd >= 0)
        close(root.root_fd);
    arena_free(&arena);
    return r;
}

void sandboxes_unlock(struct sandbox *sb)
{
    if (sb->inst.state_fd >= 0)
        flock(sb->inst.state_fd, LOCK_UN);
}

/* It goes on, or an end is not on record, or it was about to be started again. */
static bool wants_monitor(const struct sandbox *sb)
{
    const struct sandbox_end *e = &sb->end;

    return sb->inst.pid > 0 || (sb->run && !(e->known && e->run >= sb->run)) || (e->known && e->restarting);
}

static bool end_is_lost(const struct sandbox *sb)
{
    return sb->inst.pid <= 0 && sb->run && (!sb->end.known || sb->end.run < sb->run);
}

struct sandbox_end sandboxes_end(const struct sandbox *sb, enum sandbox_status s)
{
    if (s == SANDBOX_RUNNING || s == SANDBOX_PAUSED)
        return (struct sandbox_end){.restarts = sb->end.restarts};
    if (sb->kept && end_is_lost(sb))
        return (struct sandbox_end){.known = true, .exit_code = 255, .reason = END_LOST, .restarts = sb->end.restarts};
    return sb->end;
}

int sandboxes_connect(struct sandbox *sb, struct err *err)
{
    struct err none = {0};
    int sock = monitor_connect(sb, &none);

    if (sock != -ENOTCONN || !wants_monitor(sb)) {
        if (sock < 0)
            *err = none;
        return sock;
    }
    int r = sandbox_lock(sb, LOCK_MS, err);
    if (r < 0)
        return r;
    if (!monitor_alive(sb) && wants_monitor(sb))
        r = monitor_recover(sb, err);
    sandboxes_unlock(sb); /* who follows a log keeps the sandbox open for long */
    return r < 0 ? r : monitor_connect(sb, err);
}

const char *sandboxes_state_word(enum sandbox_status s)
{
    static const char *const words[] = {
        [SANDBOX_CREATING] = "created", [SANDBOX_CREATED] = "created", [SANDBOX_RUNNING] = "running",
        [SANDBOX_PAUSED] = "paused",    [SANDBOX_STOPPED] = "exited",  [SANDBOX_RESTARTING] = "restarting",
    };

    return words[s];
}

struct strv sandboxes_command(struct sandbox *sb)
{
    const struct boundary *b = sb->inst.boundary;
    struct strv words = {0};

    const struct workload_kind *k = b ? kind_behind(b->name) : NULL;

    if (!k || !k->command)
        return sb->policy.process.argv;
    return k->command(sb->arena, &sb->policy.process.argv, &words) < 0 ? (struct strv){0} : words;
}

const char *sandboxes_image_id(const struct sandbox *sb)
{
    const char *path = sb->spec.root_path ? sb->spec.root_path : sb->inst.root_path;
    const char *tail = path ? strstr(path, "/images/") : NULL;
    static char id[IMAGE_ID_LEN + 1];

    if (!tail || strlen(tail) != sizeof "/images/" - 1 + IMAGE_ID_LEN + sizeof "/rootfs" - 1 ||
        strcmp(tail + sizeof "/images/" - 1 + IMAGE_ID_LEN, "/rootfs"))
        return NULL;
    memcpy(id, tail + sizeof "/images/" - 1, IMAGE_ID_LEN);
    return strspn(id, "0123456789abcdef") == IMAGE_ID_LEN ? id : NULL;
}

const char *sandboxes_image_name(struct sandbox *sb)
{
    const char *id = sandboxes_image_id(sb), *path = sb->inst.root_path;
    struct store store;
    struct store_row *rows;
    size_t n = 0;
    struct err err;

    if (sb->spec.image)
        return sb->spec.image;
    if (!id)
        return path ? path : sb->inst.bundle ? sb->inst.bundle : "";
    const char *name = arena_printf(sb->arena, "%.12s", id);
    if (store_open(&store, sb->arena, NULL, false, &err) < 0)
        return name;
    if (store_list(&store, &rows, &n, &err) < 0)
        n = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].repository && !strcmp(rows[i].id, id)) {
            bool latest = !strcmp(rows[i].tag, "latest");
            name = arena_printf(sb->arena, "%s%s%s", rows[i].repository, latest ? "" : ":", latest ? "" : rows[i].tag);
            break;
        }
    store_close(&store);
    return name ? name : "";
}

const char *sandboxes_created(const struct sandbox *sb)
{
    return sb->spec.created ? sb->spec.created : sb->created ? sb->created : "";
}

void sandboxes_event(struct sandbox *sb, const char *action, const char *key, const char *value)
{
    struct sandbox named = *sb;

    named.spec.image = sandboxes_image_name(sb);
    events_add(&named, action, key, value);
}

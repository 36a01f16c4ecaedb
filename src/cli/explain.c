/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat explain`: the policy that `moat run` would make of the same options, and for each item the mechanism that
 * enforces it behind the chosen boundary. Runs nothing and leaves nothing behind.
 */
#include "base/io.h"
#include "base/json.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/make.h"
#include "cli/program.h"
#include "cli/run_options.h"
#include "cli/surface.h"
#include "cli/term.h"
#include "host/cgroup.h"
#include "host/helper.h"
#include "image/store.h"
#include "image/users.h"
#include "policy/defaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_SIZE (256u << 20)
#define CONFIG_MAX (16u << 20)
#define COLUMN_MAX 26 /* of item and value; what is longer gets a line of its own */

/* explain takes no block of ids; any will do, since it is not shown. */
#define IDS_FIRST 524288
#define IDS_BLOCK 65536

static int read_bundle(struct run_options *o, struct err *err)
{
    struct arena *a = o->policy.arena;
    char *text, *path = arena_printf(a, "%s/config.json", o->bundle);
    size_t len;

    if (!path)
        return err_set(err, -ENOMEM, "out of memory");
    int r = io_read_file(a, AT_FDCWD, path, CONFIG_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "cannot read %s", path);
    policy_init(&o->policy, a, POLICY_FROM_OCI);
    return policy_read_oci(&o->policy, text, len, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

static int map_ids(struct run_options *o, struct err *err)
{
    struct policy *p = &o->policy;
    struct id_map *maps = arena_array(p->arena, 2, sizeof *maps);

    if (geteuid() != 0)
        return run_options_map_user(o, err);
    if (o->build.userns == USERNS_HOST)
        return 0;
    if (!maps)
        return err_set(err, -ENOMEM, "out of memory");
    bool single = o->build.userns == USERNS_SINGLE;
    maps[0] = (struct id_map){0, single ? geteuid() : IDS_FIRST, single ? 1 : IDS_BLOCK};
    maps[1] = (struct id_map){0, single ? getegid() : IDS_FIRST, single ? 1 : IDS_BLOCK};
    p->ns[NS_USER] = (struct ns_rule){.how = NS_NEW};
    p->uid_maps = (struct id_maps){&maps[0], 1};
    p->gid_maps = (struct id_maps){&maps[1], 1};
    return 0;
}

/* As `run` does, whose words go to *dropped. */
static int drop_limits(struct run_options *o, const char **dropped, struct err *err)
{
    struct cgroup_host *host = arena_alloc(o->policy.arena, sizeof *host);

    if (!host)
        return err_set(err, -ENOMEM, "out of memory");
    int r = cgroup_host_probe(host, err);
    if (r < 0)
        return r;
    struct cgroup_delegation d = {.controllers = host->n ? ~0u : 0};
    if (geteuid() != 0)
        cgroup_delegation_find(host, &d);
    *dropped = run_options_drop_limits(o, d.controllers);
    return 0;
}

/* Those who run it see it. */
static void say_nothing(const char *text)
{
    (void)text;
}

/* What is granted for what runs, and the files of the sandbox's own, whose words nobody sees here. */
static int find_workload(struct run_options *o, struct err *err)
{
    const struct finding f = {.purpose = FIND_TO_EXPLAIN, .warn = say_nothing};
    int r = o->kind->find(o, &f, err);

    return r < 0 || !o->kind->make_files ? r : o->kind->make_files(&o->policy, err);
}

/* Of a program of this host, by this host's names; an image's names are known when it runs. */
static int find_user(struct run_options *o, struct err *err)
{
    _cleanup_fd_ int root = o->kind->of_host ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    if (root < 0 || !o->build.user)
        return 0;
    int r = users_resolve(o->policy.arena, root, o->build.user, &o->policy.process.user, err);
    return r == -ENOENT ? program_no_user(err) : r;
}

static int make_policy(struct run_options *o, const char **dropped, struct err *err)
{
    int r;

    if (o->bundle) {
        r = read_bundle(o, err);
    } else {
        o->policy.root_path = o->kind->of_host ? "/" : o->rootfs ? o->rootfs : o->image;
        r = find_workload(o, err);
        if (!r)
            r = find_user(o, err);
        if (!r)
            r = map_ids(o, err);
        if (!r)
            r = drop_limits(o, dropped, err);
        if (!r)
            r = policy_default_finish(&o->policy, err);
    }
    return r < 0 ? r : policy_check(&o->policy, err);
}

/* ---- printing ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *json, *mark;
    enum term_style style;
} hows[] = {
    [LOWER_ENFORCED] = {"enforced", " ", TERM_PLAIN}, [LOWER_FALLBACK] = {"fallback", "~", TERM_WARN},
    [LOWER_REFUSED] = {"refused", "x", TERM_BAD},     [LOWER_WARNED] = {"warned", "!", TERM_WARN},
    [LOWER_GRANTED] = {"granted", "-", TERM_PLAIN},
};

/* Whether `run` would go on with this row under these options. */
static bool accepts(const struct lowering_item *i, const struct run_options *o)
{
    if (i->how == LOWER_REFUSED)
        return o->best_effort && !i->hard;
    return !(i->how == LOWER_FALLBACK && o->strict);
}

struct widths {
    unsigned item, value;
};

static void widen(unsigned *width, const char *text)
{
    size_t len = strlen(text) + 2;

    if (len > *width && len <= COLUMN_MAX)
        *width = (unsigned)len;
}

static struct widths measure(const struct lowering *l)
{
    struct widths w = {8, 8};

    for (uint32_t i = 0; i < l->n; i++) {
        widen(&w.item, l->items[i].item);
        widen(&w.value, l->items[i].value ? l->items[i].value : "");
    }
    return w;
}

/* Prints a cell and goes to column `next`, on a new line when the cell reaches beyond it. */
static void put_cell(const char *text, unsigned at, unsigned next)
{
    at += term_cell(text, 0);
    if (at >= next) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", (int)(next - at), "");
}

static void print_item(const struct lowering_item *i, struct widths w, unsigned columns)
{
    const unsigned value_at = 2 + w.item, mechanism_at = value_at + w.value;

    printf("%s%s ", term_on(hows[i->how].style), hows[i->how].mark);
    put_cell(i->item, 2, value_at);
    fputs(term_off(), stdout);
    put_cell(i->value ? i->value : "", value_at, mechanism_at);
    term_wrap(i->mechanism ? i->mechanism : "-", mechanism_at, mechanism_at, columns);
    if (i->note) {
        printf("%*s%s", (int)value_at, "", term_on(TERM_FAINT));
        term_wrap(i->note, value_at, value_at, columns);
        fputs(term_off(), stdout);
    }
}

static void print_table(const struct boundary *b, const struct lowering *l, const struct run_options *o)
{
    unsigned count[ARRAY_LEN(hows)] = {0}, refused = 0, columns = term_columns();
    struct widths w = measure(l);

    printf("%s  %-*s%-*sENFORCED BY (%s)%s\n", term_on(TERM_BOLD), (int)w.item, "ITEM", (int)w.value, "VALUE", b->name,
           term_off());
    for (uint32_t i = 0; i < l->n; i++) {
        print_item(&l->items[i], w, columns);
        count[l->items[i].how]++;
        refused += !accepts(&l->items[i], o);
    }
    printf("\n%u enforced", count[LOWER_ENFORCED]);
    if (count[LOWER_GRANTED])
        printf(", %u given away by the policy (-)", count[LOWER_GRANTED]);
    if (count[LOWER_FALLBACK])
        printf(", %u by a weaker mechanism (~)", count[LOWER_FALLBACK]);
    if (count[LOWER_WARNED])
        printf(", %u with a warning (!)", count[LOWER_WARNED]);
    if (count[LOWER_REFUSED])
        printf(", %u not enforceable (x)", count[LOWER_REFUSED]);
    puts(refused ? ": run would refuse" : "");
}

static int print_json(const struct boundary *b, const struct lowering *l, const struct run_options *o, struct err *err)
{
    struct json_writer w = {.indent = 2};
    bool accepted = true;

    for (uint32_t i = 0; i < l->n; i++)
        accepted &= accepts(&l->items[i], o);
    json_object_begin(&w, NULL);
    json_string(&w, "boundary", b->name);
    json_bool(&w, "accepted", accepted);
    json_array_begin(&w, "items");
    for (uint32_t i = 0; i < l->n; i++) {
        const struct lowering_item *item = &l->items[i];
        json_object_begin(&w, NULL);
        json_string(&w, "item", item->item);
        json_string(&w, "value", item->value ? item->value : "");
        json_string(&w, "mechanism", item->mechanism ? item->mechanism : "");
        json_string(&w, "how", hows[item->how].json);
        if (item->note)
            json_string(&w, "note", item->note);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

/* Which ids `run` will find free is not known before. */
static void hide_ids(const struct run_options *o, struct lowering *l)
{
    if (o->bundle || o->build.userns != USERNS_MOAT || geteuid() != 0)
        return;
    for (uint32_t i = 0; i < l->n; i++) {
        if (!strcmp(l->items[i].item, "ids"))
            l->items[i].value = "chosen at run time";
    }
}

/* `run` would refuse an image that is not there. Looked for in its order; the default image is imported by `run` when
 * it is first asked for. */
static int check_image(struct arena *a, const struct run_options *o, struct err *err)
{
    struct image image = {.dir_fd = -1};
    struct err why = {0}, no_default = {0};
    struct store store;
    struct stat st;
    const char *path;

    if (!o->image || o->bundle || o->rootfs || o->kind->of_host ||
        (strchr("./", o->image[0]) && stat(o->image, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    int r = store_open(&store, a, NULL, false, err);
    if (r < 0)
        return r;
    r = store_resolve(&store, o->image, &image, &why);
    cleanup_fd(&image.dir_fd);
    store_close(&store);
    if (r == -ENOENT && (!strcmp(o->image, "busybox") || !strcmp(o->image, "busybox:latest")) &&
        share_find(a, "busybox", &path, &no_default) == 0)
        return 0;
    return r < 0 ? err_set(err, r, "%s", why.text) : 0;
}

static int explain(struct arena *a, int argc, char **argv, bool *accepted, struct err *err)
{
    struct run_options *o = arena_alloc(a, sizeof *o);
    struct lowering l = {.arena = a};
    const struct boundary *b;
    const char *dropped = NULL;
    int r;

    if (!o)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = run_options_parse(a, argc, argv, o, err)) < 0)
        return r;
    if (o->surface)
        return surface_show(a, o->surface, o->json, err);
    if ((r = boundary_choose(o->boundary, &b, err)) < 0 || (r = check_image(a, o, err)) < 0 ||
        (r = make_policy(o, &dropped, err)) < 0)
        return r;
    if (!b->lower)
        return err_set(err, -ENOTSUP, "boundary '%s' cannot explain itself in this build", b->name);
    if ((r = b->lower(&o->policy, &l, err)) < 0)
        return r;
    hide_ids(o, &l);
    if (dropped &&
        lowering_add(&l, LOWER_FALLBACK, "default limits", "memory, processes", "rlimits alone", dropped) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < l.n; i++)
        *accepted &= accepts(&l.items[i], o);
    if (o->json)
        return print_json(b, &l, o, err);
    print_table(b, &l, o);
    return 0;
}

int cmd_explain(int argc, char **argv)
{
    struct arena a;
    struct err err;
    bool accepted = true;

    if (arena_init(&a, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("explain", &err);
    }
    int r = explain(&a, argc, argv, &accepted, &err);
    if (r < 0) {
        command_fail("explain", &err);
        return start_failure_status(r, &err);
    }
    return accepted ? 0 : EXIT_MOAT_ERROR;
}

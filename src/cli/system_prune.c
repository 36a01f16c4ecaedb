/* SPDX-License-Identifier: Apache-2.0 */
/* `moat system prune`: sandboxes that do not run, images without a name (with --all: those that no sandbox uses),
 * builds that were left unfinished; with --all class archives, compiled modules, packed roots and boot files too. */
#include "classcache/cache.h"
#include "cli/sandboxes.h"
#include "cli/system.h"
#include "cli/usage.h"
#include "cli/when.h"
#include "image/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARENA_SIZE (1u << 30)

static bool is_wanted(const struct store_row *row, const struct image_uses *uses, bool all)
{
    return (all || !row->repository) && !image_uses_has(uses, row->id);
}

static void remove_image(struct store *s, const struct store_row *row, uint64_t *bytes, bool *any, bool *failed)
{
    struct store_removed removed;
    struct err err = {0};
    int r = store_remove(s, row->id, true, &removed, &err);

    if (r == -ENOENT || r == -EBUSY) /* removed meanwhile by another name, or in use */
        return;
    if (r < 0) {
        sandboxes_fail("system", &err);
        *failed = true;
        return;
    }
    if (!*any)
        puts("Deleted Images:");
    *any = true;
    for (size_t i = 0; i < removed.n_untagged; i++)
        printf("untagged: %s\n", removed.untagged[i]);
    if (removed.deleted) {
        printf("deleted: sha256:%s\n", removed.id);
        *bytes += row->size;
    }
}

static int prune_images(bool all, uint64_t *bytes, bool *failed, struct err *err)
{
    struct image_uses uses = {0};
    struct arena a;
    struct store store;
    struct store_row *rows = NULL;
    size_t n = 0;
    unsigned builds;
    bool any = false;
    int r = arena_init(&a, ARENA_SIZE);

    if (r < 0)
        return err_set(err, r, "out of memory");
    if ((r = image_uses_find(&uses, err)) < 0 || (r = store_open(&store, &a, NULL, false, err)) < 0)
        return r;
    r = store_list(&store, &rows, &n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        if (is_wanted(&rows[i], &uses, all))
            remove_image(&store, &rows[i], bytes, &any, failed);
    if (any)
        putchar('\n');
    if (r == 0)
        r = store_clean(&store, &builds, err);
    store_close(&store);
    arena_free(&a);
    return r;
}

/* What died while it was made; with --all, what is kept for the next start: it is made again. */
static void prune_kept(enum class_cache_kind kind, bool all, uint64_t *bytes)
{
    struct class_cache_use before, after;
    struct class_cache c;
    struct arena a;

    if (arena_init(&a, 1u << 20) < 0)
        return;
    if (class_cache_open_kind(&c, kind, &a, false, &(struct err){0}) == 0) {
        class_cache_measure(&c, &before);
        class_cache_trim(&c, all ? 0 : CLASS_CACHE_MOST);
        class_cache_measure(&c, &after);
        class_cache_close(&c);
        *bytes += before.bytes > after.bytes ? before.bytes - after.bytes : 0;
    }
    arena_free(&a);
}

int system_prune(const struct system_options *o)
{
    static const char *const no_filters[] = {NULL};
    struct prune p = {.filters.keys = no_filters, .force = o->force};
    struct err err = {0};
    char size[24], warning[256];

    snprintf(
        warning, sizeof warning,
        "This will remove:\n  - all stopped containers\n  - all %s\n  - what unfinished builds of images left\n%s",
        o->all ? "images without at least one container associated to them" : "dangling images",
        o->all ? "  - all class archives of Java programs, compiled WebAssembly modules, packed roots and boot files\n"
               : "");
    if (!o->force && !prune_confirm(warning))
        return 0;
    if (prune_check(&p, &err) < 0 || prune_sandboxes(&p, &err) < 0 ||
        prune_images(o->all, &p.bytes, &p.failed, &err) < 0)
        return sandboxes_fail("system", &err);
    prune_kept(CLASS_CACHE_JVM, o->all, &p.bytes);
    prune_kept(CLASS_CACHE_WASM, o->all, &p.bytes);
    prune_kept(CLASS_CACHE_UNIKERNEL, o->all, &p.bytes);
    prune_kept(CLASS_CACHE_MACHINE, o->all, &p.bytes);
    prune_kept(CLASS_CACHE_SENTRY, o->all, &p.bytes);
    size_words(p.bytes, 4, size);
    printf("Total reclaimed space: %s\n", size);
    return p.failed ? EXIT_DOCKER_ERROR : 0;
}

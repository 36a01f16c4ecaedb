/* SPDX-License-Identifier: Apache-2.0 */
/* `moat system df`: what images, sandboxes (their layers and logs) and unfinished builds take on disk, and how much of
 * that nobody needs. */
#include "base/json.h"
#include "classcache/cache.h"
#include "cli/listing.h"
#include "cli/sandboxes.h"
#include "cli/system.h"
#include "cli/usage.h"
#include "cli/when.h"
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ARENA_SIZE (1u << 30)

static const struct listing_field fields[] = {
    {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
    {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}, {NULL, NULL},
};

struct line {
    const char *type, *key; /* of the table, of JSON */
    unsigned total, active;
    uint64_t bytes, reclaimable;
};

struct box {
    char *id, *image;
    bool runs;
    uint64_t bytes;
};

struct df {
    struct arena arena;
    struct line images, sandboxes, builds, archives, modules, roots, boots;
    struct image_uses uses;
    struct store_row *rows;
    size_t n_rows;
    struct box *boxes;
    size_t n_boxes, cap;
};

static int count_sandbox(struct sandbox *sb, void *ctx, struct err *err)
{
    struct df *d = ctx;
    struct usage u = {0};
    bool runs = sandboxes_runs(sandbox_status(sb));

    usage_path(sb->layer_dir, &u);
    d->sandboxes.total++;
    d->sandboxes.active += runs;
    d->sandboxes.bytes += u.bytes;
    d->sandboxes.reclaimable += runs ? 0 : u.bytes;
    if (d->n_boxes == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64;
        struct box *more = arena_array(&d->arena, cap, sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        if (d->n_boxes)
            memcpy(more, d->boxes, d->n_boxes * sizeof *more);
        d->boxes = more;
        d->cap = cap;
    }
    struct box *b = &d->boxes[d->n_boxes++];
    *b =
        (struct box){arena_strdup(&d->arena, sb->id), arena_strdup(&d->arena, sandboxes_image_name(sb)), runs, u.bytes};
    return b->id && b->image ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* Several names of one image are one image. */
static bool is_first_row(const struct df *d, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!strcmp(d->rows[k].id, d->rows[i].id))
            return false;
    return true;
}

static void count_images(struct df *d)
{
    for (size_t i = 0; i < d->n_rows; i++) {
        if (!is_first_row(d, i))
            continue;
        bool used = image_uses_has(&d->uses, d->rows[i].id);
        d->images.total++;
        d->images.active += used;
        d->images.bytes += d->rows[i].size;
        d->images.reclaimable += used ? 0 : d->rows[i].size;
    }
}

/* What somebody is building just now is locked, and not a leftover. */
static void count_builds(struct df *d, const struct store *s)
{
    int fd = s->images_fd < 0 ? -1 : openat(s->images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        if (strncmp(e->d_name, ".tmp-", 5))
            continue;
        _cleanup_fd_ int build = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct usage u = {0};
        bool left = build >= 0 && flock(build, LOCK_EX | LOCK_NB) == 0;
        usage_at(fd, e->d_name, &u);
        d->builds.total++;
        d->builds.active += !left;
        d->builds.bytes += u.bytes;
        d->builds.reclaimable += left ? u.bytes : 0;
    }
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
}

/* Of Java programs, of WebAssembly modules, packed roots; nothing needs them, they are made again. */
static void count_kept(struct df *d, enum class_cache_kind kind, struct line *line)
{
    struct class_cache_use use;
    struct class_cache c;

    if (class_cache_open_kind(&c, kind, &d->arena, false, &(struct err){0}) < 0)
        return;
    class_cache_measure(&c, &use);
    class_cache_close(&c);
    line->total += use.archives;
    line->bytes = line->reclaimable += use.bytes;
}

static int measure(struct df *d, struct err *err)
{
    struct store store;
    int r = image_uses_find(&d->uses, err);

    if (r < 0 || (r = sandboxes_all("system", count_sandbox, d, err)) < 0 ||
        (r = store_open(&store, &d->arena, NULL, false, err)) < 0)
        return r;
    r = store_list(&store, &d->rows, &d->n_rows, err);
    if (r == 0) {
        count_images(d);
        count_builds(d, &store);
    }
    store_close(&store);
    count_kept(d, CLASS_CACHE_JVM, &d->archives);
    count_kept(d, CLASS_CACHE_WASM, &d->modules);
    count_kept(d, CLASS_CACHE_UNIKERNEL, &d->roots);
    count_kept(d, CLASS_CACHE_SENTRY, &d->roots);
    count_kept(d, CLASS_CACHE_MACHINE, &d->boots);
    return r;
}

/* ---- printing ------------------------------------------------------------------------------------------------- */

static void reclaimable_words(const struct line *l, char out[64])
{
    char size[24];

    size_words(l->reclaimable, 4, size);
    if (l->bytes)
        snprintf(out, 64, "%s (%" PRIu64 "%%)", size, l->reclaimable * 100 / l->bytes);
    else
        snprintf(out, 64, "%s", size);
}

static int print_lines(const struct df *d, const struct system_options *o, struct err *err)
{
    const struct line *const lines[] = {&d->images,  &d->sandboxes, &d->builds, &d->archives,
                                        &d->modules, &d->roots,     &d->boots};
    struct listing l = {.format = o->format,
                        .table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
                        .fields = fields};
    int r = listing_begin(&l, err);

    for (size_t i = 0; i < ARRAY_LEN(lines) && r == 0; i++) {
        struct json_writer w = {0};
        char text[64];
        json_object_begin(&w, NULL);
        snprintf(text, sizeof text, "%u", lines[i]->active);
        json_string(&w, "Active", text);
        reclaimable_words(lines[i], text);
        json_string(&w, "Reclaimable", text);
        size_words(lines[i]->bytes, 4, text);
        json_string(&w, "Size", text);
        snprintf(text, sizeof text, "%u", lines[i]->total);
        json_string(&w, "TotalCount", text);
        json_string(&w, "Type", lines[i]->type);
        json_object_end(&w);
        r = listing_row(&l, &w, err);
    }
    if (r == 0)
        r = listing_end(&l, err);
    listing_free(&l);
    return r;
}

static void print_all(const struct df *d)
{
    char *text = NULL, size[24];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return;
    fputs("REPOSITORY\tTAG\tIMAGE ID\tSIZE\tCONTAINERS\n", out);
    for (size_t i = 0; i < d->n_rows; i++) {
        const struct store_row *r = &d->rows[i];
        size_words(r->size, 4, size);
        fprintf(out, "%s\t%s\t%.12s\t%s\t%u\n", r->repository ? r->repository : "<none>", r->tag ? r->tag : "<none>",
                r->id, size, image_uses_count(&d->uses, r->id));
    }
    fflush(out);
    puts("Images space usage:\n");
    listing_columns(text, true);
    rewind(out);
    fputs("CONTAINER ID\tIMAGE\tSIZE\tSTATUS\tNAMES\n", out);
    for (size_t i = 0; i < d->n_boxes; i++) {
        const struct box *b = &d->boxes[i];
        size_words(b->bytes, 4, size);
        fprintf(out, "%s\t%s\t%s\t%s\t%s\n", b->id, b->image, size, b->runs ? "running" : "not running", b->id);
    }
    fputc('\0', out);
    fflush(out);
    puts("\nContainers space usage:\n");
    listing_columns(text, true);
    size_words(d->builds.bytes, 4, size);
    printf("\nBuild leftovers: %s\n", size);
    size_words(d->archives.bytes, 4, size);
    printf("\nClass archives: %s\n", size);
    size_words(d->modules.bytes, 4, size);
    printf("\nCompiled modules: %s\n", size);
    size_words(d->roots.bytes, 4, size);
    printf("\nPacked roots: %s\n", size);
    size_words(d->boots.bytes, 4, size);
    printf("\nBoot files: %s\n", size);
    fclose(out);
    free(text);
}

static int print_json(const struct df *d, struct err *err)
{
    const struct line *const lines[] = {&d->images,  &d->sandboxes, &d->builds, &d->archives,
                                        &d->modules, &d->roots,     &d->boots};
    struct json_writer w = {.indent = 2};

    json_object_begin(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        json_object_begin(&w, lines[i]->key);
        json_uint(&w, "total", lines[i]->total);
        json_uint(&w, "active", lines[i]->active);
        json_uint(&w, "bytes", lines[i]->bytes);
        json_uint(&w, "reclaimableBytes", lines[i]->reclaimable);
        json_object_end(&w);
    }
    json_object_end(&w);
    return command_print_json(&w, err);
}

int system_df(const struct system_options *o)
{
    static struct df d = {
        .images = {.type = "Images", .key = "images"},
        .sandboxes = {.type = "Containers", .key = "sandboxes"},
        .builds = {.type = "Build leftovers", .key = "imageBuilds"},
        .archives = {.type = "Class archives", .key = "classArchives"},
        .modules = {.type = "Compiled modules", .key = "compiledModules"},
        .roots = {.type = "Packed roots", .key = "packedRoots"},
        .boots = {.type = "Boot files", .key = "bootFiles"},
    };
    struct err err = {0};
    int r = arena_init(&d.arena, ARENA_SIZE);

    if (r < 0)
        err_set(&err, r, "out of memory");
    else
        r = measure(&d, &err);
    if (r == 0 && o->json)
        r = print_json(&d, &err);
    else if (r == 0 && o->verbose)
        print_all(&d);
    else if (r == 0)
        r = print_lines(&d, o, &err);
    return r < 0 ? sandboxes_fail("system", &err) : 0;
}

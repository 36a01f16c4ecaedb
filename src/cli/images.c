/* SPDX-License-Identifier: Apache-2.0 */
/* `moat images`: the table docker prints, or JSON. Names have passed the grammar; other strings are printed by
 * term_cell(). */
#include "base/json.h"
#include "cli/commands.h"
#include "cli/term.h"
#include "image/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ARENA_SIZE (1u << 30) /* address space; each config.json passes through it */

enum { OPTION_DIGESTS, OPTION_JSON, OPTION_QUIET, OPTION_NO_TRUNC };

const struct option_row images_options[] = {
    {.name = "digests", .help = "Show the digests that registries gave", .id = OPTION_DIGESTS},
    {.name = "json", .help = "Print an array for programs", .id = OPTION_JSON},
    {.name = "no-trunc", .help = "Print whole ids", .id = OPTION_NO_TRUNC},
    {.name = "quiet", .short_name = 'q', .help = "Print ids only", .id = OPTION_QUIET},
};
const size_t n_images_options = ARRAY_LEN(images_options);

struct options {
    bool json, quiet, whole, digests;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;

    bool *flags[] = {[OPTION_DIGESTS] = &o->digests,
                     [OPTION_JSON] = &o->json,
                     [OPTION_QUIET] = &o->quiet,
                     [OPTION_NO_TRUNC] = &o->whole};

    *flags[id] = !strcmp(value, "true");
    return 0;
}

static void format_age(int64_t created, char *out, size_t size)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{31536000, "year"}, {2592000, "month"}, {604800, "week"},
                 {86400, "day"},     {3600, "hour"},     {60, "minute"}};
    int64_t age = time(NULL) - created;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (age < units[i].seconds * 2 && !(age >= units[i].seconds && units[i].seconds > 60))
            continue;
        int64_t n = age / units[i].seconds;
        snprintf(out, size, "%lld %s%s ago", (long long)n, units[i].name, n == 1 ? "" : "s");
        return;
    }
    snprintf(out, size, "%lld seconds ago", (long long)(age < 0 ? 0 : age));
}

static void format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t unit = 0;

    for (; v >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
        v /= 1000;
    snprintf(out, size, unit && v < 100 ? "%.3g%s" : "%.0f%s", v, units[unit]);
}

static const char *or_none(const char *s)
{
    return s ? s : "<none>";
}

static void print_table(const struct store_row *rows, size_t n, bool whole, bool digests)
{
    unsigned name = 10, tag = 3;
    int digest = digests ? 71 : 0; /* its column, or none */
    char age[48], size[32];

    for (size_t i = 0; i < n; i++) {
        unsigned k = (unsigned)strlen(or_none(rows[i].repository)), t = (unsigned)strlen(or_none(rows[i].tag));
        name = k > name ? k : name;
        tag = t > tag ? t : tag;
    }
    printf("%s%-*s   %-*s   %-*s%s%-*s   %-14s   SIZE%s\n", term_on(TERM_BOLD), (int)name, "REPOSITORY", (int)tag,
           "TAG", digest, digests ? "DIGEST" : "", digests ? "   " : "", whole ? 71 : 12, "IMAGE ID", "CREATED",
           term_off());
    for (size_t i = 0; i < n; i++) {
        format_age(rows[i].created, age, sizeof age);
        format_size(rows[i].size, size, sizeof size);
        printf("%-*s   %-*s   %-*s%s%s%.*s   %-14s   %s\n", (int)name, or_none(rows[i].repository), (int)tag,
               or_none(rows[i].tag), digest, digests ? or_none(rows[i].digest) : "", digests ? "   " : "",
               whole ? "sha256:" : "", whole ? 64 : 12, rows[i].id, age, size);
    }
}

static void print_ids(const struct store_row *rows, size_t n, bool whole)
{
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = !strcmp(rows[k].id, rows[i].id);
        if (!seen)
            printf("%s%.*s\n", whole ? "sha256:" : "", whole ? 64 : 12, rows[i].id);
    }
}

static int print_json(const struct store_row *rows, size_t n, struct err *err)
{
    struct json_writer w = {.indent = 2};
    char created[40], id[80];

    json_array_begin(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        struct tm tm;
        time_t t = (time_t)rows[i].created;
        snprintf(id, sizeof id, "sha256:%s", rows[i].id);
        if (!gmtime_r(&t, &tm) || !strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &tm))
            created[0] = 0;
        json_object_begin(&w, NULL);
        json_string(&w, "repository", rows[i].repository);
        json_string(&w, "tag", rows[i].tag);
        json_string(&w, "digest", rows[i].digest);
        json_string(&w, "id", id);
        json_string(&w, "created", created);
        json_uint(&w, "size", rows[i].size);
        json_uint(&w, "entries", rows[i].entries);
        json_string(&w, "source", rows[i].source);
        json_object_end(&w);
    }
    json_array_end(&w);
    return command_print_json(&w, err);
}

static int list(struct arena *a, const struct options *o, struct err *err)
{
    struct store store;
    struct store_row *rows = NULL;
    size_t n = 0;
    int r = store_open(&store, a, NULL, false, err);

    if (r < 0)
        return r;
    r = store_list(&store, &rows, &n, err);
    store_close(&store);
    if (r < 0)
        return r;
    if (o->json)
        return print_json(rows, n, err);
    if (o->quiet)
        print_ids(rows, n, o->whole);
    else
        print_table(rows, n, o->whole, o->digests);
    return 0;
}

int cmd_images(int argc, char **argv)
{
    struct options options = {0};
    struct arena arena;
    struct err err;
    int operand;

    if (options_parse(images_options, n_images_options, argc, argv, false, &operand, apply, &options, &err) < 0)
        return command_fail("images", &err);
    if (operand < argc) {
        err_set(&err, -EINVAL, "unexpected operand '%s'", argv[operand]);
        return command_fail("images", &err);
    }
    if (arena_init(&arena, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("images", &err);
    }
    int r = list(&arena, &options, &err);
    arena_free(&arena);
    return r < 0 ? command_fail("images", &err) : 0;
}

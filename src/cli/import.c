/* SPDX-License-Identifier: Apache-2.0 */
/* `moat import`: an image from a tar file, a directory or an OCI layout. Only draws and prints; image/import.c does the
 * work. */
#include "image/import.h"

#include "cli/commands.h"
#include "cli/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE (256u << 20) /* address space; a document is at most 4 MiB, of which there are a few */
#define BAR_WIDTH  30u

enum { OPTION_QUIET, OPTION_MAX_BYTES, OPTION_MAX_ENTRIES };

const struct option_row import_options[] = {
    {.name = "max-bytes",
     .argument = "N",
     .help = "Refuse an image of more bytes (default 64g; k, m, g, t)",
     .id = OPTION_MAX_BYTES},
    {.name = "max-entries",
     .argument = "N",
     .help = "Refuse an image of more files (default 10000000)",
     .id = OPTION_MAX_ENTRIES},
    {.name = "quiet", .short_name = 'q', .help = "No progress and no notes: print the id only", .id = OPTION_QUIET},
};
const size_t n_import_options = ARRAY_LEN(import_options);

struct options {
    bool quiet;
    uint64_t max_bytes, max_entries;
};

static int read_count(const char *option, const char *text, uint64_t *out, struct err *err)
{
    static const char units[] = "kmgt";
    char *end;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (*text < '0' || *text > '9' || errno || (*end && (!unit || end[1])) || !v || v > UINT64_MAX >> shift ||
        v << shift > INT64_MAX)
        return err_set(err, -EINVAL, "--%s %s: not a number above 0, with k, m, g or t behind it: like 20g", option,
                       text);
    *out = (uint64_t)v << shift;
    return 0;
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;

    if (id == OPTION_MAX_BYTES)
        return read_count("max-bytes", value, &o->max_bytes, err);
    if (id == OPTION_MAX_ENTRIES)
        return read_count("max-entries", value, &o->max_entries, err);
    o->quiet = !strcmp(value, "true");
    return 0;
}

struct bar {
    struct timespec last;
    bool drawn;
};

static void draw(void *ctx, uint64_t done, uint64_t total)
{
    struct bar *b = ctx;
    struct timespec now;
    char filled[BAR_WIDTH + 1];

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - b->last.tv_sec) * 1000 + (now.tv_nsec - b->last.tv_nsec) / 1000000 < 100)
        return;
    b->last = now;
    b->drawn = true;
    if (!total || done > total) {
        fprintf(stderr, "\r%8.1f MB ", (double)done / 1e6);
        return;
    }
    unsigned n = (unsigned)((double)done / (double)total * BAR_WIDTH);
    memset(filled, '#', n);
    memset(filled + n, '.', BAR_WIDTH - n);
    filled[BAR_WIDTH] = 0;
    fprintf(stderr, "\r%s %5.1f%%  %.1f of %.1f MB ", filled, 100.0 * (double)done / (double)total, (double)done / 1e6,
            (double)total / 1e6);
}

static void note(const struct import_result *r)
{
    const struct unpack_result *u = &r->unpacked;

    if (u->skipped_devices)
        fprintf(stderr,
                "moat import: note: %llu device nodes were left out (a sandbox gets its /dev from the policy)\n",
                (unsigned long long)u->skipped_devices);
    if (u->skipped_special)
        fprintf(stderr, "moat import: note: %llu sockets, pipes or mount points were left out, first %s\n",
                (unsigned long long)u->skipped_special, u->skipped);
    if (u->dropped_xattrs)
        fprintf(stderr,
                "moat import: note: %llu extended attributes were dropped (user.* and security.capability are kept)\n",
                (unsigned long long)u->dropped_xattrs);
    if (u->flat_owners)
        fprintf(stderr, "moat import: note: all files belong to you: owners are kept only for root, or of an archive "
                        "where newuidmap gives you ids (moat boundaries)\n");
}

static int import_into(struct arena *a, const struct options *o, struct import *in, struct import_result *out,
                       struct err *err)
{
    struct bar bar = {0};
    struct store store;
    int r = store_open(&store, a, NULL, true, err);

    if (r < 0)
        return r;
    in->max_bytes = o->max_bytes;
    in->max_entries = o->max_entries;
    in->progress = !o->quiet && isatty(2) ? draw : NULL;
    in->ctx = &bar;
    r = image_import(&store, in, out, err);
    if (bar.drawn)
        fputs("\r\033[K", stderr);
    store_close(&store);
    return r;
}

int cmd_import(int argc, char **argv)
{
    struct options options = {0};
    struct import in = {0};
    struct import_result result;
    struct arena arena;
    struct err err;
    int operand, r;

    if (options_parse(import_options, n_import_options, argc, argv, false, &operand, apply, &options, &err) < 0)
        return command_fail("import", &err);
    if (argc - operand != 2) {
        err_set(&err, -EINVAL, "%s: give FILE, DIR or oci:DIR, and a NAME[:TAG]",
                argc - operand < 2 ? "too few operands" : "too many operands");
        return command_fail("import", &err);
    }
    in.source = argv[operand];
    if (reference_parse(argv[operand + 1], &in.name, &err) < 0)
        return command_fail("import", &err);
    if (arena_init(&arena, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("import", &err);
    }
    r = import_into(&arena, &options, &in, &result, &err);
    if (r == 0) {
        printf("sha256:%s\n", result.id);
        if (!options.quiet)
            note(&result);
    }
    arena_free(&arena);
    return r < 0 ? command_fail("import", &err) : 0;
}

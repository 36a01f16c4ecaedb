/* SPDX-License-Identifier: Apache-2.0 */
/* `moat pull`: an image from a registry, and the same for `moat run` when an image is missing. Only draws and prints;
 * image/pull.c does the work. Lines are docker's. */
#include "image/pull.h"

#include "base/json.h"
#include "cli/commands.h"
#include "cli/term.h"
#include "image/remote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE   (1u << 30) /* address space; documents are at most 4 MiB, of which there are a few */
#define BAR_WIDTH    30u
#define INSECURE_MAX 16u

enum { OPTION_QUIET, OPTION_PLATFORM, OPTION_INSECURE, OPTION_JSON };

const struct option_row pull_options[] = {
    {.name = "insecure-registry",
     .argument = "HOST",
     .help = "HOST[:PORT] may be spoken to without TLS or with any certificate; loopback addresses always may",
     .id = OPTION_INSECURE},
    {.name = "json", .help = "Print one JSON object", .id = OPTION_JSON},
    {.name = "platform",
     .argument = "OS/ARCH",
     .help = "Of an image for several kinds of machines: the one for OS/ARCH[/VARIANT] (default: this machine's)",
     .id = OPTION_PLATFORM},
    {.name = "quiet",
     .short_name = 'q',
     .help = "No progress and no notes: print the reference only",
     .id = OPTION_QUIET},
};
const size_t n_pull_options = ARRAY_LEN(pull_options);

struct options {
    bool quiet, json;
    const char *platform;
    const char *insecure[INSECURE_MAX];
    size_t n_insecure;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;

    if (id == OPTION_QUIET) {
        o->quiet = !strcmp(value, "true");
    } else if (id == OPTION_JSON) {
        o->json = !strcmp(value, "true");
    } else if (id == OPTION_PLATFORM) {
        o->platform = value;
    } else {
        if (o->n_insecure == INSECURE_MAX)
            return err_set(err, -E2BIG, "--insecure-registry %s: more than %u of them", value, INSECURE_MAX);
        if (!*value || strchr(value, '/'))
            return err_set(err, -EINVAL, "--insecure-registry %s: not HOST[:PORT]: give it as in the reference", value);
        o->insecure[o->n_insecure++] = value;
    }
    return 0;
}

/* ---- progress --------------------------------------------------------------------------------------------------- */

struct row {
    char hex[13];
    enum pull_stage stage;
    uint64_t done, total;
};

/* On a terminal one line a layer, redrawn; where they do not fit, one line for all. Else a line a change of stage. */
struct view {
    FILE *to;
    bool terminal, quiet, narrow;
    struct row *rows;
    size_t n, drawn, height;
    struct timespec last;
};

static void view_init(struct view *v, FILE *to, bool quiet)
{
    struct winsize size = {0};

    *v = (struct view){.to = to, .quiet = quiet, .terminal = isatty(fileno(to)), .height = 24};
    if (v->terminal && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_row)
        v->height = size.ws_row;
    v->narrow = size.ws_col && size.ws_col < 80; /* a line that wraps cannot be drawn over */
}

static void draw_bar(FILE *to, uint64_t done, uint64_t total)
{
    char filled[BAR_WIDTH + 1];
    unsigned n = total && done <= total ? (unsigned)((double)done / (double)total * BAR_WIDTH) : 0;

    memset(filled, '#', n);
    memset(filled + n, '.', BAR_WIDTH - n);
    filled[BAR_WIDTH] = 0;
    fprintf(to, "%s %.1f of %.1f MB", filled, (double)done / 1e6, (double)total / 1e6);
}

static void draw_row(FILE *to, const struct row *r, bool narrow)
{
    static const char *const words[] = {[PULL_LAYER_WAITS] = "Waiting",
                                        [PULL_LAYER_DOWNLOADS] = "Downloading ",
                                        [PULL_LAYER_IS_HERE] = "Download complete",
                                        [PULL_LAYER_UNPACKS] = "Extracting  ",
                                        [PULL_LAYER_DONE] = "Pull complete"};

    fprintf(to, "\r\033[K%s: %s", r->hex, words[r->stage]);
    if (!narrow && (r->stage == PULL_LAYER_DOWNLOADS || r->stage == PULL_LAYER_UNPACKS))
        draw_bar(to, r->done, r->total);
    fputc('\n', to);
}

static void draw(struct view *v)
{
    if (v->drawn)
        fprintf(v->to, "\033[%zuA", v->drawn);
    if (v->n + 4 <= v->height) {
        for (size_t i = 0; i < v->n; i++)
            draw_row(v->to, &v->rows[i], v->narrow);
        v->drawn = v->n;
    } else {
        uint64_t done = 0, total = 0;
        size_t ready = 0;
        for (size_t i = 0; i < v->n; i++) {
            total += v->rows[i].total;
            done += v->rows[i].stage >= PULL_LAYER_IS_HERE ? v->rows[i].total : v->rows[i].done;
            ready += v->rows[i].stage == PULL_LAYER_DONE;
        }
        fprintf(v->to, "\r\033[K%zu of %zu layers  ", ready, v->n);
        if (!v->narrow)
            draw_bar(v->to, done, total);
        fputc('\n', v->to);
        v->drawn = 1;
    }
    fflush(v->to);
}

static void on_news(void *ctx, const struct pull_news *news)
{
    struct view *v = ctx;
    struct timespec now;

    if (v->quiet)
        return;
    if (!v->rows && !(v->rows = calloc(news->n_layers, sizeof *v->rows)))
        return;
    v->n = news->n_layers;
    struct row *r = &v->rows[news->layer];
    /* Unpacking is news of its own; the bytes of a download that end meanwhile must not hide it. */
    bool changed = news->stage != r->stage || !r->hex[0];
    r->stage = news->stage;
    r->done = news->done;
    if (news->total && (news->stage == PULL_LAYER_WAITS || !r->total))
        r->total = news->total;
    snprintf(r->hex, sizeof r->hex, "%.12s", news->hex);
    if (!v->terminal) {
        const char *line = news->stage == PULL_LAYER_WAITS     ? "Pulling fs layer"
                           : news->stage == PULL_LAYER_IS_HERE ? "Download complete"
                           : news->stage == PULL_LAYER_DONE    ? "Pull complete"
                                                               : NULL;
        if (changed && line)
            fprintf(v->to, "%s: %s\n", r->hex, line);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    bool last = news->stage == PULL_LAYER_DONE && news->layer + 1 == v->n;
    if (!last && (now.tv_sec - v->last.tv_sec) * 1000 + (now.tv_nsec - v->last.tv_nsec) / 1000000 < 100)
        return;
    v->last = now;
    draw(v);
}

/* ---- one pull --------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

static void note(const char *command, const struct pull_result *r)
{
    const struct unpack_result *u = &r->import.unpacked;

    if (r->foreign)
        fprintf(stderr, "moat %s: note: the image is for %s, which this machine does not run by itself\n", command,
                r->platform);
    if (u->skipped_devices)
        fprintf(stderr, "moat %s: note: %llu device nodes were left out (a sandbox gets its /dev from the policy)\n",
                command, (unsigned long long)u->skipped_devices);
    if (u->flat_owners && !r->import.existed)
        fprintf(stderr, "moat %s: note: all files belong to you: owners are kept only for root\n", command);
}

/* `missing`: say so first, as docker does. */
static int announce(struct arena *a, FILE *to, const struct reference *ref, bool missing, struct err *err)
{
    char name[REFERENCE_TEXT_MAX];
    const char *registry;
    struct remote remote;
    int r = remote_default_registry(a, &registry, err);

    if (r < 0 || (r = remote_of(ref, registry, &remote, err)) < 0)
        return r;
    reference_show(ref, name);
    if (missing)
        fprintf(to, "Unable to find image '%s' locally\n", name);
    if (!ref->tag_given && !ref->by_digest)
        fprintf(to, "Using default tag: latest\n");
    if (ref->by_digest)
        fprintf(to, "%s/%s@%s: Pulling from %s\n", remote.host, remote.repository, remote.wanted, remote.repository);
    else
        fprintf(to, "%s: Pulling from %s\n", remote.wanted, remote.repository);
    fflush(to);
    return 0;
}

/* Interrupting ends the pull in order: what was begun is removed. */
static int pull(struct store *s, const struct reference *ref, struct pull_options *o, FILE *to, bool quiet,
                bool missing, struct pull_result *result, struct err *err)
{
    struct sigaction catch = {.sa_handler = on_signal}, before[2];
    struct view view;

    view_init(&view, to, quiet);
    o->progress = on_news;
    o->ctx = &view;
    o->interrupted = &interrupted;
    interrupted = 0;
    sigaction(SIGINT, &catch, &before[0]);
    sigaction(SIGTERM, &catch, &before[1]);
    int r = quiet ? 0 : announce(s->arena, to, ref, missing, err);
    if (r == 0)
        r = image_pull(s, ref, o, result, err);
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
    free(view.rows);
    if (r < 0 || quiet)
        return r;
    char name[REFERENCE_TEXT_MAX];
    reference_show(ref, name);
    fprintf(to, "Digest: sha256:%s\nStatus: %s for %s\n", result->digest,
            result->up_to_date ? "Image is up to date" : "Downloaded newer image", name);
    fflush(to);
    return 0;
}

static void full_name(const struct reference *ref, const struct pull_result *r, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", r->full, ref->by_digest ? "@sha256:" : ":", ref->by_digest ? ref->digest : ref->tag);
}

static int print_json(const struct reference *ref, const struct pull_result *r, struct err *err)
{
    struct json_writer w = {.indent = 2};
    char text[sizeof r->full + REFERENCE_TAG_MAX + 16];

    json_object_begin(&w, NULL);
    full_name(ref, r, text, sizeof text);
    json_string(&w, "reference", text);
    snprintf(text, sizeof text, "sha256:%s", r->digest);
    json_string(&w, "digest", text);
    snprintf(text, sizeof text, "sha256:%s", r->import.id);
    json_string(&w, "id", text);
    json_string(&w, "platform", r->platform);
    json_string(&w, "status", r->up_to_date ? "up-to-date" : r->import.existed ? "named" : "downloaded");
    json_uint(&w, "layers", r->n_layers);
    json_uint(&w, "downloadedBytes", r->downloaded);
    json_object_end(&w);
    return command_print_json(&w, err);
}

static int pull_and_print(const struct options *o, const struct reference *ref, struct err *err)
{
    struct pull_options options = {.platform = o->platform, .insecure = o->insecure, .n_insecure = o->n_insecure};
    struct pull_result result;
    struct arena arena;
    struct store store;
    bool quiet = o->quiet || o->json;
    char name[sizeof result.full + REFERENCE_TAG_MAX + 16];

    if (arena_init(&arena, ARENA_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    int r = store_open(&store, &arena, NULL, true, err);
    if (r == 0) {
        r = pull(&store, ref, &options, stdout, quiet, false, &result, err);
        store_close(&store);
    }
    if (r == 0 && o->json)
        r = print_json(ref, &result, err);
    if (r == 0 && !o->json) {
        reference_show(ref, name); /* under which it is here */
        puts(name);
    }
    if (r == 0 && !quiet)
        note("pull", &result);
    arena_free(&arena);
    return r;
}

int cmd_pull(int argc, char **argv)
{
    struct options options = {0};
    struct reference ref;
    struct err err;
    int operand;

    if (options_parse(pull_options, n_pull_options, argc, argv, false, &operand, apply, &options, &err) < 0)
        return command_fail("pull", &err);
    if (argc - operand != 1) {
        err_set(&err, -EINVAL, "%s: give one [HOST[:PORT]/]NAME[:TAG|@DIGEST]",
                argc - operand < 1 ? "no image named" : "too many operands");
        return command_fail("pull", &err);
    }
    if (reference_parse(argv[operand], &ref, &err) < 0)
        return command_fail("pull", &err);
    if (pull_and_print(&options, &ref, &err) == 0)
        return 0;
    fflush(stdout);
    int status = command_fail("pull", &err);
    if (interrupted)
        raise(interrupted); /* its usual effect, now that all is tidy */
    return status;
}

int cli_pull_missing(const char *text, const char *platform, bool quiet, struct err *err)
{
    struct pull_options options = {.platform = platform};
    struct pull_result result;
    struct image image = {.dir_fd = -1};
    struct reference ref;
    struct arena arena;
    struct store store;
    struct err none = {0};
    int r = reference_parse(text, &ref, err);

    if (r < 0)
        return r;
    if (arena_init(&arena, ARENA_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    r = store_open(&store, &arena, NULL, true, err);
    if (r == 0) {
        bool missing = store_resolve(&store, text, &image, &none) == -ENOENT;
        cleanup_fd(&image.dir_fd);
        r = pull(&store, &ref, &options, stderr, quiet, missing, &result, err);
        store_close(&store);
        if (r == 0 && !quiet)
            note("run", &result);
    }
    arena_free(&arena);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat ps`: docker's table of sandboxes, newest first. Ids are never cut: here an id is the name, and a part of it may
 * be that of several.
 */
#include "base/json.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/kind.h"
#include "cli/listing.h"
#include "cli/sandboxes.h"
#include "cli/when.h"
#include "policy/flags.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_SHOWN 20 /* characters, docker's */

enum {
    OPTION_ALL,
    OPTION_FILTER,
    OPTION_FORMAT,
    OPTION_JSON,
    OPTION_LAST,
    OPTION_LATEST,
    OPTION_NO_TRUNC,
    OPTION_QUIET,
    OPTION_SIZE
};

const struct option_row ps_options[] = {
    {"all", 'a', NULL, "Also those that do not run", OPTION_ALL},
    {"filter", 'f', "KEY=VALUE", "Only those: name, id, status, exited, label, ancestor", OPTION_FILTER},
    {"format", 0, "FORMAT", "json, a template as '{{.Names}}: {{.Status}}', or 'table TEMPLATE'", OPTION_FORMAT},
    {"json", 0, NULL, "Print an array for programs", OPTION_JSON},
    {"last", 'n', "N", "The N newest, whether they run or not", OPTION_LAST},
    {"latest", 'l', NULL, "The newest", OPTION_LATEST},
    {"no-trunc", 0, NULL, "Print whole commands", OPTION_NO_TRUNC},
    {"quiet", 'q', NULL, "Print ids only", OPTION_QUIET},
    {"size", 's', NULL, NULL, OPTION_SIZE},
};
const size_t n_ps_options = ARRAY_LEN(ps_options);

static const char *const filter_keys[] = {"name", "id", "status", "exited", "label", "ancestor", NULL};

static const struct listing_field fields[] = {
    {"ID", "CONTAINER ID"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Status", "STATUS"},
    {"Names", "NAMES"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"Networks", "NETWORKS"},
    {NULL, NULL},
};

struct row {
    char *json; /* malloced */
    size_t len;
    int64_t created; /* ns */
};

struct ps {
    struct filters filters;
    bool all, json, whole, quiet;
    int64_t last; /* -1: not given */
    const char *format;
    int64_t now;
    struct row *rows;
    size_t n, cap;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct ps *o = ctx;
    bool on = !strcmp(value, "true");

    switch (id) {
    case OPTION_ALL:
        o->all = on;
        return 0;
    case OPTION_FILTER:
        return filter_add(&o->filters, value, err);
    case OPTION_FORMAT:
        o->format = value;
        return 0;
    case OPTION_JSON:
        o->json = on;
        return 0;
    case OPTION_LAST:
        if (flag_parse_i64(value, -1, INT32_MAX, &o->last) < 0)
            return err_set(err, -EINVAL, "--last '%s': a number of sandboxes", value);
        return 0;
    case OPTION_LATEST:
        o->last = on ? 1 : -1;
        return 0;
    case OPTION_NO_TRUNC:
        o->whole = on;
        return 0;
    case OPTION_QUIET:
        o->quiet = on;
        return 0;
    default:
        return err_set(err, -EINVAL,
                       "--size is refused: counting a layer's bytes takes long, `moat system df -v` does it");
    }
}

/* ---- filters -------------------------------------------------------------------------------------------------- */

static bool match_name(const void *ctx, const char *value)
{
    const struct sandbox *sb = ctx;
    char name[SANDBOX_ID_MAX + 2];
    regex_t re;

    snprintf(name, sizeof name, "/%s", sb->id);
    if (!strcmp(value, sb->id) || !strcmp(value, name))
        return true;
    if (regcomp(&re, value, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&re, sb->id, 0, NULL, 0) == 0 || regexec(&re, name, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

static bool match_id(const void *ctx, const char *value)
{
    const struct sandbox *sb = ctx;

    return *value && !strncmp(sb->id, value, strlen(value));
}

static bool match_text(const void *ctx, const char *value)
{
    return !strcmp(ctx, value);
}

static bool match_exited(const void *ctx, const char *value)
{
    int64_t code;

    return flag_parse_i64(value, 0, 255, &code) == 0 && code == *(const int *)ctx;
}

static bool match_ancestor(const void *ctx, const char *value)
{
    struct sandbox *sb = (struct sandbox *)(uintptr_t)ctx;
    const char *name = sandboxes_image_name(sb), *id = sandboxes_image_id(sb), *colon = strrchr(value, ':');
    size_t len = strlen(value);

    if (!strcmp(name, value))
        return true;
    if (id && !strncmp(value, "sha256:", 7))
        return len > 7 && !strncmp(id, value + 7, len - 7);
    if (id && len >= 4 && len <= 64 && !strncmp(id, value, len))
        return true;
    /* NAME and NAME:latest are one */
    if (colon && !strcmp(colon, ":latest") && strlen(name) == (size_t)(colon - value))
        return !strncmp(name, value, strlen(name));
    return !strncmp(name, value, len) && !strcmp(name + len, ":latest");
}

static int check_filters(const struct filters *f, struct err *err)
{
    static const char *const states[] = {"created", "restarting", "running", "removing", "paused", "exited", "dead"};

    for (unsigned i = 0; i < f->n; i++) {
        const char *value = f->v[i].value;
        int64_t code;
        bool known = strcmp(f->v[i].key, "status") != 0;
        for (size_t k = 0; k < ARRAY_LEN(states) && !known; k++)
            known = !strcmp(value, states[k]);
        if (!known)
            return err_set(err, -EINVAL,
                           "--filter status=%s: invalid filter: created, restarting, running, paused, exited", value);
        if (!strcmp(f->v[i].key, "exited") && flag_parse_i64(value, 0, 255, &code) < 0)
            return err_set(err, -EINVAL, "--filter exited=%s: invalid filter: an exit status is 0 to 255", value);
    }
    return 0;
}

static bool wanted(const struct ps *o, struct sandbox *sb, enum sandbox_status s)
{
    const char *state = sandboxes_state_word(s);
    bool ended = s == SANDBOX_STOPPED;
    struct sandbox_end e = sandboxes_end(sb, s);

    /* As docker has it: asking for a state asks for all that are in it. */
    if (!o->all && o->last < 0 && !sandboxes_runs(s) && !filter_given(&o->filters, "status"))
        return false;
    if (filter_given(&o->filters, "exited") && !ended)
        return false;
    return filter_any(&o->filters, "status", match_text, state) && filter_any(&o->filters, "id", match_id, sb) &&
           filter_any(&o->filters, "name", match_name, sb) &&
           filter_any(&o->filters, "exited", match_exited, &e.exit_code) &&
           filter_any(&o->filters, "ancestor", match_ancestor, sb) && filter_labels(&o->filters, &sb->policy);
}

/* ---- a row ---------------------------------------------------------------------------------------------------- */

static int64_t age_seconds(const struct ps *o, const char *time)
{
    int64_t ns;

    return time && time_parse(time, &ns) == 0 && ns < o->now ? (o->now - ns) / 1000000000 : 0;
}

static const char *status_text(const struct ps *o, struct sandbox *sb, enum sandbox_status s)
{
    char words[32];

    when_words(age_seconds(o, sb->started ? sb->started : sb->created), words);
    if (s == SANDBOX_RUNNING || s == SANDBOX_PAUSED)
        return arena_printf(sb->arena, "Up %s%s", words, s == SANDBOX_PAUSED ? " (Paused)" : "");
    struct sandbox_end e = sandboxes_end(sb, s);
    if (!sb->kept && s == SANDBOX_STOPPED) /* of --rm: its caller was killed before it could remove it */
        return "Dead";
    if (s == SANDBOX_CREATED || !e.known)
        return "Created";
    when_words(age_seconds(o, e.finished), words);
    return arena_printf(sb->arena, e.finished ? "%s (%d) %s ago" : "%s (%d)",
                        s == SANDBOX_RESTARTING ? "Restarting" : "Exited", e.exit_code, words);
}

/* As Go quotes: quotation marks and what a terminal would obey are escaped. */
static char *quoted(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, strlen(text) * 4 + 3), *c = out;

    if (!out)
        return NULL;
    *c++ = '"';
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (*s == '"' || *s == '\\')
            c += sprintf(c, "\\%c", *s);
        else if (*s == '\n' || *s == '\t')
            c += sprintf(c, "\\%c", *s == '\n' ? 'n' : 't');
        else if (*s < 0x20 || *s == 0x7f)
            c += sprintf(c, "\\x%02x", *s);
        else
            *c++ = (char)*s;
    }
    *c++ = '"';
    *c = 0;
    return out;
}

/* The command's words as one text, arguments with a blank in quotation marks; when it is long, its beginning and an
 * ellipsis. */
static const char *command_text(const struct ps *o, struct sandbox *sb)
{
    const struct strv words = sandboxes_command(sb), *argv = &words;
    size_t need = 1, at = 0;
    unsigned shown = 0;

    for (uint32_t i = 0; i < argv->n; i++)
        need += strlen(argv->v[i]) + 3;
    char *text = arena_alloc(sb->arena, need + 4), *cut = NULL;
    for (uint32_t i = 0; text && i < argv->n; i++) {
        const char *mark = i && strchr(argv->v[i], ' ') ? "'" : "";
        at += (size_t)sprintf(text + at, "%s%s%s%s", i ? " " : "", mark, argv->v[i], mark);
    }
    for (char *c = text; c && *c && shown <= COMMAND_SHOWN; c++) {
        if ((*c & 0xc0) == 0x80)
            continue;
        if (++shown == COMMAND_SHOWN)
            cut = c;
    }
    if (!o->whole && shown > COMMAND_SHOWN)
        strcpy(cut, "\xe2\x80\xa6");
    const char *out = text ? quoted(sb->arena, text) : NULL;
    return out ? out : "";
}

static const char *labels_text(struct sandbox *sb)
{
    char *text = arena_strdup(sb->arena, "");

    for (uint32_t i = 0; text && i < sb->policy.n_annotations; i++)
        text = arena_printf(sb->arena, "%s%s%s=%s", text, i ? "," : "", sb->policy.annotations[i].key,
                            sb->policy.annotations[i].value);
    return text ? text : "";
}

static const char *mounts_text(struct sandbox *sb)
{
    char *text = arena_strdup(sb->arena, "");

    for (uint32_t i = 0; text && i < sb->policy.n_mounts; i++)
        if (sb->policy.mounts[i].bind && sb->policy.mounts[i].source)
            text = arena_printf(sb->arena, "%s%s%s", text, *text ? "," : "", sb->policy.mounts[i].source);
    return text ? text : "";
}

/* As docker writes them. */
static const char *ports_text(struct sandbox *sb)
{
    const struct boundary *b = sb->inst.boundary;
    const struct workload_kind *k = b ? kind_behind(b->name) : NULL;
    const char *text = k && k->ports ? k->ports(sb->arena, &sb->policy.process.argv) : NULL;

    return text ? text : "";
}

static const char *created_text(struct sandbox *sb)
{
    int64_t ns;
    char text[40];

    if (time_parse(sandboxes_created(sb), &ns) < 0)
        return "";
    when_format(ns, text);
    text[10] = ' ';
    return arena_printf(sb->arena, "%.19s +0000 UTC", text);
}

static void write_row(const struct ps *o, struct sandbox *sb, enum sandbox_status s, struct json_writer *w)
{
    char words[32];
    enum ns_how network = sb->policy.ns[NS_NET].how;

    when_words(age_seconds(o, sandboxes_created(sb)), words);
    json_object_begin(w, NULL);
    json_string(w, "Command", command_text(o, sb));
    json_string(w, "CreatedAt", created_text(sb));
    json_string(w, "ID", sb->id);
    json_string(w, "Image", sandboxes_image_name(sb));
    json_string(w, "Labels", labels_text(sb));
    json_string(w, "Mounts", mounts_text(sb));
    json_string(w, "Names", sb->id);
    json_string(w, "Networks", network == NS_HOST ? "host" : network == NS_NEW ? "none" : "");
    json_string(w, "Ports", ports_text(sb));
    json_string(w, "RunningFor", arena_printf(sb->arena, "%s ago", words));
    json_string(w, "State", sandboxes_state_word(s));
    json_string(w, "Status", status_text(o, sb, s));
    json_object_end(w);
}

/* --json: what a program wants to know, in figures. */
static void write_json_row(struct sandbox *sb, enum sandbox_status s, struct json_writer *w)
{
    struct sandbox_end e = sandboxes_end(sb, s);
    const struct strv command = sandboxes_command(sb);
    bool ended = e.known && (s == SANDBOX_STOPPED || s == SANDBOX_RESTARTING);

    json_object_begin(w, NULL);
    json_string(w, "id", sb->id);
    json_string(w, "image", sandboxes_image_name(sb));
    json_array_begin(w, "command");
    for (uint32_t i = 0; i < command.n; i++)
        json_string(w, NULL, command.v[i]);
    json_array_end(w);
    json_string(w, "created", sandboxes_created(sb));
    json_string(w, "state", sandboxes_state_word(s));
    json_int(w, "pid", sb->inst.pid > 0 ? sb->inst.pid : 0);
    json_string(w, "started", sb->kept ? sb->started : sb->created);
    json_string(w, "finished", ended ? e.finished : NULL);
    if (ended)
        json_int(w, "exitCode", e.exit_code);
    else
        json_null(w, "exitCode");
    json_string(w, "exitReason", ended ? end_reason_name(e.reason) : NULL);
    json_bool(w, "kept", sb->kept);
    json_object_begin(w, "labels");
    for (uint32_t i = 0; i < sb->policy.n_annotations; i++)
        json_string(w, sb->policy.annotations[i].key, sb->policy.annotations[i].value);
    json_object_end(w);
    json_object_end(w);
}

static int add(struct sandbox *sb, void *ctx, struct err *err)
{
    struct ps *o = ctx;
    enum sandbox_status s = sandbox_status(sb);
    struct json_writer w = {0};

    if (!wanted(o, sb, s))
        return 0;
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        struct row *more = realloc(o->rows, cap * sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        o->rows = more;
        o->cap = cap;
    }
    if (o->quiet)
        json_string(&w, NULL, sb->id);
    else if (o->json)
        write_json_row(sb, s, &w);
    else
        write_row(o, sb, s, &w);
    if (w.failed)
        return err_set(err, -ENOMEM, "out of memory");
    struct row *row = &o->rows[o->n++];
    *row = (struct row){.json = w.buf, .len = w.len};
    if (time_parse(sandboxes_created(sb), &row->created) < 0)
        row->created = 0;
    return 0;
}

/* ---- printing ------------------------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return (x->created < y->created) - (x->created > y->created);
}

static void print_quiet(const struct ps *o)
{
    for (size_t i = 0; i < o->n; i++) /* an id has no character that JSON escapes */
        printf("%.*s\n", (int)o->rows[i].len - 2, o->rows[i].json + 1);
}

static void print_json(const struct ps *o)
{
    puts("[");
    for (size_t i = 0; i < o->n; i++)
        printf("  %s%s\n", o->rows[i].json, i + 1 < o->n ? "," : "");
    puts("]");
}

static int print_rows(struct ps *o, struct err *err)
{
    struct listing l = {.format = o->format,
                        .table =
                            "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
                        .fields = fields};
    int r = listing_begin(&l, err);

    for (size_t i = 0; i < o->n && r == 0; i++) {
        struct json_writer w = {.buf = o->rows[i].json, .len = o->rows[i].len};
        o->rows[i].json = NULL;
        r = listing_row(&l, &w, err);
    }
    if (r == 0)
        r = listing_end(&l, err);
    listing_free(&l);
    return r;
}

int cmd_ps(int argc, char **argv)
{
    static struct ps o = {.filters.keys = filter_keys, .last = -1};
    struct err err = {0};
    int operand;

    if (options_parse(ps_options, n_ps_options, argc, argv, false, &operand, apply, &o, &err) < 0)
        return sandboxes_fail_line("ps", &err);
    if (operand < argc) {
        err_set(&err, -EINVAL, "unexpected operand '%s': --filter name=%s shows the sandbox", argv[operand],
                argv[operand]);
        return sandboxes_fail("ps", &err);
    }
    o.now = when_now();
    o.quiet = o.quiet && !o.format && !o.json;
    if (check_filters(&o.filters, &err) < 0 || sandboxes_all("ps", add, &o, &err) < 0)
        return sandboxes_fail("ps", &err);
    if (o.n)
        qsort(o.rows, o.n, sizeof *o.rows, newest_first);
    if (o.last >= 0 && o.n > (size_t)o.last)
        o.n = (size_t)o.last;
    if (o.quiet)
        print_quiet(&o);
    else if (o.json)
        print_json(&o);
    else if (print_rows(&o, &err) < 0)
        return sandboxes_fail("ps", &err);
    return 0;
}

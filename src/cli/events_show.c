/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat events`: what happened to sandboxes, as it happens, from the two files that commands and monitors write
 * (sandbox/events.h). Following waits for inotify. Trust: the lines are ours; one that does not parse is passed over.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/listing.h"
#include "cli/sandboxes.h"
#include "cli/when.h"
#include "sandbox/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384
#define LINES_ARENA    (1u << 20)

enum { OPTION_FILTER, OPTION_FORMAT, OPTION_JSON, OPTION_SINCE, OPTION_UNTIL };

const struct option_row events_options[] = {
    {"filter", 'f', "KEY=VALUE", "Only those: event, container, image, type=container", OPTION_FILTER},
    {"format", 0, "FORMAT", "json, or a template as '{{.Action}} {{.Actor.Attributes.name}}'", OPTION_FORMAT},
    {"json", 0, NULL, "Print an object a line, for programs", OPTION_JSON},
    {"since", 0, "TIME", "Those from then on: 2026-01-31T12:00:00Z, seconds since 1970, or 10m", OPTION_SINCE},
    {"until", 0, "TIME", "Go on until then", OPTION_UNTIL},
};
const size_t n_events_options = ARRAY_LEN(events_options);

static const char *const filter_keys[] = {"event", "container", "image", "type", NULL};

struct events {
    struct filters filters;
    const char *format, *since_text, *until_text;
    int64_t since, until;
    struct arena arena;
    const struct template *template; /* NULL: docker's line */
    bool json;
    struct sandbox root;
    int fd; /* of the file that is read; -1 */
    char line[LINE_MAX_BYTES + 1];
    size_t used;
    bool too_long; /* the line under way, which is passed over */
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct events *o = ctx;

    switch (id) {
    case OPTION_FILTER:
        return filter_add(&o->filters, value, err);
    case OPTION_FORMAT:
        o->json = !strcmp(value, "json");
        o->format = value;
        return 0;
    case OPTION_JSON:
        o->json = !strcmp(value, "true");
        return 0;
    case OPTION_SINCE:
        o->since_text = value;
        return 0;
    default:
        o->until_text = value;
        return 0;
    }
}

/* ---- one event ------------------------------------------------------------------------------------------------ */

static bool match_text(const void *ctx, const char *value)
{
    return !strcmp(ctx, value);
}

static bool match_begin(const void *ctx, const char *value)
{
    return *value && !strncmp(ctx, value, strlen(value));
}

static bool wanted(const struct events *o, const struct json *e, int64_t ns)
{
    return ns >= o->since && ns <= o->until &&
           filter_any(&o->filters, "event", match_text, json_get_text(e, "action", "")) &&
           filter_any(&o->filters, "container", match_begin, json_get_text(e, "id", "")) &&
           filter_any(&o->filters, "image", match_text, json_get_text(e, "image", "")) &&
           filter_any(&o->filters, "type", match_text, "container");
}

/* Members that are not of every event go to docker's attributes. */
static bool is_attribute(const struct json *member)
{
    static const char *const others[] = {"time", "timeNano", "action", "id", "image"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!strcmp(member->key, others[i]))
            return false;
    return member->type == JSON_STRING;
}

/* Docker's object. Its JSON has members in small letters which templates write with capitals: both are there for them.
 */
static void write_event(const struct json *e, int64_t ns, bool for_template, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "status", json_get_text(e, "action", ""));
    json_string(w, "id", json_get_text(e, "id", ""));
    json_string(w, "from", json_get_text(e, "image", ""));
    json_string(w, "Type", "container");
    json_string(w, "Action", json_get_text(e, "action", ""));
    json_object_begin(w, "Actor");
    json_string(w, "ID", json_get_text(e, "id", ""));
    json_object_begin(w, "Attributes");
    for (const struct json *m = e->child; m; m = m->next)
        if (is_attribute(m))
            json_string(w, m->key, m->string.s);
    json_string(w, "image", json_get_text(e, "image", ""));
    json_string(w, "name", json_get_text(e, "id", ""));
    json_object_end(w);
    json_object_end(w);
    json_string(w, "scope", "local");
    json_int(w, "time", ns / 1000000000);
    json_int(w, "timeNano", ns);
    if (for_template) {
        json_string(w, "Status", json_get_text(e, "action", ""));
        json_string(w, "ID", json_get_text(e, "id", ""));
        json_string(w, "From", json_get_text(e, "image", ""));
        json_string(w, "Scope", "local");
        json_int(w, "Time", ns / 1000000000);
        json_int(w, "TimeNano", ns);
    }
    json_object_end(w);
}

static void print_line(const struct json *e, int64_t ns)
{
    char time[40];

    when_format(ns, time);
    printf("%s container %s %s (", time, json_get_text(e, "action", ""), json_get_text(e, "id", ""));
    for (const struct json *m = e->child; m; m = m->next) /* in the order of the alphabet, as docker's are */
        if (is_attribute(m) && strcmp(m->key, "image") < 0)
            printf("%s=%s, ", m->key, m->string.s);
    printf("image=%s, name=%s", json_get_text(e, "image", ""), json_get_text(e, "id", ""));
    for (const struct json *m = e->child; m; m = m->next)
        if (is_attribute(m) && strcmp(m->key, "image") > 0)
            printf(", %s=%s", m->key, m->string.s);
    puts(")");
}

static int print_event(struct events *o, struct arena *a, const struct json *e, int64_t ns, struct err *err)
{
    struct json_writer w = {0};
    struct json *tree;

    if (!o->json && !o->template) {
        print_line(e, ns);
        return 0;
    }
    write_event(e, ns, !o->json, &w);
    if (o->json) {
        puts(w.failed ? "{}" : w.buf);
        json_writer_free(&w);
        return 0;
    }
    int r = listing_tree(a, &w, &tree, err);
    if (r == 0)
        r = template_run(o->template, a, tree, stdout, err);
    putchar('\n');
    return r;
}

static int take_line(struct events *o, struct err *err)
{
    struct arena a;
    struct json *e;
    int r = arena_init(&a, LINES_ARENA);

    if (r < 0)
        return err_set(err, r, "out of memory");
    if (json_parse(&a, o->line, o->used, &e, &(struct err){0}) == 0) {
        const struct json *time = json_get(e, "timeNano");
        if (time && time->type == JSON_INT && wanted(o, e, time->integer))
            r = print_event(o, &a, e, time->integer, err);
    }
    arena_free(&a);
    return r;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* To the end of the open file. */
static int read_file(struct events *o, struct err *err)
{
    char buf[8192];
    ssize_t n;
    int r = 0;

    while (r == 0 && o->fd >= 0 && (n = read(o->fd, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n && r == 0; i++) {
            if (buf[i] == '\n') {
                if (!o->too_long)
                    r = take_line(o, err);
                o->used = 0;
                o->too_long = false;
            } else if (o->used < LINE_MAX_BYTES) {
                o->line[o->used++] = buf[i];
            } else {
                o->too_long = true;
            }
        }
    return r;
}

static void open_file(struct events *o, const char *name)
{
    if (o->fd >= 0)
        close(o->fd);
    o->fd = openat(o->root.root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    o->used = 0;
}

/* Whether the name stands for another file than the one that is open: it was rotated. */
static bool is_moved(const struct events *o)
{
    struct stat named, open;

    if (fstatat(o->root.root_fd, ".events", &named, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    return o->fd < 0 || fstat(o->fd, &open) < 0 || named.st_ino != open.st_ino;
}

static int read_on(struct events *o, struct err *err)
{
    int r = read_file(o, err);

    if (r == 0 && is_moved(o)) {
        r = read_file(o, err); /* what came between the end and the rotation */
        open_file(o, ".events");
        if (r == 0)
            r = read_file(o, err);
    }
    fflush(stdout);
    return r;
}

static int follow(struct events *o, struct err *err)
{
    char buf[4096];
    _cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    const char *path = arena_printf(&o->arena, "/proc/self/fd/%d", o->root.root_fd);

    if (watch < 0 || !path || inotify_add_watch(watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
        return err_sys(err, -errno, "events in %s", o->root.root_path);
    struct pollfd p = {.fd = watch, .events = POLLIN};
    for (;;) {
        int r = read_on(o, err);
        if (r < 0)
            return r;
        int64_t left = o->until_text ? (o->until - when_now()) / 1000000 + 1 : -1;
        if (o->until_text && left <= 0)
            return 0;
        if (poll(&p, 1, left > INT32_MAX ? -1 : (int)left) < 0 && errno != EINTR)
            return err_sys(err, -errno, "waiting for events");
        while (read(watch, buf, sizeof buf) > 0)
            ;
    }
}

static int show(struct events *o, struct err *err)
{
    int64_t now = when_now();
    int r = 0;

    o->since = o->since_text ? 0 : now;
    o->until = INT64_MAX;
    if (o->since_text)
        r = when_parse("since", o->since_text, now, &o->since, err);
    if (r == 0 && o->until_text)
        r = when_parse("until", o->until_text, now, &o->until, err);
    if (r == 0 && o->format && !o->json)
        r = template_parse(&o->arena, o->format, &o->template, err);
    if (r < 0 || (r = sandbox_open_root(&o->root, &o->arena, NULL, true, err)) < 0)
        return r;
    if (o->since_text) {
        open_file(o, ".events.1");
        if ((r = read_file(o, err)) < 0)
            return r;
    }
    open_file(o, ".events");
    return o->until < now ? read_on(o, err) : follow(o, err);
}

int cmd_events(int argc, char **argv)
{
    static struct events o = {.filters.keys = filter_keys, .fd = -1};
    struct err err = {0};
    int operand;

    if (options_parse(events_options, n_events_options, argc, argv, false, &operand, apply, &o, &err) < 0)
        return sandboxes_fail_line("events", &err);
    if (operand < argc)
        err_set(&err, -EINVAL, "accepts no arguments: '%s' (--filter container=NAME shows one)", argv[operand]);
    else if (arena_init(&o.arena, SANDBOXES_ARENA) < 0)
        err_set(&err, -ENOMEM, "out of memory");
    else if (show(&o, &err) == 0)
        return 0;
    return sandboxes_fail("events", &err);
}

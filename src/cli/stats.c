/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat stats`: what sandboxes use, read from their control groups each second. On a terminal the table is drawn anew
 * in its place; else, or with --no-stream, lines follow. Processor time is the difference of two readings.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/sandboxes.h"
#include "cli/when.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_MS 1000

enum { OPTION_ALL, OPTION_FORMAT, OPTION_JSON, OPTION_NO_STREAM, OPTION_NO_TRUNC };

const struct option_row stats_options[] = {
    {"all", 'a', NULL, "Also those that do not run", OPTION_ALL},
    {"format", 0, "FORMAT", "json, a template as '{{.Name}} {{.CPUPerc}}', or 'table TEMPLATE'", OPTION_FORMAT},
    {"json", 0, NULL, "Print an array for programs, once", OPTION_JSON},
    {"no-stream", 0, NULL, "Print once", OPTION_NO_STREAM},
    {"no-trunc", 0, NULL, NULL, OPTION_NO_TRUNC}, /* ids are never cut */
};
const size_t n_stats_options = ARRAY_LEN(stats_options);

static const struct listing_field fields[] = {
    {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},
    {"Name", "NAME"},
    {"CPUPerc", "CPU %"},
    {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},
    {"NetIO", "NET I/O"},
    {"BlockIO", "BLOCK I/O"},
    {"PIDs", "PIDS"},
    {"HeapUsage", "HEAP USAGE / MAX"}, /* of a Java program, as the next two */
    {"Threads", "THREADS"},
    {"Classes", "CLASSES"},
    {NULL, NULL},
};

/* One reading of one sandbox. */
struct sample {
    char id[SANDBOX_ID_MAX + 1];
    uint64_t pid_key; /* a sandbox that was started anew counts from 0 */
    int64_t at;       /* ns */
    bool runs;
    struct cgroup_stats st;
    uint64_t received, sent;
    struct meter meter; /* what is not set it does not say */
};

struct samples {
    struct sample *v;
    size_t n, cap;
};

struct stats {
    bool all, json, once;
    const char *format;
    char **words;
    int n_words;
    struct samples now, before;
    int64_t clock;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct stats *o = ctx;
    bool on = !strcmp(value, "true");

    if (id == OPTION_FORMAT)
        o->format = value;
    else if (id != OPTION_NO_TRUNC)
        *(id == OPTION_ALL ? &o->all : id == OPTION_JSON ? &o->json : &o->once) = on;
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* Bytes of all interfaces but the loopback, in the sandbox's own network namespace. */
static void read_network(struct sandbox *sb, struct sample *s)
{
    char path[40], text[8192];

    if (sb->policy.ns[NS_NET].how == NS_HOST || sb->inst.pid <= 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/net/dev", (int)sb->inst.pid);
    if (io_read_small(AT_FDCWD, path, text, sizeof text) <= 0)
        return;
    for (char *line = strchr(text, ':'); line; line = strchr(line + 1, ':')) {
        uint64_t in, out;
        bool loopback = line >= text + 2 && !strncmp(line - 2, "lo", 2) && (line == text + 2 || line[-3] == ' ');
        if (!loopback && sscanf(line + 1, "%" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &in, &out) == 2) {
            s->received += in;
            s->sent += out;
        }
    }
}

static int take(struct sandbox *sb, void *ctx, struct err *err)
{
    struct stats *o = ctx;
    enum sandbox_status status = sandbox_status(sb);
    bool runs = status == SANDBOX_RUNNING || status == SANDBOX_PAUSED;

    if (!runs && !o->all && !o->n_words)
        return 0;
    if (o->now.n == o->now.cap) {
        size_t cap = o->now.cap ? o->now.cap * 2 : 16;
        struct sample *more = realloc(o->now.v, cap * sizeof *more);
        if (!more)
            return err_set(err, -ENOMEM, "out of memory");
        o->now.v = more;
        o->now.cap = cap;
    }
    struct sample *s = &o->now.v[o->now.n++];
    *s = (struct sample){.at = o->clock, .runs = runs, .pid_key = sb->pid_key};
    snprintf(s->id, sizeof s->id, "%s", sb->id);
    if (runs && sb->inst.boundary->stats)
        sb->inst.boundary->stats(&sb->inst, &s->st, &(struct err){0}); /* one that ends meanwhile has none */
    if (runs && sb->inst.boundary->meter && status == SANDBOX_RUNNING)
        sb->inst.boundary->meter(&sb->inst, &s->meter, &(struct err){0});
    if (runs)
        read_network(sb, s);
    return 0;
}

static int take_named(struct stats *o, struct err *err)
{
    for (int i = 0; i < o->n_words; i++) {
        struct arena a;
        struct sandbox sb;
        int r = arena_init(&a, SANDBOXES_ARENA);
        if (r < 0)
            return err_set(err, r, "out of memory");
        if ((r = sandboxes_load(&sb, &a, o->words[i], err)) == 0) {
            r = take(&sb, o, err);
            sandboxes_close(&sb);
        }
        arena_free(&a);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_all(struct stats *o, struct err *err)
{
    struct timespec ts;
    struct samples old = o->before;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    o->clock = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    o->before = o->now;
    o->now = old;
    o->now.n = 0;
    return o->n_words ? take_named(o, err) : sandboxes_all("stats", take, o, err);
}

static double processor_percent(const struct stats *o, const struct sample *s)
{
    for (size_t i = 0; i < o->before.n; i++) {
        const struct sample *b = &o->before.v[i];
        if (strcmp(b->id, s->id))
            continue;
        if (b->pid_key != s->pid_key || !s->st.cpu_usage_ns.set || !b->st.cpu_usage_ns.set || s->at <= b->at ||
            s->st.cpu_usage_ns.v < b->st.cpu_usage_ns.v)
            return 0;
        return 100.0 * (double)(s->st.cpu_usage_ns.v - b->st.cpu_usage_ns.v) / (double)(s->at - b->at);
    }
    return 0;
}

/* What cannot be taken back at once: the page cache that nobody used lately is left out, as docker does. */
static uint64_t memory_used(const struct cgroup_stats *st)
{
    uint64_t cache = st->memory_inactive_file.v;

    return cache < st->memory_usage.v ? st->memory_usage.v - cache : st->memory_usage.v;
}

static uint64_t memory_limit(const struct cgroup_stats *st)
{
    struct sysinfo si;
    uint64_t host = sysinfo(&si) == 0 ? (uint64_t)si.totalram * si.mem_unit : 0;

    return st->memory_limit.set && (st->memory_limit.v < host || !host) ? st->memory_limit.v : host;
}

/* ---- printing ------------------------------------------------------------------------------------------------- */

static void put_pair(struct json_writer *w, const char *key, uint64_t a, uint64_t b)
{
    char x[24], y[24], text[64];

    size_words(a, 3, x);
    size_words(b, 3, y);
    snprintf(text, sizeof text, "%s / %s", x, y);
    json_string(w, key, text);
}

static void put_percent(struct json_writer *w, const char *key, double v)
{
    char text[32];

    snprintf(text, sizeof text, "%.2f%%", v);
    json_string(w, key, text);
}

/* "--" where there is none, as for other figures. */
static void put_count(struct json_writer *w, const char *key, const struct opt_u64 *v)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, v->v);
    json_string(w, key, v->set ? text : "--");
}

static void write_row(const struct stats *o, const struct sample *s, struct json_writer *w)
{
    uint64_t used = memory_used(&s->st), limit = s->runs ? memory_limit(&s->st) : 0;
    char x[24], y[24], text[64];

    json_object_begin(w, NULL);
    put_pair(w, "BlockIO", s->st.blkio_read_bytes.v, s->st.blkio_write_bytes.v);
    if (s->st.cpu_usage_ns.set || !s->runs)
        put_percent(w, "CPUPerc", processor_percent(o, s));
    else
        json_string(w, "CPUPerc", "--");
    json_string(w, "Container", s->id);
    json_string(w, "ID", s->id);
    if (s->runs && !s->st.memory_usage.set)
        json_string(w, "MemPerc", "--");
    else
        put_percent(w, "MemPerc", limit ? 100.0 * (double)used / (double)limit : 0);
    size_words_binary(used, x);
    size_words_binary(limit, y);
    snprintf(text, sizeof text, "%s / %s", x, y);
    json_string(w, "MemUsage", s->st.memory_usage.set || !s->runs ? text : "-- / --");
    json_string(w, "Name", s->id);
    put_pair(w, "NetIO", s->received, s->sent);
    snprintf(text, sizeof text, "%" PRIu64, s->st.pids_current.v);
    json_string(w, "PIDs", s->st.pids_current.set || !s->runs ? text : "--");
    size_words_binary(s->meter.heap_used.v, x);
    size_words_binary(s->meter.heap_max.v, y);
    snprintf(text, sizeof text, "%s / %s", x, y);
    json_string(w, "HeapUsage", s->meter.heap_used.set ? text : "-- / --");
    put_count(w, "Threads", &s->meter.threads);
    put_count(w, "Classes", &s->meter.classes);
    json_object_end(w);
}

static void put_figure(struct json_writer *w, const char *key, const struct opt_u64 *v)
{
    if (v->set)
        json_uint(w, key, v->v);
    else
        json_null(w, key);
}

static void write_figures(const struct stats *o, const struct sample *s, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "id", s->id);
    json_bool(w, "running", s->runs);
    json_real(w, "cpuPercent", processor_percent(o, s));
    put_figure(w, "cpuNanoseconds", &s->st.cpu_usage_ns);
    put_figure(w, "memoryBytes", &s->st.memory_usage);
    put_figure(w, "memoryInactiveFileBytes", &s->st.memory_inactive_file);
    put_figure(w, "memoryLimitBytes", &s->st.memory_limit);
    put_figure(w, "pids", &s->st.pids_current);
    put_figure(w, "pidsLimit", &s->st.pids_limit);
    put_figure(w, "blockReadBytes", &s->st.blkio_read_bytes);
    put_figure(w, "blockWriteBytes", &s->st.blkio_write_bytes);
    json_uint(w, "networkReceivedBytes", s->received);
    json_uint(w, "networkSentBytes", s->sent);
    if (s->meter.heap_used.set) {
        json_object_begin(w, "jvm");
        put_figure(w, "heapUsedBytes", &s->meter.heap_used);
        put_figure(w, "heapCommittedBytes", &s->meter.heap_committed);
        put_figure(w, "heapMaxBytes", &s->meter.heap_max);
        put_figure(w, "threads", &s->meter.threads);
        put_figure(w, "classes", &s->meter.classes);
        put_figure(w, "collections", &s->meter.collections);
        put_figure(w, "collectionNanoseconds", &s->meter.collection_ns);
        json_object_end(w);
    }
    json_object_end(w);
}

static int print_json(const struct stats *o, struct err *err)
{
    struct json_writer w = {.indent = 2};

    json_array_begin(&w, NULL);
    for (size_t i = 0; i < o->now.n; i++)
        write_figures(o, &o->now.v[i], &w);
    json_array_end(&w);
    return command_print_json(&w, err);
}

static int print_rows(const struct stats *o, bool redraw, struct err *err)
{
    struct listing l = {.format = o->format,
                        .table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
                                 "{{.BlockIO}}\t{{.PIDs}}",
                        .fields = fields};
    int r = listing_begin(&l, err);

    for (size_t i = 0; i < o->now.n && r == 0; i++) {
        struct json_writer w = {0};
        write_row(o, &o->now.v[i], &w);
        r = listing_row(&l, &w, err);
    }
    if (r == 0 && redraw)
        fputs("\033[H\033[J", stdout);
    if (r == 0)
        r = listing_end(&l, err);
    listing_free(&l);
    return r;
}

static void pause_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

static int watch(struct stats *o, struct err *err)
{
    bool redraw = isatty(STDOUT_FILENO) == 1 && !o->once && !o->json;
    int r = take_all(o, err);

    while (r == 0) {
        pause_ms(PERIOD_MS);
        if ((r = take_all(o, err)) < 0)
            return r;
        r = o->json ? print_json(o, err) : print_rows(o, redraw, err);
        if (r == 0 && fflush(stdout) != 0)
            return err_sys(err, -errno, "cannot write to the standard output");
        if (o->once || o->json)
            break;
    }
    return r;
}

int cmd_stats(int argc, char **argv)
{
    static struct stats o;
    struct err err = {0};
    int operand;

    if (options_parse(stats_options, n_stats_options, argc, argv, false, &operand, apply, &o, &err) < 0)
        return command_fail("stats", &err);
    o.words = argv + operand;
    o.n_words = argc - operand;
    return watch(&o, &err) < 0 ? sandboxes_fail("stats", &err) : 0;
}

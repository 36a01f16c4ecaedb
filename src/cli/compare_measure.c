/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings for `moat compare`: times a start or the user's job, and takes what moat-gauge and moat-probe measured
 * inside. What comes out of a sandbox is bounded and parsed as if it were hostile.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/compare_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OUTPUT_MAX   (64u << 10)
#define SCRATCH_SIZE (4u << 20)

void compare_note(struct compare *c, struct compare_subject *s, enum compare_id id, const char *fmt, ...)
{
    va_list ap;

    if (s->note[id])
        return;
    va_start(ap, fmt);
    s->note[id] = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
}

__attribute__((format(printf, 3, 4))) static void fail_subject(struct compare *c, struct compare_subject *s,
                                                               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    s->why = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
    s->failed = true;
}

void compare_add(struct compare *c, struct compare_subject *s, enum compare_id id, double best, double typical)
{
    s->series[id].best[c->round] = best;
    s->series[id].typical[c->round] = typical;
}

/* ---- from start to exit --------------------------------------------------------------------------------------- */

/* The job must do the same everywhere, or its times say nothing: natively first, which the others are held to. */
static void judge_job(struct compare *c, struct compare_subject *s, int status, int words)
{
    char text[512];
    int native = c->subjects[0].job_status;

    if (s->job_status < 0)
        s->job_status = status;
    if (status != s->job_status)
        fail_subject(c, s, "the job ended with %d, and before with %d", status, s->job_status);
    else if (s->row && native >= 0 && status != native) {
        compare_last_words(words, text, sizeof text);
        fail_subject(c, s, "the job ended with %d, but natively with %d: %s", status, native, text);
    }
}

int compare_measure_start(struct compare *c, struct compare_subject *s, double *ns, struct err *err)
{
    static const char *const noop[] = {"noop", NULL};
    char text[512];
    struct arena a;
    struct command_line l = {.a = &a};

    _cleanup_fd_ int words = compare_scratch(err);
    if (words < 0)
        return words;
    if (arena_init(&a, SCRATCH_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    int r = c->job_command ? compare_job_line(c, s, &l, err)
                           : compare_own_line(c, s, "moat-gauge", noop, false, false, &l, err);
    if (r == 0)
        r = compare_run(l.v, -1, words, c->job_command ? 0 : COMPARE_LIMIT_MS, ns, err);
    arena_free(&a);
    if (r < 0 || compare_interrupted)
        return r < 0 ? r : 0;
    if (c->job_command && *ns <= 0)
        fail_subject(c, s, "'%s' %s", c->job_command[0], r == 127 ? "was not found" : "cannot be executed");
    else if (c->job_command) {
        judge_job(c, s, r, words);
    } else if (r != 0) {
        compare_last_words(words, text, sizeof text);
        fail_subject(c, s, "a program that does nothing ended with %d: %s", r, text);
    }
    return 0;
}

/* ---- from inside ---------------------------------------------------------------------------------------------- */

/* What a program inside prints: one JSON value. *status is its exit status. NULL: there is none, or it is not JSON. */
static struct json *ask_inside(struct compare *c, struct compare_subject *s, struct arena *a, const char *program,
                               const char *const *args, bool work, int words, int *status, struct err *err)
{
    struct command_line l = {.a = a};
    struct json *doc;
    struct err bad = {0};
    char *text;
    size_t len;
    double ns;

    _cleanup_fd_ int out = compare_scratch(err);
    if (out < 0)
        *status = out;
    else if ((*status = compare_own_line(c, s, program, args, false, work, &l, err)) == 0)
        *status = compare_run(l.v, out, words, COMPARE_LIMIT_MS, &ns, err);
    if (*status < 0 || lseek(out, 0, SEEK_SET) < 0 || io_read_fd(a, out, OUTPUT_MAX, &text, &len) < 0)
        return NULL;
    return json_parse(a, text, len, &doc, &bad) == 0 ? doc : NULL;
}

static double number_of(const struct json *j)
{
    return !j ? -1 : j->type == JSON_REAL ? j->real : j->type == JSON_INT ? (double)j->integer : -1;
}

int compare_measure_gauge(struct compare *c, struct compare_subject *s, struct err *err)
{
    const char *const args[] = {"measure", "--dir", "{dir}", c->quick ? "--quick" : NULL, NULL};
    struct arena a;
    char text[512];
    int status;

    _cleanup_fd_ int words = compare_scratch(err);
    if (words < 0)
        return words;
    if (arena_init(&a, SCRATCH_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    struct json *doc = ask_inside(c, s, &a, "moat-gauge", args, true, words, &status, err);
    compare_last_words(words, text, sizeof text);
    for (int id = 0; status >= 0 && !compare_interrupted && id < COMPARE_FIGURES; id++) {
        if (!compare_figures[id].by_gauge)
            continue;
        struct json *figure = json_get(doc, compare_figures[id].name);
        double best = number_of(json_get(figure, "best")), median = number_of(json_get(figure, "median"));
        if (best > 0 && median > 0)
            compare_add(c, s, (enum compare_id)id, best, median);
        else
            compare_note(c, s, (enum compare_id)id, "moat-gauge ended with %d: %s", status, text);
    }
    arena_free(&a);
    return status < 0 ? status : 0;
}

int compare_measure_surface(struct compare *c, struct compare_subject *s, struct err *err)
{
    struct utsname host = {0};
    char text[512], kernel[sizeof host + 16]; /* so that it knows whose answers it gets */
    const char *const args[] = {"--surface", "--json", kernel, NULL};
    struct arena a;
    int status;

    uname(&host);
    snprintf(kernel, sizeof kernel, "kernel=%s %s", host.release, host.version);

    _cleanup_fd_ int words = compare_scratch(err);
    if (words < 0)
        return words;
    if (arena_init(&a, SCRATCH_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    const char *path = arena_printf(&a, "%s/moat-probe", c->libexec);
    if (!path || access(path, X_OK) < 0) {
        arena_free(&a);
        return 0;
    }
    struct json *doc = ask_inside(c, s, &a, "moat-probe", args, false, words, &status, err);
    double reachable = number_of(json_get(doc, "reachable")), of = number_of(json_get(doc, "total"));
    compare_last_words(words, text, sizeof text);
    if (status >= 0 && reachable >= 0 && of >= reachable && of < 100000) {
        compare_add(c, s, COMPARE_SURFACE, reachable, reachable);
        s->series[COMPARE_SURFACE].n = 1;
        c->surface_of = (unsigned)of;
    } else if (status >= 0) {
        compare_note(c, s, COMPARE_SURFACE, "moat-probe ended with %d: %s", status, text);
    }
    arena_free(&a);
    return status < 0 ? status : 0;
}

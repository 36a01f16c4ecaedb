/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat compare` measured, for programs: docs/schema/compare.schema.json. Figures are whole nanoseconds, bytes,
 * bytes a second or numbers. */
#include "base/json.h"
#include "cli/command.h"
#include "cli/compare.h"

#include <stdio.h>

static const char *const unit_names[] = {
    [UNIT_TIME] = "ns", [UNIT_BYTES] = "bytes", [UNIT_RATE] = "bytes/s", [UNIT_COUNT] = "number"};

static void write_figures(struct json_writer *w, const struct compare *c)
{
    json_array_begin(w, "figures");
    for (int id = 0; id < COMPARE_FIGURES; id++) {
        const struct compare_figure *f = &compare_figures[id];
        json_object_begin(w, NULL);
        json_string(w, "name", f->name);
        json_string(w, "words", f->words);
        json_string(w, "unit", unit_names[f->unit]);
        json_string(w, "better", f->more_is_better ? "more" : "less");
        if (id == COMPARE_SURFACE && c->surface_of)
            json_uint(w, "of", c->surface_of);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_reading(struct json_writer *w, const struct compare *c, const struct compare_subject *s,
                          enum compare_id id)
{
    struct compare_summary sum = compare_summarise(&s->series[id]);
    double ratio = compare_ratio(c, &sum, id);

    if (!sum.n || s->failed)
        return;
    json_object_begin(w, compare_figures[id].name);
    json_uint(w, "n", sum.n);
    json_uint(w, "median", (uint64_t)(sum.median + 0.5));
    json_uint(w, "min", (uint64_t)(sum.min + 0.5));
    json_uint(w, "max", (uint64_t)(sum.max + 0.5));
    json_uint(w, "deviation", (uint64_t)(sum.deviation + 0.5));
    json_uint(w, "typical", (uint64_t)(sum.typical + 0.5));
    if (ratio > 0)
        json_real(w, "ratio", ratio);
    json_array_begin(w, "rounds");
    for (unsigned i = 0; i < sum.n; i++)
        json_uint(w, NULL, (uint64_t)(s->series[id].best[i] + 0.5));
    json_array_end(w);
    json_object_end(w);
}

static void write_subject(struct json_writer *w, const struct compare *c, const struct compare_subject *s)
{
    json_object_begin(w, NULL);
    json_string(w, "name", s->name);
    json_bool(w, "native", !s->row);
    if (s->failed)
        json_string(w, "failed", s->why ? s->why : "out of memory");
    if (c->job_command && s->job_status >= 0)
        json_int(w, "jobStatus", s->job_status);
    json_object_begin(w, "readings");
    for (int id = 0; id < COMPARE_FIGURES; id++)
        write_reading(w, c, s, (enum compare_id)id);
    json_object_end(w);
    json_object_begin(w, "missing");
    for (int id = 0; id < COMPARE_FIGURES; id++)
        if (s->note[id])
            json_string(w, compare_figures[id].name, s->note[id]);
    json_object_end(w);
    json_object_end(w);
}

int compare_print_json(const struct compare *c, struct err *err)
{
    struct json_writer w = {.indent = 2};
    char text[512];
    struct tm tm;

    json_object_begin(&w, NULL);
    json_string(&w, "version", MOAT_VERSION);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&c->when, &tm));
    json_string(&w, "date", text);
    compare_machine(c, text, sizeof text);
    json_string(&w, "machine", text);
    json_uint(&w, "rounds", c->rounds);
    json_uint(&w, "roundsMade", c->round);
    json_bool(&w, "quick", c->quick);
    json_real(&w, "seconds", c->seconds);
    json_array_begin(&w, "job");
    for (char **word = c->job_command; word && *word; word++)
        json_string(&w, NULL, *word);
    json_array_end(&w);
    write_figures(&w, c);
    json_array_begin(&w, "subjects");
    for (size_t i = 0; i < c->n_subjects; i++)
        write_subject(&w, c, &c->subjects[i]);
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

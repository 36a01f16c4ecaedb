/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat compare` measured, as a table: two lines a subject, the figures and how they stand to native's. Pure but
 * for the printing and the machine's own facts. */
#include "cli/compare.h"
#include "cli/term.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CELL 24
#define GAP  3

const struct compare_figure compare_figures[COMPARE_FIGURES] = {
    [COMPARE_START] = {"start", "START", "start to exit", UNIT_TIME, false, false},
    [COMPARE_MEMORY] = {"memory", "MEMORY", "private memory", UNIT_BYTES, false, false},
    [COMPARE_SYSCALL] = {"syscall", "SYSCALL", "system call", UNIT_TIME, false, true},
    [COMPARE_OPEN] = {"open", "OPEN", "open, close and stat", UNIT_TIME, false, true},
    [COMPARE_WRITE] = {"write", "WRITE", "file written", UNIT_RATE, true, true},
    [COMPARE_READ] = {"read", "READ", "file read back", UNIT_RATE, true, true},
    [COMPARE_PIPE] = {"pipe", "PIPE", "pipe", UNIT_RATE, true, true},
    [COMPARE_ROUND_TRIP] = {"roundTrip", "ROUND TRIP", "pipe, there and back", UNIT_TIME, false, true},
    [COMPARE_SURFACE] = {"surface", "SURFACE", "calls and paths in reach", UNIT_COUNT, false, false},
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts. */
static double median_of(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct compare_summary compare_summarise(const struct compare_series *s)
{
    struct compare_summary out = {.n = s->n};
    double v[COMPARE_ROUNDS_MAX];

    if (!s->n)
        return out;
    memcpy(v, s->typical, s->n * sizeof *v);
    out.typical = median_of(v, s->n);
    memcpy(v, s->best, s->n * sizeof *v);
    out.median = median_of(v, s->n);
    out.min = v[0];
    out.max = v[s->n - 1];
    for (unsigned i = 0; i < s->n; i++)
        v[i] = fabs(v[i] - out.median);
    out.deviation = median_of(v, s->n);
    return out;
}

void compare_value(double value, enum compare_unit unit, char *out, size_t size)
{
    static const char *const times[] = {"ns", "us", "ms", "s", NULL}, *const bytes[] = {"B", "KiB", "MiB", "GiB", NULL},
                             *const rates[] = {"B/s", "KiB/s", "MiB/s", "GiB/s", NULL};
    const char *const *names = unit == UNIT_TIME ? times : unit == UNIT_BYTES ? bytes : rates;
    double step = unit == UNIT_TIME ? 1000 : 1024;
    int i = 0;

    if (unit == UNIT_COUNT) {
        snprintf(out, size, "%.0f", value);
        return;
    }
    while (names[i + 1] && value >= (unit == UNIT_BYTES ? 10 * step : step)) {
        value /= step;
        i++;
    }
    int digits = unit == UNIT_BYTES || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(out, size, "%.*f %s", digits, value, names[i]);
}

double compare_ratio(const struct compare *c, const struct compare_summary *s, enum compare_id id)
{
    struct compare_summary native = compare_summarise(&c->subjects[0].series[id]);

    return s->n && native.n && native.median > 0 ? s->median / native.median : 0;
}

void compare_times(const struct compare *c, const struct compare_subject *s, const struct compare_summary *sum,
                   enum compare_id id, char *out, size_t size)
{
    double times = s->row && id != COMPARE_SURFACE ? compare_ratio(c, sum, id) : 0;

    out[0] = 0;
    if (times > 0)
        snprintf(out, size, times < 9.995 ? "%.2fx" : times < 99.95 ? "%.1fx" : "%.0fx", times);
}

void compare_machine(const struct compare *c, char *out, size_t size)
{
    char line[256], cpu[128] = "unknown processor", date[16];
    FILE *f = fopen("/proc/cpuinfo", "re");
    unsigned n = 0;
    struct utsname u = {0};
    struct tm tm;

    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "model name", 10) != 0 || !strchr(line, ':') || n++)
            continue;
        snprintf(cpu, sizeof cpu, "%s", strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " \t"));
        cpu[strcspn(cpu, "\n")] = 0;
    }
    if (f)
        fclose(f);
    uname(&u);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&c->when, &tm));
    snprintf(out, size, "%s x %u, Linux %s, load %.1f, moat %s, %s", cpu, n, u.release, c->load, MOAT_VERSION, date);
}

void compare_method(const struct compare *c, char *out, size_t size)
{
    char of[48] = "";

    if (c->round > c->rounds)
        snprintf(of, sizeof of, ", the calmest of %u", c->round);
    snprintf(out, size, "%u rounds%s, in %.0f s%s; each keeps the best of its tries; shown is the median of the rounds",
             c->rounds, of, c->seconds, c->job_command ? "" : ", all on one processor");
}

void compare_job(const struct compare *c, char *out, size_t size)
{
    size_t at = 0;

    if (!c->job_command) {
        snprintf(out, size, "a program that does nothing");
        return;
    }
    out[0] = 0;
    for (char **w = c->job_command; *w && at + 2 < size; w++) {
        int n = snprintf(out + at, size - at, "%s%s", at ? " " : "", *w);
        at = n < 0 || (size_t)n >= size - at ? size - 1 : at + (size_t)n;
    }
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

/* "6.81x ±3%"; native has the spread alone. */
static void second_line(const struct compare *c, const struct compare_subject *s, enum compare_id id,
                        const struct compare_summary *sum, char *out, size_t size)
{
    char ratio[24];

    if (!sum->n) {
        out[0] = 0;
        return;
    }
    if (id == COMPARE_SURFACE) {
        snprintf(out, size, "of %u", c->surface_of);
        return;
    }
    compare_times(c, s, sum, id, ratio, sizeof ratio);
    snprintf(out, size, "%s%s±%.0f%%", ratio, *ratio ? " " : "",
             sum->median > 0 ? 100 * sum->deviation / sum->median : 0);
}

static unsigned columns_of(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

struct cell {
    char first[CELL], second[CELL];
};

static void fill(const struct compare *c, const struct compare_subject *s, struct cell cells[COMPARE_FIGURES])
{
    for (int id = 0; id < COMPARE_FIGURES; id++) {
        struct compare_summary sum = compare_summarise(&s->series[id]);
        if (sum.n && !s->failed)
            compare_value(sum.median, compare_figures[id].unit, cells[id].first, CELL);
        else
            snprintf(cells[id].first, CELL, "-");
        if (s->failed)
            sum.n = 0;
        second_line(c, s, (enum compare_id)id, &sum, cells[id].second, CELL);
    }
}

static void print_line(const char *name, unsigned name_width, const struct cell *cells, bool second,
                       const unsigned widths[COMPARE_FIGURES])
{
    term_cell(name, name_width);
    for (int id = 0; id < COMPARE_FIGURES; id++)
        term_cell(second ? cells[id].second : cells[id].first, id + 1 < COMPARE_FIGURES ? widths[id] : 0);
    putchar('\n');
}

void compare_print_table(const struct compare *c)
{
    struct cell(*cells)[COMPARE_FIGURES] = calloc(c->n_subjects, sizeof *cells), headings[COMPARE_FIGURES] = {0};
    unsigned widths[COMPARE_FIGURES], name_width = 0;
    char text[512];

    if (!cells)
        return;
    for (int id = 0; id < COMPARE_FIGURES; id++) {
        snprintf(headings[id].first, CELL, "%s",
                 id == COMPARE_START && c->job_command ? "JOB" : compare_figures[id].heading);
        widths[id] = columns_of(headings[id].first);
    }
    for (size_t i = 0; i < c->n_subjects; i++) {
        fill(c, &c->subjects[i], cells[i]);
        for (int id = 0; id < COMPARE_FIGURES; id++) {
            unsigned a = columns_of(cells[i][id].first), b = columns_of(cells[i][id].second);
            widths[id] = a > widths[id] ? a : widths[id];
            widths[id] = b > widths[id] ? b : widths[id];
        }
        unsigned n = columns_of(c->subjects[i].name);
        name_width = n > name_width ? n : name_width;
    }
    for (int id = 0; id < COMPARE_FIGURES; id++)
        widths[id] += GAP;
    name_width += GAP;

    compare_machine(c, text, sizeof text);
    term_cell(text, 0);
    compare_method(c, text, sizeof text);
    printf("\n%s\n\n%s", text, term_on(TERM_BOLD));
    print_line("", name_width, headings, false, widths);
    fputs(term_off(), stdout);
    for (size_t i = 0; i < c->n_subjects; i++) {
        print_line(c->subjects[i].name, name_width, cells[i], false, widths);
        fputs(term_on(TERM_FAINT), stdout);
        print_line("", name_width, cells[i], true, widths);
        fputs(term_off(), stdout);
    }
    free(cells);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of `moat probe` between its two runs (probe.c) and its printing (probe_show.c). */
#ifndef MOAT_CLI_PROBE_H
#define MOAT_CLI_PROBE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>

#define PROBE_ROWS_MAX  512
#define PROBE_WORDS_MAX 640

enum probe_outcome { PROBE_LOST, PROBE_BLOCKED, PROBE_ESCAPED, PROBE_ABSENT, PROBE_OUTCOMES };
extern const char *const probe_outcome_names[PROBE_OUTCOMES];

struct probe_result {
    enum probe_outcome outcome;
    const char *saw; /* NULL: it said nothing */
};

struct probe_row {
    const char *id, *class, *attempt;
    bool root, token; /* an ordinary user has none of it; an escape only where the canaries' secret was seen */
    struct probe_result unconfined, confined;
};

struct probe_table {
    struct arena *arena;
    const char *boundary, *class, *program; /* path of moat-probe */
    const char
        *image; /* it as an image, or in a directory that is a root, where that is what the boundary runs; NULL */
    const char *inside; /* its path in such a root; NULL: the image is the program */
    bool json, list, write;
    char *run[PROBE_WORDS_MAX]; /* options for `moat run` */
    size_t n_run;
    char **ids;
    int n_ids;
    struct probe_row rows[PROBE_ROWS_MAX];
    size_t n;
};

struct probe_counts {
    unsigned probes, blocked, escaped, absent;
    unsigned dead, lost; /* did not succeed unconfined; gave no result */
};

void probe_count(struct probe_counts *n, const struct probe_row *row);
bool probe_passed(const struct probe_counts *n);
void probe_show_list(const struct probe_table *t);
void probe_show_table(const struct probe_table *t, const struct probe_counts *all);
int probe_show_json(const struct probe_table *t, const struct probe_counts *n, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat probe` prints: a table for people, an object for programs. Words of a sandbox go through term.h or JSON.
 */
#include "base/json.h"
#include "cli/command.h"
#include "cli/probe.h"
#include "cli/term.h"

#include <stdio.h>
#include <string.h>

const char *const probe_outcome_names[PROBE_OUTCOMES] = {
    [PROBE_LOST] = "lost", [PROBE_BLOCKED] = "blocked", [PROBE_ESCAPED] = "escaped", [PROBE_ABSENT] = "absent"};

/* Each row is counted once. */
void probe_count(struct probe_counts *n, const struct probe_row *row)
{
    n->probes++;
    if (row->confined.outcome == PROBE_ESCAPED)
        n->escaped++;
    else if (row->confined.outcome == PROBE_LOST || row->unconfined.outcome == PROBE_LOST)
        n->lost++;
    else if (row->unconfined.outcome == PROBE_BLOCKED)
        n->dead++;
    else if (row->unconfined.outcome == PROBE_ABSENT)
        n->absent++;
    else
        n->blocked++;
}

bool probe_passed(const struct probe_counts *n)
{
    return !n->escaped && !n->dead && !n->lost;
}

static void print_group(const struct probe_table *t, const char *heading, enum term_style style,
                        bool (*in)(const struct probe_row *row), bool confined)
{
    unsigned columns = term_columns();
    bool first = true;

    for (size_t i = 0; i < t->n; i++) {
        const struct probe_row *row = &t->rows[i];
        const struct probe_result *r = confined ? &row->confined : &row->unconfined;
        if (!in(row))
            continue;
        if (first)
            printf("\n%s%s%s\n", term_on(style), heading, term_off());
        first = false;
        printf("  ");
        unsigned at = 2 + term_cell(row->id, 22);
        term_wrap(r->saw ? r->saw : "no word of it", at, 24, columns);
    }
}

static bool has_escaped(const struct probe_row *row)
{
    return row->confined.outcome == PROBE_ESCAPED;
}

static bool is_dead(const struct probe_row *row)
{
    return row->unconfined.outcome == PROBE_BLOCKED;
}

static bool is_lost(const struct probe_row *row)
{
    return row->confined.outcome == PROBE_LOST || row->unconfined.outcome == PROBE_LOST;
}

static bool is_absent(const struct probe_row *row)
{
    return row->unconfined.outcome == PROBE_ABSENT && !has_escaped(row);
}

static void print_line(const char *name, const struct probe_counts *n)
{
    printf("%-13s%6u  %7u  %7u  %6u  %8u\n", name, n->probes, n->blocked, n->escaped, n->absent, n->dead + n->lost);
}

void probe_show_table(const struct probe_table *t, const struct probe_counts *all)
{
    printf("%s%-13s%6s  %7s  %7s  %6s  %8s%s\n", term_on(TERM_BOLD), "CLASS", "PROBES", "BLOCKED", "ESCAPED", "ABSENT",
           "UNPROVEN", term_off());
    for (size_t i = 0; i < t->n;) {
        const char *class = t->rows[i].class;
        struct probe_counts n = {0};
        size_t first = i;
        for (; i < t->n && !strcmp(t->rows[i].class, class); i++)
            probe_count(&n, &t->rows[i]);
        print_line(class, &n);
        char *ids = arena_strdup(t->arena, "");
        for (size_t k = first; ids && k < i; k++)
            ids = arena_printf(t->arena, "%s%s%s", ids, k > first ? " " : "", t->rows[k].id);
        printf("%s  ", term_on(TERM_FAINT));
        term_wrap(ids ? ids : "", 2, 2, term_columns());
        fputs(term_off(), stdout);
    }
    print_line("all", all);
    print_group(t, "not in this kernel, or not for this user", TERM_PLAIN, is_absent, false);
    print_group(t, "did not succeed unconfined, so they prove nothing", TERM_WARN, is_dead, false);
    print_group(t, "made, and no result came", TERM_BAD, is_lost, true);
    print_group(t, "ESCAPED", TERM_BAD, has_escaped, true);
    printf("\n%s: %u of %u attempts that succeed unconfined are blocked, %u escaped\n", t->boundary, all->blocked,
           all->probes - all->absent - all->dead, all->escaped);
}

int probe_show_json(const struct probe_table *t, const struct probe_counts *n, struct err *err)
{
    struct json_writer w = {.indent = 2};

    json_object_begin(&w, NULL);
    json_string(&w, "boundary", t->boundary);
    json_bool(&w, "passed", probe_passed(n));
    json_object_begin(&w, "counts");
    json_uint(&w, "probes", n->probes);
    json_uint(&w, "blocked", n->blocked);
    json_uint(&w, "escaped", n->escaped);
    json_uint(&w, "absent", n->absent);
    json_uint(&w, "unproven", n->dead + n->lost);
    json_object_end(&w);
    json_array_begin(&w, "probes");
    for (size_t i = 0; i < t->n; i++) {
        const struct probe_row *row = &t->rows[i];
        json_object_begin(&w, NULL);
        json_string(&w, "id", row->id);
        json_string(&w, "class", row->class);
        json_string(&w, "attempt", row->attempt);
        json_string(&w, "unconfined", probe_outcome_names[row->unconfined.outcome]);
        json_string(&w, "unconfinedSaw", row->unconfined.saw ? row->unconfined.saw : "");
        json_string(&w, "confined", probe_outcome_names[row->confined.outcome]);
        json_string(&w, "confinedSaw", row->confined.saw ? row->confined.saw : "");
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

void probe_show_list(const struct probe_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        term_cell(t->rows[i].class, 13);
        unsigned at = 13 + term_cell(t->rows[i].id, 24);
        term_wrap(t->rows[i].attempt, at, 37, term_columns());
    }
}

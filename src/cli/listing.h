/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ps, stats, events and system df have in common: rows that are JSON objects, printed as docker's table, by a
 * --format template, or as JSON.
 *
 * Life: fill what to print -> listing_begin() -> listing_row() for each -> listing_end(). Nothing is printed before
 * listing_end(), so a template that fails prints nothing; with `flush` set each row is printed as it comes.
 */
#ifndef MOAT_CLI_LISTING_H
#define MOAT_CLI_LISTING_H

#include "base/json.h"
#include "cli/template.h"

#include <stdbool.h>

struct listing_field {
    const char *field;   /* "ID" */
    const char *heading; /* "CONTAINER ID" */
};

struct listing {
    const char *format;                 /* --format: NULL, "table", "json", "table TEMPLATE" or a template */
    const char *table;                  /* the template of the table that is printed without --format */
    const struct listing_field *fields; /* headings for tables; ends with a NULL field */
    bool flush;

    /* private */
    struct arena arena;
    const struct template *template;
    bool is_table, is_json;
    FILE *out;
    char *text;
    size_t len;
};

int listing_begin(struct listing *l, struct err *err);
/* A row is what was written into w, an object; w is freed. */
int listing_row(struct listing *l, struct json_writer *w, struct err *err);
/* Prints; closes in any case. */
int listing_end(struct listing *l, struct err *err);
void listing_free(struct listing *l);

/* Prints lines whose cells are set apart by tabs as columns, docker's way: 3 blanks between, at least 10 wide. */
void listing_columns(const char *text, bool bold_heading);

/* Parses what a writer holds into a tree in the arena, and frees the writer. */
int listing_tree(struct arena *a, struct json_writer *w, struct json **out, struct err *err);

#endif

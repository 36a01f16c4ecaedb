/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listing.h"

#include "cli/term.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE   (256u << 20)
#define COLUMNS_MAX  32
#define COLUMN_LEAST 10 /* docker's, and what lies between two */
#define COLUMN_SPACE 3

int listing_tree(struct arena *a, struct json_writer *w, struct json **out, struct err *err)
{
    char *text = w->failed ? NULL : arena_strndup(a, w->buf, w->len);
    size_t len = w->len;

    json_writer_free(w);
    *w = (struct json_writer){0};
    return text ? json_parse(a, text, len, out, err) : err_set(err, -ENOMEM, "out of memory");
}

static int print_headings(struct listing *l, struct err *err)
{
    struct json_writer w = {0};
    struct json *o;

    json_object_begin(&w, NULL);
    for (const struct listing_field *f = l->fields; f->field; f++)
        json_string(&w, f->field, f->heading);
    json_object_end(&w);
    int r = listing_tree(&l->arena, &w, &o, err);
    if (r == 0)
        r = template_run(l->template, &l->arena, o, l->out, err);
    fputc('\n', l->out);
    return r;
}

int listing_begin(struct listing *l, struct err *err)
{
    const char *format = l->format ? l->format : "table";

    if (arena_init(&l->arena, ARENA_SIZE) < 0 || !(l->out = open_memstream(&l->text, &l->len)))
        return err_set(err, -ENOMEM, "out of memory");
    l->is_json = !strcmp(format, "json");
    if (l->is_json)
        return 0;
    l->is_table =
        !strncmp(format, "table", 5) && (!format[5] || strchr(" \t", format[5]) || !strncmp(format + 5, "\\t", 2));
    if (l->is_table)
        format = format[5] ? format + 5 + strspn(format + 5, " \t") : l->table;
    int r = template_parse(&l->arena, format, &l->template, err);
    return r == 0 && l->is_table ? print_headings(l, err) : r;
}

/* What was written so far goes out, and the stream begins anew. */
static void flush(struct listing *l)
{
    fflush(l->out);
    fwrite(l->text, 1, l->len, stdout);
    fflush(stdout);
    rewind(l->out);
}

int listing_row(struct listing *l, struct json_writer *w, struct err *err)
{
    struct arena a;
    struct json *o;
    int r = 0;

    if (l->is_json) {
        if (w->failed)
            r = err_set(err, -ENOMEM, "out of memory");
        else
            fprintf(l->out, "%s\n", w->buf);
        json_writer_free(w);
    } else if (arena_init(&a, ARENA_SIZE) < 0) {
        json_writer_free(w);
        return err_set(err, -ENOMEM, "out of memory");
    } else {
        if ((r = listing_tree(&a, w, &o, err)) == 0)
            r = template_run(l->template, &a, o, l->out, err);
        fputc('\n', l->out);
        arena_free(&a);
    }
    if (r == 0 && l->flush)
        flush(l);
    return r;
}

int listing_end(struct listing *l, struct err *err)
{
    if (l->flush || !l->out || fflush(l->out) != 0)
        return l->flush ? 0 : err_set(err, -ENOMEM, "out of memory");
    if (l->is_table)
        listing_columns(l->text, true);
    else
        fwrite(l->text, 1, l->len, stdout);
    return 0;
}

void listing_free(struct listing *l)
{
    if (l->out)
        fclose(l->out);
    free(l->text);
    if (l->arena.base)
        arena_free(&l->arena);
    l->out = NULL;
    l->text = NULL;
}

/* ---- columns -------------------------------------------------------------------------------------------------- */

/* Columns that a cell takes: UTF-8 continuation bytes take none. */
static unsigned cell_width(const char *c, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n += (c[i] & 0xc0) != 0x80;
    return n;
}

static void measure(const char *text, unsigned widths[COLUMNS_MAX])
{
    unsigned column = 0;

    for (const char *c = text; *c;) {
        size_t len = strcspn(c, "\t\n");
        if (c[len] == '\t' && column < COLUMNS_MAX) { /* a line's last cell is not filled up */
            unsigned w = cell_width(c, len) + COLUMN_SPACE;
            if (w > widths[column])
                widths[column] = w;
        }
        column = c[len] == '\t' ? column + 1 : 0;
        c += len + (c[len] != 0);
    }
}

void listing_columns(const char *text, bool bold_heading)
{
    unsigned widths[COLUMNS_MAX], column = 0;

    for (unsigned i = 0; i < COLUMNS_MAX; i++)
        widths[i] = COLUMN_LEAST;
    measure(text, widths);
    fputs(bold_heading ? term_on(TERM_BOLD) : "", stdout);
    for (const char *c = text; *c;) {
        size_t len = strcspn(c, "\t\n");
        for (size_t i = 0; i < len; i++) /* values may be foreign: no escape sequences for the terminal */
            putchar((unsigned char)c[i] < 0x20 || c[i] == 0x7f ? '?' : c[i]);
        if (c[len] == '\t') {
            unsigned used = cell_width(c, len), width = column < COLUMNS_MAX ? widths[column] : used + COLUMN_SPACE;
            printf("%*s", (int)(width - used), "");
            column++;
        } else {
            if (bold_heading)
                fputs(term_off(), stdout);
            bold_heading = false;
            putchar('\n');
            column = 0;
        }
        c += len + (c[len] != 0);
    }
}

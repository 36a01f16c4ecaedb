/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one reader of command lines, and the printer of option tables. Docker's grammar, so that its users need not learn
 * another. Values are borrowed from argv. Trust: the command line is the user's own.
 */
#include "base/nearest.h"
#include "cli/command.h"
#include "cli/term.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 28

struct walk {
    const struct option_row *rows;
    size_t n;
    int (*apply)(void *ctx, int id, const char *value, struct err *err);
    void *ctx;
};

static const struct option_row *find_long(const struct walk *w, const char *name, size_t len)
{
    for (size_t i = 0; i < w->n; i++) {
        const char *row = w->rows[i].name;
        if (row && !strncmp(row, name, len) && row[len] == '\0')
            return &w->rows[i];
    }
    return NULL;
}

static const struct option_row *find_short(const struct walk *w, char letter)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->rows[i].name && w->rows[i].short_name == letter)
            return &w->rows[i];
    }
    return NULL;
}

/* The spellings that Go's ParseBool takes, since docker takes them. */
static const char *bool_value(const char *text)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!strcmp(text, yes[i]))
            return "true";
        if (!strcmp(text, no[i]))
            return "false";
    }
    return NULL;
}

static int unknown_long(const struct walk *w, const char *name, size_t len, struct err *err)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%.*s", (int)(len < 63 ? len : 63), name);
    struct nearest near = {.wanted = wanted};
    for (size_t i = 0; i < w->n; i++) {
        if (w->rows[i].name && w->rows[i].help)
            nearest_try(&near, w->rows[i].name);
    }
    if (near.best)
        return err_set(err, -EINVAL, "unknown option --%s: did you mean --%s?", wanted, near.best);
    return err_set(err, -EINVAL, "unknown option --%s: --help lists the options", wanted);
}

/* One "--name", "--name=value" or "--name value"; *i is moved over a value of its own. */
static int apply_long(const struct walk *w, int argc, char **argv, int *i, struct err *err)
{
    const char *name = argv[*i] + 2, *value = NULL;
    size_t len = strcspn(name, "=");
    const struct option_row *row = find_long(w, name, len);

    if (!row)
        return unknown_long(w, name, len, err);
    if (name[len] == '=')
        value = name + len + 1;
    if (!row->argument) {
        const char *b = value ? bool_value(value) : "true";
        if (!b)
            return err_set(err, -EINVAL, "--%s=%s: the value is true or false", row->name, value);
        return w->apply(w->ctx, row->id, b, err);
    }
    if (!value) {
        if (*i + 1 >= argc)
            return err_set(err, -EINVAL, "--%s needs a value: --%s %s", row->name, row->name, row->argument);
        value = argv[++*i];
    }
    return w->apply(w->ctx, row->id, value, err);
}

/* "-n value", "-nvalue", "-n=value", "-it". */
static int apply_short(const struct walk *w, int argc, char **argv, int *i, struct err *err)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const struct option_row *row = find_short(w, *c);
        int r;

        if (!row)
            return err_set(err, -EINVAL, "unknown option -%c in %s: --help lists the options", *c, argv[*i]);
        if (!row->argument) {
            bool assigned = c[1] == '=';
            const char *b = assigned ? bool_value(c + 2) : "true";
            if (!b)
                return err_set(err, -EINVAL, "-%c=%s: the value is true or false", *c, c + 2);
            if ((r = w->apply(w->ctx, row->id, b, err)) < 0 || assigned)
                return r;
            continue;
        }
        if (c[1])
            return w->apply(w->ctx, row->id, c + 1 + (c[1] == '='), err);
        if (*i + 1 >= argc)
            return err_set(err, -EINVAL, "-%c needs a value: -%c %s", *c, *c, row->argument);
        return w->apply(w->ctx, row->id, argv[++*i], err);
    }
    return 0;
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

int options_parse(const struct option_row *rows, size_t n, int argc, char **argv, bool stop_at_operand, int *operands,
                  int (*apply)(void *ctx, int id, const char *value, struct err *err), void *ctx, struct err *err)
{
    struct walk w = {rows, n, apply, ctx};
    int first = argc; /* where the operands met so far begin: argv[first..i) */

    for (int i = 1; i < argc; i++) {
        int start = i;

        if (!is_option(argv[i])) {
            if (first == argc)
                first = i;
            if (stop_at_operand)
                break;
            continue;
        }
        bool end = !strcmp(argv[i], "--");
        if (!end) {
            int r = argv[i][1] == '-' ? apply_long(&w, argc, argv, &i, err) : apply_short(&w, argc, argv, &i, err);
            if (r < 0)
                return r;
        }
        /* Move the option before the operands: order within each kind is kept. */
        for (int from = start; first != argc && from <= i; from++) {
            char *moved = argv[from];
            memmove(&argv[first + 1], &argv[first], (size_t)(from - first) * sizeof *argv);
            argv[first++] = moved;
        }
        if (end) {
            if (first == argc)
                first = i + 1;
            break;
        }
    }
    *operands = first;
    return 0;
}

bool options_ask_help(const struct option_row *rows, size_t n, int argc, char **argv, bool stop_at_operand)
{
    struct walk w = {.rows = rows, .n = n};

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!is_option(argv[i])) {
            if (stop_at_operand)
                return false;
            continue;
        }
        if (!strcmp(argv[i], "--help") || (!strcmp(argv[i], "-h") && !find_short(&w, 'h')))
            return true;
        if (argv[i][1] == '-') {
            const struct option_row *row = find_long(&w, argv[i] + 2, strcspn(argv[i] + 2, "="));
            if (row && row->argument && !strchr(argv[i], '='))
                i++;
            continue;
        }
        for (const char *c = argv[i] + 1; *c; c++) {
            const struct option_row *row = find_short(&w, *c);
            if (row && row->argument) {
                i += c[1] == '\0';
                break;
            }
        }
    }
    return false;
}

void options_print(const struct option_row *rows, size_t n)
{
    unsigned columns = term_columns();

    for (size_t i = 0; i < n; i++) {
        const struct option_row *row = &rows[i];
        char left[80], letter[8] = "    ";

        if (!row->help)
            continue;
        if (!row->name) {
            printf("\n%s%s%s\n", term_on(TERM_BOLD), row->help, term_off());
            continue;
        }
        if (row->short_name)
            snprintf(letter, sizeof letter, "-%c, ", row->short_name);
        int used = snprintf(left, sizeof left, "  %s--%s%s%s", letter, row->name, row->argument ? " " : "",
                            row->argument ? row->argument : "");
        fputs(left, stdout);
        if (used >= HELP_COLUMN) {
            putchar('\n');
            used = 0;
        }
        printf("%*s", HELP_COLUMN - used, "");
        term_wrap(row->help, HELP_COLUMN, HELP_COLUMN, columns);
    }
}

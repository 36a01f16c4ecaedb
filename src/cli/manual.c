/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat help --man`: the manual page moat(1), in man(7) macros, from the rows that the parser and the help page use. A
 * command that has a row is in the page; what is written here is only what no row says. Text comes from this
 * executable alone, yet all of it is escaped: a line may begin with a full stop.
 */
#include "base/mem.h"
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static const char exit_heading[] = "Exit status\n";

static const struct note {
    const char *name, *words;
} environment[] =
    {
        {"MOAT_RUN_DIR", "Directory of the sandboxes' state, instead of the one under FILES."},
        {"MOAT_DATA_DIR", "Directory of images and writable layers, instead of the one under FILES."},
        {"MOAT_CACHE_DIR", "Directory of what can be made again, instead of the one under FILES."},
        {"MOAT_REGISTRY", "HOST[:PORT][/PREFIX] of images whose name has no host, instead of the file below."},
        {"NO_COLOR", "When it is set and not empty, nothing is coloured."},
},
  files[] = {
      {"/run/moat", "State of the sandboxes of root; of another user, $XDG_RUNTIME_DIR/moat or /tmp/moat-UID."},
      {"/var/lib/moat", "Images and layers of root; of another user, $XDG_DATA_HOME/moat or ~/.local/share/moat."},
      {"/var/cache/moat",
       "Class archives of root's Java programs; of another user, $XDG_CACHE_HOME/moat or ~/.cache/moat."},
      {"/etc/moat/registry", "One line: the registry of images whose name has no host."},
      {"share/busybox", "Beside the executable: the root file system of the built-in image `busybox`."},
};

/* One byte of text. Code keeps its ASCII hyphens, quotes and tildes, so that it can be copied out of the page. */
static void put_byte(char c, bool code)
{
    static const char bytes[] = "\\~^-'`", names[][4] = {"rs", "ti", "ha", "", "aq", "ga"};
    const char *special = memchr(bytes, c, code ? 6 : 3);

    if (!special)
        putchar(c);
    else if (c == '-')
        fputs("\\-", stdout);
    else
        printf("\\(%s", names[special - bytes]);
}

/* Prose, from the beginning of a line; what stands between backquotes becomes bold. */
static void put_prose(const char *text, size_t len)
{
    bool code = false;
    unsigned column = 0;

    for (size_t i = 0; i < len; i++) {
        if (column == 0 && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", stdout);
        column++;
        if (text[i] == '`') {
            code = !code;
            fputs(code ? "\\fB" : "\\fR", stdout);
        } else if (text[i] == ' ' && column + strcspn(text + i + 1, " \n") > 72) {
            putchar('\n'); /* the page is read as a source too, and its lint asks for short lines */
            column = 0;
        } else {
            put_byte(text[i], code || (text[i] == '-' && (i == 0 || strchr(" (-", text[i - 1]))));
        }
    }
    fputs(code ? "\\fR\n" : "\n", stdout);
}

static void put_code(const char *text, size_t len)
{
    if (len && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", stdout);
    for (size_t i = 0; i < len; i++)
        put_byte(text[i], true);
}

/* Usage: small letters are typed as they are, capitals stand for something. */
static void put_usage(const char *text)
{
    while (*text) {
        size_t typed = strspn(text, LOWER DIGIT "-="), stands = strspn(text, UPPER);
        const char *font = typed ? "\\fB" : stands ? "\\fI" : NULL;
        size_t len = typed ? typed : stands ? stands : 1;

        if (font)
            fputs(font, stdout);
        for (size_t i = 0; i < len; i++)
            put_byte(text[i], true);
        if (font)
            fputs("\\fR", stdout);
        text += len;
    }
}

static void put_options(const struct option_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct option_row *row = &rows[i];

        if (!row->help)
            continue;
        if (!row->name) {
            fputs(".PP\n\\fB", stdout);
            put_code(row->help, strlen(row->help));
            puts("\\fR");
            continue;
        }
        puts(".TP");
        if (row->short_name)
            printf("\\fB\\-%c\\fR, ", row->short_name);
        fputs("\\fB\\-\\-", stdout);
        put_code(row->name, strlen(row->name));
        fputs(row->argument ? "\\fR " : "\\fR", stdout);
        put_usage(row->argument ? row->argument : "");
        putchar('\n');
        put_prose(row->help, strlen(row->help));
    }
}

/* The first command of all that says what exit statuses mean says it for the page. */
static const char *exit_status(size_t *len)
{
    for (const struct command *c = moat_commands; c->name; c++) {
        const char *found = c->more ? strstr(c->more, exit_heading) : NULL;
        if (found) {
            const char *end = strstr(found, "\n\n");
            *len = end ? (size_t)(end + 1 - found) : strlen(found);
            return found;
        }
    }
    *len = 0;
    return "";
}

/* The paragraphs behind the options. Indented lines are examples and tables and stay as they are; a line right above
 * them is their heading; the rest is prose. */
static void put_more(const char *text)
{
    size_t skip, len;
    const char *skipped = exit_status(&skip);
    bool literal = false, paragraph = true;

    for (; *text; text += len + (text[len] == '\n')) {
        if (skip && !strncmp(text, skipped, skip)) {
            text += skip;
            len = 0;
            continue;
        }
        len = strcspn(text, "\n");
        bool indented = len > 2 && text[0] == ' ' && text[1] == ' ';
        if (literal && !indented) {
            puts(".fi\n.RE");
            literal = false;
            paragraph = true;
        }
        if (len == 0) {
            paragraph = true;
            continue;
        }
        if (indented) {
            if (!literal)
                puts(".RS 4\n.nf");
            literal = true;
            put_code(text + 2, len - 2);
            putchar('\n');
            continue;
        }
        if (paragraph)
            puts(".PP");
        paragraph = false;
        if (text[len] && text[len + 1] == ' ') {
            fputs("\\fB", stdout);
            put_code(text, len);
            puts("\\fR");
        } else {
            put_prose(text, len);
        }
    }
    if (literal)
        puts(".fi\n.RE");
}

/* Another command before this one with the same table, or its beginning. */
static const struct command *same_options(const struct command *c)
{
    for (const struct command *d = moat_commands; d != c; d++) {
        if (d->options && d->options == c->options && *d->n_options <= *c->n_options)
            return d;
    }
    return NULL;
}

static void put_command(const struct command *c)
{
    const struct command *same = same_options(c);
    size_t n = c->n_options ? *c->n_options : 0, from = same ? *same->n_options : 0;

    printf(".SS %s\n\\fBmoat\\fR ", c->name);
    put_usage(c->usage);
    puts("\n.PP");
    put_prose(c->summary, strlen(c->summary));
    if (same)
        printf(".PP\nThe options of \\fB%s\\fR%s\n", same->name, n > from ? ", and:" : ".");
    put_options(c->options + from, n - from);
    if (c->more)
        put_more(c->more);
}

/* The day of the build, which a packager may fix, as for other tools. */
static void put_header(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t day = epoch && *epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    char date[32];
    struct tm tm;

    if (!gmtime_r(&day, &tm) || !strftime(date, sizeof date, "%Y-%m-%d", &tm))
        strcpy(date, "1970-01-01");
    puts(".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Printed by `moat help --man`: do not edit.");
    printf(".TH MOAT 1 %s \"moat %s\" \"User Commands\"\n", date, MOAT_VERSION);
}

static void put_notes(const struct note *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fputs(".TP\n\\fB", stdout);
        put_code(rows[i].name, strlen(rows[i].name));
        puts("\\fR");
        put_prose(rows[i].words, strlen(rows[i].words));
    }
}

void manual_print(void)
{
    size_t len;

    put_header();
    puts(".SH NAME\nmoat \\- run other people's code behind a boundary");
    puts(".SH SYNOPSIS\n\\fBmoat\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n.br\n"
         "\\fBmoat\\fR \\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR");
    puts(".SH DESCRIPTION");
    put_prose(help_about, strlen(help_about));
    puts(".PP");
    static const char grammar[] =
        "A value stands behind its option or is joined to it by an equals sign; `--` ends the "
        "options. Each command prints its own part of this page with `--help`.";
    put_prose(grammar, strlen(grammar));
    puts(".SH COMMANDS");
    for (const struct command *c = moat_commands; c->name; c++)
        put_command(c);
    puts(".SH EXIT STATUS\nOf a command that runs a workload:");
    for (const char *text = exit_status(&len) + strlen(exit_heading); len && *text && *text != '\n';) {
        size_t line = strcspn(text, "\n"), indent = strspn(text, " ");
        put_prose(text + indent, line - indent);
        text += line + (text[line] == '\n');
    }
    puts(".PP\nOf all others: 0, or 125 with one line on the standard error that\nnames the cause and the remedy.");
    puts(".SH ENVIRONMENT");
    put_notes(environment, ARRAY_LEN(environment));
    puts(".SH FILES");
    put_notes(files, ARRAY_LEN(files));
    puts(".SH EXAMPLES\n.nf");
    put_code(help_examples, strlen(help_examples));
    puts(".fi\n.SH SEE ALSO\n\\fBcapabilities\\fR(7), \\fBcgroups\\fR(7), \\fBlandlock\\fR(7), \\fBnamespaces\\fR(7), "
         "\\fBseccomp\\fR(2)");
}

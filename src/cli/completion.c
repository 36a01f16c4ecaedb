/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat completion`: a script for bash or zsh, from the rows that the parser and the help page use. What may stand in a
 * place follows from the word which the row has for it: FILE, DIR, IMAGE ... (`offers` below).
 *
 * Trust: the scripts run in the user's shell at each TAB. They call `moat` of PATH only, never the word that was typed
 * (`./moat` in a stranger's folder), and what it prints is compared and offered, never evaluated.
 */
#include "base/mem.h"
#include "cli/commands.h"
#include "policy/names.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define SIGNALS 32 /* below the real-time ones */

#define OPERAND  ""  /* in place of an option's name */
#define WORKLOAD "*" /* an operand of a command which hands the rest of its line to a workload */

/* What a word in capitals stands for. @KIND is a list made when it is asked for (completion.sh, put_names); other words
 * are offered as they are, and stand in the option's help too: tests/cli/manual.bats compares. */
static const struct offer {
    const char *option, *word, *words; /* option NULL: of any option, and operands */
} offers[] = {
    {"boundary", "NAME", "@boundary"},
    {"env", "NAME", "@variable"},
    {"network", "MODE", "none,host"},
    {"userns", "MODE", "moat,single,host"},
    {"type", "TYPE", "image,root,bundle"},
    {"restart", "POLICY", "no,on-failure,always"},
    {WORKLOAD, "COMMAND", "@file"},
    {WORKLOAD, "ARG", "@file"},
    {OPERAND, "COMMAND", "@command"},
    {OPERAND, "ARG", "@file"},
    {NULL, "FILE", "@file"},
    {NULL, "PATH", "@file"},
    {NULL, "HOST", "@file"},
    {NULL, "DIR", "@dir"},
    {NULL, "IMAGE", "@image"},
    {NULL, "SANDBOX", "@sandbox"},
    {NULL, "SIGNAL", "@signal"},
    {NULL, "CAP", "@capability"},
};

/* ---- what may stand in a place -------------------------------------------------------------------------------- */

/* "IMAGE|DIR", "HOST:GUEST[:ro]", "check|prune": an option's argument, or an operand. */
struct place {
    const char *option; /* or OPERAND, WORKLOAD */
    const char *text;
    size_t len;
    bool repeats;
};

/* "IMAGE|DIR" gives "@image,@dir", small letters give themselves, of "HOST:GUEST" the first word counts. */
static const char *place_offers(const struct place *p)
{
    static char out[256];
    size_t used = 0;

    *out = '\0';
    for (size_t at = 0, n; at < p->len; at += n + 1) {
        const char *words = p->text + at;
        n = strcspn(words, "|");
        if (n > p->len - at)
            n = p->len - at;
        size_t len = n, upper = strspn(words, UPPER);
        if (strspn(words, LOWER "-") < n) {
            len = 0;
            for (size_t i = 0; i < ARRAY_LEN(offers) && !len; i++) {
                const struct offer *o = &offers[i];
                if ((o->option && strcmp(o->option, p->option) != 0) || strncmp(o->word, words, upper) != 0 ||
                    o->word[upper])
                    continue;
                words = o->words;
                len = strlen(words);
            }
        }
        if (len)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", used ? "," : "", (int)len, words);
        assert(used < sizeof out);
    }
    return out;
}

/* Takes the next operand off a usage; what stands there for options is passed over. */
static bool next_operand(const char **usage, struct place *out)
{
    for (;;) {
        const char *start = *usage + strspn(*usage, " "), *end = start;
        int depth = 0;

        if (!*start)
            return false;
        for (; *end && (depth || *end != ' '); end++)
            depth += (*end == '[') - (*end == ']');
        *usage = end;
        bool optional = *start == '[' && end[-1] == ']';
        out->text = start + optional;
        out->len = (size_t)(end - start) - 2u * optional;
        out->repeats = out->len > 3 && !strncmp(out->text + out->len - 3, "...", 3);
        out->len -= out->repeats ? 3 : 0;
        if (*out->text != '-' && strncmp(out->text, "OPTIONS", 7) != 0)
            return true;
    }
}

static const char *first_operand(const struct command *c, struct place *out)
{
    out->option = c->stop_at_operand ? WORKLOAD : OPERAND;
    return c->usage + strcspn(c->usage, " ");
}

/* ---- both shells ---------------------------------------------------------------------------------------------- */

/* completion.sh, .bash and .zsh: what no row says. */
extern const char completion_sh[], completion_sh_end[], completion_bash[], completion_bash_end[], completion_zsh[],
    completion_zsh_end[];

static void put_script(const char *begin, const char *end)
{
    fwrite(begin, 1, (size_t)(end - begin), stdout);
    putchar('\n');
}

/* The lists that this executable knows. */
static void put_names(void)
{
    fputs("_moat_names()\n{\n    case $1 in\n    @command) printf '%s\\n'", stdout);
    for (const struct command *c = moat_commands; c->name; c++)
        printf(" %s", c->name);
    fputs(" ;;\n    @signal) printf '%s\\n'", stdout);
    for (int i = 1; i < SIGNALS; i++)
        if (signal_name(i))
            printf(" %s", signal_name(i));
    fputs(" ;;\n    @capability) printf '%s\\n' ALL", stdout);
    for (int i = 0; i < CAP_COUNT; i++)
        printf(" %s", cap_name(i) + strlen("CAP_"));
    puts(" ;;\n    esac\n}\n");
}

/* ---- bash ----------------------------------------------------------------------------------------------------- */

/* One string a command: -m=OFFERS for an option with a value, --rm for a flag; operands in their order. */
static void put_bash_row(const struct command *c)
{
    struct place p;
    size_t n = c->n_options ? *c->n_options : 0;

    printf("    %s)\n        options='", c->name);
    for (size_t i = 0; i < n; i++) {
        const struct option_row *row = &c->options[i];
        if (!row->name || !row->help)
            continue;
        p = (struct place){row->name, row->argument, row->argument ? strlen(row->argument) : 0, false};
        const char *words = place_offers(&p), *equals = row->argument ? "=" : "";
        if (row->short_name)
            printf("-%c%s%s ", row->short_name, equals, words);
        printf("--%s%s%s ", row->name, equals, words);
    }
    printf("'\n        operands='");
    for (const char *usage = first_operand(c, &p); next_operand(&usage, &p);)
        printf("%s%s ", *place_offers(&p) ? place_offers(&p) : ",", p.repeats ? "..." : "");
    printf("' stop=%s ;;\n", c->stop_at_operand ? "1" : "");
}

static void print_bash(void)
{
    put_script(completion_bash, completion_bash_end);
    put_script(completion_sh, completion_sh_end);
    put_names();
    puts("# _moat_table COMMAND: its options (NAME=OFFERS when there is a value), its operands, and whether the first "
         "of "
         "them\n# ends the options.\n"
         "_moat_table()\n{\n    case $1 in");
    for (const struct command *c = moat_commands; c->name; c++)
        put_bash_row(c);
    puts("    *) return 1 ;;\n    esac\n}");
}

/* ---- zsh ------------------------------------------------------------------------------------------------------ */

/* Sourced, the script makes itself known; found by compinit under the name _moat, it is the function's first call. */
static const char zsh_tail[] = "if [[ ${funcstack[1]-} == _moat ]]; then _moat \"$@\"; else compdef _moat moat; fi";

/* Within single quotes, with a backslash before the bytes that _arguments gives a meaning. */
static void put_zsh(const char *text, size_t len, const char *special)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'')
            fputs("'\\'", stdout);
        else if (strchr(special, text[i]))
            putchar('\\');
        putchar(text[i]);
    }
}

/* ":HOST\:GUEST: _moat_offer @file", and the closing quote. */
static void put_zsh_action(const struct place *p)
{
    const char *words = place_offers(p);

    putchar(':');
    put_zsh(p->text, p->len, ":\\");
    fputs(*words ? ": _moat_offer" : ": ", stdout);
    while (*words) {
        size_t len = strcspn(words, ",");
        printf(" %.*s", (int)len, words);
        words += len + (words[len] == ',');
    }
    fputs("'", stdout);
}

static void put_zsh_option(const struct option_row *row)
{
    /* Whether an option with a value may stand twice is the command's to say: `*`. */
    const char *star = row->argument ? "*" : "", *equals = row->argument ? "=" : "";

    fputs(" \\\n            ", stdout);
    if (!row->short_name)
        printf("'%s--%s%s[", star, row->name, equals);
    else if (row->argument)
        printf("'*'{-%c+,--%s=}'[", row->short_name, row->name);
    else
        printf("'(-%c --%s)'{-%c,--%s}'[", row->short_name, row->name, row->short_name, row->name);
    put_zsh(row->help, strlen(row->help), "[]:\\");
    if (!row->argument) {
        fputs("]'", stdout);
        return;
    }
    putchar(']');
    put_zsh_action(&(struct place){row->name, row->argument, strlen(row->argument), false});
}

static void put_zsh_row(const struct command *c)
{
    struct place p;
    size_t n = c->n_options ? *c->n_options : 0;

    printf("    %s)\n        _arguments -s -S%s '(- *)--help[Help on this command]'", c->name,
           c->stop_at_operand ? " -A '-*'" : "");
    for (size_t i = 0; i < n; i++) {
        if (c->options[i].name && c->options[i].help)
            put_zsh_option(&c->options[i]);
    }
    int position = 0;
    for (const char *usage = first_operand(c, &p); next_operand(&usage, &p);) {
        fputs(" \\\n            '", stdout);
        if (p.repeats)
            putchar('*');
        else
            printf("%d", ++position);
        put_zsh_action(&p);
    }
    puts(" ;;");
}

static void print_zsh(void)
{
    put_script(completion_zsh, completion_zsh_end);
    put_script(completion_sh, completion_sh_end);
    put_names();
    puts("_moat_commands()\n{\n    local -a commands=(");
    for (const struct command *c = moat_commands; c->name; c++) {
        printf("        '%s:", c->name);
        put_zsh(c->summary, strlen(c->summary), "\\");
        puts("'");
    }
    puts("    )\n    _describe -t commands command commands\n}\n_moat_arguments()\n{\n    case $words[1] in");
    for (const struct command *c = moat_commands; c->name; c++)
        put_zsh_row(c);
    puts("    esac\n}");
    puts(zsh_tail);
}

/* --------------------------------------------------------------------------------------------------------------- */

int cmd_completion(int argc, char **argv)
{
    struct err err;

    if (argc == 2 && !strcmp(argv[1], "bash")) {
        print_bash();
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "zsh")) {
        print_zsh();
        return 0;
    }
    if (argc < 2)
        err_set(&err, -EINVAL, "no shell given: moat completion bash|zsh");
    else
        err_set(&err, -EINVAL, "%s: the shells are bash and zsh", argv[argc > 2 ? 2 : 1]);
    return command_fail("completion", &err);
}

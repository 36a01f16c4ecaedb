/* SPDX-License-Identifier: Apache-2.0 */
/* Help, printed from the rows of commands.c and each command's option table, so it cannot say other things than the
 * code does. */
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/term.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct command *command_find(const char *name)
{
    for (const struct command *c = moat_commands; c->name; c++) {
        if (!strcmp(c->name, name))
            return c;
    }
    return NULL;
}

/* Docker's commands that this build lacks, and what to use instead. */
static const struct {
    const char *name, *instead;
} absent[] = {
    {"cp", "moat exec NAME cat FILE > FILE, or -v HOST:GUEST when it is started"},
    {"top", "moat exec NAME ps"},
    {"port", "there are no published ports; moat explain shows what is granted"},
    {"rename", "the name is chosen by --name when it is made"},
    {"diff", "the layer lies in the directory that moat inspect shows"},
    {"commit", "moat exec NAME tar -c / > FILE, then moat import FILE NAME"},
    {"export", "moat exec NAME tar -c / > FILE"},
    {"tag", "moat import or moat pull under the name that is wanted"},
    {"push", "skopeo copy oci:DIR docker://..."},
    {"save", "the tree lies below the data directory: moat images"},
    {"load", "moat import FILE NAME"},
    {"search", "moat pull HOST/NAME"},
    {"history", "moat images --digests"},
    {"login", "docker's or podman's login; moat pull reads ~/.docker/config.json"},
    {"logout", "docker's or podman's logout"},
    {"info", "moat boundaries, moat version"},
    {"volume", "-v HOST:GUEST"},
    {"network", "--network none or host"},
    {"container", "the command without the word: moat ps, moat rm, moat prune"},
    {"image", "moat images, moat rmi, moat pull"},
    {"compose", "one moat run -d each"},
};

int command_unknown(const char *name, struct err *err)
{
    struct nearest near = {.wanted = name};

    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        if (!strcmp(name, absent[i].name))
            return err_set(err, -EINVAL, "'%s' is not in this build: %s", name, absent[i].instead);

    for (const struct command *c = moat_commands; c->name; c++)
        nearest_try(&near, c->name);
    if (near.best)
        return err_set(err, -EINVAL, "unknown command '%s': did you mean '%s'?", name, near.best);
    return err_set(err, -EINVAL, "unknown command '%s': `moat help` lists the commands", name);
}

int command_fail(const char *command, const struct err *err)
{
    fflush(stdout);
    fprintf(stderr, "moat%s%s: ", command ? " " : "", command ? command : "");
    /* Names in the sentence may come from a hostile file: one line, and no escape sequences for the terminal. */
    for (const char *c = err->text; *c; c++)
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, stderr);
    fputc('\n', stderr);
    return EXIT_MOAT_ERROR;
}

int command_print_json(struct json_writer *w, struct err *err)
{
    int r = w->failed ? err_set(err, -ENOMEM, "out of memory") : 0;

    if (r == 0)
        puts(w->buf);
    json_writer_free(w);
    return r;
}

void help_print_command(const struct command *c)
{
    printf("%sUsage:%s moat %s\n\n", term_on(TERM_BOLD), term_off(), c->usage);
    term_wrap(c->summary, 0, 0, term_columns());
    if (c->n_options && *c->n_options) {
        if (c->options[0].name)
            printf("\n%sOptions%s\n", term_on(TERM_BOLD), term_off());
        options_print(c->options, *c->n_options);
    }
    if (c->more)
        printf("\n%s", c->more);
}

const char help_about[] =
    "moat runs other people's code behind a boundary: what the code may do and use is one policy, which you give by "
    "flags or a file, and which `moat explain` shows with the mechanism that enforces each item.";

const char help_examples[] = "moat run --rm busybox echo hi               a command, apart from the host\n"
                             "moat run --rm -it -v .:/src debian bash     a shell which sees this folder\n"
                             "moat explain -m 256m debian                 what would hold, and by what\n"
                             "moat boundaries                             what this host can offer\n";

void help_print_all(void)
{
    printf("%sUsage:%s moat COMMAND [OPTIONS] ...\n\n", term_on(TERM_BOLD), term_off());
    term_wrap(help_about, 0, 0, term_columns());
    printf("\n%sCommands%s\n", term_on(TERM_BOLD), term_off());
    for (const struct command *c = moat_commands; c->name; c++) {
        printf("  %-12s", c->name);
        term_wrap(c->summary, 14, 14, term_columns());
    }
    printf("\n%sExamples%s\n", term_on(TERM_BOLD), term_off());
    for (const char *line = help_examples; *line; line += strcspn(line, "\n") + 1)
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
    puts("\nbusybox is built in; debian stands for an image of yours (`moat help pull`, `moat help import`).\n\n"
         "`moat help COMMAND` or `moat COMMAND --help` says more.");
}

int cmd_help(int argc, char **argv)
{
    struct err err;

    if (argc > 2) {
        err_set(&err, -EINVAL, "unexpected operand '%s': moat help [COMMAND]", argv[2]);
        return command_fail("help", &err);
    }
    if (argc < 2 || !strcmp(argv[1], "moat")) {
        help_print_all();
        return 0;
    }
    if (!strcmp(argv[1], "--man")) { /* for the build, so not in the list */
        manual_print();
        return 0;
    }
    const struct command *c = command_find(argv[1]);
    if (!c) {
        command_unknown(argv[1], &err);
        return command_fail("help", &err);
    }
    help_print_command(c);
    return 0;
}

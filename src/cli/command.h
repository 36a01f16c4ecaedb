/* SPDX-License-Identifier: Apache-2.0 */
/* A command is one file and one row in commands.c; help is printed from the row and from the command's option table. */
#ifndef MOAT_CLI_COMMAND_H
#define MOAT_CLI_COMMAND_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Docker's exit codes (docs/exit-codes in README.md). */
enum { EXIT_MOAT_ERROR = 125, EXIT_CANNOT_INVOKE = 126, EXIT_NOT_FOUND = 127, EXIT_TIMEOUT = 124 };

struct option_row {
    const char *name;     /* "memory", without the dashes; NULL: a heading, whose words are in help */
    char short_name;      /* 'm' or 0 */
    const char *argument; /* "BYTES"; NULL: a flag (which also takes --name=true|false) */
    const char *help; /* wrapped when printed; NULL: understood, but not listed (docker's options refused by name) */
    int id;           /* handed to apply() */
};

#define OPTION_HEADING(words)                                                                                          \
    {                                                                                                                  \
        .help = words                                                                                                  \
    }

/* Walks argv with docker's grammar: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, bundled flags (-it), `--` ends;
 * stops at the first operand when stop_at_operand. apply() gets every option in order; value is "true" for a bare flag.
 * Unknown options: -EINVAL naming the option and the nearest known one. *operands: index of the first operand (all
 * operands moved behind options when not stopping). */
int options_parse(const struct option_row *rows, size_t n, int argc, char **argv, bool stop_at_operand, int *operands,
                  int (*apply)(void *ctx, int id, const char *value, struct err *err), void *ctx, struct err *err);
void options_print(const struct option_row *rows, size_t n);

/* Whether --help (or -h, where no row takes that letter) stands where an option may stand. */
bool options_ask_help(const struct option_row *rows, size_t n, int argc, char **argv, bool stop_at_operand);

struct command {
    const char *name;
    const char *usage;                 /* "run [OPTIONS] IMAGE|DIR [COMMAND] [ARG...]" */
    const char *summary;               /* one line for the list */
    const struct option_row *options;  /* NULL: none */
    const size_t *n_options;           /* a pointer, since the table lies in the command's own file */
    bool stop_at_operand;              /* what follows the first operand belongs to the workload */
    const char *more;                  /* paragraphs behind the options: examples, exit codes; may be NULL */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

/* Ends with a NULL name. */
extern const struct command moat_commands[];

/* Prints "moat COMMAND: text" on stderr and returns EXIT_MOAT_ERROR; command may be NULL. */
int command_fail(const char *command, const struct err *err);

struct json_writer;
/* Prints a finished document as a line on stdout, and frees it. -ENOMEM when it is not whole. */
int command_print_json(struct json_writer *w, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of run_options.h share while a command line is read. */
#ifndef MOAT_CLI_RUN_OPTIONS_INTERNAL_H
#define MOAT_CLI_RUN_OPTIONS_INTERNAL_H

#include "cli/run_options.h"

/* Policy flags wait until the policy file has been read, whichever place --policy had on the line. */
struct waiting {
    int id;
    const char *value;
};

struct collect {
    struct arena *arena;
    struct run_options *out;
    struct waiting *waiting;
    uint32_t n_waiting;
};

/* run_program.c: workloads that are the host's own, programs (-b broker) and Java programs (-b jvm). */

/* Sets .program, .java and .boundary from the options, or from the looks of the first operand; then the defaults of
 * what it is. */
int run_program_choose(struct collect *c, int operands, char **operand, struct err *err);
/* Behind the layers: what has a meaning behind one kind of boundary only, and would be without effect behind another.
 */
int run_program_check(const struct collect *c, struct err *err);
/* How many operands say what runs; the others are its arguments. With `lenient` there may be none. */
int run_program_operands(struct run_options *o, int operands, char **operand, bool lenient, struct err *err);

#endif

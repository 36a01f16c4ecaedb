/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `moat system`: one file each. */
#ifndef MOAT_CLI_SYSTEM_H
#define MOAT_CLI_SYSTEM_H

#include "cli/command.h"

struct system_options {
    bool dry_run, json, verbose, all, force;
    const char *root; /* NULL: the default */
    const char *format;
};

/* Each prints its result or its error, and returns the exit status. */
int system_check(const struct system_options *o);
int system_df(const struct system_options *o);
int system_prune(const struct system_options *o);

#endif

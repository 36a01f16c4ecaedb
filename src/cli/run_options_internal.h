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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of an engine, which moat writes: options are rows of one table, and behind the last one stand the
 * program's own words. Pure. */
#ifndef MOAT_ENGINE_OPTIONS_H
#define MOAT_ENGINE_OPTIONS_H

#include "base/err.h"

enum engine_value {
    ENGINE_VALUE_NONE,
    ENGINE_VALUE_NEXT,  /* --option VALUE, which is not empty */
    ENGINE_VALUE_MAYBE, /* --option, or --option=VALUE */
};

struct engine_options {
    const struct engine_option {
        const char *name;
        enum engine_value value;
    } * v;
    int n;
    const char *boundary; /* its name, for the sentence about who starts the engine */
};

/* The option at *at, which is below argc and moves on: its row. *value: borrowed from argv; NULL: it has none. -EINVAL
 * says which argument is wrong. */
int engine_option_next(const struct engine_options *options, int argc, char **argv, int *at, char **value,
                       struct err *err);

#endif

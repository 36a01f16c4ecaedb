/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. Pure. */
#include "engine/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static int option_of(const struct engine_options *options, char *argument, char **value)
{
    for (int i = 0; i < options->n; i++) {
        const struct engine_option *o = &options->v[i];
        size_t n = strlen(o->name);
        if (!strcmp(argument, o->name))
            return i;
        if (o->value == ENGINE_VALUE_MAYBE && !strncmp(argument, o->name, n) && argument[n] == '=') {
            *value = argument + n + 1;
            return i;
        }
    }
    return -1;
}

int engine_option_next(const struct engine_options *options, int argc, char **argv, int *at, char **value,
                       struct err *err)
{
    char *argument = argv[(*at)++];

    *value = NULL;
    int i = option_of(options, argument, value);
    if (i < 0)
        return err_set(err, -EINVAL, "the option %s is not understood: moat-%s is started by moat run -b %s", argument,
                       options->boundary, options->boundary);
    if (options->v[i].value == ENGINE_VALUE_NEXT && (*at == argc || !*(*value = argv[(*at)++])))
        return err_set(err, -EINVAL, "%s needs a value", argument);
    return i;
}

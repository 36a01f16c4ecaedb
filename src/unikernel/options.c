/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. Pure. */
#include "unikernel/options.h"

#include "engine/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum option {
    OPTION_ADD,
    OPTION_CFLAGS,
    OPTION_CWD,
    OPTION_ENV,
    OPTION_JIT,
    OPTION_KERNEL,
    OPTION_MEMORY,
    OPTION_OUTPUT,
    OPTION_PROGRAM,
    OPTION_QUIET,
    OPTION_SOURCE,
    OPTION_TRACE
};

static const struct engine_option rows[] = {
    [OPTION_ADD] = {"--add", ENGINE_VALUE_NEXT},         [OPTION_CFLAGS] = {"--cflags", ENGINE_VALUE_NEXT},
    [OPTION_CWD] = {"--cwd", ENGINE_VALUE_NEXT},         [OPTION_ENV] = {"--env", ENGINE_VALUE_NEXT},
    [OPTION_JIT] = {"--jit", ENGINE_VALUE_NONE},         [OPTION_KERNEL] = {"--kernel", ENGINE_VALUE_NEXT},
    [OPTION_MEMORY] = {"--memory", ENGINE_VALUE_NEXT},   [OPTION_OUTPUT] = {"--output", ENGINE_VALUE_NEXT},
    [OPTION_PROGRAM] = {"--program", ENGINE_VALUE_NEXT}, [OPTION_QUIET] = {"--quiet", ENGINE_VALUE_NONE},
    [OPTION_SOURCE] = {"--source", ENGINE_VALUE_NEXT},   [OPTION_TRACE] = {"--trace", ENGINE_VALUE_NEXT},
};

static int take(struct arena *a, struct maker_options *o, enum option option, const char *value)
{
    switch (option) {
    case OPTION_ADD:
        return policy_strv_push(a, &o->add, value);
    case OPTION_CFLAGS:
        return policy_strv_push(a, &o->flags, value);
    case OPTION_ENV:
        return policy_env_set(a, &o->env, value);
    case OPTION_SOURCE:
        return policy_strv_push(a, &o->sources, value);
    case OPTION_CWD:
        o->cwd = value;
        break;
    case OPTION_JIT:
        o->jit = true;
        break;
    case OPTION_KERNEL:
        o->kernel = value;
        break;
    case OPTION_MEMORY:
        o->memory = strtoull(value, NULL, 10);
        break;
    case OPTION_OUTPUT:
        o->output = value;
        break;
    case OPTION_PROGRAM:
        o->program = value;
        break;
    case OPTION_QUIET:
        o->quiet = true;
        break;
    case OPTION_TRACE:
        o->traced = value;
        break;
    }
    return 0;
}

int maker_options_read(struct arena *a, int argc, char **argv, struct maker_options *out, struct err *err)
{
    const struct engine_options options = {rows, ARRAY_LEN(rows), "unikernel"};
    char *value;
    int r = 0, i = 0;

    out->cwd = "/";
    while (i < argc && strcmp(argv[i], "--") != 0) {
        int row = engine_option_next(&options, argc, argv, &i, &value, err);
        if (row < 0)
            return row;
        if (take(a, out, (enum option)row, value) < 0)
            return err_set(err, -ENOMEM, "out of memory");
    }
    while (++i < argc && r == 0)
        r = policy_strv_push(a, &out->words, argv[i]);
    return r < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "spt/options.h"

#include "base/option_word.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum option {
#define OPTION(id, word, value) OPTION_##id,
#include "spt/options.def"
#undef OPTION
    OPTIONS
};

static const struct option_word rows[] = {
#define OPTION(id, word, value) {word, OPTION_VALUE_##value},
#include "spt/options.def"
#undef OPTION
};

static const char *apply(struct options *o, enum option option, const char *value)
{
    uint64_t n;

    switch (option) {
    case OPTION_MEMORY:
        return option_word_number(value, UINT64_MAX / 2, &o->memory) && o->memory ? NULL : "takes a number of bytes";
    case OPTION_TASKS:
        if (!option_word_number(value, 1u << 22, &n) || !n)
            return "takes a number of processes and threads";
        o->tasks = (uint32_t)n;
        return NULL;
    case OPTION_LIMIT:
        return option_word_limit(value, o->limits, BOOT_LIMITS, &o->limits_given) ? NULL : "takes NUMBER:SOFT:HARD";
    case OPTION_CONTROL:
        if (!option_word_number(value, 1u << 20, &n))
            return "takes the number of a descriptor";
        o->control = (int)n;
        return NULL;
    case OPTION_ENV:
        return option_word_is_env(value) ? NULL : "takes KEY=VALUE";
    case OPTION_CWD:
        o->cwd = value;
        return *value == '/' ? NULL : "takes an absolute directory";
    case OPTION_PROGRAM:
        o->program = value;
        return *value ? NULL : "takes a program of the image";
    case OPTION_READ_ONLY:
        o->read_only = true;
        return NULL;
    case OPTION_TRACE:
        o->trace = true;
        return NULL;
    case OPTION_BLOCK:
    case OPTION_BLOCK_RW:
        o->block = value, o->block_rw = option == OPTION_BLOCK_RW;
        return NULL;
    case OPTION_IMAGE:
        o->image = value;
        return NULL;
    default:
        return "is no option";
    }
}

int options_parse(int argc, char **argv, struct options *o, const char **why, const char **word)
{
    int at = 1;

    *o = (struct options){.control = -1, .argv = argv};
    while (at < argc && !o->image) {
        char *value;
        *word = argv[at];
        const int row = option_word_next(rows, OPTIONS, argv, &at, &value);
        if (row == OPTIONS && **word != '-')
            o->image = argv[at++];
        else if ((*why = row < 0 ? "wants a value" : apply(o, (enum option)row, value)))
            return -EINVAL;
    }
    if (!o->image || !*o->image) {
        *word = "usage", *why = "moat-spt [--trace] [--memory BYTES] [--env KEY=VALUE]... IMAGE [ARGUMENT...]";
        return -EINVAL;
    }
    o->n_options = at;
    o->args = argv + at, o->n_args = argc - at;
    return 0;
}

const char *options_env(const struct options *o, int *at)
{
    for (int i = *at ? *at : 1; i < o->n_options - 1;) {
        char *value;
        const int row = option_word_next(rows, OPTIONS, o->argv, &i, &value);
        if (row == OPTIONS || row == OPTION_IMAGE)
            break;
        if (row == OPTION_ENV) {
            *at = i;
            return value;
        }
    }
    *at = o->n_options;
    return NULL;
}

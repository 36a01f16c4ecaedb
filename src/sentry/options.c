/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "sentry/options.h"

#include "base/option_word.h"
#include "sentry/mounts.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum option {
#define OPTION(id, word, value) OPTION_##id,
#include "sentry/options.def"
#undef OPTION
    OPTIONS
};
static const struct option_word rows[] = {
#define OPTION(id, word, value) {word, OPTION_VALUE_##value},
#include "sentry/options.def"
#undef OPTION
};

static bool hexadecimal(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    size_t digits = strlen(text);
    for (; *text; text++) {
        static const char all[] = "0123456789abcdef";
        const char *at = strchr(all, *text);
        if (!at)
            return false;
        n = n << 4 | (uint64_t)(at - all);
    }
    *out = n;
    return digits && digits <= 16;
}

/* UID:GID[:GROUP...] */
static bool take_user(struct options *o, const char *text)
{
    uint64_t n;
    if (!option_word_part(&text, ':', UINT32_MAX - 1, &n))
        return false;
    o->uid = (uint32_t)n, o->n_groups = 0;
    if (option_word_part(&text, 0, UINT32_MAX - 1, &n)) {
        o->gid = (uint32_t)n;
        return true;
    }
    if (!option_word_part(&text, ':', UINT32_MAX - 1, &n))
        return false;
    o->gid = (uint32_t)n;
    for (bool last = false; !last; o->groups[o->n_groups++] = (uint32_t)n) {
        last = option_word_part(&text, 0, UINT32_MAX - 1, &n);
        if (o->n_groups == OPTIONS_GROUPS || (!last && !option_word_part(&text, ':', UINT32_MAX - 1, &n)))
            return false;
    }
    return true;
}

static const char *take_platform(struct options *o, const char *value)
{
    o->trap = !strcmp(value, "trap");
    return o->trap || !strcmp(value, "notify") ? NULL : "takes notify or trap";
}

static const char *take_tasks(struct options *o, const char *value)
{
    uint64_t n;
    if (!option_word_number(value, 1u << 22, &n) || !n)
        return "takes a number of processes and threads";
    o->tasks = (uint32_t)n;
    return NULL;
}

static const char *take_mount(struct options *o, enum option option, const char *value)
{
    if (o->n_mounts == OPTIONS_MOUNTS)
        return "is one mount more than there may be";
    struct linux_mount *m = &o->mounts[o->n_mounts++];
    if (option == OPTION_VOLUME)
        return mounts_volume(value, m) ? "takes ROOT:FLAGS:PLACE" : NULL;
    return mounts_tmpfs(value, m) ? "takes FLAGS:OPTIONS:PLACE" : NULL;
}

static const char *take_gofer(struct options *o, const char *value)
{
    uint64_t n;
    if (!option_word_number(value, 1u << 20, &n))
        return "takes a descriptor";
    o->gofer = (int)n;
    return NULL;
}

static const char *apply(struct options *o, enum option option, const char *value)
{
    switch (option) {
    case OPTION_MEMORY:
        return option_word_number(value, UINT64_MAX / 2, &o->memory) && o->memory ? NULL : "takes a number of bytes";
    case OPTION_TASKS:
        return take_tasks(o, value);
    case OPTION_LIMIT:
        return option_word_limit(value, o->limits, OPTIONS_LIMITS, &o->limits_given) ? NULL : "takes NUMBER:SOFT:HARD";
    case OPTION_HOST:
        return NULL; /* moat's */
    case OPTION_ENV:
        return option_word_is_env(value) ? NULL : "takes KEY=VALUE";
    case OPTION_CWD:
        o->cwd = value;
        return *value == '/' ? NULL : "takes an absolute directory";
    case OPTION_USER:
        return take_user(o, value) ? NULL : "takes UID:GID[:GROUP...]";
    case OPTION_CAPS:
        return hexadecimal(value, &o->caps) ? NULL : "takes a mask in hexadecimal digits";
    case OPTION_HOSTNAME:
        o->hostname = value;
        return NULL;
    case OPTION_PLATFORM:
        return take_platform(o, value);
    case OPTION_PROGRAM:
        o->program = value;
        return *value ? NULL : "takes a program of the image";
    case OPTION_ARGV0:
        o->argv0 = value;
        return NULL;
    case OPTION_READ_ONLY:
        o->read_only = true;
        return NULL;
    case OPTION_TERMINAL:
        o->terminal = true;
        return NULL;
    case OPTION_TRACE:
        o->trace = true;
        return NULL;
    case OPTION_GOFER:
        return take_gofer(o, value);
    case OPTION_VOLUME:
    case OPTION_TMPFS:
        return take_mount(o, option, value);
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
    *o = (struct options){.argv = argv, .caps = UINT64_MAX, .gofer = -1};
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
        *word = "usage",
        *why = "moat-sentry [--trace] [--program FILE] [--env KEY=VALUE]... --image FILE [ARGUMENT...]";
        return -EINVAL;
    }
    o->n_options = at;
    o->args = argv + at, o->n_args = argc - at;
    return 0;
}

char *options_env(const struct options *o, int *at)
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

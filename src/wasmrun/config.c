/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-wasm. Pure, but for memory. */
#include "wasmrun/config.h"

#include "engine/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum option {
#define OPTION(id, word, value) OPTION_##id,
#include "wasmrun/options.def"
#undef OPTION
    N_OPTIONS,
};

static const struct engine_option options[N_OPTIONS] = {
#define OPTION(id, word, value) [OPTION_##id] = {word, ENGINE_VALUE_##value},
#include "wasmrun/options.def"
#undef OPTION
};
static const struct engine_options all_options = {options, N_OPTIONS, "wasm"};

static int read_number(const char *option, const char *text, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end || errno || n < least || n > most)
        return err_set(err, -EINVAL, "%s %s: a number from %lld to %lld is expected", option, text, (long long)least,
                       (long long)most);
    *out = n;
    return 0;
}

static int read_seed(struct wasmrun_config *c, const char *text, struct err *err)
{
    char *end;

    errno = 0;
    c->seed = strtoull(text, &end, 10);
    c->seeded = true;
    return end == text || *end || errno || *text == '-'
               ? err_set(err, -EINVAL, "--seed %s: a number below 2^64 is expected", text)
               : 0;
}

static int read_word(const char *option, const char *text, const char *const words[], int n, int *out, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(text, words[i])) {
            *out = i;
            return 0;
        }
    return err_set(err, -EINVAL, "%s %s: the value is not known", option, text);
}

static int take_number(struct wasmrun_config *c, enum option option, const char *value, struct err *err)
{
    int64_t n = 0;
    int r = read_number(options[option].name, value, 0, option == OPTION_PAGES ? 65536 : INT64_MAX, &n, err);

    switch (option) {
    case OPTION_FUEL:
        c->fuel = n;
        break;
    case OPTION_PAGES:
        c->pages = (uint32_t)n;
        break;
    case OPTION_TIMEOUT:
        c->timeout_ms = n;
        break;
    case OPTION_FILE_SIZE:
        c->file_size = n;
        break;
    default:
        c->clock = n;
        c->clock_fixed = true;
    }
    return r;
}

/* The last one: names that lie in none of the directories are looked for there. */
static void take_here(struct wasmrun_config *c, const char *directory)
{
    struct wasmrun_preopen *last = c->n_preopens ? &c->preopens[c->n_preopens - 1] : NULL;

    c->here = directory;
    if (last && !strcmp(last->path, directory))
        last->name = ".";
}

static int take(struct wasmrun_config *c, enum option option, const char *value, struct err *err)
{
    static const char *const engines[] = {"baseline", "interpreter"}, *const tells[] = {"some", "all", "none"};
    int word = 0, r = 0;

    switch (option) {
    case OPTION_ENGINE:
        r = read_word("--engine", value, engines, 2, &word, err);
        c->interpreter = word == 1;
        return r;
    case OPTION_DENY_LOG:
        r = read_word("--deny-log", value, tells, 3, &word, err);
        c->tell = (enum engine_tell)word;
        return r;
    case OPTION_INSPECT:
        c->inspect = true;
        return 0;
    case OPTION_COMPILE:
        c->compile = true;
        return 0;
    case OPTION_IMAGE:
        c->image = true;
        return 0;
    case OPTION_KEEP_HOME:
        c->keep_home = true;
        return 0;
    case OPTION_SEED:
        return read_seed(c, value, err);
    case OPTION_INVOKE:
        c->invoke = value;
        return 0;
    case OPTION_RULE:
        return engine_rule_add(&c->rules, value, err);
    case OPTION_FROM:
    case OPTION_FRESH:
        return engine_rule_origin(&c->rules, options[option].name, value, err);
    case OPTION_PREOPEN:
    case OPTION_PREOPEN_WRITABLE:
    case OPTION_PREOPEN_NAMES:
        c->preopens[c->n_preopens++] = (struct wasmrun_preopen){.path = value,
                                                                .name = value,
                                                                .writable = option == OPTION_PREOPEN_WRITABLE,
                                                                .names_only = option == OPTION_PREOPEN_NAMES};
        return 0;
    case OPTION_HERE:
        take_here(c, value);
        return 0;
    case OPTION_ROOT:
        for (uint32_t i = 0; i < c->n_preopens; i++)
            if (!strcmp(c->preopens[i].path, value))
                c->preopens[i].name = "/";
        return 0;
    case OPTION_LISTEN:
        c->n_listeners++;
        return 0;
    case OPTION_MODULE:
        c->module = value;
        return 0;
    default:
        return take_number(c, option, value, err);
    }
}

int wasmrun_config_read(struct wasmrun_config *out, struct arena *a, int argc, char **argv, struct err *err)
{
    size_t n = argc > 0 ? (size_t)argc : 1; /* no list has more than there are arguments */
    int at = 1, r = 0;

    *out = (struct wasmrun_config){.fuel = -1, .file_size = -1};
    out->rules.v = arena_array(a, n, sizeof *out->rules.v);
    out->preopens = arena_array(a, n, sizeof *out->preopens);
    if (!out->rules.v || !out->preopens)
        return err_set(err, -ENOMEM, "no memory for the command line");
    while (at < argc && !out->module && r == 0) {
        char *value;
        int option = engine_option_next(&all_options, argc, argv, &at, &value, err);
        r = option < 0 ? option : take(out, (enum option)option, value, err);
    }
    if (r < 0)
        return r;
    if (!out->module)
        return err_set(err, -EINVAL, "nothing to run: --module FILE NAME [ARGUMENT...]");
    if (at == argc)
        return err_set(err, -EINVAL, "--module %s: the program's name is missing behind it", out->module);
    out->name = argv[at];
    out->arguments = argv + at;
    out->n_arguments = (uint32_t)(argc - at);
    return 0;
}

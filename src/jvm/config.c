/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-jvm. Pure, but for memory. */
#include "jvm/config.h"

#include "engine/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum option {
#define OPTION(id, word, value) OPTION_##id,
#include "jvm/options.def"
#undef OPTION
    N_OPTIONS,
};

static const struct engine_option options[N_OPTIONS] = {
#define OPTION(id, word, value) [OPTION_##id] = {word, ENGINE_VALUE_##value},
#include "jvm/options.def"
#undef OPTION
};
static const struct engine_options all_options = {options, N_OPTIONS, "jvm"};

static int read_tell(const char *which, enum engine_tell *out, struct err *err)
{
    if (!which || !strcmp(which, "some"))
        *out = ENGINE_TELL_SOME;
    else if (!strcmp(which, "all"))
        *out = ENGINE_TELL_ALL;
    else if (!strcmp(which, "none"))
        *out = ENGINE_TELL_NONE;
    else
        return err_set(err, -EINVAL, "--deny-log=%s: some, all or none", which);
    return 0;
}

static int take(struct jvm_config *c, enum option option, char *value, struct err *err)
{
    switch (option) {
    case OPTION_JDK:
        c->jdk = value;
        break;
    case OPTION_NO_EXEC:
        c->no_exec = true;
        break;
    case OPTION_LIST_CLASSES:
        c->list_classes = true;
        break;
    case OPTION_DENY_LOG:
        return read_tell(value, &c->tell, err);
    case OPTION_RULE:
        return engine_rule_add(&c->rules, value, err);
    case OPTION_FROM:
    case OPTION_FRESH:
        return engine_rule_origin(&c->rules, options[option].name, value, err);
    case OPTION_NET:
        c->net[c->n_net++] = value;
        break;
    case OPTION_VM:
        c->options[c->n_options++] = value;
        break;
    case OPTION_CLASS:
        c->entry = JVM_ENTRY_CLASS;
        break;
    case OPTION_JAR:
        c->entry = JVM_ENTRY_JAR;
        break;
    default:
        c->entry = JVM_ENTRY_MODULE;
    }
    if (c->entry)
        c->what = value;
    return 0;
}

static int read_all(struct jvm_config *c, int argc, char **argv, struct err *err)
{
    int at = 1;

    while (at < argc && !c->entry) {
        char *value;
        int option = engine_option_next(&all_options, argc, argv, &at, &value, err);
        int r = option < 0 ? option : take(c, (enum option)option, value, err);
        if (r < 0)
            return r;
    }
    if (!c->entry)
        return err_set(err, -EINVAL, "nothing to run: --jar FILE, --class NAME or --module NAME[/CLASS]");
    if (!c->jdk || *c->jdk != '/')
        return err_set(err, -EINVAL, "--jdk DIR is missing, or is not absolute");
    c->arguments = argv + at;
    c->n_arguments = argc - at;
    return 0;
}

int jvm_config_read(struct jvm_config *out, int argc, char **argv, struct err *err)
{
    size_t n = argc > 0 ? (size_t)argc : 1; /* no list has more than there are arguments */
    struct jvm_config c = {.options = calloc(n, sizeof *c.options)};

    c.rules.v = calloc(n, sizeof *c.rules.v);
    c.net = calloc(n, sizeof *c.net);
    int r = c.options && c.rules.v && c.net ? read_all(&c, argc, argv, err)
                                            : err_set(err, -ENOMEM, "no memory for the command line");
    if (r < 0)
        jvm_config_free(&c);
    *out = c;
    return r;
}

void jvm_config_free(struct jvm_config *c)
{
    free(c->options);
    free(c->rules.v);
    free(c->net);
    *c = (struct jvm_config){0};
}

/* As the virtual machine reads sizes: digits, then k, m, g or t. */
static size_t read_size(const char *text)
{
    static const char units[] = "kmgt";
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (end == text || errno || *text < '0' || *text > '9')
        return 0;
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
    if (*end && (!unit || end[1]))
        return 0;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    return n > SIZE_MAX >> shift ? 0 : (size_t)n << shift;
}

bool jvm_config_has_option(const struct jvm_config *c, const char *start)
{
    size_t n = strlen(start);

    for (int i = 0; i < c->n_options; i++)
        if (!strncmp(c->options[i], start, n))
            return true;
    return false;
}

size_t jvm_config_stack(const struct jvm_config *c)
{
    for (int i = c->n_options - 1; i >= 0; i--) {
        if (!strncmp(c->options[i], "-Xss", 4))
            return read_size(c->options[i] + 4);
    }
    return 0;
}

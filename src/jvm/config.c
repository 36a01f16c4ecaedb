/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of moat-jvm. Pure, but for memory. */
#include "jvm/config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum option {
    OPTION_JDK,
    OPTION_NO_EXEC,
    OPTION_LIST_CLASSES,
    OPTION_DENY_LOG,
    OPTION_RULE,
    OPTION_FROM,
    OPTION_FRESH,
    OPTION_NET,
    OPTION_VM,
    OPTION_CLASS,
    OPTION_JAR,
    OPTION_MODULE,
    N_OPTIONS,
};

static const struct {
    const char *name;
    bool has_value;
} options[N_OPTIONS] = {
    [OPTION_JDK] = {"--jdk", true},
    [OPTION_NO_EXEC] = {"--no-exec", false},
    [OPTION_LIST_CLASSES] = {"--list-classes", false},
    [OPTION_DENY_LOG] = {"--deny-log", false}, /* or --deny-log=WHICH */
    [OPTION_RULE] = {"--rule", true},
    [OPTION_FROM] = {"--from", true},    /* of the rule before */
    [OPTION_FRESH] = {"--fresh", false}, /* the same */
    [OPTION_NET] = {"--net", true},
    [OPTION_VM] = {"--option", true},
    [OPTION_CLASS] = {"--class", true},
    [OPTION_JAR] = {"--jar", true},
    [OPTION_MODULE] = {"--module", true},
};

static int option_of(const char *argument)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        if (!strcmp(argument, options[i].name))
            return i;
    }
    return !strncmp(argument, "--deny-log=", 11) ? OPTION_DENY_LOG : -1;
}

static int read_tell(const char *argument, enum jvm_tell *out, struct err *err)
{
    const char *which = argument + strlen("--deny-log");

    if (!*which || !strcmp(which, "=some"))
        *out = JVM_TELL_SOME;
    else if (!strcmp(which, "=all"))
        *out = JVM_TELL_ALL;
    else if (!strcmp(which, "=none"))
        *out = JVM_TELL_NONE;
    else
        return err_set(err, -EINVAL, "%s: some, all or none", argument);
    return 0;
}

/* What is said of the rule before. */
static int take_origin(struct jvm_config *c, const char *option, const char *host, struct err *err)
{
    if (!c->rules.n_paths)
        return err_set(err, -EINVAL, "%s: there is no --rule before it", option);
    struct jvm_rule *rule = &c->rules.paths[c->rules.n_paths - 1];
    rule->host = host;
    rule->fresh = !host;
    return 0;
}

static int take(struct jvm_config *c, enum option option, char *argument, char *value, struct err *err)
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
        return read_tell(argument, &c->tell, err);
    case OPTION_RULE:
        return jvm_rule_read(&c->rules.paths[c->rules.n_paths++], value, err);
    case OPTION_FROM:
    case OPTION_FRESH:
        return take_origin(c, argument, value, err);
    case OPTION_NET:
        c->rules.net[c->rules.n_net++] = value;
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
    int at = 1, r = 0;

    while (at < argc && !c->entry) {
        char *argument = argv[at++], *value = NULL;
        int option = option_of(argument);
        if (option < 0)
            return err_set(err, -EINVAL, "the option %s is not understood: moat-jvm is started by moat run -b jvm",
                           argument);
        if (options[option].has_value && (at == argc || !*(value = argv[at++])))
            return err_set(err, -EINVAL, "%s needs a value", argument);
        if ((r = take(c, (enum option)option, argument, value, err)) < 0)
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

    c.rules.paths = calloc(n, sizeof *c.rules.paths);
    c.rules.net = calloc(n, sizeof *c.rules.net);
    int r = c.options && c.rules.paths && c.rules.net ? read_all(&c, argc, argv, err)
                                                      : err_set(err, -ENOMEM, "no memory for the command line");
    if (r < 0)
        jvm_config_free(&c);
    *out = c;
    return r;
}

void jvm_config_free(struct jvm_config *c)
{
    free(c->options);
    free(c->rules.paths);
    free(c->rules.net);
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

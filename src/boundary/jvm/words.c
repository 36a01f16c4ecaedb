/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/jvm/words.h"
#include "boundary/words.h"
#include "policy/list.h"

#include <errno.h>
#include <string.h>

/* What `java` calls the words that say what is to run; its path, where it has one, comes before. */
static const struct {
    const char *name, *path, *path_option;
} commands[] = {
    {"-jar", NULL, NULL},
    {NULL, "-cp", "-Djava.class.path="},
    {"-m", "-p", "--module-path="},
};
/* In that order; a NULL at the end. */
static const char *const entries[ARRAY_LEN(commands) + 1] = {"--jar", "--class", "--module"};

static const char *const valued[] = {
#define OPTION(id, word, value) WORDS_VALUE_##value(word)
#include "jvm/options.def"
#undef OPTION
    NULL};

static const struct engine_words words = {.last = entries, .valued = valued};

bool jvm_word_is_entry(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(word, entries[i]))
            return true;
    return false;
}

const char *jvm_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    return words_next(&words, argv, at, value);
}

bool jvm_has_word(const struct strv *argv, const char *wanted)
{
    return words_value(&words, argv, wanted) != NULL;
}

const char *jvm_option_value(const struct strv *argv, const char *option)
{
    const char *word, *value, *found = NULL;
    size_t n = strlen(option);
    uint32_t at = 0;

    while ((word = jvm_next_word(argv, &at, &value)))
        if (!strcmp(word, "--option") && !strncmp(value, option, n))
            found = value + n;
    return found;
}

int jvm_command(struct arena *a, const struct strv *argv, struct strv *out)
{
    const uint32_t last = words_last(&words, argv);
    int r = policy_strv_push(a, out, "java");

    for (size_t i = 0; last < argv->n && i < ARRAY_LEN(commands) && r >= 0; i++) {
        if (strcmp(argv->v[last], entries[i]) != 0)
            continue;
        const char *path = commands[i].path ? jvm_option_value(argv, commands[i].path_option) : NULL;
        if (path && (r = policy_strv_push(a, out, commands[i].path)) >= 0)
            r = policy_strv_push(a, out, path);
        if (commands[i].name && r >= 0)
            r = policy_strv_push(a, out, commands[i].name);
    }
    for (uint32_t i = last; i + 1 < argv->n && r >= 0; i++) /* behind the entry's own word */
        r = policy_strv_push(a, out, argv->v[i + 1]);
    return r < 0 ? -ENOMEM : 0;
}

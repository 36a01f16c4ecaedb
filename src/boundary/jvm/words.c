/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/jvm/words.h"
#include "policy/list.h"

#include <errno.h>
#include <string.h>

static bool is_among(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, list[i]))
            return true;
    return false;
}

bool jvm_word_is_entry(const char *word)
{
    static const char *const entries[] = {"--jar", "--class", "--module"};

    return is_among(word, entries, ARRAY_LEN(entries));
}

const char *jvm_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    static const char *const with_value[] = {"--option", "--rule", "--from", "--net", "--jdk"};
    const char *word = *at < argv->n && ++*at < argv->n ? argv->v[*at] : NULL;

    *value = NULL;
    if (!word)
        return NULL;
    bool entry = jvm_word_is_entry(word);
    if (entry || is_among(word, with_value, ARRAY_LEN(with_value)))
        *value = ++*at < argv->n ? argv->v[*at] : "";
    if (entry)
        *at = argv->n;
    return word;
}

bool jvm_has_word(const struct strv *argv, const char *wanted)
{
    const char *word, *value;
    uint32_t at = 0;

    while ((word = jvm_next_word(argv, &at, &value)))
        if (!strcmp(word, wanted))
            return true;
    return false;
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

/* What `java` calls the words that say what is to run; its path, where it has one, comes before. */
static const struct {
    const char *entry, *name, *path, *path_option;
} commands[] = {
    {"--jar", "-jar", NULL, NULL},
    {"--class", NULL, "-cp", "-Djava.class.path="},
    {"--module", "-m", "-p", "--module-path="},
};

int jvm_command(struct arena *a, const struct strv *argv, struct strv *out)
{
    const char *word, *value;
    uint32_t at = 0, before = 0;
    int r = policy_strv_push(a, out, "java");

    while ((word = jvm_next_word(argv, &at, &value)) && !jvm_word_is_entry(word))
        before = at;
    for (size_t i = 0; word && i < ARRAY_LEN(commands) && r >= 0; i++) {
        if (strcmp(word, commands[i].entry) != 0)
            continue;
        const char *path = commands[i].path ? jvm_option_value(argv, commands[i].path_option) : NULL;
        if (path && (r = policy_strv_push(a, out, commands[i].path)) >= 0)
            r = policy_strv_push(a, out, path);
        if (commands[i].name && r >= 0)
            r = policy_strv_push(a, out, commands[i].name);
    }
    for (uint32_t i = before + 2; word && i < argv->n && r >= 0; i++) /* behind the entry's own word */
        r = policy_strv_push(a, out, argv->v[i]);
    return r < 0 ? -ENOMEM : 0;
}

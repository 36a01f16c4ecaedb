/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/jvm/words.h"

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
    static const char *const with_value[] = {"--option", "--rule", "--net", "--jdk"};
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

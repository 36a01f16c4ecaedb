/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/words.h"

#include <string.h>

static bool is_among(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

const char *words_next(const struct engine_words *words, const struct strv *argv, uint32_t *at, const char **value)
{
    const char *word = *at < argv->n && ++*at < argv->n ? argv->v[*at] : NULL;

    *value = NULL;
    if (!word)
        return NULL;
    bool last = is_among(word, words->last);
    if (last || is_among(word, words->valued))
        *value = ++*at < argv->n ? argv->v[*at] : "";
    if (last)
        *at = argv->n;
    return word;
}

const char *words_value(const struct engine_words *words, const struct strv *argv, const char *wanted)
{
    const char *word, *value, *found = NULL;
    uint32_t at = 0;

    while ((word = words_next(words, argv, &at, &value)))
        if (!strcmp(word, wanted))
            found = value ? value : "";
    return found;
}

uint32_t words_last(const struct engine_words *words, const struct strv *argv)
{
    const char *word, *value;
    uint32_t at = 0, before = 0;

    for (; (word = words_next(words, argv, &at, &value)); before = at)
        if (is_among(word, words->last))
            return before + 1;
    return argv->n;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/wasm/words.h"

#include <string.h>

const char *wasm_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    static const char *const alone[] = {"--inspect", "--keep-home", "--fresh"};
    const char *word = *at < argv->n && ++*at < argv->n ? argv->v[*at] : NULL;

    *value = NULL;
    if (!word)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(alone); i++)
        if (!strcmp(word, alone[i]))
            return word;
    *value = ++*at < argv->n ? argv->v[*at] : "";
    if (!strcmp(word, "--module"))
        *at = argv->n;
    return word;
}

const char *wasm_word_value(const struct strv *argv, const char *wanted)
{
    const char *word, *value, *found = NULL;
    uint32_t at = 0;

    while ((word = wasm_next_word(argv, &at, &value)))
        if (!strcmp(word, wanted))
            found = value ? value : "";
    return found;
}

uint32_t wasm_program_words(const struct strv *argv)
{
    const char *word, *value;
    uint32_t at = 0, before = 0;

    while ((word = wasm_next_word(argv, &at, &value))) {
        if (!strcmp(word, "--module"))
            return before + 3 < argv->n ? before + 3 : argv->n;
        before = at;
    }
    return argv->n;
}

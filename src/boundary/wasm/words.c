/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/wasm/words.h"
#include "boundary/words.h"

static const struct engine_words words = {
    .last = (const char *const[]){"--module", NULL},
    .list = (const char *const[]){"--inspect", "--keep-home", "--fresh", NULL},
    .list_has_none = true,
};

const char *wasm_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    return words_next(&words, argv, at, value);
}

const char *wasm_word_value(const struct strv *argv, const char *wanted)
{
    return words_value(&words, argv, wanted);
}

uint32_t wasm_program_words(const struct strv *argv)
{
    const uint32_t last = words_last(&words, argv);

    return argv->n - last > 2 ? last + 2 : argv->n; /* behind the word and the file */
}

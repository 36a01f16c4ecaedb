/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/sentry/words.h"
#include "boundary/words.h"

static const char *const valued[] = {
#define OPTION(id, word, value) WORDS_VALUE_##value(word)
#include "sentry/options.def"
#undef OPTION
    NULL};

static const struct engine_words words = {.last = (const char *const[]){"--image", NULL}, .valued = valued};

const char *sentry_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    return words_next(&words, argv, at, value);
}

const char *sentry_word_value(const struct strv *argv, const char *wanted)
{
    return words_value(&words, argv, wanted);
}

uint32_t sentry_program_words(const struct strv *argv)
{
    const uint32_t last = words_last(&words, argv);

    return argv->n - last > 2 ? last + 2 : argv->n;
}

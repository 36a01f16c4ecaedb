/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/microvm/words.h"
#include "boundary/words.h"

#include <string.h>

static const char *const valued[] = {
#define OPTION(id, word, value) WORDS_VALUE_##value(word)
#include "machine/options.def"
#undef OPTION
    NULL};

static const struct engine_words words = {.last = (const char *const[]){"--program", NULL}, .valued = valued};

const char *microvm_next_word(const struct strv *argv, uint32_t *at, const char **value)
{
    return words_next(&words, argv, at, value);
}

const char *microvm_word_value(const struct strv *argv, const char *wanted)
{
    return words_value(&words, argv, wanted);
}

const char *microvm_word_file(const struct policy *p, const char *value)
{
    const size_t n = strcspn(value, ",");

    for (uint32_t i = 0; i < p->n_mounts; i++)
        if (p->mounts[i].bind && !strncmp(p->mounts[i].destination, value, n) && !p->mounts[i].destination[n])
            return p->mounts[i].source;
    return value;
}

uint32_t microvm_program_words(const struct strv *argv)
{
    const uint32_t last = words_last(&words, argv);

    return last < argv->n ? last + 1 : argv->n;
}

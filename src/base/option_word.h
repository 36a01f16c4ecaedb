/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines that moat writes for its own programs: a row for each option, as the program's options.def has it,
 * OPTION(identifier, word, value). What an option means is the program's. Pure, and in need of strcmp(3) alone, so that
 * a program without libc has it too.
 */
#ifndef MOAT_BASE_OPTION_WORD_H
#define MOAT_BASE_OPTION_WORD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum option_value {
    OPTION_VALUE_NONE,
    OPTION_VALUE_NEXT, /* the next word, which may be empty */
};

struct option_word {
    const char *word;
    enum option_value value;
};

/* The option at argv[*at], which moves behind it and its value (borrowed; NULL: it has none): its row. n: the word is
 * none, and *at stays. -EINVAL: its value is missing. argv ends with NULL. */
static inline int option_word_next(const struct option_word *rows, int n, char **argv, int *at, char **value)
{
    int i = 0;

    *value = NULL;
    while (i < n && strcmp(rows[i].word, argv[*at]))
        i++;
    if (i == n)
        return n;
    if (rows[i].value == OPTION_VALUE_NEXT && !(*value = argv[*at + 1]))
        return -EINVAL;
    *at += *value ? 2 : 1;
    return i;
}

/* Of digits alone, and at most `most`. */
static inline bool option_word_number(const char *text, uint64_t most, uint64_t *out)
{
    uint64_t n = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > (most - (uint64_t)(*text - '0')) / 10)
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    *out = n;
    return true;
}

#endif

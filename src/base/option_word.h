/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines that moat writes for its own programs: a row for each option, as the program's options.def has it,
 * OPTION(identifier, word, value). What an option means is the program's. Pure, and in need of strcmp(3) and strchr(3)
 * alone, so that a program without libc has it too.
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

/* Digits, at most `most`, up to the end or `end`, behind which *text then stands. */
static inline bool option_word_part(const char **text, char end, uint64_t most, uint64_t *out)
{
    const char *s = *text;
    uint64_t n = 0;

    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (n > (most - (uint64_t)(*s - '0')) / 10)
            return false;
        n = n * 10 + (uint64_t)(*s - '0');
    }
    if (*s != end)
        return false;
    *text = s + (end != 0), *out = n;
    return true;
}

/* Of digits alone, and at most `most`. */
static inline bool option_word_number(const char *text, uint64_t most, uint64_t *out)
{
    return option_word_part(&text, 0, most, out);
}

/* NUMBER:SOFT:HARD of setrlimit(2), into those of n limits, of which `given` has a bit each. */
static inline bool option_word_limit(const char *text, uint64_t (*limits)[2], unsigned n, uint32_t *given)
{
    uint64_t which, soft, hard;

    if (!option_word_part(&text, ':', n - 1, &which) || !option_word_part(&text, ':', UINT64_MAX, &soft) ||
        !option_word_part(&text, 0, UINT64_MAX, &hard) || soft > hard)
        return false;
    limits[which][0] = soft, limits[which][1] = hard;
    *given |= 1u << which;
    return true;
}

/* KEY=VALUE */
static inline bool option_word_is_env(const char *text)
{
    return *text && *text != '=' && strchr(text, '=');
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DISTANCE_MAX_LEN 64

unsigned nearest_distance(const char *a, const char *b)
{
    unsigned char row[3][DISTANCE_MAX_LEN + 1];
    size_t la = strnlen(a, DISTANCE_MAX_LEN), lb = strnlen(b, DISTANCE_MAX_LEN);

    for (size_t j = 0; j <= lb; j++)
        row[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned char *now = row[i % 3], *prev = row[(i - 1) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = prev[j - 1] + (a[i - 1] != b[j - 1]);
            if (prev[j] + 1u < best)
                best = prev[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            now[j] = (unsigned char)best;
        }
    }
    return row[la % 3][lb];
}

void nearest_try(struct nearest *near, const char *name)
{
    size_t len = strnlen(near->wanted, DISTANCE_MAX_LEN);
    unsigned limit = len <= 3 ? 1 : len <= 7 ? 2 : 3, d = nearest_distance(near->wanted, name);

    /* A cut-off name is as good a guess as a mistyped one. */
    if (d > limit && len >= 3 && !strncmp(name, near->wanted, len))
        d = limit;
    if (d <= limit && (!near->best || d < near->distance)) {
        near->best = name;
        near->distance = d;
    }
}

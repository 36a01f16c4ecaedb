/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: no look at any file system. */
#ifndef MOAT_BASE_PATHTEXT_H
#define MOAT_BASE_PATHTEXT_H

#include <stdbool.h>
#include <string.h>

/* Whether path is dir or lies below it. Both absolute and clean. */
static inline bool path_lies_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return !strncmp(path, dir, n) && (!path[n] || path[n] == '/' || (n == 1 && *dir == '/'));
}

#endif

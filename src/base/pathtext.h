/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: no look at any file system. */
#ifndef MOAT_BASE_PATHTEXT_H
#define MOAT_BASE_PATHTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether path is dir or lies below it. Both absolute and clean. */
static inline bool path_lies_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return !strncmp(path, dir, n) && (!path[n] || path[n] == '/' || (n == 1 && *dir == '/'));
}

/*
 * A clean path is absolute, without "//", "." and "..", and does not end in '/' (but "/" itself). raw is taken from the
 * root, with a slash before it or not, so "" is "/". ".." takes away the name before it, whatever that name is: where
 * it may be a link, another path is meant than the one that the kernel walks. There is nothing above the root.
 *
 * The length, below size; -ENAMETOOLONG when what stands so far does not fit, with out then undefined. What ".." has
 * taken away does not count, nor how long raw is: strlen(raw) + 2 is always enough. out may not be raw.
 */
int path_text_clean(const char *raw, char *out, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* See pathtext.h. What comes in may be hostile text: each loop ends with it, and nothing is written beyond size. */
#include "base/pathtext.h"

#include <errno.h>
#include <limits.h>

int path_text_clean(const char *raw, char *out, size_t size)
{
    size_t n = 0;

    if (size < sizeof "/")
        return -ENAMETOOLONG;
    if (size > INT_MAX) /* the length is an int */
        size = INT_MAX;
    for (const char *c = raw; *c;) {
        c += strspn(c, "/");
        size_t length = strcspn(c, "/");
        if (length == 2 && !memcmp(c, "..", 2)) {
            while (n && out[--n] != '/')
                ;
        } else if (length && !(length == 1 && *c == '.')) {
            if (length + 1 >= size - n)
                return -ENAMETOOLONG;
            out[n++] = '/';
            memcpy(out + n, c, length);
            n += length;
        }
        c += length;
    }
    if (!n)
        out[n++] = '/';
    out[n] = '\0';
    return (int)n;
}

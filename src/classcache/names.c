/* SPDX-License-Identifier: Apache-2.0 */
/* See names.h. */
#include "classcache/names.h"

#include <stdbool.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

/* Parts of letters, digits and '-' (package-info), with a slash between each two. Names beyond ASCII are legal in Java
 * and left out here: such a class is loaded from its jar, as before. */
static bool is_name(const char *name, size_t n)
{
    bool begins = true;

    if (!n || n > CLASS_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (c == '/' && begins)
            return false;
        if (c != '/' && !is_letter(c) && (begins || !((c >= '0' && c <= '9') || c == '-')))
            return false;
        begins = c == '/';
    }
    return !begins;
}

struct class_names class_names_take(char *text, size_t length)
{
    struct class_names left = {0};
    size_t at = 0;

    while (at < length) {
        char *line = text + at, *end = memchr(line, '\n', length - at);
        bool marked = *line == '+';
        if (!end) {
            left.dropped++;
            break;
        }
        at = (size_t)(end - text) + 1;
        line += marked;
        size_t n = (size_t)(end - line);
        if (!is_name(line, n)) {
            left.dropped++;
            continue;
        }
        memmove(text + left.length, line, n + 1);
        left.length += n + 1;
        left.classes++;
        left.application += marked;
    }
    return left;
}

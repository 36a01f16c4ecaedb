/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and names as text. Pure; a path may be as long as the kernel takes it. */
#include "learn/learn.h"

#include <errno.h>
#include <string.h>

int learn_path_tidy(const char *path, char out[LEARN_PATH_SIZE])
{
    size_t n = 0;

    if (*path != '/')
        return -EINVAL;
    for (const char *c = path; *c;) {
        c += strspn(c, "/");
        size_t len = strcspn(c, "/");
        if (len && !(len == 1 && *c == '.')) {
            if (n + 1 + len >= LEARN_PATH_SIZE)
                return -ENAMETOOLONG;
            out[n++] = '/';
            memcpy(out + n, c, len);
            n += len;
        }
        c += len;
    }
    if (!n)
        out[n++] = '/';
    out[n] = '\0';
    return 0;
}

int learn_path_clean(const char *path, char out[LEARN_PATH_SIZE])
{
    if (*path != '/')
        return -EINVAL;
    int r = path_text_clean(path, out, LEARN_PATH_SIZE);
    return r < 0 ? r : 0;
}

bool learn_path_is_given(const char *path)
{
    static const char *const trees[] = {"/proc", "/sys", "/dev"};
    /* Of /etc what says who is who inside; as files of the host they would say something else. */
    static const char *const files[] = {"/", "/tmp", "/etc/passwd", "/etc/group", "/etc/hosts"};

    for (size_t i = 0; i < ARRAY_LEN(trees); i++)
        if (path_lies_in(path, trees[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (!strcmp(path, files[i]))
            return true;
    return false;
}

/* ---- made-up names ----------------------------------------------------------------------------------------------- */

enum class { LOWER, UPPER, DIGIT, OTHER };

static enum class class_of(char c) {
    return c >= 'a' && c <= 'z'   ? LOWER
           : c >= 'A' && c <= 'Z' ? UPPER
           : c >= '0' && c <= '9' ? DIGIT
                                  : OTHER;
}

/* Six letters and digits at the end of a word, mixed as no person mixes them: three changes of kind or more, or two
 * with both small and capital letters around a digit. */
static bool mixed(const char *word, size_t len)
{
    unsigned changes = 0, seen = 0;

    if (len < 6)
        return false;
    const char *tail = word + len - 6;
    for (size_t i = 0; i < 6; i++) {
        seen |= 1u << class_of(tail[i]);
        if (i && class_of(tail[i]) != class_of(tail[i - 1]))
            changes++;
    }
    return changes >= 3 ||
           (changes >= 2 && seen == (1u << LOWER | 1u << UPPER | 1u << DIGIT) && class_of(tail[5]) != DIGIT);
}

bool learn_name_is_random(const char *name)
{
    const char *word = name + strspn(name, ".#_~");

    /* tempfile, git, gcc and editors say so themselves. */
    if (!strncmp(word, "tmp", 3) && strlen(word) > 6)
        return true;
    while (*word) {
        size_t len = 0;
        while (class_of(word[len]) != OTHER)
            len++;
        if (mixed(word, len))
            return true;
        word += len;
        while (*word && class_of(*word) == OTHER)
            word++;
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See path.h. What comes in is hostile text; each loop ends with it. */
#include "broker/path.h"

#include <errno.h>
#include <string.h>

static bool is_dot(const char *name, size_t n)
{
    return n == 1 && name[0] == '.';
}

static bool is_dotdot(const char *name, size_t n)
{
    return n == 2 && name[0] == '.' && name[1] == '.';
}

bool path_is_clean(const char *path)
{
    if (path[0] != '/')
        return false;
    if (!path[1])
        return true;
    for (const char *c = path; *c;) {
        size_t n = strcspn(++c, "/");
        if (!n || is_dot(c, n) || is_dotdot(c, n))
            return false;
        c += n;
    }
    return true;
}

int path_clean(const char *raw, char out[PATH_SIZE])
{
    return path_text_clean(raw, out, PATH_SIZE);
}

int path_join(char out[PATH_SIZE], const char *dir, const char *name)
{
    size_t n = strlen(dir), length = strlen(name);

    if (n == 1 && dir[0] == '/')
        n = 0;
    if (n + 1 + length >= PATH_SIZE)
        return -ENAMETOOLONG;
    if (out != dir)
        memcpy(out, dir, n);
    out[n] = '/';
    memcpy(out + n + 1, name, length + 1);
    return (int)(n + 1 + length);
}

bool path_climbs(const char *path)
{
    for (const char *c = path; *c;) {
        c += strspn(c, "/");
        size_t n = strcspn(c, "/");
        if (is_dotdot(c, n))
            return true;
        c += n;
    }
    return false;
}

bool path_is_kernels(const char *path)
{
    static const char *const tops[] = {"/proc", "/dev", "/sys"};

    while (path[0] == '/' && path[1] == '/')
        path++;
    for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
        size_t n = strlen(tops[i]);
        if (!strncmp(path, tops[i], n) && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

void path_split(const char *path, size_t *dir, const char **name, size_t *length, bool *slash)
{
    size_t end = strlen(path), start;

    *slash = end && path[end - 1] == '/';
    while (end && path[end - 1] == '/')
        end--;
    for (start = end; start && path[start - 1] != '/';)
        start--;
    *dir = start;
    *name = path + start;
    *length = end - start;
}

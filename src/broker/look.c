/* SPDX-License-Identifier: Apache-2.0 */
/* See look.h. */
#include "broker/look.h"

#include "broker/statx.h"
#include "host/openat2.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DELETED " (deleted)"

int look_up(int dir, const char *path, bool follow, uint64_t scope)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), .resolve = scope};

    return openat2_scoped(dir, path, &how);
}

int look_link(int dir, const char *name, char out[PATH_SIZE])
{
    long n = sys(SYS_readlinkat, dir, name, out, PATH_SIZE);

    if (n < 0)
        return (int)n;
    if (n == PATH_SIZE)
        return -ENAMETOOLONG;
    out[n] = 0;
    return (int)n;
}

/* The path of a descriptor of ours, as far as the kernel knows it. */
int look_own_path(const struct broker *b, int fd, char out[PATH_SIZE])
{
    char digits[12];

    snprintf(digits, sizeof digits, "%d", fd);
    return look_link(b->own_fds, digits, out);
}

static bool facts_of(int fd, struct file_facts *out)
{
    return sys(SYS_statx, fd, "", AT_EMPTY_PATH, FACT_INO | FACT_MOUNT, out) == 0 && out->mask & FACT_MOUNT;
}

bool look_same(int a, int b)
{
    struct file_facts x, y;

    return facts_of(a, &x) && facts_of(b, &y) && x.ino == y.ino && x.mount == y.mount && x.dev_major == y.dev_major &&
           x.dev_minor == y.dev_minor;
}

/* ---- the trees ------------------------------------------------------------------------------------------------- */

static int tree_fd(const struct broker *b, int32_t tree, bool changes)
{
    return changes ? b->trees[tree].change : b->trees[tree].show;
}

/* `rest`: what follows the rule's name, without a slash in front. */
int tree_look_up(const struct broker *b, const struct rule *rule, const char *rest, bool follow, bool changes,
                 uint64_t scope)
{
    int dir = tree_fd(b, rule->tree, changes);

    if (rule->is_file) /* one name in a directory that is not granted: no link of it is followed */
        return *rest ? -ENOTDIR : look_up(dir, strrchr(rule->host, '/') + 1, false, CANONICALLY);
    return look_up(dir, *rest ? rest : ".", follow, scope);
}

/* The guest path of a descriptor that lies in a tree. A name that was taken away has a mark behind it, which could also
 * be part of a name: then the name must still lead there. */
int tree_name(const struct broker *b, int32_t tree, bool changes, int fd, char guest[PATH_SIZE])
{
    const struct rule *rule = rules_of_tree(&b->rules, tree);
    char top[PATH_SIZE], path[PATH_SIZE];
    int n = look_own_path(b, tree_fd(b, tree, changes), top), m = look_own_path(b, fd, path);

    if (!rule || n < 0 || m < 0)
        return -ENOENT;
    if (n == 1)
        n = 0;
    if (m < n || memcmp(path, top, (size_t)n) != 0 || (path[n] && path[n] != '/'))
        return -ENOENT;
    const char *rest = path + n + (path[n] == '/');
    if (m > (int)strlen(DELETED) && !strcmp(path + m - strlen(DELETED), DELETED)) {
        int again = tree_look_up(b, rule, rest, false, changes, CANONICALLY);
        bool same = again >= 0 && look_same(again, fd);
        fd_drop(&again);
        if (!same)
            return -ENOENT;
    }
    if (rule->is_file || !*rest)
        return snprintf(guest, PATH_SIZE, "%s", rule->guest);
    return path_join(guest, rule->guest, rest);
}

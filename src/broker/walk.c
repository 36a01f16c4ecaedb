/* SPDX-License-Identifier: Apache-2.0 */
/* A path walked name by name (look.h): what the kernel cannot do for us, since the target's root and the trees are
 * places of which it knows no connection. Bounded by the length of a path and by the number of links. */
#include "broker/look.h"

#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40 /* as the kernel */

void look_at(const struct broker *b, const char *guest, bool changes, struct place *out)
{
    const struct rule *rule = rules_find(&b->rules, guest, strlen(guest));

    *out = (struct place){.in = PLACE_ROOT, .rule = rule, .fd = -ENOENT};
    if (!rule || rule->verdict != PATH_BROKER || !b->absent[rule - b->rules.v])
        out->fd = look_up(b->root, guest, false, IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (out->fd == -ENOENT && rule && rule->within >= 0) {
        out->in = PLACE_TREE;
        out->fd = rule->verdict == PATH_DENY
                      ? -EACCES
                      : tree_look_up(b, rule, guest[rule->length] ? guest + rule->length + 1 : "", false, changes,
                                     CANONICALLY);
    } else if (out->fd == -ENOENT) {
        out->in = PLACE_NOWHERE;
    }
    if (out->fd < 0) {
        out->error = out->fd;
        out->fd = -1;
    }
}

static int expand_link(const struct place *p, const char *rest, char todo[PATH_SIZE], char guest[PATH_SIZE])
{
    char text[PATH_SIZE];
    int n = look_link(p->fd, "", text);

    if (n <= 0)
        return n < 0 ? n : -ENOENT;
    if ((size_t)n + 1 + strlen(rest) >= PATH_SIZE)
        return -ENAMETOOLONG;
    if (text[0] == '/')
        guest[0] = 0;
    memmove(todo + n + 1, rest, strlen(rest) + 1);
    memcpy(todo, text, (size_t)n);
    todo[n] = '/';
    if (!todo[n + 1])
        todo[n] = 0; /* a slash at the end would make the next link one that is followed */
    return 0;
}

/* What could not be looked up any more, for reports. */
static int add_rest(char guest[PATH_SIZE], const char *rest)
{
    char raw[PATH_SIZE];

    return path_join(raw, guest, rest) < 0 ? -ENAMETOOLONG : path_clean(raw, guest) < 0 ? -ENAMETOOLONG : 0;
}

int walk(const struct broker *b, const char *path, bool follow_last, bool changes, char guest[PATH_SIZE],
         struct place *at)
{
    char todo[PATH_SIZE], name[NAME_MAX + 1];
    const char *c = todo;
    unsigned links = 0;

    snprintf(todo, sizeof todo, "%s", path);
    guest[0] = 0;
    *at = (struct place){.in = PLACE_ROOT, .fd = look_up(b->root, "/", true, IN_ROOT)};
    for (unsigned steps = 0; steps < PATH_SIZE * LINKS_MAX; steps++) {
        c += strspn(c, "/");
        size_t n = strcspn(c, "/");
        if (!n)
            break;
        const char *rest = c + n;
        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, c, n);
        name[n] = 0;
        c = rest;
        if (!strcmp(name, "."))
            continue;
        if (!strcmp(name, "..")) {
            char *slash = strrchr(guest, '/');
            *(slash ? slash : guest) = 0;
        }
        size_t length = strlen(guest);
        if (strcmp(name, "..") != 0 && path_join(guest, length ? guest : "/", name) < 0)
            return -ENAMETOOLONG;
        fd_drop(&at->fd);
        if (path_is_kernels(guest)) {
            *at = (struct place){.in = PLACE_SYSTEM, .fd = -1};
            return 0;
        }
        look_at(b, guest[0] ? guest : "/", changes, at);
        struct stat st = {.st_mode = S_IFDIR};
        if (at->fd >= 0 && sys(SYS_newfstatat, at->fd, "", &st, AT_EMPTY_PATH) < 0)
            return -ENOENT;
        bool last = !*(rest + strspn(rest, "/"));
        if (at->fd >= 0 && S_ISLNK(st.st_mode) && (!last || follow_last || *rest)) {
            if (++links > LINKS_MAX)
                return -ELOOP;
            guest[length] = 0;
            int r = expand_link(at, rest, todo, guest);
            if (r < 0)
                return r;
            c = todo;
            continue;
        }
        if (at->error == -ENOENT && rules_below(&b->rules, guest[0] ? guest : "/") && at->in == PLACE_NOWHERE)
            continue; /* a name on the way to a rule: nothing is there but the rule */
        if (at->fd < 0)
            return last ? 0 : add_rest(guest, rest + 1);
        if ((!last || *rest) && !S_ISDIR(st.st_mode)) {
            at->error = -ENOTDIR;
            fd_drop(&at->fd);
            return last ? 0 : add_rest(guest, rest + 1);
        }
    }
    if (!guest[0])
        strcpy(guest, "/");
    return 0;
}

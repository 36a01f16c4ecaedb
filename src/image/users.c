/* SPDX-License-Identifier: Apache-2.0 */
#include "image/users.h"

#include "base/io.h"
#include "host/mountapi.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (1u << 20)
#define LINE_MAX_  1023u
#define GROUPS_MAX 1024u

static bool parse_id(const char *text, size_t len, uint32_t *out)
{
    uint64_t v = 0;

    if (!len || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(text[i] - '0');
    }
    if (v >= UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* Splits the next usable line into n fields at ':'; *at moves on. False at the end. */
static bool next_line(char **at, char **field, unsigned n)
{
    while (**at) {
        char *line = *at;
        size_t len = strcspn(line, "\n");
        *at = line + len + (line[len] == '\n');
        line[len] = 0;
        if (len > LINE_MAX_)
            continue;
        unsigned f = 0;
        field[f++] = line;
        for (char *c = line; *c && f < n; c++)
            if (*c == ':') {
                *c = 0;
                field[f++] = c + 1;
            }
        if (f == n)
            return true;
    }
    return false;
}

/* The file's text; empty when the image has none. */
static int read_list(struct arena *a, int root, const char *path, char **text, struct err *err)
{
    size_t len = 0;
    int fd = open_regular_in_root(root, path);

    *text = arena_strdup(a, "");
    if (!*text)
        return err_set(err, -ENOMEM, "no memory for %s", path);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    int r = fd < 0 ? fd : io_read_fd(a, fd, FILE_MAX, text, &len);
    close_fd(fd);
    return r < 0 ? err_sys(err, r, "%s of the image", path) : 0;
}

static int find_user(struct arena *a, int root, const char *name, struct user_rule *out, const char **login,
                     struct err *err)
{
    char *text, *field[4];
    uint32_t uid = 0;
    bool numeric = parse_id(name, strlen(name), &uid);
    int r = read_list(a, root, "/etc/passwd", &text, err);

    if (r < 0)
        return r;
    while (next_line(&text, field, 4)) {
        uint32_t u, g;
        field[3][strcspn(field[3], ":")] = 0;
        if (!parse_id(field[2], strlen(field[2]), &u) || !parse_id(field[3], strlen(field[3]), &g) ||
            (numeric ? u != uid : strcmp(field[0], name)))
            continue;
        out->uid = u;
        out->gid = g;
        *login = field[0];
        return 0;
    }
    if (!numeric)
        return err_set(err, -ENOENT, "user %s: not in the image's /etc/passwd; give a number", name);
    out->uid = uid;
    out->gid = 0;
    return 0;
}

static int find_group(struct arena *a, int root, const char *name, uint32_t *gid, struct err *err)
{
    char *text, *field[3];

    if (parse_id(name, strlen(name), gid))
        return 0;
    int r = read_list(a, root, "/etc/group", &text, err);
    if (r < 0)
        return r;
    while (next_line(&text, field, 3)) {
        field[2][strcspn(field[2], ":")] = 0;
        if (!strcmp(field[0], name) && parse_id(field[2], strlen(field[2]), gid))
            return 0;
    }
    return err_set(err, -ENOENT, "group %s: not in the image's /etc/group; give a number", name);
}

static int add_group(struct arena *a, struct user_rule *u, uint32_t gid)
{
    if (!u->groups && !(u->groups = arena_array(a, GROUPS_MAX, sizeof *u->groups)))
        return -ENOMEM;
    for (uint32_t i = 0; i < u->n_groups; i++)
        if (u->groups[i] == gid)
            return 0;
    if (u->n_groups == GROUPS_MAX)
        return -E2BIG;
    u->groups[u->n_groups++] = gid;
    return 0;
}

/* The groups that list the user as a member. */
static int add_memberships(struct arena *a, int root, const char *login, struct user_rule *u, struct err *err)
{
    char *text, *field[4];
    int r = read_list(a, root, "/etc/group", &text, err);

    while (r == 0 && next_line(&text, field, 4)) {
        uint32_t gid;
        if (!parse_id(field[2], strlen(field[2]), &gid))
            continue;
        for (char *m = field[3]; *m && r == 0;) {
            size_t len = strcspn(m, ",");
            if (len == strlen(login) && !strncmp(m, login, len))
                r = add_group(a, u, gid);
            m += len + (m[len] == ',');
        }
    }
    return r < 0 && !err->code ? err_sys(err, r, "groups of user %s", login) : r;
}

int users_resolve(struct arena *a, int root, const char *text, struct user_rule *out, struct err *err)
{
    const char *login = NULL;

    if (!text || !*text)
        text = "0:0";
    const char *colon = strchr(text, ':');
    const char *name = colon ? arena_strndup(a, text, (size_t)(colon - text)) : text;
    if (!name)
        return err_set(err, -ENOMEM, "no memory for user %s", text);
    int r = *name ? find_user(a, root, name, out, &login, err) : 0;
    if (r == 0 && colon && colon[1])
        r = find_group(a, root, colon + 1, &out->gid, err);
    else if (r == 0 && login)
        r = add_memberships(a, root, login, out, err);
    return r;
}

int users_add_groups(struct arena *a, int root, const struct strv *groups, struct user_rule *out, struct err *err)
{
    for (uint32_t i = 0; i < groups->n; i++) {
        uint32_t gid;
        int r = find_group(a, root, groups->v[i], &gid, err);
        if (r == 0 && (r = add_group(a, out, gid)) < 0)
            err_sys(err, r, "group %s", groups->v[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path leads: on the host, and inside a sandbox of the rules so far. There a rule of a file or directory is a
 * mount, and the kernel follows the host's links when it makes one: a link at a rule's path, or on the way to it, is no
 * link inside but part of a plain name. What stays a link is what lies below the path of a directory's rule, what the
 * policy makes as a link, and what the run makes itself. Pure but for l->look.
 */
#include "learn/learn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40 /* as the kernel */
#define STEPS_MAX (LEARN_PATH_SIZE * 2)

/* Inside: is the host's link at this name a link? */
static bool is_live(const struct learn *l, const char *guest)
{
    const struct learn_rule *best = NULL;
    size_t length = 0;

    if (learn_link_find(l, guest))
        return true;
    for (uint32_t i = 0; i < l->n_rules; i++) {
        size_t n = strlen(l->rules[i].path);
        if (l->rules[i].verdict == PATH_ALLOW && path_lies_in(guest, l->rules[i].path) && (!best || n > length))
            best = &l->rules[i], length = n;
    }
    return best && best->directory && guest[length];
}

/* The text of a link that is none on the host: made by the policy. */
static const char *made_link(const struct learn *l, const char *guest)
{
    const struct learn_link *link = learn_link_find(l, guest);

    return link ? link->target : NULL;
}

static int join(char path[LEARN_PATH_SIZE], const char *name, size_t len)
{
    size_t n = strlen(path);

    if (n + 1 + len >= LEARN_PATH_SIZE)
        return -ENAMETOOLONG;
    path[n] = '/';
    memcpy(path + n + 1, name, len);
    path[n + 1 + len] = '\0';
    return 0;
}

static void up(char *path)
{
    char *slash = strrchr(path, '/');

    *(slash ? slash : path) = '\0';
}

struct walk {
    struct learn *l;
    bool inside, follow;
    struct learn_spot *out;
    char todo[LEARN_PATH_SIZE];
    char flat[LEARN_PATH_SIZE]; /* the last link that was taken for a plain name; its `real` lies elsewhere */
    unsigned links;
};

/* ".." from a plain name that the host has as a link leads elsewhere inside: so it has to be a link there too. */
static void go_up(struct walk *w)
{
    struct learn_spot *s = w->out;

    if (w->flat[0] && !strcmp(w->flat, s->guest) && !s->stray[0])
        strcpy(s->stray, s->guest);
    up(s->guest);
    up(s->real);
    if (strlen(s->guest) < s->made)
        s->made = 0;
}

/* The link's text in front of what is left to walk. */
static int go_through(struct walk *w, const char *target, const char *rest)
{
    size_t n = strlen(target), m = strlen(rest);

    if (++w->links > LINKS_MAX)
        return -ELOOP;
    if (n + 1 + m >= LEARN_PATH_SIZE)
        return -ENAMETOOLONG;
    memmove(w->todo + n + (m > 0), rest, m + 1);
    memcpy(w->todo, target, n);
    if (m)
        w->todo[n] = '/';
    else
        w->todo[n] = '\0';
    up(w->out->guest);
    up(w->out->real);
    if (*target == '/')
        w->out->guest[0] = w->out->real[0] = '\0';
    if (strlen(w->out->guest) < w->out->made)
        w->out->made = 0;
    return 0;
}

/* A link that is a plain name inside: there `guest` stays, and on the host it goes on behind the link. */
static int go_flat(struct walk *w)
{
    struct learn_spot behind; /* one level: on the host all links are links */
    int r = learn_walk_host(w->l, w->out->real, true, &behind);

    if (r < 0)
        return r;
    strcpy(w->out->real, strcmp(behind.real, "/") ? behind.real : "");
    strcpy(w->flat, w->out->guest);
    w->out->node = behind.node;
    return 0;
}

static struct learn_node *node_of(struct walk *w)
{
    struct learn_node *node = learn_find(w->l, w->out->real);

    bool vague = !node || node->kind == LEARN_UNKNOWN || (node->kind == LEARN_LINK && !node->target);

    return vague && w->l->look ? w->l->look(w->l, w->out->real) : node;
}

/* One name. 1: go on behind it, 0: go on with w->todo from its start. */
static int step(struct walk *w, const char *name, size_t len, const char *rest)
{
    struct learn_spot *s = w->out;
    bool last = !*rest;
    int r;

    if ((r = join(s->guest, name, len)) < 0 || (r = join(s->real, name, len)) < 0)
        return r;
    struct learn_node *node = s->node = node_of(w);
    const char *target = w->inside ? made_link(w->l, s->guest) : NULL;
    bool link = node && node->kind == LEARN_LINK && node->target;
    if (node && node->made && !s->made)
        s->made = strlen(s->guest);
    if ((link || target) && (!last || w->follow)) {
        if (target || !w->inside || node->made || is_live(w->l, s->guest)) {
            r = go_through(w, target ? target : node->target, rest);
            return r < 0 ? r : 0;
        }
        return (r = go_flat(w)) < 0 ? r : 1;
    }
    return 1;
}

static int walk(struct learn *l, const char *asked, bool inside, bool follow, struct learn_spot *out)
{
    struct walk w = {.l = l, .inside = inside, .follow = follow, .out = out};
    const char *c = w.todo;

    out->guest[0] = out->real[0] = out->stray[0] = '\0';
    out->made = 0;
    out->node = NULL;
    if (*asked != '/')
        return -EINVAL;
    if (snprintf(w.todo, sizeof w.todo, "%s", asked) >= (int)sizeof w.todo)
        return -ENAMETOOLONG;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        c += strspn(c, "/");
        size_t len = strcspn(c, "/");
        if (!len)
            break;
        const char *rest = c + len + strspn(c + len, "/");
        if (len == 2 && !memcmp(c, "..", 2)) {
            go_up(&w);
            out->node = out->real[0] ? node_of(&w) : NULL;
        } else if (!(len == 1 && *c == '.')) {
            char name[LEARN_PATH_SIZE];
            memcpy(name, c, len); /* todo is written anew by a link */
            int r = step(&w, name, len, rest);
            if (r < 0)
                return r;
            if (r == 0) {
                c = w.todo;
                continue;
            }
        }
        c = rest;
    }
    for (char *path = out->guest; path; path = path == out->guest ? out->real : NULL)
        if (!*path)
            strcpy(path, "/");
    return 0;
}

int learn_walk_host(struct learn *l, const char *asked, bool follow, struct learn_spot *out)
{
    return walk(l, asked, false, follow, out);
}

int learn_walk_inside(struct learn *l, const char *asked, bool follow, struct learn_spot *out)
{
    return walk(l, asked, true, follow, out);
}

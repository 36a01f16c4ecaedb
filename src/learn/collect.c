/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All uses, walked under the rules so far: what is needed of what was there before (struct need), and in which
 * directories names were made or removed (struct group). Pure.
 */
#include "learn/plan.h"
#include "policy/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *plan_parent(struct plan *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? arena_strndup(p->l->arena, path, slash == path ? 1 : (size_t)(slash - path)) : NULL;

    p->failed |= !dir;
    return dir;
}

/* ---- names of the run's own ------------------------------------------------------------------------------------- */

static bool ends_name(char c)
{
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-.", c)) || !c;
}

/* An argument as a path: itself or what follows '=', from the working directory. */
static bool names_above(const struct learn *l, const char *arg, const char *path)
{
    char raw[2 * LEARN_PATH_SIZE], clean[LEARN_PATH_SIZE];
    const char *equals = strchr(arg, '=');

    for (const char *text = arg; text; text = text == arg && equals ? equals + 1 : NULL) {
        snprintf(raw, sizeof raw, "%s/%.4000s", *text == '/' ? "" : l->cwd, text);
        /* A directory that everybody shares names nothing in it. */
        if (*text && learn_path_clean(raw, clean) == 0 && path_lies_in(path, clean) && clean[1] &&
            strcmp(clean, "/tmp") != 0 && strcmp(clean, "/var/tmp") != 0)
            return true;
    }
    return false;
}

static bool is_named(const struct learn *l, const char *path)
{
    for (const char *const *arg = l->argv; arg && *arg; arg++) {
        const char *at = strstr(*arg, path);
        if ((at && ends_name(at[strlen(path)])) || names_above(l, *arg, path))
            return true;
    }
    return false;
}

const char *plan_scratch_of(const struct learn *l, const char *path)
{
    static const char *const areas[] = {"/tmp", "/var/tmp"};

    if (path_lies_in(path, l->cwd) || is_named(l, path))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(areas); i++)
        if (path_lies_in(path, areas[i]) && strcmp(path, areas[i]) != 0)
            return areas[i];
    return NULL;
}

static void want_scratch(struct plan *p, const char *area)
{
    struct learn *l = p->l;

    if (!strcmp(area, "/tmp")) /* there in every sandbox */
        return;
    for (uint32_t i = 0; i < l->n_scratch; i++)
        if (!strcmp(l->scratch[i], area))
            return;
    const char **added = policy_list_push(l->arena, &l->scratch, &l->n_scratch, sizeof *added);
    if (added)
        *added = area;
    p->failed |= !added;
}

/* ---- what is found ----------------------------------------------------------------------------------------------- */

static void add_need(struct plan *p, const struct learn_spot *s, uint32_t access, enum learn_kind kind, uint32_t how)
{
    if (plan_is_given(p->l, s->guest)) {
        p->root_listed |= how & LEARN_LISTED && !strcmp(s->guest, "/");
        return;
    }
    struct need **at =
        (struct need **)learn_table_place(p->l->arena, (void ***)&p->needs, &p->needs_size, p->n_needs, s->guest);
    struct need *n = at ? *at : NULL;
    if (at && !n && (n = arena_alloc(p->l->arena, sizeof *n)) && (n->path = arena_strdup(p->l->arena, s->guest))) {
        *at = n;
        p->n_needs++;
    }
    if (!n || !n->path) {
        p->failed = true;
        return;
    }
    n->access |= access | PATH_STAT;
    n->listed |= (how & LEARN_LISTED) != 0;
    n->run |= (how & LEARN_RUN) != 0;
    n->entered |= (how & LEARN_ENTERED) != 0;
    if (kind != LEARN_UNKNOWN)
        n->kind = kind;
}

static struct group *group_of(struct plan *p, const char *dir)
{
    struct group **at =
        (struct group **)learn_table_place(p->l->arena, (void ***)&p->groups, &p->groups_size, p->n_groups, dir);

    if (!at || *at)
        return at ? *at : NULL;
    if (!(*at = arena_alloc(p->l->arena, sizeof **at)))
        return NULL;
    p->n_groups++;
    (*at)->path = dir;
    return *at;
}

/* `path`: the name that was changed, of which `used` was made. */
static void add_change(struct plan *p, const char *path, uint32_t used, bool deep, bool gone)
{
    struct arena *a = p->l->arena;
    const char *area = plan_scratch_of(p->l, path), *dir;

    if (area && !gone) {
        want_scratch(p, area);
        return;
    }
    if (learn_path_is_given(path) || !(dir = plan_parent(p, path)))
        return;
    struct name **at = (struct name **)learn_table_place(a, (void ***)&p->names, &p->names_size, p->n_names, path);
    struct group *g = group_of(p, dir);
    struct name *n = at ? *at : NULL;
    if (at && g && !n && (n = arena_alloc(a, sizeof *n)) && (n->path = arena_strdup(a, path))) {
        *at = n;
        p->n_names++;
        n->group = g;
        g->names++;
        if (!g->only)
            g->only = n->path;
        g->random |= learn_name_is_random(strrchr(path, '/') + 1);
    }
    if (!n || !n->path || !g) {
        p->failed = true;
        return;
    }
    n->gone |= gone;
    g->used |= used | PATH_STAT;
    g->deep |= deep;
}

static void want_link(struct plan *p, const char *path, const char *target)
{
    struct learn *l = p->l;

    if (learn_link_find(l, path))
        return;
    if (strchr(path, '=')) { /* which begins the target where links are written */
        p->failed |= learn_note(l, "that %s is a link: a policy cannot name one with '='", path) < 0;
        return;
    }
    for (uint32_t i = 0; i < l->n_rules; i++)
        if (!strcmp(l->rules[i].path, path)) /* of the policy that is added to: there it is what the link leads to */
            return;
    p->failed |= learn_link(l, path, target, false) < 0;
    p->changed = true;
}

/* A link of the host that has to be one inside: it is below a directory's rule, or the policy makes it. */
static void need_link(struct plan *p, const char *path)
{
    struct learn_rule *rule = plan_rule_of(p->l, path);
    struct learn_spot s;

    if (rule && rule->verdict == PATH_ALLOW && rule->directory && strcmp(rule->path, path) != 0)
        return;
    if (learn_walk_inside(p->l, path, false, &s) == 0 && s.node && s.node->kind == LEARN_LINK && s.node->target &&
        !learn_path_is_given(s.guest))
        want_link(p, s.guest, s.node->target);
}

/* ---- one use ----------------------------------------------------------------------------------------------------- */

static const char *made_part(struct plan *p, const struct learn_spot *s)
{
    const char *top = arena_strndup(p->l->arena, s->guest, s->made);

    p->failed |= !top;
    return top;
}

static void collect_followed(struct plan *p, const struct learn_use *use)
{
    struct learn_spot s;
    uint32_t access = use->access;

    if (learn_walk_inside(p->l, use->asked, true, &s) < 0)
        return;
    enum learn_kind kind = s.node ? s.node->kind : LEARN_UNKNOWN;
    if (s.stray[0])
        need_link(p, s.stray);
    if (s.node && s.node->library && access & PATH_READ)
        access |= PATH_EXECUTE;
    const char *top = s.made ? made_part(p, &s) : NULL;
    if (top)
        add_change(p, top, access, s.guest[s.made] || kind == LEARN_DIRECTORY, false);
    else if (!s.made)
        add_need(p, &s, access, kind, use->how);
}

static void collect_kept(struct plan *p, const struct learn_use *use)
{
    struct learn_spot s;

    if (learn_walk_inside(p->l, use->asked, false, &s) < 0 || s.made || !s.node)
        return;
    if (s.stray[0])
        need_link(p, s.stray);
    if (s.node->kind == LEARN_LINK)
        need_link(p, s.guest);
    else
        add_need(p, &s, PATH_STAT, s.node->kind, 0);
}

static void collect_changed(struct plan *p, const struct learn_use *use)
{
    struct learn_spot s;

    if (learn_walk_inside(p->l, use->asked, false, &s) < 0)
        return;
    if (s.stray[0])
        need_link(p, s.stray);
    bool directory = s.node && s.node->kind == LEARN_DIRECTORY;
    const char *top = s.made ? made_part(p, &s) : NULL;
    if (top)
        add_change(p, top, PATH_CREATE, s.guest[s.made] || directory, false);
    else if (!s.made)
        add_change(p, s.guest, PATH_CREATE, directory, true);
}

/* What ".." stands behind has to be there, and a directory. */
static void collect_passed(struct plan *p, const struct learn_use *use)
{
    char prefix[LEARN_PATH_SIZE];
    struct learn_spot s;

    for (const char *c = strstr(use->asked, "/.."); c; c = strstr(c + 1, "/..")) {
        if ((c[3] && c[3] != '/') || c == use->asked)
            continue;
        snprintf(prefix, sizeof prefix, "%.*s", (int)(c - use->asked), use->asked);
        if (learn_walk_inside(p->l, prefix, true, &s) == 0 && !s.made && s.node && s.node->kind == LEARN_DIRECTORY)
            add_need(p, &s, PATH_STAT, LEARN_DIRECTORY, 0);
    }
}

void plan_collect(struct plan *p)
{
    *p = (struct plan){.l = p->l};
    for (uint32_t i = 0; i < p->l->n_uses && !p->failed; i++) {
        const struct learn_use *use = p->l->order[i];
        if (use->how & LEARN_FOLLOWED)
            collect_followed(p, use);
        if (use->how & LEARN_KEPT)
            collect_kept(p, use);
        if (use->how & (LEARN_MADE | LEARN_GONE))
            collect_changed(p, use);
        collect_passed(p, use);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of directories, each for a reason that becomes its comment: the run listed it; it made or removed names in it;
 * many of its files were read in the same way. All else stays a rule of one file. Pure.
 */
#include "learn/plan.h"
#include "policy/list.h"

#include <errno.h>
#include <string.h>

bool plan_is_given(const struct learn *l, const char *path)
{
    /* The shared /tmp is a place of the host only for who works in it. */
    if (!strcmp(path, "/tmp"))
        return strcmp(l->cwd, "/tmp") != 0;
    /* With rules of the network names are asked of the sandbox's own service. */
    if (l->n_nets && !strcmp(path, "/etc/resolv.conf"))
        return true;
    return learn_path_is_given(path);
}

struct learn_rule *plan_rule_of(const struct learn *l, const char *path)
{
    struct learn_rule *best = NULL;
    size_t length = 0;

    for (uint32_t i = 0; i < l->n_rules; i++) {
        size_t n = strlen(l->rules[i].path);
        if (path_lies_in(path, l->rules[i].path) && (!best || n > length))
            best = &l->rules[i], length = n;
    }
    return best;
}

/* The rule of a directory: an access more for one that has it, or a new one. */
static void want(struct plan *p, const char *path, uint32_t access, const char *why)
{
    struct learn *l = p->l;
    struct learn_rule *rule = plan_rule_of(l, path);

    access |= PATH_STAT;
    if (plan_is_given(l, path)) {
        if (access & PATH_CREATE)
            p->failed |= learn_note(l, "names made or removed in %s: a sandbox has one of its own", path) < 0;
        return;
    }
    if (rule && rule->verdict == PATH_DENY) {
        p->failed |= learn_note(l, "what lies in %s: the rule deny %s forbids it", path, rule->path) < 0;
        return;
    }
    if (rule && !(access & ~rule->access))
        return;
    if (rule && !strcmp(rule->path, path)) {
        if (rule->verdict != PATH_ALLOW) {
            p->failed |= learn_note(l, "more of %s: it has a rule broker, where allow is needed", path) < 0;
            return;
        }
        rule->access |= access;
        rule->directory = true;
        if (!rule->why || !strstr(rule->why, why))
            rule->why = rule->why ? arena_printf(l->arena, "%s; %s", rule->why, why) : why;
        p->failed |= !rule->why;
        p->changed = true;
        return;
    }
    uint32_t inherited = rule && rule->verdict == PATH_ALLOW ? rule->access : 0;
    const char *copy = arena_strdup(l->arena, path);
    struct learn_rule *added = policy_list_push(l->arena, &l->rules, &l->n_rules, sizeof *added);
    if (!added || !copy) {
        p->failed = true;
        return;
    }
    *added = (struct learn_rule){
        .path = copy, .verdict = PATH_ALLOW, .access = access | inherited, .directory = true, .why = why};
    p->changed = true;
}

/* ---- listed ------------------------------------------------------------------------------------------------------ */

static void choose_listed(struct plan *p)
{
    for (uint32_t i = 0; i < p->needs_size && !p->failed; i++) {
        const struct need *n = p->needs[i];
        if (!n || n->kind != LEARN_DIRECTORY)
            continue;
        if (n->listed)
            want(p, n->path, n->access | PATH_READ, "its names were listed");
        else if (n->access != PATH_STAT)
            want(p, n->path, n->access, "its mode, owner or time was changed");
    }
}

/* ---- changed ----------------------------------------------------------------------------------------------------- */

/* The name that was there before and went, if the path is it or lies below it. */
static struct name *gone_above(const struct plan *p, const char *path)
{
    char prefix[LEARN_PATH_SIZE];
    struct name *n;

    for (size_t end = strlen(path); end; end--) {
        if (path[end] && path[end] != '/')
            continue;
        memcpy(prefix, path, end);
        prefix[end] = '\0';
        n = learn_table_find(p->names, p->names_size, prefix);
        if (n && n->gone)
            return n;
    }
    return NULL;
}

/* What has a rule of its own has a mount of its own, and nobody can remove or move that: so it is left to the rule of
 * its directory. */
static void fold(struct plan *p)
{
    for (uint32_t i = 0; i < p->needs_size; i++) {
        const struct need *n = p->needs[i];
        struct name *name = n ? gone_above(p, n->path) : NULL;
        if (name)
            name->group->used |= n->access;
    }
    for (uint32_t i = 0; i < p->groups_size; i++) {
        const struct group *g = p->groups[i];
        struct name *name = g ? gone_above(p, g->path) : NULL;
        if (name)
            name->group->used |= g->used;
    }
}

/* The broker shows the directories above its paths, but nobody can go there. */
static bool is_entered(const struct plan *p, const char *path)
{
    char prefix[LEARN_PATH_SIZE];

    for (size_t end = strlen(path); end; end--) {
        if (path[end] && path[end] != '/')
            continue;
        memcpy(prefix, path, end);
        prefix[end] = '\0';
        const struct need *n = learn_table_find(p->needs, p->needs_size, prefix);
        if (n && n->entered && !path_lies_in(p->l->cwd, prefix))
            return true;
    }
    return false;
}

bool plan_is_single(const struct plan *p, const struct group *g)
{
    const struct learn_rule *rule = plan_rule_of(p->l, g->path);

    if ((rule && rule->verdict == PATH_ALLOW) || is_entered(p, g->path))
        return false; /* what lies in an allowed directory is the kernel's */
    return g->names == 1 && !g->deep && !g->random && !(g->used & PATH_EXECUTE);
}

static const char *reason(const struct group *g)
{
    return g->names > 1             ? "names in it were made or removed"
           : g->deep                ? "a directory in it was made or removed"
           : g->random              ? "a name in it was made up, and the next run makes up another"
           : g->used & PATH_EXECUTE ? "a program was made in it and run"
                                    : "a name in it was made or removed";
}

static void choose_changed(struct plan *p)
{
    fold(p);
    for (uint32_t i = 0; i < p->groups_size && !p->failed; i++) {
        const struct group *g = p->groups[i];
        if (g && !plan_is_single(p, g))
            want(p, g->path, g->used | PATH_CREATE, reason(g));
    }
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static bool is_system(const char *path)
{
    static const char *const trees[] = {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/bin", "/sbin", "/opt"};

    for (size_t i = 0; i < ARRAY_LEN(trees); i++)
        if (path_lies_in(path, trees[i]))
            return true;
    return false;
}

static bool has_own_need(const struct need *n)
{
    return n && n->kind != LEARN_DIRECTORY && n->kind != LEARN_SOCKET && n->kind != LEARN_DEVICE;
}

struct crowd {
    const char *path;
    uint32_t n[2]; /* files of the directory alone that were read; that were read and run */
};

static const uint32_t crowd_access[2] = {PATH_STAT | PATH_READ, PATH_STAT | PATH_READ | PATH_EXECUTE};

/* All that was used below it was used in this way at least, but for what was only looked at. */
static bool all_have(const struct plan *p, const char *dir, uint32_t access)
{
    for (uint32_t i = 0; i < p->needs_size; i++) {
        const struct need *n = p->needs[i];
        if (has_own_need(n) && path_lies_in(n->path, dir) && n->access != PATH_STAT && access & ~n->access)
            return false;
    }
    return true;
}

static void choose_many(struct plan *p)
{
    struct arena *a = p->l->arena;
    struct crowd **crowds = NULL;
    uint32_t n = 0, size = 0;

    for (uint32_t i = 0; i < p->needs_size && !p->failed; i++) {
        const struct need *need = p->needs[i];
        if (!has_own_need(need) || !is_system(need->path))
            continue;
        const char *dir = plan_parent(p, need->path);
        struct crowd **at = dir ? (struct crowd **)learn_table_place(a, (void ***)&crowds, &size, n, dir) : NULL;
        if (at && !*at && (*at = arena_alloc(a, sizeof **at)))
            (*at)->path = dir, n++;
        if (!at || !*at) {
            p->failed = true;
            return;
        }
        for (int k = 0; k < 2; k++)
            (*at)->n[k] += need->access == crowd_access[k];
    }
    for (uint32_t i = 0; i < size && !p->failed; i++) {
        for (int k = 1; k >= 0; k--) {
            const struct crowd *c = crowds[i];
            if (!c || c->n[k] <= LEARN_MANY || !all_have(p, c->path, crowd_access[k]))
                continue;
            const char *why =
                arena_printf(a, "%u of its files were %s", c->n[k], k ? "read, and mapped or run" : "read");
            p->failed |= !why;
            want(p, c->path, crowd_access[k], why);
        }
    }
}

/* ---- moved ------------------------------------------------------------------------------------------------------- */

static bool same_mount(const struct learn *l, const char *a, const char *b)
{
    const struct learn_rule *x = plan_rule_of(l, a), *y = plan_rule_of(l, b);

    return x && x == y && x->verdict == PATH_ALLOW;
}

static unsigned depth(const char *path)
{
    unsigned n = 0;

    for (; *path; path++)
        n += *path == '/' && path[1];
    return n;
}

/* Files move only within one mount: from one directory to another within a rule of both. */
static void choose_moved(struct plan *p)
{
    struct learn *l = p->l;
    struct learn_spot from, to;
    char above[LEARN_PATH_SIZE];

    for (uint32_t i = 0; i < l->n_pairs && !p->failed; i++) {
        if (learn_walk_inside(l, l->pairs[i].from->asked, false, &from) < 0 ||
            learn_walk_inside(l, l->pairs[i].to->asked, false, &to) < 0)
            continue;
        bool scratch[2] = {plan_scratch_of(l, from.guest), plan_scratch_of(l, to.guest)};
        if (scratch[0] && scratch[1])
            continue;
        *strrchr(from.guest, '/') = *strrchr(to.guest, '/') = '\0';
        if (!strcmp(from.guest, to.guest) || same_mount(l, from.guest, to.guest))
            continue;
        size_t n = 0, end = 0;
        for (; from.guest[n] && from.guest[n] == to.guest[n]; n++)
            if (from.guest[n] == '/')
                end = n;
        if ((!from.guest[n] || from.guest[n] == '/') && (!to.guest[n] || to.guest[n] == '/'))
            end = n;
        memcpy(above, from.guest, end);
        above[end] = '\0';
        if (scratch[0] || scratch[1] || (depth(above) < 2 && strcmp(above, l->cwd) != 0)) {
            p->failed |= learn_note(l, "moving or linking from %s to %s: inside these are different file systems",
                                    from.guest, to.guest) < 0;
            continue;
        }
        const struct learn_rule *x = plan_rule_of(l, from.guest), *y = plan_rule_of(l, to.guest);
        want(p, above, PATH_CREATE | (x ? x->access : 0) | (y ? y->access : 0),
             "names were moved between directories in it");
    }
}

void plan_choose(struct plan *p)
{
    choose_listed(p);
    choose_changed(p);
    choose_many(p);
    choose_moved(p);
}

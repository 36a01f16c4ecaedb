/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules: rounds until no directory is added (plan.h), then a rule for each need that no directory's rule covers.
 * Then what the mechanisms behind the rules ask for (confine/paths.h): a rule inside another gives at least as much as
 * that one, since rights of the kernel's add up along a path. Pure.
 */
#include "learn/plan.h"
#include "policy/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct learn_rule *)a)->path, ((const struct learn_rule *)b)->path);
}

/* ---- rules of single paths --------------------------------------------------------------------------------------- */

struct finish {
    struct plan *p;
    struct learn_rule *v; /* rules of files, and of directories that are only looked at */
    uint32_t n;
};

static void add(struct finish *f, const char *path, enum path_verdict verdict, uint32_t access, bool directory)
{
    struct learn_rule *added = policy_list_push(f->p->l->arena, &f->v, &f->n, sizeof *added);

    if (added)
        *added = (struct learn_rule){.path = path, .verdict = verdict, .access = access, .directory = directory};
    f->p->failed |= !added;
}

/* A name that the broker answers for, with all that was done to it. */
static bool is_brokered(const struct plan *p, const char *path)
{
    const struct name *n = learn_table_find(p->names, p->names_size, path);

    return n && plan_is_single(p, n->group);
}

/* What no rule can give, or nobody should: said in the file's head. True: no rule. */
static bool is_refused(struct plan *p, const struct need *n)
{
    struct learn *l = p->l;
    const struct learn_rule *rule = plan_rule_of(l, n->path);

    if (rule && rule->verdict == PATH_DENY)
        p->failed |= learn_note(l, "%s: the rule deny %s forbids it", n->path, rule->path) < 0;
    else if (n->kind == LEARN_SOCKET)
        p->failed |= learn_note(l, "the socket %s: whoever listens there would act for the program", n->path) < 0;
    else if (n->kind == LEARN_DEVICE)
        p->failed |= learn_note(l, "the device %s: --device gives it", n->path) < 0;
    else if (n->kind == LEARN_UNKNOWN || n->kind == LEARN_LINK)
        p->failed |= learn_note(l, "%s: it was gone before it could be looked at", n->path) < 0;
    else
        return false;
    return true;
}

/* A library in a directory that may be read and not changed: then all of it may be mapped, since a mapping that is
 * refused is seen by nobody, and a rule for it alone could not be told from one that nobody needs. */
static bool is_mapped_only(const struct need *n, const struct learn_rule *rule)
{
    return rule->verdict == PATH_ALLOW && rule->directory && !rule->known && !n->run &&
           (n->access & ~rule->access) == PATH_EXECUTE && rule->access & PATH_READ &&
           !(rule->access & (PATH_WRITE | PATH_CREATE));
}

static void add_file(struct finish *f, const struct need *n)
{
    struct learn_rule *rule = plan_rule_of(f->p->l, n->path);

    if (is_brokered(f->p, n->path) || is_refused(f->p, n))
        return;
    if (rule && !(n->access & ~rule->access))
        return;
    if (rule && !strcmp(rule->path, n->path)) { /* of the policy that is added to */
        rule->access |= n->access;
        return;
    }
    if (rule && is_mapped_only(n, rule)) {
        rule->access |= PATH_EXECUTE;
        rule->why = arena_printf(f->p->l->arena, "%s; libraries in it were mapped", rule->why);
        f->p->failed |= !rule->why;
        return;
    }
    uint32_t inherited = rule && rule->verdict == PATH_ALLOW ? rule->access & ~(uint32_t)PATH_CREATE : 0;
    add(f, n->path, PATH_ALLOW, n->access | inherited, false);
}

static void add_brokered(struct finish *f)
{
    struct learn *l = f->p->l;

    for (uint32_t i = 0; i < f->p->groups_size; i++) {
        const struct group *g = f->p->groups[i];
        if (!g || !plan_is_single(f->p, g))
            continue;
        struct learn_rule *rule = plan_rule_of(l, g->only);
        uint32_t access = g->used | PATH_CREATE;
        if (rule && rule->verdict == PATH_DENY)
            f->p->failed |= learn_note(l, "%s: the rule deny %s forbids it", g->only, rule->path) < 0;
        else if (rule && !strcmp(rule->path, g->only))
            rule->access |= access;
        else if (!rule || access & ~rule->access)
            add(f, g->only, PATH_BROKER, access, false);
    }
}

/* ---- directories that are only looked at ------------------------------------------------------------------------- */

static bool strictly_in(const char *path, const char *dir)
{
    return path_lies_in(path, dir) && strcmp(path, dir) != 0;
}

/* The sandbox makes the directories above what it shows, and above the working directory; the broker shows those above
 * its paths. */
static bool is_there_anyway(const struct finish *f, const char *path)
{
    static const char *const made[] = {"/etc/passwd", "/proc", "/dev", "/tmp"};
    const struct learn *l = f->p->l;

    if (path_lies_in(l->cwd, path))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        if (strictly_in(made[i], path))
            return true;
    for (uint32_t i = 0; i < l->n_rules; i++)
        if (l->rules[i].verdict != PATH_DENY && strictly_in(l->rules[i].path, path))
            return true;
    for (uint32_t i = 0; i < f->n; i++)
        if (strictly_in(f->v[i].path, path))
            return true;
    for (uint32_t i = 0; i < l->links_size; i++)
        if (l->links[i] && strictly_in(l->links[i]->path, path))
            return true;
    return false;
}

static int deepest_first(const void *a, const void *b)
{
    size_t x = strlen((*(const struct need *const *)a)->path), y = strlen((*(const struct need *const *)b)->path);

    return x < y   ? 1
           : x > y ? -1
                   : strcmp((*(const struct need *const *)a)->path, (*(const struct need *const *)b)->path);
}

static void add_directories(struct finish *f)
{
    struct plan *p = f->p;
    const struct need **v = arena_array(p->l->arena, p->n_needs + 1, sizeof *v);
    uint32_t n = 0;

    if (!v) {
        p->failed = true;
        return;
    }
    for (uint32_t i = 0; i < p->needs_size; i++)
        if (p->needs[i] && p->needs[i]->kind == LEARN_DIRECTORY)
            v[n++] = p->needs[i];
    qsort(v, n, sizeof *v, deepest_first);
    for (uint32_t i = 0; i < n && !p->failed; i++) {
        const struct learn_rule *rule = plan_rule_of(p->l, v[i]->path);
        if (rule && (rule->verdict == PATH_DENY || !(v[i]->access & ~rule->access)))
            continue;
        if (v[i]->access != PATH_STAT || is_there_anyway(f, v[i]->path))
            continue; /* what cannot be given was said (choose.c) */
        uint32_t inherited = rule && rule->verdict == PATH_ALLOW ? rule->access : 0;
        add(f, v[i]->path, PATH_ALLOW, v[i]->access | inherited, true);
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Sorted, so what a rule lies in stands before it. */
static struct learn_rule *above(struct learn *l, uint32_t i)
{
    struct learn_rule *best = NULL;

    for (uint32_t k = 0; k < i; k++)
        if (l->rules[k].verdict == PATH_ALLOW && strictly_in(l->rules[i].path, l->rules[k].path))
            best = &l->rules[k];
    return best;
}

/* What the rules of directories have made superfluous, and what one that lies in another needs. */
static void tidy(struct learn *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n_rules; i++) {
        struct learn_rule *rule = &l->rules[i];
        if (rule->verdict == PATH_ALLOW) {
            l->rules[n] = *rule;
            const struct learn_rule *outer = above(l, n);
            if (outer && !rule->known && !(rule->access & ~outer->access))
                continue;
            if (outer)
                l->rules[n].access |= outer->access & ~(rule->directory ? 0u : (uint32_t)PATH_CREATE);
        } else {
            l->rules[n] = *rule;
        }
        rule = &l->rules[n++];
        /* In a file system of the sandbox's own nothing but a mount takes rights away. */
        if (rule->verdict == PATH_ALLOW && path_lies_in(rule->path, "/tmp")) {
            uint32_t changing = PATH_WRITE | (rule->directory ? PATH_CREATE : 0u);
            rule->access |= PATH_READ | (rule->access & changing ? changing : 0u);
        }
    }
    l->n_rules = n;
}

/* The right to list the sandbox's own directories, such as the root, exists only where all that is shown may be read.
 */
static void let_root_be_listed(struct learn *l)
{
    for (uint32_t i = 0; i < l->n_rules; i++)
        if (l->rules[i].verdict == PATH_ALLOW)
            l->rules[i].access |= PATH_READ;
}

/* Links that now lie below a directory's rule are links anyway. */
static int drop_links(struct learn *l)
{
    struct learn_link **old = l->links;
    uint32_t size = l->links_size;
    int r = 0;

    l->links = NULL;
    l->n_links = l->links_size = 0;
    for (uint32_t i = 0; i < size && r == 0; i++) {
        const struct learn_rule *rule = old[i] ? plan_rule_of(l, old[i]->path) : NULL;
        bool live = rule && rule->verdict == PATH_ALLOW && rule->directory && strictly_in(old[i]->path, rule->path);
        if (old[i] && (old[i]->known || !live))
            r = learn_link(l, old[i]->path, old[i]->target, old[i]->known);
    }
    return r;
}

/* C libraries connect a datagram socket to each address of a name, to see by which way they would go, and send nothing.
 */
static void drop_trials(struct learn *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n_nets; i++) {
        size_t len = strlen(l->nets[i].text), tail = strlen("/udp");
        bool trial = false;
        for (uint32_t k = 0; k < l->n_nets && len > tail && !strcmp(l->nets[i].text + len - tail, "/udp"); k++)
            trial |= strlen(l->nets[k].text) == len - tail && !strncmp(l->nets[k].text, l->nets[i].text, len - tail);
        if (!trial || l->nets[i].known)
            l->nets[n++] = l->nets[i];
    }
    l->n_nets = n;
}

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "what the program used is too much for moat's memory");
}

int learn_rules(struct learn *l, struct err *err)
{
    struct plan plan = {.l = l};
    struct finish f = {.p = &plan};

    for (unsigned rounds = 0; rounds == 0 || plan.changed; rounds++) {
        if (rounds == PLAN_ROUNDS_MAX)
            return err_set(err, -ELOOP, "the links of this host lead in circles: no rules can be found");
        plan_collect(&plan);
        if (!plan.changed) { /* all links are known first: no rule is to be at the place of one */
            plan_choose(&plan);
            plan.failed |= plan.changed && drop_links(l) < 0;
        }
        if (plan.failed)
            return no_memory(err);
    }
    for (uint32_t i = 0; i < plan.needs_size && !plan.failed; i++)
        if (plan.needs[i] && plan.needs[i]->kind != LEARN_DIRECTORY)
            add_file(&f, plan.needs[i]);
    add_brokered(&f);
    add_directories(&f);
    for (uint32_t i = 0; i < f.n && !plan.failed; i++) {
        struct learn_rule *added = policy_list_push(l->arena, &l->rules, &l->n_rules, sizeof *added);
        if (added)
            *added = f.v[i];
        plan.failed |= !added;
    }
    if (plan.failed)
        return no_memory(err);
    if (l->n_rules)
        qsort(l->rules, l->n_rules, sizeof *l->rules, by_path);
    tidy(l);
    if (plan.root_listed)
        let_root_be_listed(l);
    drop_trials(l);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What was told: names of the host, uses, pairs, notes. Tables by name, which grow at three quarters. Pure. */
#include "learn/plan.h"
#include "policy/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

_Static_assert(offsetof(struct learn_node, path) == 0 && offsetof(struct learn_use, asked) == 0 &&
                   offsetof(struct learn_link, path) == 0,
               "table entries");

static const char *name_of(const void *entry)
{
    const char *name;

    memcpy(&name, entry, sizeof name);
    return name;
}

static void **slot_of(void **table, uint32_t size, const char *name)
{
    uint32_t at = hash_of(name) & (size - 1);

    while (table[at] && strcmp(name_of(table[at]), name) != 0)
        at = (at + 1) & (size - 1);
    return &table[at];
}

void *learn_table_find(void *table, uint32_t size, const char *name)
{
    return size ? *slot_of(table, size, name) : NULL;
}

void **learn_table_place(struct arena *a, void ***table, uint32_t *size, uint32_t n, const char *name)
{
    if (n >= *size - *size / 4) {
        uint32_t bigger = *size ? *size * 2 : 256;
        void **grown = arena_array(a, bigger, sizeof *grown);
        if (!grown)
            return NULL;
        for (uint32_t i = 0; i < *size; i++)
            if ((*table)[i])
                *slot_of(grown, bigger, name_of((*table)[i])) = (*table)[i];
        *table = grown;
        *size = bigger;
    }
    return slot_of(*table, *size, name);
}

int learn_init(struct learn *l, struct arena *a, const char *cwd, const char *const *argv, struct err *err)
{
    *l = (struct learn){.arena = a, .cwd = arena_strdup(a, cwd), .argv = argv};
    return l->cwd ? 0 : err_set(err, -ENOMEM, "out of memory");
}

struct learn_node *learn_find(const struct learn *l, const char *path)
{
    return learn_table_find(l->nodes, l->nodes_size, path);
}

struct learn_node *learn_look(struct learn *l, const char *path, enum learn_kind kind, const char *target)
{
    struct learn_node **at =
        (struct learn_node **)learn_table_place(l->arena, (void ***)&l->nodes, &l->nodes_size, l->n_nodes, path);

    if (!at || (!*at && l->n_nodes >= LEARN_NODES_MAX))
        return NULL;
    if (!*at) {
        struct learn_node *node = arena_alloc(l->arena, sizeof *node);
        if (!node || !(node->path = arena_strdup(l->arena, path)))
            return NULL;
        *at = node;
        l->n_nodes++;
    }
    if (target && !((*at)->target && !strcmp((*at)->target, target)) &&
        !((*at)->target = arena_strdup(l->arena, target)))
        return NULL;
    (*at)->kind = kind;
    return *at;
}

struct learn_use *learn_use(struct learn *l, const char *asked, uint32_t access, uint32_t how)
{
    char tidy[LEARN_PATH_SIZE];

    if (learn_path_tidy(asked, tidy) < 0)
        return NULL;
    struct learn_use **at =
        (struct learn_use **)learn_table_place(l->arena, (void ***)&l->uses, &l->uses_size, l->n_uses, tidy);
    if (!at || (!*at && l->n_uses >= LEARN_USES_MAX))
        return NULL;
    if (!*at) {
        struct learn_use *use = arena_alloc(l->arena, sizeof *use);
        if (!use || !(use->asked = arena_strdup(l->arena, tidy)))
            return NULL;
        uint32_t n = l->n_uses;
        struct learn_use **last = policy_list_push(l->arena, &l->order, &n, sizeof *last);
        if (!last)
            return NULL;
        *at = *last = use;
        l->n_uses++;
    }
    (*at)->access |= access | PATH_STAT;
    (*at)->how |= how;
    return *at;
}

int learn_pair(struct learn *l, const struct learn_use *from, const struct learn_use *to)
{
    for (uint32_t i = 0; i < l->n_pairs; i++)
        if (l->pairs[i].from == from && l->pairs[i].to == to)
            return 0;
    if (!policy_list_push(l->arena, &l->pairs, &l->n_pairs, sizeof *l->pairs))
        return -ENOMEM;
    l->pairs[l->n_pairs - 1].from = from;
    l->pairs[l->n_pairs - 1].to = to;
    return 0;
}

/* The same is noted once. */
int learn_note(struct learn *l, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    const char *text = arena_vprintf(l->arena, format, ap);
    va_end(ap);
    if (!text)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->n_notes; i++)
        if (!strcmp(l->notes[i], text))
            return 0;
    if (l->n_notes == LEARN_NOTES_MAX) {
        l->notes_lost = true;
        return 0;
    }
    const char **added = policy_list_push(l->arena, &l->notes, &l->n_notes, sizeof *added);
    if (!added)
        return -ENOMEM;
    *added = text;
    return 0;
}

int learn_known_rule(struct learn *l, const struct path_rule *rule, bool directory)
{
    struct learn_rule *added = policy_list_push(l->arena, &l->rules, &l->n_rules, sizeof *added);

    if (!added)
        return -ENOMEM;
    *added = (struct learn_rule){.path = rule->guest,
                                 .verdict = rule->verdict,
                                 .access = rule->access,
                                 .had = rule->access,
                                 .directory = directory,
                                 .layer_below = rule->optional,
                                 .known = true};
    return 0;
}

int learn_link(struct learn *l, const char *path, const char *target, bool known)
{
    struct learn_link **at =
        (struct learn_link **)learn_table_place(l->arena, (void ***)&l->links, &l->links_size, l->n_links, path);

    if (at && *at)
        return 0;
    struct learn_link *link = at ? arena_alloc(l->arena, sizeof *link) : NULL;
    if (!link || !(link->path = arena_strdup(l->arena, path)) || !(link->target = arena_strdup(l->arena, target)))
        return -ENOMEM;
    link->known = known;
    *at = link;
    l->n_links++;
    return 0;
}

const struct learn_link *learn_link_find(const struct learn *l, const char *path)
{
    return learn_table_find(l->links, l->links_size, path);
}

int learn_net_rule(struct learn *l, const char *text, bool known)
{
    for (uint32_t i = 0; i < l->n_nets; i++)
        if (!strcmp(l->nets[i].text, text))
            return 0;
    struct learn_net *added = policy_list_push(l->arena, &l->nets, &l->n_nets, sizeof *added);
    if (!added || !(added->text = arena_strdup(l->arena, text)))
        return -ENOMEM;
    added->known = known;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds to the text of a YAML policy what it lacks, and touches no other line: comments stay. A list that stands in
 * brackets on one line becomes one of an item a line; what is written in another way is refused by name. The caller has
 * the file read as a policy before and after. Pure.
 */
#include "base/json.h"
#include "confine/paths.h"
#include "learn/learn.h"
#include "policy/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A member of the file. */
struct block {
    const char *name;
    const struct json *value; /* NULL: the file has none */
    uint32_t key;             /* its line */
    uint32_t *items, n;       /* lines of its items; none with brackets */
    uint32_t end;             /* the line behind its last item */
    size_t indent;
    bool brackets;
};

struct text {
    struct arena *arena;
    const char **lines; /* without their ends */
    uint32_t n;
    struct err *err;
};

static int no_memory(struct text *t)
{
    return err_set(t->err, -ENOMEM, "out of memory");
}

static int split(struct text *t, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        const char **line = policy_list_push(t->arena, &t->lines, &t->n, sizeof *line);
        if (!line || !(*line = arena_strndup(t->arena, text, len)))
            return no_memory(t);
        text += len + (text[len] == '\n');
    }
    return 0;
}

/* ---- finding ------------------------------------------------------------------------------------------------------
 */

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r");
    return !*line || *line == '#';
}

/* What stands behind "name:" at the margin; NULL: it is another line. */
static const char *behind_key(const char *line, const char *name)
{
    size_t n = strlen(name);

    return !strncmp(line, name, n) && line[n] == ':' ? line + n + 1 + strspn(line + n + 1, " \t") : NULL;
}

static bool ends_in_bracket(const char *rest)
{
    const char *end = strrchr(rest, ']');

    return end && is_blank(end + 1);
}

static int find_items(struct text *t, struct block *b)
{
    b->end = b->key + 1;
    for (uint32_t i = b->key + 1; i < t->n; i++) {
        const char *line = t->lines[i];
        size_t indent = strspn(line, " ");
        if (is_blank(line))
            continue;
        bool item = line[indent] == '-' && (line[indent + 1] == ' ' || !line[indent + 1]);
        if (indent == 0 && !item)
            break;
        b->end = i + 1;
        if (!item || (b->n && indent != b->indent))
            continue;
        b->indent = indent;
        uint32_t *at = policy_list_push(t->arena, &b->items, &b->n, sizeof *at);
        if (!at)
            return no_memory(t);
        *at = i;
    }
    return 0;
}

/* Where a member stands, and that each of its items is a line. */
static int find_block(struct text *t, const struct json *root, struct block *b)
{
    const char *rest = NULL;
    int r = 0;

    b->value = json_get(root, b->name);
    if (!b->value)
        return 0;
    for (b->key = 0; b->key < t->n && !(rest = behind_key(t->lines[b->key], b->name)); b->key++)
        ;
    if (rest && is_blank(rest))
        r = find_items(t, b);
    else
        b->brackets = rest && *rest == '[' && ends_in_bracket(rest) && b->value->type == JSON_ARRAY;
    if (r < 0)
        return r;
    bool whole = rest && (b->brackets || b->n == b->value->count);
    if (!whole && b->value->type == JSON_OBJECT && rest && is_blank(rest)) /* of a map the lines are not looked at */
        whole = b->end > b->key + 1;
    return whole ? 0
                 : err_set(t->err, -EINVAL,
                           "%s is written in a form that nothing can be added to: write '%s:' at the margin, "
                           "and below it each item on a line of its own, behind '- '",
                           b->name, b->name);
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

struct edit {
    uint32_t line;    /* what stands there is replaced by, or with `insert` follows, ... */
    const char *text; /* ... this, which may hold line ends; NULL: nothing */
    bool insert;
};

struct edits {
    struct edit *v;
    uint32_t n;
    const char *tail; /* what is appended */
};

static int put(struct text *t, struct edits *e, uint32_t line, const char *text, bool insert)
{
    struct edit *added = policy_list_push(t->arena, &e->v, &e->n, sizeof *added);

    if (!added || !text)
        return no_memory(t);
    *added = (struct edit){line, text, insert};
    return 0;
}

/* "PATH:ACCESS" as it stands in the file, with another access. */
static const char *with_access(struct text *t, const char *item, uint32_t access)
{
    const char *colon = strrchr(item, ':');
    size_t n = colon && strspn(colon + 1, "rwxcs") == strlen(colon + 1) ? (size_t)(colon - item) : strlen(item);
    char letters[8];
    const char *text = arena_printf(t->arena, "%.*s:%s", (int)n, item, paths_access_text(access, letters));

    return text ? learn_scalar_text(t->arena, text) : NULL;
}

/* The text of the file's item number i, with the access that its rule has now; NULL: no memory. */
static const char *item_now(struct text *t, const struct learn *l, const struct block *b, const struct json *value,
                            const char *path, bool *changed)
{
    for (uint32_t i = 0; i < l->n_rules; i++) {
        const struct learn_rule *rule = &l->rules[i];
        bool ours = rule->known && path && !strcmp(rule->path, path) &&
                    rule->verdict == (!strcmp(b->name, "broker") ? PATH_BROKER : PATH_ALLOW);
        if (ours && rule->access & ~rule->had) {
            *changed = true;
            return with_access(t, value->string.s, rule->access);
        }
    }
    return learn_scalar_text(t->arena, value->string.s);
}

static const char *nth_path(const struct learn_item *items, uint32_t n, const char *list, uint32_t k)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(items[i].list, list) && k-- == 0)
            return items[i].path;
    return NULL;
}

/* Lines of new items, each with its comment. "": there are none. */
static const char *new_items(struct text *t, const struct learn *l, const char *name, size_t indent)
{
    struct arena *a = t->arena;
    const char *out = "";
    int in = (int)indent;

    for (uint32_t i = 0; i < l->n_rules && out && strcmp(name, "allowNet") != 0; i++) {
        const struct learn_rule *rule = &l->rules[i];
        /* A rule of a layer below is replaced by one of the same path. */
        bool lower = rule->known && rule->layer_below && rule->access & ~rule->had;
        if ((rule->known && !lower) || rule->verdict != (!strcmp(name, "broker") ? PATH_BROKER : PATH_ALLOW))
            continue;
        const char *item = learn_item_text(a, rule);
        if (item && rule->why)
            out = arena_printf(a, "%s%*s# %s\n", out, in, "", rule->why);
        if (item && out)
            out = arena_printf(a, "%s%*s- %s\n", out, in, "", item);
    }
    for (uint32_t i = 0; i < l->n_nets && out && !strcmp(name, "allowNet"); i++) {
        const char *item = l->nets[i].known ? NULL : learn_scalar_text(a, l->nets[i].text);
        if (item)
            out = arena_printf(a, "%s%*s- %s\n", out, in, "", item);
    }
    return out;
}

static const char *new_links(struct text *t, const struct learn *l)
{
    struct arena *a = t->arena;
    uint32_t n;
    const struct learn_link **v = learn_links_new(l, &n);
    const char *out = v ? "" : NULL;

    for (uint32_t i = 0; i < n && out; i++) {
        const char *path = learn_scalar_text(a, v[i]->path), *target = learn_scalar_text(a, v[i]->target);
        if (path && target)
            out = arena_printf(a, "%s  %s: %s\n", out, path, target);
    }
    return out;
}

static const char *new_scratch(struct text *t, const struct learn *l)
{
    const char *out = "";

    for (uint32_t i = 0; i < l->n_scratch && out; i++)
        out = arena_printf(t->arena, "%s  - {type: tmpfs, target: %s, mode: \"1777\"}\n", out, l->scratch[i]);
    return out;
}

/* The text behind a member's last line, or a member of its own at the end. */
static int add_text(struct text *t, struct edits *e, const struct block *b, const char *text)
{
    if (!text)
        return no_memory(t);
    if (!*text)
        return 0;
    if (b->value)
        return put(t, e, b->end - 1, arena_strndup(t->arena, text, strlen(text) - 1), true);
    e->tail = arena_printf(t->arena, "%s%s:\n%s", e->tail, b->name, text);
    return e->tail ? 0 : no_memory(t);
}

/* A list in brackets, written anew: the key, its items, and what is added. */
static int open_brackets(struct text *t, struct edits *e, const struct learn *l, const struct block *b,
                         const struct learn_item *items, uint32_t n)
{
    const char *added = new_items(t, l, b->name, 2),
               *out = arena_printf(t->arena, "%s:%s\n", b->name, strrchr(t->lines[b->key], ']') + 1);
    bool changed = added && *added;
    uint32_t k = 0;

    for (const struct json *c = b->value->child; c && out; c = c->next, k++) {
        const char *item = item_now(t, l, b, c, nth_path(items, n, b->name, k), &changed);
        out = item ? arena_printf(t->arena, "%s  - %s\n", out, item) : NULL;
    }
    if (!added || !out)
        return no_memory(t);
    if (!changed)
        return 0;
    out = arena_printf(t->arena, "%s%s", out, added);
    return out ? put(t, e, b->key, arena_strndup(t->arena, out, strlen(out) - 1), false) : no_memory(t);
}

static int merge_list(struct text *t, struct edits *e, const struct learn *l, const struct json *root, const char *name,
                      const struct learn_item *items, uint32_t n)
{
    struct block b = {.name = name};
    uint32_t k = 0;
    int r = find_block(t, root, &b);

    if (r < 0 || b.brackets)
        return r < 0 ? r : open_brackets(t, e, l, &b, items, n);
    for (const struct json *c = b.value ? b.value->child : NULL; c && k < b.n; c = c->next, k++) {
        bool changed = false;
        const char *item = item_now(t, l, &b, c, nth_path(items, n, name, k), &changed);
        if (!item)
            return no_memory(t);
        if (changed &&
            (r = put(t, e, b.items[k], arena_printf(t->arena, "%*s- %s", (int)b.indent, "", item), false)) < 0)
            return r;
    }
    return add_text(t, e, &b, new_items(t, l, name, b.value ? b.indent : 2));
}

static int merge_other(struct text *t, struct edits *e, const struct json *root, const char *name, const char *text)
{
    struct block b = {.name = name};

    if (!text)
        return no_memory(t);
    if (!*text)
        return 0;
    int r = find_block(t, root, &b);
    if (r == 0 && b.brackets)
        r = err_set(t->err, -EINVAL, "%s is written in brackets: write each item on a line of its own, behind '- '",
                    name);
    return r < 0 ? r : add_text(t, e, &b, text);
}

/* What a rule needs that stands in the file under another name. */
static int check_elsewhere(struct text *t, const struct learn *l, const struct learn_item *items, uint32_t n)
{
    char have[8], need[8];

    for (uint32_t i = 0; i < l->n_rules; i++) {
        const struct learn_rule *rule = &l->rules[i];
        bool found = !rule->known || rule->layer_below || !(rule->access & ~rule->had);
        for (uint32_t k = 0; k < n && !found; k++)
            found = !strcmp(items[k].path, rule->path);
        if (!found)
            return err_set(t->err, -EINVAL,
                           "%s is given %s by ro, rw or mounts, and %s was used: write it under allow, as %s:%s",
                           rule->path, paths_access_text(rule->had, have), paths_access_text(rule->access, need),
                           rule->path, need);
    }
    return 0;
}

static char *render(struct text *t, const struct edits *e)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);

    if (!f)
        return NULL;
    for (uint32_t i = 0; i < t->n; i++) {
        const char *line = t->lines[i];
        for (uint32_t k = 0; k < e->n; k++)
            if (e->v[k].line == i && !e->v[k].insert)
                line = e->v[k].text;
        fprintf(f, "%s\n", line);
        for (uint32_t k = 0; k < e->n; k++)
            if (e->v[k].line == i && e->v[k].insert)
                fprintf(f, "%s\n", e->v[k].text);
    }
    fputs(e->tail, f);
    bool failed = ferror(f);
    if (fclose(f) != 0 || failed) {
        free(out);
        return NULL;
    }
    return out;
}

int learn_merge(const struct learn *l, const char *text, const struct json *root, const struct learn_item *items,
                uint32_t n, char **out, struct err *err)
{
    static const char *const lists[] = {"allow", "broker", "allowNet"};
    struct text t = {.arena = l->arena, .err = err};
    struct edits e = {.tail = ""};
    int r = check_elsewhere(&t, l, items, n);

    if (r == 0)
        r = split(&t, text);
    for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++)
        r = merge_list(&t, &e, l, root, lists[i], items, n);
    if (r == 0)
        r = merge_other(&t, &e, root, "links", new_links(&t, l));
    if (r == 0)
        r = merge_other(&t, &e, root, "mounts", new_scratch(&t, l));
    if (r < 0)
        return r;
    *out = render(&t, &e);
    return *out ? 0 : no_memory(&t);
}

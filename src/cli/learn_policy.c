/* SPDX-License-Identifier: Apache-2.0 */
/* See learn_policy.h. Reads the policy file, which may be others', as every command does; writes nothing. */
#include "cli/learn_policy.h"

#include "base/io.h"
#include "base/json.h"
#include "cli/policy_load.h"
#include "cli/program.h"
#include "policy/defaults.h"
#include "policy/list.h"
#include "policy/net_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

int learn_policy_known(struct learn *l, const struct policy *p, struct err *err)
{
    char text[NET_RULE_TEXT_MAX];
    struct stat st;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        bool directory = stat(p->paths[i].host, &st) == 0 && S_ISDIR(st.st_mode);
        if (learn_known_rule(l, &p->paths[i], directory) < 0)
            return no_memory(err);
    }
    for (uint32_t i = 0; i < p->n_made; i++)
        if (p->made[i].target && learn_link(l, p->made[i].path, p->made[i].target, true) < 0)
            return no_memory(err);
    for (uint32_t i = 0; i < p->n_net; i++) {
        net_rule_text(&p->net[i], text);
        if (learn_net_rule(l, text, true) < 0)
            return no_memory(err);
    }
    return 0;
}

void learn_policy_drop_mounted(struct learn *l, const struct policy *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n_scratch; i++) {
        bool mounted = false;
        for (uint32_t k = 0; k < p->n_mounts; k++)
            mounted |= !strcmp(p->mounts[k].destination, l->scratch[i]);
        if (!mounted)
            l->scratch[n++] = l->scratch[i];
    }
    l->n_scratch = n;
}

/* ---- adding to a file ----------------------------------------------------------------------------------------------
 */

static const char *folder_of(struct arena *a, const char *cwd, const char *path)
{
    char *dir = arena_printf(a, "%s%s%s", *path == '/' ? "" : cwd, *path == '/' ? "" : "/", path);

    if (dir)
        strrchr(dir, '/')[strrchr(dir, '/') == dir] = '\0';
    return dir;
}

/* The path of a rule that the file's item makes: as flag_allow() reads it. */
static const char *item_path(struct arena *a, const char *folder, const char *item)
{
    char raw[2 * LEARN_PATH_SIZE], clean[LEARN_PATH_SIZE];
    const char *colon = strrchr(item, ':');
    size_t n =
        colon && colon[1] && strspn(colon + 1, "rwxcs") == strlen(colon + 1) ? (size_t)(colon - item) : strlen(item);

    snprintf(raw, sizeof raw, "%s/%.*s", *item == '/' ? "" : folder, (int)n, item);
    return learn_path_clean(raw, clean) < 0 ? NULL : arena_strdup(a, clean);
}

static int list_items(struct arena *a, const struct json *root, const char *folder, struct learn_item **items,
                      uint32_t *n, struct err *err)
{
    static const char *const lists[] = {"allow", "broker"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json *list = json_get(root, lists[i]);
        for (const struct json *c = list && list->type == JSON_ARRAY ? list->child : NULL; c; c = c->next) {
            struct learn_item *item = policy_list_push(a, items, n, sizeof *item);
            if (!item || !(item->path = item_path(a, folder, c->string.s)))
                return no_memory(err);
            item->list = lists[i];
        }
    }
    return 0;
}

int learn_policy_merge(struct learn *l, const char *path, const char *cwd, char **text, struct err *err)
{
    struct arena *a = l->arena;
    struct learn_item *items = NULL;
    struct policy_document d;
    const char *folder = folder_of(a, cwd, path);
    struct json *root;
    uint32_t n = 0;
    char *before;
    size_t len;
    int r = policy_document_read(a, path, &d, err);

    if (r == 0 && !d.is_yaml)
        return err_set(err, -EINVAL, "-o %s: is JSON, and --merge adds to YAML; learn into another file", path);
    if (r == 0 && (r = io_read_file(a, AT_FDCWD, path, POLICY_FILE_MAX, &before, &len)) < 0)
        err_sys(err, r, "cannot read the file");
    if (r == 0)
        r = json_parse(a, d.json, d.json_len, &root, err);
    if (r == 0)
        r = folder ? list_items(a, root, folder, &items, &n, err) : no_memory(err);
    if (r == 0)
        r = learn_merge(l, before, root, items, n, text, err);
    return r < 0 ? err_wrap(err, "-o %s", path) : 0;
}

int learn_policy_check(struct arena *a, const char *text, const char *path, const char *cwd, struct err *err)
{
    const char *folder = folder_of(a, cwd, path);
    struct policy *p = arena_alloc(a, sizeof *p);
    struct policy_problem first;
    struct policy_problems problems = {.v = &first, .most = 1};
    struct policy_build b;
    struct yaml_text yaml;
    int r = p && folder ? yaml_read(a, text, strlen(text), NULL, &yaml, err) : no_memory(err);

    if (r < 0)
        return r;
    if (yaml.n_problems)
        return err_set(err, -EINVAL, "the policy would be too large, or not be YAML: line %u: %s",
                       yaml.problems[0].line, yaml.problems[0].text);
    policy_init(p, a, POLICY_FROM_FLAGS);
    if ((r = policy_default_container(p, POLICY_DEFAULTS_RUN, err)) < 0 || (r = program_defaults(p, err)) < 0 ||
        (r = policy_build_init(&b, p, folder, err)) < 0)
        return r;
    policy_build_next_layer(&b);
    r = policy_file_check(&b, yaml.json, yaml.json_len, &problems, err);
    if (r < 0 && problems.n)
        return err_set(err, r, "the policy would be refused: %s", first.text);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a YAML policy file, all the way: the conversion never crashes and keeps its bounds; what it calls good
 * is JSON to our strict reader, with a position for each node; and the policy reader accepts or refuses that with
 * places.
 */
#include "base/json.h"
#include "host/yaml.h"
#include "policy/defaults.h"
#include "policy/policyfile.h"
#include "yaml/convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each name and each value has a position of its own: its offset is in the map. */
static void check_node(const struct yaml_text *t, size_t offset)
{
    unsigned line, column;

    for (uint32_t i = 0; i < t->n_positions; i++) {
        if (t->positions[i].offset != offset)
            continue;
        yaml_position_of(t, offset, &line, &column);
        if (!line || !column)
            abort();
        return;
    }
    abort();
}

static void check_tree(const struct yaml_text *t, const struct json *j, unsigned *left)
{
    if (!*left)
        return;
    --*left; /* the search above is linear */
    check_node(t, j->offset);
    if (j->key)
        check_node(t, json_key_offset(t->json, j));
    if (j->type != JSON_ARRAY && j->type != JSON_OBJECT)
        return;
    for (const struct json *c = j->child; c; c = c->next)
        check_tree(t, c, left);
}

static void read_policy(struct arena *a, char *json, size_t len)
{
    struct policy policy;
    struct policy_build build;
    struct policy_problem v[PROBLEMS];
    struct policy_problems found = {.v = v, .most = PROBLEMS};
    struct err err = {0};

    policy_init(&policy, a, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, POLICY_DEFAULTS_RUN, &err) < 0 ||
        policy_build_init(&build, &policy, "/x", &err) < 0)
        abort();
    int r = policy_file_check(&build, json, len, &found, &err);
    if (r == -ENOMEM)
        return;
    if ((r < 0) != (found.n > 0) || found.n > PROBLEMS || build.problems)
        abort();
    for (uint32_t i = 0; i < found.n; i++) {
        if (!found.v[i].text || !*found.v[i].text || found.v[i].offset > len)
            abort();
    }
    if (r == 0 && build.seccomp_file) /* a file cannot make moat open another */
        abort();
    policy_build_next_layer(&build);
    policy_build_finish(&build, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yaml_output out;
    struct arena arena;
    struct json *root;
    struct err err = {0};
    unsigned left = 200;

    if (size > 65536 || arena_init(&arena, 64 << 20) < 0)
        return 0;
    char *text = malloc(size ? size : 1); /* exactly: no NUL behind it */
    if (!text)
        abort();
    memcpy(text, data, size);
    if (yaml_convert(text, size, &out) < 0)
        abort();
    if (out.n_problems > YAML_PROBLEMS_MAX || out.json_len > YAML_JSON_MAX || out.n_positions > YAML_POSITIONS_MAX ||
        (!out.n_problems && !out.json_len))
        abort();
    for (uint32_t i = 0; i < out.n_problems; i++) {
        const struct yaml_problem *p = &out.problems[i];
        if (!p->line || !p->column || !*p->text || memchr(p->text, 0, sizeof p->text) == NULL ||
            memchr(p->accepted, 0, sizeof p->accepted) == NULL)
            abort();
    }
    if (out.json_len) {
        /* With problems too: what was left out leaves no hole. */
        char *copy = arena_strndup(&arena, out.json, out.json_len),
             *again = arena_strndup(&arena, out.json, out.json_len);
        struct yaml_text t = {.json = copy, .positions = out.positions, .n_positions = out.n_positions};
        if (!copy || !again || json_parse(&arena, copy, out.json_len, &root, &err) < 0)
            abort();
        check_tree(&t, root, &left);
        read_policy(&arena, again, out.json_len);
    }
    yaml_output_free(&out);
    free(text);
    arena_free(&arena);
    return 0;
}

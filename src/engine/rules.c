/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that an engine was told, and paths as text. Pure. */
#include "engine/rules.h"

#include "base/mem.h"
#include "base/pathtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    uint32_t access;
} letters[] = {
    {'r', ENGINE_READ}, {'w', ENGINE_WRITE}, {'x', ENGINE_EXECUTE}, {'c', ENGINE_CREATE}, {'s', ENGINE_STAT}};

static uint32_t access_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].access;
    return 0;
}

void engine_access_letters(uint32_t access, char out[8])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].access != ENGINE_STAT && access & letters[i].access)
            out[n++] = letters[i].letter;
    if (!n)
        out[n++] = 's';
    out[n] = 0;
}

int engine_rule_add(struct engine_rules *rules, const char *text, struct err *err)
{
    const char *colon = strchr(text, ':');
    uint32_t access = 0;

    if (!colon || colon == text || colon[1] != '/')
        return err_set(err, -EINVAL, "the rule %s: LETTERS:PATH is expected, the path absolute", text);
    for (const char *p = text; p < colon && !(*p == '-' && colon - text == 1); p++) {
        uint32_t bit = access_of(*p);
        if (!bit)
            return err_set(err, -EINVAL, "the rule %s: letters are of r, w, x, c and s, or - alone", text);
        access |= bit;
    }
    rules->v[rules->n++] = (struct engine_rule){.path = colon + 1, .access = access};
    return 0;
}

int engine_rule_origin(struct engine_rules *rules, const char *option, const char *host, struct err *err)
{
    if (!rules->n)
        return err_set(err, -EINVAL, "%s: there is no --rule before it", option);
    struct engine_rule *rule = &rules->v[rules->n - 1];
    rule->host = host;
    rule->fresh = !host;
    return 0;
}

const struct engine_rule *engine_rule_find(const struct engine_rules *rules, const char *path)
{
    const struct engine_rule *best = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < rules->n; i++) {
        size_t n = strlen(rules->v[i].path);
        if (n > longest && path_lies_in(path, rules->v[i].path)) {
            best = &rules->v[i];
            longest = n;
        }
    }
    return best;
}

bool engine_rule_gives(const struct engine_rule *rule, uint32_t access)
{
    return rule && rule->access && !(access & ~(rule->access | ENGINE_STAT));
}

int engine_path_clean(const char *raw, const char *directory, char out[ENGINE_PATH])
{
    char whole[2 * ENGINE_PATH];

    if (*raw == '/')
        return path_text_clean(raw, out, ENGINE_PATH);
    int n = snprintf(whole, sizeof whole, "%s/%s", directory, raw);
    return n >= (int)sizeof whole ? -ENAMETOOLONG : path_text_clean(whole, out, ENGINE_PATH);
}

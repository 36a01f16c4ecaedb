/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that moat-jvm was told, and paths as text. Pure. */
#include "jvm/rules.h"

#include "base/mem.h"
#include "base/pathtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    uint32_t access;
} letters[] = {{'r', JVM_READ}, {'w', JVM_WRITE}, {'x', JVM_EXECUTE}, {'c', JVM_CREATE}, {'s', JVM_STAT}};

static uint32_t access_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (letters[i].letter == letter)
            return letters[i].access;
    }
    return 0;
}

void jvm_access_letters(uint32_t access, char out[8])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (letters[i].access != JVM_STAT && access & letters[i].access)
            out[n++] = letters[i].letter;
    }
    if (!n)
        out[n++] = 's';
    out[n] = 0;
}

int jvm_rule_read(struct jvm_rule *out, const char *text, struct err *err)
{
    const char *colon = strchr(text, ':');
    uint32_t access = 0;

    if (!colon || colon == text || colon[1] != '/')
        return err_set(err, -EINVAL, "the rule %s: LETTERS:PATH is expected, the path absolute", text);
    for (const char *p = text; p < colon; p++) {
        if (*p == '-' && colon - text == 1)
            break;
        uint32_t bit = access_of(*p);
        if (!bit)
            return err_set(err, -EINVAL, "the rule %s: letters are of r, w, x, c and s, or - alone", text);
        access |= bit;
    }
    *out = (struct jvm_rule){.path = colon + 1, .access = access};
    return 0;
}

const struct jvm_rule *jvm_rules_find(const struct jvm_rules *rules, const char *path)
{
    const struct jvm_rule *best = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < rules->n_paths; i++) {
        size_t n = strlen(rules->paths[i].path);
        if (n > longest && path_lies_in(path, rules->paths[i].path)) {
            best = &rules->paths[i];
            longest = n;
        }
    }
    return best;
}

bool jvm_rule_gives(const struct jvm_rule *rule, uint32_t access)
{
    return rule && rule->access && !(access & ~(rule->access | JVM_STAT));
}

bool jvm_rules_below(const struct jvm_rules *rules, const char *path)
{
    for (size_t i = 0; i < rules->n_paths; i++) {
        if (rules->paths[i].access && path_lies_in(rules->paths[i].path, path))
            return true;
    }
    return false;
}

int jvm_path_clean(const char *raw, const char *directory, char out[JVM_PATH_SIZE])
{
    char whole[2 * JVM_PATH_SIZE];

    if (*raw == '/')
        return path_text_clean(raw, out, JVM_PATH_SIZE);
    int n = snprintf(whole, sizeof whole, "%s/%s", directory, raw);
    return n >= (int)sizeof whole ? -ENAMETOOLONG : path_text_clean(whole, out, JVM_PATH_SIZE);
}

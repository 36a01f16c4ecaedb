/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. Pure. */
#include "wasmrun/rules.h"

#include "base/mem.h"
#include "base/pathtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    uint32_t access;
} letters[] = {
    {'r', WASMRUN_READ}, {'w', WASMRUN_WRITE}, {'x', WASMRUN_EXECUTE}, {'c', WASMRUN_CREATE}, {'s', WASMRUN_STAT}};

int wasmrun_rule_read(struct wasmrun_rule *out, const char *text, struct err *err)
{
    const char *colon = strchr(text, ':');
    uint32_t access = 0;

    if (!colon || colon == text || colon[1] != '/')
        return err_set(err, -EINVAL, "the rule %s: LETTERS:PATH is expected, the path absolute", text);
    for (const char *p = text; p < colon && !(*p == '-' && colon - text == 1); p++) {
        uint32_t bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(letters); i++)
            bit |= letters[i].letter == *p ? letters[i].access : 0;
        if (!bit)
            return err_set(err, -EINVAL, "the rule %s: letters are of r, w, x, c and s, or - alone", text);
        access |= bit;
    }
    *out = (struct wasmrun_rule){.path = colon + 1, .access = access};
    return 0;
}

const struct wasmrun_rule *wasmrun_rule_find(const struct wasmrun_rules *rules, const char *path)
{
    const struct wasmrun_rule *best = NULL;
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

bool wasmrun_is_denied(const struct wasmrun_rules *rules, const char *path, uint32_t access, int error)
{
    const struct wasmrun_rule *rule = wasmrun_rule_find(rules, path);

    if (error != ENOENT && error != EACCES && error != EPERM && error != EROFS && error != EXDEV)
        return false;
    if (!rule || !rule->access)
        return true; /* a path without a rule is not there */
    return error != ENOENT && access & ~(rule->access | WASMRUN_STAT);
}

/* The flag that would allow it; "": there is none. What has another name on the host, or is not there, is named in the
 * form that says so. */
static void remedy(const struct wasmrun_rule *rule, const char *path, uint32_t access, char *out, size_t size)
{
    const bool changes = access & (WASMRUN_WRITE | WASMRUN_CREATE);
    const char *slash = strrchr(path, '/');
    int length = (int)strlen(path);

    *out = 0;
    if (access & WASMRUN_CREATE && slash) /* names are made in a directory */
        length = (int)(slash - path);
    if (rule && rule->fresh)
        snprintf(out, size, "--tmpfs %s", rule->path);
    else if (rule && rule->host)
        snprintf(out, size, "--dir %s::%s%s", rule->host, rule->path, changes ? "" : ":ro");
    else if (length) /* the root itself is nobody's to give */
        snprintf(out, size, "--%s %.*s", changes ? "rw" : "ro", length, path);
}

static void access_letters(uint32_t access, char out[8])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].access != WASMRUN_STAT && access & letters[i].access)
            out[n++] = letters[i].letter;
    if (!n)
        out[n++] = 's';
    out[n] = 0;
}

void wasmrun_sentence(const struct wasmrun_rules *rules, const char *deed, const char *path, uint32_t access,
                      char out[WASMRUN_LINE])
{
    const struct wasmrun_rule *rule = wasmrun_rule_find(rules, path);
    char allow[2 * WASMRUN_PATH + 16], have[8];

    remedy(rule, path, access, allow, sizeof allow);
    if (rule && !rule->access) {
        snprintf(out, WASMRUN_LINE, "%s %s: --deny %s forbids it", deed, path, rule->path);
    } else if (rule) {
        access_letters(rule->access, have);
        snprintf(out, WASMRUN_LINE, "%s %s: %s is given %s alone: %s would allow it", deed, path, rule->path, have,
                 allow);
    } else {
        snprintf(out, WASMRUN_LINE, "%s %s: %s%s", deed, path, *allow ? allow : "no rule gives the root directory",
                 *allow ? " would allow it" : "");
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See denials.h. Pure. Paths are the program's, and so hostile. */
#include "engine/denials.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool engine_is_denied(const struct engine_rules *rules, const char *path, uint32_t access, int error)
{
    const struct engine_rule *rule = engine_rule_find(rules, path);

    if (error != ENOENT && error != EACCES && error != EPERM && error != EROFS)
        return false;
    if (!rule || !rule->access)
        return true; /* a path without a rule is not there */
    return error != ENOENT && !engine_rule_gives(rule, access);
}

/* What would give more of a place that has another name on the host, or is not there: the mapping itself, in the form
 * that says so. */
static void remedy_of_place(const struct engine_rule *rule, uint32_t access, char *out, size_t size)
{
    const char *host = rule->host, *guest = rule->path;

    if (rule->fresh)
        snprintf(out, size, "--tmpfs %s%s", guest, access & ENGINE_EXECUTE ? ":exec" : "");
    else if (access & ENGINE_EXECUTE)
        snprintf(out, size, "-v %s:%s:%sexec", host, guest, rule->access & ENGINE_WRITE ? "" : "ro,");
    else
        snprintf(out, size, "--dir %s::%s%s", host, guest, access & (ENGINE_WRITE | ENGINE_CREATE) ? "" : ":ro");
}

/* The flag that would allow it; "": there is none. --ro and --rw give no execution behind these boundaries. */
static void remedy(const struct engine_rule *rule, const char *path, uint32_t access, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = (int)strlen(path);

    *out = 0;
    if (access & ENGINE_CREATE && slash) /* names are made in a directory */
        length = (int)(slash - path);
    if (rule && (rule->fresh || rule->host))
        remedy_of_place(rule, access, out, size);
    else if (access & ENGINE_EXECUTE)
        snprintf(out, size, "--allow %s:rx", path);
    else if (length) /* the root itself is nobody's to give */
        snprintf(out, size, "--%s %.*s", access & (ENGINE_WRITE | ENGINE_CREATE) ? "rw" : "ro", length, path);
}

void engine_denial_sentence(const struct engine_rules *rules, const char *deed, const char *path, uint32_t access,
                            char out[ENGINE_SENTENCE])
{
    const struct engine_rule *rule = engine_rule_find(rules, path);
    char allow[2 * ENGINE_PATH + 16], have[8];

    remedy(rule, path, access, allow, sizeof allow);
    if (rule && !rule->access) {
        snprintf(out, ENGINE_SENTENCE, "%s %s: --deny %s forbids it", deed, path, rule->path);
    } else if (rule) {
        engine_access_letters(rule->access, have);
        snprintf(out, ENGINE_SENTENCE, "%s %s: %s is given %s alone: %s would allow it", deed, path, rule->path, have,
                 allow);
    } else {
        snprintf(out, ENGINE_SENTENCE, "%s %s: %s%s", deed, path, *allow ? allow : "no rule gives the root directory",
                 *allow ? " would allow it" : "");
    }
}

static uint64_t hash_of(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: a sentence more or less is all that a collision does */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

const char *engine_told_add(struct engine_told *told, const char *sentence)
{
    const uint64_t h = hash_of(sentence);

    for (size_t i = 0; i < told->n; i++)
        if (told->hashes[i] == h)
            return NULL;
    if (told->n > ENGINE_TOLD)
        return NULL;
    told->hashes[told->n++] = h;
    return told->n > ENGINE_TOLD ? "more, which is not told" : sentence;
}

size_t engine_denial_line(const char *sentence, char out[ENGINE_LINE])
{
    static const char start[] = "moat: denied: ";
    size_t n = strlen(start);

    memcpy(out, start, n);
    n += utf8_printable(out + n, ENGINE_LINE - n - 1, sentence, strlen(sentence));
    out[n++] = '\n';
    return n;
}

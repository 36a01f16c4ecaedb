/* SPDX-License-Identifier: Apache-2.0 */
/* See denials.h. One thread. Paths are the program's, and so hostile: they are cleaned as text and printed without what
 * moves a terminal's cursor. */
#include "wasmrun/denials.h"

#include "base/pathtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct wasmrun_config *config;

void denials_begin(const struct wasmrun_config *c)
{
    config = c;
}

static uint64_t hash_of(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: a sentence more or less is all that a collision does */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

/* Whether a sentence is new. *last: it is the one too many. */
static bool is_new(const char *sentence, bool *last)
{
    static uint64_t told[DENIALS_LINES + 1];
    static size_t n;
    uint64_t h = hash_of(sentence);

    for (size_t i = 0; i < n; i++)
        if (told[i] == h)
            return false;
    *last = n == DENIALS_LINES;
    if (n > DENIALS_LINES)
        return false;
    told[n++] = h;
    return true;
}

static void tell(const char *sentence)
{
    static const char start[] = "moat: denied: ";
    static char line[sizeof start + WASMRUN_LINE];
    bool last = false;

    if (!is_new(sentence, &last))
        return;
    if (last)
        sentence = "more, which is not told";
    size_t n = strlen(start), length = strlen(sentence);
    memcpy(line, start, n);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)sentence[i];
        line[n++] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
}

/* Whether a name without its slash is more likely one of the whole system than one of the caller's directory: it begins
 * with that directory, or as a file system does at its top (FHS 3.0). */
static bool is_absolute(const char *path, const char *here)
{
    static const char *const tops[] = {"bin",  "boot", "dev", "etc",  "home", "lib", "lib64", "media", "mnt", "opt",
                                       "proc", "root", "run", "sbin", "srv",  "sys", "tmp",   "usr",   "var"};
    size_t n = strcspn(path, "/"), length = strlen(here);

    for (size_t i = 0; i < ARRAY_LEN(tops); i++)
        if (strlen(tops[i]) == n && !memcmp(path, tops[i], n))
            return true;
    return length > 1 && !strncmp(path, here + 1, length - 1) && (!path[length - 1] || path[length - 1] == '/');
}

int denials_meant(const struct wasmrun_config *c, const char *name, const char *path, char out[WASMRUN_PATH])
{
    static char raw[2 * WASMRUN_PATH];
    const char *directory = NULL;
    const bool last = c->n_preopens && !strcmp(c->preopens[c->n_preopens - 1].name, name);

    for (uint32_t i = 0; i < c->n_preopens && !directory && !last; i++)
        if (!strcmp(c->preopens[i].name, name))
            directory = *name == '/' ? name : c->preopens[i].path;
    if (last && c->here && *path != '/' && !is_absolute(path, c->here))
        directory = c->here;
    if (!directory)
        directory = "";
    int n = snprintf(raw, sizeof raw, "%s/%s", directory, path);
    return n >= (int)sizeof raw ? -ENAMETOOLONG : path_text_clean(raw, out, WASMRUN_PATH);
}

void denials_path(const char *deed, const char *name, const char *path, uint32_t access, int error, bool looks)
{
    static char clean[WASMRUN_PATH], sentence[WASMRUN_LINE];
    const struct wasmrun_config *c = config;

    if (!c || c->tell == WASMRUN_TELL_NONE || (looks && c->tell != WASMRUN_TELL_ALL))
        return;
    if (denials_meant(c, name, path, clean) < 0)
        return;
    const struct wasmrun_rule *rule = wasmrun_rule_find(&c->rules, clean);
    if (rule && access & WASMRUN_CREATE && !strcmp(rule->path, clean) && !strcmp(deed, "create")) {
        access = (access & ~(uint32_t)WASMRUN_CREATE) | WASMRUN_WRITE; /* what has a rule of its own is there */
        deed = "open for writing";
    }
    if (!wasmrun_is_denied(&c->rules, clean, access, error))
        return;
    wasmrun_sentence(&c->rules, deed, clean, access, sentence);
    tell(sentence);
}

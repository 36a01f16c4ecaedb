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

static void tell(const char *sentence)
{
    static struct engine_told told;
    static char line[ENGINE_LINE];

    sentence = engine_told_add(&told, sentence);
    if (!sentence)
        return;
    ssize_t ignored = write(STDERR_FILENO, line, engine_denial_line(sentence, line));
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

int denials_meant(const struct wasmrun_config *c, const char *name, const char *path, char out[ENGINE_PATH])
{
    static char raw[2 * ENGINE_PATH];
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
    return n >= (int)sizeof raw ? -ENAMETOOLONG : path_text_clean(raw, out, ENGINE_PATH);
}

bool denials_is_denied(const struct engine_rules *rules, const char *path, uint32_t access, int error)
{
    return engine_is_denied(rules, path, access, error == EXDEV ? EACCES : error);
}

static bool is_told(const struct wasmrun_config *c, bool looks)
{
    return c && c->tell != ENGINE_TELL_NONE && (!looks || c->tell == ENGINE_TELL_ALL);
}

void denials_kernels(const char *deed, const char *name, const char *path, bool looks)
{
    static char clean[ENGINE_PATH], sentence[ENGINE_SENTENCE];

    if (!is_told(config, looks) || denials_meant(config, name, path, clean) < 0)
        return;
    snprintf(sentence, sizeof sentence, "%s %s: it is the kernel's, as /proc is, and never given to a module", deed,
             clean);
    tell(sentence);
}

void denials_path(const char *deed, const char *name, const char *path, uint32_t access, int error, bool looks)
{
    static char clean[ENGINE_PATH], sentence[ENGINE_SENTENCE];
    const struct wasmrun_config *c = config;

    if (!is_told(c, looks))
        return;
    if (denials_meant(c, name, path, clean) < 0)
        return;
    const struct engine_rule *rule = engine_rule_find(&c->rules, clean);
    if (rule && access & ENGINE_CREATE && !strcmp(rule->path, clean) && !strcmp(deed, "create")) {
        access = (access & ~(uint32_t)ENGINE_CREATE) | ENGINE_WRITE; /* what has a rule of its own is there */
        deed = "open for writing";
    }
    if (!denials_is_denied(&c->rules, clean, access, error))
        return;
    engine_denial_sentence(&c->rules, deed, clean, access, sentence);
    tell(sentence);
}

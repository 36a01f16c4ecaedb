/* SPDX-License-Identifier: Apache-2.0 */
/* What a Java program consists of, shown to it: its jar, and the entries of its paths. Looks at the host; changes the
 * policy alone. */
#include "base/pathtext.h"
#include "cli/java_internal.h"
#include "confine/paths.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the policy is too large for its memory");
}

/* Whether a relative name's ".." would lead through a directory that is not there inside. */
static bool turns_back(const char *path)
{
    bool named = *path == '/';

    for (const char *c = path; *c;) {
        size_t n = strcspn(c, "/");
        if (n == 2 && !memcmp(c, "..", 2)) {
            if (named)
                return true;
        } else if (n && !(n == 1 && *c == '.')) {
            named = true;
        }
        c += n + strspn(c + n, "/");
    }
    return false;
}

/* Shows a path for reading where no rule does. *inside: the name for it there. 1: it is not there at all. */
static int grant(struct java_finding *f, const char *option, const char *path, const char **inside, struct err *err)
{
    struct policy_build *b = f->b;
    struct arena *a = b->p->arena;
    const char *host = *path == '/' ? path : arena_printf(a, "%s/%s", b->cwd[1] ? b->cwd : "", path);
    char *clean = host ? flag_path_clean(a, host) : NULL;

    if (!clean)
        return no_memory(err);
    *inside = (*path == '/' || f->here) && !turns_back(path) ? path : clean;
    if (access(host, F_OK) < 0)
        return 1;
    const struct path_rule *rule = paths_find(b->p, clean);
    if (rule && rule->verdict != PATH_DENY && rule->access & PATH_READ)
        return 0;
    if (rule)
        return err_set(err, -EACCES,
                       rule->verdict == PATH_DENY ? "%s \"%s\": the policy denies it (rule %s)"
                                                  : "%s \"%s\": the policy shows it but not for reading "
                                                    "(rule %s): give r too",
                       option, path, rule->guest);
    b->n_earlier_paths = b->p->n_paths;
    b->n_earlier_mounts = b->p->n_mounts;
    int r = flag_add_bind(b, host, clean, true, NULL, err);
    if (r < 0)
        return err_wrap(err, "%s %s", option, path);
    flag_rules_finish(b);
    return 0;
}

bool java_names_jar(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && (!strcmp(name + n - 4, ".jar") || !strcmp(name + n - 4, ".JAR"));
}

/* "lib/" + "*": the jars of a directory, as the program java has it; in order of their names. */
static int add_jars(struct arena *a, const char *dir, const char *inside, struct strv *list, struct err *err)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort), r = 0;

    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        bool jar = java_names_jar(name);
        const char *path = jar && r == 0 ? arena_printf(a, "%s%s", inside, name) : NULL;
        if (jar && r == 0 && (!path || policy_strv_push(a, list, path) < 0))
            r = no_memory(err);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return r;
}

static int add_entry(struct java_finding *f, const char *option, char *entry, bool jars, struct strv *list,
                     struct err *err)
{
    struct arena *a = f->b->p->arena;
    size_t n = strlen(entry);
    const char *inside;

    if (jars && n && entry[n - 1] == '*' && (n == 1 || entry[n - 2] == '/')) {
        entry[n - 1] = '\0';
        int r = grant(f, option, n > 1 ? entry : ".", &inside, err);
        if (r != 0)
            return r < 0 ? r : 0;
        const char *prefix = n == 1 && f->here ? ""
                                               : arena_printf(a, "%s%s", inside,
                                                              *inside && inside[strlen(inside) - 1] == '/' ? "" : "/");
        const char *dir = arena_printf(a, "%s%s%s", *entry == '/' ? "" : f->b->cwd, *entry == '/' ? "" : "/", entry);
        return prefix && dir ? add_jars(a, dir, prefix, list, err) : no_memory(err);
    }
    int r = grant(f, option, n ? entry : ".", &inside, err);
    if (r < 0)
        return r;
    return policy_strv_push(a, list, inside) < 0 ? no_memory(err) : 0;
}

/* A list with colons: each of it is shown, and *out is the list as it is written inside. */
int java_grant_list(struct java_finding *f, const char *option, const char *value, bool jars, const char **out,
                    struct err *err)
{
    struct arena *a = f->b->p->arena;
    struct strv list = {0};
    size_t size = 1;

    for (const char *c = value;; c++) {
        size_t n = strcspn(c, ":");
        char *entry = arena_strndup(a, c, n);
        int r = entry ? add_entry(f, option, entry, jars, &list, err) : no_memory(err);
        if (r < 0)
            return r;
        c += n;
        if (!*c)
            break;
    }
    for (uint32_t i = 0; i < list.n; i++)
        size += strlen(list.v[i]) + 1;
    char *text = arena_alloc(a, size), *end = text;
    if (!text)
        return no_memory(err);
    for (uint32_t i = 0; i < list.n; i++)
        end = stpcpy(stpcpy(end, i ? ":" : ""), list.v[i]);
    *out = text;
    return 0;
}

int java_grant_jar(struct java_finding *f, const char *jar, const char **inside, struct err *err)
{
    struct stat st;
    const char *host = *jar == '/' ? jar : arena_printf(f->b->p->arena, "%s/%s", f->b->cwd, jar);

    if (!host)
        return no_memory(err);
    if (stat(host, &st) < 0)
        return err_set(err, -ENOENT, "exec: \"%s\": no such file or directory", jar);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES,
                       "exec: \"%s\": it is no file: a class is run with --main-class NAME --class-path %s", jar, jar);
    return grant(f, "exec:", jar, inside, err);
}

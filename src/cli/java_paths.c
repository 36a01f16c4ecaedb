/* SPDX-License-Identifier: Apache-2.0 */
/* What a Java program consists of, shown to it: its jar, and the entries of its paths. Looks at the host; changes the
 * policy alone. */
#include "base/pathtext.h"
#include "cli/java_internal.h"
#include "confine/paths.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

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

/* What a path means when the link that its first n bytes name has been followed. NULL: no memory. */
static char *beyond_link(struct arena *a, const char *path, size_t n, const char *target)
{
    const char *slash = memrchr(path, '/', n);
    int directory = *target == '/' || !slash ? 0 : (int)(slash - path);
    const char *raw = arena_printf(a, "%.*s/%s%s", directory, path, target, path + n);

    return raw ? flag_path_clean(a, raw) : NULL;
}

/* The first link on the way, below what the rule shows: *next is where it leads to. 1: there was one. */
static int follow_shown(struct arena *a, const struct path_rule *rule, const char *path, const char **next)
{
    char target[PATH_MAX];

    for (size_t n = strlen(rule->guest); path[n];) {
        n += 1 + strcspn(path + n + 1, "/");
        const char *host = arena_printf(a, "%.*s", (int)n, path);
        ssize_t length = host ? readlink(host, target, sizeof target - 1) : -1;
        if (length <= 0)
            continue;
        target[length] = '\0';
        *next = beyond_link(a, path, n, target);
        return *next ? 1 : -ENOMEM;
    }
    return 0;
}

/* The same of the links that the sandbox itself has, as /lib. */
static int follow_made(const struct policy *p, const char *path, const char **next)
{
    for (uint32_t i = 0; i < p->n_made; i++) {
        const struct made_file *f = &p->made[i];
        if (!f->target || !path_lies_in(path, f->path))
            continue;
        *next = beyond_link(p->arena, path, strlen(f->path), f->target);
        return *next ? 1 : -ENOMEM;
    }
    return 0;
}

/* Whether what a rule shows has its host's names, so that a link in it means the same inside. */
static bool is_same_name(struct arena *a, const struct path_rule *rule)
{
    const char *host = flag_path_clean(a, rule->host);

    return host && !strcmp(host, rule->guest);
}

/* One thing that a Java program consists of, on the way to where it is shown. */
struct thing {
    const char *option, *word; /* as the user wrote it */
    const char *host, *path;   /* what is shown, under which name inside: of `word`, then of what links lead to */
    bool linked, doubtful;     /* a link has led there; one in a place that the program may write to */
    bool by_star;              /* its name is not the user's: no link of it leads to what is no jar */
};

static int show(struct policy_build *b, const struct thing *t, struct err *err)
{
    char real[PATH_MAX];
    struct stat st;

    if (t->linked && t->by_star &&
        !(realpath(t->path, real) && java_names_jar(real) && stat(real, &st) == 0 && S_ISREG(st.st_mode)))
        return 0;
    if (t->doubtful)
        return err_set(err, -EACCES,
                       "%s \"%s\": a link leads from where the program may write to %s, which no rule shows: --ro %s",
                       t->option, t->word, t->path, t->path);
    b->n_earlier_paths = b->p->n_paths;
    b->n_earlier_mounts = b->p->n_mounts;
    if (flag_add_bind(b, t->host, t->path, true, NULL, err) < 0)
        return err_wrap(err, "%s %s", t->option, t->word);
    flag_rules_finish(b);
    return 0;
}

/* Shows it for reading where no rule does. Where a rule does, a link below it may lead to what none shows: that is
 * followed, but not from where the program may write, since an earlier run may have put the link there. */
static int reach(struct policy_build *b, struct thing *t, struct err *err)
{
    struct arena *a = b->p->arena;
    const char *next;
    int r;

    for (int links = 0; links < LINKS_MAX; links++) {
        const struct path_rule *rule = paths_find(b->p, t->path);
        bool shown = rule && rule->verdict != PATH_DENY && rule->access & PATH_READ;
        if (rule && !shown)
            return err_set(err, -EACCES,
                           rule->verdict == PATH_DENY ? "%s \"%s\": the policy denies it (rule %s)"
                                                      : "%s \"%s\": the policy shows it but not for reading "
                                                        "(rule %s): give r too",
                           t->option, t->word, rule->guest);
        if (shown && !is_same_name(a, rule))
            return 0;
        r = shown ? follow_shown(a, rule, t->path, &next) : follow_made(b->p, t->path, &next);
        if (r == 0)
            return shown ? 0 : show(b, t, err);
        if (r < 0)
            return policy_no_memory(err);
        t->linked = true;
        t->doubtful |= shown && rule->access & (PATH_WRITE | PATH_CREATE);
        t->host = t->path = next;
    }
    return 0; /* more than the kernel follows */
}

/* Shows a path for reading. *inside: the name for it there. 1: it is not there at all. */
static int grant(struct java_finding *f, const char *option, const char *path, const char **inside, struct err *err)
{
    struct policy_build *b = f->b;
    struct arena *a = b->p->arena;
    const char *host = *path == '/' ? path : arena_printf(a, "%s/%s", b->cwd[1] ? b->cwd : "", path);
    char *clean = host ? flag_path_clean(a, host) : NULL;
    struct thing t = {.option = option, .word = path, .host = host, .path = clean};

    if (!clean)
        return policy_no_memory(err);
    *inside = (*path == '/' || f->here) && !turns_back(path) ? path : clean;
    return access(host, F_OK) < 0 ? 1 : reach(b, &t, err);
}

bool java_names_jar(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && (!strcmp(name + n - 4, ".jar") || !strcmp(name + n - 4, ".JAR"));
}

/* "lib/" + "*": the jars of a directory, as the program java has it; in order of their names. */
static int add_jars(struct policy_build *b, const char *option, const char *dir, const char *inside, struct strv *list,
                    struct err *err)
{
    struct arena *a = b->p->arena;
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort), r = 0;

    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        bool jar = java_names_jar(name) && r == 0, link = jar && names[i]->d_type != DT_REG;
        const char *path = jar ? arena_printf(a, "%s%s", inside, name) : NULL;
        const char *host = link ? arena_printf(a, "%s/%s", dir, name) : NULL;
        struct thing t = {.option = option, .word = path, .by_star = true};
        if (jar && (!path || policy_strv_push(a, list, path) < 0))
            r = policy_no_memory(err);
        if (r == 0 && link && host && access(host, F_OK) == 0)
            r = (t.host = t.path = flag_path_clean(a, host)) ? reach(b, &t, err) : policy_no_memory(err);
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
        return prefix && dir ? add_jars(f->b, option, dir, prefix, list, err) : policy_no_memory(err);
    }
    int r = grant(f, option, n ? entry : ".", &inside, err);
    if (r < 0)
        return r;
    return policy_strv_push(a, list, inside) < 0 ? policy_no_memory(err) : 0;
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
        int r = entry ? add_entry(f, option, entry, jars, &list, err) : policy_no_memory(err);
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
        return policy_no_memory(err);
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
        return policy_no_memory(err);
    if (stat(host, &st) < 0)
        return err_set(err, -ENOENT, "exec: \"%s\": no such file or directory", jar);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES,
                       "exec: \"%s\": it is no file: a class is run with --main-class NAME --class-path %s", jar, jar);
    return grant(f, "exec:", jar, inside, err);
}

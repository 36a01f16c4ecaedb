/* SPDX-License-Identifier: Apache-2.0 */
/* See keep_out.h. Looks at the host name by name, as cache_open() will; makes directories only where a rule would let
 * the run make them. */
#include "cli/keep_out.h"
#include "base/pathtext.h"
#include "classcache/place.h"
#include "cli/kinds.h"
#include "confine/paths.h"
#include "policy/list.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MOST 40 /* path_resolution(7) */

static int refuse(struct err *err, const struct workload_kind *k, const struct path_rule *rule, const char *path,
                  const char *why)
{
    return err_set(err, -EINVAL,
                   "the rule about %s lets the program write where moat keeps %s, which later runs start from: %s %s",
                   rule->host, k->keeps, path, why);
}

/* ---- which rules reach it --------------------------------------------------------------------------------------- */

/* Where a rule that lets the run write really lies. false: it does not, or nothing is there. */
static bool is_written(const struct path_rule *rule, char real[PATH_MAX])
{
    return rule->verdict != PATH_DENY && rule->access & (PATH_WRITE | PATH_CREATE) && realpath(rule->host, real);
}

/* The names inside of what a real path is on the host, as far as the run may change it under them; the last rule of
 * those. out NULL: whether there is one. */
static int names_inside(const struct policy *p, const char *path, struct strv *out, const struct path_rule **by)
{
    char real[PATH_MAX];

    *by = NULL;
    for (uint32_t i = 0; i < p->n_paths; i++) {
        const struct path_rule *rule = &p->paths[i];
        if (!is_written(rule, real) || !path_lies_in(path, real))
            continue;
        const char *rest = path + (real[1] ? strlen(real) : 0);
        const char *guest = arena_printf(p->arena, "%s%s", rule->guest[1] ? rule->guest : "", rest);
        if (!guest)
            return -ENOMEM;
        if (paths_find(p, *guest ? guest : "/") != rule)
            continue;
        *by = rule;
        if (out && policy_strv_push(p->arena, out, guest) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- where it is ------------------------------------------------------------------------------------------------ */

struct way {
    char real[PATH_MAX]; /* as far as it was gone, without links; "" is the root */
    const char *rest;
    unsigned links;
};

/* Nothing has the name. What the run could make there is made first, and is ours alone. *gone: nobody can make it. */
static int make(const struct way *w, const char *path, const struct workload_kind *k, const struct path_rule *rule,
                bool *gone, struct err *err)
{
    struct stat st;

    *gone = !rule;
    if (!rule || mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    int r = -errno;
    /* The run has our ids: what neither we nor an owner that we are could change, it could not either. */
    *gone = r == -EROFS || (r == -EACCES && stat(*w->real ? w->real : "/", &st) == 0 && st.st_uid != geteuid());
    if (*gone)
        return 0;
    refuse(err, k, rule, path,
           "is not there and cannot be made, so it could not be denied: make it, or set MOAT_CACHE_DIR");
    return err->code;
}

static int follow(struct way *w, struct arena *a, const char *path, struct err *err)
{
    char to[PATH_MAX];
    ssize_t n = readlink(path, to, sizeof to - 1);

    if (n < 0)
        return err_sys(err, -errno, "%s", path);
    to[n] = '\0';
    if (++w->links > LINKS_MOST)
        return err_sys(err, -ELOOP, "%s", path);
    if (*to == '/')
        *w->real = '\0';
    w->rest = arena_printf(a, "%s/%s", to, w->rest);
    return w->rest ? 0 : policy_no_memory(err);
}

/* One name further. A link that the run may change it may exchange for a directory of its own: no mount holds it. */
static int step(struct way *w, const struct policy *p, const char *name, const struct workload_kind *k, bool *gone,
                struct err *err)
{
    const char *path = arena_printf(p->arena, "%s/%s", w->real, name);
    const struct path_rule *rule;
    struct stat st;
    int r = 0;

    if (!path || names_inside(p, path, NULL, &rule) < 0)
        return policy_no_memory(err);
    if (lstat(path, &st) < 0 && ((r = make(w, path, k, rule, gone, err)) < 0 || *gone))
        return r;
    if (lstat(path, &st) < 0)
        return err_sys(err, -errno, "%s", path);
    if (S_ISLNK(st.st_mode))
        return rule
                   ? refuse(err, k, rule, path, "is a link, which cannot be denied: name a directory by MOAT_CACHE_DIR")
                   : follow(w, p->arena, path, err);
    if (!S_ISDIR(st.st_mode)) {
        *gone = !rule;
        return rule ? refuse(err, k, rule, path, "is no directory: remove it, or set MOAT_CACHE_DIR") : 0;
    }
    if (strlen(path) >= sizeof w->real)
        return err_sys(err, -ENAMETOOLONG, "%s", path);
    strcpy(w->real, path);
    return 0;
}

/* *place: the directory, without links; NULL: there is none, and the run cannot make it. */
static int find(const struct policy *p, const struct workload_kind *k, const char **place, struct err *err)
{
    struct way w = {.rest = NULL};
    char name[NAME_MAX + 1], *slash;
    bool gone = false;
    int r = 0;

    *place = NULL;
    if (cache_place(p->arena, k->boundary, &w.rest) < 0)
        return 0;
    while (r == 0 && !gone && *(w.rest += strspn(w.rest, "/"))) {
        size_t n = strcspn(w.rest, "/");
        if (n > NAME_MAX)
            return 0; /* nor will it be opened */
        memcpy(name, w.rest, n);
        name[n] = '\0';
        w.rest += n;
        if (!strcmp(name, ".."))
            *((slash = strrchr(w.real, '/')) ? slash : w.real) = '\0';
        else if (strcmp(name, ".") != 0)
            r = step(&w, p, name, k, &gone, err);
    }
    if (r == 0 && !gone && !(*place = arena_strdup(p->arena, *w.real ? w.real : "/")))
        return policy_no_memory(err);
    return r;
}

/* ---- the rules -------------------------------------------------------------------------------------------------- */

/* One that shows the directory itself, or a file in it, was written for that: to deny it in silence would be no help.
 */
static int refuse_inside(const struct policy *p, const struct workload_kind *k, const char *place, struct err *err)
{
    char real[PATH_MAX];

    for (uint32_t i = 0; i < p->n_paths; i++)
        if (is_written(&p->paths[i], real) && path_lies_in(real, place))
            return refuse(err, k, &p->paths[i], place, "may be read at most: --ro");
    return 0;
}

static int keep_out(struct policy_build *b, const struct workload_kind *k, struct err *err)
{
    struct policy *p = b->p;
    const struct path_rule *by;
    const char *place;
    struct strv inside = {0};
    int r = find(p, k, &place, err);

    if (r < 0 || !place || (r = refuse_inside(p, k, place, err)) < 0)
        return r;
    if (names_inside(p, place, &inside, &by) < 0)
        return policy_no_memory(err);
    if (!inside.n)
        return 0;
    b->n_earlier_paths = p->n_paths;
    for (uint32_t i = 0; i < inside.n && r == 0; i++)
        r = flag_place_rule(b, place, inside.v[i], PATH_DENY, 0, err);
    flag_rules_finish(b);
    return r;
}

int keep_out_of_caches(struct policy_build *b, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < KINDS && r == 0; i++)
        if (workload_kinds[i]->keeps)
            r = keep_out(b, workload_kinds[i], err);
    return r;
}

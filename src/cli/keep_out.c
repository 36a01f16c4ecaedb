/* SPDX-License-Identifier: Apache-2.0 */
/* See keep_out.h. Looks at the host; makes the directories only where a rule would let the run reach them. */
#include "cli/keep_out.h"
#include "base/pathtext.h"
#include "classcache/place.h"
#include "confine/paths.h"
#include "policy/list.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *kind, *what;
} caches[] = {{"jvm", "class archives"}, {"wasm", "compiled modules"}};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the policy is too large for its memory");
}

/* Where it lies, with the links that lead there followed, as far as there is something. */
static const char *real_place(struct arena *a, const char *kind)
{
    const char *path;
    char real[PATH_MAX], *there = cache_place(a, kind, &path) < 0 ? NULL : arena_strdup(a, path), *slash;

    while (there && !realpath(*there ? there : "/", real)) {
        if (!(slash = strrchr(there, '/')))
            return NULL;
        *slash = '\0';
    }
    const char *whole = there ? arena_printf(a, "%s%s", real, path + strlen(there)) : NULL;
    return whole ? flag_path_clean(a, whole) : NULL;
}

static int keep_out(struct policy_build *b, const char *kind, const char *what, struct err *err)
{
    struct policy *p = b->p;
    const char *place = real_place(p->arena, kind), *path;
    struct strv inside = {0};
    char real[PATH_MAX];
    int r = 0;

    for (uint32_t i = 0; i < p->n_paths && place; i++) {
        const struct path_rule *rule = &p->paths[i];
        if (rule->verdict == PATH_DENY || !(rule->access & (PATH_WRITE | PATH_CREATE)) || !realpath(rule->host, real) ||
            !path_lies_in(place, real))
            continue;
        const char *guest = arena_printf(p->arena, "%s%s", rule->guest, place + (real[1] ? strlen(real) : 0));
        if (!guest || (paths_find(p, guest) == rule && policy_strv_push(p->arena, &inside, guest) < 0))
            return no_memory(err);
    }
    int fd = inside.n ? cache_open(p->arena, kind, what, true, &path, &(struct err){0}) : -1;
    if (fd < 0)
        return 0;
    close(fd);
    b->n_earlier_paths = p->n_paths;
    for (uint32_t i = 0; i < inside.n && r == 0; i++)
        r = flag_place_rule(b, place, inside.v[i], PATH_DENY, 0, err);
    flag_rules_finish(b);
    return r;
}

int keep_out_of_caches(struct policy_build *b, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(caches) && r == 0; i++)
        r = keep_out(b, caches[i].kind, caches[i].what, err);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_command.h. Pure. */
#include "cli/engine_command.h"
#include "cli/engine_walls.h"

#include "confine/paths.h"
#include "policy/flags.h"
#include "policy/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_SHARE 16 /* of a memory limit */

int engine_put(struct policy *p, const char *option, const char *value, struct err *err)
{
    struct strv *argv = &p->process.argv;

    if (!value || (option && policy_strv_push(p->arena, argv, option) < 0) ||
        policy_strv_push(p->arena, argv, value) < 0)
        return policy_no_memory(err);
    return 0;
}

int engine_put_given(struct policy *p, const char *option, const char *value, struct err *err)
{
    return value && *value ? engine_put(p, option, value, err) : 0;
}

int engine_put_limits(struct policy *p, const struct engine_room *room, const struct strv *limits, struct err *err)
{
    const struct opt_i64 *limit = &p->resources.memory.limit, *tasks = &p->resources.pids;
    int r = 0;

    if (limit->set && limit->v > 0) {
        const int64_t kept = limit->v / ROOM_SHARE > room->kept ? limit->v / ROOM_SHARE : room->kept;
        if (limit->v < room->least)
            return err_set(err, -EINVAL, "--memory: %" PRId64 " bytes leave nothing to %s is the least", limit->v,
                           room->nothing_to);
        r = engine_put(p, "--memory", arena_printf(p->arena, "%" PRId64, limit->v - kept), err);
    }
    if (r == 0 && tasks->set && tasks->v > 0)
        r = engine_put(p, "--tasks", arena_printf(p->arena, "%" PRId64, tasks->v), err);
    for (uint32_t i = 0; i < limits->n && r == 0; i++)
        r = engine_put(p, "--limit", limits->v[i], err);
    return r;
}

int engine_take_limit(struct arena *a, const struct rlimit_rule *l, struct strv *limits, struct err *err)
{
    const char *text = arena_printf(a, "%u:%" PRIu64 ":%" PRIu64, (unsigned)l->resource, l->soft, l->hard);

    return !text || policy_strv_push(a, limits, text) < 0 ? policy_no_memory(err) : 0;
}

int engine_put_start(struct policy *p, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < p->process.env.n && r == 0; i++)
        r = engine_put(p, "--env", p->process.env.v[i], err);
    engine_no_variables(p);
    if (r == 0 && strcmp(p->process.cwd, "/"))
        r = engine_put(p, "--cwd", p->process.cwd, err);
    p->process.cwd = "/";
    return r;
}

const char *engine_memory_note(struct arena *a, const char *who, const char *bytes)
{
    return bytes ? arena_printf(a,
                                "%s the %llu MiB that it was made with (beyond a smaller limit it is ended): make the "
                                "sandbox anew to change that",
                                who, strtoull(bytes, NULL, 10) >> 20)
                 : NULL;
}

int engine_put_path(struct policy *p, const struct path_rule *rule, uint32_t access, const char *inside,
                    struct err *err)
{
    char text[8];
    const char *letters = rule->verdict == PATH_DENY ? "-" : paths_access_text(access, text);
    const char *host = flag_path_clean(p->arena, rule->host);
    int r = engine_put(p, "--rule", arena_printf(p->arena, "%s:%s", letters, inside), err);

    return r < 0 || (host && !strcmp(host, rule->guest)) ? r : engine_put(p, "--from", host, err);
}

int engine_put_place(struct policy *p, const char *letters, const char *inside, bool fresh, struct err *err)
{
    int r = engine_put(p, "--rule", arena_printf(p->arena, "%s:%s", letters, inside), err);

    return r < 0 || !fresh ? r : engine_put(p, NULL, "--fresh", err);
}

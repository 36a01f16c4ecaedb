/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_command.h. Pure. */
#include "cli/engine_command.h"

#include "confine/paths.h"
#include "policy/flags.h"
#include "policy/list.h"

#include <string.h>

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

/* SPDX-License-Identifier: Apache-2.0 */
/* Growing lists in an arena; see list.h. No trust decisions: callers have checked what they push. */
#include "policy/list.h"

#include <errno.h>
#include <string.h>

int policy_no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the policy is too large for its memory");
}

void *policy_list_push(struct arena *a, void *list, uint32_t *n, size_t size)
{
    char *items;
    uint32_t count = *n;

    memcpy(&items, list, sizeof items);
    if ((count & (count - 1)) == 0) { /* 0 and the powers of two: full */
        if (count >= UINT32_MAX / 2)
            return NULL;
        char *bigger = arena_array(a, count ? (size_t)count * 2 : 1, size);
        if (!bigger)
            return NULL;
        if (count)
            memcpy(bigger, items, (size_t)count * size);
        items = bigger;
        memcpy(list, &items, sizeof items);
    }
    *n = count + 1;
    return memset(items + (size_t)count * size, 0, size); /* a list may have been cut short */
}

int policy_strv_push(struct arena *a, struct strv *v, const char *s)
{
    uint32_t slots = v->n + 1; /* the NULL counts */

    if ((slots & (slots - 1)) == 0) {
        if (slots >= UINT32_MAX / 2)
            return -ENOMEM;
        char **bigger = arena_array(a, (size_t)slots * 2, sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        if (v->n)
            memcpy(bigger, v->v, v->n * sizeof *bigger);
        v->v = bigger;
    }
    v->v[v->n++] = (char *)s;
    v->v[v->n] = NULL;
    return 0;
}

static size_t key_length(const char *entry)
{
    return strcspn(entry, "=");
}

int policy_env_set(struct arena *a, struct strv *env, const char *entry)
{
    size_t len = key_length(entry);

    for (uint32_t i = 0; i < env->n; i++) {
        if (key_length(env->v[i]) == len && !memcmp(env->v[i], entry, len)) {
            env->v[i] = (char *)entry;
            return 0;
        }
    }
    return policy_strv_push(a, env, entry);
}

const char *policy_env_get(const struct strv *env, const char *key)
{
    size_t len = strlen(key);

    for (uint32_t i = 0; i < env->n; i++) {
        if (key_length(env->v[i]) == len && !memcmp(env->v[i], key, len))
            return env->v[i][len] ? env->v[i] + len + 1 : "";
    }
    return NULL;
}

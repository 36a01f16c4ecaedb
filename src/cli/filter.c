/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int filter_add(struct filters *f, const char *text, struct err *err)
{
    size_t len = strcspn(text, "=");
    char known[256] = "";

    if (!text[len])
        return err_set(err, -EINVAL, "--filter %s: invalid argument, write KEY=VALUE", text);
    for (const char *const *k = f->keys; *k; k++) {
        if (strlen(*k) == len && !strncmp(*k, text, len)) {
            if (f->n == FILTERS_MAX)
                return err_set(err, -E2BIG, "--filter: more than %d", FILTERS_MAX);
            f->v[f->n].key = *k;
            f->v[f->n++].value = text + len + 1;
            return 0;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", *k);
    }
    return err_set(err, -EINVAL, "--filter: invalid filter '%.*s': this command knows %s", (int)(len < 64 ? len : 64),
                   text, known);
}

bool filter_given(const struct filters *f, const char *key)
{
    for (unsigned i = 0; i < f->n; i++)
        if (!strcmp(f->v[i].key, key))
            return true;
    return false;
}

bool filter_any(const struct filters *f, const char *key, bool (*match)(const void *ctx, const char *value),
                const void *ctx)
{
    bool any = false, given = false;

    for (unsigned i = 0; i < f->n; i++) {
        if (strcmp(f->v[i].key, key))
            continue;
        given = true;
        any = any || match(ctx, f->v[i].value);
    }
    return any || !given;
}

static bool has_label(const struct policy *p, const char *value)
{
    size_t len = strcspn(value, "=");

    for (uint32_t i = 0; i < p->n_annotations; i++) {
        const struct key_value *kv = &p->annotations[i];
        if (strlen(kv->key) == len && !strncmp(kv->key, value, len) &&
            (!value[len] || !strcmp(kv->value, value + len + 1)))
            return true;
    }
    return false;
}

bool filter_labels(const struct filters *f, const struct policy *p)
{
    for (unsigned i = 0; i < f->n; i++)
        if (!strcmp(f->v[i].key, "label") && !has_label(p, f->v[i].value))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of events; see event.h. The broker is trusted no more than any peer: types and lengths are checked. */
#include "learn/event.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t access;
} accesses[] = {{"stat", PATH_STAT},
                {"read", PATH_READ},
                {"write", PATH_WRITE},
                {"execute", PATH_EXECUTE},
                {"create", PATH_CREATE}};

static int read_access(const struct json *list, uint32_t *out)
{
    *out = PATH_STAT;
    if (!list || list->type != JSON_ARRAY)
        return -EINVAL;
    for (const struct json *c = list->child; c; c = c->next) {
        size_t i = 0;
        while (i < ARRAY_LEN(accesses) && (c->type != JSON_STRING || strcmp(accesses[i].name, c->string.s) != 0))
            i++;
        if (i == ARRAY_LEN(accesses))
            return -EINVAL;
        *out |= accesses[i].access;
    }
    return 0;
}

int learn_event_read(struct arena *a, char *line, size_t len, struct learn_event *out, struct err *err)
{
    struct json *root;
    int r = len > LEARN_LINE_MAX ? -E2BIG : json_parse(a, line, len, &root, err);

    *out = (struct learn_event){0};
    if (r < 0)
        return err_set(err, r, "the broker's report cannot be read");
    out->call = json_get_text(root, "learn", NULL);
    out->asked = json_get_text(root, "asked", NULL);
    out->path = json_get_text(root, "path", NULL);
    out->address = json_get_text(root, "allow", NULL);
    out->name = json_get_text(root, "name", NULL);
    out->pid = json_get_int(root, "pid");
    out->exists = json_get_bool(root, "exists");
    out->creates = json_get_bool(root, "creates");
    out->flags = (uint32_t)json_get_int(root, "flags");
    out->mode = (uint32_t)json_get_int(root, "mode");
    bool whole = out->call && ((out->asked && out->path && read_access(json_get(root, "access"), &out->access) == 0) ||
                               (!out->asked && (out->address || out->name)));
    return whole ? 0 : err_set(err, -EINVAL, "the broker's report is none that this moat knows");
}

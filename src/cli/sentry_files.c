/* SPDX-License-Identifier: Apache-2.0 */
/* What of the host a sentry's programs see, and their memory file systems: from the mounts of a policy, which would be
 * the walls' own, to words of moat-sentry. Changes the policy alone. */
#include "cli/engine_command.h"
#include "cli/sentry.h"
#include "policy/list.h"

#include <errno.h>
#include <linux/mount.h>
#include <string.h>

/* Letters of src/sentry/mounts.h. */
static const char *letters(struct arena *a, const struct mount_rule *m)
{
    const uint64_t set = m->attr_set | m->rec_attr_set;

    return arena_printf(a, "%s%s%s%s", set & MOUNT_ATTR_RDONLY ? "r" : "", set & MOUNT_ATTR_NOSUID ? "s" : "",
                        m->bind                  ? ""
                        : set & MOUNT_ATTR_NODEV ? "d"
                                                 : "",
                        set & MOUNT_ATTR_NOEXEC ? "x" : "");
}

static int take_bind(struct policy *p, struct sentry_options *o, const struct mount_rule *m, struct err *err)
{
    const char *flags = letters(p->arena, m);
    const char *text = arena_printf(p->arena, "%u:%s:%s", o->hosts.n, flags ? flags : "", m->destination);

    if (!text || !flags || policy_strv_push(p->arena, &o->volumes, text) < 0 ||
        policy_strv_push(p->arena, &o->hosts, m->source) < 0)
        return policy_no_memory(err);
    return 0;
}

static int take_tmpfs(struct policy *p, struct sentry_options *o, const struct mount_rule *m, struct err *err)
{
    const char *flags = letters(p->arena, m), *options = "";

    for (uint32_t i = 0; i < m->n_data && options; i++)
        options = arena_printf(p->arena, "%s%s%s", options, *options ? "," : "", m->data[i]);
    const char *text = flags && options ? arena_printf(p->arena, "%s:%s:%s", flags, options, m->destination) : NULL;
    return !text || policy_strv_push(p->arena, &o->tmpfs, text) < 0 ? policy_no_memory(err) : 0;
}

int sentry_take_files(struct policy *p, struct sentry_options *o, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < p->n_mounts && r == 0; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (m->destination && strchr(m->destination, ':'))
            return err_set(err, -EINVAL, "%s: a name with a colon cannot be a place of a sentry's", m->destination);
        if (m->bind)
            r = take_bind(p, o, m, err);
        else if (m->type && !strcmp(m->type, "tmpfs"))
            r = take_tmpfs(p, o, m, err);
    }
    p->n_mounts = p->n_paths = 0;
    return r;
}

int sentry_put_files(struct policy *p, const struct sentry_options *o, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < o->volumes.n && r == 0; i++) {
        r = engine_put(p, "--volume", o->volumes.v[i], err);
        if (r == 0)
            r = engine_put(p, "--host", o->hosts.v[i], err);
    }
    for (uint32_t i = 0; i < o->tmpfs.n && r == 0; i++)
        r = engine_put(p, "--tmpfs", o->tmpfs.v[i], err);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `mounts`, and the id mappings they share with `linux` (config.md, "Mounts"). Pure. */
#include "policy/names.h"
#include "policy/oci.h"

#include <errno.h>
#include <string.h>

#define ID_MAPS_MAX 340 /* lines the kernel takes in /proc/PID/uid_map */

int oci_read_id_maps(struct oci_reader *r, const struct json *o, const char *name, struct id_maps *out)
{
    const struct json *list;
    struct id_map *v;
    uint32_t i = 0;
    int code = oci_list(r, o, name, sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    if (list->count > ID_MAPS_MAX)
        return oci_fail(r, name, "%u entries; the kernel takes %d", list->count, ID_MAPS_MAX);
    oci_enter(r, name);
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = oci_u32(r, m, "containerID", OCI_REQUIRED, OCI_ID_MAX, &v[i].inside)) < 0 ||
            (code = oci_u32(r, m, "hostID", OCI_REQUIRED, OCI_ID_MAX, &v[i].outside)) < 0 ||
            (code = oci_u32(r, m, "size", OCI_REQUIRED, UINT32_MAX, &v[i].count)) < 0)
            return code;
        if (v[i].count == 0)
            return oci_fail(r, "size", "must be at least 1");
        if (v[i].count > UINT32_MAX - v[i].inside || v[i].count > UINT32_MAX - v[i].outside)
            return oci_fail(r, "size", "%u ids from %u and %u pass the last id, %u", v[i].count, v[i].inside,
                            v[i].outside, OCI_ID_MAX);
        oci_leave(r);
    }
    oci_leave(r);
    out->v = v;
    out->n = i;
    return 0;
}

static int read_options(struct oci_reader *r, const struct json *o, struct mount_rule *m)
{
    struct strv v = {0};
    int code = oci_strings(r, o, "options", 0, &v);

    if (code < 0)
        return code;
    for (uint32_t i = 0; i < v.n; i++) {
        char *option = v.v[i];
        if (mount_option_apply(m, option))
            continue;
        if (strcmp(option, "src-nofollow") == 0 || strcmp(option, "copy-symlink") == 0)
            return oci_fail_item(r, "options", i, "%s is not supported; leave it out", option);
        if (!*option || strchr(option, ','))
            return oci_fail_item(r, "options", i, "\"%.64s\" is not one option", option);
        /* The vector shrinks in place: what is left are the file system's own options. */
        v.v[m->n_data++] = option;
    }
    if (m->n_data) {
        v.v[m->n_data] = NULL;
        m->data = v.v;
    }
    return 0;
}

static int check_mount(struct oci_reader *r, struct mount_rule *m)
{
    if (m->bind && !m->remount && !m->source)
        return oci_fail(r, "source", "is required for a bind mount");
    if (m->bind)
        m->n_data = 0; /* options of a file system mean nothing to a bind; every runtime takes and drops them */
    if (!m->bind && !m->type && !m->remount && !m->propagation)
        return oci_fail(r, "type", "is required unless options has bind or rbind");
    if (m->tmpcopyup && (!m->type || strcmp(m->type, "tmpfs") != 0))
        return oci_fail(r, "options", "tmpcopyup needs type tmpfs");
    if (!m->uid_maps.n != !m->gid_maps.n)
        return oci_fail(r, m->uid_maps.n ? "gidMappings" : "uidMappings",
                        "is required together with the other mapping");
    return 0;
}

static int read_mount(struct oci_reader *r, const struct json *o, struct mount_rule *m)
{
    int code;

    if ((code = oci_string(r, o, "destination", OCI_REQUIRED | OCI_NONEMPTY, &m->destination)) < 0 ||
        (code = oci_string(r, o, "source", OCI_EMPTY_IS_NONE, &m->source)) < 0 ||
        (code = oci_string(r, o, "type", OCI_EMPTY_IS_NONE, &m->type)) < 0 || (code = read_options(r, o, m)) < 0 ||
        (code = oci_read_id_maps(r, o, "uidMappings", &m->uid_maps)) < 0 ||
        (code = oci_read_id_maps(r, o, "gidMappings", &m->gid_maps)) < 0)
        return code;
    if (m->destination[0] != '/') { /* deprecated, and to be taken from the root */
        m->destination = arena_printf(r->a, "/%s", m->destination);
        if (!m->destination)
            return oci_no_memory(r);
    }
    /* Some engines say it with the type alone. */
    if (m->type && !m->bind && strcmp(m->type, "bind") == 0)
        m->bind = true;
    if (m->type && !m->bind && strcmp(m->type, "rbind") == 0)
        m->bind = m->recursive = true;
    if (m->bind)
        m->type = NULL; /* a dummy there */
    if (m->uid_maps.n && m->idmap == IDMAP_NO)
        m->idmap = IDMAP_TOP;
    return check_mount(r, m);
}

int oci_read_mounts(struct oci_reader *r, const struct json *root, struct policy *p)
{
    const struct json *list;
    struct mount_rule *v;
    uint32_t i = 0;
    int code = oci_list(r, root, "mounts", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "mounts");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_mount(r, m, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    p->mounts = v;
    p->n_mounts = i;
    return 0;
}

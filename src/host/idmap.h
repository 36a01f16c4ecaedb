/* SPDX-License-Identifier: Apache-2.0 */
/* User-namespace id maps (user_namespaces(7)) and namespaces made only to carry one for an id-mapped mount. */
#ifndef MOAT_HOST_IDMAP_H
#define MOAT_HOST_IDMAP_H

#include "base/err.h"
#include "policy/policy.h"

/* Writes the maps of a process's fresh user namespace. `unprivileged`: setgroups is denied first, as the kernel
 * demands, and newuidmap and newgidmap (shadow-utils) are used where a map has more than our own id. */
int idmap_write(pid_t pid, const struct id_maps *uid, const struct id_maps *gid, bool unprivileged, struct err *err);

/* One id, or none: the map that the kernel lets anybody write, and for which setgroups(2) is denied. */
static inline bool idmap_is_single(const struct id_maps *m)
{
    return m->n == 0 || (m->n == 1 && m->v[0].count == 1);
}

/* A user namespace with these maps and no process; *fd is the caller's. */
int idmap_userns(const struct id_maps *uid, const struct id_maps *gid, int *fd, struct err *err);

/* The map of a mount whose owner `owner` (on disk) is to appear as `base`'s first id: fills out[0..2], returns the
 * count. Other ids from 1 up keep their number inside; the host's 0 is mapped only when it is the owner. */
uint32_t idmap_owner(uint32_t owner, const struct id_map *base, struct id_map out[3]);

/* CLONE_NEW* of an open /proc/PID/ns file (ioctl_ns(2)), or negative errno. */
int ioctl_ns_type(int fd);

#endif

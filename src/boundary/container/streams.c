/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipes that a workload gets as its standard streams become its user's, as with every engine: else a workload that
 * opens /dev/stderr once more is refused, since a pipe may be opened by its owner alone. Files, sockets and devices of
 * the caller keep their owner. Runs in the launcher, where host ids count; what it may not change stays.
 */
#include "boundary/container/container.h"

#include <sys/stat.h>
#include <unistd.h>

static bool host_uid(const struct policy *p, uint32_t inside, uint32_t *out)
{
    *out = inside;
    if (p->ns[NS_USER].how == NS_HOST)
        return true;
    for (uint32_t i = 0; p->ns[NS_USER].how == NS_NEW && i < p->uid_maps.n; i++) {
        const struct id_map *m = &p->uid_maps.v[i];
        if (inside >= m->inside && inside - m->inside < m->count) {
            *out = m->outside + (inside - m->inside);
            return true;
        }
    }
    return false;
}

void streams_hand_over(const struct policy *p, const struct process *pr)
{
    struct stat st;
    uint32_t uid;

    if (pr->terminal || !host_uid(p, pr->user.uid, &uid))
        return;
    for (int fd = 0; fd <= 2; fd++)
        if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid && fchown(fd, uid, (gid_t)-1) < 0)
            return;
}

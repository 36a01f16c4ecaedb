/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipes that a workload gets as its standard streams become its user's, as with every engine: else a workload that
 * opens /dev/stderr once more is refused, since a pipe may be opened by its owner alone. Files, sockets, devices and
 * named pipes of the caller keep their owner: they are there when the sandbox has gone. Runs in the launcher, where
 * host ids count; what it may not change stays.
 */
#include "boundary/container/container.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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

/* A pipe that was made for this: without a name, or one of the monitor's in the sandbox's state directory. */
static bool is_passing(const struct instance *inst, int fd, const struct stat *st)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    struct statfs fs;
    struct stat own;

    if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC)
        return true;
    return fstatat(inst->state_fd, names[fd], &own, AT_SYMLINK_NOFOLLOW) == 0 && own.st_dev == st->st_dev &&
           own.st_ino == st->st_ino;
}

void streams_hand_over(const struct instance *inst, const struct process *pr)
{
    struct stat st;
    uint32_t uid;

    if (pr->terminal || !host_uid(inst->policy, pr->user.uid, &uid))
        return;
    for (int fd = 0; fd <= 2; fd++)
        if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid && is_passing(inst, fd, &st) &&
            fchown(fd, uid, (gid_t)-1) < 0)
            return;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat2(2). A scoped look-up that meets ".." while anything on the machine is renamed or mounted answers EAGAIN: it
 * could not tell whether it stayed inside. It is asked again, with a bound, since a hostile neighbour can rename for
 * ever.
 */
#ifndef MOAT_HOST_OPENAT2_H
#define MOAT_HOST_OPENAT2_H

#include "host/sys.h"

#include <linux/openat2.h>

#define OPENAT2_TRIES 1000

/* A descriptor, or a negative errno. */
static inline int openat2_scoped(int dir, const char *path, const struct open_how *how)
{
    long r = -EAGAIN;

    for (int i = 0; i < OPENAT2_TRIES && r == -EAGAIN; i++)
        r = sys(SYS_openat2, dir, path, how, sizeof *how);
    return (int)r;
}

#endif

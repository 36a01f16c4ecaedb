/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_PULL_JAIL_H
#define MOAT_PULL_JAIL_H

#include "base/err.h"

#include <stdint.h>

/*
 * Shuts this process in, before it has opened a socket: no new privileges, limits, its own mount, ipc and uts
 * namespaces, root directory at the destination, Landlock, no capabilities, and a system-call filter: sockets of the
 * internet families only, no process, thread or program, no executable mapping. Cannot be undone.
 *
 * The resolver's files are copied below the destination first (etc/), since "/" is there afterwards. What the host does
 * not offer is left out, but one of {root directory, Landlock} and the filter must stand, else -EPERM. With Landlock
 * alone a few files of the real /etc can be read.
 */
struct jail {
    int dest;
    unsigned descriptors; /* 0 .. descriptors - 1 stay */
    uint64_t max_bytes;   /* largest file */
};
int jail_enter(struct jail *j, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_UNPACK_JAIL_H
#define MOAT_UNPACK_JAIL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Shuts this process in, before it has read one byte from outside: no new privileges, limits, its own network, mount,
 * ipc and uts namespaces, root directory at the destination, Landlock (destination; source for reading), six
 * capabilities at most, and a system-call filter. Descriptors 0 to 5 stay. Cannot be undone.
 *
 * What the host does not offer is left out, but one of {root directory, Landlock} and the filter must stand, else
 * -EPERM.
 */
struct jail {
    int dest, source;   /* source -1: none */
    uint64_t max_bytes; /* largest file */
    bool owners;        /* out: owners may be set */
};
int jail_enter(struct jail *j, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the gofer keeps when it has shut itself in. */
#ifndef MOAT_GOFER_JAIL_H
#define MOAT_GOFER_JAIL_H

#include "base/err.h"
#include "confine/walls.h"

#include <stdint.h>

struct jail {
    int proc;             /* /proc/self/fd: the one directory that openat(2) may begin at */
    unsigned descriptors; /* 0 .. descriptors - 1 stay */
    uint32_t files;       /* most descriptors */
    const struct walls_tree *trees;
    uint32_t n_trees;
    bool writes; /* some tree may be written to: else no call that changes anything is left */
};

/* Cannot be undone. 0 or -errno with a sentence. */
int jail_enter(const struct jail *, struct err *);

#endif

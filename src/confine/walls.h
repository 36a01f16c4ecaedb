/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls that a helper program raises around itself before it reads one foreign byte. Life: the helper fills a
 * struct walls, opens what it needs -> walls_enter() -> only the descriptors and system calls named there are left.
 * Cannot be undone.
 */
#ifndef MOAT_CONFINE_WALLS_H
#define MOAT_CONFINE_WALLS_H

#include "base/err.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/* A directory or a regular file below which files may be opened. */
struct walls_tree {
    int fd;
    bool write; /* else only read */
};

struct walls {
    const char *who;  /* "the unpacker", for messages */
    int dest, source; /* directories to write below and to read below; -1: none. Without both no file can be opened;
                       * source alone is the root, which `calls` must keep from being written to */
    const char *const
        *readable; /* where "/" cannot become dest: files to read all the same; NULL-terminated, or NULL */
    const struct walls_tree *trees; /* instead of dest and source: several; "/" becomes an empty directory */
    uint32_t n_trees;
    uint32_t files;                   /* most descriptors; 0: 1024 */
    bool network;                     /* keeps the network namespace, and may connect; never listens by TCP */
    bool stays;                       /* who started us may end first */
    bool namespaces;                  /* who started us has made them already: not again */
    unsigned descriptors;             /* 0 .. descriptors - 1 stay */
    uint64_t file_bytes;              /* largest file */
    uint64_t memory;                  /* bytes of address space */
    uint64_t cpu_seconds;             /* 0: no limit */
    uint64_t capabilities;            /* kept, where they are there: bit per CAP_* */
    const struct seccomp_rule *calls; /* what is allowed; all else kills */
    uint32_t n_calls;
    uint32_t *stand; /* OUT: enum walls_stand, what this host offered; NULL: not asked */
};

enum walls_stand { WALLS_NAMESPACES = 1, WALLS_ROOT = 2, WALLS_LANDLOCK = 4 };

/*
 * No new privileges, limits, network, mount, ipc and uts namespaces of its own, root directory at dest (else source),
 * Landlock (dest; source for reading; without them nothing), capabilities, a system-call filter; in this order. What
 * the host does not offer is left out, but the filter must stand, and with a directory one of {root directory,
 * Landlock}: else -EPERM.
 */
int walls_enter(const struct walls *w, struct err *err);

/* The same for one that turns the bytes of descriptor 0 into others on descriptor 1, with words on 2: it can read,
 * write, use memory, none of it executable, and end. Of *w the members below `calls` and the directories are not looked
 * at. */
int walls_enter_converter(const struct walls *w, struct err *err);

/* The same for one that packs the directory w->source, files of all owners, into descriptor 1: it can read below it,
 * and do what a converter can. */
int walls_enter_packer(const struct walls *w, struct err *err);

/* Soft and hard limit of RLIMIT_*, never above the hard one in force. */
void walls_limit(int resource, uint64_t value);

#endif

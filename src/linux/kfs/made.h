/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that the kernel makes up: /proc, /sys and /dev. A tree is constant rows; adding a file is one row and
 * the function that shows it. What a row is about (a process, a descriptor) travels in a key, kept in inode->own_n.
 *
 * A file's text is made whole when it is first read and again when it is read from its start, so that a reader sees one
 * state.
 */
#ifndef MOAT_LINUX_KFS_MADE_H
#define MOAT_LINUX_KFS_MADE_H

#include "linux/core/text.h"
#include "linux/fs/vfs.h"

struct made_key {
    int32_t pid, tid; /* process and task; 0: none */
    int32_t number;   /* a descriptor */
};

struct made_node {
    const char *name;
    uint32_t mode;                                       /* with its type */
    const struct made_node *children;                    /* directories: rows up to one without a name */
    uint64_t rdev;                                       /* devices: makedev as stat shows it */
    const char *constant;                                /* a file's whole text, or a link's target */
    int (*show)(const struct made_key *, struct text *); /* 0; -ESRCH when it is gone */
    int64_t (*store)(const struct made_key *, const char *text, size_t n); /* bytes taken */
    int64_t (*link)(const struct made_key *, char *to, size_t n);          /* a link's target, cut to n */
    int (*follow)(const struct made_key *, struct path *out);              /* a magic link: held */
    /* Names beside `children`: find looks one up and completes the key; list gives the one at or after *cookie. */
    const struct made_node *(*find)(struct made_key *, const char *name, size_t length);
    const struct made_node *(*list)(struct made_key *, uint64_t *cookie, char *name, size_t room);
    int (*seen)(const struct made_key *, uint32_t *mode, uint32_t *uid, uint32_t *gid); /* what stat shows; -ESRCH */
};

/* The root directory of such a tree: fs_type.mount calls it. `device`: of st_dev. */
int made_mount(struct superblock *, const struct made_node *root);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls become calls: an ELF file of the tree is rewritten in memory (src/rewrite), and what was done with each
 * site is kept for the image. A file that cannot be rewritten stays as it is: its calls trap, and are served.
 */
#ifndef MOAT_UNIKERNEL_SITES_H
#define MOAT_UNIKERNEL_SITES_H

#include "linux/fs/imgfs_format.h"
#include "unikernel/tree.h"

struct sites {
    struct image_site *v;
    uint32_t n, trapped;
    const uint8_t *blob; /* trampolines */
    uint64_t blob_size;  /* of what is mapped; 0: none */
    uint64_t skew;       /* of which so many are the file's last bytes, in front of the trampolines */
    uint64_t address;    /* where they are mapped: as the file's own addresses */
    const char *refused; /* why the whole file was left alone; NULL: it was not */
};

/* Sets f->sites, of a file with f->elf. -ENOMEM. */
int sites_rewrite(struct tree *t, struct tree_file *f, struct err *err);

/* Whether all its calls are known by number, which are added to `calls`, a bit each. */
bool sites_calls(const struct sites *s, uint8_t calls[64]);

#endif

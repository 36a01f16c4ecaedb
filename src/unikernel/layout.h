/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything lies in an image file, and in memory when it is started: decided before a byte is written (write.c).
 * Private to the making of images. */
#ifndef MOAT_UNIKERNEL_LAYOUT_H
#define MOAT_UNIKERNEL_LAYOUT_H

#include "unikernel/image.h"

struct layout {
    struct image *im;
    struct err *err;
    struct image_header header;
    struct image_boot *boot;
    const char *manifest;
    struct image_segment *premaps;
    uint64_t n_premaps;
    struct image_inode *inodes;
    struct image_entry *entries;
    struct image_sites *sites;
    struct image_site *site;
    char *names;
    uint64_t n_entries, n_names, n_sites, n_site, kernel, end;
    const struct tree_file **order; /* contents in the order in which they lie */
    uint32_t n_order;

    /* ---- while it is written ---- */
    int fd;
    uint64_t at;
    size_t filled;
    uint8_t *buffer;
    struct sha256 inner; /* behind the header */
};

/* Of l->im, with sentences into l->err: everything but what is for the writing. 0, -ENOMEM. */
int layout_make(struct layout *l);

#endif

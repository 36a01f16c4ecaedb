/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image file, read: each table is checked once, whole, and can be walked then without a further look. The bytes are
 * hostile and must not change meanwhile. Pure. (The kernel's own reader is src/linux/fs/imgfs; it trusts none of this.)
 */
#ifndef MOAT_UNIKERNEL_VIEW_H
#define MOAT_UNIKERNEL_VIEW_H

#include "base/err.h"
#include "linux/fs/imgfs_format.h"

#include <stdbool.h>
#include <stddef.h>

struct image_view {
    const uint8_t *bytes;
    size_t size;
    struct image_header header;
    const struct image_segment *kernel, *premaps;
    const struct image_inode *inodes;
    const struct image_entry *entries;
    const struct image_sites *sites;
    const struct image_site *site;
    const char *manifest, *names;
    uint64_t n_kernel, n_premaps, n_inodes, n_entries, n_sites, n_site, n_manifest, n_names;
    struct image_boot boot;
    const char *strings; /* of boot: program, cwd, args, env, each with its NUL */
};

/* bytes: aligned to 8. 0, or -ENOEXEC with what is wrong, without the file's name. `whole`: its sha256 is looked at as
 * well. */
int image_view(struct image_view *v, const uint8_t *bytes, size_t size, bool whole, struct err *err);

/* The string of this number behind struct image_boot; it is there. 0: program, 1: cwd, then args, then env. */
const char *image_view_string(const struct image_view *v, uint32_t n);

#endif

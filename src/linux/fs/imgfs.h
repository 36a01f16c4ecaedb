/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image as a file system. Life: imgfs_check() on the bytes, then a superblock of imgfs_type with the checked image
 * as its `own`; inodes are made by lookups and hold nothing.
 */
#ifndef MOAT_LINUX_FS_IMGFS_H
#define MOAT_LINUX_FS_IMGFS_H

#include "linux/fs/imgfs_format.h"
#include "linux/fs/vfs.h"

/* One checked image: its sections lie within its bytes. */
struct imgfs_image {
    const uint8_t *bytes;
    uint64_t size;
    struct memobj *object;  /* the same bytes */
    uint64_t object_offset; /* where they begin in it */
    struct imgfs_part {
        uint64_t offset;
        uint32_t n, record; /* records, and bytes from one to the next */
    } inodes, entries, names, sites;
};
extern struct heap_type imgfs_image_type;

/* 0; -EUCLEAN, -ENOEXEC (another machine or version) with a sentence. *used: bytes of this image, of the `size` given.
 */
int imgfs_check(const void *bytes, uint64_t size, struct imgfs_image *out, uint64_t *used, char *why, size_t why_size);
/* Takes a copy of *image. */
int imgfs_superblock(const struct imgfs_image *image, struct superblock **out);
/* The row of an inode by its number (0: the root). */
const struct image_sites *imgfs_sites_of(const struct imgfs_image *, uint32_t inode);

#endif

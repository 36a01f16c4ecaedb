/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/mm without the rest of the kernel: the few functions that it calls of other rooms, files that are pieces of
 * memory, and a platform whose guest memory is an array. For tests of mm/ alone, and for fuzzing the ELF loader.
 */
#ifndef MOAT_TEST_LINUX_MM_FIXTURE_H
#define MOAT_TEST_LINUX_MM_FIXTURE_H

#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/task/task.h"

#define FIXTURE_TEXT_LOW   0x400000ull
#define FIXTURE_TEXT_PAGES 2560u
#define FIXTURE_DATA_LOW   0x10000000ull
#define FIXTURE_DATA_PAGES 2048u
#define FIXTURE_PAGES      (FIXTURE_TEXT_PAGES + FIXTURE_DATA_PAGES)

/* An open file of these bytes. */
struct fixture_file {
    struct file file;
    struct inode inode;
    const uint8_t *bytes;
};
void fixture_open(struct fixture_file *, const void *bytes, size_t n);
/* What vfs_open_at gives, whatever the name is; NULL: -ENOENT. The name is kept. */
extern struct fixture_file *fixture_interp;
extern char fixture_opened[256];
/* What imgfs_sites says of this inode. */
extern const struct image_sites *fixture_sites;
extern struct inode *fixture_sites_inode;

/* A new kernel heap, platform and current task, without an mm. One space for all if `shared`. */
void fixture_begin(bool shared);
/* The protection of the page at an address: PROT_*; -1: not mapped. */
int fixture_prot(uint64_t at);
/* Guest memory: a mapped page's bytes. */
uint8_t *fixture_at(uint64_t at);
uint32_t fixture_mapped(void); /* pages */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Makes small images of fs/imgfs_format.h for tests: inodes, entries, names and data, without a kernel. */
#ifndef MOAT_TEST_LINUX_IMAGE_H
#define MOAT_TEST_LINUX_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct image_row {
    const char *path; /* without a slash at its start; parents come first, by rows of their own */
    uint32_t mode;    /* with its type */
    const char *text; /* a file's contents, a link's target; of a further name of a file: its first path */
    uint32_t another; /* 1: a further name of the file `text` */
};

/* `uid` owns all. The image begins on a page; free() it. Its size is a multiple of a page. */
uint8_t *image_build(const struct image_row *rows, size_t n, uint32_t uid, uint32_t gid, size_t *size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_UNPACK_COPY_H
#define MOAT_UNPACK_COPY_H

#include "base/sha256.h"
#include "unpack/dest.h"

/*
 * Copies the tree at `source` into the destination: owners, modes, times, hard links, symbolic links, allowed xattrs.
 * Files are cloned (FICLONE) where the file system can. Devices, sockets and fifos are skipped and noted; of another
 * mount only the directory itself is made. digest is over everything that was copied, in an order that does not depend
 * on the disk.
 */
struct copy {
    struct dest *d;
    int source;
    uint64_t exclude_dev, exclude_ino; /* a directory not to enter: the store itself */
    void (*progress)(struct dest *d);
    struct sha256 digest;
    struct inodes links; /* files with several names: the first path */
    char *buffer;
};
int copy_tree(struct copy *c, uint8_t digest[SHA256_SIZE], struct err *err);

#endif

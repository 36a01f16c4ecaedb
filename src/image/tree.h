/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of hostile trees: any depth, any names, with a fixed number of descriptors and no recursion. */
#ifndef MOAT_IMAGE_TREE_H
#define MOAT_IMAGE_TREE_H

#include "base/err.h"

/* Removes dirfd/name and all below it; absent is success. Never follows a symbolic link and never crosses a mount point
 * (a mount below gives -EXDEV or -EBUSY and names it). name is one path component. Safe to call again after a kill. */
int tree_remove(int dirfd, const char *name, struct err *err);

/* The same for what is in the directory, which itself stays. */
int tree_empty(int dirfd, struct err *err);

#endif

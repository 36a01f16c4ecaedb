/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of trees in which files belong to an ordinary user's subordinate ids (tree.h knows one id only). */
#ifndef MOAT_IMAGE_OWNED_H
#define MOAT_IMAGE_OWNED_H

#include "image/tree.h"

/* As tree_remove(). What the caller may not remove by himself is removed as the root of his user namespace. */
int owned_tree_remove(int dirfd, const char *name, struct err *err);

#endif

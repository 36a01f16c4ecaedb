/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of glibc's interpreter (/etc/ld.so.cache, ldconfig(8)) for the libraries of an image and no others: without
 * it each is looked for in a dozen directories. The host's own is not taken: it names what is not in the image, and
 * differs from host to host.
 */
#ifndef MOAT_UNIKERNEL_CACHE_H
#define MOAT_UNIKERNEL_CACHE_H

#include "unikernel/libraries.h"

/* Puts it into the tree, in the place of another. Nothing where no library was found. */
int cache_make(const struct libraries *l, struct tree *t, struct err *err);

#endif

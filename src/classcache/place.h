/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of what moat has made ready for the next start of a program, one a kind: "jvm" (class archives), "wasm"
 * (compiled modules). $MOAT_CACHE_DIR/KIND; else for root /var/cache/moat/KIND; else $XDG_CACHE_HOME/moat/KIND or
 * ~/.cache/moat/KIND.
 */
#ifndef MOAT_CLASSCACHE_PLACE_H
#define MOAT_CLASSCACHE_PLACE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>

/* Where that is, as it is written, links and all. -ENOENT: there is no such place. */
int cache_place(struct arena *a, const char *kind, const char **path);

/* Its descriptor, for all that is done in it, and its path. create: make what is missing of it, 0700. what: for errors,
 * "class archives". -ENOENT: it is not there, or has no place. -EPERM names a directory that is not to be trusted: the
 * last must be ours alone, those above ours or root's and nobody else's to change; none of moat's own may be a link. */
int cache_open(struct arena *a, const char *kind, const char *what, bool create, const char **path, struct err *err);

#endif

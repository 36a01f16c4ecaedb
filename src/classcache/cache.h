/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of class archives of one user: files KEY.jsa, which nobody changes once they are there, KEY.none for
 * programs of which an archive was of no use, and KEY.seen for commands of which the second run makes one. Life:
 * class_cache_open() -> class_cache_find() ... class_making (see making.h) -> class_cache_close(). All is done beneath
 * a descriptor of the directory.
 */
#ifndef MOAT_CLASSCACHE_CACHE_H
#define MOAT_CLASSCACHE_CACHE_H

#include "base/err.h"
#include "base/mem.h"
#include "classcache/key.h"

#include <stdbool.h>
#include <stdint.h>

#define CLASS_ARCHIVE_LEAST 4096
#define CLASS_ARCHIVE_MOST  (512ull << 20)
#define CLASS_CACHE_MOST    (1ull << 30) /* all of them together; the one that was used longest ago goes first */
#define CLASS_CACHE_SEEN    ".seen"      /* behind the key */
#define CLASS_SEEN_MOST     1024         /* files of that kind */

/* Compiled WebAssembly modules (src/cli/wasm_cache.h) and root file systems packed for the unikernel,
 * for machines and for the sentry (src/cli/packed_root.c) lie in directories of the same kind, as KEY.code, KEY.moat,
 * KEY.boot and KEY.root; so do unpacked kernels. */
enum class_cache_kind {
    CLASS_CACHE_JVM,
    CLASS_CACHE_WASM,
    CLASS_CACHE_UNIKERNEL,
    CLASS_CACHE_MACHINE,
    CLASS_CACHE_SENTRY
};

struct class_cache {
    const char *path; /* absolute */
    int fd;
    const char *suffix; /* of what is kept: ".jsa" */
};

/* cache_open() (place.h) of "jvm". */
int class_cache_open(struct class_cache *c, struct arena *a, bool create, struct err *err);
/* The same of another kind. */
int class_cache_open_kind(struct class_cache *c, enum class_cache_kind kind, struct arena *a, bool create,
                          struct err *err);
void class_cache_close(struct class_cache *c);

enum class_cache_answer { CLASS_CACHE_NONE, CLASS_CACHE_NOTED, CLASS_CACHE_READY, CLASS_CACHE_USELESS };

/* *path: of the archive, absolute; it counts as used now. */
enum class_cache_answer class_cache_find(const struct class_cache *c, struct arena *a, const char *key,
                                         const char **path);

/* An archive of this key is of no use: none is kept, and none made again before the mark is a week old. */
void class_cache_refuse(const struct class_cache *c, const char *key);

/* It has run once: class_cache_find() says CLASS_CACHE_NOTED for a week, unless there is more to say. */
void class_cache_note(const struct class_cache *c, const char *key);

/* Clears what makings that died have left, marks that are old, and notes beyond CLASS_SEEN_MOST; then the oldest
 * archives until `most` bytes are not exceeded. */
void class_cache_trim(const struct class_cache *c, uint64_t most);

struct class_cache_use {
    unsigned archives;
    uint64_t bytes;
};
void class_cache_measure(const struct class_cache *c, struct class_cache_use *out);

#endif

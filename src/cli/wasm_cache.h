/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled modules, kept for later starts: `moat wasm compile` makes them, `moat run` uses what is there. A file of the
 * cache (classcache/cache.h) has the module itself and its machine code; its name is a digest over the module's bytes,
 * the engine's file and what the CPU can do.
 */
#ifndef MOAT_CLI_WASM_CACHE_H
#define MOAT_CLI_WASM_CACHE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* *image: the file for a module, in the arena; untouched where there is none, or the directory is not to be trusted, or
 * the module is so small that it is compiled sooner than looked up. The module is read only where a file of the cache
 * is about one of its size. */
void wasm_cache_find(struct arena *a, const char *module, const char **image);

struct wasm_cached {
    uint64_t module, image; /* bytes */
    bool was_there;         /* and is what compiling gives now, byte for byte */
    bool replaced;          /* what was there was damaged */
    bool too_small;         /* nothing is kept: it is compiled sooner than looked up */
};

/* Has moat-wasm compile it, shut in so that it can do nothing but write the one file, and gives that its name when it
 * has ended well. -ENOEXEC: it is no valid module, and moat-wasm has said why, or text. -ENOENT, -EACCES: there is no
 * such file, or it is none, as wasm_find() says. */
int wasm_cache_make(struct arena *a, const char *module, struct wasm_cached *out, struct err *err);

#endif

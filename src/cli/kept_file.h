/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is made once and kept in the cache directory of whoever runs it (classcache/cache.h), under a digest of
 * what it was made of.
 */
#ifndef MOAT_CLI_KEPT_FILE_H
#define MOAT_CLI_KEPT_FILE_H

#include "classcache/cache.h"

struct keeping {
    enum class_cache_kind kind;
    const char *doing;  /* "packing /srv/root": said on a terminal while it is made; NULL: nothing */
    const char *source; /* what it is made of, for sentences */
    /* Writes it to `out`, an empty file that has no name yet. Nobody sees it where this fails. */
    int (*write)(void *context, int out, struct err *err);
    void *context;
};

/* *file: absolute, made where it is not there yet; nobody changes it. */
int kept_file(struct arena *a, const struct keeping *k, const char *key, const char **file, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory or an imported image as a unikernel: it is packed once, as a whole, and the image kept in the cache
 * directory of whoever runs it, under a digest of what it was made of.
 */
#ifndef MOAT_CLI_UNIKERNEL_ROOT_H
#define MOAT_CLI_UNIKERNEL_ROOT_H

#include "image/store.h"

struct unikernel_root {
    const char *path; /* of the root directory, absolute */
    const char *id;   /* of the image in the store; NULL: a directory */
    struct image image;
    struct store store; /* open while the image is used */
};

/* What a word means: a directory (a path with a slash), or an image of the store. -ENOENT. */
int unikernel_root_find(struct arena *a, const char *word, struct unikernel_root *out, struct err *err);
void unikernel_root_close(struct unikernel_root *r);

/* The packed image, absolute, made where it is not there yet. */
int unikernel_root_pack(struct arena *a, const struct unikernel_root *r, const char **file, struct err *err);

/* A program of the root by docker's rules: with a slash a path, else looked for in the directories of `path` (PATH).
 * Absolute, inside. -ENOENT and -EACCES as moat-enter would say. */
int unikernel_root_program(struct arena *a, const struct unikernel_root *r, const char *word, const char *path,
                           const char *cwd, const char **out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by store.c and store_change.c only. */
#ifndef MOAT_IMAGE_STORE_INTERNAL_H
#define MOAT_IMAGE_STORE_INTERNAL_H

#include "image/store.h"

#define STORE_CONFIG_MAX (32u << 20) /* the hostile 4 MiB document, escaped at worst */

/* Gives the id; ref->name is empty when the text was an id. */
int store_find(struct store *s, const char *text, struct reference *ref, char id[IMAGE_ID_LEN + 1], struct err *err);
int store_load(struct store *s, const char *id, struct image *out, struct err *err);
/* file and tag must have passed the grammar. digest: what a registry said the name means, or "". */
bool store_ref_read(struct store *s, const char *file, const char *tag, char id[IMAGE_ID_LEN + 1],
                    char digest[IMAGE_ID_LEN + 1]);
/* Calls each() for all names, "." and ".." too, until it returns non-zero. */
int store_walk_dir(int dirfd, int (*each)(void *ctx, const char *name, struct err *err), void *ctx, struct err *err);
int store_walk_tags(struct store *s, const char *file, int (*each)(void *ctx, const char *tag, struct err *err),
                    void *ctx, struct err *err);

#endif

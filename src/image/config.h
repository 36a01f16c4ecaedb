/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents: an OCI image configuration (hostile) and our own config.json (written from it, read back
 * strictly). */
#ifndef MOAT_IMAGE_CONFIG_H
#define MOAT_IMAGE_CONFIG_H

#include "base/err.h"
#include "base/json.h"
#include "image/store.h"

#define IMAGE_DOCUMENT_MAX (4u << 20)

/* Environment of an image that brings no document: PATH only, no command. */
void image_config_default(struct image_config *c);

/* The "config" member of an OCI image configuration; NULL is an empty one. Copies into the arena. -EINVAL names the
 * member. */
int image_config_read(struct arena *a, struct image_config *c, const struct json *config, struct err *err);

/* "2024-05-01T10:00:00.5Z" to seconds since 1970; false when it is none. */
bool image_time_read(const char *text, int64_t *seconds);

/* Our config.json. The writer's buffer is malloced; free with json_writer_free(). */
int image_document_write(const struct image *i, struct json_writer *w, struct err *err);
int image_document_read(struct arena *a, struct image *i, char *text, size_t len, struct err *err);

#endif

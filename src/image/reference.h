/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images, by the grammar of docker references: [HOST[:PORT]/]PART[/PART...][:TAG]. What passes here can be a
 * file name: no part is empty, starts with a dot or holds a control byte. "docker.io/" and "docker.io/library/" are
 * taken off, since docker shows names without them.
 */
#ifndef MOAT_IMAGE_REFERENCE_H
#define MOAT_IMAGE_REFERENCE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define REFERENCE_NAME_MAX 255
#define REFERENCE_TAG_MAX  128
#define IMAGE_ID_LEN       64

struct reference {
    char name[REFERENCE_NAME_MAX + 1];
    char tag[REFERENCE_TAG_MAX + 1]; /* "latest" when none was given */
    bool tag_given;
};

/* -EINVAL names the text, the rule it breaks and an example. */
int reference_parse(const char *text, struct reference *out, struct err *err);

/* The name as one file name: '/' becomes '+', which the grammar does not have; and back. */
void reference_to_file(const struct reference *ref, char out[REFERENCE_NAME_MAX + 1]);
/* False when the file name is none that reference_to_file() makes. */
bool reference_from_file(const char *file, const char *tag, struct reference *out);

/* 64 lower-case hex digits. */
bool image_id_valid(const char *s);
/* 1 to 64 hex digits, with or without "sha256:" before them; gives the digits. NULL when it is none. */
const char *image_id_prefix(const char *s);

#endif

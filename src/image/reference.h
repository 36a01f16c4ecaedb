/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images, by the grammar of docker references: [HOST[:PORT]/]PART[/PART...][:TAG][@sha256:HEX]. HOST may be an
 * IPv6 address in brackets. What passes here can be a file name: no part is empty, starts with a dot or holds a control
 * byte. "docker.io/" and "docker.io/library/" are taken off, since docker shows names without them.
 */
#ifndef MOAT_IMAGE_REFERENCE_H
#define MOAT_IMAGE_REFERENCE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define REFERENCE_NAME_MAX 255
#define REFERENCE_TAG_MAX  128
#define IMAGE_ID_LEN       64
#define REFERENCE_TEXT_MAX (REFERENCE_NAME_MAX + REFERENCE_TAG_MAX + 16)

struct reference {
    char name[REFERENCE_NAME_MAX + 1];
    char tag[REFERENCE_TAG_MAX + 1]; /* "latest" when none was given */
    bool tag_given;
    /* 64 digits, or "": what the text demanded (by_digest), or what a registry said that the tag means. With by_digest
     * the tag means nothing, as in docker. */
    char digest[IMAGE_ID_LEN + 1];
    bool by_digest;
};

/* -EINVAL names the text, the rule it breaks and an example. */
int reference_parse(const char *text, struct reference *out, struct err *err);

/* The name as one file name: '/' becomes '+', which the grammar does not have; and back. */
void reference_to_file(const struct reference *ref, char out[REFERENCE_NAME_MAX + 1]);
/* And the second part, the file below it: the tag, or "@HEX". */
void reference_to_tag_file(const struct reference *ref, char out[REFERENCE_TAG_MAX + 1]);
/* False when the file names are none that the two above make. */
bool reference_from_file(const char *file, const char *tag, struct reference *out);

/* NAME:TAG or NAME@sha256:HEX. */
void reference_show(const struct reference *ref, char out[REFERENCE_TEXT_MAX]);

/* The length of the HOST[:PORT] that a name starts with, or 0: the first part is one when it holds a dot or a colon, or
 * is localhost. */
size_t reference_host_length(const char *name);

/* 64 lower-case hex digits. */
bool image_id_valid(const char *s);
/* 1 to 64 hex digits, with or without "sha256:" before them; gives the digits. NULL when it is none. */
const char *image_id_prefix(const char *s);

#endif

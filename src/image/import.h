/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an image of the store from a tar file, a directory or an OCI image layout. */
#ifndef MOAT_IMAGE_IMPORT_H
#define MOAT_IMAGE_IMPORT_H

#include "image/oci_layout.h"
#include "image/store.h"
#include "image/unpacker.h"

struct import {
    const char *source; /* FILE, "-" (standard input), DIR, or oci:DIR[:REF] */
    struct reference name;
    uint64_t max_bytes, max_entries;     /* 0: the usual limits */
    const struct oci_platform *platform; /* of an OCI image; NULL: this machine's */
    unpack_progress *progress;           /* may be NULL */
    /* Before layer i is opened (n_layers: behind the last): for who is still fetching. May be NULL. */
    int (*before_layer)(void *ctx, size_t i, struct err *err);
    void *ctx;
    const volatile sig_atomic_t *interrupted; /* may be NULL; set: give up */
};

struct import_result {
    char id[IMAGE_ID_LEN + 1];
    bool existed; /* the image was there; only the name was set */
    struct unpack_result unpacked;
};

/* The store must be open for changes. A failure leaves the store as it was. The id is the SHA-256 of the file's bytes;
 * of an OCI image, of its manifest; of a directory, of what was copied. */
int image_import(struct store *s, const struct import *in, struct import_result *out, struct err *err);

/* The same for an image that was found already; source is only written down. The name may be one by digest. */
int image_import_oci(struct store *s, const struct import *in, const struct oci_image *oci, struct import_result *out,
                     struct err *err);

#endif

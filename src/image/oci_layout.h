/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an OCI image layout directory (image-spec 1.1, "Image Layout"): picks the manifest for this machine, checks
 * size and SHA-256 of every document before it is parsed. Layers are only described here; whoever reads one checks its
 * digest.
 */
#ifndef MOAT_IMAGE_OCI_LAYOUT_H
#define MOAT_IMAGE_OCI_LAYOUT_H

#include "base/err.h"
#include "base/sha256.h"
#include "image/store.h"

#define OCI_LAYERS_MAX      512
#define OCI_INDEX_DEPTH_MAX 4

struct oci_blob {
    char hex[SHA256_HEX_SIZE];
    uint64_t size;
};

struct oci_image {
    int fd; /* the layout directory */
    struct oci_blob manifest, config;
    struct oci_blob *layers; /* lowest first */
    size_t n_layers;
    struct image_config image_config;
    int64_t created; /* 0: not said */
};

/* spec is DIR or DIR:REF; REF is the annotation org.opencontainers.image.ref.name in index.json. */
int oci_layout_open(struct arena *a, struct oci_image *out, const char *spec, struct err *err);
void oci_layout_close(struct oci_image *o);

/* An open descriptor of a regular file of the right size, or negative. */
int oci_blob_open(const struct oci_image *o, const struct oci_blob *blob, struct err *err);

#endif

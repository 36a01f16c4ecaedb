/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an OCI image layout directory (image-spec 1.1, "Image Layout"): picks the manifest for this machine, checks
 * size and SHA-256 of every document before it is parsed. Layers are only described here; whoever reads one checks its
 * digest.
 */
#ifndef MOAT_IMAGE_OCI_LAYOUT_H
#define MOAT_IMAGE_OCI_LAYOUT_H

#include "base/err.h"
#include "image/oci_document.h"

struct oci_image {
    int fd; /* the layout directory */
    struct oci_blob manifest;
    struct oci_manifest content;
    struct image_config image_config;
    int64_t created; /* 0: not said */
};

/* spec is DIR or DIR:REF; REF is the annotation org.opencontainers.image.ref.name in index.json. */
int oci_layout_open(struct arena *a, struct oci_image *out, const char *spec, const struct oci_platform *platform,
                    struct err *err);
void oci_layout_close(struct oci_image *o);

/* The same in steps, for who fetches the pieces first: o->fd is set. Reads the document `blob`, which came as `type`:
 * of an index, *blob and *type become the next to read; of a manifest, o->manifest and o->content are filled. Then the
 * configuration. */
int oci_image_descend(struct arena *a, struct oci_image *o, const struct oci_platform *platform, struct oci_blob *blob,
                      const char **type, bool *complete, struct err *err);
int oci_image_configure(struct arena *a, struct oci_image *o, const struct oci_platform *platform, struct err *err);

/* An open descriptor of a regular file of the right size, or negative. */
int oci_blob_open(const struct oci_image *o, const struct oci_blob *blob, struct err *err);

#endif

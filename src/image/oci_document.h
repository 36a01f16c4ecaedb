/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the documents of an image say: index, manifest, configuration (image-spec 1.1; Docker's schema 2). Pure: parsed
 * JSON in, checked structs out; no files. The documents are hostile; who hands them in has checked their digests.
 */
#ifndef MOAT_IMAGE_OCI_DOCUMENT_H
#define MOAT_IMAGE_OCI_DOCUMENT_H

#include "base/err.h"
#include "base/json.h"
#include "base/sha256.h"
#include "image/store.h"

#define OCI_LAYERS_MAX      512
#define OCI_INDEX_DEPTH_MAX 4

struct oci_blob {
    char hex[SHA256_HEX_SIZE];
    uint64_t size;
};

struct oci_platform {
    char os[16], arch[24], variant[16]; /* variant "": any */
};

struct oci_manifest {
    struct oci_blob config;
    struct oci_blob *layers; /* lowest first */
    size_t n_layers;
};

/* "linux/arm64/v8", "arm64" or, NULL, this machine's. Only linux is taken. -EINVAL, -ENOTSUP. */
int oci_platform_parse(const char *text, struct oci_platform *out, struct err *err);
bool oci_platform_is_own(const struct oci_platform *p);
/* "linux/arm64/v8" */
void oci_platform_show(const struct oci_platform *p, char out[64]);

/* Which of the two it is, by its own mediaType, or else by the type it came with ("": not known). Refused by name:
 * schema 1, other types, a document whose own type differs from the one it came with, and one that has the members of
 * both (two readers would see two images). */
enum oci_kind { OCI_INDEX, OCI_MANIFEST };
int oci_document_kind(const struct json *document, const char *type, enum oci_kind *out, struct err *err);

/* The one descriptor of an index to go on with: the platform's, and (ref not NULL) of that ref.name. Without a ref,
 * several images must differ by platform. *type lies in the document. */
int oci_index_choose(const struct json *index, const char *ref, const struct oci_platform *platform,
                     struct oci_blob *out, const char **type, struct err *err);
int oci_manifest_read(struct arena *a, const struct json *manifest, struct oci_manifest *out, struct err *err);
/* The image's configuration must be of the platform and of that many layers. */
int oci_config_read(struct arena *a, const struct json *config, const struct oci_platform *platform, size_t n_layers,
                    struct image_config *out, int64_t *created, struct err *err);

#endif

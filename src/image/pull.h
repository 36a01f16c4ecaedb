/* SPDX-License-Identifier: Apache-2.0 */
/* Brings an image in from a registry (distribution-spec v2). */
#ifndef MOAT_IMAGE_PULL_H
#define MOAT_IMAGE_PULL_H

#include "image/import.h"

#include <signal.h>

/* What happens to the layers; a layer is downloaded while others are unpacked. */
enum pull_stage { PULL_LAYER_WAITS, PULL_LAYER_DOWNLOADS, PULL_LAYER_IS_HERE, PULL_LAYER_UNPACKS, PULL_LAYER_DONE };

struct pull_news {
    size_t layer, n_layers;
    const char *hex; /* of the layer */
    enum pull_stage stage;
    uint64_t done, total; /* bytes as they are fetched, or fed to the unpacker; total 0: not known */
};
typedef void pull_progress(void *ctx, const struct pull_news *news);

struct pull_options {
    const char *platform;        /* "OS/ARCH[/VARIANT]"; NULL: this machine's */
    const char *const *insecure; /* hosts as in references that may be spoken to without TLS */
    size_t n_insecure;
    uint64_t max_bytes, max_entries; /* 0: the usual limits */
    pull_progress *progress;         /* may be NULL */
    void *ctx;
    const volatile sig_atomic_t *interrupted; /* may be NULL; set: give up */
};

struct pull_result {
    struct import_result import;           /* id; existed: all was here but perhaps the name */
    char digest[IMAGE_ID_LEN + 1];         /* of what the name means at the registry: a manifest or an index */
    char full[2 * REFERENCE_NAME_MAX + 2]; /* HOST/REPOSITORY, without tag */
    bool up_to_date;                       /* the name meant that before */
    bool foreign;                          /* for another kind of machine */
    char platform[64];
    size_t n_layers;
    uint64_t downloaded; /* bytes of layers */
};

/* The store must be open for changes. A failure leaves the store as it was; a kill leaves a directory that
 * store_clean() finds. */
int image_pull(struct store *s, const struct reference *ref, const struct pull_options *options,
               struct pull_result *out, struct err *err);

#endif

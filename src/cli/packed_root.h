/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory or an imported image for boundaries whose kernel is not the host's: it is packed once, as a whole, in the
 * form that the kernel reads (a unikernel's image, an initramfs), and kept in the cache directory of whoever runs it,
 * under a digest of what it was made of.
 */
#ifndef MOAT_CLI_PACKED_ROOT_H
#define MOAT_CLI_PACKED_ROOT_H

#include "classcache/cache.h"
#include "policy/policy.h"

#include "image/store.h"

struct packed_root {
    const char *path; /* of the root directory, absolute */
    const char *id;   /* of the image in the store; NULL: a directory */
    struct image image;
    struct store store; /* open while the image is used */
};

/* What a word means: a directory (a path with a slash), or an image of the store. -ENOENT. */
int packed_root_find(struct arena *a, const char *word, struct packed_root *out, struct err *err);
void packed_root_close(struct packed_root *r);

/* Into what it is packed, and by whom. */
struct packing {
    enum class_cache_kind kind;
    const char *packer, *verb; /* the libexec program, and its first word; it has the root as descriptor 3 */
    const char *option;        /* its second; NULL: none */
    const char *beside;        /* a file that lies beside the packer and goes into what it makes; NULL: none */
    const char *begins;        /* the bytes that a packed root begins with */
    size_t n_begins;
};

/* The packed root, absolute, made where it is not there yet. */
int packed_root_pack(struct arena *a, const struct packing *how, const struct packed_root *r, const char **file,
                     struct err *err);

/* A program of the root by docker's rules: with a slash a path, else looked for in the directories of `path` (PATH).
 * Absolute, inside. -ENOENT and -EACCES as moat-enter would say. */
int packed_root_program(struct arena *a, const struct packed_root *r, const char *word, const char *path,
                        const char *cwd, const char **out, struct err *err);

/* Who is meant by the user's word or, without one, by the image's: by the root's own names. The root, open (O_PATH). */
struct run_options;
int packed_root_user(struct run_options *run, const struct packed_root *root, struct user_rule *user, struct err *err);

/* What an image of the store says of itself, under what the user says, as run_options_image() does it: environment and
 * working directory into the policy, the command into `words`. word: as it was asked for. */
int packed_root_config(struct run_options *run, const struct packed_root *root, const char *word, struct strv *words,
                       struct err *err);

#endif

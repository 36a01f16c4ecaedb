/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image is made of, and the writing of it. Life: a tree (tree.h), finished; the kernel (kernel.h); how the
 * first program is started; then image_write(). The same of all three gives the same bytes.
 */
#ifndef MOAT_UNIKERNEL_IMAGE_H
#define MOAT_UNIKERNEL_IMAGE_H

#include "policy/list.h"
#include "unikernel/kernel.h"
#include "unikernel/tree.h"

struct image {
    struct arena *arena;
    struct tree tree;
    struct kernel kernel;
    const struct tree_node *program; /* behind all links */
    struct tree_file **mapped;       /* ELF files that are mapped before it runs, itself the first */
    uint32_t n_mapped;
    const char *path, *cwd; /* of the first program: as it is named inside */
    struct strv args, env;  /* args[0] as well */
    uint64_t memory;        /* by default; 0: what the boundary gives */
    bool jit, dynamic;      /* dynamic: code is mapped while it runs */
    bool ready;             /* the kernel starts the program from its premaps, having no loader */
    bool files;             /* files alone, without a kernel */

    /* image_write() */
    uint64_t size, text;
    uint32_t sites, trapped;
    char sha256[SHA256_HEX_SIZE]; /* of the whole file */
};

/* Writes it to a name in a directory: a reader sees the old file or the new one. */
int image_write(struct image *im, int dirfd, const char *path, struct err *err);

/* The same into an open file, empty and for reading too. */
int image_write_to(struct image *im, int fd, struct err *err);

/* The manifest, JSON; in the arena. NULL: no memory. (manifest.c) */
const char *image_manifest(struct image *im, size_t *size);

#endif

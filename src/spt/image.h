/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image as the tender reads it: its header, where its kernel goes, what of its program is mapped before the filter.
 * The file systems in it are the kernel's to check, which lies behind the wall. Its digest is not looked at (`moat
 * inspect` does that): the file is as trusted as any program that is executed.
 */
#ifndef MOAT_SPT_IMAGE_H
#define MOAT_SPT_IMAGE_H

#include "guest/unikernel/boot.h"
#include "linux/fs/imgfs_format.h"

#include <stddef.h>
#include <stdint.h>

#define IMAGE_KERNEL_SEGMENTS 8
#define IMAGE_PREMAPS_MOST    256
#define IMAGE_STRINGS_MOST    4096 /* words and environment together */

struct image_parts {
    struct image_boot boot;
    struct image_segment kernel[IMAGE_KERNEL_SEGMENTS];
    struct kernel_header kernel_header; /* a copy: the file may change while it is mapped */
    uint32_t n_kernel, n_premaps;
    const struct image_segment *premaps; /* in the image */
    uint64_t premaps_low, premaps_high;  /* what they lie within, on pages; both 0: there is none */
    const char *program, *cwd;           /* in the image */
    const char *args;                    /* boot.n_args strings, one behind the other, then boot.n_env */
};

/* Checks all of it. 0, or -ENOEXEC and a sentence in *why. */
int image_check(const void *image, uint64_t size, struct image_parts *out, const char **why);

/* A copy of segment i, checked: its pages are the image's, and at an address from *end, which moves on behind it, and
 * below `high`. 0, or -ENOEXEC and a sentence in *why. */
int image_premap(const void *image, uint64_t size, const struct image_parts *p, uint32_t i, uint64_t *end,
                 uint64_t high, struct image_segment *out, const char **why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images for the kernel of src/linux, on the harness of the unit tests: any bytes are given as image; what boots is
 * walked by a guest, which looks at every name, reads every file, changes some of it and walks again.
 *
 * Input: a byte of flags (IMAGES_*), then the image.
 */
#ifndef MOAT_FUZZ_LINUX_IMAGES_H
#define MOAT_FUZZ_LINUX_IMAGES_H

#include <stddef.h>
#include <stdint.h>

enum {
    IMAGES_HEADER = 1, /* magic, version, machine and size become right ones first: more of it is reached */
    IMAGES_CHANGE = 2, /* names are removed, moved and made, files written, between two walks */
    IMAGES_TWICE = 4,  /* the image lies there twice: two layers */
};

/* Aborts when the kernel ends in any other way than it may. Whether it booted. */
int linux_images_run(const uint8_t *input, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest image that the tender takes, made in memory: for tests that spoil it. */
#ifndef MOAT_TESTS_SPT_IMAGE_H
#define MOAT_TESTS_SPT_IMAGE_H

#include "linux/fs/imgfs_format.h"

#include <stdint.h>

struct sample {
    struct image_header header;
    struct {
        struct image_boot boot;
        char strings[48]; /* program, directory, two words, one variable */
    } start;
    struct image_segment kernel[2], premaps[2];
    uint8_t
        fill[4096 - sizeof(struct image_header) - sizeof(struct image_boot) - 48 - 4 * sizeof(struct image_segment)];
    uint8_t pages[4][4096]; /* kernel: code, data; program: code, data */
};
_Static_assert(sizeof(struct sample) == 5 * 4096, "whole pages");

void sample_make(struct sample *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_SCREEN_PNG_H
#define MOAT_SCREEN_PNG_H

#include "base/err.h"

#include <stdint.h>

/*
 * Writes a PNG (W3C, Portable Network Graphics, second edition) of width * height points, indices of a palette of
 * 256 * 3 bytes, to descriptor fd, from where it stands. Sizes are above 0, and at most SCREEN_WIDTH and SCREEN_HEIGHT.
 * 0, or -errno with a sentence: -EIO, -ENOSPC .. of writing, -ENOMEM.
 */
int png_write_indices(int fd, uint32_t width, uint32_t height, const uint8_t *palette, const uint8_t *pixels,
                      struct err *err);

#endif

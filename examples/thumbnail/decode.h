/* SPDX-License-Identifier: Apache-2.0 */
/* One PNG becomes one small picture: everything here reads hostile bytes, and is the same with and without a target. */
#ifndef THUMBNAIL_DECODE_H
#define THUMBNAIL_DECODE_H

#include <stddef.h>
#include <stdint.h>

#define EDGE_MAX 512

/* Reads a PNG from a descriptor and writes 8-bit RGB of at most `edge` by `edge` pixels to `out`. 0; -EBADMSG: it is no
 * PNG, or a broken one; -EFBIG: it is larger than 16,384 pixels in a direction; -ENOMEM. */
int decode_thumbnail(int fd, uint32_t edge, unsigned char *out, uint32_t *width, uint32_t *height);

#endif

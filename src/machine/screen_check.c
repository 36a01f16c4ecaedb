/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side that reads a screen's bytes: the machine process that wrote them may be its guest's. The header is copied
 * once; all sizes are within screen.h's bounds before one is multiplied. Pure; no libc but mem*.
 */
#include "machine/screen.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static bool sizes_agree(const struct screen_header *h)
{
    if (h->columns > SCREEN_COLUMNS || h->rows > SCREEN_ROWS || h->width > SCREEN_WIDTH || h->height > SCREEN_HEIGHT)
        return false;
    if ((h->mode == SCREEN_BLANK) != (h->width == 0) || (h->width == 0) != (h->height == 0))
        return false;
    if ((h->mode == SCREEN_TEXT) != (h->columns > 0) || (h->columns > 0) != (h->rows > 0))
        return false;
    if (h->cursor_on == 0)
        return h->cursor_x == 0 && h->cursor_y == 0;
    return h->cursor_on == 1 && h->cursor_x < h->columns && h->cursor_y < h->rows;
}

int screen_check(const uint8_t *bytes, uint64_t n, struct screen_header *h, const uint8_t **cells,
                 const uint8_t **palette, const uint8_t **pixels)
{
    if (n < sizeof(*h) || n > SCREEN_BYTES_MOST)
        return -EINVAL;
    memcpy(h, bytes, sizeof(*h));
    if (memcmp(h->magic, SCREEN_MAGIC, sizeof(h->magic)) != 0 || h->version != SCREEN_VERSION ||
        h->mode > SCREEN_GRAPHICS || h->zero32 != 0 || !sizes_agree(h))
        return -EINVAL;
    if (n != sizeof(*h) + 2 * (uint64_t)h->columns * h->rows + 768 + (uint64_t)h->width * h->height)
        return -EINVAL;
    *cells = bytes + sizeof(*h);
    *palette = *cells + 2 * h->columns * h->rows;
    *pixels = *palette + 768;
    return 0;
}

/* ---- Characters of code page 437 --------------------------------------------------------------------------------- */

uint16_t screen_unicode(uint8_t cp437)
{
    static const uint16_t control[32] = {0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022,
                                         0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
                                         0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8,
                                         0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc};
    static const uint16_t upper[128] = {
        0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee,
        0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6,
        0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa,
        0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502,
        0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514,
        0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550,
        0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c,
        0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
        0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320,
        0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0};
    if (cp437 < 32)
        return control[cp437];
    if (cp437 == 0x7f)
        return 0x2302;
    return cp437 < 0x80 ? cp437 : upper[cp437 - 0x80];
}

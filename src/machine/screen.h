/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine's display shows, as bytes: this header, the characters of a text mode, a palette, and the picture as
 * indices into it. Written by the machine process, which a guest may have taken over: who reads it checks all of it
 * (screen_check()). No libc but mem*.
 */
#ifndef MOAT_MACHINE_SCREEN_H
#define MOAT_MACHINE_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_MAGIC   "MOATSCR\n"
#define SCREEN_VERSION 1u
#define SCREEN_COLUMNS 160u /* at most */
#define SCREEN_ROWS    100u
#define SCREEN_WIDTH   1440u
#define SCREEN_HEIGHT  1200u
#define SCREEN_BYTES_MOST                                                                                              \
    (sizeof(struct screen_header) + 2 * SCREEN_COLUMNS * SCREEN_ROWS + 768 + SCREEN_WIDTH * SCREEN_HEIGHT)

enum screen_mode { SCREEN_BLANK, SCREEN_TEXT, SCREEN_GRAPHICS };

struct screen_header {
    char magic[8];
    uint32_t version, mode;      /* enum screen_mode */
    uint32_t columns, rows;      /* text; else 0 */
    uint32_t cursor_x, cursor_y; /* in cells */
    uint32_t cursor_on;          /* it is to be seen */
    uint32_t width, height;      /* of the picture, in points; blank: 0 */
    uint32_t zero32;
    uint64_t changes; /* another number: it may look different */
};
/* Then: columns * rows cells of two bytes (character, attribute), 256 * 3 bytes of palette (8 bits each), width *
 * height indices. */

struct vga;

/* Only the characters of a text mode, in CP437: cheap. Returns the mode; cells has room for SCREEN_COLUMNS *
 * SCREEN_ROWS. An attribute's upper bit is always one of the background's colour: where it means blinking, it is
 * cleared. */
enum screen_mode screen_cells(const struct vga *v, struct screen_header *h, uint8_t (*cells)[2]);
/* All of it into `out`, which has SCREEN_BYTES_MOST. How many bytes. */
uint32_t screen_build(const struct vga *v, uint8_t *out);
/* Is it whole, and are all sizes within these bounds? 0 or -EINVAL. *cells, *palette, *pixels lie in `bytes`. */
int screen_check(const uint8_t *bytes, uint64_t n, struct screen_header *h, const uint8_t **cells,
                 const uint8_t **palette, const uint8_t **pixels);
/* Unicode's character for one of CP437, graphic ones for control codes too. */
uint16_t screen_unicode(uint8_t cp437);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between screen.c and screen_draw.c: what the VGA's registers say of the picture, and a walk over its lines as the
 * CRT controller makes it.
 */
#ifndef MOAT_MACHINE_SCREEN_DRAW_H
#define MOAT_MACHINE_SCREEN_DRAW_H

#include "machine/dev/vga.h"
#include "machine/screen.h"

/* Of one picture; all within screen.h's bounds. */
struct picture {
    enum screen_mode mode;
    uint32_t columns;    /* times that the planes are read in a line; at most SCREEN_COLUMNS */
    uint32_t cell_width; /* dots made of each: 8, of text perhaps 9 */
    uint32_t dot;        /* points for a dot: 1, or 2 where the clock is halved */
    uint32_t width, height;
};

/* One line of the picture after the other. */
struct scan {
    const struct vga_state *s;
    uint32_t line;
    uint32_t row; /* of the row of characters, or of the lines that show the same: from 0 */
    uint32_t repeat;
    uint32_t address; /* what the address counter is at the line's beginning */
    uint32_t split;   /* the line behind which it begins anew at 0 */
    bool below;       /* the split */
};

void picture_of(const struct vga *v, struct picture *p);
void scan_begin(struct scan *at, const struct vga_state *s);
void scan_next(struct scan *at);
/* Is this the first line of a row of characters? */
bool scan_row_begins(const struct scan *at);
/* Where in the planes the counter's value lies, in the line's row: below 64 Ki. */
uint32_t scan_place(const struct scan *at, uint32_t counter);
/* A bit of a character's attribute may choose its font instead of a colour. */
bool screen_two_fonts(const struct vga_state *s);

/* The picture's points, p->width * p->height, each an index of the palette. */
void picture_draw(const struct vga *v, const struct picture *p, uint8_t *pixels);

#endif

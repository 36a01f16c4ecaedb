/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes of the VGA as register values, and the way a BIOS sets them.
 */
#include "unit/vga_modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs of registers that modes share. CRTC: the timing of a line of 40 or 80 characters begins so, and that of 400
 * lines goes on with what is a mode's own: the height of its characters, the cursor's first and last line, half a row's
 * bytes, the underline's place, the counting. */
#define CHARACTERS_40 0x2d, 0x27, 0x28, 0x90
#define CHARACTERS_80 0x5f, 0x4f, 0x50, 0x82
#define LINES_400(height, first, last, row, underline, counting)                                                       \
    0xbf, 0x1f, 0, height, first, last, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, row, underline, 0x96, 0xb9, counting, 0xff
/* Attributes. */
#define EGA_COLOURS 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define SEVEN(n)    n, n, n, n, n, n, n

static const struct vga_mode modes[] = {
    {0x00, /* 40 by 25 characters */
     0x67,
     {3, 8, 3, 0, 2},
     {CHARACTERS_40, 0x2b, 0xa0, LINES_400(0x4f, 0x0d, 0x0e, 0x14, 0x1f, 0xa3)},
     {EGA_COLOURS, 0x0c, 0, 15, 8, 0},
     {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}},
    {0x03, /* 80 by 25 */
     0x67,
     {3, 0, 3, 0, 2},
     {CHARACTERS_80, 0x55, 0x81, LINES_400(0x4f, 0x0d, 0x0e, 0x28, 0x1f, 0xa3)},
     {EGA_COLOURS, 0x0c, 0, 15, 8, 0},
     {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff}},
    {0x04, /* 320 by 200 in four colours, as a CGA has them */
     0x63,
     {3, 9, 3, 0, 2},
     {CHARACTERS_40, 0x2b, 0x80, LINES_400(0xc1, 0, 0, 0x14, 0, 0xa2)},
     {0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 3, 0, 0},
     {0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff}},
    {0x06, /* 640 by 200 in two */
     0x63,
     {3, 1, 1, 0, 6},
     {CHARACTERS_80, 0x54, 0x80, LINES_400(0xc1, 0, 0, 0x28, 0, 0xc2)},
     {0, SEVEN(0x17), 0x17, SEVEN(0x17), 1, 0, 1, 0, 0},
     {0, 0, 0, 0, 0, 0, 0x0d, 0, 0xff}},
    {0x07, /* 80 by 25 without colours */
     0x66,
     {3, 0, 3, 0, 2},
     {CHARACTERS_80, 0x55, 0x81, LINES_400(0x4f, 0x0d, 0x0e, 0x28, 0x0d, 0xa3)},
     {0, SEVEN(8), 0x10, SEVEN(0x18), 0x0e, 0, 15, 8, 0},
     {0, 0, 0, 0, 0, 0x10, 0x0a, 0, 0xff}},
    {0x0d, /* 320 by 200 in 16 colours */
     0x63,
     {3, 9, 15, 0, 6},
     {CHARACTERS_40, 0x2b, 0x80, LINES_400(0xc0, 0, 0, 0x14, 0, 0xe3)},
     {0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 15, 0, 0},
     {0, 0, 0, 0, 0, 0, 5, 15, 0xff}},
    {0x12, /* 640 by 480 in 16 colours: lines of its own */
     0xe3,
     {3, 1, 15, 0, 6},
     {CHARACTERS_80, 0x54, 0x80, 0x0b, 0x3e, 0,    0x40, 0,    0,   0, 0, 0, 0,
      0xea,          0x8c, 0xdf, 0x28, 0,    0xe7, 0x04, 0xe3, 0xff},
     {EGA_COLOURS, 1, 0, 15, 0, 0},
     {0, 0, 0, 0, 0, 0, 5, 15, 0xff}},
    {0x13, /* 320 by 200 in 256 */
     0x63,
     {3, 1, 15, 0, 14},
     {CHARACTERS_80, 0x54, 0x80, LINES_400(0x41, 0, 0, 0x28, 0x40, 0xa3)},
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 15, 0, 0},
     {0, 0, 0, 0, 0, 0x40, 5, 15, 0xff}},
};

static uint64_t counter_of(void *owner)
{
    return ((struct vga_board *)owner)->counter;
}

struct vga_board *vga_board_make(void)
{
    struct vga_board *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort();
    clock_init(&b->clock, &b->gmem, SECOND_NS, 0);
    clock_source(&b->clock, counter_of, b);
    if (vga_init(&b->vga, &b->ports, &b->memory, &b->clock) != 0)
        abort();
    return b;
}

void vga_board_free(struct vga_board *b)
{
    free(b);
}

const struct vga_mode *vga_mode_of(unsigned number)
{
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (modes[i].number == number)
            return &modes[i];
    fprintf(stderr, "vga_modes.c has no mode %u\n", number);
    abort();
}

void vga_mode_set(struct vga_board *b, unsigned number)
{
    const struct vga_mode *m = vga_mode_of(number);
    const uint16_t crtc = m->misc & 1 ? 0x3d4 : 0x3b4;
    vga_set(b, 0x3c4, 0, 1);
    vga_out(b, 0x3c2, m->misc);
    for (uint8_t i = 1; i < 5; i++)
        vga_set(b, 0x3c4, i, m->sequencer[i]);
    vga_set(b, 0x3c4, 0, m->sequencer[0]);
    vga_set(b, crtc, 0x11, 0); /* the first eight can be written */
    for (uint8_t i = 0; i < 25; i++)
        vga_set(b, crtc, i, m->crtc[i]);
    for (uint8_t i = 0; i < 9; i++)
        vga_set(b, 0x3ce, i, m->graphics[i]);
    for (uint8_t i = 0; i < 21; i++)
        vga_attribute_set(b, i, m->attribute[i]);
    vga_out(b, 0x3c0, 0x20);
}

void vga_font_set(struct vga_board *b, unsigned font, uint8_t character, const uint8_t rows[16])
{
    const uint8_t graphics[] = {4, 5, 6}, sequencer[] = {2, 4};
    const uint32_t at = 0xa0000 + (font & 3) * 0x4000 + (font >> 2) * 0x2000 + character * 32u;
    uint8_t kept[5];
    for (unsigned i = 0; i < 3; i++)
        kept[i] = vga_get(b, 0x3ce, graphics[i]);
    for (unsigned i = 0; i < 2; i++)
        kept[3 + i] = vga_get(b, 0x3c4, sequencer[i]);
    vga_set(b, 0x3c4, 2, 4);
    vga_set(b, 0x3c4, 4, 7);
    vga_set(b, 0x3ce, 4, 2);
    vga_set(b, 0x3ce, 5, 0);
    vga_set(b, 0x3ce, 6, 4);
    for (unsigned i = 0; i < 16; i++)
        vga_poke(b, at + i, rows[i]);
    for (unsigned i = 0; i < 3; i++)
        vga_set(b, 0x3ce, graphics[i], kept[i]);
    for (unsigned i = 0; i < 2; i++)
        vga_set(b, 0x3c4, sequencer[i], kept[3 + i]);
}

void vga_colour_set(struct vga_board *b, uint8_t index, uint8_t red, uint8_t green, uint8_t blue)
{
    vga_out(b, 0x3c8, index);
    vga_out(b, 0x3c9, red);
    vga_out(b, 0x3c9, green);
    vga_out(b, 0x3c9, blue);
}

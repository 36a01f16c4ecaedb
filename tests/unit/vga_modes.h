/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VGA alone on two buses, with a clock that the test sets, and modes set by registers as a BIOS sets them (the values
 * are those of IBM's tables). For tests/unit/test_machine_{vga,screen}.c and tests/fuzz/fuzz_machine_vga.c.
 */
#ifndef MOAT_TESTS_VGA_MODES_H
#define MOAT_TESTS_VGA_MODES_H

#include "machine/dev/vga.h"
#include "machine/screen.h"

struct vga_mode {
    uint8_t number, misc, sequencer[5], crtc[25], attribute[21], graphics[9];
};

struct vga_board {
    struct vga vga;
    struct bus ports, memory;
    struct clock clock;
    struct gmem gmem;
    uint64_t counter; /* nanoseconds */
};

struct vga_board *vga_board_make(void);
void vga_board_free(struct vga_board *b);

/* 0, 3, 4, 6, 7, 0x0d, 0x12, 0x13; a test that names another ends. */
const struct vga_mode *vga_mode_of(unsigned number);
/* Registers alone: memory, palette and font stay. */
void vga_mode_set(struct vga_board *b, unsigned number);
/* A row of a character into plane 2, as a BIOS does it: by sequential access at 0xa0000, and the registers as before.
 */
void vga_font_set(struct vga_board *b, unsigned font, uint8_t character, const uint8_t rows[16]);
void vga_colour_set(struct vga_board *b, uint8_t index, uint8_t red, uint8_t green, uint8_t blue);

static inline uint8_t vga_in(struct vga_board *b, uint16_t port)
{
    return (uint8_t)bus_read(&b->ports, port, 1);
}
static inline void vga_out(struct vga_board *b, uint16_t port, uint8_t value)
{
    bus_write(&b->ports, port, 1, value);
}
/* Index and data, by one access of two bytes. */
static inline void vga_set(struct vga_board *b, uint16_t port, uint8_t index, uint8_t value)
{
    bus_write(&b->ports, port, 2, (uint64_t)value << 8 | index);
}
static inline uint8_t vga_get(struct vga_board *b, uint16_t port, uint8_t index)
{
    vga_out(b, port, index);
    return vga_in(b, (uint16_t)(port + 1));
}
static inline void vga_attribute_set(struct vga_board *b, uint8_t index, uint8_t value)
{
    (void)vga_in(b, b->vga.state.misc & 1 ? 0x3da : 0x3ba);
    vga_out(b, 0x3c0, index);
    vga_out(b, 0x3c0, value);
}
static inline uint8_t vga_peek(struct vga_board *b, uint32_t address)
{
    return (uint8_t)bus_read(&b->memory, address, 1);
}
static inline void vga_poke(struct vga_board *b, uint32_t address, uint8_t value)
{
    bus_write(&b->memory, address, 1, value);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IBM VGA with 256 KiB in four planes (IBM PS/2 hardware reference; the FreeVGA project's description): sequencer,
 * CRT controller, graphics and attribute controllers, DAC. Ports 0x3b4, 0x3b5, 0x3ba, 0x3c0 to 0x3cf, 0x3d4, 0x3d5,
 * 0x3da; memory at 0xa0000 to 0xbffff. Text, planar, CGA's and 256-colour modes; no VBE yet.
 */
#ifndef MOAT_MACHINE_DEV_VGA_H
#define MOAT_MACHINE_DEV_VGA_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/device.h"

#define VGA_MEMORY       (256u << 10)
#define VGA_WINDOW       UINT64_C(0xa0000)
#define VGA_WINDOW_BYTES 0x20000u

struct vga_state {
    uint8_t memory[VGA_MEMORY]; /* plane p of address a is memory[a * 4 + p] */
    uint8_t sequencer[8], crtc[32], graphics[16], attribute[32];
    uint8_t palette[256][3]; /* 6 bits each */
    uint8_t sequencer_index, crtc_index, graphics_index, attribute_index;
    uint8_t attribute_data; /* 0x3c0: the next byte is data */
    uint8_t misc, feature;
    uint8_t dac_mask, dac_write, dac_read, dac_component, dac_reading;
    uint8_t latch[4];
    uint8_t dac_latch[3];
    uint8_t zero8[5];
};

struct vga {
    struct vga_state state;
    const struct clock *clock; /* retrace */
    uint64_t changes;          /* counts what may look different: whoever shows it compares */
    uint64_t retrace;          /* the number of the one that was told last: not saved, a guest may be told one twice */
    /* Made of the registers by vga_registers_changed(): where the processor reaches the planes, and how. */
    struct vga_window {
        uint32_t base, bytes; /* in the window; 0 bytes: nowhere */
        bool plain;           /* what is written goes into the chosen planes as it is */
    } window;
};

int vga_init(struct vga *v, struct bus *ports, struct bus *memory, const struct clock *clock);

extern const struct device_ops vga_ops;

/* ---- Among its own files ----------------------------------------------------------------------------------------- */

/* Bits that a register has; 0: there is no such register. */
extern const uint8_t vga_sequencer_bits[8], vga_graphics_bits[16], vga_attribute_bits[32], vga_crtc_bits[32];

/* Offsets are from ports 0x3b4 and 0x3c0, and from VGA_WINDOW. */
uint64_t vga_mono_read(void *device, uint64_t offset, unsigned size);
void vga_mono_write(void *device, uint64_t offset, unsigned size, uint64_t value);
uint64_t vga_port_read(void *device, uint64_t offset, unsigned size);
void vga_port_write(void *device, uint64_t offset, unsigned size, uint64_t value);
uint64_t vga_memory_read(void *device, uint64_t offset, unsigned size);
uint32_t vga_memory_read_many(void *device, uint64_t offset, unsigned size, void *bytes, uint32_t count);
uint32_t vga_memory_write_many(void *device, uint64_t offset, unsigned size, const void *bytes, uint32_t count);
void vga_memory_write(void *device, uint64_t offset, unsigned size, uint64_t value);
/* `window` follows the registers. */
void vga_registers_changed(struct vga *v);
/* Input status 1's bits that move with time. */
uint8_t vga_beam(struct vga *v);

#endif

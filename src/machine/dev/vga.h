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
    const struct clock *clock; /* retrace, blinking */
    uint64_t changes; /* counts what may look different: whoever shows it compares */
};

int vga_init(struct vga *v, struct bus *ports, struct bus *memory, const struct clock *clock);

extern const struct device_ops vga_ops;

#endif

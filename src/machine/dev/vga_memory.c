/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's way to the VGA's four planes: which planes an address reaches, and what becomes of a byte on its way
 * (IBM PS/2 hardware reference, "Video subsystem", graphics controller). Four bytes of the planes are one number of 32
 * bits, a lane for each, so that all planes are done at once. Every place is masked to 16 bits, so nothing here
 * can reach beyond the memory. Wider accesses are bytes, lowest first.
 */
#include "machine/dev/vga.h"

#include <stddef.h>
#include <string.h>

enum { SEQUENCER_MAP_MASK = 2, SEQUENCER_MEMORY = 4 };
enum { MEMORY_SEQUENTIAL = 4, MEMORY_CHAIN4 = 8 };
enum {
    GRAPHICS_SET,
    GRAPHICS_ENABLE,
    GRAPHICS_COMPARE,
    GRAPHICS_FUNCTION,
    GRAPHICS_READ_MAP,
    GRAPHICS_MODE,
    GRAPHICS_MISC,
    GRAPHICS_CARE,
    GRAPHICS_MASK
};
enum { MODE_WRITE = 3, MODE_COMPARES = 8, MODE_ODD_EVEN = 0x10 };
enum { MISC_RAM = 2 };
enum { FUNCTION_NONE, FUNCTION_AND, FUNCTION_OR, FUNCTION_XOR };

/* Four bits, a byte of ones for each. */
static const uint32_t lanes[16] = {0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff,
                                   0x00ffff00, 0x00ffffff, 0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff,
                                   0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff};

static uint32_t each(uint8_t byte)
{
    return byte * 0x01010101u;
}

static uint32_t four(const uint8_t bytes[4])
{
    uint32_t n;
    memcpy(&n, bytes, 4);
    return n;
}

void vga_registers_changed(struct vga *v)
{
    static const struct {
        uint32_t base, bytes;
    } maps[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    const uint8_t *g = v->state.graphics;
    const unsigned map = g[GRAPHICS_MISC] >> 2 & 3;
    v->window.base = maps[map].base;
    v->window.bytes = v->state.misc & MISC_RAM ? maps[map].bytes : 0;
    v->window.plain = g[GRAPHICS_ENABLE] == 0 && g[GRAPHICS_FUNCTION] == 0 && (g[GRAPHICS_MODE] & MODE_WRITE) == 0 &&
                      g[GRAPHICS_MASK] == 0xff;
}

/* Odd and even addresses are other planes, and the lowest bit of the place is free: in the map of 128 KiB it is
 * the 17th of the address. */
static uint32_t odd_even_place(const struct vga *v, uint32_t a)
{
    return (a & 0xfffe) | (v->window.bytes > 0x10000 ? a >> 16 & 1 : 0);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static uint32_t function(uint8_t which, uint32_t x, uint32_t latch)
{
    switch (which >> 3 & 3) {
    case FUNCTION_AND:
        return x & latch;
    case FUNCTION_OR:
        return x | latch;
    case FUNCTION_XOR:
        return x ^ latch;
    default:
        return x;
    }
}

static uint8_t rotated(uint8_t which, uint8_t byte)
{
    const unsigned n = which & 7;
    return (uint8_t)(byte >> n | byte << (8 - n));
}

/* What a byte is for the four planes. */
static uint32_t converted(const struct vga *v, uint8_t byte)
{
    const uint8_t *g = v->state.graphics, f = g[GRAPHICS_FUNCTION];
    const uint32_t latch = four(v->state.latch), set = lanes[g[GRAPHICS_SET] & 15];
    uint32_t mask = each(g[GRAPHICS_MASK]), x;
    switch (g[GRAPHICS_MODE] & MODE_WRITE) {
    case 0:
        x = lanes[g[GRAPHICS_ENABLE] & 15];
        x = (each(rotated(f, byte)) & ~x) | (set & x);
        break;
    case 1:
        return latch;
    case 2:
        x = lanes[byte & 15];
        break;
    default:
        mask &= each(rotated(f, byte));
        x = set;
        break;
    }
    return (function(f, x, latch) & mask) | (latch & ~mask);
}

static void write_byte(struct vga *v, uint32_t a, uint8_t byte)
{
    const struct vga_state *s = &v->state;
    uint32_t place, mask = s->sequencer[SEQUENCER_MAP_MASK];
    uint32_t x = v->window.plain ? each(byte) : converted(v, byte);
    if (s->sequencer[SEQUENCER_MEMORY] & MEMORY_CHAIN4) {
        place = a & 0xfffc;
        mask &= 1u << (a & 3);
    } else if (!(s->sequencer[SEQUENCER_MEMORY] & MEMORY_SEQUENTIAL)) {
        place = odd_even_place(v, a);
        mask &= a & 1 ? 0xa : 5;
    } else {
        place = a & 0xffff;
    }
    mask = lanes[mask & 15];
    uint8_t *planes = &v->state.memory[place * 4];
    const uint32_t old = four(planes);
    x = (old & ~mask) | (x & mask);
    if (x != old) {
        memcpy(planes, &x, 4);
        v->changes++;
    }
}

void vga_memory_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct vga *v = device;
    for (unsigned i = 0; i < size; i++) {
        const uint32_t a = (uint32_t)offset + i - v->window.base;
        if (a < v->window.bytes)
            write_byte(v, a, (uint8_t)(value >> 8 * i));
    }
}

/* Where bytes are only written: what else happens to them may depend on what was read last. */
uint32_t vga_memory_write_many(void *device, uint64_t offset, unsigned size, const void *bytes, uint32_t count)
{
    struct vga *v = device;
    const uint8_t *in = bytes;
    const uint32_t n = size * count;
    if (!v->window.plain)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t a = (uint32_t)offset + i - v->window.base;
        if (a < v->window.bytes)
            write_byte(v, a, in[i]);
    }
    return count;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* A bit for each of eight points: it has the colour that is looked for, in the planes that count. */
static uint8_t compared(const struct vga_state *s)
{
    const uint32_t other =
        (four(s->latch) ^ lanes[s->graphics[GRAPHICS_COMPARE] & 15]) & lanes[s->graphics[GRAPHICS_CARE] & 15];
    return (uint8_t) ~(other | other >> 8 | other >> 16 | other >> 24);
}

static uint8_t read_byte(struct vga *v, uint32_t a)
{
    struct vga_state *s = &v->state;
    uint32_t place = a & 0xffff, plane = s->graphics[GRAPHICS_READ_MAP] & 3;
    if (s->sequencer[SEQUENCER_MEMORY] & MEMORY_CHAIN4) {
        place = a & 0xfffc;
        plane = a & 3;
    } else if (s->graphics[GRAPHICS_MODE] & MODE_ODD_EVEN) {
        place = odd_even_place(v, a);
        plane = (plane & 2) | (a & 1);
    }
    memcpy(s->latch, &s->memory[place * 4], 4);
    return s->graphics[GRAPHICS_MODE] & MODE_COMPARES ? compared(s) : s->latch[plane];
}

uint64_t vga_memory_read(void *device, uint64_t offset, unsigned size)
{
    struct vga *v = device;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        const uint32_t a = (uint32_t)offset + i - v->window.base;
        value |= (uint64_t)(a < v->window.bytes ? read_byte(v, a) : 0xff) << 8 * i;
    }
    return value;
}

uint32_t vga_memory_read_many(void *device, uint64_t offset, unsigned size, void *bytes, uint32_t count)
{
    struct vga *v = device;
    uint8_t *out = bytes;
    const uint32_t n = size * count;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t a = (uint32_t)offset + i - v->window.base;
        out[i] = a < v->window.bytes ? read_byte(v, a) : 0xff;
    }
    return count;
}

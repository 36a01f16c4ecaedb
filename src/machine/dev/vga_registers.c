/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA's ports (IBM PS/2 hardware reference, "Video subsystem"). A wider access is one of bytes, lowest first: index
 * and data of a pair at once. Registers keep the bits that they have, indices are masked when they are written, so
 * each is a good index of its array ever after.
 */
#include "machine/dev/vga.h"

#include <stddef.h>
#include <string.h>

enum {
    PORT_ATTRIBUTE = 0x3c0,
    PORT_ATTRIBUTE_DATA,
    PORT_MISC_WRITE, /* read: input status 0 */
    PORT_ENABLE,
    PORT_SEQUENCER,
    PORT_SEQUENCER_DATA,
    PORT_DAC_MASK,
    PORT_DAC_READ, /* read: which of both was written last */
    PORT_DAC_WRITE,
    PORT_DAC_DATA,
    PORT_FEATURE_READ,
    PORT_MISC_READ = 0x3cc,
    PORT_GRAPHICS = 0x3ce,
    PORT_GRAPHICS_DATA,
    PORT_CRTC = 0x3d4,
    PORT_CRTC_DATA,
    PORT_STATUS = 0x3da, /* written: feature control */
    PORT_MONO = 0x3b4,
    MONO_BELOW = 0x20 /* the mono ports are those of colour minus this */
};
enum { MISC_COLOUR = 1 };
enum { ATTRIBUTE_SHOWN = 0x20 }; /* of its index: the palette is the screen's, not the processor's */
enum { CRTC_OVERFLOW = 7, CRTC_RETRACE_END = 0x11, CRTC_PROTECTED = 0x80, OVERFLOW_COMPARE = 0x10 };
enum { DAC_READS = 3, SENSE = 0x10, SENSE_BELOW = 0x4e };

const uint8_t vga_sequencer_bits[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
const uint8_t vga_graphics_bits[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
const uint8_t vga_attribute_bits[32] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                        0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};
const uint8_t vga_crtc_bits[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0x3f, 0x7f, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xef, 0xff};

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void set(struct vga *v, uint8_t *where, uint8_t value, bool seen)
{
    if (*where != value && seen)
        v->changes++;
    *where = value;
}

static void sequencer_write(struct vga *v, uint8_t value)
{
    const unsigned i = v->state.sequencer_index;
    set(v, &v->state.sequencer[i], value & vga_sequencer_bits[i], i != 2);
}

static void graphics_write(struct vga *v, uint8_t value)
{
    const unsigned i = v->state.graphics_index;
    set(v, &v->state.graphics[i], value & vga_graphics_bits[i], i == 5 || i == 6);
    vga_registers_changed(v);
}

/* The first eight can be protected, but for the one bit among them that splits the screen. */
static void crtc_write(struct vga *v, uint8_t value)
{
    struct vga_state *s = &v->state;
    const unsigned i = s->crtc_index;
    if (i <= CRTC_OVERFLOW && s->crtc[CRTC_RETRACE_END] & CRTC_PROTECTED) {
        if (i != CRTC_OVERFLOW)
            return;
        value = (uint8_t)((s->crtc[i] & ~OVERFLOW_COMPARE) | (value & OVERFLOW_COMPARE));
    }
    set(v, &s->crtc[i], value & vga_crtc_bits[i], true);
}

/* Index and data by turns, at one port; reading the input status begins with an index. */
static void attribute_write(struct vga *v, uint8_t value)
{
    struct vga_state *s = &v->state;
    const unsigned i = s->attribute_index & 31;
    if (s->attribute_data)
        set(v, &s->attribute[i], value & vga_attribute_bits[i], true);
    else
        set(v, &s->attribute_index, value & 63, (s->attribute_index ^ value) & ATTRIBUTE_SHOWN);
    s->attribute_data = !s->attribute_data;
}

/* Three bytes are a colour; it takes effect with the third. */
static void dac_write(struct vga *v, uint8_t value)
{
    struct vga_state *s = &v->state;
    s->dac_latch[s->dac_component] = value & 63;
    if (++s->dac_component < 3)
        return;
    s->dac_component = 0;
    if (memcmp(s->palette[s->dac_write], s->dac_latch, 3) != 0)
        v->changes++;
    memcpy(s->palette[s->dac_write++], s->dac_latch, 3);
}

static void dac_index(struct vga *v, bool reading, uint8_t value)
{
    struct vga_state *s = &v->state;
    *(reading ? &s->dac_read : &s->dac_write) = value;
    s->dac_reading = reading;
    s->dac_component = 0;
}

static void write_byte(struct vga *v, unsigned port, uint8_t value)
{
    struct vga_state *s = &v->state;
    switch (port) {
    case PORT_ATTRIBUTE:
        attribute_write(v, value);
        break;
    case PORT_MISC_WRITE:
        set(v, &s->misc, value, true);
        vga_registers_changed(v);
        break;
    case PORT_SEQUENCER:
        s->sequencer_index = value & 7;
        break;
    case PORT_SEQUENCER_DATA:
        sequencer_write(v, value);
        break;
    case PORT_DAC_MASK:
        set(v, &s->dac_mask, value, true);
        break;
    case PORT_DAC_READ:
    case PORT_DAC_WRITE:
        dac_index(v, port == PORT_DAC_READ, value);
        break;
    case PORT_DAC_DATA:
        dac_write(v, value);
        break;
    case PORT_GRAPHICS:
        s->graphics_index = value & 15;
        break;
    case PORT_GRAPHICS_DATA:
        graphics_write(v, value);
        break;
    case PORT_CRTC:
        s->crtc_index = value & 31;
        break;
    case PORT_CRTC_DATA:
        crtc_write(v, value);
        break;
    case PORT_STATUS:
        s->feature = value;
        break;
    default:
        break;
    }
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static uint8_t dac_read(struct vga_state *s)
{
    const uint8_t value = s->palette[s->dac_read][s->dac_component];
    if (++s->dac_component == 3) {
        s->dac_component = 0;
        s->dac_read++;
    }
    return value;
}

/* Firmware finds out what monitor is there by showing a dark and a bright colour: comparators see the brighter one. */
static uint8_t sense(const struct vga_state *s)
{
    return s->palette[0][0] + s->palette[0][1] + s->palette[0][2] < SENSE_BELOW ? SENSE : 0;
}

static uint8_t read_byte(struct vga *v, unsigned port)
{
    struct vga_state *s = &v->state;
    switch (port) {
    case PORT_ATTRIBUTE:
        return s->attribute_index;
    case PORT_ATTRIBUTE_DATA:
        return s->attribute[s->attribute_index & 31];
    case PORT_MISC_WRITE:
        return sense(s);
    case PORT_ENABLE:
        return 1;
    case PORT_SEQUENCER:
        return s->sequencer_index;
    case PORT_SEQUENCER_DATA:
        return s->sequencer[s->sequencer_index];
    case PORT_DAC_MASK:
        return s->dac_mask;
    case PORT_DAC_READ:
        return s->dac_reading ? DAC_READS : 0;
    case PORT_DAC_WRITE:
        return s->dac_write;
    case PORT_DAC_DATA:
        return dac_read(s);
    case PORT_FEATURE_READ:
        return s->feature;
    case PORT_MISC_READ:
        return s->misc;
    case PORT_GRAPHICS:
        return s->graphics_index;
    case PORT_GRAPHICS_DATA:
        return s->graphics[s->graphics_index];
    case PORT_CRTC:
        return s->crtc_index;
    case PORT_CRTC_DATA:
        return s->crtc[s->crtc_index];
    case PORT_STATUS:
        s->attribute_data = 0;
        return vga_beam(v);
    default:
        return 0xff;
    }
}

/* ---- Both ranges ------------------------------------------------------------------------------------------------- */

/* The CRT controller and the status are at the ports of colour, or at those of mono. */
static bool answers(const struct vga *v, unsigned port)
{
    if (port < PORT_ATTRIBUTE)
        return !(v->state.misc & MISC_COLOUR);
    return port < PORT_CRTC || v->state.misc & MISC_COLOUR;
}

static unsigned as_colour(unsigned port)
{
    return port < PORT_ATTRIBUTE ? port + MONO_BELOW : port;
}

static uint64_t read_bytes(struct vga *v, unsigned port, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++, port++)
        value |= (uint64_t)(answers(v, port) ? read_byte(v, as_colour(port)) : 0xff) << 8 * i;
    return value;
}

static void write_bytes(struct vga *v, unsigned port, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++, port++)
        if (answers(v, port))
            write_byte(v, as_colour(port), (uint8_t)(value >> 8 * i));
}

uint64_t vga_mono_read(void *device, uint64_t offset, unsigned size)
{
    return read_bytes(device, PORT_MONO + (unsigned)offset, size);
}

void vga_mono_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    write_bytes(device, PORT_MONO + (unsigned)offset, size, value);
}

uint64_t vga_port_read(void *device, uint64_t offset, unsigned size)
{
    return read_bytes(device, PORT_ATTRIBUTE + (unsigned)offset, size);
}

void vga_port_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    write_bytes(device, PORT_ATTRIBUTE + (unsigned)offset, size, value);
}

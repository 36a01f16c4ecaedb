/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA as a device: its ranges, its state, and where its beam is, which is worked out from the clock and the CRT
 * controller's registers when somebody asks. Touches only its state. Whatever the registers say is bounded where it is
 * used: here, and in screen.c.
 */
#include "machine/dev/vga.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { NOT_DISPLAYED = 1, VERTICAL_RETRACE = 8 };

/* ---- The beam ---------------------------------------------------------------------------------------------------- */

/* One frame, in dots of a line, and lines. */
struct frame {
    uint32_t hz, dots, shown_dots, lines, shown_lines, retrace, retrace_lines;
};

/* What the text mode of 80 by 25 has: for registers that nobody has set yet, so that who waits for an edge sees one. */
static const struct frame usual = {28322000, 900, 720, 449, 400, 412, 2};

static struct frame frame_of(const struct vga_state *s)
{
    const uint8_t *c = s->crtc;
    const uint32_t more = c[7], width = s->sequencer[1] & 1 ? 8 : 9;
    struct frame f = {.hz = (s->misc >> 2 & 3) == 1 ? 28322000 : 25175000};
    if (s->sequencer[1] & 8)
        f.hz /= 2;
    f.dots = (c[0] + 5u) * width;
    f.shown_dots = (c[1] + 1u) * width;
    f.lines = (c[6] | (more & 1) << 8 | (more & 0x20) << 4) + 2;
    f.shown_lines = (c[0x12] | (more & 2) << 7 | (more & 0x40) << 3) + 1;
    f.retrace = c[0x10] | (more & 4) << 6 | (more & 0x80) << 2;
    f.retrace_lines = (c[0x11] - f.retrace) & 15; /* the end is four bits of the line at which it ends */
    if (f.retrace == 0 || f.retrace_lines == 0 || f.retrace + f.retrace_lines > f.lines || f.shown_lines > f.lines)
        return usual;
    return f;
}

/* A retrace is two lines of 400: who did not run meanwhile, or whose every look takes longer, is told of it by the next
 * look. Else a guest that waits for one would wait as long as it has bad luck. */
uint8_t vga_beam(struct vga *v)
{
    const struct frame f = frame_of(&v->state);
    const uint64_t frame_ns = (uint64_t)f.dots * f.lines * SECOND_NS / f.hz;
    const uint64_t retrace_ns = (uint64_t)f.dots * f.retrace * SECOND_NS / f.hz;
    const uint64_t now = clock_now(v->clock), number = (now + frame_ns - retrace_ns) / frame_ns;
    const uint64_t at = now % frame_ns * f.hz / SECOND_NS;
    const uint64_t line = at / f.dots, dot = at % f.dots;
    uint8_t status = 0;
    if (line >= f.shown_lines || dot >= f.shown_dots)
        status |= NOT_DISPLAYED;
    if (number != v->retrace || (line >= f.retrace && line < f.retrace + f.retrace_lines))
        status |= VERTICAL_RETRACE | NOT_DISPLAYED;
    v->retrace = number;
    return status;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void vga_reset(void *device)
{
    struct vga *v = device;
    memset(&v->state, 0, sizeof(v->state));
    v->state.dac_mask = 0xff;
    v->changes++;
    vga_registers_changed(v);
}

static bool within(const uint8_t *registers, const uint8_t *bits, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (registers[i] & ~bits[i])
            return false;
    return true;
}

static int vga_check(const void *state, const char **why)
{
    const struct vga_state *s = state;
    bool good = within(s->sequencer, vga_sequencer_bits, sizeof(s->sequencer)) &&
                within(s->crtc, vga_crtc_bits, sizeof(s->crtc)) &&
                within(s->graphics, vga_graphics_bits, sizeof(s->graphics)) &&
                within(s->attribute, vga_attribute_bits, sizeof(s->attribute));
    for (unsigned i = 0; i < sizeof(s->palette); i++)
        good = good && s->palette[i / 3][i % 3] < 64;
    for (unsigned i = 0; i < sizeof(s->dac_latch); i++)
        good = good && s->dac_latch[i] < 64;
    for (unsigned i = 0; i < sizeof(s->zero8); i++)
        good = good && s->zero8[i] == 0;
    if (good && s->sequencer_index < 8 && s->crtc_index < 32 && s->graphics_index < 16 && s->attribute_index < 64 &&
        s->attribute_data < 2 && s->dac_component < 3 && s->dac_reading < 2)
        return 0;
    *why = "the VGA's registers make no sense";
    return -EINVAL;
}

static void vga_loaded(void *device)
{
    struct vga *v = device;
    v->changes++;
    vga_registers_changed(v);
}

const struct device_ops vga_ops = {
    .name = "vga",
    .version = 1,
    .state_bytes = sizeof(struct vga_state),
    .reset = vga_reset,
    .check = vga_check,
    .loaded = vga_loaded,
};

int vga_init(struct vga *v, struct bus *ports, struct bus *memory, const struct clock *clock)
{
    const struct bus_range ranges[] = {{0x3b4, 7, "vga", v, vga_mono_read, vga_mono_write},
                                       {0x3c0, 0x1b, "vga", v, vga_port_read, vga_port_write}};
    const struct bus_range window = {
        VGA_WINDOW,           VGA_WINDOW_BYTES,     "vga", v, vga_memory_read, vga_memory_write,
        vga_memory_read_many, vga_memory_write_many};
    int r;
    v->clock = clock;
    v->changes = 0;
    v->retrace = 0;
    if ((r = bus_add(ports, &ranges[0])) != 0 || (r = bus_add(ports, &ranges[1])) != 0 ||
        (r = bus_add(memory, &window)) != 0)
        return r;
    vga_reset(v);
    return 0;
}

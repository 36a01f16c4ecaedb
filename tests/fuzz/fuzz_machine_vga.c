/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA as a guest could drive it: ports and window in any order and of any size, while time passes and states are
 * saved and loaded; now and then somebody looks. What was written is compared with a second description of the graphics
 * controller, bit by bit; the state is always one that a snapshot may have; what is built is always accepted.
 */
#include "input.h"
#include "tests/unit/vga_modes.h"

#define LOOKS 1u /* of one input: a picture costs as much as a thousand accesses */

/* ---- Bit by bit: what becomes of one bit of a byte on its way into one plane ------------------------------------- */

static unsigned bit(uint8_t byte, unsigned n)
{
    return byte >> n & 1;
}

static unsigned written_bit(const uint8_t *g, uint8_t byte, unsigned plane, unsigned n, unsigned latch)
{
    const unsigned mode = g[5] & 3, rotated = bit(byte, (n + (g[3] & 7)) & 7);
    unsigned x, masked = bit(g[8], n);
    if (mode == 1)
        return latch;
    if (mode == 0)
        x = bit(g[1], plane) ? bit(g[0], plane) : rotated;
    else if (mode == 2)
        x = bit(byte, plane);
    else
        x = bit(g[0], plane), masked &= rotated;
    switch (g[3] >> 3) {
    case 1:
        x &= latch;
        break;
    case 2:
        x |= latch;
        break;
    case 3:
        x ^= latch;
        break;
    default:
        break;
    }
    return masked ? x : latch;
}

static uint8_t written(const struct vga_state *s, uint8_t byte, unsigned plane)
{
    uint8_t out = 0;
    for (unsigned n = 0; n < 8; n++)
        out |= (uint8_t)(written_bit(s->graphics, byte, plane, n, bit(s->latch[plane], n)) << n);
    return out;
}

/* Where, and into which planes, a byte at an offset in the window goes; false: nowhere. */
static bool reached(const struct vga_state *s, uint32_t offset, uint32_t *place, unsigned *map)
{
    const unsigned which = s->graphics[6] >> 2 & 3;
    const bool wide = which == 0;
    if (!(s->misc & 2) || (which == 1 && offset >= 0x10000) ||
        (which == 2 && (offset < 0x10000 || offset >= 0x18000)) || (which == 3 && offset < 0x18000))
        return false;
    const uint32_t a = which == 2 ? offset - 0x10000 : which == 3 ? offset - 0x18000 : offset;
    *map = s->sequencer[2];
    if (s->sequencer[4] & 8) {
        *place = a % 0x10000 / 4 * 4;
        *map &= 1u << a % 4;
    } else if (!(s->sequencer[4] & 4)) {
        *place = a % 0x10000 / 2 * 2 + (wide ? a / 0x10000 : 0);
        *map &= a % 2 ? 10 : 5;
    } else {
        *place = a % 0x10000;
    }
    return true;
}

static void write_and_compare(struct vga_board *b, uint32_t offset, uint8_t byte)
{
    struct vga_state *s = &b->vga.state;
    uint32_t place;
    unsigned map;
    uint8_t expected[4];
    const bool somewhere = reached(s, offset, &place, &map);
    if (somewhere)
        for (unsigned plane = 0; plane < 4; plane++)
            expected[plane] = bit((uint8_t)map, plane) ? written(s, byte, plane) : s->memory[place * 4 + plane];
    const uint64_t before = b->vga.changes;
    vga_poke(b, 0xa0000 + offset, byte);
    check(somewhere || b->vga.changes == before);
    check(!somewhere || memcmp(expected, &s->memory[place * 4], 4) == 0);
}

/* ---- One input ----------------------------------------------------------------------------------------------------
 */

static uint16_t port(struct input *in)
{
    return (uint16_t)(0x3b0 + take(in, 1) % 0x30);
}

static uint32_t address(struct input *in)
{
    return (uint32_t)(take(in, 3) % 0x20000);
}

static void look(struct vga_board *b)
{
    static uint8_t cells[SCREEN_COLUMNS * SCREEN_ROWS][2];
    const uint8_t *at[3];
    struct screen_header h, other;
    uint8_t *bytes = malloc(SCREEN_BYTES_MOST);
    check(bytes != NULL);
    const uint32_t n = screen_build(&b->vga, bytes);
    check(n <= SCREEN_BYTES_MOST && screen_check(bytes, n, &h, &at[0], &at[1], &at[2]) == 0);
    check(screen_cells(&b->vga, &other, cells) == h.mode && memcmp(&other, &h, sizeof(h)) == 0);
    check(memcmp(cells, at[0], 2 * h.columns * h.rows) == 0);
    free(bytes);
}

/* A record that somebody made up: refused, or good enough to live with. */
static void load(struct vga_board *b, struct input *in)
{
    const size_t registers = offsetof(struct vga_state, sequencer), n = vga_ops.state_bytes;
    const char *why = NULL;
    struct vga_state *copy = malloc(n);
    check(copy != NULL);
    memcpy(copy, &b->vga.state, n);
    for (unsigned i = 0, m = (unsigned)take(in, 1) % 8; i < m; i++)
        ((uint8_t *)copy)[registers + take(in, 2) % (n - registers)] = (uint8_t)take(in, 1);
    if (vga_ops.check(copy, &why) == 0) {
        memcpy(&b->vga.state, copy, n);
        vga_ops.loaded(&b->vga);
    } else {
        check(why != NULL);
    }
    free(copy);
}

static void step(struct vga_board *b, struct input *in, unsigned *looks)
{
    static const uint8_t sizes[] = {1, 2, 4, 8}, modes[] = {0, 3, 4, 6, 7, 0x0d, 0x12, 0x13};
    const uint8_t what = (uint8_t)take(in, 1);
    const unsigned size = sizes[what >> 4 & 3];
    uint32_t at;
    switch (what & 15) {
    case 0:
    case 1:
    case 2:
        at = port(in);
        bus_write(&b->ports, at, size > 4 ? 4 : size, take(in, size));
        break;
    case 3:
    case 4:
        bus_read(&b->ports, port(in), size > 4 ? 4 : size);
        break;
    case 5:
    case 6:
    case 7:
        at = address(in);
        write_and_compare(b, at, (uint8_t)take(in, 1));
        break;
    case 8:
        at = address(in);
        bus_write(&b->memory, 0xa0000 + at, size, take(in, size));
        break;
    case 9:
    case 10:
        bus_read(&b->memory, 0xa0000 + address(in), size);
        break;
    case 11:
        b->counter += take(in, size);
        break;
    case 12:
        vga_mode_set(b, modes[what >> 4 & 7]);
        break;
    case 13:
        load(b, in);
        break;
    case 14:
        if (what & 0x80)
            vga_ops.reset(&b->vga);
        break;
    default:
        if ((*looks)++ < LOOKS)
            look(b);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vga_board *b = vga_board_make();
    struct input in = {data, size};
    unsigned looks = 0;
    const char *why = NULL;
    for (unsigned i = 0; in.left > 0 && i < 4096; i++)
        step(b, &in, &looks);
    check(vga_ops.check(&b->vga.state, &why) == 0);
    vga_board_free(b);
    return 0;
}

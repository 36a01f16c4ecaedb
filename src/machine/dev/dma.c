/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the 8237 pair, and transfers. Touches its state and guest memory at addresses below 16 MiB: 24 bits come
 * from registers and are masked, and gmem checks them each time.
 */
#include "machine/dev/dma.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PAGE 4096u

/* Registers 0 to 7 are address and count of the channels. */
enum {
    REG_COMMAND = 8, /* read: status */
    REG_REQUEST,
    REG_MASK_ONE,
    REG_MODE,
    REG_CLEAR_FLIP_FLOP,
    REG_CLEAR, /* read: temporary */
    REG_CLEAR_MASKS,
    REG_MASKS,
};
enum { COMMAND_OFF = 4 };
enum { MODE_INTO = 1, MODE_FROM = 2, MODE_AUTO = 0x10, MODE_DOWN = 0x20 };
#define MODE_DIRECTION(mode) ((mode) >> 2 & 3u)
enum { CASCADE = 4 };

/* Which page register is which channel's (IBM PC AT Technical Reference). 4 has the refresh's. */
static const uint8_t page_of[8] = {0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void clear_chip(struct dma_chip *c)
{
    c->command = c->requested = c->status = c->flip_flop = c->temporary = 0;
    c->masked = 0xf;
}

/* Address or count, the byte that the flip-flop says: base and current are written together. */
static void write_word(struct dma_chip *c, unsigned reg, uint8_t value)
{
    struct dma_channel *ch = &c->channel[reg >> 1];
    uint16_t *base = reg & 1 ? &ch->base_count : &ch->base_address;
    uint16_t *now = reg & 1 ? &ch->count : &ch->address;
    if (c->flip_flop)
        *base = (uint16_t)((*base & 0xff) | value << 8);
    else
        *base = (uint16_t)((*base & 0xff00) | value);
    *now = *base;
    c->flip_flop ^= 1;
}

static uint8_t read_word(struct dma_chip *c, unsigned reg)
{
    const struct dma_channel *ch = &c->channel[reg >> 1];
    uint16_t value = reg & 1 ? ch->count : ch->address;
    c->flip_flop ^= 1;
    return (uint8_t)(c->flip_flop ? value : value >> 8);
}

static uint8_t with_bit(uint8_t bits, uint8_t value)
{
    uint8_t bit = (uint8_t)(1u << (value & 3));
    return value & 4 ? bits | bit : (uint8_t)(bits & ~bit);
}

static void chip_write(struct dma_chip *c, unsigned reg, uint8_t value)
{
    switch (reg) {
    case REG_COMMAND:
        c->command = value;
        break;
    case REG_REQUEST:
        c->requested = with_bit(c->requested, value);
        break;
    case REG_MASK_ONE:
        c->masked = with_bit(c->masked, value);
        break;
    case REG_MODE:
        c->channel[value & 3].mode = value & 0xfc;
        break;
    case REG_CLEAR_FLIP_FLOP:
        c->flip_flop = 0;
        break;
    case REG_CLEAR:
        clear_chip(c);
        break;
    case REG_CLEAR_MASKS:
        c->masked = 0;
        break;
    case REG_MASKS:
        c->masked = value & 0xf;
        break;
    default:
        write_word(c, reg, value);
    }
}

static uint8_t chip_read(struct dma_chip *c, unsigned reg)
{
    uint8_t value;
    switch (reg) {
    case REG_COMMAND:
        value = (uint8_t)(c->status | c->requested << 4);
        c->status = 0; /* "has run out" is told once */
        return value;
    case REG_CLEAR:
        return c->temporary;
    case REG_MASKS:
        return c->masked | 0xf0; /* as the PIIX and later chips have it */
    default:
        return reg < REG_COMMAND ? read_word(c, reg) : 0xff;
    }
}

/* The first chip's registers are bytes, one after another; of the second, which is on the AT's bus from address line 1
 * on, each is there twice. */
static void ports_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct dma_port *p = device;
    struct dma_chip *c = &p->dma->state.chip[p->chip];
    for (unsigned i = 0; p->chip == 0 && i < size; i++)
        chip_write(c, (unsigned)offset + i, (uint8_t)(value >> 8 * i));
    if (p->chip == 1)
        chip_write(c, (unsigned)offset >> 1, (uint8_t)value);
}

static uint64_t ports_read(void *device, uint64_t offset, unsigned size)
{
    const struct dma_port *p = device;
    struct dma_chip *c = &p->dma->state.chip[p->chip];
    uint64_t value = 0;
    if (p->chip == 1)
        return chip_read(c, (unsigned)offset >> 1);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)chip_read(c, (unsigned)offset + i) << 8 * i;
    return value;
}

static void pages_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct dma *d = device;
    memcpy(d->state.pages + offset, &value, size);
}

static uint64_t pages_read(void *device, uint64_t offset, unsigned size)
{
    const struct dma *d = device;
    uint64_t value = 0;
    memcpy(&value, d->state.pages + offset, size);
    return value;
}

/* ---- Transfers --------------------------------------------------------------------------------------------------- */

static bool open(const struct dma_state *s, unsigned channel)
{
    const struct dma_chip *c = &s->chip[channel >> 2];
    return !(c->command & COMMAND_OFF) && !(c->masked >> (channel & 3) & 1);
}

bool dma_ready(const struct dma *d, unsigned channel)
{
    return channel < 8 && channel != CASCADE && open(&d->state, channel) &&
           (channel > CASCADE || open(&d->state, CASCADE));
}

/* Bytes until the count runs out: 1 to 65536, of channels 5 to 7 to 131072. */
static uint32_t left_of(const struct dma *d, unsigned channel)
{
    uint32_t units = d->state.chip[channel >> 2 & 1].channel[channel & 3].count + 1u;
    return channel > CASCADE ? units * 2 : units;
}

/* A stretch that lies within one page of memory: all of it is there, or nothing. */
static void copy(struct dma *d, uint32_t address, uint8_t *bytes, uint32_t n, bool into)
{
    if (into)
        (void)gmem_write(d->memory, address, bytes, n);
    else if (gmem_read(d->memory, address, bytes, n) != 0)
        memset(bytes, 0xff, n);
}

/* One stretch of a transfer: to the end of what is asked for, of the count, of the memory's page; backwards it is one
 * unit. The address counts within 16 bits, as the chip's does: it is the page register that says of which 64 KiB (of
 * words: 128). How many bytes. */
static uint32_t stretch(struct dma *d, unsigned channel, uint8_t *bytes, uint32_t n, bool into)
{
    struct dma_channel *c = &d->state.chip[channel >> 2].channel[channel & 3];
    unsigned words = channel > CASCADE; /* as a shift */
    uint32_t page = d->state.pages[page_of[channel]], left = left_of(d, channel);
    uint32_t address = (words ? page & 0xfe : page) << 16 | (uint32_t)c->address << words;
    n = n < left ? n : left;
    if (c->mode & MODE_DOWN)
        n = 1u << words;
    else if (n > PAGE - address % PAGE)
        n = PAGE - address % PAGE;
    if (MODE_DIRECTION(c->mode) != 0)
        copy(d, address, bytes, n, into);
    else if (!into)
        memset(bytes, 0xff, n);
    c->address = (uint16_t)(c->mode & MODE_DOWN ? c->address - 1u : c->address + (n >> words));
    c->count = (uint16_t)(c->count - (n >> words));
    return n;
}

uint32_t dma_transfer(struct dma *d, unsigned channel, void *bytes, uint32_t n, bool into, bool *terminal)
{
    uint32_t done = 0;
    *terminal = false;
    if (!dma_ready(d, channel))
        return 0;
    struct dma_chip *chip = &d->state.chip[channel >> 2];
    struct dma_channel *c = &chip->channel[channel & 3];
    unsigned direction = MODE_DIRECTION(c->mode);
    if (direction != 0 && direction != (into ? MODE_INTO : MODE_FROM))
        return 0;
    if (channel > CASCADE)
        n &= ~1u;
    while (done < n && !*terminal) {
        uint32_t left = left_of(d, channel), here = stretch(d, channel, (uint8_t *)bytes + done, n - done, into);
        done += here;
        *terminal = here == left;
    }
    if (!*terminal)
        return done;
    chip->status |= (uint8_t)(1u << (channel & 3));
    chip->requested &= (uint8_t) ~(1u << (channel & 3));
    if (c->mode & MODE_AUTO) {
        c->address = c->base_address;
        c->count = c->base_count;
    } else {
        chip->masked |= (uint8_t)(1u << (channel & 3));
    }
    return done;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void dma_reset(void *device)
{
    struct dma *d = device;
    memset(&d->state, 0, sizeof(d->state));
    clear_chip(&d->state.chip[0]);
    clear_chip(&d->state.chip[1]);
    /* The cascade is open, as every firmware leaves it: a kernel may have been entered without one. */
    d->state.chip[1].masked &= (uint8_t)~1u;
    d->state.chip[1].channel[0].mode = 0xc0;
}

static int dma_check(const void *state, const char **why)
{
    const struct dma_state *s = state;
    for (unsigned i = 0; i < 2; i++) {
        const struct dma_chip *c = &s->chip[i];
        if ((c->masked | c->requested | c->status) > 0xf || c->flip_flop > 1) {
            *why = "a DMA controller has more than four channels";
            return -EINVAL;
        }
    }
    return 0;
}

const struct device_ops dma_ops = {
    .name = "dma",
    .version = 1,
    .state_bytes = sizeof(struct dma_state),
    .reset = dma_reset,
    .check = dma_check,
};

int dma_init(struct dma *d, struct bus *ports, struct gmem *memory)
{
    struct bus_range low = {0x00, 0x10, "8237", &d->ports[0], ports_read, ports_write};
    struct bus_range high = {0xc0, 0x20, "8237", &d->ports[1], ports_read, ports_write};
    struct bus_range pages = {0x80, 0x10, "DMA pages", d, pages_read, pages_write};
    int r;
    memset(d, 0, sizeof(*d));
    d->memory = memory;
    for (unsigned i = 0; i < 2; i++)
        d->ports[i] = (struct dma_port){d, i};
    if ((r = bus_add(ports, &low)) != 0 || (r = bus_add(ports, &high)) != 0 || (r = bus_add(ports, &pages)) != 0)
        return r;
    dma_reset(d);
    return 0;
}

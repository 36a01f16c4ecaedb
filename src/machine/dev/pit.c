/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three counters that do not count: where each would be is worked out from the time at which it was loaded. Touches
 * only its state, its timer and its line.
 */
#include "machine/dev/pit.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { MODE_TERMINAL, MODE_ONE_SHOT, MODE_RATE, MODE_SQUARE, MODE_STROBE, MODE_HARD_STROBE };
enum { ACCESS_LOW = 1, ACCESS_HIGH, ACCESS_BOTH };
enum { SPEAKER_GATE = 1, SPEAKER_ON = 2, SPEAKER_REFRESH = 0x10, SPEAKER_OUT = 0x20 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };
#define REFRESH_NS 15085u

/* Tick n of the crystal, as nanoseconds and back. Multipliers of 2^52 and 2^32: the error is below one in 10^9. */
#define TICKS_PER_NS ((uint64_t)(((unsigned __int128)PIT_HZ << 52) / SECOND_NS))
#define NS_PER_TICK  ((SECOND_NS << 32) / PIT_HZ)

static uint64_t elapsed(const struct pit *p, const struct pit_channel *c)
{
    uint64_t ns = clock_now(p->clock) - c->start;
    return (uint64_t)((unsigned __int128)ns * TICKS_PER_NS >> 52);
}

static uint64_t after(const struct pit_channel *c, uint64_t ticks)
{
    return c->start + (uint64_t)((unsigned __int128)ticks * NS_PER_TICK >> 32) + 1;
}

static bool repeats(const struct pit_channel *c)
{
    return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static bool output(const struct pit *p, const struct pit_channel *c)
{
    uint64_t n = elapsed(p, c);
    if (c->reload == 0)
        return c->mode != MODE_TERMINAL;
    switch (c->mode) {
    case MODE_TERMINAL:
    case MODE_ONE_SHOT:
        return n >= c->reload;
    case MODE_RATE:
        return !c->gate || n % c->reload != c->reload - 1;
    case MODE_SQUARE:
        return !c->gate || n % c->reload < (c->reload + 1) / 2;
    default:
        return n != c->reload;
    }
}

static uint16_t to_bcd(uint32_t n)
{
    return (uint16_t)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

static uint32_t from_bcd(uint16_t n)
{
    return (n & 15u) + (n >> 4 & 15u) * 10 + (n >> 8 & 15u) * 100 + (n >> 12) * 1000u;
}

static uint16_t count(const struct pit *p, const struct pit_channel *c)
{
    uint64_t n = elapsed(p, c), left;
    uint32_t all = c->bcd ? 10000 : 65536;
    if (c->reload == 0)
        return 0;
    if (c->mode == MODE_RATE)
        left = c->reload - n % c->reload;
    else if (c->mode == MODE_SQUARE)
        left = c->reload - 2 * n % c->reload;
    else
        left = (c->reload + all - n % all) % all;
    return c->bcd ? to_bcd((uint32_t)(left % all)) : (uint16_t)left;
}

/* ---- Channel 0's interrupt --------------------------------------------------------------------------------------- */

static void arm(struct pit *p)
{
    const struct pit_channel *c = &p->state.channel[0];
    uint64_t due = NEVER;
    if (c->reload != 0 && repeats(c))
        due = after(c, (elapsed(p, c) / c->reload + 1) * c->reload);
    else if (c->reload != 0 && c->mode != MODE_ONE_SHOT && c->mode != MODE_HARD_STROBE && !c->rung)
        due = after(c, c->reload);
    timer_set(&p->timer, due);
}

/* The output rises. Of a rate it was low for one tick before, of a square for a half: nobody sees how long. */
static void ring(void *device)
{
    struct pit *p = device;
    p->state.channel[0].rung = 1;
    irq_line_set(&p->irq, false);
    irq_line_set(&p->irq, true);
    arm(p);
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void load(struct pit *p, unsigned channel, uint16_t value)
{
    struct pit_channel *c = &p->state.channel[channel];
    uint32_t n = c->bcd ? from_bcd(value) : value;
    c->reload = n != 0 ? n : c->bcd ? 10000 : 65536;
    if (c->reload == 1 && repeats(c))
        c->reload = 2; /* 1 is illegal there */
    c->start = clock_now(p->clock);
    c->rung = 0;
    if (channel == 0) {
        irq_line_set(&p->irq, c->mode != MODE_TERMINAL);
        arm(p);
    }
}

static void latch_count(struct pit *p, struct pit_channel *c)
{
    if (c->count_latched > 0)
        return;
    c->latched = count(p, c);
    c->count_latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void read_back(struct pit *p, uint8_t value)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pit_channel *c = &p->state.channel[i];
        if (!(value >> (i + 1) & 1))
            continue;
        if (!(value & 0x20))
            latch_count(p, c);
        if (!(value & 0x10) && !c->status_latched) {
            c->status = (uint8_t)((output(p, c) ? STATUS_OUT : 0) | (c->reload == 0 ? STATUS_NULL : 0) |
                                  c->access << 4 | c->mode << 1 | c->bcd);
            c->status_latched = 1;
        }
    }
}

static void control(struct pit *p, uint8_t value)
{
    unsigned channel = value >> 6;
    if (channel == 3) {
        read_back(p, value);
        return;
    }
    struct pit_channel *c = &p->state.channel[channel];
    if ((value >> 4 & 3) == 0) {
        latch_count(p, c);
        return;
    }
    c->access = value >> 4 & 3;
    c->mode = value >> 1 & 7;
    if (c->mode > 5)
        c->mode &= 3;
    c->bcd = value & 1;
    c->reload = 0;
    c->read_high = c->write_high = c->count_latched = c->status_latched = 0;
    if (channel == 0) {
        irq_line_set(&p->irq, c->mode != MODE_TERMINAL);
        arm(p);
    }
}

static void pit_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pit *p = device;
    uint8_t byte = (uint8_t)value;
    if (offset == 3) {
        control(p, byte);
        return;
    }
    struct pit_channel *c = &p->state.channel[offset];
    if (c->access == ACCESS_LOW) {
        load(p, (unsigned)offset, byte);
    } else if (c->access == ACCESS_HIGH) {
        load(p, (unsigned)offset, (uint16_t)(byte << 8));
    } else if (!c->write_high) {
        c->written = byte;
        c->write_high = 1;
    } else {
        c->write_high = 0;
        load(p, (unsigned)offset, (uint16_t)(c->written | byte << 8));
    }
}

/* The next byte of a count, as the access mode has it. */
static uint8_t read_count(const struct pit *p, struct pit_channel *c)
{
    uint16_t value = c->count_latched > 0 ? c->latched : count(p, c);
    bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
    if (c->count_latched > 0)
        c->count_latched--;
    if (c->access == ACCESS_BOTH)
        c->read_high = !c->read_high;
    return (uint8_t)(high ? value >> 8 : value);
}

static uint64_t pit_read(void *device, uint64_t offset, unsigned size)
{
    struct pit *p = device;
    if (offset == 3)
        return 0xff;
    struct pit_channel *c = &p->state.channel[offset];
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    return read_count(p, c);
}

static void speaker_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pit *p = device;
    struct pit_channel *c = &p->state.channel[2];
    uint8_t gate = value & SPEAKER_GATE;
    if (gate && !c->gate && c->mode != MODE_TERMINAL && c->mode != MODE_STROBE)
        c->start = clock_now(p->clock); /* a rising gate begins the count anew */
    c->gate = gate;
    p->state.speaker = value & (SPEAKER_GATE | SPEAKER_ON);
}

static uint64_t speaker_read(void *device, uint64_t offset, unsigned size)
{
    const struct pit *p = device;
    uint64_t value = p->state.speaker;
    if (output(p, &p->state.channel[2]))
        value |= SPEAKER_OUT;
    if (clock_now(p->clock) / REFRESH_NS % 2)
        value |= SPEAKER_REFRESH;
    return value;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void pit_reset(void *device)
{
    struct pit *p = device;
    memset(&p->state, 0, sizeof(p->state));
    for (unsigned i = 0; i < 3; i++)
        p->state.channel[i] = (struct pit_channel){.mode = MODE_SQUARE, .access = ACCESS_BOTH, .gate = i != 2};
    arm(p);
}

static int pit_check(const void *state, const char **why)
{
    const struct pit_state *s = state;
    for (unsigned i = 0; i < 3; i++) {
        const struct pit_channel *c = &s->channel[i];
        if (c->reload > 65536 || c->mode > MODE_HARD_STROBE || c->access < ACCESS_LOW || c->access > ACCESS_BOTH ||
            c->count_latched > 2 || c->bcd > 1 || (c->reload == 1 && repeats(c))) {
            *why = "a counter of the 8254 makes no sense";
            return -EINVAL;
        }
    }
    return 0;
}

static void pit_loaded(void *device)
{
    arm(device);
}

const struct device_ops pit_ops = {
    .name = "pit",
    .version = 1,
    .state_bytes = sizeof(struct pit_state),
    .reset = pit_reset,
    .check = pit_check,
    .loaded = pit_loaded,
};

int pit_init(struct pit *p, struct bus *ports, const struct clock *clock, struct timers *timers, struct irq_line irq)
{
    struct bus_range counters = {0x40, 4, "8254", p, pit_read, pit_write};
    struct bus_range speaker = {0x61, 1, "speaker", p, speaker_read, speaker_write};
    int r;
    memset(p, 0, sizeof(*p));
    p->clock = clock;
    p->irq = irq;
    if ((r = timer_add(timers, &p->timer, ring, p)) != 0 || (r = bus_add(ports, &counters)) != 0 ||
        (r = bus_add(ports, &speaker)) != 0)
        return r;
    pit_reset(p);
    return 0;
}

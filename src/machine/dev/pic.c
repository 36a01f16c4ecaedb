/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two 8259A, the second at line 2 of the first. Touches only its state and, through `changed`, the processor's line.
 */
#include "machine/dev/pic.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { CASCADE = 2, NONE = 8 };
enum { ICW1 = 0x10, ICW1_WANTS_4 = 1, ICW1_SINGLE = 2, ICW1_LEVEL = 8, OCW3 = 8 };
enum { ICW4_AUTO_END = 2, ICW4_NESTED = 0x10 };

/* 0 is the highest: the one above the lowest, round the eight. 8: no bit is set. */
static unsigned place_of(const struct pic_chip *c, uint8_t bits)
{
    unsigned place = 0;
    if (bits == 0)
        return NONE;
    while (!(bits >> ((c->lowest + 1 + place) & 7) & 1))
        place++;
    return place;
}

static unsigned line_at(const struct pic_chip *c, unsigned place)
{
    return (c->lowest + 1 + place) & 7;
}

/* Which line asks, and may: NONE if none. */
static unsigned asking(const struct pic *p, unsigned chip)
{
    const struct pic_chip *c = &p->state.chip[chip];
    uint8_t holds = c->special_mask ? c->in_service & (uint8_t)~c->masked : c->in_service;
    if (c->nested && chip == 0)
        holds &= (uint8_t) ~(1 << CASCADE);
    unsigned place = place_of(c, c->requested & (uint8_t)~c->masked);
    if (place == NONE || place >= place_of(c, holds))
        return NONE;
    return line_at(c, place);
}

static void set_chip(struct pic_chip *c, unsigned line, bool up)
{
    uint8_t bit = (uint8_t)(1 << line);
    if (c->level & bit)
        c->requested = up ? c->requested | bit : c->requested & (uint8_t)~bit;
    else if (up && !(c->lines & bit))
        c->requested |= bit; /* until it is taken, also when the line falls before */
    c->lines = up ? c->lines | bit : c->lines & (uint8_t)~bit;
}

/* The second's output is a line of the first. */
static void update(struct pic *p)
{
    bool second = asking(p, 1) != NONE;
    struct pic_chip *first = &p->state.chip[0];
    if (second != (first->lines >> CASCADE & 1))
        set_chip(first, CASCADE, second);
    if (!second)
        first->requested &= (uint8_t) ~(1 << CASCADE);
    p->changed(p->owner);
}

void pic_set(struct pic *p, unsigned line, bool up)
{
    if (line == CASCADE || line > 15)
        return;
    set_chip(&p->state.chip[line / 8], line % 8, up);
    update(p);
}

bool pic_pending(const struct pic *p)
{
    return asking(p, 0) != NONE;
}

static void take(struct pic_chip *c, unsigned line)
{
    uint8_t bit = (uint8_t)(1 << line);
    if (c->auto_end) {
        if (c->rotate_auto)
            c->lowest = (uint8_t)line;
    } else {
        c->in_service |= bit;
    }
    if (!(c->level & bit))
        c->requested &= (uint8_t)~bit;
}

uint8_t pic_acknowledge(struct pic *p)
{
    unsigned line = asking(p, 0);
    uint8_t vector;
    if (line == NONE) {
        vector = p->state.chip[0].base | 7;
    } else if (line == CASCADE) {
        unsigned second = asking(p, 1);
        if (second != NONE)
            take(&p->state.chip[1], second);
        else
            second = 7;
        vector = p->state.chip[1].base | (uint8_t)second;
        take(&p->state.chip[0], line);
        if (second != NONE && asking(p, 1) != NONE && !(p->state.chip[0].level & 1 << CASCADE))
            p->state.chip[0].lines &= (uint8_t) ~(1 << CASCADE); /* another one asks: a new edge */
    } else {
        take(&p->state.chip[0], line);
        vector = p->state.chip[0].base | (uint8_t)line;
    }
    update(p);
    return vector;
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void initialize(struct pic_chip *c, uint8_t icw1)
{
    uint8_t lines = c->lines, level = c->level;
    memset(c, 0, sizeof(*c));
    c->lines = lines;
    c->level = level;
    c->requested = lines & level;
    c->lowest = 7;
    c->init_next = 2;
    c->init_wants_4 = icw1 & ICW1_WANTS_4;
    c->single = icw1 & ICW1_SINGLE;
}

static void end_of_interrupt(struct pic_chip *c, unsigned line, bool rotate)
{
    if (line == NONE)
        return;
    c->in_service &= (uint8_t) ~(1 << line);
    if (rotate)
        c->lowest = (uint8_t)line;
}

static void command2(struct pic_chip *c, uint8_t value)
{
    unsigned named = value & 7, place = place_of(c, c->in_service);
    unsigned first = place == NONE ? NONE : line_at(c, place);
    switch (value >> 5) {
    case 0: /* rotate in automatic end: off, on */
    case 4:
        c->rotate_auto = value >> 7;
        break;
    case 1: /* end of the one in service, and rotating */
    case 5:
        end_of_interrupt(c, first, value >> 7);
        break;
    case 3: /* of the one that is named */
    case 7:
        end_of_interrupt(c, named, value >> 7);
        break;
    case 6:
        c->lowest = (uint8_t)named;
        break;
    default:
        break;
    }
}

static void command3(struct pic_chip *c, uint8_t value)
{
    if (value & 4)
        c->poll = true;
    if (value & 2)
        c->read_in_service = value & 1;
    if (value & 0x40)
        c->special_mask = value >> 5 & 1;
}

static void write_data(struct pic_chip *c, uint8_t value)
{
    switch (c->init_next) {
    case 2:
        c->base = value & 0xf8;
        c->init_next = c->single ? (c->init_wants_4 ? 4 : 0) : 3;
        break;
    case 3:
        c->init_next = c->init_wants_4 ? 4 : 0;
        break;
    case 4:
        c->auto_end = value & ICW4_AUTO_END;
        c->nested = value & ICW4_NESTED;
        c->init_next = 0;
        break;
    default:
        c->masked = value;
        break;
    }
}

static void pic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pic_port *port = device;
    struct pic_chip *c = &port->pic->state.chip[port->chip];
    if (offset == 1)
        write_data(c, (uint8_t)value);
    else if (value & ICW1)
        initialize(c, (uint8_t)value);
    else if (value & OCW3)
        command3(c, (uint8_t)value);
    else
        command2(c, (uint8_t)value);
    update(port->pic);
}

static uint64_t pic_read(void *device, uint64_t offset, unsigned size)
{
    const struct pic_port *port = device;
    struct pic *p = port->pic;
    struct pic_chip *c = &p->state.chip[port->chip];
    if (c->poll) {
        unsigned line = asking(p, port->chip);
        c->poll = false;
        if (line == NONE)
            return 0;
        take(c, line);
        update(p);
        return 0x80 | line;
    }
    if (offset == 1)
        return c->masked;
    return c->read_in_service ? c->in_service : c->requested;
}

/* Lines that a PC has as edges for ever: timer, keyboard, cascade; clock, coprocessor. */
static const uint8_t always_edge[2] = {0x07, 0x21};

static uint64_t elcr_read(void *device, uint64_t offset, unsigned size)
{
    const struct pic *p = device;
    return p->state.chip[offset & 1].level;
}

static void elcr_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pic *p = device;
    p->state.chip[offset & 1].level = (uint8_t)value & (uint8_t)~always_edge[offset & 1];
}

/* As a PC's firmware leaves them to what it starts: vectors from 0x08 and 0x70, the cascade open, and line 11, which
 * firmware gives to cards. */
static void pic_reset(void *device)
{
    struct pic *p = device;
    p->state.chip[0] = (struct pic_chip){.masked = 0xff & ~(1 << CASCADE), .lowest = 7, .base = 0x08};
    p->state.chip[1] = (struct pic_chip){.masked = 0xff & ~(1 << 3), .lowest = 7, .base = 0x70};
    update(p);
}

static int pic_check(const void *state, const char **why)
{
    const struct pic_state *s = state;
    for (unsigned i = 0; i < 2; i++) {
        if (s->chip[i].lowest > 7 || s->chip[i].init_next > 4) {
            *why = "an 8259A's priorities make no sense";
            return -EINVAL;
        }
    }
    return 0;
}

static void pic_loaded(void *device)
{
    update(device);
}

const struct device_ops pic_ops = {
    .name = "pic",
    .version = 1,
    .state_bytes = sizeof(struct pic_state),
    .reset = pic_reset,
    .check = pic_check,
    .loaded = pic_loaded,
};

int pic_init(struct pic *p, struct bus *ports, void (*changed)(void *owner), void *owner)
{
    static const uint16_t bases[2] = {0x20, 0xa0};
    int r;
    memset(p, 0, sizeof(*p));
    p->changed = changed;
    p->owner = owner;
    for (unsigned i = 0; i < 2; i++) {
        p->ports[i] = (struct pic_port){p, i};
        struct bus_range range = {bases[i], 2, "8259A", &p->ports[i], pic_read, pic_write};
        if ((r = bus_add(ports, &range)) != 0)
            return r;
    }
    struct bus_range elcr = {0x4d0, 2, "ELCR", p, elcr_read, elcr_write};
    if ((r = bus_add(ports, &elcr)) != 0)
        return r;
    pic_reset(p);
    return 0;
}

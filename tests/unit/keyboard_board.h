/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyboard controller alone on a bus, with a clock that the test sets and lines that it sees. For
 * tests/unit/test_machine_{i8042,display}.c and tests/fuzz/fuzz_machine_i8042.c.
 */
#ifndef MOAT_TESTS_KEYBOARD_BOARD_H
#define MOAT_TESTS_KEYBOARD_BOARD_H

#include "machine/dev/i8042.h"
#include "machine/typist.h"

#include <string.h>

struct keyboard_board {
    struct i8042 controller;
    struct typist typist;
    struct bus ports;
    struct clock clock;
    struct timers timers;
    uint64_t counter; /* nanoseconds */
    bool lines[16];   /* as they are */
    unsigned edges[16], resets;
    bool a20;
};

static inline void keyboard_board_line(void *owner, unsigned number, bool up)
{
    struct keyboard_board *b = owner;

    b->edges[number] += up && !b->lines[number];
    b->lines[number] = up;
}
static inline void keyboard_board_reset(void *owner)
{
    ((struct keyboard_board *)owner)->resets++;
}
static inline void keyboard_board_gate(void *owner, bool open)
{
    ((struct keyboard_board *)owner)->a20 = open;
}
static inline bool keyboard_board_gate_is_open(void *owner)
{
    return ((struct keyboard_board *)owner)->a20;
}
static inline uint64_t keyboard_board_count(void *owner)
{
    return ((struct keyboard_board *)owner)->counter;
}

/* With a typist, when it is asked for. 0, or what did not work returns. */
static inline int keyboard_board_init(struct keyboard_board *b, bool typist)
{
    int r;

    memset(b, 0, sizeof(*b));
    clock_init(&b->clock, NULL, SECOND_NS, 0);
    clock_source(&b->clock, keyboard_board_count, b);
    b->clock.offset = 0;
    r = i8042_init(&b->controller, &b->ports, &b->clock, &b->timers, (struct irq_line){keyboard_board_line, b, 1},
                   (struct irq_line){keyboard_board_line, b, 12}, keyboard_board_reset, keyboard_board_gate,
                   keyboard_board_gate_is_open, b);
    if (r == 0 && typist)
        r = typist_init(&b->typist, &b->controller, &b->clock, &b->timers);
    return r;
}

static inline void keyboard_board_pass(struct keyboard_board *b, uint64_t ns)
{
    b->counter += ns;
    timers_run(&b->timers, clock_now(&b->clock));
}

static inline uint8_t keyboard_board_in(struct keyboard_board *b, uint16_t port)
{
    return (uint8_t)bus_read(&b->ports, port, 1);
}
static inline void keyboard_board_out(struct keyboard_board *b, uint16_t port, uint8_t value)
{
    bus_write(&b->ports, port, 1, value);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 interval timer of a PC (Intel 231164) at ports 0x40 to 0x43: channel 0 is interrupt 0, channel 2 the
 * speaker's, with its gate and output at port 0x61.
 */
#ifndef MOAT_MACHINE_DEV_PIT_H
#define MOAT_MACHINE_DEV_PIT_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/device.h"

#define PIT_HZ 1193182u

struct pit_channel {
    uint64_t start;   /* nanosecond at which the count was loaded */
    uint32_t reload;  /* 1 to 65536; 0: none has been written */
    uint16_t latched; /* count that a latch command keeps */
    uint16_t written; /* low byte that waits for its high one */
    uint8_t mode;     /* 0 to 5 */
    uint8_t access;   /* 1 low, 2 high, 3 both */
    uint8_t bcd, gate;
    uint8_t read_high, write_high; /* of both: which comes next */
    uint8_t count_latched;         /* bytes of `latched` that are left: 0, 1, 2 */
    uint8_t status_latched, status;
    uint8_t rung; /* one-shot modes: the count has come to its end */
    uint8_t zero8[2];
};

struct pit_state {
    struct pit_channel channel[3];
    uint8_t speaker; /* bits 0 and 1 of port 0x61 */
    uint8_t zero8[7];
};

struct pit {
    struct pit_state state;
    const struct clock *clock;
    struct irq_line irq;
    struct timer timer;
};

int pit_init(struct pit *p, struct bus *ports, const struct clock *clock, struct timers *timers, struct irq_line irq);

extern const struct device_ops pit_ops;

#endif

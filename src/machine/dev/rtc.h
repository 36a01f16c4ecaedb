/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MC146818 clock of a PC with its battery-backed bytes, at ports 0x70 and 0x71, interrupt 8.
 */
#ifndef MOAT_MACHINE_DEV_RTC_H
#define MOAT_MACHINE_DEV_RTC_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/device.h"

#define RTC_BYTES 128u

struct rtc_state {
    uint8_t ram[RTC_BYTES]; /* of the time only the alarm is there; registers A and B are */
    uint8_t index, zero8[7];
    int64_t ahead;        /* seconds: what the guest has set, beyond the machine's time */
    int64_t set_seconds;  /* the time that stands still while it is being set */
    uint64_t seen_second; /* register C's flags: what had happened when it was read last */
    uint64_t seen_tick;
    uint64_t seen_alarm;
};

struct rtc {
    struct rtc_state state;
    const struct clock *clock;
    struct irq_line irq;
    struct timer timer;
};

/* What its bytes say of the size of memory. */
int rtc_init(struct rtc *r, struct bus *ports, const struct clock *clock, struct timers *timers, struct irq_line irq,
             uint64_t ram_below_4g, uint64_t ram_above_4g);
/* One of the battery-backed bytes that mean nothing to the clock (from 14 on, but the century), as a PC's setup leaves
 * them. */
void rtc_set_byte(struct rtc *r, unsigned index, uint8_t value);

extern const struct device_ops rtc_ops;

#endif

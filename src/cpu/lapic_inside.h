/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between lapic.c and lapic_timer.c: register numbers (offset / 16), and what each calls of the other.
 */
#ifndef MOAT_CPU_LAPIC_INSIDE_H
#define MOAT_CPU_LAPIC_INSIDE_H

#include "cpu/lapic.h"

enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_TIMER_COUNT = 0x38,
    REG_TIMER_CURRENT = 0x39,
    REG_TIMER_DIVIDE = 0x3e,
    REG_SELF = 0x3f,
};

enum { SVR_ENABLE = 1 << 8 };
enum { LVT_MASKED = 1 << 16, LVT_TIMER_PERIODIC = 1 << 17, LVT_TIMER_DEADLINE = 1 << 18 };

void lapic_local(struct lapic *l, enum lvt entry);
void lapic_error(struct lapic *l, uint32_t bits);

uint32_t lapic_timer_current(const struct lapic *l);
void lapic_timer_start(struct lapic *l, uint32_t count);
void lapic_timer_set_divide(struct lapic *l, uint32_t divide);
void lapic_timer_set_deadline(struct lapic *l, uint64_t ticks);
void lapic_timer_settle(struct lapic *l);
void lapic_timer_mode(struct lapic *l, uint32_t lvt_before);
void lapic_timer_arm(struct lapic *l);

#endif

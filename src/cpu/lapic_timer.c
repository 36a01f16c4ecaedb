/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the local APIC (Intel 3A 11.5.4): a count that runs down at the rate of the time stamp counter over its
 * divider, once or again and again, or a deadline of that counter. Nothing counts: where the count stands is worked out
 * when asked.
 */
#include "cpu/lapic_inside.h"

#include <stddef.h>

#define NEVER UINT64_MAX

/* 0, 1, 2, 3, 8, 9, 10, 11: by 2, 4, 8, 16, 32, 64, 128, 1. */
static unsigned divide_shift(const struct lapic *l)
{
    uint32_t d = l->state.timer_divide;
    return (((d & 3) | (d >> 1 & 4)) + 1) & 7;
}

static bool deadline_mode(const struct lapic *l)
{
    return l->state.lvt[LVT_TIMER] & LVT_TIMER_DEADLINE;
}

static uint64_t period(const struct lapic *l)
{
    return (uint64_t)l->state.timer_count << divide_shift(l);
}

uint32_t lapic_timer_current(const struct lapic *l)
{
    uint64_t all = period(l);
    if (deadline_mode(l) || all == 0 || l->state.timer_rung)
        return 0;
    uint64_t gone = l->wire.ticks(l->wire.owner) - l->state.timer_start;
    if (l->state.lvt[LVT_TIMER] & LVT_TIMER_PERIODIC)
        gone %= all;
    return gone >= all ? 0 : (uint32_t)((all - gone) >> divide_shift(l));
}

void lapic_timer_arm(struct lapic *l)
{
    uint64_t due = NEVER;
    if (deadline_mode(l)) {
        if (l->state.tsc_deadline != 0)
            due = l->wire.tick_of(l->wire.owner, l->state.tsc_deadline);
    } else if (l->state.timer_count != 0 && !l->state.timer_rung) {
        due = l->state.timer_start + period(l);
    }
    l->wire.arm(l->wire.owner, due);
}

void lapic_timer_rearm(struct lapic *l)
{
    if (deadline_mode(l))
        lapic_timer_arm(l);
}

void lapic_timer_start(struct lapic *l, uint32_t count)
{
    if (deadline_mode(l))
        return;
    l->state.timer_count = count;
    l->state.timer_rung = 0;
    l->state.timer_start = l->wire.ticks(l->wire.owner);
    lapic_timer_arm(l);
}

/* The count that is left goes on at the new rate. */
void lapic_timer_set_divide(struct lapic *l, uint32_t divide)
{
    uint32_t left = lapic_timer_current(l);
    uint64_t now = l->wire.ticks(l->wire.owner);
    l->state.timer_divide = divide;
    l->state.timer_start = now - (((uint64_t)l->state.timer_count - left) << divide_shift(l));
    if (left != 0)
        lapic_timer_arm(l);
}

void lapic_timer_set_deadline(struct lapic *l, uint64_t ticks)
{
    if (!deadline_mode(l))
        return;
    l->state.tsc_deadline = ticks;
    lapic_timer_arm(l);
}

/* Before its mode changes: a count that has come to its end by now ends in the mode that it was in. */
void lapic_timer_settle(struct lapic *l)
{
    uint64_t all = period(l);
    if (!deadline_mode(l) && all != 0 && !l->state.timer_rung &&
        l->wire.ticks(l->wire.owner) - l->state.timer_start >= all)
        lapic_timer(l);
}

/* Between the deadline and the counts, what was set is forgotten. */
void lapic_timer_mode(struct lapic *l, uint32_t lvt_before)
{
    uint32_t changed = l->state.lvt[LVT_TIMER] ^ lvt_before;
    if (changed & LVT_TIMER_DEADLINE) {
        l->state.tsc_deadline = 0;
        l->state.timer_count = 0;
        l->state.timer_rung = 0;
    }
    if (changed & (LVT_TIMER_DEADLINE | LVT_TIMER_PERIODIC))
        lapic_timer_arm(l);
}

void lapic_timer(struct lapic *l)
{
    if (deadline_mode(l)) {
        l->state.tsc_deadline = 0;
    } else if (l->state.lvt[LVT_TIMER] & LVT_TIMER_PERIODIC) {
        uint64_t all = period(l), gone = l->wire.ticks(l->wire.owner) - l->state.timer_start;
        if (all == 0)
            return;
        l->state.timer_start += gone - gone % all; /* what was missed rings once */
        l->wire.arm(l->wire.owner, l->state.timer_start + all);
    } else {
        l->state.timer_rung = 1;
    }
    lapic_local(l, LVT_TIMER);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's time. There is one clock: the time stamp counter, which is the host's plus an offset, at the host's own
 * rate; or, of a machine that was saved where the counter runs at another one, at that. Nanoseconds are made of its
 * ticks the way Linux makes them from KVM's paravirtual clock, so that all of the guest's clocks agree. Timers are
 * asked to ring at a number of nanoseconds; nobody of the core ever waits.
 *
 * kvmclock: two MSRs by which a guest has a record of rate and offset written into its memory (Linux,
 * Documentation/virt/kvm/x86/msr.rst); who knows it calibrates nothing.
 */
#ifndef MOAT_MACHINE_CLOCK_H
#define MOAT_MACHINE_CLOCK_H

#include "machine/gmem.h"

#include <stdbool.h>
#include <stdint.h>

#define NEVER     UINT64_MAX
#define SECOND_NS UINT64_C(1000000000)

struct clock_state {
    uint64_t hz;                      /* of the counter */
    uint64_t ticks;                   /* where it stood when this was saved */
    uint64_t adjust;                  /* what the processor adds to it for its guest (IA32_TSC_ADJUST) */
    uint64_t wall_ns;                 /* since 1970: of nanosecond 0 */
    uint64_t system_time, wall_clock; /* kvmclock's MSRs, as written */
    uint32_t version, zero32;         /* of what was written to memory: even */
};

struct clock {
    struct clock_state state;
    uint64_t offset;  /* ticks = counter + offset */
    uint64_t host_hz; /* of the host's counter */
    uint64_t scale;   /* ticks of ours for one of the host's, in 2^-32; 0: one */
    uint32_t multiplier;
    int8_t shift;
    uint64_t (*counter)(void *owner); /* NULL: the host's */
    void *owner;
    struct gmem *memory;
};

/* From tick 0 on. `hz` from 1 MHz to 1 THz. wall_ns: the time of the day now. */
void clock_init(struct clock *c, struct gmem *memory, uint64_t hz, uint64_t wall_ns);
/* The rate is known better now, and nobody has seen the old one. Of a machine that was loaded it is the host's alone.
 */
void clock_set_rate(struct clock *c, uint64_t hz);
/* So near that nobody counts the difference: what KVM takes for the same (its tsc_tolerance_ppm). */
bool clock_rates_agree(uint64_t a, uint64_t b);
/* Another source than the host's counter (tests, machines that count instructions). Goes on where it was. */
void clock_source(struct clock *c, uint64_t (*counter)(void *owner), void *owner);

/* Of the machine: never set by the guest, so that its devices' time goes on. */
uint64_t clock_ticks(const struct clock *c);
uint64_t clock_ns(const struct clock *c, uint64_t ticks);
/* The time of the day is another now: after a restore. The CMOS clock shows it; the guest's own clock goes on as it was
 * until the guest looks. */
void clock_set_wall(struct clock *c, uint64_t wall_ns);
static inline uint64_t clock_now(const struct clock *c)
{
    return clock_ns(c, clock_ticks(c));
}

/* kvmclock, and a copy of IA32_TSC_ADJUST. false: not one of ours. */
bool clock_msr_read(struct clock *c, uint32_t index, uint64_t *value);
bool clock_msr_write(struct clock *c, uint32_t index, uint64_t value);

extern const struct device_ops clock_ops;

/* ---- Timers ------------------------------------------------------------------------------------------------------ */

struct timer {
    uint64_t due; /* nanoseconds, or NEVER */
    void (*fire)(void *device);
    void *device;
    struct timers *all;
};

#define TIMERS_MAX 64
struct timers {
    struct timer *timer[TIMERS_MAX];
    unsigned n;
    uint64_t soonest;
    /* One was set that is due before all others. May be NULL. */
    void (*sooner)(void *owner);
    void *owner;
};

/* 0 or -ENOSPC. The timer lives as long as the machine. */
int timer_add(struct timers *all, struct timer *t, void (*fire)(void *device), void *device);
void timer_set(struct timer *t, uint64_t due);
/* Rings all that are due, in order of their times. */
void timers_run(struct timers *all, uint64_t now);

#endif

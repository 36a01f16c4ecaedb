/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks, nanoseconds and timers, and KVM's clock (see clock.h). Touches guest memory at the places that the guest
 * named.
 */
#include "machine/clock.h"

#include "machine/device.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define MSR_TSC_ADJUST      0x3bu
#define MSR_WALL_CLOCK      0x4b564d00u
#define MSR_SYSTEM_TIME     0x4b564d01u
#define MSR_WALL_CLOCK_OLD  0x11u
#define MSR_SYSTEM_TIME_OLD 0x12u

#define HZ_MIN UINT64_C(1000000)
#define HZ_MAX UINT64_C(1000000000000)

#define RATE_PPM 250

/* What lies in guest memory (Linux, pvclock-abi.h). */
struct system_time {
    uint32_t version, zero;
    uint64_t tsc_timestamp, system_time;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags, zero8[2];
};
_Static_assert(sizeof(struct system_time) == 32, "pvclock_vcpu_time_info");
enum { FLAG_TSC_STABLE = 1 };

struct wall_clock {
    uint32_t version, seconds, nanoseconds;
};

static uint64_t counter(const struct clock *c)
{
    const uint64_t n = c->counter != NULL ? c->counter(c->owner) : __builtin_ia32_rdtsc();
    return c->scale == 0 ? n : (uint64_t)((unsigned __int128)n * c->scale >> 32);
}

bool clock_rates_agree(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) <= b / 1000000 * RATE_PPM;
}

static uint64_t bounded(uint64_t hz)
{
    return hz < HZ_MIN ? HZ_MIN : hz > HZ_MAX ? HZ_MAX : hz;
}

/* a / b in 2^-32, for numbers below 2^48: without a division of 128 bits, which is libgcc's. */
static uint64_t ratio(uint64_t a, uint64_t b)
{
    const uint64_t high = (a % b << 16) / b, left = (a % b << 16) % b;
    return a / b << 32 | high << 16 | (left << 16) / b;
}

/* ns = (ticks << shift) * multiplier >> 32, with a multiplier of full 32 bits. */
static void set_rate(struct clock *c)
{
    uint64_t hz = c->state.hz;
    c->scale = clock_rates_agree(hz, c->host_hz) ? 0 : ratio(hz, c->host_hz);
    c->shift = 0;
    for (; hz > 2 * SECOND_NS; hz >>= 1)
        c->shift--;
    for (; hz <= SECOND_NS; hz <<= 1)
        c->shift++;
    c->multiplier = (uint32_t)((SECOND_NS << 32) / hz);
}

uint64_t clock_ns(const struct clock *c, uint64_t ticks)
{
    ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
    return (uint64_t)((unsigned __int128)ticks * c->multiplier >> 32);
}

uint64_t clock_ticks(const struct clock *c)
{
    return counter(c) + c->offset;
}

static void set_ticks(struct clock *c, uint64_t ticks)
{
    c->offset = ticks - counter(c);
}

void clock_init(struct clock *c, struct gmem *memory, uint64_t hz, uint64_t wall_ns)
{
    memset(c, 0, sizeof(*c));
    c->memory = memory;
    c->host_hz = c->state.hz = bounded(hz);
    c->state.wall_ns = wall_ns;
    set_rate(c);
    set_ticks(c, 0);
}

void clock_set_rate(struct clock *c, uint64_t hz)
{
    const uint64_t now = clock_ticks(c);
    const bool own = c->state.hz == c->host_hz;
    c->host_hz = bounded(hz);
    if (own)
        c->state.hz = c->host_hz;
    set_rate(c);
    set_ticks(c, now);
}

void clock_source(struct clock *c, uint64_t (*source)(void *owner), void *owner)
{
    uint64_t ticks = clock_ticks(c);
    c->counter = source;
    c->owner = owner;
    set_ticks(c, ticks);
}

/* ---- KVM's clock ------------------------------------------------------------------------------------------------- */

/* The counter's rate never changes, so the record is written once, from tick 0, and again when the guest adjusts its
 * counter. */
static void write_system_time(struct clock *c)
{
    gpa_t at = c->state.system_time & ~UINT64_C(1);
    struct system_time s = {.tsc_timestamp = c->state.adjust,
                            .system_time = 0,
                            .multiplier = c->multiplier,
                            .shift = c->shift,
                            .flags = FLAG_TSC_STABLE};
    if (!(c->state.system_time & 1))
        return;
    s.version = c->state.version + 1; /* odd: being written */
    if (gmem_write(c->memory, at, &s, sizeof(s)) != 0)
        return;
    c->state.version += 2;
    gmem_write32(c->memory, at, c->state.version);
}

/* The time of the day at nanosecond 0. */
static void write_wall_clock(struct clock *c)
{
    struct wall_clock w = {.version = 2,
                           .seconds = (uint32_t)(c->state.wall_ns / SECOND_NS),
                           .nanoseconds = (uint32_t)(c->state.wall_ns % SECOND_NS)};
    (void)gmem_write(c->memory, c->state.wall_clock, &w, sizeof(w));
}

void clock_set_wall(struct clock *c, uint64_t wall_ns)
{
    uint64_t now = clock_now(c);
    c->state.wall_ns = wall_ns > now ? wall_ns - now : 0;
    if (c->state.wall_clock != 0)
        write_wall_clock(c);
}

bool clock_msr_read(struct clock *c, uint32_t index, uint64_t *value)
{
    if (index == MSR_TSC_ADJUST)
        *value = c->state.adjust;
    else if (index == MSR_SYSTEM_TIME || index == MSR_SYSTEM_TIME_OLD)
        *value = c->state.system_time;
    else if (index == MSR_WALL_CLOCK || index == MSR_WALL_CLOCK_OLD)
        *value = c->state.wall_clock;
    else
        return false;
    return true;
}

bool clock_msr_write(struct clock *c, uint32_t index, uint64_t value)
{
    if (index == MSR_TSC_ADJUST) {
        c->state.adjust = value;
        write_system_time(c);
    } else if (index == MSR_SYSTEM_TIME || index == MSR_SYSTEM_TIME_OLD) {
        c->state.system_time = value;
        write_system_time(c);
    } else if (index == MSR_WALL_CLOCK || index == MSR_WALL_CLOCK_OLD) {
        c->state.wall_clock = value;
        write_wall_clock(c);
    } else {
        return false;
    }
    return true;
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

static void clock_reset(void *device)
{
    struct clock *c = device;
    c->state.system_time = c->state.wall_clock = c->state.adjust = 0;
}

static int clock_check(const void *state, const char **why)
{
    const struct clock_state *s = state;
    if (s->hz >= HZ_MIN && s->hz <= HZ_MAX && s->version % 2 == 0)
        return 0;
    *why = "the clock's rate makes no sense";
    return -EINVAL;
}

static void clock_loaded(void *device)
{
    struct clock *c = device;
    set_rate(c);
    set_ticks(c, c->state.ticks);
    write_system_time(c);
}

static int clock_saving(void *device)
{
    struct clock *c = device;
    c->state.ticks = clock_ticks(c);
    return 0;
}

const struct device_ops clock_ops = {
    .name = "clock",
    .version = 1,
    .state_bytes = sizeof(struct clock_state),
    .reset = clock_reset,
    .check = clock_check,
    .loaded = clock_loaded,
    .saving = clock_saving,
};

/* ---- Timers ------------------------------------------------------------------------------------------------------ */

int timer_add(struct timers *all, struct timer *t, void (*fire)(void *device), void *device)
{
    if (all->n == TIMERS_MAX)
        return -ENOSPC;
    if (all->n == 0)
        all->soonest = NEVER;
    *t = (struct timer){.due = NEVER, .fire = fire, .device = device, .all = all};
    all->timer[all->n++] = t;
    return 0;
}

static struct timer *first_due(const struct timers *all)
{
    struct timer *first = NULL;
    for (unsigned i = 0; i < all->n; i++) {
        if (all->timer[i]->due != NEVER && (first == NULL || all->timer[i]->due < first->due))
            first = all->timer[i];
    }
    return first;
}

void timer_set(struct timer *t, uint64_t due)
{
    struct timers *all = t->all;
    uint64_t before = t->due;
    if (due == before)
        return;
    t->due = due;
    if (due < all->soonest) {
        all->soonest = due;
        if (all->sooner != NULL)
            all->sooner(all->owner);
    } else if (before == all->soonest) {
        const struct timer *first = first_due(all);
        all->soonest = first != NULL ? first->due : NEVER;
    }
}

void timers_run(struct timers *all, uint64_t now)
{
    /* A timer that sets itself anew into the past would ring for ever: each rings as often as it likes, but the guest
     * has its turn after so many. */
    for (unsigned rings = 0; all->n > 0 && all->soonest <= now && rings < 4 * TIMERS_MAX; rings++) {
        struct timer *t = first_due(all);
        if (t == NULL)
            break;
        timer_set(t, NEVER);
        t->fire(t->device);
    }
}

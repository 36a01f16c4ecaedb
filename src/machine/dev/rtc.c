/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time of the day from the machine's clock, and interrupts by it: each second, at an alarm, and at a rate. Nothing
 * ticks while no interrupt is wanted: register C's flags are worked out when it is read. Touches its state, timer and
 * line.
 */
#include "machine/dev/rtc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum {
    REG_SECONDS = 0,
    REG_SECONDS_ALARM,
    REG_MINUTES,
    REG_MINUTES_ALARM,
    REG_HOURS,
    REG_HOURS_ALARM,
    REG_WEEKDAY,
    REG_DAY,
    REG_MONTH,
    REG_YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    REG_CENTURY = 0x32,
};
enum { A_UPDATING = 0x80, A_DIVIDER = 0x70, A_RATE = 0xf, A_NORMAL = 0x26 };
enum { B_SET = 0x80, B_PERIODIC = 0x40, B_ALARM = 0x20, B_UPDATE = 0x10, B_SQUARE_WAVE = 8, B_BINARY = 4, B_24 = 2 };
enum { C_IRQ = 0x80, C_PERIODIC = 0x40, C_ALARM = 0x20, C_UPDATE = 0x10 };
enum { D_VALID = 0x80 };
#define UPDATING_NS UINT64_C(244000)
#define DAY         86400
#define YEARS       10000

struct date {
    int64_t year;
    int month, day, weekday, hour, minute, second; /* month and day from 1; Sunday is 1 */
};

/* ---- The calendar (proleptic Gregorian; days since 1970-01-01) --------------------------------------------------- */

static int64_t days_before(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, in_era = year - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static struct date date_of(int64_t seconds)
{
    int64_t days = (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY, left = seconds - days * DAY;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, in_era = z - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100), m = (5 * in_year + 2) / 153;
    struct date d = {.day = (int)(in_year - (153 * m + 2) / 5 + 1), .month = (int)(m < 10 ? m + 3 : m - 9)};
    d.year = year + era * 400 + (d.month <= 2);
    d.weekday = (int)(((days + 4) % 7 + 7) % 7 + 1);
    d.hour = (int)(left / 3600);
    d.minute = (int)(left / 60 % 60);
    d.second = (int)(left % 60);
    return d;
}

/* ---- Which second it is ------------------------------------------------------------------------------------------ */

/* Of the machine's own time, with which flags are told: never set back by the guest. */
static uint64_t second_now(const struct rtc *r)
{
    return (r->clock->state.wall_ns + clock_now(r->clock)) / SECOND_NS;
}
static uint64_t within_second(const struct rtc *r)
{
    return (r->clock->state.wall_ns + clock_now(r->clock)) % SECOND_NS;
}

static bool being_set(const struct rtc *r)
{
    return r->state.ram[REG_B] & B_SET;
}

static int64_t shown(const struct rtc *r)
{
    return being_set(r) ? r->state.set_seconds : (int64_t)second_now(r) + r->state.ahead;
}

static uint8_t encode(const struct rtc *r, int value)
{
    return (uint8_t)(r->state.ram[REG_B] & B_BINARY ? value : value / 10 % 10 << 4 | value % 10);
}

static int decode(const struct rtc *r, uint8_t value)
{
    return r->state.ram[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const struct rtc *r, int hour)
{
    if (r->state.ram[REG_B] & B_24)
        return encode(r, hour);
    return (uint8_t)(encode(r, hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct rtc *r, uint8_t value)
{
    if (r->state.ram[REG_B] & B_24)
        return decode(r, value);
    return decode(r, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

static uint8_t read_time(const struct rtc *r, uint8_t index)
{
    struct date d = date_of(shown(r));
    switch (index) {
    case REG_SECONDS:
        return encode(r, d.second);
    case REG_MINUTES:
        return encode(r, d.minute);
    case REG_HOURS:
        return encode_hour(r, d.hour);
    case REG_WEEKDAY:
        return encode(r, d.weekday);
    case REG_DAY:
        return encode(r, d.day);
    case REG_MONTH:
        return encode(r, d.month);
    case REG_YEAR:
        return encode(r, (int)(d.year % 100));
    default:
        return encode(r, (int)(d.year / 100 % 100));
    }
}

static void write_time(struct rtc *r, uint8_t index, uint8_t value)
{
    struct date d = date_of(shown(r));
    int n = decode(r, value);
    switch (index) {
    case REG_SECONDS:
        d.second = n;
        break;
    case REG_MINUTES:
        d.minute = n;
        break;
    case REG_HOURS:
        d.hour = decode_hour(r, value);
        break;
    case REG_DAY:
        d.day = n;
        break;
    case REG_MONTH:
        d.month = n >= 1 && n <= 12 ? n : 1;
        break;
    case REG_YEAR:
        d.year = d.year / 100 * 100 + n % 100;
        break;
    case REG_CENTURY:
        d.year = n % 100 * 100 + d.year % 100;
        break;
    }
    /* Four digits, as a clock has: a guest that pushes the date on and on comes round. */
    d.year = (d.year % YEARS + YEARS) % YEARS;
    int64_t seconds = days_before(d.year, d.month, d.day) * DAY + d.hour * 3600 + d.minute * 60 + d.second;
    if (being_set(r))
        r->state.set_seconds = seconds;
    else
        r->state.ahead = seconds - (int64_t)second_now(r);
}

/* ---- Interrupts -------------------------------------------------------------------------------------------------- */

/* 0: no rate is chosen. */
static uint64_t tick_ns(const struct rtc *r)
{
    unsigned rate = r->state.ram[REG_A] & A_RATE;
    if (rate == 0)
        return 0;
    return SECOND_NS * (1u << ((rate < 3 ? rate + 7 : rate) - 1)) / 32768;
}

static bool alarm_field(const struct rtc *r, uint8_t index, uint8_t now)
{
    return r->state.ram[index] >= 0xc0 || r->state.ram[index] == now;
}

/* May it ring at all: is there a number of each register that it can be? */
static bool alarm_possible(const struct rtc *r)
{
    bool hours = false, minutes = false, seconds = false;
    for (int i = 0; i < 60; i++) {
        hours = hours || (i < 24 && alarm_field(r, REG_HOURS_ALARM, encode_hour(r, i)));
        minutes = minutes || alarm_field(r, REG_MINUTES_ALARM, encode(r, i));
        seconds = seconds || alarm_field(r, REG_SECONDS_ALARM, encode(r, i));
    }
    return hours && minutes && seconds;
}

/* The second of a day, from `at` on, at which it rings; DAY: none before midnight. Over what cannot be it goes by hours
 * and minutes, so that a guest's access to a register does not take the time of a day's seconds. */
static int64_t alarm_from(const struct rtc *r, int64_t at)
{
    while (at < DAY) {
        if (!alarm_field(r, REG_HOURS_ALARM, encode_hour(r, (int)(at / 3600))))
            at = (at / 3600 + 1) * 3600;
        else if (!alarm_field(r, REG_MINUTES_ALARM, encode(r, (int)(at / 60 % 60))))
            at = (at / 60 + 1) * 60;
        else if (!alarm_field(r, REG_SECONDS_ALARM, encode(r, (int)(at % 60))))
            at++;
        else
            break;
    }
    return at;
}

/* Has the alarm rung since the second that was seen last? Of a longer time the last day is looked at. */
static bool alarm_since(const struct rtc *r, uint64_t second)
{
    const uint64_t now = second_now(r);
    const int64_t n = now - second < DAY ? (int64_t)(now - second) : DAY;
    const int64_t first = (((int64_t)now + r->state.ahead - n + 1) % DAY + DAY) % DAY, last = first + n - 1;
    if (n == 0 || !alarm_possible(r))
        return false;
    const int64_t at = alarm_from(r, first);
    return at < DAY ? at <= last : last >= DAY && alarm_from(r, 0) <= last - DAY;
}

/* What has happened since register C was read; C_IRQ if an interrupt is wanted of any. */
static uint8_t flags(const struct rtc *r)
{
    uint64_t tick = tick_ns(r), second = second_now(r);
    uint8_t b = r->state.ram[REG_B], f = 0;
    if (tick != 0 && clock_now(r->clock) / tick > r->state.seen_tick)
        f |= C_PERIODIC;
    if (!(b & B_SET) && second > r->state.seen_second)
        f |= C_UPDATE;
    if ((b & B_ALARM) && !(b & B_SET) && alarm_since(r, r->state.seen_alarm))
        f |= C_ALARM;
    return f & b ? f | C_IRQ : f;
}

static void arm(struct rtc *r)
{
    uint8_t b = r->state.ram[REG_B];
    uint64_t now = clock_now(r->clock), due = NEVER, tick = tick_ns(r);
    bool up = flags(r) & C_IRQ;
    irq_line_set(&r->irq, up);
    if (!up && (b & (B_UPDATE | B_ALARM)) && !(b & B_SET))
        due = now + SECOND_NS - within_second(r);
    if (!up && (b & B_PERIODIC) && tick != 0 && (r->state.seen_tick + 1) * tick < due)
        due = (r->state.seen_tick + 1) * tick;
    timer_set(&r->timer, due);
}

static void ring(void *device)
{
    arm(device);
}

static void see(struct rtc *r)
{
    uint64_t tick = tick_ns(r);
    r->state.seen_second = r->state.seen_alarm = second_now(r);
    r->state.seen_tick = tick != 0 ? clock_now(r->clock) / tick : 0;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static bool is_time(uint8_t index)
{
    return index == REG_CENTURY ||
           (index <= REG_YEAR && index != REG_SECONDS_ALARM && index != REG_MINUTES_ALARM && index != REG_HOURS_ALARM);
}

static uint8_t read_register(struct rtc *r, uint8_t index)
{
    uint8_t value;
    if (is_time(index))
        return read_time(r, index);
    switch (index) {
    case REG_A:
        value = r->state.ram[REG_A];
        if (!being_set(r) && within_second(r) >= SECOND_NS - UPDATING_NS)
            value |= A_UPDATING;
        return value;
    case REG_C:
        value = flags(r);
        see(r);
        arm(r);
        return value;
    case REG_D:
        return D_VALID;
    default:
        return r->state.ram[index];
    }
}

static void write_b(struct rtc *r, uint8_t value)
{
    bool was = being_set(r), will = value & B_SET;
    if (!was && will)
        r->state.set_seconds = shown(r);
    if (was && !will)
        r->state.ahead = r->state.set_seconds - (int64_t)second_now(r);
    if (value & ~r->state.ram[REG_B] & (B_ALARM | B_UPDATE | B_PERIODIC))
        see(r);
    r->state.ram[REG_B] = value;
}

static void write_register(struct rtc *r, uint8_t index, uint8_t value)
{
    if (is_time(index)) {
        write_time(r, index, value);
    } else if (index == REG_B) {
        write_b(r, value);
    } else if (index == REG_A) {
        r->state.ram[REG_A] = value & 0x7f;
        see(r);
    } else if (index != REG_C && index != REG_D) {
        r->state.ram[index] = value;
    }
    if (index <= REG_D)
        arm(r);
}

static uint64_t rtc_read(void *device, uint64_t offset, unsigned size)
{
    struct rtc *r = device;
    return offset == 0 ? 0xff : read_register(r, r->state.index);
}

static void rtc_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *r = device;
    if (offset == 0)
        r->state.index = value & (RTC_BYTES - 1);
    else
        write_register(r, r->state.index, (uint8_t)value);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

/* What its battery keeps is as it was, and the time goes on; no interrupt is wanted any more. */
static void rtc_reset(void *device)
{
    struct rtc *r = device;
    r->state.ram[REG_B] &= (uint8_t) ~(B_PERIODIC | B_ALARM | B_UPDATE | B_SQUARE_WAVE);
    r->state.index = 0;
    see(r);
    arm(r);
}

void rtc_set_byte(struct rtc *r, unsigned index, uint8_t value)
{
    if (index > REG_D && index < RTC_BYTES && index != REG_CENTURY)
        r->state.ram[index] = value;
}

static int rtc_check(const void *state, const char **why)
{
    const struct rtc_state *s = state;
    int64_t far = INT64_C(1) << 40;
    if (s->index < RTC_BYTES && s->ahead < far && s->ahead > -far && s->set_seconds < far && s->set_seconds > -far &&
        s->seen_second < (uint64_t)far)
        return 0;
    *why = "the time of the CMOS clock makes no sense";
    return -EINVAL;
}

static void rtc_loaded(void *device)
{
    arm(device);
}

const struct device_ops rtc_ops = {
    .name = "rtc",
    .version = 1,
    .state_bytes = sizeof(struct rtc_state),
    .reset = rtc_reset,
    .check = rtc_check,
    .loaded = rtc_loaded,
};

static void put16(uint8_t *at, uint64_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* As a PC's firmware leaves it: KiB below 640 K, KiB above 1 M, 64 KiB above 16 M, 64 KiB above 4 G. */
static void set_sizes(uint8_t *ram, uint64_t below, uint64_t above)
{
    uint64_t kib = below > 1 << 20 ? (below >> 10) - 1024 : 0,
             chunks = below > 16 << 20 ? (below - (16 << 20)) >> 16 : 0;
    put16(ram + 0x15, 640);
    put16(ram + 0x17, kib > 65535 ? 65535 : kib);
    put16(ram + 0x30, kib > 65535 ? 65535 : kib);
    put16(ram + 0x34, chunks > 65535 ? 65535 : chunks);
    put16(ram + 0x5b, above >> 16);
    ram[0x5d] = (uint8_t)(above >> 32);
}

int rtc_init(struct rtc *r, struct bus *ports, const struct clock *clock, struct timers *timers, struct irq_line irq,
             uint64_t ram_below_4g, uint64_t ram_above_4g)
{
    struct bus_range range = {0x70, 2, "MC146818", r, rtc_read, rtc_write};
    int e;
    memset(r, 0, sizeof(*r));
    r->clock = clock;
    r->irq = irq;
    set_sizes(r->state.ram, ram_below_4g, ram_above_4g);
    if ((e = timer_add(timers, &r->timer, ring, r)) != 0 || (e = bus_add(ports, &range)) != 0)
        return e;
    r->state.ram[REG_A] = A_NORMAL;
    r->state.ram[REG_B] = B_24;
    rtc_reset(r);
    return 0;
}

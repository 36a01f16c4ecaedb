/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of ACPI's fixed hardware. Touches its state, timer and line; what the guest asks for (off, reset, I have
 * panicked) is the owner's to do.
 */
#include "machine/dev/power.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { STATUS_TIMER = 1, STATUS_BUTTON = 1 << 8, STATUS_WAKE = 1 << 15 };
enum { CONTROL_SCI = 1, CONTROL_SLEEP = 1 << 13 };
enum { RESET_HARD = 2, RESET_DO = 4 };
enum { PANICKED = 1, PANIC_LOADED = 2 };

static uint64_t ticks(const struct power *p)
{
    uint64_t per_ns = (uint64_t)(((unsigned __int128)POWER_TIMER_HZ << 52) / SECOND_NS);
    return (uint64_t)((unsigned __int128)clock_now(p->clock) * per_ns >> 52);
}

/* The status bit is set each time that bit 23 of the timer changes. */
static void update(struct power *p)
{
    uint64_t halves = ticks(p) >> 23, due = NEVER;
    if (halves != p->state.timer_seen)
        p->state.status |= STATUS_TIMER;
    irq_line_set(&p->irq, p->state.status & p->state.enable & (STATUS_TIMER | STATUS_BUTTON));
    if ((p->state.enable & STATUS_TIMER) && !(p->state.status & STATUS_TIMER)) {
        uint64_t ns_per_tick = (SECOND_NS << 32) / POWER_TIMER_HZ;
        due = (uint64_t)((unsigned __int128)((halves + 1) << 23) * ns_per_tick >> 32) + 1;
    }
    timer_set(&p->timer, due);
}

static void ring(void *device)
{
    update(device);
}

void power_button(struct power *p)
{
    p->state.status |= STATUS_BUTTON;
    update(p);
}

static void write_control(struct power *p, uint16_t value)
{
    p->state.control = value & (uint16_t)~CONTROL_SLEEP;
    if ((value & CONTROL_SLEEP) && (value >> 10 & 7) == (p->legacy ? POWER_SLEEP_S5 : POWER_SLEEP_SOFT_OFF))
        p->request(p->owner, POWER_OFF);
}

/* Registers of 16 bits; a byte of one is read and written alone, two of them together as well. */
static uint16_t read16(struct power *p, uint64_t offset)
{
    update(p);
    switch (offset) {
    case 0:
        return p->state.status;
    case 2:
        return p->state.enable;
    case 4:
        return p->state.control | CONTROL_SCI;
    default:
        return 0;
    }
}

static void write16(struct power *p, uint64_t offset, uint16_t value)
{
    switch (offset) {
    case 0:
        p->state.status &= (uint16_t)~value;
        if (value & STATUS_TIMER)
            p->state.timer_seen = ticks(p) >> 23;
        break;
    case 2:
        p->state.enable = value & (STATUS_TIMER | STATUS_BUTTON | 1 << 5 | 1 << 10);
        break;
    case 4:
        write_control(p, value);
        break;
    }
    update(p);
}

static uint64_t registers_read(void *device, uint64_t offset, unsigned size)
{
    struct power *p = device;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint16_t word = read16(p, (offset + i) & ~UINT64_C(1));
        value |= (uint64_t)((offset + i) % 2 ? word >> 8 : word & 0xff) << 8 * i;
    }
    return value;
}

static void registers_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    for (unsigned done = 0; done < size;) {
        uint64_t at = offset + done;
        uint16_t word;
        if (at % 2 == 0 && size - done >= 2) {
            word = (uint16_t)(value >> 8 * done);
            done += 2;
        } else {
            uint16_t byte = value >> 8 * done & 0xff, old = (at & ~UINT64_C(1)) == 0 ? 0 : read16(p, at & ~UINT64_C(1));
            word = at % 2 ? (uint16_t)((old & 0xff) | byte << 8) : (uint16_t)((old & 0xff00) | byte);
            done += 1;
        }
        write16(p, at & ~UINT64_C(1), word);
    }
}

static uint64_t timer_read(void *device, uint64_t offset, unsigned size)
{
    return (uint32_t)ticks(device) >> 8 * offset;
}

static uint64_t reset_read(void *device, uint64_t offset, unsigned size)
{
    const struct power *p = device;
    return p->state.reset;
}

static void reset_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    p->state.reset = value & RESET_HARD;
    if (value & RESET_DO)
        p->request(p->owner, POWER_RESET);
}

static uint64_t port92_read(void *device, uint64_t offset, unsigned size)
{
    const struct power *p = device;
    return p->state.port92;
}

/* Bit 1 was the gate of address line 20, which is always open here. */
static void port92_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    p->state.port92 = value & 2;
    if (value & 1)
        p->request(p->owner, POWER_RESET);
}

/* Commands 0xf0 to 0xff pulse lines of the keyboard controller; bit 0 clear: the processor's reset. There is no
 * controller besides: reads are as of nobody. */
static uint64_t keyboard_read(void *device, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void keyboard_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    if ((value & 0xf1) == 0xf0)
        p->request(p->owner, POWER_RESET);
}

static uint64_t panic_read(void *device, uint64_t offset, unsigned size)
{
    return offset == 0 ? PANICKED | PANIC_LOADED : 0;
}

static void panic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    if (offset == 0 && (value & (PANICKED | PANIC_LOADED)))
        p->request(p->owner, POWER_PANIC);
}

static uint64_t command_read(void *device, uint64_t offset, unsigned size)
{
    const struct power *p = device;
    uint64_t value = 0;
    memcpy(&value, p->state.command + offset, size);
    return value;
}

static void command_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *p = device;
    memcpy(p->state.command + offset, &value, size);
}

static void power_reset(void *device)
{
    struct power *p = device;
    memset(&p->state, 0, sizeof(p->state));
    p->state.port92 = 2;
    p->state.timer_seen = ticks(p) >> 23;
    update(p);
}

static int power_check(const void *state, const char **why)
{
    return 0;
}

static void power_loaded(void *device)
{
    update(device);
}

const struct device_ops power_ops = {
    .name = "power",
    .version = 2,
    .state_bytes = sizeof(struct power_state),
    .reset = power_reset,
    .check = power_check,
    .loaded = power_loaded,
};

static int add_ports(struct power *p, struct bus *ports)
{
    const struct bus_range always[] = {
        {POWER_PORT_EVENT, 8, "ACPI PM1a", p, registers_read, registers_write},
        {POWER_PORT_TIMER, 4, "ACPI PM timer", p, timer_read, NULL},
        {PANIC_PORT, 1, "pvpanic", p, panic_read, panic_write},
    };
    const struct bus_range legacy[] = {
        {POWER_PORT_RESET, 1, "reset control", p, reset_read, reset_write},
        {0x92, 1, "system control A", p, port92_read, port92_write},
        {0x64, 1, "keyboard controller", p, keyboard_read, keyboard_write},
    };
    const struct bus_range pc = {0xb2, 2, "power management command", p, command_read, command_write};
    int r = 0;
    for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]) && r == 0; i++)
        r = bus_add(ports, &always[i]);
    for (unsigned i = 0; i < sizeof(legacy) / sizeof(legacy[0]) && r == 0 && p->legacy; i++)
        r = bus_add(ports, &legacy[i]);
    return r == 0 && !p->legacy ? bus_add(ports, &pc) : r;
}

int power_init(struct power *p, struct bus *ports, struct bus *memory, const struct clock *clock, struct timers *timers,
               struct irq_line irq, void (*request)(void *owner, enum power_request what), bool legacy, void *owner)
{
    const struct bus_range panic = {PANIC_BASE, 2, "pvpanic", p, panic_read, panic_write};
    int r;
    memset(p, 0, sizeof(*p));
    p->clock = clock;
    p->irq = irq;
    p->request = request;
    p->legacy = legacy;
    p->owner = owner;
    if ((r = timer_add(timers, &p->timer, ring, p)) != 0 || (r = bus_add(memory, &panic)) != 0 ||
        (r = add_ports(p, ports)) != 0)
        return r;
    power_reset(p);
    return 0;
}

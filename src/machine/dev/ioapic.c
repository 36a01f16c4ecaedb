/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and pins of the I/O APIC. A level that is up is sent once, and again after each end of interrupt until it
 * falls; an edge is sent when it rises, and lost while its pin is masked. Lines are up or down as their devices mean
 * it: the polarity bit is kept, and means nothing. Touches only its state and whom `send` reaches.
 */
#include "machine/dev/ioapic.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define WINDOW_BYTES 0x1000
enum { REG_SELECT = 0x00, REG_WINDOW = 0x10 };
enum { INDEX_ID = 0, INDEX_VERSION = 1, INDEX_ARBITRATION = 2, INDEX_PINS = 0x10 };
#define VERSION (0x11u | (IOAPIC_PINS - 1) << 16)

#define PIN_LOGICAL    (UINT64_C(1) << 11)
#define PIN_PENDING    (UINT64_C(1) << 12)
#define PIN_REMOTE_IRR (UINT64_C(1) << 14)
#define PIN_LEVEL      (UINT64_C(1) << 15)
#define PIN_MASKED     (UINT64_C(1) << 16)
#define PIN_READ_ONLY  (PIN_PENDING | PIN_REMOTE_IRR)
#define PIN_WRITABLE   (UINT64_C(0xff0000000001afff))

static void send(struct ioapic *a, unsigned pin)
{
    uint64_t *entry = &a->state.pins[pin];
    bool level = *entry & PIN_LEVEL;
    struct apic_message message = {.destination = (uint32_t)(*entry >> 56),
                                   .logical = *entry & PIN_LOGICAL,
                                   .level = level,
                                   .delivery = (uint8_t)(*entry >> 8 & 7),
                                   .vector = (uint8_t)*entry};
    if (message.destination == 0xff)
        message.destination = LAPIC_BROADCAST;
    if ((*entry & PIN_MASKED) || (level && (*entry & PIN_REMOTE_IRR)))
        return;
    if (a->send(a->owner, &message) && level)
        *entry |= PIN_REMOTE_IRR;
}

static bool is_up(const struct ioapic *a, unsigned pin)
{
    return a->state.lines >> pin & 1;
}

void ioapic_set(struct ioapic *a, unsigned pin, bool up)
{
    if (pin >= IOAPIC_PINS)
        return;
    bool was = is_up(a, pin);
    a->state.lines = up ? a->state.lines | 1u << pin : a->state.lines & ~(1u << pin);
    if (up && (!was || (a->state.pins[pin] & PIN_LEVEL)))
        send(a, pin);
}

void ioapic_end_of_interrupt(struct ioapic *a, uint8_t vector)
{
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        uint64_t *entry = &a->state.pins[i];
        if (!(*entry & PIN_LEVEL) || !(*entry & PIN_REMOTE_IRR) || (uint8_t)*entry != vector)
            continue;
        *entry &= ~PIN_REMOTE_IRR;
        if (is_up(a, i))
            send(a, i);
    }
}

static uint32_t read_index(const struct ioapic *a, uint32_t index)
{
    switch (index) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return a->state.id << 24;
    case INDEX_VERSION:
        return VERSION;
    }
    if (index - INDEX_PINS < 2 * IOAPIC_PINS)
        return (uint32_t)(a->state.pins[(index - INDEX_PINS) / 2] >> (index % 2 * 32));
    return UINT32_MAX;
}

static void write_pin(struct ioapic *a, unsigned pin, unsigned half, uint32_t value)
{
    uint64_t *entry = &a->state.pins[pin];
    uint64_t mask = (UINT64_C(0xffffffff) << 32 * half) & PIN_WRITABLE;
    *entry = (*entry & ~mask) | ((uint64_t)value << 32 * half & mask);
    if (!(*entry & PIN_LEVEL))
        *entry &= ~PIN_REMOTE_IRR;
    else if (is_up(a, pin))
        send(a, pin);
}

static void write_index(struct ioapic *a, uint32_t index, uint32_t value)
{
    if (index == INDEX_ID)
        a->state.id = value >> 24 & 0xf;
    else if (index - INDEX_PINS < 2 * IOAPIC_PINS)
        write_pin(a, (index - INDEX_PINS) / 2, index % 2, value);
}

static uint64_t ioapic_read(void *device, uint64_t offset, unsigned size)
{
    const struct ioapic *a = device;
    if (offset == REG_SELECT)
        return a->state.selected;
    if (offset == REG_WINDOW)
        return read_index(a, a->state.selected);
    return 0;
}

static void ioapic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct ioapic *a = device;
    if (offset == REG_SELECT)
        a->state.selected = (uint32_t)value & 0xff;
    else if (offset == REG_WINDOW)
        write_index(a, a->state.selected, (uint32_t)value);
}

static void ioapic_reset(void *device)
{
    struct ioapic *a = device;
    a->state = (struct ioapic_state){.id = 0};
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        a->state.pins[i] = PIN_MASKED;
}

static int ioapic_check(const void *state, const char **why)
{
    const struct ioapic_state *s = state;
    bool ok = s->id <= 0xf && s->selected <= 0xff && s->lines >> IOAPIC_PINS == 0;
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        ok = ok && !(s->pins[i] & ~(PIN_WRITABLE | PIN_READ_ONLY));
    if (ok)
        return 0;
    *why = "a register of the I/O APIC has bits that it cannot have";
    return -EINVAL;
}

const struct device_ops ioapic_ops = {
    .name = "ioapic",
    .version = 1,
    .state_bytes = sizeof(struct ioapic_state),
    .reset = ioapic_reset,
    .check = ioapic_check,
};

int ioapic_init(struct ioapic *a, struct bus *memory, bool (*to)(void *owner, const struct apic_message *message),
                void *owner)
{
    struct bus_range range = {IOAPIC_BASE, WINDOW_BYTES, "I/O APIC", a, ioapic_read, ioapic_write};
    memset(a, 0, sizeof(*a));
    a->send = to;
    a->owner = owner;
    ioapic_reset(a);
    return bus_add(memory, &range);
}

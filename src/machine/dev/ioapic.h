/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An I/O APIC of 24 pins (Intel 290566), at 0xfec00000: global system interrupts become messages to local APICs.
 */
#ifndef MOAT_MACHINE_DEV_IOAPIC_H
#define MOAT_MACHINE_DEV_IOAPIC_H

#include "cpu/lapic.h"
#include "machine/bus.h"
#include "machine/device.h"

#define IOAPIC_BASE UINT64_C(0xfec00000)
#define IOAPIC_PINS 24u

struct ioapic_state {
    uint32_t id, selected;
    uint32_t lines; /* as they are */
    uint32_t zero32;
    uint64_t pins[IOAPIC_PINS]; /* redirection entries */
};

struct ioapic {
    struct ioapic_state state;
    /* true: somebody has taken it. */
    bool (*send)(void *owner, const struct apic_message *message);
    void *owner;
};

int ioapic_init(struct ioapic *a, struct bus *memory, bool (*send)(void *owner, const struct apic_message *message),
                void *owner);
void ioapic_set(struct ioapic *a, unsigned pin, bool up);
/* A local APIC has ended a level-triggered interrupt. */
void ioapic_end_of_interrupt(struct ioapic *a, uint8_t vector);

extern const struct device_ops ioapic_ops;

#endif

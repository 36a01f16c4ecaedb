/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's fixed hardware (ACPI 6.4, 4.8): PM1a event and control blocks and the PM timer from port 0x600 on, and the old
 * ways to reset a PC: 0xcf9, 0x92, the keyboard controller's 0x64. And the panic notifier that QEMU calls pvpanic.
 */
#ifndef MOAT_MACHINE_DEV_POWER_H
#define MOAT_MACHINE_DEV_POWER_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/device.h"

#define POWER_PORT_EVENT   0x600u
#define POWER_PORT_CONTROL 0x604u
#define POWER_PORT_TIMER   0x608u
#define POWER_PORT_RESET   0xcf9u
#define POWER_RESET_VALUE  6u
#define POWER_TIMER_HZ     3579545u
#define POWER_SLEEP_S5     5u
#define POWER_IRQ          9u
#define PANIC_BASE         UINT64_C(0xfed10000)
#define PANIC_PORT         0x505u

enum power_request { POWER_OFF, POWER_RESET, POWER_PANIC };

struct power_state {
    uint16_t status, enable, control;
    uint8_t reset, port92;
    uint64_t timer_seen; /* halves of the timer's period, when its status bit was cleared */
};

struct power {
    struct power_state state;
    const struct clock *clock;
    struct irq_line irq;
    struct timer timer;
    void (*request)(void *owner, enum power_request what);
    void *owner;
};

int power_init(struct power *p, struct bus *ports, struct bus *memory, const struct clock *clock, struct timers *timers,
               struct irq_line irq, void (*request)(void *owner, enum power_request what), void *owner);
/* The button: a guest that listens shuts itself down. */
void power_button(struct power *p);

extern const struct device_ops power_ops;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's fixed hardware (ACPI 6.4, 4.8): PM1a event and control blocks and the PM timer from port 0x600 on, and the old
 * ways to reset a PC: 0xcf9, 0x92, the keyboard controller's 0x64. And the panic notifier that QEMU calls pvpanic.
 *
 * On a whole PC (pc.h) those ports belong to what a PC has there; instead there are the two registers by which software
 * speaks to system management mode (0xb2, 0xb3), and nobody who answers.
 */
#ifndef MOAT_MACHINE_DEV_POWER_H
#define MOAT_MACHINE_DEV_POWER_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/device.h"

#define POWER_PORT_EVENT     0x600u
#define POWER_PORT_CONTROL   0x604u
#define POWER_PORT_TIMER     0x608u
#define POWER_PORT_RESET     0xcf9u
#define POWER_RESET_VALUE    6u
#define POWER_TIMER_HZ       3579545u
#define POWER_SLEEP_S5       5u
#define POWER_SLEEP_SOFT_OFF 0u /* of a PC: what a PIIX4 has for it (Intel 290562, 7.2.3), and firmware writes */
#define POWER_IRQ            9u
#define PANIC_BASE           UINT64_C(0xfed10000)
#define PANIC_PORT           0x505u

enum power_request { POWER_OFF, POWER_RESET, POWER_PANIC };

struct power_state {
    uint16_t status, enable, control;
    uint8_t reset, port92;
    uint64_t timer_seen; /* halves of the timer's period, when its status bit was cleared */
    uint8_t command[2];  /* ports 0xb2 and 0xb3, on a PC */
    uint8_t zero8[6];
};

struct power {
    struct power_state state;
    const struct clock *clock;
    struct irq_line irq;
    struct timer timer;
    bool legacy;
    void (*request)(void *owner, enum power_request what);
    void *owner;
};

/* legacy: the old ways to reset are here; else it is a PC's. */
int power_init(struct power *p, struct bus *ports, struct bus *memory, const struct clock *clock, struct timers *timers,
               struct irq_line irq, void (*request)(void *owner, enum power_request what), bool legacy, void *owner);
/* The button: a guest that listens shuts itself down. */
void power_button(struct power *p);

extern const struct device_ops power_ops;

#endif

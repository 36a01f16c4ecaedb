/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller of a PC (Intel 8042, IBM PS/2 hardware reference) at ports 0x60 and 0x64, with a keyboard
 * (scan code sets 1 and 2, translation) on interrupt 1 and a PS/2 mouse (with IntelliMouse's wheel) on interrupt 12.
 */
#ifndef MOAT_MACHINE_DEV_I8042_H
#define MOAT_MACHINE_DEV_I8042_H

#include "machine/bus.h"
#include "machine/device.h"

/* A key: its make code of set 1 in bits 0 to 6. Pause and Print Screen have numbers of their own (keys.h). */
enum { KEY_EXTENDED = 0x100 /* e0 comes before */, KEY_RELEASE = 0x80 };

#define I8042_QUEUE 64u /* bytes of each device */

struct i8042_queue {
    uint8_t bytes[I8042_QUEUE];
    uint8_t first, n, zero8[6];
};

struct i8042_state {
    uint8_t command_byte, status, output_port;
    uint8_t pending;         /* the command that waits for its byte at port 0x60; 0: none */
    uint8_t output, from_mouse; /* the byte at port 0x60, when status says that it is there */
    uint8_t keyboard_pending, mouse_pending; /* a command of theirs that waits for its byte */
    uint8_t keyboard_enabled, scan_set, leds, rate;
    uint8_t mouse_enabled, mouse_remote, mouse_wrap, mouse_scaling, mouse_resolution, mouse_rate, mouse_wheel, mouse_knock;
    uint8_t buttons;
    uint8_t ram[32];
    uint8_t zero8[3];
    int16_t dx, dy, dz; /* moved, and not yet told */
    uint16_t zero16;
    struct i8042_queue keyboard, mouse; /* what they have to say and the controller has not taken */
};

struct i8042 {
    struct i8042_state state;
    struct irq_line keyboard_irq, mouse_irq;
    void (*reset)(void *owner);         /* the processor's reset line was pulsed */
    void (*a20)(void *owner, bool on);  /* the gate */
    bool (*a20_is)(void *owner);        /* port 0x92 has it too */
    void *owner;
};

int i8042_init(struct i8042 *k, struct bus *ports, struct irq_line keyboard, struct irq_line mouse,
               void (*reset)(void *owner), void (*a20)(void *owner, bool on), bool (*a20_is)(void *owner), void *owner);
/* A key goes down or up. false: the keyboard's queue has no room for all of its bytes; nothing was taken. A keyboard
 * that is disabled takes it and loses it. */
bool i8042_key(struct i8042 *k, uint16_t key);
/* Moved by so much (up is positive), wheel, buttons (1 left, 2 right, 4 middle). */
void i8042_mouse(struct i8042 *k, int dx, int dy, int dz, unsigned buttons);
/* Is nothing waiting for the guest? For who types: the next key comes when the one before has been taken. */
bool i8042_idle(const struct i8042 *k);

extern const struct device_ops i8042_ops;

#endif

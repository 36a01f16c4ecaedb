/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller of a PC (Intel 8042, IBM PS/2 hardware reference) at ports 0x60 and 0x64, with a keyboard
 * (scan code sets 1 and 2, translation) on interrupt 1 and a PS/2 mouse (with IntelliMouse's wheel) on interrupt 12.
 *
 * A byte of a device stands at port 0x60 until it is read, and the next one comes a while after, as over a wire: guests
 * have handlers in a chain that read the same byte again. Answers to commands do not dawdle.
 */
#ifndef MOAT_MACHINE_DEV_I8042_H
#define MOAT_MACHINE_DEV_I8042_H

#include "machine/bus.h"
#include "machine/clock.h"
#include "machine/dev/ps2.h"
#include "machine/device.h"

#define I8042_BYTE_NS UINT64_C(1000000) /* eleven bits at some 11 kHz */

struct i8042_state {
    uint8_t ram[32]; /* the first byte is the command byte */
    uint8_t status;  /* without the system flag, which is the command byte's, and the lock, which is open */
    uint8_t output_port;
    uint8_t pending;            /* the command that waits for its byte at port 0x60; 0: none */
    uint8_t output;             /* the byte at port 0x60; status says whether it is news, and whose */
    uint8_t reply, reply_waits; /* the controller's own next byte; 0: none, else what status will say of it */
    uint8_t zero8[2];
    uint64_t next; /* nanosecond from which on a device's next byte may come */
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;
};

struct i8042 {
    struct i8042_state state;
    struct irq_line keyboard_irq, mouse_irq;
    const struct clock *clock;
    struct timer timer;
    void (*reset)(void *owner);        /* the processor's reset line was pulsed */
    void (*a20)(void *owner, bool on); /* the gate */
    bool (*a20_is)(void *owner);       /* port 0x92 has it too */
    void *owner;
    /* i8042_idle() may be true now. NULL: nobody wants to know. */
    void (*taken)(void *owner);
    void *taken_owner;
};

/* The callbacks may be NULL. 0, or what bus_add() and timer_add() return. */
int i8042_init(struct i8042 *k, struct bus *ports, const struct clock *clock, struct timers *timers,
               struct irq_line keyboard, struct irq_line mouse, void (*reset)(void *owner),
               void (*a20)(void *owner, bool on), bool (*a20_is)(void *owner), void *owner);
/* Is there such a key? */
bool i8042_is_key(uint16_t key);
/* A key (ps2.h) goes down or up. false: the keyboard's queue has no room for all of its bytes; nothing was taken. A
 * keyboard that is disabled takes it and loses it. */
bool i8042_key(struct i8042 *k, uint16_t key);
/* Moved by so much (right and up are positive; of the wheel: towards the hand), buttons (1 left, 2 right, 4 middle). */
void i8042_mouse(struct i8042 *k, int dx, int dy, int dz, unsigned buttons);
/* Is nothing waiting for the guest? For who types: the next key comes when the one before has been taken. */
bool i8042_idle(const struct i8042 *k);

extern const struct device_ops i8042_ops;

#endif

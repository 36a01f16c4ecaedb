/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who presses the keys that people and programs have asked for: one after the other, when the guest has taken the one
 * before, and not faster than a keyboard's interrupt handler is used to. Not part of the guest's state.
 */
#ifndef MOAT_MACHINE_TYPIST_H
#define MOAT_MACHINE_TYPIST_H

#include "machine/clock.h"
#include "machine/dev/i8042.h"

#define TYPIST_KEYS 2048u /* a power of two */

struct typist {
    struct i8042 *keyboard;
    const struct clock *clock;
    struct timer timer;
    uint16_t keys[TYPIST_KEYS];
    uint32_t put, taken; /* so far, modulo 2^32 */
    uint64_t next;       /* nanosecond from which on the next one may be pressed */
};

/* 0 or -ENOSPC. It takes the keyboard's `taken` callback for itself. */
int typist_init(struct typist *t, struct i8042 *keyboard, const struct clock *clock, struct timers *timers);
/* All n or none: -EAGAIN when there is no room for them now, -EINVAL when one is no key. */
int typist_put(struct typist *t, const uint16_t *keys, unsigned n);
/* All that was put has been pressed. */
bool typist_idle(const struct typist *t);

#endif

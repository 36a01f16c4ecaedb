/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hangs at the keyboard controller: a keyboard of 101 keys and a mouse with a wheel, each a byte in and bytes out
 * (IBM PS/2 hardware reference, keyboard and auxiliary device; Adam Chapweske's PS/2 notes; Microsoft's IntelliMouse).
 * They know neither ports nor lines: i8042.c takes their bytes when the guest may have another. Flat state, part of
 * the controller's record. No libc but mem*.
 */
#ifndef MOAT_MACHINE_DEV_PS2_H
#define MOAT_MACHINE_DEV_PS2_H

#include <stdbool.h>
#include <stdint.h>

/* A key: its make code of set 1 in bits 0 to 6, and these. */
enum { KEY_RELEASE = 0x80, KEY_EXTENDED = 0x100 /* e0 comes before */, KEY_PAUSE = 0x200, KEY_PRINT = 0x300 };

#define PS2_QUEUE 64u /* bytes of one device that the controller has not taken */
#define PS2_REPLY 8u  /* of its answer to one command, at most */

/* What a device has to say: answers to the host's last command come before all else. */
struct ps2_output {
    uint8_t bytes[PS2_QUEUE], reply[PS2_REPLY];
    uint8_t first, n, reply_first, reply_n;
    uint8_t last; /* that was taken: for who asks for it again */
    uint8_t zero8[3];
};

struct ps2_keyboard {
    struct ps2_output output;
    uint8_t pending;  /* a command that waits for its byte; 0: none */
    uint8_t scanning; /* 0: keys are lost */
    uint8_t scan_set; /* 1, 2 */
    uint8_t leds, rate;
    uint8_t modifiers; /* that are down: Pause and Print Screen look at them */
    uint8_t zero8[2];
};

struct ps2_mouse {
    struct ps2_output output;
    uint8_t pending;
    uint8_t reporting, remote, wrap, doubled, resolution, rate;
    uint8_t wheel, knock;  /* it tells of its wheel; how many numbers of the knock that asks for it have been heard */
    uint8_t buttons, told; /* as they are; as the last packet had them */
    uint8_t zero8[3];
    int16_t dx, dy, dz; /* moved, and not yet told */
};

/* The next byte, as it goes over the wire. False: there is none now. */
bool ps2_take(struct ps2_output *o, uint8_t *byte);
/* May the bytes of `o` be a device's? Of a record from elsewhere. */
bool ps2_check(const struct ps2_output *o);
/* For the two devices. An answer of n <= PS2_REPLY bytes in the place of what was left of the one before; bytes behind
 * the others, all n or none. */
void ps2_answer(struct ps2_output *o, const uint8_t *bytes, unsigned n);
bool ps2_say(struct ps2_output *o, const uint8_t *bytes, unsigned n);

void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte);
/* See i8042_key(). */
bool ps2_keyboard_key(struct ps2_keyboard *k, uint16_t key);
/* Set 2's code of a key as set 1 has it: what the controller makes of it when it translates. */
uint8_t ps2_translate(uint8_t code);

void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_command(struct ps2_mouse *m, uint8_t byte);
/* See i8042_mouse(). */
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons);
/* All that it said has been taken: what has gathered since is said now. */
void ps2_mouse_gather(struct ps2_mouse *m);

#endif

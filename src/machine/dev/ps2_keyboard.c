/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard: commands, and what a key says in scan code sets 1 and 2. Touches only its state. What it is told comes
 * from the guest (commands) and from people (keys); both are bounded by its queues.
 *
 * Set 3 is refused as a set that this keyboard does not have: no system has needed it since the PS/2's own terminals.
 */
#include "machine/dev/ps2.h"

#include <string.h>

enum { ACK = 0xfa, RESEND = 0xfe, PASSED = 0xaa };
enum {
    CMD_LEDS = 0xed,
    CMD_ECHO,
    CMD_SCAN_SET = 0xf0,
    CMD_IDENTIFY = 0xf2,
    CMD_RATE,
    CMD_ENABLE,
    CMD_DISABLE,
    CMD_DEFAULTS,
    CMD_ALL_FIRST, /* from here to 0xfd: what keys do in set 3 */
    CMD_KEYS_FIRST = 0xfb,
    CMD_KEYS_LAST = 0xfd,
    CMD_RESEND,
    CMD_RESET,
};
enum { DEFAULT_RATE = 0x2b /* 10.9 a second after half a second */ };
enum { CONTROL = 1, CONTROL_RIGHT = 2, SHIFT = 4, SHIFT_RIGHT = 8, ALT = 16, ALT_RIGHT = 32 };

/* Set 1's code of set 2's: the table in the controller's ROM. */
static const uint8_t translation[0x80] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59, /* 00 */
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, /* 10 */
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, /* 20 */
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, /* 30 */
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61, /* 40 */
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, /* 50 */
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, /* 60 */
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, /* 70 */
};
enum { SET2_F7 = 0x83, SET2_SYSTEM = 0x84 }; /* the two beyond it */
enum { SET1_F7 = 0x41, SET1_SYSTEM = 0x54 };

uint8_t ps2_translate(uint8_t code)
{
    if (code < sizeof(translation))
        return translation[code];
    return code == SET2_F7 ? SET1_F7 : code == SET2_SYSTEM ? SET1_SYSTEM : code;
}

/* The other way: what this keyboard sends. */
static uint8_t set2(uint8_t make)
{
    if (make == SET1_F7 || make == SET1_SYSTEM)
        return make == SET1_F7 ? SET2_F7 : SET2_SYSTEM;
    for (uint8_t code = 1; code < sizeof(translation); code++) {
        if (translation[code] == make)
            return code;
    }
    return 0;
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

/* The bytes of one key, as they are put together. */
struct spoken {
    uint8_t bytes[8];
    unsigned n;
};

static void speak(struct spoken *s, uint8_t byte)
{
    s->bytes[s->n++] = byte;
}

static void speak_code(struct spoken *s, const struct ps2_keyboard *k, uint8_t make, bool extended, bool release)
{
    if (extended)
        speak(s, 0xe0);
    if (k->scan_set == 1) {
        speak(s, release ? make | 0x80 : make);
        return;
    }
    if (release)
        speak(s, 0xf0);
    speak(s, set2(make));
}

static uint8_t modifier(uint16_t key)
{
    switch (key & ~KEY_RELEASE) {
    case 0x1d:
        return CONTROL;
    case 0x1d | KEY_EXTENDED:
        return CONTROL_RIGHT;
    case 0x2a:
        return SHIFT;
    case 0x36:
        return SHIFT_RIGHT;
    case 0x38:
        return ALT;
    case 0x38 | KEY_EXTENDED:
        return ALT_RIGHT;
    default:
        return 0;
    }
}

/* With Ctrl it is Break. It has no release: that is said at once. */
static void speak_pause(struct spoken *s, const struct ps2_keyboard *k, bool release)
{
    static const uint8_t in_set[2][8] = {{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5},
                                         {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}};

    if (release)
        return;
    if (k->modifiers & (CONTROL | CONTROL_RIGHT)) {
        speak_code(s, k, 0x46, true, false);
        speak_code(s, k, 0x46, true, true);
        return;
    }
    s->n = k->scan_set == 1 ? 6 : 8;
    memcpy(s->bytes, in_set[k->scan_set - 1], s->n);
}

/* With Alt it is the system request; else it is the keypad's star with a shift around it, unless there is one. */
static void speak_print(struct spoken *s, const struct ps2_keyboard *k, bool release)
{
    const bool shift = !(k->modifiers & (CONTROL | CONTROL_RIGHT | SHIFT | SHIFT_RIGHT));

    if (k->modifiers & (ALT | ALT_RIGHT)) {
        speak_code(s, k, SET1_SYSTEM, false, release);
        return;
    }
    if (shift && !release)
        speak_code(s, k, 0x2a, true, false);
    speak_code(s, k, 0x37, true, release);
    if (shift && release)
        speak_code(s, k, 0x2a, true, true);
}

bool ps2_keyboard_key(struct ps2_keyboard *k, uint16_t key)
{
    const bool release = key & KEY_RELEASE;
    const uint8_t bit = modifier(key);
    struct spoken s = {.n = 0};

    if ((key & KEY_PRINT) == KEY_PRINT)
        speak_print(&s, k, release);
    else if (key & KEY_PAUSE)
        speak_pause(&s, k, release);
    else
        speak_code(&s, k, key & 0x7f, key & KEY_EXTENDED, release);
    if (k->scanning && !ps2_say(&k->output, s.bytes, s.n))
        return false;
    k->modifiers = (uint8_t)(release ? k->modifiers & ~bit : k->modifiers | bit);
    return true;
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void answer(struct ps2_keyboard *k, uint8_t byte)
{
    ps2_answer(&k->output, &byte, 1);
}

/* What was pressed and not taken is forgotten. */
static void clear(struct ps2_keyboard *k)
{
    k->output.first = k->output.n = 0;
}

static void defaults(struct ps2_keyboard *k)
{
    clear(k);
    k->scan_set = 2;
    k->rate = DEFAULT_RATE;
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    const uint8_t modifiers = k->modifiers; /* who holds a key down holds it */

    memset(k, 0, sizeof(*k));
    k->modifiers = modifiers;
    k->scanning = 1;
    defaults(k);
}

static void choose_set(struct ps2_keyboard *k, uint8_t set)
{
    const uint8_t asked[] = {ACK, k->scan_set};

    if (set == 0) {
        ps2_answer(&k->output, asked, sizeof(asked));
    } else if (set <= 2) {
        clear(k);
        k->scan_set = set;
        answer(k, ACK);
    } else {
        answer(k, RESEND);
    }
}

/* The byte that a command has waited for. */
static void argument(struct ps2_keyboard *k, uint8_t command, uint8_t byte)
{
    if (command == CMD_SCAN_SET) {
        choose_set(k, byte);
        return;
    }
    if (command == CMD_LEDS)
        k->leds = byte & 7;
    else if (command == CMD_RATE)
        k->rate = byte & 0x7f;
    answer(k, ACK);
}

static void begin(struct ps2_keyboard *k, uint8_t command)
{
    static const uint8_t identity[] = {ACK, 0xab, 0x83}, passed[] = {ACK, PASSED};

    switch (command) {
    case CMD_ECHO:
        answer(k, CMD_ECHO);
        return;
    case CMD_IDENTIFY:
        ps2_answer(&k->output, identity, sizeof(identity));
        return;
    case CMD_RESEND:
        answer(k, k->output.last);
        return;
    case CMD_RESET:
        ps2_keyboard_reset(k);
        ps2_answer(&k->output, passed, sizeof(passed));
        return;
    case CMD_ENABLE:
    case CMD_DISABLE:
        if (command == CMD_DISABLE)
            defaults(k);
        clear(k);
        k->scanning = command == CMD_ENABLE;
        break;
    case CMD_DEFAULTS:
        defaults(k);
        break;
    case CMD_LEDS:
    case CMD_SCAN_SET:
    case CMD_RATE:
        k->pending = command;
        break;
    default:
        if (command < CMD_ALL_FIRST) {
            answer(k, RESEND);
            return;
        }
        if (command >= CMD_KEYS_FIRST) /* the keys' codes follow */
            k->pending = command;
    }
    answer(k, ACK);
}

void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte)
{
    const uint8_t command = k->pending;
    const bool list = command >= CMD_KEYS_FIRST && command <= CMD_KEYS_LAST; /* as many as come */

    if (!list)
        k->pending = 0;
    if (command != 0 && byte < CMD_LEDS) {
        argument(k, command, byte);
        return;
    }
    k->pending = 0;
    begin(k, byte); /* also in the place of a byte: the new command ends the old one */
}

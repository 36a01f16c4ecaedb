/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by the names of a US keyboard: for text that is typed, for "ctrl-alt-del", and for the bytes that a terminal
 * sends. Pure; no libc but mem* and strings.
 */
#ifndef MOAT_MACHINE_KEYS_H
#define MOAT_MACHINE_KEYS_H

#include "machine/dev/i8042.h"

#include <stddef.h>
#include <stdint.h>

/* Those whose codes are no make code: i8042_key() knows them. */
enum { KEY_PAUSE = 0x200, KEY_PRINT = 0x300 };

#define KEYS_MOST 16u /* keys of one combination, each down and up */

/* The presses and releases of one character: how many; 0: no key of this keyboard makes it. */
unsigned keys_of_character(uint32_t character, uint16_t out[2 * KEYS_MOST]);
/* Of "ctrl-alt-del", "f12", "ret", "shift-a": down in order, up in the other one. 0: a name is not known, *bad is where
 * it begins and *n how long it is. */
unsigned keys_of_names(const char *text, uint16_t out[2 * KEYS_MOST], const char **bad, size_t *n);
/* All names, for an error or a help: NULL behind the last. */
const char *keys_name(unsigned i);

/* A terminal's bytes (xterm's sequences for arrows and function keys, escape alone, control characters), as keys. */
struct keys_terminal {
    uint8_t sequence[16];
    uint8_t n;
};
/* One byte more: how many keys it made. */
unsigned keys_of_byte(struct keys_terminal *t, uint8_t byte, uint16_t out[2 * KEYS_MOST]);
/* Nothing came for a while: an escape that stood alone is one. */
unsigned keys_timeout(struct keys_terminal *t, uint16_t out[2 * KEYS_MOST]);

#endif

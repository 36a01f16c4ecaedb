/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by the names of a US keyboard: for text that is typed, for "ctrl-alt-del", and for the bytes that a terminal
 * sends. Pure; no libc but mem*.
 */
#ifndef MOAT_MACHINE_KEYS_H
#define MOAT_MACHINE_KEYS_H

#include "machine/dev/ps2.h"

#include <stddef.h>
#include <stdint.h>

#define KEYS_MOST 16u /* keys of one combination, each down and up */

/* The presses and releases of one character, of ASCII's printable ones, \n, \t, \b and \e: how many; 0: no key of this
 * keyboard makes it. */
unsigned keys_of_character(uint32_t character, uint16_t out[2 * KEYS_MOST]);
/* Of "ctrl-alt-del", "f12", "ret", "shift-a": down in order, up in the other one. 0: a name is not known, or one too
 * many; *bad is where it begins and *n how long it is. */
unsigned keys_of_names(const char *text, uint16_t out[2 * KEYS_MOST], const char **bad, size_t *n);
/* All names, for an error or a help: NULL behind the last. */
const char *keys_name(unsigned i);

/* A terminal's bytes (xterm's sequences for arrows and function keys, and those of Linux' and rxvt's that differ;
 * escape alone; control characters), as keys. A UTF-8 character that no key makes is dropped. All zeros at first. */
struct keys_terminal {
    uint8_t sequence[16];
    uint8_t n; /* bytes that have come of a sequence, of which the last ones may be lost */
};
/* One byte more: how many presses and releases it made. */
unsigned keys_of_byte(struct keys_terminal *t, uint8_t byte, uint16_t out[2 * KEYS_MOST]);
/* Nothing came for a while: an escape that stood alone is one. */
unsigned keys_timeout(struct keys_terminal *t, uint16_t out[2 * KEYS_MOST]);

/* Of each other: n <= KEYS_MOST keys down, and up in the other order: 2 * n. */
unsigned keys_combine(const uint16_t *down, unsigned n, uint16_t out[2 * KEYS_MOST]);
/* The keys that are down for a character: at most 2, the last of them its own. */
unsigned keys_down_of_character(uint32_t character, uint16_t down[2]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters as keys of a US keyboard. Pure.
 */
#include "machine/keys.h"

enum { SHIFT_KEY = 0x2a, SHIFTED = 0x80 };

/* From the space on: make codes, and with SHIFTED the Shift key is held. */
#define S(code) (SHIFTED | (code))
static const uint8_t printable[0x7f - 0x20] = {
    /*   */ 0x39,    S(0x02), S(0x28), S(0x04), S(0x05), S(0x06), S(0x08), 0x28, /* space ! " # $ % & ' */
    /* ( */ S(0x0a), S(0x0b), S(0x09), S(0x0d), 0x33,    0x0c,    0x34,    0x35, /* ( ) * + , - . / */
    /* 0 */ 0x0b,    0x02,    0x03,    0x04,    0x05,    0x06,    0x07,    0x08,
    /* 8 */ 0x09,    0x0a,    S(0x27), 0x27,    S(0x33), 0x0d,    S(0x34), S(0x35), /* 8 9 : ; < = > ? */
    /* @ */ S(0x03), S(0x1e), S(0x30), S(0x2e), S(0x20), S(0x12), S(0x21), S(0x22),
    /* H */ S(0x23), S(0x17), S(0x24), S(0x25), S(0x26), S(0x32), S(0x31), S(0x18),
    /* P */ S(0x19), S(0x10), S(0x13), S(0x1f), S(0x14), S(0x16), S(0x2f), S(0x11),
    /* X */ S(0x2d), S(0x15), S(0x2c), 0x1a,    0x2b,    0x1b,    S(0x07), S(0x0c), /* X Y Z [ \ ] ^ _ */
    /* ` */ 0x29,    0x1e,    0x30,    0x2e,    0x20,    0x12,    0x21,    0x22,
    /* h */ 0x23,    0x17,    0x24,    0x25,    0x26,    0x32,    0x31,    0x18,
    /* p */ 0x19,    0x10,    0x13,    0x1f,    0x14,    0x16,    0x2f,    0x11,
    /* x */ 0x2d,    0x15,    0x2c,    S(0x1a), S(0x2b), S(0x1b), S(0x29), /* x y z { | } ~ */
};
#undef S

static uint8_t code_of(uint32_t character)
{
    switch (character) {
    case '\n':
        return 0x1c;
    case '\t':
        return 0x0f;
    case '\b':
        return 0x0e;
    case 0x1b:
        return 0x01;
    default:
        return character >= 0x20 && character < 0x7f ? printable[character - 0x20] : 0;
    }
}

unsigned keys_combine(const uint16_t *down, unsigned n, uint16_t out[2 * KEYS_MOST])
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = down[i];
        out[2 * n - 1 - i] = down[i] | KEY_RELEASE;
    }
    return 2 * n;
}

unsigned keys_down_of_character(uint32_t character, uint16_t down[2])
{
    const uint8_t code = code_of(character);
    unsigned n = 0;

    if (code == 0)
        return 0;
    if (code & SHIFTED)
        down[n++] = SHIFT_KEY;
    down[n++] = code & ~SHIFTED;
    return n;
}

unsigned keys_of_character(uint32_t character, uint16_t out[2 * KEYS_MOST])
{
    uint16_t down[2];

    return keys_combine(down, keys_down_of_character(character, down), out);
}

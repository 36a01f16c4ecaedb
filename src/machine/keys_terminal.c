/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a terminal sends, as keys (xterm's "Control Sequences"; ECMA-48, 5.4). Pure. Sequences are as long as `struct
 * keys_terminal` has room for: a longer one is read to its end and dropped.
 */
#include "machine/keys.h"

enum { CONTROL = 0x1d, SHIFT = 0x2a, ALT = 0x38, META = KEY_EXTENDED | 0x5b };
enum { ESCAPE = 0x1b, DELETE = 0x7f };
enum { WITH_SHIFT = 1, WITH_ALT = 2, WITH_CONTROL = 4, WITH_META = 8 }; /* a sequence's modifiers, minus 1 */
enum { F1 = 0x3b, F11 = 0x57, TAB = 0x0f, BACKSPACE = 0x0e, RETURN = 0x1c, SPACE = 0x39 };

/* Of the last byte of a sequence, CSI and SS3 alike. */
static uint16_t key_of_final(uint8_t final)
{
    switch (final) {
    case 'A':
        return KEY_EXTENDED | 0x48;
    case 'B':
        return KEY_EXTENDED | 0x50;
    case 'C':
        return KEY_EXTENDED | 0x4d;
    case 'D':
        return KEY_EXTENDED | 0x4b;
    case 'E':
        return 0x4c; /* the keypad's middle */
    case 'F':
        return KEY_EXTENDED | 0x4f;
    case 'H':
        return KEY_EXTENDED | 0x47;
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
        return (uint16_t)(F1 + final - 'P');
    default:
        return 0;
    }
}

/* Of CSI NUMBER ~. */
static uint16_t key_of_number(unsigned number)
{
    static const uint8_t codes[] = {[1] = 0x47, 0x52, 0x53, 0x4f, 0x49, 0x51, 0x47, 0x4f};

    if (number < sizeof(codes))
        return codes[number] != 0 ? KEY_EXTENDED | codes[number] : 0;
    if (number >= 11 && number <= 15) /* the numbers have gaps, as the DEC's keyboard had */
        return (uint16_t)(F1 + number - 11);
    if (number >= 17 && number <= 21)
        return (uint16_t)(F1 + 5 + number - 17);
    return number == 23 || number == 24 ? (uint16_t)(F11 + number - 23) : 0;
}

/* Of the keypad in its application mode. */
static uint16_t key_of_keypad(uint8_t final)
{
    static const uint8_t digits[] = {0x52, 0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49};

    if (final >= 'p' && final <= 'y')
        return digits[final - 'p'];
    switch (final) {
    case 'M':
        return KEY_EXTENDED | 0x1c;
    case 'j':
        return 0x37;
    case 'k':
        return 0x4e;
    case 'm':
        return 0x4a;
    case 'n':
        return 0x53;
    case 'o':
        return KEY_EXTENDED | 0x35;
    default:
        return key_of_final(final);
    }
}

/* Modifiers and one character's keys, or one key. */
static unsigned press(unsigned with, const uint16_t *keys, unsigned n, uint16_t out[2 * KEYS_MOST])
{
    uint16_t down[KEYS_MOST];
    unsigned all = 0;

    if (n == 0 || keys[0] == 0)
        return 0;
    if (with & WITH_CONTROL)
        down[all++] = CONTROL;
    if (with & WITH_ALT)
        down[all++] = ALT;
    if (with & WITH_META)
        down[all++] = META;
    if ((with & WITH_SHIFT) && keys[0] != SHIFT)
        down[all++] = SHIFT;
    for (unsigned i = 0; i < n; i++)
        down[all++] = keys[i];
    return keys_combine(down, all, out);
}

static unsigned press_one(unsigned with, uint16_t key, uint16_t out[2 * KEYS_MOST])
{
    return press(with, &key, 1, out);
}

static unsigned press_character(unsigned with, uint32_t character, uint16_t out[2 * KEYS_MOST])
{
    uint16_t keys[2];
    const unsigned n = keys_down_of_character(character, keys);

    return press(with, keys, n, out);
}

/* A byte that stands for itself. */
static unsigned single(unsigned with, uint8_t byte, uint16_t out[2 * KEYS_MOST])
{
    switch (byte) {
    case '\r':
        return press_one(with, RETURN, out);
    case '\t':
        return press_one(with, TAB, out);
    case '\b':
    case DELETE:
        return press_one(with, BACKSPACE, out);
    case ESCAPE:
        return press_character(with, byte, out);
    case 0:
        return press_one(with | WITH_CONTROL, SPACE, out);
    default:
        if (byte >= 0x20)
            return press_character(with, byte, out);
        /* Control and a letter, or one of the five characters behind Z. */
        return press_character(with | WITH_CONTROL, byte <= 26 ? byte + 0x60u : byte + 0x40u, out);
    }
}

/* The numbers between introducer and final byte, as far as they are asked for: 0 where there is none. */
static void numbers(const struct keys_terminal *t, unsigned out[3])
{
    unsigned at = 0;

    out[0] = out[1] = out[2] = 0;
    for (unsigned i = 2; i < t->n && at < 3; i++) {
        const uint8_t byte = t->sequence[i];

        if (byte == ';')
            at++;
        else if (byte >= '0' && byte <= '9' && out[at] < 10000)
            out[at] = out[at] * 10 + byte - '0';
    }
}

/* CSI has come to its end: its final byte is the last. */
static unsigned finish(const struct keys_terminal *t, uint8_t final, uint16_t out[2 * KEYS_MOST])
{
    unsigned number[3];

    numbers(t, number);
    const unsigned with = number[1] > 0 ? (number[1] - 1) & 15 : 0;
    if (t->n >= 3 && t->sequence[2] == '[') /* Linux' own F1 to F5 */
        return final >= 'A' && final <= 'E' ? press_one(0, (uint16_t)(F1 + final - 'A'), out) : 0;
    if (final == 'Z')
        return press_one(WITH_SHIFT, TAB, out);
    if (final == 'u') /* a character by its number, with modifiers */
        return number[0] > 0 && number[0] < 0x80 ? single(with, (uint8_t)number[0], out) : 0;
    if (final == '~' && number[0] == 27)
        return number[2] > 0 && number[2] < 0x80 ? single(with, (uint8_t)number[2], out) : 0;
    return press_one(with, final == '~' ? key_of_number(number[0]) : key_of_final(final), out);
}

/* A byte within CSI or SS3. */
static unsigned within(struct keys_terminal *t, uint8_t byte, uint16_t out[2 * KEYS_MOST])
{
    const bool single_shift = t->sequence[1] == 'O';
    const bool opens = t->n == 2 && byte == '[' && !single_shift; /* Linux' CSI [ A: no end yet */
    unsigned n;

    if (byte >= 0x40 && !opens) {
        if (single_shift)
            n = press_one(0, key_of_keypad(byte), out);
        else
            n = t->n < sizeof(t->sequence) ? finish(t, byte, out) : 0;
        t->n = 0;
        return n;
    }
    if (t->n < sizeof(t->sequence))
        t->sequence[t->n++] = byte;
    return 0;
}

unsigned keys_of_byte(struct keys_terminal *t, uint8_t byte, uint16_t out[2 * KEYS_MOST])
{
    unsigned n = 0;

    if (byte >= 0x80) { /* of a character that is no key's: with it goes what it interrupts */
        t->n = 0;
        return 0;
    }
    if (byte == ESCAPE) {
        if (t->n == 1)
            n = single(0, ESCAPE, out);
        t->sequence[0] = byte;
        t->n = 1;
        return n;
    }
    if (t->n == 0 || byte < 0x20 || byte == DELETE) { /* no sequence has such a byte */
        n = single(t->n == 1 ? WITH_ALT : 0, byte, out);
        t->n = 0;
        return n;
    }
    if (t->n > 1)
        return within(t, byte, out);
    if (byte == '[' || byte == 'O') {
        t->sequence[t->n++] = byte;
        return 0;
    }
    t->n = 0;
    return single(WITH_ALT, byte, out);
}

unsigned keys_timeout(struct keys_terminal *t, uint16_t out[2 * KEYS_MOST])
{
    const unsigned n = t->n;

    t->n = 0;
    if (n == 1)
        return single(0, ESCAPE, out);
    return n == 2 ? single(WITH_ALT, t->sequence[1], out) : 0;
}

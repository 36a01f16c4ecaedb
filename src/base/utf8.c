/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

unsigned utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    unsigned length;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        length = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        length = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        length = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (n < length || p[1] < low || p[1] > high)
        return 0;
    for (unsigned i = 2; i < length; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return length;
}

bool utf8_valid(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned length = utf8_sequence(p + i, n - i);
        if (!length)
            return false;
        i += length;
    }
    return true;
}

bool utf8_is_control(const uint8_t *p, unsigned length)
{
    return length == 1 ? p[0] < 0x20 || p[0] == 0x7f : length == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

size_t utf8_printable(char *out, size_t size, const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t used = 0;

    for (size_t i = 0; i < n;) {
        const unsigned length = utf8_sequence(p + i, n - i);
        const bool shown = length && !utf8_is_control(p + i, length);
        const unsigned take = shown ? length : 1;
        if (take >= size - used)
            break;
        if (shown)
            memcpy(out + used, p + i, length);
        else
            out[used] = '?';
        used += take;
        i += length ? length : 1;
    }
    out[used] = 0;
    return used;
}

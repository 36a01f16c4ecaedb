/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

void cursor_fail(struct cursor *c, const uint8_t *at, const char *words)
{
    if (!c->fault) {
        c->fault = words;
        c->fault_at = at;
    }
    c->p = c->end;
}

static bool signs_agree(unsigned bits, unsigned used)
{
    unsigned above = bits >> (used - 1), all = 0x7fu >> (used - 1);

    return !above || above == all;
}

unsigned leb_decode(const uint8_t *p, const uint8_t *end, unsigned bits, bool is_signed, uint64_t *out,
                    const char **fault)
{
    uint64_t value = 0;

    *out = 0;
    for (unsigned n = 0, left = bits;; n++, left -= 7) {
        if (p + n == end) {
            *fault = "unexpected end";
            return 0;
        }
        unsigned byte = p[n];
        if (left <= 7) { /* the last that can be */
            if (byte & 0x80) {
                *fault = "integer representation too long";
                return 0;
            }
            if (is_signed ? !signs_agree(byte, left) : byte >> left) {
                *fault = "integer too large";
                return 0;
            }
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * n);
        if (!(byte & 0x80)) {
            if (is_signed && (byte & 0x40) && 7 * (n + 1) < 64)
                value |= ~(uint64_t)0 << (7 * (n + 1));
            *out = value;
            return n + 1;
        }
    }
}

uint8_t cursor_u8(struct cursor *c)
{
    if (c->p < c->end)
        return *c->p++;
    cursor_fail(c, c->p, "unexpected end");
    return 0;
}

uint32_t cursor_u32le(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 4);

    return p ? p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

uint64_t cursor_leb(struct cursor *c, unsigned bits, bool is_signed)
{
    const char *fault;
    uint64_t value;
    unsigned n = leb_decode(c->p, c->end, bits, is_signed, &value, &fault);

    if (!n)
        cursor_fail(c, c->p, fault);
    c->p += n;
    return value;
}

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
    const uint8_t *p = c->p;

    if (n > cursor_left(c)) {
        cursor_fail(c, p, "unexpected end: length out of bounds");
        return NULL;
    }
    c->p += n;
    return p;
}

struct cursor cursor_part(struct cursor *c, size_t n)
{
    const uint8_t *p = cursor_bytes(c, n);

    return p ? cursor_make(p, n) : cursor_make(c->end, 0);
}

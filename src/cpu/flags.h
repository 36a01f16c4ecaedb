/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic flags, kept as what they are made of until somebody asks. Private to src/cpu.
 *
 *   result  the last result, sign-extended to 64 bits: Z is its being 0, S its top bit (turned by `delta` bit 0), P the
 *           parity of its low byte (turned by the byte at `delta` bits 8 to 15)
 *   delta   bit 63 is C; bit 63 xor bit 62 is O; bit 3 is A; bit 0 and bits 8 to 15: see result
 *
 * The carries out of each bit of an addition, or borrows of a subtraction, shifted until that of the top bit is bit 63,
 * are such a delta but for A, which is bit 3 unshifted.
 */
#ifndef MOAT_CPU_FLAGS_H
#define MOAT_CPU_FLAGS_H

#include "cpu/decode/decode.h"

#include <stdbool.h>
#include <stdint.h>

struct lazy_flags {
    uint64_t result, delta;
};

#define FLAGS_ARITHMETIC (FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S | FLAG_O)

static inline uint64_t flags_extend(uint64_t value, unsigned bits)
{
    return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

/* For + and +carry: r = a + b (+ 1), of `bits` bits; what is above them in the three does not matter. */
static inline void flags_add(struct lazy_flags *f, uint64_t a, uint64_t b, uint64_t r, unsigned bits)
{
    uint64_t carries = (a & b) | ((a | b) & ~r);
    f->result = flags_extend(r, bits);
    f->delta = (carries << (64 - bits) & (UINT64_C(3) << 62)) | (carries & 8);
}

/* For - and -borrow: r = a - b (- 1). */
static inline void flags_sub(struct lazy_flags *f, uint64_t a, uint64_t b, uint64_t r, unsigned bits)
{
    uint64_t borrows = (~a & b) | ((~a | b) & r);
    f->result = flags_extend(r, bits);
    f->delta = (borrows << (64 - bits) & (UINT64_C(3) << 62)) | (borrows & 8);
}

/* For and, or, xor, test: C, O and A become 0. */
static inline void flags_logic(struct lazy_flags *f, uint64_t r, unsigned bits)
{
    f->result = flags_extend(r, bits);
    f->delta = 0;
}

static inline bool flags_c(const struct lazy_flags *f)
{
    return f->delta >> 63;
}
static inline bool flags_o(const struct lazy_flags *f)
{
    return (f->delta ^ f->delta << 1) >> 63;
}
static inline bool flags_z(const struct lazy_flags *f)
{
    return f->result == 0;
}
static inline bool flags_s(const struct lazy_flags *f)
{
    return (f->result >> 63 ^ f->delta) & 1;
}
static inline bool flags_a(const struct lazy_flags *f)
{
    return f->delta >> 3 & 1;
}
static inline bool flags_p(const struct lazy_flags *f)
{
    return !__builtin_parity((unsigned)((f->result ^ f->delta >> 8) & 0xff));
}

/* inc and dec leave C as it was: call with what it was, after flags_add or flags_sub. */
static inline void flags_keep_c(struct lazy_flags *f, bool c)
{
    uint64_t o = (f->delta ^ f->delta << 1) & UINT64_C(1) << 63;
    uint64_t top = (uint64_t)c << 63;
    f->delta = (f->delta & ~(UINT64_C(3) << 62)) | top | (top ^ o) >> 1;
}

/* All six as bits of rflags, and back. */
static inline uint32_t flags_get(const struct lazy_flags *f)
{
    return (uint32_t)(flags_c(f) * FLAG_C | flags_p(f) * FLAG_P | flags_a(f) * FLAG_A | flags_z(f) * FLAG_Z |
                      flags_s(f) * FLAG_S | flags_o(f) * FLAG_O);
}

static inline void flags_set(struct lazy_flags *f, uint32_t bits)
{
    uint64_t c = bits & FLAG_C ? 1 : 0, o = bits & FLAG_O ? 1 : 0;
    f->result = bits & FLAG_Z ? 0 : 1; /* 0 has even parity, 1 has not */
    f->delta = c << 63 | (c ^ o) << 62 | (bits & FLAG_A ? 8 : 0) | (bits & FLAG_S ? 1 : 0);
    if (!(bits & FLAG_P) == !!(bits & FLAG_Z))
        f->delta |= UINT64_C(1) << 8;
}

/* Some of the six; the others stay. */
static inline void flags_put(struct lazy_flags *f, uint32_t mask, uint32_t bits)
{
    flags_set(f, (flags_get(f) & ~mask) | (bits & mask));
}

/* Condition n of jcc, setcc, cmovcc (Intel 2A, appendix B.1.4.7). */
static inline bool flags_condition(const struct lazy_flags *f, unsigned n)
{
    bool r = false;
    switch (n >> 1) {
    case 0:
        r = flags_o(f);
        break;
    case 1:
        r = flags_c(f);
        break;
    case 2:
        r = flags_z(f);
        break;
    case 3:
        r = flags_c(f) || flags_z(f);
        break;
    case 4:
        r = flags_s(f);
        break;
    case 5:
        r = flags_p(f);
        break;
    case 6:
        r = flags_s(f) != flags_o(f);
        break;
    case 7:
        r = flags_z(f) || flags_s(f) != flags_o(f);
        break;
    }
    return r != (n & 1);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes in another order (specification 4.4.3). Compilers write all their interleavings, rotations and blends as
 * i8x16.shuffle: those that are one machine instruction are found, the rest is a look-up in each of the operands.
 */
#include "wasm/baseline/vector.h"

#define NO_BYTE 0x80 /* an index that gives 0 */

static void literal_bytes(struct compiler *c, uint32_t form, uint8_t to, uint8_t a, const uint8_t *bytes)
{
    uint64_t bits[2];

    memcpy(bits, bytes, sizeof(bits));
    xmm_literal(c, form, to, a, bits[0], bits[1]);
}

/* Indices of whole lanes of `width` bytes, and false when some lane is not whole. */
static bool lanes_of(const uint8_t *bytes, unsigned width, uint8_t *lanes)
{
    for (unsigned i = 0; i < 16; i++) {
        if (bytes[i] % width != i % width || bytes[i] / width != bytes[i - i % width] / width)
            return false;
        lanes[i / width] = bytes[i] / (uint8_t)width;
    }
    return true;
}

/* Two bits each, for an immediate. */
static unsigned packed(const uint8_t *lanes)
{
    return (lanes[0] & 3u) | (lanes[1] & 3u) << 2 | (lanes[2] & 3u) << 4 | (lanes[3] & 3u) << 6;
}

/* ---- Of one vector ----------------------------------------------------------------------------------------------- */

/* to = `from` in this order; they may be the same. */
static void emit_order(struct compiler *c, uint8_t to, uint8_t from, const uint8_t *bytes)
{
    uint8_t d[4], w[8];
    bool low = true, high = true; /* the other half of the words stays */

    if (lanes_of(bytes, 4, d)) {
        if (packed(d) == 0xe4)
            emit_move(c, VT_V128, to, from);
        else
            xmm_rri(c, X64_PSHUFD, to, from, packed(d));
        return;
    }
    if (lanes_of(bytes, 2, w)) {
        for (unsigned i = 0; i < 4; i++) {
            low &= w[i] < 4 && w[i + 4] == i + 4;
            high &= w[i + 4] >= 4 && w[i] == i;
        }
        if (low || high) {
            xmm_rri(c, low ? X64_PSHUFLW : X64_PSHUFHW, to, from, packed(low ? w : w + 4));
            return;
        }
    }
    literal_bytes(c, X64_PSHUFB, to, from, bytes);
}

/* ---- Of two ------------------------------------------------------------------------------------------------------ */

/* A machine instruction of two operands that gives the order, or false. */
static bool match_interleave(const uint8_t *bytes, struct vector_row *row)
{
    static const uint32_t forms[][2] = {{X64_PUNPCKLBW, X64_PUNPCKHBW},
                                        {X64_PUNPCKLWD, X64_PUNPCKHWD},
                                        {X64_PUNPCKLDQ, X64_PUNPCKHDQ},
                                        {X64_PUNPCKLQDQ, X64_PUNPCKHQDQ}};

    for (unsigned n = 0; n < 4; n++)
        for (unsigned high = 0; high < 2; high++) {
            unsigned width = 1u << n, same = 0;

            for (unsigned i = 0; i < 16; i++) {
                unsigned pair = i / width;

                same += bytes[i] == 8 * high + pair / 2 * width + i % width + pair % 2 * 16;
            }
            if (same == 16) {
                *row = (struct vector_row){.form = forms[n][high]};
                return true;
            }
        }
    return false;
}

static bool match_blend(const uint8_t *bytes, struct vector_row *row)
{
    uint8_t w[8];
    unsigned mask = 0;

    if (!lanes_of(bytes, 2, w))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        if (w[i] % 8 != i)
            return false;
        mask |= (w[i] / 8u) << i;
    }
    *row = (struct vector_row){.form = X64_PBLENDW, .imm = (uint8_t)mask, .flags = ROW_IMM};
    return true;
}

static bool match_halves(const uint8_t *bytes, struct vector_row *row)
{
    uint8_t d[4];

    if (!lanes_of(bytes, 4, d) || d[0] >= 4 || d[1] >= 4 || d[2] < 4 || d[3] < 4)
        return false;
    *row = (struct vector_row){.form = X64_SHUFPS, .imm = (uint8_t)packed(d), .flags = ROW_IMM};
    return true;
}

/* Sixteen bytes in a row of both. palignr has the lower ones in its second operand. */
static bool match_window(const uint8_t *bytes, struct vector_row *row)
{
    for (unsigned i = 1; i < 16; i++)
        if (bytes[i] != bytes[0] + i)
            return false;
    *row = (struct vector_row){.form = X64_PALIGNR, .imm = bytes[0], .flags = ROW_IMM | ROW_SWAPPED};
    return true;
}

static bool match(const uint8_t *bytes, struct vector_row *row)
{
    return match_interleave(bytes, row) || match_window(bytes, row) || match_blend(bytes, row) ||
           match_halves(bytes, row);
}

static void emit_lookups(struct compiler *c, const struct operands *o, const uint8_t *bytes)
{
    uint8_t of_a[16], of_b[16];

    for (unsigned i = 0; i < 16; i++) {
        of_a[i] = bytes[i] < 16 ? bytes[i] : NO_BYTE;
        of_b[i] = bytes[i] < 16 ? NO_BYTE : bytes[i] - 16;
    }
    literal_bytes(c, X64_PSHUFB, R_SCRATCH, o->rb, of_b);
    literal_bytes(c, X64_PSHUFB, o->to, o->ra, of_a);
    xmm_rrr(c, X64_POR, o->to, o->to, R_SCRATCH);
}

static void shuffle_two(struct compiler *c, const uint8_t *bytes)
{
    struct operands o;
    struct vector_row row;
    uint8_t turned[16];

    operands_two(c, &o);
    for (unsigned i = 0; i < 16; i++)
        turned[i] = bytes[i] ^ 16;
    bool straight = match(bytes, &row);
    if (straight || match(turned, &row)) {
        bool b_first = !straight != !!(row.flags & ROW_SWAPPED);

        vector_emit(c, &row, o.to, b_first ? o.rb : o.ra, b_first ? o.ra : o.rb);
    } else {
        emit_lookups(c, &o, bytes);
    }
    operands_done(c, &o);
}

void vector_shuffle(struct compiler *c, const struct vector_row *row)
{
    struct value *b = c->sp - 1, *a = c->sp - 2;
    bool same = a->kind == K_LOCAL && b->kind == K_LOCAL && a->local == b->local, of_a = same, of_b = false;
    uint8_t bytes[16];

    memcpy(bytes, c->p, sizeof(bytes));
    c->p += sizeof(bytes);
    for (unsigned i = 0; i < 16; i++) {
        if (same)
            bytes[i] &= 15;
        of_a |= bytes[i] < 16;
        of_b |= bytes[i] >= 16;
    }
    if (of_a && of_b) {
        shuffle_two(c, bytes);
        return;
    }
    struct value second = value_pop(c), first = value_pop(c), *v = of_a ? &first : &second;
    uint8_t to = dest_begin(c), from = value_reg(c, v);
    for (unsigned i = 0; i < 16; i++)
        bytes[i] &= 15;
    if (to == R_NONE)
        to = v->kind == K_REG ? v->reg : reg_alloc(c, VECTOR);
    emit_order(c, to, from, bytes);
    value_release_but(c, &first, to);
    value_release_but(c, &second, to);
    dest_end(c, VT_V128, to);
}

/* Indices from 16 on give 0; the CPU looks at their uppermost bit. */
void vector_swizzle(struct compiler *c, const struct vector_row *row)
{
    const uint64_t to_bit7 = lanes8(0x70);
    struct operands o;

    operands_two(c, &o);
    xmm_literal(c, X64_PADDUSB, R_SCRATCH, o.rb, to_bit7, to_bit7);
    xmm_rrr(c, X64_PSHUFB, o.to, o.ra, R_SCRATCH);
    operands_done(c, &o);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bits and integers where it takes several machine instructions (specification 4.3.2, 4.3.5). */
#include "wasm/baseline/vector.h"

void vector_not(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_ones(c, o.to);
    xmm_rrr(c, X64_PXOR, o.to, o.to, o.ra);
    operands_done(c, &o);
}

/* Where the mask has ones a, else b: ((a ^ b) & mask) ^ b. */
void vector_bitselect(struct compiler *c, const struct vector_row *row)
{
    struct value mask = value_pop(c), b = value_pop(c), a = value_pop(c);
    uint8_t ra = value_reg(c, &a), rb = value_reg(c, &b), rm = value_reg(c, &mask), to = vector_dest(c, rb, rm);

    xmm_rrr(c, X64_PXOR, to, ra, rb);
    xmm_rrr(c, X64_PAND, to, to, rm);
    xmm_rrr(c, X64_PXOR, to, to, rb);
    value_release(c, &a);
    value_release(c, &b);
    value_release(c, &mask);
    dest_end(c, VT_V128, to);
}

/* 0 - a */
void vector_negate(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_zero(c, o.to);
    xmm_rrr(c, row->form, o.to, o.to, o.ra);
    operands_done(c, &o);
}

/* With s all ones where a is negative: (a ^ s) - s. */
void vector_abs64(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_rri(c, X64_PSHUFD, R_SCRATCH, o.ra, 0xf5);
    xmm_shift(c, X64_PSRAD_IMM, R_SCRATCH, R_SCRATCH, 31);
    xmm_rrr(c, X64_PXOR, o.to, o.ra, R_SCRATCH);
    xmm_rrr(c, X64_PSUBQ, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* low * low + ((high * low + low * high) << 32) */
void vector_multiply64(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    xmm_shift(c, X64_PSRLQ_IMM, R_SCRATCH, o.ra, 32);
    xmm_rrr(c, X64_PMULUDQ, R_SCRATCH, R_SCRATCH, o.rb);
    xmm_shift(c, X64_PSRLQ_IMM, o.to, o.rb, 32);
    xmm_rrr(c, X64_PMULUDQ, o.to, o.to, o.ra);
    xmm_rrr(c, X64_PADDQ, R_SCRATCH, R_SCRATCH, o.to);
    xmm_shift(c, X64_PSLLQ_IMM, R_SCRATCH, R_SCRATCH, 32);
    xmm_rrr(c, X64_PMULUDQ, o.to, o.ra, o.rb);
    xmm_rrr(c, X64_PADDQ, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* Half bytes looked up in a table of the numbers 0 to 15. */
void vector_popcount(struct compiler *c, const struct vector_row *row)
{
    const uint64_t low = lanes8(0x0f), ones[2] = {0x0302020102010100, 0x0403030203020201};
    struct operands o;

    operands_one(c, &o);
    uint8_t high = reg_alloc(c, VECTOR);
    xmm_shift(c, X64_PSRLW_IMM, high, o.ra, 4);
    xmm_literal(c, X64_PAND, high, high, low, low);
    xmm_load(c, o.to, ones[0], ones[1]);
    xmm_rrr(c, X64_PSHUFB, o.to, o.to, high);
    xmm_literal(c, X64_PAND, high, o.ra, low, low);
    xmm_load(c, R_SCRATCH, ones[0], ones[1]);
    xmm_rrr(c, X64_PSHUFB, R_SCRATCH, R_SCRATCH, high);
    xmm_rrr(c, X64_PADDB, o.to, o.to, R_SCRATCH);
    reg_free(c, high);
    operands_done(c, &o);
}

/* The CPU's is the same but that -1 * -1, which gives its most negative number, does not saturate. */
void vector_q15_multiply(struct compiler *c, const struct vector_row *row)
{
    const uint64_t wrong = lanes16(0x8000);
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, X64_PMULHRSW, o.to, o.ra, o.rb);
    xmm_literal(c, X64_PCMPEQW, R_SCRATCH, o.to, wrong, wrong);
    xmm_rrr(c, X64_PXOR, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* ---- Lanes of twice the width ------------------------------------------------------------------------------------ */

/* Sums of neighbours are their products with 1, added. pmaddubsw takes its first operand unsigned, the second signed.
 */
void vector_add_pairs8(struct compiler *c, const struct vector_row *row)
{
    const uint64_t one = lanes8(1);
    struct operands o;

    operands_one(c, &o);
    if (row->flags & ROW_SIGNED) {
        xmm_load(c, o.to, one, one);
        xmm_rrr(c, X64_PMADDUBSW, o.to, o.to, o.ra);
    } else {
        xmm_literal(c, X64_PMADDUBSW, o.to, o.ra, one, one);
    }
    operands_done(c, &o);
}

/* pmaddwd is signed: an unsigned lane is taken as one smaller by 0x8000, which makes 0x10000 in the sum. */
void vector_add_pairs16(struct compiler *c, const struct vector_row *row)
{
    const uint64_t one = lanes16(1), half = lanes16(0x8000), whole = lanes32(0x10000);
    struct operands o;

    operands_one(c, &o);
    if (row->flags & ROW_SIGNED) {
        xmm_literal(c, X64_PMADDWD, o.to, o.ra, one, one);
    } else {
        xmm_literal(c, X64_PXOR, o.to, o.ra, half, half);
        xmm_literal(c, X64_PMADDWD, o.to, o.to, one, one);
        xmm_literal(c, X64_PADDD, o.to, o.to, whole, whole);
    }
    operands_done(c, &o);
}

void vector_extend_high(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_rri(c, X64_PSHUFD, o.to, o.ra, 0xee);
    xmm_rr(c, row->form, o.to, o.to);
    operands_done(c, &o);
}

/* to = lanes of the lower or upper half of `from`, extended */
static void emit_extend(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t from)
{
    if (row->flags & ROW_HIGH) {
        xmm_rri(c, X64_PSHUFD, to, from, 0xee);
        from = to;
    }
    xmm_rr(c, row->form, to, from);
}

void vector_multiply_long8(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    emit_extend(c, row, o.to, o.ra);
    emit_extend(c, row, R_SCRATCH, o.rb);
    xmm_rrr(c, X64_PMULLW, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* Lower and upper halves of the products apart, then put together. */
void vector_multiply_long16(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, X64_PMULLW, o.to, o.ra, o.rb);
    xmm_rrr(c, row->form, R_SCRATCH, o.ra, o.rb);
    xmm_rrr(c, row->flags & ROW_HIGH ? X64_PUNPCKHWD : X64_PUNPCKLWD, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* The CPU multiplies the first and the third lane. */
void vector_multiply_long32(struct compiler *c, const struct vector_row *row)
{
    unsigned order = row->flags & ROW_HIGH ? 0xfa : 0x50;
    struct operands o;

    operands_two(c, &o);
    xmm_rri(c, X64_PSHUFD, o.to, o.ra, order);
    xmm_rri(c, X64_PSHUFD, R_SCRATCH, o.rb, order);
    xmm_rrr(c, row->form, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

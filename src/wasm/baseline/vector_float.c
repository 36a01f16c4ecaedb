/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floats and conversions (specification 4.3.3 to 4.3.5). What the CPU makes of NaN is among what is allowed, except in
 * min and max. Its conversions give INT32_MIN for all that does not fit.
 */
#include "wasm/baseline/vector.h"

#define F64_2P31_LESS_1 0x41dfffffffc00000 /* 2147483647.0 */
#define F64_2P32_LESS_1 0x41efffffffe00000 /* 4294967295.0 */
#define F64_2P52        0x4330000000000000
#define F64_2P52_UPPER  0x43300000
#define F32_2P31        0x4f000000

enum { CMP_LE = 2, CMP_UNORDERED = 3, CMP_ORDERED = 7, ROUND_TRUNCATE = 8 | 3 };

static inline bool is_wide(const struct vector_row *row)
{
    return row->flags & ROW_WIDE;
}

/* abs and neg: signs are cleared or turned. */
void vector_float_sign(struct compiler *c, const struct vector_row *row)
{
    uint64_t sign = is_wide(row) ? 1ull << 63 : lanes32(1u << 31), mask = row->form == X64_ANDPS ? ~sign : sign;
    struct value a = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &a);

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    xmm_literal(c, row->form, to, from, mask, mask);
    value_release_but(c, &a, to);
    dest_end(c, VT_V128, to);
}

/* xmm15 to `to`, and NaN is made canonical: no bit but the highest of its fraction. */
static void emit_canonical(struct compiler *c, bool wide, uint8_t to)
{
    xmm_shift(c, wide ? X64_PSRLQ_IMM : X64_PSRLD_IMM, to, to, wide ? 13 : 10);
    xmm_rrr(c, X64_ANDNPS, to, to, R_SCRATCH);
}

/* The CPU's gives the second operand when one is NaN or both are zeros: both orders are taken, and bits of either. */
void vector_min(struct compiler *c, const struct vector_row *row)
{
    bool wide = is_wide(row);
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, row->form, R_SCRATCH, o.ra, o.rb);
    xmm_rrr(c, row->form, o.to, o.rb, o.ra);
    xmm_rrr(c, X64_ORPS, R_SCRATCH, R_SCRATCH, o.to); /* of zeros the negative one, of NaN and a number a NaN */
    xmm_rrri(c, wide ? X64_CMPPD : X64_CMPPS, o.to, R_SCRATCH, R_SCRATCH, CMP_UNORDERED);
    xmm_rrr(c, X64_ORPS, R_SCRATCH, R_SCRATCH, o.to);
    emit_canonical(c, wide, o.to);
    operands_done(c, &o);
}

/* What both orders differ in, which is the sign of zeros or anything in a NaN, is set and then subtracted: -0 - -0 is
 * 0, and NaN stays one. */
void vector_max(struct compiler *c, const struct vector_row *row)
{
    bool wide = is_wide(row);
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, row->form, R_SCRATCH, o.ra, o.rb);
    xmm_rrr(c, row->form, o.to, o.rb, o.ra);
    xmm_rrr(c, X64_XORPS, o.to, o.to, R_SCRATCH);
    xmm_rrr(c, X64_ORPS, R_SCRATCH, R_SCRATCH, o.to);
    xmm_rrr(c, wide ? X64_SUBPD : X64_SUBPS, R_SCRATCH, R_SCRATCH, o.to);
    xmm_rrri(c, wide ? X64_CMPPD : X64_CMPPS, o.to, R_SCRATCH, R_SCRATCH, CMP_UNORDERED);
    emit_canonical(c, wide, o.to);
    operands_done(c, &o);
}

/* ---- Integers to floats ------------------------------------------------------------------------------------------ */

/* Lower and upper 16 bits apart, each exactly; the upper ones halved so that they are positive. Rounded once, in the
 * sum. */
void vector_convert_unsigned32(struct compiler *c, const struct vector_row *row)
{
    const uint64_t low = lanes32(0xffff);
    struct operands o;

    operands_one(c, &o);
    xmm_literal(c, X64_PAND, R_SCRATCH, o.ra, low, low);
    xmm_rrr(c, X64_PXOR, o.to, o.ra, R_SCRATCH);
    xmm_shift(c, X64_PSRLD_IMM, o.to, o.to, 1);
    xmm_rr(c, X64_CVTDQ2PS, R_SCRATCH, R_SCRATCH);
    xmm_rr(c, X64_CVTDQ2PS, o.to, o.to);
    xmm_rrr(c, X64_ADDPS, o.to, o.to, o.to);
    xmm_rrr(c, X64_ADDPS, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* As the fraction of 2^52, which is then subtracted. */
void vector_convert_unsigned64(struct compiler *c, const struct vector_row *row)
{
    const uint64_t upper = lanes32(F64_2P52_UPPER);
    struct operands o;

    operands_one(c, &o);
    xmm_literal(c, X64_UNPCKLPS, o.to, o.ra, upper, upper);
    xmm_literal(c, X64_SUBPD, o.to, o.to, F64_2P52, F64_2P52);
    operands_done(c, &o);
}

/* ---- Floats to integers, saturated; NaN is 0 --------------------------------------------------------------------- */

/* What is too large has INT32_MIN turned into INT32_MAX. */
void vector_truncate_signed32(struct compiler *c, const struct vector_row *row)
{
    const uint64_t limit = lanes32(F32_2P31);
    struct operands o;

    operands_one(c, &o);
    xmm_rrri(c, X64_CMPPS, o.to, o.ra, o.ra, CMP_ORDERED);
    xmm_rrr(c, X64_ANDPS, o.to, o.to, o.ra);
    xmm_load(c, R_SCRATCH, limit, limit);
    xmm_rrri(c, X64_CMPPS, R_SCRATCH, R_SCRATCH, o.to, CMP_LE);
    xmm_rr(c, X64_CVTTPS2DQ, o.to, o.to);
    xmm_rrr(c, X64_PXOR, o.to, o.to, R_SCRATCH);
    operands_done(c, &o);
}

/* In two parts: up to 2^31, where the CPU's INT32_MIN is 2^31, and what is above that, itself saturated. */
void vector_truncate_unsigned32(struct compiler *c, const struct vector_row *row)
{
    const uint64_t half = lanes32(F32_2P31);
    struct operands o;

    operands_one(c, &o);
    uint8_t above = reg_alloc(c, VECTOR);
    xmm_zero(c, R_SCRATCH);
    xmm_rrr(c, X64_MAXPS, o.to, o.ra, R_SCRATCH); /* the second operand, 0, for NaN */
    xmm_load(c, R_SCRATCH, half, half);
    xmm_rrr(c, X64_SUBPS, above, o.to, R_SCRATCH);
    xmm_rrri(c, X64_CMPPS, R_SCRATCH, R_SCRATCH, above, CMP_LE);
    xmm_rr(c, X64_CVTTPS2DQ, above, above);
    xmm_rrr(c, X64_PXOR, above, above, R_SCRATCH);
    xmm_zero(c, R_SCRATCH);
    xmm_rrr(c, X64_PMAXSD, above, above, R_SCRATCH);
    xmm_rr(c, X64_CVTTPS2DQ, o.to, o.to);
    xmm_rrr(c, X64_PADDD, o.to, o.to, above);
    reg_free(c, above);
    operands_done(c, &o);
}

/* The limit is a number of this type: the smaller of both. It is 0 where a is NaN, and is then what minpd gives. */
void vector_truncate_signed64(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_rrri(c, X64_CMPPD, R_SCRATCH, o.ra, o.ra, CMP_ORDERED);
    xmm_literal(c, X64_ANDPD, R_SCRATCH, R_SCRATCH, F64_2P31_LESS_1, F64_2P31_LESS_1);
    xmm_rrr(c, X64_MINPD, o.to, o.ra, R_SCRATCH);
    xmm_rr(c, X64_CVTTPD2DQ, o.to, o.to);
    operands_done(c, &o);
}

/* Cut to the range and to an integer, which 2^52 then leaves in the lower half of the fraction. */
void vector_truncate_unsigned64(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_one(c, &o);
    xmm_zero(c, R_SCRATCH);
    xmm_rrr(c, X64_MAXPD, o.to, o.ra, R_SCRATCH);
    xmm_literal(c, X64_MINPD, o.to, o.to, F64_2P32_LESS_1, F64_2P32_LESS_1);
    xmm_rri(c, X64_ROUNDPD, o.to, o.to, ROUND_TRUNCATE);
    xmm_literal(c, X64_ADDPD, o.to, o.to, F64_2P52, F64_2P52);
    xmm_rrri(c, X64_SHUFPS, o.to, o.to, R_SCRATCH, 0x88);
    operands_done(c, &o);
}

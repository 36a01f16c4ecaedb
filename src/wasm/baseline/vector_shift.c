/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shifts (specification 4.3.2, 4.3.5). Counts are taken modulo the bits of a lane, which the CPU does not do. Bytes and
 * signed 64-bit lanes have no machine instruction: bytes are shifted as words and what came from the neighbour is
 * masked away.
 */
#include "wasm/baseline/vector.h"

/* xmm15 = (count and mask) + plus; the count's register is given up. */
static void emit_count(struct compiler *c, struct value *count, uint8_t mask, uint8_t plus)
{
    uint8_t reg = value_own(c, count);

    x64_ri(&c->b, X64_AND, X64_W32, reg, mask);
    if (plus)
        x64_ri(&c->b, X64_ADD, X64_W32, reg, plus);
    xmm_rr(c, X64_MOVD, R_SCRATCH, reg);
    value_release(c, count);
}

void vector_shift(struct compiler *c, const struct vector_row *row)
{
    struct value count = value_pop(c), a = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &a);

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    if (count.kind == K_CONST) {
        if (count.imm & row->imm)
            xmm_shift(c, row->second, to, from, (unsigned)count.imm & row->imm);
        else
            emit_move(c, VT_V128, to, from);
    } else {
        emit_count(c, &count, row->imm, 0);
        xmm_rrr(c, row->form, to, from, R_SCRATCH);
    }
    value_release_but(c, &a, to);
    dest_end(c, VT_V128, to);
}

/* With the sign in place s of a number that was shifted without it: (x ^ s) - s. */
void vector_shift_signed64(struct compiler *c, const struct vector_row *row)
{
    struct value count = value_pop(c), a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = vector_dest(c, from, from);

    if (count.kind == K_CONST) {
        unsigned n = (unsigned)count.imm & row->imm;
        uint64_t sign = 1ull << (63 - n);

        xmm_shift(c, X64_PSRLQ_IMM, to, from, n);
        xmm_literal(c, X64_PXOR, to, to, sign, sign);
        xmm_literal(c, X64_PSUBQ, to, to, sign, sign);
    } else {
        uint8_t sign = reg_alloc(c, VECTOR);

        emit_count(c, &count, row->imm, 0);
        xmm_load(c, sign, 1ull << 63, 1ull << 63);
        xmm_rrr(c, X64_PSRLQ, sign, sign, R_SCRATCH);
        xmm_rrr(c, X64_PSRLQ, to, from, R_SCRATCH);
        xmm_rrr(c, X64_PXOR, to, to, sign);
        xmm_rrr(c, X64_PSUBQ, to, to, sign);
        reg_free(c, sign);
    }
    value_release(c, &a);
    dest_end(c, VT_V128, to);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* Each byte as the upper half of a word, shifted eight places further, and back. */
static void emit_signed8(struct compiler *c, uint8_t to, uint8_t from, unsigned n)
{
    xmm_rrr(c, X64_PUNPCKHBW, R_SCRATCH, from, from);
    xmm_rrr(c, X64_PUNPCKLBW, to, from, from);
    xmm_shift(c, X64_PSRAW_IMM, R_SCRATCH, R_SCRATCH, n + 8);
    xmm_shift(c, X64_PSRAW_IMM, to, to, n + 8);
    xmm_rrr(c, X64_PACKSSWB, to, to, R_SCRATCH);
}

static void emit_fixed8(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t from, unsigned n)
{
    uint64_t kept = lanes8((uint8_t)(row->form == X64_PSLLW ? 0xff << n : 0xff >> n));

    if (n == 0) {
        emit_move(c, VT_V128, to, from);
    } else if (row->form == X64_PSRAW) {
        emit_signed8(c, to, from, n);
    } else {
        xmm_shift(c, row->second, to, from, n);
        xmm_literal(c, X64_PAND, to, to, kept, kept);
    }
}

/* By xmm15, and `other` is free to use. */
static void emit_variable8(struct compiler *c, const struct vector_row *row, uint8_t to, uint8_t from, uint8_t other)
{
    if (row->form == X64_PSRAW) { /* by eight more, see above */
        xmm_rrr(c, X64_PUNPCKHBW, other, from, from);
        xmm_rrr(c, X64_PUNPCKLBW, to, from, from);
        xmm_rrr(c, X64_PSRAW, other, other, R_SCRATCH);
        xmm_rrr(c, X64_PSRAW, to, to, R_SCRATCH);
        xmm_rrr(c, X64_PACKSSWB, to, to, other);
        return;
    }
    /* 0xff >> n in all bytes: what is kept of a shift to the right, before one to the left */
    xmm_ones(c, other);
    xmm_shift(c, X64_PSRLW_IMM, other, other, 8);
    xmm_rrr(c, X64_PSRLW, other, other, R_SCRATCH);
    xmm_rrr(c, X64_PACKUSWB, other, other, other);
    if (row->form == X64_PSLLW) {
        xmm_rrr(c, X64_PAND, to, from, other);
        xmm_rrr(c, X64_PSLLW, to, to, R_SCRATCH);
    } else {
        xmm_rrr(c, X64_PSRLW, to, from, R_SCRATCH);
        xmm_rrr(c, X64_PAND, to, to, other);
    }
}

void vector_shift8(struct compiler *c, const struct vector_row *row)
{
    struct value count = value_pop(c), a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = vector_dest(c, from, from);

    if (count.kind == K_CONST) {
        emit_fixed8(c, row, to, from, count.imm & 7);
    } else {
        uint8_t other = reg_alloc(c, VECTOR);

        emit_count(c, &count, 7, row->form == X64_PSRAW ? 8 : 0);
        emit_variable8(c, row, to, from, other);
        reg_free(c, other);
    }
    value_release(c, &a);
    dest_end(c, VT_V128, to);
}

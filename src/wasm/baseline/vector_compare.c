/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons of integers that take several machine instructions, and tests of vectors (specification 4.3.5). */
#include "wasm/baseline/vector.h"

/* to = not from, by way of xmm15 */
static void emit_not(struct compiler *c, uint8_t to, uint8_t from)
{
    xmm_ones(c, R_SCRATCH);
    xmm_rrr(c, X64_PXOR, to, from, R_SCRATCH);
}

void vector_not_equal(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, row->form, o.to, o.ra, o.rb);
    emit_not(c, o.to, o.to);
    operands_done(c, &o);
}

/* a is not less than b when the smaller of them is b, and not greater when the larger is. */
void vector_compare_by(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    xmm_rrr(c, row->form, o.to, o.ra, o.rb);
    xmm_rrr(c, row->second, o.to, o.to, o.rb);
    if (row->flags & ROW_NOT)
        emit_not(c, o.to, o.to);
    operands_done(c, &o);
}

/* to = a > b. SSE4.1 has no comparison of 64 bits: the upper halves decide, and where they are equal b - a, whose upper
 * half is then the borrow of the lower ones. */
static void emit_greater64(struct compiler *c, uint8_t to, uint8_t a, uint8_t b)
{
    if (c->avx) {
        xmm_rrr(c, X64_PCMPGTQ, to, a, b);
        return;
    }
    xmm_rrr(c, X64_PSUBQ, to, b, a);
    xmm_rrr(c, X64_PCMPEQD, R_SCRATCH, a, b);
    xmm_rrr(c, X64_PAND, to, to, R_SCRATCH);
    xmm_rrr(c, X64_PCMPGTD, R_SCRATCH, a, b);
    xmm_rrr(c, X64_POR, to, to, R_SCRATCH);
    xmm_rri(c, X64_PSHUFD, to, to, 0xf5);
}

void vector_greater64(struct compiler *c, const struct vector_row *row)
{
    struct operands o;

    operands_two(c, &o);
    if (row->flags & ROW_SWAPPED)
        emit_greater64(c, o.to, o.rb, o.ra);
    else
        emit_greater64(c, o.to, o.ra, o.rb);
    if (row->flags & ROW_NOT)
        emit_not(c, o.to, o.to);
    operands_done(c, &o);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

void vector_any_true(struct compiler *c, const struct vector_row *row)
{
    struct value a = value_pop(c);
    uint8_t reg = value_reg(c, &a);

    xmm_rr(c, X64_PTEST, reg, reg);
    value_release(c, &a);
    condition_push(c, X64_NE);
}

/* No lane is equal to zero. */
void vector_all_true(struct compiler *c, const struct vector_row *row)
{
    struct value a = value_pop(c);
    uint8_t reg = value_reg(c, &a);

    xmm_zero(c, R_SCRATCH);
    xmm_rrr(c, row->form, R_SCRATCH, R_SCRATCH, reg);
    xmm_rr(c, X64_PTEST, R_SCRATCH, R_SCRATCH);
    value_release(c, &a);
    condition_push(c, X64_E);
}

/* Words are made bytes first, which keeps their signs, in both halves: the lower eight bits count. */
void vector_bitmask(struct compiler *c, const struct vector_row *row)
{
    struct value a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = dest_begin(c);

    if (to == R_NONE)
        to = reg_alloc(c, GENERAL);
    if (row->second) {
        xmm_rrr(c, row->second, R_SCRATCH, from, from);
        xmm_rr(c, row->form, to, R_SCRATCH);
        x64_rr(&c->b, X64_MOVZX8, X64_W32, to, to);
    } else {
        xmm_rr(c, row->form, to, from);
    }
    value_release(c, &a);
    dest_end(c, VT_I32, to);
}

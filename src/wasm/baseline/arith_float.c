/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floats (specification 4.3.3). What the CPU does with NaN is among what the specification allows, except in min and
 * max; abs, neg and copysign change a sign and nothing else.
 */
#include "wasm/baseline/float.h"

static const uint32_t forms_of[][2] = {
    /* sqrt, add, sub, mul, div, min, max in the order of opcodes, for f32 and f64 */
    {X64_SQRTSS, X64_SQRTSD}, {X64_ADDSS, X64_ADDSD}, {X64_SUBSS, X64_SUBSD}, {X64_MULSS, X64_MULSD},
    {X64_DIVSS, X64_DIVSD},   {X64_MINSS, X64_MINSD}, {X64_MAXSS, X64_MAXSD},
};
enum { SQRT, ADD, SUB, MUL, DIV, MIN, MAX };

static void compile_arithmetic(struct compiler *c, enum x64_sse op, uint8_t vt, bool commutes)
{
    struct value b = value_pop(c), a = value_pop(c);
    uint8_t to, reg_a, reg_b;
    struct x64_mem m;

    if (commutes && value_where(c, &a) == R_NONE && value_where(c, &b) != R_NONE) {
        struct value swap = a;
        a = b;
        b = swap;
    }
    to = dest_begin(c);
    reg_a = value_reg(c, &a);
    reg_b = value_where(c, &b);
    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : b.kind == K_REG && c->avx ? b.reg : reg_alloc(c, VECTOR);
    if (reg_b == R_NONE && value_mem(c, &b, &m)) {
        if (!c->avx)
            emit_move(c, vt, to, reg_a);
        value_mem_note(c, &b);
        xmm_rrm(c, op, to, c->avx ? reg_a : to, m);
        literal_used(c);
    } else {
        if (!c->avx && to == reg_b && to != reg_a) {
            emit_move(c, vt, R_SCRATCH, reg_b);
            reg_b = R_SCRATCH;
        }
        xmm_rrr(c, op, to, reg_a, reg_b);
    }
    value_release_but(c, &a, to);
    value_release_but(c, &b, to);
    dest_end(c, vt, to);
}

/* The smaller of -0 and 0 is -0; with NaN it is NaN. The instructions give their second operand in both cases. */
static void compile_min_max(struct compiler *c, uint8_t vt, bool max)
{
    struct value b = value_pop(c), a = value_pop(c);
    uint8_t reg_a = value_reg(c, &a), reg_b = value_reg(c, &b), to = dest_apart(c, vt);
    bool wide = vt == VT_F64;
    uint32_t unordered, differ, end, end2;

    xmm_rr(c, wide ? X64_UCOMISD : X64_UCOMISS, reg_a, reg_b);
    unordered = x64_jcc_short(&c->b, X64_P);
    differ = x64_jcc_short(&c->b, X64_NE);
    xmm_rrr(c, max ? X64_ANDPS : X64_ORPS, to, reg_a, reg_b);
    end = x64_jmp_short(&c->b);
    x64_land(&c->b, unordered);
    xmm_rrr(c, forms_of[ADD][wide], to, reg_a, reg_b);
    end2 = x64_jmp_short(&c->b);
    x64_land(&c->b, differ);
    xmm_rrr(c, forms_of[max ? MAX : MIN][wide], to, reg_a, reg_b);
    x64_land(&c->b, end);
    x64_land(&c->b, end2);
    value_release(c, &a);
    value_release(c, &b);
    dest_end(c, vt, to);
}

static void compile_copysign(struct compiler *c, uint8_t vt)
{
    struct value b = value_pop(c), a = value_pop(c);
    uint8_t reg_a = value_reg(c, &a), reg_b = value_reg(c, &b), to = dest_apart(c, vt);
    uint64_t sign = vt == VT_F64 ? 1ull << 63 : 0x8000000080000000;

    xmm_literal(c, X64_ANDPS, to, reg_a, ~sign, ~sign);
    xmm_literal(c, X64_ANDPS, R_SCRATCH, reg_b, sign, sign);
    xmm_rrr(c, X64_ORPS, to, to, R_SCRATCH);
    value_release(c, &a);
    value_release(c, &b);
    dest_end(c, vt, to);
}

/* abs, neg, ceil, floor, trunc, nearest, sqrt in the order of opcodes */
static void compile_unary(struct compiler *c, uint8_t vt, unsigned n)
{
    static const uint8_t rounding[] = {[2] = 2, [3] = 1, [4] = 3, [5] = 0};
    struct value a = value_pop(c);
    uint8_t to = dest_begin(c), from = value_reg(c, &a);
    uint64_t sign = vt == VT_F64 ? 1ull << 63 : 0x8000000080000000;
    bool wide = vt == VT_F64;

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    if (n == 0) {
        xmm_literal(c, X64_ANDPS, to, from, ~sign, ~sign);
    } else if (n == 1) {
        xmm_literal(c, X64_XORPS, to, from, sign, sign);
    } else if (n == 6) {
        if (c->avx)
            x64_vex_rrr(&c->b, forms_of[SQRT][wide], to - R_XMM0, from - R_XMM0, from - R_XMM0);
        else
            x64_sse_rr(&c->b, forms_of[SQRT][wide], to - R_XMM0, from - R_XMM0);
    } else if (c->avx) { /* 8: no exception for an inexact result */
        x64_vex_rrri(&c->b, wide ? X64_ROUNDSD : X64_ROUNDSS, to - R_XMM0, from - R_XMM0, from - R_XMM0,
                     rounding[n] | 8u);
    } else {
        x64_sse_rri(&c->b, wide ? X64_ROUNDSD : X64_ROUNDSS, to - R_XMM0, from - R_XMM0, rounding[n] | 8u);
    }
    value_release_but(c, &a, to);
    dest_end(c, vt, to);
}

/* eq, ne, lt, gt, le, ge in the order of opcodes: unordered sets the carry, so less is asked as greater of the swapped.
 */
static void compile_float_compare(struct compiler *c, uint8_t vt, unsigned n)
{
    static const uint8_t conditions[] = {CC_FLOAT_EQ, CC_FLOAT_NE, X64_A, X64_A, X64_AE, X64_AE};
    struct value b = value_pop(c), a = value_pop(c);
    enum x64_sse op = vt == VT_F64 ? X64_UCOMISD : X64_UCOMISS;
    struct x64_mem m;
    uint8_t reg;

    if (n == 2 || n == 4 || (n < 2 && value_where(c, &a) == R_NONE)) {
        struct value swap = a;
        a = b;
        b = swap;
    }
    reg = value_reg(c, &a);
    if (value_where(c, &b) == R_NONE && value_mem(c, &b, &m)) {
        xmm_rm(c, op, reg, m);
        literal_used(c);
    } else {
        xmm_rr(c, op, reg, value_reg(c, &b));
    }
    value_release(c, &a);
    value_release(c, &b);
    condition_push(c, conditions[n]);
}

void compile_float(struct compiler *c, uint8_t op)
{
    if (op < WASM_OP_F32_ABS) {
        bool wide = op >= WASM_OP_F64_EQ;

        compile_float_compare(c, wide ? VT_F64 : VT_F32, op - (wide ? WASM_OP_F64_EQ : WASM_OP_F32_EQ));
        return;
    }
    bool wide = op >= WASM_OP_F64_ABS;
    uint8_t vt = wide ? VT_F64 : VT_F32;
    unsigned n = op - (wide ? WASM_OP_F64_ABS : WASM_OP_F32_ABS);
    if (n <= 6)
        compile_unary(c, vt, n);
    else if (n <= 10)
        compile_arithmetic(c, forms_of[n - 6][wide], vt, n == 7 || n == 9);
    else if (n <= 12)
        compile_min_max(c, vt, n == 12);
    else
        compile_copysign(c, vt);
}

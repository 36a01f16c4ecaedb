/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions (specification 4.3.3, 4.3.4). The CPU's truncations give INT_MIN for whatever does not fit; the rare case
 * behind that value is told apart then: not a number, too large, or INT_MIN indeed.
 */
#include "wasm/baseline/float.h"

/* ---- Between integers, and bits ---------------------------------------------------------------------------------- */

static void compile_extend(struct compiler *c, enum x64_int op, enum x64_width w, uint8_t from_vt, uint8_t to_vt)
{
    struct value a = value_pop(c);
    uint8_t to = dest_begin(c), from = value_where(c, &a);
    struct x64_mem m;

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
    if (from != R_NONE) {
        if (op != X64_MOV || w != X64_W32 || to != from || from_vt != VT_I32)
            x64_rr(&c->b, op, w, to, from);
    } else if (a.kind != K_CONST && value_mem(c, &a, &m)) { /* the lower part is at the same address */
        x64_rm(&c->b, op, w, to, m);
    } else {
        emit_const(c, from_vt, to, a.imm);
        x64_rr(&c->b, op, w, to, to);
    }
    value_release_but(c, &a, to);
    dest_end(c, to_vt, to);
}

static void compile_reinterpret(struct compiler *c, uint8_t from_vt, uint8_t to_vt)
{
    struct value a = value_pop(c);
    struct x64_mem m;
    uint8_t to, from = value_where(c, &a);
    bool wide = to_vt == VT_I64 || to_vt == VT_F64;

    if (a.kind == K_CONST) {
        value_push_const(c, to_vt, a.imm);
        return;
    }
    to = dest_begin(c);
    if (to == R_NONE)
        to = reg_alloc(c, vt_class(to_vt));
    if (from == R_NONE && value_mem(c, &a, &m)) {
        emit_load(c, to_vt, to, m);
    } else if (vt_is_vector(to_vt)) {
        xmm_rr(c, wide ? X64_MOVQ : X64_MOVD, to, from);
    } else if (c->avx) {
        x64_vex_store_rr(&c->b, wide ? X64_MOVQ_STORE : X64_MOVD_STORE, to, from - R_XMM0);
    } else {
        x64_sse_store_rr(&c->b, wide ? X64_MOVQ_STORE : X64_MOVD_STORE, to, from - R_XMM0);
    }
    value_release(c, &a);
    dest_end(c, to_vt, to);
    (void)from_vt;
}

/* ---- Floats to integers ------------------------------------------------------------------------------------------ */

static uint64_t float_bits(uint8_t vt, double v)
{
    float f = (float)v;
    uint32_t low;
    uint64_t bits = 0;

    if (vt == VT_F64) {
        memcpy(&bits, &v, 8);
        return bits;
    }
    memcpy(&low, &f, 4);
    return low;
}

static void emit_truncate(struct compiler *c, uint8_t vt, bool wide, uint8_t to, uint8_t from)
{
    enum x64_sse op =
        vt == VT_F64 ? (wide ? X64_CVTTSD2SI64 : X64_CVTTSD2SI) : (wide ? X64_CVTTSS2SI64 : X64_CVTTSS2SI);

    xmm_rr(c, op, to, from);
}

static void emit_compare(struct compiler *c, uint8_t vt, uint8_t reg, double with)
{
    xmm_literal_scalar(c, vt == VT_F64 ? X64_UCOMISD : X64_UCOMISS, vt, reg, float_bits(vt, with));
}

struct truncation {
    uint8_t from_vt, to_vt;
    bool is_unsigned, saturates;
};

static void truncate_signed(struct compiler *c, const struct truncation *t, uint8_t to, uint8_t from)
{
    bool wide = t->to_vt == VT_I64;
    /* The largest number below the range, or the smallest in it when the one below cannot be told. */
    double lowest = wide ? -0x1p63 : t->from_vt == VT_F64 ? -0x1.00000002p31 : -0x1p31;
    bool in_range = wide || t->from_vt == VT_F32;
    struct x64_label done = {0}, number = {0};

    emit_truncate(c, t->from_vt, wide, to, from);
    x64_ri(&c->b, X64_CMP, vt_width(t->to_vt), to, 1);
    x64_jcc(&c->b, X64_NO, &done);
    xmm_rr(c, t->from_vt == VT_F64 ? X64_UCOMISD : X64_UCOMISS, from, from);
    if (!t->saturates) {
        trap_if(c, X64_P, WASM_TRAP_INVALID_CONVERSION);
        emit_compare(c, t->from_vt, from, lowest);
        trap_if(c, in_range ? X64_B : X64_BE, WASM_TRAP_INTEGER_OVERFLOW);
        emit_compare(c, t->from_vt, from, 0);
        trap_if(c, X64_AE, WASM_TRAP_INTEGER_OVERFLOW);
    } else {
        x64_jcc(&c->b, X64_NP, &number);
        x64_zero(&c->b, to);
        x64_jmp(&c->b, &done);
        x64_bind(&c->b, &number);
        emit_compare(c, t->from_vt, from, 0);
        x64_jcc(&c->b, X64_B, &done);
        x64_mov_ri(&c->b, to, wide ? INT64_MAX : INT32_MAX);
    }
    x64_bind(&c->b, &done);
}

/* By way of 64 bits. */
static void truncate_unsigned32(struct compiler *c, const struct truncation *t, uint8_t to, uint8_t from)
{
    struct x64_label done = {0};
    uint8_t low = reg_alloc(c, GENERAL);

    if (t->saturates) {
        x64_zero(&c->b, to);
        emit_compare(c, t->from_vt, from, 0);
        x64_jcc(&c->b, X64_BE, &done); /* unordered, too */
        emit_truncate(c, t->from_vt, true, to, from);
        x64_mov_ri(&c->b, low, UINT32_MAX);
        x64_rr(&c->b, X64_CMP, X64_W64, to, low);
        x64_cmov_rr(&c->b, X64_A, X64_W64, to, low);
    } else {
        emit_truncate(c, t->from_vt, true, to, from);
        x64_rr(&c->b, X64_MOV, X64_W32, low, to);
        x64_rr(&c->b, X64_CMP, X64_W64, low, to);
        x64_jcc(&c->b, X64_E, &done);
        xmm_rr(c, t->from_vt == VT_F64 ? X64_UCOMISD : X64_UCOMISS, from, from);
        trap_if(c, X64_P, WASM_TRAP_INVALID_CONVERSION);
        x64_jmp(&c->b, trap_label(c, WASM_TRAP_INTEGER_OVERFLOW));
    }
    x64_bind(&c->b, &done);
    reg_free(c, low);
}

/* What is not below 2^63 is taken down by that much first. */
static void truncate_unsigned64(struct compiler *c, const struct truncation *t, uint8_t to, uint8_t from)
{
    struct x64_label done = {0}, large = {0}, fits = {0};
    uint64_t half = float_bits(t->from_vt, 0x1p63);
    enum x64_sse sub = t->from_vt == VT_F64 ? X64_SUBSD : X64_SUBSS;

    if (t->saturates) {
        x64_zero(&c->b, to);
        emit_compare(c, t->from_vt, from, 0);
        x64_jcc(&c->b, X64_BE, &done);
    }
    emit_compare(c, t->from_vt, from, 0x1p63);
    if (!t->saturates)
        trap_if(c, X64_P, WASM_TRAP_INVALID_CONVERSION);
    x64_jcc(&c->b, X64_AE, &large);
    emit_truncate(c, t->from_vt, true, to, from);
    if (!t->saturates) {
        x64_rr(&c->b, X64_TEST, X64_W64, to, to);
        trap_if(c, X64_S, WASM_TRAP_INTEGER_OVERFLOW);
    }
    x64_jmp(&c->b, &done);
    x64_bind(&c->b, &large);
    xmm_rrm(c, sub, R_SCRATCH, from, literal_at(c, &half, t->from_vt == VT_F64 ? 8 : 4));
    literal_used(c);
    emit_truncate(c, t->from_vt, true, to, R_SCRATCH);
    x64_rr(&c->b, X64_TEST, X64_W64, to, to);
    if (t->saturates) {
        x64_jcc(&c->b, X64_NS, &fits);
        x64_mov_ri(&c->b, to, UINT64_MAX);
        x64_jmp(&c->b, &done);
        x64_bind(&c->b, &fits);
    } else {
        trap_if(c, X64_S, WASM_TRAP_INTEGER_OVERFLOW);
    }
    x64_bit_ri(&c->b, X64_BTC_IMM, X64_W64, to, 63);
    x64_bind(&c->b, &done);
}

static void compile_truncate(struct compiler *c, uint8_t from_vt, uint8_t to_vt, bool is_unsigned, bool saturates)
{
    const struct truncation t = {from_vt, to_vt, is_unsigned, saturates};
    struct value a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = dest_apart(c, to_vt);

    if (!is_unsigned)
        truncate_signed(c, &t, to, from);
    else if (to_vt == VT_I32)
        truncate_unsigned32(c, &t, to, from);
    else
        truncate_unsigned64(c, &t, to, from);
    value_release(c, &a);
    dest_end(c, to_vt, to);
}

/* ---- Integers to floats, and between floats ---------------------------------------------------------------------- */

/* Above INT64_MAX: half of it, with the lost bit kept so that rounding is the same, then doubled. */
static void emit_convert_unsigned64(struct compiler *c, uint8_t to_vt, uint8_t to, uint8_t from)
{
    enum x64_sse op = to_vt == VT_F64 ? X64_CVTSI2SD64 : X64_CVTSI2SS64;
    enum x64_sse add = to_vt == VT_F64 ? X64_ADDSD : X64_ADDSS;
    struct x64_label large = {0}, done = {0};
    uint8_t half = reg_alloc(c, GENERAL), bit = reg_alloc(c, GENERAL);

    x64_rr(&c->b, X64_TEST, X64_W64, from, from);
    x64_jcc(&c->b, X64_S, &large);
    xmm_convert(c, op, to, from);
    x64_jmp(&c->b, &done);
    x64_bind(&c->b, &large);
    x64_rr(&c->b, X64_MOV, X64_W64, half, from);
    x64_rr(&c->b, X64_MOV, X64_W32, bit, from);
    x64_shift_ri(&c->b, X64_SHR, X64_W64, half, 1);
    x64_ri(&c->b, X64_AND, X64_W32, bit, 1);
    x64_rr(&c->b, X64_OR, X64_W64, half, bit);
    xmm_convert(c, op, to, half);
    xmm_rrr(c, add, to, to, to);
    x64_bind(&c->b, &done);
    reg_free(c, half);
    reg_free(c, bit);
}

static void compile_convert_float(struct compiler *c, uint8_t from_vt, uint8_t to_vt, bool is_unsigned)
{
    struct value a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = dest_begin(c);
    bool f64 = to_vt == VT_F64;

    if (to == R_NONE)
        to = reg_alloc(c, VECTOR);
    if (from_vt == VT_I64 && is_unsigned)
        emit_convert_unsigned64(c, to_vt, to, from);
    else if (from_vt == VT_I64 || is_unsigned) /* an i32 has zeros above */
        xmm_convert(c, f64 ? X64_CVTSI2SD64 : X64_CVTSI2SS64, to, from);
    else
        xmm_convert(c, f64 ? X64_CVTSI2SD : X64_CVTSI2SS, to, from);
    value_release(c, &a);
    dest_end(c, to_vt, to);
}

static void compile_resize(struct compiler *c, uint8_t from_vt, uint8_t to_vt)
{
    struct value a = value_pop(c);
    uint8_t from = value_reg(c, &a), to = dest_begin(c);

    if (to == R_NONE)
        to = a.kind == K_REG ? a.reg : reg_alloc(c, VECTOR);
    xmm_convert(c, from_vt == VT_F64 ? X64_CVTSD2SS : X64_CVTSS2SD, to, from);
    value_release_but(c, &a, to);
    dest_end(c, to_vt, to);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void compile_truncation_row(struct compiler *c, unsigned n, bool saturates, uint8_t to_vt)
{
    compile_truncate(c, n & 2 ? VT_F64 : VT_F32, to_vt, n & 1, saturates);
}

void compile_convert(struct compiler *c, uint32_t op)
{
    switch (op) {
    case WASM_OP_I32_WRAP_I64:
        compile_extend(c, X64_MOV, X64_W32, VT_I64, VT_I32);
        return;
    case WASM_OP_I64_EXTEND_I32_U:
        compile_extend(c, X64_MOV, X64_W32, VT_I32, VT_I64);
        return;
    case WASM_OP_I64_EXTEND_I32_S:
        compile_extend(c, X64_MOVSXD, X64_W64, VT_I32, VT_I64);
        return;
    case WASM_OP_I32_EXTEND8_S:
        compile_extend(c, X64_MOVSX8, X64_W32, VT_I32, VT_I32);
        return;
    case WASM_OP_I32_EXTEND16_S:
        compile_extend(c, X64_MOVSX16, X64_W32, VT_I32, VT_I32);
        return;
    case WASM_OP_I64_EXTEND8_S:
        compile_extend(c, X64_MOVSX8, X64_W64, VT_I64, VT_I64);
        return;
    case WASM_OP_I64_EXTEND16_S:
        compile_extend(c, X64_MOVSX16, X64_W64, VT_I64, VT_I64);
        return;
    case WASM_OP_I64_EXTEND32_S:
        compile_extend(c, X64_MOVSXD, X64_W64, VT_I64, VT_I64);
        return;
    case WASM_OP_I32_REINTERPRET_F32:
        compile_reinterpret(c, VT_F32, VT_I32);
        return;
    case WASM_OP_I64_REINTERPRET_F64:
        compile_reinterpret(c, VT_F64, VT_I64);
        return;
    case WASM_OP_F32_REINTERPRET_I32:
        compile_reinterpret(c, VT_I32, VT_F32);
        return;
    case WASM_OP_F64_REINTERPRET_I64:
        compile_reinterpret(c, VT_I64, VT_F64);
        return;
    case WASM_OP_F32_DEMOTE_F64:
        compile_resize(c, VT_F64, VT_F32);
        return;
    case WASM_OP_F64_PROMOTE_F32:
        compile_resize(c, VT_F32, VT_F64);
        return;
    }
    if (op >= WASM_OP_I32_TRUNC_SAT_F32_S && op <= WASM_OP_I64_TRUNC_SAT_F64_U) {
        unsigned n = op - WASM_OP_I32_TRUNC_SAT_F32_S;

        compile_truncation_row(c, n, true, n < 4 ? VT_I32 : VT_I64);
    } else if (op < WASM_OP_I64_EXTEND_I32_S) {
        compile_truncation_row(c, op - WASM_OP_I32_TRUNC_F32_S, false, VT_I32);
    } else if (op < WASM_OP_F32_CONVERT_I32_S) {
        compile_truncation_row(c, op - WASM_OP_I64_TRUNC_F32_S, false, VT_I64);
    } else {
        bool f64 = op >= WASM_OP_F64_CONVERT_I32_S;
        unsigned n = op - (f64 ? WASM_OP_F64_CONVERT_I32_S : WASM_OP_F32_CONVERT_I32_S);

        compile_convert_float(c, n < 2 ? VT_I32 : VT_I64, f64 ? VT_F64 : VT_F32, n & 1);
    }
}

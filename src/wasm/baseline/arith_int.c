/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers (specification 4.3.2). A 32-bit operation clears the upper half of its register, which is the invariant that
 * addresses count on. Constants are folded, and are the second operand of what commutes.
 */
#include "wasm/baseline/internal.h"

static uint64_t masked(uint8_t vt, uint64_t v)
{
    return vt == VT_I32 ? (uint32_t)v : v;
}

/* ---- add, sub, and, or, xor -------------------------------------------------------------------------------------- */

/* op to, v */
static void emit_operand(struct compiler *c, enum x64_int op, uint8_t vt, uint8_t to, struct value *v)
{
    struct x64_mem m;

    if (value_imm32(v)) {
        x64_ri(&c->b, op, vt_width(vt), to, (int32_t)v->imm);
    } else if (value_where(c, v) == R_NONE && v->kind != K_CONST && value_mem(c, v, &m)) {
        value_mem_note(c, v);
        x64_rm(&c->b, op, vt_width(vt), to, m);
    } else {
        x64_rr(&c->b, op, vt_width(vt), to, value_reg(c, v));
    }
}

static bool fold(enum x64_int op, uint8_t vt, uint64_t a, uint64_t b, uint64_t *out)
{
    *out = masked(vt, op == X64_ADD   ? a + b
                      : op == X64_SUB ? a - b
                      : op == X64_AND ? (a & b)
                      : op == X64_OR  ? (a | b)
                                      : a ^ b);
    return true;
}

/* to = to op b; the cases with a shorter form */
static void emit_alu(struct compiler *c, enum x64_int op, uint8_t vt, uint8_t to, struct value *b)
{
    if (op == X64_AND && b->kind == K_CONST) {
        if (b->imm == 0xff) {
            x64_rr(&c->b, X64_MOVZX8, X64_W32, to, to);
            return;
        }
        if (b->imm == 0xffff) {
            x64_rr(&c->b, X64_MOVZX16, X64_W32, to, to);
            return;
        }
        if (b->imm == 0xffffffff && vt == VT_I64) {
            x64_rr(&c->b, X64_MOV, X64_W32, to, to);
            return;
        }
        if (b->imm <= INT32_MAX) { /* the upper half becomes zero by itself */
            x64_ri(&c->b, op, X64_W32, to, (int32_t)b->imm);
            flags_note(c, vt, to);
            return;
        }
    }
    if (op == X64_XOR && b->kind == K_CONST && b->imm == masked(vt, UINT64_MAX)) {
        x64_r(&c->b, X64_NOT, vt_width(vt), to);
        return;
    }
    emit_operand(c, op, vt, to, b);
    flags_note(c, vt, to);
}

static void compile_alu(struct compiler *c, enum x64_int op, uint8_t vt)
{
    struct value b = value_pop(c), a = value_pop(c);
    bool commutes = op != X64_SUB;
    uint8_t to, reg_a, reg_b;
    uint64_t folded;

    if (a.kind == K_CONST && b.kind == K_CONST && fold(op, vt, a.imm, b.imm, &folded)) {
        value_push_const(c, vt, folded);
        return;
    }
    if (op == X64_SUB && value_imm32(&b) && (int32_t)b.imm != INT32_MIN) {
        op = X64_ADD;
        b.imm = masked(vt, -b.imm);
    }
    if (commutes && (a.kind == K_CONST || (a.kind != K_REG && b.kind == K_REG))) {
        struct value swap = a;
        a = b;
        b = swap;
    }
    if (op == X64_ADD && vt == VT_I32 && address_push(c, &a, &b, 0))
        return;
    to = dest_begin(c);
    if (value_mem_uses(&b, to)) /* its address would be overwritten */
        value_load(c, &b);
    reg_a = value_where(c, &a);
    reg_b = value_where(c, &b);
    if (to == R_NONE) {
        to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
    } else if (to == reg_b && to != reg_a) {
        if (!commutes) { /* a - to */
            x64_r(&c->b, X64_NEG, vt_width(vt), to);
            emit_operand(c, X64_ADD, vt, to, &a);
            value_release(c, &a);
            dest_end(c, vt, to);
            return;
        }
        struct value swap = a;
        a = b;
        b = swap;
        reg_b = reg_a;
        reg_a = to;
    }
    if (op == X64_ADD && reg_a != R_NONE && reg_a != to && (reg_b != R_NONE || value_imm32(&b))) {
        struct x64_mem m = reg_b != R_NONE ? x64_at_index(reg_a, reg_b, 0, 0) : x64_at(reg_a, (int32_t)b.imm);

        x64_rm(&c->b, X64_LEA, vt_width(vt), to, m);
    } else {
        if (reg_a != to)
            value_to(c, &a, to);
        emit_alu(c, op, vt, to, &b);
    }
    value_release_but(c, &a, to);
    value_release_but(c, &b, to);
    dest_end(c, vt, to);
}

/* ---- Multiplication ---------------------------------------------------------------------------------------------- */

static void compile_mul(struct compiler *c, uint8_t vt)
{
    struct value b = value_pop(c), a = value_pop(c);
    struct x64_mem m;
    uint8_t to, reg_a;

    if (a.kind == K_CONST || (a.kind != K_REG && b.kind == K_REG)) {
        struct value swap = a;
        a = b;
        b = swap;
    }
    if (a.kind == K_CONST) {
        value_push_const(c, vt, masked(vt, a.imm * b.imm));
        return;
    }
    to = dest_begin(c);
    if (value_imm32(&b)) {
        reg_a = value_reg(c, &a);
        if (to == R_NONE)
            to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
        if (b.imm && !(b.imm & (b.imm - 1))) {
            emit_move(c, vt, to, reg_a);
            x64_shift_ri(&c->b, X64_SHL, vt_width(vt), to, (unsigned)__builtin_ctzll(b.imm));
        } else if (b.imm == 3 || b.imm == 5 || b.imm == 9) {
            x64_rm(&c->b, X64_LEA, vt_width(vt), to,
                   x64_at_index(reg_a, reg_a,
                                b.imm == 3   ? 1
                                : b.imm == 5 ? 2
                                             : 3,
                                0));
        } else {
            x64_imul_rri(&c->b, vt_width(vt), to, reg_a, (int32_t)b.imm);
        }
        value_release_but(c, &a, to);
        dest_end(c, vt, to);
        return;
    }
    if (value_mem_uses(&b, to))
        value_load(c, &b);
    if (to != R_NONE && to == value_where(c, &b)) {
        struct value swap = a;
        a = b;
        b = swap;
    }
    if (to == R_NONE)
        to = value_own(c, &a);
    else if (value_where(c, &a) != to)
        value_to(c, &a, to);
    if (b.kind != K_CONST && value_where(c, &b) == R_NONE && value_mem(c, &b, &m)) {
        value_mem_note(c, &b);
        x64_rm(&c->b, X64_IMUL, vt_width(vt), to, m);
    } else {
        x64_rr(&c->b, X64_IMUL, vt_width(vt), to, value_reg(c, &b));
    }
    value_release_but(c, &a, to);
    value_release_but(c, &b, to);
    dest_end(c, vt, to);
}

/* ---- Comparison -------------------------------------------------------------------------------------------------- */

static uint8_t swapped(uint8_t cc)
{
    static const uint8_t swap[16] = {
        [X64_E] = X64_E,   [X64_NE] = X64_NE, [X64_L] = X64_G, [X64_G] = X64_L,   [X64_LE] = X64_GE,
        [X64_GE] = X64_LE, [X64_B] = X64_A,   [X64_A] = X64_B, [X64_BE] = X64_AE, [X64_AE] = X64_BE};
    return swap[cc];
}

static bool compare(uint8_t cc, uint8_t vt, uint64_t a, uint64_t b)
{
    int64_t sa = vt == VT_I32 ? (int32_t)a : (int64_t)a, sb = vt == VT_I32 ? (int32_t)b : (int64_t)b;

    switch (cc) {
    case X64_E:
        return a == b;
    case X64_NE:
        return a != b;
    case X64_L:
        return sa < sb;
    case X64_GE:
        return sa >= sb;
    case X64_LE:
        return sa <= sb;
    case X64_G:
        return sa > sb;
    case X64_B:
        return a < b;
    case X64_AE:
        return a >= b;
    case X64_BE:
        return a <= b;
    default:
        return a > b;
    }
}

static void compile_compare(struct compiler *c, uint8_t cc, uint8_t vt)
{
    struct value b = value_pop(c), a = value_pop(c);
    struct x64_mem m;

    if (a.kind == K_CONST && b.kind == K_CONST) {
        value_push_const(c, VT_I32, compare(cc, vt, a.imm, b.imm));
        return;
    }
    if (a.kind == K_CONST) {
        struct value swap = a;
        a = b;
        b = swap;
        cc = swapped(cc);
    }
    if (value_where(c, &a) == R_NONE && value_imm32(&b) && value_mem(c, &a, &m)) {
        value_mem_note(c, &a);
        x64_mi(&c->b, X64_CMP, vt_width(vt), m, (int32_t)b.imm);
    } else {
        uint8_t reg = value_reg(c, &a);

        if (b.kind == K_CONST && !b.imm)
            x64_rr(&c->b, X64_TEST, vt_width(vt), reg, reg);
        else
            emit_operand(c, X64_CMP, vt, reg, &b);
    }
    value_release(c, &a);
    value_release(c, &b);
    condition_push(c, cc);
}

static void compile_eqz(struct compiler *c, uint8_t vt)
{
    struct value a = value_pop(c);
    struct x64_mem m;

    if (a.kind == K_FLAGS) {
        condition_push(c, a.reg ^ 1);
        return;
    }
    if (a.kind == K_CONST) {
        value_push_const(c, VT_I32, !a.imm);
        return;
    }
    if (value_where(c, &a) == R_NONE && value_mem(c, &a, &m)) {
        value_mem_note(c, &a);
        x64_mi(&c->b, X64_CMP, vt_width(vt), m, 0);
    } else {
        uint8_t reg = value_reg(c, &a);

        if (!flags_tell(c, vt, reg))
            x64_rr(&c->b, X64_TEST, vt_width(vt), reg, reg);
    }
    value_release(c, &a);
    condition_push(c, X64_E);
}

/* ---- Shifts ------------------------------------------------------------------------------------------------------ */

/* x + (i << 1, 2, 3), as in addresses of elements, is one lea. */
static bool compile_scaled_add(struct compiler *c, uint8_t vt, unsigned count)
{
    uint8_t add = vt == VT_I32 ? WASM_OP_I32_ADD : WASM_OP_I64_ADD;

    if (*c->p != add || count > 3 || c->sp[-2].kind == K_CONST)
        return false;
    c->p++;
    struct value i = value_pop(c), x = value_pop(c);
    if (vt == VT_I32 && address_push(c, &x, &i, (uint8_t)count))
        return true;
    uint8_t to = dest_begin(c), reg_i = value_reg(c, &i), reg_x = value_reg(c, &x);
    if (to == R_NONE)
        to = x.kind == K_REG ? x.reg : i.kind == K_REG ? i.reg : reg_alloc(c, GENERAL);
    x64_rm(&c->b, X64_LEA, vt_width(vt), to, x64_at_index(reg_x, reg_i, count, 0));
    value_release_but(c, &x, to);
    value_release_but(c, &i, to);
    dest_end(c, vt, to);
    return true;
}

static uint64_t fold_shift(enum x64_shift op, uint8_t vt, uint64_t a, unsigned n)
{
    unsigned bits = vt == VT_I32 ? 32 : 64;

    switch (op) {
    case X64_SHL:
        return masked(vt, a << n);
    case X64_SHR:
        return a >> n;
    case X64_SAR:
        return masked(vt, vt == VT_I32 ? (uint64_t)((int32_t)a >> n) : (uint64_t)((int64_t)a >> n));
    case X64_ROR:
        n = (bits - n) % bits;
        break;
    default:
        break;
    }
    return n ? masked(vt, a << n | a >> (bits - n)) : a;
}

static void compile_shift_const(struct compiler *c, enum x64_shift op, uint8_t vt, unsigned count)
{
    struct value a;
    uint8_t to, from;

    if (op == X64_SHL && count && compile_scaled_add(c, vt, count))
        return;
    a = value_pop(c);
    if (a.kind == K_CONST) {
        value_push_const(c, vt, fold_shift(op, vt, a.imm, count));
        return;
    }
    to = dest_begin(c);
    if ((op == X64_ROL || op == X64_ROR) && c->bmi2 && (to != R_NONE || a.kind != K_REG)) {
        unsigned bits = vt == VT_I32 ? 32 : 64;

        from = value_reg(c, &a);
        if (to == R_NONE)
            to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
        x64_rorx_rri(&c->b, vt_width(vt), to, from, op == X64_ROL ? (bits - count) % bits : count);
        value_release_but(c, &a, to);
        dest_end(c, vt, to);
        return;
    }
    from = value_where(c, &a);
    if (to == R_NONE) {
        to = value_own(c, &a);
    } else if (from != to) {
        if (op == X64_SHL && count == 1 && from != R_NONE) {
            x64_rm(&c->b, X64_LEA, vt_width(vt), to, x64_at_index(from, from, 0, 0));
            count = 0;
        } else {
            value_to(c, &a, to);
        }
        value_release(c, &a);
    }
    if (count)
        x64_shift_ri(&c->b, op, vt_width(vt), to, count);
    dest_end(c, vt, to);
}

static void compile_shift(struct compiler *c, enum x64_shift op, uint8_t vt)
{
    struct value n = value_pop(c), a;
    uint8_t to;

    if (n.kind == K_CONST) {
        compile_shift_const(c, op, vt, (unsigned)n.imm & (vt == VT_I32 ? 31 : 63));
        return;
    }
    a = value_pop(c);
    if (c->bmi2 && op != X64_ROL && op != X64_ROR) {
        uint32_t form = op == X64_SHL ? X64_SHLX : op == X64_SHR ? X64_SHRX : X64_SARX;
        uint8_t from = value_reg(c, &a), count = value_reg(c, &n);

        to = dest_begin(c);
        if (to == R_NONE)
            to = a.kind == K_REG ? a.reg : n.kind == K_REG ? n.reg : reg_alloc(c, GENERAL);
        x64_bmi_rrc(&c->b, form, vt_width(vt), to, from, count);
        value_release_but(c, &a, to);
        value_release_but(c, &n, to);
        dest_end(c, vt, to);
        return;
    }
    dest_begin(c);
    if (n.kind != K_REG || n.reg != X64_RCX) {
        reg_claim(c, X64_RCX, &a, NULL);
        value_to(c, &n, X64_RCX);
        value_release(c, &n);
    }
    to = value_own(c, &a);
    x64_shift_r_cl(&c->b, op, vt_width(vt), to);
    reg_free(c, X64_RCX);
    dest_end(c, vt, to);
}

/* ---- Division ---------------------------------------------------------------------------------------------------- */

/* By a constant power of two, unsigned. */
static bool compile_div_power(struct compiler *c, uint8_t vt, bool rem)
{
    struct value b = c->sp[-1];

    if (b.kind != K_CONST || !b.imm || (b.imm & (b.imm - 1)))
        return false;
    if (rem) {
        c->sp[-1].imm = b.imm - 1;
        compile_alu(c, X64_AND, vt);
    } else {
        value_pop(c);
        compile_shift_const(c, X64_SHR, vt, (unsigned)__builtin_ctzll(b.imm));
    }
    return true;
}

/* By another constant, 32 bits unsigned: the upper half of a product with 2^64 / b, rounded up, is the quotient, since
 * what rounding adds, less than b * 2^32 / 2^64, is too little to reach the next one. */
static bool compile_div_constant(struct compiler *c, bool rem)
{
    struct value b = c->sp[-1], a;
    uint32_t divisor = (uint32_t)b.imm;
    uint8_t from;

    if (b.kind != K_CONST || divisor < 3 || !(divisor & (divisor - 1)) || c->sp[-2].kind == K_CONST)
        return false;
    value_pop(c);
    a = value_pop(c);
    dest_begin(c);
    reg_claim(c, X64_RAX, &a, NULL);
    reg_claim(c, X64_RDX, &a, NULL);
    from = value_reg(c, &a);
    x64_mov_ri(&c->b, X64_RAX, UINT64_MAX / divisor + 1);
    x64_r(&c->b, X64_MUL, X64_W64, from);
    if (rem) {
        x64_imul_rri(&c->b, X64_W32, X64_RAX, X64_RDX, (int32_t)divisor);
        x64_rr(&c->b, X64_MOV, X64_W32, X64_RDX, from);
        x64_rr(&c->b, X64_SUB, X64_W32, X64_RDX, X64_RAX);
    }
    value_release(c, &a);
    reg_free(c, X64_RAX);
    dest_end(c, VT_I32, X64_RDX);
    return true;
}

/* Signed, by a positive one: the product with 2^(32 + shift) / b, rounded up, taken down by that much, is the quotient
 * towards minus infinity; one more where the dividend is negative (Hacker's Delight, 10-1: the factor has 32 bits and
 * is taken as unsigned here, since 64 bits hold the product). */
static bool compile_div_constant_signed(struct compiler *c, bool rem)
{
    struct value b = c->sp[-1], a;
    int32_t divisor = (int32_t)b.imm;
    uint8_t from, product;

    if (b.kind != K_CONST || divisor < 2 || c->sp[-2].kind == K_CONST)
        return false;
    unsigned shift = 31 - (unsigned)__builtin_clz((uint32_t)divisor);
    if (!(divisor & (divisor - 1)))
        shift--;
    uint64_t factor = ((uint64_t)1 << (32 + shift)) / (uint32_t)divisor + 1;
    value_pop(c);
    a = value_pop(c);
    dest_begin(c);
    from = value_reg(c, &a);
    product = reg_alloc(c, GENERAL);
    uint8_t temporary = reg_alloc(c, GENERAL);
    x64_rr(&c->b, X64_MOVSXD, X64_W64, temporary, from);
    x64_mov_ri(&c->b, product, factor);
    x64_rr(&c->b, X64_IMUL, X64_W64, product, temporary);
    x64_shift_ri(&c->b, X64_SAR, X64_W64, product, 32 + shift);
    x64_shift_ri(&c->b, X64_SHR, X64_W64, temporary, 63);
    x64_rr(&c->b, X64_ADD, X64_W32, product, temporary);
    if (rem) {
        x64_imul_rri(&c->b, X64_W32, temporary, product, divisor);
        x64_rr(&c->b, X64_MOV, X64_W32, product, from);
        x64_rr(&c->b, X64_SUB, X64_W32, product, temporary);
    }
    reg_free(c, temporary);
    value_release(c, &a);
    dest_end(c, VT_I32, product);
    return true;
}

/* The quotient of what has none: INT_MIN / -1. The remainder there is 0. */
static void emit_div_signed(struct compiler *c, uint8_t vt, bool rem, bool check, uint8_t divisor)
{
    uint32_t over = 0, end = 0;
    enum x64_width w = vt_width(vt);

    if (check) {
        x64_ri(&c->b, X64_CMP, w, divisor, -1);
        over = x64_jcc_short(&c->b, X64_NE);
        if (rem) {
            x64_zero(&c->b, X64_RDX);
            end = x64_jmp_short(&c->b);
        } else {
            x64_r(&c->b, X64_NEG, w, X64_RAX);
            trap_if(c, X64_O, WASM_TRAP_INTEGER_OVERFLOW);
            end = x64_jmp_short(&c->b);
        }
        x64_land(&c->b, over);
    }
    x64_bare(&c->b, w == X64_W32 ? X64_CDQ : X64_CQO);
    x64_r(&c->b, X64_IDIV, w, divisor);
    if (end)
        x64_land(&c->b, end);
}

static void compile_div(struct compiler *c, uint8_t vt, bool is_signed, bool rem)
{
    enum x64_width w = vt_width(vt);
    struct value a, b;
    uint8_t divisor;
    bool check;

    if (!is_signed && compile_div_power(c, vt, rem))
        return;
    if (vt == VT_I32 && (is_signed ? compile_div_constant_signed : compile_div_constant)(c, rem))
        return;
    b = value_pop(c);
    a = value_pop(c);
    if (b.kind == K_CONST && (!b.imm || b.imm == masked(vt, UINT64_MAX)))
        value_load(c, &b);
    dest_begin(c);
    if (a.kind != K_REG || a.reg != X64_RAX) {
        reg_claim(c, X64_RAX, &b, NULL);
        value_to(c, &a, X64_RAX);
        value_release(c, &a);
    }
    reg_claim(c, X64_RDX, &b, NULL);
    check = b.kind != K_CONST;
    divisor = value_reg(c, &b);
    if (check) {
        x64_rr(&c->b, X64_TEST, w, divisor, divisor);
        trap_if(c, X64_E, WASM_TRAP_DIVIDE_BY_ZERO);
    }
    if (is_signed) {
        emit_div_signed(c, vt, rem, check, divisor);
    } else {
        x64_zero(&c->b, X64_RDX);
        x64_r(&c->b, X64_DIV, w, divisor);
    }
    value_release(c, &b);
    reg_free(c, rem ? X64_RAX : X64_RDX);
    dest_end(c, vt, rem ? X64_RDX : X64_RAX);
}

/* ---- One operand ------------------------------------------------------------------------------------------------- */

static uint64_t fold_count(uint8_t vt, uint64_t v, unsigned which)
{
    unsigned bits = vt == VT_I32 ? 32 : 64;

    if (which == 2)
        return (uint64_t)__builtin_popcountll(v);
    if (!v)
        return bits;
    return which == 0 ? (uint64_t)__builtin_clzll(v) - (64 - bits) : (uint64_t)__builtin_ctzll(v);
}

/* clz, ctz, popcnt. Without lzcnt and tzcnt: bsr and bsf, which give nothing for 0. */
static void compile_count(struct compiler *c, uint8_t vt, unsigned which)
{
    struct value a = value_pop(c);
    enum x64_width w = vt_width(vt);
    uint8_t from, to;
    int32_t bits = vt == VT_I32 ? 32 : 64;

    if (a.kind == K_CONST) {
        value_push_const(c, vt, fold_count(vt, a.imm, which));
        return;
    }
    from = value_reg(c, &a);
    if (which == 2 || (which == 0 ? c->lzcnt : c->bmi1)) {
        to = dest_begin(c);
        if (to == R_NONE)
            to = a.kind == K_REG ? a.reg : reg_alloc(c, GENERAL);
        x64_rr(&c->b, which == 2 ? X64_POPCNT : which == 0 ? X64_LZCNT : X64_TZCNT, w, to, from);
        value_release_but(c, &a, to);
        dest_end(c, vt, to);
        return;
    }
    to = dest_apart(c, vt);
    uint8_t none = reg_alloc(c, GENERAL);
    x64_mov_ri(&c->b, none, (uint64_t)(which == 0 ? 2 * bits - 1 : bits));
    x64_rr(&c->b, which == 0 ? X64_BSR : X64_BSF, w, to, from);
    x64_cmov_rr(&c->b, X64_E, w, to, none);
    if (which == 0)
        x64_ri(&c->b, X64_XOR, w, to, bits - 1);
    reg_free(c, none);
    value_release(c, &a);
    dest_end(c, vt, to);
}

void compile_integer(struct compiler *c, uint8_t op)
{
    /* In the order of opcodes, from eqz or clz on. */
    static const uint8_t conditions[] = {X64_E, X64_NE, X64_L, X64_B, X64_G, X64_A, X64_LE, X64_BE, X64_GE, X64_AE};
    static const uint32_t alu[] = {[0] = X64_ADD, [1] = X64_SUB, [7] = X64_AND, [8] = X64_OR, [9] = X64_XOR};
    static const uint8_t shifts[] = {X64_SHL, X64_SAR, X64_SHR, X64_ROL, X64_ROR};
    bool is_64 = op >= WASM_OP_I64_CLZ || (op >= WASM_OP_I64_EQZ && op < WASM_OP_F32_EQ);
    uint8_t vt = is_64 ? VT_I64 : VT_I32;

    if (op < WASM_OP_F32_EQ) {
        unsigned n = op - (is_64 ? WASM_OP_I64_EQZ : WASM_OP_I32_EQZ);

        if (n == 0)
            compile_eqz(c, vt);
        else
            compile_compare(c, conditions[n - 1], vt);
        return;
    }
    unsigned n = op - (is_64 ? WASM_OP_I64_CLZ : WASM_OP_I32_CLZ);
    if (n < 3) {
        compile_count(c, vt, n);
        return;
    }
    n -= 3;
    if (n == 2)
        compile_mul(c, vt);
    else if (n >= 3 && n <= 6)
        compile_div(c, vt, n == 3 || n == 5, n >= 5);
    else if (n >= 10)
        compile_shift(c, shifts[n - 10], vt);
    else
        compile_alu(c, alu[n], vt);
}

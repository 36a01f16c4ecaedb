/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiplication and division (Intel 2A, 2B: MUL IMUL DIV IDIV MULX). C and O say whether a product's upper half is of
 * use; of the other flags, left open by the manual, S and P are those of the lower half, Z and A are 0. Division
 * changes no flag. A quotient that does not fit, and a divisor of 0, is #DE.
 */
#include "cpu/int.h"

typedef unsigned __int128 uint128;
typedef __int128 int128;

/* ---- Products -------------------------------------------------------------------------------------------------- */

static inline void product_flags(struct lazy_flags *f, uint64_t low, unsigned bits, bool wide)
{
    flags_logic(f, low, bits);
    flags_put_co(f, wide, wide);
    if (UNLIKELY(flags_z(f))) /* S and P as of 0, Z not */
        flags_put(f, FLAG_Z, 0);
}

/* imul of two operands into a register. */
#define IMUL(bits, wider)                                                                                              \
    static inline uint##bits##_t imul##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                  \
    {                                                                                                                  \
        wider r = (wider)(int##bits##_t)a * (int##bits##_t)b;                                                          \
        product_flags(f, (uint64_t)r, bits, r != (int##bits##_t)r);                                                    \
        return (uint##bits##_t)r;                                                                                      \
    }                                                                                                                  \
    static void imul##bits##_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, imul##bits(&cpu->flags, reg_get##bits(cpu, op->reg), reg_get##bits(cpu, op->rm))); \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void imul##bits##_rri(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, imul##bits(&cpu->flags, reg_get##bits(cpu, op->rm), (uint##bits##_t)op->imm));     \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void imul##bits##_rr_quiet(struct cpu *cpu, const struct op *op)                                            \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg,                                                                                    \
                      (uint##bits##_t)((uint64_t)reg_get##bits(cpu, op->reg) * reg_get##bits(cpu, op->rm)));           \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void imul##bits##_rri_quiet(struct cpu *cpu, const struct op *op)                                           \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)(reg_get##bits(cpu, op->rm) * (uint64_t)op->imm));                 \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    INT_LOADER(imul##bits##_rm, bits,                                                                                  \
               reg_set##bits(cpu, op->reg, imul##bits(&cpu->flags, reg_get##bits(cpu, op->reg), v)))                   \
    INT_LOADER(imul##bits##_rmi, bits, reg_set##bits(cpu, op->reg, imul##bits(&cpu->flags, v, (uint##bits##_t)op->imm)))
IMUL(16, int32_t)
IMUL(32, int64_t)
IMUL(64, int128)

/* Into dx:ax, or ax of bytes. */
static void put_product(struct cpu *cpu, unsigned size, uint64_t low, uint64_t high)
{
    if (size == 1) {
        gpr_set16(cpu, GPR_AX, (uint16_t)((low & 0xff) | high << 8));
        return;
    }
    gpr_set(cpu, GPR_AX, size, low);
    gpr_set(cpu, GPR_DX, size, high);
}

static void mul_do(struct cpu *cpu, unsigned size, uint64_t v)
{
    uint128 r = (uint128)reg_get(cpu, GPR_AX, size) * v;
    uint64_t high = (uint64_t)(r >> 8 * size);

    put_product(cpu, size, (uint64_t)r, high);
    product_flags(&cpu->flags, (uint64_t)r, 8 * size, int_cut(high, size) != 0);
}

static void imul_do(struct cpu *cpu, unsigned size, uint64_t v)
{
    unsigned bits = 8 * size;
    int128 r = (int128)(int64_t)flags_extend(reg_get(cpu, GPR_AX, size), bits) * (int64_t)flags_extend(v, bits);

    put_product(cpu, size, (uint64_t)r, (uint64_t)(r >> bits));
    product_flags(&cpu->flags, (uint64_t)r, bits, r != (int64_t)flags_extend((uint64_t)r, bits));
}

/* ---- Quotients ------------------------------------------------------------------------------------------------- */

/* The upper half of what is divided: dx, or ah. */
static uint64_t dividend_high(struct cpu *cpu, unsigned size)
{
    return size == 1 ? (uint8_t)(cpu->gpr[GPR_AX] >> 8) : gpr_get(cpu, GPR_DX, size);
}

static void put_quotient(struct cpu *cpu, unsigned size, uint64_t quotient, uint64_t remainder)
{
    put_product(cpu, size, quotient, remainder); /* they lie where a product's halves do */
}

/* `high` is less than v. The compiler would call for a library's function. */
static uint64_t divide_wide(uint64_t high, uint64_t low, uint64_t v, uint64_t *remainder)
{
    uint64_t quotient;

    __asm__("divq %4" : "=a"(quotient), "=d"(*remainder) : "a"(low), "d"(high), "r"(v) : "cc");
    return quotient;
}

/* Of `size` bytes each. false: it does not fit. */
static bool divide(unsigned size, uint64_t high, uint64_t low, uint64_t v, uint64_t *quotient, uint64_t *remainder)
{
    if (high >= v) /* 0 among them */
        return false;
    if (size == 8) {
        *quotient = divide_wide(high, low, v, remainder);
        return true;
    }
    uint64_t both = high << 8 * size | low;

    *quotient = both / v;
    *remainder = both % v;
    return true;
}

static bool div_do(struct cpu *cpu, unsigned size, uint64_t v)
{
    uint64_t q, r;

    if (!divide(size, dividend_high(cpu, size), reg_get(cpu, GPR_AX, size), v, &q, &r))
        return cpu_raise(cpu, VECTOR_DE, 0);
    put_quotient(cpu, size, q, r);
    return true;
}

/* By magnitudes. The remainder has the dividend's sign; -2^(n-1) fits. */
static bool idiv_do(struct cpu *cpu, unsigned size, uint64_t v)
{
    unsigned bits = 8 * size;
    uint64_t low = reg_get(cpu, GPR_AX, size), high = dividend_high(cpu, size), q, r, top = UINT64_C(1) << (bits - 1);
    bool negative = high & top, opposite = negative != !!(v & top);

    if (negative) {
        high = int_cut(~high + (low == 0), size);
        low = int_cut(-low, size);
    }
    if (v & top)
        v = int_cut(-v, size);
    if (!divide(size, high, low, v, &q, &r) || q > (opposite ? top : top - 1))
        return cpu_raise(cpu, VECTOR_DE, 0);
    put_quotient(cpu, size, opposite ? -q : q, negative ? -r : r);
    return true;
}

/* ---- Handlers ---------------------------------------------------------------------------------------------------- */

#define ONE_OPERAND(name, work)                                                                                        \
    static void name##_r(struct cpu *cpu, const struct op *op)                                                         \
    {                                                                                                                  \
        if (!work(cpu, op->operand_size, reg_get(cpu, op->reg, op->operand_size)))                                     \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##_m(struct cpu *cpu, const struct op *op)                                                         \
    {                                                                                                                  \
        struct cpu_value v = op_load_slow(cpu, op, op->operand_size);                                                  \
        if (!v.ok || !work(cpu, op->operand_size, v.value))                                                            \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
#define MUL_DO(cpu, size, v)  (mul_do(cpu, size, v), true)
#define IMUL_DO(cpu, size, v) (imul_do(cpu, size, v), true)
ONE_OPERAND(mul, MUL_DO)
ONE_OPERAND(imul, IMUL_DO)
ONE_OPERAND(div, div_do)
ONE_OPERAND(idiv, idiv_do)

/* The low half into extra2, the high one into reg, which holds if they are the same. No flags. */
static void mulx(struct cpu *cpu, const struct op *op)
{
    struct cpu_value v = {gpr_get(cpu, op->rm, op->operand_size), 1};

    if (op->flags & OP_MEMORY)
        v = op_load_slow(cpu, op, op->operand_size);
    if (!v.ok)
        return;
    uint128 r = (uint128)gpr_get(cpu, GPR_DX, op->operand_size) * v.value;

    gpr_set(cpu, op->extra2, op->operand_size, (uint64_t)r);
    gpr_set(cpu, op->reg, op->operand_size, (uint64_t)(r >> 8 * op->operand_size));
    NEXT(cpu, op);
}

/* ---- Which ----------------------------------------------------------------------------------------------------- */

static op_handler *const imuls[3][4] = {
    {imul16_rr, imul16_rm, imul16_rri, imul16_rmi},
    {imul32_rr, imul32_rm, imul32_rri, imul32_rmi},
    {imul64_rr, imul64_rm, imul64_rri, imul64_rmi},
};

static op_handler *const quiet[3][2] = {
    {imul16_rr_quiet, imul16_rri_quiet},
    {imul32_rr_quiet, imul32_rri_quiet},
    {imul64_rr_quiet, imul64_rri_quiet},
};

static void bind_imul(const struct insn *insn, struct op *op)
{
    unsigned width = int_width(op->operand_size) - 1;
    bool three = insn->n_operands == 3;

    op->run = imuls[width][insn->has_memory + 2 * three];
    if (insn->has_memory)
        return;
    int_overwritten(op);
    int_quiet(op, quiet[width][three]);
}

static bool bind_mulx(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    op->reg = insn->operands[0].reg;
    op->extra2 = insn->operands[1].reg;
    op->rm = insn->operands[2].reg;
    op->operand_size = (uint8_t)insn->operands[0].bytes;
    op->run = mulx;
    return cpu->mode >= MODE_PROTECTED && int_has(cpu, FEATURE_BMI2);
}

bool bind_multiply(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    bool memory = insn->has_memory;

    int_bind_form(insn, op);
    switch (insn->name) {
    case INSN_MUL:
        op->run = memory ? mul_m : mul_r;
        return true;
    case INSN_IMUL:
        if (insn->n_operands == 1)
            op->run = memory ? imul_m : imul_r;
        else
            bind_imul(insn, op);
        return true;
    case INSN_DIV:
        op->run = memory ? div_m : div_r;
        return true;
    case INSN_IDIV:
        op->run = memory ? idiv_m : idiv_r;
        return true;
    case INSN_MULX:
        return bind_mulx(cpu, insn, op);
    default:
        return false;
    }
}

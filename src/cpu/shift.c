/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shifts and rotations (Intel 2B: RCL RCR ROL ROR SAL SAR SHL SHR SHLD SHRD). A count is cut to 5 bits, of 64-bit
 * operands 6; 0 changes no flag. What the manual leaves open is as processors do it: the overflow flag of any count is
 * that of the last step, and a shift of 16 bits by more goes on with the destination's own bits.
 */
#include "cpu/int.h"

enum { ROL, ROR, RCL, RCR, SHL, SHR, SAR, KINDS };

#define INLINE static inline __attribute__((always_inline))

INLINE bool bit_of(uint64_t v, unsigned n)
{
    return v >> n & 1;
}

/* For rotations: C and O alone change. `n` is less than bits. */
INLINE uint64_t rotate(struct lazy_flags *f, unsigned kind, uint64_t a, unsigned n, unsigned bits)
{
    uint64_t r = n == 0 ? a : kind == ROL ? a << n | a >> (bits - n) : a >> n | a << (bits - n);

    r = flags_extend(r, bits);
    if (kind == ROL)
        flags_put_co(f, r & 1, bit_of(r, bits - 1) != (r & 1));
    else
        flags_put_co(f, bit_of(r, bits - 1), bit_of(r, bits - 1) != bit_of(r, bits - 2));
    return r;
}

/* With C as one more bit: n is up to bits. O is that of the last step; of none, as it would come out. */
INLINE uint64_t rotate_carry(struct lazy_flags *f, unsigned kind, uint64_t a, unsigned n, unsigned bits)
{
    uint64_t c = flags_c(f), r;

    if (n == 0) {
        r = a;
        flags_put_co(f, c, bit_of(r, bits - 1) != (kind == RCL ? c : bit_of(r, bits - 2)));
    } else if (kind == RCL) {
        r = (n < 64 ? a << n : 0) | c << (n - 1) | (n > 1 ? a >> (bits + 1 - n) : 0);
        c = bit_of(a, bits - n);
        flags_put_co(f, c, bit_of(r, bits - 1) != c);
    } else {
        r = (n < 64 ? a >> n : 0) | c << (bits - n) | (n > 1 ? a << (bits + 1 - n) : 0);
        c = bit_of(a, n - 1);
        flags_put_co(f, c, bit_of(r, bits - 1) != bit_of(r, bits - 2));
    }
    return r;
}

INLINE uint64_t shift(struct lazy_flags *f, unsigned kind, uint64_t a, unsigned count, unsigned bits)
{
    uint64_t r;
    bool c, o;

    if (kind == SHL) {
        r = a << count;
        c = bits == 64 ? bit_of(a, 64 - count) : bit_of(r, bits);
        o = bit_of(r, bits - 1) != c;
    } else if (kind == SHR) {
        r = a >> count;
        c = bit_of(a, count - 1);
        o = bit_of(r, bits - 2);
    } else {
        int64_t s = (int64_t)flags_extend(a, bits);
        r = (uint64_t)(s >> count);
        c = bit_of((uint64_t)s, count - 1);
        o = false;
    }
    flags_logic(f, r, bits);
    flags_put_co(f, c, o);
    return r;
}

/* `count` is cut, and not 0. What is above `bits` of a is 0, of the result it does not matter. */
INLINE uint64_t shift_by(struct lazy_flags *f, unsigned kind, uint64_t a, unsigned count, unsigned bits)
{
    unsigned n = bits < 32 ? count % (bits + 1) : count;

    switch (kind) {
    case ROL:
    case ROR:
        return rotate(f, kind, a, count & (bits - 1), bits);
    case RCL:
    case RCR:
        return rotate_carry(f, kind, a, n, bits);
    default:
        return shift(f, kind, a, count, bits);
    }
}

/* ---- Handlers ------------------------------------------------------------------------------------------------ */

enum { COUNT_CL = 1 }; /* op->extra2: not in op->imm */

INLINE unsigned count_of(const struct cpu *cpu, const struct op *op, unsigned bits)
{
    return (unsigned)(op->extra2 == COUNT_CL ? cpu->gpr[GPR_CX] : (uint64_t)op->imm) & (bits == 64 ? 63 : 31);
}

/* Registers; a count in op->imm is cut and not 0. */
#define SHIFT(name, kind, bits)                                                                                        \
    static void name##bits##_ri(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        uint64_t r = shift_by(&cpu->flags, kind, reg_get##bits(cpu, op->reg), (unsigned)op->imm, bits);                \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)r);                                                                \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_rc(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        unsigned count = (unsigned)cpu->gpr[GPR_CX] & (bits == 64 ? 63 : 31);                                          \
        uint64_t r = reg_get##bits(cpu, op->reg);                                                                      \
        if (count)                                                                                                     \
            r = shift_by(&cpu->flags, kind, r, count, bits);                                                           \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)r); /* of 32 bits the upper half becomes 0 either way */           \
        NEXT(cpu, op);                                                                                                 \
    }
/* By an immediate without flags (int.h). */
#define SHIFT_QUIET(name, bits, expression)                                                                            \
    static void name##bits##_quiet(struct cpu *cpu, const struct op *op)                                               \
    {                                                                                                                  \
        uint##bits##_t a = reg_get##bits(cpu, op->reg);                                                                \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)(expression));                                                     \
        NEXT(cpu, op);                                                                                                 \
    }
SHIFT_QUIET(shl, 32, a << (op->imm & 31))
SHIFT_QUIET(shl, 64, a << (op->imm & 63))
SHIFT_QUIET(shr, 32, a >> (op->imm & 31))
SHIFT_QUIET(shr, 64, a >> (op->imm & 63))
SHIFT_QUIET(sar, 32, (int32_t)a >> (op->imm & 31))
SHIFT_QUIET(sar, 64, (int64_t)a >> (op->imm & 63))
SHIFT_QUIET(rol, 32, a << (op->imm & 31) | a >> (-op->imm & 31))
SHIFT_QUIET(rol, 64, a << (op->imm & 63) | a >> (-op->imm & 63))
SHIFT_QUIET(ror, 32, a >> (op->imm & 31) | a << (-op->imm & 31))
SHIFT_QUIET(ror, 64, a >> (op->imm & 63) | a << (-op->imm & 63))
static op_handler *const quiet[KINDS][2] = {
    [SHL] = {shl32_quiet, shl64_quiet}, [SHR] = {shr32_quiet, shr64_quiet}, [SAR] = {sar32_quiet, sar64_quiet},
    [ROL] = {rol32_quiet, rol64_quiet}, [ROR] = {ror32_quiet, ror64_quiet},
};

#define SHIFTS(name, kind) SHIFT(name, kind, 8) SHIFT(name, kind, 16) SHIFT(name, kind, 32) SHIFT(name, kind, 64)
SHIFTS(rol, ROL)
SHIFTS(ror, ROR)
SHIFTS(rcl, RCL)
SHIFTS(rcr, RCR)
SHIFTS(shl, SHL)
SHIFTS(shr, SHR)
SHIFTS(sar, SAR)

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
        {name##8_ri, name##8_rc}, {name##16_ri, name##16_rc}, {name##32_ri, name##32_rc},                              \
        {                                                                                                              \
            name##64_ri, name##64_rc                                                                                   \
        }                                                                                                              \
    }
static op_handler *const of_registers[KINDS][4][2] = {ROW(rol), ROW(ror), ROW(rcl), ROW(rcr),
                                                      ROW(shl), ROW(shr), ROW(sar)};
#undef ROW

static uint64_t shift_of(struct lazy_flags *f, unsigned kind, uint64_t a, unsigned count, unsigned size)
{
    switch (size) {
    case 1:
        return shift_by(f, kind, a, count, 8);
    case 2:
        return shift_by(f, kind, a, count, 16);
    case 4:
        return shift_by(f, kind, a, count, 32);
    default:
        return shift_by(f, kind, a, count, 64);
    }
}

/* Memory, whatever the count. */
static bool shift_place(struct cpu *cpu, const struct op *op)
{
    unsigned count = count_of(cpu, op, 8 * op->operand_size);
    struct place place;
    uint64_t v;

    if (!int_place(cpu, op, op->operand_size, &v, &place))
        return false;
    if (count)
        int_place_store(cpu, &place, op->operand_size, shift_of(&cpu->flags, op->extra, v, count, op->operand_size));
    return true;
}

static void shift_memory(struct cpu *cpu, const struct op *op)
{
    if (!shift_place(cpu, op))
        return;
    NEXT(cpu, op);
}

/* A count of 0: of 32 bits the upper half becomes 0 all the same. */
static void shift_nothing(struct cpu *cpu, const struct op *op)
{
    reg_set(cpu, op->reg, op->operand_size, reg_get(cpu, op->reg, op->operand_size));
    NEXT(cpu, op);
}

/* ---- Two registers wide ---------------------------------------------------------------------------------------- */

/* a is the destination, b what moves in. Of 16 bits, a stands on both sides of b. */
INLINE uint64_t shift_double(struct lazy_flags *f, bool left, uint64_t a, uint64_t b, unsigned count, unsigned bits)
{
    uint64_t wide = a << 32 | b << 16 | a, r;
    bool c;

    if (bits == 16) {
        r = left ? wide << count >> 32 : wide >> count;
        c = left ? bit_of(wide, 48 - count) : bit_of(wide, count - 1);
    } else {
        r = left ? a << count | b >> (bits - count) : a >> count | b << (bits - count);
        c = left ? bit_of(a, bits - count) : bit_of(a, count - 1);
    }
    flags_logic(f, r, bits);
    flags_put_co(f, c, bit_of(r, bits - 1) != (left ? c : bit_of(r, bits - 2)));
    return r;
}

static uint64_t double_of(struct lazy_flags *f, bool left, uint64_t a, uint64_t b, unsigned count, unsigned size)
{
    return size == 2   ? shift_double(f, left, a, b, count, 16)
           : size == 4 ? shift_double(f, left, a, b, count, 32)
                       : shift_double(f, left, a, b, count, 64);
}

static void double_registers(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size, count = count_of(cpu, op, 8 * size);
    uint64_t a = gpr_get(cpu, op->reg, size);

    if (count)
        a = double_of(&cpu->flags, op->extra == SHL, a, gpr_get(cpu, op->rm, size), count, size);
    gpr_set(cpu, op->reg, size, a);
    NEXT(cpu, op);
}

static bool double_place(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size, count = count_of(cpu, op, 8 * size);
    struct place place;
    uint64_t a, b = gpr_get(cpu, op->reg, size);

    if (!int_place(cpu, op, size, &a, &place))
        return false;
    if (count)
        int_place_store(cpu, &place, size, double_of(&cpu->flags, op->extra == SHL, a, b, count, size));
    return true;
}

static void double_memory(struct cpu *cpu, const struct op *op)
{
    if (!double_place(cpu, op))
        return;
    NEXT(cpu, op);
}

/* ---- Which ----------------------------------------------------------------------------------------------------- */

static int kind_of(enum insn_name name)
{
    switch (name) {
    case INSN_ROL:
        return ROL;
    case INSN_ROR:
        return ROR;
    case INSN_RCL:
        return RCL;
    case INSN_RCR:
        return RCR;
    case INSN_SHL:
    case INSN_SHLD:
        return SHL;
    case INSN_SHR:
    case INSN_SHRD:
        return SHR;
    case INSN_SAR:
        return SAR;
    default:
        return -1;
    }
}

bool bind_shift(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    const struct insn_operand *count = &insn->operands[insn->n_operands - 1];
    bool by_cl = count->kind == OPERAND_REGISTER;
    int kind = kind_of(insn->name);

    if (kind < 0)
        return bind_bits(cpu, insn, op, ends); /* those that change no flags */
    op->extra = (uint8_t)kind;
    op->extra2 = by_cl ? COUNT_CL : 0;
    op->imm = insn->imm & (insn->operands[0].bytes == 8 ? 63 : 31);
    int_bind_form(insn, op);
    if (insn->n_operands == 3)
        op->run = insn->has_memory ? double_memory : double_registers;
    else if (insn->has_memory)
        op->run = shift_memory;
    else if (!by_cl && op->imm == 0)
        op->run = shift_nothing;
    else
        op->run = of_registers[kind][int_width(op->operand_size)][by_cl];
    if (insn->n_operands == 2 && !insn->has_memory && !by_cl && op->imm) {
        if (kind >= SHL)
            int_overwritten(op);
        if (op->operand_size >= 4 && quiet[kind][op->operand_size / 8])
            int_quiet(op, quiet[kind][op->operand_size / 8]);
    }
    return true;
}

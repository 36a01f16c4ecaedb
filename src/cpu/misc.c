/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that are alone in what they do (Intel 2A, 2B): decimal arithmetic (AAA AAD AAM AAS DAA DAS), exchanges
 * that depend on a comparison (CMPXCHG CMPXCHG8B CMPXCHG16B, XADD), random numbers, flags set and cleared, BOUND, SALC.
 */
#include "cpu/int.h"

/* ---- Decimal -------------------------------------------------------------------------------------------------------
 */

static void put_decimal_flags(struct lazy_flags *f, uint8_t r, bool c, bool a)
{
    flags_logic(f, r, 8);
    flags_put(f, FLAG_C | FLAG_A, (c ? FLAG_C : 0) | (a ? FLAG_A : 0));
}

/* daa adds, das subtracts: 6 to the lower digit, 60 to the upper. */
static void decimal_adjust(struct cpu *cpu, bool subtract)
{
    uint8_t al = (uint8_t)cpu->gpr[GPR_AX], r = al;
    bool c = false, c_old = flags_c(&cpu->flags), a = (al & 15) > 9 || flags_a(&cpu->flags);

    if (a) {
        c = c_old || (subtract ? al < 6 : al > 0xf9);
        r = (uint8_t)(subtract ? r - 6 : r + 6);
    }
    if (al > 0x99 || c_old) {
        r = (uint8_t)(subtract ? r - 0x60 : r + 0x60);
        c = true;
    }
    *op_byte(cpu, 8 * GPR_AX) = r;
    put_decimal_flags(&cpu->flags, r, c, a);
}

static void daa(struct cpu *cpu, const struct op *op)
{
    decimal_adjust(cpu, false);
    NEXT(cpu, op);
}
static void das(struct cpu *cpu, const struct op *op)
{
    decimal_adjust(cpu, true);
    NEXT(cpu, op);
}

/* Of a digit a byte, in ax. */
static void ascii_adjust(struct cpu *cpu, bool subtract)
{
    uint16_t ax = gpr16(cpu, GPR_AX);
    bool carry = (ax & 15) > 9 || flags_a(&cpu->flags);

    if (carry)
        ax = (uint16_t)(subtract ? ax - 0x106 : ax + 0x106);
    ax &= 0xff0f;
    gpr_set16(cpu, GPR_AX, ax);
    put_decimal_flags(&cpu->flags, (uint8_t)ax, carry, carry);
}

static void aaa(struct cpu *cpu, const struct op *op)
{
    ascii_adjust(cpu, false);
    NEXT(cpu, op);
}
static void aas(struct cpu *cpu, const struct op *op)
{
    ascii_adjust(cpu, true);
    NEXT(cpu, op);
}

static void aam(struct cpu *cpu, const struct op *op)
{
    uint8_t al = (uint8_t)cpu->gpr[GPR_AX], base = (uint8_t)op->imm;

    if (base == 0)
        return cpu_fault(cpu, op, VECTOR_DE, 0);
    gpr_set16(cpu, GPR_AX, (uint16_t)(al / base << 8 | al % base));
    put_decimal_flags(&cpu->flags, al % base, false, false);
    NEXT(cpu, op);
}

static void aad(struct cpu *cpu, const struct op *op)
{
    uint16_t ax = gpr16(cpu, GPR_AX);
    uint8_t r = (uint8_t)(ax + (ax >> 8) * (unsigned)op->imm);

    gpr_set16(cpu, GPR_AX, r);
    put_decimal_flags(&cpu->flags, r, false, false);
    NEXT(cpu, op);
}

/* ---- Compare and exchange ---------------------------------------------------------------------------------------- */

/* Memory is exchanged in one step whether lock is there or not. A destination that differs is written back as it was,
 * in effect: it must be writable. */
static bool cmpxchg_place(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t accumulator = reg_get(cpu, GPR_AX, size), v;
    struct place place;

    if (!int_place(cpu, op, size, &v, &place))
        return false;
    while (v == accumulator && !int_place_exchange(cpu, &place, size, &v, reg_get(cpu, op->reg, size)))
        ;
    flags_sub(&cpu->flags, accumulator, v, accumulator - v, 8 * size);
    if (v != accumulator)
        reg_set(cpu, GPR_AX, size, v);
    return true;
}

static void cmpxchg_memory(struct cpu *cpu, const struct op *op)
{
    if (!cmpxchg_place(cpu, op))
        return;
    NEXT(cpu, op);
}

static void cmpxchg_register(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t accumulator = reg_get(cpu, GPR_AX, size), v = reg_get(cpu, op->reg, size);

    flags_sub(&cpu->flags, accumulator, v, accumulator - v, 8 * size);
    if (v == accumulator)
        reg_set(cpu, op->reg, size, reg_get(cpu, op->rm, size));
    else
        reg_set(cpu, GPR_AX, size, v);
    NEXT(cpu, op);
}

static bool cmpxchg8b_place(struct cpu *cpu, const struct op *op)
{
    uint64_t both = gpr32(cpu, GPR_AX) | (uint64_t)gpr32(cpu, GPR_DX) << 32, v;
    uint64_t new = gpr32(cpu, GPR_BX) | (uint64_t)gpr32(cpu, GPR_CX) << 32;
    struct place place;

    if (!int_place(cpu, op, 8, &v, &place))
        return false;
    while (v == both && !int_place_exchange(cpu, &place, 8, &v, new))
        ;
    flags_put(&cpu->flags, FLAG_Z, v == both ? FLAG_Z : 0);
    if (v != both) {
        cpu->gpr[GPR_AX] = (uint32_t)v;
        cpu->gpr[GPR_DX] = v >> 32;
    }
    return true;
}

static void cmpxchg8b(struct cpu *cpu, const struct op *op)
{
    if (!cmpxchg8b_place(cpu, op))
        return;
    NEXT(cpu, op);
}

/* Two halves of a place, for what has no host address. */
static bool exchange_halves(struct cpu *cpu, struct place place, uint64_t old[2], const uint64_t new[2])
{
    struct cpu_value high = cpu_load_slow(cpu, place.linear + 8, 8), low = cpu_load_slow(cpu, place.linear, 8);
    bool same = low.value == old[0] && high.value == old[1];

    if (!high.ok || !low.ok)
        return false;
    old[0] = low.value;
    old[1] = high.value;
    if (!same)
        return false;
    cpu_place_store_slow(cpu, &place, 8, &new[0]);
    place.linear += 8;
    cpu_place_store_slow(cpu, &place, 8, &new[1]);
    return true;
}

static bool exchange_16(void *at, uint64_t old[2], const uint64_t new[2])
{
    bool done;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(char(*)[16])at), "+a"(old[0]), "+d"(old[1])
                     : "b"(new[0]), "c"(new[1])
                     : "memory");
    return done;
}

/* Aligned, so both halves lie in one page: what holds of the first holds of the second. */
static bool cmpxchg16b_place(struct cpu *cpu, const struct op *op)
{
    uint64_t old[2] = {cpu->gpr[GPR_AX], cpu->gpr[GPR_DX]}, new[2] = {cpu->gpr[GPR_BX], cpu->gpr[GPR_CX]}, linear;
    struct place place;

    if (!op_linear(cpu, op, 16, ACCESS_STORE, &linear))
        return false;
    if (linear & 15)
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (!int_place_at(cpu, linear, 8, &place).ok)
        return false;
    bool done = place.host ? exchange_16(place.host, old, new) : exchange_halves(cpu, place, old, new);

    flags_put(&cpu->flags, FLAG_Z, done ? FLAG_Z : 0);
    if (!done) {
        cpu->gpr[GPR_AX] = old[0];
        cpu->gpr[GPR_DX] = old[1];
    }
    return true;
}

static void cmpxchg16b(struct cpu *cpu, const struct op *op)
{
    if (!cmpxchg16b_place(cpu, op))
        return;
    NEXT(cpu, op);
}

static bool xadd_place(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t a, b = reg_get(cpu, op->reg, size);
    struct place place;

    if (!int_place(cpu, op, size, &a, &place))
        return false;
    while (!int_place_exchange(cpu, &place, size, &a, a + b))
        ;
    flags_add(&cpu->flags, a, b, a + b, 8 * size);
    reg_set(cpu, op->reg, size, a);
    return true;
}

static void xadd_memory(struct cpu *cpu, const struct op *op)
{
    if (!xadd_place(cpu, op))
        return;
    NEXT(cpu, op);
}

static void xadd_registers(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t a = reg_get(cpu, op->reg, size), b = reg_get(cpu, op->rm, size);

    flags_add(&cpu->flags, a, b, a + b, 8 * size);
    reg_set(cpu, op->rm, size, a);
    reg_set(cpu, op->reg, size, a + b); /* of one register with itself, the sum holds */
    NEXT(cpu, op);
}

/* ---- The rest ------------------------------------------------------------------------------------------------------
 */

static void clc(struct cpu *cpu, const struct op *op)
{
    flags_keep_c(&cpu->flags, false);
    NEXT(cpu, op);
}
static void stc(struct cpu *cpu, const struct op *op)
{
    flags_keep_c(&cpu->flags, true);
    NEXT(cpu, op);
}
static void cmc(struct cpu *cpu, const struct op *op)
{
    flags_keep_c(&cpu->flags, !flags_c(&cpu->flags));
    NEXT(cpu, op);
}
static void cld(struct cpu *cpu, const struct op *op)
{
    cpu->rflags &= ~(uint64_t)FLAG_D;
    NEXT(cpu, op);
}
static void std(struct cpu *cpu, const struct op *op)
{
    cpu->rflags |= FLAG_D;
    NEXT(cpu, op);
}
static void salc(struct cpu *cpu, const struct op *op)
{
    *op_byte(cpu, 8 * GPR_AX) = flags_c(&cpu->flags) ? 0xff : 0;
    NEXT(cpu, op);
}

/* An index between two signed bounds in memory. */
static bool bound_check(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->extra, bits = 8 * size;
    int64_t index = (int64_t)flags_extend(cpu->gpr[op->reg], bits);
    uint64_t offset = op_offset_of(cpu, op), at;
    struct cpu_value low, high;

    if (!cpu_linear(cpu, op->segment, offset, size, ACCESS_LOAD, &at))
        return false;
    low = cpu_load_slow(cpu, at, size);
    if (!low.ok || !cpu_linear(cpu, op->segment, (offset + size) & op->address_mask, size, ACCESS_LOAD, &at))
        return false;
    high = cpu_load_slow(cpu, at, size);
    if (!high.ok)
        return false;
    if (index < (int64_t)flags_extend(low.value, bits) || index > (int64_t)flags_extend(high.value, bits))
        return cpu_raise(cpu, VECTOR_BR, 0);
    return true;
}

static void bound(struct cpu *cpu, const struct op *op)
{
    if (!bound_check(cpu, op))
        return;
    NEXT(cpu, op);
}

/* C says whether there was a number; if not, it is 0. */
static void random_do(struct cpu *cpu, const struct op *op)
{
    uint64_t v = 0;
    bool is = cpu->bus.random(cpu->bus.owner, &v);

    gpr_set(cpu, op->reg, op->operand_size, is ? v : 0);
    flags_set(&cpu->flags, is ? FLAG_C : 0);
}

static void random_number(struct cpu *cpu, const struct op *op)
{
    random_do(cpu, op);
    NEXT(cpu, op);
}

/* ---- Which ----------------------------------------------------------------------------------------------------- */

static op_handler *of_one_name(enum insn_name name)
{
    switch (name) {
    case INSN_DAA:
        return daa;
    case INSN_DAS:
        return das;
    case INSN_AAA:
        return aaa;
    case INSN_AAS:
        return aas;
    case INSN_AAM:
        return aam;
    case INSN_AAD:
        return aad;
    case INSN_SALC:
        return salc;
    case INSN_CLC:
        return clc;
    case INSN_STC:
        return stc;
    case INSN_CMC:
        return cmc;
    case INSN_CLD:
        return cld;
    case INSN_STD:
        return std;
    default:
        return NULL;
    }
}

static bool bind_exchange(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    bool add = insn->name == INSN_XADD;

    if (insn->name == INSN_CMPXCHG8B) {
        bool wide = insn->operands[0].bytes == 16;
        op->run = wide ? cmpxchg16b : cmpxchg8b;
        return int_has(cpu, wide ? CPU_CX16 : CPU_CX8);
    }
    if (int_bind_form(insn, op) == FORM_MR)
        op->run = add ? xadd_memory : cmpxchg_memory;
    else
        op->run = add ? xadd_registers : cmpxchg_register;
    return true;
}

bool bind_misc(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    switch (insn->name) {
    case INSN_CMPXCHG:
    case INSN_CMPXCHG8B:
    case INSN_XADD:
        return bind_exchange(cpu, insn, op);
    case INSN_BOUND:
        op->reg = insn->operands[0].reg;
        op->extra = insn->operand_bytes;
        op->run = bound;
        return true;
    case INSN_RDRAND:
    case INSN_RDSEED:
        op->reg = insn->operands[0].reg;
        op->operand_size = (uint8_t)insn->operands[0].bytes;
        op->run = random_number;
        return int_has(cpu, insn->name == INSN_RDRAND ? CPU_RDRAND : CPU_RDSEED);
    case INSN_CRC32:
        return bind_bits(cpu, insn, op, ends);
    default:
        op->run = of_one_name(insn->name);
        return op->run != NULL || bind_move(cpu, insn, op, ends);
    }
}

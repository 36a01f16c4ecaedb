/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single bits, and counting them (Intel 2A, 2B: BT BTS BTR BTC BSF BSR TZCNT LZCNT POPCNT CRC32, ADX and BMI). What the
 * manual leaves open of flags stays as it was. Instructions that the model does not have are bound as what their opcode
 * was before: TZCNT as BSF, LZCNT as BSR, the others not at all.
 */
#include "cpu/int.h"

/* ---- bt and its like --------------------------------------------------------------------------------------------- */

enum { TEST_BIT, SET_BIT, RESET_BIT, COMPLEMENT_BIT };

static uint64_t bit_changed(unsigned kind, uint64_t v, uint64_t bit)
{
    return kind == SET_BIT ? v | bit : kind == RESET_BIT ? v & ~bit : v ^ bit;
}

/* The number of the bit: op->imm, or the register op->rm when extra2 says so. */
static uint64_t bit_number(struct cpu *cpu, const struct op *op)
{
    return op->extra2 ? gpr_get(cpu, op->rm, op->operand_size) : (uint64_t)op->imm;
}

static void bit_register(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t v = gpr_get(cpu, op->reg, size), bit = UINT64_C(1) << (bit_number(cpu, op) & (8 * size - 1));

    flags_keep_c(&cpu->flags, v & bit);
    if (op->extra != TEST_BIT)
        gpr_set(cpu, op->reg, size, bit_changed(op->extra, v, bit));
    NEXT(cpu, op);
}

/* With a number in a register, memory is a string of bits around the address: the register counts from there, signed.
 */
static bool bit_linear(struct cpu *cpu, const struct op *op, uint64_t number, uint64_t *linear)
{
    unsigned size = op->operand_size;
    uint64_t offset = op_offset_of(cpu, op);

    if (op->extra2) {
        int64_t units = (int64_t)flags_extend(number, 8 * size) >> (size == 8 ? 6 : size == 4 ? 5 : 4);
        offset = (offset + (uint64_t)units * size) & op->address_mask;
    }
    return cpu_linear(cpu, op->segment, offset, size, op->extra == TEST_BIT ? ACCESS_LOAD : ACCESS_STORE, linear);
}

static bool bit_memory_do(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size;
    uint64_t number = bit_number(cpu, op), bit = UINT64_C(1) << (number & (8 * size - 1)), linear;
    struct place place;

    if (!bit_linear(cpu, op, number, &linear))
        return false;
    if (op->extra == TEST_BIT) {
        struct cpu_value v = cpu_load_slow(cpu, linear, size);
        if (v.ok)
            flags_keep_c(&cpu->flags, v.value & bit);
        return v.ok;
    }
    struct cpu_value v = int_place_at(cpu, linear, size, &place);

    if (!v.ok)
        return false;
    if (!(op->flags & OP_LOCK))
        int_place_store(cpu, &place, size, bit_changed(op->extra, v.value, bit));
    else
        while (!int_place_exchange(cpu, &place, size, &v.value, bit_changed(op->extra, v.value, bit)))
            ;
    flags_keep_c(&cpu->flags, v.value & bit);
    return true;
}

static void bit_memory(struct cpu *cpu, const struct op *op)
{
    if (!bit_memory_do(cpu, op))
        return;
    NEXT(cpu, op);
}

/* ---- Searching and counting ----------------------------------------------------------------------------------------
 */

/* A source of 0 leaves the destination as it is. */
static void bsf_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    flags_put(&cpu->flags, FLAG_Z, v ? 0 : FLAG_Z);
    if (v)
        gpr_set(cpu, op->reg, op->operand_size, (uint64_t)__builtin_ctzll(v));
}

static void bsr_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    flags_put(&cpu->flags, FLAG_Z, v ? 0 : FLAG_Z);
    if (v)
        gpr_set(cpu, op->reg, op->operand_size, (uint64_t)(63 - __builtin_clzll(v)));
}

static void put_count(struct cpu *cpu, const struct op *op, uint64_t n, bool none)
{
    flags_put(&cpu->flags, FLAG_Z | FLAG_C, (n ? 0 : FLAG_Z) | (none ? FLAG_C : 0));
    gpr_set(cpu, op->reg, op->operand_size, n);
}

static void tzcnt_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    put_count(cpu, op, v ? (unsigned)__builtin_ctzll(v) : 8u * op->operand_size, !v);
}

static void lzcnt_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    unsigned bits = 8 * op->operand_size;

    put_count(cpu, op, v ? (unsigned)__builtin_clzll(v) - (64 - bits) : bits, !v);
}

static void popcnt_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    uint64_t n = v - (v >> 1 & UINT64_C(0x5555555555555555));

    n = (n & UINT64_C(0x3333333333333333)) + (n >> 2 & UINT64_C(0x3333333333333333));
    n = (n + (n >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    n = n * UINT64_C(0x0101010101010101) >> 56;
    flags_set(&cpu->flags, n ? 0 : FLAG_Z);
    gpr_set(cpu, op->reg, op->operand_size, n);
}

/* Castagnoli's polynomial, reflected. op->extra: bytes of the source. */
static void crc32_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    uint32_t crc = gpr32(cpu, op->reg);

    for (unsigned i = 0; i < op->extra; i++) {
        crc ^= (uint8_t)(v >> 8 * i);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    cpu->gpr[op->reg] = crc;
}

/* ---- ADX and BMI
 * ----------------------------------------------------------------------------------------------------- */

/* One flag is carried in and out, the others stay. */
static void add_flag(struct cpu *cpu, const struct op *op, uint64_t v, uint32_t flag)
{
    unsigned size = op->operand_size;
    uint64_t a = gpr_get(cpu, op->reg, size), in = !!(flags_get(&cpu->flags) & flag), r = int_cut(a + v + in, size);

    flags_put(&cpu->flags, flag, r < a || (in && r == a) ? flag : 0);
    gpr_set(cpu, op->reg, size, r);
}
static void adcx_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    add_flag(cpu, op, v, FLAG_C);
}
static void adox_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    add_flag(cpu, op, v, FLAG_O);
}

/* Into op->reg, with Z, S and C; op->extra is the register in vvvv. */
static void put_bmi(struct cpu *cpu, const struct op *op, uint64_t r, bool c)
{
    flags_logic(&cpu->flags, r, 8 * op->operand_size);
    flags_put_co(&cpu->flags, c, false);
    gpr_set(cpu, op->reg, op->operand_size, r);
}
static uint64_t other(struct cpu *cpu, const struct op *op)
{
    return gpr_get(cpu, op->extra, op->operand_size);
}
static void andn_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    put_bmi(cpu, op, ~other(cpu, op) & v, false);
}
static void blsr_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    put_bmi(cpu, op, v & (v - 1), v == 0);
}
static void blsmsk_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    put_bmi(cpu, op, v ^ (v - 1), v == 0);
}
static void blsi_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    put_bmi(cpu, op, v & -v, v != 0);
}
static void bzhi_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    unsigned n = (uint8_t)other(cpu, op), bits = 8 * op->operand_size;

    put_bmi(cpu, op, n < bits ? v & ((UINT64_C(1) << n) - 1) : v, n > bits - 1);
}
static void bextr_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    uint64_t control = other(cpu, op), start = (uint8_t)control, n = (uint8_t)(control >> 8);

    v = start < 64 ? v >> start : 0;
    put_bmi(cpu, op, n < 64 ? v & ((UINT64_C(1) << n) - 1) : v, false);
}
static void shlx_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    gpr_set(cpu, op->reg, op->operand_size, v << (other(cpu, op) & (8 * op->operand_size - 1)));
}
static void shrx_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    gpr_set(cpu, op->reg, op->operand_size, v >> (other(cpu, op) & (8 * op->operand_size - 1)));
}
static void sarx_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    unsigned bits = 8 * op->operand_size;

    gpr_set(cpu, op->reg, op->operand_size,
            (uint64_t)((int64_t)flags_extend(v, bits) >> (other(cpu, op) & (bits - 1))));
}
static void rorx_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    unsigned bits = 8 * op->operand_size, n = (unsigned)op->imm & (bits - 1);

    gpr_set(cpu, op->reg, op->operand_size, n ? v >> n | v << (bits - n) : v);
}
/* Bits of the one source where the mask v has ones: gathered at the bottom, or spread from there. */
static void pext_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    uint64_t from = other(cpu, op), r = 0;

    for (unsigned n = 0; v; v &= v - 1, n++)
        r |= (from >> __builtin_ctzll(v) & 1) << n;
    gpr_set(cpu, op->reg, op->operand_size, r);
}
static void pdep_do(struct cpu *cpu, const struct op *op, uint64_t v)
{
    uint64_t from = other(cpu, op), r = 0;

    for (; v; v &= v - 1, from >>= 1)
        r |= (from & 1) << __builtin_ctzll(v);
    gpr_set(cpu, op->reg, op->operand_size, r);
}

/* ---- Handlers ------------------------------------------------------------------------------------------------ */

/* Of a register op->rm, or memory, as wide as operand_size; crc32's is as wide as op->extra. */
#define UNARY(name, size)                                                                                              \
    static void name##_r(struct cpu *cpu, const struct op *op)                                                         \
    {                                                                                                                  \
        name##_do(cpu, op, reg_get(cpu, op->rm, size));                                                                \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##_m(struct cpu *cpu, const struct op *op)                                                         \
    {                                                                                                                  \
        struct cpu_value v = op_load_slow(cpu, op, size);                                                              \
        if (!v.ok)                                                                                                     \
            return;                                                                                                    \
        name##_do(cpu, op, v.value);                                                                                   \
        NEXT(cpu, op);                                                                                                 \
    }
#define UNARIES(macro)                                                                                                 \
    macro(bsf, BSF) macro(bsr, BSR) macro(tzcnt, TZCNT) macro(lzcnt, LZCNT) macro(popcnt, POPCNT) macro(adcx, ADCX)    \
        macro(adox, ADOX) macro(andn, ANDN) macro(blsr, BLSR) macro(blsmsk, BLSMSK) macro(blsi, BLSI)                  \
            macro(bzhi, BZHI) macro(bextr, BEXTR) macro(shlx, SHLX) macro(shrx, SHRX) macro(sarx, SARX)                \
                macro(rorx, RORX) macro(pext, PEXT) macro(pdep, PDEP)
#define UNARY_WIDE(name, NAME) UNARY(name, op->operand_size)
UNARIES(UNARY_WIDE)
UNARY(crc32, op->extra)

/* ---- Which ----------------------------------------------------------------------------------------------------- */

static const struct unary {
    uint16_t name;
    op_handler *of_register, *of_memory;
} unaries[] = {
#define UNARY_ROW(name, NAME) {INSN_##NAME, name##_r, name##_m},
    UNARIES(UNARY_ROW) UNARY_ROW(crc32, CRC32)};

static bool bind_bit(unsigned kind, const struct insn *insn, struct op *op)
{
    const struct insn_operand *number = &insn->operands[1];

    op->operand_size = (uint8_t)insn->operands[0].bytes;
    op->reg = insn->operands[0].reg;
    op->extra = (uint8_t)kind;
    op->extra2 = number->kind == OPERAND_REGISTER;
    op->rm = number->reg;
    op->run = insn->has_memory ? bit_memory : bit_register;
    return true;
}

/* What the model has instead; INSN_NAMES: nothing. */
static unsigned name_of_model(const struct cpu *cpu, const struct insn *insn)
{
    bool has = true;

    switch (insn->name) {
    case INSN_TZCNT:
        return int_has(cpu, FEATURE_BMI1) ? INSN_TZCNT : INSN_BSF;
    case INSN_LZCNT:
        return int_has(cpu, CPU_LZCNT) ? INSN_LZCNT : INSN_BSR;
    case INSN_POPCNT:
        has = int_has(cpu, CPU_POPCNT);
        break;
    case INSN_CRC32:
        has = int_has(cpu, CPU_SSE42);
        break;
    case INSN_ADCX:
    case INSN_ADOX:
        has = int_has(cpu, FEATURE_ADX);
        break;
    case INSN_ANDN:
    case INSN_BLSR:
    case INSN_BLSMSK:
    case INSN_BLSI:
    case INSN_BEXTR:
        has = int_has(cpu, FEATURE_BMI1) && cpu->mode >= MODE_PROTECTED;
        break;
    case INSN_BSF:
    case INSN_BSR:
        break;
    default:
        has = int_has(cpu, FEATURE_BMI2) && cpu->mode >= MODE_PROTECTED;
    }
    return has ? insn->name : INSN_NAMES;
}

/* The destination comes first; of the sources one is a register or memory in ModRM, the other in vvvv. */
static void bind_operands(const struct insn *insn, struct op *op)
{
    op->operand_size = (uint8_t)insn->operands[0].bytes;
    op->reg = insn->operands[0].reg;
    op->rm = (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
    op->extra = insn->vvvv & 15;
    if (insn->name == INSN_CRC32) {
        op->extra = (uint8_t)insn->operands[1].bytes;
        op->rm = int_register(&insn->operands[1]);
    }
}

bool bind_bits(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    switch (insn->name) {
    case INSN_BT:
        return bind_bit(TEST_BIT, insn, op);
    case INSN_BTS:
        return bind_bit(SET_BIT, insn, op);
    case INSN_BTR:
        return bind_bit(RESET_BIT, insn, op);
    case INSN_BTC:
        return bind_bit(COMPLEMENT_BIT, insn, op);
    default:
        break;
    }
    unsigned name = name_of_model(cpu, insn);

    for (unsigned i = 0; i < sizeof unaries / sizeof *unaries; i++)
        if (unaries[i].name == name) {
            bind_operands(insn, op);
            op->run = insn->has_memory ? unaries[i].of_memory : unaries[i].of_register;
            return true;
        }
    return false;
}

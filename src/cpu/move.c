/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moves and does not compute (Intel 2A, 2B: MOV MOVZX MOVSX MOVSXD LEA XCHG CMOVcc SETcc CBW CWD BSWAP XLAT MOVBE
 * MOVNTI NOP and its like). No flags are written here.
 */
#include "cpu/int.h"

/* ---- mov ------------------------------------------------------------------------------------------------------- */

#define MOV(bits)                                                                                                      \
    static void mov##bits##_rr(struct cpu *cpu, const struct op *op)                                                   \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, reg_get##bits(cpu, op->rm));                                                       \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void mov##bits##_ri(struct cpu *cpu, const struct op *op)                                                   \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)op->imm);                                                          \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    INT_LOADER(mov##bits##_rm, bits, reg_set##bits(cpu, op->reg, v))                                                   \
    INT_STORER(mov##bits##_mr, bits, reg_get##bits(cpu, op->reg))                                                      \
    INT_STORER(mov##bits##_mi, bits, op->imm)
MOV(8)
MOV(16)
MOV(32)
MOV(64)

#define ROW(bits)                                                                                                      \
    {                                                                                                                  \
        [FORM_RR] = mov##bits##_rr, [FORM_RI] = mov##bits##_ri, [FORM_RM] = mov##bits##_rm,                            \
        [FORM_MR] = mov##bits##_mr, [FORM_MI] = mov##bits##_mi                                                         \
    }
static op_handler *const movs[4][INT_FORMS] = {ROW(8), ROW(16), ROW(32), ROW(64)};
#undef ROW

static bool bind_mov(const struct insn *insn, struct op *op)
{
    enum int_form form = int_bind_form(insn, op);

    if (!insn->has_modrm && insn->has_memory) /* the address is in the instruction */
        op->disp = insn->memory.disp;
    op->run = movs[int_width(op->operand_size)][form];
    if (form <= FORM_RI)
        op->flags |= OP_PURE;
    return true;
}

/* ---- Wider ones, addresses ------------------------------------------------------------------------------------- */

#define EXTEND(name, to, from, expression)                                                                             \
    static void name##_rr(struct cpu *cpu, const struct op *op)                                                        \
    {                                                                                                                  \
        uint##from##_t v = reg_get##from(cpu, op->rm);                                                                 \
        reg_set##to(cpu, op->reg, (uint##to##_t)(expression));                                                         \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    INT_LOADER(name##_rm, from, reg_set##to(cpu, op->reg, (uint##to##_t)(expression)))
EXTEND(movzx16_8, 16, 8, v)
EXTEND(movzx16_16, 16, 16, v)
EXTEND(movzx_8, 64, 8, v) /* to 32 bits as well: those above become 0 */
EXTEND(movzx_16, 64, 16, v)
EXTEND(movsx16_8, 16, 8, (int8_t)v)
EXTEND(movsx32_8, 32, 8, (int8_t)v)
EXTEND(movsx64_8, 64, 8, (int8_t)v)
EXTEND(movsx16_16, 16, 16, v)
EXTEND(movsx32_16, 32, 16, (int16_t)v)
EXTEND(movsx64_16, 64, 16, (int16_t)v)
EXTEND(movsx32_32, 32, 32, v)
EXTEND(movsx64_32, 64, 32, (int32_t)v)

/* By the widths of destination and source, for registers and memory. */
static op_handler *const zero_extended[4][4][2] = {
    [1] = {{movzx16_8_rr, movzx16_8_rm}, {movzx16_16_rr, movzx16_16_rm}},
    [2] = {{movzx_8_rr, movzx_8_rm}, {movzx_16_rr, movzx_16_rm}},
    [3] = {{movzx_8_rr, movzx_8_rm}, {movzx_16_rr, movzx_16_rm}},
};
static op_handler *const sign_extended[4][4][2] = {
    [1] = {{movsx16_8_rr, movsx16_8_rm}, {movsx16_16_rr, movsx16_16_rm}, {movsx16_16_rr, movsx16_16_rm}},
    [2] = {{movsx32_8_rr, movsx32_8_rm}, {movsx32_16_rr, movsx32_16_rm}, {movsx32_32_rr, movsx32_32_rm}},
    [3] = {{movsx64_8_rr, movsx64_8_rm}, {movsx64_16_rr, movsx64_16_rm}, {movsx64_32_rr, movsx64_32_rm}},
};

#define LEA(bits)                                                                                                      \
    static void lea##bits(struct cpu *cpu, const struct op *op)                                                        \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, (uint##bits##_t)op_offset_of(cpu, op));                                            \
        NEXT(cpu, op);                                                                                                 \
    }
LEA(16)
LEA(32)
LEA(64)

/* Common ones: a register and a displacement, of addresses of 64 bits. */
static void lea64_near(struct cpu *cpu, const struct op *op)
{
    cpu->gpr[op->reg] = cpu->gpr[op->base] + (uint64_t)(int64_t)op->disp;
    NEXT(cpu, op);
}

static bool bind_wider(const struct insn *insn, struct op *op)
{
    static op_handler *const leas[] = {NULL, lea16, lea32, lea64};
    op_handler *const(*table)[4][2] = insn->name == INSN_MOVZX ? zero_extended : sign_extended;
    unsigned width = int_width(insn->operands[0].bytes);

    int_bind_form(insn, op);
    if (insn->name == INSN_LEA)
        op->run = width == 3 && insn->address_bytes == 8 && op->index == GPR_ZERO ? lea64_near : leas[width];
    else
        op->run = table[width][int_width(insn->operands[1].bytes)][insn->has_memory];
    if (insn->name == INSN_LEA || !insn->has_memory)
        op->flags |= OP_PURE;
    return op->run != NULL;
}

/* ---- Conditions ------------------------------------------------------------------------------------------------ */

/* cmov of memory reads it either way; one of 32 bits clears the upper half either way. */
#define CMOV(n)                                                                                                        \
    static void cmov##n##_16_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        if (flags_condition(&cpu->flags, n))                                                                           \
            gpr_set16(cpu, op->reg, gpr16(cpu, op->rm));                                                               \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void cmov##n##_32_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        gpr_set32(cpu, op->reg, gpr32(cpu, flags_condition(&cpu->flags, n) ? op->rm : op->reg));                       \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void cmov##n##_64_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        cpu->gpr[op->reg] = cpu->gpr[flags_condition(&cpu->flags, n) ? op->rm : op->reg];                              \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    INT_LOADER(cmov##n##_16_rm, 16,                                                                                    \
               gpr_set16(cpu, op->reg, flags_condition(&cpu->flags, n) ? v : gpr16(cpu, op->reg)))                     \
    INT_LOADER(cmov##n##_32_rm, 32,                                                                                    \
               gpr_set32(cpu, op->reg, flags_condition(&cpu->flags, n) ? v : gpr32(cpu, op->reg)))                     \
    INT_LOADER(cmov##n##_64_rm, 64, cpu->gpr[op->reg] = flags_condition(&cpu->flags, n) ? v : cpu->gpr[op->reg])
#define SET(n)                                                                                                         \
    static void set##n##_r(struct cpu *cpu, const struct op *op)                                                       \
    {                                                                                                                  \
        *op_byte(cpu, op->reg) = flags_condition(&cpu->flags, n);                                                      \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    INT_STORER(set##n##_m, 8, flags_condition(&cpu->flags, n))
INT_CONDITIONS(CMOV)
INT_CONDITIONS(SET)

#define CMOV_ROW(n)                                                                                                    \
    {{cmov##n##_16_rr, cmov##n##_16_rm}, {cmov##n##_32_rr, cmov##n##_32_rm}, {cmov##n##_64_rr, cmov##n##_64_rm}},
static op_handler *const cmovs[16][3][2] = {INT_CONDITIONS(CMOV_ROW)};
#define SET_ROW(n) {set##n##_r, set##n##_m},
static op_handler *const sets[16][2] = {INT_CONDITIONS(SET_ROW)};

/* ---- xchg: with memory always locked (Intel 2C) ---------------------------------------------------------------- */

static bool exchange(struct cpu *cpu, const struct op *op)
{
    uint64_t old, new = reg_get(cpu, op->reg, op->operand_size);
    struct place place;

    if (!int_place(cpu, op, op->operand_size, &old, &place))
        return false;
    while (!int_place_exchange(cpu, &place, op->operand_size, &old, new))
        ;
    reg_set(cpu, op->reg, op->operand_size, old);
    return true;
}

static void xchg_memory(struct cpu *cpu, const struct op *op)
{
    if (!exchange(cpu, op))
        return;
    NEXT(cpu, op);
}

static void xchg_registers(struct cpu *cpu, const struct op *op)
{
    uint64_t a = reg_get(cpu, op->reg, op->operand_size), b = reg_get(cpu, op->rm, op->operand_size);

    reg_set(cpu, op->reg, op->operand_size, b);
    reg_set(cpu, op->rm, op->operand_size, a);
    NEXT(cpu, op);
}

/* ---- Within one register --------------------------------------------------------------------------------------- */

static void cbw(struct cpu *cpu, const struct op *op)
{
    gpr_set16(cpu, GPR_AX, (uint16_t)(int8_t)cpu->gpr[GPR_AX]);
    NEXT(cpu, op);
}

static void cwde(struct cpu *cpu, const struct op *op)
{
    gpr_set32(cpu, GPR_AX, (uint32_t)(int16_t)cpu->gpr[GPR_AX]);
    NEXT(cpu, op);
}

static void cdqe(struct cpu *cpu, const struct op *op)
{
    cpu->gpr[GPR_AX] = (uint64_t)(int32_t)cpu->gpr[GPR_AX];
    NEXT(cpu, op);
}

static void cwd(struct cpu *cpu, const struct op *op)
{
    gpr_set16(cpu, GPR_DX, (uint16_t)((int16_t)cpu->gpr[GPR_AX] >> 15));
    NEXT(cpu, op);
}

static void cdq(struct cpu *cpu, const struct op *op)
{
    gpr_set32(cpu, GPR_DX, (uint32_t)((int32_t)cpu->gpr[GPR_AX] >> 31));
    NEXT(cpu, op);
}

static void cqo(struct cpu *cpu, const struct op *op)
{
    cpu->gpr[GPR_DX] = (uint64_t)((int64_t)cpu->gpr[GPR_AX] >> 63);
    NEXT(cpu, op);
}

static uint64_t swapped(uint64_t v, unsigned size)
{
    return size == 8   ? __builtin_bswap64(v)
           : size == 4 ? __builtin_bswap32((uint32_t)v)
                       : __builtin_bswap16((uint16_t)v);
}

/* Of 16 bits it is undefined; processors make it 0. */
static void bswap(struct cpu *cpu, const struct op *op)
{
    uint64_t v = gpr_get(cpu, op->reg, op->operand_size);

    gpr_set(cpu, op->reg, op->operand_size, op->operand_size == 2 ? 0 : swapped(v, op->operand_size));
    NEXT(cpu, op);
}

static void movbe_load(struct cpu *cpu, const struct op *op)
{
    uint64_t v;

    if (!op_load(cpu, op, op->operand_size, &v))
        return;
    gpr_set(cpu, op->reg, op->operand_size, swapped(v, op->operand_size));
    NEXT(cpu, op);
}

static void movbe_store(struct cpu *cpu, const struct op *op)
{
    if (!op_store(cpu, op, op->operand_size, swapped(gpr_get(cpu, op->reg, op->operand_size), op->operand_size)))
        return;
    NEXT(cpu, op);
}

static void xlat(struct cpu *cpu, const struct op *op)
{
    uint64_t linear, offset = (cpu->gpr[GPR_BX] + (uint8_t)cpu->gpr[GPR_AX]) & op->address_mask;
    uint8_t v;

    if (!cpu_linear(cpu, op->segment, offset, 1, ACCESS_LOAD, &linear) || !cpu_load8(cpu, linear, &v))
        return;
    *op_byte(cpu, 8 * GPR_AX) = v;
    NEXT(cpu, op);
}

static void nop(struct cpu *cpu, const struct op *op)
{
    NEXT(cpu, op);
}

/* ---- Which ----------------------------------------------------------------------------------------------------- */

static bool bind_condition(const struct insn *insn, struct op *op)
{
    bool set = insn->name >= INSN_SETO && insn->name <= INSN_SETNLE;
    unsigned condition = insn->opcode & 15;

    int_bind_form(insn, op);
    op->run =
        set ? sets[condition][insn->has_memory] : cmovs[condition][int_width(op->operand_size) - 1][insn->has_memory];
    return true;
}

static bool bind_xchg(const struct insn *insn, struct op *op)
{
    op->run = int_bind_form(insn, op) == FORM_MR ? xchg_memory : xchg_registers;
    return true;
}

static bool bind_movbe(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    op->run = int_bind_form(insn, op) == FORM_MR ? movbe_store : movbe_load;
    return int_has(cpu, CPU_MOVBE);
}

/* Of the accumulator, by the operand size. */
static bool bind_accumulator(const struct insn *insn, struct op *op)
{
    static op_handler *const within[] = {NULL, cbw, cwde, cdqe}, *const into_dx[] = {NULL, cwd, cdq, cqo};

    op->run = (insn->name == INSN_CBW ? within : into_dx)[int_width(insn->operand_bytes)];
    return true;
}

bool bind_move(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->class == CLASS_NOP) {
        op->flags |= OP_PURE;
        op->run = nop;
        return true;
    }
    switch (insn->name) {
    case INSN_MOV:
    case INSN_MOVNTI:
        return bind_mov(insn, op);
    case INSN_MOVZX:
    case INSN_MOVSX:
    case INSN_MOVSXD:
    case INSN_LEA:
        return bind_wider(insn, op);
    case INSN_XCHG:
        return bind_xchg(insn, op);
    case INSN_CBW:
    case INSN_CWD:
        return bind_accumulator(insn, op);
    case INSN_BSWAP:
        op->flags |= OP_PURE;
        int_bind_form(insn, op);
        op->run = bswap;
        return true;
    case INSN_MOVBE:
        return bind_movbe(cpu, insn, op);
    case INSN_XLAT:
        op->run = xlat;
        return true;
    default:
        if ((insn->name >= INSN_CMOVO && insn->name <= INSN_CMOVNLE) ||
            (insn->name >= INSN_SETO && insn->name <= INSN_SETNLE))
            return bind_condition(insn, op);
        return false;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack (Intel 2A, 2B: PUSH POP PUSHA POPA ENTER LEAVE; those of segment registers are in segment.c), and pushing
 * and popping for other rooms. All addresses are cut to the stack pointer's width, which ss decides; the operand's
 * width is another matter. Hot handlers are for a flat stack whose pointer is as wide as the operand.
 */
#include "cpu/int.h"

static uint64_t stack_mask(const struct cpu *cpu)
{
    return cpu->stack_size == 8 ? ~UINT64_C(0) : cpu->stack_size == 4 ? 0xffffffff : 0xffff;
}

static bool stack_store(struct cpu *cpu, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t linear;

    return cpu_linear(cpu, SEG_SS, offset & stack_mask(cpu), size, ACCESS_STORE, &linear) &&
           cpu_store_slow(cpu, linear, size, value);
}

static struct cpu_value stack_load(struct cpu *cpu, uint64_t offset, unsigned size)
{
    uint64_t linear;

    if (!cpu_linear(cpu, SEG_SS, offset & stack_mask(cpu), size, ACCESS_LOAD, &linear))
        return (struct cpu_value){0, 0};
    return cpu_load_slow(cpu, linear, size);
}

void cpu_stack_move(struct cpu *cpu, int64_t n)
{
    gpr_set(cpu, GPR_SP, cpu->stack_size, cpu->gpr[GPR_SP] + (uint64_t)n);
}

bool cpu_push(struct cpu *cpu, unsigned size, uint64_t value)
{
    if (!stack_store(cpu, cpu->gpr[GPR_SP] - size, size, value))
        return false;
    cpu_stack_move(cpu, -(int64_t)size);
    return true;
}

bool int_stack_probe(struct cpu *cpu, unsigned size)
{
    uint64_t linear, offset = (cpu->gpr[GPR_SP] - size) & stack_mask(cpu);

    return cpu_linear(cpu, SEG_SS, offset, size, ACCESS_STORE, &linear) && cpu_probe_store(cpu, linear, size);
}

bool cpu_stack_peek(struct cpu *cpu, unsigned depth, unsigned size, uint64_t *value)
{
    struct cpu_value v = stack_load(cpu, cpu->gpr[GPR_SP] + depth, size);

    *value = v.value;
    return v.ok;
}

bool cpu_pop(struct cpu *cpu, unsigned size, uint64_t *value)
{
    if (!cpu_stack_peek(cpu, 0, size, value))
        return false;
    cpu_stack_move(cpu, size);
    return true;
}

/* ---- push and pop, as usual ------------------------------------------------------------------------------------ */

static void push_register(struct cpu *cpu, const struct op *op)
{
    if (!cpu_push(cpu, op->operand_size, gpr_get(cpu, op->reg, op->operand_size)))
        return;
    NEXT(cpu, op);
}

static void push_immediate(struct cpu *cpu, const struct op *op)
{
    if (!cpu_push(cpu, op->operand_size, (uint64_t)op->imm))
        return;
    NEXT(cpu, op);
}

static void push_memory(struct cpu *cpu, const struct op *op)
{
    struct cpu_value v = op_load_slow(cpu, op, op->operand_size);

    if (!v.ok || !cpu_push(cpu, op->operand_size, v.value))
        return;
    NEXT(cpu, op);
}

/* pop sp: what was popped holds. */
static void pop_register(struct cpu *cpu, const struct op *op)
{
    struct cpu_value v = stack_load(cpu, cpu->gpr[GPR_SP], op->operand_size);

    if (!v.ok)
        return;
    cpu_stack_move(cpu, op->operand_size);
    gpr_set(cpu, op->reg, op->operand_size, v.value);
    NEXT(cpu, op);
}

/* The address is reckoned with the pointer moved already. */
static void pop_memory(struct cpu *cpu, const struct op *op)
{
    uint64_t pointer = cpu->gpr[GPR_SP];
    struct cpu_value v = stack_load(cpu, pointer, op->operand_size);

    if (!v.ok)
        return;
    cpu_stack_move(cpu, op->operand_size);
    if (!op_store_slow(cpu, op, op->operand_size, v.value)) {
        cpu->gpr[GPR_SP] = pointer;
        return;
    }
    NEXT(cpu, op);
}

/* Flat, of one width. */
#define FLAT(bits)                                                                                                     \
    static void push##bits##_r(struct cpu *cpu, const struct op *op)                                                   \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)(cpu->gpr[GPR_SP] - bits / 8);                                        \
        void *at = cpu_host_store(cpu, pointer, bits / 8);                                                             \
        if (UNLIKELY(!at))                                                                                             \
            return push_register(cpu, op);                                                                             \
        host_set##bits(at, reg_get##bits(cpu, op->reg));                                                               \
        cpu->gpr[GPR_SP] = pointer;                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void push##bits##_i(struct cpu *cpu, const struct op *op)                                                   \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)(cpu->gpr[GPR_SP] - bits / 8);                                        \
        void *at = cpu_host_store(cpu, pointer, bits / 8);                                                             \
        if (UNLIKELY(!at))                                                                                             \
            return push_immediate(cpu, op);                                                                            \
        host_set##bits(at, (uint##bits##_t)op->imm);                                                                   \
        cpu->gpr[GPR_SP] = pointer;                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void push##bits##_m(struct cpu *cpu, const struct op *op)                                                   \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)(cpu->gpr[GPR_SP] - bits / 8);                                        \
        const void *from = op_host_load(cpu, op, bits / 8);                                                            \
        void *at = cpu_host_store(cpu, pointer, bits / 8);                                                             \
        if (UNLIKELY(!at || !from))                                                                                    \
            return push_memory(cpu, op);                                                                               \
        host_set##bits(at, host_get##bits(from));                                                                      \
        cpu->gpr[GPR_SP] = pointer;                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void pop##bits##_r(struct cpu *cpu, const struct op *op)                                                    \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)cpu->gpr[GPR_SP];                                                     \
        const void *at = cpu_host_load(cpu, pointer, bits / 8);                                                        \
        if (UNLIKELY(!at))                                                                                             \
            return pop_register(cpu, op);                                                                              \
        cpu->gpr[GPR_SP] = (uint##bits##_t)(pointer + bits / 8);                                                       \
        reg_set##bits(cpu, op->reg, host_get##bits(at));                                                               \
        NEXT(cpu, op);                                                                                                 \
    }
FLAT(32)
FLAT(64)

/* ---- All eight --------------------------------------------------------------------------------------------------- */

static bool push_all(struct cpu *cpu, unsigned size)
{
    for (unsigned n = GPR_AX; n <= GPR_DI; n++)
        if (!stack_store(cpu, cpu->gpr[GPR_SP] - (n + 1) * size, size, gpr_get(cpu, n, size)))
            return false;
    cpu_stack_move(cpu, -8 * (int64_t)size);
    return true;
}

static void pusha(struct cpu *cpu, const struct op *op)
{
    if (!push_all(cpu, op->operand_size))
        return;
    NEXT(cpu, op);
}

/* All are read before one is changed; that of sp is passed over. */
static bool pop_all(struct cpu *cpu, unsigned size)
{
    uint64_t values[8];

    for (unsigned i = 0; i < 8; i++) {
        struct cpu_value v = stack_load(cpu, cpu->gpr[GPR_SP] + i * size, size);
        if (!v.ok)
            return false;
        values[GPR_DI - i] = v.value;
    }
    for (unsigned n = GPR_AX; n <= GPR_DI; n++)
        if (n != GPR_SP)
            gpr_set(cpu, n, size, values[n]);
    cpu_stack_move(cpu, 8 * (int64_t)size);
    return true;
}

static void popa(struct cpu *cpu, const struct op *op)
{
    if (!pop_all(cpu, op->operand_size))
        return;
    NEXT(cpu, op);
}

/* ---- Frames -------------------------------------------------------------------------------------------------------
 */

/* The pointers of the frames around this one, `level` - 1 of them, and this one's (Intel 2A, ENTER). */
static bool enter_frames(struct cpu *cpu, unsigned size, unsigned level, uint64_t frame)
{
    for (unsigned i = 1; i < level; i++) {
        struct cpu_value outer = stack_load(cpu, cpu->gpr[GPR_BP] - i * size, size);
        if (!outer.ok || !stack_store(cpu, frame - i * size, size, outer.value))
            return false;
    }
    return level == 0 || stack_store(cpu, frame - level * size, size, frame);
}

/* The stores lie below the pointer, where they harm nobody if the last check fails: that the room can be written to. */
static bool enter_do(struct cpu *cpu, const struct op *op)
{
    unsigned size = op->operand_size, level = op->extra & 31;
    uint64_t mask = stack_mask(cpu), linear;
    uint64_t frame = (cpu->gpr[GPR_SP] & ~mask) | ((cpu->gpr[GPR_SP] - size) & mask);
    uint64_t pointer = frame - level * size - (uint16_t)op->imm;

    if (!stack_store(cpu, frame, size, gpr_get(cpu, GPR_BP, size)) || !enter_frames(cpu, size, level, frame) ||
        !cpu_linear(cpu, SEG_SS, pointer & mask, 1, ACCESS_STORE, &linear) || !cpu_probe_store(cpu, linear, size))
        return false;
    gpr_set(cpu, GPR_SP, cpu->stack_size, pointer);
    gpr_set(cpu, GPR_BP, size, frame); /* of 32 bits on a stack of 16, too */
    return true;
}

static void enter(struct cpu *cpu, const struct op *op)
{
    if (!enter_do(cpu, op))
        return;
    NEXT(cpu, op);
}

static void leave(struct cpu *cpu, const struct op *op)
{
    uint64_t frame = cpu->gpr[GPR_BP];
    struct cpu_value outer = stack_load(cpu, frame, op->operand_size);

    if (!outer.ok)
        return;
    gpr_set(cpu, GPR_SP, cpu->stack_size, frame + op->operand_size);
    gpr_set(cpu, GPR_BP, op->operand_size, outer.value);
    NEXT(cpu, op);
}

static void leave64(struct cpu *cpu, const struct op *op)
{
    uint64_t frame = cpu->gpr[GPR_BP];
    const void *at = cpu_host_load(cpu, frame, 8);

    if (UNLIKELY(!at))
        return leave(cpu, op);
    cpu->gpr[GPR_SP] = frame + 8;
    cpu->gpr[GPR_BP] = host_get64(at);
    NEXT(cpu, op);
}

/* ---- Which ----------------------------------------------------------------------------------------------------- */

enum { SHAPE_REGISTER, SHAPE_IMMEDIATE, SHAPE_MEMORY, SHAPES };

/* [usual, flat of 32, flat of 64] */
static op_handler *const pushes[3][SHAPES] = {
    {push_register, push_immediate, push_memory},
    {push32_r, push32_i, push32_m},
    {push64_r, push64_i, push64_m},
};
static op_handler *const pops[3][SHAPES] = {
    {pop_register, NULL, pop_memory},
    {pop32_r, NULL, pop_memory},
    {pop64_r, NULL, pop_memory},
};

bool bind_stack(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    unsigned kind = insn->n_operands ? insn->operands[0].kind : OPERAND_NONE;
    unsigned shape = kind == OPERAND_REGISTER ? SHAPE_REGISTER
                     : kind == OPERAND_MEMORY ? SHAPE_MEMORY
                                              : SHAPE_IMMEDIATE;
    unsigned flat = cpu->flat && cpu->stack_size == insn->operand_bytes ? insn->operand_bytes / 4 : 0;

    if (shape == SHAPE_REGISTER)
        op->reg = insn->operands[0].reg;
    op->operand_size = insn->operand_bytes;
    op->extra = (uint8_t)insn->imm2;
    switch (insn->name) {
    case INSN_PUSH:
        op->run = pushes[flat][shape];
        return true;
    case INSN_POP:
        op->run = pops[flat][shape];
        return true;
    case INSN_PUSHA:
        op->run = pusha;
        return true;
    case INSN_POPA:
        op->run = popa;
        return true;
    case INSN_ENTER:
        op->run = enter;
        return true;
    case INSN_LEAVE:
        op->run = flat == 2 ? leave64 : leave;
        return true;
    default:
        return false;
    }
}

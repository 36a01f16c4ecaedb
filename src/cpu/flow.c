/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Near branches (Intel 2A, 2B: JMP CALL RET Jcc LOOPcc JrCXZ). Where one leads is checked before anything changes: a
 * target outside of the code segment, or not canonical, is a #GP of the branch itself.
 *
 * In op, of direct branches: imm is the target's distance from the start of the block, disp that of what comes after
 * the branch. Hot handlers are for operands as wide as the code segment, and for flat stacks as wide as that; a
 * comparison of registers before a conditional branch is done by the branch's handler as well (bind_jcc).
 */
#include "cpu/int.h"

static inline uint64_t rip_cut(uint64_t rip, unsigned size)
{
    return size == 8 ? rip : size == 4 ? (uint32_t)rip : (uint16_t)rip;
}

static inline bool canonical(uint64_t rip)
{
    return (uint64_t)((int64_t)(rip << 16) >> 16) == rip;
}

/* Of a computed target; of a direct one code_limit is all there is to look at. */
static inline bool reachable(const struct cpu *cpu, uint64_t rip)
{
    return LIKELY(rip <= cpu->code_limit) && (cpu->code_size != 8 || LIKELY(canonical(rip)));
}

/* A direct branch of op that is taken, or not, whatever the widths. */
#define BRANCH(taken)                                                                                                  \
    do {                                                                                                               \
        if (taken) {                                                                                                   \
            uint64_t to_rip_ = rip_cut(cpu->gpr[GPR_BLOCK] + (uint64_t)op->imm, op->operand_size);                     \
            if (UNLIKELY(to_rip_ > cpu->code_limit))                                                                   \
                return cpu_fault(cpu, op, VECTOR_GP, 0);                                                               \
            LEAVE_LINK(cpu, op, to_rip_, 1);                                                                           \
        }                                                                                                              \
        LEAVE_LINK(cpu, op, op_next_rip(cpu, op), 0);                                                                  \
    } while (0)

/* The same, of one width. */
#define BRANCH_OF(bits, taken)                                                                                         \
    do {                                                                                                               \
        if (taken) {                                                                                                   \
            uint64_t to_rip_ = (uint##bits##_t)(cpu->gpr[GPR_BLOCK] + (uint64_t)op->imm);                              \
            if (bits != 64 && UNLIKELY(to_rip_ > cpu->code_limit))                                                     \
                return cpu_fault(cpu, op, VECTOR_GP, 0);                                                               \
            LEAVE_LINK(cpu, op, to_rip_, 1);                                                                           \
        }                                                                                                              \
        LEAVE_LINK(cpu, op, (uint##bits##_t)(cpu->gpr[GPR_BLOCK] + (uint64_t)op->disp), 0);                            \
    } while (0)

/* ---- Conditions -------------------------------------------------------------------------------------------------- */

#define JCC(n)                                                                                                         \
    static void jcc##n##_64(struct cpu *cpu, const struct op *op)                                                      \
    {                                                                                                                  \
        BRANCH_OF(64, flags_condition(&cpu->flags, n));                                                                \
    }                                                                                                                  \
    static void jcc##n##_32(struct cpu *cpu, const struct op *op)                                                      \
    {                                                                                                                  \
        BRANCH_OF(32, flags_condition(&cpu->flags, n));                                                                \
    }                                                                                                                  \
    static void jcc##n##_16(struct cpu *cpu, const struct op *op)                                                      \
    {                                                                                                                  \
        BRANCH_OF(16, flags_condition(&cpu->flags, n));                                                                \
    }
INT_CONDITIONS(JCC)
#define JCC_ROW(n) {jcc##n##_16, jcc##n##_32, jcc##n##_64},
static op_handler *const jccs[16][3] = {INT_CONDITIONS(JCC_ROW)};

static void jcc_odd(struct cpu *cpu, const struct op *op)
{
    BRANCH(flags_condition(&cpu->flags, op->extra));
}

/* What a - b and a & b say of condition n, without the flags. */
#define SUB_CONDITION(bits)                                                                                            \
    static inline bool sub_condition##bits(unsigned n, uint##bits##_t a, uint##bits##_t b)                             \
    {                                                                                                                  \
        int##bits##_t r, sa = (int##bits##_t)a, sb = (int##bits##_t)b;                                                 \
        bool o = __builtin_sub_overflow(sa, sb, &r);                                                                   \
        bool is[] = {o, a < b, a == b, a <= b, r < 0, !__builtin_parity((uint8_t)r), sa < sb, sa <= sb};               \
        return is[n >> 1] != (n & 1);                                                                                  \
    }                                                                                                                  \
    static inline bool and_condition##bits(unsigned n, uint##bits##_t a, uint##bits##_t b)                             \
    {                                                                                                                  \
        int##bits##_t r = (int##bits##_t)(a & b);                                                                      \
        bool is[] = {false, false, r == 0, r == 0, r < 0, !__builtin_parity((uint8_t)r), r < 0, r <= 0};               \
        return is[n >> 1] != (n & 1);                                                                                  \
    }
SUB_CONDITION(8)
SUB_CONDITION(16)
SUB_CONDITION(32)
SUB_CONDITION(64)
#define sub_flags(f, a, b, bits) flags_sub(f, a, b, (uint64_t)(a) - (b), bits)
#define and_flags(f, a, b, bits) flags_logic(f, (a) & (b), bits)

/* A comparison and the branch behind it, of 64-bit code. */
#define FUSED(n, operation, bits, form, second)                                                                        \
    static void operation##_jcc##n##_##bits##_##form(struct cpu *cpu, const struct op *op)                             \
    {                                                                                                                  \
        uint##bits##_t a = reg_get##bits(cpu, op->reg), b = second;                                                    \
        operation##_flags(&cpu->flags, a, b, bits);                                                                    \
        op = op_advance(cpu, op);                                                                                      \
        BRANCH_OF(64, operation##_condition##bits(n, a, b));                                                           \
    }
#define FUSED_BITS(n, bits)                                                                                            \
    FUSED(n, sub, bits, rr, reg_get##bits(cpu, op->rm))                                                                \
    FUSED(n, sub, bits, ri, (uint##bits##_t)op->imm)                                                                   \
    FUSED(n, and, bits, rr, reg_get##bits(cpu, op->rm))                                                                \
    FUSED(n, and, bits, ri, (uint##bits##_t)op->imm)
#define FUSED_ALL(n) FUSED_BITS(n, 8) FUSED_BITS(n, 16) FUSED_BITS(n, 32) FUSED_BITS(n, 64)
INT_CONDITIONS(FUSED_ALL)

#define FUSED_FORMS(n, operation, bits)                                                                                \
    {                                                                                                                  \
        operation##_jcc##n##_##bits##_rr, operation##_jcc##n##_##bits##_ri                                             \
    }
#define FUSED_OPERATION(n, operation)                                                                                  \
    {                                                                                                                  \
        FUSED_FORMS(n, operation, 8), FUSED_FORMS(n, operation, 16), FUSED_FORMS(n, operation, 32),                    \
            FUSED_FORMS(n, operation, 64)                                                                              \
    }
#define FUSED_ROW(n) {FUSED_OPERATION(n, sub), FUSED_OPERATION(n, and)},
/* By condition, cmp or test, width, register or immediate. */
static op_handler *const fused[16][2][4][2] = {INT_CONDITIONS(FUSED_ROW)};

/* ---- Counters ------------------------------------------------------------------------------------------------------
 */

enum { LOOP_NZ, LOOP_Z, LOOP_ALWAYS, LOOP_CX_ZERO };

static unsigned address_size(const struct op *op)
{
    return op->address_mask == 0xffff ? 2 : op->address_mask == 0xffffffff ? 4 : 8;
}

static void loop(struct cpu *cpu, const struct op *op)
{
    uint64_t count = (cpu->gpr[GPR_CX] - 1) & op->address_mask;
    bool taken = count != 0 && (op->extra == LOOP_ALWAYS || flags_z(&cpu->flags) == (op->extra == LOOP_Z));

    if (taken && rip_cut(cpu->gpr[GPR_BLOCK] + (uint64_t)op->imm, op->operand_size) > cpu->code_limit)
        return cpu_fault(cpu, op, VECTOR_GP, 0);
    gpr_set(cpu, GPR_CX, address_size(op), count);
    BRANCH(taken);
}

static void jrcxz(struct cpu *cpu, const struct op *op)
{
    BRANCH((cpu->gpr[GPR_CX] & op->address_mask) == 0);
}

/* ---- jmp -----------------------------------------------------------------------------------------------------------
 */

static void jmp(struct cpu *cpu, const struct op *op)
{
    BRANCH(true);
}

static void jmp64(struct cpu *cpu, const struct op *op)
{
    BRANCH_OF(64, true);
}

/* To a target that was read. */
static void jump_to(struct cpu *cpu, const struct op *op, uint64_t rip)
{
    if (!reachable(cpu, rip))
        return cpu_fault(cpu, op, VECTOR_GP, 0);
    LEAVE_JUMP(cpu, op, rip);
}

static void jmp_register(struct cpu *cpu, const struct op *op)
{
    return jump_to(cpu, op, gpr_get(cpu, op->reg, op->operand_size));
}

static void jmp_memory(struct cpu *cpu, const struct op *op)
{
    struct cpu_value v = op_load_slow(cpu, op, op->operand_size);

    if (!v.ok)
        return;
    return jump_to(cpu, op, v.value);
}

static void jmp64_memory(struct cpu *cpu, const struct op *op)
{
    const void *at = op_host_load(cpu, op, 8);

    if (UNLIKELY(!at))
        return jmp_memory(cpu, op);
    return jump_to(cpu, op, host_get64(at));
}

/* ---- call ----------------------------------------------------------------------------------------------------------
 */

static void call(struct cpu *cpu, const struct op *op)
{
    uint64_t to = rip_cut(cpu->gpr[GPR_BLOCK] + (uint64_t)op->imm, op->operand_size);

    if (to > cpu->code_limit)
        return cpu_fault(cpu, op, VECTOR_GP, 0);
    if (!cpu_push(cpu, op->operand_size, op_next_rip(cpu, op)))
        return;
    LEAVE_LINK(cpu, op, to, 1);
}

/* A stack that cannot be pushed to comes before a target that cannot be gone to. */
static __attribute__((noinline)) void call_unreachable(struct cpu *cpu, const struct op *op)
{
    if (int_stack_probe(cpu, op->operand_size))
        cpu_fault(cpu, op, VECTOR_GP, 0);
}

static void call_to(struct cpu *cpu, const struct op *op, uint64_t to)
{
    if (!reachable(cpu, to))
        return call_unreachable(cpu, op);
    if (!cpu_push(cpu, op->operand_size, op_next_rip(cpu, op)))
        return;
    LEAVE_JUMP(cpu, op, to);
}

static void call_register(struct cpu *cpu, const struct op *op)
{
    return call_to(cpu, op, gpr_get(cpu, op->reg, op->operand_size));
}

static void call_memory(struct cpu *cpu, const struct op *op)
{
    struct cpu_value v = op_load_slow(cpu, op, op->operand_size);

    if (!v.ok)
        return;
    return call_to(cpu, op, v.value);
}

/* Flat ones. */
#define CALL(bits)                                                                                                     \
    static void call##bits(struct cpu *cpu, const struct op *op)                                                       \
    {                                                                                                                  \
        uint##bits##_t to = (uint##bits##_t)(cpu->gpr[GPR_BLOCK] + (uint64_t)op->imm);                                 \
        uint##bits##_t pointer = (uint##bits##_t)(cpu->gpr[GPR_SP] - bits / 8);                                        \
        void *at = cpu_host_store(cpu, pointer, bits / 8);                                                             \
        if (UNLIKELY(!at || (bits != 64 && to > cpu->code_limit)))                                                     \
            return call(cpu, op);                                                                                      \
        host_set##bits(at, (uint##bits##_t)(cpu->gpr[GPR_BLOCK] + (uint64_t)op->disp));                                \
        cpu->gpr[GPR_SP] = pointer;                                                                                    \
        LEAVE_LINK(cpu, op, to, 1);                                                                                    \
    }                                                                                                                  \
    static inline                                                                                                      \
        __attribute__((always_inline)) void call##bits##_to(struct cpu *cpu, const struct op *op, uint##bits##_t to)   \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)(cpu->gpr[GPR_SP] - bits / 8);                                        \
        void *at = cpu_host_store(cpu, pointer, bits / 8);                                                             \
        if (UNLIKELY(!at || !reachable(cpu, to)))                                                                      \
            return call_to(cpu, op, to);                                                                               \
        host_set##bits(at, (uint##bits##_t)(cpu->gpr[GPR_BLOCK] + op->offset + op->length));                           \
        cpu->gpr[GPR_SP] = pointer;                                                                                    \
        LEAVE_JUMP(cpu, op, to);                                                                                       \
    }                                                                                                                  \
    static void call##bits##_register(struct cpu *cpu, const struct op *op)                                            \
    {                                                                                                                  \
        return call##bits##_to(cpu, op, reg_get##bits(cpu, op->reg));                                                  \
    }                                                                                                                  \
    static void call##bits##_memory(struct cpu *cpu, const struct op *op)                                              \
    {                                                                                                                  \
        const void *from = op_host_load(cpu, op, bits / 8);                                                            \
        if (UNLIKELY(!from))                                                                                           \
            return call_memory(cpu, op);                                                                               \
        return call##bits##_to(cpu, op, host_get##bits(from));                                                         \
    }
CALL(32)
CALL(64)

/* ---- ret, with op->imm bytes taken off the stack behind the address ------------------------------------------------
 */

static void ret(struct cpu *cpu, const struct op *op)
{
    uint64_t rip;

    if (!cpu_stack_peek(cpu, 0, op->operand_size, &rip))
        return;
    if (!reachable(cpu, rip))
        return cpu_fault(cpu, op, VECTOR_GP, 0);
    cpu_stack_move(cpu, op->operand_size + op->imm);
    LEAVE_JUMP(cpu, op, rip);
}

#define RET(bits)                                                                                                      \
    static void ret##bits(struct cpu *cpu, const struct op *op)                                                        \
    {                                                                                                                  \
        uint##bits##_t pointer = (uint##bits##_t)cpu->gpr[GPR_SP], rip;                                                \
        const void *at = cpu_host_load(cpu, pointer, bits / 8);                                                        \
        if (UNLIKELY(!at))                                                                                             \
            return ret(cpu, op);                                                                                       \
        rip = host_get##bits(at);                                                                                      \
        if (UNLIKELY(bits == 64 ? !canonical(rip) : rip > cpu->code_limit))                                            \
            return ret(cpu, op);                                                                                       \
        cpu->gpr[GPR_SP] = (uint##bits##_t)(pointer + bits / 8 + (uint##bits##_t)op->imm);                             \
        LEAVE_JUMP(cpu, op, rip);                                                                                      \
    }
RET(32)
RET(64)

/* ---- Which ----------------------------------------------------------------------------------------------------- */

/* Is op[-1] a comparison of registers that the branch can do as well? Then that handler is replaced. */
static void fuse(struct op *op, unsigned condition)
{
    struct op *before = op - 1;
    int kind = int_comparison(before);

    if (kind < 0)
        return;
    before->run = fused[condition][kind >> 1][int_width(before->operand_size)][kind & 1];
}

static void bind_jcc(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    unsigned condition = insn->opcode & 15;

    op->extra = (uint8_t)condition;
    op->run = op->operand_size == cpu->code_size ? jccs[condition][int_width(op->operand_size) - 1] : jcc_odd;
    if (cpu->code_size == 8 && op->offset)
        fuse(op, condition);
}

/* The hot handlers of calls and returns: 0 none, 1 of 32 bits, 2 of 64. */
static unsigned flat_width(const struct cpu *cpu, const struct op *op)
{
    return cpu->flat && cpu->stack_size == op->operand_size && cpu->code_size == op->operand_size ? op->operand_size / 4
                                                                                                  : 0;
}

enum { SHAPE_DIRECT, SHAPE_REGISTER, SHAPE_MEMORY, SHAPES };

static void bind_indirect(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    static op_handler *const calls[3][SHAPES] = {
        {call, call_register, call_memory},
        {call32, call32_register, call32_memory},
        {call64, call64_register, call64_memory},
    };
    static op_handler *const jumps[2][SHAPES] = {{jmp, jmp_register, jmp_memory}, {jmp64, jmp_register, jmp64_memory}};
    unsigned kind = insn->operands[0].kind;
    unsigned shape = kind == OPERAND_REGISTER ? SHAPE_REGISTER : kind == OPERAND_MEMORY ? SHAPE_MEMORY : SHAPE_DIRECT;

    if (shape == SHAPE_REGISTER)
        op->reg = insn->operands[0].reg;
    if (insn->name == INSN_CALL)
        op->run = calls[flat_width(cpu, op)][shape];
    else
        op->run = jumps[cpu->code_size == 8][shape];
}

bool bind_flow(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static op_handler *const rets[] = {ret, ret32, ret64};

    *ends = true;
    op->operand_size = insn->operand_bytes;
    if (insn->n_operands && insn->operands[0].kind == OPERAND_TARGET) {
        op->disp = op->offset + op->length;
        op->imm = op->disp + insn->target;
    }
    switch (insn->name) {
    case INSN_JMP:
    case INSN_CALL:
        bind_indirect(cpu, insn, op);
        return true;
    case INSN_RET:
        op->imm = insn->n_operands ? insn->imm : 0;
        op->run = rets[flat_width(cpu, op)];
        return true;
    case INSN_LOOPNE:
    case INSN_LOOPE:
    case INSN_LOOP:
        op->extra = insn->name == INSN_LOOP ? LOOP_ALWAYS : insn->name == INSN_LOOPE ? LOOP_Z : LOOP_NZ;
        op->run = loop;
        return true;
    case INSN_JRCXZ:
        op->run = jrcxz;
        return true;
    default:
        if (insn->class != CLASS_JCC)
            return false;
        bind_jcc(cpu, insn, op);
        return true;
    }
}

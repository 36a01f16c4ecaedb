/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a decoded instruction to an operation: what all have in common is filled here, then the room that the name
 * belongs to says which handler does it. What no room takes is no instruction: #UD.
 */
#include "cpu/engine.h"

#include <errno.h>

/* ---- Whose a name is ------------------------------------------------------------------------------------------ */

/* Where the class does not say it. Those of integers that are not here are bind_misc's, those of the system
 * bind_system's. */
static bind_function *const rooms[INSN_NAMES] = {
    [INSN_ADD] = bind_alu,          [INSN_OR] = bind_alu,           [INSN_ADC] = bind_alu,
    [INSN_SBB] = bind_alu,          [INSN_AND] = bind_alu,          [INSN_SUB] = bind_alu,
    [INSN_XOR] = bind_alu,          [INSN_CMP] = bind_alu,          [INSN_TEST] = bind_alu,
    [INSN_INC] = bind_alu,          [INSN_DEC] = bind_alu,          [INSN_NEG] = bind_alu,
    [INSN_NOT] = bind_alu,          [INSN_ADCX] = bind_alu,         [INSN_ADOX] = bind_alu,
    [INSN_MOV] = bind_move,         [INSN_MOVSXD] = bind_move,      [INSN_MOVSX] = bind_move,
    [INSN_MOVZX] = bind_move,       [INSN_LEA] = bind_move,         [INSN_XCHG] = bind_move,
    [INSN_CBW] = bind_move,         [INSN_CWD] = bind_move,         [INSN_BSWAP] = bind_move,
    [INSN_MOVBE] = bind_move,       [INSN_MOVNTI] = bind_move,      [INSN_MOVDIRI] = bind_move,
    [INSN_CMOVO] = bind_move,       [INSN_CMOVNO] = bind_move,      [INSN_CMOVB] = bind_move,
    [INSN_CMOVNB] = bind_move,      [INSN_CMOVZ] = bind_move,       [INSN_CMOVNZ] = bind_move,
    [INSN_CMOVBE] = bind_move,      [INSN_CMOVNBE] = bind_move,     [INSN_CMOVS] = bind_move,
    [INSN_CMOVNS] = bind_move,      [INSN_CMOVP] = bind_move,       [INSN_CMOVNP] = bind_move,
    [INSN_CMOVL] = bind_move,       [INSN_CMOVNL] = bind_move,      [INSN_CMOVLE] = bind_move,
    [INSN_CMOVNLE] = bind_move,     [INSN_ROL] = bind_shift,        [INSN_ROR] = bind_shift,
    [INSN_RCL] = bind_shift,        [INSN_RCR] = bind_shift,        [INSN_SHL] = bind_shift,
    [INSN_SHR] = bind_shift,        [INSN_SAR] = bind_shift,        [INSN_SHLD] = bind_shift,
    [INSN_SHRD] = bind_shift,       [INSN_SHLX] = bind_shift,       [INSN_SHRX] = bind_shift,
    [INSN_SARX] = bind_shift,       [INSN_RORX] = bind_shift,       [INSN_MUL] = bind_multiply,
    [INSN_IMUL] = bind_multiply,    [INSN_DIV] = bind_multiply,     [INSN_IDIV] = bind_multiply,
    [INSN_MULX] = bind_multiply,    [INSN_BT] = bind_bits,          [INSN_BTS] = bind_bits,
    [INSN_BTR] = bind_bits,         [INSN_BTC] = bind_bits,         [INSN_BSF] = bind_bits,
    [INSN_BSR] = bind_bits,         [INSN_TZCNT] = bind_bits,       [INSN_LZCNT] = bind_bits,
    [INSN_POPCNT] = bind_bits,      [INSN_ANDN] = bind_bits,        [INSN_BLSR] = bind_bits,
    [INSN_BLSMSK] = bind_bits,      [INSN_BLSI] = bind_bits,        [INSN_BZHI] = bind_bits,
    [INSN_PEXT] = bind_bits,        [INSN_PDEP] = bind_bits,        [INSN_BEXTR] = bind_bits,
    [INSN_MOVS] = bind_string,      [INSN_CMPS] = bind_string,      [INSN_STOS] = bind_string,
    [INSN_LODS] = bind_string,      [INSN_SCAS] = bind_string,      [INSN_PUSH] = bind_stack,
    [INSN_POP] = bind_stack,        [INSN_PUSHA] = bind_stack,      [INSN_POPA] = bind_stack,
    [INSN_ENTER] = bind_stack,      [INSN_LEAVE] = bind_stack,      [INSN_IN] = bind_io,
    [INSN_OUT] = bind_io,           [INSN_INS] = bind_io,           [INSN_OUTS] = bind_io,
    [INSN_LDS] = bind_segment,      [INSN_LES] = bind_segment,      [INSN_LSS] = bind_segment,
    [INSN_LFS] = bind_segment,      [INSN_LGS] = bind_segment,      [INSN_PUSHF] = bind_system,
    [INSN_POPF] = bind_system,      [INSN_LAHF] = bind_system,      [INSN_SAHF] = bind_system,
    [INSN_XGETBV] = bind_state,     [INSN_XSETBV] = bind_state,     [INSN_XSAVE] = bind_state,
    [INSN_XRSTOR] = bind_state,     [INSN_XSAVEOPT] = bind_state,   [INSN_XSAVEC] = bind_state,
    [INSN_XSAVES] = bind_state,     [INSN_XRSTORS] = bind_state,    [INSN_SYSRET] = bind_syscall,
    [INSN_SYSEXIT] = bind_syscall,  [INSN_SWAPGS] = bind_syscall,   [INSN_RDFSBASE] = bind_syscall,
    [INSN_RDGSBASE] = bind_syscall, [INSN_WRFSBASE] = bind_syscall, [INSN_WRGSBASE] = bind_syscall,
};

static bind_function *room_of(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const struct insn_operand *o = &insn->operands[i];

        if (o->kind == OPERAND_REGISTER && o->registers == REGISTERS_SEGMENT)
            return bind_segment;
        if (o->kind == OPERAND_REGISTER && (o->registers == REGISTERS_CONTROL || o->registers == REGISTERS_DEBUG))
            return bind_system;
    }
    switch ((enum insn_class)insn->class) {
    case CLASS_INT:
    case CLASS_NOP:
    case CLASS_STRING:
    case CLASS_IO:
        return rooms[insn->name] ? rooms[insn->name] : bind_misc;
    case CLASS_JUMP:
    case CLASS_JCC:
    case CLASS_LOOP:
    case CLASS_CALL:
    case CLASS_JUMP_INDIRECT:
    case CLASS_CALL_INDIRECT:
    case CLASS_RETURN:
        return bind_flow;
    case CLASS_FAR:
    case CLASS_INTERRUPT:
        return bind_far;
    case CLASS_SYSCALL:
        return bind_syscall;
    case CLASS_SYSTEM:
    case CLASS_PRIVILEGED:
        return rooms[insn->name] ? rooms[insn->name] : bind_system;
    case CLASS_X87:
        return bind_x87;
    case CLASS_MMX:
        return bind_mmx;
    case CLASS_SSE:
        return bind_sse;
    case CLASS_AVX:
        return bind_avx;
    default: /* undefined on purpose; transactions; vectors that this processor does not have */
        return NULL;
    }
}

/* ---- What all have in common ---------------------------------------------------------------------------------- */

static uint8_t size_of(const struct insn *insn)
{
    unsigned n = insn->name == INSN_OUT || insn->name == INSN_OUTS;
    const struct insn_operand *o = &insn->operands[n];

    if (n < insn->n_operands && (o->kind == OPERAND_REGISTER || o->kind == OPERAND_MEMORY) &&
        o->registers != REGISTERS_SEGMENT && (o->bytes == 1 || o->bytes == 2 || o->bytes == 4 || o->bytes == 8))
        return (uint8_t)o->bytes;
    return insn->operand_bytes;
}

/* How the stack is used where no operand says so. */
static uint8_t stack_use(const struct insn *insn)
{
    static const uint8_t uses[INSN_NAMES] = {
        [INSN_PUSH] = OP_PUSHES,
        [INSN_PUSHA] = OP_PUSHES,
        [INSN_PUSHF] = OP_PUSHES,
        [INSN_CALL] = OP_PUSHES,
        [INSN_CALL_FAR] = OP_PUSHES,
        [INSN_INT] = OP_PUSHES,
        [INSN_INT3] = OP_PUSHES,
        [INSN_INTO] = OP_PUSHES,
        [INSN_INT1] = OP_PUSHES,
        [INSN_POP] = OP_POPS,
        [INSN_POPA] = OP_POPS,
        [INSN_POPF] = OP_POPS,
        [INSN_LEAVE] = OP_POPS,
        [INSN_RET] = OP_POPS,
        [INSN_RET_FAR] = OP_POPS,
        [INSN_IRET] = OP_POPS,
        [INSN_ENTER] = OP_PUSHES | OP_POPS,
    };

    return uses[insn->name];
}

static void common(const struct insn *insn, struct op *op)
{
    const struct insn_memory *m = &insn->memory;

    op->length = insn->length;
    op->imm = insn->operands[0].kind == OPERAND_TARGET ? insn->target : insn->imm;
    op->address_mask = insn->address_bytes == 8 ? ~UINT64_C(0) : insn->address_bytes == 4 ? 0xffffffff : 0xffff;
    op->operand_size = size_of(insn);
    op->base = op->index = GPR_ZERO;
    op->flags = (uint8_t)((insn->prefixes & PREFIX_LOCK ? OP_LOCK : 0) | (insn->prefixes & PREFIX_REP ? OP_REP : 0) |
                          (insn->prefixes & PREFIX_REPNE ? OP_REPNE : 0) | stack_use(insn));
    op->reg = (insn->modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
    op->rm = (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
    if (!insn->has_memory)
        return;
    if (insn->has_modrm)
        op->flags |= OP_MEMORY;
    op->segment = m->segment;
    op->disp = m->disp;
    if (m->base < 16)
        op->base = m->base;
    if (m->index < 16)
        op->index = m->index;
    op->scale = m->scale ? (uint8_t)__builtin_ctz(m->scale) : 0;
    if (m->rip_relative) {
        op->base = GPR_BLOCK;
        op->disp += op->offset + op->length;
    }
}

/* ---- What is no instruction ----------------------------------------------------------------------------------- */

static void run_undefined(struct cpu *cpu, const struct op *op)
{
    cpu_fault(cpu, op, VECTOR_UD, 0);
}
static void run_too_long(struct cpu *cpu, const struct op *op)
{
    cpu_fault(cpu, op, VECTOR_GP, 0);
}

static bool is_prefix(uint8_t byte, bool wide)
{
    static const uint8_t legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};

    for (unsigned i = 0; i < sizeof legacy; i++)
        if (byte == legacy[i])
            return true;
    return wide && (byte & 0xf0) == 0x40;
}

/* Would it be an instruction if it were allowed more than 15 bytes? Then its length is what is wrong with it. */
static bool is_too_long(const uint8_t *bytes, unsigned n, enum decode_mode mode)
{
    struct insn insn;
    unsigned skip = 0;

    if (n < 15)
        return false;
    while (skip < 15 && is_prefix(bytes[skip], mode == DECODE_64))
        skip++;
    if (skip == 15)
        return true;
    int length = decode_insn(bytes + skip, n - skip, mode, &insn);
    return length == -ENODATA || (length > 0 && skip + (unsigned)length > 15);
}

/* An 80286 takes lock before every instruction (later ones before those that read, change and write memory alone): the
 * bytes without it. */
static int decode_locked_286(const uint8_t *bytes, unsigned n, struct insn *insn)
{
    uint8_t without[15];
    unsigned at = 0;

    while (at + 1 < n && bytes[at] != 0xf0 && is_prefix(bytes[at], false))
        at++;
    if (bytes[at] != 0xf0 || n > 15)
        return -EILSEQ;
    memcpy(without, bytes, at);
    memcpy(without + at, bytes + at + 1, n - at - 1);
    int length = decode_insn(without, n - 1, DECODE_16, insn);
    if (length > 0)
        insn->length = (uint8_t)++length;
    return length;
}

static int decode_as_model(const struct cpu *cpu, const uint8_t *bytes, unsigned n, enum decode_mode mode,
                           struct insn *insn)
{
    int length = decode_insn(bytes, n, mode, insn);
    bool is_286 = (cpu->model.signature >> 8 & 0xf) == 2;

    return UNLIKELY(is_286) && length == -EILSEQ ? decode_locked_286(bytes, n, insn) : length;
}

int cpu_bind(const struct cpu *cpu, const uint8_t *bytes, unsigned n, struct op *op, bool *ends)
{
    enum decode_mode mode = cpu->code_size == 8 ? DECODE_64 : cpu->code_size == 4 ? DECODE_32 : DECODE_16;
    struct insn insn;
    uint16_t offset = op->offset;
    int length = decode_as_model(cpu, bytes, n, mode, &insn);

    if (length == -ENODATA)
        return length;
    *op = (struct op){.offset = offset, .run = run_undefined, .length = 1, .operand_size = 4};
    *ends = true;
    if (length < 0) {
        if (is_too_long(bytes, n, mode))
            op->run = run_too_long;
        return (int)n;
    }
    bool vex = insn.encoding != ENCODING_LEGACY;
    bind_function *room = vex && (cpu->mode == MODE_REAL || cpu->mode == MODE_V86) ? NULL : room_of(&insn);
    bool last = false;

    common(&insn, op);
    op->run = NULL;
    if (!room || !room(cpu, &insn, op, &last) || !op->run)
        op->run = run_undefined;
    else
        *ends = last;
    return length;
}

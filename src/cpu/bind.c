/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a decoded instruction to an operation: what all have in common is filled here, then the room that the name
 * belongs to says which handler does it. What no room takes is no instruction: #UD.
 */
#include "cpu/engine.h"

#include <errno.h>

/* ---- Whose a name is ------------------------------------------------------------------------------------------ */

static bind_function *room_of_integers(enum insn_name name)
{
    switch (name) {
    case INSN_ADD: case INSN_OR: case INSN_ADC: case INSN_SBB: case INSN_AND: case INSN_SUB: case INSN_XOR:
    case INSN_CMP: case INSN_TEST: case INSN_INC: case INSN_DEC: case INSN_NEG: case INSN_NOT: case INSN_ADCX:
    case INSN_ADOX:
        return bind_alu;
    case INSN_MOV: case INSN_MOVSXD: case INSN_MOVSX: case INSN_MOVZX: case INSN_LEA: case INSN_XCHG:
    case INSN_CBW: case INSN_CWD: case INSN_BSWAP: case INSN_MOVBE: case INSN_MOVNTI: case INSN_MOVDIRI:
    case INSN_CMOVO: case INSN_CMOVNO: case INSN_CMOVB: case INSN_CMOVNB: case INSN_CMOVZ: case INSN_CMOVNZ:
    case INSN_CMOVBE: case INSN_CMOVNBE: case INSN_CMOVS: case INSN_CMOVNS: case INSN_CMOVP: case INSN_CMOVNP:
    case INSN_CMOVL: case INSN_CMOVNL: case INSN_CMOVLE: case INSN_CMOVNLE:
        return bind_move;
    case INSN_ROL: case INSN_ROR: case INSN_RCL: case INSN_RCR: case INSN_SHL: case INSN_SHR: case INSN_SAR:
    case INSN_SHLD: case INSN_SHRD: case INSN_SHLX: case INSN_SHRX: case INSN_SARX: case INSN_RORX:
        return bind_shift;
    case INSN_MUL: case INSN_IMUL: case INSN_DIV: case INSN_IDIV: case INSN_MULX:
        return bind_multiply;
    case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC: case INSN_BSF: case INSN_BSR: case INSN_TZCNT:
    case INSN_LZCNT: case INSN_POPCNT: case INSN_ANDN: case INSN_BLSR: case INSN_BLSMSK: case INSN_BLSI:
    case INSN_BZHI: case INSN_PEXT: case INSN_PDEP: case INSN_BEXTR:
        return bind_bits;
    case INSN_MOVS: case INSN_CMPS: case INSN_STOS: case INSN_LODS: case INSN_SCAS:
        return bind_string;
    case INSN_PUSH: case INSN_POP: case INSN_PUSHA: case INSN_POPA: case INSN_ENTER: case INSN_LEAVE:
        return bind_stack;
    case INSN_IN: case INSN_OUT: case INSN_INS: case INSN_OUTS:
        return bind_io;
    case INSN_LDS: case INSN_LES: case INSN_LSS: case INSN_LFS: case INSN_LGS:
        return bind_segment;
    case INSN_PUSHF: case INSN_POPF: case INSN_LAHF: case INSN_SAHF:
        return bind_system;
    default:
        return bind_misc;
    }
}

static bind_function *room_of_system(enum insn_name name)
{
    switch (name) {
    case INSN_XGETBV: case INSN_XSETBV: case INSN_XSAVE: case INSN_XRSTOR: case INSN_XSAVEOPT: case INSN_XSAVEC:
    case INSN_XSAVES: case INSN_XRSTORS:
        return bind_state;
    case INSN_SYSRET: case INSN_SYSEXIT: case INSN_SWAPGS: case INSN_RDFSBASE: case INSN_RDGSBASE:
    case INSN_WRFSBASE: case INSN_WRGSBASE:
        return bind_syscall;
    default:
        return bind_system;
    }
}

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
        return room_of_integers(insn->name);
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
        return room_of_system(insn->name);
    case CLASS_X87:
        return bind_x87;
    case CLASS_MMX:
        return bind_mmx;
    case CLASS_SSE:
        return bind_sse;
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
    switch (insn->name) {
    case INSN_PUSH: case INSN_PUSHA: case INSN_PUSHF: case INSN_CALL: case INSN_CALL_FAR: case INSN_INT:
    case INSN_INT3: case INSN_INTO: case INSN_INT1:
        return OP_PUSHES;
    case INSN_POP: case INSN_POPA: case INSN_POPF: case INSN_LEAVE: case INSN_RET: case INSN_RET_FAR: case INSN_IRET:
        return OP_POPS;
    case INSN_ENTER:
        return OP_PUSHES | OP_POPS;
    default:
        return 0;
    }
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
    switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2:
    case 0xf3:
        return true;
    default:
        return wide && (byte & 0xf0) == 0x40;
    }
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

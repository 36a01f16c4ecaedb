/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87: binding, and the instructions that work on its controls alone. Those without a wait of their own (fn...) are
 * done although an error is due.
 */
#include "cpu/x87.h"

static bool may(struct cpu *cpu, const struct op *op, bool waits)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS) || (waits && cpu->fpu.off & FPU_OFF_X87)) {
        fpu_refuse_x87(cpu, op);
        return false;
    }
    return true;
}

static void fldcw(struct cpu *cpu, const struct op *op)
{
    uint16_t v;
    if (!may(cpu, op, true) || !op_load16(cpu, op, &v))
        return;
    cpu->fpu.control = v;
    fpu_x87_changed(cpu);
    NEXT(cpu, op);
}
static void fnstcw(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false) || !op_store16(cpu, op, cpu->fpu.control))
        return;
    NEXT(cpu, op);
}
static uint16_t status(const struct cpu *cpu)
{
    return (uint16_t)(cpu->fpu.status | cpu->fpu.top << 11);
}
static void fnstsw_memory(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false) || !op_store16(cpu, op, status(cpu)))
        return;
    NEXT(cpu, op);
}
static void fnstsw_ax(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false))
        return;
    gpr_set16(cpu, GPR_AX, status(cpu));
    NEXT(cpu, op);
}
static void fnclex(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false))
        return;
    cpu->fpu.status &= X87_CONDITIONS;
    fpu_x87_changed(cpu);
    NEXT(cpu, op);
}
static void fninit(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false))
        return;
    fpu_x87_init(cpu);
    NEXT(cpu, op);
}
/* feni, fdisi, fsetpm: of the 8087 and 287 */
static void fnop_old(struct cpu *cpu, const struct op *op)
{
    if (!may(cpu, op, false))
        return;
    NEXT(cpu, op);
}
static void fwait(struct cpu *cpu, const struct op *op)
{
    bool not_there = (cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS);

    if (not_there || (cpu->fpu.status & X87_SUMMARY && cpu->cr0 & CR0_NE)) {
        cpu_fault(cpu, op, not_there ? VECTOR_NM : VECTOR_MF, 0);
        return;
    }
    NEXT(cpu, op);
}

static op_handler *control_handler(const struct insn *insn)
{
    switch (insn->name) {
    case INSN_FWAIT:
        return fwait;
    case INSN_FLDCW:
        return fldcw;
    case INSN_FNSTCW:
        return fnstcw;
    case INSN_FNSTSW:
        return insn->has_memory ? fnstsw_memory : fnstsw_ax;
    case INSN_FNCLEX:
        return fnclex;
    case INSN_FNINIT:
        return fninit;
    case INSN_FENI8087_NOP:
    case INSN_FDISI8087_NOP:
    case INSN_FSETPM287_NOP:
        return fnop_old;
    default:
        return NULL;
    }
}

/* By the operands of the row: what is read or written of memory. */
static uint8_t memory_bytes(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++)
        if (insn->operands[i].kind == OPERAND_MEMORY)
            return (uint8_t)(insn->operands[i].bytes | (insn->operands[i].access & ACCESS_WRITE ? X87_STORES : 0));
    return 0;
}

bool bind_x87(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    op->run = control_handler(insn);
    if (!op->run)
        op->run = x87_state_handler(insn);
    if (op->run)
        return true;
    op->rm = insn->modrm & 7;
    op->extra = memory_bytes(insn);
    op->extra2 = (uint16_t)((insn->opcode & 7) << 8 | insn->modrm);
    op->run = x87_fast_handler(insn);
    if (!op->run)
        op->run = x87_any;
    return true;
}

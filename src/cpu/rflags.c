/* SPDX-License-Identifier: Apache-2.0 */
/* The flags beyond arithmetic: who may change which, and the instructions that move them (Intel 3A 2.3, 2A and 2B:
 * CLI, STI, PUSHF, POPF, LAHF, SAHF, STAC, CLAC). */
#include "cpu/system.h"

static unsigned iopl(const struct cpu *cpu)
{
    return cpu->rflags >> RFLAGS_IOPL_SHIFT & 3;
}

/* TF and RF have the loop look at each instruction; IF too: an interrupt may wait. */
static void flags_changed(struct cpu *cpu)
{
    if (cpu->rflags & (RFLAGS_TF | RFLAGS_RF))
        cpu_attention_slow(cpu);
}

void cpu_flags_write(struct cpu *cpu, uint64_t value, uint64_t mask)
{
    if (cpu->cpl > iopl(cpu))
        mask &= ~RFLAGS_IF;
    if (cpu->cpl != 0)
        mask &= ~RFLAGS_IOPL;
    flags_put(&cpu->flags, (uint32_t)mask & FLAGS_ARITHMETIC, (uint32_t)value);
    mask &= ~(uint64_t)FLAGS_ARITHMETIC;
    cpu->rflags = (cpu->rflags & ~mask) | (value & mask) | RFLAGS_ONE;
    flags_changed(cpu);
}

void cpu_flags_set_all(struct cpu *cpu, uint64_t value)
{
    flags_set(&cpu->flags, (uint32_t)value & FLAGS_ARITHMETIC);
    cpu->rflags = (value & RFLAGS_ALL & ~(uint64_t)FLAGS_ARITHMETIC) | RFLAGS_ONE;
    flags_changed(cpu);
}

/* In virtual-8086 mode the flags are the program's with IOPL 3 alone. */
static bool v86_forbids(struct cpu *cpu, const struct op *op)
{
    if (LIKELY(cpu->mode != MODE_V86 || iopl(cpu) == 3))
        return false;
    cpu_fault(cpu, op, VECTOR_GP, 0);
    return true;
}

static void pushf(struct cpu *cpu, const struct op *op)
{
    if (v86_forbids(cpu, op) || !cpu_push(cpu, op->operand_size, cpu_rflags(cpu) & ~(RFLAGS_VM | RFLAGS_RF)))
        return;
    NEXT(cpu, op);
}

static void popf(struct cpu *cpu, const struct op *op)
{
    uint64_t mask = FLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT, value;

    if (v86_forbids(cpu, op) || !cpu_pop(cpu, op->operand_size, &value))
        return;
    if (op->operand_size >= 4)
        mask |= RFLAGS_AC | RFLAGS_ID;
    cpu_flags_write(cpu, value, mask);
    op_leave(cpu, op);
}

enum { FLAGS_OF_AH = FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S };

static void lahf(struct cpu *cpu, const struct op *op)
{
    *op_byte(cpu, 1) = (uint8_t)((flags_get(&cpu->flags) & FLAGS_OF_AH) | RFLAGS_ONE);
    NEXT(cpu, op);
}

static void sahf(struct cpu *cpu, const struct op *op)
{
    flags_put(&cpu->flags, FLAGS_OF_AH, *op_byte(cpu, 1));
    NEXT(cpu, op);
}

static bool interrupt_flag_allowed(struct cpu *cpu, const struct op *op)
{
    if (LIKELY(cpu->cpl <= iopl(cpu)))
        return true;
    cpu_fault(cpu, op, VECTOR_GP, 0);
    return false;
}

static void cli(struct cpu *cpu, const struct op *op)
{
    if (!interrupt_flag_allowed(cpu, op))
        return;
    cpu->rflags &= ~RFLAGS_IF;
    NEXT(cpu, op);
}

/* No interrupt before the next instruction has ended. Within a block none comes in anyway: when nothing waits, and the
 * next instruction is of the same block, there is nothing to do for it. */
static void sti(struct cpu *cpu, const struct op *op)
{
    if (!interrupt_flag_allowed(cpu, op))
        return;
    if (!(cpu->rflags & RFLAGS_IF)) {
        cpu->rflags |= RFLAGS_IF;
        if (op->left == 0 || __atomic_load_n(&cpu->intr_line, __ATOMIC_RELAXED)) {
            cpu->shadow_sti = true;
            cpu_attention_slow(cpu);
            op_leave(cpu, op);
            return;
        }
    }
    NEXT(cpu, op);
}

/* Whose privilege is wrong has no such instruction. */
static void set_ac(struct cpu *cpu, const struct op *op)
{
    if (cpu->cpl != 0) {
        cpu_fault(cpu, op, VECTOR_UD, 0);
        return;
    }
    cpu->rflags = op->extra ? cpu->rflags | RFLAGS_AC : cpu->rflags & ~RFLAGS_AC;
    op_leave(cpu, op);
}

bool bind_rflags(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        bool ends;
        op_handler *run;
    } rows[] = {
        {INSN_PUSHF, false, pushf}, {INSN_POPF, true, popf}, {INSN_LAHF, false, lahf},  {INSN_SAHF, false, sahf},
        {INSN_CLI, false, cli},     {INSN_STI, false, sti},  {INSN_STAC, true, set_ac}, {INSN_CLAC, true, set_ac},
    };

    op->operand_size = insn->operand_bytes;
    op->extra = insn->name == INSN_STAC;
    if ((insn->name == INSN_STAC || insn->name == INSN_CLAC) && !cpu_model_has(&cpu->model, CPU_SMAP))
        return false;
    if ((insn->name == INSN_LAHF || insn->name == INSN_SAHF) && cpu->mode == MODE_LONG &&
        !cpu_model_has(&cpu->model, CPU_LAHF64))
        return false;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name) {
            op->run = rows[i].run;
            *ends = rows[i].ends;
            return true;
        }
    return false;
}

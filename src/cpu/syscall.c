/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast ways into the kernel and back: syscall, sysret, sysenter, sysexit, which make flat segments out of nothing;
 * and swapgs and the bases of fs and gs (Intel 2B; AMD 3 for 32-bit code, where Intel's processors have no syscall).
 */
#include "cpu/system.h"

/* A flat code or stack segment of privilege dpl. */
static struct vcpu_segment flat_code(uint16_t selector, unsigned dpl, bool wide)
{
    return (struct vcpu_segment){.limit = 0xffffffff,
                                 .attributes = SEG_P | SEG_S | SEG_G | (wide ? SEG_L : SEG_DB) | dpl << SEG_DPL_SHIFT |
                                               TYPE_CODE | TYPE_WRITABLE | TYPE_ACCESSED,
                                 .selector = (uint16_t)((selector & ~3u) | dpl)};
}
static struct vcpu_segment flat_stack(uint16_t selector, unsigned dpl)
{
    return (struct vcpu_segment){.limit = 0xffffffff,
                                 .attributes = SEG_P | SEG_S | SEG_G | SEG_DB | dpl << SEG_DPL_SHIFT | TYPE_WRITABLE |
                                               TYPE_ACCESSED,
                                 .selector = (uint16_t)((selector & ~3u) | dpl)};
}

static void enter_flat(struct cpu *cpu, uint16_t cs, uint16_t ss, unsigned dpl, bool wide, uint64_t rip)
{
    struct vcpu_segment code = flat_code(cs, dpl, wide);

    cpu->segments[SEG_SS] = flat_stack(ss, dpl);
    code_enter(cpu, &code, dpl, rip);
}

/* syscall and sysret step by the TF that they leave behind, not by the one before. */
static void step_after(struct cpu *cpu)
{
    cpu->stepping = false;
    if (UNLIKELY(cpu->rflags & RFLAGS_TF)) {
        cpu->debug_pending |= DR6_BS;
        cpu_attention_slow(cpu);
    }
}

/* ---- syscall, sysret ----------------------------------------------------------------------------------------------
 */

/* Only AMD's have them outside of 64-bit code. */
static bool syscall_exists(struct cpu *cpu, const struct op *op)
{
    bool mode = cpu->mode == MODE_LONG || (cpu->model.amd && cpu->mode != MODE_REAL);

    if ((cpu->msrs.efer & EFER_SCE) && mode)
        return true;
    cpu_fault(cpu, op, VECTOR_UD, 0);
    return false;
}

static void run_syscall(struct cpu *cpu, const struct op *op)
{
    const struct vcpu_msrs *m = &cpu->msrs;
    uint16_t cs = (uint16_t)(m->star >> 32);
    uint64_t rip;

    if (!syscall_exists(cpu, op))
        return;
    cpu->gpr[GPR_CX] = op_next_rip(cpu, op);
    if (cpu_long_active(cpu)) {
        cpu->gpr[11] = cpu_rflags(cpu) & ~RFLAGS_RF;
        rip = cpu->mode == MODE_LONG ? m->lstar : m->cstar;
        cpu_flags_set_all(cpu, cpu_rflags(cpu) & ~(m->sfmask | RFLAGS_RF));
    } else {
        rip = (uint32_t)m->star;
        cpu->rflags &= ~(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
    }
    enter_flat(cpu, cs, (uint16_t)((cs & ~3u) + 8), 0, cpu_long_active(cpu), rip);
    step_after(cpu);
}

static void run_sysret(struct cpu *cpu, const struct op *op)
{
    uint16_t base = (uint16_t)(cpu->msrs.star >> 48 & ~3u);
    bool wide = op->operand_size == 8;
    uint64_t rip = wide ? cpu->gpr[GPR_CX] : gpr32(cpu, GPR_CX);

    if (!syscall_exists(cpu, op) || !op_privileged(cpu, op))
        return;
    if (!address_canonical(rip)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    if (cpu_long_active(cpu))
        cpu_flags_set_all(cpu, cpu->gpr[11] & ~(RFLAGS_RF | RFLAGS_VM));
    else
        cpu->rflags |= RFLAGS_IF;
    enter_flat(cpu, wide ? base + 16 : base, base + 8, 3, wide, rip);
    step_after(cpu);
}

/* ---- sysenter, sysexit --------------------------------------------------------------------------------------------
 */

static bool sysenter_exists(struct cpu *cpu, const struct op *op)
{
    if (cpu->model.amd && cpu_long_active(cpu)) {
        cpu_fault(cpu, op, VECTOR_UD, 0);
        return false;
    }
    if (cpu->mode != MODE_REAL && !selector_null((uint16_t)cpu->msrs.sysenter_cs))
        return true;
    cpu_fault(cpu, op, VECTOR_GP, 0);
    return false;
}

static void run_sysenter(struct cpu *cpu, const struct op *op)
{
    uint16_t cs = (uint16_t)(cpu->msrs.sysenter_cs & ~3u);
    bool wide = cpu_long_active(cpu);

    if (!sysenter_exists(cpu, op))
        return;
    cpu->rflags &= ~(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
    cpu->gpr[GPR_SP] = wide ? cpu->msrs.sysenter_esp : (uint32_t)cpu->msrs.sysenter_esp;
    enter_flat(cpu, cs, cs + 8, 0, wide, wide ? cpu->msrs.sysenter_eip : (uint32_t)cpu->msrs.sysenter_eip);
}

static void run_sysexit(struct cpu *cpu, const struct op *op)
{
    uint16_t cs = (uint16_t)(cpu->msrs.sysenter_cs & ~3u);
    bool wide = op->operand_size == 8;
    uint64_t rip = wide ? cpu->gpr[GPR_DX] : gpr32(cpu, GPR_DX), pointer = cpu->gpr[GPR_CX];

    if (!sysenter_exists(cpu, op) || !op_privileged(cpu, op))
        return;
    if (wide && (!address_canonical(rip) || !address_canonical(pointer))) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    cpu->gpr[GPR_SP] = wide ? pointer : (uint32_t)pointer;
    enter_flat(cpu, (uint16_t)(cs + (wide ? 32 : 16)), (uint16_t)(cs + (wide ? 40 : 24)), 3, wide, rip);
}

/* ---- Bases of fs and gs -------------------------------------------------------------------------------------------
 */

static void run_swapgs(struct cpu *cpu, const struct op *op)
{
    uint64_t base = cpu->segments[SEG_GS].base;

    if (!op_privileged(cpu, op))
        return;
    cpu->segments[SEG_GS].base = cpu->msrs.kernel_gs_base;
    cpu->msrs.kernel_gs_base = base;
    NEXT(cpu, op);
}

static bool fsgsbase_exists(struct cpu *cpu, const struct op *op)
{
    if (LIKELY(cpu->cr4 & CR4_FSGSBASE))
        return true;
    cpu_fault(cpu, op, VECTOR_UD, 0);
    return false;
}

static void read_base(struct cpu *cpu, const struct op *op)
{
    if (!fsgsbase_exists(cpu, op))
        return;
    gpr_set(cpu, op->rm, op->operand_size, cpu->segments[op->extra].base);
    NEXT(cpu, op);
}

static void write_base(struct cpu *cpu, const struct op *op)
{
    uint64_t value = gpr_get(cpu, op->rm, op->operand_size);

    if (!fsgsbase_exists(cpu, op))
        return;
    if (!address_canonical(value)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    cpu->segments[op->extra].base = value;
    NEXT(cpu, op);
}

/* ---- Binding ------------------------------------------------------------------------------------------------------
 */

static bool bind_base(const struct cpu *cpu, const struct insn *insn, struct op *op)
{
    bool gs = insn->name == INSN_RDGSBASE || insn->name == INSN_WRGSBASE;

    op->run = insn->name == INSN_RDFSBASE || insn->name == INSN_RDGSBASE ? read_base : write_base;
    op->extra = gs ? SEG_GS : SEG_FS;
    op->rm = insn->operands[0].reg;
    op->operand_size = (uint8_t)insn->operands[0].bytes;
    return cpu_model_has(&cpu->model, CPU_FSGSBASE);
}

bool bind_syscall(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        bool ends;
        enum cpu_feature feature;
        op_handler *run;
    } rows[] = {
        {INSN_SYSCALL, true, CPU_SYSCALL, run_syscall}, {INSN_SYSRET, true, CPU_SYSCALL, run_sysret},
        {INSN_SYSENTER, true, CPU_SEP, run_sysenter},   {INSN_SYSEXIT, true, CPU_SEP, run_sysexit},
        {INSN_SWAPGS, false, CPU_LM, run_swapgs},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name) {
            op->run = rows[i].run;
            op->operand_size = insn->operand_bytes;
            *ends = rows[i].ends;
            return cpu_model_has(&cpu->model, rows[i].feature);
        }
    return bind_base(cpu, insn, op);
}

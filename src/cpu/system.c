/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of the system that move little: halting, time, identification, registers by number, caches and
 * translations; and whose file each of the others is in. What is not named here does not exist on this processor.
 */
#include "cpu/system.h"

/* ---- Halting, time, identity ---------------------------------------------------------------------------------------
 */

static void hlt(struct cpu *cpu, const struct op *op)
{
    if (!op_privileged(cpu, op))
        return;
    cpu->halted = true;
    op_leave(cpu, op);
}

static void set_pair(struct cpu *cpu, uint64_t value)
{
    cpu->gpr[GPR_AX] = (uint32_t)value;
    cpu->gpr[GPR_DX] = value >> 32;
}

static void rdtsc(struct cpu *cpu, const struct op *op)
{
    if (UNLIKELY(cpu->cpl != 0 && (cpu->cr4 & CR4_TSD))) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    set_pair(cpu, cpu->bus.tsc(cpu->bus.owner) + cpu->msrs.tsc_adjust);
    if (op->extra) /* rdtscp */
        cpu->gpr[GPR_CX] = (uint32_t)cpu->msrs.tsc_aux;
    NEXT(cpu, op);
}

static void rdpid(struct cpu *cpu, const struct op *op)
{
    cpu->gpr[op->rm] = (uint32_t)cpu->msrs.tsc_aux;
    NEXT(cpu, op);
}

/* AMD's first four counters, which count nothing (msr.c); others have none. */
static void rdpmc(struct cpu *cpu, const struct op *op)
{
    bool allowed = cpu->cpl == 0 || cpu->cr4 & CR4_PCE;

    if (!allowed || !cpu->model.amd || gpr32(cpu, GPR_CX) >= 4) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    cpu->gpr[GPR_AX] = cpu->gpr[GPR_DX] = 0;
    op_leave(cpu, op);
}

static void cpuid(struct cpu *cpu, const struct op *op)
{
    struct cpuid_answer a = cpu_cpuid(cpu, gpr32(cpu, GPR_AX), gpr32(cpu, GPR_CX));

    cpu->gpr[GPR_AX] = a.eax;
    cpu->gpr[GPR_BX] = a.ebx;
    cpu->gpr[GPR_CX] = a.ecx;
    cpu->gpr[GPR_DX] = a.edx;
    op_leave(cpu, op);
}

static void rdmsr(struct cpu *cpu, const struct op *op)
{
    uint64_t value;

    if (!op_privileged(cpu, op))
        return;
    if (!cpu_msr_read(cpu, gpr32(cpu, GPR_CX), &value)) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    set_pair(cpu, value);
    op_leave(cpu, op);
}

static void wrmsr(struct cpu *cpu, const struct op *op)
{
    if (!op_privileged(cpu, op))
        return;
    if (!cpu_msr_write(cpu, gpr32(cpu, GPR_CX), cpu->gpr[GPR_DX] << 32 | gpr32(cpu, GPR_AX))) {
        cpu_fault(cpu, op, VECTOR_GP, 0);
        return;
    }
    op_leave(cpu, op);
}

/* ---- Caches, translations, order ------------------------------------------------------------------------------------
 */

static void nothing(struct cpu *cpu, const struct op *op)
{
    NEXT(cpu, op);
}

static void privileged_nothing(struct cpu *cpu, const struct op *op)
{
    if (!op_privileged(cpu, op))
        return;
    NEXT(cpu, op);
}

/* Like a load that reads nothing: the address must be allowed. */
static void flush_line(struct cpu *cpu, const struct op *op)
{
    uint64_t linear, gpa;

    if (!op_linear(cpu, op, 1, ACCESS_LOAD, &linear))
        return;
    if (!address_canonical(linear))
        cpu_fault(cpu, op, op->segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
    else if (cpu_translate(cpu, linear, ACCESS_LOAD, false, &gpa))
        op_leave(cpu, op);
}

static void invlpg(struct cpu *cpu, const struct op *op)
{
    uint64_t linear = op_offset_of(cpu, op);

    if (!op_privileged(cpu, op))
        return;
    if (cpu->mode != MODE_LONG)
        linear = (uint32_t)(linear + cpu->segments[op->segment].base);
    else if (op->segment >= SEG_FS)
        linear += cpu->segments[op->segment].base;
    if (address_canonical(linear))
        cpu_tlb_flush_page(cpu, linear);
    op_leave(cpu, op);
}

/* Others of this host look at the memory as well: devices' back ends. Loads, and stores, are in order anyway. */
static void fence(struct cpu *cpu, const struct op *op)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    NEXT(cpu, op);
}

/* ---- Binding --------------------------------------------------------------------------------------------------------
 */

enum { ALWAYS = 0xffff };

static const struct system_row {
    uint16_t name, feature;
    bool ends;
    op_handler *run;
} rows[] = {
    {INSN_HLT, ALWAYS, true, hlt},
    {INSN_RDTSC, CPU_TSC, false, rdtsc},
    {INSN_RDTSCP, CPU_RDTSCP, false, rdtsc},
    {INSN_RDPID, CPU_RDPID, false, rdpid},
    {INSN_RDPMC, ALWAYS, true, rdpmc},
    {INSN_CPUID, ALWAYS, true, cpuid},
    {INSN_RDMSR, CPU_MSR, true, rdmsr},
    {INSN_WRMSR, CPU_MSR, true, wrmsr},
    {INSN_RDSSP, ALWAYS, false, nothing}, /* without shadow stacks */
    {INSN_INVD, ALWAYS, false, privileged_nothing},
    {INSN_WBINVD, ALWAYS, false, privileged_nothing},
    {INSN_WBNOINVD, ALWAYS, false, privileged_nothing}, /* without the feature it is wbinvd */
    {INSN_CLFLUSH, CPU_CLFLUSH, true, flush_line},
    {INSN_CLFLUSHOPT, CPU_CLFLUSHOPT, true, flush_line},
    {INSN_CLWB, CPU_CLWB, true, flush_line},
    {INSN_PCOMMIT, CPU_PCOMMIT, false, nothing}, /* memory that lasts: what was flushed is there */
    {INSN_INVLPG, ALWAYS, true, invlpg},
    {INSN_LFENCE, CPU_SSE2, false, nothing},
    {INSN_MFENCE, CPU_SSE2, false, fence},
    {INSN_SFENCE, CPU_SSE, false, nothing},
};

bool bind_system(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name) {
            op->run = rows[i].run;
            op->extra = insn->name == INSN_RDTSCP;
            if (insn->name == INSN_RDPID)
                op->rm = insn->operands[0].reg;
            *ends = rows[i].ends;
            return rows[i].feature == ALWAYS || cpu_model_has(&cpu->model, rows[i].feature);
        }
    return bind_rflags(cpu, insn, op, ends) || bind_control(cpu, insn, op, ends) || bind_verify(cpu, insn, op, ends);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point unit's controls: whose rounding the host computes with, when an instruction is refused, and memory
 * operands that are not simply there. Changes the host's MXCSR and x87 control word from fpu_enter() to fpu_leave() and
 * nothing else of the host; exceptions stay masked there.
 *
 * CR0.NE = 0 (errors reported through an interrupt controller of 1984) is done as if IGNNE# were up: execution goes on.
 */
#include "cpu/fpu.h"

void fpu_gather(struct cpu *cpu)
{
    if (cpu->fpu.entered)
        cpu->fpu.mxcsr |= host_mxcsr_get() & FPU_EXCEPTIONS;
}

static void host_load(const struct cpu *cpu)
{
    host_mxcsr_set((cpu->fpu.mxcsr & ~(uint32_t)FPU_EXCEPTIONS) | MXCSR_MASKS);
    __asm__ volatile("fnclex");
    host_control_set(cpu->fpu.control | FPU_EXCEPTIONS);
}

void fpu_enter(struct cpu *cpu)
{
    cpu->fpu.host_mxcsr = host_mxcsr_get();
    __asm__ volatile("fnstcw %0" : "=m"(cpu->fpu.host_control));
    host_load(cpu);
    cpu->fpu.entered = true;
}

void fpu_leave(struct cpu *cpu)
{
    fpu_gather(cpu);
    cpu->fpu.entered = false;
    __asm__ volatile("fnclex");
    host_control_set(cpu->fpu.host_control);
    host_mxcsr_set(cpu->fpu.host_mxcsr);
}

void fpu_mode_changed(struct cpu *cpu)
{
    unsigned off = 0;

    if (cpu->cr0 & (CR0_EM | CR0_TS))
        off |= FPU_OFF_SSE | FPU_OFF_X87;
    if (!(cpu->cr4 & CR4_OSFXSR))
        off |= FPU_OFF_SSE;
    if (cpu->cr0 & CR0_TS || !(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & XCR0_AVX_STATE) != XCR0_AVX_STATE)
        off |= FPU_OFF_AVX;
    if (cpu->fpu.status & X87_SUMMARY && cpu->cr0 & CR0_NE)
        off |= FPU_OFF_X87;
    if (~cpu->fpu.mxcsr & MXCSR_MASKS)
        off |= FPU_SSE_UNMASKED;
    if (~cpu->fpu.control & FPU_EXCEPTIONS)
        off |= FPU_X87_UNMASKED;
    cpu->fpu.off = (uint8_t)off;
}

void fpu_x87_changed(struct cpu *cpu)
{
    unsigned status = cpu->fpu.status & ~(X87_SUMMARY | X87_BUSY | X87_TOP);

    cpu->fpu.control = (uint16_t)((cpu->fpu.control & 0x1f3f) | 0x40);
    if (status & ~cpu->fpu.control & FPU_EXCEPTIONS)
        status |= X87_SUMMARY | X87_BUSY;
    cpu->fpu.status = (uint16_t)status;
    if (cpu->fpu.entered) {
        __asm__ volatile("fnclex");
        host_control_set(cpu->fpu.control | FPU_EXCEPTIONS);
    }
    fpu_mode_changed(cpu);
}

void fpu_x87_init(struct cpu *cpu)
{
    cpu->fpu.control = X87_CONTROL_RESET;
    cpu->fpu.status = cpu->fpu.opcode = 0;
    cpu->fpu.top = 0;
    cpu->fpu.empty = 0xff;
    cpu->fpu.ip = cpu->fpu.dp = 0;
    cpu->fpu.cs = cpu->fpu.ds = 0;
    fpu_x87_changed(cpu);
}

void fpu_mxcsr_set(struct cpu *cpu, uint32_t to)
{
    cpu->fpu.mxcsr = to;
    if (cpu->fpu.entered)
        host_mxcsr_set((to & ~(uint32_t)FPU_EXCEPTIONS) | MXCSR_MASKS);
    fpu_mode_changed(cpu);
}

/* Intel 3A, table 9-1: after power-on (an INIT leaves all as it is). */
void fpu_reset(struct cpu *cpu)
{
    memset(cpu->fpu.x87, 0, sizeof cpu->fpu.x87);
    memset(cpu->fpu.xmm, 0, sizeof cpu->fpu.xmm);
    fpu_mxcsr_set(cpu, MXCSR_RESET);
    cpu->fpu.control = 0x40;
    cpu->fpu.status = cpu->fpu.opcode = 0;
    cpu->fpu.top = 0;
    cpu->fpu.empty = 0;
    cpu->fpu.ip = cpu->fpu.dp = 0;
    cpu->fpu.cs = cpu->fpu.ds = 0;
    fpu_x87_changed(cpu);
}

/* ---- Refusals ------------------------------------------------------------------------------------------------- */

void fpu_refuse_sse(struct cpu *cpu, const struct op *op)
{
    bool invalid = cpu->cr0 & CR0_EM || !(cpu->cr4 & CR4_OSFXSR);
    cpu_fault(cpu, op, invalid ? VECTOR_UD : VECTOR_NM, 0);
}

/* CR0.EM means nothing to AVX. */
void fpu_refuse_avx(struct cpu *cpu, const struct op *op)
{
    bool invalid = !(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & XCR0_AVX_STATE) != XCR0_AVX_STATE;
    cpu_fault(cpu, op, invalid ? VECTOR_UD : VECTOR_NM, 0);
}

void fpu_refuse_x87(struct cpu *cpu, const struct op *op)
{
    cpu_fault(cpu, op, cpu->cr0 & (CR0_EM | CR0_TS) ? VECTOR_NM : VECTOR_MF, 0);
}

void fpu_refuse_mmx(struct cpu *cpu, const struct op *op)
{
    cpu_fault(cpu, op, cpu->cr0 & CR0_EM ? VECTOR_UD : cpu->cr0 & CR0_TS ? VECTOR_NM : VECTOR_MF, 0);
}

/* ---- Memory --------------------------------------------------------------------------------------------------- */

/* Alignment that is asked for always (#GP, by whatever segment, canonical or not), and that which user code may ask for
 * (#AC): eight of ten bytes, at an address that can be one. Accesses of up to eight bytes are checked where they are
 * done. */
static bool alignment_right(struct cpu *cpu, const struct op *op, uint64_t linear, unsigned size, bool aligned)
{
    bool checked = cpu->cpl == 3 && cpu->cr0 & CR0_AM && cpu->rflags & RFLAGS_AC;

    if (aligned && linear & (size - 1))
        cpu_fault(cpu, op, VECTOR_GP, 0);
    else if (checked && size == 10 && linear & 7 && (cpu->mode != MODE_LONG || address_canonical(linear)))
        cpu_fault(cpu, op, VECTOR_AC, 0);
    else
        return true;
    return false;
}

const void *fpu_source_slow(struct cpu *cpu, const struct op *op, uint64_t linear, unsigned size, bool aligned)
{
    if (!alignment_right(cpu, op, linear, size, aligned))
        return NULL;
    return cpu_access(cpu, linear, size, ACCESS_LOAD, cpu->fpu.scratch) ? cpu->fpu.scratch : NULL;
}

/* What is in the scratch. */
bool fpu_store_slow(struct cpu *cpu, const struct op *op, uint64_t linear, unsigned size, bool aligned)
{
    return alignment_right(cpu, op, linear, size, aligned) &&
           cpu_access(cpu, linear, size, ACCESS_STORE, cpu->fpu.scratch);
}

bool fpu_row_bind(const struct fpu_row *row, const struct insn *insn, struct op *op)
{
    op->reg = (uint8_t)insn_reg(insn);
    op->rm = (uint8_t)insn_rm(insn);
    op->run = insn->has_memory ? row->memory : row->registers;
    return op->run != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode that the processor is in, which follows from control registers, flags and the code segment, and the control
 * registers themselves: which values they take (Intel 3A 2.5, 9.8.5), and what has to be forgotten after a change.
 */
#include "cpu/system.h"

/* ---- What follows ---------------------------------------------------------------------------------------------- */

/* Base 0, all of 4 GiB, to be read and written: nothing left to check. */
static bool segment_flat(const struct vcpu_segment *s)
{
    uint32_t matters = SEG_UNUSABLE | SEG_S | TYPE_CODE | TYPE_DOWN | TYPE_WRITABLE;

    return s->base == 0 && s->limit == 0xffffffff && (s->attributes & matters) == (SEG_S | TYPE_WRITABLE);
}

static enum cpu_mode mode_of(const struct cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE))
        return MODE_REAL;
    if (cpu_long_active(cpu))
        return cpu->segments[SEG_CS].attributes & SEG_L ? MODE_LONG : MODE_COMPAT;
    return cpu->rflags & RFLAGS_VM ? MODE_V86 : MODE_PROTECTED;
}

void cpu_segments_changed(struct cpu *cpu)
{
    const struct vcpu_segment *s = cpu->segments;

    cpu->stack_size = cpu->mode == MODE_LONG ? 8 : s[SEG_SS].attributes & SEG_DB ? 4 : 2;
    cpu->flat =
        cpu->mode == MODE_LONG || (segment_flat(&s[SEG_ES]) && segment_flat(&s[SEG_SS]) && segment_flat(&s[SEG_DS]));
}

void cpu_mode_changed(struct cpu *cpu)
{
    const struct vcpu_segment *s = cpu->segments;

    cpu->mode = (uint8_t)mode_of(cpu);
    if (cpu->mode == MODE_REAL)
        cpu->cpl = 0;
    else if (cpu->mode == MODE_V86)
        cpu->cpl = 3;
    cpu->code_size = cpu->mode == MODE_LONG ? 8 : s[SEG_CS].attributes & SEG_DB ? 4 : 2;
    cpu_segments_changed(cpu);
    cpu_tlb_select(cpu);
    fpu_mode_changed(cpu);
}

/* ---- cr0 ------------------------------------------------------------------------------------------------------- */

/* Paging goes on or off: long mode with it, when efer asks for it. */
static bool long_mode_switch(struct cpu *cpu, uint64_t value)
{
    bool on = value & CR0_PG;

    if (on == !!(cpu->cr0 & CR0_PG))
        return true;
    if (on && (cpu->msrs.efer & EFER_LME)) {
        if (!(cpu->cr4 & CR4_PAE) || (cpu->segments[SEG_CS].attributes & SEG_L))
            return false;
        cpu->msrs.efer |= EFER_LMA;
    } else if (!on) {
        if (cpu->mode == MODE_LONG)
            return false;
        cpu->msrs.efer &= ~EFER_LMA;
    }
    return true;
}

/* PAE without long mode: four entries are read when cr3 or what gives it its meaning is written. */
static bool pae_tables(struct cpu *cpu, uint64_t cr0, uint64_t cr3, uint64_t cr4)
{
    if (!(cr0 & CR0_PG) || !(cr4 & CR4_PAE) || (cpu->msrs.efer & EFER_LME))
        return true;
    return cpu_pdptes_load(cpu, cr3) || (!cpu->fault.pending && cpu_raise(cpu, VECTOR_GP, 0));
}

bool cpu_cr0_write(struct cpu *cpu, uint64_t value)
{
    const uint64_t valid =
        CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    uint64_t changed;

    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return cpu_raise(cpu, VECTOR_GP, 0);
    value = (value & valid) | CR0_ET;
    changed = value ^ cpu->cr0;
    if ((changed & (CR0_PG | CR0_CD | CR0_NW)) && !pae_tables(cpu, value, cpu->cr3, cpu->cr4))
        return false;
    if (!long_mode_switch(cpu, value))
        return cpu_raise(cpu, VECTOR_GP, 0);
    cpu->cr0 = value;
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        cpu_tlb_flush(cpu, true);
    cpu_mode_changed(cpu);
    return true;
}

/* ---- cr3, cr4, efer -------------------------------------------------------------------------------------------- */

bool cpu_cr3_write(struct cpu *cpu, uint64_t value)
{
    if (cpu_long_active(cpu)) {
        if (value >> cpu->model.physical_bits)
            return cpu_raise(cpu, VECTOR_GP, 0);
    } else {
        value = (uint32_t)value;
        if (!pae_tables(cpu, cpu->cr0, value, cpu->cr4))
            return false;
    }
    cpu->cr3 = value;
    cpu_tlb_flush(cpu, false);
    return true;
}

uint64_t cpu_cr4_valid(const struct cpu *cpu)
{
    static const struct {
        enum cpu_feature feature;
        uint64_t bits;
    } rows[] = {
        {CPU_TSC, CR4_TSD},           {CPU_DE, CR4_DE},          {CPU_PSE, CR4_PSE},
        {CPU_PAE, CR4_PAE},           {CPU_MCE, CR4_MCE},        {CPU_PGE, CR4_PGE},
        {CPU_FXSR, CR4_OSFXSR},       {CPU_SSE, CR4_OSXMMEXCPT}, {CPU_UMIP, CR4_UMIP},
        {CPU_FSGSBASE, CR4_FSGSBASE}, {CPU_XSAVE, CR4_OSXSAVE},  {CPU_SMEP, CR4_SMEP},
        {CPU_SMAP, CR4_SMAP},         {CPU_PKS, CR4_PKS},
    };
    uint64_t valid = CR4_PCE;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cpu_model_has(&cpu->model, rows[i].feature))
            valid |= rows[i].bits;
    return valid;
}

bool cpu_cr4_write(struct cpu *cpu, uint64_t value)
{
    uint64_t changed = value ^ cpu->cr4;

    if (value & ~cpu_cr4_valid(cpu))
        return cpu_raise(cpu, VECTOR_GP, 0);
    if (cpu_long_active(cpu) && !(value & CR4_PAE))
        return cpu_raise(cpu, VECTOR_GP, 0);
    if ((changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) && !pae_tables(cpu, cpu->cr0, cpu->cr3, value))
        return false;
    cpu->cr4 = value;
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PKS))
        cpu_tlb_flush(cpu, true);
    cpu_mode_changed(cpu);
    return true;
}

bool cpu_efer_write(struct cpu *cpu, uint64_t value)
{
    uint64_t valid = EFER_LMA | (cpu_model_has(&cpu->model, CPU_SYSCALL) ? EFER_SCE : 0) |
                     (cpu_model_has(&cpu->model, CPU_LM) ? EFER_LME : 0) |
                     (cpu_model_has(&cpu->model, CPU_NX) ? EFER_NXE : 0);
    uint64_t changed = value ^ cpu->msrs.efer;

    if ((value & ~valid) || ((changed & EFER_LME) && (cpu->cr0 & CR0_PG)))
        return false;
    cpu->msrs.efer = (value & ~EFER_LMA) | (cpu->msrs.efer & EFER_LMA); /* the processor's own */
    if (changed & EFER_NXE)
        cpu_tlb_flush(cpu, true);
    return true;
}
